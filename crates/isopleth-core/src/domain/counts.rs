//! Ready-made counts: how many offences of a category fell in an area in a month, as a source
//! publishes them.
//!
//! A table is data with an id and a source, like a harm schedule: it is loaded into a store and named
//! by requests. What it does not say is not zero: a month that it lacks, or a blank cell, is "not
//! supplied".

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::month_number;
use super::{Kind, Period, Policy, month_span};

/// A calendar month: `2019-05`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(i32);

/// A month that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a month; write YYYY-MM, as in 2019-05")]
pub struct InvalidMonth(pub String);

impl Month {
    /// A month from its text, `YYYY-MM`.
    ///
    /// # Errors
    /// [`InvalidMonth`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidMonth> {
        let fail = || InvalidMonth(text.to_owned());
        if text.len() != 7 || text.as_bytes()[4] != b'-' {
            return Err(fail());
        }
        let period = Period::parse(text).map_err(|_| fail())?;
        Ok(Self(month_number(period.minutes().0)))
    }

    /// The month of a number, `year * 12 + month - 1`, as [`month_number`] gives it.
    #[must_use]
    pub fn from_number(number: i32) -> Self {
        Self(number)
    }

    /// `year * 12 + month - 1`.
    #[must_use]
    pub fn number(self) -> i32 {
        self.0
    }

    /// The month so many months later.
    #[must_use]
    pub fn plus(self, months: i32) -> Self {
        Self(self.0.saturating_add(months))
    }

    /// Its minutes, half open; `None` beyond the calendar.
    #[must_use]
    pub fn minutes(self) -> Option<(i32, i32)> {
        let year = i16::try_from(self.0.div_euclid(12)).ok()?;
        let month = i8::try_from(self.0.rem_euclid(12) + 1).ok()?;
        month_span(year, month).map(|s| (s.from, s.to))
    }

    /// First and last month of a period of whole months; `None` for other periods.
    #[must_use]
    pub fn of(period: Period) -> Option<(Self, Self)> {
        let (from, to) = period.minutes();
        period
            .is_whole_months()
            .then(|| (Self(month_number(from)), Self(month_number(to - 1))))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04}-{:02}",
            self.0.div_euclid(12),
            self.0.rem_euclid(12) + 1
        )
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A month from which counts are not made as they were before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesBreak {
    /// The first month on the new footing.
    pub month: Month,
    /// What changed.
    pub note: String,
}

/// An area of a table of counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountArea {
    /// Its code; empty for what the source could place in no area.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The larger area that it is a part of, as the source names it; empty where it does not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part_of: String,
}

/// A category of a table of counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountCategory {
    /// Offence term.
    pub term: String,
    /// Sub-type term; empty where the source gives none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sub_type: String,
}

/// Counts of one area and category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountRow {
    /// Index into the table's areas.
    pub area: u32,
    /// Index into the table's categories.
    pub category: u32,
    /// One for each of the table's months; none where the source left it blank.
    pub counts: Vec<Option<u32>>,
}

/// A table of counts by area, category and month. An area without a row of a category had none of it
/// in the months of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountTable {
    /// Name of the table in requests: `mps-wards`.
    pub id: String,
    /// Who published it.
    pub source: String,
    /// Kind of its areas: `ward`.
    pub area_kind: String,
    /// Vintage of their boundaries; empty where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub vintage: String,
    /// The months that it has, in order.
    pub months: Vec<Month>,
    /// Those of them that it holds only in part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partial_months: Vec<Month>,
    /// Breaks in the series.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaks: Vec<SeriesBreak>,
    /// Its areas, in the order of their codes.
    pub areas: Vec<CountArea>,
    /// Its categories, in order.
    pub categories: Vec<CountCategory>,
    /// Its rows, in the order of area and category.
    pub rows: Vec<CountRow>,
}

/// What is wrong with a table of counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CountTableError {
    /// An id that cannot stand in requests.
    #[error("count table id `{id}`: use 1 to 40 of a-z, 0-9, `_`, `.` and `-`")]
    Id {
        /// The id.
        id: String,
    },
    /// A table that does not say what it is, or holds nothing.
    #[error("count table {id}: `{field}` is empty; say it, since every layer repeats it")]
    Unsaid {
        /// The table.
        id: String,
        /// The field.
        field: &'static str,
    },
    /// Parts that do not fit together.
    #[error("count table {id}: {what}")]
    Misfit {
        /// The table.
        id: String,
        /// What does not fit.
        what: String,
    },
}

impl CountTable {
    /// Checks a table.
    ///
    /// # Errors
    /// [`CountTableError`] for what cannot be used or contradicts itself.
    pub fn check(&self) -> Result<(), CountTableError> {
        let id = || self.id.clone();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b);
        if self.id.is_empty() || self.id.len() > 40 || !self.id.bytes().all(plain) {
            return Err(CountTableError::Id { id: id() });
        }
        for (field, empty) in [
            ("source", self.source.trim().is_empty()),
            ("area_kind", self.area_kind.trim().is_empty()),
            ("months", self.months.is_empty()),
            ("areas", self.areas.is_empty()),
            ("categories", self.categories.is_empty()),
            ("rows", self.rows.is_empty()),
        ] {
            if empty {
                return Err(CountTableError::Unsaid { id: id(), field });
            }
        }
        let misfit = |what: String| Err(CountTableError::Misfit { id: id(), what });
        if !self.months.windows(2).all(|w| w[0] < w[1]) {
            return misfit("its months are not in order, or one stands twice".into());
        }
        if let Some(m) = self
            .partial_months
            .iter()
            .find(|m| !self.months.contains(m))
        {
            return misfit(format!("the partial month {m} is not among its months"));
        }
        if !self.areas.windows(2).all(|w| w[0].code < w[1].code) {
            return misfit(
                "its areas are not in the order of codes, or a code stands twice".into(),
            );
        }
        if !self.categories.windows(2).all(|w| w[0] < w[1]) {
            return misfit("its categories are not in order, or one stands twice".into());
        }
        let mut seen = HashSet::new();
        for row in &self.rows {
            if row.area as usize >= self.areas.len()
                || row.category as usize >= self.categories.len()
                || row.counts.len() != self.months.len()
            {
                return misfit("a row does not fit its areas, categories and months".into());
            }
            if !seen.insert((row.area, row.category)) {
                return misfit(format!(
                    "area {} has two rows of `{}`",
                    self.areas[row.area as usize].code, self.categories[row.category as usize].term
                ));
            }
        }
        Ok(())
    }
}

/// A table of counts with what the policy makes of its categories.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    /// The table.
    pub table: CountTable,
    /// What each of its categories is.
    pub kinds: Vec<Kind>,
}

impl Counts {
    /// A table seen through a policy.
    #[must_use]
    pub fn new(table: CountTable, policy: &Policy) -> Self {
        let kinds = table
            .categories
            .iter()
            .map(|c| {
                let resolved = policy.resolve(&c.term, &c.sub_type, "");
                Kind {
                    term: c.term.clone(),
                    sub_type_term: c.sub_type.clone(),
                    record_source: String::new(),
                    group: resolved.group,
                    sub_type: resolved.sub_type,
                    lens: resolved.lens,
                }
            })
            .collect();
        Self { table, kinds }
    }
}

/// Puts cells of a source into a table's order. What the reader knows of each cell is where it stood,
/// so that it can say which two contradict each other.
#[derive(Debug, Default)]
pub struct CountTableBuilder {
    areas: BTreeMap<String, (CountArea, u64)>,
    cells: BTreeMap<(String, CountCategory, Month), (Option<u32>, u64)>,
    months: std::collections::BTreeSet<Month>,
}

/// Two statements of a source that cannot both stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contradiction {
    /// A cell stands twice; the line of the first.
    Cell(u64),
    /// An area has another name or larger area; the line of the first, and what it said.
    Area(u64, CountArea),
}

impl CountTableBuilder {
    /// Takes a month that the source has, whether or not it has a count in it.
    pub fn month(&mut self, month: Month) {
        self.months.insert(month);
    }

    /// Takes a cell from a line of the source.
    ///
    /// # Errors
    /// [`Contradiction`] with what came before.
    pub fn push(
        &mut self,
        area: &CountArea,
        category: &CountCategory,
        month: Month,
        count: Option<u32>,
        line: u64,
    ) -> Result<(), Contradiction> {
        match self.areas.get(&area.code) {
            Some((known, first)) if known != area => {
                return Err(Contradiction::Area(*first, known.clone()));
            }
            Some(_) => {}
            None => {
                self.areas.insert(area.code.clone(), (area.clone(), line));
            }
        }
        self.months.insert(month);
        let key = (area.code.clone(), category.clone(), month);
        match self.cells.get(&key) {
            Some((_, first)) => Err(Contradiction::Cell(*first)),
            None => {
                self.cells.insert(key, (count, line));
                Ok(())
            }
        }
    }

    /// The table, with everything but areas, categories, months and rows left to the caller. A cell of
    /// a row that the source does not have counts as none where the source has the month.
    #[must_use]
    pub fn finish(self, id: String, source: String, area_kind: String) -> CountTable {
        let areas: Vec<CountArea> = self.areas.into_values().map(|a| a.0).collect();
        let months: Vec<Month> = self.months.into_iter().collect();
        let categories: Vec<CountCategory> = {
            let set: std::collections::BTreeSet<&CountCategory> =
                self.cells.keys().map(|k| &k.1).collect();
            set.into_iter().cloned().collect()
        };
        let mut rows: Vec<CountRow> = Vec::new();
        for ((code, category, month), (count, _)) in &self.cells {
            let area = areas.partition_point(|a| a.code < *code) as u32;
            let category = categories.partition_point(|c| c < category) as u32;
            if rows
                .last()
                .is_none_or(|r| (r.area, r.category) != (area, category))
            {
                rows.push(CountRow {
                    area,
                    category,
                    counts: vec![Some(0); months.len()],
                });
            }
            if let Some(row) = rows.last_mut() {
                row.counts[months.partition_point(|m| m < month)] = *count;
            }
        }
        CountTable {
            id,
            source,
            area_kind,
            vintage: String::new(),
            months,
            partial_months: Vec::new(),
            breaks: Vec::new(),
            areas,
            categories,
            rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(code: &str) -> CountArea {
        CountArea {
            code: code.into(),
            name: format!("Ward {code}"),
            part_of: String::new(),
        }
    }

    fn category(term: &str) -> CountCategory {
        CountCategory {
            term: term.into(),
            sub_type: String::new(),
        }
    }

    #[test]
    fn months_read_back() {
        for text in ["2019-05", "2024-12", "1999-01"] {
            assert_eq!(Month::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Month::parse("2019-12").unwrap().plus(1).to_string(),
            "2020-01"
        );
        for bad in ["", "2019", "2019-13", "2019-5", "2019-05-01", "201905"] {
            assert!(Month::parse(bad).unwrap_err().to_string().contains(bad));
        }
    }

    #[test]
    fn cells_come_in_any_order() {
        let m = |t| Month::parse(t).unwrap();
        let cells = [
            ("B", "drugs", "2019-05", Some(3)),
            ("A", "drugs", "2019-04", None),
            ("A", "burglary", "2019-05", Some(1)),
        ];
        let table = |order: [usize; 3]| {
            let mut builder = CountTableBuilder::default();
            for i in order {
                let (code, term, month, count) = cells[i];
                builder
                    .push(&area(code), &category(term), m(month), count, i as u64)
                    .unwrap();
            }
            builder.finish("t".into(), "made up".into(), "ward".into())
        };
        let first = table([0, 1, 2]);
        first.check().unwrap();
        assert_eq!(first, table([2, 1, 0]));
        assert_eq!(first.rows.len(), 3);
        assert_eq!(first.rows[1].counts, [None, Some(0)]);
        let text = serde_json::to_string(&first).unwrap();
        assert_eq!(serde_json::from_str::<CountTable>(&text).unwrap(), first);
    }

    #[test]
    fn contradictions_name_the_first() {
        let m = Month::parse("2019-05").unwrap();
        let mut builder = CountTableBuilder::default();
        let c = category("drugs");
        builder.push(&area("A"), &c, m, Some(1), 2).unwrap();
        assert_eq!(
            builder.push(&area("A"), &c, m, Some(1), 3),
            Err(Contradiction::Cell(2))
        );
        let renamed = CountArea {
            name: "Other".into(),
            ..area("A")
        };
        assert_eq!(
            builder.push(&renamed, &c, m.plus(1), Some(1), 4),
            Err(Contradiction::Area(2, area("A")))
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut builder = CountTableBuilder::default();
        let m = Month::parse("2019-05").unwrap();
        builder
            .push(&area("A"), &category("drugs"), m, Some(1), 2)
            .unwrap();
        let good = builder.finish("t".into(), "made up".into(), "ward".into());
        good.check().unwrap();
        let wrong = [
            CountTable {
                id: "Not plain".into(),
                ..good.clone()
            },
            CountTable {
                source: " ".into(),
                ..good.clone()
            },
            CountTable {
                partial_months: vec![m.plus(1)],
                ..good.clone()
            },
            CountTable {
                months: vec![m, m],
                ..good.clone()
            },
            CountTable {
                rows: vec![good.rows[0].clone(), good.rows[0].clone()],
                ..good.clone()
            },
            CountTable {
                rows: vec![CountRow {
                    area: 1,
                    ..good.rows[0].clone()
                }],
                ..good.clone()
            },
        ];
        for table in wrong {
            assert!(table.check().is_err(), "{table:?}");
        }
    }
}
