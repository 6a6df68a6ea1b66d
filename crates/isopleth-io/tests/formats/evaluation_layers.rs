//! What evaluations and surprises look like as layers.

use std::collections::BTreeSet;

use crate::world::{self, BURGLARY, DRUGS, Incident, borough, burglary, days, snapped};
use isopleth_core::{Request, Snapshot};
use isopleth_io::layer::{Layer, Value};

const CORNER: (i32, i32) = (530_000, 180_000);

fn layer(incidents: impl IntoIterator<Item = Incident>, select: &str, method: &str) -> Layer {
    let snapshot = Snapshot {
        areas: vec![borough("B", CORNER, (531_000, 181_000))],
        ..world::snapshot(incidents)
    };
    let request = format!(
        r#"{{"select": {{"area": "B", "groups": ["burglary"], {select}}}, "method": {{"name": {method}}}, "marking": "OFFICIAL"}}"#
    );
    isopleth_io::analyse(&snapshot, &Request::from_json(&request).unwrap()).unwrap()
}

fn sound(layer: &Layer) {
    let ids: BTreeSet<&str> = layer.features.iter().map(|f| f.id.as_str()).collect();
    assert_eq!(ids.len(), layer.features.len());
    assert!(
        layer
            .features
            .iter()
            .all(|f| f.values.len() == layer.columns.len())
    );
    assert!(layer.columns.iter().all(|c| !c.meaning.is_empty()));
    for f in &layer.features {
        assert_eq!(
            layer.value(f, "marking"),
            Some(&Value::Text("OFFICIAL".into()))
        );
    }
}

/// So many burglaries a day for eight weeks at one place, and one somewhere else.
fn weeks(per_day: i32) -> Vec<Incident> {
    (0..56)
        .flat_map(|d| {
            let usual = (0..per_day).map(move |_| burglary(530_150, 180_150, days(d, 1)));
            let other = burglary(530_250 + 10 * d, 180_750, days(d, 1));
            usual.chain([other])
        })
        .collect()
}

const WEEKLY: &str = r#""evaluation", "cells": "square", "cell_m": 100, "step": "week", "train_steps": 4,
    "origins": 3, "methods": [{"name": "kernel_density", "bandwidth_m": 150}], "coverages": [0.01, 0.05]"#;

#[test]
fn an_evaluation_is_a_table() {
    let layer = layer(weeks(3), r#""period": "2022-01-01/2022-02-25""#, WEEKLY);
    sound(&layer);
    // Three contenders, two coverages, three origins and all of them.
    assert_eq!(layer.features.len(), 24);
    let first = &layer.features[0];
    assert_eq!(first.id, "kernel_density-c1-all");
    let of = |name: &str| layer.value(first, name).unwrap().clone();
    assert_eq!(of("cut_off"), Value::Null);
    let near =
        |v: Value, expected: f64| matches!(v, Value::Real(v) if (v / expected - 1.0).abs() < 1e-4);
    assert_eq!(of("events"), Value::Integer(84));
    assert!(near(of("hits"), 63.0));
    assert!(near(of("hit_rate"), 0.75) && near(of("pai"), 75.0) && near(of("pei"), 1.0));
    assert!(near(of("hits_per_km2"), 63.0 / 0.03) && near(of("flagged_km2"), 0.03));
    let resolved = &layer.provenance["resolved"];
    assert_eq!(resolved["denominator"]["name"], "area");
    assert_eq!(resolved["ties"]["name"], "expected");
    assert_eq!(resolved["origins"][0]["cut_off"], "2022-02-05");
    assert_eq!(resolved["origins"][0]["incidents_in_training"], 112);
    let map = resolved["origins"][0]["maps"][0]["map"].as_str().unwrap();
    assert_eq!(map.len(), 16);
    assert_eq!(resolved["against_baselines"].as_array().unwrap().len(), 4);
    assert_eq!(
        resolved["against_baselines"][0]["baseline"],
        "baseline_count"
    );
    let caveats = layer.provenance["caveats"].to_string();
    assert!(caveats.contains("PAI by area"), "{caveats}");
    assert!(
        caveats.contains("no more hits than a baseline"),
        "{caveats}"
    );
}

#[test]
fn few_incidents_have_no_indices() {
    // A week has fourteen, all three have forty-two.
    let layer = layer(weeks(1), r#""period": "2022-01-01/2022-02-25""#, WEEKLY);
    sound(&layer);
    for f in &layer.features {
        let all = layer.value(f, "cut_off") == Some(&Value::Null);
        for index in ["hit_rate", "pai", "pei", "recapture_rate_index", "best_pai"] {
            assert_eq!(layer.value(f, index) == Some(&Value::Null), !all, "{index}");
        }
        assert!(matches!(layer.value(f, "hits"), Some(Value::Real(_))));
    }
}

#[test]
fn surprise_stands_beside_volume() {
    let mut incidents = Vec::new();
    for month in 1..=12 {
        // Somebody recorded something each month but in May.
        if month != 5 {
            incidents.push(snapped(530_950, 180_950, month, DRUGS));
            incidents.extend((0..6).map(|_| snapped(530_150, 180_150, month, BURGLARY)));
            incidents.push(snapped(
                530_050 + 80 * i32::from(month),
                180_550,
                month,
                BURGLARY,
            ));
        }
    }
    incidents.extend((0..4).map(|_| snapped(530_750, 180_150, 12, BURGLARY)));
    let layer = layer(
        incidents,
        r#""period": "2022""#,
        r#""surprise", "cells": "square", "cell_m": 100"#,
    );
    sound(&layer);
    let first = &layer.features[0];
    let of = |name: &str| layer.value(first, name).unwrap().clone();
    assert_eq!(
        (of("rank"), of("volume_rank")),
        (Value::Integer(1), Value::Integer(2))
    );
    assert_eq!(
        (of("new"), of("flagged")),
        (Value::Boolean(true), Value::Boolean(true))
    );
    assert_eq!(
        (of("count"), of("history_count")),
        (Value::Integer(4), Value::Integer(0))
    );
    assert_eq!(of("previous_count"), Value::Integer(0));
    assert_eq!(
        of("recent_counts"),
        Value::Text("0; 0; 0; 0; -; 0; 0; 0; 0; 0; 0".into())
    );
    assert_eq!(of("period_from"), Value::Text("2022-12-01".into()));
    assert_eq!(of("period_to"), Value::Text("2022-12-31".into()));
    let resolved = &layer.provenance["resolved"];
    assert_eq!(resolved["history_steps"]["supplied"], 10);
    assert_eq!(
        resolved["number_of_cells"].as_u64().map(|n| n >= 100),
        Some(true)
    );
    assert!(
        resolved["season"]
            .as_str()
            .unwrap()
            .contains("not adjusted")
    );
    let caveats = layer.provenance["caveats"].to_string();
    assert!(
        caveats.contains("1 of 11 steps of the history"),
        "{caveats}"
    );
    assert!(
        caveats.contains("season of places is not adjusted"),
        "{caveats}"
    );
}
