//! The data revision: a hash of the content that does not depend on the order in which it came.
//!
//! Every incident, area, site, street and table of counts is hashed on its own, with texts by value and never by the ids
//! that this store happens to give them. The hashes of a table are added up (128 bits, wrapping),
//! so that a row can enter, leave or change without looking at the others, and the same rows give
//! the same sum in any order. The revision is a hash over the sums and the policy table. A table that
//! came with a later schema enters it only when there is something in it, so that a store brought up
//! to date keeps its revision.

use isopleth_core::domain::Policy;
use rusqlite::Connection;
use xxhash_rust::xxh3::xxh3_128;

use crate::StoreError;
use crate::schema::{meta, set_meta};

const SUMS: &str = "content_sums";
/// Kept by itself: stores of schema 1 have none, and keep the revision that they have.
const STREETS_SUM: &str = "content_sum_streets";
/// Likewise: stores before schema 4 have none.
const COUNTS_SUM: &str = "content_sum_counts";
const REVISION: &str = "data_revision";

/// The sums that a revision is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) incidents: u128,
    pub(crate) areas: u128,
    pub(crate) sites: u128,
    pub(crate) streets: u128,
    pub(crate) policy: u128,
    pub(crate) harm: u128,
    pub(crate) counts: u128,
}

impl Sums {
    pub(crate) fn load(connection: &Connection) -> Result<Self, StoreError> {
        let text = meta(connection, SUMS)?.unwrap_or_default();
        let mut parts = text
            .split(' ')
            .map(|part| u128::from_str_radix(part, 16).ok());
        let mut next = || {
            let fail = || StoreError::Corrupt {
                detail: format!("content sums `{text}`"),
            };
            parts.next().flatten().ok_or_else(fail)
        };
        let streets = match meta(connection, STREETS_SUM)? {
            None => 0,
            Some(sum) => u128::from_str_radix(&sum, 16).map_err(|_| StoreError::Corrupt {
                detail: format!("the content sum of streets `{sum}`"),
            })?,
        };
        let counts = match meta(connection, COUNTS_SUM)? {
            None => 0,
            Some(sum) => u128::from_str_radix(&sum, 16).map_err(|_| StoreError::Corrupt {
                detail: format!("the content sum of counts `{sum}`"),
            })?,
        };
        Ok(Self {
            counts,
            incidents: next()?,
            areas: next()?,
            sites: next()?,
            policy: next()?,
            // Schema 1 had none.
            harm: next().unwrap_or(0),
            streets,
        })
    }

    pub(crate) fn save(self, connection: &Connection) -> Result<(), StoreError> {
        let parts: Vec<String> = self
            .parts()
            .iter()
            .map(|sum| format!("{sum:032x}"))
            .collect();
        set_meta(connection, SUMS, &parts.join(" "))?;
        set_meta(connection, STREETS_SUM, &format!("{:032x}", self.streets))?;
        set_meta(connection, COUNTS_SUM, &format!("{:032x}", self.counts))?;
        set_meta(connection, REVISION, &self.revision())
    }

    fn parts(self) -> Vec<u128> {
        let mut parts = vec![self.incidents, self.areas, self.sites, self.policy];
        if self.harm != 0 {
            parts.push(self.harm);
        }
        parts
    }

    fn revision(self) -> String {
        let mut bytes: Vec<u8> = self
            .parts()
            .iter()
            .flat_map(|sum| sum.to_be_bytes())
            .collect();
        // Data without streets has the revision that it had before there were any.
        if self.streets != 0 {
            bytes.extend(b"streets");
            bytes.extend(self.streets.to_be_bytes());
        }
        // Likewise for ready-made counts.
        if self.counts != 0 {
            bytes.extend(b"counts");
            bytes.extend(self.counts.to_be_bytes());
        }
        let mut digits = format!("{:032x}", xxh3_128(&bytes));
        digits.truncate(16);
        digits
    }
}

/// The revision that the store is at.
pub(crate) fn current(connection: &Connection) -> Result<String, StoreError> {
    meta(connection, REVISION)?.ok_or_else(|| StoreError::Corrupt {
        detail: "no data revision".to_owned(),
    })
}

/// The hash of a list of texts or blobs; no two different lists run into the same bytes.
pub(crate) fn hash_parts(parts: &[&[u8]]) -> u128 {
    let mut bytes = Vec::with_capacity(parts.iter().map(|p| p.len() + 8).sum());
    for part in parts {
        bytes.extend((part.len() as u64).to_le_bytes());
        bytes.extend(*part);
    }
    xxh3_128(&bytes)
}

/// A policy as it is stored, and its part of the revision.
pub(crate) fn policy_document(policy: &Policy) -> Result<(String, u128), StoreError> {
    let json = serde_json::to_string(policy).map_err(|source| StoreError::Document {
        what: format!("policy {}", policy.id),
        source,
    })?;
    let hash = xxh3_128(json.as_bytes());
    Ok((json, hash))
}
