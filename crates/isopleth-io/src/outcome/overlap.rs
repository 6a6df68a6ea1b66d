//! Overlap of two groups.

use isopleth_core::methods::overlap::{self, Part, Place};
use isopleth_core::statistics::LEAST_BASE;
use serde_json::{Map, Value as Json, json};

use super::place::place_columns;
use super::values::{area, column, count, list, optional_real, part, shape, shapes, short};
use super::vicinity::{lens_caveat, other};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};
use crate::words::{records, some};

impl Table for overlap::Outcome {
    fn what(&self) -> &'static str {
        "overlap with a second group"
    }

    fn geometry(&self) -> GeometryKind {
        shapes(self.by)
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Integer, Real, Text};
        let mut columns = vec![
            column(
                "rank",
                Integer,
                None,
                "Place in the ranking, from 1: places of both groups first, then by what they add to the similarity.",
            ),
            column(
                "name",
                Text,
                None,
                "Commonest place text of the first group and ward; says what a location stands for unless it is an address.",
            ),
            column(
                "own_place_of",
                Text,
                None,
                "both, first_only or second_only: which group has enough incidents here for it to be a place of its own.",
            ),
            column("first_groups", Text, None, "The first group."),
            column(
                "first_lens",
                Text,
                None,
                "Lens of the first group: reported, or police_generated (where police looked).",
            ),
            column(
                "first_count",
                Integer,
                None,
                "Incidents of the first group.",
            ),
            column("second_groups", Text, None, "The second group."),
            column(
                "second_lens",
                Text,
                None,
                "Lens of the second group: reported, or police_generated (where police looked).",
            ),
            column(
                "second_count",
                Integer,
                None,
                "Incidents of the second group that are not in the first.",
            ),
            column(
                "first_share",
                Real,
                None,
                "The first group among both groups' incidents here, 0 to 1; null for fewer than 20.",
            ),
            column(
                "first_share_low",
                Real,
                None,
                "Low end of its 95 % Wilson interval; null for fewer than 20 incidents.",
            ),
            column(
                "first_share_high",
                Real,
                None,
                "High end of its 95 % Wilson interval; null for fewer than 20 incidents.",
            ),
            column(
                "area_m2",
                Real,
                Some("m²"),
                "Planar area of the cell; null for a location.",
            ),
        ];
        columns.extend(place_columns());
        for c in &mut columns {
            if c.name == "count" {
                c.meaning = "Selected incidents of the place: those of the first group.".into();
            }
        }
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let groups = |groups: &[String]| Value::Text(list(groups.iter().cloned()));
        let feature = |p: &Place| {
            let interval = p.part.interval();
            let mut values = vec![
                count(p.rank),
                Value::Text(p.name.clone()),
                Value::Text(p.whose.name().to_owned()),
                groups(&common.facts.groups),
                Value::Text(self.other.first_lens.name().to_owned()),
                count(p.first),
                groups(&self.other.groups),
                Value::Text(self.other.lens.name().to_owned()),
                count(p.second),
                optional_real(p.part.share()),
                optional_real(interval.map(|i| i.0)),
                optional_real(interval.map(|i| i.1)),
                area(&p.shape),
            ];
            values.extend(common.place_values_if_any(p.facts.as_ref(), &[]));
            Feature {
                id: p.id.clone(),
                geometry: shape(&p.shape),
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
        put("counted_by", json!(self.by.words()));
        put(
            "known_places",
            json!({ "number": self.known_places, "are": "places of the study area at which the data has a record of any kind and time" }),
        );
        put("incidents", json!(self.incidents));
        put("second_group", other(Some(&self.other)));
        let own = |(least, places): (u32, u64)| json!({ "least_count": least, "places": places });
        put("first_groups_own_places", own(self.first));
        put("second_groups_own_places", own(self.second));
        put("shared_places", json!(self.shared));
        put(
            "shared_places_by_chance",
            json!(
                self.chance
                    .map(|(mean, p)| json!({ "mean": short(mean), "p": short(p) }))
            ),
        );
        put("jaccard", json!(self.jaccard().map(short)));
        put(
            "overlap_coefficient",
            json!(self.overlap_coefficient().map(short)),
        );
        put(
            "proportional_similarity",
            json!(self.similarity.map(|s| json!({
                "value": short(s.value),
                "mean_by_chance": s.chance.map(|c| short(c.0)),
                "p": s.chance.map(|c| short(c.1)),
            }))),
        );
        put(
            "chance_rule",
            json!(format!(
                "the second group's counts dealt blindly over the known places: shared places exactly (hypergeometric), similarity by {} shuffles, seed {}; p of at least as much",
                self.params.replicates, self.params.seed
            )),
        );
        put(
            "first_groups_incidents_at_second_groups_places",
            with_interval(self.first_at_second),
        );
        put(
            "second_groups_incidents_at_first_groups_places",
            with_interval(self.second_at_first),
        );
        put(
            "share_rule",
            json!(format!(
                "95 % Wilson intervals; no share on a base below {LEAST_BASE}"
            )),
        );
        put("left_out_beyond_max", json!(self.beyond_max));
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut caveats = vec![
            "neighbouring places are alike, which p by chance does not know: it is too small, read the size of the overlap".to_owned(),
        ];
        caveats.extend(lens_caveat(&self.other));
        if self.other.in_both > 0 {
            caveats.push(format!(
                "{} in the first only",
                some(
                    self.other.in_both,
                    "record belongs to both groups and counts",
                    "records belong to both groups and count"
                )
            ));
        }
        if self.other.incidents < LEAST_BASE {
            caveats.push(format!(
                "only {} of the second group: read counts, not shares",
                records(self.other.incidents)
            ));
        }
        caveats
    }
}

fn with_interval(p: Part) -> Json {
    let mut json = part(p.incidents, p.of);
    if let (Some(object), Some((low, high))) = (json.as_object_mut(), p.interval()) {
        object.insert("low".into(), json!(short(low)));
        object.insert("high".into(), json!(short(high)));
    }
    json
}
