//! Clusters in space and time: ST-DBSCAN with a radius and a number of days.
//!
//! **What it answers.** Where and when incidents came so close together, in place and in days, that
//! each has many others near it: the spates within a period, with their first and last day, where
//! clusters of places alone would run the quiet months and the busy fortnight together.
//!
//! **Model.** Birant & Kut's ST-DBSCAN with days as the one attribute beside the place. Incidents are
//! taken together by location and day, and weigh their number. Two are neighbours where they are no
//! farther than `radius_m` apart **and** their days differ by no more than `within_days`: both are
//! closed, so that exactly 50 m and exactly 7 days are near with a radius of 50 and 7 days, and 0
//! days means the same day. (The bands of [`knox`](super::knox) are half open; here the rule is
//! DBSCAN's own.) What is a core, a border and noise is as in [`dbscan`]: `min_count` counts the
//! incident itself; a border incident belongs to the nearest core in metres, of equally near ones to
//! that with the fewest days between, then the least easting, northing and day. Their further
//! condition, that a cluster's mean must stay within Δε of a new member, makes clusters depend on the
//! order of the records and is left out, as most programs do.
//!
//! **Days.** Whole civil days. An incident counts on the first day that it may have happened on, as
//! in [`knox`](super::knox); how many may have happened on any of several days is said. Records known
//! to the month only are refused: no number of days can be told of them.
//!
//! **Distance.** Metres of the National Grid between positions in whole millimetres.
//!
//! **Counts.** `count`, the dates and offences are of the cluster's own incidents. One location may
//! belong to several clusters, at different times. `count_inside_outline` counts by plain geometry
//! what was selected inside the outline from the cluster's first day to its last. Police-generated
//! incidents beside reported ones are those at its locations within these days. Earlier periods are
//! not counted: a spate's days were picked by its incidents.
//!
//! **Outline, ellipse, study area, agreement.** As in [`dbscan`]; the runs of an ensemble move the
//! radius and not the days.
//!
//! **Edge cases.** With `within_days` of at least the length of the period the clusters are those of
//! [`dbscan`]. No incidents, or fewer than `min_count`, make no clusters.
//!
//! **How it can mislead.** Clusters chain through time as they do through space: a place with an
//! incident every few days is one cluster for years, and `duration_days` shows it. Seasons and
//! backlogs (many records entered with one date) make clusters too. On snapped data one map point
//! stands for many homes, so that incidents "at one place" need not be. No significance is implied:
//! whether space and time interact at all is what [`knox`](super::knox) tests.
//!
//! **Complexity.** Near linear in the number of locations and days: cells of the plane are divided
//! into layers of `within_days` + 1 days, all of whose incidents are neighbours of each other; no list
//! of neighbours and no matrix is kept.
//!
//! **References.** Birant & Kut 2007, *Data & Knowledge Engineering* 60, doi
//! 10.1016/j.datak.2006.01.013; Ester, Kriegel, Sander & Xu 1996, KDD-96. **Checked against** the
//! Python package st_dbscan 0.2.3 at 1,150 events, below the 20,000 from where it loses every pair at
//! one place or of one day; above that against a direct comparison of all pairs made with numpy.

use serde::{Deserialize, Serialize};

use super::dbscan::{
    self, Agreement, ClusterError, Ensemble, EnsembleError, Labels, NOISE, Outline, Own, RankBy,
    cluster_with_days,
};
pub use super::dbscan::{Cluster, RADIUS_M};
use crate::domain::{LocationBasis, LocationId, MINUTES_PER_DAY, day_of, format_day};
use crate::lattice::LatticeError;
use crate::places::{Comparable, PlaceFacts};
use crate::select::Selection;

/// Most days between neighbours.
pub const MAX_DAYS: u32 = 3_660;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Neighbours are no farther than this from each other, metres.
    pub radius_m: f64,
    /// Days of neighbours differ by no more than this; 0 is the same day.
    pub within_days: u32,
    /// Fewest incidents within the radius and the days of a core, itself among them.
    pub min_count: u32,
    /// How outlines are drawn.
    #[serde(default)]
    pub outline: Outline,
    /// Resolution of the cells of the outline `h3_cells`, 8 to 12; 10 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h3_resolution: Option<u8>,
    /// What the ranking goes by.
    #[serde(default)]
    pub rank_by: RankBy,
    /// Only the first so many; the number left out is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// Runs that say how far the clusters can be relied on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ensemble: Option<Ensemble>,
}

/// Clusters in space and time.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The parameters, for the record.
    pub params: Params,
    /// The clusters, by rank; all have a duration.
    pub clusters: Vec<Cluster>,
    /// Incidents in all clusters, also those left out.
    pub incidents: u64,
    /// Incidents in no cluster.
    pub noise_incidents: u64,
    /// Clusters left out because there were more than asked for.
    pub beyond_max: u32,
    /// Fewest and most clusters of a run of the ensemble, where there is one.
    pub ensemble_clusters: Option<(u32, u32)>,
    /// Incidents that may have happened on any of several days; they count on the first.
    pub several_days: u64,
    /// Incidents at anonymous map points.
    pub snap_points: u64,
    /// Incidents placed at a police station or the centre of an area.
    pub misplaced: u64,
}

/// Why clusters cannot be found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Too many days.
    #[error(
        "within_days must be 0 to {MAX_DAYS}, not {0}; use dbscan for clusters whatever the day"
    )]
    Days(u32),
    /// Month-only dates.
    #[error(
        "clusters in space and time need the day of each record, and {count} of the selected ones are known to the month only; select records with day precision, or use dbscan"
    )]
    FinerThanData {
        /// How many records are too coarse.
        count: u64,
    },
    /// What it shares with clusters of places.
    #[error(transparent)]
    Dbscan(#[from] dbscan::Error),
}

impl From<ClusterError> for Error {
    fn from(error: ClusterError) -> Self {
        Self::Dbscan(error.into())
    }
}

impl From<LatticeError> for Error {
    fn from(error: LatticeError) -> Self {
        Self::Dbscan(error.into())
    }
}

impl From<EnsembleError> for Error {
    fn from(error: EnsembleError) -> Self {
        Self::Dbscan(error.into())
    }
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::FinerThanData { .. } => "finer_than_data",
            _ => "invalid_st_dbscan",
        }
    }
}

/// The incidents of a location and day.
#[derive(Debug, Clone, Copy)]
struct Event {
    location: LocationId,
    day: i32,
    count: u32,
}

/// Finds clusters.
///
/// # Errors
/// [`Error`] for parameters out of range, for data that cannot tell days, and for outlines that leave
/// the plane.
pub fn run(selection: &Selection, params: &Params) -> Result<Outcome, Error> {
    let drawing = dbscan::drawing(
        params.radius_m,
        params.min_count,
        params.outline,
        params.h3_resolution,
    )?;
    if params.within_days > MAX_DAYS {
        return Err(Error::Days(params.within_days));
    }
    let count = selection.month_only();
    if count > 0 {
        return Err(Error::FinerThanData { count });
    }
    let incidents = selection.incidents();
    let (events, event_of) = events(selection);
    let whole: Vec<u32> = (0..events.len() as u32).collect();
    let weights: Vec<u32> = events.iter().map(|e| e.count).collect();
    let labels = labels(
        selection,
        params,
        &events,
        &whole,
        &weights,
        params.radius_m,
        params.min_count,
    )?;
    let agreement = agreement(selection, params, &events, &labels)?;

    let mut spates = vec![Spate::default(); labels.clusters as usize];
    let mut groups = vec![Vec::new(); labels.clusters as usize];
    let mut noise_incidents = 0;
    for (i, event) in events.iter().enumerate() {
        let (label, core) = (labels.label[i] as usize, labels.core[i]);
        if labels.label[i] == NOISE {
            noise_incidents += u64::from(event.count);
            continue;
        }
        spates[label].take(selection, event);
        // Events of a location follow each other.
        let group: &mut Vec<Own> = &mut groups[label];
        match group.last_mut() {
            Some(own) if own.location == event.location => {
                own.count += event.count;
                own.core |= core;
            }
            _ => group.push(Own {
                location: event.location,
                count: event.count,
                core,
            }),
        }
    }
    let within = |k: usize, i: usize| {
        let day = day_of(incidents.from()[i]);
        spates[k].first <= day && day <= spates[k].last
    };
    let own = |k: usize, locations: &[LocationId]| {
        PlaceFacts::of_those(selection, locations, Comparable::NONE, |i| {
            if selection.lens_of(i) == selection.lens {
                let event = event_of[i];
                event != NOISE && labels.label[event as usize] as usize == k
            } else {
                within(k, i)
            }
        })
    };
    let inside = |k: usize, locations: &[LocationId]| {
        PlaceFacts::of_those(selection, locations, Comparable::NONE, |i| within(k, i))
    };
    // Every event has selected incidents, so that each cluster has facts.
    let mut clusters = dbscan::describe(
        selection,
        &mut groups,
        drawing,
        |_| params.radius_m,
        own,
        inside,
    )?;
    for (k, (cluster, spate)) in clusters.iter_mut().zip(&spates).enumerate() {
        cluster.id = spate.id();
        cluster.duration_days = Some((spate.last - spate.first) as u32 + 1);
        cluster.agreement = agreement.as_ref().map(|a| a.of_cluster[k]);
    }
    dbscan::rank(&mut clusters, params.rank_by);
    let found = clusters.len();
    clusters.truncate(params.max.map_or(found, |m| m as usize));

    let selected = || (0..incidents.len()).filter(|&i| event_of[i] != NOISE);
    let on = |basis: &[LocationBasis]| {
        let on = selected().filter(|&i| basis.contains(&incidents.basis(i)));
        on.count() as u64
    };
    let several = |&i: &usize| day_of(incidents.to()[i] - 1) > day_of(incidents.from()[i]);
    Ok(Outcome {
        params: params.clone(),
        beyond_max: (found - clusters.len()) as u32,
        clusters,
        incidents: weights.iter().copied().map(u64::from).sum::<u64>() - noise_incidents,
        noise_incidents,
        ensemble_clusters: agreement.map(|a| a.clusters),
        several_days: selected().filter(several).count() as u64,
        snap_points: on(&[LocationBasis::SnapPoint]),
        misplaced: on(&[LocationBasis::Station, LocationBasis::AreaCentroid]),
    })
}

/// The selected incidents of the study area by location and day; and of each incident which of these
/// it belongs to, or [`NOISE`] where it is not selected.
fn events(selection: &Selection) -> (Vec<Event>, Vec<u32>) {
    let incidents = selection.incidents();
    let mut events: Vec<Event> = Vec::new();
    let mut event_of = vec![NOISE; incidents.len()];
    let mut here: Vec<(i32, usize)> = Vec::new();
    for (location, _) in selection.locations_inside() {
        here.clear();
        let selected = incidents.at(location).filter(|&i| selection.holds(i));
        here.extend(selected.map(|i| (day_of(incidents.from()[i]), i)));
        here.sort_unstable();
        for same in here.chunk_by(|a, b| a.0 == b.0) {
            for &(_, i) in same {
                event_of[i] = events.len() as u32;
            }
            events.push(Event {
                location,
                day: same[0].0,
                count: same.len() as u32,
            });
        }
    }
    (events, event_of)
}

/// What some of the events are.
fn labels(
    selection: &Selection,
    params: &Params,
    events: &[Event],
    which: &[u32],
    weights: &[u32],
    radius_m: f64,
    min_count: u32,
) -> Result<Labels, ClusterError> {
    let locations = selection.incidents().locations();
    let (points, days): (Vec<[f64; 2]>, Vec<i32>) = which
        .iter()
        .map(|&i| {
            let event = &events[i as usize];
            let at = &locations[event.location as usize];
            ([f64::from(at.x_mm), f64::from(at.y_mm)], event.day)
        })
        .unzip();
    let radius_mm = dbscan::radius_mm(radius_m);
    cluster_with_days(
        &points,
        &days,
        weights,
        radius_mm,
        params.within_days,
        min_count,
    )
}

/// What the runs of the ensemble agree on, where one is asked for.
fn agreement(
    selection: &Selection,
    params: &Params,
    events: &[Event],
    whole: &Labels,
) -> Result<Option<Agreement>, EnsembleError> {
    let Some(ensemble) = &params.ensemble else {
        return Ok(None);
    };
    let locations = selection.incidents().locations();
    let mut order: Vec<u32> = (0..events.len() as u32).collect();
    order.sort_unstable_by_key(|&i| {
        let event = &events[i as usize];
        let at = &locations[event.location as usize];
        (at.x_mm, at.y_mm, event.day)
    });
    let weights: Vec<u32> = events.iter().map(|e| e.count).collect();
    let cluster = |which: &[u32], kept: &[u32], factor: f64, min_count: u32| {
        let radius_m = params.radius_m * factor;
        labels(selection, params, events, which, kept, radius_m, min_count)
    };
    let agreement = ensemble.run(whole, &weights, params.min_count, &order, cluster)?;
    Ok(Some(agreement))
}

/// When a cluster was, and its most frequent location and day.
#[derive(Debug, Clone, Copy)]
struct Spate {
    first: i32,
    last: i32,
    /// Incidents, easting, northing and day.
    peak: (u32, i32, i32, i32),
}

impl Default for Spate {
    fn default() -> Self {
        Self {
            first: i32::MAX,
            last: i32::MIN,
            peak: (0, 0, 0, 0),
        }
    }
}

impl Spate {
    fn take(&mut self, selection: &Selection, event: &Event) {
        self.first = self.first.min(event.day);
        self.last = self.last.max(event.day);
        let at = &selection.incidents().locations()[event.location as usize];
        let (count, x, y, day) = self.peak;
        // Of equally frequent ones the least.
        if event.count > count
            || event.count == count && (at.x_mm, at.y_mm, event.day) < (x, y, day)
        {
            self.peak = (event.count, at.x_mm, at.y_mm, event.day);
        }
    }

    fn id(&self) -> String {
        let (_, x, y, day) = self.peak;
        format!("e{x}n{y}d{}", format_day(day * MINUTES_PER_DAY))
    }
}
