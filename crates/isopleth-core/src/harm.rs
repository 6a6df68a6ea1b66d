//! Harm: what the selected incidents weigh by a schedule.
//!
//! **What it answers.** How much harm a place carries, by a named list of weights
//! ([`HarmSchedule`]), beside the number of its incidents.
//!
//! **Model.** Each selected incident adds the weight that the schedule states for its kind; with
//! hours in the selection its share in the hours times that weight. Where a kind as recorded stands
//! for a range (a category that holds supply and possession alike), the total is a range too, and no
//! single number is made up inside it.
//!
//! **What police found.** Police-generated records weigh 0 in the total. They measure where police
//! looked: a week of searches would "raise the harm" of the street that was searched, and send the
//! next patrol there. The Cambridge Crime Harm Index leaves them out by design. Their harm stands in
//! a column of its own.
//!
//! **Unknown offences.** An incident that the schedule does not know is never given a default. The
//! request is refused with their number, unless the schedule says `leave_out`: then they add nothing
//! and are counted. A police-generated record that is not known makes the harm of the police-generated
//! ones null, and refuses nothing.
//!
//! **How it can mislead.** One grave incident outweighs a year of others: the share of the harm that
//! comes from one incident is told. Medians of broad classes hide ranges of several hundred to one.
//! Two schedules do not agree, and their units differ: they stand side by side, and are never added.
//!
//! **References.** Sherman, Neyroud & Neyroud 2016, *Policing* 10(3), doi 10.1093/police/paw003;
//! Sherman & Cambridge associates 2020, doi 10.1007/s41887-020-00043-2.

use std::collections::BTreeMap;

use crate::domain::{HarmRange, HarmSchedule, Lens, LocationId, UnknownCode};
use crate::places::offence;
use crate::select::Selection;

/// Schedules that can stand side by side.
pub const MAX_SCHEDULES: usize = 2;

/// Offences that a message names.
const NAMED: usize = 5;

/// Why harm cannot be told.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A schedule that the store does not hold.
    #[error("there is no harm schedule `{id}`; {known}")]
    Unknown {
        /// The id asked for.
        id: String,
        /// The ids that there are, in words.
        known: String,
    },
    /// A schedule named twice, or too many.
    #[error(
        "harm names {0} schedules, or one of them twice; name one, or two different ones to stand side by side"
    )]
    Schedules(usize),
    /// Incidents that the schedule does not know.
    #[error(
        "harm schedule {schedule} has no weight for {count} of the selected records ({offences}); add their weights, select other groups, or let the schedule say unknown_code = \"leave_out\""
    )]
    UnknownCode {
        /// The schedule.
        schedule: String,
        /// How many records.
        count: u64,
        /// The offences with their numbers.
        offences: String,
    },
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown_harm_schedule",
            Self::Schedules(_) => "invalid_harm",
            Self::UnknownCode { .. } => "unknown_harm_code",
        }
    }
}

/// A schedule put to a selection.
#[derive(Debug, Clone)]
pub struct HarmOf<'a> {
    /// The schedule.
    pub schedule: &'a HarmSchedule,
    /// Per kind.
    by_kind: Vec<Option<HarmRange>>,
    /// Selected reported records in the study area that it does not know, and that are left out.
    pub left_out: u64,
    /// Selected reported records in the study area that weigh a range.
    pub ranged: u64,
    /// The same in the study area or outside: those beyond its boundary reach a density inside.
    pub ranged_anywhere: u64,
    /// Police-generated records of the same groups and period in the study area that it does not know.
    pub unknown_police_generated: u64,
}

impl<'a> HarmOf<'a> {
    /// Puts a schedule to a selection.
    ///
    /// # Errors
    /// [`Error::Unknown`]; [`Error::UnknownCode`] where the schedule refuses what it does not know.
    pub fn new(selection: &Selection<'a>, id: &str) -> Result<Self, Error> {
        let schedules = &selection.snapshot.harm_schedules;
        let Some(schedule) = schedules.iter().find(|s| s.id == id) else {
            let ids: Vec<&str> = schedules.iter().map(|s| s.id.as_str()).collect();
            return Err(Error::Unknown {
                id: id.to_owned(),
                known: if ids.is_empty() {
                    "none is loaded: `isopleth harm add` loads one".to_owned()
                } else {
                    format!("there are: {}", ids.join(", "))
                },
            });
        };
        let incidents = selection.incidents();
        let by_kind: Vec<Option<HarmRange>> = incidents
            .kinds()
            .iter()
            .map(|k| schedule.weight_of(k))
            .collect();
        let (mut left_out, mut ranged, mut ranged_anywhere) = (0, 0, 0);
        let mut unknown_police_generated = 0;
        let mut unknown: BTreeMap<String, u64> = BTreeMap::new();
        for location in 0..incidents.locations().len() as LocationId {
            let inside = u64::from(selection.is_inside(location));
            let held = incidents
                .at(location)
                .filter(|&i| selection.holds_any_lens(i));
            for i in held {
                let kind = usize::from(incidents.kind()[i]);
                match (selection.lens_of(i), by_kind[kind]) {
                    (Lens::PoliceGenerated, None) => unknown_police_generated += inside,
                    (Lens::Reported, _) if selection.lens != Lens::Reported => {}
                    (Lens::Reported, None) => {
                        left_out += inside;
                        *unknown
                            .entry(offence(&incidents.kinds()[kind]))
                            .or_default() += 1;
                    }
                    (Lens::Reported, Some(r)) if r.value().is_none() => {
                        ranged += inside;
                        ranged_anywhere += 1;
                    }
                    (_, Some(_)) => {}
                }
            }
        }
        let refused: u64 = unknown.values().sum();
        if refused > 0 && schedule.unknown_code == UnknownCode::Refuse {
            let mut list: Vec<(String, u64)> = unknown.into_iter().collect();
            list.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
            let more = list.len().saturating_sub(NAMED);
            let mut named: Vec<String> = list
                .iter()
                .take(NAMED)
                .map(|(o, n)| format!("{o} {n}"))
                .collect();
            if more > 0 {
                named.push(format!("{more} more offences"));
            }
            return Err(Error::UnknownCode {
                schedule: schedule.id.clone(),
                count: refused,
                offences: named.join("; "),
            });
        }
        Ok(Self {
            schedule,
            by_kind,
            left_out,
            ranged,
            ranged_anywhere,
            unknown_police_generated,
        })
    }

    /// What an incident adds to the total, before hours: nothing for a police-generated one and for
    /// one that the schedule does not know.
    #[must_use]
    pub fn weight(&self, selection: &Selection, incident: usize) -> HarmRange {
        match selection.lens_of(incident) {
            Lens::Reported => self.stated(selection, incident).unwrap_or_default(),
            Lens::PoliceGenerated => HarmRange::default(),
        }
    }

    fn stated(&self, selection: &Selection, incident: usize) -> Option<HarmRange> {
        self.by_kind[usize::from(selection.incidents().kind()[incident])]
    }
}

/// The harm of one incident, at one end of its range, for its share in the hours.
pub(crate) fn of_one(harm: &HarmOf, selection: &Selection, incident: usize, high: bool) -> f64 {
    let range = harm.weight(selection, incident);
    let weight = if high { range.high } else { range.low };
    weight * selection.share_in_hours(incident)
}

/// The schedules of a request, put to its selection.
///
/// # Errors
/// [`Error`] for more than two schedules, doubled or unknown ones, and incidents without a weight.
pub fn of<'a>(selection: &Selection<'a>, ids: &[&str]) -> Result<Vec<HarmOf<'a>>, Error> {
    let doubled = (1..ids.len()).any(|i| ids[..i].contains(&ids[i]));
    if doubled || ids.len() > MAX_SCHEDULES {
        return Err(Error::Schedules(ids.len()));
    }
    ids.iter().map(|id| HarmOf::new(selection, id)).collect()
}

/// The harm of a place by one schedule.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HarmTotal {
    /// Harm of the selected incidents; police-generated ones weigh 0.
    pub total: HarmRange,
    /// Harm of the police-generated incidents of the same groups and period; `None` where the
    /// schedule does not know one of them.
    pub police_generated: Option<HarmRange>,
    /// Share of the total that comes from the gravest single incident; `None` where the total is 0 or
    /// a range.
    pub share_of_one_event: Option<f64>,
    /// Selected incidents that the schedule does not know, and that add nothing.
    pub left_out: u32,
}

/// Adds up the harm of a place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HarmSum {
    total: HarmRange,
    police_generated: Option<HarmRange>,
    gravest: f64,
    left_out: u32,
}

impl HarmSum {
    pub(crate) fn new() -> Self {
        Self {
            total: HarmRange::default(),
            police_generated: Some(HarmRange::default()),
            gravest: 0.0,
            left_out: 0,
        }
    }

    /// Takes an incident that the selection holds through any lens.
    pub(crate) fn add(&mut self, selection: &Selection, harm: &HarmOf, incident: usize) {
        let share = selection.share_in_hours(incident);
        let stated = harm.stated(selection, incident).map(|r| HarmRange {
            low: r.low * share,
            high: r.high * share,
        });
        match (selection.lens_of(incident), stated) {
            (Lens::PoliceGenerated, Some(r)) => {
                if let Some(sum) = &mut self.police_generated {
                    sum.low += r.low;
                    sum.high += r.high;
                }
            }
            (Lens::PoliceGenerated, None) => self.police_generated = None,
            (Lens::Reported, _) if selection.lens != Lens::Reported => {}
            (Lens::Reported, Some(r)) => {
                self.total.low += r.low;
                self.total.high += r.high;
                self.gravest = self.gravest.max(r.high);
            }
            (Lens::Reported, None) => self.left_out += 1,
        }
    }

    pub(crate) fn total(self) -> HarmTotal {
        HarmTotal {
            total: self.total,
            police_generated: self.police_generated,
            share_of_one_event: self
                .total
                .value()
                .filter(|t| *t > 0.0)
                .map(|t| self.gravest / t),
            left_out: self.left_out,
        }
    }
}
