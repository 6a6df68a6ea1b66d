//! What the tests of the store share.

use std::path::Path;

use geo::polygon;
use isopleth_core::Request;
use isopleth_core::domain::{
    Area, GroupDefinition, Lens, LocationBasis, LonLat, Policy, PolicyRule, Site, Street,
    month_span,
};
use isopleth_io::ingest::{KindTerms, NO_TEXT, PlaceText, Row, RowLocation, SourceFile, Texts};
use isopleth_io::layer::{Column, ColumnType, Feature, GeometryKind, Layer, Value};
use isopleth_store::{FileFacts, Run, Store, Tally};

/// A policy with one group for burglary and one for drugs.
pub fn policy(version: &str) -> Policy {
    let group = |id: &str, lens| GroupDefinition {
        id: id.to_owned(),
        title: id.to_owned(),
        lens,
        activity: false,
    };
    let rule = |term: &str, group: &str| PolicyRule {
        terms: vec![term.to_owned()],
        sub_types: vec![],
        sources: vec![],
        group: group.to_owned(),
        sub_type: None,
        lens: None,
    };
    Policy {
        id: "test".to_owned(),
        version: version.to_owned(),
        source: String::new(),
        groups: vec![
            group("burglary", Lens::Reported),
            group("drugs", Lens::PoliceGenerated),
        ],
        rules: vec![rule("Burglary", "burglary"), rule("Drugs", "drugs")],
    }
}

/// A record as a test states it; texts by value.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    pub key: u128,
    pub term: &'static str,
    pub place: Option<(&'static str, Option<u64>)>,
    pub small_area: Option<&'static str>,
    pub outcome: Option<&'static str>,
    pub at: Option<(i32, i32)>,
    pub month: i8,
}

/// A burglary on a map point.
pub fn burglary(key: u128) -> Fact {
    Fact {
        key,
        term: "Burglary",
        place: Some(("On or near Bures Road", None)),
        small_area: Some("E01002234"),
        outcome: None,
        at: Some((551_000_123 + (key % 7) as i32, 188_000_456)),
        month: 3,
    }
}

/// Rows and their dictionary, the texts in the order in which they come.
pub fn batch(facts: &[Fact]) -> (Vec<Row>, Texts) {
    fn index<T: PartialEq>(list: &mut Vec<T>, item: Option<T>) -> u32 {
        let Some(item) = item else { return NO_TEXT };
        let at = list
            .iter()
            .position(|known| *known == item)
            .unwrap_or_else(|| {
                list.push(item);
                list.len() - 1
            });
        at as u32
    }
    let mut texts = Texts::default();
    let rows = facts
        .iter()
        .map(|fact| Row {
            key: fact.key,
            location: fact.at.map(|(x_mm, y_mm)| RowLocation {
                lon: f64::from(x_mm) / 1e9,
                lat: 51.0 + f64::from(y_mm) / 1e9,
                x_mm,
                y_mm,
                cell: 0x0891_94ad_0000_0000 + (x_mm as u64 & 0xffff),
                exact: true,
            }),
            span: month_span(2022, fact.month).unwrap(),
            basis: LocationBasis::SnapPoint,
            kind: index(
                &mut texts.kinds,
                Some(KindTerms {
                    term: fact.term.to_owned(),
                    sub_type: String::new(),
                    record_source: String::new(),
                }),
            ),
            place: index(
                &mut texts.places,
                fact.place.map(|(text, uprn)| PlaceText {
                    text: text.to_owned(),
                    uprn,
                }),
            ),
            small_area: index(&mut texts.small_areas, fact.small_area.map(str::to_owned)),
            outcome: index(&mut texts.outcomes, fact.outcome.map(str::to_owned)),
        })
        .collect();
    (rows, texts)
}

pub fn source(name: &str) -> SourceFile {
    SourceFile {
        name: name.to_owned(),
        format: "police_uk_street".to_owned(),
    }
}

/// Ingests facts as one file.
pub fn ingest(store: &mut Store, name: &str, facts: &[Fact]) -> Tally {
    let (rows, texts) = batch(facts);
    let mut file = store.begin_file(&source(name)).unwrap();
    file.push(&rows, &texts).unwrap();
    file.commit(&FileFacts {
        read: rows.len() as u64,
        rejected: 0,
    })
    .unwrap()
}

pub fn new_store(folder: &Path, name: &str) -> Store {
    Store::open_or_create(&folder.join(name), &policy("1")).unwrap()
}

pub fn area(code: &str, name: &str, west: f64) -> Area {
    let ring = polygon![
        (x: west, y: 51.5), (x: west + 0.1, y: 51.5), (x: west + 0.1, y: 51.6), (x: west, y: 51.5),
    ];
    Area {
        code: code.to_owned(),
        name: name.to_owned(),
        kind: "ward".to_owned(),
        vintage: "2018".to_owned(),
        geometry: ring.into(),
    }
}

pub fn site(id: &str, lon: f64) -> Site {
    Site {
        id: id.to_owned(),
        name: format!("Site {id}"),
        class: "pub".to_owned(),
        position: LonLat::new(lon, 51.55).unwrap(),
        number: None,
    }
}

pub fn street(id: &str, west: f64) -> Street {
    Street {
        id: id.to_owned(),
        name: format!("{id} Street"),
        vintage: "2024".to_owned(),
        geometry: geo::MultiLineString(vec![vec![(west, 51.5), (west + 0.01, 51.51)].into()]),
    }
}

pub fn request(bandwidth_m: u32) -> Request {
    Request::from_json(&format!(
        r#"{{ "select": {{ "groups": ["burglary"] }},
              "method": {{ "name": "kernel_density", "bandwidth_m": {bandwidth_m} }} }}"#
    ))
    .unwrap()
}

/// A result with every type of column, a null, and a name that SQLite would trip over.
pub fn result(title: &str) -> Layer {
    let column = |name: &str, kind, unit: Option<&str>| Column {
        name: name.to_owned(),
        kind,
        unit: unit.map(str::to_owned),
        meaning: format!("What {name} means"),
    };
    let square = |west: f64| {
        geo::Geometry::Polygon(polygon![
            (x: west, y: 51.5), (x: west + 0.01, y: 51.5), (x: west + 0.01, y: 51.51),
            (x: west, y: 51.51), (x: west, y: 51.5),
        ])
    };
    let feature = |rank: i64, west: f64| Feature {
        id: format!("h{rank}"),
        geometry: square(west),
        values: vec![
            Value::Integer(rank),
            Value::Text(format!("St Edward's {rank}")),
            Value::Real(1.5 * rank as f64),
            Value::Boolean(rank == 1),
            if rank == 1 {
                Value::Text("2022-03-31".to_owned())
            } else {
                Value::Null
            },
        ],
    };
    let mut provenance = serde_json::Map::new();
    provenance.insert("method".to_owned(), "kernel_density".into());
    Layer {
        title: title.to_owned(),
        description: "Where burglary concentrates".to_owned(),
        geometry: GeometryKind::MultiPolygon,
        columns: vec![
            column("rank", ColumnType::Integer, None),
            column("group", ColumnType::Text, None),
            column("density_per_km2", ColumnType::Real, Some("1/km²")),
            column("edge_effect", ColumnType::Boolean, None),
            column("last_day", ColumnType::Date, None),
        ],
        features: vec![feature(1, 0.1), feature(2, 0.2)],
        days: Some(("2022-01-01".to_owned(), "2022-12-31".to_owned())),
        provenance,
    }
}

pub fn run(id: &str, layer: &str, revision: &str) -> Run {
    Run {
        id: id.to_owned(),
        layer: layer.to_owned(),
        request: request(300),
        data_revision: revision.to_owned(),
        engine: "test 1".to_owned(),
        result: result(&format!("Result {id}")),
    }
}

/// Takes away what schema 5 brought.
pub fn make_schema_4(path: &Path) {
    rusqlite::Connection::open(path)
        .unwrap()
        .execute_batch(
            "DROP TABLE jobs;
             DROP TABLE analyses;
             UPDATE meta SET value = '4' WHERE key = 'schema_version';",
        )
        .unwrap();
}

/// Takes away what schemas 4 and 5 brought.
pub fn make_schema_3(path: &Path) {
    make_schema_4(path);
    rusqlite::Connection::open(path)
        .unwrap()
        .execute_batch(
            "DROP TABLE count_tables;
             DELETE FROM meta WHERE key = 'content_sum_counts';
             UPDATE meta SET value = '3' WHERE key = 'schema_version';",
        )
        .unwrap();
}

/// Takes away what schemas 2 to 5 brought: a store as an earlier version left it.
pub fn make_schema_1(path: &Path) {
    make_schema_3(path);
    rusqlite::Connection::open(path)
        .unwrap()
        .execute_batch(
            "DROP TABLE harm_schedules;
             DROP TABLE streets;
             DELETE FROM gpkg_geometry_columns WHERE table_name = 'streets';
             DELETE FROM gpkg_contents WHERE table_name = 'streets';
             DELETE FROM meta WHERE key = 'content_sum_streets';
             ALTER TABLE sites DROP COLUMN number;
             UPDATE meta SET value = '1' WHERE key = 'schema_version';",
        )
        .unwrap();
}
