//! From a request's selection to incidents, with honest counts of what was left out.

use crate::Snapshot;
use crate::domain::{
    CivilMinute, Days, IncidentSet, Lens, Period, TimePrecision, WeekHours, month_number,
};
use crate::ground::{AreaError, StudyArea};
use crate::harm::{self, HarmOf};
use crate::request::{Select, UnknownHours};

/// Why a selection cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// The policy table has no such group.
    #[error("the policy table {policy} has no offence group `{group}`; it has: {known}")]
    UnknownGroup {
        /// The group asked for.
        group: String,
        /// The table.
        policy: String,
        /// The groups that it has.
        known: String,
    },
    /// A list that selects nothing.
    #[error(
        "select.{field} is an empty list, which selects nothing; name at least one or leave it out"
    )]
    EmptyList {
        /// The field.
        field: &'static str,
    },
    /// The period is finer than the records know.
    #[error(
        "the period {period} is made of days, but {count} of the selected records are known to the month only; ask for whole months, or select records with day precision"
    )]
    FinerThanData {
        /// The period.
        period: String,
        /// How many records are too coarse.
        count: u64,
    },
    /// The hours are finer than the records know.
    #[error(
        "the hours {hours} are finer than the data: {month} records of these groups and the period are known to the month only and {day} to the day; leave the hours out, or say select.unknown_hours = \"leave_out\" to have them left out and counted"
    )]
    HoursFinerThanData {
        /// The hours.
        hours: String,
        /// Records known to the month only.
        month: u64,
        /// Records known to the day only.
        day: u64,
    },
    /// `unknown_hours` without hours.
    #[error(
        "select.unknown_hours says what is done when hours are asked for, and none are; leave it out or name select.hours"
    )]
    NoHours,
    /// The study area.
    #[error(transparent)]
    Area(#[from] AreaError),
}

/// The incidents that a request is about.
#[derive(Debug)]
pub struct Selection<'a> {
    /// The data.
    pub snapshot: &'a Snapshot,
    /// The study area, where one is named.
    pub area: Option<StudyArea>,
    /// The period, where one is named.
    pub period: Option<Period>,
    /// The lens, as resolved.
    pub lens: Lens,
    /// The offence groups, as resolved.
    pub groups: Vec<String>,
    /// Per kind: selected whatever the lens.
    kind_matches: Vec<bool>,
    /// Per basis code.
    basis_matches: [bool; 8],
    /// Per location: whether it lies in the study area.
    inside: Vec<bool>,
    /// The hours, where some are named.
    pub hours: Option<WeekHours>,
    /// The harm schedules of the request, put to this selection.
    pub harm: Vec<HarmOf<'a>>,
    /// Per location: how many selected incidents.
    counts: Vec<u32>,
    /// Per location, where hours are named: the sum of their shares in the hours.
    shares: Option<Vec<f64>>,
    /// Selected incidents in the study area.
    pub selected: u64,
    /// Sum of the shares in the hours of the selected incidents in the study area; their number where
    /// no hours are named.
    pub expected: f64,
    /// Selected incidents, in the study area or outside, of which only a part lies in the hours.
    pub fractional: u64,
    /// Records of the groups, lens and period that are not known to the hour and were left out,
    /// anywhere.
    pub unknown_hours: u64,
    /// Selected incidents outside it; they count to densities near its edge, and to nothing else.
    pub beyond: u64,
    /// Selected incidents without a location, anywhere.
    pub unlocated: u64,
    /// Records of the period whose offence the policy table does not know, anywhere.
    pub unknown_kind: u64,
}

impl<'a> Selection<'a> {
    /// Makes a selection.
    ///
    /// # Errors
    /// [`SelectError`] for unknown groups or areas, empty lists, and periods or hours finer than the
    /// data.
    pub fn new(snapshot: &'a Snapshot, select: &Select) -> Result<Self, SelectError> {
        let area = select
            .area
            .as_ref()
            .map(|a| StudyArea::find(a, &snapshot.areas))
            .transpose()?;
        Self::within(snapshot, select, area)
    }

    /// The same in a study area that was found before.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn within(
        snapshot: &'a Snapshot,
        select: &Select,
        area: Option<StudyArea>,
    ) -> Result<Self, SelectError> {
        let incidents = &snapshot.incidents;
        let groups = groups(snapshot, select)?;
        let lens = select
            .lens
            .unwrap_or_else(|| default_lens(snapshot, select));
        if select.sub_types.as_ref().is_some_and(Vec::is_empty) {
            return Err(SelectError::EmptyList { field: "sub_types" });
        }
        if select.record_sources.as_ref().is_some_and(Vec::is_empty) {
            return Err(SelectError::EmptyList {
                field: "record_sources",
            });
        }
        if select.location_basis.as_ref().is_some_and(Vec::is_empty) {
            return Err(SelectError::EmptyList {
                field: "location_basis",
            });
        }
        if select.days_of_week.as_ref().is_some_and(Vec::is_empty) {
            return Err(SelectError::EmptyList {
                field: "days_of_week",
            });
        }
        let hours = (select.hours.is_some() || select.days_of_week.is_some())
            .then(|| WeekHours::new(select.hours, select.days_of_week.as_deref()));
        if select.unknown_hours.is_some() && hours.is_none() {
            return Err(SelectError::NoHours);
        }
        let among = |list: &Option<Vec<String>>, value: &str| {
            list.as_ref()
                .is_none_or(|l| l.iter().any(|v| v.eq_ignore_ascii_case(value)))
        };
        let kind_matches = incidents
            .kinds()
            .iter()
            .map(|k| {
                k.group.as_ref().is_some_and(|g| groups.contains(g))
                    && among(&select.sub_types, k.sub_type.as_deref().unwrap_or(""))
                    && among(&select.record_sources, &k.record_source)
            })
            .collect();
        let mut basis_matches = [true; 8];
        if let Some(list) = &select.location_basis {
            basis_matches =
                std::array::from_fn(|c| list.iter().any(|b| usize::from(b.code()) == c));
        }
        let inside = match &area {
            None => vec![true; incidents.locations().len()],
            Some(area) => incidents
                .locations()
                .iter()
                .map(|l| area.covers(l.position))
                .collect(),
        };
        let mut selection = Self {
            snapshot,
            area,
            period: select.period,
            lens,
            groups,
            kind_matches,
            basis_matches,
            inside,
            hours,
            harm: Vec::new(),
            counts: Vec::new(),
            shares: None,
            selected: 0,
            expected: 0.0,
            fractional: 0,
            unknown_hours: 0,
            beyond: 0,
            unlocated: 0,
            unknown_kind: 0,
        };
        selection.check_hours(select.unknown_hours.unwrap_or_default())?;
        selection.count()?;
        Ok(selection)
    }

    /// The same selection with harm schedules put to it.
    ///
    /// # Errors
    /// [`harm::Error`] for unknown schedules and incidents without a weight.
    pub fn with_harm(mut self, ids: &[&str]) -> Result<Self, harm::Error> {
        self.harm = harm::of(&self, ids)?;
        Ok(self)
    }

    /// Refuses or counts the records that are not known to the hour.
    fn check_hours(&mut self, unknown: UnknownHours) -> Result<(), SelectError> {
        let Some(hours) = &self.hours else {
            return Ok(());
        };
        let incidents = self.incidents();
        let (mut month, mut day, mut own) = (0, 0, 0);
        for i in (0..incidents.len()).filter(|&i| self.is_of(i) && self.in_period(i)) {
            if self.knows_hours(i) {
                continue;
            }
            match incidents.precision(i) {
                TimePrecision::Month => month += 1,
                _ => day += 1,
            }
            own += u64::from(self.has_lens(i));
        }
        if unknown == UnknownHours::Refuse && month + day > 0 {
            return Err(SelectError::HoursFinerThanData {
                hours: hours.words().to_owned(),
                month,
                day,
            });
        }
        self.unknown_hours = own;
        Ok(())
    }

    fn count(&mut self) -> Result<(), SelectError> {
        let incidents = self.incidents();
        let days_only = self.period.filter(|p| !p.is_whole_months());
        if let Some(period) = days_only {
            let too_coarse = self.too_coarse(period);
            if too_coarse > 0 {
                return Err(SelectError::FinerThanData {
                    period: period.to_string(),
                    count: too_coarse,
                });
            }
        }
        let mut counts = Vec::with_capacity(incidents.locations().len());
        let mut shares = self.hours.is_some().then(Vec::new);
        let (mut selected, mut beyond, mut fractional) = (0_u64, 0_u64, 0_u64);
        let mut expected = 0.0;
        for (location, &inside) in self.inside.iter().enumerate() {
            let mut count = 0_u32;
            let mut sum = 0.0;
            for i in incidents.at(location as u32) {
                let held = self.holds(i);
                count += u32::from(held);
                if held && self.hours.is_some() {
                    let share = self.share_in_hours(i);
                    sum += share;
                    fractional += u64::from(share < 1.0);
                }
            }
            counts.push(count);
            if let Some(shares) = &mut shares {
                shares.push(sum);
            } else {
                sum = f64::from(count);
            }
            *(if inside { &mut selected } else { &mut beyond }) += u64::from(count);
            if inside {
                expected += sum;
            }
        }
        let unlocated = incidents.unlocated().filter(|&i| self.holds(i)).count() as u64;
        let unknown: Vec<bool> = incidents
            .kinds()
            .iter()
            .map(|k| k.group.is_none())
            .collect();
        let unknown_kind = if unknown.contains(&true) {
            (0..incidents.len())
                .filter(|&i| unknown[usize::from(incidents.kind()[i])] && self.in_period(i))
                .count() as u64
        } else {
            0
        };
        (self.counts, self.selected, self.beyond) = (counts, selected, beyond);
        (self.shares, self.expected, self.fractional) = (shares, expected, fractional);
        (self.unlocated, self.unknown_kind) = (unlocated, unknown_kind);
        Ok(())
    }

    /// Records of the selection, but for the period, that are known to the month only and may lie in
    /// the period.
    fn too_coarse(&self, period: Period) -> u64 {
        self.month_only_within(period.minutes())
    }

    /// All incidents of the snapshot.
    #[must_use]
    pub fn incidents(&self) -> &'a IncidentSet {
        &self.snapshot.incidents
    }

    /// Whether an incident is selected, wherever it is.
    #[must_use]
    pub fn holds(&self, incident: usize) -> bool {
        self.holds_any_lens(incident) && self.has_lens(incident)
    }

    /// Whether an incident would be selected if the lens did not matter.
    #[must_use]
    pub fn holds_any_lens(&self, incident: usize) -> bool {
        self.is_of(incident) && self.in_period(incident) && self.may_lie_in_hours(incident)
    }

    /// Whether an incident is known finely enough for the hours.
    fn knows_hours(&self, incident: usize) -> bool {
        self.hours
            .as_ref()
            .is_none_or(|h| match self.incidents().precision(incident) {
                TimePrecision::Instant | TimePrecision::Interval => true,
                TimePrecision::Day => h.is_whole_days(),
                TimePrecision::Month => false,
            })
    }

    fn may_lie_in_hours(&self, incident: usize) -> bool {
        self.hours.is_none() || self.share_in_hours(incident) > 0.0
    }

    /// The share of an incident's time that lies in the hours, 0 to 1; 1 where none are named, 0
    /// where it is not known finely enough.
    #[must_use]
    pub fn share_in_hours(&self, incident: usize) -> f64 {
        let incidents = self.incidents();
        match &self.hours {
            None => 1.0,
            Some(_) if !self.knows_hours(incident) => 0.0,
            Some(hours) => hours.share(incidents.from()[incident], incidents.to()[incident]),
        }
    }

    /// Whether records of the selection in another period are not known to the hours asked for.
    pub(crate) fn lacks_hours_in(&self, period: Period) -> bool {
        self.hours.is_some()
            && (0..self.incidents().len()).any(|i| {
                self.is_of(i)
                    && self.has_lens(i)
                    && period.holds(self.incidents().from()[i])
                    && !self.knows_hours(i)
            })
    }

    /// Records of the selection in another period of which it is not known that they lie wholly in
    /// the hours.
    pub(crate) fn partly_in_hours_in(&self, period: Period) -> u64 {
        let part = |i: usize| {
            let share = self.share_in_hours(i);
            !self.knows_hours(i) || (share > 0.0 && share < 1.0)
        };
        (0..self.incidents().len())
            .filter(|&i| self.is_of(i) && self.has_lens(i))
            .filter(|&i| period.holds(self.incidents().from()[i]) && part(i))
            .count() as u64
    }

    /// Whether an incident is of the groups, sub-types, sources and bases selected.
    pub(crate) fn is_of(&self, incident: usize) -> bool {
        let incidents = self.incidents();
        self.kind_matches[usize::from(incidents.kind()[incident])]
            && self.basis_matches[usize::from(incidents.basis(incident).code())]
    }

    /// Whether another selection of the same data is of the same kinds of records.
    pub(crate) fn same_kinds(&self, other: &Self) -> bool {
        self.kind_matches == other.kind_matches
    }

    fn in_period(&self, incident: usize) -> bool {
        self.period
            .is_none_or(|p| p.holds(self.incidents().from()[incident]))
    }

    fn has_lens(&self, incident: usize) -> bool {
        self.lens_of(incident) == self.lens
    }

    /// The lens of an incident.
    #[must_use]
    pub fn lens_of(&self, incident: usize) -> Lens {
        self.incidents().kinds()[usize::from(self.incidents().kind()[incident])].lens
    }

    /// Whether an incident would be selected in another period.
    #[must_use]
    pub fn holds_in(&self, incident: usize, period: Period) -> bool {
        self.is_of(incident)
            && self.has_lens(incident)
            && period.holds(self.incidents().from()[incident])
            && self.may_lie_in_hours(incident)
    }

    /// Whether an incident would be selected whatever the period.
    pub(crate) fn holds_at_any_time(&self, incident: usize) -> bool {
        self.is_of(incident) && self.has_lens(incident) && self.may_lie_in_hours(incident)
    }

    /// Whether an incident would be selected on some days.
    pub(crate) fn holds_on(&self, incident: usize, days: &Days) -> bool {
        days.hold(self.incidents().from()[incident]) && self.holds_at_any_time(incident)
    }

    /// Records of the selection, but for the period, that are known to the month only and may lie
    /// between two minutes.
    pub(crate) fn month_only_within(&self, (from, to): (CivilMinute, CivilMinute)) -> u64 {
        let incidents = self.incidents();
        (0..incidents.len())
            .filter(|&i| incidents.precision(i) == TimePrecision::Month)
            .filter(|&i| incidents.from()[i] < to && incidents.to()[i] > from)
            .filter(|&i| self.is_of(i) && self.has_lens(i))
            .count() as u64
    }

    /// Whether a location lies in the study area.
    #[must_use]
    pub fn is_inside(&self, location: u32) -> bool {
        self.inside[location as usize]
    }

    /// Number of selected incidents at a location.
    #[must_use]
    pub fn count_at(&self, location: u32) -> u32 {
        self.counts[location as usize]
    }

    /// The sum of the shares in the hours of the selected incidents at a location; their number where
    /// no hours are named.
    #[must_use]
    pub fn expected_at(&self, location: u32) -> f64 {
        match &self.shares {
            Some(shares) => shares[location as usize],
            None => f64::from(self.counts[location as usize]),
        }
    }

    /// Selected incidents of the study area whose time the source knows to the minute.
    #[must_use]
    pub fn exact_times(&self) -> u64 {
        let incidents = self.incidents();
        self.locations_inside()
            .flat_map(|(l, _)| incidents.at(l))
            .filter(|&i| self.holds(i) && incidents.precision(i) == TimePrecision::Instant)
            .count() as u64
    }

    /// The locations with selected incidents: id and number.
    pub fn locations(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.counts
            .iter()
            .enumerate()
            .filter(|(_, c)| **c > 0)
            .map(|(l, c)| (l as u32, *c))
    }

    /// The locations in the study area with selected incidents: id and number.
    pub fn locations_inside(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.locations().filter(|(l, _)| self.is_inside(*l))
    }

    /// Records of any kind and lens at a location in the period, and the police-generated among
    /// them.
    #[must_use]
    pub fn records_at(&self, location: u32) -> (u32, u32) {
        let mut found = (0, 0);
        for i in self.incidents().at(location).filter(|&i| self.in_period(i)) {
            found.0 += 1;
            found.1 += u32::from(self.lens_of(i) == Lens::PoliceGenerated);
        }
        found
    }

    /// Selected incidents of the study area that are known to the month only.
    #[must_use]
    pub fn month_only(&self) -> u64 {
        let incidents = self.incidents();
        self.locations_inside()
            .flat_map(|(l, _)| incidents.at(l))
            .filter(|&i| self.holds(i) && incidents.precision(i) == TimePrecision::Month)
            .count() as u64
    }

    /// First and last minute of the selected incidents in the study area, where there are any.
    #[must_use]
    pub fn extent(&self) -> Option<(CivilMinute, CivilMinute)> {
        let incidents = self.incidents();
        self.locations_inside()
            .flat_map(|(l, _)| incidents.at(l))
            .filter(|&i| self.holds(i))
            .map(|i| (incidents.from()[i], incidents.to()[i]))
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// The calendar months that a period touches, and how many of them have no record of any kind in
    /// the study area: there a count of zero means "not supplied".
    #[must_use]
    pub fn months_without_records(&self, period: Period) -> (u32, u32) {
        let incidents = self.incidents();
        let (from, to) = period.minutes();
        let first = month_number(from);
        let months = (month_number(to - 1) - first + 1) as usize;
        let mut seen = vec![false; months];
        for (location, _) in self.inside.iter().enumerate().filter(|i| *i.1) {
            for i in incidents.at(location as u32) {
                let at = incidents.from()[i];
                if from <= at && at < to {
                    seen[(month_number(at) - first) as usize] = true;
                }
            }
        }
        let missing = seen.iter().filter(|s| !**s).count();
        (months as u32, missing as u32)
    }

    /// Whether the data has records of some kind in the study area in every month of a period.
    #[must_use]
    pub fn covers_period(&self, period: Period) -> bool {
        self.months_without_records(period).1 == 0
    }

    /// Whether the data has any record of any kind in the study area.
    #[must_use]
    pub fn has_records(&self) -> bool {
        self.inside.contains(&true)
    }
}

/// The groups and the lens of a selection that is not made of records.
pub(crate) fn groups_and_lens(
    snapshot: &Snapshot,
    select: &Select,
) -> Result<(Vec<String>, Lens), SelectError> {
    let lens = select
        .lens
        .unwrap_or_else(|| default_lens(snapshot, select));
    Ok((groups(snapshot, select)?, lens))
}

/// The groups that a request is about: those it names, or all that are not activities.
fn groups(snapshot: &Snapshot, select: &Select) -> Result<Vec<String>, SelectError> {
    let Some(named) = &select.groups else {
        return Ok(snapshot
            .groups
            .iter()
            .filter(|g| !g.activity)
            .map(|g| g.id.clone())
            .collect());
    };
    if named.is_empty() {
        return Err(SelectError::EmptyList { field: "groups" });
    }
    for group in named {
        if !snapshot.groups.iter().any(|g| g.id == *group) {
            let known: Vec<&str> = snapshot.groups.iter().map(|g| g.id.as_str()).collect();
            return Err(SelectError::UnknownGroup {
                group: group.clone(),
                policy: snapshot.policy.clone(),
                known: known.join(", "),
            });
        }
    }
    Ok(named.clone())
}

/// Whether all of some groups are activity of the police, which is no offence.
pub(crate) fn are_activity(snapshot: &Snapshot, groups: &[String]) -> bool {
    let activity = |id: &String| {
        let known = &snapshot.groups;
        known.iter().any(|g| g.id == *id && g.activity)
    };
    !groups.is_empty() && groups.iter().all(activity)
}

/// `reported`, unless every group named is police-generated by the policy.
fn default_lens(snapshot: &Snapshot, select: &Select) -> Lens {
    let generated = |group: &String| {
        snapshot
            .groups
            .iter()
            .any(|g| g.id == *group && g.lens == Lens::PoliceGenerated)
    };
    match &select.groups {
        Some(named) if !named.is_empty() && named.iter().all(generated) => Lens::PoliceGenerated,
        _ => Lens::Reported,
    }
}
