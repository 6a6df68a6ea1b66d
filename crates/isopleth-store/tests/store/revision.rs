//! The data revision is a function of the content.

use crate::common::{Fact, area, burglary, ingest, new_store, request, run, site, street};
use isopleth_core::Snapshot;
use isopleth_store::Store;
use proptest::collection::vec;
use proptest::prelude::*;

fn fact() -> impl Strategy<Value = Fact> {
    (0..40_u128, 0..2_usize, 0..3_usize, 0..3_i32, 1..4_i8).prop_map(
        |(key, term, place, x, month)| Fact {
            term: ["Burglary", "Drugs"][term],
            place: [None, Some(("a", None)), Some(("b", Some(3)))][place],
            at: (x > 0).then_some((x, 5)),
            month,
            ..burglary(key)
        },
    )
}

/// Everything that a snapshot shows, as text.
fn shown(snapshot: &Snapshot) -> String {
    let set = &snapshot.incidents;
    let rows: Vec<String> = (0..set.len())
        .map(|i| {
            let place = set.places().get(set.place()[i] as usize);
            let kind = &set.kinds()[usize::from(set.kind()[i])];
            format!(
                "{} {} {place:?} {kind:?} {:?}",
                set.from()[i],
                set.to()[i],
                set.basis(i)
            )
        })
        .collect();
    let starts: Vec<_> = (0..set.locations().len() as u32)
        .map(|l| set.at(l))
        .collect();
    format!(
        "{:?} {starts:?} {rows:?} {:?}",
        set.locations(),
        (&snapshot.areas, &snapshot.sites)
    )
}

fn empty(name: &str) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = new_store(folder.path(), name);
    (folder, store)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any history that ends in the same content ends in the same revision and the same snapshot.
    #[test]
    fn histories_do_not_show(files in vec(vec(fact(), 0..30), 1..4), seed in any::<u64>()) {
        let (_a, mut store) = empty("a.gpkg");
        let mut last = std::collections::BTreeMap::new();
        for (n, facts) in files.iter().enumerate() {
            // The last of rows with the same key counts; in one file the order is the writer's.
            let mut keys = std::collections::HashSet::new();
            let facts: Vec<Fact> = facts.iter().filter(|f| keys.insert(f.key)).cloned().collect();
            last.extend(facts.iter().map(|f| (f.key, f.clone())));
            ingest(&mut store, &format!("f{n}"), &facts);
        }
        let mut content: Vec<Fact> = last.into_values().collect();
        let turn = seed as usize % content.len().max(1);
        content.rotate_left(turn);
        if seed % 2 == 0 {
            content.reverse();
        }
        let (_b, mut other) = empty("b.gpkg");
        for (n, part) in content.chunks(7).enumerate() {
            ingest(&mut other, &format!("g{n}"), part);
        }
        prop_assert_eq!(store.data_revision().unwrap(), other.data_revision().unwrap());
        prop_assert_eq!(shown(&store.snapshot().unwrap()), shown(&other.snapshot().unwrap()));
    }

    /// Different content has a different revision.
    #[test]
    fn content_shows(facts in vec(fact(), 1..20), changed in fact()) {
        let mut keys = std::collections::HashSet::new();
        let facts: Vec<Fact> = facts.into_iter().filter(|f| keys.insert(f.key)).collect();
        let (_a, mut store) = empty("a.gpkg");
        ingest(&mut store, "f", &facts);
        let before = store.data_revision().unwrap();
        let tally = ingest(&mut store, "g", &[changed]);
        prop_assert_eq!(tally.is_change(), store.data_revision().unwrap() != before);
    }
}

#[test]
fn areas_and_sites_count_layers_and_runs_do_not() {
    let (_folder, mut store) = empty("s.gpkg");
    let mut seen = vec![store.data_revision().unwrap()];
    let mut moved = |store: &Store| {
        let revision = store.data_revision().unwrap();
        let new = !seen.contains(&revision);
        seen.push(revision);
        new
    };
    store.add_areas(&[area("E1", "One", 0.1)]).unwrap();
    assert!(moved(&store));
    store.add_areas(&[area("E1", "One", 0.1)]).unwrap();
    assert!(!moved(&store));
    store.add_areas(&[area("E1", "Eins", 0.1)]).unwrap();
    assert!(moved(&store));
    store.add_areas(&[area("E1", "Eins", 0.2)]).unwrap();
    assert!(moved(&store));
    store.add_areas(&[area("E1", "One", 0.1)]).unwrap();
    assert!(!moved(&store));
    store.add_sites(&[site("p1", 0.1)]).unwrap();
    assert!(moved(&store));
    store.add_sites(&[site("p1", 0.2)]).unwrap();
    assert!(moved(&store));
    store.add_streets(&[street("s", 0.1)]).unwrap();
    assert!(moved(&store));
    store.add_streets(&[street("s", 0.1)]).unwrap();
    assert!(!moved(&store));
    store.add_streets(&[street("s", 0.2)]).unwrap();
    assert!(moved(&store));
    store.put_layer("burglary", &request(300)).unwrap();
    store.put_run(&run("r1", "burglary", "x")).unwrap();
    store.remove_layer("burglary").unwrap();
    assert!(!moved(&store));
}

#[test]
fn a_revision_is_the_same_after_reopening_and_in_another_file() {
    let (folder, mut store) = empty("s.gpkg");
    ingest(&mut store, "f", &[burglary(1), burglary(2)]);
    store
        .add_areas(&[area("E2", "Two", 0.3), area("E1", "One", 0.1)])
        .unwrap();
    let revision = store.data_revision().unwrap();
    drop(store);
    let store = Store::open(&folder.path().join("s.gpkg")).unwrap();
    assert_eq!(store.data_revision().unwrap(), revision);

    let (_other, mut other) = empty("o.gpkg");
    other.add_areas(&[area("E1", "One", 0.1)]).unwrap();
    ingest(&mut other, "g", &[burglary(2)]);
    other.add_areas(&[area("E2", "Two", 0.3)]).unwrap();
    ingest(&mut other, "h", &[burglary(1)]);
    assert_eq!(other.data_revision().unwrap(), revision);
}
