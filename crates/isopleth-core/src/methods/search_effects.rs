//! Search effects: did police find more because they searched more, or because they found more often?
//!
//! **What it answers.** A police-generated count rose. How much of the rise comes from the number of
//! searches, and how much from what a search finds?
//!
//! **Model.** With S searches and V finds, before (0) and now (1), and the find rate r = V ÷ S, the
//! change V₁ − V₀ is the sum of
//! - the **search-volume effect** (S₁ − S₀)(r₀ + r₁) ÷ 2, and
//! - the **find-rate effect** (r₁ − r₀)(S₀ + S₁) ÷ 2,
//!
//! the split that treats before and now alike (Kitagawa 1955). Both are computed as exact fractions with
//! the denominator 2 S₀ S₁, and sum to the change to the last digit. What leaves is rounded to four
//! decimals in such a way that it still does.
//!
//! **What is counted.** The request's selection is the finds, and must be police-generated; `searches`
//! says which records are searches, which are not the finds themselves: searches of the same offences are
//! refused. The period is compared with `before`: the same months a year
//! earlier unless it says otherwise, and of the same number of months.
//!
//! **Areas.** With `areas`, or on ready-made `counts`, each area is split on its own beside the whole.
//! The effects of the areas do not add up to those of the whole, whose find rate also moves when
//! searches move between areas; counts do add up.
//!
//! **Degenerate.** Without searches in one of the periods there is no find rate, and no split: null, with
//! the reason. Months that are not supplied whole: likewise, and without a change; counts of a period of
//! which nothing is supplied are null. A month without any search at all may be one
//! that the source lacks: their number is told.
//!
//! **How it can mislead.** Finds and searches are counted from different records: a find without a
//! recorded search, or several finds of one search, move the rate (it may exceed 1). A split is
//! arithmetic, not a cause: that searches rose does not say why. A higher find rate can mean better
//! grounds or fewer grounds looked into. On a base below 20 no percentage is told.
//!
//! **Complexity.** Linear in the records.
//!
//! **References.** Kitagawa 1955, doi 10.1080/01621459.1955.10501299; Das Gupta 1993, *Standardization
//! and decomposition of rates*, US Bureau of the Census P23-186. **Checked against** searches 9 to 60
//! with finds 3 to 18: +16.15 and −1.15; exact sums by property tests.

use serde::{Deserialize, Serialize};

use crate::against::Against;
use crate::area_series::{self, AreaSeries, Basis, Origin, Parts, Row, SeriesArea, Supply};
use crate::domain::{Lens, Month, Period, SeriesBreak};
use crate::select::are_activity;
use crate::statistics::LEAST_BASE;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Which records are searches.
    pub searches: Against,
    /// The period before; the same months a year earlier without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Period>,
    /// Id of a table of ready-made counts that has finds and searches; records without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<String>,
    /// The areas to split one by one; only the whole without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub areas: Option<Parts>,
    /// Months that the data has only in part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partial_months: Vec<Month>,
    /// Breaks in the series that a comparison across them is told with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series_breaks: Vec<SeriesBreak>,
}

/// Why there is no split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reported incidents.
    #[error(
        "the selection is of reported incidents, which no search makes; select police-generated ones, as with \"groups\": [\"drugs\"], \"lens\": \"police_generated\""
    )]
    Reported,
    /// Searches of the reported lens.
    #[error(
        "`searches` are reported incidents, and no search is reported; name what stands for searches, as in \"searches\": {{\"groups\": [\"stop_and_search\"]}}"
    )]
    ReportedSearches,
    /// Searches that are the finds.
    #[error(
        "`searches` are of the same offences as the finds ({groups}): a find is then its own search, and the find rate says nothing; name what stands for searches, as in \"searches\": {{\"groups\": [\"stop_and_search\"]}}"
    )]
    SameGroups {
        /// The groups of both.
        groups: String,
    },
    /// Nothing to compare.
    #[error("the split compares two periods; name select.period, as in 2018-06/2019-05")]
    NoPeriod,
    /// Periods of unequal length.
    #[error(
        "`before` is {before}, with {before_months} months, and the period {period} has {months}; a change between unequal periods is none of the two effects"
    )]
    Unequal {
        /// The period before.
        before: String,
        /// Its months.
        before_months: i32,
        /// The period.
        period: String,
        /// Its months.
        months: i32,
    },
    /// Overlapping periods.
    #[error(
        "`before` is {before} and does not end before the period {period} begins; name an earlier one"
    )]
    Overlapping {
        /// The period before.
        before: String,
        /// The period.
        period: String,
    },
    /// Counts too large for exact arithmetic.
    #[error("the counts are too large to be split exactly; name a shorter period")]
    TooLarge,
    /// The series.
    #[error(transparent)]
    Series(#[from] area_series::Error),
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Reported | Self::ReportedSearches => "reported_lens",
            Self::SameGroups { .. } => "same_groups",
            Self::NoPeriod => "no_period",
            Self::Unequal { .. } | Self::Overlapping { .. } => "invalid_before",
            Self::TooLarge => "too_large",
            Self::Series(e) => e.code(),
        }
    }
}

/// The two parts of a change, as exact fractions of one denominator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// Numerator of the search-volume effect.
    pub volume: i128,
    /// Numerator of the find-rate effect.
    pub rate: i128,
    /// The denominator, positive.
    pub denominator: i128,
}

impl Split {
    /// Splits the change from (searches, finds) before to (searches, finds) now. `None` without
    /// searches in one of them, or beyond 2⁴⁰ of anything.
    #[must_use]
    pub fn of(before: (u64, u64), now: (u64, u64)) -> Option<Self> {
        let ((s0, v0), (s1, v1)) = (before, now);
        let limit = 1_u64 << 40;
        if s0 == 0 || s1 == 0 || [s0, v0, s1, v1].iter().any(|n| *n > limit) {
            return None;
        }
        let [s0, v0, s1, v1] = [s0, v0, s1, v1].map(i128::from);
        Some(Self {
            volume: (s1 - s0) * (v0 * s1 + v1 * s0),
            rate: (v1 * s0 - v0 * s1) * (s0 + s1),
            denominator: 2 * s0 * s1,
        })
    }

    /// Both effects in ten-thousandths, volume rounded to the nearest (halves to even), so that they
    /// sum to the change exactly.
    #[must_use]
    pub fn ten_thousandths(self) -> (i128, i128) {
        const UNIT: i128 = 10_000;
        let change = (self.volume + self.rate) / self.denominator;
        let scaled = self.volume * UNIT;
        let (floor, rest) = (
            scaled.div_euclid(self.denominator),
            scaled.rem_euclid(self.denominator),
        );
        let up = match (2 * rest).cmp(&self.denominator) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => floor.rem_euclid(2),
            std::cmp::Ordering::Greater => 1,
        };
        let volume = floor + up;
        (volume, change * UNIT - volume)
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectRow {
    /// The area; `None` for the whole.
    pub area: Option<usize>,
    /// Searches and finds before.
    pub before: (u64, u64),
    /// Searches and finds now.
    pub now: (u64, u64),
    /// Whether anything of the period before, and of the period, is supplied: counts without are no
    /// zeros.
    pub supplied: (bool, bool),
    /// Whether both are supplied whole, so that their counts can be compared.
    pub whole: bool,
    /// The split, or why there is none.
    pub split: Result<Split, String>,
    /// Change of the finds as a share of those before; `None` on a base below 20, and where the periods
    /// are not supplied whole.
    pub change: Option<f64>,
}

/// The split of a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The parameters, for the record.
    pub params: Params,
    /// The areas, in the order of codes; empty where only the whole is asked for.
    pub areas: Vec<SeriesArea>,
    /// Where they come from.
    pub origin: Origin,
    /// First and last month before.
    pub before: (Month, Month),
    /// First and last month now.
    pub period: (Month, Month),
    /// The whole, then the areas in their order.
    pub rows: Vec<EffectRow>,
    /// Stated breaks between the two.
    pub breaks: Vec<SeriesBreak>,
    /// Months of the two periods in which there is no search at all.
    pub months_without_searches: u32,
}

/// Runs the method: finds and searches, over the same areas.
///
/// # Errors
/// [`Error`] for reported incidents and for periods that cannot be compared.
pub fn run(finds: &Basis, searches: &Basis, params: &Params) -> Result<Outcome, Error> {
    let about = |basis: &Basis| match basis {
        Basis::Records(s) => (s.lens, s.period),
        Basis::Table(t) => (t.lens, t.period),
    };
    let (lens, period) = about(finds);
    if lens != Lens::PoliceGenerated {
        return Err(Error::Reported);
    }
    if about(searches).0 != Lens::PoliceGenerated {
        return Err(Error::ReportedSearches);
    }
    check_groups(finds, searches)?;
    let period = period.ok_or(Error::NoPeriod)?;
    let months = |p: Period| {
        Month::of(p).ok_or_else(|| area_series::Error::NotMonths {
            period: p.to_string(),
        })
    };
    let now = months(period)?;
    let earlier = params.before.unwrap_or_else(|| period.year_earlier());
    let before = months(earlier)?;
    let length = |s: (Month, Month)| s.1.number() - s.0.number() + 1;
    if length(before) != length(now) {
        return Err(Error::Unequal {
            before: earlier.to_string(),
            before_months: length(before),
            period: period.to_string(),
            months: length(now),
        });
    }
    if before.1 >= now.0 {
        return Err(Error::Overlapping {
            before: earlier.to_string(),
            period: period.to_string(),
        });
    }
    let each = params.areas.is_some() || matches!(finds, Basis::Table(_));
    let series = |basis: &Basis| {
        if each {
            let parts = params.areas.as_ref();
            basis.series(parts, &params.partial_months, &params.series_breaks)
        } else {
            basis.whole(&params.partial_months, &params.series_breaks)
        }
    };
    let (finds, searches) = (series(finds)?, series(searches)?);
    let areas = 0..finds.areas.len();
    let rows = std::iter::once(None)
        .chain(areas.map(Some))
        .map(|area| row(&finds, &searches, area, before, now))
        .collect::<Result<_, _>>()?;
    let none = |m: &Month| {
        searches
            .all_rows()
            .all(|r| searches.count(r, searches.lens, *m) == 0)
    };
    let both = AreaSeries::months(before).chain(AreaSeries::months(now));
    Ok(Outcome {
        params: params.clone(),
        months_without_searches: both.filter(none).count() as u32,
        origin: finds.origin.clone(),
        before,
        period: now,
        rows,
        breaks: finds
            .breaks_in((before.0, now.1))
            .into_iter()
            .cloned()
            .collect(),
        areas: finds.areas,
    })
}

/// Refuses finds that are searches. A search that found something may be told from the others by its
/// sub-type; an offence is no search.
fn check_groups(finds: &Basis, searches: &Basis) -> Result<(), Error> {
    let (groups, others, snapshot, same) = match (finds, searches) {
        (Basis::Records(f), Basis::Records(s)) => {
            (&f.groups, &s.groups, f.snapshot, f.same_kinds(s))
        }
        (Basis::Table(f), Basis::Table(s)) => (&f.groups, &s.groups, f.snapshot, f.same_kinds(s)),
        // Both are always of one basis.
        _ => return Ok(()),
    };
    let shared: Vec<String> = groups
        .iter()
        .filter(|g| others.contains(g))
        .cloned()
        .collect();
    if !shared.is_empty() && (same || !are_activity(snapshot, &shared)) {
        return Err(Error::SameGroups {
            groups: shared.join(", "),
        });
    }
    Ok(())
}

fn row(
    finds: &AreaSeries,
    searches: &AreaSeries,
    area: Option<usize>,
    before: (Month, Month),
    now: (Month, Month),
) -> Result<EffectRow, Error> {
    // The whole is what is located: both series leave out what has no location.
    let rows = match area {
        Some(a) => vec![Row::Area(a)],
        None => finds.all_rows().filter(|r| *r != Row::Unlocated).collect(),
    };
    let count = |series: &AreaSeries, span| -> u64 {
        rows.iter().map(|&r| series.sum(r, series.lens, span)).sum()
    };
    let then = (count(searches, before), count(finds, before));
    let these = (count(searches, now), count(finds, now));
    let whole = |span| {
        rows.iter()
            .all(|&r| finds.is_whole(r, span) && searches.is_whole(r, span))
    };
    let any = |span| {
        AreaSeries::months(span).any(|m| {
            let has = |series: &AreaSeries, r| series.supply(r, m) != Supply::None;
            rows.iter().any(|&r| has(finds, r) && has(searches, r))
        })
    };
    let supplied = (any(before), any(now));
    let both_whole = whole(before) && whole(now);
    let split = if !supplied.0 {
        Err("no month of the period before is supplied".to_owned())
    } else if !supplied.1 {
        Err("no month of the period is supplied".to_owned())
    } else if !both_whole {
        Err("not all months of both periods are supplied whole".to_owned())
    } else if then.0 == 0 {
        Err("no search in the period before: there was no find rate".to_owned())
    } else if these.0 == 0 {
        Err("no search in the period: there is no find rate".to_owned())
    } else {
        Ok(Split::of(then, these).ok_or(Error::TooLarge)?)
    };
    Ok(EffectRow {
        area,
        before: then,
        now: these,
        supplied,
        whole: both_whole,
        split,
        change: (both_whole && then.1 >= LEAST_BASE)
            .then(|| (these.1 as f64 - then.1 as f64) / then.1 as f64),
    })
}
