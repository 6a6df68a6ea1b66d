//! Search effects.

use isopleth_core::methods::search_effects::{self, EffectRow, Split};
use isopleth_core::statistics::LEAST_BASE;
use serde_json::{Map, Value as Json, json};

use super::area_audit::{break_caveat, breaks, id, origin};
use super::place::closing_columns;
use super::values::{column, ground, nowhere, number, optional_real, real};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};
use crate::words::some;

impl Table for search_effects::Outcome {
    fn what(&self) -> &'static str {
        "searches and finds"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::MultiPolygon
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Integer, Real, Text};
        let mut columns = vec![
            column(
                "code",
                Text,
                None,
                "Code of the area; null for the whole, whose effects are not the sums of the areas'.",
            ),
            column("name", Text, None, "Name of the area."),
            column(
                "searches_before",
                Integer,
                None,
                "Searches of the period before; null where nothing of it is supplied.",
            ),
            column("searches", Integer, None, "Searches of the period."),
            column(
                "finds_before",
                Integer,
                None,
                "Selected incidents of the period before.",
            ),
            column("finds", Integer, None, "Selected incidents of the period."),
            column(
                "find_rate_before",
                Real,
                None,
                "Finds over searches before; null without searches. May exceed 1: the two are counted from different records.",
            ),
            column("find_rate", Real, None, "Finds over searches now."),
            column(
                "find_change",
                Integer,
                None,
                "Finds now less finds before: the sum of the two effects, exactly; null where the periods are not supplied whole.",
            ),
            column(
                "volume_effect",
                Real,
                Some("incidents"),
                "The part of the change that comes from the number of searches.",
            ),
            column(
                "rate_effect",
                Real,
                Some("incidents"),
                "The part that comes from how often a search finds.",
            ),
            column(
                "find_change_share",
                Real,
                None,
                "The change as a share of the finds before; null on a base below 20.",
            ),
            column("reason", Text, None, "Why something is not told."),
        ];
        columns.extend(closing_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        self.rows
            .iter()
            .map(|row| {
                let area = row.area.map(|a| &self.areas[a]);
                let (volume, rate) = match &row.split {
                    Ok(split) => effects(*split),
                    Err(_) => (Value::Null, Value::Null),
                };
                let find_rate = |(searches, finds): (u64, u64)| {
                    if searches == 0 {
                        Value::Null
                    } else {
                        real(finds as f64 / searches as f64)
                    }
                };
                let change = row.now.1 as i64 - row.before.1 as i64;
                let told = |n: u64, supplied: bool| if supplied { number(n) } else { Value::Null };
                let (then, now) = row.supplied;
                let mut values = vec![
                    area.map_or(Value::Null, |a| Value::Text(a.code.clone())),
                    Value::Text(area.map_or_else(|| "Whole".to_owned(), |a| a.name.clone())),
                    told(row.before.0, then),
                    told(row.now.0, now),
                    told(row.before.1, then),
                    told(row.now.1, now),
                    find_rate(row.before),
                    find_rate(row.now),
                    if row.whole {
                        Value::Integer(change)
                    } else {
                        Value::Null
                    },
                    volume,
                    rate,
                    optional_real(row.change),
                    reason(row),
                ];
                values.extend(common.closing_values(common.caveats.clone()));
                Feature {
                    id: area.map_or_else(|| "whole".to_owned(), |a| id(&a.code)),
                    geometry: area.map_or_else(nowhere, |a| ground(&a.ground)),
                    values,
                }
            })
            .collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let mut r = origin(&self.origin);
        let span = |s: (isopleth_core::domain::Month, isopleth_core::domain::Month)| {
            json!(format!("{}/{}", s.0, s.1))
        };
        r.insert("before".into(), span(self.before));
        r.insert("period".into(), span(self.period));
        r.insert(
            "rule".into(),
            json!("volume (S1-S0)(r0+r1)/2, rate (r1-r0)(S0+S1)/2, r = finds/searches; exact fractions, rounded to four decimals so that they sum to the change"),
        );
        r.insert("searches".into(), json!(self.params.searches));
        r.insert("series_breaks".into(), breaks(&self.breaks));
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list: Vec<String> = break_caveat(&self.breaks).into_iter().collect();
        list.push(
            "a split is arithmetic: it does not say why searches or finds changed".to_owned(),
        );
        let over = |(searches, finds): (u64, u64)| searches > 0 && finds > searches;
        let above = self.rows.iter().filter(|r| over(r.before) || over(r.now));
        let above = above.count();
        if above > 0 {
            list.push(format!(
                "more finds than searches in {above} of {} rows: not every find comes from a search that is recorded, and the find rate is no share",
                self.rows.len()
            ));
        }
        if self.months_without_searches > 0 {
            list.push(format!(
                "{} no search at all: where the source lacks them, the split is wrong",
                some(
                    self.months_without_searches.into(),
                    "month has",
                    "months have"
                )
            ));
        }
        list
    }
}

/// Both effects, to four decimals that sum to the change.
fn effects(split: Split) -> (Value, Value) {
    let (volume, rate) = split.ten_thousandths();
    let decimal = |n: i128| Value::Real(n as f64 / 10_000.0);
    (decimal(volume), decimal(rate))
}

fn reason(row: &EffectRow) -> Value {
    let mut reasons: Vec<String> = row.split.as_ref().err().cloned().into_iter().collect();
    if row.whole && row.change.is_none() {
        reasons.push(format!(
            "no percentage on a base of {}: it is below {LEAST_BASE}",
            row.before.1
        ));
    }
    if reasons.is_empty() {
        Value::Null
    } else {
        Value::Text(reasons.join("; "))
    }
}
