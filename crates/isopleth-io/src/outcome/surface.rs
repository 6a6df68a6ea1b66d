//! A surface, cell by cell.

use super::place::closing_columns;
use super::values::{column, count, metres, real};
use super::{Common, Table, weights};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};
use geo::Geometry;
use isopleth_core::SurfaceCells;
use isopleth_core::harm::HarmTotal;
use isopleth_core::methods::kernel_density::{self, Weighting};
use serde_json::{Map, Value as Json, json};

impl Table for SurfaceCells {
    fn what(&self) -> &'static str {
        "density surface"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::Polygon
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Boolean, Integer, Real};
        let mut columns = vec![
            density_column(
                &self.surface,
                "density_per_km2",
                "Kernel density at the cell's centre",
            ),
            column("count", Integer, None, "Selected incidents in the cell."),
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
                "Near the study area's boundary with no data beyond it: the density is too low there.",
            ),
        ];
        columns.extend(closing_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let cells = self;
        let surface = &cells.surface;
        (0..surface.lattice.len())
            .filter_map(|c| {
                // A cell whose outline cannot be drawn lies off the plane, where none is made.
                let outline = surface.lattice.outline(&[c]).ok()?;
                let mut values = vec![
                    real(surface.density_per_m2[c] * 1e6),
                    count(cells.counts[c]),
                    metres(cells.areas_m2[c]),
                    Value::Boolean(cells.edge_effect[c]),
                ];
                // Their columns are put in before the closing ones.
                values.extend(cells.expected.get(c).map(|e| real(*e)));
                let harm: Vec<HarmTotal> = cells.harm.iter().map(|h| h[c]).collect();
                values.extend(weights::harm_values(common.facts, &harm));
                values.extend(common.closing_values(common.caveats.clone()));
                Some(Feature {
                    id: surface.lattice.name(c),
                    geometry: Geometry::Polygon(outline),
                    values,
                })
            })
            .collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        surface_resolved(&self.surface)
    }

    fn caveats(&self) -> Vec<String> {
        surface_caveats(&self.surface)
    }
}

/// A column of densities, named and described by what the surface's incidents weigh.
pub(super) fn density_column(s: &kernel_density::Outcome, name: &str, meaning: &str) -> Column {
    match &s.weight {
        Weighting::Count => column(
            name,
            ColumnType::Real,
            Some("1/km²"),
            &format!("{meaning}."),
        ),
        Weighting::Harm { schedule, unit, .. } => column(
            &name.replace("density", "harm_density"),
            ColumnType::Real,
            Some(&format!("{unit}/km²")),
            &format!("{meaning}, of harm by {schedule}: no density of incidents."),
        ),
    }
}

/// How a surface was made.
pub(super) fn surface_resolved(s: &kernel_density::Outcome) -> Map<String, Json> {
    let mut r = Map::new();
    r.insert("weight".into(), weights::resolved(&s.weight));
    r.insert("kernel".into(), json!(s.kernel.name()));
    r.insert("bandwidth_m".into(), json!(s.bandwidth_m));
    r.insert("cells".into(), json!(s.lattice.len()));
    r.insert(
        "cell_spacing_m".into(),
        json!((s.lattice.tiling.spacing_m() * 10.0).round() / 10.0),
    );
    if let Some(c) = &s.choice {
        let cm = |v: f64| (v * 100.0).round() / 100.0;
        r.insert(
            "bandwidth_rule".into(),
            json!({
                "decided_by": c.decided_by.words(),
                "sigma_m": cm(c.sigma_m),
                "likelihood_sigma_m": cm(c.likelihood_m),
                "floor_sigma_m": cm(c.floor_m),
                "cap_sigma_m": cm(c.cap_m),
                "distinct_locations": c.locations,
                "likelihood_evaluated_at": c.evaluated,
            }),
        );
    }
    r
}

/// What is to be known of a surface.
pub(super) fn surface_caveats(surface: &kernel_density::Outcome) -> Vec<String> {
    let mut list = Vec::new();
    if let Some(h) = surface.bandwidth_m {
        let sigma = h / surface.kernel.radius_per_sigma();
        let spacing = surface.lattice.tiling.spacing_m();
        if sigma * isopleth_core::kernel::Kernel::Quartic.radius_per_sigma() < 2.0 * spacing {
            list.push("the bandwidth is below two cell spacings: the surface is coarse".to_owned());
        }
    }
    list
}
