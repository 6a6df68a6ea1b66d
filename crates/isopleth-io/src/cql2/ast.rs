//! Expressions as trees.

use geo::Geometry;

use super::{Cql2Error, Fault, Place};

/// A part of an expression and where it begins.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) place: Place,
}

impl Node {
    pub(super) fn new(kind: Kind, place: Place) -> Self {
        Self { kind, place }
    }
}

/// What a part is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(String),
    Property(String),
    /// `YYYY-MM-DD`.
    Date(String),
    /// RFC 3339.
    Timestamp(String),
    /// The open end of an interval.
    Open,
    Geometry(Geometry),
    /// Four or six numbers.
    Bbox(Vec<f64>),
    Call(Op, Vec<Node>),
    /// The list of an `IN`.
    List(Vec<Node>),
}

impl Kind {
    /// What it is, for messages.
    pub(super) fn noun(&self) -> String {
        match self {
            Self::Boolean(b) => format!("the boolean {}", if *b { "TRUE" } else { "FALSE" }),
            Self::Integer(n) => format!("the number {n}"),
            Self::Real(v) => format!("the number {v}"),
            Self::Text(t) => format!("the text '{t}'"),
            Self::Property(name) => format!("the property '{name}'"),
            Self::Date(d) => format!("the day {d}"),
            Self::Timestamp(t) => format!("the moment {t}"),
            Self::Open => "an open end".to_owned(),
            Self::Geometry(_) | Self::Bbox(_) => "a geometry".to_owned(),
            Self::Call(Op::Interval, _) => "an interval".to_owned(),
            Self::Call(op, _) => format!("a term of {}", op.text()),
            Self::List(_) => "a list".to_owned(),
        }
    }
}

/// What joins parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    And,
    Or,
    Not,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Like,
    Between,
    In,
    IsNull,
    Casei,
    Interval,
    Intersects,
    Temporal(Relation),
}

/// The temporal functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    After,
    Before,
    Contains,
    Disjoint,
    During,
    Equals,
    FinishedBy,
    Finishes,
    Intersects,
    Meets,
    MetBy,
    OverlappedBy,
    Overlaps,
    StartedBy,
    Starts,
}

/// Every operator: as text has it, as JSON has it, and the fewest and most arguments of JSON.
const OPERATORS: &[(Op, &str, &str, usize, usize)] = &[
    (Op::And, "AND", "and", 2, usize::MAX),
    (Op::Or, "OR", "or", 2, usize::MAX),
    (Op::Not, "NOT", "not", 1, 1),
    (Op::Equal, "=", "=", 2, 2),
    (Op::NotEqual, "<>", "<>", 2, 2),
    (Op::Less, "<", "<", 2, 2),
    (Op::Greater, ">", ">", 2, 2),
    (Op::LessOrEqual, "<=", "<=", 2, 2),
    (Op::GreaterOrEqual, ">=", ">=", 2, 2),
    (Op::Like, "LIKE", "like", 2, 2),
    (Op::Between, "BETWEEN", "between", 3, 3),
    (Op::In, "IN", "in", 2, 2),
    (Op::IsNull, "IS NULL", "isNull", 1, 1),
    (Op::Casei, "CASEI", "casei", 1, 1),
    (Op::Interval, "INTERVAL", "interval", 2, 2),
    (Op::Intersects, "S_INTERSECTS", "s_intersects", 2, 2),
    (Op::Temporal(Relation::After), "T_AFTER", "t_after", 2, 2),
    (Op::Temporal(Relation::Before), "T_BEFORE", "t_before", 2, 2),
    (
        Op::Temporal(Relation::Contains),
        "T_CONTAINS",
        "t_contains",
        2,
        2,
    ),
    (
        Op::Temporal(Relation::Disjoint),
        "T_DISJOINT",
        "t_disjoint",
        2,
        2,
    ),
    (Op::Temporal(Relation::During), "T_DURING", "t_during", 2, 2),
    (Op::Temporal(Relation::Equals), "T_EQUALS", "t_equals", 2, 2),
    (
        Op::Temporal(Relation::FinishedBy),
        "T_FINISHEDBY",
        "t_finishedBy",
        2,
        2,
    ),
    (
        Op::Temporal(Relation::Finishes),
        "T_FINISHES",
        "t_finishes",
        2,
        2,
    ),
    (
        Op::Temporal(Relation::Intersects),
        "T_INTERSECTS",
        "t_intersects",
        2,
        2,
    ),
    (Op::Temporal(Relation::Meets), "T_MEETS", "t_meets", 2, 2),
    (Op::Temporal(Relation::MetBy), "T_METBY", "t_metBy", 2, 2),
    (
        Op::Temporal(Relation::OverlappedBy),
        "T_OVERLAPPEDBY",
        "t_overlappedBy",
        2,
        2,
    ),
    (
        Op::Temporal(Relation::Overlaps),
        "T_OVERLAPS",
        "t_overlaps",
        2,
        2,
    ),
    (
        Op::Temporal(Relation::StartedBy),
        "T_STARTEDBY",
        "t_startedBy",
        2,
        2,
    ),
    (Op::Temporal(Relation::Starts), "T_STARTS", "t_starts", 2, 2),
];

impl Op {
    fn row(self) -> &'static (Self, &'static str, &'static str, usize, usize) {
        // Every operator has a row; a test walks them.
        OPERATORS
            .iter()
            .find(|row| row.0 == self)
            .unwrap_or(&OPERATORS[0])
    }

    /// Its name in text.
    pub(super) fn text(self) -> &'static str {
        self.row().1
    }

    /// Its name in JSON.
    pub(super) fn json(self) -> &'static str {
        self.row().2
    }

    /// The function of text with a name, in any case.
    pub(super) fn function(name: &str) -> Option<Self> {
        let named = OPERATORS
            .iter()
            .find(|row| row.1.eq_ignore_ascii_case(name));
        named.map(|row| row.0).filter(|op| op.is_function())
    }

    /// The operator of JSON with a name, in any case.
    pub(super) fn from_json(name: &str) -> Option<Self> {
        let named = OPERATORS
            .iter()
            .find(|row| row.2.eq_ignore_ascii_case(name));
        named.map(|row| row.0)
    }

    /// Whether text writes it as a name with arguments in parentheses.
    pub(super) fn is_function(self) -> bool {
        matches!(
            self,
            Self::Casei | Self::Interval | Self::Intersects | Self::Temporal(_)
        )
    }

    /// Checks the number of arguments.
    pub(super) fn takes(self, given: usize, place: &Place) -> Result<(), Cql2Error> {
        let (_, name, _, fewest, most) = *self.row();
        if (fewest..=most).contains(&given) {
            return Ok(());
        }
        let takes = match most {
            usize::MAX => format!("{fewest} or more"),
            _ => fewest.to_string(),
        };
        let name = name.to_owned();
        Err(Fault::Arguments { name, takes, given }.at(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_is_found_by_its_names() {
        for row in OPERATORS {
            assert_eq!(row.0.text(), row.1);
            assert_eq!(Op::from_json(row.2), Some(row.0));
            assert_eq!(
                Op::function(row.1).is_some(),
                row.0.is_function(),
                "{}",
                row.1
            );
        }
    }
}
