//! Clusters in space and time.

use super::clusters::{cluster_columns, cluster_feature, core_column, resolved_ensemble};
use super::values::{column, count, optional};
use super::{Common, Table, caveats};
use crate::layer::{Column, ColumnType, Feature, GeometryKind};
use isopleth_core::methods::st_dbscan;
use serde_json::{Map, Value as Json, json};

impl Table for st_dbscan::Outcome {
    fn what(&self) -> &'static str {
        "clusters in space and time"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::MultiPolygon
    }

    fn columns(&self) -> Vec<Column> {
        let own = column(
            "duration_days",
            ColumnType::Integer,
            Some("d"),
            "Days from the first to the last on which its incidents count, which is the first that each may have happened on; both included.",
        );
        let mut columns = cluster_columns(self.params.ensemble.is_some(), vec![core_column(), own]);
        for c in &mut columns {
            let meaning = match c.name.as_str() {
                "count" => {
                    "Selected incidents of the cluster, not all that lie inside the outline or at its locations."
                }
                "density_per_km2" => {
                    "Incidents of the cluster per km² of its outline, over its own days: count divided by area."
                }
                "count_inside_outline" => {
                    "Selected incidents inside the outline from the cluster's first day to its last, by plain geometry, the cluster's own, noise and other clusters' together."
                }
                "core_locations" => {
                    "Locations that have the least count within the radius and the days on some day; the others are at the cluster's border."
                }
                "count_reported" => {
                    "Incidents of the same groups that somebody reported: the cluster's own, or those at its locations within its days."
                }
                "count_police_generated" => {
                    "Incidents of the same groups that exist because police looked: the cluster's own, or those at its locations within its days."
                }
                "previous_count" | "same_period_last_year_count" => {
                    "Null: the cluster's days were picked by its incidents, and other days would show a fall wherever nothing changed."
                }
                _ => continue,
            };
            c.meaning = meaning.into();
        }
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let feature = |c: &isopleth_core::methods::dbscan::Cluster| {
            let own = vec![count(c.core_locations), optional(c.duration_days)];
            cluster_feature(common, c, Vec::new(), own)
        };
        self.clusters.iter().map(feature).collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let mut r = Map::new();
        r.insert("radius_m".into(), json!(self.params.radius_m));
        r.insert("within_days".into(), json!(self.params.within_days));
        r.insert("min_count".into(), json!(self.params.min_count));
        r.insert("metric".into(), json!("planar"));
        r.insert(
            "neighbours".into(),
            json!("no farther than radius_m apart, and days that differ by no more than within_days: both closed"),
        );
        r.insert(
            "clusters".into(),
            json!(self.clusters.len() as u64 + u64::from(self.beyond_max)),
        );
        r.insert("incidents_in_clusters".into(), json!(self.incidents));
        r.insert("noise_incidents".into(), json!(self.noise_incidents));
        r.insert("left_out_beyond_max".into(), json!(self.beyond_max));
        r.insert("incidents_of_several_days".into(), json!(self.several_days));
        if let Some(ensemble) = &self.params.ensemble {
            let resolved = resolved_ensemble(ensemble, self.ensemble_clusters);
            r.insert("ensemble".into(), resolved);
        }
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = Vec::new();
        if self.snap_points > 0 {
            list.push("clusters of map points: incidents at one point need not be of one place, and what is near another is decided by the spacing of the points".to_owned());
        }
        if self.several_days > 0 {
            list.push(caveats::several_days(self.several_days));
        }
        if self.misplaced > 0 {
            list.push(caveats::misplaced(self.misplaced));
        }
        list
    }
}
