//! Copies for people, read back by plain SQL.

use std::fs;
use std::path::Path;

use crate::common::{Fact, area, burglary, ingest, new_store, request, result, run, site, street};
use isopleth_store::Store;
use rusqlite::Connection;
use rusqlite::types::FromSql;

fn ask<T: FromSql>(copy: &Connection, sql: &str) -> T {
    copy.query_row(sql, [], |row| row.get(0))
        .unwrap_or_else(|e| panic!("{sql}: {e}"))
}

fn filled(folder: &Path) -> Store {
    let mut store = new_store(folder, "s.gpkg");
    let facts: Vec<Fact> = (0..300_u32)
        .map(|n| Fact {
            at: (n % 10 != 0).then_some((100_000_000 + n as i32 * 1000, 500_000_000)),
            month: 1 + (n % 12) as i8,
            outcome: Some("Under investigation"),
            ..burglary(u128::from(n))
        })
        .collect();
    ingest(&mut store, "f.csv", &facts);
    store
        .add_areas(&[area("E1", "One", 0.1), area("E2", "Two", 0.5)])
        .unwrap();
    store.add_sites(&[site("p", 0.2)]).unwrap();
    store
        .add_streets(&[street("a", 0.1), street("b", 0.3)])
        .unwrap();
    store.put_layer("burglary-hot", &request(300)).unwrap();
    store.put_layer("never-run", &request(100)).unwrap();
    let revision = store.data_revision().unwrap();
    store
        .put_run(&run("r1", "burglary-hot", &revision))
        .unwrap();
    store
}

#[test]
fn a_copy_is_a_geopackage_with_everything_that_people_need() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path());
    let out = folder.path().join("copy.gpkg");
    let report = store.export(&out).unwrap();
    assert_eq!(report.bytes, fs::metadata(&out).unwrap().len());
    assert_eq!(report.layers_without_run, ["never-run"]);
    let tables: Vec<_> = report
        .tables
        .iter()
        .map(|t| (t.name.as_str(), t.features, t.outdated))
        .collect();
    assert_eq!(
        tables,
        [
            ("burglary-hot", 2, false),
            ("incidents", 300, false),
            ("areas", 2, false),
            ("sites", 1, false),
            ("streets", 2, false)
        ]
    );
    assert_eq!(report.tables[0].run.as_deref(), Some("r1"));
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert!(
        !names.iter().any(|n| n.to_string_lossy().contains("part")),
        "{names:?}"
    );
    assert_eq!(fs::read(&out).unwrap()[18..20], [1, 1], "no WAL");

    let copy = Connection::open(&out).unwrap();
    assert_eq!(ask::<String>(&copy, "PRAGMA integrity_check"), "ok");
    assert_eq!(ask::<i64>(&copy, "PRAGMA application_id"), 0x4750_4B47);
    assert_eq!(ask::<i64>(&copy, "PRAGMA user_version"), 10_300);
    for (table, rows) in [
        ("incidents", 270),
        ("areas", 2),
        ("sites", 1),
        ("streets", 2),
        ("burglary-hot", 2),
    ] {
        assert_eq!(
            ask::<String>(&copy, &format!("SELECT rtreecheck('rtree_{table}_geom')")),
            "ok"
        );
        assert_eq!(
            ask::<i64>(
                &copy,
                &format!("SELECT count(*) FROM \"rtree_{table}_geom\"")
            ),
            rows
        );
        let styles = format!(
            "SELECT count(*) FROM layer_styles WHERE f_table_name = '{table}' AND useAsDefault"
        );
        assert_eq!(ask::<i64>(&copy, &styles), 1);
        let triggers = format!(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = '{table}'"
        );
        assert_eq!(ask::<i64>(&copy, &triggers), 6);
    }
    let extent = "SELECT min_x || ' ' || min_y || ' ' || max_x || ' ' || max_y FROM gpkg_contents WHERE table_name =";
    assert_eq!(
        ask::<String>(&copy, &format!("{extent} 'areas'")),
        "0.1 51.5 0.6 51.6"
    );
    assert_eq!(
        ask::<String>(&copy, &format!("{extent} 'incidents'")),
        ask::<String>(&copy, &format!("{extent} 'incidents_readable'")),
    );
    let gone = "SELECT count(*) FROM sqlite_schema WHERE name IN ('runs', 'layer_runs')";
    assert_eq!(ask::<i64>(&copy, gone), 0);
    assert_eq!(
        store.data_revision().unwrap(),
        ask::<String>(&copy, "SELECT value FROM meta WHERE key = 'data_revision'")
    );
    assert_eq!(Store::open(&out).unwrap_err().code(), "store_not_a_store");
    // The store itself is as it was.
    assert!(store.run("r1").unwrap().is_some());
}

#[test]
fn a_layer_becomes_a_table_with_real_columns_and_its_provenance() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("copy.gpkg");
    filled(folder.path()).export(&out).unwrap();
    let copy = Connection::open(&out).unwrap();
    let row = copy
        .query_row(
            "SELECT id, rank, \"group\", density_per_km2, edge_effect, last_day FROM \"burglary-hot\" WHERE fid = 1",
            [],
            |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?)),
        )
        .unwrap();
    let expected: (String, i64, String, f64, bool, String) = (
        "h1".into(),
        1,
        "St Edward's 1".into(),
        1.5,
        true,
        "2022-03-31".into(),
    );
    assert_eq!(row, expected);
    assert!(ask::<bool>(
        &copy,
        "SELECT last_day IS NULL FROM \"burglary-hot\" WHERE fid = 2"
    ));
    let types: Vec<String> = copy
        .prepare("SELECT type FROM pragma_table_info('burglary-hot')")
        .unwrap()
        .query_map([], |r| r.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(
        types,
        [
            "INTEGER",
            "MULTIPOLYGON",
            "TEXT",
            "INTEGER",
            "TEXT",
            "DOUBLE",
            "BOOLEAN",
            "DATE"
        ]
    );
    let described = "SELECT identifier || '; ' || description FROM gpkg_contents WHERE table_name = 'burglary-hot'";
    assert_eq!(
        ask::<String>(&copy, described),
        "Result r1; Where burglary concentrates"
    );
    let provenance =
        "SELECT metadata FROM gpkg_metadata m JOIN gpkg_metadata_reference r ON r.md_file_id = m.id
                      WHERE r.table_name = 'burglary-hot'";
    assert_eq!(
        ask::<String>(&copy, provenance),
        r#"{"method":"kernel_density"}"#
    );
    let unit = "SELECT description FROM gpkg_data_columns WHERE column_name = 'density_per_km2'";
    assert_eq!(
        ask::<String>(&copy, unit),
        "What density_per_km2 means (1/km²)"
    );
    let style = "SELECT styleQML FROM layer_styles WHERE f_table_name = 'burglary-hot'";
    assert!(ask::<String>(&copy, style).contains("attr=\"rank\""));
}

#[test]
fn incidents_are_readable_without_codes() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("copy.gpkg");
    filled(folder.path()).export(&out).unwrap();
    let copy = Connection::open(&out).unwrap();
    assert_eq!(
        ask::<i64>(&copy, "SELECT count(*) FROM incidents_readable"),
        300
    );
    let text =
        "SELECT concat_ws('|', offence_group, offence, lens, first_day, first_time, last_day,
                  time_precision, place, location_basis, small_area, outcome, source_file)
                FROM incidents_readable WHERE first_day = '2022-02-01' LIMIT 1";
    assert_eq!(
        ask::<String>(&copy, text),
        "burglary|Burglary|reported|2022-02-01|2022-02-28|month|On or near Bures Road|snap_point|E01002234|Under investigation|f.csv"
    );
    let spread = "SELECT count(DISTINCT first_day) FROM incidents_readable";
    assert_eq!(ask::<i64>(&copy, spread), 12);
}

#[test]
fn an_older_run_is_said_to_be_outdated() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = filled(folder.path());
    ingest(&mut store, "g.csv", &[burglary(9999)]);
    let report = store.export(&folder.path().join("copy.gpkg")).unwrap();
    assert!(report.tables[0].outdated);
}

#[test]
fn a_copy_never_overwrites_and_can_be_made_by_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path()));
    let store = Store::open_read_only(&folder.path().join("s.gpkg")).unwrap();
    let out = folder.path().join("copy.gpkg");
    fs::write(&out, "mine").unwrap();
    let error = store.export(&out).unwrap_err();
    assert_eq!(error.code(), "file_exists");
    assert!(error.to_string().contains("copy.gpkg"));
    assert_eq!(fs::read(&out).unwrap(), b"mine");
    fs::remove_file(&out).unwrap();
    store.export(&out).unwrap();
    assert_eq!(
        store
            .export(&folder.path().join("no/where.gpkg"))
            .unwrap_err()
            .code(),
        "io"
    );
}

#[test]
fn a_layer_alone_makes_or_joins_a_geopackage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hot.gpkg");
    Store::write_layer_gpkg(&path, "Hot spots, 2022", &result("Hot")).unwrap();
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 1);
    let error = Store::write_layer_gpkg(&path, "hot_spots__2022", &result("Hot")).unwrap_err();
    assert_eq!(error.code(), "table_exists");
    // The same title again is no obstacle.
    Store::write_layer_gpkg(&path, "second", &result("Hot")).unwrap();
    Store::write_layer_gpkg(&path, "incidents", &result("Hot")).unwrap();
    let copy = Connection::open(&path).unwrap();
    let tables = "SELECT group_concat(table_name, ' ' ORDER BY table_name) FROM gpkg_contents WHERE data_type = 'features'";
    assert_eq!(
        ask::<String>(&copy, tables),
        "hot_spots__2022 layer_incidents second"
    );
    assert_eq!(ask::<i64>(&copy, "SELECT count(*) FROM layer_styles"), 3);

    drop(filled(folder.path()));
    let error =
        Store::write_layer_gpkg(&folder.path().join("s.gpkg"), "x", &result("Hot")).unwrap_err();
    assert_eq!(error.code(), "not_a_geopackage");
    assert!(error.to_string().contains("layer add"), "{error}");
    fs::write(folder.path().join("text.gpkg"), "text").unwrap();
    let error =
        Store::write_layer_gpkg(&folder.path().join("text.gpkg"), "x", &result("Hot")).unwrap_err();
    assert_eq!(error.code(), "not_a_geopackage");
    let error = Store::write_layer_gpkg(folder.path(), "x", &result("Hot")).unwrap_err();
    assert_eq!(error.code(), "not_a_geopackage");
}

#[test]
fn a_layer_of_lines_becomes_a_table_of_lines() {
    use isopleth_io::layer::GeometryKind;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines.gpkg");
    let mut lines = result("Streets");
    lines.geometry = GeometryKind::LineString;
    for (n, feature) in lines.features.iter_mut().enumerate() {
        let street = street("s", n as f64 / 10.0).geometry;
        feature.geometry = street.0[0].clone().into();
    }
    Store::write_layer_gpkg(&path, "hot-streets", &lines).unwrap();
    lines.features[0].geometry = street("s", 0.5).geometry.into();
    Store::write_layer_gpkg(&path, "several", &lines).unwrap();
    let copy = Connection::open(&path).unwrap();
    let kinds = "SELECT group_concat(table_name || ' ' || geometry_type_name, ', ' ORDER BY table_name) FROM gpkg_geometry_columns";
    assert_eq!(
        ask::<String>(&copy, kinds),
        "hot-streets LINESTRING, several MULTILINESTRING"
    );
    let wkb = "SELECT hex(substr(geom, 41, 9)) FROM \"hot-streets\" WHERE fid = 1";
    assert_eq!(ask::<String>(&copy, wkb), "010200000002000000");
    let style = "SELECT styleQML FROM layer_styles WHERE f_table_name = 'hot-streets'";
    let style = ask::<String>(&copy, style);
    assert!(
        style.contains("SimpleLine") && style.contains("attr=\"density_per_km2\""),
        "{style}"
    );
    assert!(style.contains("<layerGeometryType>1<"), "{style}");
}

/// Two points, one of them nowhere.
fn small_layer() -> isopleth_io::layer::Layer {
    use geo::{Geometry, MultiLineString, Point};
    use isopleth_io::layer::{Column, ColumnType, Feature, GeometryKind, Layer, Value};
    let feature = |id: &str, geometry, count| Feature {
        id: id.into(),
        geometry,
        values: vec![count],
    };
    Layer {
        title: "Small".into(),
        description: "For a file.".into(),
        geometry: GeometryKind::Point,
        columns: vec![Column {
            name: "count".into(),
            kind: ColumnType::Integer,
            unit: None,
            meaning: "How many".into(),
        }],
        features: vec![
            feature(
                "a",
                Geometry::Point(Point::new(0.5, 51.5)),
                Value::Integer(7),
            ),
            feature(
                "b",
                Geometry::MultiLineString(MultiLineString(vec![])),
                Value::Null,
            ),
        ],
        days: None,
        provenance: serde_json::from_str(r#"{"run":"r","data_cut_off":"2022-12-31"}"#).unwrap(),
    }
}

#[test]
fn a_layer_file_has_the_same_bytes_whenever_it_is_written() {
    use isopleth_io::crs::Crs;
    use isopleth_io::write::{Format, Part};
    let folder = tempfile::tempdir().unwrap();
    let layer = small_layer();
    for format in Format::ALL {
        let write = |name: &str, part: Part| {
            let path = folder.path().join(format!("{name}.{}", format.name()));
            isopleth_store::write_layer_file(&path, format, "small", part).unwrap();
            path
        };
        let first = write("first", Part::whole(&layer));
        std::thread::sleep(std::time::Duration::from_millis(5));
        let second = write("second", Part::whole(&layer));
        assert!(
            fs::read(&first).unwrap() == fs::read(&second).unwrap(),
            "{format:?}"
        );
        let again = write("first", Part::some(&layer, &[0]));
        assert!(
            fs::read(again).unwrap() != fs::read(&second).unwrap(),
            "replaced"
        );
    }
    let copy = Connection::open(folder.path().join("second.gpkg")).unwrap();
    assert_eq!(ask::<u64>(&copy, "SELECT count(*) FROM small"), 2);
    assert_eq!(
        ask::<String>(&copy, "SELECT id FROM small WHERE geom IS NULL"),
        "b"
    );
    let date: String = ask(
        &copy,
        "SELECT last_change FROM gpkg_contents WHERE table_name = 'small'",
    );
    assert_eq!(date, "2022-12-31T00:00:00.000Z");
    let provenance: String = ask(&copy, "SELECT metadata FROM gpkg_metadata");
    assert!(provenance.contains("\"run\":\"r\""));
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 2 * Format::ALL.len(), "no drafts");

    let projected = folder.path().join("projected.gpkg");
    let mut moved = layer.clone();
    moved.features[0].geometry = geo::Point::new(530_000.0, 180_000.0).into();
    let part = Part::whole(&moved).in_crs(Crs::WebMercator);
    isopleth_store::write_layer_file(&projected, Format::GeoPackage, "small", part).unwrap();
    let copy = Connection::open(&projected).unwrap();
    let srs = "SELECT srs_id FROM gpkg_geometry_columns";
    assert_eq!(ask::<i64>(&copy, srs), 3857);
    assert_eq!(
        ask::<f64>(
            &copy,
            "SELECT max_x FROM gpkg_contents WHERE table_name = 'small'"
        ),
        530_000.0
    );
    assert_eq!(
        ask::<u64>(
            &copy,
            "SELECT count(*) FROM gpkg_spatial_ref_sys WHERE srs_id = 3857"
        ),
        1
    );
}

#[test]
fn a_layer_file_that_cannot_be_written_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut layer = small_layer();
    layer.features[0].values[0] = isopleth_io::layer::Value::Text("many".into());
    let path = folder.path().join("x.fgb");
    let format = isopleth_io::write::Format::FlatGeobuf;
    assert!(isopleth_store::write_layer_file(&path, format, "x", &layer).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
