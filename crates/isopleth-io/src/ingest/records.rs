//! CSV records straight out of a fixed buffer.
//!
//! A line without a quote, which is nearly every line, is found and split by `memchr` and never
//! copied. A line with one goes through the usual state machine (RFC 4180, with the leniency of the
//! `csv` crate: quotes inside unquoted fields are literal, text after a closing quote belongs to the
//! field). Lines end in LF, CRLF or CR, in any mixture; blank lines are no records. A record is
//! held in memory whole, so it has a limit.

use std::io::{self, Read};

/// Longest record, in bytes.
pub(crate) const MAX_RECORD: usize = 1 << 20;
const FIRST_BUFFER: usize = 1 << 16;

/// Why there is no next record.
#[derive(Debug)]
pub(crate) enum RecordError {
    Read(io::Error),
    Long,
    /// Too long, and within a quoted field or after one that ran over lines.
    LongQuoted,
    UnclosedQuote,
}

/// Reads records one after the other.
pub(crate) struct Records<R> {
    source: R,
    delimiter: u8,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    finished: bool,
    /// Line of the next unread byte.
    next_line: u64,
    after_return: bool,
    /// The current record: its line, its fields as ranges of the buffer or of `unquoted`.
    line: u64,
    fields: Vec<(u32, u32)>,
    in_unquoted: bool,
    unquoted: Vec<u8>,
}

/// Where the state machine stands.
#[derive(Clone, Copy, PartialEq)]
enum At {
    FieldStart,
    Plain,
    Quoted,
    QuoteInQuoted,
}

impl<R: Read> Records<R> {
    pub(crate) fn new(source: R, delimiter: u8) -> Self {
        Self {
            source,
            delimiter,
            buffer: vec![0; FIRST_BUFFER],
            start: 0,
            end: 0,
            finished: false,
            next_line: 1,
            after_return: false,
            line: 0,
            fields: Vec::new(),
            in_unquoted: false,
            unquoted: Vec::new(),
        }
    }

    /// Number of fields of the current record.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Line that the current record begins on; after an error, the line at fault.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// A field of the current record, without the blanks around it; empty beyond the last.
    pub(crate) fn field(&self, index: usize) -> &[u8] {
        let Some(&(from, to)) = self.fields.get(index) else {
            return &[];
        };
        let text = if self.in_unquoted {
            &self.unquoted
        } else {
            &self.buffer
        };
        text[from as usize..to as usize].trim_ascii()
    }

    /// Goes to the next record; false at the end.
    pub(crate) fn advance(&mut self) -> Result<bool, RecordError> {
        self.fields.clear();
        self.in_unquoted = false;
        loop {
            while self.start < self.end && matches!(self.buffer[self.start], b'\n' | b'\r') {
                self.line_end(self.buffer[self.start]);
                self.start += 1;
            }
            if self.start < self.end {
                break;
            }
            if self.finished {
                return Ok(false);
            }
            self.fill()?;
        }
        self.after_return = false;
        self.line = self.next_line;

        let mut scanned = self.start;
        loop {
            let fresh = &self.buffer[scanned..self.end];
            if let Some(at) = memchr::memchr3(b'\n', b'\r', b'"', fresh) {
                scanned += at;
                if self.buffer[scanned] == b'"' {
                    return self.advance_quoted();
                }
                break;
            }
            scanned = self.end;
            if self.finished {
                break;
            }
            scanned -= self.fill()?;
        }
        if scanned - self.start > MAX_RECORD {
            return Err(RecordError::Long);
        }
        let mut from = self.start as u32;
        for at in memchr::memchr_iter(self.delimiter, &self.buffer[self.start..scanned]) {
            let to = (self.start + at) as u32;
            self.fields.push((from, to));
            from = to + 1;
        }
        self.fields.push((from, scanned as u32));
        self.start = scanned;
        Ok(true)
    }

    /// A record that has a quote somewhere, unescaped into a buffer of its own.
    fn advance_quoted(&mut self) -> Result<bool, RecordError> {
        self.in_unquoted = true;
        self.unquoted.clear();
        let mut state = At::FieldStart;
        let mut field = 0_u32;
        let mut opened_on = self.line;
        let mut at = self.start;
        loop {
            if at == self.end {
                if !self.finished {
                    at -= match self.fill() {
                        Err(RecordError::Long) => return Err(self.too_long(state, opened_on)),
                        moved => moved?,
                    };
                    continue;
                }
                if state == At::Quoted {
                    self.line = opened_on;
                    return Err(RecordError::UnclosedQuote);
                }
                break;
            }
            if at - self.start > MAX_RECORD {
                return Err(self.too_long(state, opened_on));
            }
            let byte = self.buffer[at];
            match (state, byte) {
                (At::FieldStart, b'"') => {
                    opened_on = self.next_line;
                    state = At::Quoted;
                }
                (At::Quoted, b'"') => state = At::QuoteInQuoted,
                (At::Quoted, _) => {
                    if matches!(byte, b'\n' | b'\r') {
                        self.line_end(byte);
                    } else {
                        self.after_return = false;
                    }
                    self.unquoted.push(byte);
                }
                (At::QuoteInQuoted, b'"') => {
                    self.unquoted.push(byte);
                    state = At::Quoted;
                }
                (_, b'\n' | b'\r') => break,
                (_, _) if byte == self.delimiter => {
                    let end = self.unquoted.len() as u32;
                    self.fields.push((field, end));
                    field = end;
                    state = At::FieldStart;
                }
                (_, _) => {
                    self.unquoted.push(byte);
                    state = At::Plain;
                }
            }
            at += 1;
        }
        self.fields.push((field, self.unquoted.len() as u32));
        self.after_return = false;
        self.start = at;
        Ok(true)
    }

    /// The error of a record that has quotes and is too long. An open quote, or a field that ran
    /// over line ends, has most likely swallowed the records after it; a quoted field that was
    /// closed on its line has nothing to do with it.
    fn too_long(&mut self, state: At, opened_on: u64) -> RecordError {
        let quoted = matches!(state, At::Quoted | At::QuoteInQuoted);
        if !quoted && self.next_line == self.line {
            return RecordError::Long;
        }
        self.line = opened_on;
        RecordError::LongQuoted
    }

    /// Counts a line end; CRLF is one.
    fn line_end(&mut self, byte: u8) {
        if byte == b'\r' || !self.after_return {
            self.next_line += 1;
        }
        self.after_return = byte == b'\r';
    }

    /// Reads on, keeping what is not used up. Returns by how far it moved to the front.
    fn fill(&mut self) -> Result<usize, RecordError> {
        let moved = self.start;
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= moved;
        self.start = 0;
        if self.end > MAX_RECORD {
            return Err(RecordError::Long);
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.finished = true,
                Ok(n) => self.end += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(RecordError::Read(e)),
            }
            return Ok(moved);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives its bytes a few at a time, to try every seam.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.0.len().min(self.1).min(buffer.len());
            buffer[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    /// Line and fields of each record.
    type Found = Vec<(u64, Vec<Vec<u8>>)>;

    fn all(bytes: &[u8], step: usize) -> Result<Found, RecordError> {
        let mut records = Records::new(Dribble(bytes, step), b',');
        let mut found = Vec::new();
        while records.advance()? {
            let fields = (0..records.len())
                .map(|i| records.field(i).to_vec())
                .collect();
            found.push((records.line(), fields));
        }
        Ok(found)
    }

    #[test]
    fn lines_are_counted_over_mixed_ends_and_quotes() {
        let text = b"a,b\r\n\r\n1,\"x\r\ny\"\n\n2,\"say \"\"hi\"\"\"\r3,The \"Bell\" Inn\n";
        for step in [1, 2, 3, 1000] {
            let found = all(text, step).unwrap();
            let lines: Vec<u64> = found.iter().map(|r| r.0).collect();
            assert_eq!(lines, [1, 3, 6, 7]);
            assert_eq!(found[1].1[1], b"x\r\ny");
            assert_eq!(found[2].1[1], b"say \"hi\"");
            assert_eq!(found[3].1[1], b"The \"Bell\" Inn");
        }
    }

    #[test]
    fn an_open_quote_and_an_endless_line_are_errors() {
        assert!(matches!(
            all(b"a,b\n1,\"x\n2,y\n", 1000),
            Err(RecordError::UnclosedQuote)
        ));
        let endless = Records::new(io::repeat(b'x'), b',').advance();
        assert!(matches!(endless, Err(RecordError::Long)));
        let quoted = Records::new(b"\"".chain(io::repeat(b'x')), b',').advance();
        assert!(matches!(quoted, Err(RecordError::LongQuoted)));
    }

    #[test]
    fn a_long_record_blames_a_quote_only_where_one_is_open() {
        let text = b"a,b\n1,2\n3,\"x\n";
        for step in [7, 1 << 16] {
            let rest = "4,5\n".repeat(MAX_RECORD / 2);
            let bytes = [&text[..], rest.as_bytes()].concat();
            let mut records = Records::new(Dribble(&bytes, step), b',');
            assert!(records.advance().unwrap() && records.advance().unwrap());
            let error = records.advance();
            assert!(matches!(error, Err(RecordError::LongQuoted)));
            assert_eq!(records.line(), 3);
        }
        let closed = format!("\"a\",{}", "x".repeat(2 * MAX_RECORD));
        assert!(matches!(
            all(closed.as_bytes(), 1 << 16),
            Err(RecordError::Long)
        ));
    }

    proptest! {
        #[test]
        fn agrees_with_the_csv_crate(
            parts in prop::collection::vec(prop::sample::select(
                vec!["a", "b c", ",", "\"", "\"\"", "\n", "\r\n", "\r", "é", "", ",\"x\","]), 0..60),
            step in 1_usize..9,
        ) {
            let text = parts.concat();
            let mut oracle = csv::ReaderBuilder::new()
                .has_headers(false).flexible(true).trim(csv::Trim::None)
                .from_reader(text.as_bytes());
            let expected: Vec<Vec<Vec<u8>>> = oracle.byte_records()
                .map(|r| r.unwrap().iter().map(|f| f.trim_ascii().to_vec()).collect()).collect();
            match all(text.as_bytes(), step) {
                Ok(found) => {
                    let found: Vec<Vec<Vec<u8>>> = found.into_iter().map(|r| r.1).collect();
                    prop_assert_eq!(found, expected);
                }
                // The csv crate closes an open quote at the end of the file in silence.
                Err(RecordError::UnclosedQuote) => {}
                Err(e) => prop_assert!(false, "{:?}", e),
            }
        }
    }
}
