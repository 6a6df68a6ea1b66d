//! Change between two periods: more or fewer than before, by more than chance?
//!
//! **What it answers.** How the number of incidents in a period differs from that in another, for the
//! study area and for each area of a kind in it (wards, say), and in which of them the difference is
//! larger than chance makes it.
//!
//! **Model.** Two Poisson counts, each over its number of days. The other period is the one of equal
//! length just before, the same dates a year earlier, or one that is named. With `terms` in the request
//! the year earlier goes by school terms: each day against the same weekday of the same week of the same
//! term or holidays (see `terms`), so that an Easter that has moved makes no change. Each located
//! incident of the study area belongs to the one area that covers it (of several the one of the least
//! code); those in none are told, so that areas and remainder add up to the whole.
//!
//! **Tests.** `p` is that of the E-test, `p_conditional` the more cautious one that conditions on the
//! sum of both counts; `p_adjusted` allows for testing many areas at once (`adjust`, Benjamini and
//! Hochberg without it). Percentages are those of the daily rate, and are never told on a base below 20.
//!
//! **Control charts.** With `control_chart` each area gets its months with limits; see `control_chart`.
//!
//! **Refused.** A period in which the data has months without a record of any kind in the study area:
//! there a count of 0 would mean "not supplied". Days asked of records that are dated to the month.
//!
//! **Degenerate.** An area without incidents in both periods has no p.
//!
//! **How it can mislead.** Bursts, a change of recording, an extract that ends before the period does,
//! and an area whose boundary moved all look like change. An area picked because it was high falls back
//! by itself; compare all areas, or use [`displacement`](super::displacement) with control areas.
//!
//! **Complexity.** One pass over the incidents for each period.
//!
//! **References.** Krishnamoorthy & Thomson 2004, doi 10.1016/S0378-3758(02)00408-1; Przyborowski &
//! Wilenski 1940, *Biometrika* 31, 313–323, doi 10.1093/biomet/31.3-4.313. **Checked against** ptools'
//! printed p-values, R's `poisson.test`, and the E-test's definition spelled out.

use geo::MultiPolygon;
use serde::{Deserialize, Serialize};

use crate::compare::{ByTerms, ByTermsError, Pair, count_in, days_of};
use crate::control_chart::{self, Chart, Months};
use crate::domain::{Area, LocationId, LonLat, Period, Terms};
use crate::ground::{Region, planar_area_m2};
use crate::places::{Comparable, PlaceFacts};
use crate::plane::OutsidePlane;
use crate::select::Selection;
use crate::statistics::Correction;

/// Parameters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// What the period is compared with.
    #[serde(default)]
    pub against: Against,
    /// Kind of the areas that are told one by one: `ward`. Without it the whole only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Vintage of these areas; the latest without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vintage: Option<String>,
    /// What the ranking goes by.
    #[serde(default)]
    pub rank_by: RankBy,
    /// How p is adjusted for the number of areas.
    #[serde(default)]
    pub adjust: Correction,
    /// Whether, and how, each area gets a control chart of its months.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_chart: Option<control_chart::Params>,
    /// Only the first so many areas; the number left out is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

/// What a period is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "`against` is \"previous\", \"last_year\" or {\"period\": \"2021-01/2021-06\"}"
)]
pub enum Against {
    /// By name.
    Named(Earlier),
    /// A stated period.
    Stated(Stated),
}

impl Default for Against {
    fn default() -> Self {
        Self::Named(Earlier::Previous)
    }
}

/// An earlier period by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Earlier {
    /// The period of equal length just before.
    Previous,
    /// The same dates a year earlier; by school terms where they are given.
    LastYear,
}

/// A stated period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stated {
    /// The period.
    pub period: Period,
}

/// What a ranking of areas goes by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankBy {
    /// The least p first.
    #[default]
    P,
    /// The largest rise first.
    Difference,
    /// The most incidents now first.
    Count,
}

impl RankBy {
    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::P => "p",
            Self::Difference => "difference",
            Self::Count => "count",
        }
    }
}

/// The change of an area.
#[derive(Debug, Clone, PartialEq)]
pub struct AreaChange {
    /// Its code; `total` for the whole.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Place in the ranking, from 1; 0 for the whole.
    pub rank: u32,
    /// Its ground.
    pub outline: MultiPolygon,
    /// Its area, m².
    pub area_m2: f64,
    /// The counts.
    pub pair: Pair,
    /// p of the E-test.
    pub p: Option<f64>,
    /// The same, adjusted for the number of areas; `None` for the whole.
    pub p_adjusted: Option<f64>,
    /// p of the test that conditions on the sum.
    pub p_conditional: Option<f64>,
    /// Facts of its incidents now, if there are any.
    pub facts: Option<PlaceFacts>,
    /// Its months, where asked for.
    pub chart: Option<Chart>,
}

/// Change.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Parameters.
    pub params: Params,
    /// The whole.
    pub total: AreaChange,
    /// The areas, by rank.
    pub areas: Vec<AreaChange>,
    /// Incidents of the study area in none of the areas.
    pub in_no_area: Option<Pair>,
    /// Kind and vintage of the areas.
    pub areas_are: Option<(String, String)>,
    /// First and last day compared with.
    pub before: (String, String),
    /// Days compared, and days of the period, where terms align them.
    pub by_terms: Option<(u32, u32)>,
    /// Areas that were tested.
    pub tests: u32,
    /// Areas left out because there were more than asked for.
    pub beyond_max: u32,
    /// The months of the charts, with those of the baseline that are supplied.
    pub baseline: Option<(usize, usize)>,
}

/// Why change cannot be told.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No period.
    #[error("change is between two periods, and the request names none; name select.period")]
    NoPeriod,
    /// Periods that share days.
    #[error(
        "the period {now} and the one that it is compared with, {before}, share days; name periods that do not overlap"
    )]
    Overlap {
        /// The period.
        now: String,
        /// The other.
        before: String,
    },
    /// A period that the data does not cover.
    #[error(
        "the data has no record of any kind in the study area in {missing} of the {months} months of {period}: a count of 0 there would mean not supplied; name periods that the data covers"
    )]
    NotCovered {
        /// The period.
        period: String,
        /// Months without records.
        missing: u32,
        /// Its months.
        months: u32,
    },
    /// The other period is finer than the data.
    #[error(
        "the period {period} is made of days, but {count} of its records are known to the month only; compare whole months, or select records with day precision"
    )]
    FinerThanData {
        /// The period.
        period: String,
        /// How many records are too coarse.
        count: u64,
    },
    /// Hours that the other period does not know, or knows in part only.
    #[error(
        "{count} records of {period} are not known to lie wholly in the hours {hours}, and change counts whole records; leave the hours out"
    )]
    Hours {
        /// The period.
        period: String,
        /// The hours.
        hours: String,
        /// How many.
        count: u64,
    },
    /// Terms without a year to align.
    #[error("`terms` align years: say \"against\": \"last_year\", or leave `terms` out")]
    TermsWithoutYear,
    /// School terms.
    #[error(transparent)]
    ByTerms(#[from] ByTermsError),
    /// No such areas.
    #[error(
        "no areas of kind `{kind}`{vintage} are loaded; load boundaries with `isopleth areas add`, or see `isopleth areas list`"
    )]
    NoAreas {
        /// The kind.
        kind: String,
        /// The vintage, in words.
        vintage: String,
    },
    /// A vintage without a kind.
    #[error("`vintage` is that of the areas named in `by`; name their kind, or leave it out")]
    VintageOfNothing,
    /// None are asked for.
    #[error("max must be at least 1, or left out")]
    Max,
    /// Control charts.
    #[error(transparent)]
    ControlChart(#[from] control_chart::Error),
    /// No ground.
    #[error("the data has no located record, and no area is named: there is nothing to compare")]
    NoGround,
    /// An area off the plane.
    #[error("area `{code}`: {source}")]
    Outside {
        /// The area.
        code: String,
        /// Where.
        source: OutsidePlane,
    },
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::FinerThanData { .. } | Self::ByTerms(ByTermsError::FinerThanData { .. }) => {
                "finer_than_data"
            }
            Self::NotCovered { .. } | Self::ByTerms(ByTermsError::NotCovered { .. }) => {
                "not_covered"
            }
            _ => "invalid_change",
        }
    }
}

/// What the period is compared with, made ready.
enum Other {
    Period(Period),
    Terms(ByTerms),
}

impl Other {
    fn pair(&self, selection: &Selection, now: Period, members: &[LocationId]) -> Pair {
        match self {
            Self::Terms(terms) => terms.at(selection, members),
            Self::Period(before) => Pair {
                now: members
                    .iter()
                    .map(|&l| u64::from(selection.count_at(l)))
                    .sum(),
                before: count_in(selection, members, *before),
                days: days_of(now),
                days_before: days_of(*before),
            },
        }
    }
}

/// Tells the change between two periods.
///
/// # Errors
/// [`Error`] for periods that overlap, are not covered or finer than the data, and unknown areas.
pub fn run(
    selection: &Selection,
    params: &Params,
    comparable: Comparable,
    terms: Option<&Terms>,
) -> Result<Outcome, Error> {
    if params.max == Some(0) {
        return Err(Error::Max);
    }
    if params.by.is_none() && params.vintage.is_some() {
        return Err(Error::VintageOfNothing);
    }
    let now = selection.period.ok_or(Error::NoPeriod)?;
    let other = other(selection, params.against, now, terms)?;
    let months = params
        .control_chart
        .as_ref()
        .map(|p| Months::of(selection, p))
        .transpose()?;
    let locations = selection.incidents().locations();
    let inside: Vec<LocationId> = (0..locations.len() as u32)
        .filter(|&l| selection.is_inside(l))
        .collect();
    let made = |code: &str, name: &str, outline: MultiPolygon, members: &[LocationId]| {
        let pair = other.pair(selection, now, members);
        let area_m2 = planar_area_m2(&outline).map_err(|source| Error::Outside {
            code: code.to_owned(),
            source,
        })?;
        Ok::<AreaChange, Error>(AreaChange {
            code: code.to_owned(),
            name: name.to_owned(),
            rank: 0,
            outline,
            area_m2,
            pair,
            p: pair.p(),
            p_adjusted: None,
            p_conditional: pair.p_conditional(),
            facts: PlaceFacts::of(selection, members, comparable),
            chart: months.as_ref().map(|m| m.chart(selection, members)),
        })
    };
    let name = match &selection.area {
        Some(area) => area.names.join(" and "),
        None => "all areas".to_owned(),
    };
    let total = made("total", &name, ground(selection)?, &inside)?;
    let mut areas = Vec::new();
    let (mut in_no_area, mut areas_are) = (None, None);
    if let Some(kind) = &params.by {
        let (vintage, found) = of_kind(selection, kind, params.vintage.as_deref())?;
        let (members, none) = shared_out(selection, &found, &inside);
        for (area, members) in found.iter().zip(members) {
            if members.is_empty() && !lies_in(selection, area) {
                continue;
            }
            areas.push(made(
                &area.code,
                &area.name,
                area.geometry.clone(),
                &members,
            )?);
        }
        in_no_area = Some(other.pair(selection, now, &none));
        areas_are = Some((kind.clone(), vintage));
    }
    let p: Vec<f64> = areas.iter().map(|a| a.p.unwrap_or(f64::NAN)).collect();
    for (area, adjusted) in areas.iter_mut().zip(params.adjust.adjust(&p)) {
        area.p_adjusted = Some(adjusted).filter(|p| !p.is_nan());
    }
    let tests = p.iter().filter(|p| !p.is_nan()).count() as u32;
    // Equals: the larger difference, then the least code.
    areas.sort_by(|a, b| {
        let key = |a: &AreaChange| match params.rank_by {
            RankBy::P => a.p.unwrap_or(2.0),
            RankBy::Difference => -(a.pair.difference() as f64),
            RankBy::Count => -(a.pair.now as f64),
        };
        let size = |a: &AreaChange| a.pair.difference().unsigned_abs();
        key(a)
            .total_cmp(&key(b))
            .then(size(b).cmp(&size(a)))
            .then(a.code.cmp(&b.code))
    });
    let found = areas.len();
    areas.truncate(params.max.map_or(found, |m| m as usize));
    for (rank, area) in (1..).zip(&mut areas) {
        area.rank = rank;
    }
    let (before, by_terms) = match &other {
        Other::Period(p) => ((p.first_day(), p.last_day()), None),
        Other::Terms(t) => (t.earlier(), Some(t.days())),
    };
    Ok(Outcome {
        params: params.clone(),
        total,
        beyond_max: (found - areas.len()) as u32,
        areas,
        in_no_area,
        areas_are,
        before,
        by_terms,
        tests,
        baseline: months.map(|m| m.baseline()),
    })
}

fn other(
    selection: &Selection,
    against: Against,
    now: Period,
    terms: Option<&Terms>,
) -> Result<Other, Error> {
    let before = match (against, terms) {
        (Against::Named(Earlier::LastYear), Some(terms)) => {
            covered(selection, now)?;
            return Ok(Other::Terms(ByTerms::of(selection, terms)?));
        }
        (_, Some(_)) => return Err(Error::TermsWithoutYear),
        (Against::Named(Earlier::Previous), None) => now.previous(),
        (Against::Named(Earlier::LastYear), None) => now.year_earlier(),
        (Against::Stated(stated), None) => stated.period,
    };
    let ((a, b), (c, d)) = (now.minutes(), before.minutes());
    if a < d && c < b {
        return Err(Error::Overlap {
            now: now.to_string(),
            before: before.to_string(),
        });
    }
    covered(selection, now)?;
    covered(selection, before)?;
    if !before.is_whole_months() {
        let count = selection.month_only_within(before.minutes());
        if count > 0 {
            return Err(Error::FinerThanData {
                period: before.to_string(),
                count,
            });
        }
    }
    if let Some(hours) = &selection.hours {
        let count = selection.partly_in_hours_in(before);
        if count > 0 {
            return Err(Error::Hours {
                period: before.to_string(),
                hours: hours.words().to_owned(),
                count,
            });
        }
    }
    Ok(Other::Period(before))
}

fn covered(selection: &Selection, period: Period) -> Result<(), Error> {
    match selection.months_without_records(period) {
        (_, 0) => Ok(()),
        (months, missing) => Err(Error::NotCovered {
            period: period.to_string(),
            missing,
            months,
        }),
    }
}

/// The areas of a kind, by code, and their vintage.
fn of_kind<'a>(
    selection: &Selection<'a>,
    kind: &str,
    vintage: Option<&str>,
) -> Result<(String, Vec<&'a Area>), Error> {
    let all = selection.snapshot.areas.iter().filter(|a| a.kind == kind);
    let latest = all.clone().map(|a| a.vintage.as_str()).max();
    let vintage_wanted = vintage.or(latest).unwrap_or_default();
    let mut found: Vec<&Area> = all.filter(|a| a.vintage == vintage_wanted).collect();
    if found.is_empty() {
        return Err(Error::NoAreas {
            kind: kind.to_owned(),
            vintage: vintage.map_or_else(String::new, |v| format!(" of vintage {v}")),
        });
    }
    found.sort_by(|a, b| a.code.cmp(&b.code));
    Ok((vintage_wanted.to_owned(), found))
}

/// The locations of each area, each location in the first that covers it, and those in none.
fn shared_out(
    selection: &Selection,
    areas: &[&Area],
    inside: &[LocationId],
) -> (Vec<Vec<LocationId>>, Vec<LocationId>) {
    let regions: Vec<Option<Region>> = areas.iter().map(|a| Region::new(&a.geometry.0)).collect();
    let mut members = vec![Vec::new(); areas.len()];
    let mut none = Vec::new();
    for &l in inside {
        let at = selection.incidents().locations()[l as usize]
            .position
            .coord();
        let covers = |r: &Option<Region>| r.as_ref().is_some_and(|r| r.covers(at));
        match regions.iter().position(covers) {
            Some(area) => members[area].push(l),
            None => none.push(l),
        }
    }
    (members, none)
}

/// Whether an area lies in the study area: a point of its interior does.
fn lies_in(selection: &Selection, area: &Area) -> bool {
    use geo::InteriorPoint;
    let Some(study) = &selection.area else {
        return true;
    };
    area.geometry
        .interior_point()
        .and_then(|p| LonLat::new(p.x(), p.y()).ok())
        .is_some_and(|p| study.covers(p))
}

/// The study area's ground, or a box around the data.
fn ground(selection: &Selection) -> Result<MultiPolygon, Error> {
    use geo::BoundingRect;
    if let Some(area) = &selection.area {
        return Ok(MultiPolygon(area.polygons().to_vec()));
    }
    // Half a thousandth of a degree, so that one point has ground, too.
    let margin = 5e-4;
    let locations = selection.incidents().locations();
    let points: geo::MultiPoint = locations
        .iter()
        .map(|l| geo::Point(l.position.coord()))
        .collect();
    let bounds = points.bounding_rect().ok_or(Error::NoGround)?;
    let (lo, hi) = (bounds.min(), bounds.max());
    let grown = geo::Rect::new(
        (lo.x - margin, lo.y - margin),
        (hi.x + margin, hi.y + margin),
    );
    Ok(MultiPolygon(vec![grown.to_polygon()]))
}
