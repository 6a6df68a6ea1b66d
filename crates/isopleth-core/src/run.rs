//! From a request to an outcome: the one path that every caller takes.

use crate::Snapshot;
use crate::domain::{CivilMinute, Lens, LocationBasis};
use crate::hotspots::{self, EdgeEffect};
use crate::methods::{dbscan, hdbscan, kernel_density, knox, repeat_locations};
use crate::places::Comparable;
use crate::request::{Method, Request};
use crate::select::{SelectError, Selection};

/// Why a request cannot be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The selection.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Kernel density.
    #[error(transparent)]
    KernelDensity(#[from] kernel_density::Error),
    /// Cutting hotspots.
    #[error(transparent)]
    Hotspots(#[from] hotspots::Error),
    /// Near repeats.
    #[error(transparent)]
    Knox(#[from] knox::Error),
    /// Repeat locations.
    #[error(transparent)]
    RepeatLocations(#[from] repeat_locations::Error),
    /// Clusters.
    #[error(transparent)]
    Dbscan(#[from] dbscan::Error),
    /// Clusters of any density.
    #[error(transparent)]
    Hdbscan(#[from] hdbscan::Error),
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
            Self::Select(SelectError::FinerThanData { .. }) => "finer_than_data",
            Self::Select(SelectError::EmptyList { .. }) => "empty_list",
            Self::Dbscan(e) => e.code(),
            Self::Hdbscan(e) => e.code(),
            Self::Hotspots(_) => "invalid_hotspots",
            Self::KernelDensity(e) => e.code(),
            Self::Knox(e) => e.code(),
            Self::RepeatLocations(e) => e.code(),
            Self::NothingToCut { .. } => "nothing_to_cut",
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
    /// Selected incidents in the study area.
    pub selected: u64,
    /// Selected incidents outside it.
    pub beyond: u64,
    /// Selected incidents without a location, anywhere.
    pub unlocated: u64,
    /// Records of the period whose offence the policy does not know, anywhere.
    pub unknown_kind: u64,
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
    /// Cells whose density is too low for want of data beyond the boundary.
    pub edge_effect: Vec<bool>,
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
    /// A surface, cell by cell.
    Surface(SurfaceCells),
    /// Hotspots cut out of a surface.
    Hotspots(CutSurface),
    /// Near repeats.
    Knox(knox::Outcome),
    /// Repeat locations.
    RepeatLocations(repeat_locations::Outcome),
    /// Clusters.
    Clusters(dbscan::Outcome),
    /// Clusters of any density.
    Hdbscan(hdbscan::Outcome),
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
    let selection = Selection::new(snapshot, &request.select)?;
    let comparable = Comparable::of(&selection);
    let findings = match (&request.method, &request.hotspots) {
        (Method::KernelDensity(params), cut) => {
            let surface = kernel_density::run(&selection, params)?;
            match cut {
                Some(cut) => {
                    let cut = hotspots::cut(&selection, &surface, cut, comparable)?;
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
        (Method::Knox(params), None) => Findings::Knox(knox::run(&selection, params)?),
        (Method::RepeatLocations(params), None) => {
            Findings::RepeatLocations(repeat_locations::run(&selection, params, comparable)?)
        }
        (Method::Dbscan(params), None) => {
            Findings::Clusters(dbscan::run(&selection, params, comparable)?)
        }
        (Method::Hdbscan(params), None) => {
            Findings::Hdbscan(hdbscan::run(&selection, params, comparable)?)
        }
    };
    Ok(Outcome {
        facts: facts(&selection),
        findings,
    })
}

fn cells(
    selection: &Selection,
    surface: kernel_density::Outcome,
) -> Result<SurfaceCells, RunError> {
    use rayon::prelude::*;
    let counts = hotspots::cell_counts(selection, &surface);
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
        .map(|&at| edges.at(at))
        .collect();
    Ok(SurfaceCells {
        surface,
        counts,
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
        selected: selection.selected,
        beyond: selection.beyond,
        unlocated: selection.unlocated,
        unknown_kind: selection.unknown_kind,
        location_basis,
        record_sources: record_sources.into_iter().collect(),
        month_only: selection.month_only(),
        has_records: selection.has_records(),
        months: selection
            .period
            .map(|p| selection.months_without_records(p)),
    }
}
