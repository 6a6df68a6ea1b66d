//! Clusters of incidents.

use super::place::{at_a_station, place_columns};
use super::values::{column, count, metres, real};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};
use geo::Geometry;
use isopleth_core::methods::dbscan::{self, Cluster, Ensemble};
use serde_json::{Map, Value as Json, json};

impl Table for dbscan::Outcome {
    fn what(&self) -> &'static str {
        "clusters"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::MultiPolygon
    }

    fn columns(&self) -> Vec<Column> {
        cluster_columns(self.params.ensemble.is_some(), vec![core_column()])
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let feature =
            |c: &Cluster| cluster_feature(common, c, Vec::new(), vec![count(c.core_locations)]);
        self.clusters.iter().map(feature).collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let mut r = Map::new();
        r.insert("radius_m".into(), json!(self.params.radius_m));
        r.insert("min_count".into(), json!(self.params.min_count));
        r.insert("metric".into(), json!(self.params.metric.name()));
        r.insert(
            "clusters".into(),
            json!(self.clusters.len() as u64 + u64::from(self.beyond_max)),
        );
        r.insert("incidents_in_clusters".into(), json!(self.incidents));
        r.insert("noise_incidents".into(), json!(self.noise_incidents));
        r.insert("noise_locations".into(), json!(self.noise_locations));
        r.insert("left_out_beyond_max".into(), json!(self.beyond_max));
        if let Some(ensemble) = &self.params.ensemble {
            let resolved = resolved_ensemble(ensemble, self.ensemble_clusters);
            r.insert("ensemble".into(), resolved);
        }
        r
    }
}

/// The ensemble as resolved.
pub(super) fn resolved_ensemble(ensemble: &Ensemble, clusters: Option<(u32, u32)>) -> Json {
    json!({
        "replicates": ensemble.replicates,
        "keep_share": ensemble.keep_share,
        "radius_spread": ensemble.radius_spread,
        "seed": ensemble.seed,
        "stable_share": ensemble.stable_share,
        "clusters_of_a_run": clusters.map(|(least, most)| json!({ "least": least, "most": most })),
        "vote_share_rule": "mean over the cluster's incidents of the share of runs, among those that drew an incident of the location, in which it lies in the run's cluster matched to its own; matched one to one, most incidents in common first",
    })
}

/// The column of cores, of clusters that have any.
pub(super) fn core_column() -> Column {
    use ColumnType::Integer;
    column(
        "core_locations",
        Integer,
        None,
        "Locations with the least count within the radius; the others are at the cluster's border.",
    )
}

/// The columns of a cluster: with those of an ensemble where there is one, and those of its own kind.
pub(super) fn cluster_columns(ensemble: bool, own: Vec<Column>) -> Vec<Column> {
    use ColumnType::{Boolean, Integer, Real, Text};
    let mut columns = vec![
        column("rank", Integer, None, "Place in the ranking, from 1."),
        column(
            "name",
            Text,
            None,
            "Commonest place text, and the ward of the most frequent location. A label, not an address.",
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
            "Incidents of the cluster per km² of its outline: count divided by area.",
        ),
        column(
            "count_inside_outline",
            Integer,
            None,
            "Selected incidents inside the outline by plain geometry, the cluster's own, noise and other clusters' together.",
        ),
        column(
            "share_of_incidents",
            Real,
            None,
            "Share of the selected incidents of the study area, 0 to 1.",
        ),
        column(
            "repeat_locations",
            Integer,
            None,
            "Locations of the cluster with two or more of the incidents.",
        ),
        column(
            "outline",
            Text,
            None,
            "How the outline was drawn: convex_hull, concave_hull, buffer (discs of the radius) or h3_cells.",
        ),
        column(
            "ellipse_semi_major_m",
            Real,
            Some("m"),
            "Standard deviational ellipse: half its long axis; null for fewer than three locations.",
        ),
        column(
            "ellipse_semi_minor_m",
            Real,
            Some("m"),
            "Standard deviational ellipse: half its short axis; null for fewer than three locations.",
        ),
        column(
            "ellipse_rotation_deg",
            Real,
            Some("°"),
            "Direction of the long axis, clockwise from grid north, 0 to 180; null where there is none.",
        ),
        column(
            "edge_effect",
            Boolean,
            None,
            "No farther from the study area's boundary than the radius: the cluster may go on beyond it.",
        ),
    ];
    if ensemble {
        columns.push(column(
            "vote_share",
            Real,
            None,
            "Agreement of the ensemble: in what share of its runs the cluster's incidents were found in the same cluster, 0 to 1; a share of runs, not a probability.",
        ));
        columns.push(column(
            "stable",
            Boolean,
            None,
            "Whether vote_share reaches the ensemble's stable_share.",
        ));
    }
    columns.extend(own);
    columns.extend(place_columns());
    for c in &mut columns {
        let meaning = match c.name.as_str() {
            "count" => {
                "Selected incidents at the cluster's own locations, not all that lie inside the outline."
            }
            "count_reported" => {
                "Incidents of the same groups and period at its locations that somebody reported."
            }
            "count_police_generated" => {
                "Incidents of the same groups and period at its locations that exist because police looked."
            }
            "previous_count" => {
                "The same selection inside the outline in the period of equal length just before, to be held against count_inside_outline; null where the data does not cover it."
            }
            "same_period_last_year_count" => {
                "The same selection inside the outline in the same dates a year earlier, to be held against count_inside_outline; null where the data does not cover it."
            }
            _ => continue,
        };
        c.meaning = meaning.into();
    }
    columns
}

/// A cluster as a feature, with the values of its own kind.
pub(super) fn cluster_feature(
    common: &Common,
    c: &Cluster,
    mut caveats: Vec<String>,
    own: Vec<Value>,
) -> Feature {
    if c.edge_effect {
        caveats.push("near the study area's boundary: the cluster may go on beyond it".to_owned());
    }
    if c.agreement.is_some_and(|a| !a.stable) {
        caveats.push(
            "not stable: other radii or parts of the incidents make other clusters of it"
                .to_owned(),
        );
    }
    caveats.extend(at_a_station(&c.facts));
    let ellipse = c.ellipse.as_ref();
    let mut values = vec![
        count(c.rank),
        Value::Text(c.name.clone()),
        metres(c.area_m2),
        real(c.density_per_km2()),
        count(c.count_inside_outline),
        real(c.share_of_incidents),
        count(c.facts.repeat_locations),
        Value::Text(c.drawn_as.name().to_owned()),
        ellipse.map_or(Value::Null, |e| metres(e.semi_major_m)),
        ellipse.map_or(Value::Null, |e| metres(e.semi_minor_m)),
        // A tenth of a degree; what rounds up to half a turn is none.
        ellipse
            .and_then(|e| e.rotation_deg)
            .map_or(Value::Null, |r| {
                Value::Real((r * 10.0).round() / 10.0 % 180.0)
            }),
        Value::Boolean(c.edge_effect),
    ];
    if let Some(agreement) = c.agreement {
        values.push(agreement.share.map_or(Value::Null, real));
        values.push(Value::Boolean(agreement.stable));
    }
    values.extend(own);
    values.extend(common.place_values(&c.facts, &caveats));
    Feature {
        id: c.id.clone(),
        geometry: Geometry::MultiPolygon(c.outline.clone()),
        values,
    }
}
