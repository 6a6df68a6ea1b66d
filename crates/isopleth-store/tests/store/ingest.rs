//! Files in: idempotence, correction, dry run, rollback, and what a snapshot shows of them.

use crate::common::{Fact, batch, burglary, ingest, new_store, policy, source};
use isopleth_core::domain::{Lens, LocationBasis, NO_PLACE, TimePrecision, month_span};
use isopleth_store::{FileFacts, Store, StoreError, Tally};

const NOTHING: Tally = Tally {
    stored: 0,
    updated: 0,
    unchanged: 0,
};

fn facts() -> Vec<Fact> {
    (0..200_u128)
        .map(|n| Fact {
            term: if n % 3 == 0 { "Drugs" } else { "Burglary" },
            place: [
                Some(("On or near Bures Road", None)),
                Some(("Flat 1", Some(10_023_456_789))),
                None,
            ][n as usize % 3],
            at: (n % 10 != 9).then_some((551_000_000 + n as i32 % 17, 188_000_000 + n as i32 % 5)),
            outcome: (n % 2 == 0).then_some("Under investigation"),
            ..burglary(n << 90 | n)
        })
        .collect()
}

#[test]
fn what_goes_in_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    let tally = ingest(&mut store, "2022-03.csv", &facts());
    assert_eq!(
        tally,
        Tally {
            stored: 200,
            ..NOTHING
        }
    );

    let snapshot = store.snapshot().unwrap();
    let set = &snapshot.incidents;
    assert_eq!((set.len(), set.unlocated().len()), (200, 20));
    assert_eq!(snapshot.policy, "test 1");
    assert_eq!(snapshot.groups.len(), 2);
    assert_eq!(snapshot.revision, store.data_revision().unwrap());
    assert_eq!(snapshot.revision.len(), 16);
    let span = month_span(2022, 3).unwrap();
    assert!(set.from().iter().all(|&m| m == span.from) && set.to().iter().all(|&m| m == span.to));
    for incident in 0..set.len() {
        assert_eq!(set.precision(incident), TimePrecision::Month);
        assert_eq!(set.basis(incident), LocationBasis::SnapPoint);
    }
    let drugs = set.kinds().iter().position(|k| k.term == "Drugs").unwrap();
    assert_eq!(set.kinds()[drugs].lens, Lens::PoliceGenerated);
    assert_eq!(set.kinds()[drugs].group.as_deref(), Some("drugs"));
    assert_eq!(
        set.kind()
            .iter()
            .filter(|&&k| usize::from(k) == drugs)
            .count(),
        67
    );
    assert_eq!(set.place().iter().filter(|&&p| p == NO_PLACE).count(), 66);
    let flat = set
        .places()
        .iter()
        .position(|p| p.uprn == Some(10_023_456_789))
        .unwrap();
    assert_eq!(set.places()[flat].text, "Flat 1");
    let at = set.locations()[0];
    assert_eq!(at.position.lon(), f64::from(at.x_mm) / 1e9);

    let sources = store.sources().unwrap();
    assert_eq!(
        (sources[0].name.as_str(), sources[0].read, sources[0].stored),
        ("2022-03.csv", 200, 200)
    );
}

#[test]
fn a_second_ingest_changes_nothing_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.gpkg");
    let mut store = new_store(folder.path(), "s.gpkg");
    ingest(&mut store, "f", &facts());
    let revision = store.data_revision().unwrap();
    drop(store);
    let bytes = std::fs::read(&path).unwrap();

    let mut store = Store::open(&path).unwrap();
    assert_eq!(
        ingest(&mut store, "f", &facts()),
        Tally {
            unchanged: 200,
            ..NOTHING
        }
    );
    // Under another name the file is remembered, its rows are the same.
    assert_eq!(store.data_revision().unwrap(), revision);
    drop(store);
    assert!(
        bytes == std::fs::read(&path).unwrap(),
        "the file was written to"
    );

    let mut store = Store::open(&path).unwrap();
    assert_eq!(
        ingest(&mut store, "g", &facts()),
        Tally {
            unchanged: 200,
            ..NOTHING
        }
    );
    assert_eq!(store.data_revision().unwrap(), revision);
    assert_eq!(store.sources().unwrap().len(), 2);
}

#[test]
fn a_corrected_row_updates_whatever_field_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    let old = burglary(1);
    ingest(&mut store, "f", std::slice::from_ref(&old));
    let first = store.data_revision().unwrap();
    let corrections = [
        Fact {
            term: "Drugs",
            ..old.clone()
        },
        Fact {
            place: Some(("On or near Mawney Road", None)),
            ..old.clone()
        },
        Fact {
            place: Some(("On or near Bures Road", Some(7))),
            ..old.clone()
        },
        Fact {
            place: None,
            ..old.clone()
        },
        Fact {
            small_area: Some("E01002235"),
            ..old.clone()
        },
        Fact {
            outcome: Some("Charged"),
            ..old.clone()
        },
        Fact {
            at: Some((551_000_999, 188_000_456)),
            ..old.clone()
        },
        Fact {
            at: None,
            ..old.clone()
        },
        Fact {
            month: 4,
            ..old.clone()
        },
    ];
    let mut seen = vec![first.clone()];
    for new in corrections {
        let updated = Tally {
            updated: 1,
            ..NOTHING
        };
        assert_eq!(
            ingest(&mut store, "f", std::slice::from_ref(&new)),
            updated,
            "{new:?}"
        );
        let revision = store.data_revision().unwrap();
        assert!(!seen.contains(&revision), "{new:?}");
        seen.push(revision);
        assert_eq!(
            ingest(&mut store, "f", &[new]),
            Tally {
                unchanged: 1,
                ..NOTHING
            }
        );
        assert_eq!(ingest(&mut store, "f", std::slice::from_ref(&old)), updated);
        assert_eq!(store.data_revision().unwrap(), first);
    }
    // Texts that no incident has any more are not in a snapshot.
    assert_eq!(store.snapshot().unwrap().incidents.places().len(), 1);
    assert_eq!(store.snapshot().unwrap().incidents.kinds().len(), 1);
}

#[test]
fn old_and_new_rows_may_take_turns_and_repeat() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    let even: Vec<Fact> = facts().into_iter().step_by(2).collect();
    ingest(&mut store, "f", &even);
    let all: Vec<Fact> = facts().into_iter().chain(even).collect();
    assert_eq!(
        ingest(&mut store, "g", &all),
        Tally {
            stored: 100,
            updated: 0,
            unchanged: 200
        }
    );
}

#[test]
fn what_is_tried_on_a_copy_leaves_the_store_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    ingest(&mut store, "f", &facts()[..50]);
    let revision = store.data_revision().unwrap();
    let path = folder.path().join("copy.gpkg");
    store.copy_to(&path).unwrap();
    assert!(store.copy_to(&path).is_err(), "never overwrites");
    let mut copy = Store::open(&path).unwrap();
    assert_eq!(copy.data_revision().unwrap(), revision);
    let tally = ingest(&mut copy, "g", &facts());
    assert_eq!((tally.stored, tally.unchanged), (150, 50));
    assert_eq!(store.data_revision().unwrap(), revision);
    assert_eq!(store.snapshot().unwrap().incidents.len(), 50);
}

#[test]
fn a_file_that_is_dropped_never_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    let (rows, texts) = batch(&facts());
    let mut file = store.begin_file(&source("f")).unwrap();
    file.push(&rows, &texts).unwrap();
    drop(file);
    assert!(store.snapshot().unwrap().incidents.is_empty());
    // The dictionaries have forgotten what the file taught them: the texts are stored now.
    assert_eq!(ingest(&mut store, "f", &facts()).stored, 200);
    assert_eq!(store.snapshot().unwrap().incidents.places().len(), 2);
}

#[test]
fn chunks_share_a_growing_dictionary_and_batches_overflow() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    let many: Vec<Fact> = (0..70_000)
        .map(|n| Fact {
            at: Some((n, n)),
            ..burglary(n as u128)
        })
        .collect();
    let (rows, texts) = batch(&many[..10]);
    let mut file = store.begin_file(&source("f")).unwrap();
    file.push(&rows, &texts).unwrap();
    let (rows, texts) = batch(&many);
    file.push(&rows[10..], &texts).unwrap();
    assert_eq!(file.tally().total(), 65_536);
    let tally = file
        .commit(&FileFacts {
            read: 70_001,
            rejected: 1,
        })
        .unwrap();
    assert_eq!(tally.stored, 70_000);
    assert_eq!(
        store.snapshot().unwrap().incidents.locations().len(),
        70_000
    );
}

#[test]
fn faults_of_a_reader_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    let (rows, mut texts) = batch(&[Fact {
        place: Some(("x", Some(u64::MAX))),
        ..burglary(1)
    }]);
    let mut file = store.begin_file(&source("f")).unwrap();
    let error = file.push(&rows, &texts).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::OutOfRange {
                value: u64::MAX,
                ..
            }
        ),
        "{error}"
    );
    drop(file);
    texts.places.clear();
    let mut file = store.begin_file(&source("f")).unwrap();
    let error = file.push(&rows, &texts).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::NoSuchText {
                what: "place",
                index: 0
            }
        ),
        "{error}"
    );
}

#[test]
fn a_new_policy_resolves_every_kind_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    ingest(&mut store, "f", &facts());
    let before = store.data_revision().unwrap();
    let mut replaced = policy("2");
    replaced.rules[1].lens = Some(Lens::Reported);
    store.set_policy(&replaced).unwrap();
    assert_eq!(store.policy().unwrap(), replaced);
    assert_ne!(store.data_revision().unwrap(), before);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.policy, "test 2");
    assert!(
        snapshot
            .incidents
            .kinds()
            .iter()
            .all(|k| k.lens == Lens::Reported)
    );

    store.set_policy(&policy("1")).unwrap();
    assert_eq!(store.data_revision().unwrap(), before);
    let mut wrong = policy("3");
    wrong.rules[0].group = "nowhere".to_owned();
    assert_eq!(store.set_policy(&wrong).unwrap_err().code(), "policy");
    assert_eq!(store.policy().unwrap(), policy("1"));
}
