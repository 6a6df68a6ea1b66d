//! Temporal profile.

use isopleth_core::domain::Weekday;
use isopleth_core::methods::temporal_profile::{self, ClassPart, HOURS, Part, Told, Window};
use serde_json::{Map, Value as Json, json};

use super::place::closing_columns;
use super::values::{column, count, optional_real, part, point, real, short};
use super::{Common, Table};
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Value};

impl Table for temporal_profile::Outcome {
    fn what(&self) -> &'static str {
        "temporal profile"
    }

    fn geometry(&self) -> GeometryKind {
        GeometryKind::Point
    }

    fn columns(&self) -> Vec<Column> {
        use ColumnType::{Integer, Real, Text};
        let mut columns = vec![
            column(
                "row",
                Text,
                None,
                "total, day, hour (of every day), cell (an hour of a day), peak (a busiest window) or window (one that was asked for). All rows stand at one point of the area.",
            ),
            column("name", Text, None, "What the row is of, in words."),
            column(
                "days",
                Text,
                None,
                "Days of the week; of a window those that it begins on.",
            ),
            column(
                "hours",
                Text,
                None,
                "Hours, local civil time, half open; a window over midnight ends on the next day.",
            ),
            column(
                "weight",
                Real,
                None,
                "Expected number of the records: the sum of the share of each one's time that lies in the hours.",
            ),
            column(
                "exact_count",
                Integer,
                None,
                "Records there whose time is known to the minute.",
            ),
            column(
                "share",
                Real,
                None,
                "Weight as a share of all records, 0 to 1; null for fewer than 20.",
            ),
            column(
                "expected",
                Real,
                None,
                "What an even spread over the week would put there.",
            ),
            column(
                "expected_from_totals",
                Real,
                None,
                "Of busiest windows of one day: what the days' and the hours' own totals would put there, were the hours alike on all days.",
            ),
            column(
                "p",
                Real,
                None,
                "Of busiest windows: Monte Carlo p of a window of its kind and length as busy, anywhere in the week, under an even spread.",
            ),
            column(
                "kind",
                Text,
                None,
                "Of busiest windows: one_day, every_day, monday_to_friday or weekend.",
            ),
            column(
                "rank",
                Integer,
                None,
                "Of busiest windows: place among those of its kind and length.",
            ),
        ];
        if self.outside_calendar.is_some() {
            for (class, words) in [("term", "term"), ("holidays", "school holidays")] {
                columns.push(column(
                    &format!("weight_{class}"),
                    Real,
                    None,
                    &format!("The weight on days of {words}."),
                ));
                columns.push(column(
                    &format!("exact_count_{class}"),
                    Integer,
                    None,
                    &format!("Exact times on days of {words}."),
                ));
                columns.push(column(
                    &format!("days_{class}"),
                    Integer,
                    None,
                    &format!("Such days of the week in the period that are days of {words}."),
                ));
                columns.push(column(
                    &format!("weight_per_day_{class}"),
                    Real,
                    None,
                    &format!("The weight on days of {words} per such day; null without any."),
                ));
            }
            columns.push(column(
                "p_term_against_holidays",
                Real,
                None,
                "Of windows that were asked for: E-test p of as many exact times a day in term as in the holidays.",
            ));
        }
        columns.extend(closing_columns());
        columns
    }

    fn features(&self, common: &Common) -> Vec<Feature> {
        let Some(at) = self.at else {
            return Vec::new();
        };
        let even = |hours: usize| self.records as f64 * hours as f64 / HOURS as f64;
        let row = |id: String, row: Row, of: Option<&Part>, p_of_terms: Option<f64>| {
            let mut values = vec![
                Value::Text(row.kind.into()),
                Value::Text(row.name),
                Value::Text(row.days),
                Value::Text(row.hours),
                real(row.weight),
                count(row.exact),
                optional_real(row.share),
                real(row.expected),
            ];
            values.extend(match row.window {
                Some(w) => [
                    optional_real(w.expected_from_totals),
                    real(w.p),
                    Value::Text(w.scope.name().into()),
                    count(w.rank),
                ],
                None => [Value::Null, Value::Null, Value::Null, Value::Null],
            });
            if self.outside_calendar.is_some() {
                let split = of.and_then(|p| p.split);
                for class in 0..2 {
                    values.extend(class_values(split.map(|s| s[class])));
                }
                values.push(optional_real(p_of_terms));
            }
            values.extend(common.closing_values(common.caveats.clone()));
            Feature {
                id,
                geometry: point(at),
                values,
            }
        };
        let share = |p: &Part| (self.records >= 20).then(|| p.weight / self.records as f64);
        let plain = |kind, name: String, days: String, hours: String, p: &Part, n| Row {
            kind,
            name,
            days,
            hours,
            weight: p.weight,
            exact: p.exact,
            share: share(p),
            expected: even(n),
            window: None,
        };
        let mut features = Vec::new();
        let all_day = || "00:00/24:00".to_owned();
        let total = plain(
            "total",
            "whole week".into(),
            "every day".into(),
            all_day(),
            &self.total,
            HOURS,
        );
        features.push(row("total".into(), total, Some(&self.total), None));
        for (i, w) in self.windows.iter().enumerate() {
            let words = window_words(w);
            let made = Row {
                kind: "peak",
                name: words,
                days: days_text(&w.days),
                hours: w.hours.to_string(),
                weight: w.weight,
                exact: w.exact,
                share: w.share,
                expected: w.expected,
                window: Some(w),
            };
            features.push(row(format!("peak-{}", i + 1), made, None, None));
        }
        for (i, t) in self.told.iter().enumerate() {
            let Told { name, part, .. } = t;
            let mut made = plain(
                "window",
                name.clone(),
                days_text(&t.days),
                t.hours.to_string(),
                part,
                0,
            );
            made.expected = t.expected;
            let id = format!("window-{}", i + 1);
            features.push(row(id, made, Some(part), t.p_term_against_holidays));
        }
        for (d, p) in self.days.iter().enumerate() {
            let day = Weekday::ALL[d].name();
            let made = plain("day", day.into(), day.into(), all_day(), p, 24);
            features.push(row(day.to_owned(), made, Some(p), None));
        }
        for (h, p) in self.hours.iter().enumerate() {
            let hours = hour_text(h);
            let name = format!("{h:02}:00 on every day");
            let made = plain("hour", name, "every day".into(), hours, p, 7);
            features.push(row(format!("{h:02}"), made, Some(p), None));
        }
        for (i, p) in self.week.iter().enumerate() {
            let (day, h) = (Weekday::ALL[i / 24].name(), i % 24);
            let name = format!("{day} {h:02}:00");
            let made = plain("cell", name, day.into(), hour_text(h), p, 1);
            features.push(row(format!("{day}-{h:02}"), made, Some(p), None));
        }
        features
    }

    fn resolved(&self) -> Map<String, Json> {
        let mut r = Map::new();
        let mut put = |key: &str, value: Json| {
            r.insert(key.to_owned(), value);
        };
        put(
            "weight_rule",
            json!(
                "aoristic: the share of a record's minutes that lies in the hours; a week or more weighs 1/168 in each hour; 01:00 to 01:59 on the last Sunday of March weighs nothing, in October it counts once"
            ),
        );
        put("records_profiled", json!(self.records));
        put("exact_times", part(self.exact, self.records));
        put("records_of_a_week_or_more", json!(self.week_or_more));
        put(
            "left_out_known_to_the_month_only",
            json!(self.left_out_month),
        );
        put("left_out_known_to_the_day_only", json!(self.left_out_day));
        put(
            "weights_by_day_from_monday_and_hour",
            json!(
                self.week
                    .chunks(24)
                    .map(|day| day.iter().map(|p| short(p.weight)).collect::<Vec<_>>())
                    .collect::<Vec<_>>()
            ),
        );
        put(
            "p_rule",
            json!(format!(
                "each record keeps its length and begins at a random hour of the week, {} times, seed {}; p = (1 + throws whose busiest window of the kind and length is at least as busy) / ({} + 1)",
                self.params.replicates, self.params.seed, self.params.replicates
            )),
        );
        if let Some(weight) = self.outside_calendar {
            put("weight_outside_the_term_calendar", json!(short(weight)));
        }
        r
    }

    fn caveats(&self) -> Vec<String> {
        let mut list = Vec::new();
        let left_out = self.left_out_day + self.left_out_month;
        if left_out > 0 {
            list.push(format!(
                "{left_out} records are not known to the hour and are left out"
            ));
        }
        if self.records >= 20 && self.exact * 2 < self.records {
            list.push(format!(
                "only {} of {} times are exact: peaks of weight may be peaks of absence",
                self.exact, self.records
            ));
        }
        if let Some(outside) = self.outside_calendar.filter(|w| *w > 0.0) {
            list.push(format!(
                "{} records' weight lies on days that the term calendar does not speak of",
                short(outside)
            ));
        }
        list
    }
}

/// What a row says.
struct Row<'a> {
    kind: &'static str,
    name: String,
    days: String,
    hours: String,
    weight: f64,
    exact: u32,
    share: Option<f64>,
    expected: f64,
    window: Option<&'a Window>,
}

fn class_values(part: Option<ClassPart>) -> [Value; 4] {
    match part {
        None => [Value::Null, Value::Null, Value::Null, Value::Null],
        Some(p) => [
            real(p.weight),
            count(p.exact),
            count(p.days),
            optional_real(p.per_day()),
        ],
    }
}

fn hour_text(hour: usize) -> String {
    format!("{hour:02}:00/{:02}:00", hour + 1)
}

fn days_text(days: &[Weekday]) -> String {
    if days.len() == 7 {
        return "every day".into();
    }
    super::values::list(days.iter().map(|d| d.name().to_owned()))
}

/// `Friday 22:00 to Saturday 02:00`, `22:00 to 02:00 on every day`.
pub(super) fn window_words(w: &Window) -> String {
    let text = w.hours.to_string();
    let (from, to) = text.split_once('/').unwrap_or((&text, ""));
    let [day] = w.days[..] else {
        return match w.days.len() {
            7 => format!("{from} to {to} on every day"),
            5 => format!("{from} to {to} from Monday to Friday"),
            _ => format!("{from} to {to} at the weekend"),
        };
    };
    let capital = |day: Weekday| {
        let mut name = day.name().to_owned();
        if let Some(first) = name.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        name
    };
    if from < to {
        format!("{} {from} to {to}", capital(day))
    } else {
        let next = Weekday::ALL[(day as usize + 1) % 7];
        format!("{} {from} to {} {to}", capital(day), capital(next))
    }
}
