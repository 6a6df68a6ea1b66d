//! A selection as a study: its places, and what each has in every step.

use std::collections::BTreeMap;

use h3o::{CellIndex, LatLng};

use super::study::{Null, Study, Time};
use super::{Analysis, Baseline, BaselineFacts, Bernoulli, Error, Model, Params, Poisson, Trend};
use crate::against::Other;
use crate::domain::{LocationBasis, LocationId, LonLat, MINUTES_PER_DAY, Period};
use crate::lattice;
use crate::plane::{self, OutsidePlane, Planar};
use crate::request::Select;
use crate::select::Selection;
use crate::steps::Steps;
use crate::tally::CountedBy;

/// A place of a study.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Easting and northing in millimetres, or the cell's index.
    pub(super) id: String,
    pub(super) at: Planar,
    pub(super) position: LonLat,
    pub(super) members: Vec<LocationId>,
}

/// A study with what it was made of.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) study: Study,
    pub(super) places: Vec<Place>,
    pub(super) left_out: u64,
    pub(super) steps_without_records: u32,
    pub(super) baseline: Option<BaselineFacts>,
    pub(super) other: Option<Other>,
    pub(super) snap_points: u64,
    pub(super) misplaced: u64,
}

/// Records by location and step.
type Records = Vec<(LocationId, u32)>;

pub(super) fn gather(
    selection: &Selection,
    select: &Select,
    params: &Params,
    unit: CountedBy,
    steps: Option<&Steps>,
) -> Result<Gathered, Error> {
    let steps_without_records = steps.map_or(0, |s| {
        s.supplied(selection).iter().filter(|s| !**s).count() as u32
    });
    let (cases, left_out) = records(selection, steps, |_| true);
    let incidents = selection.incidents();
    let on = |basis: &[LocationBasis]| {
        let found = selection
            .locations_inside()
            .flat_map(|(l, _)| incidents.at(l))
            .filter(|&i| selection.holds(i) && basis.contains(&incidents.basis(i)));
        found.count() as u64
    };
    let (snap_points, misplaced) = (
        on(&[LocationBasis::SnapPoint]),
        on(&[LocationBasis::Station, LocationBasis::AreaCentroid]),
    );
    let mut second: Records = Vec::new();
    let (mut other, mut baseline) = (None, None);
    match &params.model {
        Model::SpaceTimePermutation => {}
        Model::Poisson(poisson) => {
            let not_covered = poisson.time == Trend::Even && steps_without_records > 0;
            if not_covered && params.analysis != Analysis::Spatial {
                return Err(Error::StepsNotCovered(steps_without_records));
            }
            let facts;
            (second, facts) = baseline_of(selection, select, &poisson.baseline)?;
            baseline = Some(facts);
        }
        Model::Bernoulli(bernoulli) => {
            let facts;
            (second, facts) = controls(selection, select, bernoulli, steps)?;
            if second.is_empty() && !cases.is_empty() {
                return Err(Error::NoSecond);
            }
            other = Some(facts);
        }
    }
    let (places, place_of) = places(selection, unit, cases.iter().chain(&second))?;
    let placed = |records: &Records| -> Vec<(u32, u32)> {
        let of = |&(l, step): &(LocationId, u32)| (place_of[l as usize], step);
        records.iter().map(of).collect()
    };
    let null = match &params.model {
        Model::SpaceTimePermutation => Null::Permutation,
        Model::Bernoulli(_) => Null::Bernoulli {
            controls: placed(&second),
        },
        Model::Poisson(Poisson { time, floor, .. }) => {
            let mut population = vec![0.0; places.len()];
            for (place, _) in placed(&second) {
                population[place as usize] += 1.0;
            }
            let whole: f64 = population.iter().sum();
            let mut raised = 0;
            for p in population.iter_mut().filter(|p| **p < *floor) {
                *p = *floor;
                raised += 1;
            }
            if let Some(facts) = &mut baseline {
                facts.raised = raised;
                facts.added_share = population.iter().sum::<f64>() / whole - 1.0;
            }
            let time = match (time, steps) {
                (_, None) => Time::Even(vec![1.0]),
                (Trend::Observed, Some(_)) => Time::Observed,
                (Trend::Even, Some(steps)) => {
                    let days = |s| {
                        let (from, to) = steps.minutes(s);
                        f64::from((to - from) / MINUTES_PER_DAY)
                    };
                    Time::Even((0..steps.len()).map(days).collect())
                }
            };
            Null::Poisson { population, time }
        }
    };
    // Millimetres: whole numbers, so that equal distances are equal.
    let mm = |v: f64| (v * 1000.0).round();
    Ok(Gathered {
        study: Study {
            points: places.iter().map(|p| (mm(p.at.x), mm(p.at.y))).collect(),
            cases: placed(&cases),
            steps: steps.map_or(1, Steps::len),
            null,
        },
        places,
        left_out,
        steps_without_records,
        baseline,
        other,
        snap_points,
        misplaced,
    })
}

/// The selected records of the study area with their steps, and how many lie in none.
fn records(
    selection: &Selection,
    steps: Option<&Steps>,
    takes: impl Fn(usize) -> bool,
) -> (Records, u64) {
    let incidents = selection.incidents();
    let (mut found, mut left_out) = (Vec::new(), 0);
    for (l, _) in selection.locations_inside() {
        for i in incidents.at(l).filter(|&i| selection.holds(i) && takes(i)) {
            match steps.map_or(Some(0), |s| s.holding(incidents.from()[i])) {
                Some(step) => found.push((l, step as u32)),
                None => left_out += 1,
            }
        }
    }
    (found, left_out)
}

/// The records that stand for a population.
fn baseline_of(
    selection: &Selection,
    select: &Select,
    of: &Baseline,
) -> Result<(Records, BaselineFacts), Error> {
    if *of == Baseline::default() {
        return Err(Error::NothingNamed);
    }
    let mut other = select.clone();
    if of.period.is_some() {
        other.period = of.period;
    }
    if of.groups.is_some() {
        other.groups.clone_from(&of.groups);
        // Sub-types belong to the groups that they were named with.
        other.sub_types = None;
    }
    if of.sub_types.is_some() {
        other.sub_types.clone_from(&of.sub_types);
    }
    other.lens = of.lens.or(Some(selection.lens));
    let second = Selection::new(selection.snapshot, &other).map_err(Error::Second)?;
    if second.fractional > 0 {
        return Err(Error::Fractional(second.fractional));
    }
    let incidents = selection.incidents();
    let shared = selection
        .locations_inside()
        .flat_map(|(l, _)| incidents.at(l))
        .filter(|&i| selection.holds(i) && second.holds(i))
        .count() as u64;
    if shared > 0 {
        return Err(Error::SharedRecords(shared));
    }
    if let Some(period) = second.period {
        let (months, missing) = second.months_without_records(period);
        if missing > 0 {
            return Err(Error::BaselineNotCovered { months, missing });
        }
    }
    let (found, _) = records(&second, None, |_| true);
    if found.is_empty() {
        return Err(Error::NoBaseline);
    }
    let days = |p: Period| (p.first_day(), p.last_day());
    let facts = BaselineFacts {
        lens: second.lens,
        groups: second.groups.clone(),
        period: second.period.map(days),
        records: found.len() as u64,
        raised: 0,
        added_share: 0.0,
    };
    Ok((found, facts))
}

/// The records of the second group that are not of the first.
fn controls(
    selection: &Selection,
    select: &Select,
    bernoulli: &Bernoulli,
    steps: Option<&Steps>,
) -> Result<(Records, Other), Error> {
    let against = &bernoulli.against;
    let second =
        Selection::new(selection.snapshot, &against.select(select)).map_err(Error::Second)?;
    if second.fractional > 0 {
        return Err(Error::Fractional(second.fractional));
    }
    if let Some(steps) = steps {
        // The same steps for both: refused where the second group is known less well.
        Steps::of_selection(&second, steps.step)?;
    }
    let (found, _) = records(&second, steps, |i| !selection.holds(i));
    let other = Other::new(selection, &second, against);
    Ok((found, other))
}

/// The places of some records, in an order of their own, and the place of each location.
fn places<'a>(
    selection: &Selection,
    unit: CountedBy,
    records: impl Iterator<Item = &'a (LocationId, u32)>,
) -> Result<(Vec<Place>, Vec<u32>), OutsidePlane> {
    let locations = selection.incidents().locations();
    let mut used = vec![false; locations.len()];
    for (l, _) in records {
        used[*l as usize] = true;
    }
    let mut used: Vec<LocationId> = (0..locations.len() as LocationId)
        .filter(|&l| used[l as usize])
        .collect();
    used.sort_by_key(|&l| (locations[l as usize].x_mm, locations[l as usize].y_mm));
    let places: Vec<Place> = match unit {
        CountedBy::Locations => used
            .into_iter()
            .map(|l| {
                let at = &locations[l as usize];
                Place {
                    id: format!("e{}n{}", at.x_mm, at.y_mm),
                    at: at.planar(),
                    position: at.position,
                    members: vec![l],
                }
            })
            .collect(),
        CountedBy::Cells(resolution) => {
            let mut cells: BTreeMap<CellIndex, Vec<LocationId>> = BTreeMap::new();
            for l in used {
                let cell = lattice::h3_cell(locations[l as usize].position, resolution);
                cells.entry(cell).or_default().push(l);
            }
            let place = |(cell, members): (CellIndex, Vec<LocationId>)| {
                let centre = LatLng::from(cell);
                let outside = |_| OutsidePlane {
                    what: plane::Position::Degrees(centre.lng(), centre.lat()),
                };
                let position = LonLat::new(centre.lng(), centre.lat()).map_err(outside)?;
                Ok(Place {
                    id: cell.to_string(),
                    at: plane::project(position)?.planar,
                    position,
                    members,
                })
            };
            cells
                .into_iter()
                .map(place)
                .collect::<Result<_, OutsidePlane>>()?
        }
    };
    let mut place_of = vec![u32::MAX; locations.len()];
    for (p, place) in (0..).zip(&places) {
        for &l in &place.members {
            place_of[l as usize] = p;
        }
    }
    Ok((places, place_of))
}
