//! Weighted displacement difference: did it fall where something was done, more than elsewhere, and did
//! it only move next door?
//!
//! **What it answers.** Between a period before and the selected one: how many incidents fewer (or
//! more) there were in the treated area and around it than the control areas would let expect.
//!
//! **Model.** Four areas: treated, the buffer around it into which crime may move, a control area like
//! the treated one, and a buffer of that. WDD = Δtreated + Δtreated buffer − Δcontrol − Δcontrol
//! buffer, where Δ is the count after less the count before. Counts are Poisson and independent, so the
//! variance is the sum of all the counts; z = WDD/√variance, p two-sided from the normal distribution,
//! and the interval is WDD ± 1.96 √variance. With weights each count is divided by its area's and its
//! period's weight, and its variance by their squares: weights stand for sizes, so that a control of
//! twice the size has weight 2. Without `time_weights` both periods must be equally long: as many days,
//! or as many whole months; `"days"` weighs the period before by its days over those of the one after.
//!
//! **Beside it.** The same of treated and control alone, without buffers; each area's own counts with
//! the E-test; and the weighted displacement quotient of Bowers and Johnson, (B₁/C₁ − B₀/C₀)/(R₁/C₁ −
//! R₀/C₀) for buffer B, control C and treated R: below 0 displacement, above 0 diffusion of benefit,
//! where the treated area itself did better than its control. It has no standard error, and is
//! undefined where a divisor is 0.
//!
//! **Areas.** By code, or, for buffers, as a ring: `{"within_m": 300}` is the ground within that
//! distance of the treated (or control) area, less all the others; its curves are drawn by chords, and
//! incidents are counted on the outline that leaves. Areas that share ground are refused. An incident on
//! a boundary that two areas share belongs to the first of treated, treated buffer, control, control
//! buffer.
//!
//! **Refused.** A period in which the four areas together have months without a record of any kind;
//! periods that overlap; periods of days on records that are dated to the month.
//!
//! **Degenerate.** Without any incident there is no difference to test, and it is refused.
//!
//! **How it can mislead.** The control must be what the treated area would have been: same trend,
//! chosen before looking at the outcome. An area treated because it was high falls back by itself
//! (regression to the mean), and WDD takes that for an effect. Buffers share the treated area's
//! fortunes without any displacement. Incidents that come in bursts vary by more than Poisson counts,
//! and p is too small. With counts below five or so the normal approximation is rough.
//!
//! **Complexity.** One pass over the locations and their incidents.
//!
//! **References.** Wheeler & Ratcliffe 2018, *Crime Science* 7:11, doi 10.1186/s40163-018-0085-5;
//! Bowers & Johnson 2003, *Journal of Quantitative Criminology* 19 (3), 275–301, doi
//! 10.1023/A:1024909009240. **Checked against** ptools' printed `wdd`, with and without weights.

use geo::{Area as _, BooleanOps, Buffer, MultiPolygon};
use serde::{Deserialize, Serialize};

use crate::compare::{Pair, days_of};
use crate::domain::{LonLat, Period, month_number};
use crate::ground::{AreaError, Region, StudyArea, planar_area_m2};
use crate::lattice::mended;
use crate::plane::{self, OutsidePlane, Planar};
use crate::request::AreaSelect;
use crate::select::Selection;
use crate::statistics::{Z_95, normal_two_sided};

/// Widest ring, metres.
pub const MAX_RING_M: f64 = 5000.0;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The period before; the one after is `select.period`.
    pub before: Period,
    /// Where something was done.
    pub treated: AreaSelect,
    /// Where nothing was.
    pub control: AreaSelect,
    /// Where crime may have moved to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub treated_buffer: Option<BufferSelect>,
    /// The same around the control area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_buffer: Option<BufferSelect>,
    /// Sizes that counts are divided by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area_weights: Option<AreaWeights>,
    /// Lengths that counts are divided by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_weights: Option<TimeWeights>,
}

/// A buffer: a ring, or areas by code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a buffer is {\"within_m\": …}, an area code, a list of codes, or {\"codes\": […], \"kind\": …, \"vintage\": …}"
)]
pub enum BufferSelect {
    /// The ground within a distance.
    Ring(Ring),
    /// Areas.
    Areas(AreaSelect),
}

/// The ground within a distance of an area.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// Distance, metres.
    pub within_m: f64,
}

/// Sizes of the areas, in any unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct AreaWeights {
    #[serde(default = "one")]
    pub treated: f64,
    #[serde(default = "one")]
    pub control: f64,
    #[serde(default = "one")]
    pub treated_buffer: f64,
    #[serde(default = "one")]
    pub control_buffer: f64,
}

fn one() -> f64 {
    1.0
}

/// Lengths of the periods.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "`time_weights` is \"days\" or {\"before\": …, \"after\": …}"
)]
pub enum TimeWeights {
    /// By a rule.
    Rule(TimeRule),
    /// As stated.
    Stated(StatedTimes),
}

/// A rule for time weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeRule {
    /// Days before over days after.
    Days,
}

/// Stated time weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedTimes {
    /// Of the period before.
    pub before: f64,
    /// Of the period after.
    pub after: f64,
}

/// What an area is in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Where something was done.
    Treated,
    /// Where crime may have moved to.
    TreatedBuffer,
    /// Where nothing was done.
    Control,
    /// The buffer of that.
    ControlBuffer,
}

impl Role {
    /// All of them, in the order in which a shared boundary is given.
    pub const ALL: [Self; 4] = [
        Self::Treated,
        Self::TreatedBuffer,
        Self::Control,
        Self::ControlBuffer,
    ];

    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Treated => "treated",
            Self::TreatedBuffer => "treated_buffer",
            Self::Control => "control",
            Self::ControlBuffer => "control_buffer",
        }
    }

    fn sign(self) -> f64 {
        match self {
            Self::Treated | Self::TreatedBuffer => 1.0,
            Self::Control | Self::ControlBuffer => -1.0,
        }
    }
}

/// An area of the comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// What it is.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// Its ground.
    pub outline: MultiPolygon,
    /// Its area, m².
    pub area_m2: f64,
    /// Its counts.
    pub pair: Pair,
    /// Its weight.
    pub weight: f64,
    /// Months of both periods without a record of any kind in it, and all their months.
    pub months_without_records: (u32, u32),
}

/// A difference of differences.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The difference, in incidents.
    pub estimate: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Estimate over standard error.
    pub z: f64,
    /// Two-sided p.
    pub p: f64,
    /// 95 % interval.
    pub interval: (f64, f64),
}

/// Weighted displacement difference.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Parameters.
    pub params: Params,
    /// The areas, by role.
    pub zones: Vec<Zone>,
    /// Weights of the periods before and after.
    pub time_weights: (f64, f64),
    /// First and last day before.
    pub before: (String, String),
    /// The weighted displacement difference.
    pub wdd: Difference,
    /// Treated less control, where there are buffers besides.
    pub without_buffers: Option<Difference>,
    /// The weighted displacement quotient, or why there is none.
    pub quotient: Result<f64, String>,
    /// Located incidents of both periods in none of the areas.
    pub elsewhere: u64,
}

/// Why there is no difference.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No period after.
    #[error("displacement compares two periods: name the one after in select.period")]
    NoPeriod,
    /// A study area beside its own.
    #[error("displacement names its own areas; leave out select.area")]
    AreaSelected,
    /// An area.
    #[error("{role}: {source}")]
    Area {
        /// The role.
        role: &'static str,
        /// What is wrong.
        source: AreaError,
    },
    /// A ring out of range.
    #[error("{role}.within_m must be more than 0 and at most {MAX_RING_M} metres, not {value}")]
    Ring {
        /// The role.
        role: &'static str,
        /// What was given.
        value: f64,
    },
    /// A ring that is covered.
    #[error("no ground is left of {role}: the other areas cover it; widen it or leave it out")]
    NoGround {
        /// The role.
        role: &'static str,
    },
    /// Areas that share ground.
    #[error("{first} and {second} share {m2:.0} m² of ground; name areas that do not overlap")]
    SharedGround {
        /// A role.
        first: &'static str,
        /// Another.
        second: &'static str,
        /// What they share.
        m2: f64,
    },
    /// A weight out of range.
    #[error("{field} must be a number over 0, from 1e-9 to 1e9, not {value:?}")]
    Weight {
        /// The field.
        field: &'static str,
        /// What was given.
        value: f64,
    },
    /// Periods that share days.
    #[error("the period before, {before}, must end before the one after, {after}, begins")]
    Order {
        /// The period before.
        before: String,
        /// The period after.
        after: String,
    },
    /// Periods of different lengths.
    #[error(
        "{before} and {after} are not equally long; say \"time_weights\": \"days\", or name periods of one length"
    )]
    Lengths {
        /// The period before.
        before: String,
        /// The period after.
        after: String,
    },
    /// Periods that the data does not cover.
    #[error(
        "the data has no record of any kind in the areas in {missing} of the {months} months of both periods: a count of 0 there would mean not supplied; name periods that the data covers"
    )]
    NotCovered {
        /// Months without records.
        missing: u32,
        /// All months.
        months: u32,
    },
    /// The period before is finer than the data.
    #[error(
        "the period {period} is made of days, but {count} of its records are known to the month only; compare whole months, or select records with day precision"
    )]
    FinerThanData {
        /// The period.
        period: String,
        /// How many records are too coarse.
        count: u64,
    },
    /// Hours that the period before does not know, or knows in part only.
    #[error(
        "{count} records of {period} are not known to lie wholly in the hours that are selected, and displacement counts whole records; leave the hours out"
    )]
    Hours {
        /// The period.
        period: String,
        /// How many.
        count: u64,
    },
    /// Nothing happened.
    #[error("none of the areas has an incident in either period: there is no difference to test")]
    NoIncidents,
    /// Off the plane.
    #[error(transparent)]
    Outside(#[from] OutsidePlane),
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::FinerThanData { .. } => "finer_than_data",
            Self::NotCovered { .. } => "not_covered",
            Self::Area {
                source: AreaError::Unknown { .. },
                ..
            } => "unknown_area",
            Self::Area {
                source: AreaError::Ambiguous { .. },
                ..
            } => "ambiguous_area",
            _ => "invalid_displacement",
        }
    }
}

/// A difference of differences of counts with weights: signed `(sign, before, after, area weight)`.
/// `None` without counts.
#[must_use]
pub fn difference(
    counts: &[(f64, u64, u64, f64)],
    (before, after): (f64, f64),
) -> Option<Difference> {
    let (mut estimate, mut variance) = (0.0, 0.0);
    for &(sign, n0, n1, area) in counts {
        let (w0, w1) = (area * before, area * after);
        estimate += sign * (n1 as f64 / w1 - n0 as f64 / w0);
        variance += n1 as f64 / (w1 * w1) + n0 as f64 / (w0 * w0);
    }
    let standard_error = variance.sqrt();
    let z = estimate / standard_error;
    z.is_finite().then(|| Difference {
        estimate,
        standard_error,
        z,
        p: normal_two_sided(z),
        interval: (
            estimate - Z_95 * standard_error,
            estimate + Z_95 * standard_error,
        ),
    })
}

/// The weighted displacement quotient of counts before and after: buffer, control, treated.
fn quotient(buffer: Pair, control: Pair, treated: Pair) -> Result<f64, String> {
    let over = |n: u64, c: u64| (c > 0).then(|| n as f64 / c as f64);
    let change = |a: Pair| Some(over(a.now, control.now)? - over(a.before, control.before)?);
    let (buffer, treated) = change(buffer)
        .zip(change(treated))
        .ok_or("undefined: the control area has no incident in one of the periods")?;
    if treated == 0.0 {
        return Err("undefined: treated and control changed alike".into());
    }
    Ok(buffer / treated)
}

/// Computes the weighted displacement difference.
///
/// # Errors
/// [`Error`] for areas that are unknown or overlap, periods that overlap, are not covered or not
/// equally long, weights out of range, and where nothing happened.
pub fn run(selection: &Selection, params: &Params) -> Result<Outcome, Error> {
    let after = selection.period.ok_or(Error::NoPeriod)?;
    if selection.area.is_some() {
        return Err(Error::AreaSelected);
    }
    let before = params.before;
    let time_weights = time_weights(params, before, after)?;
    check_before(selection, before)?;
    let mut zones = zones(selection, params, before, after)?;
    let elsewhere = count(selection, &mut zones, before)?;
    let counts = |z: &Zone| (z.role.sign(), z.pair.before, z.pair.now, z.weight);
    let all: Vec<_> = zones.iter().map(counts).collect();
    let wdd = difference(&all, time_weights).ok_or(Error::NoIncidents)?;
    let pair = |role: Role| zones.iter().find(|z| z.role == role).map(|z| z.pair);
    let is_buffer = |z: &&Zone| matches!(z.role, Role::TreatedBuffer | Role::ControlBuffer);
    let alone: Vec<_> = zones.iter().filter(|z| !is_buffer(z)).map(counts).collect();
    let weighted = params.area_weights.is_some() || time_weights != (1.0, 1.0);
    let quotient = match (
        pair(Role::TreatedBuffer),
        pair(Role::Control),
        pair(Role::Treated),
    ) {
        _ if weighted => Err("not told of weighted counts".into()),
        (Some(buffer), Some(control), Some(treated)) => quotient(buffer, control, treated),
        _ => Err("there is no treated_buffer".into()),
    };
    Ok(Outcome {
        params: params.clone(),
        time_weights,
        before: (before.first_day(), before.last_day()),
        wdd,
        without_buffers: (alone.len() < zones.len())
            .then(|| difference(&alone, time_weights))
            .flatten(),
        quotient,
        elsewhere,
        zones,
    })
}

fn time_weights(params: &Params, before: Period, after: Period) -> Result<(f64, f64), Error> {
    if before.minutes().1 > after.minutes().0 {
        return Err(Error::Order {
            before: before.to_string(),
            after: after.to_string(),
        });
    }
    let days = (days_of(before), days_of(after));
    match params.time_weights {
        Some(TimeWeights::Stated(stated)) => Ok((
            positive("time_weights.before", stated.before)?,
            positive("time_weights.after", stated.after)?,
        )),
        Some(TimeWeights::Rule(TimeRule::Days)) => Ok((f64::from(days.0) / f64::from(days.1), 1.0)),
        None => {
            let months = |p: Period| {
                let (from, to) = p.minutes();
                p.is_whole_months()
                    .then(|| month_number(to) - month_number(from))
            };
            let as_many = months(before).is_some() && months(before) == months(after);
            if as_many || days.0 == days.1 {
                Ok((1.0, 1.0))
            } else {
                Err(Error::Lengths {
                    before: before.to_string(),
                    after: after.to_string(),
                })
            }
        }
    }
}

fn positive(field: &'static str, value: f64) -> Result<f64, Error> {
    // Squares of products of two of these stay far from the ends of the numbers.
    if (1e-9..=1e9).contains(&value) {
        Ok(value)
    } else {
        Err(Error::Weight { field, value })
    }
}

fn check_before(selection: &Selection, before: Period) -> Result<(), Error> {
    if !before.is_whole_months() {
        let count = selection.month_only_within(before.minutes());
        if count > 0 {
            return Err(Error::FinerThanData {
                period: before.to_string(),
                count,
            });
        }
    }
    if selection.hours.is_some() {
        let count = selection.partly_in_hours_in(before);
        if count > 0 {
            return Err(Error::Hours {
                period: before.to_string(),
                count,
            });
        }
    }
    Ok(())
}

/// The areas, not yet counted.
fn zones(
    selection: &Selection,
    params: &Params,
    before: Period,
    after: Period,
) -> Result<Vec<Zone>, Error> {
    let find = |role: Role, select: &AreaSelect| {
        StudyArea::find(select, &selection.snapshot.areas).map_err(|source| Error::Area {
            role: role.name(),
            source,
        })
    };
    let mut named = vec![
        (Role::Treated, find(Role::Treated, &params.treated)?),
        (Role::Control, find(Role::Control, &params.control)?),
    ];
    let mut rings = Vec::new();
    for (role, of, buffer) in [
        (Role::TreatedBuffer, 0, &params.treated_buffer),
        (Role::ControlBuffer, 1, &params.control_buffer),
    ] {
        match buffer {
            None => {}
            Some(BufferSelect::Areas(select)) => named.push((role, find(role, select)?)),
            Some(BufferSelect::Ring(ring)) => rings.push((role, of, ring.within_m)),
        }
    }
    named_apart(&named)?;
    let weights = params.area_weights.unwrap_or(AreaWeights {
        treated: 1.0,
        control: 1.0,
        treated_buffer: 1.0,
        control_buffer: 1.0,
    });
    let weight = |role| match role {
        Role::Treated => positive("area_weights.treated", weights.treated),
        Role::Control => positive("area_weights.control", weights.control),
        Role::TreatedBuffer => positive("area_weights.treated_buffer", weights.treated_buffer),
        Role::ControlBuffer => positive("area_weights.control_buffer", weights.control_buffer),
    };
    let pair = Pair {
        now: 0,
        before: 0,
        days: days_of(after),
        days_before: days_of(before),
    };
    let zone = |role, name, outline: MultiPolygon| {
        Ok::<Zone, Error>(Zone {
            role,
            name,
            area_m2: planar_area_m2(&outline)?,
            outline,
            pair,
            weight: weight(role)?,
            months_without_records: (0, 0),
        })
    };
    let mut zones = Vec::new();
    // Ground that rings may not take.
    let mut taken = MultiPolygon(Vec::new());
    for (role, area) in &named {
        taken = taken.union(&MultiPolygon(area.planar().to_vec()));
        let outline = MultiPolygon(area.polygons().to_vec());
        zones.push(zone(*role, area.names.join(" and "), outline)?);
    }
    for (role, of, within_m) in rings {
        if !(within_m > 0.0 && within_m <= MAX_RING_M) {
            return Err(Error::Ring {
                role: role.name(),
                value: within_m,
            });
        }
        let (inner, area) = &named[of];
        let wide = MultiPolygon(area.planar().to_vec()).buffer(within_m);
        let ring = wide.difference(&taken);
        taken = taken.union(&ring);
        let outline = MultiPolygon(mended(degrees(&ring)?));
        if outline.0.is_empty() {
            return Err(Error::NoGround { role: role.name() });
        }
        zones.push(zone(
            role,
            format!("within {within_m} m of {}", inner.name()),
            outline,
        )?);
    }
    zones.sort_by_key(|z| z.role);
    Ok(zones)
}

/// Refuses areas that share more ground than the rounding of a boundary makes.
fn named_apart(named: &[(Role, StudyArea)]) -> Result<(), Error> {
    for (i, (first, a)) in named.iter().enumerate() {
        for (second, b) in &named[i + 1..] {
            let shared =
                MultiPolygon(a.planar().to_vec()).intersection(&MultiPolygon(b.planar().to_vec()));
            let m2 = shared.unsigned_area();
            // Boundaries of different sources do not meet exactly.
            if m2 > 1e-3 * a.area_m2.min(b.area_m2) {
                return Err(Error::SharedGround {
                    first: first.name(),
                    second: second.name(),
                    m2,
                });
            }
        }
    }
    Ok(())
}

/// Planar polygons in degrees.
fn degrees(planar: &MultiPolygon) -> Result<MultiPolygon, OutsidePlane> {
    let ring = |ring: &geo::LineString| -> Result<geo::LineString, OutsidePlane> {
        let position = |c: &geo::Coord| {
            let at: LonLat = plane::unproject(Planar { x: c.x, y: c.y })?;
            Ok(at.coord())
        };
        ring.coords().map(position).collect()
    };
    let polygon = |p: &geo::Polygon| -> Result<geo::Polygon, OutsidePlane> {
        let holes = p.interiors().iter().map(ring).collect::<Result<_, _>>()?;
        Ok(geo::Polygon::new(ring(p.exterior())?, holes))
    };
    planar.0.iter().map(polygon).collect()
}

/// Counts the incidents of the areas; gives the number of those in none.
fn count(selection: &Selection, zones: &mut [Zone], before: Period) -> Result<u64, Error> {
    let incidents = selection.incidents();
    let regions: Vec<Option<Region>> = zones.iter().map(|z| Region::new(&z.outline.0)).collect();
    let after = selection.period.ok_or(Error::NoPeriod)?;
    let spans = [before.minutes(), after.minutes()];
    let first = |s: usize| month_number(spans[s].0);
    let months = |s: usize| (month_number(spans[s].1 - 1) - first(s) + 1) as usize;
    let mut seen = vec![[vec![false; months(0)], vec![false; months(1)]]; zones.len()];
    let mut elsewhere = 0;
    for (l, location) in incidents.locations().iter().enumerate() {
        let at = location.position.coord();
        let covers = |r: &Option<Region>| r.as_ref().is_some_and(|r| r.covers(at));
        let zone = regions.iter().position(covers);
        for i in incidents.at(l as u32) {
            let from = incidents.from()[i];
            let held = [selection.holds_in(i, before), selection.holds(i)];
            let Some(zone) = zone else {
                elsewhere += u64::from(held[0]) + u64::from(held[1]);
                continue;
            };
            zones[zone].pair.before += u64::from(held[0]);
            zones[zone].pair.now += u64::from(held[1]);
            for s in 0..2 {
                if spans[s].0 <= from && from < spans[s].1 {
                    seen[zone][s][(month_number(from) - first(s)) as usize] = true;
                }
            }
        }
    }
    let all = (months(0) + months(1)) as u32;
    let mut missing = 0;
    for s in 0..2 {
        for month in 0..months(s) {
            missing += u32::from(!seen.iter().any(|z| z[s][month]));
        }
    }
    if missing > 0 {
        return Err(Error::NotCovered {
            missing,
            months: all,
        });
    }
    for (zone, seen) in zones.iter_mut().zip(&seen) {
        let without = seen.iter().flatten().filter(|m| !**m).count();
        zone.months_without_records = (without as u32, all);
    }
    Ok(elsewhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_ptools_prints_it() {
        // ptools 2.0, help page of `wdd`: control, treated, displacement control, displacement treated.
        let of = |weights: [f64; 4]| {
            [
                (-1.0, 308, 318, weights[0]),
                (1.0, 207, 110, weights[1]),
                (-1.0, 150, 140, weights[2]),
                (1.0, 178, 157, weights[3]),
            ]
        };
        let plain = difference(&of([1.0; 4]), (1.0, 1.0)).unwrap();
        assert!((plain.estimate + 118.0).abs() < 1e-12);
        assert!((plain.standard_error - 1568.0_f64.sqrt()).abs() < 1e-12);
        assert!((plain.z + 2.98).abs() < 5e-3);
        assert!((plain.interval.0 + 196.0).abs() < 0.5 && (plain.interval.1 + 40.0).abs() < 0.5);
        let weighted = difference(&of([0.9, 1.2, 1.6, 1.5]), (1.0, 1.0)).unwrap();
        assert!((weighted.estimate + 99.694_444_44).abs() < 1e-8);
        assert!((weighted.standard_error - 35.428_075_5).abs() < 1e-7);
        assert!((weighted.z + 2.813_995_483).abs() < 1e-9);
        // Two years before against one after.
        let timed = [(-1.0, 100, 50, 1.0), (1.0, 80, 20, 1.0)];
        let timed = difference(&timed, (2.0, 1.0)).unwrap();
        assert!((timed.estimate + 20.0).abs() < 1e-12);
        assert!((timed.standard_error - 115.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(difference(&[(1.0, 0, 0, 1.0)], (1.0, 1.0)), None);
    }

    #[test]
    fn the_quotient_by_hand() {
        let pair = |before, now| Pair {
            now,
            before,
            days: 365,
            days_before: 365,
        };
        let found = quotient(pair(50, 55), pair(400, 400), pair(100, 70)).unwrap();
        assert!((found + 1.0 / 6.0).abs() < 1e-12);
        let none = quotient(pair(50, 55), pair(400, 0), pair(100, 70)).unwrap_err();
        assert!(none.contains("control"), "{none}");
        let alike = quotient(pair(50, 55), pair(400, 400), pair(100, 100)).unwrap_err();
        assert!(alike.contains("alike"), "{alike}");
    }
}
