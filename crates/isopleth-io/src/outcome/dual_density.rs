//! One density against another, cell by cell.

use geo::Geometry;
use isopleth_core::domain::Lens;
use isopleth_core::methods::dual_density::{
    Compare, Labels, Outcome, Side, SitesBy, Tolerance, Undefined,
};
use serde_json::{Map, Value as Json, json};

use super::place::closing_columns;
use super::values::{column, count, metres, real};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};

/// Points below which a density has no shape to speak of.
const SMALL_BASE: u64 = 20;

impl Table for Outcome {
    fn what(&self) -> &'static str {
        match (&self.against, self.lens) {
            (Side::Sites(_, SitesBy::Count), _) => "density against that of sites",
            (Side::Sites(_, SitesBy::Number), _) => "density against that of what sites stand for",
            (Side::Incidents { lens, .. }, own) if *lens == own => "dual density",
            (_, Lens::Reported) => {
                "dual density of reported incidents against police-generated records (enforcement activity)"
            }
            (_, Lens::PoliceGenerated) => {
                "dual density of police-generated records (enforcement activity) against reported incidents"
            }
        }
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::Polygon
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Boolean, Integer, Real, Text};
        let (unit, meaning) = match self.compare {
            Compare::Ratio => (None, "Density over that of the other side."),
            Compare::LogRatio => (
                None,
                "Natural logarithm of the density over that of the other side.",
            ),
            Compare::Difference => (Some("1/km²"), "Density less that of the other side."),
            Compare::RelativeRisk => (
                None,
                "Density over that of the other side, each divided by its integral over the cells: above 1 the selection is denser than its number lets expect.",
            ),
            Compare::LogRelativeRisk => (
                None,
                "Natural logarithm of the relative risk: above 0 the selection is denser than its number lets expect.",
            ),
        };
        let mut columns = vec![
            column(self.compare.name(), Real, unit, meaning),
            column(
                "undefined",
                Text,
                None,
                "Why there is no value; null where there is one.",
            ),
            column("count", Integer, None, "Selected incidents in the cell."),
            column(
                "count_against",
                Integer,
                None,
                "Incidents or sites of the other side in the cell.",
            ),
            column(
                "density_per_km2",
                Real,
                Some("1/km²"),
                "Kernel density of the selection at the cell's centre.",
            ),
            column(
                "density_against_per_km2",
                Real,
                Some("1/km²"),
                "Kernel density of the other side at the cell's centre.",
            ),
            column(
                "p",
                Real,
                None,
                "How often random labels make the cell as unusual, either way; null without relabelling or where both sides are next to nothing. Of this cell alone.",
            ),
            column(
                "p_upper",
                Real,
                None,
                "How often random labels make the value as high.",
            ),
            column(
                "p_lower",
                Real,
                None,
                "How often random labels make the value as low.",
            ),
            column(
                "p_adjusted",
                Real,
                None,
                "p adjusted over all cells that have one (Benjamini and Hochberg).",
            ),
            column(
                "area_m2",
                Real,
                Some("m²"),
                "The cell's own area in the National Grid.",
            ),
            column(
                "edge_effect",
                Boolean,
                None,
                "Near the study area's boundary with no data beyond it: the densities are too low there.",
            ),
        ];
        columns.extend(closing_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        (0..)
            .zip(&self.cells)
            .filter_map(|(c, cell)| {
                // A cell whose outline cannot be drawn lies off the plane, where none is made.
                let outline = self.lattice.outline(&[c]).ok()?;
                let p = |of: fn(&Tolerance) -> f64| {
                    cell.tolerance.as_ref().map_or(Value::Null, |t| real(of(t)))
                };
                let mut values = vec![
                    cell.value.map_or(Value::Null, real),
                    match cell.value {
                        Ok(_) => Value::Null,
                        Err(Undefined::Denominator) => {
                            Value::Text("the other side's density is below the floor".to_owned())
                        }
                        Err(Undefined::Numerator) => {
                            Value::Text("the selection's density is below the floor".to_owned())
                        }
                    },
                    count(cell.count),
                    count(cell.count_against),
                    real(cell.density_per_m2 * 1e6),
                    real(cell.against_per_m2 * 1e6),
                    p(|t| t.p),
                    p(|t| t.p_upper),
                    p(|t| t.p_lower),
                    p(|t| t.p_adjusted),
                    metres(cell.area_m2),
                    Value::Boolean(cell.edge_effect),
                ];
                values.extend(common.closing_values(common.caveats.clone()));
                Some(Feature {
                    id: self.lattice.name(c),
                    geometry: Geometry::Polygon(outline),
                    values,
                })
            })
            .collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let ten = |v: f64| format!("{v:.9e}").parse::<f64>().unwrap_or(v);
        let mut r = Map::new();
        let mut put = |key: &str, value: Json| {
            r.insert(key.to_owned(), value);
        };
        put("kernel", json!(self.kernel.name()));
        put("bandwidth_m", json!(self.bandwidth_m));
        put("against_bandwidth_m", json!(self.against_bandwidth_m));
        put("cells", json!(self.cells.len()));
        put(
            "cell_spacing_m",
            json!((self.lattice.tiling.spacing_m() * 10.0).round() / 10.0),
        );
        put("compare", json!(self.compare.name()));
        let mut against = match &self.against {
            Side::Sites(class, SitesBy::Count) => json!({ "sites": class }),
            Side::Sites(class, SitesBy::Number) => json!({ "sites": class, "sites_by": "number" }),
            Side::Incidents {
                lens,
                groups,
                period,
                months: _,
                unlocated,
            } => json!({
                "lens": lens.name(),
                "lens_title": lens.title(),
                "groups": groups,
                "period": period.as_ref().map(|(a, b)| format!("{a}/{b}")),
                "without_location": unlocated,
            }),
        };
        if let Some(against) = against.as_object_mut() {
            against.insert("selected".into(), json!(self.against_selected));
            against.insert("outside_study_area".into(), json!(self.against_beyond));
        }
        put("against", against);
        put("floor_per_km2", json!(ten(self.floors_per_km2.0)));
        put("against_floor_per_km2", json!(ten(self.floors_per_km2.1)));
        put("integral", json!(ten(self.integrals.0)));
        put("against_integral", json!(ten(self.integrals.1)));
        put("labels", json!(self.labels.words()));
        put("replicates", json!(self.replicates));
        put("seed", json!(self.seed));
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = Vec::new();
        match &self.against {
            Side::Sites(class, SitesBy::Number) => list.push(format!(
                "compared with {} that sites of class {class} stand for: whoever lives at a place is not who is there",
                self.against_selected
            )),
            Side::Sites(class, SitesBy::Count) => list.push(format!(
                "compared with {} sites of class {class}, which are no population at risk",
                self.against_selected
            )),
            Side::Incidents {
                lens,
                months,
                unlocated,
                ..
            } => {
                if *lens != self.lens {
                    list.push(
                        "reported incidents and police-generated records are compared, as asked for: the value follows where police looked"
                            .to_owned(),
                    );
                }
                if let Some((months, missing @ 1..)) = months {
                    list.push(format!("the data has no record of any kind in the study area in {missing} of the {months} months of the other side's period: zero there means not supplied"));
                }
                if self.unequal_periods && !self.compare.is_normalised() {
                    list.push(
                        "the two periods differ in length: densities are compared, not rates"
                            .to_owned(),
                    );
                }
                if *unlocated > 0 {
                    list.push(format!(
                        "{unlocated} records of the other side have no location"
                    ));
                }
            }
        }
        if self.against_selected < SMALL_BASE {
            list.push(format!(
                "only {} on the other side: read counts, not values",
                self.against_selected
            ));
        }
        if self.labels == Labels::Overlap {
            list.push(
                "the selection and the other side overlap in part: no p can be told".to_owned(),
            );
        }
        if self.bandwidth_m != self.against_bandwidth_m {
            list.push(
                "the two bandwidths differ: some of the value is that of the kernels".to_owned(),
            );
        }
        list
    }
}
