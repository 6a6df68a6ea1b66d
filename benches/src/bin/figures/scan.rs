//! Scan statistics: beside SaTScan's recorded times, and how often chance alone is called a cluster.

use std::collections::BTreeMap;

use isopleth_benches::clock::{Runs, cpu};
use isopleth_benches::load::Failure;
use isopleth_core::domain::LonLat;
use isopleth_core::methods::space_time_scan::{Ends, MonteCarlo, Null, Study, Time, Windows, scan};
use isopleth_core::plane;
use isopleth_core::random::Random;
use isopleth_core::statistics::{binomial_upper, clopper_pearson};
use isopleth_tests::oracle::shared;
use isopleth_tests::satscan;

use crate::figure::{Figure, Report, Target};

/// Figure, and the CPU seconds of a replicate that are recorded for SaTScan 10.3.2: of its runs the least.
const TIMED: [(&str, f64); 2] = [
    ("scan.permutation_1140", 0.84),
    ("scan.permutation_4528", 7.3),
];

/// Replicates of a measured run.
const REPLICATES: u32 = 100;

const LINES: [&str; 4] = [
    "scan.calibration_permutation",
    "scan.calibration_prospective",
    "scan.calibration_bernoulli",
    "scan.calibration_poisson",
];

/// Maps that chance makes for each line of the calibration.
const MAPS: u64 = 1000;

const LEVEL: f64 = 0.05;

pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    for ((figure, theirs), instance) in TIMED.into_iter().zip(satscan::PERMUTATION) {
        if report.wants(figure) {
            timed(report, figure, theirs, instance)?;
        }
    }
    if LINES.iter().any(|l| report.wants(l)) {
        calibration(report)?;
    }
    Ok(())
}

fn timed(
    report: &mut Report,
    name: &'static str,
    theirs: f64,
    (instance, max_radius, printed): (&str, f64, f64),
) -> Result<(), Failure> {
    let Some(files) = satscan::permutation(instance) else {
        report.skip(name, "no shared data (set ISOPLETH_SHARED)");
        return Ok(());
    };
    let study = Study {
        points: files.points.clone(),
        cases: files.by_day("2023/1/1"),
        steps: 365,
        null: Null::Permutation,
    };
    let windows = Windows {
        max_radius: Some(max_radius),
        max_share: 0.5,
        steps: (1, 30),
        min_count: 2,
        ends: Ends::Any,
    };
    let how = |replicates| MonteCarlo {
        replicates,
        stop_after: 0,
        seed: 1,
    };
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let run = |replicates| one.install(|| scan(&study, &windows, how(replicates)));
    let (mut each, mut firsts) = (Vec::new(), Vec::new());
    let mut found = None;
    for _ in 0..5 {
        let (first, outcome) = cpu(|| run(0));
        outcome?;
        let (whole, outcome) = cpu(|| run(REPLICATES));
        found = Some(outcome?);
        firsts.push(first);
        each.push((whole - first) / f64::from(REPLICATES));
    }
    let found = found.ok_or("no scan")?;
    let highest = found.clusters.first().map_or(0.0, |c| c.llr);
    let mut maxima = found.chance.maxima.clone();
    maxima.sort_by(f64::total_cmp);
    let runs = Runs(each);
    let equal = format!("{highest:.6}") == format!("{printed:.6}");
    report.add(Figure {
        name,
        what: format!(
            "space-time permutation scan, {} places, {} cases, {:.2e} windows: one replicate of {REPLICATES}, one thread; circles, neighbours and what is observed take {:.2} s once",
            found.places,
            study.cases.len(),
            found.windows as f64,
            Runs(firsts).median(),
        ),
        unit: "CPU s",
        ours: runs.median(),
        runs,
        peer: Some((
            "SaTScan 10.3.2 (recorded, on another machine)".to_owned(),
            theirs,
        )),
        agreement: format!(
            "maximum {highest:.6}, {} to SaTScan's {printed:.6}; median of the replicates {:.2}",
            if equal { "equal" } else { "NOT EQUAL" },
            maxima[maxima.len() / 2],
        ),
        target: Some(Target::RatioAtLeast(35.0)),
    });
    Ok(())
}

/// Records of Havering, 2022: offence, place, month from 0.
struct Records {
    points: Vec<(f64, f64)>,
    of: BTreeMap<String, Vec<(u32, u32)>>,
}

fn havering() -> Result<Option<Records>, Failure> {
    let Some(path) = shared("data/havering_2022.csv") else {
        return Ok(None);
    };
    let mut reader = csv::Reader::from_path(path)?;
    let headers = reader.headers()?.clone();
    let column = |name: &str| {
        let at = headers.iter().position(|h| h == name);
        at.ok_or_else(|| Failure::from(format!("no column {name}")))
    };
    let columns = [
        column("type")?,
        column("month")?,
        column("longitude")?,
        column("latitude")?,
    ];
    let mut records = Records {
        points: Vec::new(),
        of: BTreeMap::new(),
    };
    let mut place_of = BTreeMap::new();
    for row in reader.records() {
        let row = row?;
        let [kind, month, lon, lat] = columns.map(|c| row.get(c).unwrap_or_default());
        let planar = plane::project(LonLat::new(lon.parse()?, lat.parse()?)?)?.planar;
        let at = ((planar.x * 1000.0).round(), (planar.y * 1000.0).round());
        let next = records.points.len() as u32;
        let place = *place_of.entry((at.0 as i64, at.1 as i64)).or_insert(next);
        if place == next {
            records.points.push(at);
        }
        let month: u32 = month.parse()?;
        let list = records.of.entry(kind.to_owned()).or_default();
        list.push((place, month - 1));
    }
    Ok(Some(records))
}

/// Only the places that some records lie at.
fn settled(points: &[(f64, f64)], lists: &mut [&mut Vec<(u32, u32)>]) -> Vec<(f64, f64)> {
    let mut new = vec![u32::MAX; points.len()];
    let mut kept = Vec::new();
    for list in lists {
        for record in list.iter_mut() {
            let place = record.0 as usize;
            if new[place] == u32::MAX {
                new[place] = kept.len() as u32;
                kept.push(points[place]);
            }
            record.0 = new[place];
        }
    }
    kept
}

/// Real places, and what only chance makes of them, again and again.
fn calibration(report: &mut Report) -> Result<(), Failure> {
    let Some(records) = havering()? else {
        report.skip("scan.calibration", "no shared data (set ISOPLETH_SHARED)");
        return Ok(());
    };
    let of = |kind: &str| records.of.get(kind).cloned().unwrap_or_default();
    let (mut own, mut others) = (of("burglary"), of("vehicle crime"));
    let mut lonely = own.clone();
    let alone = settled(&records.points, &mut [&mut lonely]);
    let both = settled(&records.points, &mut [&mut own, &mut others]);
    let permutation = Study {
        points: alone,
        cases: lonely,
        steps: 12,
        null: Null::Permutation,
    };
    let bernoulli = Study {
        points: both.clone(),
        cases: own.clone(),
        steps: 12,
        null: Null::Bernoulli {
            controls: others.clone(),
        },
    };
    let mut population = vec![0.5; both.len()];
    for &(place, _) in &others {
        population[place as usize] += 1.0;
    }
    let poisson = Study {
        points: both,
        cases: own,
        steps: 12,
        null: Null::Poisson {
            population,
            time: Time::Even(vec![1.0; 12]),
        },
    };
    let last = Ends::Last { first_look: None };
    for (name, what, study, ends) in [
        (
            LINES[0],
            "months permuted, retrospective",
            &permutation,
            Ends::Any,
        ),
        (LINES[1], "months permuted, prospective", &permutation, last),
        (
            LINES[2],
            "burglary and vehicle crime relabelled",
            &bernoulli,
            Ends::Any,
        ),
        (
            LINES[3],
            "thrown in proportion to vehicle crime",
            &poisson,
            Ends::Any,
        ),
    ] {
        if !report.wants(name) {
            continue;
        }
        let windows = Windows {
            max_radius: Some(1_000_000.0),
            max_share: 0.5,
            steps: (1, 6),
            min_count: 2,
            ends,
        };
        let (seconds, false_maps) = cpu(|| -> Result<u64, Failure> {
            let mut hits = 0;
            for seed in 0..MAPS {
                // Stopped at ten that reach the observed: then p is more than a twentieth.
                let how = MonteCarlo {
                    replicates: 199,
                    stop_after: 10,
                    seed: seed.wrapping_mul(2) + 1,
                };
                let map = chance_map(study, seed);
                let found = scan(&map, &windows, how)?;
                let p = found.clusters.first().and_then(|c| found.chance.p(c.llr));
                hits += u64::from(p.is_some_and(|p| p <= LEVEL));
            }
            Ok(hits)
        });
        let false_maps = false_maps?;
        let (low, high) = clopper_pearson(false_maps, MAPS, 0.05);
        // The most that a test of just this level would show, but for once in forty.
        let most = (0..=MAPS)
            .take_while(|&k| binomial_upper(k, MAPS, LEVEL) > 0.025)
            .last()
            .unwrap_or(0);
        report.add(Figure {
            name,
            what: format!(
                "{} places and {} burglaries of Havering 2022, {what}: share of {MAPS} maps with a cluster of p ≤ {LEVEL}, circles up to 1 km, 199 replicates",
                study.points.len(),
                study.cases.len(),
            ),
            unit: "",
            ours: false_maps as f64 / MAPS as f64,
            runs: Runs(vec![seconds]),
            agreement: format!("95 % interval {low:.4} to {high:.4}"),
            target: Some(Target::AtMost(most as f64 / MAPS as f64)),
            ..Figure::default()
        });
    }
    Ok(())
}

/// A map that chance makes of a study.
fn chance_map(study: &Study, seed: u64) -> Study {
    // Streams apart from those of the replicates.
    let mut random = Random::of_replicate(seed, u64::MAX);
    let mut map = study.clone();
    match &mut map.null {
        Null::Permutation => {
            let mut steps: Vec<u32> = map.cases.iter().map(|c| c.1).collect();
            random.shuffle(&mut steps);
            for (case, step) in map.cases.iter_mut().zip(steps) {
                case.1 = step;
            }
        }
        Null::Bernoulli { controls } => {
            let mut all = [map.cases.as_slice(), controls].concat();
            random.shuffle(&mut all);
            let (cases, others) = all.split_at(map.cases.len());
            (*controls, map.cases) = (others.to_vec(), cases.to_vec());
        }
        Null::Poisson { population, .. } => {
            let whole: f64 = population.iter().sum();
            for case in &mut map.cases {
                let mut at = random.unit() * whole;
                let place = population.iter().position(|p| {
                    at -= p;
                    at < 0.0
                });
                let place = place.unwrap_or(population.len() - 1) as u32;
                *case = (place, random.below(12));
            }
        }
    }
    map
}
