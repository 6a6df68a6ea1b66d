//! What clusters in space and time, and an ensemble, look like as a layer.

use crate::world::{self, burglary, days};
use isopleth_core::{Request, Snapshot};
use isopleth_io::layer::{Layer, Value};

/// Burglaries at metres east and north, on a day of 2022, over so many days.
fn snapshot(events: &[(i32, i32, i32, i32)]) -> Snapshot {
    world::snapshot(
        events
            .iter()
            .map(|&(x, y, day, n)| burglary(x, y, days(day, n))),
    )
}

fn layer(method: &str) -> Layer {
    // Twelve in a street within a fortnight, one of them of one of three days, and one far away.
    let mut events: Vec<(i32, i32, i32, i32)> = (0..12)
        .map(|i| (530_000 + i % 4 * 25, 180_000 + i % 3 * 20, i, 1))
        .collect();
    events[5].3 = 3;
    events.push((540_000, 180_000, 9, 1));
    let request = format!(r#"{{"method": {{ {method} }} }}"#);
    isopleth_io::analyse(&snapshot(&events), &Request::from_json(&request).unwrap()).unwrap()
}

fn value<'a>(layer: &'a Layer, name: &str) -> &'a Value {
    let at = layer.columns.iter().position(|c| c.name == name);
    &layer.features[0].values[at.unwrap_or_else(|| panic!("{name}"))]
}

fn check(layer: &Layer) {
    assert_eq!(layer.features.len(), 1);
    assert_eq!(layer.features[0].values.len(), layer.columns.len());
    let mut names: Vec<&str> = layer.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names.last(), Some(&"run"));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), layer.columns.len(), "no name twice");
}

#[test]
fn a_spate_says_when_it_was() {
    let layer = layer(r#""name": "st_dbscan", "radius_m": 50, "within_days": 3, "min_count": 3"#);
    check(&layer);
    assert_eq!(value(&layer, "count"), &Value::Integer(12));
    assert_eq!(value(&layer, "duration_days"), &Value::Integer(12));
    assert_eq!(value(&layer, "distinct_days"), &Value::Integer(12));
    assert_eq!(
        value(&layer, "first_day"),
        &Value::Text("2022-01-01".into())
    );
    assert_eq!(value(&layer, "last_day"), &Value::Text("2022-01-12".into()));
    assert_eq!(value(&layer, "previous_count"), &Value::Null);
    let Value::Text(caveats) = value(&layer, "caveats") else {
        panic!("caveats");
    };
    assert!(
        caveats.contains(
            "1 record counts on the first of the several days on which it may have happened"
        ),
        "{caveats}"
    );
    assert!(layer.columns.iter().all(|c| c.name != "vote_share"));
}

#[test]
fn an_ensemble_adds_its_columns_and_its_rule() {
    for method in [
        r#""name": "st_dbscan", "radius_m": 50, "within_days": 3, "min_count": 3"#,
        r#""name": "dbscan", "radius_m": 50, "min_count": 3"#,
    ] {
        let layer = layer(&format!(
            r#"{method}, "ensemble": {{"replicates": 1, "keep_share": 1, "radius_spread": 0}}"#
        ));
        check(&layer);
        assert_eq!(value(&layer, "vote_share"), &Value::Real(1.0));
        assert_eq!(value(&layer, "stable"), &Value::Boolean(true));
        let said = serde_json::to_string(&layer.provenance).unwrap();
        assert!(said.contains("vote_share_rule"), "{said}");
    }
}
