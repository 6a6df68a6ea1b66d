//! Stretches of time and how they lie to each other (OGC 21-065r2, table 7).

use super::ast::Relation;
use crate::moment::Moment;

/// The end of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Without end.
    Open,
    /// A day: its first and its last moment.
    Day(Moment, Moment),
    /// A moment.
    At(Moment),
}

/// From an end to an end, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) start: End,
    pub(super) end: End,
}

impl Stretch {
    fn has_moment(self) -> bool {
        [self.start, self.end]
            .iter()
            .any(|e| matches!(e, End::At(_)))
    }

    /// First and last moment on a common scale: where `days`, each day is its first moment.
    fn bounds(self, days: bool) -> (Moment, Moment) {
        let start = match self.start {
            End::Open => (i64::MIN, 0),
            End::Day(first, _) | End::At(first) => first,
        };
        let end = match self.end {
            End::Open => (i64::MAX, 0),
            End::Day(first, _) if days => first,
            End::Day(_, last) | End::At(last) => last,
        };
        (start, end)
    }

    /// Whether its end comes before its start.
    pub(super) fn is_reversed(self) -> bool {
        let (start, end) = self.bounds(false);
        end < start
    }

    /// Whether a relation holds between it and another.
    pub(super) fn relates(self, relation: Relation, other: Self) -> bool {
        let days = !self.has_moment() && !other.has_moment();
        let ((a, b), (c, d)) = (self.bounds(days), other.bounds(days));
        match relation {
            Relation::After => a > d,
            Relation::Before => b < c,
            Relation::Contains => a < c && b > d,
            Relation::Disjoint => b < c || a > d,
            Relation::During => a > c && b < d,
            Relation::Equals => a == c && b == d,
            Relation::FinishedBy => a < c && b == d,
            Relation::Finishes => a > c && b == d,
            Relation::Intersects => a <= d && b >= c,
            Relation::Meets => b == c,
            Relation::MetBy => a == d,
            Relation::OverlappedBy => a > c && a < d && b > d,
            Relation::Overlaps => a < c && b > c && b < d,
            Relation::StartedBy => a == c && b > d,
            Relation::Starts => a == c && b < d,
        }
    }
}

impl Relation {
    /// Whether an argument, the first or the second, may be a single day or moment.
    pub(super) fn takes_instant(self, first: bool) -> bool {
        match self {
            Self::After | Self::Before | Self::Disjoint | Self::Equals | Self::Intersects => true,
            Self::During => first,
            Self::Contains => !first,
            _ => false,
        }
    }
}
