//! Risky facilities.

use isopleth_core::methods::risky_facilities::{self, Facility};
use isopleth_core::statistics::share;
use serde_json::{Map, Value as Json, json};

use super::place::place_columns;
use super::values::{column, count, optional_real, part, point, short};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};
use crate::words::some;

impl Table for risky_facilities::Outcome {
    fn what(&self) -> &'static str {
        "incidents at facilities"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::Point
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Boolean, Integer, Real, Text};
        let mut columns = vec![
            column(
                "rank",
                Integer,
                None,
                "Place in the ranking by count, from 1; equals by id.",
            ),
            column("name", Text, None, "Name of the site."),
            column("site_class", Text, None, "Class of the site."),
            column(
                "share_of_incidents",
                Real,
                None,
                "Share of the incidents at all sites of the study area, 0 to 1; null for fewer than 20.",
            ),
            column(
                "cumulative_count",
                Integer,
                None,
                "Incidents at this and all sites before it.",
            ),
            column(
                "cumulative_share",
                Real,
                None,
                "The same as a share, 0 to 1; null for fewer than 20 incidents.",
            ),
            column(
                "edge_effect",
                Boolean,
                None,
                "No farther from the study area's boundary than the distance: incidents beyond it are not counted.",
            ),
        ];
        columns.extend(place_columns());
        for c in &mut columns {
            if c.name == "count" {
                c.meaning = "Selected incidents that are nearest to this site and within the distance; near is not at.".into();
            }
        }
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let total = self.spread.incidents();
        let feature = |f: &Facility| {
            let mut own = Vec::new();
            if f.edge_effect {
                own.push(
                    "near the study area's boundary: incidents beyond it are not counted"
                        .to_owned(),
                );
            }
            let mut values = vec![
                count(f.rank),
                Value::Text(f.name.clone()),
                Value::Text(self.params.site_class.clone()),
                optional_real(share(f.count.into(), total)),
                Value::Integer(f.cumulative as i64),
                optional_real(share(f.cumulative, total)),
                Value::Boolean(f.edge_effect),
            ];
            values.extend(common.place_values_if_any(f.facts.as_ref(), &own));
            Feature {
                id: f.id.clone(),
                geometry: point(f.position),
                values,
            }
        };
        self.facilities.iter().map(feature).collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let s = &self.spread;
        let curve: Vec<Json> = s
            .lorenz()
            .iter()
            .map(|c| json!([c.places, c.incidents]))
            .collect();
        let mut r = Map::new();
        let mut put = |key: &str, value: Json| {
            r.insert(key.to_owned(), value);
        };
        put("site_class", json!(self.params.site_class));
        put("within_m", json!(self.params.within_m));
        put(
            "count_rule",
            json!(
                "each incident at its nearest site, exactly the distance included; equals at the site of the least id"
            ),
        );
        put("sites", json!(s.places()));
        put("incidents_at_sites", json!(s.incidents()));
        put("incidents_at_none", json!(self.at_none));
        put(
            "incidents_at_sites_beyond_the_boundary",
            json!(self.at_sites_beyond),
        );
        put(
            "sites_without_incidents",
            part(s.places() - s.occupied(), s.places()),
        );
        put(
            "sites_at_the_place_of_another",
            json!(self.sharing_a_position),
        );
        put(
            "busiest",
            json!({
                "sites": part(self.top_sites, s.places()),
                "hold": part(s.held_by(self.top_sites), s.incidents()),
            }),
        );
        put("generalised_gini", json!(s.generalised_gini().map(short)));
        put(
            "curve",
            json!({
                "points": "[busiest sites, incidents at them]; straight in between",
                "corners": curve,
            }),
        );
        put(
            "by_chance",
            json!(self.chance.map(|c| json!({
                "rule": format!(
                    "as many incidents thrown at as many equally likely sites, {} times, seed {}; p = (1 + throws that concentrate at least as much) / ({} + 1)",
                    c.replicates, self.params.seed, c.replicates
                ),
                "busiest_hold_mean": short(c.top_mean),
                "busiest_hold_middle_95": [c.top_middle.0, c.top_middle.1],
                "busiest_hold_p": short(c.top_p),
                "generalised_gini_mean": short(c.gini_mean),
                "generalised_gini_p": short(c.gini_p),
            }))),
        );
        put("left_out_beyond_max", json!(self.beyond_max));
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = vec!["near a site is not at it, still less because of it".to_owned()];
        if self.sharing_a_position > 0 {
            list.push(format!(
                "{} at the very place of another: the one of the least id has all incidents",
                some(self.sharing_a_position, "site lies", "sites lie")
            ));
        }
        list
    }
}
