//! The archive of Essex 2025 into a store, beside `ogr2ogr`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use isopleth_benches::clock::{self, Runs};
use isopleth_benches::load::{Failure, Ingested, ingest};
use isopleth_io::ingest::Options;
use isopleth_tests::oracle::shared;

use crate::figure::{Figure, Report, Target};

const ARCHIVE: &str = "data/police_uk_essex_2025.zip";

pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    let Some(archive) = shared(ARCHIVE) else {
        report.skip("essex", "no shared data (set ISOPLETH_SHARED)");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("essex.gpkg");
    let paths = [archive.clone()];
    let csv = folder.path().join("essex.csv");
    unpack(&archive, &csv)?;
    let ogr2ogr = Command::new("ogr2ogr").arg("--version").output().ok();
    let ogr2ogr = ogr2ogr.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());

    // In turn, so that a busy machine slows both.
    let (mut fresh, mut indexed, mut plain) = (Runs::default(), Runs::default(), Runs::default());
    let mut done = Ingested::default();
    for _ in 0..5 {
        remove(&store);
        let (seconds, result) = clock::cpu(|| ingest(&store, &paths, &Options::default()));
        (done, _) = (result?, fresh.0.push(seconds));
        if ogr2ogr.is_some() && report.wants("essex.ogr2ogr") {
            indexed
                .0
                .push(import(&csv, &folder.path().join("ogr.gpkg"), &[])?);
            let without = ["-lco", "SPATIAL_INDEX=NO"];
            plain
                .0
                .push(import(&csv, &folder.path().join("ogr.gpkg"), &without)?);
        }
    }
    let bytes = fs::metadata(&store)?.len();
    let log = fs::metadata(store.with_extension("gpkg-wal")).map_or(0, |m| m.len());
    let again = Runs::five(|| ingest(&store, &paths, &Options::default()));
    let second = ingest(&store, &paths, &Options::default())?;

    let rows = done.read as f64;
    let stored = done.tally.stored as f64;
    let what = format!(
        "{} rows read, {} stored, {} rejected",
        done.read, done.tally.stored, done.rejected
    );
    report.add(Figure {
        name: "essex.ingest",
        what: "12 files of the zip into a fresh store, and its log folded in".into(),
        unit: "rows/CPU s",
        ours: rows / fresh.median(),
        agreement: what,
        target: Some(Target::AtLeast(200_000.0)),
        runs: fresh.clone(),
        ..Figure::default()
    });
    report.add(Figure {
        name: "essex.row",
        what: "the same, a row".into(),
        unit: "CPU µs",
        ours: fresh.median() * 1e6 / rows,
        target: Some(Target::AtMost(5.0)),
        runs: fresh.clone(),
        ..Figure::default()
    });
    match ogr2ogr {
        None => report.skip("essex.ogr2ogr", "no ogr2ogr on the path (Debian: gdal-bin)"),
        Some(version) if report.wants("essex.ogr2ogr") => {
            for (name, index, theirs) in [
                (
                    "essex.ogr2ogr",
                    "with its R-tree, as it does by default",
                    indexed,
                ),
                ("essex.ogr2ogr_plain", "without an R-tree", plain),
            ] {
                report.add(Figure {
                    name,
                    what: format!("the same rows, unpacked and in one file for ogr2ogr; {index}"),
                    unit: "CPU s",
                    ours: fresh.median(),
                    peer: Some((version.clone(), theirs.median())),
                    agreement: String::new(),
                    target: Some(Target::RatioAtLeast(5.0)),
                    runs: fresh.clone(),
                });
            }
        }
        Some(_) => {}
    }
    report.add(Figure {
        name: "essex.again",
        what: "the same files a second time".into(),
        unit: "CPU µs/row",
        ours: again.median() * 1e6 / rows,
        agreement: format!(
            "{} unchanged, {} changed",
            second.tally.unchanged,
            second.tally.stored + second.tally.updated
        ),
        runs: again,
        ..Figure::default()
    });
    report.add(Figure {
        name: "essex.store",
        what: "the store, closed".into(),
        unit: "bytes/incident",
        ours: (bytes + log) as f64 / stored,
        agreement: format!("{bytes} bytes, log {log} bytes"),
        target: Some(Target::AtMost(200.0)),
        ..Figure::default()
    });
    Ok(())
}

fn remove(store: &Path) {
    for end in ["gpkg", "gpkg-wal", "gpkg-shm"] {
        // There may be none.
        let _ = fs::remove_file(store.with_extension(end));
    }
}

/// The rows of all files of the archive, under one header.
fn unpack(archive: &Path, csv: &Path) -> Result<(), Failure> {
    let mut zip = zip::ZipArchive::new(File::open(archive)?)?;
    let mut out = BufWriter::new(File::create(csv)?);
    for i in 0..zip.len() {
        let entry = zip.by_index(i)?;
        let mut lines = BufReader::new(entry);
        let mut header = String::new();
        lines.read_line(&mut header)?;
        if i == 0 {
            out.write_all(header.as_bytes())?;
        }
        std::io::copy(&mut lines, &mut out)?;
    }
    Ok(out.flush()?)
}

/// CPU seconds of ogr2ogr for a file into a new GeoPackage.
fn import(csv: &Path, out: &PathBuf, more: &[&str]) -> Result<f64, Failure> {
    remove(out);
    let before = clock::children();
    let status = Command::new("ogr2ogr")
        .args(["-f", "GPKG", "-a_srs", "EPSG:4326", "-nln", "incidents"])
        .args([
            "-oo",
            "X_POSSIBLE_NAMES=Longitude",
            "-oo",
            "Y_POSSIBLE_NAMES=Latitude",
        ])
        .args(more)
        .args([out, &csv.to_path_buf()])
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(format!("ogr2ogr: {status}").into());
    }
    Ok((clock::children() - before).as_secs_f64())
}
