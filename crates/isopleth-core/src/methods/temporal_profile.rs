//! Temporal profile: on which days of the week and at which hours it happens.
//!
//! **What it answers.** How the incidents of an area are spread over the 168 hours of the week; which
//! windows of a few hours are busiest, over midnight if need be, and whether an even spread would make
//! one as busy; how much of it is known exactly; how term time differs from the school holidays.
//!
//! **Model.** Aoristic weights (see [`hours`](crate::domain::WeekHours)): a record happened in one of
//! the minutes between its earliest and its latest time, each as likely as the others, and weighs in
//! each hour the share of its minutes that lies in it. An exact time weighs 1 in its hour; a span of a
//! week or more knows nothing of the hour and weighs 1/168 in each. Midpoints are never taken. Weights
//! are kept as whole numbers of 2⁻³⁶ of a record, so that the cells of the week, the days and the hours
//! each add up to the number of records exactly, whatever the order.
//!
//! **Clock.** Local civil time. On the last Sunday of March no clock shows 01:00 to 01:59, and that
//! hour weighs nothing in a span that crosses it; on the last Sunday of October the clock shows it
//! twice, its minutes count once each, and a stated 01:30 is one record in one hour.
//!
//! **Windows.** Of each length in `window_hours`, the busiest windows that begin on the hour: on one
//! day of the week (the first `max_windows`, none overlapping another), and at the same hours on every
//! day, from Monday to Friday, and at the weekend. A window belongs to the day that it begins on, as
//! `select.hours` with `select.days_of_week` has it: its hours and days can be put into a request as
//! they stand.
//!
//! **Test.** The expected weight is that of an even spread over the week. p is Monte Carlo: each record
//! keeps its length and begins at an hour of the week drawn at random, all equally likely; p = (1 +
//! throws whose busiest window of the same kind and length is at least as busy) / (replicates + 1).
//! The busiest is compared with the busiest, so that having looked everywhere is allowed for. Few
//! offences are spread evenly, so a small p says little more than that people sleep;
//! `expected_from_totals` says more: it is what the day's and the hours' own totals would put into the
//! window, if the hours were alike on all days.
//!
//! **Terms.** With `terms` in the request the weights are told for days of term and days of holidays,
//! beside the number of such days, since there are more of the one than of the other. Each part of a
//! record goes to the day that it lies on. The window `school_day` is 15:00 to 17:00 from Monday to
//! Friday; in term time it is the end of the school day. Whether its days of term differ from its days
//! of holidays is tested by exact times only ([`e_test`] over the numbers of
//! days).
//!
//! **Refused.** Records that are known to the day or the month only say nothing of the hour. They are
//! refused with their number, or, with `"unknown_hours": "leave_out"`, left out and counted. Hours in
//! the selection are refused: they would leave a part of the week empty by construction.
//!
//! **Degenerate.** Without records there are no windows. Shares are told from 20 records on.
//!
//! **How it can mislead.** A span is an admission of ignorance: a peak made of long spans is a peak of
//! absences (commuters' cars, shops overnight), and shifts with how carefully times were asked for. See
//! the share of exact times, and the exact count beside each weight. Times rounded to the hour, and
//! 00:00 or 00:01 for "not known", make peaks of their own. Bank holidays are counted as the weekday
//! that they fall on.
//!
//! **Complexity.** Records times the hours of their spans; for p times the replicates.
//!
//! **References.** Ratcliffe 2002, *Journal of Quantitative Criminology* 18 (1), 23–43, doi
//! 10.1023/A:1013240828824; Ashby & Bowers 2013, *Crime Science* 2:1, doi 10.1186/2193-7680-2-1
//! (aoristic weights come nearest to the true times; midpoints mislead).
//!
//! **Checked against.** Hand-computed weights; the shares of `hours` over any partition of the week, by
//! property tests; a planted Friday-night peak over midnight.

mod week;
mod windows;

use serde::{Deserialize, Serialize};

use crate::domain::{
    CivilMinute, Day, Hours, LocationId, LonLat, MINUTES_PER_DAY, MINUTES_PER_WEEK, Terms,
    TimePrecision, WeekHours, Weekday, day_of,
};
use crate::request::UnknownHours;
use crate::select::Selection;
use crate::statistics::{e_test, share};
pub use week::HOURS;
use week::{Week, class_of, pieces};
pub use windows::{Scope, Window};
use windows::{Shapes, busiest};

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Lengths of the windows sought, hours, each 1 to 23.
    #[serde(default = "four")]
    pub window_hours: Vec<u32>,
    /// How many windows of one day of the week are told, of each length.
    #[serde(default = "three")]
    pub max_windows: u32,
    /// Windows to be told whatever they hold: `"school_day"`, or one with name, hours and days.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<NamedWindow>,
    /// What is done with records that are not known to the hour.
    #[serde(default)]
    pub unknown_hours: UnknownHours,
    /// Throws for p.
    #[serde(default = "usual_replicates")]
    pub replicates: u32,
    /// What they are drawn from.
    #[serde(default)]
    pub seed: u64,
}

fn four() -> Vec<u32> {
    vec![4]
}

fn three() -> u32 {
    3
}

fn usual_replicates() -> u32 {
    999
}

/// Most throws.
pub const MAX_REPLICATES: u32 = 99_999;

/// A window that is told whatever it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a window is \"school_day\" or {\"name\": …, \"hours\": \"23:00/03:00\", \"days_of_week\": […]}"
)]
pub enum NamedWindow {
    /// One with a name of its own here.
    Preset(Preset),
    /// One of the user's own.
    Own(OwnWindow),
}

/// A window with a name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// 15:00 to 17:00 from Monday to Friday.
    SchoolDay,
}

/// A window of the user's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnWindow {
    /// Name for people.
    pub name: String,
    /// Hours, from and to the full hour.
    pub hours: Hours,
    /// Days that they begin on; all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_of_week: Option<Vec<Weekday>>,
}

impl NamedWindow {
    fn own(&self) -> OwnWindow {
        match self {
            Self::Own(own) => own.clone(),
            Self::Preset(Preset::SchoolDay) => OwnWindow {
                name: "school_day".into(),
                hours: Hours::on_the_hour(15, 17),
                days_of_week: Some(Weekday::ALL[..5].to_vec()),
            },
        }
    }
}

/// Weight in a part of the week.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Sum of the shares of the records.
    pub weight: f64,
    /// Records whose time is known to the minute.
    pub exact: u32,
    /// Days of term, and of holidays, where terms are given.
    pub split: Option<[ClassPart; 2]>,
}

/// The days of one class in a part of the week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassPart {
    /// Sum of the shares of the records on these days.
    pub weight: f64,
    /// Records whose time is known to the minute.
    pub exact: u32,
    /// Days of the period that begin, or lie in, the part of the week.
    pub days: u32,
}

impl ClassPart {
    /// Weight per day.
    #[must_use]
    pub fn per_day(&self) -> Option<f64> {
        (self.days > 0).then(|| self.weight / f64::from(self.days))
    }
}

/// A window that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Its name.
    pub name: String,
    /// Its hours.
    pub hours: Hours,
    /// The days that it begins on.
    pub days: Vec<Weekday>,
    /// What lies in it.
    pub part: Part,
    /// The weight as a share of all records; `None` below 20 of them.
    pub share: Option<f64>,
    /// What an even spread over the week would put into it.
    pub expected: f64,
    /// p of equal numbers a day of exact times in term and in holidays; `None` without terms, days or
    /// such records.
    pub p_term_against_holidays: Option<f64>,
}

/// A temporal profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Parameters.
    pub params: Params,
    /// Records profiled.
    pub records: u64,
    /// Among them those whose time is known to the minute.
    pub exact: u64,
    /// Among them those that may have happened at any time of a week or more.
    pub week_or_more: u64,
    /// Records left out since they are known to the day only.
    pub left_out_day: u64,
    /// Records left out since they are known to the month only.
    pub left_out_month: u64,
    /// The hours of the week, from Monday 00:00.
    pub week: Vec<Part>,
    /// The days, from Monday.
    pub days: Vec<Part>,
    /// The hours of the day.
    pub hours: Vec<Part>,
    /// All of it.
    pub total: Part,
    /// The busiest windows.
    pub windows: Vec<Window>,
    /// The windows that were asked for.
    pub told: Vec<Told>,
    /// Weight on days that the term calendar does not speak of, where there is one.
    pub outside_calendar: Option<f64>,
    /// Somewhere in the study area, or amid the records: a table has no place of its own.
    pub at: Option<LonLat>,
}

/// Why there is no profile.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Records that do not know the hour.
    #[error(
        "a temporal profile needs the hour of each record, and of the selected ones {month} are known to the month only and {day} to the day; say \"unknown_hours\": \"leave_out\" to have them left out and counted"
    )]
    FinerThanData {
        /// Known to the month.
        month: u64,
        /// Known to the day.
        day: u64,
    },
    /// None knows the hour.
    #[error(
        "none of the selected records is known to the hour ({month} to the month only, {day} to the day): there is no profile of them"
    )]
    NoHours {
        /// Known to the month.
        month: u64,
        /// Known to the day.
        day: u64,
    },
    /// Hours in the selection.
    #[error(
        "a temporal profile is of the whole week, and the selection is of {0}; leave out select.hours and select.days_of_week, or name the hours in `windows`"
    )]
    HoursSelected(String),
    /// A length out of range.
    #[error("window_hours must be one to 12 different lengths of 1 to 23 hours, {0} is not")]
    Length(String),
    /// A window that is not made of hours.
    #[error("the window `{name}` of {hours} must begin and end on the hour")]
    NotOnTheHour {
        /// Name.
        name: String,
        /// Hours.
        hours: String,
    },
    /// Replicates out of range.
    #[error("replicates must be 0 to {MAX_REPLICATES}, not {0}")]
    Replicates(u32),
    /// A preset that needs terms.
    #[error("the window school_day is one of term time: give the school terms in `terms`")]
    NoTerms,
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::FinerThanData { .. } | Self::NoHours { .. } => "finer_than_data",
            _ => "invalid_temporal_profile",
        }
    }
}

/// What is read of records.
struct Read {
    week: Week,
    shapes: Shapes,
    records: u64,
    exact: u64,
    week_or_more: u64,
    left_out_day: u64,
    left_out_month: u64,
}

impl Read {
    fn of(
        selection: &Selection,
        members: impl Iterator<Item = LocationId>,
        terms: Option<&Terms>,
    ) -> Self {
        let incidents = selection.incidents();
        let mut read = Self {
            week: Week::new(),
            shapes: Shapes::default(),
            records: 0,
            exact: 0,
            week_or_more: 0,
            left_out_day: 0,
            left_out_month: 0,
        };
        for i in members.flat_map(|l| incidents.at(l)) {
            if !selection.holds(i) {
                continue;
            }
            let precision = incidents.precision(i);
            match precision {
                TimePrecision::Month => read.left_out_month += 1,
                TimePrecision::Day => read.left_out_day += 1,
                TimePrecision::Instant | TimePrecision::Interval => {
                    let (from, to) = (incidents.from()[i], incidents.to()[i]);
                    let exact = precision == TimePrecision::Instant;
                    let pieces = pieces(from, to, terms);
                    read.week.add(&pieces, exact);
                    read.shapes.add(&pieces);
                    read.records += 1;
                    read.exact += u64::from(exact);
                    read.week_or_more += u64::from(to - from >= MINUTES_PER_WEEK);
                }
            }
        }
        read
    }
}

/// Profiles the selected incidents of the study area.
///
/// # Errors
/// [`Error`] for parameters out of range, and for records that do not know the hour.
pub fn run(
    selection: &Selection,
    params: &Params,
    terms: Option<&Terms>,
) -> Result<Outcome, Error> {
    check(selection, params, terms)?;
    let inside = selection.locations_inside().map(|l| l.0);
    let read = Read::of(selection, inside, terms);
    let (month, day) = (read.left_out_month, read.left_out_day);
    if month + day > 0 {
        if params.unknown_hours == UnknownHours::Refuse {
            return Err(Error::FinerThanData { month, day });
        }
        if read.records == 0 {
            return Err(Error::NoHours { month, day });
        }
    }
    let calendar = terms.map(|t| days_by_class(selection, t));
    let week = &read.week;
    let part = |hours: &[usize], on: &[usize]| Part {
        weight: week.weight(hours.iter().copied()),
        exact: week.exact(hours.iter().copied()),
        split: calendar.map(|days| {
            std::array::from_fn(|class| ClassPart {
                weight: week.weight_in(hours.iter().copied(), class),
                exact: week.exact_in(hours.iter().copied(), class),
                days: on.iter().map(|&d| days[class][d]).sum(),
            })
        }),
    };
    let all: Vec<usize> = (0..HOURS).collect();
    let every: Vec<usize> = (0..7).collect();
    let mut told = Vec::new();
    for own in params.windows.iter().map(NamedWindow::own) {
        let (hours, days) = hours_of(&own)?;
        let on: Vec<usize> = days.iter().map(|d| *d as usize).collect();
        let part = part(&hours, &on);
        let units = week.units(hours.iter().copied());
        told.push(Told {
            name: own.name,
            hours: own.hours,
            days,
            share: windows::share_of(units, week.units(0..HOURS)),
            expected: read.records as f64 * hours.len() as f64 / HOURS as f64,
            p_term_against_holidays: part.split.and_then(|[term, holidays]| {
                let of = |c: ClassPart| (u64::from(c.exact), f64::from(c.days));
                e_test(of(term), of(holidays))
            }),
            part,
        });
    }
    let day_hours = |d: usize| (d * 24..d * 24 + 24).collect::<Vec<usize>>();
    let hour_days = |h: usize| (0..7).map(|d| d * 24 + h).collect::<Vec<usize>>();
    Ok(Outcome {
        params: params.clone(),
        records: read.records,
        exact: read.exact,
        week_or_more: read.week_or_more,
        left_out_day: day,
        left_out_month: month,
        week: (0..HOURS).map(|h| part(&[h], &[h / 24])).collect(),
        days: (0..7).map(|d| part(&day_hours(d), &[d])).collect(),
        hours: (0..24).map(|h| part(&hour_days(h), &every)).collect(),
        total: part(&all, &every),
        windows: busiest(
            week,
            &read.shapes,
            &Scope::ALL,
            &params.window_hours,
            params.max_windows,
            (params.replicates, params.seed),
        ),
        told,
        outside_calendar: terms.map(|_| week.weight_in(0..HOURS, 2)),
        at: somewhere(selection),
    })
}

fn check(selection: &Selection, params: &Params, terms: Option<&Terms>) -> Result<(), Error> {
    if let Some(hours) = &selection.hours {
        return Err(Error::HoursSelected(hours.words().to_owned()));
    }
    let lengths = &params.window_hours;
    if lengths.is_empty() || lengths.len() > 12 {
        return Err(Error::Length(format!("a list of {}", lengths.len())));
    }
    for (i, &length) in lengths.iter().enumerate() {
        if !(1..=23).contains(&length) || lengths[..i].contains(&length) {
            return Err(Error::Length(length.to_string()));
        }
    }
    if params.replicates > MAX_REPLICATES {
        return Err(Error::Replicates(params.replicates));
    }
    let preset = |w: &NamedWindow| matches!(w, NamedWindow::Preset(Preset::SchoolDay));
    if terms.is_none() && params.windows.iter().any(preset) {
        return Err(Error::NoTerms);
    }
    Ok(())
}

/// The hours of the week of a window, and the days that it begins on.
fn hours_of(own: &OwnWindow) -> Result<(Vec<usize>, Vec<Weekday>), Error> {
    let window = WeekHours::new(Some(own.hours), own.days_of_week.as_deref());
    let mut hours = Vec::new();
    for hour in 0..HOURS {
        // Four days after the epoch, a Thursday, is a Monday; no clock was changed in that week.
        let start: CivilMinute = 4 * MINUTES_PER_DAY + hour as i32 * 60;
        match window.minutes_of(start, start + 60).0 {
            0 => {}
            60 => hours.push(hour),
            _ => {
                return Err(Error::NotOnTheHour {
                    name: own.name.clone(),
                    hours: own.hours.to_string(),
                });
            }
        }
    }
    let mut days = own.days_of_week.clone().unwrap_or(Weekday::ALL.to_vec());
    days.sort_unstable();
    days.dedup();
    Ok((hours, days))
}

/// The days of the period, or of the records, by class and weekday.
fn days_by_class(selection: &Selection, terms: &Terms) -> [[u32; 7]; 2] {
    let mut days = [[0; 7]; 2];
    let span = selection.period.map(crate::domain::Period::minutes);
    let Some((from, to)) = span.or_else(|| selection.extent()) else {
        return days;
    };
    for day in day_of(from)..=day_of(to - 1) {
        let day = Day::of(day * MINUTES_PER_DAY);
        if let Some(of_class) = days.get_mut(class_of(Some(terms), day)) {
            of_class[day.weekday()] += 1;
        }
    }
    days
}

/// A point of the study area, or the middle of the records.
fn somewhere(selection: &Selection) -> Option<LonLat> {
    use geo::InteriorPoint;
    if let Some(area) = &selection.area {
        let at = geo::MultiPolygon(area.polygons().to_vec()).interior_point()?;
        return LonLat::new(at.x(), at.y()).ok();
    }
    let all = selection.incidents().locations();
    let (mut x, mut y, mut n) = (0.0, 0.0, 0.0);
    for (l, count) in selection.locations_inside() {
        let at = all[l as usize].planar();
        x += at.x * f64::from(count);
        y += at.y * f64::from(count);
        n += f64::from(count);
    }
    crate::plane::unproject(crate::plane::Planar { x: x / n, y: y / n }).ok()
}

/// How the peak of a place is sought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeakParams {
    /// Length of the window, hours, 1 to 23.
    #[serde(default = "four_hours")]
    pub window_hours: u32,
    /// Throws for p.
    #[serde(default = "usual_replicates")]
    pub replicates: u32,
    /// What they are drawn from.
    #[serde(default)]
    pub seed: u64,
}

fn four_hours() -> u32 {
    4
}

impl PeakParams {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(1..=23).contains(&self.window_hours) {
            return Err(Error::Length(self.window_hours.to_string()));
        }
        if self.replicates > MAX_REPLICATES {
            return Err(Error::Replicates(self.replicates));
        }
        Ok(())
    }
}

/// The busiest window of a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Peak {
    /// The window, of one day of the week.
    pub window: Window,
    /// Records that it was sought among.
    pub records: u64,
    /// Share of them whose time is known to the minute; `None` below 20.
    pub exact_share: Option<f64>,
}

/// The busiest window of the selected incidents at some locations, or why none is told.
pub(crate) fn peak(
    selection: &Selection,
    members: &[LocationId],
    params: &PeakParams,
) -> Result<Peak, String> {
    if let Some(hours) = &selection.hours {
        return Err(format!("the selection is of {} only", hours.words()));
    }
    let read = Read::of(selection, members.iter().copied(), None);
    let (month, day) = (read.left_out_month, read.left_out_day);
    if month + day > 0 {
        return Err(match (month, day) {
            (month, 0) => format!("{month} of its records are known to the month only"),
            (0, day) => format!("{day} of its records are known to the day only"),
            _ => format!("{month} of its records are known to the month and {day} to the day only"),
        });
    }
    let found = busiest(
        &read.week,
        &read.shapes,
        &[Scope::OneDay],
        &[params.window_hours],
        1,
        (params.replicates, params.seed),
    );
    match found.into_iter().next() {
        None => Err("it has no records".into()),
        Some(window) => Ok(Peak {
            window,
            records: read.records,
            exact_share: share(read.exact, read.records),
        }),
    }
}
