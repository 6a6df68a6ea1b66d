//! Which files there are to read.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zip::CompressionMethod;

use super::IngestError;

/// Entries that an archive may have. The whole of data.police.uk in one zip has some 5,000.
const MAX_ENTRIES: usize = 20_000;
/// Folders inside folders.
const MAX_DEPTH: usize = 32;

/// A source file: a file, or an entry of a zip. Ingest of one is one transaction.
#[derive(Debug, Clone)]
pub struct Input {
    name: String,
    describe: String,
    bytes: Option<u64>,
    skipped: Option<Cow<'static, str>>,
    /// Named by the caller, and not found in a folder or archive.
    pub(crate) named: bool,
    pub(crate) place: Place,
}

/// Where the bytes lie.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    File(PathBuf),
    /// A zip of a folder that could not be taken apart: it fails when it is opened, alone.
    BrokenArchive(PathBuf),
    Entry(Entry),
}

/// The bytes of a zip entry, found once so that the archive need not be parsed for every entry.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) archive: PathBuf,
    pub(crate) start: u64,
    pub(crate) packed: u64,
    pub(crate) deflated: bool,
    pub(crate) crc: u32,
}

impl Input {
    /// File name without folders, or the entry's name inside its archive.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path, or `archive!entry`.
    #[must_use]
    pub fn describe(&self) -> &str {
        &self.describe
    }

    /// How many bytes there are to read, unless that shows only at the end (gzip).
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// Why it will not be read, where its name says so already.
    #[must_use]
    pub fn skipped(&self) -> Option<&str> {
        self.skipped.as_deref()
    }

    /// Why it cannot be opened, where that showed when it was found. The archive is looked at again
    /// rather than its error kept, which cannot be cloned as an input can.
    pub(crate) fn fault(&self) -> Option<IngestError> {
        let Place::BrokenArchive(path) = &self.place else {
            return None;
        };
        let again = archive(path, &mut Vec::new()).err();
        Some(again.unwrap_or_else(|| IngestError::Archive {
            file: self.describe.clone(),
            reason: "it has changed since the folder was listed".to_owned(),
        }))
    }

    /// A file at a path, to be read or not.
    fn at(path: &Path, skipped: Option<Cow<'static, str>>) -> Self {
        let name = path.file_name().unwrap_or_default();
        Self {
            name: name.to_string_lossy().into_owned(),
            describe: path.display().to_string(),
            bytes: None,
            skipped,
            named: false,
            place: Place::File(path.to_owned()),
        }
    }

    /// For a list of what a folder holds: the name, with the reason where it does not follow from it.
    fn in_short(&self) -> String {
        match self.skipped() {
            Some(reason) if by_name(&self.name).is_none() => format!("{} ({reason})", self.name),
            _ => self.name.clone(),
        }
    }
}

/// The source files at these paths: files as they are, folders with all below them in the order of
/// their names, zips entry by entry. Files that are no incident data by their name are listed too,
/// with [`Input::skipped`] saying why, and so are those below a folder that cannot be read. A zip
/// below a folder that cannot be taken apart is one input, which fails when it is opened.
///
/// # Errors
/// [`IngestError`] for a path here that cannot be read or is a pipe or device, a zip here that cannot
/// be taken apart, and a folder or zip in which no file has a name of a readable kind.
pub fn find_inputs(paths: &[PathBuf]) -> Result<Vec<Input>, IngestError> {
    let mut found = Vec::new();
    for path in paths {
        let before = found.len();
        let meta = fs::metadata(path).map_err(|e| unreadable(path, e))?;
        if meta.is_dir() {
            folder(path, 0, &mut found).map_err(|e| unreadable(path, e))?;
        } else if meta.is_file() {
            file(path, meta.len(), true, &mut found)?;
        } else {
            // Told by its metadata: to open a pipe waits for somebody to write to it.
            return Err(IngestError::NotAFile {
                file: path.display().to_string(),
            });
        }
        let new = &found[before..];
        if new.iter().all(|input| input.skipped.is_some()) {
            let names: Vec<String> = new.iter().take(3).map(Input::in_short).collect();
            let seen = match new.len() {
                0 => "it is empty".to_owned(),
                1..=3 => format!("it holds {}", names.join(", ")),
                n => format!("it holds {}, and {} more", names.join(", "), n - 3),
            };
            return Err(IngestError::NothingHere {
                path: path.display().to_string(),
                seen,
            });
        }
    }
    Ok(found)
}

/// The error of an ingest in which no file at all could be opened: everything that these paths hold
/// was [skipped](IngestError::is_skipped).
#[must_use]
pub fn nothing_recognised(paths: &[PathBuf], skipped: &[IngestError]) -> IngestError {
    let path: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    let seen: Vec<String> = skipped.iter().take(3).map(ToString::to_string).collect();
    IngestError::NothingHere {
        path: path.join(", "),
        seen: seen.join("; "),
    }
}

fn unreadable(path: &Path, cause: io::Error) -> IngestError {
    IngestError::Read {
        file: path.display().to_string(),
        cause,
    }
}

/// All below a folder. What cannot be read in it is listed as skipped: a lock of an editor must not
/// keep the files beside it out.
fn folder(path: &Path, depth: usize, found: &mut Vec<Input>) -> io::Result<()> {
    let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let at = entry.path();
        if let Err(reason) = below(&entry, &at, depth, found) {
            found.push(Input::at(&at, Some(reason)));
        }
    }
    Ok(())
}

/// An entry of a folder, or why it is skipped.
fn below(
    entry: &fs::DirEntry,
    at: &Path,
    depth: usize,
    found: &mut Vec<Input>,
) -> Result<(), Cow<'static, str>> {
    let unreadable = |e: io::Error| Cow::from(format!("it cannot be read: {e}"));
    let kind = entry.file_type().map_err(unreadable)?;
    let hidden = hidden(&entry.file_name().to_string_lossy());
    if kind.is_dir() {
        if depth < MAX_DEPTH && hidden.is_none() {
            folder(at, depth + 1, found).map_err(unreadable)?;
        }
        return Ok(());
    }
    if let Some(reason) = hidden {
        return Err(reason.into());
    }
    let meta = fs::metadata(at).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound if kind.is_symlink() => "a link to nothing".into(),
        _ => unreadable(e),
    })?;
    if meta.is_dir() {
        // Links to folders may lead in a circle.
        return Err("a link to a folder; name that folder too".into());
    }
    if !meta.is_file() {
        return Err("not a regular file".into());
    }
    match file(at, meta.len(), false, found) {
        Ok(()) => {}
        Err(IngestError::Read { cause, .. }) => return Err(unreadable(cause)),
        Err(_) => found.push(Input {
            bytes: Some(meta.len()),
            place: Place::BrokenArchive(at.to_owned()),
            ..Input::at(at, None)
        }),
    }
    Ok(())
}

/// A regular file; a zip by its entries.
fn file(path: &Path, bytes: u64, named: bool, found: &mut Vec<Input>) -> Result<(), IngestError> {
    let mut input = Input {
        named,
        ..Input::at(path, None)
    };
    input.skipped = match named {
        true => None,
        false => by_name(&input.name).map(Cow::from),
    };
    if input.skipped.is_some() {
        found.push(input);
        return Ok(());
    }
    let mut magic = [0; 4];
    let got = File::open(path)
        .and_then(|mut f| f.read(&mut magic))
        .map_err(|e| unreadable(path, e))?;
    // `PK\5\6` is a zip without entries.
    let zipped = matches!(&magic[..got], b"PK\x03\x04" | b"PK\x05\x06");
    let cut_short = input.name.to_ascii_lowercase().ends_with(".zip");
    if zipped || cut_short {
        return archive(path, found);
    }
    input.bytes = (magic[..2] != [0x1f, 0x8b]).then_some(bytes);
    found.push(input);
    Ok(())
}

fn archive(path: &Path, found: &mut Vec<Input>) -> Result<(), IngestError> {
    let file = path.display().to_string();
    let broken = |e: zip::result::ZipError| IngestError::Archive {
        file: file.clone(),
        reason: e.to_string(),
    };
    let open = File::open(path).map_err(|e| unreadable(path, e))?;
    let mut zip = zip::ZipArchive::new(open).map_err(broken)?;
    if zip.len() > MAX_ENTRIES {
        return Err(IngestError::TooManyEntries {
            file,
            entries: zip.len(),
            limit: MAX_ENTRIES,
        });
    }
    let mut listed = Vec::with_capacity(zip.len());
    for index in 0..zip.len() {
        let entry = zip.by_index_raw(index).map_err(broken)?;
        if entry.is_dir() {
            continue;
        }
        let raw_name = entry.name().map_err(broken)?.to_string();
        let describe = format!("{file}!{raw_name}");
        let Some(name) = entry.enclosed_name() else {
            return Err(IngestError::Entry {
                file: describe,
                what: "its path leads out of the archive",
            });
        };
        let name = name.to_string_lossy().into_owned();
        let base = name.rsplit('/').next().unwrap_or(&name);
        let skipped = name
            .split('/')
            .find_map(hidden)
            .or_else(|| by_name(base))
            .or_else(|| {
                base.to_ascii_lowercase()
                    .ends_with(".zip")
                    .then_some(ARCHIVE_INSIDE)
            });
        let deflated = match entry.compression() {
            CompressionMethod::Stored => false,
            _ if skipped.is_some() => false,
            CompressionMethod::Deflated => true,
            _ => {
                return Err(IngestError::Entry {
                    file: describe,
                    what: "it is packed by a method other than deflate",
                });
            }
        };
        if entry.encrypted() && skipped.is_none() {
            return Err(IngestError::Entry {
                file: describe,
                what: "it is encrypted",
            });
        }
        let Some(start) = entry.data_start() else {
            return Err(IngestError::Archive {
                file: describe,
                reason: "the entry cannot be found".into(),
            });
        };
        listed.push(Input {
            describe,
            bytes: Some(entry.size()),
            skipped: skipped.map(Cow::from),
            named: false,
            place: Place::Entry(Entry {
                archive: path.to_owned(),
                start,
                packed: entry.compressed_size(),
                deflated,
                crc: entry.crc32(),
            }),
            name,
        });
    }
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    found.append(&mut listed);
    Ok(())
}

const ARCHIVE_INSIDE: &str = "an archive inside an archive; unpack it first";

/// Why a file or folder is none of ours, if its name begins like the litter of a system.
fn hidden(name: &str) -> Option<&'static str> {
    (name.starts_with('.') || name == "__MACOSX" || name.eq_ignore_ascii_case("thumbs.db"))
        .then_some("a hidden file")
}

/// Why a file is none of ours, if its name says so.
fn by_name(name: &str) -> Option<&'static str> {
    if let Some(reason) = hidden(name) {
        return Some(reason);
    }
    let lower = name.to_ascii_lowercase();
    let stem = lower.strip_suffix(".gz").unwrap_or(&lower);
    if stem.ends_with("-outcomes.csv") {
        return Some("outcomes of crimes, not crimes");
    }
    let known = [".csv", ".tsv", ".txt", ".json", ".geojson", ".zip"];
    if !known.iter().any(|end| stem.ends_with(end)) {
        return Some("not a .csv, .tsv, .json, .geojson, .gz or .zip file");
    }
    let prose = ["readme", "license", "licence", "changelog"];
    if stem.ends_with(".txt") && prose.iter().any(|p| stem.starts_with(p)) {
        return Some("a text about the data");
    }
    None
}
