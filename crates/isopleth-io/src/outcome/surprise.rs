//! New and unexpected places.

use geo::Geometry;
use isopleth_core::methods::surprise::{Level, Outcome, Place};
use serde_json::{Map, Value as Json, json};

use super::place::{at_a_station, place_columns};
use super::values::{column, count, list, metres, real, short};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};

impl Table for Outcome {
    fn what(&self) -> &'static str {
        "new or unexpected places"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::Polygon
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Boolean, Integer, Real, Text};
        let mut columns = vec![
            column(
                "rank",
                Integer,
                None,
                "Place in the ranking by surprise, from 1; equals by count, then by cell.",
            ),
            column(
                "volume_rank",
                Integer,
                None,
                "Place in the ranking by count in the latest period, from 1; equals by cell.",
            ),
            column("name", Text, None, "Commonest place text and ward."),
            column(
                "new",
                Boolean,
                None,
                "Whether the history has no incident here.",
            ),
            column(
                "flagged",
                Boolean,
                None,
                "Whether the adjusted p is at most alpha.",
            ),
            column(
                "expected",
                Real,
                None,
                "Incidents expected in the latest period by the place's own history, shrunk to that of the study area.",
            ),
            column(
                "surprise",
                Real,
                None,
                "−log10 p: 3 is one chance in a thousand, for one place looked at.",
            ),
            column(
                "p",
                Real,
                None,
                "Probability of as many incidents or more (negative binomial).",
            ),
            column(
                "p_adjusted",
                Real,
                None,
                "The same, adjusted over all cells of the study area.",
            ),
            column(
                "history_count",
                Integer,
                None,
                "Incidents in the history, in the steps that were supplied.",
            ),
            column(
                "recent_counts",
                Text,
                None,
                "Counts of the steps just before, up to twelve, earliest first; - where not supplied.",
            ),
            column("area_m2", Real, Some("m²"), "The cell's area."),
        ];
        columns.extend(place_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let feature = |p: &Place| {
            let own: Vec<String> = at_a_station(&p.facts).into_iter().collect();
            let recent = p
                .recent
                .iter()
                .map(|n| n.map_or_else(|| "-".to_owned(), |n| n.to_string()));
            let mut values = vec![
                count(p.rank),
                count(p.volume_rank),
                Value::Text(p.name.clone()),
                Value::Boolean(p.new),
                Value::Boolean(p.flagged),
                real(p.expected),
                real(p.surprise()),
                real(p.p),
                real(p.p_adjusted),
                count(p.history_count),
                Value::Text(list(recent)),
                metres(p.area_m2),
            ];
            // The facts are of the latest period, and so are its days.
            let mut facts = common.place_values(&p.facts, &own);
            let columns = place_columns();
            for (name, day) in [
                ("period_from", &self.latest.0),
                ("period_to", &self.latest.1),
            ] {
                if let Some(at) = columns.iter().position(|c| c.name == name) {
                    facts[at] = Value::Text(day.clone());
                }
            }
            values.extend(facts);
            Feature {
                id: p.id.clone(),
                geometry: Geometry::Polygon(p.outline.clone()),
                values,
            }
        };
        self.places.iter().map(feature).collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let mut r = Map::new();
        let mut put = |key: &str, value: Json| {
            r.insert(key.to_owned(), value);
        };
        put("cells", json!(self.cells_words));
        put("number_of_cells", json!(self.cells));
        put(
            "latest_period",
            json!(format!("{}/{}", self.latest.0, self.latest.1)),
        );
        put("incidents_in_the_latest_period", json!(self.count));
        put("history_from", json!(self.history_from));
        put(
            "history_steps",
            json!({ "supplied": self.history_steps.0, "of": self.history_steps.1, "step": self.params.step.name() }),
        );
        put("recent_steps", json!(self.recent_steps));
        put(
            "level",
            json!({
                "name": self.params.level.name(),
                "rule": match self.params.level {
                    Level::StudyArea => "a place is held against its share of the study area: a step counts by what the whole study area had in it",
                    Level::Own => "a place is held against its own level: a step counts by its days, and the study area's season where that is known",
                },
                "years_of_the_study_areas_season": self.season_years,
            }),
        );
        put(
            "season",
            match &self.seasons {
                Some(s) => json!({
                    "steps_of_the_same_months_in_earlier_years": s.steps,
                    "weight_of_other_steps": short(s.weight_of_others),
                }),
                None => json!(
                    "not adjusted for the season of places: no step of the same months of an earlier year counts apart"
                ),
            },
        );
        put(
            "rates_of_cells",
            json!({
                "distribution": "gamma",
                "shape": short(self.prior.shape),
                "rate": short(self.prior.rate),
            }),
        );
        put(
            "study_area",
            json!({
                "count": self.count,
                "expected": short(self.study_area_expected),
                "p": short(self.study_area_p),
                "p_rule": "Poisson probability of as many or more at the history's rate per day",
            }),
        );
        put("correction", json!(self.params.correction.name()));
        put("alpha", json!(self.params.alpha));
        put("flagged", json!(self.flagged));
        put("new", json!(self.new));
        put("left_out_below_min_count", json!(self.below_min_count));
        put("left_out_beyond_max", json!(self.beyond_max));
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = vec![format!(
            "counts are of the latest period, {} to {}; what ranks first will be lower in the next by itself",
            self.latest.0, self.latest.1
        )];
        if self.flagged == 0 {
            list.push(
                "no place is flagged: the ranking is one of chance as far as the test can tell"
                    .to_owned(),
            );
        }
        if self.seasons.is_none() {
            list.push("the season of places is not adjusted for".to_owned());
        }
        if self.season_years == Some(0) {
            list.push("the season of the study area is not adjusted for: the twelve months before the latest period are not all supplied".to_owned());
        }
        let (supplied, of) = self.history_steps;
        if supplied < of {
            list.push(format!(
                "{} of {of} steps of the history have no record of any kind and are left out",
                of - supplied
            ));
        }
        if self.study_area_p <= 0.01 {
            list.push(format!(
                "the study area as a whole had {} where {} were expected",
                self.count,
                short((self.study_area_expected * 10.0).round() / 10.0)
            ));
        }
        list
    }
}
