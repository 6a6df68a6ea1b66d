//! Near repeats: whether incidents that are close in space are also close in time.
//!
//! **What it answers.** After an incident, is there a raised number of others near by in the next
//! days, beyond what busy places and busy months explain by themselves? And which incidents set
//! others off, or followed?
//!
//! **Model.** The Knox table counts pairs of incidents by band of distance and band of days. All
//! bands are half open, `[a, b)`: two incidents exactly 100 m and 7 days apart lie in the bands that
//! begin at 100 m and at 7 days. Distance is Euclidean or Manhattan in metres of the plane, compared
//! in whole millimetres; days are whole civil days.
//!
//! **Expectation.** If days had nothing to do with places, every order of the days over the same
//! places would be as likely as the one observed. Over all n! orders the mean number of pairs in a
//! cell is exactly (pairs in the band of distance) × (pairs in the band of days) / (n (n − 1) / 2);
//! that is reported, without noise. Only p needs simulation: p = (1 + shuffles with at least as many
//! pairs) / (shuffles + 1). Shuffles are drawn from (seed, number of the shuffle) alone.
//! Beside it stands `p_poisson`, the upper tail of a Poisson distribution with the exact expected
//! number: an approximation that takes pairs for independent. Pairs that share an incident are not,
//! so that it is too small where a few places or days hold much; trust p.
//! Beside it stands `p_poisson`, the upper tail of a Poisson distribution with the exact expected
//! number: an approximation that takes pairs for independent. Pairs that share an incident are not,
//! so that it is too small where a few places or days hold much; trust p.
//!
//! **Roles.** An incident is a `repeat` if another came before it within the repeat distance and the
//! days, a `near_repeat` if one came before within the near distance only, an `originator` if some
//! follow and none came before. Incidents of one day have no order: they count as neither before nor
//! after, and one with no other neighbours is `same_day`.
//!
//! **Assumptions.** The intensity of places and the intensity of days are separable. Where an area
//! fills up or empties during the period (a new estate), pairs near in both are expected anyway: keep
//! the period short. Pairs over the boundary of the study area are not counted. Cells of a table are
//! many tests at once.
//!
//! **How it can mislead.** One incident recorded twice is a pair at 0 m and 0 days; the number of
//! such pairs is reported. On snapped positions distances are those of map points: refused, unless
//! the request allows `snap_points` by name. Records known to the month are always refused. Records
//! of an interval over several days count on their first; their number is reported.
//!
//! **Edge cases.** A cell in which no pair can lie (expected 0) has no ratio and no p of either kind. No incidents,
//! or one, make a table of zeros.
//!
//! **Complexity.** Pairs closer than the last edge are found once with a grid and kept, four bytes
//! each ([`MAX_PAIRS`] at most); each thirty-two shuffles walk over them once, side by side.
//!
//! **References.** Knox 1964, *Applied Statistics* 13, doi 10.2307/2985220; Townsley, Homel &
//! Chaseling 2003, doi 10.1093/bjc/43.3.615; Ratcliffe, *Near Repeat Calculator*; Steenbeek,
//! *NearRepeat* (R), whose half-open bands these are.
//!
//! **Checked against.** The Near Repeat Calculator's printed table of Chicago burglaries and two
//! recorded ones, and pointpats' printed table of Burkitt's lymphoma, cell for cell; a numpy and numba program on 10,000 and 100,000 events; the mean over
//! all orders of small sets; brute force by property tests.
//!
//! ```
//! use isopleth_core::methods::knox::{HalfOpen, Metric, table};
//! let distance = HalfOpen::new("metres", &[1.0, 100.0, 200.0], false)?;
//! let time = HalfOpen::new("days", &[0_u32, 3, 6], false)?;
//! let table = table(&[(0.0, 0.0), (100.0, 0.0)], &[10, 13], &distance, &time, Metric::Euclidean)?;
//! assert_eq!(table.observed, [0, 0, 0, 1]);
//! # Ok::<(), isopleth_core::methods::knox::Error>(())
//! ```

mod bands;
mod pairs;
mod roles;
mod shuffle;
mod table;

use serde::{Deserialize, Serialize};

pub use bands::HalfOpen;
pub use pairs::MAX_PAIRS;
pub use roles::{Neighbours, Role, neighbours};
pub use table::{Shuffles, Table, simulate, table};

use crate::domain::{CivilMinute, LocationBasis, LonLat, NO_PLACE, day_of};
use crate::places::offence;
use crate::select::Selection;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Edges of the bands of distance, metres to the millimetre; each band is `[a, b)`.
    #[serde(default = "usual_distances")]
    pub distance_bands_m: Vec<f64>,
    /// Edges of the bands of time, whole days; each band is `[a, b)`.
    #[serde(default = "usual_days")]
    pub time_bands_days: Vec<u32>,
    /// Whether a last band without end follows each list of edges.
    #[serde(default)]
    pub open_ended: bool,
    /// How distance is measured.
    #[serde(default)]
    pub metric: Metric,
    /// Shuffles of the days for p; 0 for none.
    #[serde(default = "usual_replicates")]
    pub replicates: u32,
    /// What the shuffles are drawn from.
    #[serde(default)]
    pub seed: u64,
    /// Incidents nearer than this to an earlier one repeat it, metres. Without it the second edge
    /// of the bands of distance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_within_m: Option<f64>,
    /// Incidents nearer than this to an earlier one are near repeats of it, metres. Without it the
    /// third edge of the bands of distance, or the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near_within_m: Option<f64>,
    /// Incidents fewer days apart than this belong together. Without it the second edge of the bands
    /// of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_days: Option<u32>,
    /// What is accepted although it misleads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Allow>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            distance_bands_m: usual_distances(),
            time_bands_days: usual_days(),
            open_ended: false,
            metric: Metric::default(),
            replicates: usual_replicates(),
            seed: 0,
            repeat_within_m: None,
            near_within_m: None,
            within_days: None,
            allow: Vec::new(),
        }
    }
}

fn usual_distances() -> Vec<f64> {
    vec![0.0, 1.0, 100.0, 200.0, 300.0, 400.0]
}

fn usual_days() -> Vec<u32> {
    vec![0, 7, 14, 21, 28]
}

fn usual_replicates() -> u32 {
    999
}

/// How distance is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// As the crow flies.
    #[default]
    Euclidean,
    /// East-west plus north-south.
    Manhattan,
}

impl Metric {
    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Euclidean => "euclidean",
            Self::Manhattan => "manhattan",
        }
    }
}

/// What a request may accept by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allow {
    /// Positions that are anonymous map points.
    SnapPoints,
}

/// Most shuffles.
pub const MAX_REPLICATES: u32 = 99_999;

/// Greatest edge of a band of distance, metres.
pub const MAX_DISTANCE_M: f64 = 50_000.0;

/// How near in distance and days events belong together, half open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reach {
    /// Nearer than this is a repeat.
    pub repeat: f64,
    /// Nearer than this is a near repeat.
    pub near: f64,
    /// Fewer days apart than this.
    pub days: u32,
}

/// An incident that has others near it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Easting and northing in millimetres and the day; the second and later ones of a place and day
    /// are numbered.
    pub id: String,
    /// Its part.
    pub role: Role,
    /// Those near it.
    pub neighbours: Neighbours,
    /// Where.
    pub position: LonLat,
    /// First minute.
    pub from: CivilMinute,
    /// First minute after it.
    pub to: CivilMinute,
    /// Offence in words.
    pub offence: String,
    /// Place text of the record.
    pub place: Option<String>,
    /// What its position stands for.
    pub basis: LocationBasis,
}

/// Near repeats.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Bands of distance, metres.
    pub distance: HalfOpen<f64>,
    /// Bands of time, days.
    pub time: HalfOpen<u32>,
    /// How distance was measured.
    pub metric: Metric,
    /// What the shuffles were drawn from.
    pub seed: u64,
    /// The Knox table.
    pub table: Table,
    /// What belongs together, metres and days.
    pub reach: Reach,
    /// Incidents with others near them, by first minute and place.
    pub events: Vec<Event>,
    /// Incidents with none near them.
    pub alone: u64,
    /// Incidents that may have happened on any of several days; they count on the first.
    pub several_days: u64,
    /// Incidents at map points, which the request allowed.
    pub snap_points: u64,
    /// Incidents placed at a police station or the centre of an area.
    pub misplaced: u64,
}

/// Why near repeats cannot be found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bands that are none.
    #[error("{name}: {reason}")]
    Bands {
        /// The field.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// An edge or distance that positions cannot tell.
    #[error(
        "{name} must be whole millimetres up to {MAX_DISTANCE_M} metres, which {value} is not: positions are kept to the millimetre"
    )]
    Millimetres {
        /// The field.
        name: &'static str,
        /// The value.
        value: f64,
    },
    /// Distances that do not make roles.
    #[error(
        "repeat_within_m ({repeat}) must be greater than 0 and no more than near_within_m ({near}), and within_days ({days}) at least 1"
    )]
    Reach {
        /// Repeat distance.
        repeat: f64,
        /// Near distance.
        near: f64,
        /// Days.
        days: u32,
    },
    /// Too many shuffles.
    #[error("replicates must be 0 to {MAX_REPLICATES}, not {0}; 999 tell p to a thousandth")]
    Replicates(u32),
    /// Month-only dates.
    #[error(
        "near repeats need the day of each record, and {count} of the selected ones are known to the month only; select records with day precision"
    )]
    FinerThanData {
        /// How many records are too coarse.
        count: u64,
    },
    /// Snapped positions.
    #[error(
        "{count} of the selected records lie on anonymous map points, where distances are between points of a list and not between incidents, so that repeats and near repeats are artefacts; select another location_basis, or write \"allow\": [\"snap_points\"] to run all the same"
    )]
    SnapPoints {
        /// How many.
        count: u64,
    },
    /// More pairs than are kept.
    #[error(
        "more than {MAX_PAIRS} pairs lie within the last edge of the bands of distance; take narrower bands, a shorter period or a smaller area"
    )]
    TooManyPairs,
    /// Days that do not fit.
    #[error(
        "the days span more than 32,767 days without a gap as long as the last band, or a band is longer than that; take a shorter period or shorter bands"
    )]
    TooLong,
    /// Points and days of different number.
    #[error("{points} points, but {days} days")]
    Lengths {
        /// Number of points.
        points: usize,
        /// Number of days.
        days: usize,
    },
    /// A coordinate that is no number.
    #[error("every coordinate must be a finite number")]
    NotFinite,
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::FinerThanData { .. } => "finer_than_data",
            Self::SnapPoints { .. } => "snap_points",
            Self::TooManyPairs => "too_many_pairs",
            _ => "invalid_knox",
        }
    }
}

/// Finds near repeats.
///
/// # Errors
/// [`Error`] for parameters out of range and for data that cannot tell.
pub fn run(selection: &Selection, params: &Params) -> Result<Outcome, Error> {
    run_before(selection, params, CivilMinute::MAX)
}

/// Finds near repeats among the incidents that began before a minute.
pub(crate) fn run_before(
    selection: &Selection,
    params: &Params,
    before: CivilMinute,
) -> Result<Outcome, Error> {
    let name = "distance_bands_m";
    let distance = HalfOpen::new(name, &params.distance_bands_m, params.open_ended)?;
    let time = HalfOpen::new(
        "time_bands_days",
        &params.time_bands_days,
        params.open_ended,
    )?;
    let edges_mm = params
        .distance_bands_m
        .iter()
        .map(|&m| millimetres(name, m))
        .collect::<Result<Vec<f64>, _>>()?;
    let distance_mm = HalfOpen::new(name, &edges_mm, params.open_ended)?;
    let (reach, reach_mm) = reach(params)?;
    if params.replicates > MAX_REPLICATES {
        return Err(Error::Replicates(params.replicates));
    }
    let count = selection.month_only();
    if count > 0 {
        return Err(Error::FinerThanData { count });
    }
    let incidents = selection.incidents();
    let members: Vec<(u32, usize)> = selection
        .locations_inside()
        .flat_map(|(l, _)| incidents.at(l).map(move |i| (l, i)))
        .filter(|&(_, i)| selection.holds(i) && incidents.from()[i] < before)
        .collect();
    let on = |basis: &[LocationBasis]| {
        let found = members
            .iter()
            .filter(|m| basis.contains(&incidents.basis(m.1)));
        found.count() as u64
    };
    let snap_points = on(&[LocationBasis::SnapPoint]);
    if snap_points > 0 && !params.allow.contains(&Allow::SnapPoints) {
        return Err(Error::SnapPoints { count: snap_points });
    }
    let points: Vec<(f64, f64)> = members
        .iter()
        .map(|m| &incidents.locations()[m.0 as usize])
        .map(|l| (f64::from(l.x_mm), f64::from(l.y_mm)))
        .collect();
    let days: Vec<i32> = members
        .iter()
        .map(|m| day_of(incidents.from()[m.1]))
        .collect();
    let table = simulate(
        &points,
        &days,
        &distance_mm,
        &time,
        params.metric,
        params.replicates,
        params.seed,
    )?;
    let neighbours = neighbours(&points, &days, params.metric, reach_mm);
    let events = events(selection, &members, &neighbours);
    let several_days = members
        .iter()
        .filter(|m| day_of(incidents.to()[m.1] - 1) > day_of(incidents.from()[m.1]))
        .count() as u64;
    Ok(Outcome {
        distance,
        time,
        metric: params.metric,
        seed: params.seed,
        table,
        reach,
        alone: (members.len() - events.len()) as u64,
        events,
        several_days,
        snap_points,
        misplaced: on(&[LocationBasis::Station, LocationBasis::AreaCentroid]),
    })
}

/// Metres as whole millimetres, which is what positions are.
fn millimetres(name: &'static str, metres: f64) -> Result<f64, Error> {
    let mm = (metres * 1000.0).round();
    if (0.0..=MAX_DISTANCE_M).contains(&metres) && (mm / 1000.0 - metres).abs() < 1e-9 {
        Ok(mm)
    } else {
        Err(Error::Millimetres {
            name,
            value: metres,
        })
    }
}

/// What belongs together, in metres and in millimetres.
fn reach(params: &Params) -> Result<(Reach, Reach), Error> {
    let edge = |k: usize| {
        let edges = &params.distance_bands_m;
        edges.get(k).or(edges.last()).copied().unwrap_or_default()
    };
    let day = || {
        let edges = &params.time_bands_days;
        edges.get(1).or(edges.last()).copied().unwrap_or_default()
    };
    let repeat = params.repeat_within_m.unwrap_or_else(|| edge(1));
    let reach = Reach {
        repeat,
        near: params.near_within_m.unwrap_or_else(|| edge(2).max(repeat)),
        days: params.within_days.unwrap_or_else(day),
    };
    let repeat = millimetres("repeat_within_m", reach.repeat)?;
    let near = millimetres("near_within_m", reach.near)?;
    if repeat <= 0.0 || repeat > near || reach.days == 0 {
        return Err(Error::Reach {
            repeat: reach.repeat,
            near: reach.near,
            days: reach.days,
        });
    }
    let days = reach.days;
    Ok((reach, Reach { repeat, near, days }))
}

/// The incidents that have a role, in order of time and place.
fn events(
    selection: &Selection,
    members: &[(u32, usize)],
    neighbours: &[Neighbours],
) -> Vec<Event> {
    let incidents = selection.incidents();
    let at = |m: &(u32, usize)| &incidents.locations()[m.0 as usize];
    let mut linked: Vec<(&(u32, usize), &Neighbours, Role)> = members
        .iter()
        .zip(neighbours)
        .filter_map(|(m, n)| Some((m, n, n.role()?)))
        .collect();
    // Incidents of one minute and place stand in the set's own order.
    linked.sort_by_key(|(m, ..)| (incidents.from()[m.1], at(m).x_mm, at(m).y_mm, m.1));
    let mut seen = std::collections::BTreeMap::new();
    linked
        .into_iter()
        .map(|(m, &neighbours, role)| {
            let (location, i) = (at(m), m.1);
            let from = incidents.from()[i];
            let mut id = format!(
                "e{}n{}d{}",
                location.x_mm,
                location.y_mm,
                crate::domain::format_day(from)
            );
            let ordinal = seen.entry((m.0, day_of(from))).or_insert(0_u32);
            *ordinal += 1;
            if *ordinal > 1 {
                id.push_str(&format!("-{ordinal}"));
            }
            let place = incidents.place()[i];
            Event {
                id,
                role,
                neighbours,
                position: location.position,
                from,
                to: incidents.to()[i],
                offence: offence(&incidents.kinds()[usize::from(incidents.kind()[i])]),
                place: (place != NO_PLACE)
                    .then(|| incidents.places()[place as usize].text.clone())
                    .filter(|t| !t.is_empty()),
                basis: incidents.basis(i),
            }
        })
        .collect()
}
