//! Square surfaces of the peers' points: against unbinned sums, and beside KDEpy.

use std::process::{Command, Stdio};

use isopleth_benches::clock::Runs;
use isopleth_benches::load::Failure;
use isopleth_core::kernel::Kernel;
use isopleth_core::lattice::{Lattice, Tiling};
use isopleth_core::plane::Planar;
use isopleth_core::surface;
use isopleth_tests::oracle::{
    BANDWIDTH_M, CORNER, DensityOracle, SIZE, collapse, how_to_make_points, peer_data, peer_points,
    shared,
};

use crate::figure::{Figure, Report, Target};

struct Case {
    name: &'static str,
    kernel: Kernel,
    points: usize,
    side: u32,
    /// KDEpy's tool, if it has this kernel, and the ratio to reach.
    peer: Option<(&'static str, f64)>,
}

const CASES: [Case; 4] = [
    Case {
        name: "peers.quartic_100m",
        kernel: Kernel::Quartic,
        points: 100_000,
        side: 100,
        peer: Some(("kdepy_fft", 3.0)),
    },
    Case {
        name: "peers.epanechnikov_100m",
        kernel: Kernel::Epanechnikov,
        points: 100_000,
        side: 100,
        peer: None,
    },
    Case {
        name: "peers.quartic_25m",
        kernel: Kernel::Quartic,
        points: 100_000,
        side: 25,
        peer: Some(("kdepy_fft", 11.0)),
    },
    Case {
        name: "peers.quartic_25m_1m",
        kernel: Kernel::Quartic,
        points: 1_000_000,
        side: 25,
        peer: Some(("kdepy_fft", 3.5)),
    },
];

pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    // The peers run on one thread.
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for case in CASES
        .iter()
        .filter(|c| report.wants(c.name))
        .collect::<Vec<_>>()
    {
        let Some(points) = peer_points(case.points) else {
            let why = format!(
                "no points of the peers' generator; {}",
                how_to_make_points(case.points)
            );
            report.skip(case.name, &why);
            continue;
        };
        let lattice = lattice(case.side)?;
        let mut grid = Vec::new();
        let work = || grid = density(&lattice, case.kernel, &points);
        let runs = one.install(|| Runs::five(work));
        let agreement = match DensityOracle::load(case.kernel.name(), case.side) {
            Some(oracle) if case.points == 100_000 => {
                format!(
                    "largest difference {:.1e} of the largest value",
                    oracle.largest_difference(&grid)
                )
            }
            _ => "no oracle".to_owned(),
        };
        let mut figure = Figure {
            name: case.name,
            what: format!(
                "{} points collapsed and spread, 300 m on squares of {} m, one thread",
                case.points, case.side
            ),
            unit: "CPU s",
            ours: runs.median(),
            runs,
            agreement,
            ..Figure::default()
        };
        if let Some((tool, least)) = case.peer {
            match kdepy(tool, case.points, case.side) {
                Ok((seconds, error)) => {
                    figure.peer = Some((format!("KDEpy FFT, binned, off by {error}"), seconds));
                    figure.target = Some(Target::RatioAtLeast(least));
                }
                Err(why) => report.skip(tool, &why),
            }
        }
        report.add(figure);
    }
    Ok(())
}

/// The rectangle between the centres of the corner squares.
fn lattice(side: u32) -> Result<Lattice, Failure> {
    let (side, half) = (f64::from(side), f64::from(side) / 2.0);
    let corners = [
        Planar {
            x: CORNER.0 + half,
            y: CORNER.1 + half,
        },
        Planar {
            x: CORNER.0 + SIZE.0 - half,
            y: CORNER.1 + SIZE.1 - half,
        },
    ];
    let corners = [(corners[0], 1.0, 0), (corners[1], 1.0, 1)];
    Ok(Lattice::around(Tiling::Square(side), &corners, 0.0)?)
}

fn density(lattice: &Lattice, kernel: Kernel, points: &[[f64; 2]]) -> Vec<f64> {
    let points: Vec<(Planar, f64, u32)> = collapse(points)
        .into_iter()
        .zip(0..)
        .map(|(([x, y], weight), id)| (Planar { x, y }, weight, id))
        .collect();
    surface::density(lattice, kernel, BANDWIDTH_M, &points)
}

/// CPU seconds of a peer by its own script, least of three, and how far its result is off.
fn kdepy(tool: &str, points: usize, side: u32) -> Result<(f64, String), String> {
    let script = shared("peers/peer_kde.py").ok_or("no shared data (set ISOPLETH_SHARED)")?;
    let python = std::env::var("ISOPLETH_PEER_PYTHON").map_err(|_| {
        "set ISOPLETH_PEER_PYTHON to a Python with the packages of ../shared/peers/requirements.txt"
    })?;
    let output = Command::new(&python)
        .arg(script)
        .args([tool, &points.to_string(), &side.to_string(), "3"])
        .env("PERF_DATA", peer_data())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"].map(|n| (n, "1")))
        .stderr(Stdio::null())
        .output()
        .map_err(|e| format!("{python}: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line: serde_json::Value = text
        .lines()
        .find_map(|l| serde_json::from_str(l).ok())
        .ok_or_else(|| format!("{python} printed no result"))?;
    let seconds = line["cpu"].as_f64().ok_or("no CPU time in the result")?;
    let error = line["summary"]["max_abs_err_over_max"].as_f64();
    Ok((
        seconds,
        error.map_or("an unknown amount".to_owned(), |e| {
            format!("{:.1} %", e * 100.0)
        }),
    ))
}
