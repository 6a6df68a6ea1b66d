//! What temporal profiles, changes, displacement and charted hotspots look like as layers; and the
//! clock's changes against the time zone database.

use std::collections::BTreeSet;

use crate::world::{self, BURGLARY, DRUGS, borough, snapped};
use isopleth_core::domain::{
    Area, LocationBasis, Span, TimePrecision, civil_minute, skipped_minutes,
};
use isopleth_core::{Request, Snapshot};
use isopleth_io::layer::{GeometryKind, Layer, Value};
use jiff::tz::{AmbiguousOffset, TimeZoneDatabase};

fn instant(day: i32, hour: i32, minute: i32) -> Span {
    let from = (18_993 + day) * 1440 + hour * 60 + minute;
    Span {
        from,
        to: from + 1,
        precision: TimePrecision::Instant,
    }
}

fn ward(code: &str, x: i32) -> Area {
    let mut area = borough(code, (x, 180_000), (x + 1000, 182_000));
    area.kind = "ward".into();
    area
}

fn with_areas(snapshot: Snapshot) -> Snapshot {
    Snapshot {
        areas: vec![
            borough("X", (530_000, 180_000), (532_000, 182_000)),
            ward("W1", 530_000),
            ward("W2", 531_000),
        ],
        ..snapshot
    }
}

/// 30 burglaries on a Friday night (3 June 2022), 10 on other evenings.
fn nights() -> Snapshot {
    let late = (0..30).map(|i| (instant(153, 22, 0).from + i * 8, i));
    let other = (0..10).map(|i| (instant(157 + i, 19, i).from, i));
    let incident = |(from, i): (i32, i32)| {
        let span = Span {
            from,
            to: from + 1,
            precision: TimePrecision::Instant,
        };
        let (x, y) = (530_400 + i % 3 * 20, 181_000);
        (x, y, span, BURGLARY, LocationBasis::Address)
    };
    with_areas(world::snapshot(late.chain(other).map(incident)))
}

/// Burglaries of 2022 by month: many in December in W1, as ever in W2.
fn months() -> Snapshot {
    let mut all = Vec::new();
    for month in 1..=12 {
        let n = if month == 12 { 40 } else { 22 };
        all.extend((0..n).map(|i| snapped(530_400 + i % 4 * 30, 181_000, month, BURGLARY)));
        all.extend((0..5).map(|i| snapped(531_600 + i * 30, 181_000, month, BURGLARY)));
        all.push(snapped(531_900, 180_100, month, DRUGS));
    }
    with_areas(world::snapshot(all))
}

fn layer(snapshot: &Snapshot, text: &str) -> Layer {
    let layer = isopleth_io::analyse(snapshot, &Request::from_json(text).unwrap()).unwrap();
    let ids: BTreeSet<&str> = layer.features.iter().map(|f| f.id.as_str()).collect();
    assert_eq!(ids.len(), layer.features.len(), "ids are unique");
    let names: BTreeSet<&str> = layer.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names.len(), layer.columns.len(), "columns are unique");
    for f in &layer.features {
        assert_eq!(f.values.len(), layer.columns.len());
    }
    layer
}

fn value<'a>(layer: &'a Layer, id: &str, column: &str) -> &'a Value {
    let feature = layer.features.iter().find(|f| f.id == id).unwrap();
    layer.value(feature, column).unwrap()
}

fn text(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

const TERMS: &str = r#""terms": [{"first": "2022-04-20", "last": "2022-05-27"}, {"first": "2022-06-06", "last": "2022-07-21"}]"#;

#[test]
fn a_profile_is_a_table_of_days_hours_and_windows() {
    let method = r#""select": {"area": "X"}, "method": {"name": "temporal_profile", "windows": [{"name": "evening", "hours": "18:00/21:00"}]}"#;
    let found = layer(&nights(), &format!("{{{method}}}"));
    assert_eq!(found.geometry, GeometryKind::Point);
    // The whole, windows of one day and of the others, what was asked for, days, hours, cells.
    let peaks = found.features.iter().filter(|f| f.id.starts_with("peak-"));
    let peaks = peaks.count();
    assert!((4..=6).contains(&peaks), "{peaks}");
    assert_eq!(found.features.len(), 1 + peaks + 1 + 7 + 24 + 168);
    assert_eq!(
        text(value(&found, "peak-1", "name")),
        "Friday 22:00 to Saturday 02:00"
    );
    assert_eq!(value(&found, "peak-1", "weight"), &Value::Real(30.0));
    assert_eq!(value(&found, "peak-1", "share"), &Value::Real(0.75));
    assert_eq!(
        value(&found, "friday-23", "exact_count"),
        &Value::Integer(7)
    );
    assert_eq!(value(&found, "window-1", "weight"), &Value::Real(10.0));
    assert_eq!(text(value(&found, "19", "hours")), "19:00/20:00");
    assert_eq!(value(&found, "total", "expected"), &Value::Real(40.0));
    assert!(found.column("weight_term").is_none());
    let resolved = found.provenance.get("resolved").unwrap();
    assert_eq!(
        resolved["weights_by_day_from_monday_and_hour"][4][23],
        serde_json::json!(7.0)
    );
    assert_eq!(resolved["exact_times"]["share"], serde_json::json!(1.0));
    // 3 June was of the half-term holidays; the others begin on 7 June.
    let split = layer(&nights(), &format!("{{{TERMS}, {method}}}"));
    assert_eq!(
        value(&split, "total", "weight_holidays"),
        &Value::Real(30.0)
    );
    assert_eq!(value(&split, "total", "weight_term"), &Value::Real(10.0));
    assert_eq!(value(&split, "peak-1", "weight_term"), &Value::Null);
}

#[test]
fn change_tells_counts_and_no_percentage_on_a_small_base() {
    let found = layer(
        &months(),
        r#"{"select": {"area": "X", "period": "2022-12", "groups": ["burglary"]},
            "method": {"name": "change", "by": "ward", "control_chart": {"months": 12, "baseline_months": 11}}}"#,
    );
    assert_eq!(found.geometry, GeometryKind::MultiPolygon);
    let ids: Vec<&str> = found.features.iter().map(|f| f.id.as_str()).collect();
    assert_eq!(ids, ["total", "W1", "W2"]);
    assert_eq!(value(&found, "W1", "now_count"), &Value::Integer(40));
    assert_eq!(value(&found, "W1", "before_count"), &Value::Integer(22));
    assert_eq!(value(&found, "W1", "change_reason"), &Value::Null);
    assert!(matches!(value(&found, "W1", "change_percent"), Value::Real(p) if *p > 70.0));
    assert_eq!(value(&found, "W2", "change_percent"), &Value::Null);
    assert_eq!(text(value(&found, "W2", "change_reason")), "base below 20");
    assert_eq!(text(value(&found, "W1", "chart_signals")), "2022-12 above");
    assert_eq!(value(&found, "W2", "chart_signals"), &Value::Null);
    let counts = text(value(&found, "W1", "monthly_counts"));
    assert_eq!(counts.split("; ").count(), 12);
    assert!(counts.ends_with("22; 40"), "{counts}");
    assert_eq!(value(&found, "total", "rank"), &Value::Null);
}

#[test]
fn hotspots_carry_tests_and_charts() {
    let cut = r#""method": {"name": "kernel_density", "bandwidth_m": 300, "h3_resolution": 10}"#;
    let found = layer(
        &months(),
        &format!(
            r#"{{{TERMS}, "select": {{"area": "X", "period": "2022-12", "groups": ["burglary"]}}, {cut},
                "hotspots": {{"share_of_incidents": 0.5, "control_chart": {{"months": 14}}, "peak": {{}}}}}}"#
        ),
    );
    let id = found.features[0].id.clone();
    assert!(matches!(value(&found, &id, "previous_p"), Value::Real(p) if *p < 0.05));
    assert!(matches!(
        value(&found, &id, "previous_change_percent"),
        Value::Real(_)
    ));
    assert_eq!(value(&found, &id, "last_year_p"), &Value::Null);
    assert_eq!(
        text(value(&found, &id, "last_year_change_reason")),
        "the data does not cover it"
    );
    assert!(text(value(&found, &id, "term_aligned_change_reason")).contains("counterpart"));
    let counts = text(value(&found, &id, "monthly_counts"));
    assert!(
        counts.starts_with("not supplied; not supplied; 22"),
        "{counts}"
    );
    assert!(text(value(&found, &id, "peak_reason")).contains("month only"));
    let plain = layer(
        &nights(),
        &format!(
            r#"{{"select": {{"area": "X"}}, {cut}, "hotspots": {{"share_of_incidents": 0.5, "peak": {{"window_hours": 2}}}}}}"#
        ),
    );
    let id = plain.features[0].id.clone();
    assert_eq!(text(value(&plain, &id, "peak")), "Friday 22:00 to 24:00");
    assert!(plain.column("monthly_counts").is_none());
}

#[test]
fn displacement_is_told_by_area() {
    let found = layer(
        &months(),
        r#"{"select": {"period": "2022-12", "groups": ["burglary"]},
            "method": {"name": "displacement", "before": "2022-11", "treated": "W1", "control": "W2", "treated_buffer": {"within_m": 200}}}"#,
    );
    let roles: Vec<&str> = found.features.iter().map(|f| f.id.as_str()).collect();
    assert_eq!(roles, ["treated", "treated_buffer", "control"]);
    let resolved = found.provenance.get("resolved").unwrap();
    let wdd = &resolved["weighted_displacement_difference"];
    assert_eq!(wdd["incidents"], serde_json::json!(18.0));
    assert!(resolved["without_buffers"]["p"].as_f64().unwrap() > 0.01);
    assert_eq!(value(&found, "control", "difference"), &Value::Integer(0));
    assert_eq!(
        value(&found, "treated_buffer", "months_without_records"),
        &Value::Integer(2)
    );
}

#[test]
fn the_hour_that_is_skipped_is_that_of_the_time_zone_database() {
    let london = TimeZoneDatabase::bundled().get("Europe/London").unwrap();
    let mut skipped = 0;
    for year in 1981..2038 {
        for month in [2, 3, 4, 10] {
            for day in 1..=28_i8 {
                for add in [0, 7] {
                    // Days 1 to 28, and the same a week on: every day of the month.
                    let date = jiff::civil::date(year, month, day);
                    let date = date + jiff::Span::new().days(add);
                    for (hour, minute) in [(0, 59), (1, 0), (1, 30), (1, 59), (2, 0)] {
                        let at = date.at(hour, minute, 0, 0);
                        let m = civil_minute(at);
                        let gap = matches!(
                            london.to_ambiguous_timestamp(at).offset(),
                            AmbiguousOffset::Gap { .. }
                        );
                        let ours = skipped_minutes(m - 120, m + 1)
                            .is_some_and(|(a, b)| (a..b).contains(&m));
                        assert_eq!(ours, gap, "{at}");
                        skipped += u32::from(gap);
                    }
                }
            }
        }
    }
    // Three of the minutes in each spring, some days looked at twice.
    assert!(skipped >= 3 * 57, "{skipped}");
}
