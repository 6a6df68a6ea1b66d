//! What contours and dual densities look like as layers.

use crate::world;

use crate::world::snapped;
use isopleth_core::{Request, Snapshot};
use isopleth_io::layer::{GeometryKind, Layer, Value};

/// Burglaries around a point and drug records around another, 25 each, in January 2022.
fn snapshot() -> Snapshot {
    world::snapshot((0..50).map(|i| {
        let kind = i % 2;
        let x = 550_000 + kind * 700 + (i * 37) % 500;
        snapped(x, 188_000 + (i * 91) % 600, 1, kind as u16)
    }))
}

fn layer(text: &str) -> Layer {
    let layer = isopleth_io::analyse(&snapshot(), &Request::from_json(text).unwrap()).unwrap();
    for feature in &layer.features {
        assert_eq!(feature.values.len(), layer.columns.len());
        let run = layer.provenance["run"].as_str().unwrap();
        assert_eq!(
            layer.value(feature, "run"),
            Some(&Value::Text(run.to_owned()))
        );
    }
    layer
}

fn contours(contours: &str) -> Layer {
    layer(&format!(
        r#"{{"select": {{"groups": ["burglary"]}}, "marking": "OFFICIAL",
        "method": {{"name": "kernel_density", "bandwidth_m": 300, "cell_m": 60}}, "contours": {contours} }}"#
    ))
}

#[test]
fn the_legend_holds_every_class_whether_or_not_there_is_ground() {
    let layer = contours(r#"{"breaks_per_km2": [5, 20, 1000, 2000]}"#);
    assert_eq!(layer.geometry, GeometryKind::MultiPolygon);
    let ids: Vec<&str> = layer.features.iter().map(|f| f.id.as_str()).collect();
    assert_eq!(ids, ["band-5-20", "band-20-1000"]);
    let legend = layer.provenance["resolved"]["legend"].as_array().unwrap();
    assert_eq!(legend.len(), 4);
    assert_eq!(legend[3]["from_per_km2"], 2000.0);
    assert_eq!(legend[3]["to_per_km2"], serde_json::Value::Null);
    assert_eq!(legend[3]["area_m2"], 0.0);
    let counts: i64 = layer
        .features
        .iter()
        .map(|f| match layer.value(f, "count") {
            Some(Value::Integer(n)) => *n,
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(counts, 25);
    assert_eq!(
        layer.value(&layer.features[0], "marking"),
        Some(&Value::Text("OFFICIAL".into()))
    );
}

#[test]
fn contours_without_ground_are_said() {
    let layer = contours(r#"{"levels_per_km2": [1e6], "outline": "smooth"}"#);
    assert!(layer.features.is_empty());
    let caveats = layer.provenance["caveats"].to_string();
    assert!(caveats.contains("no ground is so dense"), "{caveats}");
    assert!(caveats.contains("no more precise"), "{caveats}");
}

#[test]
fn a_comparison_of_lenses_is_titled_so_and_null_has_a_reason() {
    let layer = layer(
        r#"{"select": {"groups": ["burglary"]}, "method": {"name": "dual_density", "bandwidth_m": 250, "cell_m": 100,
        "compare": "ratio", "replicates": 19, "against": {"groups": ["drugs"], "lens": "police_generated"}} }"#,
    );
    assert!(layer.title.contains("against police-generated records"));
    let resolved = &layer.provenance["resolved"];
    assert_eq!(resolved["against"]["lens"], "police_generated");
    assert_eq!(resolved["against"]["selected"], 25);
    assert!(
        layer.provenance["caveats"]
            .to_string()
            .contains("as asked for")
    );
    let mut nulls = 0;
    for f in &layer.features {
        match (layer.value(f, "ratio"), layer.value(f, "undefined")) {
            (Some(Value::Null), Some(Value::Text(why))) => {
                assert!(why.contains("below the floor"));
                nulls += 1;
            }
            // A tenth of a lone peak lies under it, and 25 lone peaks above: no huge number.
            (Some(Value::Real(v)), Some(Value::Null)) => assert!((0.0..=250.0).contains(v), "{v}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(nulls > 0 && nulls < layer.features.len());
}
