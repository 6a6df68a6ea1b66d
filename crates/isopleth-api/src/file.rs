//! Which file a store is, so that another under the same path is noticed.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use isopleth_store::{Store, StoreError};

/// What tells one file from another under the same path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Device and inode. The inode is not used again while the file is open.
    #[cfg(unix)]
    id: (u64, u64),
    /// When the file was made or, where that is not told, how long it is.
    #[cfg(not(unix))]
    id: Result<std::time::SystemTime, u64>,
}

impl Identity {
    /// The identity of the file at a path, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the path cannot be asked.
    pub(crate) fn of(path: &Path) -> Result<Option<Self>, StoreError> {
        match std::fs::metadata(path) {
            Ok(file) => Ok(Some(Self::from_metadata(&file))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Io {
                path: path.to_owned(),
                source,
            }),
        }
    }

    #[cfg(unix)]
    fn from_metadata(file: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            id: (file.dev(), file.ino()),
        }
    }

    #[cfg(not(unix))]
    fn from_metadata(file: &std::fs::Metadata) -> Self {
        Self {
            id: file.created().map_err(|_| file.len()),
        }
    }
}

/// The file that a store was opened from.
#[derive(Debug)]
pub(crate) struct StoreFile {
    identity: Identity,
    /// Where it really was: the log files of a store lie beside the file, not beside a link to it.
    path: PathBuf,
    /// Its log files.
    logs: Vec<(PathBuf, Identity)>,
}

impl StoreFile {
    /// Opens a store for writing.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be opened.
    pub(crate) fn open(path: &Path) -> Result<(Store, Self), StoreError> {
        // Asked before opening: a file that is replaced in between is then taken for another at
        // the next look, where it would otherwise be taken for the one that is open.
        let missing = || StoreError::Missing {
            path: path.to_owned(),
        };
        let identity = Identity::of(path)?.ok_or_else(missing)?;
        let store = Store::open(path)?;
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut logs = Vec::new();
        for ending in ["-wal", "-shm"] {
            let log = with_ending(&path, ending);
            if let Some(identity) = Identity::of(&log)? {
                logs.push((log, identity));
            }
        }
        let file = Self {
            identity,
            path,
            logs,
        };
        Ok((store, file))
    }

    /// Whether a file is this one.
    pub(crate) fn is(&self, other: Identity) -> bool {
        self.identity == other
    }

    /// Moves the log files aside if another file has taken this one's place, and back if this one
    /// has returned. SQLite goes by their names alone: it would write what they hold of this file
    /// into the other.
    ///
    /// # Errors
    /// [`StoreError::Io`] if they cannot be moved.
    pub(crate) fn settle_logs(&self) -> Result<(), StoreError> {
        let Some(present) = Identity::of(&self.path)? else {
            return Ok(());
        };
        for (log, identity) in &self.logs {
            let aside = with_ending(log, ".replaced");
            let (from, to) = if self.is(present) {
                (&aside, log)
            } else {
                (log, &aside)
            };
            // A log that was made since then belongs to the file that is there now.
            let taken = to == log && Identity::of(to)?.is_some();
            if taken || Identity::of(from)? != Some(*identity) {
                continue;
            }
            std::fs::rename(from, to).map_err(|source| StoreError::Io {
                path: from.clone(),
                source,
            })?;
            let (from, to) = (from.display(), to.display());
            tracing::warn!(%from, %to, "a log file was moved: the store's file was replaced");
        }
        Ok(())
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use isopleth_core::domain::Policy;

    use super::*;

    #[test]
    fn logs_leave_with_their_file_and_come_back_with_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        let none = serde_json::json!({ "id": "none", "version": "1", "group": [], "rule": [] });
        let policy: Policy = serde_json::from_value(none).unwrap();
        drop(Store::open_or_create(&at("s"), &policy).unwrap());
        let (_store, file) = StoreFile::open(&at("s")).unwrap();
        let log = Identity::of(&at("s-wal")).unwrap();
        assert!(log.is_some());
        let is_at = |name: &str| Identity::of(&at(name)).unwrap() == log;

        file.settle_logs().unwrap();
        assert!(is_at("s-wal"), "nothing has happened yet");
        std::fs::rename(at("s"), at("away")).unwrap();
        file.settle_logs().unwrap();
        assert!(is_at("s-wal"), "nothing has taken the place yet");
        std::fs::write(at("s"), "another").unwrap();
        file.settle_logs().unwrap();
        assert!(is_at("s-wal.replaced") && !at("s-wal").exists());
        std::fs::rename(at("away"), at("s")).unwrap();
        file.settle_logs().unwrap();
        assert!(is_at("s-wal"));

        // A log that came with the other file is left alone.
        std::fs::rename(at("s"), at("away")).unwrap();
        std::fs::rename(at("s-wal"), at("away-wal")).unwrap();
        for name in ["s", "s-wal"] {
            std::fs::write(at(name), "another").unwrap();
        }
        file.settle_logs().unwrap();
        assert!(at("s-wal").exists() && !at("s-wal.replaced").exists());
    }
}
