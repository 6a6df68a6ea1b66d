//! Harm schedules in the store.

use crate::common::{burglary, ingest, make_schema_1, new_store, policy};
use isopleth_core::domain::{HarmSchedule, HarmWeight, UnknownCode};
use isopleth_store::Store;

fn schedule(id: &str, value: f64) -> HarmSchedule {
    HarmSchedule {
        id: id.to_owned(),
        version: "1".to_owned(),
        source: "made up".to_owned(),
        unit: "days".to_owned(),
        unknown_code: UnknownCode::Refuse,
        weights: vec![HarmWeight {
            groups: vec!["burglary".to_owned()],
            value: Some(value),
            ..HarmWeight::default()
        }],
    }
}

#[test]
fn schedules_are_content() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "a.gpkg");
    ingest(&mut store, "f", &[burglary(1)]);
    let before = store.data_revision().unwrap();
    let (a, b) = (schedule("a", 20.0), schedule("b", 30.0));
    assert_eq!(store.add_harm_schedule(&b).unwrap().stored, 1);
    assert_eq!(store.add_harm_schedule(&a).unwrap().stored, 1);
    let both = store.data_revision().unwrap();
    assert_ne!(both, before);
    assert_eq!(store.harm_schedules().unwrap(), [a.clone(), b.clone()]);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(
        (snapshot.harm_schedules, snapshot.revision),
        (vec![a.clone(), b.clone()], both.clone())
    );
    assert_eq!(store.add_harm_schedule(&a).unwrap().unchanged, 1);
    assert_eq!(store.data_revision().unwrap(), both);
    let changed = schedule("a", 21.0);
    assert_eq!(store.add_harm_schedule(&changed).unwrap().updated, 1);
    assert_ne!(store.data_revision().unwrap(), both);
    store.add_harm_schedule(&a).unwrap();
    assert_eq!(
        store.data_revision().unwrap(),
        both,
        "content alone decides"
    );

    // Another history of the same content, ingested into after the schedules came.
    let mut other = new_store(folder.path(), "b.gpkg");
    other.add_harm_schedule(&a).unwrap();
    other.add_harm_schedule(&b).unwrap();
    ingest(&mut other, "g", &[burglary(1)]);
    assert_eq!(other.data_revision().unwrap(), both);
}

#[test]
fn a_schedule_that_cannot_be_used_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "a.gpkg");
    let before = store.data_revision().unwrap();
    let error = store.add_harm_schedule(&schedule("a", -1.0)).unwrap_err();
    assert_eq!(error.code(), "harm", "{error}");
    assert_eq!(store.data_revision().unwrap(), before);
}

#[test]
fn a_store_of_schema_1_gets_the_table_and_keeps_its_revision() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gpkg");
    let mut store = new_store(folder.path(), "a.gpkg");
    ingest(&mut store, "f", &[burglary(1), burglary(2)]);
    let before = store.data_revision().unwrap();
    drop(store);
    make_schema_1(&path);
    let error = Store::open_read_only(&path).unwrap_err();
    assert_eq!(error.code(), "store_older_schema", "{error}");
    let mut store = Store::open_or_create(&path, &policy("1")).unwrap();
    assert_eq!(store.data_revision().unwrap(), before);
    assert_eq!(store.harm_schedules().unwrap(), []);
    store.add_harm_schedule(&schedule("a", 20.0)).unwrap();
    drop(store);
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(store.snapshot().unwrap().harm_schedules.len(), 1);
}
