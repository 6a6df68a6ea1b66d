//! Concentration.

use isopleth_core::methods::concentration::{self, Place};
use isopleth_core::statistics::{Concentration, share};
use isopleth_core::tally::CountedBy;
use serde_json::{Map, Value as Json, json};

use super::place::{at_a_station, place_columns};
use super::repeats::station_words;
use super::values::{area, column, count, optional_real, part, shape, shapes, short};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};
use crate::words::{some, thousands};

impl Table for concentration::Outcome {
    fn what(&self) -> &'static str {
        "places that hold most incidents"
    }

    fn geometry(&self) -> GeometryKind {
        shapes(self.by)
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Integer, Real, Text};
        let mut columns = vec![
            column(
                "rank",
                Integer,
                None,
                "Place in the ranking by count, from 1; equals by easting and northing, or by cell.",
            ),
            column(
                "name",
                Text,
                None,
                "Commonest place text and ward; says what a location stands for unless it is an address.",
            ),
            column(
                "set",
                Text,
                None,
                "The smallest set of busiest places that it belongs to: those that hold this share of the incidents.",
            ),
            column(
                "cumulative_count",
                Integer,
                None,
                "Incidents at this and all places before it.",
            ),
            column(
                "cumulative_share",
                Real,
                None,
                "The same as a share of the selected incidents, 0 to 1; null for fewer than 20 incidents.",
            ),
            column(
                "area_m2",
                Real,
                Some("m²"),
                "Planar area of the cell; null for a location.",
            ),
            column(
                "station_stack",
                Text,
                None,
                "declared, recorded or suspected where records look placed at a police station; null elsewhere and for cells.",
            ),
        ];
        columns.extend(place_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let total = self.occupied.incidents();
        let feature = |p: &Place| {
            let (stack, caveat) = station_words(p.station_stack.as_ref());
            let mut own: Vec<String> = caveat.into_iter().collect();
            if own.is_empty() {
                own.extend(at_a_station(&p.facts));
            }
            let mut values = vec![
                count(p.rank),
                Value::Text(p.name.clone()),
                Value::Text(percent(p.share)),
                Value::Integer(p.cumulative as i64),
                optional_real(share(p.cumulative, total)),
                area(&p.shape),
                stack,
            ];
            values.extend(common.place_values(&p.facts, &own));
            Feature {
                id: p.id.clone(),
                geometry: shape(&p.shape),
                values,
            }
        };
        self.places.iter().map(feature).collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let (occupied, all) = (self.occupied.places(), self.all.places());
        let sets: Vec<Json> = self
            .levels
            .iter()
            .map(|l| {
                json!({
                    "share_of_incidents": l.share,
                    "places": l.places,
                    "incidents": l.incidents,
                    "of_places_with_incidents": part(l.places, occupied),
                    "of_all_places": part(l.places, all),
                    "as_busy_as_the_last_but_left_out": l.tied_beyond,
                    "street_segments_in_the_literature": literature(l.share),
                })
            })
            .collect();
        let lorenz: Vec<Json> = self
            .all
            .lorenz()
            .iter()
            .map(|c| json!([c.places, c.incidents]))
            .collect();
        let mut r = Map::new();
        let mut put = |key: &str, value: Json| {
            r.insert(key.to_owned(), value);
        };
        put("counted_by", json!(self.by.words()));
        put(
            "all_places_are",
            json!(match self.by {
                CountedBy::Locations =>
                    "locations of the study area at which the data has a record of any kind and time",
                CountedBy::Cells(_) => "cells that touch the study area, empty ones among them",
            }),
        );
        put("incidents", json!(self.occupied.incidents()));
        put("places_with_incidents", json!(occupied));
        put("all_places", json!(all));
        put(
            "set_rule",
            json!(
                "the smallest number of busiest places that hold at least the share; no place is divided"
            ),
        );
        put("sets", json!(sets));
        put("gini_over_places_with_incidents", gini(&self.occupied));
        put("gini_over_all_places", gini(&self.all));
        put(
            "lorenz_curve",
            json!({
                "points": "[busiest places, incidents that they hold]; straight in between",
                "corners": lorenz,
            }),
        );
        put("left_out_beyond_max", json!(self.beyond_max));
        r
    }

    fn caveats(&self) -> Vec<String> {
        let c = &self.all;
        let mut list = Vec::new();
        if c.incidents() > 0 && c.incidents() < c.places() {
            list.push(format!(
                "{} cannot be at more than so many of {} places: read the generalised Gini coefficient",
                some(c.incidents(), "incident", "incidents"),
                thousands(c.places())
            ));
        }
        list
    }
}

fn percent(share: f64) -> String {
    format!("{} %", short(share * 100.0))
}

fn gini(c: &Concentration) -> Json {
    json!({
        "gini": c.gini().map(short),
        "unbiased": c.unbiased_gini().map(short),
        "generalised": c.generalised_gini().map(short),
    })
}

/// What is known of street segments, where anything is.
fn literature(share: f64) -> Json {
    let line = match (share * 100.0).round() as u32 {
        25 => "0.4 to 1.6 % of all street segments (Weisburd 2015, doi 10.1111/1745-9125.12070)",
        50 => {
            "2.1 to 6.0 % of all street segments (Weisburd 2015, doi 10.1111/1745-9125.12070); 1.7 to 11.0 %, median 4.5 %, over reviewed studies"
        }
        _ => return Json::Null,
    };
    json!(format!(
        "{line}; street segments without crime count too, so hold it against of_all_places and expect the order of magnitude"
    ))
}
