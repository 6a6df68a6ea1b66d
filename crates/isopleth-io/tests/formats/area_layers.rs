//! What audits, spikes, mixes and splits look like as layers.

use isopleth_core::domain::Counts;
use isopleth_core::{Request, Snapshot};
use isopleth_io::layer::{Layer, Value};
use isopleth_io::{analyse, default_policy, read_areas, read_counts, write};

/// Two wards over 14 months: possession and supply in both, one ward's last month high.
fn snapshot() -> Snapshot {
    snapshot_with("DRUG OFFENCES,TRAFFICKING OF DRUGS")
}

/// The same with another category in place of supply.
fn snapshot_with(other: &str) -> Snapshot {
    let mut text = String::from("wardname,wardcode,majortext,minortext,lookup_boroughname");
    let months: Vec<String> = (0..14)
        .map(|m| format!("{}{:02}", 2018 + (4 + m) / 12, (4 + m) % 12 + 1))
        .collect();
    for m in &months {
        text.push(',');
        text.push_str(m);
    }
    let possession = "DRUG OFFENCES,POSSESSION OF DRUGS";
    for (name, code, category, usual, last) in [
        ("North & East", "E1", possession, 2, 19),
        ("North & East", "E1", other, 1, 1),
        ("=South", "E2", possession, 3, 3),
        ("=South", "E2", other, 0, 0),
    ] {
        text.push_str(&format!("\n{name},{code},{category},Havering"));
        for i in 0..14 {
            text.push_str(&format!(",{}", if i == 13 { last } else { usual }));
        }
    }
    let table = read_counts(text.as_bytes(), None).unwrap().table;
    let policy = default_policy();
    // A boundary for one of the two.
    let shape = r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"c":"E1","n":"North"},
        "geometry":{"type":"Polygon","coordinates":[[[0.1,51.5],[0.2,51.5],[0.2,51.6],[0.1,51.6],[0.1,51.5]]]}}]}"#;
    Snapshot {
        areas: read_areas(shape.as_bytes(), "ward", "2022", "c", "n")
            .unwrap()
            .areas,
        groups: policy.groups.clone(),
        policy: "offences-en 1".into(),
        counts: vec![Counts::new(table, &policy)],
        ..Snapshot::default()
    }
}

fn layer(method: &str) -> Layer {
    let request = format!(
        r#"{{"select": {{"area": "Havering", "period": "2018-07/2019-06", "groups": ["drugs"]}},
            "method": {{"name": {method}, "counts": "mps-wards"}}, "marking": "OFFICIAL"}}"#
    );
    let layer = analyse(&snapshot(), &Request::from_json(&request).unwrap()).unwrap();
    for feature in &layer.features {
        assert_eq!(feature.values.len(), layer.columns.len());
        assert_eq!(
            layer.value(feature, "marking"),
            Some(&Value::Text("OFFICIAL".into()))
        );
    }
    layer
}

fn text(layer: &Layer, feature: usize, column: &str) -> String {
    match layer.value(&layer.features[feature], column).unwrap() {
        Value::Text(t) => t.clone(),
        other => panic!("{column}: {other:?}"),
    }
}

fn value<'a>(layer: &'a Layer, feature: usize, column: &str) -> &'a Value {
    layer.value(&layer.features[feature], column).unwrap()
}

#[test]
fn an_audit_has_a_row_for_all_that_there_is() {
    let layer = layer(r#""area_audit""#);
    let rows: Vec<String> = (0..layer.features.len())
        .map(|i| text(&layer, i, "row"))
        .collect();
    assert_eq!(rows, ["area", "area", "elsewhere", "unlocated", "total"]);
    let ids: Vec<&str> = layer.features.iter().map(|f| f.id.as_str()).collect();
    assert_eq!(
        ids,
        ["area-E1", "area-E2", "elsewhere", "unlocated", "total"]
    );
    assert_eq!(layer.provenance["resolved"]["whole"]["total"], 89);
    assert_eq!(value(&layer, 0, "year_before_count"), &Value::Null);
    assert!(text(&layer, 0, "change_reason").contains("year before"));
    assert_eq!(text(&layer, 0, "period_from"), "2018-07-01");
    assert_eq!(text(&layer, 0, "period_to"), "2019-06-30");
    // The area without a boundary, and the rows that are none, are nowhere on the map.
    let mut json = Vec::new();
    write::geojson(&layer, &mut json).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let shapes: Vec<bool> = json["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["geometry"].is_null())
        .collect();
    assert_eq!(shapes, [false, true, true, true, true]);
    let mut csv = Vec::new();
    write::csv(&layer, &mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    assert!(
        csv.contains("MULTIPOLYGON (((") && !csv.contains("MULTIPOLYGON ()"),
        "{csv}"
    );
    assert!(csv.contains("'=South"));
    // It comes back as it is kept.
    let kept = serde_json::to_string(&layer).unwrap();
    assert_eq!(serde_json::from_str::<Layer>(&kept).unwrap(), layer);
}

#[test]
fn a_spike_is_told_in_words() {
    let layer = layer(
        r#""spikes", "month": "2019-06", "series_breaks": [{"month": "2019-01", "note": "another system"}]"#,
    );
    assert_eq!(text(&layer, 0, "code"), "E1");
    assert_eq!(value(&layer, 0, "flagged"), &Value::Boolean(true));
    assert_eq!(value(&layer, 1, "flagged"), &Value::Boolean(false));
    assert_eq!(value(&layer, 0, "count"), &Value::Integer(20));
    assert_eq!(value(&layer, 0, "baseline_mean"), &Value::Real(3.0));
    let card = text(&layer, 0, "card");
    assert!(
        card.starts_with("North & East, 2019-06: 20 against a mean of 3.0 in the 12 months before (chance alone: p = "),
        "{card}"
    );
    assert!(
        card.contains("2 areas, flagged") && card.contains("(possession) 19 against 2.0"),
        "{card}"
    );
    assert!(
        card.contains("No day is told: ready-made counts are by month."),
        "{card}"
    );
    assert_eq!(value(&layer, 0, "busiest_day"), &Value::Null);
    let caveats = layer.provenance["caveats"].to_string();
    assert!(
        caveats.contains("series_break: the comparison crosses 2019-01 (another system), 2019-03"),
        "{caveats}"
    );
    assert!(caveats.contains("police-generated"), "{caveats}");
}

#[test]
fn a_mix_tells_numerator_denominator_definition_and_interval() {
    let layer = layer(r#""offence_mix""#);
    assert_eq!(text(&layer, 0, "part"), "possession");
    assert_eq!(value(&layer, 0, "numerator"), &Value::Integer(77));
    assert_eq!(value(&layer, 0, "denominator"), &Value::Integer(89));
    for column in ["share", "share_low", "share_high"] {
        assert!(matches!(value(&layer, 0, column), Value::Real(_)));
    }
    assert_eq!(
        text(&layer, 0, "definition"),
        "(DRUG OFFENCES: POSSESSION OF DRUGS) of (DRUG OFFENCES: POSSESSION OF DRUGS; DRUG OFFENCES: TRAFFICKING OF DRUGS)"
    );
}

#[test]
fn a_split_sums_to_the_change_as_written() {
    // Weapons stand for searches here: what counts is that the written parts sum to the change.
    let request = r#"{"select": {"area": "Havering", "period": "2019-05/2019-06", "groups": ["drugs"]},
        "method": {"name": "search_effects", "counts": "mps-wards", "before": "2018-05/2018-06",
            "searches": {"groups": ["weapons"]}}}"#;
    let snapshot = snapshot_with("POSSESSION OF WEAPONS,POSSESSION OF OTHER WEAPON");
    let layer = analyse(&snapshot, &Request::from_json(request).unwrap()).unwrap();
    assert_eq!(text(&layer, 0, "name"), "Whole");
    let number = |column| match value(&layer, 0, column) {
        Value::Real(v) => *v,
        Value::Integer(n) => *n as f64,
        other => panic!("{other:?}"),
    };
    assert_eq!(number("find_change"), 17.0);
    let sum = number("volume_effect") + number("rate_effect");
    assert!((sum - 17.0).abs() < 1e-12, "{sum}");
    // The ward without searches has no rate, and says so.
    let south = layer
        .features
        .iter()
        .position(|f| f.id == "area-E2")
        .unwrap();
    assert_eq!(value(&layer, south, "volume_effect"), &Value::Null);
    assert!(text(&layer, south, "reason").contains("no search"));
}
