//! Emerging hot spots of the peers' events, beside numpy.

use std::path::Path;
use std::process::{Command, Stdio};

use isopleth_benches::clock::Runs;
use isopleth_benches::load::Failure;
use isopleth_core::lattice::Neighbours;
use isopleth_core::methods::emerging_hot_spots::{
    Cube, Definition, Family, PValue, Reference, Sides, State, Test,
};
use isopleth_core::statistics::Correction;
use isopleth_tests::npy::{Array, read_npz};
use isopleth_tests::oracle::{peer_data, shared};
use serde_json::Value;

use crate::figure::{Figure, Report, Target};

/// Figure, H3 resolution, how p comes about, and what is to be reached.
const CASES: [(&str, u8, PValue, Option<Target>); 3] = [
    // As the peer has it.
    ("peers.emerging_17k", 9, PValue::Normal, None),
    (
        "peers.emerging_121k",
        10,
        PValue::Normal,
        Some(Target::RatioAtLeast(3.0)),
    ),
    // As it is by default.
    (
        "peers.emerging_121k_exact",
        10,
        PValue::Exact,
        Some(Target::RatioAtLeast(3.0)),
    ),
];

pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    // The peer runs on one thread.
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for (name, resolution, p_value, target) in CASES {
        if !report.wants(name) {
            continue;
        }
        let folder = tempfile::tempdir()?;
        // First: it also makes the cube that both read.
        let theirs = peer(resolution, folder.path());
        let Some((counts, steps, neighbours)) = input(resolution)? else {
            report.skip(name, "no cube of the peers' events; see benches/README.md");
            continue;
        };
        let first: Vec<usize> = (0..steps).map(|t: usize| t.saturating_sub(1)).collect();
        let test = Test {
            reference: Reference::EntireCube,
            p_value,
            correction: Correction::BenjaminiHochberg,
            family: Family::AllBins,
            level: 0.05,
        };
        let mut found = None;
        let runs = one.install(|| {
            Runs::five(|| {
                found = Cube::new(&counts, &first, &neighbours, test)
                    .ok()
                    .map(|cube| {
                        let categories = cube.categories(Definition::EsriCurrent, Sides::Hot, 0.05);
                        (cube, categories)
                    });
            })
        });
        let (cube, categories) = found.ok_or("no cube")?;
        let hot = cube.states.iter().filter(|s| **s == State::Hot).count();
        let mut figure = Figure {
            name,
            what: format!(
                "z, adjusted significance, Mann–Kendall and categories of {} cells by {steps} months, ring 1 and the month before, {} p, one thread",
                cube.cells(),
                p_value.name()
            ),
            unit: "CPU s",
            ours: runs.median(),
            runs,
            agreement: format!(
                "{hot} hot bins, {} cells with a pattern",
                categories.iter().flatten().count()
            ),
            ..Figure::default()
        };
        match theirs {
            Ok(seconds) => {
                figure.agreement =
                    format!("{}; {}", agreement(&cube, folder.path())?, figure.agreement);
                figure.peer = Some((
                    "numpy and SciPy, z and Mann–Kendall only, least of five".to_owned(),
                    seconds,
                ));
                figure.target = target;
            }
            Err(why) => report.skip("numpy", &why),
        }
        report.add(figure);
    }
    Ok(())
}

type Input = (Vec<u32>, usize, Neighbours);

/// Counts by cell and month, and who lies beside whom, as the peers' scripts keep them.
fn input(resolution: u8) -> Result<Option<Input>, Failure> {
    let (cube, near) = (
        peer_data().join(format!("cube_{resolution}.npy")),
        peer_data().join(format!("h3_{resolution}_k1.npz")),
    );
    if !cube.exists() || !near.exists() {
        return Ok(None);
    }
    let cube = Array::read(&std::fs::read(cube)?)?;
    let counts = cube.integers()?.iter().map(|&n| u32::try_from(n));
    let counts = counts.collect::<Result<Vec<u32>, _>>()?;
    let near = read_npz(&std::fs::read(near)?)?;
    let of = |name: &str| near.get(name).ok_or("no neighbours");
    let (starts, cells) = (of("ptr")?.integers()?, of("idx")?.integers()?);
    let lists = starts.windows(2).map(|w| {
        let list = &cells[w[0] as usize..w[1] as usize];
        list.iter().map(|&c| c as u32).collect()
    });
    let neighbours = Neighbours::from_lists(lists.collect());
    Ok(Some((counts, cube.shape[1], neighbours)))
}

/// CPU seconds of the peer's own script, least of five; what it found goes to a folder.
fn peer(resolution: u8, folder: &Path) -> Result<f64, String> {
    let script = shared("peers/ehsa.py").ok_or("no shared data (set ISOPLETH_SHARED)")?;
    let python = std::env::var("ISOPLETH_PEER_PYTHON").map_err(|_| {
        "set ISOPLETH_PEER_PYTHON to a Python with numpy, scipy, h3, h3ronpy and pyproj (../shared/peers/requirements.txt)"
    })?;
    // The script as it is, and then what it holds.
    let code = "import sys\n\
        script, resolution, folder = sys.argv[1:]\n\
        sys.argv = ['ehsa.py', 'numpy', resolution, '1', '5']\n\
        exec(compile(open(script).read(), script, 'exec'))\n\
        np.save(folder + '/g.npy', G); np.save(folder + '/s.npy', S); np.save(folder + '/z.npy', z)\n";
    let output = Command::new(&python)
        .args(["-c", code])
        .arg(&script)
        .arg(resolution.to_string())
        .arg(folder)
        .env("PERF_DATA", peer_data())
        // The script writes its oracle anew.
        .env("PERF_ORACLE", folder)
        .env("PYTHONPATH", script.parent().unwrap_or(folder))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"].map(|n| (n, "1")))
        .stderr(Stdio::null())
        .output()
        .map_err(|e| format!("{python}: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line: Value = text
        .lines()
        .find_map(|l| serde_json::from_str(l).ok())
        .ok_or_else(|| {
            format!(
                "{python} printed no result; make its cells with `PERF_DATA=… python gi.py oracle {resolution} 1`"
            )
        })?;
    line["cpu"]
        .as_f64()
        .ok_or_else(|| "no CPU time in the result".to_owned())
}

/// How far every z and every trend agree with the peer's.
fn agreement(cube: &Cube, folder: &Path) -> Result<String, Failure> {
    let read = |name: &str| -> Result<Array, Failure> {
        Ok(Array::read(&std::fs::read(folder.join(name))?)?)
    };
    let (g, s, z) = (read("g.npy")?, read("s.npy")?, read("z.npy")?);
    let (g, s, z) = (g.floats()?, s.integers()?, z.floats()?);
    let steps = cube.steps();
    let (mut apart, mut other, mut trend) = (0.0_f64, 0, 0.0_f64);
    for cell in 0..cube.cells() {
        for (ours, theirs) in cube.z(cell).iter().zip(&g[cell * steps..]) {
            apart = apart.max((ours - theirs).abs());
        }
        let found = &cube.trends[cell];
        if found.s == s[cell] {
            trend = trend.max((found.z().unwrap_or(0.0) - z[cell]).abs());
        } else {
            other += 1;
        }
    }
    Ok(format!(
        "every z to {apart:.1e}, S of Mann–Kendall equal but in {other} cells, their Z to {trend:.1e}"
    ))
}
