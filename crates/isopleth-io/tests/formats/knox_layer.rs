//! What near repeats look like as a layer.

use std::collections::BTreeSet;

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

fn layer() -> Layer {
    let snapshot = snapshot(&[
        (530_000, 180_000, 0, 1),
        (530_100, 180_000, 3, 1),
        (530_100, 180_000, 4, 3),
        (530_100, 180_000, 4, 1),
        (540_000, 180_000, 9, 1),
    ]);
    let request = r#"{"method": {"name": "knox", "distance_bands_m": [0, 1, 100, 200],
        "time_bands_days": [0, 3, 6], "near_within_m": 200, "within_days": 6, "replicates": 99, "seed": 4}}"#;
    isopleth_io::analyse(&snapshot, &Request::from_json(request).unwrap()).unwrap()
}

#[test]
fn the_table_travels_with_the_layer() {
    let layer = layer();
    let resolved = &layer.provenance["resolved"];
    let cells = resolved["table"].as_array().unwrap();
    assert_eq!(cells.len(), 6);
    let last = &cells[5];
    assert_eq!(last["distance_m"], "[100, 200)");
    assert_eq!(last["days"], "[3, 6)");
    assert_eq!(last["observed"], 3);
    // Three pairs in the band of distance, five in the band of days, of ten.
    assert_eq!(last["expected"], 1.5);
    assert_eq!(last["ratio"], 2.0);
    // 1 − e^−1.5 (1 + 1.5 + 1.125), to ten digits.
    assert_eq!(last["p_poisson"], 0.191_153_169_5);
    assert!(last["p"].as_f64().unwrap() <= 1.0);
    // No pair lies between 1 and 100 m.
    assert!(cells[2]["p"].is_null() && cells[2]["ratio"].is_null());
    assert_eq!(resolved["roles"]["incidents_with_none_near"], 1);
    assert_eq!(resolved["roles"]["near_repeat_nearer_than_m"], 200.0);
    let caveats = layer.provenance["caveats"].to_string();
    assert!(
        caveats.contains("1 pair of one place and one day"),
        "{caveats}"
    );
    assert!(
        caveats.contains("1 record counts on the first of the several days"),
        "{caveats}"
    );
}

#[test]
fn incidents_have_roles_and_days() {
    let layer = layer();
    let column = |name: &str| -> Vec<&Value> {
        let of = |f| layer.value(f, name).unwrap();
        layer.features.iter().map(of).collect()
    };
    let text = |s: &str| Value::Text(s.into());
    assert_eq!(
        column("role"),
        [
            &text("originator"),
            &text("near_repeat"),
            &text("repeat"),
            &text("repeat")
        ]
    );
    assert_eq!(column("first_day")[2], &text("2022-01-05"));
    assert_eq!(
        column("last_day")
            .into_iter()
            .filter(|&v| *v == text("2022-01-07"))
            .count(),
        1
    );
    assert_eq!(column("days_since")[3], &Value::Integer(1));
    assert_eq!(column("days_since")[0], &Value::Null);
    let ids: BTreeSet<&str> = layer.features.iter().map(|f| f.id.as_str()).collect();
    assert_eq!(ids.len(), layer.features.len());
    assert!(
        layer
            .features
            .iter()
            .all(|f| f.values.len() == layer.columns.len())
    );
}
