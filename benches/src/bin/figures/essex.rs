//! The archive of Essex 2025 into a store, beside `ogr2ogr`.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
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
    let files = unpack(&archive, folder.path())?;
    let ogr2ogr = Command::new("ogr2ogr").arg("--version").output().ok();
    let ogr2ogr = ogr2ogr.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());

    // In turn, so that a busy machine slows both.
    let mut fresh = Runs::default();
    let mut theirs = IMPORTS.map(|_| Runs::default());
    let mut done = Ingested::default();
    for _ in 0..5 {
        remove(&store);
        let (seconds, result) = clock::cpu(|| ingest(&store, &paths, &Options::default()));
        fresh.0.push(seconds);
        done = result?;
        for (import, runs) in IMPORTS.iter().zip(&mut theirs) {
            if ogr2ogr.is_some() && report.wants(import.name) {
                runs.0
                    .push(import.run(&files, &folder.path().join("ogr.gpkg"))?);
            }
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
        Some(version) => {
            for (import, runs) in IMPORTS.iter().zip(theirs) {
                if runs.0.is_empty() {
                    continue;
                }
                report.add(Figure {
                    name: import.name,
                    what: format!(
                        "the same rows, unpacked beforehand for ogr2ogr: {}",
                        import.what
                    ),
                    unit: "CPU s",
                    ours: fresh.median(),
                    peer: Some((version.clone(), runs.median())),
                    target: import.target,
                    runs: fresh.clone(),
                    ..Figure::default()
                });
            }
        }
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

/// The files of the archive, one a month; then one with the rows of all, under one header.
fn unpack(archive: &Path, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut zip = zip::ZipArchive::new(File::open(archive)?)?;
    let together = folder.join("together.csv");
    let mut all = BufWriter::new(File::create(&together)?);
    let mut files = Vec::new();
    for i in 0..zip.len() {
        let mut text = Vec::new();
        zip.by_index(i)?.read_to_end(&mut text)?;
        let file = folder.join(format!("month-{i:02}.csv"));
        fs::write(&file, &text)?;
        files.push(file);
        let header = text
            .iter()
            .position(|&b| b == b'\n')
            .map_or(0, |end| end + 1);
        all.write_all(&text[if i == 0 { 0 } else { header }..])?;
    }
    all.flush()?;
    files.push(together);
    Ok(files)
}

/// A way of importing the rows with ogr2ogr.
struct Import {
    name: &'static str,
    what: &'static str,
    /// All rows from one file, rather than month by month.
    together: bool,
    /// Options for the layer.
    layer: &'static [&'static str],
    target: Option<Target>,
}

const IMPORTS: [Import; 3] = [
    Import {
        name: "essex.ogr2ogr",
        what: "the 12 files, each appended, with its R-tree",
        together: false,
        layer: &[],
        target: Some(Target::RatioAtLeast(5.0)),
    },
    Import {
        name: "essex.ogr2ogr_together",
        what: "all rows joined in one file, with its R-tree made at the end",
        together: true,
        layer: &[],
        target: Some(Target::RatioAtLeast(5.0)),
    },
    Import {
        name: "essex.ogr2ogr_bare",
        what: "all rows joined in one file, without an R-tree",
        together: true,
        layer: &["-lco", "SPATIAL_INDEX=NO"],
        target: None,
    },
];

impl Import {
    /// CPU seconds of importing into a new GeoPackage.
    fn run(&self, files: &[PathBuf], out: &Path) -> Result<f64, Failure> {
        remove(out);
        let (together, months) = files.split_last().ok_or("an empty archive")?;
        let files = if self.together {
            std::slice::from_ref(together)
        } else {
            months
        };
        let before = clock::children();
        for (i, file) in files.iter().enumerate() {
            let status = Command::new("ogr2ogr")
                .args(if i == 0 { self.layer } else { &["-append"] })
                .args(["-f", "GPKG", "-a_srs", "EPSG:4326", "-nln", "incidents"])
                .args([
                    "-oo",
                    "X_POSSIBLE_NAMES=Longitude",
                    "-oo",
                    "Y_POSSIBLE_NAMES=Latitude",
                ])
                .args([out, file])
                .stdout(Stdio::null())
                .status()?;
            if !status.success() {
                return Err(format!("ogr2ogr: {status}").into());
            }
        }
        Ok((clock::children() - before).as_secs_f64())
    }
}
