//! Incidents near sites.

use isopleth_core::domain::Lens;
use isopleth_core::methods::vicinity::{self, ByArea, ByGroup, NearSite, Row};
use isopleth_core::statistics::LEAST_BASE;
use serde_json::{Map, Value as Json, json};

use super::place::place_columns;
use super::values::{column, count, part, point, short};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};

impl Table for vicinity::Outcome {
    fn what(&self) -> &'static str {
        "incidents near sites"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::Point
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Boolean, Integer, Text};
        let mut columns = vec![
            column(
                "rank",
                Integer,
                None,
                "Place in the ranking by incidents within the last distance, from 1; equals by id.",
            ),
            column("name", Text, None, "Name of the site."),
            column("site_class", Text, None, "Class of the site."),
            column(
                "in_study_area",
                Boolean,
                None,
                "Whether the site lies in the study area; its incidents do in any case.",
            ),
            column(
                "edge_effect",
                Boolean,
                None,
                "No farther from the study area's boundary than the last distance: incidents beyond it are not counted.",
            ),
        ];
        columns.extend(self.params.distances_m.iter().map(|d| {
            column(
                &format!("count_within_{}_m", d.to_string().replace('.', "_")),
                Integer,
                None,
                &format!(
                    "Selected incidents nearest to this site and no farther than {d} m from it; they add up over the sites."
                ),
            )
        }));
        columns.extend(place_columns());
        for c in &mut columns {
            if c.name == "count" {
                c.meaning =
                    "Selected incidents nearest to this site within the last distance.".into();
            }
        }
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let feature = |s: &NearSite| {
            let mut own = Vec::new();
            if s.edge_effect {
                own.push(
                    "near the study area's boundary: incidents beyond it are not counted"
                        .to_owned(),
                );
            }
            let mut values = vec![
                count(s.rank),
                Value::Text(s.name.clone()),
                Value::Text(self.params.site_class.clone()),
                Value::Boolean(s.in_study_area),
                Value::Boolean(s.edge_effect),
            ];
            values.extend(s.within.iter().map(|&n| count(n)));
            values.extend(common.place_values_if_any(s.facts.as_ref(), &own));
            Feature {
                id: s.id.clone(),
                geometry: point(s.position),
                values,
            }
        };
        self.sites.iter().map(feature).collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let rows = |rows: &[Row]| -> Json { rows.iter().map(|r| row_of(self, r)).collect() };
        let mut r = Map::new();
        let mut put = |key: &str, value: Json| {
            r.insert(key.to_owned(), value);
        };
        put("site_class", json!(self.params.site_class));
        put("distances_m", json!(self.params.distances_m));
        put(
            "count_rule",
            json!(
                "each incident of the study area once, by its nearest site as the crow flies; bands (from, to]: exactly so far counts"
            ),
        );
        put("sites_looked_at", json!(self.site_count.0));
        put("sites_in_study_area", json!(self.site_count.1));
        put("incidents", json!(self.incidents));
        put(
            "area_rule",
            json!(format!(
                "union of the discs, cut at the study area; each disc a polygon of {} corners and its own area, nowhere farther than 0.011 % of its radius from the circle",
                vicinity::CORNERS
            )),
        );
        put(
            "test_rule",
            json!(
                "by area: exact binomial, two-sided p and Clopper-Pearson interval of the ratio; against a group: two Poisson counts compared by their sum, exactly. 95 %; no share or ratio on fewer than 20 incidents"
            ),
        );
        put("against", other(self.other.as_ref()));
        put("bands", rows(&self.bands));
        put("within", rows(&self.within));
        put("left_out_beyond_max", json!(self.beyond_max));
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = Vec::new();
        if self.bands.iter().any(|b| b.by_area.is_some()) {
            list.push("an even scatter over the study area is a weak yardstick: sites stand where people are".to_owned());
        } else {
            list.push("no study area is named: there is no ground to expect by".to_owned());
        }
        list.extend(self.other.as_ref().and_then(lens_caveat));
        list
    }
}

fn row_of(outcome: &vicinity::Outcome, row: &Row) -> Json {
    let by_area = row.by_area.as_ref();
    let mut r = Map::new();
    r.insert("from_m".into(), json!(row.from_m));
    r.insert("to_m".into(), json!(row.to_m));
    r.insert("incidents".into(), part(row.incidents, outcome.incidents));
    r.insert(
        "by_area".into(),
        json!(by_area.map(|a| by_area_of(a, outcome.incidents))),
    );
    if let (Some(g), Some(o)) = (&row.by_group, &outcome.other) {
        r.insert("by_group".into(), by_group(g, o.incidents));
    }
    Json::Object(r)
}

fn by_area_of(a: &ByArea, incidents: u64) -> Json {
    let reason = if a.ratio.is_some() {
        Json::Null
    } else if incidents < LEAST_BASE {
        json!(format!("no ratio on a base below {LEAST_BASE}"))
    } else {
        json!("no ground there, so nothing is expected")
    };
    json!({
        "area_m2": (a.area_m2 * 10.0).round() / 10.0,
        "share_of_study_area": short(a.share),
        "expected": short(a.expected),
        "ratio": a.ratio.map(short),
        "ratio_reason": reason,
        "ratio_low": a.low.map(short),
        "ratio_high": a.high.map(short),
        "p": a.p.map(short),
    })
}

fn by_group(g: &ByGroup, of: u64) -> Json {
    let compared = g.compared.as_ref();
    let ratio = compared.and_then(|c| c.ratio).filter(|_| g.enough);
    let reason = if ratio.is_some() {
        Json::Null
    } else if g.enough {
        json!("the other group has none there")
    } else {
        json!(format!("no ratio on a base below {LEAST_BASE}"))
    };
    json!({
        "incidents": part(g.incidents, of),
        "location_quotient": ratio.map(short),
        "location_quotient_reason": reason,
        "low": compared.map(|c| short(c.low)),
        "high": compared.and_then(|c| c.high).map(short),
        "p": compared.map(|c| short(c.p)),
    })
}

/// The second group of a layer, named with its lens.
pub(super) fn other(other: Option<&isopleth_core::against::Other>) -> Json {
    json!(other.map(|o| json!({
        "groups": o.groups,
        "sub_types": o.sub_types,
        "lens": o.lens.name(),
        "lens_title": o.lens.title(),
        "incidents": o.incidents,
        "records_of_both_groups_counted_in_the_first": o.in_both,
    })))
}

/// Two groups of different lens are told apart in words.
pub(super) fn lens_caveat(o: &isopleth_core::against::Other) -> Option<String> {
    let words = |lens| match lens {
        Lens::Reported => "reported",
        Lens::PoliceGenerated => "police-generated",
    };
    (o.lens != o.first_lens).then(|| {
        format!(
            "the first group is {}, the second {}: where they agree or differ may be where police looked",
            words(o.first_lens),
            words(o.lens)
        )
    })
}
