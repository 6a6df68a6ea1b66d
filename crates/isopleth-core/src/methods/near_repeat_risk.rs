//! Near-repeat risk: where more is to be expected in the next days, because something happened
//! near by in the last ones.
//!
//! **What it answers.** After an incident the risk of another is raised around it for a while, and
//! decays with distance and with days. On a given day, which cells lie in how many such zones, how
//! fresh are these, and where do they add up?
//!
//! **Model.** The risk of a cell is Σ w(d, a) over the selected incidents before the day, d metres
//! from the cell's centre and a ≥ 1 days old, with one of two decays:
//!
//! - `reciprocal`: w = 1 / ((1 + d/D)(1 + a/A)) for d < `within_m` and a < `within_days`, else 0; D is
//!   `distance_unit_m` (50 m), A `time_unit_days` (a week). The prospective hotspots of Bowers,
//!   Johnson & Pease, with distance and age as they are, not in whole cells and weeks.
//! - `knox`: w is what the selection's own Knox table shows: ratio − 1 of the band that d and a lie
//!   in where its p is no more than `alpha`, else 0. Nothing is projected that the data does not show.
//!
//! Risk has no unit: it ranks the cells of one day. It is no number of incidents to come.
//!
//! **Day.** `as_of`; without it the day after the period's last, or after the latest record of the
//! data if that comes first. Incidents of that day or later are not used, so that a zone can be held
//! against what happened then. Incidents of several days count on the first of them.
//!
//! **Edge cases.** No incident in the days before: no zones. A Knox table without a significant band
//! near in time: no zones, and the layer says why. Incidents beyond the study area reach into it.
//!
//! **How it can mislead.** Zones follow recorded incidents: where police record more, there are more
//! zones. On a busy street something is always fresh; whether near repeats are there at all is for
//! [`knox`] to say. On anonymous map points the zones are those of a list of points: refused,
//! unless the request allows `snap_points` by name. Records known to the month are always refused.
//!
//! **Complexity.** One evaluation for each pair of a cell and a fresh incident within reach.
//!
//! **References.** Bowers, Johnson & Pease 2004, *British Journal of Criminology* 44(5),
//! doi 10.1093/bjc/azh036; Johnson, Bowers, Birks & Pease 2009, doi 10.1007/978-0-387-09688-9_8
//! (ProMap). **Checked against** direct summation over all pairs, and the Knox tables of [`knox`].

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::{
    CivilMinute, LocationBasis, MINUTES_PER_DAY, Period, TimePrecision, day_of, format_day,
};
use crate::index::PointGrid;
use crate::lattice::{Lattice, LatticeError, Tiling};
use crate::methods::knox::{self, Allow, HalfOpen};
use crate::plane::Planar;
use crate::select::Selection;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The day that the zones are for: `2024-03-15`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Period>,
    /// Side of the square cells, metres.
    #[serde(default = "fifty")]
    pub cell_m: f64,
    /// How risk decays.
    #[serde(default)]
    pub decay: Decay,
    /// Cells below this share of the highest risk are left out, 0 to 1; their number is stated.
    #[serde(default)]
    pub min_share_of_peak: f64,
    /// What is accepted although it misleads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Allow>,
}

fn fifty() -> f64 {
    50.0
}

/// How risk decays with distance and age.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// By the reciprocals of both.
    Reciprocal(Reciprocal),
    /// As the selection's Knox table shows.
    Knox(FromTable),
}

impl Default for Decay {
    fn default() -> Self {
        Self::Reciprocal(Reciprocal::default())
    }
}

/// Decay by reciprocals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reciprocal {
    /// Nearer than this, metres.
    pub within_m: f64,
    /// Fewer days old than this.
    pub within_days: u32,
    /// Distance at which half is left, metres.
    pub distance_unit_m: f64,
    /// Age at which half is left, days.
    pub time_unit_days: f64,
}

impl Default for Reciprocal {
    fn default() -> Self {
        Self {
            within_m: 400.0,
            within_days: 56,
            distance_unit_m: 50.0,
            time_unit_days: 7.0,
        }
    }
}

/// Decay as a Knox table shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FromTable {
    /// Edges of the bands of distance, metres.
    pub distance_bands_m: Vec<f64>,
    /// Edges of the bands of time, days.
    pub time_bands_days: Vec<u32>,
    /// Shuffles of the days for p.
    pub replicates: u32,
    /// What the shuffles are drawn from.
    pub seed: u64,
    /// Largest p of a band that counts.
    pub alpha: f64,
}

impl Default for FromTable {
    fn default() -> Self {
        Self {
            distance_bands_m: vec![0.0, 100.0, 200.0, 300.0, 400.0],
            time_bands_days: vec![0, 7, 14, 21, 28],
            replicates: 999,
            seed: 0,
            alpha: 0.05,
        }
    }
}

/// A cell within reach of a fresh incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Index in the lattice.
    pub cell: usize,
    /// Place in the ranking by risk, from 1.
    pub rank: u32,
    /// Risk, without unit.
    pub risk: f64,
    /// Fresh incidents within reach.
    pub count: u32,
    /// Distance to the nearest of them, metres.
    pub nearest_m: f64,
    /// Age of the latest of them, days.
    pub latest_days: u32,
    /// The last day of the last zone, if nothing else happens.
    pub last_day: CivilMinute,
}

/// Risk on a day.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// All cells of the ground.
    pub lattice: Lattice,
    /// Those within reach, by rank.
    pub cells: Vec<Cell>,
    /// Cells left out because their risk is too low a share of the highest.
    pub below_share: u64,
    /// First minute of the day.
    pub as_of: CivilMinute,
    /// Fresh incidents: before the day and young enough, the study area's and those that reach into
    /// it.
    pub fresh: u64,
    /// Weights by bands of distance (rows) and days, with the table that they are from; `None` for a
    /// decay by reciprocals.
    pub bands: Option<Bands>,
    /// Fresh incidents at map points, which the request allowed.
    pub snap_points: u64,
}

/// Weights from a Knox table.
#[derive(Debug, Clone, PartialEq)]
pub struct Bands {
    /// Bands of distance, metres.
    pub distance: HalfOpen<f64>,
    /// Bands of time, days.
    pub time: HalfOpen<u32>,
    /// Weight of each, row by row.
    pub weights: Vec<f64>,
    /// Incidents of the table.
    pub incidents: usize,
}

/// Why there is no risk to show.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not one day.
    #[error("as_of must be one day, as in 2024-03-15, not {0}")]
    Day(String),
    /// A number out of range.
    #[error("{field} must be {range}, not {value}")]
    Range {
        /// The field.
        field: &'static str,
        /// What it may be.
        range: &'static str,
        /// The value.
        value: f64,
    },
    /// The Knox table, or data that cannot tell.
    #[error(transparent)]
    Knox(#[from] knox::Error),
    /// The cells.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Knox(e) => e.code(),
            Self::Lattice(LatticeError::TooManyCells { .. }) => "too_many_cells",
            _ => "invalid_near_repeat_risk",
        }
    }
}

/// A fresh incident.
struct Fresh {
    at: Planar,
    age: u32,
}

/// The decay as it is evaluated.
enum Weight {
    Reciprocal(Reciprocal),
    Bands(Bands),
}

impl Weight {
    fn within_m(&self) -> f64 {
        match self {
            Self::Reciprocal(r) => r.within_m,
            Self::Bands(b) => b.distance.edges().last().copied().unwrap_or_default(),
        }
    }

    fn within_days(&self) -> u32 {
        match self {
            Self::Reciprocal(r) => r.within_days,
            Self::Bands(b) => b.time.edges().last().copied().unwrap_or_default(),
        }
    }

    /// The weight of an incident, 0 beyond its reach.
    fn of(&self, distance_m: f64, age: u32) -> f64 {
        match self {
            Self::Reciprocal(r) if distance_m < r.within_m && age < r.within_days => {
                let (d, a) = (
                    distance_m / r.distance_unit_m,
                    f64::from(age) / r.time_unit_days,
                );
                1.0 / ((1.0 + d) * (1.0 + a))
            }
            Self::Reciprocal(_) => 0.0,
            Self::Bands(b) => match (b.distance.band(distance_m), b.time.band(age)) {
                (Some(row), Some(column)) => b.weights[row * b.time.count() + column],
                _ => 0.0,
            },
        }
    }
}

impl Weight {
    /// The greatest age at which an incident this far away still has a weight; 0 if it never has.
    fn last_age(&self, distance_m: f64) -> u32 {
        match self {
            Self::Reciprocal(r) => r.within_days - 1,
            Self::Bands(b) => {
                let row = b.distance.band(distance_m);
                let columns = 0..b.time.count();
                row.and_then(|row| {
                    columns
                        .rev()
                        .find(|c| b.weights[row * b.time.count() + c] > 0.0)
                })
                .map_or(0, |c| b.time.edges()[c + 1] - 1)
            }
        }
    }
}

impl Params {
    fn check(&self) -> Result<(), Error> {
        let range = |field, range, value: f64, ok: bool| {
            if ok {
                Ok(())
            } else {
                Err(Error::Range {
                    field,
                    range,
                    value,
                })
            }
        };
        let metres = "more than 0 and at most 5000 metres";
        let is_metres = |v: f64| v > 0.0 && v <= 5000.0;
        range(
            "cell_m",
            "10 to 1000 metres",
            self.cell_m,
            (10.0..=1000.0).contains(&self.cell_m),
        )?;
        let share = self.min_share_of_peak;
        range(
            "min_share_of_peak",
            "0 to 1",
            share,
            (0.0..=1.0).contains(&share),
        )?;
        match &self.decay {
            Decay::Reciprocal(r) => {
                range("within_m", metres, r.within_m, is_metres(r.within_m))?;
                let days = f64::from(r.within_days);
                range(
                    "within_days",
                    "2 to 366 days",
                    days,
                    (2.0..=366.0).contains(&days),
                )?;
                let unit = r.distance_unit_m;
                range("distance_unit_m", metres, unit, is_metres(unit))?;
                let unit = r.time_unit_days;
                let ok = unit > 0.0 && unit <= 366.0;
                range("time_unit_days", "more than 0 and at most 366", unit, ok)
            }
            Decay::Knox(table) => {
                let ok = table.alpha > 0.0 && table.alpha <= 1.0;
                range("alpha", "more than 0 and at most 1", table.alpha, ok)?;
                let last = table.distance_bands_m.last().copied().unwrap_or(f64::NAN);
                range(
                    "the last edge of distance_bands_m",
                    metres,
                    last,
                    is_metres(last),
                )?;
                let replicates = f64::from(table.replicates);
                let ok = (replicates + 1.0) * table.alpha >= 1.0;
                range(
                    "replicates",
                    "so many that a p of alpha can come out of them",
                    replicates,
                    ok,
                )
            }
        }
    }
}

/// The risk of a day.
///
/// # Errors
/// [`Error`] for parameters out of range and for data that cannot tell.
pub fn run(selection: &Selection, params: &Params) -> Result<Outcome, Error> {
    params.check()?;
    let as_of = as_of(selection, params)?;
    let incidents = selection.incidents();
    let count = selection.month_only();
    if count > 0 {
        return Err(knox::Error::FinerThanData { count }.into());
    }
    let weight = match &params.decay {
        Decay::Reciprocal(r) => Weight::Reciprocal(*r),
        Decay::Knox(table) => Weight::Bands(bands(selection, table, params, as_of)?),
    };
    let (within_m, within_days) = (weight.within_m(), weight.within_days());
    let today = day_of(as_of);
    let (mut fresh, mut snap_points, mut coarse) = (Vec::new(), 0, 0);
    for (l, _) in selection.locations() {
        let at = incidents.locations()[l as usize].planar();
        // Cells on the boundary have their centres outside the area.
        let far = within_m + params.cell_m;
        let near = |area: &crate::ground::StudyArea| area.boundary_within(at, far);
        if !selection.is_inside(l) && !selection.area.as_ref().is_some_and(near) {
            continue;
        }
        for i in incidents.at(l).filter(|&i| selection.holds(i)) {
            let age = today - day_of(incidents.from()[i]);
            if (1..within_days as i32).contains(&age) {
                fresh.push(Fresh {
                    at,
                    age: age as u32,
                });
                snap_points += u64::from(incidents.basis(i) == LocationBasis::SnapPoint);
                coarse += u64::from(incidents.precision(i) == TimePrecision::Month);
            }
        }
    }
    if snap_points > 0 && !params.allow.contains(&Allow::SnapPoints) {
        return Err(knox::Error::SnapPoints { count: snap_points }.into());
    }
    if coarse > 0 {
        return Err(knox::Error::FinerThanData { count: coarse }.into());
    }
    let points: Vec<(Planar, f64, u32)> = fresh
        .iter()
        .enumerate()
        .map(|(i, f)| (f.at, 1.0, i as u32))
        .collect();
    let tiling = Tiling::Square(params.cell_m);
    let lattice = match &selection.area {
        Some(area) => Lattice::of_area(tiling, area)?,
        None => Lattice::around(tiling, &points, within_m)?,
    };
    let grid = PointGrid::new(&points, within_m);
    let mut cells: Vec<Cell> = lattice
        .centres()
        .par_iter()
        .enumerate()
        .filter_map(|(cell, &at)| {
            let mut found = Cell {
                cell,
                rank: 0,
                risk: 0.0,
                count: 0,
                nearest_m: f64::INFINITY,
                latest_days: u32::MAX,
                last_day: as_of,
            };
            grid.each_within(at, within_m, |id, p, _| {
                let (distance, age) = (p.distance_2(at).sqrt(), fresh[id as usize].age);
                let w = weight.of(distance, age);
                if w > 0.0 {
                    found.risk += w;
                    found.count += 1;
                    found.nearest_m = found.nearest_m.min(distance);
                    found.latest_days = found.latest_days.min(age);
                    let left = (weight.last_age(distance) - age) as i32;
                    found.last_day = found.last_day.max(as_of + left * MINUTES_PER_DAY);
                }
            });
            (found.count > 0).then_some(found)
        })
        .collect();
    cells.sort_by(|a, b| b.risk.total_cmp(&a.risk).then(a.cell.cmp(&b.cell)));
    let found = cells.len();
    let peak = cells.first().map_or(0.0, |c| c.risk);
    cells.retain(|c| c.risk >= params.min_share_of_peak * peak);
    for (i, c) in cells.iter_mut().enumerate() {
        c.rank = i as u32 + 1;
    }
    Ok(Outcome {
        lattice,
        below_share: (found - cells.len()) as u64,
        cells,
        as_of,
        fresh: fresh.len() as u64,
        bands: match weight {
            Weight::Bands(bands) => Some(bands),
            Weight::Reciprocal(_) => None,
        },
        snap_points,
    })
}

/// The first minute of the day that the zones are for.
fn as_of(selection: &Selection, params: &Params) -> Result<CivilMinute, Error> {
    if let Some(day) = params.as_of {
        let (from, to) = day.minutes();
        return match to - from {
            MINUTES_PER_DAY => Ok(from),
            _ => Err(Error::Day(day.to_string())),
        };
    }
    let data_end = selection.incidents().extent().map_or(0, |e| e.1);
    let end = selection
        .period
        .map_or(data_end, |p| p.minutes().1.min(data_end));
    // The day after the last one that has a minute before the end.
    Ok((day_of(end - 1) + 1) * MINUTES_PER_DAY)
}

/// Weights from the Knox table of the incidents before the day.
fn bands(
    selection: &Selection,
    from: &FromTable,
    params: &Params,
    as_of: CivilMinute,
) -> Result<Bands, Error> {
    let found = knox::run_before(
        selection,
        &knox::Params {
            distance_bands_m: from.distance_bands_m.clone(),
            time_bands_days: from.time_bands_days.clone(),
            replicates: from.replicates,
            seed: from.seed,
            allow: params.allow.clone(),
            ..knox::Params::default()
        },
        as_of,
    )?;
    let table = &found.table;
    let weights = (0..table.observed.len())
        .map(|cell| match (table.ratio(cell), table.p(cell)) {
            (Some(ratio), Some(p)) if p <= from.alpha => (ratio - 1.0).max(0.0),
            _ => 0.0,
        })
        .collect();
    Ok(Bands {
        distance: found.distance,
        time: found.time,
        weights,
        incidents: table.events,
    })
}

impl Outcome {
    /// The day, as text.
    #[must_use]
    pub fn day(&self) -> String {
        format_day(self.as_of)
    }
}
