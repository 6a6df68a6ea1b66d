//! Running the binary, and finding what the tests need.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn fixtures() -> PathBuf {
    root().join("fixtures")
}

/// A file of the shared data, or a word in plain sight that it is missing.
pub fn shared(file: &str) -> Option<PathBuf> {
    let base =
        std::env::var_os("ISOPLETH_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let path = base.join(file);
    if path.exists() {
        Some(path)
    } else {
        println!("skipped: no shared data ({file})");
        None
    }
}

pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isopleth"));
    command.args(args);
    command
}

pub fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

/// Runs and demands success; standard output.
pub fn ok(args: &[&str]) -> String {
    let out = run(args);
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{args:?}: {stderr}");
    String::from_utf8(out.stdout).unwrap()
}

/// Runs and demands failure; standard error.
pub fn fails(args: &[&str]) -> String {
    let out = run(args);
    assert!(!out.status.success(), "{args:?} should fail");
    String::from_utf8(out.stderr).unwrap()
}

pub fn json(args: &[&str]) -> Value {
    let out = ok(args);
    assert_eq!(out.trim_end().lines().count(), 1, "one line: {out}");
    serde_json::from_str(&out).unwrap()
}

pub fn str(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Whether a program can be run; demanded where clients are required.
pub fn have(program: &str, args: &[&str]) -> bool {
    let found = Command::new(program)
        .args(args)
        .env("QT_QPA_PLATFORM", "offscreen")
        .output();
    let found = found.is_ok_and(|o| o.status.success());
    if !found {
        assert!(
            std::env::var_os("ISOPLETH_REQUIRE_CLIENTS").is_none(),
            "{program} {args:?} is required here and does not run"
        );
        println!("skipped: {program} {args:?} does not run here");
    }
    found
}

/// A store with the synthetic borough, its areas and sites.
pub fn borough(folder: &Path) -> PathBuf {
    let store = folder.join("borough.gpkg");
    let s = str(&store).to_owned();
    let f = fixtures();
    let file = |name: &str| f.join(name).to_str().unwrap().to_owned();
    ok(&["ingest", "--store", &s, &file("police_uk")]);
    ok(&[
        "ingest",
        "--store",
        &s,
        "--mapping",
        &file("force/mapping.toml"),
        &file("force/crimes.csv"),
    ]);
    for kind in ["borough", "ward"] {
        let path = file(&format!("areas/{kind}s.geojson"));
        ok(&[
            "areas",
            "add",
            "--store",
            &s,
            &path,
            "--kind",
            kind,
            "--vintage",
            "2024",
        ]);
    }
    for (class, name) in [
        ("police_station", "police.geojson"),
        ("school", "schools.geojson"),
        ("pub", "pubs.csv"),
    ] {
        ok(&[
            "sites",
            "add",
            "--store",
            &s,
            &file(&format!("sites/{name}")),
            "--class",
            class,
        ]);
    }
    store
}

/// A service over a store on a free port, killed when dropped.
pub struct Service {
    pub child: Child,
    /// Where it listens.
    pub host: String,
}

impl Service {
    pub fn start(store: &Path) -> Self {
        let mut child = command(&["serve", "--store", str(store), "--bind", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let host = line.trim_end().trim_end_matches('/');
        let host = host.rsplit('/').next().unwrap().to_owned();
        assert!(host.starts_with("127.0.0.1:"), "{line}");
        Self { child, host }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.host)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
