//! What every place of every layer says: counts, dates, offences; and what every feature closes with.

use isopleth_core::domain::{LocationBasis, format_day};
use isopleth_core::places::PlaceFacts;

use super::values::{column, count, list, optional, text};
use super::{Common, weights};
use crate::layer::{Column, ColumnType, Value};

impl Common<'_> {
    /// The values that every place has, in the order of [`place_columns`].
    pub(super) fn place_values(&self, facts: &PlaceFacts, own_caveats: &[String]) -> Vec<Value> {
        let period = self.facts.period.clone();
        let from = period
            .as_ref()
            .map_or_else(|| format_day(facts.first), |p| p.0.clone());
        let to = period.map_or_else(|| format_day(facts.last - 1), |p| p.1);
        let mut caveats = own_caveats.to_vec();
        if !self.caveats.is_empty() {
            caveats.push(self.caveats.clone());
        }
        let mut values = vec![
            count(facts.count),
            count(facts.count_reported),
            count(facts.count_police_generated),
            optional(facts.distinct_days),
            count(facts.distinct_months),
            count(facts.distinct_locations),
            Value::Text(from),
            Value::Text(to),
            Value::Text(format_day(facts.first)),
            Value::Text(format_day(facts.last - 1)),
            optional(facts.previous_count),
            optional(facts.same_period_last_year_count),
            Value::Text(list(
                facts.top_offences.iter().map(|(o, n)| format!("{o} {n}")),
            )),
            Value::Text(list(
                facts.location_basis.iter().map(|(b, n)| format!("{b} {n}")),
            )),
        ];
        // Their columns are put in after the one of the location basis.
        values.extend(weights::values_if_any(self.facts, Some(facts)));
        values.extend(self.closing_values(caveats.join("; ")));
        values
    }

    /// The same where a place may have no selected incident: then its count is 0 and what would be said
    /// of incidents is null.
    pub(super) fn place_values_if_any(
        &self,
        facts: Option<&PlaceFacts>,
        own_caveats: &[String],
    ) -> Vec<Value> {
        let Some(facts) = facts else {
            let closing = 3;
            let mut values = vec![Value::Null; place_columns().len() - closing];
            values[0] = count(0);
            values.extend(weights::values_if_any(self.facts, None));
            let mut caveats = own_caveats.to_vec();
            caveats.extend(Some(self.caveats.clone()).filter(|c| !c.is_empty()));
            values.extend(self.closing_values(caveats.join("; ")));
            return values;
        };
        self.place_values(facts, own_caveats)
    }

    /// Caveats, marking and run, which every feature of every layer closes with.
    pub(super) fn closing_values(&self, caveats: String) -> [Value; 3] {
        let marking = self.request.marking.clone();
        [
            text(caveats),
            marking.map_or(Value::Null, Value::Text),
            Value::Text(self.run.to_owned()),
        ]
    }
}

pub(super) fn place_columns() -> Vec<Column> {
    use ColumnType::{Date, Integer, Text};
    let mut columns = vec![
        column(
            "count",
            Integer,
            None,
            "Selected incidents of the place; for a hotspot those inside its outline, by plain geometry. Always whole records: with hours all that may have happened in them.",
        ),
        column(
            "count_reported",
            Integer,
            None,
            "Incidents of the same groups and period that somebody reported.",
        ),
        column(
            "count_police_generated",
            Integer,
            None,
            "Incidents of the same groups and period that exist because police looked.",
        ),
        column(
            "distinct_days",
            Integer,
            None,
            "Calendar days on which the incidents began; null where any is known to the month only.",
        ),
        column(
            "distinct_months",
            Integer,
            None,
            "Calendar months in which the incidents began.",
        ),
        column(
            "distinct_locations",
            Integer,
            None,
            "Distinct locations of the incidents.",
        ),
        column(
            "period_from",
            Date,
            None,
            "First day of the period asked for, or of the earliest incident.",
        ),
        column(
            "period_to",
            Date,
            None,
            "Last day of the period asked for, or of the latest incident.",
        ),
        column(
            "first_day",
            Date,
            None,
            "First day that the earliest incident may have happened on.",
        ),
        column(
            "last_day",
            Date,
            None,
            "Last day that the latest incident may have happened on.",
        ),
        column(
            "previous_count",
            Integer,
            None,
            "The same selection in the period of equal length just before; null where the data does not cover it.",
        ),
        column(
            "same_period_last_year_count",
            Integer,
            None,
            "The same selection in the same dates a year earlier; null where the data does not cover it.",
        ),
        column(
            "top_offences",
            Text,
            None,
            "The three most frequent offences with their numbers.",
        ),
        column(
            weights::AFTER,
            Text,
            None,
            "What the positions stand for, with numbers.",
        ),
    ];
    columns.extend(closing_columns());
    columns
}

/// What every feature of every layer closes with.
pub(super) fn closing_columns() -> [Column; 3] {
    use ColumnType::Text;
    [
        column(
            "caveats",
            Text,
            None,
            "What is to be known before this is believed.",
        ),
        column(
            "marking",
            Text,
            None,
            "Protective marking asked for; null where none is.",
        ),
        column(
            "run",
            Text,
            None,
            "Id of the run: the same request on the same data by the same engine.",
        ),
    ]
}

pub(super) fn at_a_station(facts: &PlaceFacts) -> Option<String> {
    let stations = facts
        .location_basis
        .iter()
        .find(|b| b.0 == LocationBasis::Station);
    let (_, n) = stations?;
    Some(format!(
        "{n} of {} records are placed at a police station",
        facts.count
    ))
}
