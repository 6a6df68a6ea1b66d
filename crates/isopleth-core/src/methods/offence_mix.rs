//! Offence mix: what a group of offences is made of.
//!
//! **What it answers.** "Possession is around 93 % of drug offences": of how many, by which
//! definition, and how sure is that?
//!
//! **Model.** Incidents of the selection are parted by sub-type, by the source's own term or by group
//! (`by`). Each part is told with its numerator, the denominator, its share, the 95 % interval of that
//! share (Wilson), and the definition: the terms of the source that make it up. The denominator is what
//! the selection holds in the study area and period through its lens; where no study area is named,
//! records without a location belong to it, too.
//!
//! **Not derivable.** A source that has one category "drugs" cannot tell possession from supply. Where
//! none of the incidents has a sub-type the request is refused as not derivable, naming the terms: the
//! answer is neither 0 nor 100 %. Where some have none, they stand as a row of their own and shares are
//! of those that are known; a part of unknown size is never guessed.
//!
//! **Degenerate.** No incident: no rows. On fewer than 20 incidents there is no share, only numbers.
//!
//! **How it can mislead.** The interval takes offences as independent draws; the records of one
//! operation are not. The mix of police-generated offences follows what police look for. Two sources
//! with different categories in one selection are two definitions in one denominator: the definitions
//! are told, read them. Shares of offences are not shares of people.
//!
//! **Complexity.** Linear in the records.
//!
//! **References.** Wilson 1927, doi 10.1080/01621459.1927.10502953; Brown, Cai & DasGupta 2001,
//! doi 10.1214/ss/1009213286. **Checked against** R's `prop.test` and the ward table of the
//! Metropolitan Police Service: 562 of 622 drug offences in Havering, June 2018 to May 2019, 90.4 %.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::area_series::{self, Basis, Supply};
use crate::domain::{Kind, Month, Period};
use crate::statistics::{Z_95, share, wilson};

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Id of a table of ready-made counts; records without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<String>,
    /// What the parts are.
    #[serde(default)]
    pub by: By,
}

/// What the parts of a mix are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Sub-types: possession, supply.
    #[default]
    SubType,
    /// The source's own terms, with their sub-types.
    Term,
    /// Offence groups of the policy table.
    Group,
}

/// Why there is no mix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source has one category.
    #[error(
        "not derivable: none of the {count} records has a sub-type, since the source has one category for them ({terms}); ask for \"by\": \"term\", or use a source that parts them, as the ward counts of the Metropolitan Police do"
    )]
    NotDerivable {
        /// The terms.
        terms: String,
        /// How many records.
        count: u64,
    },
    /// The series.
    #[error(transparent)]
    Series(#[from] area_series::Error),
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotDerivable { .. } => "not_derivable",
            Self::Series(e) => e.code(),
        }
    }
}

/// A part.
#[derive(Debug, Clone, PartialEq)]
pub struct MixPart {
    /// Its name; `None` for records whose source says no sub-type.
    pub name: Option<String>,
    /// How many incidents it holds.
    pub numerator: u64,
    /// Of how many; 0 for the part that is not known.
    pub denominator: u64,
    /// Its share; `None` on a base below 20 and for the part that is not known.
    pub share: Option<f64>,
    /// 95 % interval of the share; `None` likewise.
    pub interval: Option<(f64, f64)>,
    /// The terms of the source that make it up.
    pub terms: Vec<String>,
}

/// A mix.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The parameters, for the record.
    pub params: Params,
    /// The parts, largest first, equals by name; what is not known comes last.
    pub parts: Vec<MixPart>,
    /// Incidents of a known part.
    pub known: u64,
    /// Incidents whose source says no sub-type.
    pub unknown: u64,
    /// The terms that make up the denominator.
    pub terms: Vec<String>,
    /// Months of the period that a table does not have whole.
    pub months_missing: u32,
}

/// Runs the method.
///
/// # Errors
/// [`Error::NotDerivable`] where the source cannot part the offences.
pub fn run(basis: &Basis, params: &Params) -> Result<Outcome, Error> {
    let (counted, months_missing) = count(basis)?;
    let all: u64 = counted.iter().map(|c| c.1).sum();
    let mut parts: BTreeMap<Option<String>, (u64, BTreeSet<String>)> = BTreeMap::new();
    for (kind, n) in &counted {
        let part = parts.entry(part_of(kind, params.by)).or_default();
        part.0 += n;
        part.1.insert(term(kind));
    }
    let unknown = parts.get(&None).map_or(0, |p| p.0);
    let terms: BTreeSet<String> = counted.iter().map(|c| term(&c.0)).collect();
    let terms: Vec<String> = terms.into_iter().collect();
    if all > 0 && unknown == all {
        return Err(Error::NotDerivable {
            terms: terms.join(", "),
            count: all,
        });
    }
    let known = all - unknown;
    let mut list: Vec<MixPart> = parts
        .into_iter()
        .map(|(name, (numerator, terms))| {
            let denominator = if name.is_some() { known } else { 0 };
            let share = share(numerator, denominator);
            MixPart {
                interval: share.and(wilson(numerator, denominator, Z_95)),
                name,
                numerator,
                denominator,
                share,
                terms: terms.into_iter().collect(),
            }
        })
        .collect();
    list.sort_by(|a, b| {
        a.name
            .is_none()
            .cmp(&b.name.is_none())
            .then(b.numerator.cmp(&a.numerator))
            .then(a.name.cmp(&b.name))
    });
    Ok(Outcome {
        params: params.clone(),
        parts: list,
        known,
        unknown,
        terms,
        months_missing,
    })
}

/// How many incidents of each kind are selected, and the months of the period that are not whole.
fn count(basis: &Basis) -> Result<(Vec<(Kind, u64)>, u32), Error> {
    match basis {
        Basis::Records(selection) => {
            let incidents = selection.incidents();
            let mut by_kind = vec![0_u64; incidents.kinds().len()];
            let located = selection
                .locations_inside()
                .flat_map(|(l, _)| incidents.at(l));
            let unlocated = incidents.unlocated().filter(|_| selection.area.is_none());
            for i in located.chain(unlocated).filter(|&i| selection.holds(i)) {
                by_kind[usize::from(incidents.kind()[i])] += 1;
            }
            let counted = incidents.kinds().iter().cloned().zip(by_kind);
            let missing = selection
                .period
                .map_or(0, |p: Period| selection.months_without_records(p).1);
            Ok((counted.filter(|c| c.1 > 0).collect(), missing))
        }
        Basis::Table(_) => {
            let series = basis.series(None, &[], &[])?;
            let mut counted = Vec::new();
            for (k, kind) in series.kinds.iter().enumerate() {
                if kind.lens != series.lens {
                    continue;
                }
                let months = || area_series::AreaSeries::months(series.period);
                let of_row = |row| months().map(|m| series.count_of(row, k, m)).sum::<u64>();
                let n: u64 = series.all_rows().map(of_row).sum();
                if n > 0 {
                    counted.push((kind.clone(), n));
                }
            }
            let whole = |m: Month| {
                series
                    .all_rows()
                    .all(|r| series.supply(r, m) == Supply::Whole)
            };
            let missing = area_series::AreaSeries::months(series.period)
                .filter(|m| !whole(*m))
                .count();
            Ok((counted, missing as u32))
        }
    }
}

fn part_of(kind: &Kind, by: By) -> Option<String> {
    match by {
        By::SubType => kind.sub_type.clone().filter(|s| !s.is_empty()),
        By::Term => Some(term(kind)),
        By::Group => kind.group.clone(),
    }
}

/// The source's own words for a kind.
fn term(kind: &Kind) -> String {
    if kind.sub_type_term.is_empty() {
        kind.term.clone()
    } else {
        format!("{}: {}", kind.term, kind.sub_type_term)
    }
}
