//! Near-repeat risk, cell by cell.

use geo::Geometry;
use isopleth_core::domain::{MINUTES_PER_DAY, format_day};
use isopleth_core::methods::near_repeat_risk;
use serde_json::{Map, Value as Json, json};

use super::place::closing_columns;
use super::values::{column, count, metres, real};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};

impl Table for near_repeat_risk::Outcome {
    fn what(&self) -> &'static str {
        "near-repeat risk"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::Polygon
    }

    fn about(&self) -> Option<String> {
        let day = format_day(self.as_of);
        Some(format!(
            "The risk on {day} comes from the {} freshest of them before it",
            self.fresh
        ))
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Date, Integer, Real};
        let mut columns = vec![
            column(
                "rank",
                Integer,
                None,
                "Place in the ranking by risk, from 1.",
            ),
            column(
                "risk",
                Real,
                None,
                "Sum of the weights of the fresh incidents within reach of the cell's centre. It ranks the cells of one day; it is no number of incidents to come.",
            ),
            column(
                "share_of_peak",
                Real,
                None,
                "Risk over the highest of the layer, 0 to 1.",
            ),
            column(
                "count",
                Integer,
                None,
                "Fresh incidents within reach of the cell's centre.",
            ),
            column(
                "nearest_m",
                Real,
                Some("m"),
                "Distance from the cell's centre to the nearest of them.",
            ),
            column("latest_day", Date, None, "Day of the latest of them."),
            column("day", Date, None, "The day that the risk is of."),
            column(
                "last_day",
                Date,
                None,
                "Last day of the last zone that reaches the cell, if nothing else happens.",
            ),
            column("area_m2", Real, Some("m²"), "The cell's area."),
        ];
        columns.extend(closing_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let peak = self.cells.first().map_or(1.0, |c| c.risk);
        self.cells
            .iter()
            .filter_map(|c| {
                // A cell whose outline cannot be drawn lies off the plane, where none is made.
                let outline = self.lattice.outline(&[c.cell]).ok()?;
                let age = i32::try_from(c.latest_days).unwrap_or_default();
                let latest = self.as_of - age * MINUTES_PER_DAY;
                let mut values = vec![
                    count(c.rank),
                    real(c.risk),
                    real(c.risk / peak),
                    count(c.count),
                    metres(c.nearest_m),
                    Value::Text(format_day(latest)),
                    Value::Text(self.day()),
                    Value::Text(format_day(c.last_day)),
                    metres(self.lattice.area_m2(c.cell).ok()?),
                ];
                values.extend(common.closing_values(common.caveats.clone()));
                Some(Feature {
                    id: self.lattice.name(c.cell),
                    geometry: Geometry::Polygon(outline),
                    values,
                })
            })
            .collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let mut r = Map::new();
        r.insert("day".into(), json!(self.day()));
        r.insert("fresh_incidents".into(), json!(self.fresh));
        r.insert(
            "cells_within_reach".into(),
            json!(self.cells.len() as u64 + self.below_share),
        );
        r.insert(
            "left_out_below_share_of_peak".into(),
            json!(self.below_share),
        );
        if let Some(bands) = &self.bands {
            let columns = bands.time.count();
            let weights: Vec<Json> = bands
                .weights
                .iter()
                .enumerate()
                .map(|(cell, w)| {
                    json!({
                        "distance_m": bands.distance.label(cell / columns),
                        "days": bands.time.label(cell % columns),
                        "weight": real(*w),
                    })
                })
                .collect();
            r.insert("incidents_of_the_knox_table".into(), json!(bands.incidents));
            r.insert("weights".into(), json!(weights));
        }
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = vec![
            "risk ranks the cells of one day by what was recorded near by in the days before; it is no number of incidents to come".to_owned(),
        ];
        if self.fresh == 0 {
            list.push(format!(
                "no selected incident is recent enough on {} to have a zone",
                self.day()
            ));
        }
        if self
            .bands
            .as_ref()
            .is_some_and(|b| b.weights.iter().all(|w| *w == 0.0))
        {
            list.push("the Knox table of the selection shows no significant near repeats: there is nothing to project".to_owned());
        }
        if self.snap_points > 0 {
            list.push("zones around map points, which the request allowed: distances are those of a list of points".to_owned());
        }
        list
    }
}
