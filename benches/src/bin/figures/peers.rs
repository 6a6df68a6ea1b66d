//! Square surfaces and H3 cells of the peers' points: against unbinned sums and h3o, and beside
//! KDEpy, LIBKDV and h3ronpy.

use std::process::{Command, Stdio};

use h3o::{LatLng, Resolution};
use isopleth_benches::clock::{Runs, cpu};
use isopleth_benches::load::Failure;
use isopleth_core::collapse;
use isopleth_core::domain::LonLat;
use isopleth_core::kernel::Kernel;
use isopleth_core::lattice::{Lattice, Tiling, cells_at};
use isopleth_core::plane::Planar;
use isopleth_core::surface;
use isopleth_tests::oracle::{
    BANDWIDTH_M, CORNER, DensityOracle, SIZE, how_to_make_points, peer_data, peer_points,
    peer_positions, shared,
};

use crate::figure::{Figure, Report, Target};

/// A program that makes the same surface.
struct Peer {
    /// Its name in the peers' script.
    tool: &'static str,
    /// What it does.
    what: &'static str,
    /// How often it runs: five times, or once where it takes minutes.
    times: usize,
    /// The ratio to reach.
    least: f64,
}

const fn kdepy(least: f64) -> Option<Peer> {
    Some(Peer {
        tool: "kdepy_fft",
        what: "KDEpy FFT, binned",
        times: 5,
        least,
    })
}

const fn libkdv(times: usize, least: f64) -> Option<Peer> {
    Some(Peer {
        tool: "libkdv",
        what: "LIBKDV, exact Epanechnikov, from text to text",
        times,
        least,
    })
}

struct Case {
    name: &'static str,
    kernel: Kernel,
    points: usize,
    side: u32,
    peer: Option<Peer>,
}

const CASES: [Case; 6] = [
    Case {
        name: "peers.quartic_100m",
        kernel: Kernel::Quartic,
        points: 100_000,
        side: 100,
        peer: kdepy(4.0),
    },
    Case {
        name: "peers.quartic_100m_libkdv",
        kernel: Kernel::Quartic,
        points: 100_000,
        side: 100,
        peer: libkdv(5, 14.0),
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
        peer: kdepy(11.0),
    },
    Case {
        name: "peers.quartic_25m_1m",
        kernel: Kernel::Quartic,
        points: 1_000_000,
        side: 25,
        peer: kdepy(4.5),
    },
    Case {
        name: "peers.quartic_25m_1m_libkdv",
        kernel: Kernel::Quartic,
        points: 1_000_000,
        side: 25,
        peer: libkdv(1, 45.0),
    },
];

/// Names, numbers of points, and the ratio to reach.
const CELLS: [(&str, usize, Option<f64>); 2] = [
    ("peers.h3_cells_1m", 1_000_000, None),
    ("peers.h3_cells_10m", 10_000_000, Some(4.0)),
];

pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    // The peers run on one thread.
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    one.install(|| {
        for case in &CASES {
            surfaces(case, report)?;
        }
        for (name, n, least) in CELLS {
            cells(name, n, least, report);
        }
        Ok(())
    })
}

fn surfaces(case: &Case, report: &mut Report) -> Result<(), Failure> {
    if !report.wants(case.name) {
        return Ok(());
    }
    let Some(points) = points(case.points) else {
        report.skip(case.name, &missing(case.points));
        return Ok(());
    };
    let lattice = lattice(case.side)?;
    let mut grid = Vec::new();
    let mut theirs = Vec::new();
    let (n, side) = (case.points.to_string(), case.side.to_string());
    let runs = five_in_turn(
        || grid = density(&lattice, case.kernel, &points),
        case.peer.as_ref().map(|peer| {
            let (n, side) = (&n, &side);
            move || run_peer("peers/peer_kde.py", &[peer.tool, n, side, "1"])
        }),
        case.peer.as_ref().map_or(0, |peer| peer.times),
        &mut theirs,
    );
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
    if let Some(peer) = &case.peer {
        match theirs.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(lines) => {
                let error = lines
                    .first()
                    .and_then(|l| l["summary"]["max_abs_err_over_max"].as_f64());
                let off = error.map_or(String::new(), |e| format!(", off by {:.1} %", e * 100.0));
                let once = if peer.times == 1 { ", once" } else { "" };
                figure.peer = Some((format!("{}{off}{once}", peer.what), median(&lines)));
                figure.target = Some(Target::RatioAtLeast(peer.least));
            }
            Err(why) => report.skip(peer.tool, &why),
        }
    }
    report.add(figure);
    Ok(())
}

fn cells(name: &'static str, n: usize, least: Option<f64>, report: &mut Report) {
    if !report.wants(name) {
        return;
    }
    let Some(positions) = positions(n) else {
        report.skip(name, &missing(n));
        return;
    };
    let mut cells = Vec::new();
    let mut theirs = Vec::new();
    let number = n.to_string();
    let runs = five_in_turn(
        || cells = cells_at(&positions, Resolution::Nine),
        Some(|| run_peer("peers/h3bin.py", &["h3ronpy", &number, "9", "1"])),
        5,
        &mut theirs,
    );
    let (h3o_seconds, different) = cpu(|| {
        let each = positions.iter().zip(&cells);
        each.filter(|(at, cell)| {
            LatLng::new(at.lat(), at.lon()).map(|at| at.to_cell(Resolution::Nine)) != Ok(**cell)
        })
        .count()
    });
    let all = cells.iter().fold(0, |all, c| all ^ u64::from(*c));
    let same = |line: &serde_json::Value| {
        if line["summary"]["xor"].as_str() == Some(&format!("{all:x}")) {
            "the same"
        } else {
            "DIFFERENT"
        }
    };
    let mut agreement =
        format!("{different} cells differ from h3o's, found one by one in {h3o_seconds:.2} CPU s");
    let mut figure = Figure {
        name,
        what: format!("{n} positions to H3 cells of resolution 9, one thread"),
        unit: "CPU s",
        ours: runs.median(),
        runs,
        ..Figure::default()
    };
    match theirs.into_iter().collect::<Result<Vec<_>, _>>() {
        Ok(lines) => {
            agreement += &format!("; sum of bits: {} as h3ronpy's", same(&lines[0]));
            if let Ok(line) = run_peer("peers/h3bin.py", &["h3_py_loop", &number, "9", "1"]) {
                agreement += &format!(", {} as h3's", same(&line));
            }
            figure.peer = Some(("h3ronpy".into(), median(&lines)));
            figure.target = least.map(Target::RatioAtLeast);
        }
        Err(why) => report.skip("h3ronpy", &why),
    }
    figure.agreement = agreement;
    report.add(figure);
}

/// Five runs of ours, each after one of the peer's as long as it has some left. A peer that fails is
/// not asked again.
fn five_in_turn<T>(
    mut ours: impl FnMut() -> T,
    peer: Option<impl Fn() -> Result<serde_json::Value, String>>,
    times: usize,
    theirs: &mut Vec<Result<serde_json::Value, String>>,
) -> Runs {
    Runs::five_after(
        || {
            if let Some(run) = &peer
                && theirs.len() < times
                && theirs.iter().all(Result::is_ok)
            {
                theirs.push(run());
            }
        },
        &mut ours,
    )
}

fn median(lines: &[serde_json::Value]) -> f64 {
    let seconds = lines.iter().filter_map(|l| l["cpu"].as_f64());
    Runs(seconds.collect()).median()
}

fn missing(n: usize) -> String {
    format!(
        "no points of the peers' generator; {}",
        how_to_make_points(n)
    )
}

/// The peers' points.
pub(crate) fn points(n: usize) -> Option<Vec<Planar>> {
    let pairs = peer_points(n)?;
    Some(pairs.into_iter().map(|[x, y]| Planar { x, y }).collect())
}

/// The peers' points in degrees.
pub(crate) fn positions(n: usize) -> Option<Vec<LonLat>> {
    let pairs = peer_positions(n)?;
    let each = pairs.into_iter();
    each.map(|[lon, lat]| LonLat::new(lon, lat).ok()).collect()
}

/// The rectangle between the centres of the corner squares.
pub(crate) fn lattice(side: u32) -> Result<Lattice, Failure> {
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

/// From the points to the surface.
pub(crate) fn density(lattice: &Lattice, kernel: Kernel, points: &[Planar]) -> Vec<f64> {
    surface::density(lattice, kernel, BANDWIDTH_M, &collapse::distinct(points))
}

/// What a peer prints, by its own script, of a process of its own.
fn run_peer(script: &str, arguments: &[&str]) -> Result<serde_json::Value, String> {
    const THREADS: [&str; 6] = [
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "POLARS_MAX_THREADS",
        "RAYON_NUM_THREADS",
    ];
    let script = shared(script).ok_or("no shared data (set ISOPLETH_SHARED)")?;
    let python = std::env::var("ISOPLETH_PEER_PYTHON").map_err(
        |_| "set ISOPLETH_PEER_PYTHON to a Python with the peers; see benches/README.md",
    )?;
    let output = Command::new(&python)
        .arg(script)
        .args(arguments)
        .env("PERF_DATA", peer_data())
        .env("PERF_TMP", std::env::temp_dir())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs(THREADS.map(|n| (n, "1")))
        .stderr(Stdio::null())
        .output()
        .map_err(|e| format!("{python}: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line: serde_json::Value = text
        .lines()
        .find_map(|l| serde_json::from_str(l).ok())
        .ok_or_else(|| format!("{python} {} printed no result", arguments.join(" ")))?;
    if line["cpu"].as_f64().is_none() {
        return Err("no CPU time in the result".into());
    }
    Ok(line)
}
