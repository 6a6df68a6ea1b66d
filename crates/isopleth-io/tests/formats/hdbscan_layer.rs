//! What clusters of any density look like as a layer.

use crate::world::{self, BURGLARY, snapped};
use isopleth_core::{Request, Snapshot};
use isopleth_io::layer::{Layer, Value};

/// A square of 25 places 20 m apart, a busy place, and two stray records.
fn snapshot() -> Snapshot {
    let mut at: Vec<(i32, i32)> = (0..25)
        .map(|i| (530_000 + i % 5 * 20, 180_000 + i / 5 * 20))
        .collect();
    at.extend([(532_000, 180_000); 12]);
    at.extend([(531_000, 184_000), (535_000, 179_000)]);
    world::snapshot(at.into_iter().map(|(x, y)| snapped(x, y, 3, BURGLARY)))
}

fn layer(method: &str) -> Layer {
    let request = Request::from_json(&format!(r#"{{"method": {method} }}"#)).unwrap();
    isopleth_io::analyse(&snapshot(), &request).unwrap()
}

#[test]
fn each_cluster_says_how_it_stands_out() {
    let layer = layer(r#"{"name": "hdbscan", "min_cluster_size": 10, "min_samples": 4}"#);
    let column = |name: &str| -> Vec<&Value> {
        let of = |f| layer.value(f, name).unwrap();
        layer.features.iter().map(of).collect()
    };
    assert_eq!(column("count"), [&Value::Integer(25), &Value::Integer(12)]);
    assert_eq!(column("ends_at_m"), [&Value::Real(20.0), &Value::Real(1.0)]);
    // The busy place is 1920 m from the square: (1 − 1/1920) for each of twelve.
    assert_eq!(column("separate_at_m")[1], &Value::Real(1920.0));
    assert_eq!(column("stability")[1], &Value::Real(11.99375));
    assert_eq!(column("mean_membership")[1], &Value::Real(1.0));
    assert_eq!(column("outline")[1], &Value::Text("buffer".into()));
    assert!(
        layer
            .features
            .iter()
            .all(|f| f.values.len() == layer.columns.len())
    );
    let resolved = &layer.provenance["resolved"];
    assert_eq!(resolved["min_samples"], 4);
    assert_eq!(resolved["noise_incidents"], 2);
    assert_eq!(resolved["clusters_of_one_location"], 1);
    let caveats = layer.provenance["caveats"].to_string();
    assert!(
        caveats.contains("1 of 2 clusters are one location each"),
        "{caveats}"
    );
}

#[test]
fn clusters_of_a_radius_keep_their_columns() {
    let layer = layer(r#"{"name": "dbscan", "radius_m": 30, "min_count": 4}"#);
    let names: Vec<&str> = layer
        .columns
        .iter()
        .take(14)
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "rank",
            "name",
            "area_m2",
            "density_per_km2",
            "count_inside_outline",
            "share_of_incidents",
            "repeat_locations",
            "outline",
            "ellipse_semi_major_m",
            "ellipse_semi_minor_m",
            "ellipse_rotation_deg",
            "edge_effect",
            "core_locations",
            "count",
        ]
    );
    assert_eq!(
        layer.value(&layer.features[0], "core_locations"),
        Some(&Value::Integer(25))
    );
    assert!(
        layer
            .features
            .iter()
            .all(|f| f.values.len() == layer.columns.len())
    );
}
