//! Areas, sites, saved layers and runs.

use crate::common::{area, make_schema_1, new_store, request, result, run, site, street};
use isopleth_store::{Run, Tally};

#[test]
fn areas_are_added_corrected_and_listed_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    let (one, two) = (area("E1", "One", 0.1), area("E2", "Two", 0.2));
    let tally = store.add_areas(&[two.clone(), one.clone()]).unwrap();
    assert_eq!(
        tally,
        Tally {
            stored: 2,
            updated: 0,
            unchanged: 0
        }
    );
    assert_eq!(store.areas().unwrap(), [one.clone(), two.clone()]);
    let moved = area("E2", "Two", 0.3);
    let tally = store.add_areas(&[one.clone(), moved.clone()]).unwrap();
    assert_eq!(
        tally,
        Tally {
            stored: 0,
            updated: 1,
            unchanged: 1
        }
    );
    let mut other = one.clone();
    other.vintage = "2022".to_owned();
    store.add_areas(&[other]).unwrap();
    let kinds = store.area_kinds().unwrap();
    let listed: Vec<_> = kinds
        .iter()
        .map(|k| (k.kind.as_str(), k.vintage.as_str(), k.count))
        .collect();
    assert_eq!(listed, [("ward", "2018", 2), ("ward", "2022", 1)]);
    assert_eq!(store.snapshot().unwrap().areas[1], moved);

    let mut hollow = one;
    hollow.geometry.0.clear();
    let error = store
        .add_areas(&[area("E9", "Nine", 0.4), hollow])
        .unwrap_err();
    assert_eq!(error.code(), "geometry");
    assert_eq!(store.areas().unwrap().len(), 3, "all or nothing");
}

#[test]
fn sites_are_added_corrected_and_listed_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    let mut station = site("x", 0.3);
    station.class = "police_station".to_owned();
    store
        .add_sites(&[site("b", 0.1), site("a", 0.2), station.clone()])
        .unwrap();
    assert_eq!(
        store.sites().unwrap(),
        [station, site("a", 0.2), site("b", 0.1)]
    );
    let tally = store.add_sites(&[site("b", 0.15), site("a", 0.2)]).unwrap();
    assert_eq!(
        tally,
        Tally {
            stored: 0,
            updated: 1,
            unchanged: 1
        }
    );
    let classes = store.site_classes().unwrap();
    let listed: Vec<_> = classes
        .iter()
        .map(|c| (c.class.as_str(), c.count))
        .collect();
    assert_eq!(listed, [("police_station", 1), ("pub", 2)]);
    assert_eq!(store.snapshot().unwrap().sites.len(), 3);
}

#[test]
fn streets_are_added_corrected_and_listed_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    let mut nameless = street("c", 0.3);
    nameless.name.clear();
    nameless.vintage = "2025".to_owned();
    let (a, b) = (street("a", 0.1), street("b", 0.2));
    store
        .add_streets(&[nameless.clone(), b.clone(), a.clone()])
        .unwrap();
    assert_eq!(store.streets().unwrap(), [a.clone(), b, nameless]);
    let moved = street("b", 0.25);
    let tally = store.add_streets(&[a, moved.clone()]).unwrap();
    let expected = Tally {
        stored: 0,
        updated: 1,
        unchanged: 1,
    };
    assert_eq!(tally, expected);
    let listed: Vec<_> = store
        .street_vintages()
        .unwrap()
        .into_iter()
        .map(|v| (v.vintage, v.count, v.named))
        .collect();
    assert_eq!(
        listed,
        [("2024".to_owned(), 2, 2), ("2025".to_owned(), 1, 0)]
    );
    assert_eq!(store.snapshot().unwrap().streets[1], moved);

    let mut nowhere = street("d", 0.4);
    nowhere.geometry.0.clear();
    let error = store.add_streets(&[street("e", 0.5), nowhere]).unwrap_err();
    assert_eq!(error.code(), "geometry");
    assert_eq!(store.streets().unwrap().len(), 3, "all or nothing");
}

/// A store of schema 1 gets a table of streets and keeps its revision.
#[test]
fn an_older_store_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.gpkg");
    let mut store = new_store(folder.path(), "s.gpkg");
    store.add_sites(&[site("a", 0.2)]).unwrap();
    let revision = store.data_revision().unwrap();
    drop(store);
    make_schema_1(&path);
    let error = isopleth_store::Store::open_read_only(&path).unwrap_err();
    assert_eq!(error.code(), "store_older_schema");
    let mut store = isopleth_store::Store::open(&path).unwrap();
    assert_eq!(store.data_revision().unwrap(), revision);
    let point = isopleth_core::domain::Site {
        number: Some(1700),
        ..site("a", 0.2)
    };
    assert_eq!(
        store
            .add_sites(std::slice::from_ref(&point))
            .unwrap()
            .updated,
        1
    );
    assert_eq!(
        store
            .add_sites(std::slice::from_ref(&point))
            .unwrap()
            .unchanged,
        1
    );
    assert_eq!(store.snapshot().unwrap().sites, [point]);
    assert_ne!(store.data_revision().unwrap(), revision);
    store.add_sites(&[site("a", 0.2)]).unwrap();
    assert_eq!(store.data_revision().unwrap(), revision);
    store.add_streets(&[street("a", 0.1)]).unwrap();
    assert_ne!(store.data_revision().unwrap(), revision);
    assert_eq!(store.snapshot().unwrap().sites.len(), 1);
}

#[test]
fn layers_are_saved_replaced_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    store.put_layer("burglary-2022", &request(300)).unwrap();
    store.put_layer("a_first", &request(200)).unwrap();
    store.put_layer("burglary-2022", &request(400)).unwrap();
    let layers = store.layers().unwrap();
    assert_eq!(
        layers.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(),
        ["a_first", "burglary-2022"]
    );
    assert_eq!(
        store.layer("burglary-2022").unwrap().unwrap().request,
        request(400)
    );
    assert_eq!(store.layer("nowhere").unwrap(), None);
    assert!(store.remove_layer("a_first").unwrap());
    assert!(!store.remove_layer("a_first").unwrap());
}

#[test]
fn names_that_cannot_stand_in_a_url_or_a_table_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    let long = "x".repeat(61);
    for name in [
        "",
        "Burglary",
        "a b",
        "ä",
        "a/b",
        "incidents",
        "gpkg_contents",
        "rtree_x",
        &long,
    ] {
        let error = store.put_layer(name, &request(300)).unwrap_err();
        assert_eq!(error.code(), "layer_name");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_run_never_changes() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    let first = run("r1", "burglary", "rev1");
    store.put_run(&first).unwrap();
    assert_eq!(store.run("r1").unwrap().unwrap(), first);
    let forged = Run {
        result: result("Another"),
        ..first.clone()
    };
    store.put_run(&forged).unwrap();
    assert_eq!(store.run("r1").unwrap().unwrap(), first);
    assert_eq!(store.run("r2").unwrap(), None);
}

#[test]
fn the_latest_run_is_the_one_put_last() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    assert_eq!(store.latest_run("burglary").unwrap(), None);
    let latest = |store: &isopleth_store::Store, layer| store.latest_run(layer).unwrap().unwrap();
    store.put_run(&run("r1", "burglary", "rev1")).unwrap();
    store.put_run(&run("r2", "burglary", "rev2")).unwrap();
    assert_eq!(latest(&store, "burglary").id, "r2");
    // The data went back to what it was, and so does the layer.
    store.put_run(&run("r1", "burglary", "rev1")).unwrap();
    assert_eq!(latest(&store, "burglary").id, "r1");
    // Two layers with the same request share their runs.
    store.put_run(&run("r2", "same", "rev2")).unwrap();
    assert_eq!(latest(&store, "same").layer, "same");
    assert_eq!(latest(&store, "burglary").id, "r1");
    let ids: Vec<_> = store
        .runs("burglary")
        .unwrap()
        .into_iter()
        .map(|r| (r.id, r.data_revision))
        .collect();
    assert_eq!(
        ids,
        [
            ("r1".to_owned(), "rev1".to_owned()),
            ("r2".to_owned(), "rev2".to_owned())
        ]
    );
    // Runs stay readable when their layer goes.
    store.put_layer("burglary", &request(300)).unwrap();
    store.remove_layer("burglary").unwrap();
    assert!(store.run("r2").unwrap().is_some());
}
