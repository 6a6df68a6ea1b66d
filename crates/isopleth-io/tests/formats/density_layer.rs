//! What corrections, rules and varying bandwidths look like in a layer.

use crate::world::{self, BURGLARY, borough, snapped};
use isopleth_core::{Request, Snapshot};
use isopleth_io::layer::{Layer, Value};

/// Sixty burglaries in the west of an area of 2 by 1.5 km.
fn snapshot() -> Snapshot {
    let burglaries = (0..60).map(|i| {
        let x = 550_040 + i % 10 * 61 + i * i % 17;
        snapped(x, 188_050 + i / 10 * 90 + i * i % 23, 1, BURGLARY)
    });
    Snapshot {
        areas: vec![borough("A", (550_000, 188_000), (552_000, 189_500))],
        ..world::snapshot(burglaries)
    }
}

fn layer(rest: &str) -> Layer {
    let text =
        format!(r#"{{"select": {{"area": "A"}}, "method": {{"name": "kernel_density", {rest}"#);
    isopleth_io::analyse(&snapshot(), &Request::from_json(&text).unwrap()).unwrap()
}

fn has(layer: &Layer, column: &str) -> bool {
    layer.columns.iter().any(|c| c.name == column)
}

#[test]
fn a_corrected_surface_shows_the_mass_at_its_edge() {
    let plain = layer(r#""bandwidth_m": 300}}"#);
    assert!(!has(&plain, "edge_mass"));
    assert!(plain.provenance["resolved"]["edge_correction"].is_null());
    let made = layer(r#""bandwidth_m": 300, "edge_correction": "diggle"}}"#);
    assert!(has(&made, "edge_mass"));
    let mut below = 0;
    for f in &made.features {
        assert_eq!(f.values.len(), made.columns.len());
        let Some(Value::Real(mass)) = made.value(f, "edge_mass") else {
            panic!("a mass in every cell")
        };
        assert_eq!(
            made.value(f, "edge_effect"),
            Some(&Value::Boolean(*mass < 0.8))
        );
        below += u32::from(*mass < 0.8);
    }
    let resolved = &made.provenance["resolved"]["edge_correction"];
    assert_eq!(resolved["correction"], "diggle");
    assert_eq!(resolved["cells_below_0.8"], below);
    assert!(below > 0);
    let caveats = made.provenance["caveats"].to_string();
    assert!(
        caveats.contains("only incidents inside it are used"),
        "{caveats}"
    );
    let cut = layer(
        r#""bandwidth_m": 300, "edge_correction": "diggle"}, "hotspots": {"share_of_incidents": 0.5}}"#,
    );
    let first = cut.value(&cut.features[0], "caveats").unwrap();
    assert!(
        format!("{first:?}").contains("corrected and rests on less"),
        "{first:?}"
    );
}

#[test]
fn provenance_tells_rules_and_bandwidths() {
    let made = layer(r#""bandwidth_m": "scott", "compare_bandwidths": true}}"#);
    let resolved = &made.provenance["resolved"];
    assert_eq!(resolved["bandwidth_rule"]["rule"], "scott");
    let rows = resolved["bandwidths_compared"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|r| r["rule"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "auto",
            "nrd",
            "scott",
            "diggle",
            "likelihood",
            "least_squares"
        ]
    );
    assert_eq!(rows[2]["bandwidth_m"], resolved["bandwidth_m"]);
    assert!(
        rows.iter().all(|r| r["distinct_locations"] == 60),
        "{rows:?}"
    );
    let made = layer(r#""adaptive": {"nearest": 6}}}"#);
    let resolved = &made.provenance["resolved"];
    assert!(resolved["bandwidth_m"].is_null());
    let a = &resolved["adaptive"];
    assert_eq!(a["rule"], "nearest");
    let [least, median, most] =
        ["least_m", "median_m", "greatest_m"].map(|k| a[k].as_f64().unwrap());
    assert!(least <= median && median <= most && least >= a["floor_m"].as_f64().unwrap());
}
