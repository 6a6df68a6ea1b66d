//! Contours of a surface.

use geo::Geometry;
use isopleth_core::ContouredSurface;
use isopleth_core::contours::{Kind, Outline};
use isopleth_core::methods::kernel_density::Weighting;
use serde_json::{Map, Value as Json, json};

use super::place::closing_columns;
use super::surface::{
    density_column, edge_caveat, edge_meaning, surface_caveats, surface_resolved,
};
use super::values::{column, count, metres, real};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};

impl Table for ContouredSurface {
    fn what(&self) -> &'static str {
        match self.contours.kind {
            Kind::Volume => "areas that hold shares of the density",
            Kind::Level => "density contours",
            Kind::Band => "density in fixed classes",
        }
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::MultiPolygon
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Boolean, Integer, Real};
        let harm = matches!(self.surface.weight, Weighting::Harm { .. });
        let mut columns = match self.contours.kind {
            Kind::Volume => vec![
                column(
                    "volume",
                    Real,
                    None,
                    if harm {
                        "Share of the harm asked for, 0 to 1: the smallest area that holds it."
                    } else {
                        "Share of the density asked for, 0 to 1: the smallest area that holds it."
                    },
                ),
                density_column(
                    &self.surface,
                    "threshold_per_km2",
                    "Least density of the ground",
                ),
            ],
            Kind::Level => vec![density_column(
                &self.surface,
                "level_per_km2",
                "Least density of the ground, as asked for",
            )],
            Kind::Band => vec![
                density_column(
                    &self.surface,
                    "from_per_km2",
                    "Lower end of the class, which belongs to it; fixed by the request",
                ),
                density_column(
                    &self.surface,
                    "to_per_km2",
                    "Upper end of the class, which does not belong to it; null for the densest class, which is open",
                ),
            ],
        };
        columns.extend([
            column(
                "count",
                Integer,
                None,
                "Selected incidents inside the outline, by plain geometry; on a line that two classes share they count in the denser. Always whole records, whatever the surface is weighted by.",
            ),
            column(
                "area_m2",
                Real,
                Some("m²"),
                "Area of the outline in the National Grid.",
            ),
            column(
                "share_of_incidents",
                Real,
                None,
                "Share of the selected incidents of the study area, with hours of the expected ones, 0 to 1; null where they are fewer than 20.",
            ),
            column(
                "share_of_area",
                Real,
                None,
                "Share of the study area, 0 to 1; null where none is named.",
            ),
            column(
                "volume_share",
                Real,
                None,
                if harm {
                    "Share of the harm that its cells hold, 0 to 1: density of harm times area over all cells."
                } else {
                    "Share of the density that its cells hold, 0 to 1: density times area over all cells."
                },
            ),
            column("cells", Integer, None, "Cells whose density qualifies."),
            column(
                "cut_at_boundary",
                Boolean,
                None,
                "The boundary of the study area cuts it: outline, count and area are those of the ground inside.",
            ),
            column(
                "edge_effect",
                Boolean,
                None,
                &format!("Of some of it: {}", edge_meaning(&self.surface)),
            ),
        ]);
        columns.extend(closing_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let found = &self.contours;
        found
            .asked
            .iter()
            .filter_map(|a| Some((a, a.contour.as_ref()?)))
            .map(|(asked, c)| {
                let mut values = vec![real(asked.value)];
                match found.kind {
                    Kind::Volume => {
                        values.push(asked.threshold_per_km2.map_or(Value::Null, real));
                    }
                    Kind::Level => {}
                    Kind::Band => values.push(asked.upper_per_km2.map_or(Value::Null, real)),
                }
                values.push(count(c.count));
                // Its column is put in after the one of the count.
                values.extend(common.facts.hours.as_ref().map(|_| real(c.expected)));
                values.extend([
                    metres(c.area_m2),
                    c.share_of_incidents.map_or(Value::Null, real),
                    c.share_of_area.map_or(Value::Null, real),
                    real(c.volume_share),
                    Value::Integer(c.cells as i64),
                    Value::Boolean(c.cut_at_boundary),
                    Value::Boolean(c.edge_effect),
                ]);
                let mut caveats = Vec::new();
                if c.cut_at_boundary {
                    caveats.push(
                        "cut at the boundary of the study area, and may go on beyond it".to_owned(),
                    );
                }
                if c.edge_effect {
                    caveats.push(edge_caveat(&self.surface).to_owned());
                }
                if !common.caveats.is_empty() {
                    caveats.push(common.caveats.clone());
                }
                values.extend(common.closing_values(caveats.join("; ")));
                Feature {
                    id: asked.id.clone(),
                    geometry: Geometry::MultiPolygon(c.outline.clone()),
                    values,
                }
            })
            .collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let found = &self.contours;
        let harm = matches!(self.surface.weight, Weighting::Harm { .. });
        let named = |end: &str| {
            let of = if harm { "harm_" } else { "" };
            format!("{end}_{of}per_km2")
        };
        let ten = |v: f64| format!("{v:.9e}").parse::<f64>().unwrap_or(v);
        let mut r = surface_resolved(&self.surface);
        r.insert("outline".into(), json!(found.outline.name()));
        r.insert("volume".into(), json!(ten(found.volume)));
        // Every class, also those without ground: the legend is that of the request.
        let legend: Vec<Json> = found
            .asked
            .iter()
            .map(|a| {
                let mut entry = Map::new();
                entry.insert("id".into(), json!(a.id));
                match found.kind {
                    Kind::Volume => {
                        entry.insert("volume".into(), json!(a.value));
                        entry.insert(named("threshold"), json!(a.threshold_per_km2.map(ten)));
                    }
                    Kind::Level => {
                        entry.insert(named("level"), json!(a.value));
                    }
                    Kind::Band => {
                        entry.insert(named("from"), json!(a.value));
                        entry.insert(named("to"), json!(a.upper_per_km2));
                    }
                }
                let area = a.contour.as_ref().map_or(0.0, |c| c.area_m2);
                entry.insert("area_m2".into(), json!((area * 10.0).round() / 10.0));
                Json::Object(entry)
            })
            .collect();
        r.insert("legend".into(), Json::Array(legend));
        r.insert(
            "legend_rule".into(),
            json!(match found.kind {
                Kind::Volume =>
                    "thresholds follow the data: areas of different periods compare, colours do not mean a density",
                Kind::Level | Kind::Band =>
                    "densities are fixed by the request: maps of different periods compare",
            }),
        );
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = surface_caveats(&self.surface);
        if self.contours.outline == Outline::Smooth {
            list.push(
                "smooth outlines are interpolated between cells and are no more precise than these"
                    .to_owned(),
            );
        }
        if self.contours.asked.iter().all(|a| a.contour.is_none()) {
            list.push("no ground is so dense: there is no contour".to_owned());
        }
        list
    }
}
