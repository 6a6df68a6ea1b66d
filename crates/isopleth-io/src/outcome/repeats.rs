//! Repeat locations.

use super::place::place_columns;
use super::values::{column, count, point};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};
use isopleth_core::domain::format_minute;
use isopleth_core::methods::repeat_locations::{self, RepeatLocation};
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
        columns.extend(place_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        self.locations
            .iter()
            .map(|l| {
                let (stack, caveat) = station_words(l);
                let mut values = vec![
                    count(l.rank),
                    Value::Text(l.name.clone()),
                    Value::Text(l.facts.main_basis().noun().to_owned()),
                    Value::Text(format_minute(l.facts.latest_start)),
                    Value::Real(l.radius_m),
                    count(l.facts.distinct_uprns),
                    stack,
                ];
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
        r
    }
}

fn station_words(l: &RepeatLocation) -> (Value, Option<String>) {
    match &l.station_stack {
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
