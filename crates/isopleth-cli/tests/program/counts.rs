//! Ready-made counts from file to layer by the command line.

use std::path::Path;
use std::process::{Command, Output};

fn isopleth(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_isopleth"))
        .args(words)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    format!("{out}{}", String::from_utf8_lossy(&output.stderr))
}

#[test]
fn counts_are_loaded_listed_and_analysed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let write = |name: &str, text: &str| std::fs::write(at.join(name), text).unwrap();
    write(
        "long.csv",
        "code,name,type,month,n\nW1,One,Burglary,2023-01,4\nW2,Two,Burglary,2023-02,1\n",
    );
    write(
        "map.toml",
        "id = 'made-up'\nsource = 'made up'\narea_kind = 'ward'\n[columns]\narea = 'code'\narea_name = 'name'\nterm = 'type'\nmonth = 'month'\ncount = 'n'\n",
    );
    let add = ["counts", "add", "--store", "s.gpkg", "long.csv"];
    // A header that is not known names the remedy.
    let unknown = isopleth(at, &add);
    assert!(
        !unknown.status.success() && told(&unknown).contains("--mapping"),
        "{}",
        told(&unknown)
    );
    let with: Vec<&str> = add
        .iter()
        .chain(&["--mapping", "map.toml"])
        .copied()
        .collect();
    let stored = isopleth(at, &with);
    assert!(stored.status.success(), "{}", told(&stored));
    assert!(told(&stored).contains("made-up: 2 areas, 1 categories, 2 months; stored"));
    assert!(told(&isopleth(at, &with)).contains("unchanged"));
    // A later file under the same id would wipe the months that it has not.
    write(
        "later.csv",
        "code,name,type,month,n\nW1,One,Witchcraft,2023-02,4\n",
    );
    let later = |more: &[&str]| {
        let words = [
            "counts",
            "add",
            "--store",
            "s.gpkg",
            "later.csv",
            "--mapping",
            "map.toml",
        ];
        isopleth(at, &[&words, more].concat())
    };
    let refused = later(&[]);
    let words = told(&refused);
    assert!(!refused.status.success(), "{words}");
    assert!(
        words.contains("2023-01 to 2023-01") && words.contains("--replace"),
        "{words}"
    );
    let beside = told(&later(&["--id", "later"]));
    assert!(beside.contains("later: 1 areas"), "{beside}");
    assert!(
        beside.contains("1 categories with 4 incidents are unknown")
            && beside.contains("Witchcraft"),
        "{beside}"
    );
    assert!(told(&later(&["--id", "later", "--replace"])).contains("unchanged"));
    let list = told(&isopleth(at, &["counts", "list", "--store", "s.gpkg"]));
    assert!(
        list.contains("made-up") && list.contains("2023-01 to 2023-02"),
        "{list}"
    );
    write(
        "audit.json",
        r#"{"select": {"groups": ["burglary"]}, "method": {"name": "area_audit", "counts": "made-up"}}"#,
    );
    // Areas without a boundary go into every format.
    for (file, features) in [("a.geojson", 5), ("a.csv", 5), ("a.gpkg", 5)] {
        let done = isopleth(
            at,
            &["analyse", "--store", "s.gpkg", "audit.json", "-o", file],
        );
        assert!(done.status.success(), "{}", told(&done));
        assert!(
            told(&done).contains(&format!("{features} features")),
            "{}",
            told(&done)
        );
    }
    write(
        "bad.csv",
        "code,name,type,month,n\nW1,One,Burglary,2023-01,-4\n",
    );
    let bad = isopleth(
        at,
        &[
            "counts",
            "add",
            "--store",
            "s.gpkg",
            "bad.csv",
            "--mapping",
            "map.toml",
        ],
    );
    let words = told(&bad);
    assert!(
        words.contains("bad.csv: line 2, column `n`: `-4` is negative"),
        "{words}"
    );
}
