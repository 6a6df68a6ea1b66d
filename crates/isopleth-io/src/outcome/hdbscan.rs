//! Clusters of any density.

use super::clusters::{cluster_columns, cluster_feature};
use super::values::{column, metres, real};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};
use isopleth_core::methods::hdbscan;
use serde_json::{Map, Value as Json, json};

impl Table for hdbscan::Outcome {
    fn what(&self) -> &'static str {
        "clusters of any density"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::MultiPolygon
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::Real;
        let own = vec![
            column(
                "stability",
                Real,
                Some("1/m"),
                "Excess of mass: over the cluster's incidents, the sum of 1 / distance at which each leaves it, less 1 / separate_at_m.",
            ),
            column(
                "connected_at_m",
                Real,
                Some("m"),
                "The least distance at which all of the cluster is connected: DBSCAN with this radius and min_samples finds it.",
            ),
            column(
                "separate_at_m",
                Real,
                Some("m"),
                "The distance below which the cluster is apart from all others; null for all incidents as one cluster.",
            ),
            column(
                "ends_at_m",
                Real,
                Some("m"),
                "The distance at which the cluster splits, or the last of it becomes noise.",
            ),
            column(
                "mean_membership",
                Real,
                None,
                "Mean over the incidents of how long each stays in the cluster, 0 to 1; 1 at its densest.",
            ),
            column(
                "min_membership",
                Real,
                None,
                "The least membership of a location of the cluster, 0 to 1.",
            ),
        ];
        let mut columns = cluster_columns(false, own);
        for c in &mut columns {
            let meaning = match c.name.as_str() {
                "outline" => {
                    "How the outline was drawn: convex_hull, concave_hull, buffer (discs of connected_at_m, at least 25 m; 25 m around a single location) or h3_cells."
                }
                "edge_effect" => {
                    "No farther from the study area's boundary than connected_at_m (at least 25 m; 25 m for a single location): the cluster may go on beyond it."
                }
                _ => continue,
            };
            c.meaning = meaning.into();
        }
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let feature = |c: &hdbscan::Cluster| {
            let own = vec![
                real(c.stability),
                millimetres(c.connected_at_m),
                c.separate_at_m.map_or(Value::Null, millimetres),
                millimetres(c.ends_at_m),
                real(c.mean_membership),
                real(c.min_membership),
            ];
            cluster_feature(common, &c.place, Vec::new(), own)
        };
        self.clusters.iter().map(feature).collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let p = &self.params;
        let mut r = Map::new();
        r.insert("min_cluster_size".into(), json!(p.min_cluster_size));
        r.insert("min_samples".into(), json!(p.min_samples()));
        r.insert("resolution_m".into(), json!(p.resolution_m));
        r.insert(
            "cluster_selection_method".into(),
            json!(p.cluster_selection_method.name()),
        );
        r.insert(
            "cluster_selection_epsilon_m".into(),
            json!(p.cluster_selection_epsilon_m),
        );
        r.insert(
            "clusters".into(),
            json!(self.clusters.len() as u64 + u64::from(self.beyond_max)),
        );
        r.insert(
            "clusters_of_one_location".into(),
            json!(self.of_one_location),
        );
        r.insert("incidents_in_clusters".into(), json!(self.incidents));
        r.insert("noise_incidents".into(), json!(self.noise_incidents));
        r.insert("noise_locations".into(), json!(self.noise_locations));
        r.insert("left_out_beyond_max".into(), json!(self.beyond_max));
        r
    }

    fn caveats(&self) -> Vec<String> {
        let all = self.clusters.len() as u64 + u64::from(self.beyond_max);
        if self.of_one_location == 0 {
            return Vec::new();
        }
        vec![format!(
            "{} of {all} clusters are one location each: records at one position are denser than any ground around them; set cluster_selection_epsilon_m or resolution_m to the spacing of the positions to look beyond single locations",
            self.of_one_location
        )]
    }
}

/// Distances may be as small as the resolution.
fn millimetres(v: f64) -> Value {
    if v >= 10.0 {
        metres(v)
    } else {
        Value::Real((v * 1000.0).round() / 1000.0)
    }
}
