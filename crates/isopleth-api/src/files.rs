//! Files of layers: written once, kept on disk within a bound, streamed from there.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use isopleth_store::StoreError;
use tempfile::TempDir;
use tokio::sync::{OnceCell, Semaphore};
use xxhash_rust::xxh3::Xxh3;

use crate::config::Limits;
use crate::problem::Problem;

/// What the names of the folders of all services begin with.
const PREFIX: &str = "isopleth-files-";

/// The file that a living service holds locked.
const LOCK: &str = "lock";

/// Files that are written at a time; others wait their turn.
const WRITERS: usize = 2;

/// The files of a service. Those used longest ago go first when there is no room.
pub(crate) struct Files {
    /// The folder in which the service makes its own.
    base: Option<PathBuf>,
    most_bytes: u64,
    turns: Semaphore,
    kept: Mutex<Kept>,
    /// Tells one writing of a file from the next.
    count: AtomicU64,
}

#[derive(Default)]
struct Kept {
    home: Option<Arc<Home>>,
    files: HashMap<String, Entry>,
    /// Counts uses.
    clock: u64,
}

struct Entry {
    file: Arc<OnceCell<Arc<Stored>>>,
    used: u64,
}

/// The folder of this service. It goes away with its content when the last file in it is let go.
struct Home {
    folder: TempDir,
    /// Held for as long as the service lives: what is not locked has been left behind.
    _lock: File,
}

/// A file that is complete and does not change. It is removed when nobody uses it any longer.
pub(crate) struct Stored {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// A strong entity tag: a hash of its content.
    pub(crate) etag: String,
    _home: Arc<Home>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        // What cannot be removed goes with the folder.
        let _ = fs::remove_file(&self.path);
    }
}

impl Files {
    /// No files yet.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            base: limits.file_cache_folder.clone(),
            most_bytes: limits.file_cache_bytes,
            turns: Semaphore::new(WRITERS),
            kept: Mutex::default(),
            count: AtomicU64::new(0),
        }
    }

    /// Lets go of all files. Those that are being streamed are removed when they are done.
    pub(crate) fn clear(&self) {
        *self.kept() = Kept::default();
    }

    /// The file with a key, written by `write` if it is not there. However many ask for it at a
    /// time, it is written once; the writing goes on if those who asked go away.
    ///
    /// # Errors
    /// A [`Problem`] if it cannot be written or is larger than all files together may be.
    pub(crate) async fn get(
        self: &Arc<Self>,
        key: &str,
        ending: &str,
        write: impl FnOnce(&Path) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Arc<Stored>, Problem> {
        let cell = self.entry(key);
        if let Some(stored) = cell.get().filter(|stored| stored.path.exists()) {
            return Ok(Arc::clone(stored));
        }
        let cell = if cell.initialized() {
            // Somebody cleaned up the folder.
            self.forget(key, &cell);
            self.entry(key)
        } else {
            cell
        };
        let (files, key) = (Arc::clone(self), key.to_owned());
        let name = format!("{}.{ending}", self.count.fetch_add(1, Ordering::Relaxed));
        let work = tokio::spawn(async move {
            let made = cell
                .get_or_try_init(|| files.clone().make(name, write))
                .await
                .cloned();
            match made {
                Ok(stored) => {
                    files.make_room(&key);
                    Ok(stored)
                }
                Err(problem) => {
                    files.forget(&key, &cell);
                    Err(problem)
                }
            }
        });
        work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "writing a file panicked");
            Err(Problem::internal())
        })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, key: &str) -> Arc<OnceCell<Arc<Stored>>> {
        let mut kept = self.kept();
        kept.clock += 1;
        let used = kept.clock;
        let entry = kept.files.entry(key.to_owned()).or_insert_with(|| Entry {
            file: Arc::default(),
            used,
        });
        entry.used = used;
        Arc::clone(&entry.file)
    }

    fn forget(&self, key: &str, cell: &Arc<OnceCell<Arc<Stored>>>) {
        let mut kept = self.kept();
        if kept
            .files
            .get(key)
            .is_some_and(|e| Arc::ptr_eq(&e.file, cell))
        {
            kept.files.remove(key);
        }
    }

    async fn make(
        self: Arc<Self>,
        name: String,
        write: impl FnOnce(&Path) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Arc<Stored>, Problem> {
        let _turn = self
            .turns
            .acquire()
            .await
            .map_err(|_| Problem::internal())?;
        let files = Arc::clone(&self);
        let work = tokio::task::spawn_blocking(move || {
            let stored = files.home().map_err(|e| failed(&e)).and_then(|home| {
                let path = home.folder.path().join(name);
                write(&path)?;
                let measured = measure(&path);
                measured
                    .map_err(|e| failed(&e))
                    .map(|(length, etag)| Stored {
                        path,
                        length,
                        etag,
                        _home: home,
                    })
            });
            stored.map_err(|error| problem(&error))
        });
        let stored = work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "writing a file panicked");
            Err(Problem::internal())
        })?;
        if stored.length > self.most_bytes {
            return Err(Problem::file_too_large(stored.length, self.most_bytes));
        }
        Ok(Arc::new(stored))
    }

    /// Lets go of the files used longest ago until the rest fits.
    fn make_room(&self, newest: &str) {
        let mut kept = self.kept();
        loop {
            let sizes = kept.files.iter().filter_map(|(key, entry)| {
                let stored = entry.file.get()?;
                Some((entry.used, key, stored.length))
            });
            let sizes: Vec<_> = sizes.collect();
            let total: u64 = sizes.iter().map(|(_, _, length)| length).sum();
            let oldest = sizes.iter().filter(|(_, key, _)| *key != newest).min();
            match oldest.map(|(_, key, _)| (*key).clone()) {
                Some(key) if total > self.most_bytes => kept.files.remove(&key),
                _ => return,
            };
        }
    }

    /// The folder of this service, made if there is none. Folders that others have left behind are
    /// removed first.
    fn home(&self) -> io::Result<Arc<Home>> {
        let mut kept = self.kept();
        if let Some(home) = kept.home.as_ref().filter(|h| h.folder.path().is_dir()) {
            return Ok(Arc::clone(home));
        }
        let base = self.base.clone().unwrap_or_else(std::env::temp_dir);
        sweep(&base);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&base)?;
        // It has its name only when it is locked: other services take what is not for left behind.
        let unnamed = folder.path().join("new-lock");
        let lock = File::create(&unnamed)?;
        // A file system without locks only means that nobody tidies up after a crash.
        let _ = lock.try_lock();
        fs::rename(&unnamed, folder.path().join(LOCK))?;
        let home = Arc::new(Home {
            folder,
            _lock: lock,
        });
        kept.home = Some(Arc::clone(&home));
        Ok(home)
    }
}

/// Removes the folders of services that have ended without doing so.
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if !ours || !entry.file_type().is_ok_and(|t| t.is_dir()) {
            continue;
        }
        let left = File::open(entry.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if left && let Err(error) = fs::remove_dir_all(entry.path()) {
            tracing::warn!(%error, "cannot remove the files of a service that has ended");
        }
    }
}

/// The length of a file and a strong entity tag of its content.
fn measure(path: &Path) -> io::Result<(u64, String)> {
    struct Sum(Xxh3);
    impl io::Write for Sum {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut sum = Sum(Xxh3::new());
    let length = io::copy(&mut File::open(path)?, &mut sum)?;
    Ok((length, format!("\"{:032x}\"", sum.0.digest128())))
}

fn failed(error: &io::Error) -> StoreError {
    StoreError::Io {
        path: PathBuf::from("the folder of files"),
        source: io::Error::new(error.kind(), error.to_string()),
    }
}

/// What a client is told of a file that cannot be written.
pub(crate) fn problem(error: &StoreError) -> Problem {
    tracing::error!(%error, "cannot write a file");
    match error {
        StoreError::Full => Problem::disk_full(),
        StoreError::Io { source, .. } => match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Problem::disk_full(),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Problem::internal(),
            _ => Problem::file_unavailable(),
        },
        _ => Problem::internal(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    fn files(folder: &Path, most: u64) -> Arc<Files> {
        Arc::new(Files::new(&Limits {
            file_cache_folder: Some(folder.to_owned()),
            file_cache_bytes: most,
            ..Limits::default()
        }))
    }

    fn content(bytes: &'static [u8]) -> impl FnOnce(&Path) -> Result<(), StoreError> {
        move |path| fs::write(path, bytes).map_err(|e| failed(&e))
    }

    #[tokio::test]
    async fn a_file_is_written_once_however_many_ask() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path(), 100);
        let writes = Arc::new(AtomicU32::new(0));
        let ask = || {
            let (files, writes) = (Arc::clone(&files), Arc::clone(&writes));
            tokio::spawn(async move {
                let write = move |path: &Path| {
                    writes.fetch_add(1, Ordering::Relaxed);
                    fs::write(path, b"abc").map_err(|e| failed(&e))
                };
                files.get("key", "txt", write).await.unwrap()
            })
        };
        let asked: Vec<_> = (0..20).map(|_| ask()).collect();
        for one in asked {
            let stored = one.await.unwrap();
            assert_eq!(fs::read(&stored.path).unwrap(), b"abc");
            assert_eq!(stored.length, 3);
        }
        assert_eq!(writes.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn the_file_used_longest_ago_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path(), 10);
        let a = files
            .get("a", "txt", content(b"aaaa"))
            .await
            .unwrap()
            .path
            .clone();
        let b = files
            .get("b", "txt", content(b"bbbb"))
            .await
            .unwrap()
            .path
            .clone();
        files.get("a", "txt", content(b"aaaa")).await.unwrap();
        let c = files
            .get("c", "txt", content(b"cccc"))
            .await
            .unwrap()
            .path
            .clone();
        assert!(a.exists() && c.exists() && !b.exists());
        let too_large = files.get("d", "txt", content(b"more than ten")).await;
        assert_eq!(too_large.err().unwrap().code(), "file-too-large");
        let held = files.get("e", "txt", content(b"eeeeeeeeee")).await.unwrap();
        assert!(!a.exists() && !c.exists() && held.path.exists());
        files.clear();
        assert!(held.path.exists(), "somebody still reads it");
        drop(held);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_fails_is_tried_again_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path(), 10);
        for (kind, status) in [
            (io::ErrorKind::StorageFull, 507),
            (io::ErrorKind::PermissionDenied, 503),
        ] {
            let fail = move |_: &Path| Err(failed(&io::Error::from(kind)));
            let refused = files.get("a", "txt", fail).await.err().unwrap();
            assert_eq!(refused.status().as_u16(), status);
        }
        let stored = files.get("a", "txt", content(b"abc")).await.unwrap();
        fs::remove_file(&stored.path).unwrap();
        let again = files.get("a", "txt", content(b"abc")).await.unwrap();
        assert!(again.path.exists());
        assert_eq!(again.etag, stored.etag);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(&folder.path().join("none"), 10);
        let refused = files.get("a", "txt", content(b"abc")).await.err().unwrap();
        assert_eq!(refused.code(), "file-unavailable");
    }

    #[tokio::test]
    async fn what_another_service_left_behind_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(format!("{PREFIX}left"));
        fs::create_dir(&left).unwrap();
        fs::write(left.join(LOCK), b"").unwrap();
        let living = files(folder.path(), 10);
        let stored = living.get("a", "txt", content(b"abc")).await.unwrap();
        assert!(!left.exists());
        let other = files(folder.path(), 10);
        other.get("a", "txt", content(b"abc")).await.unwrap();
        assert!(
            stored.path.exists(),
            "the folder of a living service is not touched"
        );
    }

    #[test]
    fn services_that_start_together_leave_each_other_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let home = files(folder.path(), 10).home().unwrap();
                        assert!(home.folder.path().exists());
                    }
                });
            }
        });
    }
}
