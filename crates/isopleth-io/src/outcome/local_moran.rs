//! Local Moran's I, cell by cell.

use geo::Geometry;
use isopleth_core::local_association::{CellsShown, Statistic};
use isopleth_core::methods::local_moran::{self, Cell, Quadrant};
use serde_json::{Map, Value as Json, json};

use super::getis_ord::{
    floor_resolved, ground_caveats, ground_resolved, p_caveats, p_resolved, shuffles, sides_words,
};
use super::place::{at_a_station, place_columns};
use super::values::{column, count, metres, optional, optional_real};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};

impl Table for local_moran::Outcome {
    fn what(&self) -> &'static str {
        match self.params.cells_shown {
            CellsShown::All => "cells beside their neighbours",
            CellsShown::Significant => "cells significantly like or unlike their neighbours",
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
                "Place in the ranking: high_high, high_low, low_high, low_low, and by |z| in each; from 1.",
            ),
            column(
                "quadrant",
                Text,
                None,
                "The cell against the mean of the map, then its neighbours: high_high, high_low, low_high or low_low; null where either is exactly the mean.",
            ),
            column(
                "significant",
                Boolean,
                None,
                "Whether adjusted p is at most the level, in a quadrant asked for.",
            ),
            column(
                "local_i",
                Real,
                None,
                "Local Moran's I; null where it is not defined.",
            ),
            column(
                "z",
                Real,
                None,
                "I less its mean over its standard deviation, the cell's own count held fixed.",
            ),
            column("p", Real, None, "Two-sided p of the cell alone."),
            column(
                "p_adjusted",
                Real,
                None,
                "p adjusted over all cells of the map.",
            ),
        ];
        if shuffles(self.params.p_value).is_some() {
            columns.push(column("draws", Integer, None, "Draws until p was settled."));
        }
        columns.extend([
            column(
                "neighbours_count",
                Integer,
                None,
                "Selected incidents in the neighbouring cells.",
            ),
            column(
                "neighbours_expected",
                Real,
                None,
                "So many would be the neighbours' share of all others.",
            ),
            column(
                "neighbours",
                Integer,
                None,
                "Neighbouring cells in the study area.",
            ),
            column(
                "area_m2",
                Real,
                Some("m²"),
                "The cell's own area in the National Grid.",
            ),
        ]);
        columns.extend(place_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let lattice = &self.ground.study.lattice;
        let feature = |c: &Cell| {
            // A cell whose outline cannot be drawn lies off the plane, where none is made.
            let outline = lattice.outline(&[c.cell]).ok()?;
            let mut values = vec![
                count(c.rank),
                c.quadrant
                    .map_or(Value::Null, |q| Value::Text(q.name().to_owned())),
                Value::Boolean(c.significant),
                optional_real(c.i),
                optional_real(c.z),
                optional_real(c.p),
                optional_real(c.p_adjusted),
            ];
            if shuffles(self.params.p_value).is_some() {
                values.push(optional(c.draws));
            }
            values.extend([
                Value::Integer(c.neighbours_count as i64),
                optional_real(c.neighbours_expected),
                count(c.neighbours),
                metres(c.area_m2),
            ]);
            let own: Vec<String> = c.facts.iter().filter_map(at_a_station).collect();
            values.extend(common.place_values_if_any(c.facts.as_ref(), &own));
            Some(Feature {
                id: lattice.name(c.cell),
                geometry: Geometry::Polygon(outline),
                values,
            })
        };
        self.cells.iter().filter_map(feature).collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let p = &self.params;
        let quadrants = [
            Quadrant::HighHigh,
            Quadrant::HighLow,
            Quadrant::LowHigh,
            Quadrant::LowLow,
        ];
        let by_quadrant: Map<String, Json> = quadrants
            .into_iter()
            .zip(self.significant)
            .map(|(q, n)| (q.name().to_owned(), json!(n)))
            .collect();
        let mut r = ground_resolved(&self.ground);
        let mut put = |key: &str, value: Json| {
            r.insert(key.to_owned(), value);
        };
        put("weights", json!(p.weights.name()));
        put("cells_with_incidents", json!(self.occupied));
        put("incidents_in_cells", json!(self.incidents));
        put("p_value", p_resolved(p.p_value, Statistic::Gi, false));
        put("p_is", json!("two-sided: twice the smaller tail"));
        put("correction", json!(p.correction.name()));
        put("tests", json!(self.tests));
        put("level", json!(p.level));
        put("significant_cells", Json::Object(by_quadrant));
        put("other_quadrants_are", json!(sides_words(p.sides)));
        if let Some(floor) = self.floor {
            put("floor_of_p", floor_resolved(floor));
        }
        put("left_out_beyond_max", json!(self.beyond_max));
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = ground_caveats(&self.ground);
        list.extend(p_caveats(
            self.params.p_value,
            self.params.correction,
            self.floor,
        ));
        list.push(
            "significance is that of what lies around the cell, its own count given; where most cells are empty one or two incidents are high".to_owned(),
        );
        if self.tests == 0 {
            list.push("all cells have the same count: nothing can be tested".to_owned());
        }
        list
    }
}
