//! How often the spike detector flags chance: maps of nothing, made of real burglaries.

use isopleth_benches::load::{Failure, ingest};
use isopleth_core::area_series::{AreaSeries, Basis, Row};
use isopleth_core::domain::Month;
use isopleth_core::methods::spikes::{self, Params, Test};
use isopleth_core::random::Random;
use isopleth_core::select::Selection;
use isopleth_core::statistics::clopper_pearson;
use isopleth_core::{Request, Snapshot};
use isopleth_io::ingest::Options;
use isopleth_io::read_areas;
use isopleth_store::Store;
use isopleth_tests::oracle::shared;

use crate::figure::{Figure, Report, Target};

const NAME: &str = "calibration.spikes";
const CRIMES: &str = "data/police_uk_metropolitan_burglary_2018-2019.zip";
const MAPS: u64 = 1_000;
const LEVEL: f64 = 0.05;
const BASELINE: i32 = 12;

/// How a map of nothing is made.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Null {
    /// Each record's month drawn afresh from the thirteen.
    Drawn,
    /// The months of the records permuted among them: every month keeps its total.
    Permuted,
}

pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    if !report.wants(NAME) {
        return Ok(());
    }
    let (Some(crimes), Some(wards), Some(boroughs)) = (
        shared(CRIMES),
        shared("data/areas/london_wards_2018.geojson"),
        shared("data/areas/london_boroughs.geojson"),
    ) else {
        report.skip(NAME, "no shared data");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("calibration.gpkg");
    ingest(&path, &[crimes], &Options::default())?;
    let mut store = Store::open(&path)?;
    let wards = std::fs::read(wards)?;
    store.add_areas(&read_areas(&wards, "ward", "2018", "GSS_CODE", "NAME")?.areas)?;
    let boroughs = std::fs::read(boroughs)?;
    let boroughs = read_areas(&boroughs, "borough", "2018", "gss_code", "name")
        .or_else(|_| read_areas(&boroughs, "borough", "2018", "GSS_CODE", "NAME"))?;
    store.add_areas(&boroughs.areas)?;
    let snapshot = store.snapshot()?;

    for (place, area) in [("Havering", r#""area": "E09000016""#), ("London", "")] {
        let series = series(&snapshot, area)?;
        for null in [Null::Drawn, Null::Permuted] {
            for (flag, what) in [
                (r#"{"flag": "own_past"}"#, "own_past (default)"),
                (r#"{"flag": "beyond_whole"}"#, "beyond_whole"),
                ("", "Poisson tail alone"),
            ] {
                let params = (!flag.is_empty())
                    .then(|| serde_json::from_str::<Params>(flag))
                    .transpose()?;
                let (found, wards) = share_flagged(&series, null, params.as_ref());
                let (low, high) = clopper_pearson(found, MAPS, 0.05);
                // A share that chance may bring at the level itself: 68 of 1,000 at 0.05.
                let most = (0..=MAPS)
                    .find(|k| {
                        isopleth_core::statistics::binomial_upper(k + 1, MAPS, LEVEL) <= 0.025
                    })
                    .unwrap_or(MAPS);
                report.add(Figure {
                    name: NAME,
                    what: format!(
                        "{place}, {wards} wards, months {}: share of {MAPS} null maps with any flag by {what}",
                        match null {
                            Null::Drawn => "drawn afresh",
                            Null::Permuted => "permuted",
                        }
                    ),
                    unit: "share",
                    ours: found as f64 / MAPS as f64,
                    agreement: format!("95 % interval {low:.3} to {high:.3}"),
                    // The tail alone is there to be seen.
                    target: params
                        .is_some()
                        .then_some(Target::AtMost(most as f64 / MAPS as f64)),
                    ..Figure::default()
                });
            }
        }
    }
    Ok(())
}

fn series(snapshot: &Snapshot, area: &str) -> Result<AreaSeries, Failure> {
    let request = Request::from_json(&format!(
        r#"{{"select": {{ {area} }}, "method": {{"name": "spikes", "areas": {{"kind": "ward", "vintage": "2018"}}}}}}"#
    ))?;
    let selection = Selection::new(snapshot, &request.select)?;
    let isopleth_core::Method::Spikes(params) = &request.method else {
        return Err("a request for spikes is one".into());
    };
    Ok(Basis::Records(&selection).series(params.areas.as_ref(), &[], &[])?)
}

/// Maps with any flag, and the number of wards. The test months are those of 2019, in turn.
fn share_flagged(series: &AreaSeries, null: Null, params: Option<&Params>) -> (u64, usize) {
    use rayon::prelude::*;
    let wards = series.areas.len();
    let first = Month::parse("2019-01").unwrap_or(series.period.1);
    let found = (0..MAPS)
        .into_par_iter()
        .filter(|&map| {
            let test = first.plus((map % 12) as i32);
            let counts = null_map(series, test, null, map);
            match params {
                Some(params) => spikes::flags(&counts, BASELINE as u32, params) > 0,
                None => counts.iter().any(|&(now, before)| {
                    let p = Test::of(now, before, BASELINE as u32).p_poisson;
                    now >= 3 && p * wards as f64 <= LEVEL
                }),
            }
        })
        .count();
    (found as u64, wards)
}

/// Counts of the test month and its baseline in each ward, of a map of nothing.
fn null_map(series: &AreaSeries, test: Month, null: Null, map: u64) -> Vec<(u64, u64)> {
    let window = (test.plus(-BASELINE), test);
    let mut random = Random::of_replicate(0, map);
    // The month of each record, ward by ward: 0 to 12.
    let mut months: Vec<u32> = Vec::new();
    let mut of_ward = Vec::new();
    for a in 0..series.areas.len() {
        let before = months.len();
        for (i, m) in AreaSeries::months(window).enumerate() {
            let n = series.count(Row::Area(a), series.lens, m);
            months.extend(std::iter::repeat_n(i as u32, n as usize));
        }
        of_ward.push(months.len() - before);
    }
    match null {
        Null::Drawn => {
            for m in &mut months {
                *m = random.below(BASELINE as u32 + 1);
            }
        }
        Null::Permuted => random.shuffle(&mut months),
    }
    let mut rest = &months[..];
    of_ward
        .into_iter()
        .map(|n| {
            let (own, others) = rest.split_at(n);
            rest = others;
            let now = own.iter().filter(|m| **m == BASELINE as u32).count() as u64;
            (now, n as u64 - now)
        })
        .collect()
}
