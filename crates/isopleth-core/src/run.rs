//! From a request to an outcome: the one path that every caller takes.

use crate::Snapshot;
use crate::against::{Against, Other};
use crate::area_series::{self, AreaSeries, Basis, Row, Supply, TableError, TableSelection};
use crate::contours;
use crate::domain::{CivilMinute, Lens, LocationBasis, UnknownCode};
use crate::harm::{self, HarmTotal};
use crate::hotspots::{self, EdgeEffect};
use crate::methods::kernel_density::Weight;
use crate::methods::{
    area_audit, change, concentration, dbscan, displacement, dual_density, emerging_hot_spots,
    evaluation, getis_ord, hdbscan, kernel_density, knox, local_moran, near_repeat_risk,
    network_density, offence_mix, overlap, repeat_locations, risky_facilities, search_effects,
    space_time_scan, spikes, st_dbscan, surprise, temporal_profile, vicinity,
};
use crate::places::Comparable;
use crate::request::{Method, Request, Select};
use crate::select::{SelectError, Selection, are_activity};

/// Why a request cannot be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The selection.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Counts by area and month.
    #[error(transparent)]
    AreaSeries(#[from] area_series::Error),
    /// Kernel density.
    #[error(transparent)]
    KernelDensity(#[from] kernel_density::Error),
    /// Contours.
    #[error(transparent)]
    Contours(#[from] contours::Error),
    /// Dual density.
    #[error(transparent)]
    DualDensity(#[from] dual_density::Error),
    /// Gi*.
    #[error(transparent)]
    GetisOrd(#[from] getis_ord::Error),
    /// Evaluation.
    #[error(transparent)]
    Evaluation(#[from] evaluation::Error),
    /// Emerging hot spots.
    #[error(transparent)]
    EmergingHotSpots(#[from] emerging_hot_spots::Error),
    /// Cutting hotspots.
    #[error(transparent)]
    Hotspots(#[from] hotspots::Error),
    /// Near repeats.
    #[error(transparent)]
    Knox(#[from] knox::Error),
    /// Local Moran's I.
    #[error(transparent)]
    LocalMoran(#[from] local_moran::Error),
    /// Near-repeat risk.
    #[error(transparent)]
    NearRepeatRisk(#[from] near_repeat_risk::Error),
    /// Density along streets.
    #[error(transparent)]
    NetworkDensity(#[from] network_density::Error),
    /// Repeat locations.
    #[error(transparent)]
    RepeatLocations(#[from] repeat_locations::Error),
    /// Clusters.
    #[error(transparent)]
    Dbscan(#[from] dbscan::Error),
    /// Harm.
    #[error(transparent)]
    Harm(#[from] harm::Error),
    /// A method that has nowhere to tell harm.
    #[error("`harm` adds columns to places, and the method {method} has none for it; leave it out")]
    NoHarm {
        /// The method.
        method: &'static str,
    },
    /// Contours have nowhere to tell harm.
    #[error(
        "`harm` adds columns to places and cells, and contours have none for it; leave it out, or cut `hotspots`"
    )]
    NoHarmOfContours,
    /// A method that counts whole records.
    #[error(
        "the method {method} counts whole records, and {count} of the selected ones lie only partly in the hours {hours}; use kernel_density, which takes shares, or choose hours that no record's interval crosses"
    )]
    FractionalWeights {
        /// The method.
        method: &'static str,
        /// The hours.
        hours: String,
        /// How many records lie partly in them.
        count: u64,
    },
    /// Two things to make of one surface.
    #[error("`hotspots` and `contours` exclude each other; make two requests of it")]
    TwoCuts,
    /// Contours are drawn of surfaces only.
    #[error(
        "`contours` are drawn of a density surface, and the method {method} makes none; leave them out"
    )]
    NothingToContour {
        /// The method.
        method: &'static str,
    },
    /// Scan statistics.
    #[error(transparent)]
    SpaceTimeScan(#[from] space_time_scan::Error),
    /// Clusters in space and time.
    #[error(transparent)]
    StDbscan(#[from] st_dbscan::Error),
    /// The second group.
    #[error("the second group: {0}")]
    Against(SelectError),
    /// Concentration.
    #[error(transparent)]
    Concentration(#[from] concentration::Error),
    /// Offence mix.
    #[error(transparent)]
    OffenceMix(#[from] offence_mix::Error),
    /// Overlap.
    #[error(transparent)]
    Overlap(#[from] overlap::Error),
    /// Risky facilities.
    #[error(transparent)]
    RiskyFacilities(#[from] risky_facilities::Error),
    /// Search effects.
    #[error(transparent)]
    SearchEffects(#[from] search_effects::Error),
    /// Spikes.
    #[error(transparent)]
    Spikes(#[from] spikes::Error),
    /// Surprise.
    #[error(transparent)]
    Surprise(#[from] surprise::Error),
    /// Vicinity.
    #[error(transparent)]
    Vicinity(#[from] vicinity::Error),
    /// Clusters of any density.
    #[error(transparent)]
    Hdbscan(#[from] hdbscan::Error),
    /// Change between two periods.
    #[error(transparent)]
    Change(#[from] change::Error),
    /// Weighted displacement difference.
    #[error(transparent)]
    Displacement(#[from] displacement::Error),
    /// Temporal profile.
    #[error(transparent)]
    TemporalProfile(#[from] temporal_profile::Error),
    /// A method that has no use for terms.
    #[error(
        "`terms` are for temporal_profile, change and hotspots, and the method {method} would pass over them; leave them out"
    )]
    NoTerms {
        /// The method.
        method: &'static str,
    },
    /// Hotspots are cut out of surfaces only.
    #[error("`hotspots` cuts a density surface, and the method {method} makes none; leave it out")]
    NothingToCut {
        /// The method.
        method: &'static str,
    },
}

impl RunError {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        use crate::ground::AreaError;
        match self {
            Self::Select(SelectError::Area(AreaError::Unknown { .. })) => "unknown_area",
            Self::Select(SelectError::Area(AreaError::Ambiguous { .. })) => "ambiguous_area",
            Self::Select(SelectError::Area(_)) => "unusable_area",
            Self::Select(SelectError::UnknownGroup { .. }) => "unknown_group",
            Self::Select(
                SelectError::FinerThanData { .. } | SelectError::HoursFinerThanData { .. },
            ) => "finer_than_data",
            Self::Select(SelectError::NoHours) => "no_hours",
            Self::Select(SelectError::EmptyList { .. }) => "empty_list",
            Self::AreaSeries(e) => e.code(),
            Self::Against(e) => Self::Select(e.clone()).code(),
            Self::Change(e) => e.code(),
            Self::Concentration(e) => e.code(),
            Self::Contours(e) => e.code(),
            Self::Dbscan(e) => e.code(),
            Self::Displacement(e) => e.code(),
            Self::DualDensity(e) => e.code(),
            Self::Evaluation(e) => e.code(),
            Self::EmergingHotSpots(e) => e.code(),
            Self::FractionalWeights { .. } => "fractional_weights",
            Self::GetisOrd(e) => e.code(),
            Self::Harm(e) => e.code(),
            Self::Hdbscan(e) => e.code(),
            Self::Hotspots(_) => "invalid_hotspots",
            Self::KernelDensity(e) => e.code(),
            Self::Knox(e) => e.code(),
            Self::LocalMoran(e) => e.code(),
            Self::NearRepeatRisk(e) => e.code(),
            Self::NetworkDensity(e) => e.code(),
            Self::NoHarm { .. } | Self::NoHarmOfContours => "no_harm",
            Self::NoTerms { .. } => "no_terms",
            Self::NothingToContour { .. } | Self::NothingToCut { .. } => "nothing_to_cut",
            Self::OffenceMix(e) => e.code(),
            Self::Overlap(e) => e.code(),
            Self::RepeatLocations(e) => e.code(),
            Self::RiskyFacilities(e) => e.code(),
            Self::SearchEffects(e) => e.code(),
            Self::Spikes(e) => e.code(),
            Self::SpaceTimeScan(space_time_scan::Error::Second(e)) => {
                Self::Select(e.clone()).code()
            }
            Self::SpaceTimeScan(e) => e.code(),
            Self::StDbscan(e) => e.code(),
            Self::TemporalProfile(e) => e.code(),
            Self::Surprise(e) => e.code(),
            Self::TwoCuts => "two_cuts",
            Self::Vicinity(e) => e.code(),
        }
    }
}

impl From<TableError> for RunError {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Select(e) => Self::Select(e),
            TableError::Series(e) => Self::AreaSeries(e),
        }
    }
}

/// What a run looked at, for provenance.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Codes, names, and kind with vintage, of the study area's parts; empty where none is named.
    pub areas: Vec<(String, String, String)>,
    /// Area of the study area, m².
    pub study_area_m2: Option<f64>,
    /// First and last day of the period, where one is named.
    pub period: Option<(String, String)>,
    /// First minute of the earliest and first minute after the latest selected incident.
    pub extent: Option<(CivilMinute, CivilMinute)>,
    /// First minute after the latest record of the data, of any kind.
    pub cut_off: Option<CivilMinute>,
    /// The lens.
    pub lens: Lens,
    /// The offence groups.
    pub groups: Vec<String>,
    /// Whether all groups are activity of the police, which is no offence: stop and search.
    pub activity: bool,
    /// Selected incidents in the study area.
    pub selected: u64,
    /// Selected incidents outside it.
    pub beyond: u64,
    /// Selected incidents without a location, anywhere.
    pub unlocated: u64,
    /// Records of the period whose offence the policy does not know, anywhere.
    pub unknown_kind: u64,
    /// Incidents of the groups, period and study area that the lens leaves out, by group.
    pub other_lens: Vec<(String, u64)>,
    /// Selected incidents in the study area by location basis.
    pub location_basis: Vec<(LocationBasis, u64)>,
    /// Selected incidents in the study area by record source, in the order of the names.
    pub record_sources: Vec<(String, u64)>,
    /// Selected incidents in the study area that are known to the month only.
    pub month_only: u64,
    /// Whether the data has any record of any kind in the study area.
    pub has_records: bool,
    /// Calendar months of the period, and those without any record of any kind in the study area.
    pub months: Option<(u32, u32)>,
    /// The hours, where some are named.
    pub hours: Option<HoursFacts>,
    /// The harm schedules.
    pub harm: Vec<HarmFacts>,
}

impl Facts {
    /// What the records are, for titles: what people reported, what police recorded, or what police
    /// did.
    #[must_use]
    pub fn lens_title(&self) -> &'static str {
        match self.activity {
            true => "Where police acted (enforcement activity)",
            false => self.lens.title(),
        }
    }
}

/// What a run with hours looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct HoursFacts {
    /// `22:00/02:00 on friday`.
    pub words: String,
    /// Sum of the shares in the hours of the selected incidents of the study area.
    pub expected: f64,
    /// Selected incidents of the study area whose time is known to the minute.
    pub exact: u64,
    /// Selected incidents, also outside the study area, of which only a part lies in the hours.
    pub fractional: u64,
    /// Records left out because they are not known to the hour, anywhere.
    pub left_out: u64,
}

/// A harm schedule as a run used it.
#[derive(Debug, Clone, PartialEq)]
pub struct HarmFacts {
    /// Id.
    pub id: String,
    /// Version.
    pub version: String,
    /// Source.
    pub source: String,
    /// Unit.
    pub unit: String,
    /// Hash over the schedule.
    pub hash: String,
    /// What it does with offences that it does not know.
    pub unknown_code: UnknownCode,
    /// Selected records in the study area that it does not know, and that add nothing.
    pub left_out: u64,
    /// Selected records in the study area that weigh a range.
    pub ranged: u64,
    /// Police-generated records of the same groups and period in the study area that it does not
    /// know.
    pub unknown_police_generated: u64,
}

/// A density surface as features need it.
#[derive(Debug, Clone)]
pub struct SurfaceCells {
    /// The surface.
    pub surface: kernel_density::Outcome,
    /// Selected incidents in each cell.
    pub counts: Vec<u32>,
    /// Each cell's own area, m².
    pub areas_m2: Vec<f64>,
    /// The same by their shares in the hours; empty where none are named.
    pub expected: Vec<f64>,
    /// Harm in each cell, by each schedule of the request.
    pub harm: Vec<Vec<HarmTotal>>,
    /// Cells whose density is too low for want of data beyond the boundary; where the edge is
    /// corrected for, those that lean on the correction.
    pub edge_effect: Vec<bool>,
}

/// Contours with the surface that they were drawn of.
#[derive(Debug, Clone)]
pub struct ContouredSurface {
    /// The surface.
    pub surface: kernel_density::Outcome,
    /// The contours.
    pub contours: contours::Outcome,
}

/// Hotspots with the surface that they were cut out of.
#[derive(Debug, Clone)]
pub struct CutSurface {
    /// The surface.
    pub surface: kernel_density::Outcome,
    /// The hotspots.
    pub cut: hotspots::Outcome,
}

/// The result of a run, by method.
#[derive(Debug, Clone)]
pub enum Findings {
    /// Counts by area.
    AreaAudit(area_audit::Outcome),
    /// What a group of offences is made of.
    OffenceMix(offence_mix::Outcome),
    /// A change in police-generated volume, split.
    SearchEffects(search_effects::Outcome),
    /// Spikes of a month.
    Spikes(spikes::Outcome),
    /// A surface, cell by cell.
    Surface(SurfaceCells),
    /// Contours of a surface.
    Contours(ContouredSurface),
    /// Hotspots cut out of a surface.
    Hotspots(CutSurface),
    /// One density against another.
    DualDensity(dual_density::Outcome),
    /// Histories of cells.
    EmergingHotSpots(emerging_hot_spots::Outcome),
    /// Where one density is raised or lowered against another.
    ToleranceContours(dual_density::ToleranceContours),
    /// Gi*, cell by cell.
    GetisOrd(getis_ord::Outcome),
    /// How well methods predict.
    Evaluation(evaluation::Outcome),
    /// Near repeats.
    Knox(knox::Outcome),
    /// Local Moran's I, cell by cell.
    LocalMoran(local_moran::Outcome),
    /// Near-repeat risk, cell by cell.
    NearRepeatRisk(near_repeat_risk::Outcome),
    /// Density along streets.
    NetworkDensity(network_density::Outcome),
    /// Repeat locations.
    RepeatLocations(repeat_locations::Outcome),
    /// Clusters.
    Clusters(dbscan::Outcome),
    /// The most likely clusters of a scan.
    SpaceTimeScan(space_time_scan::Outcome),
    /// Clusters in space and time.
    StClusters(st_dbscan::Outcome),
    /// Concentration.
    Concentration(concentration::Outcome),
    /// Overlap of two groups.
    Overlap(overlap::Outcome),
    /// Risky facilities.
    RiskyFacilities(risky_facilities::Outcome),
    /// New and unexpected places.
    Surprise(surprise::Outcome),
    /// Incidents near sites.
    Vicinity(vicinity::Outcome),
    /// Clusters of any density.
    Hdbscan(hdbscan::Outcome),
    /// Change between two periods.
    Change(change::Outcome),
    /// Weighted displacement difference.
    Displacement(displacement::Outcome),
    /// Temporal profile.
    TemporalProfile(temporal_profile::Outcome),
}

/// The outcome of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What it looked at.
    pub facts: Facts,
    /// What it found.
    pub findings: Findings,
}

/// Runs a request on a snapshot.
///
/// # Errors
/// [`RunError`], which names what is wrong and the remedy.
pub fn run(snapshot: &Snapshot, request: &Request) -> Result<Outcome, RunError> {
    if let Some(id) = request.method.counts() {
        return on_counts(snapshot, request, id);
    }
    let selection = Selection::new(snapshot, &request.select)?.with_harm(&schedules(request))?;
    check_weights(&selection, request)?;
    let terms = request.terms.as_ref();
    check_terms(request)?;
    let comparable = Comparable::of(&selection);
    match (&request.contours, &request.hotspots, &request.method) {
        (Some(_), Some(_), _) => return Err(RunError::TwoCuts),
        (Some(_), None, Method::KernelDensity(_)) if !request.harm.is_empty() => {
            return Err(RunError::NoHarmOfContours);
        }
        (None, _, _) | (_, _, Method::KernelDensity(_)) => {}
        (Some(_), None, method) => {
            return Err(RunError::NothingToContour {
                method: method.name(),
            });
        }
    }
    let findings = match (&request.method, &request.hotspots) {
        (Method::KernelDensity(params), cut) => {
            let surface = kernel_density::run(&selection, params)?;
            match cut {
                _ if let Some(params) = &request.contours => {
                    let contours = contours::cut(&selection, &surface, params)?;
                    Findings::Contours(ContouredSurface { surface, contours })
                }
                Some(cut) => {
                    let cut = hotspots::cut(&selection, &surface, cut, comparable, terms)?;
                    Findings::Hotspots(CutSurface { surface, cut })
                }
                None => Findings::Surface(cells(&selection, surface)?),
            }
        }
        (method, Some(_)) => {
            return Err(RunError::NothingToCut {
                method: method.name(),
            });
        }
        (Method::AreaAudit(params), None) => {
            Findings::AreaAudit(area_audit::run(&Basis::Records(&selection), params)?)
        }
        (Method::OffenceMix(params), None) => {
            Findings::OffenceMix(offence_mix::run(&Basis::Records(&selection), params)?)
        }
        (Method::SearchEffects(params), None) => {
            let searches = Selection::new(snapshot, &params.searches.select(&request.select))
                .map_err(RunError::Against)?;
            let (finds, searches) = (Basis::Records(&selection), Basis::Records(&searches));
            Findings::SearchEffects(search_effects::run(&finds, &searches, params)?)
        }
        (Method::Spikes(params), None) => {
            Findings::Spikes(spikes::run(&Basis::Records(&selection), params)?)
        }
        (Method::DualDensity(params), None) => {
            let found = dual_density::run(&selection, &request.select, params)?;
            match &params.tolerance_contours[..] {
                [] => Findings::DualDensity(found),
                levels => Findings::ToleranceContours(dual_density::tolerance_contours(
                    &selection, found, levels,
                )?),
            }
        }
        (Method::GetisOrd(params), None) => {
            let select = |a: getis_ord::Against| Select {
                period: Some(a.period),
                ..request.select.clone()
            };
            let other = params.against.map(|a| Selection::new(snapshot, &select(a)));
            let other = other.transpose().map_err(RunError::Against)?;
            if let Some(other) = &other {
                whole_records(other, request.method.name())?;
            }
            Findings::GetisOrd(getis_ord::run(
                &selection,
                other.as_ref(),
                params,
                comparable,
            )?)
        }
        (Method::Evaluation(params), None) => {
            Findings::Evaluation(evaluation::run(&selection, &request.select, params)?)
        }
        (Method::EmergingHotSpots(params), None) => {
            Findings::EmergingHotSpots(emerging_hot_spots::run(&selection, params, comparable)?)
        }
        (Method::Knox(params), None) => Findings::Knox(knox::run(&selection, params)?),
        (Method::LocalMoran(params), None) => {
            Findings::LocalMoran(local_moran::run(&selection, params, comparable)?)
        }
        (Method::NearRepeatRisk(params), None) => {
            Findings::NearRepeatRisk(near_repeat_risk::run(&selection, params)?)
        }
        (Method::NetworkDensity(params), None) => {
            Findings::NetworkDensity(network_density::run(&selection, params, comparable)?)
        }
        (Method::RepeatLocations(params), None) => {
            Findings::RepeatLocations(repeat_locations::run(&selection, params, comparable)?)
        }
        (Method::Dbscan(params), None) => {
            Findings::Clusters(dbscan::run(&selection, params, comparable)?)
        }
        (Method::SpaceTimeScan(params), None) => {
            Findings::SpaceTimeScan(space_time_scan::run(&selection, &request.select, params)?)
        }
        (Method::StDbscan(params), None) => {
            Findings::StClusters(st_dbscan::run(&selection, params)?)
        }
        (Method::Concentration(params), None) => {
            Findings::Concentration(concentration::run(&selection, params, comparable)?)
        }
        (Method::Overlap(params), None) => {
            let other = other(&selection, request, &params.with)?;
            Findings::Overlap(overlap::run(&selection, params, other, comparable)?)
        }
        (Method::RiskyFacilities(params), None) => {
            Findings::RiskyFacilities(risky_facilities::run(&selection, params, comparable)?)
        }
        (Method::Surprise(params), None) => {
            Findings::Surprise(surprise::run(&selection, &request.select, params)?)
        }
        (Method::Vicinity(params), None) => {
            let against = params.against.as_ref();
            let other = against.map(|a| other(&selection, request, a)).transpose()?;
            Findings::Vicinity(vicinity::run(&selection, params, other, comparable)?)
        }
        (Method::Hdbscan(params), None) => {
            Findings::Hdbscan(hdbscan::run(&selection, params, comparable)?)
        }
        (Method::Change(params), None) => {
            Findings::Change(change::run(&selection, params, comparable, terms)?)
        }
        (Method::Displacement(params), None) => {
            Findings::Displacement(displacement::run(&selection, params)?)
        }
        (Method::TemporalProfile(params), None) => {
            Findings::TemporalProfile(temporal_profile::run(&selection, params, terms)?)
        }
    };
    Ok(Outcome {
        facts: facts(&selection),
        findings,
    })
}

/// Runs a request on a table of ready-made counts: there are no records to select, weigh or map.
fn on_counts(snapshot: &Snapshot, request: &Request, id: &str) -> Result<Outcome, RunError> {
    let method = request.method.name();
    if request.hotspots.is_some() {
        return Err(RunError::NothingToCut { method });
    }
    if request.contours.is_some() {
        return Err(RunError::NothingToContour { method });
    }
    if !request.harm.is_empty() {
        return Err(RunError::NoHarm { method });
    }
    let table = TableSelection::new(snapshot, &request.select, id)?;
    let basis = Basis::Table(&table);
    let findings = match &request.method {
        Method::AreaAudit(params) => Findings::AreaAudit(area_audit::run(&basis, params)?),
        Method::OffenceMix(params) => Findings::OffenceMix(offence_mix::run(&basis, params)?),
        Method::SearchEffects(params) => {
            let select = params.searches.select(&request.select);
            let searches = TableSelection::new(snapshot, &select, id)?;
            Findings::SearchEffects(search_effects::run(
                &basis,
                &Basis::Table(&searches),
                params,
            )?)
        }
        Method::Spikes(params) => Findings::Spikes(spikes::run(&basis, params)?),
        // No other method names counts.
        _ => return Err(RunError::NothingToCut { method }),
    };
    Ok(Outcome {
        facts: counted_facts(&table)?,
        findings,
    })
}

/// What a run on a table of counts looked at.
fn counted_facts(table: &TableSelection) -> Result<Facts, RunError> {
    let series = Basis::Table(table).series(None, &[], &[])?;
    let minutes = |m: crate::domain::Month| m.minutes();
    let (first, last) = series.period;
    let extent = minutes(first).zip(minutes(last)).map(|(a, b)| (a.0, b.1));
    let located = series.all_rows().filter(|r| *r != Row::Unlocated);
    let selected: u64 = located
        .map(|r| series.sum(r, series.lens, series.period))
        .sum();
    let not_supplied = AreaSeries::months(series.period)
        .filter(|&m| {
            series
                .all_rows()
                .any(|r| series.supply(r, m) == Supply::None)
        })
        .count();
    Ok(Facts {
        areas: table
            .area_names
            .iter()
            .map(|name| {
                (
                    name.clone(),
                    name.clone(),
                    "as the counts name it".to_owned(),
                )
            })
            .collect(),
        study_area_m2: None,
        period: table.period.map(|p| (p.first_day(), p.last_day())),
        extent,
        cut_off: minutes(series.extent().1).map(|m| m.1),
        lens: table.lens,
        groups: table.groups.clone(),
        activity: are_activity(table.snapshot, &table.groups),
        selected,
        beyond: 0,
        unlocated: series.sum(Row::Unlocated, series.lens, series.period),
        unknown_kind: table.unknown_kind(),
        other_lens: series.of_other_lens(),
        location_basis: Vec::new(),
        record_sources: vec![(table.counts.table.source.clone(), selected)],
        month_only: selected,
        has_records: true,
        months: Some((
            AreaSeries::months(series.period).count() as u32,
            not_supplied as u32,
        )),
        hours: None,
        harm: Vec::new(),
    })
}

/// The schedules that a request names; the one that its density is weighted by is told, too.
fn schedules(request: &Request) -> Vec<&str> {
    let mut ids: Vec<&str> = request.harm.iter().map(String::as_str).collect();
    if let Method::KernelDensity(kernel_density::Params {
        weight: Weight::Harm(by),
        ..
    }) = &request.method
        && !ids.contains(&by.harm.as_str())
    {
        ids.insert(0, &by.harm);
    }
    ids
}

/// Refuses terms to what would pass over them in silence.
fn check_terms(request: &Request) -> Result<(), RunError> {
    let takes = request.hotspots.is_some()
        || matches!(
            request.method,
            Method::Change(_) | Method::TemporalProfile(_)
        );
    if request.terms.is_some() && !takes {
        return Err(RunError::NoTerms {
            method: request.method.name(),
        });
    }
    Ok(())
}

/// Refuses harm and shares of records to methods that would pass over them in silence.
fn check_weights(selection: &Selection, request: &Request) -> Result<(), RunError> {
    let method = request.method.name();
    let (takes_harm, takes_shares) = match &request.method {
        Method::KernelDensity(_) => (true, true),
        Method::Dbscan(_)
        | Method::Hdbscan(_)
        | Method::RepeatLocations(_)
        | Method::StDbscan(_) => (true, false),
        _ => (false, false),
    };
    if !takes_harm && !request.harm.is_empty() {
        return Err(RunError::NoHarm { method });
    }
    if takes_shares {
        return Ok(());
    }
    whole_records(selection, method)
}

/// Refuses records of which only a part lies in the hours.
fn whole_records(selection: &Selection, method: &'static str) -> Result<(), RunError> {
    match &selection.hours {
        Some(hours) if selection.fractional > 0 => Err(RunError::FractionalWeights {
            method,
            hours: hours.words().to_owned(),
            count: selection.fractional,
        }),
        _ => Ok(()),
    }
}

/// The second group of a request.
fn other(selection: &Selection, request: &Request, against: &Against) -> Result<Other, RunError> {
    let second = Selection::new(selection.snapshot, &against.select(&request.select))
        .map_err(RunError::Against)?;
    whole_records(&second, request.method.name())?;
    Ok(Other::new(selection, &second, against))
}

fn cells(
    selection: &Selection,
    surface: kernel_density::Outcome,
) -> Result<SurfaceCells, RunError> {
    use rayon::prelude::*;
    let counts = hotspots::cell_counts(selection, &surface);
    let expected = match selection.hours {
        Some(_) => hotspots::cell_expected(selection, &surface),
        None => Vec::new(),
    };
    let harm = hotspots::cell_harm(selection, &surface);
    let lattice = &surface.lattice;
    let areas_m2 = (0..lattice.len())
        .into_par_iter()
        .map(|c| lattice.area_m2(c))
        .collect::<Result<_, _>>()
        .map_err(hotspots::Error::from)?;
    let edges = EdgeEffect::new(selection, surface.reach_m());
    let edge_effect = lattice
        .centres()
        .par_iter()
        .enumerate()
        .map(|(c, &at)| {
            surface
                .leans_on_correction(c)
                .unwrap_or_else(|| edges.at(at))
        })
        .collect();
    Ok(SurfaceCells {
        surface,
        counts,
        expected,
        harm,
        areas_m2,
        edge_effect,
    })
}

fn facts(selection: &Selection) -> Facts {
    let incidents = selection.incidents();
    let mut basis = [0_u64; LocationBasis::ALL.len()];
    let mut by_kind = vec![0_u64; incidents.kinds().len()];
    for (l, _) in selection.locations_inside() {
        for i in incidents.at(l).filter(|&i| selection.holds(i)) {
            basis[usize::from(incidents.basis(i).code())] += 1;
            by_kind[usize::from(incidents.kind()[i])] += 1;
        }
    }
    let mut other_lens = std::collections::BTreeMap::new();
    for i in (0..incidents.locations().len() as u32)
        .filter(|&l| selection.is_inside(l))
        .flat_map(|l| incidents.at(l))
        .filter(|&i| selection.holds_any_lens(i) && !selection.holds(i))
    {
        let kind = &incidents.kinds()[usize::from(incidents.kind()[i])];
        if let Some(group) = &kind.group {
            *other_lens.entry(group.clone()).or_default() += 1;
        }
    }
    let mut record_sources = std::collections::BTreeMap::new();
    for (kind, n) in incidents.kinds().iter().zip(by_kind).filter(|k| k.1 > 0) {
        *record_sources
            .entry(kind.record_source.clone())
            .or_default() += n;
    }
    let mut location_basis: Vec<(LocationBasis, u64)> = LocationBasis::ALL
        .into_iter()
        .zip(basis)
        .filter(|b| b.1 > 0)
        .collect();
    location_basis.sort_by_key(|b| std::cmp::Reverse(b.1));
    let area = selection.area.as_ref();
    Facts {
        areas: area.map_or_else(Vec::new, |a| {
            let named = a.codes.iter().zip(&a.names).zip(&a.vintages);
            named
                .map(|((c, n), v)| (c.clone(), n.clone(), v.clone()))
                .collect()
        }),
        study_area_m2: area.map(|a| a.area_m2),
        period: selection.period.map(|p| (p.first_day(), p.last_day())),
        extent: selection.extent(),
        cut_off: incidents.extent().map(|e| e.1),
        lens: selection.lens,
        groups: selection.groups.clone(),
        activity: are_activity(selection.snapshot, &selection.groups),
        selected: selection.selected,
        beyond: selection.beyond,
        unlocated: selection.unlocated,
        unknown_kind: selection.unknown_kind,
        other_lens: other_lens.into_iter().collect(),
        location_basis,
        record_sources: record_sources.into_iter().collect(),
        month_only: selection.month_only(),
        has_records: selection.has_records(),
        months: selection
            .period
            .map(|p| selection.months_without_records(p)),
        hours: selection.hours.as_ref().map(|h| HoursFacts {
            words: h.words().to_owned(),
            expected: selection.expected,
            exact: selection.exact_times(),
            fractional: selection.fractional,
            left_out: selection.unknown_hours,
        }),
        harm: selection
            .harm
            .iter()
            .map(|h| HarmFacts {
                id: h.schedule.id.clone(),
                version: h.schedule.version.clone(),
                source: h.schedule.source.clone(),
                unit: h.schedule.unit.clone(),
                hash: h.schedule.hash(),
                unknown_code: h.schedule.unknown_code,
                left_out: h.left_out,
                ranged: h.ranged,
                unknown_police_generated: h.unknown_police_generated,
            })
            .collect(),
    }
}
