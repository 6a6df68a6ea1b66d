//! How well methods predict: a table, row by row.

use isopleth_core::domain::format_day;
use isopleth_core::evaluation::Score;
use isopleth_core::methods::evaluation::{Denominator, Origin, Outcome, Row};
use isopleth_core::statistics::LEAST_BASE;
use serde_json::{Map, Value as Json, json};

use super::place::closing_columns;
use super::values::{column, optional_real, point, real, short};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};

/// Ground in the unit that it is told in, its name, and the words for it.
fn unit(denominator: Denominator) -> (f64, &'static str, &'static str) {
    match denominator {
        Denominator::Area => (1e6, "km2", "km²"),
        Denominator::StreetLength => (1e3, "km", "km"),
    }
}

fn enough(score: &Score) -> bool {
    score.events >= LEAST_BASE as f64
}

fn day(origin: &Origin) -> String {
    format_day(origin.cut_off)
}

impl Table for Outcome {
    fn what(&self) -> &'static str {
        "how well methods predict"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::Point
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Boolean, Date, Integer, Real, Text};
        let (_, name, unit) = unit(self.params.denominator);
        let index = |name, meaning| column(name, Real, None, meaning);
        let mut columns = vec![
            column("method", Text, None, "Method, or baseline."),
            column(
                "baseline",
                Boolean,
                None,
                "Whether it is one of the two baselines: a plain count of each cell, and last period's list.",
            ),
            index(
                "coverage",
                "Share of the ground that is flagged; the ground is that of the denominator, see `resolved`.",
            ),
            column(
                "cut_off",
                Date,
                None,
                "Day that the horizon begins on; null for all origins together.",
            ),
            column(
                "hits",
                Real,
                None,
                "Later incidents on the flagged ground. Where the budget ends within a cell, or among cells of one value, that share of each counts.",
            ),
            column(
                "events",
                Integer,
                None,
                "Later incidents in the study area: begun at or after the cut-off, in the horizon.",
            ),
            index(
                "hit_rate",
                "Hits over events, 0 to 1; null, as all indices, for fewer than 20 events.",
            ),
            index(
                "hit_rate_low",
                "Low end of its 95 % interval (Wilson, hits rounded, incidents taken as independent); all origins together only.",
            ),
            index("hit_rate_high", "High end of the same."),
            index(
                "pai",
                "Prediction accuracy index: hit rate over coverage. 1 is as good as cells at random.",
            ),
            index("pai_mean", "Mean of the origins' own; all together only."),
            index(
                "best_pai",
                "The highest that any ranking of these cells could have had on as much ground.",
            ),
            index("pei", "Prediction efficiency index: PAI over the best."),
            index(
                "rri_predicted_observed",
                "Incidents predicted on the flagged ground over those that came (RRI of ptools); null where a method predicts no number.",
            ),
            index(
                "recapture_rate_index",
                "Flagged cells after and before over all cells after and before (RRI of Levine); below 1 by regression to the mean alone.",
            ),
            column(
                &format!("hits_per_{name}"),
                Real,
                Some(&format!("1/{unit}")),
                "Search efficiency: hits on each unit of flagged ground.",
            ),
            column(
                &format!("flagged_{name}"),
                Real,
                Some(unit),
                "Flagged ground of the denominator.",
            ),
            column(
                "cells",
                Real,
                None,
                "Cells flagged, those at the edge in part.",
            ),
            column(
                "divided_cells",
                Integer,
                None,
                "Cells at the edge of the budget of which a share was taken: one, or all of one value.",
            ),
        ];
        columns.extend(closing_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let (of_unit, ..) = unit(self.params.denominator);
        // All together first, so that the summary stands at the top.
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by_key(|r| (r.origin, r.coverage, r.contender));
        let feature = |r: &Row| -> Option<Feature> {
            let (s, contender) = (&r.score, &self.contenders[r.contender]);
            let index = |v: Option<f64>| optional_real(v.filter(|_| enough(s)));
            let origin = r.origin.map(|o| day(&self.origins[o]));
            let mut values = vec![
                Value::Text(contender.label.clone()),
                Value::Boolean(contender.method.is_none()),
                real(self.coverages[r.coverage].share),
                origin.clone().map_or(Value::Null, Value::Text),
                real(s.hits),
                Value::Integer(s.events as i64),
                index(s.hit_rate()),
                index(r.interval.map(|i| i.0)),
                index(r.interval.map(|i| i.1)),
                index(s.pai()),
                index(r.pai_mean),
                index(s.best_pai()),
                index(s.pei()),
                index(s.rri_predicted_observed()),
                index(s.recapture_rate_index()),
                optional_real(s.hits_per_size().map(|v| v * of_unit)),
                real(s.size / of_unit),
                real(s.cells),
                Value::Integer(i64::from(s.divided_cells)),
            ];
            values.extend(common.closing_values(common.caveats.clone()));
            Some(Feature {
                id: format!(
                    "{}-c{}-{}",
                    contender.label,
                    r.coverage + 1,
                    origin.as_deref().unwrap_or("all")
                ),
                geometry: point(self.middle?),
                values,
            })
        };
        rows.into_iter().filter_map(feature).collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let p = &self.params;
        let (of_unit, name, _) = unit(p.denominator);
        let mut r = Map::new();
        let mut put = |key: &str, value: Json| {
            r.insert(key.to_owned(), value);
        };
        put("cells", json!(self.cells_words));
        put("number_of_cells", json!(self.cells));
        put(
            "geometry_rule",
            json!("a table: every row lies in the middle of the study area's bounds"),
        );
        put(
            "denominator",
            json!({
                "name": p.denominator.name(),
                "rule": match p.denominator {
                    Denominator::Area => "each cell's area inside the study area",
                    Denominator::StreetLength =>
                        "length of street inside the study area, in pieces of at most 10 m, each in the cell of its middle",
                },
                format!("all_{name}"): short(self.size / of_unit),
                "street_vintage": self.street_vintage,
            }),
        );
        put(
            "ties",
            json!({
                "name": p.ties.name(),
                "rule": match p.ties {
                    isopleth_core::evaluation::Ties::Expected =>
                        "where the budget ends among cells of one value or within a cell, that share of each is taken",
                    isopleth_core::evaluation::Ties::FewestHits =>
                        "of cells of one value those with fewest later incidents on their ground first, as ptools has it; the last one is taken in part",
                },
            }),
        );
        put(
            "training",
            json!({ "step": p.step.name(), "steps": p.train_steps }),
        );
        put("horizon_steps", json!(p.horizon_steps));
        put(
            "leak_rule",
            json!(
                "methods run on data without any record that reaches past the cut-off; `map` is a hash over the values of the cells, which no later record can change"
            ),
        );
        put("steps_before_the_first_training", json!(self.steps_unused));
        put(
            "days_at_the_beginning_in_no_step",
            json!(self.days_left_out),
        );
        let methods: Vec<Json> = self
            .contenders
            .iter()
            .map(|c| json!({ "label": c.label, "method": c.method }))
            .collect();
        put("methods", json!(methods));
        let origins: Vec<Json> = self
            .origins
            .iter()
            .map(|o| {
                let maps: Vec<Json> = o
                    .maps
                    .iter()
                    .zip(&self.contenders)
                    .map(|((map, resolved), c)| {
                        json!({ "method": c.label, "map": map, "resolved": resolved })
                    })
                    .collect();
                json!({
                    "cut_off": day(o),
                    "training_from": format_day(o.train_from),
                    "horizon_to": format_day(o.horizon_to - 1),
                    "incidents_in_training": o.training,
                    "training_steps_supplied": o.train_steps_supplied,
                    "incidents_after": o.events,
                    "incidents_after_in_cells_without_ground": o.events_without_ground,
                    "incidents_across_the_cut_off": o.across,
                    "left_out": o.left_out,
                    "maps": maps,
                })
            })
            .collect();
        put("origins", json!(origins));
        let comparisons: Vec<Json> = self
            .comparisons
            .iter()
            .map(|c| {
                json!({
                    "method": self.contenders[c.contender].label,
                    "baseline": self.contenders[c.baseline].label,
                    "coverage": short(self.coverages[c.coverage].share),
                    "hits_gained": c.gained,
                    "hits_lost": c.lost,
                    "p_over_incidents": c.p_events.map(short),
                    "origins_better": c.better,
                    "origins_worse": c.worse,
                    "p_over_origins": c.p_origins.map(short),
                })
            })
            .collect();
        put("against_baselines", json!(comparisons));
        put(
            "p_rule",
            json!(
                "over incidents: McNemar's exact test on hits gained and lost, net within a cell, which takes incidents as independent; over origins: exact sign test; both two-sided, not adjusted for the number of comparisons; 0 is below 1e-300"
            ),
        );
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = Vec::new();
        let left: Vec<String> = self
            .origins
            .iter()
            .filter_map(|o| Some(format!("{} ({})", day(o), o.left_out?)))
            .collect();
        if !left.is_empty() {
            list.push(format!("origins left out: {}", left.join(", ")));
        }
        let scored = || self.origins.iter().filter(|o| o.left_out.is_none());
        if scored().any(|o| o.train_steps_supplied < self.params.train_steps) {
            list.push("some training steps have no record of any kind: methods had less to learn from than was asked for".to_owned());
        }
        let across: u64 = scored().map(|o| o.across).sum();
        if across > 0 {
            list.push(format!(
                "{across} incidents began before a cut-off and may have ended after it; they are in neither part"
            ));
        }
        let bare: u64 = scored().map(|o| o.events_without_ground).sum();
        if bare > 0 {
            list.push(format!(
                "{bare} later incidents lie in cells without any street; such cells cost nothing"
            ));
        }
        if scored().map(|o| o.events).sum::<u64>() < LEAST_BASE {
            list.push("fewer than 20 later incidents: read hits, there are no indices".to_owned());
        }
        if self.params.denominator == Denominator::Area {
            list.push("PAI by area: ground on which nothing can happen makes every map look better; hold methods against each other, not against other places".to_owned());
        }
        for (c, contender) in self.contenders.iter().enumerate() {
            if contender.method.is_none() {
                continue;
            }
            let rows = self.comparisons.iter().filter(|x| x.contender == c);
            let behind = rows.clone().filter(|x| x.gained <= x.lost).count();
            if behind > 0 {
                list.push(format!(
                    "{} had no more hits than a baseline in {behind} of {} comparisons",
                    contender.label,
                    rows.count()
                ));
            }
        }
        list
    }
}
