//! Tables of ready-made counts in the store.

use crate::common::{burglary, ingest, make_schema_1, make_schema_3, new_store, policy};
use isopleth_core::domain::{
    CountArea, CountCategory, CountTable, CountTableBuilder, Lens, Month, SeriesBreak,
};
use isopleth_store::Store;

fn table(id: &str, count: u32) -> CountTable {
    let mut builder = CountTableBuilder::default();
    let may = Month::parse("2019-05").unwrap();
    for (code, n) in [("E1", Some(count)), ("E2", None), ("", Some(1))] {
        let area = CountArea {
            code: code.to_owned(),
            name: format!("Ward {code}"),
            part_of: "Havering".to_owned(),
        };
        let category = CountCategory {
            term: "Burglary".to_owned(),
            sub_type: String::new(),
        };
        builder.push(&area, &category, may, n, 2).unwrap();
    }
    let mut table = builder.finish(id.to_owned(), "made up".to_owned(), "ward".to_owned());
    table.partial_months = vec![may];
    table.breaks = vec![SeriesBreak {
        month: may,
        note: "another system".to_owned(),
    }];
    table
}

#[test]
fn tables_are_content_and_come_back_as_they_went() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "a.gpkg");
    ingest(&mut store, "f", &[burglary(1)]);
    let before = store.data_revision().unwrap();
    let (a, b) = (table("a", 20), table("b", 30));
    assert_eq!(store.add_counts(&b).unwrap().stored, 1);
    assert_eq!(store.add_counts(&a).unwrap().stored, 1);
    let both = store.data_revision().unwrap();
    assert_ne!(both, before);
    assert_eq!(store.counts().unwrap(), [a.clone(), b.clone()]);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.counts[0].table, a);
    // The policy of the store says what a category is.
    assert_eq!(
        snapshot.counts[0].kinds[0].group.as_deref(),
        Some("burglary")
    );
    assert_eq!(snapshot.counts[0].kinds[0].lens, Lens::Reported);
    assert_eq!(store.add_counts(&a).unwrap().unchanged, 1);
    assert_eq!(store.data_revision().unwrap(), both);
    assert_eq!(store.add_counts(&table("a", 21)).unwrap().updated, 1);
    assert_ne!(store.data_revision().unwrap(), both);
    store.add_counts(&a).unwrap();
    assert_eq!(
        store.data_revision().unwrap(),
        both,
        "content alone decides"
    );

    // Another history of the same content.
    let mut other = new_store(folder.path(), "b.gpkg");
    other.add_counts(&a).unwrap();
    other.add_counts(&b).unwrap();
    ingest(&mut other, "g", &[burglary(1)]);
    assert_eq!(other.data_revision().unwrap(), both);
}

#[test]
fn a_table_that_cannot_be_used_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "a.gpkg");
    let before = store.data_revision().unwrap();
    let error = store.add_counts(&table("Not plain", 1)).unwrap_err();
    assert_eq!(error.code(), "counts", "{error}");
    assert_eq!(store.data_revision().unwrap(), before);
}

#[test]
fn older_stores_get_the_table_and_keep_their_revision() {
    for make in [make_schema_1, make_schema_3] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gpkg");
        let mut store = new_store(folder.path(), "a.gpkg");
        ingest(&mut store, "f", &[burglary(1), burglary(2)]);
        let before = store.data_revision().unwrap();
        drop(store);
        make(&path);
        let error = Store::open_read_only(&path).unwrap_err();
        assert_eq!(error.code(), "store_older_schema", "{error}");
        let mut store = Store::open_or_create(&path, &policy("1")).unwrap();
        assert_eq!(store.data_revision().unwrap(), before);
        assert_eq!(store.counts().unwrap(), []);
        store.add_counts(&table("a", 20)).unwrap();
        drop(store);
        let store = Store::open_read_only(&path).unwrap();
        assert_eq!(store.snapshot().unwrap().counts.len(), 1);
    }
}
