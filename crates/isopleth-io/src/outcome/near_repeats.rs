//! Near repeats: the incidents with their roles, and the Knox table.

use super::place::closing_columns;
use super::values::{column, count, optional, point, text};
use super::{Common, Table, caveats};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};
use crate::words::some;
use isopleth_core::domain::format_day;
use isopleth_core::methods::knox;
use serde_json::{Map, Value as Json, json};

impl Table for knox::Outcome {
    fn what(&self) -> &'static str {
        "near repeats"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::Point
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Date, Integer, Text};
        let counted = |name, meaning| column(name, Integer, None, meaning);
        let mut columns = vec![
            column(
                "role",
                Text,
                None,
                "originator (others follow, none came before), near_repeat or repeat (follows one within the near or the repeat distance), same_day (all near it are of its day: order unknown).",
            ),
            column("offence", Text, None, "Offence of the record."),
            column("place", Text, None, "Place text of the record."),
            column(
                "place_kind",
                Text,
                None,
                "What the position stands for, in words.",
            ),
            column(
                "first_day",
                Date,
                None,
                "First day that the incident may have happened on, which counts.",
            ),
            column(
                "last_day",
                Date,
                None,
                "Last day that the incident may have happened on.",
            ),
            counted(
                "repeats_before",
                "Earlier incidents within the repeat distance and the days.",
            ),
            counted(
                "near_before",
                "Earlier incidents within the near distance and the days, beyond the repeat distance.",
            ),
            counted(
                "repeats_after",
                "Later incidents within the repeat distance and the days.",
            ),
            counted(
                "near_after",
                "Later incidents within the near distance and the days, beyond the repeat distance.",
            ),
            counted(
                "same_day",
                "Incidents of the same day within the near distance; their order is not known.",
            ),
            column(
                "days_since",
                Integer,
                Some("d"),
                "Days since the latest of the earlier ones; null where there is none.",
            ),
        ];
        columns.extend(closing_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        self.events
            .iter()
            .map(|e| {
                let n = &e.neighbours;
                Feature {
                    id: e.id.clone(),
                    geometry: point(e.position),
                    values: vec![
                        Value::Text(e.role.name().to_owned()),
                        Value::Text(e.offence.clone()),
                        e.place.clone().map_or(Value::Null, Value::Text),
                        Value::Text(e.basis.noun().to_owned()),
                        Value::Text(format_day(e.from)),
                        Value::Text(format_day(e.to - 1)),
                        count(n.repeats_before),
                        count(n.near_before),
                        count(n.repeats_after),
                        count(n.near_after),
                        count(n.same_day),
                        optional(n.days_since),
                        text(common.caveats.clone()),
                        common
                            .request
                            .marking
                            .clone()
                            .map_or(Value::Null, Value::Text),
                        Value::Text(common.run.to_owned()),
                    ],
                }
            })
            .collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let table = &self.table;
        // Ten significant digits, as in the layer's columns.
        let short = |v: f64| format!("{v:.9e}").parse::<f64>().unwrap_or(v);
        let columns = table.columns();
        let cells: Vec<Json> = (0..table.observed.len())
            .map(|cell| {
                json!({
                    "distance_m": self.distance.label(cell / columns),
                    "days": self.time.label(cell % columns),
                    "observed": table.observed[cell],
                    "expected": short(table.expected[cell]),
                    "ratio": table.ratio(cell).map(short),
                    "p": table.p(cell).map(short),
                    "p_poisson": table.p_poisson(cell).map(short),
                })
            })
            .collect();
        let mut r = Map::new();
        let mut put = |key: &str, value: Json| {
            r.insert(key.to_owned(), value);
        };
        put(
            "intervals",
            json!("[a, b): from a up to, but not including, b"),
        );
        put("metric", json!(self.metric.name()));
        put("incidents", json!(table.events));
        put("pairs", json!(table.pairs));
        put("pairs_by_distance", json!(table.pairs_by_distance));
        put("pairs_by_days", json!(table.pairs_by_days));
        put(
            "pairs_of_same_place_and_day",
            json!(table.same_place_same_day),
        );
        put(
            "expected_rule",
            json!(
                "exact mean over all orders of the days: pairs by distance times pairs by days over all pairs"
            ),
        );
        put(
            "p_rule",
            json!(table.shuffles.as_ref().map(|s| format!(
                "(1 + shuffles of the days with at least as many pairs) / ({} + 1), seed {}; null where no pair can lie",
                s.replicates, self.seed
            ))),
        );
        put(
            "p_poisson_rule",
            json!(
                "P(at least as many pairs) under Poisson with the exact expected number: an approximation that takes pairs for independent, which they are not; null where no pair can lie"
            ),
        );
        put("table", json!(cells));
        put(
            "roles",
            json!({
                "repeat_nearer_than_m": self.reach.repeat,
                "near_repeat_nearer_than_m": self.reach.near,
                "fewer_days_apart_than": self.reach.days,
                "incidents_with_others_near": self.events.len(),
                "incidents_with_none_near": self.alone,
            }),
        );
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = Vec::new();
        if self.snap_points > 0 {
            list.push("near repeats between map points, which the request allowed: distances are those of a list of points, and repeats are artefacts of it".to_owned());
        }
        if self.table.same_place_same_day > 0 {
            list.push(format!(
                "{} of one place and one day: perhaps one incident recorded twice",
                some(self.table.same_place_same_day, "pair", "pairs")
            ));
        }
        if self.several_days > 0 {
            list.push(caveats::several_days(self.several_days));
        }
        if self.misplaced > 0 {
            list.push(caveats::misplaced(self.misplaced));
        }
        list
    }
}
