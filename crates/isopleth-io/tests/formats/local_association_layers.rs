//! What Gi* and local Moran's I look like as layers.

use crate::world::{self, BURGLARY, borough, days};
use isopleth_core::domain::LocationBasis;
use isopleth_core::{Request, Snapshot};
use isopleth_io::layer::{GeometryKind, Layer, Value};

/// A busy corner among cells with one or none; `basis` of all.
fn town(basis: LocationBasis) -> Snapshot {
    let (west, south) = (549_900, 187_200);
    let mut incidents = Vec::new();
    for cell in (0..144).filter(|c| c * 7 % 5 < 2) {
        let (x, y) = (west + cell % 12 * 300 + 100, south + cell / 12 * 300 + 100);
        incidents.push((x, y, days(cell % 300, 1), BURGLARY, basis));
    }
    for i in 0..40 {
        let (x, y) = (
            west + (4 + i % 2) * 300 + 120,
            south + (4 + i / 2 % 2) * 300 + 120,
        );
        incidents.push((x, y, days(340 + i % 10, 1), BURGLARY, basis));
    }
    Snapshot {
        areas: vec![borough(
            "X",
            (west + 2, south + 2),
            (west + 3598, south + 3598),
        )],
        ..world::snapshot(incidents)
    }
}

fn layer(snapshot: &Snapshot, select: &str, method: &str) -> Layer {
    let text = format!(
        r#"{{"select": {{"area": "X" {select}}}, "method": {{"cells": "square", {method}}}}}"#
    );
    let request = Request::from_json(&text).unwrap();
    let layer = isopleth_io::analyse(snapshot, &request).unwrap();
    for f in &layer.features {
        assert_eq!(f.values.len(), layer.columns.len());
    }
    let mut names: Vec<&str> = layer.columns.iter().map(|c| c.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), layer.columns.len(), "column names are unique");
    layer
}

fn caveats(layer: &Layer) -> String {
    layer.provenance["caveats"].to_string()
}

#[test]
fn significant_cells_carry_counts_beside_z() {
    let found = layer(&town(LocationBasis::Address), "", r#""name": "getis_ord""#);
    assert_eq!(found.geometry, GeometryKind::Polygon);
    assert!(!found.features.is_empty());
    let resolved = &found.provenance["resolved"];
    assert_eq!(resolved["cells"], 144);
    assert_eq!(resolved["correction"], "benjamini_hochberg");
    assert_eq!(resolved["significant_hot_cells"], found.features.len());
    assert_eq!(resolved["hotspots"], 1);
    let counted: i64 = found
        .features
        .iter()
        .map(|f| match found.value(f, "count").unwrap() {
            Value::Integer(n) => *n,
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(resolved["hotspots_by_count"][0]["count"], counted);
    for f in &found.features {
        assert!(matches!(found.value(f, "z").unwrap(), Value::Real(z) if *z > 0.0));
        let Value::Text(class) = found.value(f, "class").unwrap() else {
            panic!()
        };
        assert!(class.starts_with("hot_9"), "{class}");
    }
    let said = caveats(&found);
    assert!(
        said.contains("it is no rate") && !said.contains("map points"),
        "{said}"
    );
}

#[test]
fn cells_finer_than_map_points_say_so() {
    let found = layer(
        &town(LocationBasis::SnapPoint),
        "",
        r#""name": "getis_ord""#,
    );
    assert!(
        caveats(&found).contains("take larger cells"),
        "{}",
        caveats(&found)
    );
    let coarse = layer(
        &town(LocationBasis::SnapPoint),
        "",
        r#""name": "getis_ord", "cell_m": 900"#,
    );
    assert!(
        !caveats(&coarse).contains("take larger cells"),
        "{}",
        caveats(&coarse)
    );
}

#[test]
fn where_p_comes_from_is_told() {
    let town = town(LocationBasis::Address);
    let total = layer(
        &town,
        "",
        r#""name": "getis_ord", "p_value": {"permutation": {"permutations": 1999}}"#,
    );
    assert!(total.column("p_family").is_some() && total.column("draws").is_none());
    assert_eq!(
        total.provenance["resolved"]["floor_of_p"]["cells_at_it_before_any_is_significant"],
        3
    );
    assert!(caveats(&total).contains("fewer than 3 unusual cells"));
    let analytic = layer(&town, "", r#""name": "getis_ord", "p_value": "analytic""#);
    assert!(caveats(&analytic).contains("takes z for normal"));
    let drawn = layer(
        &town,
        "",
        r#""name": "local_moran", "p_value": {"permutation": {}}, "cells_shown": "all""#,
    );
    assert!(drawn.column("draws").is_some());
    assert_eq!(drawn.features.len(), 144);
    assert_eq!(
        drawn.provenance["resolved"]["p_value"]["scheme"],
        "conditional"
    );
}

#[test]
fn a_month_against_others_tells_both_counts() {
    let found = layer(
        &town(LocationBasis::Address),
        r#", "period": "2022-12""#,
        r#""name": "getis_ord", "against": {"period": "2022-01/2022-11"}"#,
    );
    assert!(found.column("neighbourhood_against_count").is_some());
    assert!(!found.features.is_empty());
    assert_eq!(
        found.provenance["resolved"]["against"]["period"],
        "2022-01/2022-11"
    );
    assert!(caveats(&found).contains("more than their share"));
}

#[test]
fn quadrants() {
    let found = layer(
        &town(LocationBasis::Address),
        "",
        r#""name": "local_moran""#,
    );
    assert!(!found.features.is_empty());
    for f in &found.features {
        assert_eq!(
            found.value(f, "quadrant"),
            Some(&Value::Text("high_high".into()))
        );
    }
    let told = &found.provenance["resolved"]["significant_cells"];
    assert_eq!(told["high_high"], found.features.len());
}
