//! Real clients: GDAL and QGIS on the exported copy and on the running service.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Service, borough, fixtures, have, ok, root, str};

const LAYERS: [&str; 5] = [
    "burglary-hotspots",
    "robbery-hotspots",
    "drugs-enforcement",
    "repeat-locations",
    "burglary-density",
];

/// Debian's Python, which has the bindings of GDAL and QGIS.
const PYTHON: &str = "/usr/bin/python3";

fn with_layers(folder: &Path) -> PathBuf {
    let store = borough(folder);
    for layer in LAYERS {
        let request = fixtures().join(format!("requests/{layer}.json"));
        ok(&["layer", "add", "--store", str(&store), layer, str(&request)]);
    }
    store
}

/// Layer names and feature counts of an `ogrinfo -so` listing.
fn counts(listing: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let mut name = String::new();
    for line in listing.lines() {
        if let Some(n) = line.strip_prefix("Layer name: ") {
            name = n.to_owned();
        } else if let Some(n) = line.strip_prefix("Feature Count: ") {
            counts.insert(name.clone(), n.parse().unwrap());
        }
    }
    counts
}

fn ogrinfo(args: &[&str]) -> String {
    let out = Command::new("ogrinfo").args(args).output().unwrap();
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(
        out.status.success() && !stderr.contains("ERROR"),
        "{args:?}: {stderr}"
    );
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[test]
fn gdal_reads_every_feature_of_every_collection() {
    if !have("ogrinfo", &["--version"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let store = with_layers(dir.path());
    let service = Service::start(&store);
    let source = format!("OAPIF:{}", service.url());
    let listed = counts(&ogrinfo(&["-ro", "-al", "-so", &source]));
    let read = ogrinfo(&["-ro", "-al", &source]);
    assert_eq!(listed.len(), 5 + 2 + 3, "{listed:?}");
    assert_eq!(listed["areas-ward-2024"], 18);
    assert_eq!(listed["sites-pub"], 30);
    let mut sum = 0;
    for layer in LAYERS {
        let request = fixtures().join(format!("requests/{layer}.json"));
        let direct = ok(&["analyse", "--store", str(&store), str(&request)]);
        let expected = direct
            .lines()
            .filter(|l| l.starts_with("{\"type\":\"Feature\""))
            .count() as u64;
        assert_eq!(listed[layer], expected, "{layer}");
        sum += expected;
    }
    sum += listed
        .iter()
        .filter(|(k, _)| !LAYERS.contains(&k.as_str()))
        .map(|(_, n)| n)
        .sum::<u64>();
    assert_eq!(read.matches("OGRFeature(").count() as u64, sum);
}

#[test]
fn the_export_is_a_valid_geopackage_that_gdal_and_qgis_read() {
    let script = root().join("tests/clients/qgis_layers.py");
    if !(have("ogrinfo", &["--version"])
        && have(PYTHON, &["-c", "import osgeo_utils.samples.validate_gpkg"]))
    {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let store = with_layers(dir.path());
    let copy = dir.path().join("copy.gpkg");
    ok(&["export", "--store", str(&store), str(&copy)]);
    let valid = Command::new(PYTHON)
        .args(["-m", "osgeo_utils.samples.validate_gpkg", str(&copy)])
        .output()
        .unwrap();
    assert!(
        valid.status.success(),
        "{}",
        String::from_utf8_lossy(&valid.stdout)
    );
    let tables = counts(&ogrinfo(&["-ro", "-al", "-so", str(&copy)]));
    assert_eq!(tables["incidents"], 24_500);
    assert_eq!(tables["areas"], 21);
    // The live file, too, opens for reading.
    assert_eq!(
        counts(&ogrinfo(&["-ro", "-al", "-so", str(&store)]))["incidents"],
        24_500
    );

    if !have(PYTHON, &["-c", "import qgis.core"]) {
        return;
    }
    let service = Service::start(&store);
    let qgis = Command::new(PYTHON)
        .args([str(&script), str(&copy), &service.url()])
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&qgis.stdout),
        String::from_utf8_lossy(&qgis.stderr),
    );
    assert!(qgis.status.success(), "{stdout}\n{stderr}");
    assert_eq!(
        stdout.lines().filter(|l| l.starts_with("oapif ")).count(),
        10,
        "{stdout}"
    );
    assert!(stdout.contains("oapif burglary-hotspots "), "{stdout}");
    assert!(stdout.contains("gpkg incidents 24500 Point"), "{stdout}");
}

#[test]
fn a_service_stops_when_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let store = borough(dir.path());
    let mut service = Service::start(&store);
    let pid = service.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert!(service.child.wait().unwrap().success());
    // Ended already: dropping must not fail.
    std::mem::forget(service);
}
