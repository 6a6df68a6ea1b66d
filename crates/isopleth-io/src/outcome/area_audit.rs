//! Area audits.

use isopleth_core::area_series::{Origin, Row, SeriesArea};
use isopleth_core::domain::{Month, SeriesBreak};
use isopleth_core::methods::area_audit::{self, AuditRow};
use serde_json::{Map, Value as Json, json};

use super::place::closing_columns;
use super::values::{
    column, count, ground, metres, nowhere, number, optional, optional_real, real,
};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};

impl Table for area_audit::Outcome {
    fn what(&self) -> &'static str {
        "audit of areas"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::MultiPolygon
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Date, Integer, Real, Text};
        let mut columns = vec![
            column(
                "rank",
                Integer,
                None,
                "Place in the ranking of areas by count, from 1; equals by code. Null for the rows that are no areas, and for areas of which no month is supplied.",
            ),
            column(
                "row",
                Text,
                None,
                "area; elsewhere (in the study area, in none of the areas); unlocated (without a location); total, the sum of all of these.",
            ),
            column("code", Text, None, "Code of the area."),
            column("name", Text, None, "Name of the area."),
            column(
                "area_m2",
                Real,
                Some("m²"),
                "Planar area; null where no boundary is loaded.",
            ),
            column("count", Integer, None, "Selected incidents of the period."),
            column(
                "count_reported",
                Integer,
                None,
                "Incidents of the same groups and period that somebody reported.",
            ),
            column(
                "count_police_generated",
                Integer,
                None,
                "Incidents of the same groups and period that exist because police looked.",
            ),
            column(
                "share",
                Real,
                None,
                "Share of the located incidents of the study area, 0 to 1; null for fewer than 20 of these, and for rows that are not located.",
            ),
            column(
                "year_before_count",
                Integer,
                None,
                "Selected incidents of the same months a year before; null where they are not supplied whole.",
            ),
            column(
                "change",
                Real,
                None,
                "Change against the year before, as a share of it; null on a base below 20.",
            ),
            column(
                "change_reason",
                Text,
                None,
                "Why no comparison or no share of change is told.",
            ),
            column(
                "p",
                Real,
                None,
                "Exact two-sided p of no change, for this row alone.",
            ),
            column(
                "p_adjusted",
                Real,
                None,
                "The same, adjusted for the number of areas; for rows that are no areas the same as p.",
            ),
            column(
                "trend",
                Text,
                None,
                "up or down where p_adjusted is at most 0.05; else no_clear_change, which is not the same as none.",
            ),
            column(
                "months_at_rank_1",
                Integer,
                None,
                "Months in which no area had more and this one had any; equals share the rank.",
            ),
            column(
                "median_rank",
                Real,
                None,
                "Median over the months of 1 + the number of areas with more.",
            ),
            column(
                "months_whole",
                Integer,
                None,
                "Months of the period that the data has whole.",
            ),
            column(
                "months_partial",
                Integer,
                None,
                "Months that it is stated to have only in part; counted, but not compared or ranked.",
            ),
            column(
                "months_not_supplied",
                Integer,
                None,
                "Months that the data does not have: not supplied is not 0.",
            ),
            column("period_from", Date, None, "First day of the period."),
            column("period_to", Date, None, "Last day of the period."),
        ];
        columns.extend(closing_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let (from, to) = days(self.period);
        self.rows
            .iter()
            .map(|r| {
                let of = told(self, r);
                let change = r.change.as_ref().ok();
                let reason = match &r.change {
                    Err(reason) => Value::Text(reason.clone()),
                    Ok(c) if c.share.is_none() => Value::Text(format!(
                        "no percentage on a base of {}: it is below 20",
                        c.before
                    )),
                    Ok(_) => Value::Null,
                };
                let trend = change.map(|c| match (c.p_adjusted <= 0.05, r.count > c.before) {
                    (false, _) => "no_clear_change",
                    (true, true) => "up",
                    (true, false) => "down",
                });
                let mut values = vec![
                    optional(r.rank),
                    Value::Text(of.kind.to_owned()),
                    of.area.map_or(Value::Null, |a| Value::Text(a.code.clone())),
                    Value::Text(of.name.to_owned()),
                    of.area.and_then(|a| a.area_m2).map_or(Value::Null, metres),
                    number(r.count),
                    number(r.count_reported),
                    number(r.count_police_generated),
                    optional_real(r.share),
                    change.map_or(Value::Null, |c| number(c.before)),
                    optional_real(change.and_then(|c| c.share)),
                    reason,
                    change.map_or(Value::Null, |c| real(c.p)),
                    change.map_or(Value::Null, |c| real(c.p_adjusted)),
                    trend.map_or(Value::Null, |t| Value::Text(t.to_owned())),
                    optional(r.months_at_rank_1),
                    optional_real(r.median_rank),
                    count(r.months_whole),
                    count(r.months_partial),
                    count(r.months_not_supplied),
                    from.clone(),
                    to.clone(),
                ];
                values.extend(common.closing_values(common.caveats.clone()));
                Feature {
                    id: of.area.map_or_else(|| of.kind.to_owned(), |a| id(&a.code)),
                    geometry: of.area.map_or_else(nowhere, |a| ground(&a.ground)),
                    values,
                }
            })
            .collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let mut r = origin(&self.origin);
        r.insert("areas".into(), json!(self.areas.len()));
        let sum = |take: fn(&AuditRow) -> bool| {
            let rows = self.rows.iter().filter(|r| take(r));
            rows.map(|r| r.count).sum::<u64>()
        };
        r.insert(
            "whole".into(),
            json!({
                "areas": sum(|r| matches!(r.row, Some(Row::Area(_)))),
                "elsewhere": sum(|r| r.row == Some(Row::Elsewhere)),
                "unlocated": sum(|r| r.row == Some(Row::Unlocated)),
                "total": sum(|r| r.row.is_none()),
            }),
        );
        r.insert("correction".into(), json!(self.params.correction.name()));
        r.insert("series_breaks".into(), breaks(&self.breaks));
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list: Vec<String> = break_caveat(&self.breaks).into_iter().collect();
        let missing = self.rows.iter().map(|r| r.months_not_supplied).max();
        if let Some(missing @ 1..) = missing {
            list.push(format!(
                "up to {missing} months of the period are not supplied (months_not_supplied): counts, shares and ranks are of the others"
            ));
        }
        list
    }
}

/// What a row is on the map and in words.
struct Told<'a> {
    kind: &'static str,
    name: &'a str,
    area: Option<&'a SeriesArea>,
}

fn told<'a>(found: &'a area_audit::Outcome, row: &AuditRow) -> Told<'a> {
    let (kind, name, area) = match row.row {
        Some(Row::Area(a)) => {
            let area = &found.areas[a];
            ("area", area.name.as_str(), Some(area))
        }
        Some(Row::Elsewhere) => ("elsewhere", "Elsewhere in the study area", None),
        Some(Row::Unlocated) => ("unlocated", "Without a location", None),
        None => ("total", "Total", None),
    };
    Told { kind, name, area }
}

/// The id of an area's feature, fit for a URL path and apart from the rows that are no areas.
pub(super) fn id(code: &str) -> String {
    let plain: String = code
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-._".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    format!("area-{plain}")
}

/// First and last day of a span of months.
pub(super) fn days(span: (Month, Month)) -> (Value, Value) {
    let day = |minute: Option<i32>| {
        minute.map_or(Value::Null, |at| {
            Value::Text(isopleth_core::domain::format_day(at))
        })
    };
    (
        day(span.0.minutes().map(|m| m.0)),
        day(span.1.minutes().map(|m| m.1 - 1)),
    )
}

/// Where counts and areas come from, for provenance.
pub(super) fn origin(origin: &Origin) -> Map<String, Json> {
    let mut map = Map::new();
    match &origin.table {
        Some((id, source)) => {
            map.insert("counts".into(), json!({ "id": id, "source": source }));
        }
        None => {
            map.insert("counts".into(), json!("of records"));
        }
    }
    map.insert("area_kind".into(), json!(origin.kind));
    map.insert(
        "vintage".into(),
        if origin.vintage.is_empty() {
            json!("not stated")
        } else {
            json!(origin.vintage)
        },
    );
    map
}

/// Stated breaks, for provenance.
pub(super) fn breaks(breaks: &[SeriesBreak]) -> Json {
    breaks
        .iter()
        .map(|b| json!({ "month": b.month.to_string(), "note": b.note }))
        .collect()
}

/// Stated breaks, as a caveat.
pub(super) fn break_caveat(breaks: &[SeriesBreak]) -> Option<String> {
    (!breaks.is_empty()).then(|| {
        let list: Vec<String> = breaks
            .iter()
            .map(|b| format!("{} ({})", b.month, b.note))
            .collect();
        format!("series_break: the comparison crosses {}", list.join(", "))
    })
}
