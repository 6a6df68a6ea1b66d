//! Harm schedules and hours by command line, on the synthetic borough.

use std::path::Path;

use crate::support::{borough, fails, ok, root, str};
use serde_json::Value;

fn example() -> String {
    let path = root().join("examples/harm/cchi-2026-subgroup-ranges.toml");
    path.to_str().unwrap().to_owned()
}

fn analyse(folder: &Path, store: &Path, request: &Value) -> Value {
    let path = folder.join("request.json");
    std::fs::write(&path, request.to_string()).unwrap();
    let out = ok(&["analyse", "--store", str(store), str(&path)]);
    serde_json::from_str(&out).unwrap()
}

fn refused(folder: &Path, store: &Path, request: &Value) -> String {
    let path = folder.join("request.json");
    std::fs::write(&path, request.to_string()).unwrap();
    fails(&["analyse", "--store", str(store), str(&path)])
}

#[test]
fn a_schedule_is_loaded_listed_shown_and_used() {
    let dir = tempfile::tempdir().unwrap();
    let store = borough(dir.path());
    let s = str(&store);
    let request = serde_json::json!({
        "select": { "area": "E09900001", "period": "2023-01/2024-12", "groups": ["robbery", "burglary"],
                    "record_sources": ["data.police.uk"] },
        "method": { "name": "kernel_density", "bandwidth_m": 300,
                    "weight": { "harm": "cchi-2026-subgroup-ranges", "bound": "low" } },
        "hotspots": { "share_of_area": 0.02, "rank_by": "harm", "max": 5 } });
    let error = refused(dir.path(), &store, &request);
    assert!(error.contains("isopleth harm add"), "{error}");

    assert!(ok(&["harm", "add", "--store", s, &example()]).contains(": stored"));
    assert!(ok(&["harm", "add", "--store", s, &example()]).contains(": unchanged"));
    assert!(ok(&["harm", "list", "--store", s]).contains("cchi-2026-subgroup-ranges"));
    let shown = ok(&["harm", "show", "--store", s, "cchi-2026-subgroup-ranges"]);
    let again = dir.path().join("again.toml");
    std::fs::write(&again, shown).unwrap();
    assert!(ok(&["harm", "add", "--store", s, str(&again)]).contains(": unchanged"));
    let error = fails(&["harm", "show", "--store", s, "cchi"]);
    assert!(error.contains("cchi-2026-subgroup-ranges"), "{error}");

    let layer = analyse(dir.path(), &store, &request);
    let provenance = &layer["provenance"];
    assert_eq!(
        provenance["resolved"]["weight"]["harm"],
        "cchi-2026-subgroup-ranges"
    );
    assert_eq!(provenance["harm"]["schedules"][0]["unit"], "days");
    assert!(
        layer["title"]
            .as_str()
            .unwrap()
            .contains("weighted by harm")
    );
    let features = layer["features"].as_array().unwrap();
    assert!(!features.is_empty());
    let harm = |f: &Value, column: &str| f["properties"][column].as_f64();
    let low: Vec<f64> = features
        .iter()
        .map(|f| harm(f, "harm_low").unwrap())
        .collect();
    assert!(low.windows(2).all(|w| w[0] >= w[1]), "{low:?}");
    for f in features {
        let count = harm(f, "count").unwrap();
        assert!(harm(f, "harm_low").unwrap() <= 365.0 * count);
        assert!(harm(f, "harm_high").unwrap() <= 730.0 * count);
        assert!(harm(f, "peak_harm_density_per_km2").is_some());
    }

    // Every offence together holds some that the schedule does not know.
    let all = serde_json::json!({ "harm": ["cchi-2026-subgroup-ranges"],
        "method": { "name": "repeat_locations" } });
    let error = refused(dir.path(), &store, &all);
    assert!(
        error.contains("no weight for") && error.contains("leave_out"),
        "{error}"
    );
}

#[test]
fn the_hours_of_the_day_share_the_force_extract_out() {
    let dir = tempfile::tempdir().unwrap();
    let store = borough(dir.path());
    let request = |hours: Option<String>| {
        let mut request = serde_json::json!({
            "select": { "area": "E09900001", "groups": ["burglary"],
                        "location_basis": ["address", "street"] },
            "method": { "name": "kernel_density", "bandwidth_m": 300 },
            "hotspots": { "share_of_incidents": 0.3 } });
        if let Some(hours) = hours {
            request["select"]["hours"] = hours.into();
        }
        request
    };
    let one = Some("22:00/23:00".to_owned());
    let whole = analyse(dir.path(), &store, &request(None));
    let n = whole["provenance"]["records"]["selected"].as_f64().unwrap();
    let known = {
        let mut r = request(one.clone());
        r["select"]["unknown_hours"] = "leave_out".into();
        r
    };
    let night = analyse(dir.path(), &store, &known);
    let left_out = night["provenance"]["hours"]["records_left_out_not_known_to_the_hour"]
        .as_f64()
        .unwrap();
    if left_out > 0.0 {
        let error = refused(dir.path(), &store, &request(one));
        assert!(error.contains("finer than the data"), "{error}");
    }
    let mut sum = 0.0;
    for hour in 0..24 {
        let mut r = known.clone();
        r["select"]["hours"] = format!("{hour:02}:00/{:02}:00", hour + 1).into();
        let layer = analyse(dir.path(), &store, &r);
        let hours = &layer["provenance"]["hours"];
        sum += hours["expected_count"].as_f64().unwrap();
        for f in layer["features"].as_array().unwrap() {
            let (count, expected) = (
                &f["properties"]["count"],
                &f["properties"]["expected_count"],
            );
            assert!(expected.as_f64().unwrap() <= count.as_f64().unwrap() + 1e-9);
        }
    }
    let dated = n - left_out;
    println!("{n} selected, {left_out} without an hour, {sum} shared out");
    // Left-out records are counted anywhere, selected ones inside the area; written to 6 decimals.
    assert!(
        sum <= n + 1e-4 && sum >= dated - 1e-4,
        "{sum} of {dated} to {n}"
    );
    assert!(sum > 100.0);
    assert!((sum - sum.round()).abs() < 1e-4, "{sum}");
}
