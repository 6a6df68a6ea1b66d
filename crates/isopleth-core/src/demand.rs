//! What a request asks for, told before it is run: how much ground, how many cells, shuffles and
//! incidents.
//!
//! A service that runs requests of others has to know beforehand what they cost. Incidents and shuffles
//! are exact. Cells are estimated from the ground and the size of a cell, a little high rather than
//! low, since the cells themselves would take as long to make as many a method to run on them.

use geo::{Haversine, Length};

use crate::Snapshot;
use crate::hotspots;
use crate::kernel::Kernel;
use crate::lattice::Tiling;
use crate::local_association::PValue;
use crate::methods::kernel_density::Bandwidth;
use crate::methods::near_repeat_risk::Decay;
use crate::methods::{dual_density, evaluation, kernel_density};
use crate::plane::Planar;
use crate::request::{Method, Request, Select};
use crate::run::RunError;
use crate::select::Selection;
use crate::steps::{Step, Steps};
use crate::study_cells::tiling;
use crate::tally::CountedBy;

/// What a request asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Demand {
    /// Ground, m²: the study area or, where none is named, the rectangle around the selected incidents.
    pub area_m2: f64,
    /// Cells, or lixels of streets; for methods over cells and steps of time the product of both.
    pub cells: u64,
    /// Permutations, replicates and runs of all tests together.
    pub replicates: u64,
    /// Selected incidents, those of a second group or period among them.
    pub incidents: u64,
}

/// What a request asks for on a snapshot. Tables of ready-made counts have no ground and no incidents
/// to count, and ask for nothing.
///
/// # Errors
/// [`RunError`] for what can be told without running it: selections that cannot be made, cells out of
/// range.
pub fn demand(snapshot: &Snapshot, request: &Request) -> Result<Demand, RunError> {
    if request.method.counts().is_some() {
        return Ok(Demand::default());
    }
    let selection = Selection::new(snapshot, &request.select)?;
    let mut incidents = selection.selected + selection.beyond;
    for second in others(request) {
        let second = Selection::new(snapshot, &second).map_err(RunError::Against)?;
        incidents += second.selected + second.beyond;
    }
    let ground = Ground::of(&selection);
    Ok(Demand {
        area_m2: ground.area_m2,
        cells: cells(&selection, &ground, request)?,
        replicates: replicates(request),
        incidents,
    })
}

/// The selections that a request makes besides its own.
fn others(request: &Request) -> Vec<Select> {
    let first = &request.select;
    match &request.method {
        Method::DualDensity(p) if p.against.sites.is_none() => vec![Select {
            lens: p.against.lens.or(first.lens),
            ..p.against.select(first)
        }],
        Method::GetisOrd(p) => {
            let of = |a: crate::methods::getis_ord::Against| Select {
                period: Some(a.period),
                ..first.clone()
            };
            p.against.map(of).into_iter().collect()
        }
        Method::Overlap(p) => vec![p.with.select(first)],
        Method::SearchEffects(p) => vec![p.searches.select(first)],
        Method::Vicinity(p) => p.against.iter().map(|a| a.select(first)).collect(),
        _ => Vec::new(),
    }
}

/// The ground of a selection.
struct Ground {
    area_m2: f64,
    /// Sides of the rectangle around it, metres.
    sides_m: [f64; 2],
    /// Whether it is a study area, beyond which there are no cells.
    named: bool,
}

impl Ground {
    fn of(selection: &Selection) -> Self {
        if let Some(area) = &selection.area {
            let (lo, hi) = area.planar_bounds();
            return Self {
                area_m2: area.area_m2,
                sides_m: [hi.x - lo.x, hi.y - lo.y],
                named: true,
            };
        }
        let all = selection.incidents().locations();
        let mut bounds: Option<[Planar; 2]> = None;
        for (location, _) in selection.locations() {
            let at = all[location as usize].planar();
            let [lo, hi] = bounds.get_or_insert([at, at]);
            (lo.x, lo.y) = (lo.x.min(at.x), lo.y.min(at.y));
            (hi.x, hi.y) = (hi.x.max(at.x), hi.y.max(at.y));
        }
        let sides_m = bounds.map_or([0.0; 2], |[lo, hi]| [hi.x - lo.x, hi.y - lo.y]);
        Self {
            area_m2: sides_m[0] * sides_m[1],
            sides_m,
            named: false,
        }
    }

    /// Cells that touch it or lie within reach of it.
    fn cells(&self, tiling: Tiling, reach_m: f64) -> f64 {
        let spacing = tiling.spacing_m();
        let cell_m2 = match tiling {
            Tiling::H3(_) => spacing * spacing * 3.0_f64.sqrt() / 2.0,
            Tiling::Square(side) => side * side,
        };
        let [w, h] = self.sides_m;
        let reach = if self.named { 0.0 } else { reach_m };
        let area_m2 = self.area_m2 + 2.0 * reach * (w + h) + 4.0 * reach * reach;
        // A convex boundary of length P runs through 2/π of P over the spacing more cells than its area
        // makes up, on average over its turns; others are longer than the rectangle around them.
        let boundary = 2.0 * (w + h + 4.0 * reach) / spacing;
        (area_m2 / cell_m2 + boundary).ceil() + 1.0
    }
}

/// How far a density reaches beyond the incidents; nothing where the data choose the bandwidth, which
/// then is small beside their spread.
fn reach_m(kernel: Kernel, bandwidth: Bandwidth) -> f64 {
    match bandwidth {
        Bandwidth::Metres(m) => m * kernel.support(),
        Bandwidth::Auto | Bandwidth::Rule(_) => 0.0,
    }
}

fn cells(selection: &Selection, ground: &Ground, request: &Request) -> Result<u64, RunError> {
    let steps = |step: Step| -> f64 {
        // A period that cannot be cut is for the method to refuse.
        Steps::of_selection(selection, step).map_or(1.0, |s| s.len() as f64)
    };
    let study = |t: Result<Tiling, crate::study_cells::StudyCellsError>| t.ok();
    let by = |unit, resolution| match CountedBy::of(unit, resolution) {
        Ok(CountedBy::Cells(r)) => Some(Tiling::H3(r)),
        _ => None,
    };
    let (tiling, reach, times) = match &request.method {
        Method::KernelDensity(p) => (Some(p.tiling()?), reach_m(p.kernel, p.bandwidth_m), 1.0),
        Method::DualDensity(p) => {
            let both = [Some(p.bandwidth_m), p.against_bandwidth_m];
            let reach = both.into_iter().flatten().map(|b| reach_m(p.kernel, b));
            (Some(dual_tiling(p)?), reach.fold(0.0, f64::max), 1.0)
        }
        Method::GetisOrd(p) => (study(tiling(p.cells, p.h3_resolution, p.cell_m)), 0.0, 1.0),
        Method::LocalMoran(p) => (study(tiling(p.cells, p.h3_resolution, p.cell_m)), 0.0, 1.0),
        Method::Evaluation(p) => {
            let rounds = f64::from(p.origins) * p.methods.len() as f64;
            let cells = study(tiling(p.cells, p.h3_resolution, p.cell_m));
            (cells, 0.0, rounds.max(1.0))
        }
        Method::EmergingHotSpots(p) => {
            let cells = study(tiling(p.cells, p.h3_resolution, p.cell_m));
            (cells, 0.0, steps(p.step))
        }
        Method::Surprise(p) => {
            let cells = study(tiling(p.cells, p.h3_resolution, p.cell_m));
            (cells, 0.0, steps(p.step))
        }
        Method::NearRepeatRisk(p) => {
            let reach = match &p.decay {
                Decay::Reciprocal(r) => r.within_m,
                Decay::Knox(t) => t.distance_bands_m.iter().copied().fold(0.0, f64::max),
            };
            (Some(Tiling::Square(p.cell_m)), reach, 1.0)
        }
        Method::Concentration(p) => (by(p.unit, p.h3_resolution), 0.0, 1.0),
        Method::Overlap(p) => (by(p.unit, p.h3_resolution), 0.0, 1.0),
        Method::SpaceTimeScan(p) => (by(p.unit, p.h3_resolution), 0.0, steps(p.step)),
        Method::NetworkDensity(p) => {
            let (Ok(streets), Ok(longest)) = (p.streets(&selection.snapshot.streets), p.check())
            else {
                return Ok(0);
            };
            let lixels = streets.iter().map(|s| match longest {
                Some(m) => (Haversine.length(&s.geometry) / m).ceil(),
                None => s.geometry.0.len() as f64,
            });
            return Ok(lixels.sum::<f64>() as u64);
        }
        _ => return Ok(0),
    };
    Ok(tiling.map_or(0.0, |t| ground.cells(t, reach) * times) as u64)
}

/// The cells of a dual density are those of its first surface.
fn dual_tiling(p: &dual_density::Params) -> Result<Tiling, RunError> {
    let of = kernel_density::Params {
        h3_resolution: p.h3_resolution,
        cell_m: p.cell_m,
        ..kernel_density::Params::default()
    };
    Ok(of.tiling()?)
}

fn replicates(request: &Request) -> u64 {
    let of_p = |p: PValue| match p {
        PValue::Permutation(p) => p.permutations,
        PValue::Exact | PValue::Analytic => 0,
    };
    let of_decay = |decay: &Decay| match decay {
        Decay::Reciprocal(_) => 0,
        Decay::Knox(table) => table.replicates,
    };
    let of_method: u64 = match &request.method {
        Method::Dbscan(p) => p.ensemble.as_ref().map_or(0, |e| e.replicates).into(),
        Method::DualDensity(p) => p.replicates.into(),
        Method::Evaluation(p) => {
            let each = p.methods.iter().map(|m| match m {
                evaluation::Evaluated::GetisOrd(_) | evaluation::Evaluated::KernelDensity(_) => 0,
                evaluation::Evaluated::NearRepeatRisk(r) => u64::from(of_decay(&r.decay)),
            });
            each.sum::<u64>() * u64::from(p.origins)
        }
        Method::GetisOrd(p) => of_p(p.p_value).into(),
        Method::Knox(p) => p.replicates.into(),
        Method::LocalMoran(p) => of_p(p.p_value).into(),
        Method::NearRepeatRisk(p) => of_decay(&p.decay).into(),
        Method::Overlap(p) => p.replicates.into(),
        Method::RiskyFacilities(p) => p.replicates.into(),
        Method::SpaceTimeScan(p) => p.replicates.into(),
        Method::StDbscan(p) => p.ensemble.as_ref().map_or(0, |e| e.replicates).into(),
        Method::TemporalProfile(p) => p.replicates.into(),
        _ => 0,
    };
    let of_cut = |cut: &hotspots::Params| {
        let runs = cut.stability.as_ref().map_or(0, |s| s.runs);
        let throws = cut.peak.as_ref().map_or(0, |p| p.replicates);
        u64::from(runs) + u64::from(throws)
    };
    of_method + request.hotspots.as_ref().map_or(0, of_cut)
}
