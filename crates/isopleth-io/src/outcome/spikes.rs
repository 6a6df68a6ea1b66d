//! Spikes.

use isopleth_core::methods::spikes::{self, Card, Spike, Test};
use serde_json::{Map, Value as Json, json};

use super::area_audit::{break_caveat, breaks, days, id, origin};
use super::place::closing_columns;
use super::values::{
    column, count, ground, list, metres, number, optional_number, optional_real, real, short,
};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};

/// Kinds of offence named in the sentence of a card.
const NAMED: usize = 3;

impl Table for spikes::Outcome {
    fn what(&self) -> &'static str {
        "spikes of a month"
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
                "Place in the ranking, from 1: flagged areas first, then by p.",
            ),
            column("code", Text, None, "Code of the area."),
            column("name", Text, None, "Name of the area."),
            column(
                "area_m2",
                Real,
                Some("m²"),
                "Planar area; null where no boundary is loaded.",
            ),
            column(
                "flagged",
                Boolean,
                None,
                "Whether the month is a spike at the level asked for, over all areas together.",
            ),
            column(
                "count",
                Integer,
                None,
                "Selected incidents of the month; null where it is not supplied whole.",
            ),
            column(
                "count_reported",
                Integer,
                None,
                "Incidents of the same groups and month that somebody reported.",
            ),
            column(
                "count_police_generated",
                Integer,
                None,
                "Incidents of the same groups and month that exist because police looked.",
            ),
            column(
                "baseline_count",
                Integer,
                None,
                "Selected incidents of the baseline.",
            ),
            column(
                "baseline_months",
                Integer,
                None,
                "Months of the baseline that are supplied whole.",
            ),
            column(
                "baseline_mean",
                Real,
                Some("incidents/month"),
                "Mean of the baseline.",
            ),
            column(
                "count_needed",
                Integer,
                None,
                "Least count that would be flagged against this baseline.",
            ),
            column(
                "p_poisson",
                Real,
                None,
                "Exact Poisson tail with the baseline's mean, as if it were known.",
            ),
            column(
                "p_exact",
                Real,
                None,
                "Exact conditional tail, which allows for the baseline being estimated.",
            ),
            column(
                "p_adjusted",
                Real,
                None,
                "The larger of the two, adjusted for the number of areas; the flag goes by it.",
            ),
            column(
                "p_beyond",
                Real,
                None,
                "Exact tail against the other areas: whether it rose more than they did. Null for one area alone.",
            ),
            column(
                "p_beyond_adjusted",
                Real,
                None,
                "The same, adjusted for the number of areas.",
            ),
            column(
                "beyond_whole",
                Boolean,
                None,
                "Whether it rose more than the rise of the whole explains.",
            ),
            column(
                "baseline",
                Text,
                None,
                "The months of the baseline with their counts.",
            ),
            column(
                "card",
                Text,
                None,
                "The month in plain words, with what drove it.",
            ),
            column(
                "drivers",
                Text,
                None,
                "Kinds of offence with their count and their mean over the baseline, by how far they exceed it.",
            ),
            column(
                "busiest_day",
                Date,
                None,
                "The day with most incidents; null where records are not known to the day.",
            ),
            column("busiest_day_count", Integer, None, "Incidents of that day."),
            column(
                "busiest_day_source",
                Text,
                None,
                "The record source that most of these came from, with their number.",
            ),
            column(
                "top_source",
                Text,
                None,
                "The record source that most incidents of the month came from, with their number.",
            ),
            column(
                "top_places",
                Text,
                None,
                "The three places with most incidents, what the position stands for, and their number.",
            ),
            column(
                "reason",
                Text,
                None,
                "Why the area was not tested, or why day or places are not told.",
            ),
            column("period_from", Date, None, "First day of the month."),
            column("period_to", Date, None, "Last day of the month."),
        ];
        columns.extend(closing_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let (from, to) = days((self.month, self.month));
        self.spikes
            .iter()
            .filter(|s| s.flagged || !self.params.flagged_only)
            .map(|s| {
                let area = &self.areas[s.area];
                let test = s.test.as_ref().ok();
                let of = |n: u64| if s.supplied { number(n) } else { Value::Null };
                let day = s.card.day.as_ref().ok();
                let source = |named: Option<&(String, u64)>| {
                    named.map_or(Value::Null, |(source, n)| {
                        Value::Text(format!("{source} {n}"))
                    })
                };
                let mut values = vec![
                    count(s.rank),
                    Value::Text(area.code.clone()),
                    Value::Text(area.name.clone()),
                    area.area_m2.map_or(Value::Null, metres),
                    test.map_or(Value::Null, |_| Value::Boolean(s.flagged)),
                    of(s.count),
                    of(s.count_reported),
                    of(s.count_police_generated),
                    test.map_or(Value::Null, |t| number(t.baseline_count)),
                    test.map_or(Value::Null, |t| count(t.baseline_months)),
                    test.map_or(Value::Null, |t| real(t.mean())),
                    optional_number(s.count_needed),
                    test.map_or(Value::Null, |t| real(t.p_poisson)),
                    test.map_or(Value::Null, |t| real(t.p_exact)),
                    optional_real(s.p_adjusted),
                    optional_real(s.p_beyond),
                    optional_real(s.p_beyond_adjusted),
                    s.beyond_whole.map_or(Value::Null, Value::Boolean),
                    Value::Text(list(s.baseline.iter().map(|(m, n)| {
                        n.map_or_else(|| format!("{m} not supplied"), |n| format!("{m} {n}"))
                    }))),
                    Value::Text(sentence(self, s)),
                    Value::Text(list(
                        s.card
                            .drivers
                            .iter()
                            .map(|d| format!("{} {} (mean {:.1})", d.offence, d.count, d.mean)),
                    )),
                    day.map_or(Value::Null, |d| Value::Text(d.day.clone())),
                    day.map_or(Value::Null, |d| number(d.count)),
                    source(day.and_then(|d| d.source.as_ref())),
                    source(s.card.source.as_ref()),
                    s.card
                        .places
                        .as_ref()
                        .map_or(Value::Null, |p| Value::Text(places(p))),
                    reason(s),
                    from.clone(),
                    to.clone(),
                ];
                values.extend(common.closing_values(common.caveats.clone()));
                Feature {
                    id: id(&area.code),
                    geometry: ground(&area.ground),
                    values,
                }
            })
            .collect()
    }

    fn resolved(&self) -> Map<String, Json> {
        let mut r = origin(&self.origin);
        r.insert("month".into(), json!(self.month.to_string()));
        r.insert("baseline".into(), json!(self.params.baseline.words()));
        r.insert("alpha".into(), json!(self.params.alpha));
        r.insert("correction".into(), json!(self.params.correction.name()));
        r.insert("areas_tested".into(), json!(self.tested));
        r.insert("areas_flagged".into(), json!(self.flagged));
        if self.params.flagged_only {
            r.insert(
                "left_out_not_flagged".into(),
                json!(self.spikes.len() - self.flagged),
            );
        }
        r.insert(
            "whole".into(),
            match &self.whole {
                None => Json::Null,
                Some((n, test)) => json!({
                    "count": n,
                    "baseline_mean": short(test.mean()),
                    "p_poisson": short(test.p_poisson),
                    "p_exact": short(test.p_exact),
                }),
            },
        );
        r.insert(
            "in_none_of_the_areas".into(),
            json!({ "elsewhere": self.elsewhere.0, "unlocated": self.elsewhere.1 }),
        );
        r.insert("series_breaks".into(), breaks(&self.breaks));
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list: Vec<String> = break_caveat(&self.breaks).into_iter().collect();
        if let Some((_, test)) = &self.whole
            && test.p() <= self.params.alpha
        {
            list.push(
                "the whole rose in this month: flags that are not beyond_whole may be of that rise"
                    .to_owned(),
            );
        }
        list
    }
}

/// The month of an area in plain words.
fn sentence(found: &spikes::Outcome, s: &Spike) -> String {
    let name = &found.areas[s.area].name;
    let test = match &s.test {
        Err(reason) => return format!("{name}, {}: not tested, {reason}.", found.month),
        Ok(test) => test,
    };
    let mut text = format!(
        "{name}, {}: {} against a mean of {:.1} in {} ({}; {} areas, {}).",
        found.month,
        s.count,
        test.mean(),
        found.params.baseline.words(),
        chance(test),
        found.tested,
        if s.flagged { "flagged" } else { "not flagged" },
    );
    if s.flagged && s.beyond_whole == Some(false) {
        text.push_str(" Other areas rose, too.");
    }
    if s.count == 0 {
        return text;
    }
    let drivers = s.card.drivers.iter().take(NAMED);
    let drivers: Vec<String> = drivers
        .map(|d| format!("{} {} against {:.1}", d.offence, d.count, d.mean))
        .collect();
    text.push_str(&format!(" {}.", drivers.join("; ")));
    text.push_str(&day_words(found, s));
    if let Ok(list) = &s.card.places {
        text.push_str(&format!(" Most at {}.", places(list)));
    }
    text
}

/// `14 of 19 on one day (2019-05-18), all from one source (search), police-generated.`
fn day_words(found: &spikes::Outcome, s: &Spike) -> String {
    let lens = found.lens.name().replace('_', "-");
    match &s.card.day {
        Err(reason) => format!(" No day is told: {reason}."),
        Ok(day) => {
            let source = match &day.source {
                Some((source, n)) if *n == day.count => {
                    format!(", all from one source ({source})")
                }
                Some((source, n)) => format!(", {n} of them from one source ({source})"),
                None => String::new(),
            };
            format!(
                " {} of {} on one day, {lens} ({}{source}).",
                day.count, s.count, day.day
            )
        }
    }
}

fn chance(test: &Test) -> String {
    let p = |p: f64| {
        if p >= 0.001 {
            format!("{p:.3}")
        } else {
            format!("{p:.1e}")
        }
    };
    format!(
        "chance alone: p = {}, and {} with the mean as estimated",
        p(test.p_poisson),
        p(test.p_exact)
    )
}

fn places(found: &[(String, isopleth_core::domain::LocationBasis, u64)]) -> String {
    list(
        found
            .iter()
            .map(|(name, basis, n)| format!("{name} ({}) {n}", basis.noun())),
    )
}

fn reason(s: &Spike) -> Value {
    let Card { day, places, .. } = &s.card;
    let all: Vec<String> = s
        .test
        .as_ref()
        .err()
        .cloned()
        .into_iter()
        .chain(day.as_ref().err().map(|r| (*r).to_owned()))
        .chain(places.as_ref().err().map(|r| (*r).to_owned()))
        .collect();
    if all.is_empty() {
        Value::Null
    } else {
        Value::Text(all.join("; "))
    }
}
