//! What weights add to a layer: columns of harm and of expected counts, and what is to be known of
//! them.

use isopleth_core::domain::{HarmRange, Lens};
use isopleth_core::harm::HarmTotal;
use isopleth_core::methods::kernel_density::{Bound, Weight, Weighting};
use isopleth_core::places::PlaceFacts;
use isopleth_core::{Facts, Findings, HarmFacts, Method, Request};
use serde_json::{Map, Value as Json, json};

use super::values::{column, count, real};
use crate::layer::{Column, ColumnType, Value};
use crate::words::{records, some, thousands};

/// The column of places that those of weights follow.
pub(super) const AFTER: &str = "location_basis";

/// Names of the columns of a schedule end in this, by its place in the request.
const SUFFIX: [&str; isopleth_core::harm::MAX_SCHEDULES] = ["", "_second"];

/// A base below which no share is given.
const SMALL_BASE: u64 = 20;

/// Puts in the columns that hours and harm schedules add: to places, and to the cells of a surface.
pub(super) fn insert_columns(columns: &mut Vec<Column>, findings: &Findings, facts: &Facts) {
    let at = |name: &str| columns.iter().position(|c| c.name == name);
    let at = match findings {
        Findings::Surface(_) => at("caveats"),
        // A contour tells what is expected in the hours; harm it does not.
        Findings::Contours(_) => {
            if let Some(at) = at("area_m2") {
                columns.splice(at..at, expected_column(facts));
            }
            return;
        }
        _ => at(AFTER).map(|at| at + 1),
    };
    if let Some(at) = at {
        let added: Vec<Column> = expected_column(facts)
            .into_iter()
            .chain(harm_columns(&facts.harm))
            .collect();
        columns.splice(at..at, added);
    }
}

fn expected_column(facts: &Facts) -> Option<Column> {
    let hours = facts.hours.as_ref()?;
    Some(column(
        "expected_count",
        ColumnType::Real,
        None,
        &format!(
            "Expected number of the incidents within {}: the sum of the share of each one's time that lies in them. `count` is of all that may have happened then.",
            hours.words
        ),
    ))
}

fn harm_columns(schedules: &[HarmFacts]) -> Vec<Column> {
    use ColumnType::{Integer, Real, Text};
    let mut columns = Vec::new();
    for (s, suffix) in schedules.iter().zip(SUFFIX) {
        let unit = Some(s.unit.as_str());
        let mut put = |name: &str, kind, unit, meaning: &str| {
            columns.push(column(&format!("{name}{suffix}"), kind, unit, meaning));
        };
        put(
            "harm",
            Real,
            unit,
            "Harm of the incidents by the schedule; police-generated ones weigh 0. Null where it is a range.",
        );
        put(
            "harm_low",
            Real,
            unit,
            "Least harm, where incidents weigh a range.",
        );
        put(
            "harm_high",
            Real,
            unit,
            "Largest harm, where incidents weigh a range.",
        );
        put(
            "harm_share_of_one_event",
            Real,
            None,
            "Share of the harm that comes from the gravest single incident, 0 to 1; null where the harm is 0 or a range.",
        );
        put(
            "harm_police_generated_low",
            Real,
            unit,
            "Least harm of the incidents of the same groups and period that exist because police looked, which is in no total; null where the schedule does not know one of them.",
        );
        put(
            "harm_police_generated_high",
            Real,
            unit,
            "Largest harm of the same.",
        );
        put(
            "harm_left_out",
            Integer,
            None,
            "Incidents among `count` that the schedule does not know, and that add nothing.",
        );
        put(
            "harm_schedule",
            Text,
            None,
            "Id and version of the schedule.",
        );
    }
    columns
}

/// The values of all these columns, of a place that may have no selected incident.
pub(super) fn values_if_any(facts: &Facts, place: Option<&PlaceFacts>) -> Vec<Value> {
    let expected = facts
        .hours
        .as_ref()
        .map(|_| real(place.map_or(0.0, PlaceFacts::expected)));
    let mut values: Vec<Value> = expected.into_iter().collect();
    match place {
        Some(place) => values.extend(harm_values(facts, &place.harm)),
        None => values.extend(harm_columns(&facts.harm).iter().map(|_| Value::Null)),
    }
    values
}

/// The values of [`harm_columns`].
pub(super) fn harm_values(facts: &Facts, harm: &[HarmTotal]) -> Vec<Value> {
    let mut values = Vec::new();
    for (s, h) in facts.harm.iter().zip(harm) {
        let found =
            |r: Option<HarmRange>, of: fn(HarmRange) -> f64| r.map_or(Value::Null, |r| real(of(r)));
        values.extend([
            h.total.value().map_or(Value::Null, real),
            real(h.total.low),
            real(h.total.high),
            h.share_of_one_event.map_or(Value::Null, real),
            found(h.police_generated, |r| r.low),
            found(h.police_generated, |r| r.high),
            count(h.left_out),
            Value::Text(format!("{} {}", s.id, s.version)),
        ]);
    }
    values
}

/// What a layer's title and description say of weights: ` weighted by harm (cchi-2026 1, days)`.
pub(super) fn words(request: &Request, facts: &Facts) -> String {
    let hours = facts.hours.as_ref();
    harm_words(request, facts) + &hours.map_or(String::new(), |h| format!(", {}", h.words))
}

/// The same of harm alone, which also follows a title that the request gives.
pub(super) fn harm_words(request: &Request, facts: &Facts) -> String {
    let Method::KernelDensity(params) = &request.method else {
        return String::new();
    };
    let Weight::Harm(by) = &params.weight else {
        return String::new();
    };
    let Some(s) = facts.harm.iter().find(|s| s.id == by.harm) else {
        return String::new();
    };
    let end = by
        .bound
        .map_or(String::new(), |b| format!(", {} end of ranges", b.name()));
    format!(
        " weighted by harm ({} {}, {}{end})",
        s.id, s.version, s.unit
    )
}

/// What a surface's incidents weigh, as resolved.
pub(super) fn resolved(weight: &Weighting) -> Json {
    match weight {
        Weighting::Count => json!("count"),
        Weighting::Harm {
            schedule,
            version,
            unit,
            bound,
        } => json!({
            "harm": schedule,
            "version": version,
            "unit": unit,
            "bound": bound.map(Bound::name),
        }),
    }
}

/// What provenance says of hours and harm.
pub(super) fn provenance(facts: &Facts, p: &mut Map<String, Json>) {
    if let Some(h) = &facts.hours {
        let share = (facts.selected >= SMALL_BASE)
            .then(|| (h.exact as f64 / facts.selected as f64 * 1e4).round() / 1e4);
        p.insert(
            "hours".into(),
            json!({
                "window": h.words,
                "clock": "local civil time",
                "rule": "a record weighs the share of its time that lies in the hours, by the minute; one that spans a week or more weighs what the hours make up of a week; records without any such share are not selected",
                "expected_count": (h.expected * 1e6).round() / 1e6,
                "records_with_exact_time": h.exact,
                "share_with_exact_time": share,
                "records_partly_in_the_hours": h.fractional,
                "records_left_out_not_known_to_the_hour": h.left_out,
            }),
        );
    }
    if !facts.harm.is_empty() {
        let schedule = |s: &HarmFacts| {
            json!({
                "id": s.id,
                "version": s.version,
                "source": s.source,
                "unit": s.unit,
                "hash": s.hash,
                "unknown_code": s.unknown_code.name(),
                "records_left_out_as_unknown": s.left_out,
                "records_that_weigh_a_range": s.ranged,
                "police_generated_records_unknown": s.unknown_police_generated,
            })
        };
        p.insert(
            "harm".into(),
            json!({
                "schedules": facts.harm.iter().map(schedule).collect::<Vec<_>>(),
                "police_generated": "weigh 0 in the harm total, since they show where police looked; their harm stands in columns of its own",
            }),
        );
    }
}

/// What is to be known of hours and harm before a layer is believed.
pub(super) fn caveats(facts: &Facts) -> Vec<String> {
    let mut list = Vec::new();
    if let Some(h) = &facts.hours {
        if h.fractional > 0 {
            list.push(format!(
                "{} only partly in the hours {}: count is of all that may have happened then, expected_count of how many are likely to have; {} of {} times are known to the minute",
                some(h.fractional, "record lies", "records lie"),
                h.words,
                thousands(h.exact),
                thousands(facts.selected)
            ));
        }
        if h.left_out > 0 {
            list.push(format!(
                "{} not known to the hour, left out",
                records(h.left_out)
            ));
        }
    }
    for s in &facts.harm {
        if facts.lens == Lens::PoliceGenerated {
            list.push(format!(
                "harm by {}: police-generated records weigh 0 in the total",
                s.id
            ));
        }
        if s.left_out > 0 {
            list.push(format!(
                "harm by {}: {} records have an offence that the schedule does not know; they add nothing",
                s.id, s.left_out
            ));
        }
        if s.ranged > 0 {
            list.push(format!(
                "harm by {}: {} records are of classes that stand for a range of weights; totals with them are ranges",
                s.id, s.ranged
            ));
        }
        if s.unknown_police_generated > 0 {
            list.push(format!(
                "harm by {}: {} police-generated records have an offence that the schedule does not know; harm_police_generated is null where they are",
                s.id, s.unknown_police_generated
            ));
        }
    }
    list
}
