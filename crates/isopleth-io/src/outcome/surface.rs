//! A surface, cell by cell.

use super::place::closing_columns;
use super::values::{column, count, metres, real};
use super::{Common, Table, weights};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};
use geo::Geometry;
use isopleth_core::SurfaceCells;
use isopleth_core::bandwidth::{Comparison, RuleChoice};
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
            column("edge_effect", Boolean, None, edge_meaning(&self.surface)),
        ];
        if self.surface.edge.is_some() {
            columns.push(column(
                "edge_mass",
                Real,
                None,
                "Share of the kernel's mass at the cell's centre that lies in the study area, 0 to 1.",
            ));
        }
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
                values.extend(surface.edge.as_ref().map(|e| real(e.mass[c])));
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
            &if name.contains("density") {
                name.replace("density", "harm_density")
            } else {
                name.replace("_per_km2", "_harm_per_km2")
            },
            ColumnType::Real,
            Some(&format!("{unit}/km²")),
            &format!("{meaning}, of harm by {schedule}: no density of incidents."),
        ),
    }
}

/// What the column `edge_effect` says.
pub(super) fn edge_meaning(surface: &kernel_density::Outcome) -> &'static str {
    if surface.edge.is_some() {
        "Less than 0.8 of the kernel's mass lies in the study area: the density there is corrected for it and rests on less."
    } else {
        "Near the study area's boundary with no data beyond it: the density is too low there."
    }
}

/// What a feature near the boundary says of its density.
pub(super) fn edge_caveat(surface: &kernel_density::Outcome) -> &'static str {
    if surface.edge.is_some() {
        "at the study area's boundary: density near it is corrected and rests on less"
    } else {
        "no data beyond the study area's boundary: density near it is too low"
    }
}

/// Metres to the centimetre.
fn cm(v: f64) -> f64 {
    (v * 100.0).round() / 100.0
}

/// A named rule's choice.
fn rule_resolved(c: &RuleChoice) -> Json {
    json!({
        "rule": c.rule.name(),
        "decided_by": if c.floored {
            "floor: twice the median spacing of distinct locations"
        } else {
            "the rule"
        },
        "sigma_m": cm(c.sigma_m),
        "rule_sigma_m": cm(c.rule_sigma_m),
        "floor_sigma_m": cm(c.floor_m),
        "at_limit_of_search": c.at_limit,
        "distinct_locations": c.locations,
        "evaluated_at": c.evaluated,
    })
}

/// What every rule would choose, a row each.
fn comparison_resolved(comparison: &Comparison) -> Json {
    let mut rows = vec![match &comparison.auto {
        Ok(c) => json!({
            "rule": "auto",
            "bandwidth_m": c.bandwidth_m,
            "sigma_m": cm(c.sigma_m),
            "rule_sigma_m": cm(c.likelihood_m),
            "decided_by": c.decided_by.words(),
            "floor_sigma_m": cm(c.floor_m),
            "cap_sigma_m": cm(c.cap_m),
            "distinct_locations": c.locations,
            "evaluated_at": c.evaluated,
        }),
        Err(e) => json!({ "rule": "auto", "bandwidth_m": null, "reason": e.to_string() }),
    }];
    for (rule, made) in &comparison.rules {
        rows.push(match made {
            Ok(c) => {
                let mut row = rule_resolved(c);
                row["bandwidth_m"] = json!(c.bandwidth_m);
                row
            }
            Err(e) => {
                json!({ "rule": rule.name(), "bandwidth_m": null, "reason": e.to_string() })
            }
        });
    }
    Json::Array(rows)
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
    if let Some(c) = &s.rule {
        r.insert("bandwidth_rule".into(), rule_resolved(c));
    }
    if let Some(c) = &s.comparison {
        r.insert("bandwidths_compared".into(), comparison_resolved(c));
    }
    if let Some(spread) = &s.spread {
        r.insert(
            "adaptive".into(),
            json!({
                "rule": spread.adaptive.name(),
                "pilot_m": spread.pilot_m,
                "least_m": cm(spread.least_m),
                "median_m": cm(spread.median_m),
                "greatest_m": cm(spread.greatest_m),
                "floor_m": cm(spread.floor_m),
                "locations_at_floor": spread.floored,
            }),
        );
    }
    if let Some(edge) = &s.edge {
        r.insert(
            "edge_correction".into(),
            json!({
                "correction": edge.correction.name(),
                "least_edge_mass": edge.mass.iter().copied().reduce(f64::min),
                "cells_below_0.8": (0..edge.mass.len())
                    .filter(|&c| s.leans_on_correction(c) == Some(true))
                    .count(),
            }),
        );
    }
    r
}

/// What is to be known of a surface.
pub(super) fn surface_caveats(surface: &kernel_density::Outcome) -> Vec<String> {
    let mut list = Vec::new();
    if let Some(c) = surface.rule.as_ref().filter(|c| c.at_limit && !c.floored) {
        list.push(format!(
            "the bandwidth rule {} has no optimum within the range that it searches, and sits at its end",
            c.rule.name()
        ));
    }
    if let Some(edge) = &surface.edge {
        list.push(format!(
            "corrected at the study area's boundary ({}): only incidents inside it are used",
            edge.correction.name()
        ));
    }
    let finest = surface.spread.as_ref().map(|s| s.least_m);
    if let Some(h) = finest.or(surface.bandwidth_m) {
        let sigma = h / surface.kernel.radius_per_sigma();
        let spacing = surface.lattice.tiling.spacing_m();
        if sigma * isopleth_core::kernel::Kernel::Quartic.radius_per_sigma() < 2.0 * spacing {
            list.push("the bandwidth is below two cell spacings: the surface is coarse".to_owned());
        }
    }
    list
}
