//! The shape of the workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// The crates in their line: each may use only those before it.
const LINE: [&str; 5] = [
    "isopleth-core",
    "isopleth-io",
    "isopleth-store",
    "isopleth-api",
    "isopleth",
];

fn metadata() -> Value {
    let out = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    serde_json::from_slice(&out.stdout).unwrap()
}

/// Normal and build dependencies of each member, by name.
fn dependencies(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| {
            let used = p["dependencies"].as_array().unwrap().iter();
            let used = used
                .filter(|d| d["kind"] != "dev")
                .map(|d| text(&d["name"]));
            (text(&p["name"]), used.collect())
        })
        .collect()
}

#[test]
fn each_crate_uses_only_those_before_it() {
    let uses = dependencies(&metadata());
    for (i, name) in LINE.iter().enumerate() {
        for later in &LINE[i..] {
            assert!(!uses[*name].contains(*later), "{name} must not use {later}");
        }
    }
}

#[test]
fn nothing_that_ships_uses_tests_or_benches() {
    let uses = dependencies(&metadata());
    let members: BTreeSet<&str> = uses.keys().map(String::as_str).collect();
    let expected: BTreeSet<&str> = LINE
        .into_iter()
        .chain(["isopleth-tests", "isopleth-benches"])
        .collect();
    assert_eq!(members, expected);
    for name in LINE {
        assert!(!uses[name].contains("isopleth-tests") && !uses[name].contains("isopleth-benches"));
    }
}

#[test]
fn what_a_crate_must_never_do_it_cannot_do() {
    let uses = dependencies(&metadata());
    for (name, forbidden) in [
        (
            "isopleth-core",
            &["rusqlite", "tokio", "axum", "rand", "zip", "csv", "tracing"][..],
        ),
        (
            "isopleth-io",
            &["rusqlite", "tokio", "axum", "rand", "tracing"],
        ),
        ("isopleth-store", &["tokio", "axum", "tower", "rand"]),
        ("isopleth-api", &["rusqlite", "h3o", "rayon"]),
        ("isopleth", &["rusqlite", "axum", "geo", "h3o", "rayon"]),
    ] {
        for f in forbidden {
            assert!(!uses[name].contains(*f), "{name} must not depend on {f}");
        }
    }
}
