//! Crashes, several processes, and files that are not stores.

use std::fs;
use std::path::Path;

use crate::common::{self, Fact, batch, burglary, ingest, new_store, policy, source};
use isopleth_store::{FileFacts, Store};
use rusqlite::Connection;

fn facts(n: i32) -> Vec<Fact> {
    (0..n)
        .map(|i| Fact {
            at: Some((i, i)),
            ..burglary(u128::from(i.unsigned_abs()) << 70)
        })
        .collect()
}

/// What a disk holds when the process dies now: the file and its log, without what the process
/// knew.
fn crashed(path: &Path, to: &Path) -> Store {
    fs::copy(path, to).unwrap();
    fs::copy(
        path.with_extension("gpkg-wal"),
        to.with_extension("gpkg-wal"),
    )
    .unwrap();
    Store::open(to).unwrap()
}

#[test]
fn a_crash_leaves_whole_files_and_the_next_ingest_completes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.gpkg");
    let mut store = new_store(folder.path(), "s.gpkg");
    ingest(&mut store, "a", &facts(500));
    let whole = store.data_revision().unwrap();

    // Enough rows that a good part of the open transaction has left for the log.
    let many = facts(70_000);
    let (rows, texts) = batch(&many);
    let mut file = store.begin_file(&source("b")).unwrap();
    file.push(&rows, &texts).unwrap();
    let to = folder.path().join("crashed.gpkg");
    let mut left = crashed(&path, &to);
    assert_eq!(left.snapshot().unwrap().incidents.len(), 500);
    assert_eq!(left.data_revision().unwrap(), whole);
    assert_eq!(left.sources().unwrap().len(), 1);
    let tally = ingest(&mut left, "b", &many);
    assert_eq!((tally.stored, tally.unchanged), (69_500, 500));

    file.commit(&FileFacts::default()).unwrap();
    let to = folder.path().join("later.gpkg");
    let later = crashed(&path, &to);
    assert_eq!(later.snapshot().unwrap().incidents.len(), 70_000);
    assert_eq!(
        later.data_revision().unwrap(),
        left.data_revision().unwrap()
    );
    let verdict: String = Connection::open(&to)
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |r| r.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
}

#[test]
fn a_log_that_is_cut_anywhere_leaves_whole_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.gpkg");
    let mut store = new_store(folder.path(), "s.gpkg");
    let mut revisions = vec![store.data_revision().unwrap()];
    for (n, part) in facts(600).chunks(100).enumerate() {
        ingest(&mut store, &format!("f{n}"), part);
        revisions.push(store.data_revision().unwrap());
    }
    let file = fs::read(&path).unwrap();
    let log = fs::read(path.with_extension("gpkg-wal")).unwrap();
    let to = folder.path().join("cut.gpkg");
    for step in 1..=40 {
        let _ = fs::remove_file(to.with_extension("gpkg-shm"));
        fs::write(&to, &file).unwrap();
        fs::write(to.with_extension("gpkg-wal"), &log[..log.len() * step / 40]).unwrap();
        let cut = Store::open(&to).unwrap();
        let rows = cut.snapshot().unwrap().incidents.len();
        assert_eq!(rows % 100, 0);
        assert_eq!(cut.data_revision().unwrap(), revisions[rows / 100]);
    }
}

#[test]
fn readers_see_the_last_commit_while_a_writer_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.gpkg");
    let mut store = new_store(folder.path(), "s.gpkg");
    ingest(&mut store, "a", &facts(10));
    let before = store.data_revision().unwrap();
    let one = Store::open_read_only(&path).unwrap();
    let (rows, texts) = batch(&facts(100));
    let mut file = store.begin_file(&source("b")).unwrap();
    file.push(&rows, &texts).unwrap();
    let two = Store::open_read_only(&path).unwrap();
    for reader in [&one, &two] {
        assert_eq!(reader.snapshot().unwrap().incidents.len(), 10);
        assert_eq!(reader.data_revision().unwrap(), before);
    }
    file.commit(&FileFacts::default()).unwrap();
    for reader in [&one, &two] {
        assert_eq!(reader.snapshot().unwrap().incidents.len(), 100);
        assert_ne!(reader.data_revision().unwrap(), before);
    }
    let mut reader = one;
    assert_eq!(
        reader
            .add_sites(&[common::site("a", 0.1)])
            .unwrap_err()
            .code(),
        "store_read_only"
    );
}

#[test]
fn a_second_writer_waits_and_is_then_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.gpkg");
    let mut store = new_store(folder.path(), "s.gpkg");
    let mut other = Store::open(&path).unwrap();
    other
        .set_busy_timeout(std::time::Duration::from_millis(50))
        .unwrap();
    let file = store.begin_file(&source("a")).unwrap();
    let error = other.begin_file(&source("b")).unwrap_err();
    assert_eq!(error.code(), "store_busy");
    assert!(
        error.to_string().contains("another process is writing"),
        "{error}"
    );
    drop(file);
    assert_eq!(ingest(&mut other, "b", &facts(3)).stored, 3);
    // The first writer knows the texts that the second brought.
    let tally = ingest(&mut store, "a", &facts(5));
    assert_eq!((tally.stored, tally.unchanged), (2, 3));
    assert_eq!(store.snapshot().unwrap().incidents.places().len(), 1);
}

#[test]
fn other_files_are_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("random"), [7_u8; 5000]).unwrap();
    fs::write(at("empty"), []).unwrap();
    fs::create_dir(at("folder")).unwrap();
    Connection::open(at("sqlite"))
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    Connection::open(at("geopackage"))
        .unwrap()
        .execute_batch("PRAGMA application_id = 0x47504B47; CREATE TABLE gpkg_contents (x)")
        .unwrap();
    drop(new_store(folder.path(), "newer"));
    Connection::open(at("newer"))
        .unwrap()
        .execute_batch("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
        .unwrap();
    for (name, code, says) in [
        ("missing", "store_missing", "there is no store"),
        ("folder", "store_not_a_file", "not a file"),
        ("random", "store_not_a_store", "not an SQLite file"),
        ("empty", "store_not_a_store", "it is empty"),
        ("sqlite", "store_not_a_store", "another kind"),
        ("geopackage", "store_not_a_store", "another program"),
        ("newer", "store_newer_schema", "99"),
    ] {
        for open in [Store::open, Store::open_read_only] {
            let error = open(&at(name)).unwrap_err();
            assert_eq!(error.code(), code, "{name}: {error}");
            let text = error.to_string();
            assert!(text.contains(says) && text.contains(name), "{text}");
        }
        if !["missing", "empty"].contains(&name) {
            assert_eq!(
                Store::open_or_create(&at(name), &policy("1"))
                    .unwrap_err()
                    .code(),
                code
            );
        }
    }
    assert!(!at("missing").exists(), "opening makes no file");
    assert_eq!(fs::read(at("random")).unwrap(), [7_u8; 5000]);
    Store::open_or_create(&at("empty"), &policy("1")).unwrap();
    Store::open(&at("empty")).unwrap();
    let nowhere = at("no/such/folder.gpkg");
    let error = Store::open_or_create(&nowhere, &policy("1")).unwrap_err();
    assert_eq!(error.code(), "io", "{error}");
}

#[test]
fn a_policy_that_contradicts_itself_makes_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.gpkg");
    let mut wrong = policy("1");
    wrong.rules[0].group = "nowhere".to_owned();
    assert_eq!(
        Store::open_or_create(&path, &wrong).unwrap_err().code(),
        "policy"
    );
    Store::open_or_create(&path, &policy("1")).unwrap();
}

#[test]
fn an_existing_store_keeps_its_policy() {
    let folder = tempfile::tempdir().unwrap();
    drop(new_store(folder.path(), "s.gpkg"));
    let store = Store::open_or_create(&folder.path().join("s.gpkg"), &policy("2")).unwrap();
    assert_eq!(store.policy().unwrap().version, "1");
}
