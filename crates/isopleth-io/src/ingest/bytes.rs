//! From a source file to a stream of UTF-8 text (or of bytes that are nearly so): unzipped,
//! ungzipped, limited, without a byte order mark.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use encoding_rs::{CoderResult, Encoding, UTF_16BE, UTF_16LE};
use flate2::Crc;
use flate2::read::{DeflateDecoder, MultiGzDecoder};

use super::input::{Input, Place};

/// A stream of text and how it was reached.
pub(crate) struct Text {
    pub(crate) reader: Peek<Box<dyn Read + Send>>,
    /// Whether it came out of a decompressor, so that a read error means damaged data.
    pub(crate) compressed: bool,
    /// Bytes of a byte order mark that were passed over.
    pub(crate) mark: usize,
    /// What to tell about its encoding.
    pub(crate) note: Option<String>,
}

/// Opens an input as text.
///
/// `encoding` is what a mapping says of it; without one, a UTF-16 byte order mark is obeyed.
pub(crate) fn text(
    input: &Input,
    limit: u64,
    encoding: Option<&'static Encoding>,
) -> io::Result<Text> {
    let mut compressed = false;
    let raw: Box<dyn Read + Send> = match &input.place {
        Place::File(path) | Place::BrokenArchive(path) => Box::new(File::open(path)?),
        Place::Entry(entry) => {
            compressed = true;
            let mut file = File::open(&entry.archive)?;
            file.seek(SeekFrom::Start(entry.start))?;
            let packed = file.take(entry.packed);
            let unpacked: Box<dyn Read + Send> = if entry.deflated {
                Box::new(DeflateDecoder::new(packed))
            } else {
                Box::new(packed)
            };
            Box::new(Checked {
                inner: unpacked,
                crc: Crc::new(),
                expected: entry.crc,
            })
        }
    };
    let mut raw = Peek::new(raw);
    let plain: Box<dyn Read + Send> = if raw.peek(2)? == [0x1f, 0x8b] {
        compressed = true;
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 15, raw)))
    } else {
        Box::new(raw)
    };
    let limited: Box<dyn Read + Send> = Box::new(Limited {
        inner: plain,
        left: limit,
        limit,
    });
    let mut reader = Peek::new(limited);
    let mut mark = 0;
    let marked = match reader.peek(3)? {
        [0xef, 0xbb, 0xbf] => {
            mark = 3;
            reader.skip(mark);
            None
        }
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        _ => None,
    };
    let mut note = None;
    if let Some(encoding) = marked.or(encoding)
        && encoding != encoding_rs::UTF_8
    {
        note = Some(format!("{}: read as {}", input.describe(), encoding.name()));
        reader = Peek::new(Box::new(Decoded::new(reader, encoding)));
    }
    Ok(Text {
        reader,
        compressed,
        mark,
        note,
    })
}

/// The error of a stream that is longer than allowed.
#[derive(Debug, thiserror::Error)]
#[error("more than {0} bytes")]
pub(crate) struct TooLong(pub(crate) u64);

/// A stream that fails beyond a number of bytes.
struct Limited<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        match self.left.checked_sub(n as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(TooLong(self.limit))),
        }
        Ok(n)
    }
}

/// A zip entry, checked against its sum at the end.
struct Checked<R> {
    inner: R,
    crc: Crc,
    expected: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.crc.update(&buffer[..n]);
        if n == 0 && !buffer.is_empty() && self.crc.sum() != self.expected {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "its checksum is not the one that the archive states",
            ));
        }
        Ok(n)
    }
}

/// A stream whose first bytes can be looked at before they are read.
pub(crate) struct Peek<R> {
    head: Vec<u8>,
    at: usize,
    inner: R,
}

impl<R: Read> Peek<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            head: Vec::new(),
            at: 0,
            inner,
        }
    }

    /// The next bytes, fewer only at the end.
    pub(crate) fn peek(&mut self, bytes: usize) -> io::Result<&[u8]> {
        let have = self.head.len() - self.at;
        if have < bytes {
            let missing = (bytes - have) as u64;
            self.inner
                .by_ref()
                .take(missing)
                .read_to_end(&mut self.head)?;
        }
        let end = self.head.len().min(self.at + bytes);
        Ok(&self.head[self.at..end])
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.head.len().min(self.at + bytes);
    }
}

impl<R: Read> Read for Peek<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let head = &self.head[self.at..];
        if head.is_empty() {
            return self.inner.read(buffer);
        }
        let n = head.len().min(buffer.len());
        buffer[..n].copy_from_slice(&head[..n]);
        self.at += n;
        Ok(n)
    }
}

/// A stream in another encoding, as UTF-8.
struct Decoded<R> {
    inner: R,
    decoder: encoding_rs::Decoder,
    input: Vec<u8>,
    from: usize,
    to: usize,
    last: bool,
    output: Vec<u8>,
    given: usize,
    done: bool,
}

impl<R: Read> Decoded<R> {
    fn new(inner: R, encoding: &'static Encoding) -> Self {
        Self {
            inner,
            decoder: encoding.new_decoder_with_bom_removal(),
            input: vec![0; 1 << 14],
            from: 0,
            to: 0,
            last: false,
            output: Vec::new(),
            given: 0,
            done: false,
        }
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.output.len() && !self.done {
            if self.from == self.to && !self.last {
                self.from = 0;
                self.to = self.inner.read(&mut self.input)?;
                self.last = self.to == 0;
            }
            self.given = 0;
            self.output.resize(1 << 16, 0);
            let (result, read, written, _) = self.decoder.decode_to_utf8(
                &self.input[self.from..self.to],
                &mut self.output,
                self.last,
            );
            self.from += read;
            self.output.truncate(written);
            self.done = self.last && result == CoderResult::InputEmpty;
        }
        let n = buffer.len().min(self.output.len() - self.given);
        buffer[..n].copy_from_slice(&self.output[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}
