//! Area audit: how many incidents each ward has, and whether the wards make up the whole.
//!
//! **What it answers.** "Which wards are of concern?" and "has the town centre always had the most?":
//! count by lens, share, rank, months at rank 1, and the change against the year before, with every
//! record of the borough accounted for.
//!
//! **Model.** Incidents of the selection are counted by area and calendar month, from records or from
//! a table of ready-made counts (`counts`). Areas are ranked by the count of the selection's lens over
//! the period; equals stand in the order of codes. The count of the other lens stands beside it and
//! never enters the rank. An area's share is of the located incidents of the study area.
//!
//! **The whole.** Areas + elsewhere (in the study area, in none of the areas) + unlocated = total, for
//! either lens, always; the three stand as rows of the table. Records without a location are counted
//! as the data has them: where it reaches beyond the study area some of them belong elsewhere.
//!
//! **Consistently.** An area is at rank 1 in a month in which no other has more and it has at least
//! one; equals share the rank. Months that the data does not have whole are left out of these.
//! `median_rank` is the median over the months of 1 + the number of areas with more.
//!
//! **Trend.** The period against the same months a year before: the exact two-sided test of two
//! Poisson counts by their sum, adjusted for the number of areas (`correction`). The change is told as
//! a share only on a base of 20 or more; otherwise it is null with the reason. Where a month of either
//! year is not supplied, or only in part, there is no comparison.
//!
//! **Degenerate.** No incident: every area has 0 and no share, ranks are by code, and none is ever at
//! rank 1. Months without data are not zeros: they are counted as not supplied, an area
//! of which no month is supplied has no rank, and a period of which none is, is refused.
//!
//! **How it can mislead.** A large ward has more of everything: a count is no rate. A ward of one
//! vintage is not the ground of its namesake in another. Police-generated counts rank where police
//! looked. A stated break in the series (a new recording system) is told with the comparison that
//! crosses it, not corrected for. The test takes incidents as independent; a single operation of one
//! day can make a "trend".
//!
//! **Complexity.** A point-in-polygon test for each location and area, then linear in the records.
//!
//! **References.** Przyborowski & Wilenski 1940, doi 10.1093/biomet/31.3-4.313 (the conditional test);
//! Ratcliffe 2004, doi 10.1080/13658810310001596076 (unlocated records). **Checked against** the
//! ward table of the Metropolitan Police Service, added up independently; R's `poisson.test`; sums by
//! property tests.

use serde::{Deserialize, Serialize};

use crate::area_series::{AreaSeries, Basis, Error, Origin, Parts, Row, SeriesArea, Supply};
use crate::domain::{Lens, Month, SeriesBreak};
use crate::statistics::{Correction, LEAST_BASE, rate_ratio, share};

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Id of a table of ready-made counts; records without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<String>,
    /// The areas that records are counted by; wards of the latest vintage without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub areas: Option<Parts>,
    /// How the tests of change are adjusted for the number of areas.
    #[serde(default = "usual_correction")]
    pub correction: Correction,
    /// Months that the data has only in part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partial_months: Vec<Month>,
    /// Breaks in the series that a comparison across them is told with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series_breaks: Vec<SeriesBreak>,
}

fn usual_correction() -> Correction {
    Correction::Bonferroni
}

/// The change against the year before.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The count of the same months a year before.
    pub before: u64,
    /// Exact two-sided p; 1 without any incident in either year.
    pub p: f64,
    /// The same, adjusted; for the rows that are not areas the same as `p`.
    pub p_adjusted: f64,
    /// The change as a share of the count before; `None` on a base below 20.
    pub share: Option<f64>,
}

/// A row of the audit.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    /// What it is: an area, elsewhere, unlocated; `None` for the total.
    pub row: Option<Row>,
    /// Place in the ranking, from 1; areas of which anything is supplied only.
    pub rank: Option<u32>,
    /// Incidents of the selection's lens.
    pub count: u64,
    /// Incidents of the same selection that somebody reported.
    pub count_reported: u64,
    /// Incidents of the same selection that exist because police looked.
    pub count_police_generated: u64,
    /// Share of the located incidents of the study area; `None` on a base below 20.
    pub share: Option<f64>,
    /// The change, or why there is none.
    pub change: Result<Change, String>,
    /// Months at rank 1; areas of which anything is supplied only.
    pub months_at_rank_1: Option<u32>,
    /// Median rank over the months; areas only, `None` without a whole month.
    pub median_rank: Option<f64>,
    /// Months of the period that the data has whole.
    pub months_whole: u32,
    /// Months that it has in part.
    pub months_partial: u32,
    /// Months that it does not have.
    pub months_not_supplied: u32,
}

/// The audit.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The parameters, for the record.
    pub params: Params,
    /// The areas, in the order of codes.
    pub areas: Vec<SeriesArea>,
    /// Where they come from.
    pub origin: Origin,
    /// First and last month.
    pub period: (Month, Month),
    /// The areas by rank, then elsewhere, unlocated and the total.
    pub rows: Vec<AuditRow>,
    /// Stated breaks within the year before and the period.
    pub breaks: Vec<SeriesBreak>,
}

/// Runs the method.
///
/// # Errors
/// [`Error`] of the series.
pub fn run(basis: &Basis, params: &Params) -> Result<Outcome, Error> {
    let series = basis.series(
        params.areas.as_ref(),
        &params.partial_months,
        &params.series_breaks,
    )?;
    let period = series.period;
    let supplied = |m| {
        series
            .all_rows()
            .any(|r| series.supply(r, m) != Supply::None)
    };
    if !AreaSeries::months(period).any(supplied) {
        let (first, last) = series.extent();
        return Err(Error::NotSupplied {
            from: period.0,
            to: period.1,
            first,
            last,
        });
    }
    let n = series.areas.len();
    let mut rows: Vec<AuditRow> = series
        .all_rows()
        .map(|row| audit(&series, Some(row)))
        .chain([audit(&series, None)])
        .collect();
    let located = rows[..=n].iter().map(|r| r.count).sum();
    for row in &mut rows[..=n] {
        row.share = share(row.count, located);
    }
    let raw: Vec<f64> = rows[..n]
        .iter()
        .map(|r| r.change.as_ref().map_or(f64::NAN, |c| c.p))
        .collect();
    for (row, p) in rows.iter_mut().zip(params.correction.adjust(&raw)) {
        if let Ok(change) = &mut row.change {
            change.p_adjusted = p;
        }
    }
    consistency(&series, &mut rows[..n]);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(rows[i].count));
    // An area of which nothing is supplied has no 0, and no place.
    let (ranked, unknown): (Vec<usize>, Vec<usize>) = order
        .into_iter()
        .partition(|&i| rows[i].months_whole + rows[i].months_partial > 0);
    for (rank, &i) in ranked.iter().enumerate() {
        rows[i].rank = Some(rank as u32 + 1);
    }
    for i in unknown {
        rows[i].months_at_rank_1 = None;
    }
    rows[..n].sort_by_key(|r| (r.rank.is_none(), r.rank));
    let before = (period.0.plus(-12), period.1);
    Ok(Outcome {
        params: params.clone(),
        origin: series.origin.clone(),
        period,
        rows,
        breaks: series.breaks_in(before).into_iter().cloned().collect(),
        areas: series.areas,
    })
}

fn audit(series: &AreaSeries, row: Option<Row>) -> AuditRow {
    let period = series.period;
    let rows: Vec<Row> = match row {
        Some(row) => vec![row],
        None => series.all_rows().collect(),
    };
    let sum = |lens: Lens, span| rows.iter().map(|&r| series.sum(r, lens, span)).sum::<u64>();
    let (reported, generated) = (
        sum(Lens::Reported, period),
        sum(Lens::PoliceGenerated, period),
    );
    let count = match series.lens {
        Lens::Reported => reported,
        Lens::PoliceGenerated => generated,
    };
    let mut months = [0_u32; 3];
    for month in AreaSeries::months(period) {
        let supplies = || rows.iter().map(|&r| series.supply(r, month));
        let worst = if supplies().any(|s| s == Supply::None) {
            2
        } else {
            usize::from(supplies().any(|s| s == Supply::Partial))
        };
        months[worst] += 1;
    }
    let before = (period.0.plus(-12), period.1.plus(-12));
    let whole = |span| rows.iter().all(|&r| series.is_whole(r, span));
    let change = if !whole(period) {
        Err("not all months of the period are supplied whole".to_owned())
    } else if !whole(before) {
        Err("not all of the same months a year before are supplied whole".to_owned())
    } else if period.1.number() - period.0.number() >= 12 {
        Err("the period is longer than a year: it would be compared with itself".to_owned())
    } else {
        let before = sum(series.lens, before);
        let p = rate_ratio((count, 1.0), (before, 1.0)).map_or(1.0, |r| r.p);
        Ok(Change {
            before,
            p,
            p_adjusted: p,
            share: (before >= LEAST_BASE).then(|| (count as f64 - before as f64) / before as f64),
        })
    };
    AuditRow {
        row,
        rank: None,
        count,
        count_reported: reported,
        count_police_generated: generated,
        share: None,
        change,
        months_at_rank_1: None,
        median_rank: None,
        months_whole: months[0],
        months_partial: months[1],
        months_not_supplied: months[2],
    }
}

/// Months at rank 1 and median ranks, over the months that all areas have whole.
fn consistency(series: &AreaSeries, rows: &mut [AuditRow]) {
    let n = rows.len();
    let mut firsts = vec![0_u32; n];
    let mut ranks: Vec<Vec<u32>> = vec![Vec::new(); n];
    for month in AreaSeries::months(series.period) {
        if !(0..n).all(|a| series.supply(Row::Area(a), month) == Supply::Whole) {
            continue;
        }
        let counts: Vec<u64> = (0..n)
            .map(|a| series.count(Row::Area(a), series.lens, month))
            .collect();
        let mut sorted = counts.clone();
        sorted.sort_unstable();
        for (a, &count) in counts.iter().enumerate() {
            let more = (n - sorted.partition_point(|&c| c <= count)) as u32;
            firsts[a] += u32::from(more == 0 && count > 0);
            ranks[a].push(more + 1);
        }
    }
    for ((row, first), mut of) in rows.iter_mut().zip(firsts).zip(ranks) {
        row.months_at_rank_1 = Some(first);
        of.sort_unstable();
        row.median_rank = match of.len() {
            0 => None,
            k => Some(f64::midpoint(
                f64::from(of[(k - 1) / 2]),
                f64::from(of[k / 2]),
            )),
        };
    }
}
