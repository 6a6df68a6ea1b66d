//! What is said of a place, whatever method found it: counts first.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    CivilMinute, Kind, Lens, LocationBasis, LocationId, NO_PLACE, Period, TimePrecision, day_of,
    month_number,
};
use crate::harm::{HarmSum, HarmTotal};
use crate::select::Selection;

/// Most offences named in a summary.
const TOP_OFFENCES: usize = 3;

/// The plain facts of a place.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceFacts {
    /// Selected incidents.
    pub count: u32,
    /// Incidents of the same selection that somebody reported.
    pub count_reported: u32,
    /// Incidents of the same selection that exist because police looked.
    pub count_police_generated: u32,
    /// Distinct locations of the selected incidents.
    pub distinct_locations: u32,
    /// Locations with two or more of them.
    pub repeat_locations: u32,
    /// Distinct calendar days on which they began; `None` where any is known to the month only.
    pub distinct_days: Option<u32>,
    /// Distinct calendar months in which they began.
    pub distinct_months: u32,
    /// First minute of the earliest.
    pub first: CivilMinute,
    /// First minute after the latest.
    pub last: CivilMinute,
    /// Start of the latest, which recency goes by.
    pub latest_start: CivilMinute,
    /// The same selection in the period of equal length just before; `None` where the request names
    /// no period or the data does not reach back.
    pub previous_count: Option<u32>,
    /// The same selection in the same dates a year earlier; `None` likewise.
    pub same_period_last_year_count: Option<u32>,
    /// The most frequent offences with their numbers, most frequent first.
    pub top_offences: Vec<(String, u32)>,
    /// What the positions stand for, most frequent first.
    pub location_basis: Vec<(LocationBasis, u32)>,
    /// The most frequent place text.
    pub place: Option<String>,
    /// Distinct property reference numbers among the incidents.
    pub distinct_uprns: u32,
    /// Sum of the shares in the hours of the request; `None` where it names none.
    pub expected_count: Option<f64>,
    /// Harm, by each schedule of the request.
    pub harm: Vec<HarmTotal>,
}

/// Which comparison periods the data can answer for. Found once per run.
#[derive(Debug, Clone, Copy)]
pub struct Comparable {
    /// The period just before.
    pub previous: bool,
    /// The same dates a year earlier.
    pub last_year: bool,
}

impl Comparable {
    /// With nothing.
    pub const NONE: Self = Self {
        previous: false,
        last_year: false,
    };

    /// What the data of a selection can be compared with.
    #[must_use]
    pub fn of(selection: &Selection) -> Self {
        let covered = |p| selection.covers_period(p) && !selection.lacks_hours_in(p);
        Self {
            previous: selection.period.is_some_and(|p| covered(p.previous())),
            last_year: selection.period.is_some_and(|p| covered(p.year_earlier())),
        }
    }
}

impl PlaceFacts {
    /// What shares and densities go by: the number of incidents, or with hours the sum of their
    /// shares.
    #[must_use]
    pub fn expected(&self) -> f64 {
        self.expected_count.unwrap_or(f64::from(self.count))
    }

    /// The facts of the incidents at some locations; `None` if none of them is selected.
    #[must_use]
    pub fn of(
        selection: &Selection,
        members: &[LocationId],
        comparable: Comparable,
    ) -> Option<Self> {
        Self::of_those(selection, members, comparable, |_| true)
    }

    /// The facts of those incidents at some locations that a rule takes; `None` if none of them is
    /// selected.
    pub(crate) fn of_those(
        selection: &Selection,
        members: &[LocationId],
        comparable: Comparable,
        takes: impl Fn(usize) -> bool,
    ) -> Option<Self> {
        let incidents = selection.incidents();
        let mut facts = Self {
            count: 0,
            count_reported: 0,
            count_police_generated: 0,
            distinct_locations: 0,
            repeat_locations: 0,
            distinct_days: None,
            distinct_months: 0,
            first: CivilMinute::MAX,
            last: CivilMinute::MIN,
            latest_start: CivilMinute::MIN,
            previous_count: comparable.previous.then_some(0),
            same_period_last_year_count: comparable.last_year.then_some(0),
            top_offences: Vec::new(),
            location_basis: Vec::new(),
            place: None,
            distinct_uprns: 0,
            expected_count: selection.hours.as_ref().map(|_| 0.0),
            harm: Vec::new(),
        };
        let mut harm = vec![HarmSum::new(); selection.harm.len()];
        let (mut days, mut months) = (BTreeSet::new(), BTreeSet::new());
        let mut day_known = true;
        let mut offences: BTreeMap<String, u32> = BTreeMap::new();
        let mut bases: BTreeMap<LocationBasis, u32> = BTreeMap::new();
        let mut places: BTreeMap<u32, u32> = BTreeMap::new();
        let previous = selection
            .period
            .map(Period::previous)
            .filter(|_| comparable.previous);
        let last_year = selection
            .period
            .map(Period::year_earlier)
            .filter(|_| comparable.last_year);
        for &location in members {
            let before = facts.count;
            for i in incidents.at(location) {
                if let (Some(n), Some(p)) = (&mut facts.previous_count, previous) {
                    *n += u32::from(selection.holds_in(i, p));
                }
                if let (Some(n), Some(p)) = (&mut facts.same_period_last_year_count, last_year) {
                    *n += u32::from(selection.holds_in(i, p));
                }
                if !selection.holds_any_lens(i) || !takes(i) {
                    continue;
                }
                for (sum, schedule) in harm.iter_mut().zip(&selection.harm) {
                    sum.add(selection, schedule, i);
                }
                match selection.lens_of(i) {
                    Lens::Reported => facts.count_reported += 1,
                    Lens::PoliceGenerated => facts.count_police_generated += 1,
                }
                if selection.lens_of(i) != selection.lens {
                    continue;
                }
                facts.count += 1;
                if let Some(expected) = &mut facts.expected_count {
                    *expected += selection.share_in_hours(i);
                }
                let from = incidents.from()[i];
                days.insert(day_of(from));
                months.insert(month_number(from));
                day_known &= incidents.precision(i) != TimePrecision::Month;
                facts.first = facts.first.min(from);
                facts.latest_start = facts.latest_start.max(from);
                facts.last = facts.last.max(incidents.to()[i]);
                let kind = &incidents.kinds()[usize::from(incidents.kind()[i])];
                *offences.entry(offence(kind)).or_default() += 1;
                *bases.entry(incidents.basis(i)).or_default() += 1;
                if incidents.place()[i] != NO_PLACE {
                    *places.entry(incidents.place()[i]).or_default() += 1;
                }
            }
            let here = facts.count - before;
            facts.distinct_locations += u32::from(here > 0);
            facts.repeat_locations += u32::from(here > 1);
        }
        if facts.count == 0 {
            return None;
        }
        facts.harm = harm.into_iter().map(HarmSum::total).collect();
        facts.distinct_days = day_known.then_some(days.len() as u32);
        facts.distinct_months = months.len() as u32;
        facts.top_offences = ranked(offences);
        facts.top_offences.truncate(TOP_OFFENCES);
        facts.location_basis = ranked(bases);
        let text = |p: &u32| &incidents.places()[*p as usize];
        let uprns: BTreeSet<u64> = places.keys().filter_map(|p| text(p).uprn).collect();
        facts.distinct_uprns = uprns.len() as u32;
        // Places stand in the order of their texts, so that the first of equals is the least text.
        facts.place = ranked(places)
            .first()
            .map(|(p, _)| text(p).text.clone())
            .filter(|t| !t.is_empty());
        Some(facts)
    }

    /// The commonest basis.
    #[must_use]
    pub fn main_basis(&self) -> LocationBasis {
        self.location_basis
            .first()
            .map_or(LocationBasis::Unknown, |b| b.0)
    }

    /// The place text without the "On or near" of open data.
    #[must_use]
    pub fn short_place(&self) -> Option<&str> {
        self.place
            .as_deref()
            .map(|p| p.strip_prefix("On or near ").unwrap_or(p))
    }
}

pub(crate) fn offence(kind: &Kind) -> String {
    match &kind.sub_type {
        Some(sub) if !sub.is_empty() => format!("{} ({sub})", kind.term),
        _ => kind.term.clone(),
    }
}

/// Most frequent first; equals in the order of the key.
fn ranked<K: Ord>(counted: BTreeMap<K, u32>) -> Vec<(K, u32)> {
    let mut list: Vec<(K, u32)> = counted.into_iter().collect();
    list.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    list
}

/// Finds the ward that a place is named after: the latest vintage of kind `ward` that covers a
/// position.
#[derive(Debug)]
pub(crate) struct Wards<'a> {
    wards: Vec<(&'a str, crate::ground::Region)>,
}

impl<'a> Wards<'a> {
    pub(crate) fn of(snapshot: &'a crate::Snapshot) -> Self {
        let latest = snapshot
            .areas
            .iter()
            .filter(|a| a.kind == "ward")
            .map(|a| &a.vintage)
            .max();
        let wards = snapshot
            .areas
            .iter()
            .filter(|a| a.kind == "ward" && Some(&a.vintage) == latest)
            .filter_map(|a| Some((a.name.as_str(), crate::ground::Region::new(&a.geometry.0)?)))
            .collect();
        Self { wards }
    }

    pub(crate) fn at(&self, position: crate::domain::LonLat) -> Option<&'a str> {
        self.wards
            .iter()
            .find(|(_, r)| r.covers(position.coord()))
            .map(|(name, _)| *name)
    }
}
