//! How the time grows with the number of incidents, and what a second thread does.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use h3o::{CellIndex, Resolution};
use isopleth_benches::clock::{Runs, cpu};
use isopleth_benches::load::Failure;
use isopleth_core::collapse;
use isopleth_core::kernel::Kernel;
use isopleth_core::lattice::{Lattice, Tiling, cells_at};
use isopleth_core::surface;
use isopleth_tests::oracle::{BANDWIDTH_M, how_to_make_points};

use crate::figure::{Figure, Report, Target};
use crate::peers::{density, lattice, points, positions};

/// Numbers of points.
const SIZES: [usize; 4] = [10_000, 100_000, 1_000_000, 10_000_000];

/// A point of ten million may cost this many times what one of a million costs.
const GROWTH: f64 = 1.5;

/// What is measured.
type Work<'a> = Box<dyn Fn() -> Made + Send + Sync + 'a>;

/// What it makes.
enum Made {
    Surface(Vec<f64>),
    Cells(Vec<CellIndex>),
}

impl Made {
    /// A number that depends on every bit of it.
    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self {
            Self::Surface(values) => values.iter().for_each(|v| v.to_bits().hash(&mut hasher)),
            Self::Cells(cells) => cells.hash(&mut hasher),
        }
        hasher.finish()
    }
}

pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    let squares = lattice(25)?;
    series(
        "scaling.surface",
        "points collapsed and spread, quartic 300 m on squares of 25 m",
        report,
        |n| {
            let points = points(n)?;
            let squares = &squares;
            Some(Box::new(move || {
                Made::Surface(density(squares, Kernel::Quartic, &points))
            }))
        },
    )?;
    series(
        "scaling.h3_surface",
        "points collapsed, cells around them found and summed, quartic 300 m on H3 10",
        report,
        |n| {
            let points = points(n)?;
            Some(Box::new(move || {
                let places = collapse::distinct(&points);
                let tiling = Tiling::H3(Resolution::Ten);
                let lattice =
                    Lattice::around(tiling, &places, BANDWIDTH_M).expect("cells of London");
                let grid = surface::density(&lattice, Kernel::Quartic, BANDWIDTH_M, &places);
                Made::Surface(grid)
            }))
        },
    )?;
    series(
        "scaling.h3_cells",
        "positions to H3 cells of resolution 9",
        report,
        |n| {
            let positions = positions(n)?;
            Some(Box::new(move || {
                Made::Cells(cells_at(&positions, Resolution::Nine))
            }))
        },
    )
}

/// A figure for each size: one and two threads in turn.
fn series<'a>(
    name: &'static str,
    what: &str,
    report: &mut Report,
    prepare: impl Fn(usize) -> Option<Work<'a>>,
) -> Result<(), Failure> {
    if !report.wants(name) {
        return Ok(());
    }
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build();
    let pools = [pool(1)?, pool(2)?];
    let mut before: Option<f64> = None;
    for n in SIZES {
        let Some(work) = prepare(n) else {
            report.skip(
                name,
                &format!(
                    "no points of the peers' generator; {}",
                    how_to_make_points(n)
                ),
            );
            continue;
        };
        let mut results = Vec::new();
        let (mut used, mut walls) = (
            [Runs::default(), Runs::default()],
            [Runs::default(), Runs::default()],
        );
        for _ in 0..5 {
            for (threads, pool) in pools.iter().enumerate() {
                let clock = Instant::now();
                let (seconds, result) = pool.install(|| cpu(&work));
                walls[threads].0.push(clock.elapsed().as_secs_f64());
                used[threads].0.push(seconds);
                results.push(result.hash());
            }
        }
        let same = results.iter().all(|r| *r == results[0]);
        let each = used[0].median() / n as f64 * 1e9;
        report.add(Figure {
            name,
            what: format!("{n} {what}, one thread"),
            unit: "CPU ns/point",
            ours: each,
            agreement: format!(
                "{} on 1 and 2 threads ({:016x}); 2 threads: {:.2} times the CPU time, wall time shorter by {:.2}",
                if same { "the same bytes" } else { "DIFFERENT BYTES" },
                results[0],
                used[1].median() / used[0].median(),
                walls[0].median() / walls[1].median(),
            ),
            target: before
                .filter(|_| n == 10_000_000)
                .map(|before| Target::AtMost(before * GROWTH)),
            runs: used[0].clone(),
            ..Figure::default()
        });
        before = Some(each);
    }
    Ok(())
}
