//! Density along streets.

use geo::{Coord, Geometry, LineString};
use isopleth_core::methods::network_density::{self, StreetLixel};
use serde_json::{Map, Value as Json, json};

use super::place::closing_columns;
use super::values::{column, count, list, metres, real, round7, text};
use super::{Common, Table, weights};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};
use crate::words::some;

impl Table for network_density::Outcome {
    fn what(&self) -> &'static str {
        "density along streets"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::LineString
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Boolean, Integer, Real, Text};
        let mut columns = vec![
            column("rank", Integer, None, "Place in the ranking, from 1."),
            column(
                "street",
                Text,
                None,
                "Id of the street that most of the stretch belongs to.",
            ),
            column(
                "name",
                Text,
                None,
                "That street's name; null where it has none.",
            ),
            column(
                "other_streets",
                Text,
                None,
                "Ids of the other streets along the stretch; null where there are none.",
            ),
            column(
                "length_m",
                Real,
                Some("m"),
                "Length of the stretch in the National Grid.",
            ),
            column(
                "density_per_km",
                Real,
                Some("1/km"),
                "Density along the streets at the middle of the stretch, in incidents per km of street.",
            ),
            column(
                "count",
                Integer,
                None,
                "Selected incidents of the study area whose nearest street is this stretch.",
            ),
            column(
                "count_per_km",
                Real,
                Some("1/km"),
                "Count over length: coarse on short stretches.",
            ),
            column(
                "distinct_locations",
                Integer,
                None,
                "Distinct locations of these incidents.",
            ),
            column(
                "count_reported",
                Integer,
                None,
                "Incidents of the same groups and period at these locations that somebody reported.",
            ),
            column(
                "count_police_generated",
                Integer,
                None,
                "Incidents of the same groups and period at these locations that exist because police looked.",
            ),
            column(
                "share_of_incidents",
                Real,
                None,
                "Share of the incidents on streets, 0 to 1; null for fewer than 20.",
            ),
            column(
                "cumulative_share_of_incidents",
                Real,
                None,
                "Share of the incidents on streets that the stretches down to this rank hold; null for fewer than 20.",
            ),
            column(
                "cumulative_share_of_length",
                Real,
                None,
                "Share of the length of all stretches that those down to this rank have.",
            ),
            column(
                "top_offences",
                Text,
                None,
                "The three most frequent offences with their numbers.",
            ),
            column(
                "location_basis",
                Text,
                None,
                "What the positions stand for, with numbers.",
            ),
            column(
                "edge_effect",
                Boolean,
                None,
                "Near the study area's boundary with no data beyond it: the density is too low there.",
            ),
        ];
        columns.extend(closing_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        self.lixels
            .iter()
            .map(|l| Feature {
                id: l.id.clone(),
                geometry: line(l),
                values: values(l, common),
            })
            .collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let km = |m: f64| m.round() / 1000.0;
        let entries = [
            ("kernel", json!(self.params.kernel.name())),
            ("bandwidth_m", json!(self.params.bandwidth_m)),
            ("split", json!(self.params.split.name())),
            (
                "lixel_m",
                self.lixel_m.map_or(json!("segment"), |m| json!(m)),
            ),
            ("density_at", json!("the middle of each stretch")),
            ("snap_m", json!(self.params.snap_m)),
            ("node_tolerance_m", json!(self.params.node_tolerance_m)),
            ("rank_by", json!(self.params.rank_by.name())),
            ("streets_vintage", json!(self.vintage)),
            ("network_streets", json!(self.network.streets)),
            ("network_segments", json!(self.network.segments)),
            ("network_junctions", json!(self.network.junctions)),
            ("network_length_km", json!(km(self.network.length_m))),
            ("pieces_drawn_again", json!(self.network.repeated)),
            ("stretches", json!(self.found)),
            ("stretches_with_incidents", json!(self.with_incidents)),
            ("length_km", json!(km(self.length_m))),
            ("incidents_on_streets", json!(self.snapped)),
            ("incidents_at_junctions", json!(self.at_junctions)),
            ("left_out_too_far", json!(self.too_far.0)),
            ("locations_too_far", json!(self.too_far.1)),
            (
                "farthest_snapped_m",
                json!((self.farthest_m * 10.0).round() / 10.0),
            ),
            ("left_out_beyond_max", json!(self.beyond_max)),
            (
                "left_out_mass",
                json!((self.left_out_mass * 1e9).round() / 1e9),
            ),
        ];
        entries
            .map(|(k, v)| (k.to_owned(), v))
            .into_iter()
            .collect()
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = vec![
            "each incident counts to the street nearest to its position, which need not be the street that it happened in"
                .to_owned(),
        ];
        if self.too_far.0 > 0 {
            list.push(format!(
                "{} at {} further than {} m from any street, left out",
                some(self.too_far.0, "incident", "incidents"),
                some(self.too_far.1.into(), "location", "locations"),
                self.params.snap_m
            ));
        }
        if self.at_junctions > 0 {
            list.push(format!(
                "{} to one of the streets that meet there",
                some(
                    self.at_junctions,
                    "incident lies at a junction and counts",
                    "incidents lie at a junction and count"
                )
            ));
        }
        if self.snapped < u64::from(self.found) {
            list.push(
                "there are fewer incidents than stretches: most would have none whatever happened"
                    .to_owned(),
            );
        }
        if self.lixel_m.is_none() {
            list.push(
                "the density of a segment is that of its middle: for long ones read count and length"
                    .to_owned(),
            );
        }
        list
    }
}

fn line(l: &StreetLixel) -> Geometry {
    let mut line: Vec<Coord> = l
        .line
        .iter()
        .map(|p| Coord {
            x: round7(p.lon()),
            y: round7(p.lat()),
        })
        .collect();
    line.dedup();
    // A line has two ends, also one that is shorter than the rounding.
    if let [only] = line[..] {
        line.push(only);
    }
    Geometry::LineString(LineString(line))
}

fn values(l: &StreetLixel, common: &Common) -> Vec<Value> {
    let own = l
        .edge_effect
        .then(|| "no data beyond the study area's boundary: density near it is too low".to_owned());
    let caveats = own.into_iter().chain([common.caveats.clone()]);
    let facts = l.facts.as_ref();
    let number = |n: Option<u32>| count(n.unwrap_or(0));
    let share = |s: Option<f64>| s.map_or(Value::Null, real);
    let mut values = vec![
        count(l.rank),
        text(l.street.clone()),
        text(l.name.clone()),
        text(list(l.other_streets.iter().cloned())),
        metres(l.length_m),
        real(l.density_per_m * 1000.0),
        count(l.count),
        real(f64::from(l.count) / l.length_m * 1000.0),
        number(facts.map(|f| f.distinct_locations)),
        number(facts.map(|f| f.count_reported)),
        number(facts.map(|f| f.count_police_generated)),
        share(l.share),
        share(l.cumulative_share),
        real(l.cumulative_length),
        text(facts.map_or(String::new(), |f| {
            list(f.top_offences.iter().map(|(o, n)| format!("{o} {n}")))
        })),
        text(facts.map_or(String::new(), |f| {
            list(f.location_basis.iter().map(|(b, n)| format!("{b} {n}")))
        })),
    ];
    // Their columns are put in after the one of the location basis.
    values.extend(weights::values_if_any(common.facts, facts));
    values.push(Value::Boolean(l.edge_effect));
    let caveats = list(caveats.filter(|c| !c.is_empty()));
    values.extend(common.closing_values(caveats));
    values
}
