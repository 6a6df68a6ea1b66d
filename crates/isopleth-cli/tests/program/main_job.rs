//! The main job by command line, on the synthetic borough and on real data.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::{borough, fails, fixtures, json, ok, root, shared, str};
use geo::{Geometry, Intersects, Point};
use serde_json::Value;

const KEYS: [&str; 9] = [
    "read",
    "stored",
    "updated",
    "unchanged",
    "without_location",
    "rejected",
    "files",
    "columns_left_behind",
    "seconds",
];

fn features(text: &str) -> Vec<(BTreeMap<String, Value>, Geometry)> {
    let collection: geojson::FeatureCollection = text.parse().unwrap();
    collection
        .features
        .into_iter()
        .map(|f| {
            let properties = f.properties.unwrap().into_iter().collect();
            (properties, Geometry::try_from(f.geometry.unwrap()).unwrap())
        })
        .collect()
}

#[test]
fn demo_ranks_the_planted_clusters() {
    let out = ok(&["demo", "--once"]);
    let table: Vec<&str> = out
        .split("Burglary hotspots")
        .nth(1)
        .unwrap()
        .lines()
        .skip(2)
        .take(5)
        .collect();
    let ranks: Vec<&str> = table
        .iter()
        .map(|l| l.split_whitespace().next().unwrap())
        .collect();
    assert_eq!(ranks, ["1", "2", "3", "4", "5"], "{out}");
    for planted in [150, 120, 95, 72, 52] {
        assert!(out.contains(&format!(" {planted} ")), "{planted}:\n{out}");
    }
}

#[test]
fn the_summary_has_its_keys_and_adds_up_and_a_second_ingest_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("s.gpkg");
    let folder = fixtures().join("police_uk");
    let args = ["ingest", "--json", "--store", str(&store), str(&folder)];
    let dry = json(&[&args[..], &["--dry-run"]].concat());
    assert!(!store.exists(), "a dry run leaves nothing");
    let first = json(&args);
    let keys: Vec<&String> = first.as_object().unwrap().keys().collect();
    assert_eq!(keys, KEYS);
    let n = |v: &Value, k: &str| v[k].as_u64().unwrap();
    assert_eq!(n(&dry, "stored"), n(&first, "stored"));
    assert_eq!(
        (n(&first, "read"), n(&first, "stored"), n(&first, "files")),
        (20_000, 20_000, 24)
    );
    assert_eq!(n(&first, "without_location"), 300);
    let second = json(&args);
    assert_eq!(
        (
            n(&second, "unchanged"),
            n(&second, "stored"),
            n(&second, "updated")
        ),
        (20_000, 0, 0)
    );

    // A corrected outcome updates one row.
    let month =
        std::fs::read_to_string(folder.join("2023-03/2023-03-wexbourne-street.csv")).unwrap();
    let line = month.lines().find(|l| l.contains("Burglary")).unwrap();
    let mut fields: Vec<&str> = line.split(',').collect();
    fields[10] = "Offender sent to prison";
    let corrected = dir.path().join("2023-03-wexbourne-street.csv");
    std::fs::write(&corrected, month.replacen(line, &fields.join(","), 1)).unwrap();
    let third = json(&["ingest", "--json", "--store", str(&store), str(&corrected)]);
    assert_eq!((n(&third, "updated"), n(&third, "stored")), (1, 0));
}

#[test]
fn rejected_rows_are_counted_and_written() {
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("2023-01-odd-street.csv");
    std::fs::write(&csv, "\
Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Crime type,Last outcome category,Context
a,2023-01,X,X,0.1,51.5,On or near A,E1,N,Burglary,,
b,2023-01,X,X,0,0,On or near A,E1,N,Burglary,,
c,2023-01,X,X,51.5,0.1,On or near A,E1,N,Burglary,,
d,2023-13,X,X,0.1,51.5,On or near A,E1,N,Burglary,,
e,2023-01,X,X,,,No Location,,,Burglary,,
").unwrap();
    let (store, rejects) = (dir.path().join("s.gpkg"), dir.path().join("rejects.csv"));
    let summary = json(&[
        "ingest",
        "--json",
        "--store",
        str(&store),
        str(&csv),
        "--rejects",
        str(&rejects),
    ]);
    assert_eq!(summary["read"], 5);
    assert_eq!(summary["stored"], 2);
    assert_eq!(summary["without_location"], 1);
    let reasons: Vec<(&String, u64)> = summary["rejected"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(k, v)| (k, v.as_u64().unwrap()))
        .collect();
    assert_eq!(reasons.iter().map(|r| r.1).sum::<u64>(), 3, "{reasons:?}");
    assert_eq!(reasons.len(), 3);
    assert_eq!(
        std::fs::read_to_string(&rejects).unwrap().lines().count(),
        4
    );
}

#[test]
fn a_rejects_file_cannot_take_the_place_of_the_store_or_an_input() {
    let dir = tempfile::tempdir().unwrap();
    let (store, input) = (
        dir.path().join("s.gpkg"),
        dir.path().join("2023-01-x-street.csv"),
    );
    std::fs::copy(
        fixtures().join("police_uk/2023-01/2023-01-wexbourne-street.csv"),
        &input,
    )
    .unwrap();
    ok(&["ingest", "--store", str(&store), str(&input)]);
    let bytes = (
        std::fs::read(&store).unwrap(),
        std::fs::read(&input).unwrap(),
    );
    for taken in [&store, &input] {
        let error = fails(&[
            "ingest",
            "--store",
            str(&store),
            "--rejects",
            str(taken),
            str(&input),
        ]);
        assert!(error.contains("name another file"), "{error}");
    }
    assert_eq!(
        bytes,
        (
            std::fs::read(&store).unwrap(),
            std::fs::read(&input).unwrap()
        )
    );
    // A failure leaves an earlier rejects file as it was.
    let rejects = dir.path().join("rejects.csv");
    std::fs::write(&rejects, "kept").unwrap();
    fails(&[
        "ingest",
        "--store",
        str(&store),
        "--rejects",
        str(&rejects),
        "nowhere.csv",
    ]);
    assert_eq!(std::fs::read_to_string(&rejects).unwrap(), "kept");
}

#[test]
fn a_dry_run_tells_what_would_happen_across_files() {
    let dir = tempfile::tempdir().unwrap();
    let (store, twice) = (dir.path().join("s.gpkg"), dir.path().join("again"));
    let month = fixtures().join("police_uk/2023-01/2023-01-wexbourne-street.csv");
    std::fs::create_dir(&twice).unwrap();
    std::fs::copy(&month, twice.join("2023-01-wexbourne-street.csv")).unwrap();
    let args = [
        "ingest",
        "--json",
        "--store",
        str(&store),
        str(&month),
        str(&twice),
    ];
    let dry = json(&[&args[..], &["--dry-run"]].concat());
    assert!(!store.exists());
    let real = json(&args);
    for key in ["read", "stored", "updated", "unchanged"] {
        assert_eq!(dry[key], real[key], "{key}");
    }
    assert_eq!(real["stored"], real["unchanged"]);
}

#[test]
fn nonsense_gets_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let d = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(d("notes.txt"), "hello").unwrap();
    std::fs::write(d("empty.csv"), "").unwrap();
    std::fs::write(d("broken.zip"), b"PK\x03\x04 and then nothing").unwrap();
    std::fs::write(d("bad.json"), r#"{"method": {"name": "magic"}}"#).unwrap();
    let store = d("s.gpkg");
    for file in ["notes.txt", "empty.csv", "broken.zip", "missing.csv"] {
        let error = fails(&["ingest", "--store", &store, &d(file)]);
        assert!(error.contains(file), "{error}");
        assert!(!error.contains("panicked"), "{error}");
    }
    assert!(fails(&["analyse", "--store", &d("none.gpkg"), &d("bad.json")]).contains("magic"));
    let request = str(&fixtures().join("requests/burglary-hotspots.json")).to_owned();
    assert!(fails(&["analyse", "--store", &d("none.gpkg"), &request]).contains("none.gpkg"));
    assert!(fails(&["export", "--store", &d("notes.txt"), &d("o.gpkg")]).contains("notes.txt"));
}

#[test]
fn no_value_about_a_person_enters_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = borough(dir.path());
    let force = std::fs::read_to_string(fixtures().join("force/crimes.csv")).unwrap();
    // Names and ethnicities begin alike; of the dates of birth a sample will do.
    let births = force
        .lines()
        .skip(1)
        .filter_map(|l| l.rsplit(',').nth(1))
        .filter(|v| v.len() == 10);
    let births: std::collections::BTreeSet<&str> = births.step_by(40).collect();
    assert!(
        births.len() > 30 && force.contains("Example Person") && force.contains("Ethnicity code")
    );
    let persons: Vec<&str> = births
        .into_iter()
        .chain(["Example Person", "Ethnicity code"])
        .collect();
    assert_none_inside(dir.path(), &store, &persons);
}

/// None of the values in the store's file or in the files beside it.
fn assert_none_inside(folder: &Path, store: &Path, values: &[&str]) {
    let name = store.file_name().unwrap().to_str().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with(name)
        {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            for v in values {
                assert!(!text.contains(v), "{v:?} is in {}", path.display());
            }
        }
    }
}

#[test]
fn stop_and_search_goes_in_without_the_person() {
    let Some(archive) = shared("data/police_uk_city_of_london_2018-2020.zip") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("s.gpkg");
    let summary = json(&["ingest", "--json", "--store", str(&store), str(&archive)]);
    let read = summary["read"].as_u64().unwrap();
    assert!(read > 22_111, "street and stop and search: {read}");
    assert_eq!(summary["stored"], summary["read"]);
    let left: Vec<&str> = summary["columns_left_behind"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c.as_str().unwrap())
        .collect();
    for column in [
        "Gender",
        "Age range",
        "Self-defined ethnicity",
        "Officer-defined ethnicity",
    ] {
        assert!(left.contains(&column), "{left:?}");
    }
    assert_none_inside(
        dir.path(),
        &store,
        &[
            "over 34",
            "under 10",
            "Female",
            "Black/African/Caribbean/Black British - African",
            "White - English/Welsh/Scottish/Northern Irish/British",
            "Other ethnic group - Not stated",
        ],
    );
    let again = json(&["ingest", "--json", "--store", str(&store), str(&archive)]);
    assert_eq!(again["unchanged"], summary["read"]);
}

#[test]
fn essex_goes_in_whole_and_only_once() {
    let Some(archive) = shared("data/police_uk_essex_2025.zip") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("essex.gpkg");
    let args = ["ingest", "--json", "--store", str(&store), str(&archive)];
    let first = json(&args);
    let rejected: u64 = first["rejected"]
        .as_object()
        .unwrap()
        .values()
        .map(|v| v.as_u64().unwrap())
        .sum();
    assert_eq!(first["read"], 158_217);
    assert_eq!(first["stored"].as_u64().unwrap() + rejected, 158_217);
    let second = json(&args);
    assert_eq!(second["unchanged"], first["stored"]);
    assert_eq!(
        (&second["stored"], &second["updated"]),
        (&0.into(), &0.into())
    );
}

/// Havering's burglaries of 2022 as (longitude, latitude), read with nothing of the program.
fn havering_burglaries(path: &Path) -> Vec<Point> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .skip(1)
        .map(|l| l.split(',').collect::<Vec<_>>())
        .filter(|f| f[2] == "burglary")
        .map(|f| Point::new(f[4].parse().unwrap(), f[5].parse().unwrap()))
        .collect()
}

#[test]
fn havering_burglary_counts_are_those_of_plain_geometry() {
    let (Some(csv), Some(boroughs)) = (
        shared("data/havering_2022.csv"),
        shared("data/areas/london_boroughs.geojson"),
    ) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("h.gpkg");
    let mapping = root().join("examples/mappings/havering-2022.toml");
    let summary = json(&[
        "ingest",
        "--json",
        "--store",
        str(&store),
        "--mapping",
        str(&mapping),
        str(&csv),
    ]);
    assert_eq!(summary["stored"], 19_035);
    ok(&[
        "areas",
        "add",
        "--store",
        str(&store),
        str(&boroughs),
        "--kind",
        "borough",
        "--vintage",
        "2022",
        "--id-field",
        "gss_code",
        "--name-field",
        "name",
    ]);
    let request = root().join("examples/requests/havering-burglary-2022.json");
    let text = ok(&["analyse", "--store", str(&store), str(&request)]);
    assert_eq!(
        text,
        ok(&["analyse", "--store", str(&store), str(&request)]),
        "byte for byte"
    );

    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["provenance"]["records"]["selected"], 1077);
    let points = havering_burglaries(&csv);
    assert_eq!(points.len(), 1077);
    let found = features(&text);
    assert!((3..=20).contains(&found.len()), "{}", found.len());
    let mut last = u64::MAX;
    for (i, (properties, outline)) in found.iter().enumerate() {
        let inside = points.iter().filter(|p| outline.intersects(*p)).count() as u64;
        assert_eq!(
            properties["count"].as_u64(),
            Some(inside),
            "{}",
            properties["name"]
        );
        assert_eq!(properties["rank"].as_u64(), Some(i as u64 + 1));
        assert!(inside <= last && inside >= 10);
        last = inside;
    }
}

#[test]
fn layers_are_written_in_every_format_and_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let store = borough(dir.path());
    let request = fixtures().join("requests/burglary-hotspots.json");
    let out = |name: &str| dir.path().join(name);
    for name in ["a.geojson", "a.csv", "a.gpkg"] {
        ok(&[
            "analyse",
            "--store",
            str(&store),
            str(&request),
            "-o",
            str(&out(name)),
        ]);
    }
    let geojson = features(&std::fs::read_to_string(out("a.geojson")).unwrap());
    let csv = std::fs::read_to_string(out("a.csv")).unwrap();
    assert_eq!(csv.lines().count(), geojson.len() + 1);
    let metadata: Value =
        serde_json::from_str(&std::fs::read_to_string(out("a.csv-metadata.json")).unwrap())
            .unwrap();
    assert_eq!(
        metadata["notes"][0]["provenance"]["request"]["marking"],
        "OFFICIAL"
    );
    for (properties, outline) in &geojson {
        assert_eq!(properties["marking"], "OFFICIAL");
        let Geometry::Polygon(p) = outline else {
            panic!("{outline:?}")
        };
        use geo::winding_order::Winding;
        assert!(p.exterior().is_ccw());
    }
    assert!(
        fails(&[
            "analyse",
            "--store",
            str(&store),
            str(&request),
            "-o",
            str(&out("a.xls"))
        ])
        .contains(".geojson")
    );
}

#[test]
fn the_planted_truths_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = borough(dir.path());
    let analyse = |name: &str| {
        features(&ok(&[
            "analyse",
            "--store",
            str(&store),
            str(&fixtures().join(format!("requests/{name}.json"))),
        ]))
    };
    // Five clusters in their order.
    let counts: Vec<u64> = analyse("burglary-hotspots")
        .iter()
        .take(5)
        .map(|f| f.0["count"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [150, 120, 95, 72, 52]);
    // The cluster across the border is one hotspot of the records inside, with data beyond it.
    let robbery = analyse("robbery-hotspots");
    let border = &robbery
        .iter()
        .find(|f| f.0["count"] == 35)
        .expect("the border cluster")
        .0;
    assert_eq!(border["edge_effect"], false);
    assert_eq!(border["cut_at_boundary"], true);
    // What police found tops the enforcement layer, and is titled as such.
    let drugs = analyse("drugs-enforcement");
    assert!(
        drugs[0].0["caveats"]
            .as_str()
            .unwrap()
            .contains("where police looked")
    );
    let stack = drugs[0].0["caveats"].as_str().unwrap();
    assert!(
        stack.contains("placed at Wexbourne Police Station"),
        "{stack}"
    );
    // Repeat premises: 24 records over 24 months come before 10 over 10 and 40 within a week.
    let repeats = analyse("repeat-locations");
    let first: Vec<u64> = repeats
        .iter()
        .take(2)
        .map(|f| f.0["count"].as_u64().unwrap())
        .collect();
    assert_eq!(first, [24, 10]);
    let by_count = dir.path().join("by-count.json");
    std::fs::write(&by_count, r#"{"select": {"record_sources": ["101 call", "999 call", "Crime report", "Council ASB report"]},
        "method": {"name": "repeat_locations", "max": 5}}"#).unwrap();
    let top = features(&ok(&["analyse", "--store", str(&store), str(&by_count)]));
    assert!(
        top.iter()
            .any(|f| f.0["count"] == 40 && f.0["distinct_days"] == 7),
        "{top:?}"
    );
}

#[test]
fn layers_areas_sites_and_policy_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = borough(dir.path());
    let s = str(&store);
    let request = fixtures().join("requests/burglary-hotspots.json");
    ok(&["layer", "add", "--store", s, "burglary", str(&request)]);
    assert!(ok(&["layer", "list", "--store", s]).contains("kernel_density"));
    let shown: Value =
        serde_json::from_str(&ok(&["layer", "show", "--store", s, "burglary"])).unwrap();
    assert_eq!(shown["select"]["area"]["codes"][0], "E09900001");
    assert_eq!(shown["select"]["area"]["vintage"], "2024", "pinned");
    assert!(fails(&["layer", "add", "--store", s, "Bad Name", str(&request)]).contains("Bad Name"));
    ok(&["layer", "remove", "--store", s, "burglary"]);
    assert!(fails(&["layer", "show", "--store", s, "burglary"]).contains("burglary"));
    assert!(ok(&["areas", "list", "--store", s]).contains("ward"));
    assert!(ok(&["sites", "list", "--store", s]).contains("pub"));
    assert!(ok(&["policy", "show", "--store", s]).contains("burglary"));
}

#[test]
fn streets_are_loaded_and_incidents_spread_along_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = borough(dir.path());
    let s = str(&store);
    let request = dir.path().join("along.json");
    std::fs::write(
        &request,
        r#"{"select": {"area": "E09900001", "groups": ["burglary"]},
            "method": {"name": "network_density", "snap_m": 1000}}"#,
    )
    .unwrap();
    let refused = fails(&["analyse", "--store", s, str(&request)]);
    assert!(refused.contains("isopleth streets add"), "{refused}");
    // A lattice of lines over the borough; they meet at their vertices.
    let at = |i: u32, j: u32| {
        let (lon, lat) = (0.16 + f64::from(i) * 0.01, 51.5 + f64::from(j) * 0.006);
        format!("[{lon:.3},{lat:.3}]")
    };
    let line = |id: String, points: Vec<String>| {
        format!(
            r#"{{"type":"Feature","properties":{{"id":"{id}","name":"{id} Road"}},"geometry":{{"type":"LineString","coordinates":[{}]}}}}"#,
            points.join(",")
        )
    };
    let across = (0..9).map(|j| line(format!("A{j}"), (0..9).map(|i| at(i, j)).collect()));
    let up = (0..9).map(|i| line(format!("U{i}"), (0..9).map(|j| at(i, j)).collect()));
    let streets = dir.path().join("streets.geojson");
    let features: Vec<String> = across.chain(up).collect();
    std::fs::write(
        &streets,
        format!(
            r#"{{"type":"FeatureCollection","features":[{}]}}"#,
            features.join(",")
        ),
    )
    .unwrap();
    let add = [
        "streets",
        "add",
        "--store",
        s,
        str(&streets),
        "--vintage",
        "2024",
    ];
    assert!(ok(&add).contains("18 stored"));
    assert!(ok(&add).contains("18 unchanged"));
    assert!(ok(&["streets", "list", "--store", s]).contains("2024"));
    let found: Value =
        serde_json::from_str(&ok(&["analyse", "--store", s, str(&request)])).unwrap();
    let list = found["features"].as_array().unwrap();
    let of = |f: &Value, name: &str| f["properties"][name].as_u64().unwrap();
    assert!(list.len() > 100);
    assert_eq!(list[0]["geometry"]["type"], "LineString");
    assert!(list[0]["properties"]["density_per_km"].as_f64().unwrap() > 0.0);
    let resolved = &found["provenance"]["resolved"];
    let counted: u64 = list.iter().map(|f| of(f, "count")).sum();
    assert_eq!(counted, resolved["incidents_on_streets"].as_u64().unwrap());
    let far = resolved["left_out_too_far"].as_u64().unwrap();
    let selected = found["provenance"]["records"]["selected"].as_u64().unwrap();
    assert_eq!(counted + far, selected);
    assert_eq!(resolved["network_segments"], 2 * 9 * 8 - 4);

    ok(&["layer", "add", "--store", s, "along-streets", str(&request)]);
    let shown: Value =
        serde_json::from_str(&ok(&["layer", "show", "--store", s, "along-streets"])).unwrap();
    assert_eq!(shown["method"]["vintage"], "2024", "pinned");
    for ending in ["csv", "gpkg"] {
        let out = dir.path().join(format!("along.{ending}"));
        ok(&["analyse", "--store", s, str(&request), "-o", str(&out)]);
        assert!(out.exists());
    }
    let table = std::fs::read_to_string(dir.path().join("along.csv")).unwrap();
    assert!(table.contains("LINESTRING ("));
}
