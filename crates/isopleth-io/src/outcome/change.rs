//! Change between two periods, and weighted displacement differences.

use geo::Geometry;
use isopleth_core::compare::Pair;
use isopleth_core::control_chart::{Chart, Signal};
use isopleth_core::domain::format_day;
use isopleth_core::methods::change::{self, AreaChange};
use isopleth_core::methods::displacement::{self, Difference};
use serde_json::{Map, Value as Json, json};

use super::place::{closing_columns, place_columns};
use super::values::{column, count, list, metres, optional, optional_real, short, text};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};

/// Columns of a comparison, each name with a prefix.
pub(super) fn pair_columns(prefix: &str, with: &str) -> Vec<Column> {
    use ColumnType::{Real, Text};
    let c =
        |name: &str, kind, meaning: &str| column(&format!("{prefix}{name}"), kind, None, meaning);
    vec![
        c(
            "p",
            Real,
            &format!(
                "E-test p of equal daily rates in the period and in {with}; null where there is nothing to compare."
            ),
        ),
        c(
            "p_conditional",
            Real,
            "The same by the more cautious exact test that conditions on the sum of both counts.",
        ),
        c(
            "change_percent",
            Real,
            &format!("Change of the daily rate against {with}, per cent; null on a base below 20."),
        ),
        c(
            "change_reason",
            Text,
            "Why there is no percentage; null where there is one.",
        ),
    ]
}

/// Their values.
pub(super) fn pair_values(pair: Option<&Pair>, missing: &str) -> [Value; 4] {
    match pair {
        None => [
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Text(missing.to_owned()),
        ],
        Some(p) => [
            optional_real(p.p()),
            optional_real(p.p_conditional()),
            optional_real(p.percent()),
            p.percent_reason().map_or(Value::Null, Value::Text),
        ],
    }
}

/// Columns of a control chart.
pub(super) fn chart_columns() -> Vec<Column> {
    use ColumnType::{Real, Text};
    vec![
        column(
            "chart_months",
            Text,
            None,
            "The months of the control chart, in order; the lists that follow go by them.",
        ),
        column(
            "monthly_counts",
            Text,
            None,
            "Counts of these months; `not supplied` where the data has no record of any kind in the study area.",
        ),
        column(
            "monthly_expected",
            Text,
            None,
            "Centre line: the baseline's daily rate times the month's days.",
        ),
        column(
            "monthly_lower",
            Text,
            None,
            "Lower limits: fewer have a probability of at most 0.00135.",
        ),
        column(
            "monthly_upper",
            Text,
            None,
            "Upper limits: more have a probability of at most 0.00135.",
        ),
        column(
            "chart_signals",
            Text,
            None,
            "Months beyond a limit, and months that end eight or more in a row on one side of the centre line; null without any.",
        ),
        column(
            "chart_false_signals_expected",
            Real,
            None,
            "Months beyond a limit that chance alone would make on average.",
        ),
        column(
            "chart_dispersion",
            Real,
            None,
            "Chi-square of the baseline's months over its degrees of freedom: near 1 for Poisson counts; from about 2 on read signals with care.",
        ),
    ]
}

/// Their values.
pub(super) fn chart_values(chart: &Chart) -> Vec<Value> {
    let months = &chart.months;
    let name = |from: i32| format_day(from)[..7].to_owned();
    let each = |of: &dyn Fn(&isopleth_core::control_chart::Month) -> Option<String>| {
        let words = |m| of(m).unwrap_or_else(|| "not supplied".to_owned());
        text(list(months.iter().map(words)))
    };
    let mut signals = Vec::new();
    for (i, m) in months.iter().enumerate() {
        match m.signal {
            Some(Signal::Above) => signals.push(format!("{} above", name(m.from))),
            Some(Signal::Below) => signals.push(format!("{} below", name(m.from))),
            None => {}
        }
        let goes_on = months.get(i + 1).is_some_and(|next| next.in_run);
        if let (true, false, Some((l, n))) = (m.in_run, goes_on, m.limits.zip(m.count)) {
            let side = if n as f64 > l.centre {
                "above"
            } else {
                "below"
            };
            signals.push(format!(
                "{} ends eight or more {side} the centre",
                name(m.from)
            ));
        }
    }
    vec![
        text(list(months.iter().map(|m| name(m.from)))),
        each(&|m| m.count.map(|n| n.to_string())),
        each(&|m| m.limits.map(|l| format!("{:.2}", l.centre))),
        each(&|m| m.limits.map(|l| l.lower.to_string())),
        each(&|m| m.limits.map(|l| l.upper.to_string())),
        text(list(signals.into_iter())),
        optional_real(Some(chart.expected_false_signals)),
        optional_real(chart.dispersion),
    ]
}

/// What limits are, for provenance.
pub(super) fn chart_rule(baseline: (usize, usize)) -> Json {
    json!({
        "limits": "exact probability limits at 0.00135 on either side: a month of the baseline is binomial given the baseline's total, any other is held against baseline and month together; rates are per day",
        "baseline": format!("the first {} months, {} of them supplied", baseline.0, baseline.1),
    })
}

impl Table for change::Outcome {
    fn what(&self) -> &'static str {
        "change between two periods"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::MultiPolygon
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Integer, Real, Text};
        let mut columns = vec![
            column(
                "rank",
                Integer,
                None,
                "Place in the ranking of areas, from 1; null for the whole.",
            ),
            column(
                "code",
                Text,
                None,
                "Code of the area; `total` for the whole.",
            ),
            column("name", Text, None, "Name of the area."),
            column("area_m2", Real, Some("m²"), "Planar area."),
            column(
                "now_count",
                Integer,
                None,
                "Incidents on the days that are compared; without terms all of the period.",
            ),
            column(
                "before_count",
                Integer,
                None,
                "Incidents on the days compared with.",
            ),
            column("now_days", Integer, Some("days"), "Days that are compared."),
            column("before_days", Integer, Some("days"), "Days compared with."),
            column("difference", Integer, None, "Now less before."),
        ];
        columns.extend(pair_columns("", "the period compared with"));
        columns.push(column(
            "p_adjusted",
            Real,
            None,
            "p adjusted for the number of areas; null for the whole.",
        ));
        if self.baseline.is_some() {
            columns.extend(chart_columns());
        }
        columns.extend(place_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let feature = |a: &AreaChange| {
            let mut values = vec![
                optional(Some(a.rank).filter(|r| *r > 0)),
                Value::Text(a.code.clone()),
                Value::Text(a.name.clone()),
                metres(a.area_m2),
                Value::Integer(a.pair.now as i64),
                Value::Integer(a.pair.before as i64),
                count(a.pair.days),
                count(a.pair.days_before),
                Value::Integer(a.pair.difference()),
            ];
            values.extend(pair_values(Some(&a.pair), ""));
            values.push(optional_real(a.p_adjusted));
            if let Some(chart) = &a.chart {
                values.extend(chart_values(chart));
            }
            values.extend(common.place_values_if_any(a.facts.as_ref(), &[]));
            Feature {
                id: a.code.clone(),
                geometry: Geometry::MultiPolygon(rounded(&a.outline)),
                values,
            }
        };
        std::iter::once(&self.total)
            .chain(&self.areas)
            .map(feature)
            .collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let mut r = Map::new();
        let mut put = |key: &str, value: Json| {
            r.insert(key.to_owned(), value);
        };
        put(
            "compared_with",
            json!(format!("{}/{}", self.before.0, self.before.1)),
        );
        if let Some((days, of)) = self.by_terms {
            put(
                "aligned_by_terms",
                json!({
                    "days_compared": days,
                    "days_of_the_period": of,
                    "rule": "the same weekday of the same week of the same term or holidays, a school year earlier; days without one are left out on both sides",
                }),
            );
        }
        if let Some((kind, vintage)) = &self.areas_are {
            put("areas_are", json!(format!("{kind} {vintage}")));
        }
        if let Some(none) = &self.in_no_area {
            put(
                "in_no_area",
                json!({ "now": none.now, "before": none.before }),
            );
        }
        put("rank_by", json!(self.params.rank_by.name()));
        put("p_adjusted_by", json!(self.params.adjust.name()));
        put("areas_tested", json!(self.tests));
        put("left_out_beyond_max", json!(self.beyond_max));
        if let Some(baseline) = self.baseline {
            put("control_chart", chart_rule(baseline));
        }
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = vec![
            "an area picked because it was high falls back by itself: that is no effect".to_owned(),
        ];
        if let Some((days, of)) = self.by_terms.filter(|(days, of)| days < of) {
            list.push(format!(
                "{} of {of} days have no counterpart a school year earlier and are left out of the comparison",
                of - days
            ));
        }
        list
    }
}

/// Seven decimals, as everything leaves.
fn rounded(outline: &geo::MultiPolygon) -> geo::MultiPolygon {
    use geo::MapCoords;
    use geo::orient::{Direction, Orient};
    outline
        .map_coords(|c| geo::Coord {
            x: super::values::round7(c.x),
            y: super::values::round7(c.y),
        })
        .orient(Direction::Default)
}

impl Table for displacement::Outcome {
    fn what(&self) -> &'static str {
        "weighted displacement difference"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::MultiPolygon
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Integer, Real, Text};
        let mut columns = vec![
            column(
                "role",
                Text,
                None,
                "treated, treated_buffer, control or control_buffer.",
            ),
            column("name", Text, None, "Names of the areas."),
            column("area_m2", Real, Some("m²"), "Planar area."),
            column(
                "before_count",
                Integer,
                None,
                "Incidents in the period before.",
            ),
            column(
                "after_count",
                Integer,
                None,
                "Incidents in the selected period.",
            ),
            column("difference", Integer, None, "After less before."),
            column(
                "weight",
                Real,
                None,
                "What its counts are divided by in the difference of differences.",
            ),
            column(
                "months_without_records",
                Integer,
                None,
                "Months of both periods without a record of any kind in it: there 0 may mean not supplied.",
            ),
        ];
        columns.extend(pair_columns("", "the period before"));
        let whole = |name, unit, meaning: &str| {
            let meaning = format!("{meaning} The answer of the whole, the same in every row.");
            column(name, Real, unit, &meaning)
        };
        columns.extend([
            whole(
                "wdd",
                Some("incidents"),
                "Weighted displacement difference: below 0 for fewer than the controls let expect, displacement counted in.",
            ),
            whole("wdd_standard_error", Some("incidents"), "Its standard error."),
            whole("wdd_z", None, "It over its standard error."),
            whole("wdd_p", None, "Its two-sided p."),
            whole("wdd_lower_95", Some("incidents"), "Lower end of its 95 % interval."),
            whole("wdd_upper_95", Some("incidents"), "Upper end of its 95 % interval."),
        ]);
        columns.extend(closing_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        self.zones
            .iter()
            .map(|z| {
                let mut values = vec![
                    Value::Text(z.role.name().into()),
                    Value::Text(z.name.clone()),
                    metres(z.area_m2),
                    Value::Integer(z.pair.before as i64),
                    Value::Integer(z.pair.now as i64),
                    Value::Integer(z.pair.difference()),
                    super::values::real(z.weight),
                    count(z.months_without_records.0),
                ];
                values.extend(pair_values(Some(&z.pair), ""));
                let d = &self.wdd;
                values.extend(
                    [
                        d.estimate,
                        d.standard_error,
                        d.z,
                        d.p,
                        d.interval.0,
                        d.interval.1,
                    ]
                    .map(super::values::real),
                );
                values.extend(common.closing_values(common.caveats.clone()));
                Feature {
                    id: z.role.name().into(),
                    geometry: Geometry::MultiPolygon(rounded(&z.outline)),
                    values,
                }
            })
            .collect()
    }

    fn about(&self) -> Option<String> {
        let d = &self.wdd;
        Some(format!(
            "The weighted displacement difference is {:.1} incidents (95 % interval {:.1} to {:.1}, z {:.2}, p {:.3})",
            d.estimate, d.interval.0, d.interval.1, d.z, d.p
        ))
    }

    fn resolved(&self) -> Map<String, Json> {
        let mut r = Map::new();
        let mut put = |key: &str, value: Json| {
            r.insert(key.to_owned(), value);
        };
        put(
            "before",
            json!(format!("{}/{}", self.before.0, self.before.1)),
        );
        put(
            "weighted_displacement_difference",
            difference(Some(&self.wdd)),
        );
        put("without_buffers", difference(self.without_buffers.as_ref()));
        put(
            "weighted_displacement_quotient",
            match &self.quotient {
                Ok(q) => json!(short(*q)),
                Err(reason) => json!({ "value": null, "reason": reason }),
            },
        );
        put(
            "time_weights",
            json!({ "before": short(self.time_weights.0), "after": short(self.time_weights.1) }),
        );
        put("incidents_in_none_of_the_areas", json!(self.elsewhere));
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = vec![
            "an area treated because it was high falls back by itself; the control must be like it, and chosen before the outcome was seen".to_owned(),
        ];
        if self.zones.iter().any(|z| z.pair.now.min(z.pair.before) < 5) {
            list.push("counts below 5: z and its interval are rough".to_owned());
        }
        for z in &self.zones {
            if let (missing @ 1.., months) = z.months_without_records {
                list.push(format!(
                    "{}: no record of any kind in {missing} of {months} months",
                    z.role.name()
                ));
            }
        }
        list
    }
}

fn difference(d: Option<&Difference>) -> Json {
    json!(d.map(|d| json!({
        "incidents": short(d.estimate),
        "standard_error": short(d.standard_error),
        "z": short(d.z),
        "p": short(d.p),
        "interval_95": [short(d.interval.0), short(d.interval.1)],
    })))
}
