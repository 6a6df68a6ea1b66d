//! What concentration, facilities, vicinity, overlap and chains look like as layers.

use crate::world::{self, at, borough, days};
use isopleth_core::domain::{LocationBasis, Site};
use isopleth_core::{Request, Snapshot};
use isopleth_io::layer::{GeometryKind, Layer, Value};

/// Burglaries (0) and drugs (1) at metres east and north, on a day of 2022; two shops in a square.
fn snapshot(events: &[(i32, i32, i32, u16)]) -> Snapshot {
    let site = |id: &str, x, y| Site {
        id: id.into(),
        name: format!("Shop {id}"),
        class: "shop".into(),
        position: at(x, y),
        number: None,
    };
    let incident = |&(x, y, day, kind): &(i32, i32, i32, u16)| {
        (x, y, days(day, 1), kind, LocationBasis::Address)
    };
    Snapshot {
        areas: vec![borough("X", (530_000, 180_000), (532_000, 182_000))],
        sites: vec![site("a", 531_000, 181_000), site("b", 531_500, 181_500)],
        ..world::snapshot(events.iter().map(incident))
    }
}

fn layer(snapshot: &Snapshot, method: &str) -> Layer {
    let text =
        format!(r#"{{"select": {{"area": "X", "groups": ["burglary"]}}, "method": {method}}}"#);
    let layer = isopleth_io::analyse(snapshot, &Request::from_json(&text).unwrap()).unwrap();
    for f in &layer.features {
        assert_eq!(f.values.len(), layer.columns.len());
        let kind = match f.geometry {
            geo::Geometry::Point(_) => GeometryKind::Point,
            geo::Geometry::MultiPolygon(_) => GeometryKind::MultiPolygon,
            _ => panic!("{:?}", f.geometry),
        };
        assert_eq!(kind, layer.geometry);
    }
    let mut names: Vec<&str> = layer.columns.iter().map(|c| c.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), layer.columns.len(), "column names are unique");
    layer
}

fn values(layer: &Layer, column: &str) -> Vec<Value> {
    let value = |f| layer.value(f, column).unwrap().clone();
    layer.features.iter().map(value).collect()
}

fn integers(of: &[i64]) -> Vec<Value> {
    of.iter().map(|&n| Value::Integer(n)).collect()
}

/// Thirty at one place, six at another and one at a third; drugs at the first and alone.
fn world() -> Snapshot {
    let mut events = Vec::new();
    for i in 0..30 {
        events.push((531_010, 181_000, i * 3, 0));
    }
    for i in 0..6 {
        events.push((531_500, 181_520, i * 10, 0));
        events.push((531_010, 181_000, i, 1));
        events.push((530_200, 180_200, i, 1));
    }
    events.push((530_500, 180_500, 5, 0));
    snapshot(&events)
}

#[test]
fn chains() {
    let layer = layer(
        &world(),
        r#"{"name": "repeat_locations", "chain_within_days": 7}"#,
    );
    assert_eq!(values(&layer, "longest_chain"), integers(&[30, 1]));
    assert_eq!(
        values(&layer, "median_gap_days"),
        [Value::Real(3.0), Value::Real(10.0)]
    );
    assert_eq!(
        values(&layer, "chain_open"),
        [Value::Boolean(true), Value::Boolean(false)]
    );
    let rule = layer.provenance["resolved"]["chain_rule"].as_str().unwrap();
    assert!(rule.contains("no more than 7 civil days"), "{rule}");
    let months = self::layer(
        &world(),
        r#"{"name": "repeat_locations", "chain_within_months": 1}"#,
    );
    assert!(months.column("median_gap_months").is_some());
    let without = self::layer(&world(), r#"{"name": "repeat_locations"}"#);
    assert_eq!(without.column("longest_chain"), None);
}

#[test]
fn concentration() {
    let found = layer(&world(), r#"{"name": "concentration"}"#);
    assert_eq!(values(&found, "cumulative_count"), integers(&[30]));
    assert_eq!(values(&found, "set"), [Value::Text("25 %".into())]);
    let resolved = &found.provenance["resolved"];
    let half = &resolved["sets"][1];
    assert_eq!(
        (&half["places"], &half["incidents"]),
        (&1.into(), &30.into())
    );
    // Three places with some, four known: too few for a share of them.
    assert_eq!(half["of_all_places"]["of"], 4);
    assert!(half["of_all_places"]["share"].is_null());
    assert_eq!(
        half["of_all_places"]["reason"],
        "no share on a base below 20"
    );
    let line = half["street_segments_in_the_literature"].as_str().unwrap();
    assert!(line.contains("10.1111/1745-9125.12070"), "{line}");
    assert!(resolved["sets"][2]["street_segments_in_the_literature"].is_null());
    assert_eq!(
        resolved["lorenz_curve"]["corners"].to_string(),
        "[[1,30],[2,36],[3,37],[4,37]]"
    );
    // (37 · 3 − 2 · (6 + 2)) / (4 · 37) by the definition from the busiest down.
    let gini = resolved["gini_over_all_places"]["gini"].as_f64().unwrap();
    assert!((gini - 95.0 / 148.0).abs() < 1e-9, "{gini}");
    let cells = layer(
        &world(),
        r#"{"name": "concentration", "unit": "h3", "h3_resolution": 9}"#,
    );
    assert_eq!(cells.geometry, GeometryKind::MultiPolygon);
    let half = &cells.provenance["resolved"]["sets"][1]["of_all_places"];
    assert!(half["share"].as_f64().unwrap() < 0.03);
    let caveats = cells.provenance["caveats"].to_string();
    assert!(caveats.contains("read the generalised Gini"), "{caveats}");
}

#[test]
fn facilities() {
    let found = layer(
        &world(),
        r#"{"name": "risky_facilities", "site_class": "shop"}"#,
    );
    assert_eq!(values(&found, "count"), integers(&[30, 6]));
    assert_eq!(values(&found, "name")[0], Value::Text("Shop a".into()));
    assert_eq!(values(&found, "cumulative_share")[1], Value::Real(1.0));
    let resolved = &found.provenance["resolved"];
    assert_eq!(resolved["incidents_at_none"], 1);
    assert_eq!(resolved["busiest"]["hold"]["number"], 30);
    assert!(resolved["busiest"]["sites"]["share"].is_null());
    assert_eq!(resolved["by_chance"]["busiest_hold_p"], 0.001);
    assert_eq!(resolved["curve"]["corners"].to_string(), "[[1,30],[2,36]]");
    let nothing = layer(
        &snapshot(&[]),
        r#"{"name": "risky_facilities", "site_class": "shop"}"#,
    );
    assert_eq!(values(&nothing, "count"), integers(&[0, 0]));
    assert_eq!(values(&nothing, "top_offences"), [Value::Null, Value::Null]);
    assert!(nothing.provenance["resolved"]["by_chance"].is_null());
}

#[test]
fn vicinity() {
    let method = r#"{"name": "vicinity", "site_class": "shop", "distances_m": [12.5, 250], "against": {"groups": ["drugs"]}}"#;
    let found = layer(&world(), method);
    assert_eq!(values(&found, "count_within_12_5_m"), integers(&[30, 0]));
    assert_eq!(values(&found, "count_within_250_m"), integers(&[30, 6]));
    let resolved = &found.provenance["resolved"];
    assert_eq!(resolved["within"][1]["incidents"]["number"], 36);
    assert_eq!(resolved["bands"][2]["to_m"], serde_json::Value::Null);
    let by = &resolved["within"][1]["by_area"];
    assert!(by["ratio"].as_f64().unwrap() > 8.0, "{by}");
    // Twelve of the other group are too few for a quotient, and say so.
    let group = &resolved["within"][1]["by_group"];
    assert!(group["location_quotient"].is_null());
    assert_eq!(
        group["location_quotient_reason"],
        "no ratio on a base below 20"
    );
    assert!(group["p"].as_f64().is_some());
    assert_eq!(resolved["against"]["lens"], "police_generated");
    let caveats = found.provenance["caveats"].to_string();
    assert!(
        caveats.contains("the first group is reported, the second police-generated"),
        "{caveats}"
    );
}

#[test]
fn overlap() {
    let method = r#"{"name": "overlap", "with": {"groups": ["drugs"]}, "unit": "location"}"#;
    let found = layer(&world(), method);
    let text = |t: &str| Value::Text(t.into());
    assert_eq!(
        values(&found, "own_place_of"),
        [text("both"), text("second_only"), text("first_only")]
    );
    assert_eq!(values(&found, "first_count"), integers(&[30, 0, 6]));
    assert_eq!(values(&found, "second_count"), integers(&[6, 6, 0]));
    assert_eq!(values(&found, "second_lens")[0], text("police_generated"));
    // Of equals the western one comes first; six incidents are too few for a share.
    assert_eq!(values(&found, "first_share")[1], Value::Null);
    // R 4.2.2: prop.test(30, 36, correct = FALSE)$conf.int.
    let Value::Real(low) = values(&found, "first_share_low")[0] else {
        panic!()
    };
    assert!((low - 0.681_092_056_9).abs() < 1e-9, "{low}");
    let resolved = &found.provenance["resolved"];
    assert_eq!(resolved["shared_places"], 1);
    let part = &resolved["first_groups_incidents_at_second_groups_places"];
    assert_eq!((&part["number"], &part["of"]), (&30.into(), &37.into()));
    assert!(part["low"].as_f64().unwrap() < 30.0 / 37.0);
    let part = &resolved["second_groups_incidents_at_first_groups_places"];
    assert!(part["share"].is_null() && part.get("low").is_none());
    let caveats = found.provenance["caveats"].to_string();
    assert!(
        caveats.contains("only 12 records of the second group"),
        "{caveats}"
    );
    let cells = layer(&world(), &method.replace("location", "h3"));
    assert_eq!(cells.geometry, GeometryKind::MultiPolygon);
}
