//! Hotspots cut out of a surface.

use geo::Geometry;
use isopleth_core::CutSurface;
use isopleth_core::hotspots::Hotspot;
use serde_json::{Map, Value as Json, json};

use super::place::{at_a_station, place_columns};
use super::surface::{
    density_column, edge_caveat, edge_meaning, surface_caveats, surface_resolved,
};
use super::values::{column, count, metres, real};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};

impl Table for CutSurface {
    fn what(&self) -> &'static str {
        "hotspots"
    }

    fn geometry(&self) -> GeometryKind {
        if several(self) {
            GeometryKind::MultiPolygon
        } else {
            GeometryKind::Polygon
        }
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Boolean, Integer, Real, Text};
        let mut columns = vec![
            column("rank", Integer, None, "Place in the ranking, from 1."),
            column(
                "name",
                Text,
                None,
                "Commonest place text, and the ward of the densest cell. A label, not an address.",
            ),
            column(
                "area_m2",
                Real,
                Some("m²"),
                "Area of the outline in the National Grid.",
            ),
            column(
                "density_per_km2",
                Real,
                Some("1/km²"),
                "Incidents per km² of the hotspot: count, with hours expected_count, divided by area.",
            ),
            density_column(
                &self.surface,
                "peak_density_per_km2",
                "Highest density of the kernel surface inside",
            ),
            column(
                "share_of_incidents",
                Real,
                None,
                "Share of the selected incidents of the study area, with hours of the expected ones, 0 to 1.",
            ),
            column(
                "share_of_area",
                Real,
                None,
                "Share of the study area, 0 to 1; null where none is named.",
            ),
            column(
                "pai",
                Real,
                None,
                "Share of incidents over share of area, in sample; null where no study area is named.",
            ),
            column(
                "repeat_locations",
                Integer,
                None,
                "Locations inside with two or more of the incidents.",
            ),
            column(
                "cut_at_boundary",
                Boolean,
                None,
                "The boundary of the study area cuts through it: outline, count and area are those of the ground inside.",
            ),
            column("edge_effect", Boolean, None, edge_meaning(&self.surface)),
            column(
                "stability",
                Real,
                None,
                "Share of perturbed reruns in which the hotspot stays among the first, 0 to 1; null where not asked for.",
            ),
        ];
        columns.extend(place_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let several = several(self);
        self.cut.hotspots
            .iter()
            .map(|h| {
                let mut caveats = Vec::new();
                if h.cut_at_boundary {
                    caveats.push("cut at the boundary of the study area, and may go on beyond it".to_owned());
                }
                if h.edge_effect {
                    caveats.push(edge_caveat(&self.surface).to_owned());
                }
                if let Some((share, tested)) = h.stability.zip(self.cut.tested.as_ref()).filter(|s| s.0 < 0.5) {
                    caveats.push(format!(
                        "unstable: among the first {} in only {:.0} % of {} reruns with everything a little different",
                        tested.top,
                        100.0 * share,
                        tested.params.runs,
                    ));
                }
                if let Some((site, n)) = &h.station {
                    caveats.push(format!(
                        "{n} of {} records are placed at {site}, where they are likely to have been recorded",
                        h.facts.count
                    ));
                }
                caveats.extend(at_a_station(&h.facts));
                let mut values = vec![
                    count(h.rank),
                    Value::Text(h.name.clone()),
                    metres(h.area_m2),
                    real(h.facts.expected() / h.area_m2 * 1e6),
                    real(h.peak_density_per_km2),
                    real(h.share_of_incidents),
                    h.share_of_area.map_or(Value::Null, real),
                    h.pai.map_or(Value::Null, real),
                    count(h.facts.repeat_locations),
                    Value::Boolean(h.cut_at_boundary),
                    Value::Boolean(h.edge_effect),
                    h.stability.map_or(Value::Null, real),
                ];
                values.extend(common.place_values(&h.facts, &caveats));
                Feature {
                    id: h.id.clone(),
                    geometry: outline(h, several),
                    values,
                }
            })
            .collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let mut r = surface_resolved(&self.surface);
        r.insert(
            "threshold_per_km2".into(),
            json!(self.cut.threshold_per_km2),
        );
        r.insert(
            "left_out_below_min_count".into(),
            json!(self.cut.below_min_count),
        );
        r.insert("left_out_beyond_max".into(), json!(self.cut.beyond_max));
        if let Some(t) = &self.cut.tested {
            r.insert(
                "stability".into(),
                json!({
                    "rule": "share of reruns in which some group among the first `top` shares with the hotspot at least half of the cells of the smaller of both",
                    "top": t.top,
                    "records": t.records,
                    "months_of_which_one_is_left_out": t.months,
                    "parameters": t.params,
                }),
            );
        }
        r
    }

    fn caveats(&self) -> Vec<String> {
        surface_caveats(&self.surface)
    }
}

/// Whether any hotspot is of several polygons.
fn several(cut: &CutSurface) -> bool {
    cut.cut.hotspots.iter().any(|h| h.outline.0.len() > 1)
}

/// A hotspot's outline; as a set of polygons where any of the layer is one, since a layer has one kind
/// of geometry.
fn outline(h: &Hotspot, several: bool) -> Geometry {
    match h.outline.0.first() {
        Some(one) if !several => Geometry::Polygon(one.clone()),
        _ => Geometry::MultiPolygon(h.outline.clone()),
    }
}
