//! Repeat locations.

use super::place::place_columns;
use super::values::{column, count, point};
use super::{Common, Table, caveats};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};
use isopleth_core::domain::{LocationBasis, format_minute};
use isopleth_core::methods::repeat_locations::{self, Chains, RepeatLocation, Within};
use isopleth_core::stations::StationStack;
use serde_json::{Map, Value as Json, json};

impl Table for repeat_locations::Outcome {
    fn what(&self) -> &'static str {
        "repeat locations"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::Point
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Integer, Real, Text};
        let mut columns = vec![
            column("rank", Integer, None, "Place in the ranking, from 1."),
            column(
                "name",
                Text,
                None,
                "Commonest place text and ward; says what the position stands for unless it is an address.",
            ),
            column(
                "place_kind",
                Text,
                None,
                "What the position stands for, in words.",
            ),
            column(
                "latest",
                Text,
                None,
                "Start of the latest incident, local civil time; midnight for records without an hour.",
            ),
            column(
                "radius_m",
                Real,
                Some("m"),
                "Distance from the point to the farthest location merged into it; 0 where none is.",
            ),
            column(
                "distinct_addresses",
                Integer,
                None,
                "Distinct property reference numbers among the incidents; 0 where the source has none.",
            ),
            column(
                "station_stack",
                Text,
                None,
                "declared, recorded or suspected where records look placed at a police station; null elsewhere.",
            ),
        ];
        if let Some(within) = self.within {
            columns.extend(chain_columns(within));
        }
        columns.extend(place_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        self.locations
            .iter()
            .map(|l| {
                let (stack, caveat) = station_words(l.station_stack.as_ref());
                let mut values = vec![
                    count(l.rank),
                    Value::Text(l.name.clone()),
                    Value::Text(l.facts.main_basis().noun().to_owned()),
                    Value::Text(format_minute(l.facts.latest_start)),
                    Value::Real(l.radius_m),
                    count(l.facts.distinct_uprns),
                    stack,
                ];
                if self.within.is_some() {
                    values.extend(chain_values(l.chains.as_ref()));
                }
                let own: Vec<String> = caveat.into_iter().collect();
                values.extend(common.place_values(&l.facts, &own));
                Feature {
                    id: l.id.clone(),
                    geometry: point(l.position),
                    values,
                }
            })
            .collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let mut r = Map::new();
        r.insert(
            "incidents_at_repeat_locations".into(),
            json!(self.incidents),
        );
        r.insert("left_out_beyond_max".into(), json!(self.beyond_max));
        if let Some(within) = self.within {
            let (n, unit) = match within {
                Within::Days(n) => (
                    n,
                    "civil days, each record on the first day that it may have happened on",
                ),
                Within::Months(n) => (n, "calendar months"),
            };
            r.insert(
                "chain_rule".into(),
                json!(format!("each incident follows the last by no more than {n} {unit}; open: the last chain could still go on at the end of the data or period")),
            );
        }
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = Vec::new();
        if self.within.is_none() {
            return list;
        }
        let has = |l: &RepeatLocation| {
            let bases = &l.facts.location_basis;
            bases.iter().any(|b| b.0 == LocationBasis::SnapPoint)
        };
        if self.locations.iter().any(has) {
            list.push("chains at a map point run through all that it stands for: they are no repeat victimisation".to_owned());
        }
        if self.several_days > 0 && matches!(self.within, Some(Within::Days(_))) {
            list.push(caveats::several_days(self.several_days));
        }
        list
    }
}

fn chain_columns(within: Within) -> Vec<Column> {
    use ColumnType::{Boolean, Integer, Real};
    let unit = Some(match within {
        Within::Days(_) => "d",
        Within::Months(_) => "months",
    });
    let gap = |what: &str| format!("{what}_{}", within.unit());
    vec![
        column(
            "longest_chain",
            Integer,
            None,
            "Incidents in the longest chain, each following the last within the gap asked for; 1 where there is no chain.",
        ),
        column("chains", Integer, None, "Chains of two or more incidents."),
        column(
            &gap("median_gap"),
            Real,
            unit,
            "Median time from an incident to the next, whether in a chain or not.",
        ),
        column(
            &gap("latest_gap"),
            Integer,
            unit,
            "Time between the last two incidents.",
        ),
        column(
            "zero_gaps",
            Integer,
            None,
            "Gaps of 0, between incidents of one day or month: among them incidents recorded twice.",
        ),
        column(
            "chain_open",
            Boolean,
            None,
            "The latest incident belongs to a chain that an incident at the end of the data would still continue.",
        ),
    ]
}

fn chain_values(chains: Option<&Chains>) -> Vec<Value> {
    match chains {
        None => vec![Value::Null; 6],
        Some(c) => vec![
            count(c.longest),
            count(c.number),
            Value::Real(c.median_gap),
            count(c.latest_gap),
            count(c.zero_gaps),
            Value::Boolean(c.open),
        ],
    }
}

pub(super) fn station_words(stack: Option<&StationStack>) -> (Value, Option<String>) {
    match stack {
        None => (Value::Null, None),
        Some(StationStack::Declared { site }) => (
            Value::Text("declared".into()),
            Some(format!(
                "at {site}: records are likely to be placed where they were recorded, not where they happened"
            )),
        ),
        Some(StationStack::Recorded) => (
            Value::Text("recorded".into()),
            Some("placed at a police station: not where it happened".into()),
        ),
        Some(StationStack::Suspected {
            records,
            police_generated,
        }) => (
            Value::Text("suspected".into()),
            Some(format!(
                "{police_generated} of {records} records of any kind here are police-generated: it may be a station, or an operation"
            )),
        ),
    }
}
