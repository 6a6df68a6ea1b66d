//! Near repeats of the peers' events: beside numba, at several sizes, and on a second thread.

use std::process::{Command, Stdio};

use isopleth_benches::clock::{Runs, own, own_thread};
use isopleth_benches::load::Failure;
use isopleth_core::methods::knox::{HalfOpen, Metric, Table, simulate};
use isopleth_tests::npy::Array;
use isopleth_tests::oracle::{how_to_make_points, peer_data, peer_points, shared};
use serde_json::Value;

use crate::figure::{Figure, Report, Target};

const REPLICATES: u32 = 999;

/// Figure, events of the peers, copies of them side by side, and whether the peer is run.
const CASES: [(&str, usize, usize, Option<f64>); 3] = [
    ("peers.knox_10k", 10_000, 1, None),
    ("peers.knox", 100_000, 1, Some(6.0)),
    // Ten times the ground, not ten times the events on it: pairs grow with the square of those.
    ("peers.knox_1m", 100_000, 10, None),
];

const TWO_THREADS: &str = "peers.knox_two_threads";

type Events = (Vec<(f64, f64)>, Vec<i32>);

pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for (name, n, copies, least) in CASES {
        if !report.wants(name) {
            continue;
        }
        let Some((points, days)) = events(n, copies)? else {
            report.skip(name, &how_to_make_points(n));
            continue;
        };
        let mut found = None;
        let runs = one.install(|| Runs::five(|| found = Some(table(&points, &days))));
        let found = found.ok_or("no table")??;
        let pairs: u64 = found.pairs_by_distance.iter().sum();
        let mut figure = Figure {
            name,
            what: format!(
                "Knox table of {} events, 5 by 4 bands, {REPLICATES} shuffles, {pairs} pairs within 400 m, one thread",
                points.len()
            ),
            unit: "CPU s",
            ours: runs.median(),
            runs,
            agreement: format!("{} observed within 400 m and 28 days", sum(&found.observed)),
            ..Figure::default()
        };
        if let Some(least) = least {
            match peer(n) {
                Ok((seconds, observed)) => {
                    figure.agreement = if observed == found.observed {
                        "every count of the table equal".to_owned()
                    } else {
                        "OTHER COUNTS".to_owned()
                    };
                    figure.peer = Some((
                        "numba on SciPy's k-d tree, least of three".to_owned(),
                        seconds,
                    ));
                    figure.target = Some(Target::RatioAtLeast(least));
                }
                Err(why) => report.skip("numba", &why),
            }
        }
        report.add(figure);
    }
    if report.wants(TWO_THREADS) {
        two_threads(report)?;
    }
    Ok(())
}

/// All of one thread's CPU time over that of the busier of two: what two idle cores could gain.
fn two_threads(report: &mut Report) -> Result<(), Failure> {
    let Some((points, days)) = events(100_000, 1)? else {
        report.skip(TWO_THREADS, &how_to_make_points(100_000));
        return Ok(());
    };
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let (one, two) = (pool(1)?, pool(2)?);
    let mut ratios = Vec::new();
    let mut same = true;
    for _ in 0..5 {
        let start = own();
        let first = one.install(|| table(&points, &days))?;
        let alone = (own() - start).as_secs_f64();
        let before = two.broadcast(|_| own_thread());
        let second = two.install(|| table(&points, &days))?;
        let after = two.broadcast(|_| own_thread());
        let spent = after
            .iter()
            .zip(before)
            .map(|(a, b)| (*a - b).as_secs_f64());
        ratios.push(alone / spent.fold(0.0, f64::max));
        same &= first == second;
    }
    report.add(Figure {
        name: TWO_THREADS,
        what: "the same 100000 events: CPU of one thread over that of the busier of two".into(),
        unit: "times",
        ours: Runs(ratios).median(),
        agreement: if same {
            "the same table".into()
        } else {
            "OTHER TABLE".into()
        },
        ..Figure::default()
    });
    Ok(())
}

fn table(points: &[(f64, f64)], days: &[i32]) -> Result<Table, Failure> {
    let distance = HalfOpen::new("metres", &[0.0, 1.0, 100.0, 200.0, 300.0, 400.0], false)?;
    let time = HalfOpen::new("days", &[0, 7, 14, 21, 28], false)?;
    let metric = Metric::Euclidean;
    Ok(simulate(
        points, days, &distance, &time, metric, REPLICATES, 1,
    )?)
}

/// The peers' events, and copies of them on ground of their own.
fn events(n: usize, copies: usize) -> Result<Option<Events>, Failure> {
    let times = std::fs::read(peer_data().join(format!("t_{n}.npy")));
    let (Some(xy), Ok(times)) = (peer_points(n), times) else {
        return Ok(None);
    };
    let array = Array::read(&times).map_err(|e| format!("{e:?}"))?;
    let seconds = array.integers().map_err(|e| format!("{e:?}"))?;
    let (mut points, mut days) = (Vec::new(), Vec::new());
    for copy in 0..copies {
        points.extend(xy.iter().map(|p| (p[0] + copy as f64 * 100_000.0, p[1])));
        for t in seconds {
            days.push(i32::try_from(t.div_euclid(86_400))?);
        }
    }
    Ok(Some((points, days)))
}

fn sum(counts: &[u64]) -> u64 {
    counts.iter().sum()
}

/// CPU seconds of numba by its own script, least of three, and its observed counts.
fn peer(n: usize) -> Result<(f64, Vec<u64>), String> {
    let script = shared("peers/knox.py").ok_or("no shared data (set ISOPLETH_SHARED)")?;
    let python = std::env::var("ISOPLETH_PEER_PYTHON").map_err(|_| {
        "set ISOPLETH_PEER_PYTHON to a Python with numpy, scipy and numba (../shared/peers/requirements.txt)"
    })?;
    // 998 shuffles: from 999 on the script writes the oracle anew.
    let output = Command::new(&python)
        .arg(script)
        .args(["numba_kdtree", &n.to_string(), "998", "3"])
        .env("PERF_DATA", peer_data())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NUMBA_CACHE_DIR", std::env::temp_dir())
        .envs(
            [
                "OMP_NUM_THREADS",
                "OPENBLAS_NUM_THREADS",
                "NUMBA_NUM_THREADS",
            ]
            .map(|n| (n, "1")),
        )
        .stderr(Stdio::null())
        .output()
        .map_err(|e| format!("{python}: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line: Value = text
        .lines()
        .find_map(|l| serde_json::from_str(l).ok())
        .ok_or_else(|| format!("{python} printed no result"))?;
    let seconds = line["cpu"].as_f64().ok_or("no CPU time in the result")?;
    let observed = line["summary"]["observed"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|row| row.as_array().cloned().unwrap_or_default())
        .filter_map(|v| v.as_u64())
        .collect();
    Ok((seconds, observed))
}
