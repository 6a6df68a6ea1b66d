//! Area series: counts by area, month and kind, from records or from ready-made counts.
//!
//! **Whole months.** A series is made of calendar months. A month that the data does not have is "not
//! supplied", never 0: of records, a month without any record of any kind in the study area; of a
//! table, a month that it lacks, or an area's month with a blank cell. A month that is stated to be
//! partial is not used as a month.
//!
//! **Nothing is lost.** Records of the study area that lie in none of the areas are `elsewhere`, and
//! records without a location are `unlocated`; with the areas they make up the whole. An area belongs
//! to the study area if more than half of it lies there. A record on a common boundary belongs to the
//! first area by code.

use std::collections::BTreeMap;

use geo::{Area as _, BoundingRect, MultiPolygon};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Snapshot;
use crate::domain::{
    Area, Counts, Kind, Lens, LocationId, LonLat, Month, Period, SeriesBreak, month_number,
};
use crate::ground::{Region, planar_area_m2};
use crate::request::{AreaSelect, Select};
use crate::select::{self, SelectError, Selection};

/// The areas that records are counted by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// Kind of area; wards without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Vintage of their boundaries; the latest of that kind without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vintage: Option<String>,
}

const USUAL_KIND: &str = "ward";

impl Parts {
    fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or(USUAL_KIND)
    }

    /// Names the vintage that it stands for now, so that boundaries loaded later do not change it.
    pub(crate) fn pin(&mut self, snapshot: &Snapshot) {
        if self.vintage.is_none() {
            let of_kind = snapshot.areas.iter().filter(|a| a.kind == self.kind());
            self.vintage = of_kind.map(|a| a.vintage.clone()).max();
        }
    }
}

/// Why there is no series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The period is not made of months.
    #[error(
        "the period {period} is made of days, and areas are counted by whole months; ask for months, as in 2019-05 or 2018-06/2019-05"
    )]
    NotMonths {
        /// The period.
        period: String,
    },
    /// Hours are asked for.
    #[error(
        "areas are counted by whole months, and the request names hours or days of the week; leave select.hours and select.days_of_week out"
    )]
    Hours,
    /// No area of the kind is loaded.
    #[error(
        "no area of kind `{kind}`{vintage} is loaded; load boundaries with `isopleth areas add`, or name another with `areas`; there are: {known}"
    )]
    NoAreas {
        /// The kind.
        kind: String,
        /// The vintage, in words.
        vintage: String,
        /// What is loaded.
        known: String,
    },
    /// None of them lies in the study area.
    #[error(
        "no area of kind `{kind}`, vintage {vintage}, lies more than half in the study area; name another kind or vintage with `areas`"
    )]
    NoneInside {
        /// The kind.
        kind: String,
        /// The vintage.
        vintage: String,
    },
    /// An area without an extent.
    #[error("area `{code}` has no polygon with an extent; load its boundary again")]
    NoExtent {
        /// The area.
        code: String,
    },
    /// No such table.
    #[error(
        "no counts `{id}` are loaded; load them with `isopleth counts add`; there are: {known}"
    )]
    UnknownCounts {
        /// The id asked for.
        id: String,
        /// The ids there are.
        known: String,
    },
    /// No such area in the table.
    #[error(
        "the counts {id} have no area `{code}`; select.area may name an area by its code, or a larger one by the name that the counts have for it: {known}"
    )]
    UnknownArea {
        /// The table.
        id: String,
        /// The code asked for.
        code: String,
        /// The larger areas there are.
        known: String,
    },
    /// Something that a table cannot tell.
    #[error(
        "not derivable: the counts {id} are by area, category and month, and cannot be selected by {what}; leave it out, or run on records"
    )]
    NotInCounts {
        /// The table.
        id: String,
        /// What was asked.
        what: &'static str,
    },
    /// Areas named twice.
    #[error(
        "`areas` says by which boundaries records are counted; the counts {id} bring their own areas: leave it out"
    )]
    CountsHaveAreas {
        /// The table.
        id: String,
    },
    /// A period that the data has nothing of.
    #[error(
        "no month of the period {from} to {to} is supplied: the data reaches from {first} to {last}, and what is not supplied is no 0; name months that are there"
    )]
    NotSupplied {
        /// First month of the period.
        from: Month,
        /// Last month.
        to: Month,
        /// First month of the data.
        first: Month,
        /// Last month.
        last: Month,
    },
    /// No months at all.
    #[error(
        "the data has no month with records in the study area; ingest records, or name `counts`"
    )]
    NoMonths,
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotMonths { .. } => "not_months",
            Self::Hours => "finer_than_data",
            Self::NoAreas { .. } | Self::NoneInside { .. } => "no_areas",
            Self::NoExtent { .. } => "unusable_area",
            Self::UnknownCounts { .. } => "unknown_counts",
            Self::UnknownArea { .. } => "unknown_area",
            Self::NotInCounts { .. } => "not_derivable",
            Self::CountsHaveAreas { .. } => "counts_have_areas",
            Self::NotSupplied { .. } => "not_supplied",
            Self::NoMonths => "no_months",
        }
    }
}

/// What a request selects of a table of counts.
#[derive(Debug, Clone)]
pub struct TableSelection<'a> {
    /// The data.
    pub snapshot: &'a Snapshot,
    /// The table.
    pub counts: &'a Counts,
    /// The period, where one is named.
    pub period: Option<Period>,
    /// The lens, as resolved.
    pub lens: Lens,
    /// The groups, as resolved.
    pub groups: Vec<String>,
    /// Names of what the request selects; empty for all.
    pub area_names: Vec<String>,
    /// Per category: selected whatever the lens.
    kind_matches: Vec<bool>,
    /// Per area of the table.
    chosen: Vec<bool>,
}

/// Why a table of counts cannot be selected from.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The groups.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// The table.
    #[error(transparent)]
    Series(#[from] Error),
}

impl<'a> TableSelection<'a> {
    /// Selects from the table of counts with an id.
    ///
    /// # Errors
    /// [`TableError`] for unknown tables, areas and groups, and for what counts cannot tell.
    pub fn new(snapshot: &'a Snapshot, select: &Select, id: &str) -> Result<Self, TableError> {
        let counts = snapshot
            .counts
            .iter()
            .find(|c| c.table.id == id)
            .ok_or_else(|| Error::UnknownCounts {
                id: id.to_owned(),
                known: names(snapshot.counts.iter().map(|c| c.table.id.as_str())),
            })?;
        for (what, asked) in [
            ("record source", select.record_sources.is_some()),
            ("location basis", select.location_basis.is_some()),
            (
                "hour or day of the week",
                select.hours.is_some()
                    || select.days_of_week.is_some()
                    || select.unknown_hours.is_some(),
            ),
        ] {
            if asked {
                let id = id.to_owned();
                return Err(Error::NotInCounts { id, what }.into());
            }
        }
        let (groups, lens) = select::groups_and_lens(snapshot, select)?;
        if select.sub_types.as_ref().is_some_and(Vec::is_empty) {
            return Err(SelectError::EmptyList { field: "sub_types" }.into());
        }
        let kind_matches = counts
            .kinds
            .iter()
            .map(|k| {
                let sub = k.sub_type.as_deref().unwrap_or("");
                k.group.as_ref().is_some_and(|g| groups.contains(g))
                    && select
                        .sub_types
                        .as_ref()
                        .is_none_or(|l| l.iter().any(|s| s.eq_ignore_ascii_case(sub)))
            })
            .collect();
        let mut chosen = vec![select.area.is_none(); counts.table.areas.len()];
        let mut area_names = Vec::new();
        let codes: &[String] = match &select.area {
            None => &[],
            Some(AreaSelect::Code(code)) => std::slice::from_ref(code),
            Some(AreaSelect::Codes(codes)) => codes,
            Some(AreaSelect::Of(of)) => &of.codes,
        };
        if select.area.is_some() && codes.is_empty() {
            return Err(SelectError::Area(crate::ground::AreaError::Empty).into());
        }
        for code in codes {
            // A larger area may be named by the code that its boundary is loaded under.
            let loaded: Vec<&str> = snapshot
                .areas
                .iter()
                .filter(|a| a.code == *code)
                .map(|a| a.name.as_str())
                .collect();
            let is_of = |name: &str| {
                let same = |other: &str| name.eq_ignore_ascii_case(other);
                !name.is_empty() && (same(code) || loaded.iter().any(|l| same(l)))
            };
            let mut found = None;
            for (taken, area) in chosen.iter_mut().zip(&counts.table.areas) {
                if !area.code.is_empty() && area.code == *code {
                    *taken = true;
                    found = Some(area.name.clone());
                } else if is_of(&area.part_of) {
                    *taken = true;
                    found = Some(area.part_of.clone());
                }
            }
            let parts: std::collections::BTreeSet<&str> = counts
                .table
                .areas
                .iter()
                .map(|a| a.part_of.as_str())
                .filter(|p| !p.is_empty())
                .collect();
            area_names.push(found.ok_or_else(|| Error::UnknownArea {
                id: id.to_owned(),
                code: code.clone(),
                known: names(parts.into_iter()),
            })?);
        }
        Ok(Self {
            snapshot,
            counts,
            period: select.period,
            lens,
            groups,
            area_names,
            kind_matches,
            chosen,
        })
    }

    /// Whether another selection of the same table is of the same categories.
    pub(crate) fn same_kinds(&self, other: &Self) -> bool {
        self.kind_matches == other.kind_matches
    }

    /// Counts of the chosen areas and the period in categories that the policy table does not know.
    #[must_use]
    pub fn unknown_kind(&self) -> u64 {
        let months = self.period.and_then(Month::of);
        let table = &self.counts.table;
        table
            .rows
            .iter()
            .filter(|r| self.chosen[r.area as usize])
            .filter(|r| self.counts.kinds[r.category as usize].group.is_none())
            .flat_map(|r| table.months.iter().zip(&r.counts))
            .filter(|(m, _)| months.is_none_or(|(first, last)| (first..=last).contains(m)))
            .map(|(_, n)| u64::from(n.unwrap_or(0)))
            .sum()
    }
}

fn names<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let ids: Vec<&str> = ids.collect();
    if ids.is_empty() {
        "none".to_owned()
    } else {
        ids.join(", ")
    }
}

/// What a series is counted from.
#[derive(Debug, Clone, Copy)]
pub enum Basis<'a> {
    /// Records of a selection.
    Records(&'a Selection<'a>),
    /// A table of ready-made counts.
    Table(&'a TableSelection<'a>),
}

/// An area of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesArea {
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Its ground; empty where the data does not have it.
    pub ground: MultiPolygon,
    /// Its planar area, m²; none without a ground in the plane.
    pub area_m2: Option<f64>,
}

impl SeriesArea {
    fn new(code: &str, name: &str, ground: MultiPolygon) -> Self {
        Self {
            code: code.to_owned(),
            name: name.to_owned(),
            area_m2: (!ground.0.is_empty())
                .then(|| planar_area_m2(&ground).ok())
                .flatten(),
            ground,
        }
    }
}

/// A row of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// An area, by its place in [`AreaSeries::areas`].
    Area(usize),
    /// In the study area and in none of the areas.
    Elsewhere,
    /// Without a location.
    Unlocated,
}

/// How much of a month the data has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supply {
    /// All of it, as far as is known.
    Whole,
    /// A part.
    Partial,
    /// Nothing: not supplied.
    None,
}

/// Where the areas and counts of a series come from, for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Id and source of the table; none for records.
    pub table: Option<(String, String)>,
    /// Kind of the areas.
    pub kind: String,
    /// Vintage of their boundaries; empty where it is not known.
    pub vintage: String,
}

/// Counts by area, month and kind. See the [module](self).
#[derive(Debug, Clone)]
pub struct AreaSeries {
    /// The areas, in the order of their codes.
    pub areas: Vec<SeriesArea>,
    /// Where they come from.
    pub origin: Origin,
    /// The lens that rankings go by.
    pub lens: Lens,
    /// Stated breaks in the series, in the order of months.
    pub breaks: Vec<SeriesBreak>,
    /// The kinds that are counted, of either lens.
    pub kinds: Vec<Kind>,
    /// First and last month of the request's period; of the data where it names none.
    pub period: (Month, Month),
    /// Per location of the records: the area; none for a table.
    area_of: Vec<u32>,
    first: Month,
    months: usize,
    /// Rows by kinds by months.
    cells: Vec<u32>,
    /// Rows by months.
    supply: Vec<Supply>,
}

/// The mark of a location in none of the areas.
const NO_AREA: u32 = u32::MAX;

impl Basis<'_> {
    /// The counts by area, month and kind, over all months of the data.
    ///
    /// # Errors
    /// [`Error`] for periods that are no months, areas that are not loaded, and data without months.
    pub fn series(
        &self,
        parts: Option<&Parts>,
        partial: &[Month],
        breaks: &[SeriesBreak],
    ) -> Result<AreaSeries, Error> {
        let series = match self {
            Self::Records(selection) => {
                of_records(selection, Some(&parts.cloned().unwrap_or_default()))
            }
            Self::Table(table) if parts.is_some() => Err(Error::CountsHaveAreas {
                id: table.counts.table.id.clone(),
            }),
            Self::Table(table) => of_table(table),
        }?;
        Ok(series.with(partial, breaks))
    }

    /// The same without parts: all that is located is elsewhere.
    ///
    /// # Errors
    /// [`Error`] for periods that are no months and data without months.
    pub fn whole(&self, partial: &[Month], breaks: &[SeriesBreak]) -> Result<AreaSeries, Error> {
        let series = match self {
            Self::Records(selection) => of_records(selection, None),
            Self::Table(table) => of_table(table),
        }?;
        Ok(series.with(partial, breaks))
    }
}

impl AreaSeries {
    fn with(mut self, partial: &[Month], breaks: &[SeriesBreak]) -> Self {
        let series = &mut self;
        for month in partial {
            for row in 0..series.rows() {
                if let Some(m) = series.at(*month) {
                    let supply = &mut series.supply[row * series.months + m];
                    if *supply == Supply::Whole {
                        *supply = Supply::Partial;
                    }
                }
            }
        }
        series.breaks.extend(breaks.iter().cloned());
        series.breaks.sort_by_key(|b| b.month);
        self
    }

    fn rows(&self) -> usize {
        self.areas.len() + 2
    }

    fn index(&self, row: Row) -> usize {
        match row {
            Row::Area(a) => a,
            Row::Elsewhere => self.areas.len(),
            Row::Unlocated => self.areas.len() + 1,
        }
    }

    fn at(&self, month: Month) -> Option<usize> {
        usize::try_from(month.number() - self.first.number())
            .ok()
            .filter(|m| *m < self.months)
    }

    /// First and last month of the data.
    #[must_use]
    pub fn extent(&self) -> (Month, Month) {
        (self.first, self.first.plus(self.months as i32 - 1))
    }

    /// How much of a month the data has for a row.
    #[must_use]
    pub fn supply(&self, row: Row, month: Month) -> Supply {
        self.at(month).map_or(Supply::None, |m| {
            self.supply[self.index(row) * self.months + m]
        })
    }

    /// The count of a kind in a row and month; 0 where nothing is supplied.
    #[must_use]
    pub fn count_of(&self, row: Row, kind: usize, month: Month) -> u64 {
        self.at(month).map_or(0, |m| {
            let at = (self.index(row) * self.kinds.len() + kind) * self.months + m;
            u64::from(self.cells[at])
        })
    }

    /// The count of the kinds of a lens in a row and month; 0 where nothing is supplied.
    #[must_use]
    pub fn count(&self, row: Row, lens: Lens, month: Month) -> u64 {
        (0..self.kinds.len())
            .filter(|&k| self.kinds[k].lens == lens)
            .map(|k| self.count_of(row, k, month))
            .sum()
    }

    /// Located incidents of the period that the lens leaves out, by group.
    #[must_use]
    pub fn of_other_lens(&self) -> Vec<(String, u64)> {
        let mut by_group: BTreeMap<String, u64> = BTreeMap::new();
        for (k, kind) in self.kinds.iter().enumerate() {
            let (true, Some(group)) = (kind.lens != self.lens, &kind.group) else {
                continue;
            };
            let n: u64 = self
                .all_rows()
                .filter(|r| *r != Row::Unlocated)
                .flat_map(|r| Self::months(self.period).map(move |m| self.count_of(r, k, m)))
                .sum();
            if n > 0 {
                *by_group.entry(group.clone()).or_default() += n;
            }
        }
        by_group.into_iter().collect()
    }

    /// The months of a span.
    pub fn months(span: (Month, Month)) -> impl Iterator<Item = Month> {
        (span.0.number()..=span.1.number()).map(Month::from_number)
    }

    /// The count of a lens in a row over a span of months.
    #[must_use]
    pub fn sum(&self, row: Row, lens: Lens, span: (Month, Month)) -> u64 {
        Self::months(span).map(|m| self.count(row, lens, m)).sum()
    }

    /// Whether all months of a span are supplied whole for a row.
    #[must_use]
    pub fn is_whole(&self, row: Row, span: (Month, Month)) -> bool {
        Self::months(span).all(|m| self.supply(row, m) == Supply::Whole)
    }

    /// All rows: the areas, elsewhere, unlocated.
    pub fn all_rows(&self) -> impl Iterator<Item = Row> {
        (0..self.areas.len())
            .map(Row::Area)
            .chain([Row::Elsewhere, Row::Unlocated])
    }

    /// The stated breaks that lie within a span of months, its first month not counted.
    #[must_use]
    pub fn breaks_in(&self, span: (Month, Month)) -> Vec<&SeriesBreak> {
        self.breaks
            .iter()
            .filter(|b| span.0 < b.month && b.month <= span.1)
            .collect()
    }

    /// The row that a location of the records belongs to; elsewhere for those of no area.
    #[must_use]
    pub(crate) fn row_of(&self, location: LocationId) -> Row {
        match self.area_of.get(location as usize) {
            Some(&a) if a != NO_AREA => Row::Area(a as usize),
            _ => Row::Elsewhere,
        }
    }
}

/// An area with its ground.
type Part<'a> = (&'a Area, Region);

/// The areas of the study area, in the order of their codes.
fn parts_of<'a>(selection: &'a Selection, parts: &Parts) -> Result<(Vec<Part<'a>>, String), Error> {
    let kind = parts.kind();
    let areas = &selection.snapshot.areas;
    let of_kind = || areas.iter().filter(|a| a.kind == kind);
    let vintage = match &parts.vintage {
        Some(v) => Some(v.as_str()),
        None => of_kind().map(|a| a.vintage.as_str()).max(),
    };
    let chosen: Vec<&Area> = of_kind()
        .filter(|a| Some(a.vintage.as_str()) == vintage)
        .collect();
    let (Some(vintage), false) = (vintage, chosen.is_empty()) else {
        let known: std::collections::BTreeSet<String> = areas
            .iter()
            .map(|a| format!("{} {}", a.kind, a.vintage))
            .collect();
        return Err(Error::NoAreas {
            kind: kind.to_owned(),
            vintage: parts
                .vintage
                .as_ref()
                .map_or(String::new(), |v| format!(" and vintage {v}")),
            known: names(known.iter().map(String::as_str)),
        });
    };
    let mut found: Vec<(&Area, Region)> = Vec::new();
    let own = chosen.par_iter().map(|area| {
        let region = Region::new(&area.geometry.0).ok_or_else(|| Error::NoExtent {
            code: area.code.clone(),
        })?;
        Ok((
            *area,
            lies_inside(selection, area, &region).then_some(region),
        ))
    });
    for (area, region) in own.collect::<Result<Vec<_>, Error>>()? {
        found.extend(region.map(|r| (area, r)));
    }
    if found.is_empty() {
        return Err(Error::NoneInside {
            kind: kind.to_owned(),
            vintage: vintage.to_owned(),
        });
    }
    // One code may stand once only in a kind and vintage; areas are kept in that order.
    found.sort_by(|a, b| a.0.code.cmp(&b.0.code));
    Ok((found, vintage.to_owned()))
}

/// Whether more than half of an area lies in the study area.
fn lies_inside(selection: &Selection, area: &Area, region: &Region) -> bool {
    let Some(study) = &selection.area else {
        return true;
    };
    let bounds = region.bounds();
    let near = study.polygons().iter().any(|p| {
        p.bounding_rect().is_some_and(|b| {
            b.min().x <= bounds.max().x
                && bounds.min().x <= b.max().x
                && b.min().y <= bounds.max().y
                && bounds.min().y <= b.max().y
        })
    });
    if !near {
        return false;
    }
    let shared: f64 = area
        .geometry
        .iter()
        .map(|p| study.part_of(p).unsigned_area())
        .sum();
    // In degrees: both areas are of one latitude.
    shared > area.geometry.unsigned_area() / 2.0
}

fn of_records(selection: &Selection, parts: Option<&Parts>) -> Result<AreaSeries, Error> {
    if selection.hours.is_some() {
        return Err(Error::Hours);
    }
    let asked = match selection.period {
        None => None,
        Some(period) => Some(Month::of(period).ok_or_else(|| Error::NotMonths {
            period: period.to_string(),
        })?),
    };
    let (found, vintage) = match parts {
        Some(parts) => parts_of(selection, parts)?,
        None => (Vec::new(), String::new()),
    };
    let incidents = selection.incidents();
    let area_of: Vec<u32> = (0..incidents.locations().len() as LocationId)
        .into_par_iter()
        .map(|l| {
            let at: LonLat = incidents.locations()[l as usize].position;
            let inside = selection.is_inside(l);
            let area = found
                .iter()
                .position(|(_, region)| inside && region.covers(at.coord()));
            area.map_or(NO_AREA, |a| a as u32)
        })
        .collect();
    let inside = || {
        (0..incidents.locations().len() as LocationId)
            .filter(|&l| selection.is_inside(l))
            .flat_map(|l| incidents.at(l).map(move |i| (l, i)))
    };
    let month = |i: usize| month_number(incidents.from()[i]);
    let (mut low, mut high) = (i32::MAX, i32::MIN);
    let without = || incidents.unlocated().filter(|&i| selection.is_of(i));
    for i in inside().map(|(_, i)| i).chain(without()) {
        let m = month(i);
        (low, high) = (low.min(m), high.max(m));
    }
    if low > high {
        return Err(Error::NoMonths);
    }
    let months = (high - low + 1) as usize;
    // Only the kinds that a record of the selection may have.
    let mut number: BTreeMap<u16, usize> = BTreeMap::new();
    let taken = |i: usize| selection.is_of(i);
    let all = || inside().map(|(_, i)| i).chain(incidents.unlocated());
    for i in all().filter(|&i| taken(i)) {
        let next = number.len();
        number.entry(incidents.kind()[i]).or_insert(next);
    }
    for (n, k) in number.values_mut().enumerate() {
        *k = n;
    }
    let kinds: Vec<Kind> = number
        .keys()
        .map(|k| incidents.kinds()[usize::from(*k)].clone())
        .collect();
    let rows = found.len() + 2;
    let mut has_month = vec![Supply::None; months];
    let mut cells = vec![0_u32; rows * kinds.len() * months];
    let mut put = |row: usize, i: usize| {
        let m = month(i) - low;
        if let (Some(k), true) = (
            number.get(&incidents.kind()[i]),
            (0..months as i32).contains(&m),
        ) {
            cells[(row * kinds.len() + k) * months + m as usize] += 1;
        }
    };
    for (l, i) in inside() {
        has_month[(month(i) - low) as usize] = Supply::Whole;
        if taken(i) {
            let area = area_of[l as usize];
            put(
                if area == NO_AREA {
                    found.len()
                } else {
                    area as usize
                },
                i,
            );
        }
    }
    for i in incidents.unlocated().filter(|&i| taken(i)) {
        put(found.len() + 1, i);
    }
    let first = Month::from_number(low);
    Ok(AreaSeries {
        areas: found
            .into_iter()
            .map(|(a, _)| SeriesArea::new(&a.code, &a.name, a.geometry.clone()))
            .collect(),
        origin: Origin {
            table: None,
            kind: parts.map_or(String::new(), |p| p.kind().to_owned()),
            vintage,
        },
        lens: selection.lens,
        breaks: Vec::new(),
        kinds,
        period: asked.unwrap_or((first, Month::from_number(high))),
        area_of,
        first,
        months,
        cells,
        supply: has_month.repeat(rows),
    })
}

fn of_table(selection: &TableSelection) -> Result<AreaSeries, Error> {
    let table = &selection.counts.table;
    let asked = match selection.period {
        None => None,
        Some(period) => Some(Month::of(period).ok_or_else(|| Error::NotMonths {
            period: period.to_string(),
        })?),
    };
    let (Some(&first), Some(&last)) = (table.months.first(), table.months.last()) else {
        return Err(Error::NoMonths);
    };
    let months = (last.number() - first.number() + 1) as usize;
    let mut areas = Vec::new();
    let mut row_of = vec![None; table.areas.len()];
    for (i, area) in table.areas.iter().enumerate() {
        if selection.chosen[i] && !area.code.is_empty() {
            row_of[i] = Some(areas.len());
            areas.push(SeriesArea::new(
                &area.code,
                &area.name,
                ground_of(selection.snapshot, table, &area.code),
            ));
        }
    }
    for (i, area) in table.areas.iter().enumerate() {
        if selection.chosen[i] && area.code.is_empty() {
            row_of[i] = Some(areas.len() + 1);
        }
    }
    let mut number = vec![None; selection.counts.kinds.len()];
    let mut kinds = Vec::new();
    for (k, kind) in selection.counts.kinds.iter().enumerate() {
        if selection.kind_matches[k] {
            number[k] = Some(kinds.len());
            kinds.push(kind.clone());
        }
    }
    let rows = areas.len() + 2;
    let mut in_table = vec![Supply::None; months];
    let at = |m: Month| (m.number() - first.number()) as usize;
    for m in &table.months {
        in_table[at(*m)] = if table.partial_months.contains(m) {
            Supply::Partial
        } else {
            Supply::Whole
        };
    }
    let mut supply = in_table.repeat(rows);
    let mut cells = vec![0_u32; rows * kinds.len() * months];
    for row in &table.rows {
        let (Some(r), Some(k)) = (row_of[row.area as usize], number[row.category as usize]) else {
            continue;
        };
        for (m, count) in table.months.iter().zip(&row.counts) {
            match count {
                Some(n) => cells[(r * kinds.len() + k) * months + at(*m)] += n,
                None => supply[r * months + at(*m)] = Supply::None,
            }
        }
    }
    // What is not wholly there is not counted in part.
    for r in 0..rows {
        for m in 0..months {
            if supply[r * months + m] == Supply::None {
                for k in 0..kinds.len() {
                    cells[(r * kinds.len() + k) * months + m] = 0;
                }
            }
        }
    }
    Ok(AreaSeries {
        areas,
        origin: Origin {
            table: Some((table.id.clone(), table.source.clone())),
            kind: table.area_kind.clone(),
            vintage: table.vintage.clone(),
        },
        lens: selection.lens,
        breaks: table.breaks.clone(),
        kinds,
        period: asked.unwrap_or((first, last)),
        area_of: Vec::new(),
        first,
        months,
        cells,
        supply,
    })
}

/// The ground of an area of a table: of the kind and vintage that the table states, or of the latest
/// vintage; empty where no boundary is loaded.
fn ground_of(snapshot: &Snapshot, table: &crate::domain::CountTable, code: &str) -> MultiPolygon {
    snapshot
        .areas
        .iter()
        .filter(|a| a.code == code && a.kind == table.area_kind)
        .filter(|a| table.vintage.is_empty() || a.vintage == table.vintage)
        .max_by(|a, b| a.vintage.cmp(&b.vintage))
        .map_or_else(|| MultiPolygon(Vec::new()), |a| a.geometry.clone())
}
