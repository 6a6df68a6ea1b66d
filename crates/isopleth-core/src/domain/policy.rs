//! The policy table: which offence group a source's term belongs to, and through which lens it may
//! be seen.
//!
//! A table is data with an id and a version, and users can replace it. Rules are tried in order of
//! how much they say: a rule that names the term, the sub-type and the record source beats one that
//! names only the term. Comparison ignores case, surrounding blanks and repeated blanks.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// How a record came to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Lens {
    /// Somebody reported it.
    Reported = 0,
    /// It exists because police looked: drug or weapon possession, stop and search.
    PoliceGenerated = 1,
}

impl Lens {
    /// The storage code.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The value with this storage code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Reported),
            1 => Some(Self::PoliceGenerated),
            _ => None,
        }
    }

    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::PoliceGenerated => "police_generated",
        }
    }

    /// How a layer seen through this lens is titled. A police-generated layer shows enforcement
    /// activity, never demand.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Reported => "Reported incidents",
            Self::PoliceGenerated => "Where police recorded offences (enforcement activity)",
        }
    }
}

/// An offence group of a policy table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupDefinition {
    /// Short name used in requests: `burglary`.
    pub id: String,
    /// Name for people: `Burglary`.
    pub title: String,
    /// The lens of its records where no rule says otherwise.
    pub lens: Lens,
    /// Records of it are activity (stop and search), never an offence.
    #[serde(default)]
    pub activity: bool,
}

/// One rule of a policy table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRule {
    /// The terms or codes of the source that the rule is for.
    pub terms: Vec<String>,
    /// Only records with one of these sub-type terms; any when empty.
    #[serde(default)]
    pub sub_types: Vec<String>,
    /// Only records from one of these record sources; any when empty.
    #[serde(default)]
    pub sources: Vec<String>,
    /// The group that it puts them in.
    pub group: String,
    /// The sub-type that it gives them: `possession`, `supply`.
    #[serde(default)]
    pub sub_type: Option<String>,
    /// The lens, where it differs from the group's.
    #[serde(default)]
    pub lens: Option<Lens>,
}

/// A versioned policy table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Name of the table.
    pub id: String,
    /// Version of the table.
    pub version: String,
    /// Where its rules come from.
    #[serde(default)]
    pub source: String,
    /// The offence groups.
    #[serde(rename = "group")]
    pub groups: Vec<GroupDefinition>,
    /// The rules.
    #[serde(rename = "rule")]
    pub rules: Vec<PolicyRule>,
}

/// What a policy says of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Offence group id; `None` if the table does not know the term.
    pub group: Option<String>,
    /// Sub-type, where rule or source gives one.
    pub sub_type: Option<String>,
    /// Lens. Unknown terms count as police-generated, so that they can never enter a ranking of
    /// what was reported unasked.
    pub lens: Lens,
}

/// What is wrong with a policy table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A rule names a group that the table does not define.
    #[error(
        "policy {policy}: the rule for `{term}` names group `{group}`, which the table does not define; add it under [[group]]"
    )]
    UnknownGroup {
        /// The table.
        policy: String,
        /// First term of the rule.
        term: String,
        /// The group named.
        group: String,
    },
    /// Two rules say different things with equal right.
    #[error(
        "policy {policy}: two rules of equal precision match term `{term}`; make one of them more precise or remove it"
    )]
    Ambiguous {
        /// The table.
        policy: String,
        /// The term.
        term: String,
    },
    /// A group is defined twice, or its id is not a plain word.
    #[error(
        "policy {policy}: group id `{group}` is defined twice or is not made of a-z, 0-9 and _"
    )]
    GroupId {
        /// The table.
        policy: String,
        /// The group.
        group: String,
    },
}

/// Case, surrounding and repeated blanks do not distinguish terms.
pub(super) fn folded(term: &str) -> String {
    term.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

impl Policy {
    /// Checks a table read from a file.
    ///
    /// # Errors
    /// [`PolicyError`] for undefined groups, bad group ids and rules that contradict each other.
    pub fn check(&self) -> Result<(), PolicyError> {
        let name = || format!("{} {}", self.id, self.version);
        for (i, g) in self.groups.iter().enumerate() {
            let plain = !g.id.is_empty()
                && g.id
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if !plain || self.groups[..i].iter().any(|h| h.id == g.id) {
                return Err(PolicyError::GroupId {
                    policy: name(),
                    group: g.id.clone(),
                });
            }
        }
        let mut seen: HashMap<(String, String, String), ()> = HashMap::new();
        for rule in &self.rules {
            let first = rule.terms.first().cloned().unwrap_or_default();
            if self.group(&rule.group).is_none() {
                return Err(PolicyError::UnknownGroup {
                    policy: name(),
                    term: first,
                    group: rule.group.clone(),
                });
            }
            let any = [String::new()];
            let subs = if rule.sub_types.is_empty() {
                &any[..]
            } else {
                &rule.sub_types
            };
            let sources = if rule.sources.is_empty() {
                &any[..]
            } else {
                &rule.sources
            };
            for term in &rule.terms {
                for sub in subs {
                    for source in sources {
                        let key = (folded(term), folded(sub), folded(source));
                        if seen.insert(key, ()).is_some() {
                            return Err(PolicyError::Ambiguous {
                                policy: name(),
                                term: term.clone(),
                            });
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The group with this id.
    #[must_use]
    pub fn group(&self, id: &str) -> Option<&GroupDefinition> {
        self.groups.iter().find(|g| g.id == id)
    }

    /// What the table says of a record with this offence term or code, sub-type term and record
    /// source (empty where the source gives none).
    #[must_use]
    pub fn resolve(&self, term: &str, sub_type: &str, source: &str) -> Resolved {
        let (term, sub, src) = (folded(term), folded(sub_type), folded(source));
        let among = |list: &[String], value: &str| list.iter().any(|v| folded(v) == value);
        let rule = self
            .rules
            .iter()
            .filter(|r| among(&r.terms, &term))
            .filter(|r| r.sub_types.is_empty() || among(&r.sub_types, &sub))
            .filter(|r| r.sources.is_empty() || among(&r.sources, &src))
            // A sub-type says more about an offence than the desk that recorded it. `max_by_key`
            // would keep the last of equals; tables are checked to have none.
            .max_by_key(|r| (u8::from(!r.sub_types.is_empty()) * 2) + u8::from(!r.sources.is_empty()));
        match rule {
            Some(rule) => Resolved {
                lens: rule
                    .lens
                    .or_else(|| self.group(&rule.group).map(|g| g.lens))
                    .unwrap_or(Lens::PoliceGenerated),
                group: Some(rule.group.clone()),
                sub_type: rule
                    .sub_type
                    .clone()
                    .or_else(|| (!sub.is_empty()).then_some(sub)),
            },
            None => Resolved {
                group: None,
                sub_type: (!sub.is_empty()).then_some(sub),
                lens: Lens::PoliceGenerated,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(terms: &[&str], sub: &[&str], sources: &[&str], lens: Option<Lens>) -> PolicyRule {
        let own = |v: &[&str]| v.iter().map(|s| (*s).to_owned()).collect();
        PolicyRule {
            terms: own(terms),
            sub_types: own(sub),
            sources: own(sources),
            group: "drugs".into(),
            sub_type: None,
            lens,
        }
    }

    fn policy(rules: Vec<PolicyRule>) -> Policy {
        Policy {
            id: "t".into(),
            version: "1".into(),
            source: String::new(),
            groups: vec![GroupDefinition {
                id: "drugs".into(),
                title: "Drugs".into(),
                lens: Lens::PoliceGenerated,
                activity: false,
            }],
            rules,
        }
    }

    #[test]
    fn the_more_precise_rule_wins() {
        let p = policy(vec![
            rule(&["Drugs"], &[], &[], None),
            rule(&["Drugs"], &[], &["101 call"], Some(Lens::Reported)),
        ]);
        p.check().unwrap();
        assert_eq!(p.resolve(" DRUGS ", "", "").lens, Lens::PoliceGenerated);
        assert_eq!(p.resolve("drugs", "", "101  Call").lens, Lens::Reported);
    }

    #[test]
    fn an_unknown_term_never_counts_as_reported() {
        let p = policy(vec![]);
        let r = p.resolve("piracy", "", "");
        assert_eq!((r.group, r.lens), (None, Lens::PoliceGenerated));
    }

    #[test]
    fn contradictions_are_refused() {
        let p = policy(vec![
            rule(&["Drugs"], &[], &[], None),
            rule(&["drugs "], &[], &[], None),
        ]);
        assert!(matches!(p.check(), Err(PolicyError::Ambiguous { .. })));
    }
}
