//! Clusters of the peers' points, beside hdbscan-rs.

use std::process::{Command, Stdio};

use isopleth_benches::clock::Runs;
use isopleth_benches::load::Failure;
use isopleth_core::methods::hdbscan::{Labels, NOISE, Options, Pick, cluster};
use isopleth_tests::npy::Array;
use isopleth_tests::oracle::{peer_data, shared};

use crate::figure::{Figure, Report, Target};

struct Case {
    name: &'static str,
    points: usize,
    jittered: bool,
    target: Option<Target>,
}

const CASES: [Case; 4] = [
    Case {
        name: "peers.hdbscan_100k",
        points: 100_000,
        jittered: false,
        target: None,
    },
    Case {
        name: "peers.hdbscan_100k_jit",
        points: 100_000,
        jittered: true,
        target: None,
    },
    Case {
        name: "peers.hdbscan_1m",
        points: 1_000_000,
        jittered: false,
        target: Some(Target::RatioAtLeast(5.0)),
    },
    Case {
        name: "peers.hdbscan_1m_jit",
        points: 1_000_000,
        jittered: true,
        target: None,
    },
];

const OPTIONS: Options = Options {
    min_cluster_size: 10,
    min_samples: 10,
    resolution: 0.001,
    selection: Pick::Eom,
    allow_single_cluster: false,
    selection_epsilon: 0.0,
};

pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    // The peer runs on one thread.
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for case in &CASES {
        if !report.wants(case.name) {
            continue;
        }
        let Some(points) = points(case)? else {
            report.skip(
                case.name,
                "no points of the peers' generator; see benches/README.md",
            );
            continue;
        };
        let weights = vec![1; points.len()];
        let mut found = Ok(Labels::default());
        let runs = one.install(|| Runs::five(|| found = cluster(&points, &weights, &OPTIONS)));
        let found = found?;
        let noise = found.label.iter().filter(|l| **l == NOISE).count();
        let mut figure = Figure {
            name: case.name,
            what: format!(
                "HDBSCAN of {} points{}, least size and samples 10, one thread",
                case.points,
                if case.jittered { ", no two alike" } else { "" }
            ),
            unit: "CPU s",
            ours: runs.median(),
            runs,
            agreement: format!("{} clusters, {noise} noise", found.clusters.len()),
            ..Figure::default()
        };
        match hdbscan_rs(case) {
            Ok((seconds, clusters, noise)) => {
                figure.peer = Some((
                    format!("hdbscan-rs, {clusters} clusters, {noise} noise"),
                    seconds,
                ));
                figure.target = case.target;
            }
            Err(why) => report.skip("hdbscan-rs", &why),
        }
        report.add(figure);
    }
    Ok(())
}

fn points(case: &Case) -> Result<Option<Vec<[f64; 2]>>, Failure> {
    let kind = if case.jittered { "_jit15" } else { "" };
    let path = peer_data().join(format!("xy_{}{kind}.npy", case.points));
    if !path.exists() {
        return Ok(None);
    }
    let array = Array::read(&std::fs::read(path)?)?;
    Ok(Some(array.floats()?.as_chunks::<2>().0.to_vec()))
}

/// CPU seconds of the peer by its own script, least of three, with its clusters and noise.
fn hdbscan_rs(case: &Case) -> Result<(f64, i64, i64), String> {
    let script = shared("peers/peer_dbscan.py").ok_or("no shared data (set ISOPLETH_SHARED)")?;
    let python = std::env::var("ISOPLETH_PEER_PYTHON").map_err(
        |_| "set ISOPLETH_PEER_PYTHON to a Python with numpy==2.4.6 and hdbscan-rs==0.6.1",
    )?;
    let mut command = Command::new(&python);
    command
        .arg(script)
        .args(["hdbscan_rs", &case.points.to_string(), "0", "3"])
        .args(case.jittered.then_some("jit"))
        .env("PERF_DATA", peer_data())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs(["OMP_NUM_THREADS", "RAYON_NUM_THREADS"].map(|n| (n, "1")));
    let output = command
        .stderr(Stdio::null())
        .output()
        .map_err(|e| format!("{python}: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line: serde_json::Value = text
        .lines()
        .find_map(|l| serde_json::from_str(l).ok())
        .ok_or_else(|| format!("{python} printed no result"))?;
    let of = |name: &str| line["summary"][name].as_i64().unwrap_or(-1);
    let seconds = line["cpu"].as_f64().ok_or("no CPU time in the result")?;
    Ok((seconds, of("clusters"), of("noise")))
}
