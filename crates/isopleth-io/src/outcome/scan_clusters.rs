//! The most likely clusters of a scan.

use geo::Geometry;
use isopleth_core::methods::space_time_scan::{self, Analysis, Cluster, Model};
use serde_json::{Map, Value as Json, json};

use super::place::{at_a_station, place_columns};
use super::values::{column, count, list, metres, optional, optional_real, real, short};
use super::vicinity::{lens_caveat, other};
use super::{Common, Table, caveats};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};
use crate::words::records;

/// A p above this is said to be no evidence.
const USUAL_LEVEL: f64 = 0.05;

impl Table for space_time_scan::Outcome {
    fn what(&self) -> &'static str {
        match self.params.analysis {
            Analysis::Retrospective => "most likely clusters in space and time",
            Analysis::Prospective => "most likely clusters that are alive",
            Analysis::Spatial => "most likely clusters in space",
        }
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::MultiPolygon
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Boolean, Date, Integer, Real, Text};
        let mut columns = vec![
            column(
                "rank",
                Integer,
                None,
                "Place in the ranking by log likelihood ratio, from 1; no two clusters share a place.",
            ),
            column(
                "name",
                Text,
                None,
                "Commonest place text, and the ward of the centre. A label, not an address.",
            ),
            column(
                "cluster_from",
                Date,
                None,
                "First day of the cluster; of a scan in space alone that of the period.",
            ),
            column("cluster_to", Date, None, "Last day of the cluster."),
            column(
                "duration_steps",
                Integer,
                None,
                "Steps (days, weeks or months, as the request says) from first to last; null in space alone.",
            ),
            column(
                "observed",
                Integer,
                None,
                "Selected incidents at the cluster's places on its days.",
            ),
            column(
                "expected",
                Real,
                None,
                "Incidents that would be usual there and then by the model, given all that were selected.",
            ),
            column(
                "ratio",
                Real,
                None,
                "Observed over expected. The cluster was picked because it is high: by chance alone the most likely cluster has a high one, too.",
            ),
            column(
                "relative_risk",
                Real,
                None,
                "Observed over expected inside, over the same outside; null where all incidents are inside.",
            ),
            column(
                "of_both_groups",
                Integer,
                None,
                "Incidents of both groups at its places on its days; null but in the Bernoulli model.",
            ),
            column("llr", Real, None, "Log likelihood ratio."),
            column(
                "p",
                Real,
                None,
                "The share of replicates of chance alone whose most likely cluster is at least as strong (Monte Carlo): corrected for all circles and times looked at. Null without replicates.",
            ),
            column(
                "p_gumbel",
                Real,
                None,
                "The same by a Gumbel distribution with the replicates' mean and standard deviation: an approximation that tells small p apart. Null without replicates.",
            ),
            column(
                "recurrence_interval_days",
                Real,
                Some("d"),
                "If the analysis is done once a step, days until chance alone makes a cluster as strong, on average: length of a step over p. Null where the analysis is not prospective.",
            ),
            column(
                "radius_m",
                Real,
                Some("m"),
                "Distance of the farthest place from the centre; 0 for one place.",
            ),
            column("centre_lon", Real, Some("°"), "Longitude of the centre."),
            column("centre_lat", Real, Some("°"), "Latitude of the centre."),
            column("places", Integer, None, "Places of the cluster."),
            column(
                "place_ids",
                Text,
                None,
                "Ids of its places by distance from the centre, the first fifty.",
            ),
            column(
                "area_m2",
                Real,
                Some("m²"),
                "Area of the outline in the National Grid.",
            ),
            column(
                "count_inside_outline",
                Integer,
                None,
                "Selected incidents inside the outline on the cluster's days, by plain geometry.",
            ),
            column(
                "edge_effect",
                Boolean,
                None,
                "The circle crosses the study area's boundary: what lies beyond is not counted.",
            ),
        ];
        columns.extend(place_columns());
        for c in &mut columns {
            let meaning = match c.name.as_str() {
                "count" => "Selected incidents at the cluster's places on its days: observed.",
                "count_reported" => {
                    "Incidents of the same groups at its places on its days that somebody reported."
                }
                "count_police_generated" => {
                    "Incidents of the same groups at its places on its days that exist because police looked."
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
        self.clusters.iter().map(|c| feature(common, c)).collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let params = &self.params;
        let chance = &self.chance;
        let mut r = Map::new();
        let mut put = |key: &str, value: Json| {
            r.insert(key.to_owned(), value);
        };
        put("model", json!(params.model.name()));
        put("analysis", json!(params.analysis.name()));
        put("places_are", json!(self.unit.words()));
        put("places", json!(self.places));
        put("circles", json!(self.circles));
        put("windows", json!(self.windows));
        put("max_radius_m", json!(params.max_radius_m));
        put("max_share", json!(params.max_share));
        put("min_count", json!(params.min_count));
        put(
            "steps",
            json!(self.steps.as_ref().map(|s| json!({
                "step": s.step.name(),
                "number": s.len(),
                "without_records": self.steps_without_records,
                "days_left_out": s.days_left_out,
                "min_duration": params.min_duration_steps,
                "max_duration": self.max_duration_steps,
            }))),
        );
        put("incidents", json!(self.incidents));
        put("incidents_in_days_left_out", json!(self.left_out));
        put("expected_rule", json!(expected_rule(&params.model)));
        put(
            "equal_distances",
            json!("places at one distance from a centre enter its circles together"),
        );
        put(
            "secondary_rule",
            json!(
                "the best window of each centre by log likelihood ratio; of these, each that shares no place with a better one"
            ),
        );
        put(
            "baseline",
            json!(self.baseline.as_ref().map(|b| json!({
                "stands_for": "a population, by records; it is none",
                "lens": b.lens.name(),
                "groups": b.groups,
                "period": b.period.as_ref().map(|(a, z)| format!("{a}/{z}")),
                "records": b.records,
                "places_raised_to_the_floor": b.raised,
                "added_by_the_floor_as_a_share": short(b.added_share),
            }))),
        );
        put("against", other(self.other.as_ref()));
        put(
            "replicates",
            json!({
                "at_most": params.replicates,
                "done": chance.maxima.len(),
                "stopped_early": chance.stopped,
                "stop_after": params.stop_after,
                "seed": params.seed,
                "gumbel_place": chance.gumbel().map(|g| short(g.0)),
                "gumbel_scale": chance.gumbel().map(|g| short(g.1)),
            }),
        );
        put(
            "p_rule",
            json!(
                "p is the headline: (1 + replicates whose most likely cluster is at least as strong) / (1 + replicates), or, where they were stopped after stop_after such, such replicates over replicates done (Besag and Clifford); p_gumbel is 1 - exp(-exp((place - llr) / scale)), by moments. Secondary clusters are held against the most likely ones of the replicates, which errs on the side of caution"
            ),
        );
        put(
            "clusters",
            json!(
                self.clusters.len() as u64
                    + u64::from(self.beyond_max)
                    + u64::from(self.above_max_p)
            ),
        );
        put("left_out_above_max_p", json!(self.above_max_p));
        put("left_out_beyond_max", json!(self.beyond_max));
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list: Vec<String> = why_nothing(self).into_iter().collect();
        if self.snap_points > 0 {
            list.push("circles of map points: each stands for many addresses, and what is near is decided by the spacing of the points".to_owned());
        }
        if self.misplaced > 0 {
            list.push(caveats::misplaced(self.misplaced));
        }
        if self.left_out > 0 {
            list.push(format!(
                "{} of the first days of the period, which make no whole step: not scanned",
                records(self.left_out)
            ));
        }
        if self.steps_without_records > 0 {
            list.push(format!(
                "{} steps of the period have no records of any kind in the study area: nothing is known of them",
                self.steps_without_records
            ));
        }
        if let Some(b) = &self.baseline {
            list.push("expected by records that stand for a population, which they are not: a cluster is where there is more than in proportion to them".to_owned());
            if b.raised > 0 {
                list.push(format!(
                    "{} places have less of the baseline than its floor and are expected to have as much as the floor",
                    b.raised
                ));
            }
        }
        list.extend(self.other.as_ref().and_then(lens_caveat));
        if self.params.analysis == Analysis::Prospective && self.params.first_look.is_none() {
            list.push("if this is asked again and again, p is that of one look: see recurrence_interval_days, or name first_look".to_owned());
        }
        list
    }
}

/// Why there is no cluster, where there is none.
fn why_nothing(found: &space_time_scan::Outcome) -> Option<String> {
    if !found.clusters.is_empty() {
        return None;
    }
    let p = &found.params;
    Some(if found.incidents == 0 {
        "no cluster: no selected incident lies in the study area and the steps".to_owned()
    } else if found.above_max_p > 0 {
        format!(
            "no cluster with a p of at most {}: {} have a greater one",
            p.max_p.unwrap_or(1.0),
            found.above_max_p
        )
    } else if found.beyond_max > 0 {
        "clusters were found, and max asks for none".to_owned()
    } else if found.places < 2 {
        "no cluster: all incidents are at one place, and no circle can have more than its share of them; take a finer unit".to_owned()
    } else {
        format!(
            "no cluster: no circle and spell of time has {} incidents or more, and more than is usual",
            p.min_count
        )
    })
}

fn expected_rule(model: &Model) -> &'static str {
    match model {
        Model::SpaceTimePermutation => {
            "incidents of the circle at all times times incidents of its days at all places, over all incidents"
        }
        Model::Poisson(_) => {
            "all incidents times the circle's share of the baseline times its days' share of time"
        }
        Model::Bernoulli(_) => {
            "incidents of both groups at its places on its days times the first group's share of both"
        }
    }
}

fn feature(common: &Common, c: &Cluster) -> Feature {
    let mut own = Vec::new();
    match c.p {
        None => own.push("no replicates: whether chance makes as much is not known".to_owned()),
        Some(p) if p > USUAL_LEVEL => own.push(format!(
            "no evidence of a cluster: chance alone makes one as strong in {p:.3} of all maps"
        )),
        Some(_) => {}
    }
    if c.edge_effect {
        own.push(
            "the circle crosses the study area's boundary: the cluster may go on beyond it"
                .to_owned(),
        );
    }
    own.extend(at_a_station(&c.facts));
    let day = |day: Option<&String>| day.map_or(Value::Null, |d| Value::Text(d.clone()));
    let whole = |n: Option<u64>| {
        let n = n.and_then(|n| i64::try_from(n).ok());
        n.map_or(Value::Null, Value::Integer)
    };
    let mut values = vec![
        count(c.rank),
        Value::Text(c.name.clone()),
        day(c.days.as_ref().map(|d| &d.0)),
        day(c.days.as_ref().map(|d| &d.1)),
        optional(c.duration_steps),
        whole(Some(c.observed)),
        real(c.expected),
        real(c.observed as f64 / c.expected),
        optional_real(c.relative_risk),
        whole(c.of_both_groups),
        real(c.llr),
        optional_real(c.p),
        optional_real(c.p_gumbel),
        optional_real(c.recurrence_days),
        metres(c.radius_m),
        real(c.centre.lon()),
        real(c.centre.lat()),
        count(c.places),
        Value::Text(list(c.place_ids.iter().cloned())),
        metres(c.area_m2),
        count(c.count_inside_outline),
        Value::Boolean(c.edge_effect),
    ];
    values.extend(common.place_values(&c.facts, &own));
    Feature {
        id: c.id.clone(),
        geometry: Geometry::MultiPolygon(c.outline.clone()),
        values,
    }
}
