//! Gi* of the peers' cells beside esda and spdep, and how often null maps of real records show anything.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use h3o::CellIndex;
use isopleth_benches::clock::Runs;
use isopleth_benches::load::{Failure, ingest};
use isopleth_core::lattice::Neighbours;
use isopleth_core::local_association::{
    Ground, GroundParams, Inference, PValue, Permutation, Statistic, Tested, by_normal, exact,
    getis_ord_of_counts, sums, total,
};
use isopleth_core::methods::getis_ord::compare;
use isopleth_core::random::Random;
use isopleth_core::select::Selection;
use isopleth_core::statistics::{Correction, clopper_pearson, normal_two_sided};
use isopleth_core::{AreaSelect, Select};
use isopleth_io::ingest::{Mapping, Options};
use isopleth_io::{default_policy, read_areas};
use isopleth_store::Store;
use isopleth_tests::oracle::{GiOracle, shared};
use serde_json::{Value, json};

use crate::figure::{Figure, Report, Target};

/// The command that prints how much memory the shuffles take.
pub(crate) const MEMORY: &str = "--gi-memory-of";

const PERMUTATIONS: u32 = 999;

/// Figures, resolution and rings; the ratio to reach for shuffles and for z.
const SHUFFLED: [(&str, u8, u32, Option<f64>); 2] = [
    ("peers.gi_star_999_17k", 9, 1, None),
    ("peers.gi_star_999", 10, 1, Some(20.0)),
];
const ANALYTIC: (&str, u8, u32, f64) = ("peers.gi_star_analytic", 10, 1, 40.0);
const EXACT: [(&str, u8, u32); 3] = [
    ("peers.gi_star_exact_17k", 9, 1),
    ("peers.gi_star_exact", 10, 1),
    ("peers.gi_star_exact_3_rings", 10, 3),
];

/// esda on counts and neighbours given as raw numbers.
const ESDA: &str = r#"
import json, resource, sys, time, warnings; warnings.simplefilter("ignore")
import numpy as np, esda
from libpysal.weights import W
d, perms, reps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
y = np.fromfile(d + "/y.u32", "<u4").astype(float)
ptr, idx = np.fromfile(d + "/ptr.u32", "<u4").astype(np.int64), np.fromfile(d + "/idx.u32", "<u4")
w = W({i: idx[ptr[i]:ptr[i + 1]].tolist() for i in range(len(y))}, silence_warnings=True); w.transform = "b"
run = lambda n: esda.G_Local(y, w, transform="B", star=True, permutations=n, n_jobs=1, seed=12345)
run(9)
rss = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before, cpu = rss(), []
for _ in range(reps):
    start = time.process_time(); g = run(perms); cpu.append(time.process_time() - start)
print(json.dumps({"cpu": sorted(cpu)[len(cpu) // 2], "growth": rss() - before, "peak": rss(), "p05": int((g.p_sim < .05).sum()), "z": float(np.max(g.Zs))}))
"#;

pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for (name, resolution, rings, least) in SHUFFLED {
        if report.wants(name) {
            one.install(|| shuffled(report, name, resolution, rings, least))?;
        }
    }
    if report.wants(ANALYTIC.0) {
        one.install(|| analytic(report))?;
    }
    for (name, resolution, rings) in EXACT {
        if report.wants(name) {
            one.install(|| exactly(report, name, resolution, rings))?;
        }
    }
    Ok(())
}

/// The cells of an oracle around each of them.
fn around(oracle: &GiOracle, rings: u32) -> Neighbours {
    let cells: Vec<CellIndex> = oracle
        .cells
        .iter()
        .filter_map(|&c| CellIndex::try_from(c).ok())
        .collect();
    let list = |cell: &CellIndex| {
        let disk: Vec<CellIndex> = cell.grid_disk(rings);
        disk.iter()
            .filter_map(|c| cells.binary_search(c).ok())
            .map(|c| c as u32)
            .collect()
    };
    Neighbours::from_lists(cells.iter().map(list).collect())
}

const MISSING: &str = "no shared data (set ISOPLETH_SHARED)";

fn largest_difference(z: &[f64], oracle: &GiOracle) -> f64 {
    let both = z.iter().zip(&oracle.z);
    both.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn shuffled(
    report: &mut Report,
    name: &'static str,
    resolution: u8,
    rings: u32,
    least: Option<f64>,
) -> Result<(), Failure> {
    let Some(oracle) = GiOracle::load(resolution, rings) else {
        report.skip(name, MISSING);
        return Ok(());
    };
    let neighbours = around(&oracle, rings);
    let run = || {
        total::shuffles(
            &oracle.counts,
            &neighbours,
            Statistic::GiStar,
            PERMUTATIONS,
            1,
        )
    };
    let mut found = None;
    let folder = tempfile::tempdir()?;
    write_raw(folder.path(), &oracle.counts, &neighbours)?;
    // Five runs in one process: most of a short one's time would go into compiling.
    let theirs = least.map(|_| esda(folder.path(), PERMUTATIONS, 5));
    let runs = Runs::five(|| found = Some(run()));
    let found = found.ok_or("no shuffles")??;
    // The tail that esda takes by default: the smaller one.
    let directed = |c: usize| f64::from(found.at_least[c].min(found.at_most[c]) + 1) / 1000.0;
    let small = (0..oracle.counts.len())
        .filter(|&c| directed(c) < 0.05)
        .count();
    let memory = grown(resolution)?;
    let mut figure = Figure {
        name,
        what: format!(
            "Gi* of {} H3 cells, {rings} ring, {PERMUTATIONS} total permutations, one thread",
            oracle.counts.len()
        ),
        unit: "CPU s",
        ours: runs.median(),
        runs,
        agreement: format!(
            "memory {:.0} MB beyond the map; {small} cells with a tail below 0.05",
            memory / 1e6
        ),
        ..Figure::default()
    };
    match theirs {
        None => {}
        Some(Ok(theirs)) => {
            let number = |key: &str| theirs[key].as_f64().unwrap_or(f64::NAN);
            figure.agreement += &format!(
                ", theirs {:.0} MB at the peak, {:.0} while running, and {:.0} cells",
                number("peak") / 1e6,
                number("growth") / 1e6,
                number("p05")
            );
            figure.peer = Some((
                "esda 2.9.0 with numba, conditional, median of five".to_owned(),
                number("cpu"),
            ));
            figure.target = least.map(Target::RatioAtLeast);
        }
        Some(Err(why)) => report.skip("esda", &why),
    }
    report.add(figure);
    Ok(())
}

fn analytic(report: &mut Report) -> Result<(), Failure> {
    let (name, resolution, rings, least) = ANALYTIC;
    let Some(oracle) = GiOracle::load(resolution, rings) else {
        report.skip(name, MISSING);
        return Ok(());
    };
    let neighbours = around(&oracle, rings);
    let folder = tempfile::tempdir()?;
    write_edges(
        folder.path(),
        &oracle.counts,
        &neighbours,
        resolution,
        rings,
    )?;
    let mut z = Vec::new();
    let mut theirs = Vec::new();
    let runs = Runs::five_after(
        || theirs.push(spdep(folder.path(), resolution, rings)),
        || z = getis_ord_of_counts(&oracle.counts, &neighbours, Statistic::GiStar),
    );
    let p = Runs::five(|| z.iter().map(|&z| normal_two_sided(z)).sum::<f64>()).median();
    let most = z.iter().copied().fold(f64::MIN, f64::max);
    let mut figure = Figure {
        name,
        what: format!("z of Gi* of {} H3 cells, {rings} ring, one thread", z.len()),
        unit: "CPU s",
        ours: runs.median(),
        runs,
        agreement: format!(
            "largest difference from numpy's z {:.1e}; p of them {p:.4} CPU s more",
            largest_difference(&z, &oracle)
        ),
        ..Figure::default()
    };
    match theirs.into_iter().collect::<Result<Vec<_>, _>>() {
        Ok(theirs) => {
            let cpu = theirs.iter().map(|t| t["cpu"].as_f64().unwrap_or(f64::NAN));
            let off = theirs[0]["summary"]["zmax"].as_f64().unwrap_or(f64::NAN) - most;
            figure.agreement += &format!("; spdep's greatest z differs by {off:.1e}");
            figure.peer = Some((
                "spdep localG, median of five".to_owned(),
                Runs(cpu.collect()).median(),
            ));
            figure.target = Some(Target::RatioAtLeast(least));
        }
        Err(why) => report.skip("spdep", &why),
    }
    report.add(figure);
    Ok(())
}

fn exactly(
    report: &mut Report,
    name: &'static str,
    resolution: u8,
    rings: u32,
) -> Result<(), Failure> {
    let Some(oracle) = GiOracle::load(resolution, rings) else {
        report.skip(name, MISSING);
        return Ok(());
    };
    let neighbours = around(&oracle, rings);
    let mut found = None;
    let runs =
        Runs::five(|| found = Some(exact::tails(&oracle.counts, &neighbours, Statistic::GiStar)));
    let conditional =
        Runs::five(|| exact::tails(&oracle.counts, &neighbours, Statistic::Gi).map(drop)).median();
    let found = found.ok_or("no tails")??;
    let least = found.iter().map(|t| t.upper).fold(1.0, f64::min);
    report.add(Figure {
        name,
        what: format!(
            "exact permutation p of Gi* of {} H3 cells, {rings} rings, one thread",
            found.len()
        ),
        unit: "CPU s",
        ours: runs.median(),
        runs,
        agreement: format!("least tail {least:.1e}; conditional, for Gi, {conditional:.3} CPU s"),
        ..Figure::default()
    });
    Ok(())
}

fn write_raw(folder: &Path, counts: &[u32], neighbours: &Neighbours) -> Result<(), Failure> {
    let bytes = |numbers: &mut dyn Iterator<Item = u32>| {
        numbers.flat_map(u32::to_le_bytes).collect::<Vec<u8>>()
    };
    let mut at = 0;
    let ends = (0..counts.len()).map(|c| {
        at += neighbours.of(c).len() as u32;
        at
    });
    std::fs::write(folder.join("y.u32"), bytes(&mut counts.iter().copied()))?;
    std::fs::write(
        folder.join("ptr.u32"),
        bytes(&mut std::iter::once(0).chain(ends)),
    )?;
    let mut all = (0..counts.len()).flat_map(|c| neighbours.of(c).to_vec());
    std::fs::write(folder.join("idx.u32"), bytes(&mut all))?;
    Ok(())
}

/// As `gi_export.py` writes them.
fn write_edges(
    folder: &Path,
    counts: &[u32],
    neighbours: &Neighbours,
    resolution: u8,
    rings: u32,
) -> Result<(), Failure> {
    let file = |what: &str| {
        let path = folder.join(format!("gi_res{resolution}_k{rings}_{what}.csv"));
        std::fs::File::create(path).map(std::io::BufWriter::new)
    };
    let mut y = file("y")?;
    writeln!(y, "y")?;
    for count in counts {
        writeln!(y, "{count}")?;
    }
    y.flush()?;
    let mut edges = file("e")?;
    writeln!(edges, "i,j")?;
    for c in 0..counts.len() {
        for n in neighbours.of(c) {
            writeln!(edges, "{},{}", c + 1, n + 1)?;
        }
    }
    Ok(edges.flush()?)
}

fn first_line(command: &mut Command, what: &str) -> Result<Value, String> {
    let output = command
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
        .map_err(|e| format!("{what}: {e}"))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|l| serde_json::from_str(l).ok())
        .ok_or_else(|| format!("{what} printed no result"))
}

fn esda(folder: &Path, permutations: u32, times: u32) -> Result<Value, String> {
    let python = std::env::var("ISOPLETH_PEER_PYTHON").map_err(|_| {
        "set ISOPLETH_PEER_PYTHON to a Python with esda, libpysal and numba (../shared/peers/requirements.txt)"
    })?;
    let mut command = Command::new(&python);
    command
        .args(["-c", ESDA])
        .arg(folder)
        .args([permutations.to_string(), times.to_string()])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NUMBA_CACHE_DIR", std::env::temp_dir());
    first_line(&mut command, &python)
}

fn spdep(folder: &Path, resolution: u8, rings: u32) -> Result<Value, String> {
    let script = shared("peers/R_gi.R").ok_or("no shared data (set ISOPLETH_SHARED)")?;
    let mut command = Command::new("Rscript");
    command
        .arg(script)
        .args([resolution.to_string(), rings.to_string(), "0".to_owned()])
        .env("PERF_DATA", folder);
    first_line(&mut command, "Rscript with spdep and data.table")
}

/// Bytes of memory that shuffles in a fresh process take at their height beyond the map.
fn grown(resolution: u8) -> Result<f64, Failure> {
    let output = Command::new(std::env::current_exe()?)
        .args([MEMORY, &resolution.to_string()])
        .env("RAYON_NUM_THREADS", "1")
        .output()?;
    let line: Value = serde_json::from_slice(&output.stdout)?;
    Ok(line["grown"].as_f64().unwrap_or(f64::NAN))
}

/// Prints what [`grown`] reads.
pub(crate) fn print_memory(resolution: &str) -> Result<(), Failure> {
    let of_status = |field: &str| -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|l| l.strip_prefix(field))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    };
    let oracle = GiOracle::load(resolution.parse()?, 1).ok_or(MISSING)?;
    let neighbours = around(&oracle, 1);
    // Forgets how high the reading of the map went.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = of_status("VmRSS:").ok_or("the system does not tell the size of a process")?;
    let found = total::shuffles(
        &oracle.counts,
        &neighbours,
        Statistic::GiStar,
        PERMUTATIONS,
        1,
    )?;
    let peak = of_status("VmHWM:");
    let grown = peak.map(|peak| peak.saturating_sub(before));
    println!(
        "{}",
        json!({ "grown": grown, "peak": peak, "extreme": found.extremes.last() })
    );
    Ok(())
}

const CALIBRATION: &str = "calibration.getis_ord";
const SEEDS: u64 = 1000;
const LEVEL: f64 = 0.05;
const MAPPING: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../examples/mappings/london-2022.toml"
));

/// Offence groups in words, by name, and the resolution.
const MAPS: [(&str, Option<&str>, u8); 4] = [
    ("all reported crime, H3 9", None, 9),
    ("all reported crime, H3 10", None, 10),
    ("burglary, H3 9", Some("burglary"), 9),
    ("burglary, H3 10", Some("burglary"), 10),
];

/// Maps with any false hotspot, and with any significant cell on either side.
#[derive(Debug, Clone, Copy, Default)]
struct Wrong {
    hot: u64,
    any: u64,
}

impl Wrong {
    fn count(&mut self, p: &[f64], much: &[bool]) {
        let any = p.iter().any(|p| *p <= LEVEL);
        let hot = p.iter().zip(much).any(|(p, m)| *p <= LEVEL && *m);
        self.any += u64::from(any);
        self.hot += u64::from(hot);
    }
}

/// Null maps of Havering's records of 2022.
pub(crate) fn calibrate(report: &mut Report) -> Result<(), Failure> {
    if !report.wants(CALIBRATION) {
        return Ok(());
    }
    let (Some(crimes), Some(boroughs)) = (
        shared("data/havering_2022.csv"),
        shared("data/areas/london_boroughs.geojson"),
    ) else {
        report.skip(CALIBRATION, MISSING);
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("havering.gpkg");
    drop(Store::open_or_create(&path, &default_policy())?);
    let options = Options {
        mapping: Some(Mapping::from_toml(MAPPING)?),
        ..Options::default()
    };
    ingest(&path, &[crimes], &options)?;
    let areas = read_areas(
        &std::fs::read(boroughs)?,
        "borough",
        "2018",
        "gss_code",
        "name",
    )?
    .areas;
    Store::open(&path)?.add_areas(&areas)?;
    let snapshot = Store::open_read_only(&path)?.snapshot()?;
    for (what, group, resolution) in MAPS {
        let select = |period: &str| -> Result<Select, Failure> {
            Ok(Select {
                area: Some(AreaSelect::Code("E09000016".into())),
                period: Some(isopleth_core::domain::Period::parse(period)?),
                groups: group.map(|g| vec![g.to_owned()]),
                ..Select::default()
            })
        };
        let params = GroundParams {
            h3_resolution: Some(resolution),
            ..GroundParams::default()
        };
        let year = Selection::new(&snapshot, &select("2022")?)?;
        let ground = Ground::new(&year, params, "calibration")?;
        let month = Selection::new(&snapshot, &select("2022-12")?)?;
        let december: u64 = ground
            .study
            .counts(&month)
            .iter()
            .map(|&c| u64::from(c))
            .sum();
        cells_dealt(report, what, &ground)?;
        times_permuted(report, what, &ground, december)?;
    }
    Ok(())
}

fn row(report: &mut Report, what: String, wrong: Wrong, promised: bool) {
    let interval = |k| {
        let (low, high) = clopper_pearson(k, SEEDS, 0.05);
        format!(
            "{:.1} % ({:.1} to {:.1})",
            k as f64 * 100.0 / SEEDS as f64,
            low * 100.0,
            high * 100.0
        )
    };
    // The most maps whose interval still holds the level.
    let most = (0..SEEDS)
        .take_while(|&k| clopper_pearson(k, SEEDS, 0.05).0 <= LEVEL)
        .last()
        .unwrap_or(0);
    report.add(Figure {
        name: CALIBRATION,
        what,
        unit: "of null maps",
        ours: wrong.hot as f64 / SEEDS as f64,
        agreement: format!(
            "hot {}; either side {}",
            interval(wrong.hot),
            interval(wrong.any)
        ),
        target: promised.then_some(Target::AtMost(most as f64 / SEEDS as f64)),
        ..Figure::default()
    });
}

/// The counts of the map dealt over its cells.
fn cells_dealt(report: &mut Report, what: &str, ground: &Ground) -> Result<(), Failure> {
    let neighbours = &ground.neighbours;
    let few = ground.counts.len() < 3000;
    let shuffles = |seed| {
        PValue::Permutation(Permutation {
            permutations: 999,
            seed,
            ..Permutation::default()
        })
    };
    let mut tests: Vec<(&str, Statistic, PValue, Correction, bool)> = vec![
        (
            "Gi*, exact, BH (the default)",
            Statistic::GiStar,
            PValue::Exact,
            Correction::BenjaminiHochberg,
            true,
        ),
        (
            "Gi*, exact, Bonferroni",
            Statistic::GiStar,
            PValue::Exact,
            Correction::Bonferroni,
            true,
        ),
        (
            "Gi*, analytic, BH",
            Statistic::GiStar,
            PValue::Analytic,
            Correction::BenjaminiHochberg,
            false,
        ),
        (
            "Gi*, analytic, Bonferroni",
            Statistic::GiStar,
            PValue::Analytic,
            Correction::Bonferroni,
            false,
        ),
        (
            "Gi and local Moran, exact, BH",
            Statistic::Gi,
            PValue::Exact,
            Correction::BenjaminiHochberg,
            true,
        ),
    ];
    if few {
        tests.push((
            "Gi*, 999 total permutations, BH",
            Statistic::GiStar,
            shuffles(0),
            Correction::BenjaminiHochberg,
            true,
        ));
    }
    let mut wrong = vec![Wrong::default(); tests.len()];
    let mut family = Wrong::default();
    for seed in 0..SEEDS {
        let mut counts = ground.counts.clone();
        Random::of_replicate(2022, seed).shuffle(&mut counts);
        let z =
            [Statistic::GiStar, Statistic::Gi].map(|s| getis_ord_of_counts(&counts, neighbours, s));
        for ((_, statistic, p_value, correction, _), wrong) in tests.iter().zip(&mut wrong) {
            let p_value = match p_value {
                PValue::Permutation(_) => shuffles(seed + 1),
                other => *other,
            };
            let z = &z[usize::from(*statistic == Statistic::Gi)];
            let found = Inference::of_counts(
                &counts,
                neighbours,
                *statistic,
                z,
                p_value,
                *correction,
                LEVEL,
            )?;
            wrong.count(&found.p_adjusted, &found.much);
            if let Some(p) = &found.p_family {
                family.count(p, &found.much);
            }
        }
    }
    let cells = ground.counts.len();
    let each = |test: &str| format!("{what}, {cells} cells, counts dealt over the cells: {test}");
    for ((test, .., promised), wrong) in tests.iter().zip(wrong) {
        row(report, each(test), wrong, *promised);
    }
    if few {
        row(
            report,
            each("Gi*, 999 total permutations, p_family"),
            family,
            true,
        );
    }
    Ok(())
}

/// The records stay where they are, and their months are permuted: December's against the other months'.
fn times_permuted(
    report: &mut Report,
    what: &str,
    ground: &Ground,
    december: u64,
) -> Result<(), Failure> {
    let neighbours = &ground.neighbours;
    let records: Vec<u32> = (0..ground.counts.len() as u32)
        .flat_map(|c| std::iter::repeat_n(c, ground.counts[c as usize] as usize))
        .collect();
    let all = sums(&ground.counts, neighbours, Statistic::GiStar);
    let tests = [
        ("Gi* against the other months, exact, BH", true),
        ("Gi* against the other months, exact, Bonferroni", true),
        ("Gi* against the other months, analytic, BH", false),
        (
            "Gi* of the month's counts alone, exact, BH: where crime is in any month",
            false,
        ),
    ];
    let mut wrong = [Wrong::default(); 4];
    for seed in 0..SEEDS {
        let mut shuffled = records.clone();
        Random::of_replicate(12, seed).shuffle(&mut shuffled);
        let mut counts = vec![0; ground.counts.len()];
        for &c in shuffled.iter().take(december as usize) {
            counts[c as usize] += 1;
        }
        let before: Vec<u32> = ground
            .counts
            .iter()
            .zip(&counts)
            .map(|(a, c)| a - c)
            .collect();
        let now = sums(&counts, neighbours, Statistic::GiStar);
        let then: Vec<u64> = all.iter().zip(&now).map(|(a, n)| a - n).collect();
        let compared = compare(&counts, &before, &now, &then, Statistic::GiStar);
        let tested = Tested::by_tails(&compared.tails);
        for (wrong, correction) in wrong
            .iter_mut()
            .zip([Correction::BenjaminiHochberg, Correction::Bonferroni])
        {
            let found = tested.clone().adjusted(correction);
            wrong.count(&found.p_adjusted, &found.much);
        }
        let normal = by_normal(&compared.z).adjusted(Correction::BenjaminiHochberg);
        wrong[2].count(&normal.p_adjusted, &normal.much);
        let z = getis_ord_of_counts(&counts, neighbours, Statistic::GiStar);
        let (star, bh) = (Statistic::GiStar, Correction::default());
        let plain = Inference::of_counts(&counts, neighbours, star, &z, PValue::Exact, bh, LEVEL)?;
        wrong[3].count(&plain.p_adjusted, &plain.much);
    }
    let n = ground.counts.len();
    for ((test, promised), wrong) in tests.into_iter().zip(wrong) {
        let what =
            format!("{what}, {n} cells, times permuted, {december} records of a month: {test}");
        row(report, what, wrong, promised);
    }
    Ok(())
}
