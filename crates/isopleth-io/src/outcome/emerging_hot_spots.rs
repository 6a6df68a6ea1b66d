//! Emerging hot spots, cell by cell.

use geo::Geometry;
use isopleth_core::methods::emerging_hot_spots::{
    self, Cell, Definition, Family, LEAST_STEPS, PValue, Reference, Sides, State,
};
use serde_json::{Map, Value as Json, json};

use super::place::place_columns;
use super::values::{column, count, metres, optional_real, short};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};

impl Table for emerging_hot_spots::Outcome {
    fn what(&self) -> &'static str {
        match self.params.sides {
            Sides::Hot => "emerging hot spots",
            Sides::Cold => "emerging cold spots",
            Sides::Both => "emerging hot and cold spots",
        }
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::Polygon
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Boolean, Integer, Real, Text};
        let mut columns = vec![
            column(
                "rank",
                Integer,
                None,
                "Place in the ranking by the latest z, from 1; equals by count.",
            ),
            column(
                "name",
                Text,
                None,
                "Commonest place text of the incidents and ward; says what a location stands for unless it is an address.",
            ),
            column(
                "category",
                Text,
                None,
                "What the history of the cell is by the definition: new, consecutive, intensifying, persistent, diminishing, sporadic, oscillating, historical; or persistent, emerging, former, intermittent, mixed. Null for no pattern.",
            ),
            column(
                "side",
                Text,
                None,
                "hot (many incidents) or cold (few); null for no pattern.",
            ),
            column("definition", Text, None, "Whose categories they are."),
            column("steps", Integer, None, "Steps of the history."),
            column(
                "steps_hot",
                Integer,
                None,
                "Steps in which the cell is significantly hot.",
            ),
            column(
                "steps_cold",
                Integer,
                None,
                "Steps in which the cell is significantly cold.",
            ),
            column(
                "history",
                Text,
                None,
                "The steps from the first on: H hot, C cold, a point for neither.",
            ),
            column(
                "counts_by_step",
                Text,
                None,
                "The cell's own incidents, step by step.",
            ),
            column("latest_step", Text, None, "The final step."),
            column(
                "latest_count",
                Integer,
                None,
                "The cell's own incidents in the final step.",
            ),
            column(
                "latest_neighbourhood_count",
                Integer,
                None,
                "Incidents in the neighbourhood of the final step: the cells around and the steps before that belong to it.",
            ),
            column(
                "latest_neighbourhood_bins",
                Integer,
                None,
                "Cells times steps of that neighbourhood.",
            ),
            column(
                "latest_z",
                Real,
                None,
                "Gi* of the final step, in standard deviations; null where it is undefined.",
            ),
            column(
                "latest_p",
                Real,
                None,
                match self.params.p_value {
                    PValue::Exact => {
                        "Its two-sided p: how likely the sum, or one farther out, is among all ways to deal the counts of the reference to its bins."
                    }
                    PValue::Normal => {
                        "Its two-sided p by the normal distribution, which is far too small where counts are sparse."
                    }
                },
            ),
            column(
                "latest_p_adjusted",
                Real,
                None,
                "The same, adjusted for all tests looked at together.",
            ),
            column(
                "trend",
                Text,
                None,
                "up, down or none: whether the cell's z rises or falls significantly over the steps.",
            ),
            column(
                "trend_z",
                Real,
                None,
                "Mann–Kendall z of the cell's Gi*; null where all are equal.",
            ),
            column("trend_p", Real, None, "Its two-sided p."),
            column(
                "edge_effect",
                Boolean,
                None,
                "The boundary of the study area cuts the cell or one around it: incidents beyond are not counted, and values are uncertain.",
            ),
            column("area_m2", Real, Some("m²"), "Planar area of the cell."),
        ];
        columns.extend(place_columns());
        for c in &mut columns {
            if c.name == "count" {
                c.meaning = "Selected incidents of the cell itself in the whole period.".into();
            }
        }
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let feature = |c: &Cell| {
            // A cell whose outline cannot be drawn lies off the plane, where none is made.
            let outline = self.lattice.outline(&[c.cell]).ok()?;
            let mut own = Vec::new();
            if c.edge_effect {
                own.push(
                    "at the study area's boundary: incidents beyond it are not counted".to_owned(),
                );
            }
            let counts: Vec<String> = c.counts.iter().map(u32::to_string).collect();
            let history = c.states.iter().map(|s| match s {
                State::Hot => 'H',
                State::Cold => 'C',
                State::Neither => '.',
            });
            let name = |n: Option<&str>| n.map_or(Value::Null, |n| Value::Text(n.to_owned()));
            let mut values = vec![
                count(c.rank),
                Value::Text(c.name.clone()),
                name(c.category.map(|c| c.pattern.name())),
                name(c.category.map(|c| c.side.name())),
                name(Some(self.params.definition.name())),
                count(self.steps.len() as u32),
                count(c.steps_in(State::Hot)),
                count(c.steps_in(State::Cold)),
                Value::Text(history.collect()),
                Value::Text(counts.join(" ")),
                self.steps.last().cloned().map_or(Value::Null, Value::Text),
                count(c.counts.last().copied().unwrap_or_default()),
                count(c.latest_around),
                count(c.latest_bins),
                optional_real(c.latest_z),
                optional_real(c.latest_p),
                optional_real(c.latest_adjusted_p),
                name(Some(c.trend.name())),
                optional_real(c.trend_z_p.map(|t| t.0)),
                optional_real(c.trend_z_p.map(|t| t.1)),
                Value::Boolean(c.edge_effect),
                metres(c.area_m2),
            ];
            values.extend(common.place_values_if_any(c.facts.as_ref(), &own));
            Some(Feature {
                id: self.lattice.name(c.cell),
                geometry: Geometry::Polygon(outline),
                values,
            })
        };
        self.cells.iter().filter_map(feature).collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let p = &self.params;
        let mut r = Map::new();
        let mut put = |key: &str, value: Json| {
            r.insert(key.to_owned(), value);
        };
        put("definition", json!(p.definition.name()));
        put("cells", json!(self.lattice.len()));
        put("steps", json!(self.steps));
        put("steps_without_data_left_out", json!(self.missing));
        put("days_left_out_at_the_beginning", json!(self.days_left_out));
        put("incidents", json!(self.incidents));
        put("incidents_in_no_step", json!(self.in_no_step));
        put(
            "neighbourhood",
            json!({
                "rule": match p.distance_m {
                    Some(m) => format!("cells whose centres are at most {m} m apart, itself included"),
                    None => format!("{} rings of cells, itself included", p.rings.unwrap_or(1)),
                },
                "cells_least": self.sizes.map(|s| s.0),
                "cells_most": self.sizes.map(|s| s.1),
                "steps": format!(
                    "its own and {} before it, never one after; the first steps have fewer before them",
                    p.time_window
                ),
            }),
        );
        put(
            "reference",
            json!({
                "name": p.reference.name(),
                "rule": match p.reference {
                    Reference::EntireCube => "mean and standard deviation of all bins",
                    Reference::Window => "mean and standard deviation of all cells in the steps of the neighbourhood",
                    Reference::Step => "mean and standard deviation of all cells in the bin's own step",
                },
                "latest_mean": self.latest_scale.map(|s| short(s.mean)),
                "latest_sd": self.latest_scale.map(|s| short(s.sd)),
            }),
        );
        put(
            "significance",
            json!({
                "rule": format!(
                    "two-sided {} p, adjusted by {} over {}, at most {}",
                    match p.p_value {
                        PValue::Exact => "exact permutation",
                        PValue::Normal => "normal",
                    },
                    p.correction.name(),
                    match p.correct_over {
                        Family::AllBins => "all bins",
                        Family::EachStep => "the bins of each step",
                        Family::EachCell => "the bins of each cell",
                    },
                    p.level
                ),
                "p_value": p.p_value.name(),
                "bins": self.bins.all,
                "tested": self.bins.tested,
                "hot": self.bins.hot,
                "cold": self.bins.cold,
            }),
        );
        put(
            "trend_rule",
            json!(format!(
                "Mann–Kendall over a cell's z, ties and continuity corrected, two-sided p at most {}, not adjusted",
                p.trend_level
            )),
        );
        let categories: Map<String, Json> = self
            .by_category
            .iter()
            .map(|(c, n)| (c.words(), json!(n)))
            .collect();
        put("cells_by_category", Json::Object(categories));
        put(
            "cells_without_pattern",
            json!(self.lattice.len() as u64 - self.by_category.values().sum::<u64>()),
        );
        put(
            "left_out_hot_without_own_incidents",
            json!(self.without_incidents),
        );
        put("least_steps", json!(LEAST_STEPS));
        put("left_out_beyond_max", json!(self.beyond_max));
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = vec![
            "cells are tested with those around them and the step before: a cell may be hot for its neighbours' incidents; see its own counts".to_owned(),
        ];
        if self.params.p_value == PValue::Normal {
            list.push("p is by the normal distribution, which calls single incidents hot where counts are sparse; \"p_value\": \"exact\" does not".to_owned());
        }
        if self.bins.tested < self.bins.all {
            list.push(format!(
                "Gi* is undefined in {} of {} bins: what they are held against is all the same, or all within the neighbourhood",
                self.bins.all - self.bins.tested,
                self.bins.all
            ));
        }
        if self.snap_points > 0 {
            list.push("map points are moved, added and dropped between releases: a cell may begin or end hot for that alone; compare months of one release".to_owned());
        }
        if !self.missing.is_empty() {
            list.push(format!(
                "steps without data are left out: {}",
                self.missing.join(", ")
            ));
        }
        if self.params.sides != Sides::Hot {
            list.push("cold cells are mostly ground where nothing of the kind can happen: water, parks, railways".to_owned());
        }
        if self.params.definition == Definition::Sfhotspot
            && self.params.correct_over != Family::EachCell
        {
            list.push("sfhotspot's states, but not its tests: that package tests each period by itself and adjusts over the periods of a cell".to_owned());
        }
        list
    }
}
