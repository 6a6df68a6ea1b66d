//! What travels with a layer: how it was made, and what is to be known before it is believed.

use isopleth_core::domain::{
    Lens, LocationBasis, Month, OPEN_DATA_SOURCE, format_day, month_number,
};
use isopleth_core::{Facts, Method, Request, Snapshot};
use serde_json::{Map, Value as Json, json};

use super::{Common, weights};
use crate::words::{records, some};

/// A layer's name for a base below which no percentage is meant.
const SMALL_BASE: u64 = 20;

/// Share of located records below which a map is known to mislead (Ratcliffe 2004).
const GEOCODING_FLOOR: f64 = 0.85;

impl Common<'_> {
    pub(super) fn provenance(
        &self,
        snapshot: &Snapshot,
        resolved: Map<String, Json>,
        caveats: &[String],
    ) -> Map<String, Json> {
        let f = self.facts;
        let mut p = Map::new();
        let mut put = |key: &str, value: Json| {
            p.insert(key.to_owned(), value);
        };
        put("run", json!(self.run));
        put("request", self.request.canonical());
        put("data_revision", json!(snapshot.revision));
        put(
            "data_cut_off",
            json!(f.cut_off.map(|at| format_day(at - 1))),
        );
        put("engine", json!(isopleth_core::ENGINE));
        put("policy", json!(snapshot.policy));
        put("lens", json!(f.lens.name()));
        put("lens_title", json!(f.lens_title()));
        put("groups", json!(f.groups));
        put(
            "record_sources",
            f.record_sources
                .iter()
                .map(|(source, n)| {
                    let name = if source.is_empty() {
                        "not stated"
                    } else {
                        source
                    };
                    (name.to_owned(), json!(n))
                })
                .collect::<Map<_, _>>()
                .into(),
        );
        put(
            "period",
            json!(self.days().map(|(a, b)| format!("{a}/{b}"))),
        );
        put(
            "study_area",
            match f.study_area_m2 {
                None if !f.areas.is_empty() => json!({
                    "areas": f.areas.iter().map(|(_, name, how)| {
                        json!({ "name": name, "boundary": how })
                    }).collect::<Vec<_>>(),
                }),
                None => json!("none named: the ground that the records reach"),
                Some(m2) => json!({
                    "areas": f.areas.iter().map(|(code, name, vintage)| {
                        json!({ "code": code, "name": name, "boundary": vintage })
                    }).collect::<Vec<_>>(),
                    "area_m2": m2.round(),
                }),
            },
        );
        put(
            "records",
            json!({
                "selected": f.selected,
                "outside_study_area": f.beyond,
                "without_location": f.unlocated,
                "of_unknown_offence": f.unknown_kind,
            }),
        );
        weights::provenance(f, &mut p);
        let mut put = |key: &str, value: Json| {
            p.insert(key.to_owned(), value);
        };
        put("resolved", Json::Object(resolved));
        put(
            "plane",
            json!("EPSG:27700 (OSTN15); areas and distances in grid metres"),
        );
        put(
            "period_rule",
            json!("a record counts in the period that it may have begun in first"),
        );
        put("caveats", json!(caveats));
        put("marking", json!(self.request.marking));
        p
    }
}

/// What is to be known before a layer is believed.
pub(super) fn caveats(facts: &Facts) -> Vec<String> {
    let mut list = Vec::new();
    let share = |basis: LocationBasis| {
        let n = facts
            .location_basis
            .iter()
            .find(|b| b.0 == basis)
            .map_or(0, |b| b.1);
        n as f64 / facts.selected.max(1) as f64
    };
    if facts.lens == Lens::PoliceGenerated {
        list.push(
            "police-generated records show where police looked, not where demand is".to_owned(),
        );
    }
    if share(LocationBasis::SnapPoint) > 0.0 {
        list.push("positions are anonymous map points that stand for eight or more addresses or none: no place here is an address".to_owned());
    }
    let open_data = facts.record_sources.iter().any(|s| s.0 == OPEN_DATA_SOURCE);
    if open_data && facts.record_sources.len() > 1 {
        list.push("open data and other records are counted together: the same incident may be counted twice; select record_sources".to_owned());
    }
    if facts.month_only > 0 {
        list.push(
            "records are dated to the month: no day or hour can be read from them".to_owned(),
        );
    }
    let located = (facts.selected + facts.beyond) as f64;
    if facts.unlocated > 0 && located / (located + facts.unlocated as f64) < GEOCODING_FLOOR {
        list.push(format!(
            "{} no location, more than 15 % of the selection: the map may mislead",
            some(facts.unlocated, "record has", "records have")
        ));
    }
    if !facts.has_records {
        list.push(
            "the data has no record of any kind in the study area: zero means not supplied"
                .to_owned(),
        );
    } else if let Some((months, missing @ 1..)) = facts.months {
        list.push(format!("the data has no record of any kind in the study area in {missing} of the {months} months of the period: zero there means not supplied"));
    }
    if facts.unknown_kind > 0 {
        list.push(format!(
            "{} of the period with an offence that the policy table does not know, in no group",
            records(facts.unknown_kind)
        ));
    }
    if facts.selected < SMALL_BASE {
        list.push(format!(
            "only {}: read counts, not shares",
            records(facts.selected)
        ));
    }
    list
}

/// Groups that a request names, of which the lens leaves something out.
pub(super) fn left_out_by_lens(request: &Request, facts: &Facts) -> Option<String> {
    if request.select.groups.is_none() || facts.other_lens.is_empty() {
        return None;
    }
    let groups: Vec<String> = facts
        .other_lens
        .iter()
        .map(|(group, n)| format!("{n} of {group}"))
        .collect();
    let (lens, other) = match facts.lens {
        Lens::Reported => ("reported", "police_generated"),
        Lens::PoliceGenerated => ("police_generated", "reported"),
    };
    Some(format!(
        "the lens is {lens}: {} are {other} and left out; ask for them with \"lens\": \"{other}\"",
        groups.join(", ")
    ))
}

/// Data that ends before the period of a method that compares months or steps.
pub(super) fn ends_early(request: &Request, facts: &Facts) -> Option<String> {
    if !matches!(
        request.method,
        Method::AreaAudit(_) | Method::Change(_) | Method::EmergingHotSpots(_)
    ) {
        return None;
    }
    let cut_off = facts.cut_off?;
    let last = match &facts.period {
        Some((_, last)) => last.clone(),
        None => format_day(Month::from_number(month_number(cut_off - 1)).minutes()?.1 - 1),
    };
    let data = format_day(cut_off - 1);
    (data < last).then(|| {
        format!(
            "the data ends on {data}, before {last}: the final month or step may be there only in part, and its count too low"
        )
    })
}
