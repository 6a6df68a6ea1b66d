//! What the clusters of a scan look like as a layer.

use isopleth_core::domain::{
    GroupDefinition, IncidentRow, IncidentSetBuilder, Kind, Lens, Location, LocationBasis,
    MINUTES_PER_DAY, NO_PLACE, Span, TimePrecision,
};
use isopleth_core::plane::{Planar, unproject};
use isopleth_core::{Request, Snapshot};
use isopleth_io::layer::{Layer, Value};

/// Burglaries on a lattice of 6 by 6 places, one each a day of 2022, and eight more at one of them in a
/// week of May.
fn snapshot() -> Snapshot {
    let mut builder = IncidentSetBuilder::default();
    let mut push = |x: i32, y: i32, day: i32| {
        let at = Planar {
            x: f64::from(x),
            y: f64::from(y),
        };
        let from = (18_993 + day) * MINUTES_PER_DAY;
        builder.push(&IncidentRow {
            location: Some(Location {
                x_mm: x * 1000,
                y_mm: y * 1000,
                position: unproject(at).unwrap(),
            }),
            span: Span {
                from,
                to: from + MINUTES_PER_DAY,
                precision: TimePrecision::Day,
            },
            kind: 0,
            basis: LocationBasis::SnapPoint,
            place: NO_PLACE,
        });
    };
    for day in 0..364 {
        let place = day * 17 % 36;
        push(530_000 + place % 6 * 150, 180_000 + place / 6 * 150, day);
    }
    for day in 120..128 {
        push(530_150, 180_150, day);
    }
    let kind = Kind {
        term: "Burglary".into(),
        sub_type_term: String::new(),
        record_source: String::new(),
        group: Some("burglary".into()),
        sub_type: None,
        lens: Lens::Reported,
    };
    Snapshot {
        revision: "test".into(),
        incidents: builder.finish(vec![kind], Vec::new()),
        areas: Vec::new(),
        sites: Vec::new(),
        policy: "test 1".into(),
        groups: vec![GroupDefinition {
            id: "burglary".into(),
            title: "Burglary".into(),
            lens: Lens::Reported,
            activity: false,
        }],
        ..Snapshot::default()
    }
}

fn layer(method: &str) -> Layer {
    let request = format!(
        r#"{{"select": {{"period": "2022-01-01/2022-12-30"}}, "method": {{"name": "space_time_scan", {method}}}}}"#
    );
    isopleth_io::analyse(&snapshot(), &Request::from_json(&request).unwrap()).unwrap()
}

fn value<'a>(layer: &'a Layer, feature: usize, name: &str) -> &'a Value {
    let at = layer.columns.iter().position(|c| c.name == name);
    &layer.features[feature].values[at.unwrap_or_else(|| panic!("{name}"))]
}

fn text(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cluster_says_where_when_and_how_sure() {
    let layer =
        layer(r#""step": "day", "max_radius_m": 300, "max_duration_steps": 14, "replicates": 99"#);
    assert!(
        layer
            .title
            .contains("most likely clusters in space and time"),
        "{}",
        layer.title
    );
    let first = |name| value(&layer, 0, name);
    assert_eq!(first("rank"), &Value::Integer(1));
    assert_eq!(first("count"), first("observed"));
    // Eight days from the first of May, and perhaps the incidents of other days beside them.
    let (from, to) = (text(first("cluster_from")), text(first("cluster_to")));
    assert!(("2022-04-20"..="2022-05-01").contains(&from), "{from}");
    assert!(("2022-05-08"..="2022-05-14").contains(&to), "{to}");
    assert_eq!(first("p"), &Value::Real(0.01));
    assert_eq!(first("recurrence_interval_days"), &Value::Null);
    assert_eq!(first("of_both_groups"), &Value::Null);
    assert!(text(first("place_ids")).contains("e530150000n180150000"));
    assert!(!text(first("caveats")).contains("no evidence"));
    assert!(text(first("caveats")).contains("map points"));
    assert!(text(value(&layer, 1, "caveats")).contains("no evidence of a cluster"));
    for feature in &layer.features {
        assert_eq!(feature.values.len(), layer.columns.len());
    }
    let resolved = layer.provenance["resolved"].clone();
    assert_eq!(resolved["replicates"]["done"], 99);
    assert_eq!(resolved["steps"]["number"], 364);
    assert_eq!(resolved["model"], "space_time_permutation");
    assert!(resolved["p_rule"].as_str().unwrap().contains("headline"));
}

#[test]
fn a_cluster_that_is_alive_recurs() {
    let layer = layer(
        r#""step": "week", "analysis": "prospective", "max_radius_m": 300, "max_duration_steps": 4, "replicates": 99"#,
    );
    for f in 0..layer.features.len() {
        assert_eq!(text(value(&layer, f, "cluster_to")), "2022-12-30");
        let (Value::Real(p), Value::Real(days)) = (
            value(&layer, f, "p"),
            value(&layer, f, "recurrence_interval_days"),
        ) else {
            panic!("p and days");
        };
        assert!((days - 7.0 / p).abs() < 1e-6);
        assert!(text(value(&layer, f, "caveats")).contains("first_look"));
    }
    assert!(!layer.features.is_empty());
}

#[test]
fn without_replicates_there_is_no_p() {
    let layer =
        layer(r#""step": "week", "replicates": 0, "unit": "h3", "h3_resolution": 9, "max": 1"#);
    assert_eq!(layer.features.len(), 1);
    assert_eq!(value(&layer, 0, "p"), &Value::Null);
    assert_eq!(value(&layer, 0, "p_gumbel"), &Value::Null);
    assert!(text(value(&layer, 0, "caveats")).contains("no replicates"));
    let resolved = &layer.provenance["resolved"];
    assert!(resolved["left_out_beyond_max"].as_u64().unwrap() > 0);
    assert!(resolved["replicates"]["gumbel_place"].is_null());
}
