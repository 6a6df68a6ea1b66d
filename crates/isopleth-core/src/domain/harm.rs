//! Harm schedules: what an offence weighs, by a named and versioned list.
//!
//! A schedule is data, never code: a file with an id, a version, a source and a unit, which is
//! loaded into a store. Nothing is ever weighed by a number that no schedule states.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Kind;
use super::policy::folded;

/// Largest weight that a schedule may state.
pub const MAX_HARM: f64 = 1e9;

/// A harm schedule.
///
/// A record is weighed by the most precise line that matches it. A line that names its offence term
/// or code beats one that names its offence group; among these a line with a sub-type beats one
/// without, and the source's own sub-type term beats the sub-type of the policy table. Comparison
/// ignores case, surrounding blanks and repeated blanks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HarmSchedule {
    /// Name of the schedule: `cchi-2026`.
    pub id: String,
    /// Version of the schedule.
    pub version: String,
    /// Where its numbers come from.
    pub source: String,
    /// What its numbers count: `days`.
    pub unit: String,
    /// What is done with records whose offence it does not know.
    #[serde(default)]
    pub unknown_code: UnknownCode,
    /// The lines.
    #[serde(rename = "weight")]
    pub weights: Vec<HarmWeight>,
}

/// What is done with records whose offence a schedule does not know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownCode {
    /// The request is refused, with their number.
    #[default]
    Refuse,
    /// They add nothing to the harm, and are counted.
    LeaveOut,
}

impl UnknownCode {
    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::LeaveOut => "leave_out",
        }
    }
}

/// A line of a schedule: either `terms` or `groups`, and either `value` or `low` and `high`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HarmWeight {
    /// The offence terms or codes of the source that the line is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<String>,
    /// The offence groups of the policy table that the line is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Only records with one of these sub-types, the source's or the policy's; any when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_types: Vec<String>,
    /// The weight of one record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The least weight, where the offence as recorded stands for a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The largest weight of the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

/// A weight, or the range that it lies in.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HarmRange {
    /// Least.
    pub low: f64,
    /// Largest.
    pub high: f64,
}

impl HarmRange {
    /// The weight, where it is one number.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        (self.low == self.high).then_some(self.low)
    }
}

impl HarmWeight {
    fn range(&self) -> Option<HarmRange> {
        let known = |v: f64| (0.0..=MAX_HARM).contains(&v);
        match (self.value, self.low, self.high) {
            (Some(v), None, None) if known(v) => Some(HarmRange { low: v, high: v }),
            (None, Some(low), Some(high)) if known(low) && known(high) && low <= high => {
                Some(HarmRange { low, high })
            }
            _ => None,
        }
    }

    /// Whether its terms or groups are named, and what it is called in messages.
    fn keys(&self) -> Option<(bool, &[String])> {
        match (self.terms.is_empty(), self.groups.is_empty()) {
            (false, true) => Some((true, &self.terms)),
            (true, false) => Some((false, &self.groups)),
            _ => None,
        }
    }
}

/// What is wrong with a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HarmScheduleError {
    /// An id that cannot stand in requests.
    #[error("harm schedule id `{id}`: use 1 to 40 of a-z, 0-9, `_`, `.` and `-`")]
    Id {
        /// The id.
        id: String,
    },
    /// A schedule that does not say what it is.
    #[error("harm schedule {id}: `{field}` is empty; say it, since every layer repeats it")]
    Unsaid {
        /// The schedule.
        id: String,
        /// The field.
        field: &'static str,
    },
    /// A line that is for nothing, or for both at once.
    #[error("harm schedule {id}, weight {line}: name either `terms` or `groups`")]
    Keys {
        /// The schedule.
        id: String,
        /// Number of the line, from 1.
        line: usize,
    },
    /// A line without a usable weight.
    #[error(
        "harm schedule {id}, weight {line}: give either `value`, or `low` and `high` with low ≤ high; each from 0 to {MAX_HARM}"
    )]
    Weight {
        /// The schedule.
        id: String,
        /// Number of the line, from 1.
        line: usize,
    },
    /// Two lines for the same.
    #[error(
        "harm schedule {id}: two weights of equal precision match `{key}`; make one of them more precise or remove it"
    )]
    Ambiguous {
        /// The schedule.
        id: String,
        /// The term or group.
        key: String,
    },
}

impl HarmSchedule {
    /// Checks a schedule read from a file.
    ///
    /// # Errors
    /// [`HarmScheduleError`] for what cannot be used or contradicts itself.
    pub fn check(&self) -> Result<(), HarmScheduleError> {
        let id = || self.id.clone();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b);
        if self.id.is_empty() || self.id.len() > 40 || !self.id.bytes().all(plain) {
            return Err(HarmScheduleError::Id { id: id() });
        }
        for (field, text) in [
            ("version", &self.version),
            ("source", &self.source),
            ("unit", &self.unit),
        ] {
            if text.trim().is_empty() {
                return Err(HarmScheduleError::Unsaid { id: id(), field });
            }
        }
        if self.weights.is_empty() {
            return Err(HarmScheduleError::Unsaid {
                id: id(),
                field: "weight",
            });
        }
        let mut seen = HashSet::new();
        for (i, weight) in self.weights.iter().enumerate() {
            let line = i + 1;
            let (by_term, keys) = weight
                .keys()
                .ok_or_else(|| HarmScheduleError::Keys { id: id(), line })?;
            if weight.range().is_none() {
                return Err(HarmScheduleError::Weight { id: id(), line });
            }
            let any = [String::new()];
            let subs = if weight.sub_types.is_empty() {
                &any[..]
            } else {
                &weight.sub_types
            };
            for key in keys {
                for sub in subs {
                    if !seen.insert((by_term, folded(key), folded(sub))) {
                        return Err(HarmScheduleError::Ambiguous {
                            id: id(),
                            key: key.clone(),
                        });
                    }
                }
            }
        }
        Ok(())
    }

    /// What a record of a kind weighs; `None` if the schedule does not know it.
    #[must_use]
    pub fn weight_of(&self, kind: &Kind) -> Option<HarmRange> {
        let term = folded(&kind.term);
        let group = kind.group.as_deref().map(folded);
        let own_sub = folded(&kind.sub_type_term);
        let policy_sub = folded(kind.sub_type.as_deref().unwrap_or(""));
        let precision = |w: &HarmWeight| {
            let (by_term, keys) = w.keys()?;
            let key = if by_term { Some(&term) } else { group.as_ref() }?;
            if !keys.iter().any(|k| folded(k) == *key) {
                return None;
            }
            let among =
                |sub: &String| !sub.is_empty() && w.sub_types.iter().any(|s| folded(s) == *sub);
            let sub = match () {
                () if w.sub_types.is_empty() => 0,
                () if among(&own_sub) => 2,
                () if among(&policy_sub) => 1,
                () => return None,
            };
            Some(u8::from(by_term) * 4 + sub)
        };
        self.weights
            .iter()
            .filter_map(|w| Some((precision(w)?, w)))
            // No two of equal precision match: a schedule is checked.
            .max_by_key(|found| found.0)
            .and_then(|(_, w)| w.range())
    }

    /// The first 16 hex digits of a SHA-256 hash over the schedule.
    #[must_use]
    pub fn hash(&self) -> String {
        // Strings and finite numbers only: none of them can fail to serialise.
        let text = serde_json::to_string(self).unwrap_or_default();
        Sha256::digest(text.as_bytes())
            .iter()
            .take(8)
            .map(|b| format!("{b:02x}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Lens;

    fn line(terms: &[&str], groups: &[&str], subs: &[&str], value: f64) -> HarmWeight {
        let own = |v: &[&str]| v.iter().map(|s| (*s).to_owned()).collect();
        HarmWeight {
            terms: own(terms),
            groups: own(groups),
            sub_types: own(subs),
            value: Some(value),
            ..HarmWeight::default()
        }
    }

    fn schedule(weights: Vec<HarmWeight>) -> HarmSchedule {
        HarmSchedule {
            id: "t".into(),
            version: "1".into(),
            source: "made up".into(),
            unit: "days".into(),
            unknown_code: UnknownCode::Refuse,
            weights,
        }
    }

    fn kind(term: &str, sub_term: &str, group: Option<&str>, sub: Option<&str>) -> Kind {
        Kind {
            term: term.into(),
            sub_type_term: sub_term.into(),
            record_source: String::new(),
            group: group.map(Into::into),
            sub_type: sub.map(Into::into),
            lens: Lens::Reported,
        }
    }

    #[test]
    fn the_most_precise_line_wins() {
        let s = schedule(vec![
            line(&[], &["burglary"], &[], 1.0),
            line(&[], &["burglary"], &["residential"], 2.0),
            line(&[], &["burglary"], &["Res burglary of a home"], 3.0),
            line(&["28E"], &[], &[], 4.0),
            line(&["28E"], &[], &["residential"], 5.0),
            line(&["28E"], &[], &["Attempt"], 6.0),
        ]);
        s.check().unwrap();
        let of = |term, sub_term, sub| {
            let found = s.weight_of(&kind(term, sub_term, Some("burglary"), sub));
            found.unwrap().value().unwrap()
        };
        assert_eq!(of("Burglary", "", None), 1.0);
        assert_eq!(of("Burglary", "", Some("residential")), 2.0);
        assert_eq!(
            of("Burglary", " RES burglary  of a home", Some("residential")),
            3.0
        );
        assert_eq!(of("28e", "", None), 4.0);
        assert_eq!(of("28e", "", Some("residential")), 5.0);
        assert_eq!(of("28e", "attempt", Some("residential")), 6.0);
        assert_eq!(of("28e", "other", Some("business")), 4.0);
        assert_eq!(s.weight_of(&kind("Piracy", "", None, None)), None);
        assert_eq!(s.weight_of(&kind("Arson", "", Some("arson"), None)), None);
    }

    #[test]
    fn a_line_with_sub_types_never_stands_for_records_without() {
        let s = schedule(vec![line(&[], &["drugs"], &["supply"], 9.0)]);
        assert_eq!(s.weight_of(&kind("Drugs", "", Some("drugs"), None)), None);
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        let good = line(&["a"], &[], &[], 1.0);
        schedule(vec![good.clone()]).check().unwrap();
        for (bad, words) in [
            (line(&[], &[], &[], 1.0), "either `terms` or `groups`"),
            (line(&["a"], &["b"], &[], 1.0), "either `terms` or `groups`"),
            (line(&["a"], &[], &[], -1.0), "weight 1"),
            (line(&["a"], &[], &[], f64::NAN), "weight 1"),
            (line(&["a"], &[], &[], f64::INFINITY), "weight 1"),
            (
                HarmWeight {
                    low: Some(3.0),
                    ..good.clone()
                },
                "either `value`",
            ),
            (
                HarmWeight {
                    value: None,
                    low: Some(3.0),
                    high: Some(2.0),
                    ..good.clone()
                },
                "low ≤ high",
            ),
            (line(&["a", " A "], &[], &[], 1.0), "equal precision"),
        ] {
            let error = schedule(vec![bad]).check().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        assert!(schedule(vec![]).check().is_err());
        for id in ["", "Not plain", "a/b"] {
            let s = HarmSchedule {
                id: id.into(),
                ..schedule(vec![good.clone()])
            };
            assert!(matches!(s.check(), Err(HarmScheduleError::Id { .. })));
        }
    }
}
