//! Clusters of the peers' points: beside PyPI's `dbscan`, at all sizes, and on a second thread.

use std::process::{Command, Stdio};

use isopleth_benches::clock::{Runs, own, own_thread};
use isopleth_benches::load::Failure;
use isopleth_core::methods::dbscan::{Labels, NOISE, cluster};
use isopleth_tests::oracle::{how_to_make_points, peer_data, peer_points};
use serde_json::{Value, json};

use crate::figure::{Figure, Report, Target};

/// The command that prints how much memory a clustering takes.
pub(crate) const MEMORY: &str = "--dbscan-memory-of";

const RADIUS_M: f64 = 50.0;
const MIN_COUNT: u32 = 10;

/// Figure, points, and the ratio to reach.
const CASES: [(&str, usize, Option<f64>); 4] = [
    ("peers.dbscan_10k", 10_000, None),
    ("peers.dbscan_100k", 100_000, None),
    ("peers.dbscan", 1_000_000, Some(4.0)),
    ("peers.dbscan_10m", 10_000_000, None),
];

/// Figure, and points of the second thread's.
const TWO_THREADS: (&str, usize) = ("peers.dbscan_two_threads", 1_000_000);

const PEER: &str = r#"
import json, resource, sys, time
import numpy as np
from dbscan import DBSCAN
xy = np.load(sys.argv[1])
rss = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before, cpu = rss(), []
for _ in range(5):
    start = time.process_time()
    label, core = DBSCAN(xy, eps=float(sys.argv[2]), min_samples=int(sys.argv[3]))
    cpu.append(time.process_time() - start)
print(json.dumps({"cpu": sorted(cpu)[2], "growth": rss() - before,
    "clusters": int(label.max() + 1), "cores": int(np.sum(core)), "noise": int((label < 0).sum())}))
"#;

pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    for (name, points, least) in CASES {
        if report.wants(name) {
            beside_the_peer(report, name, points, least)?;
        }
    }
    let (name, points) = TWO_THREADS;
    if report.wants(name) {
        two_threads(report, name, points)?;
    }
    Ok(())
}

fn find(points: &[[f64; 2]], weights: &[u32]) -> Result<Labels, Failure> {
    Ok(cluster(points, weights, RADIUS_M, MIN_COUNT)?)
}

/// Clusters, cores and noise.
fn counts(found: &Labels) -> (u64, u64, u64) {
    let cores = found.core.iter().filter(|c| **c).count();
    let noise = found.label.iter().filter(|l| **l == NOISE).count();
    (found.clusters.into(), cores as u64, noise as u64)
}

fn beside_the_peer(
    report: &mut Report,
    name: &'static str,
    n: usize,
    least: Option<f64>,
) -> Result<(), Failure> {
    let Some(points) = peer_points(n) else {
        let why = format!(
            "no points of the peers' generator; {}",
            how_to_make_points(n)
        );
        report.skip(name, &why);
        return Ok(());
    };
    let weights = vec![1; n];
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let mut found = Ok(Labels::default());
    let runs = one.install(|| Runs::five(|| found = find(&points, &weights)));
    let ours = counts(&found?);
    let memory = grown(n)?;
    let mut agreement = format!(
        "{} clusters, {} cores, {} noise; memory {:.0} MB beyond the points",
        ours.0,
        ours.1,
        ours.2,
        memory / 1e6
    );
    let mut figure = Figure {
        name,
        what: format!("DBSCAN of {n} points, {RADIUS_M} m, {MIN_COUNT}, one thread"),
        unit: "CPU s",
        ours: runs.median(),
        runs,
        ..Figure::default()
    };
    match peer(n) {
        Ok(theirs) => {
            let count = |what: &str| theirs[what].as_u64().unwrap_or_default();
            let same = ours == (count("clusters"), count("cores"), count("noise"));
            let growth = theirs["growth"].as_f64().unwrap_or(f64::NAN);
            agreement.push_str(&format!(
                ", theirs {:.0} MB; {}",
                growth / 1e6,
                if same {
                    "the same counts"
                } else {
                    "OTHER COUNTS"
                }
            ));
            let seconds = theirs["cpu"].as_f64().unwrap_or(f64::NAN);
            figure.peer = Some(("dbscan 1.0.0 of PyPI, median of five".to_owned(), seconds));
            figure.target = least.map(Target::RatioAtLeast);
        }
        Err(why) => report.skip("dbscan of PyPI", &why),
    }
    figure.agreement = agreement;
    report.add(figure);
    Ok(())
}

/// What a second thread may save, told by CPU time: where others use the machine, two threads have to
/// take turns, and wall time says nothing. All of one thread's time over that of the busier of two is
/// the most that two idle cores could gain: waiting for each other is not in it.
fn two_threads(report: &mut Report, name: &'static str, n: usize) -> Result<(), Failure> {
    let Some(points) = peer_points(n) else {
        report.skip(name, &how_to_make_points(n));
        return Ok(());
    };
    let weights = vec![1; n];
    let (mut ratios, mut alone, mut both) = (Vec::new(), Vec::new(), Vec::new());
    let mut same = true;
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let (one, two) = (pool(1)?, pool(2)?);
    for _ in 0..9 {
        let start = own();
        let first = one.install(|| find(&points, &weights))?;
        let single = (own() - start).as_secs_f64();
        let before = two.broadcast(|_| own_thread());
        let second = two.install(|| find(&points, &weights))?;
        let after = two.broadcast(|_| own_thread());
        let spent = after
            .iter()
            .zip(before)
            .map(|(a, b)| (*a - b).as_secs_f64());
        let spent: Vec<f64> = spent.collect();
        let busier = spent.iter().copied().fold(0.0, f64::max);
        same &= first == second;
        ratios.push(single / busier);
        alone.push(single);
        both.push(spent.iter().sum());
    }
    let median = |values: Vec<f64>| Runs(values).median();
    report.add(Figure {
        name,
        what: format!("the same {n} points: CPU of one thread over that of the busier of two"),
        unit: "times",
        ours: median(ratios),
        agreement: format!(
            "{:.4} CPU s alone, {:.4} of both threads; {}",
            median(alone),
            median(both),
            if same {
                "the same labels"
            } else {
                "OTHER LABELS"
            }
        ),
        ..Figure::default()
    });
    Ok(())
}

/// What PyPI's `dbscan` takes and finds.
fn peer(points: usize) -> Result<Value, String> {
    let python = std::env::var("ISOPLETH_PEER_PYTHON").map_err(|_| {
        "set ISOPLETH_PEER_PYTHON to a Python with numpy and dbscan==1.0.0 (../shared/peers/requirements.txt)"
    })?;
    let output = Command::new(&python)
        .args(["-c", PEER])
        .arg(peer_data().join(format!("xy_{points}.npy")))
        .args([RADIUS_M.to_string(), MIN_COUNT.to_string()])
        .envs(["OMP_NUM_THREADS", "PARLAY_NUM_THREADS"].map(|n| (n, "1")))
        .stderr(Stdio::null())
        .output()
        .map_err(|e| format!("{python}: {e}"))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|l| serde_json::from_str(l).ok())
        .ok_or_else(|| format!("{python} printed no result"))
}

/// Bytes of memory that a clustering in a fresh process takes at its height beyond its points.
fn grown(points: usize) -> Result<f64, Failure> {
    let output = Command::new(std::env::current_exe()?)
        .args([MEMORY, &points.to_string()])
        .env("RAYON_NUM_THREADS", "1")
        .output()?;
    let line: Value = serde_json::from_slice(&output.stdout)?;
    Ok(line["grown"].as_f64().unwrap_or(f64::NAN))
}

/// Prints what [`grown`] reads.
pub(crate) fn print_memory(points: &str) -> Result<(), Failure> {
    let of_status = |field: &str| -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|l| l.strip_prefix(field))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    };
    let n = points.parse()?;
    let points = peer_points(n).ok_or("no points")?;
    let weights = vec![1; n];
    // Forgets how high the reading of the points went.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = of_status("VmRSS:").ok_or("the system does not tell the size of a process")?;
    let found = find(&points, &weights)?;
    let grown = of_status("VmHWM:").map(|peak| peak.saturating_sub(before));
    println!("{}", json!({ "grown": grown, "clusters": found.clusters }));
    Ok(())
}
