//! Compiled expressions and what they say of a feature.

use std::borrow::Cow;
use std::cmp::Ordering;

use geo::{BoundingRect, Geometry, Intersects, Rect};

use super::ast::Relation;
use super::like::Pattern;
use super::temporal::{End, Stretch};
use crate::layer::{Feature, Layer, Value};
use crate::moment::{Moment, stretch};

/// An expression whose names and types have been checked against the columns of a layer.
#[derive(Debug, Clone)]
pub struct Filter {
    pub(super) test: Test,
}

impl Filter {
    /// Whether a feature of the layer matches.
    #[must_use]
    pub fn matches(&self, feature: &Feature) -> bool {
        self.test.holds(feature) == Some(true)
    }

    /// The features of the layer that match, by their place in it.
    #[must_use]
    pub fn select(&self, layer: &Layer) -> Vec<u32> {
        let numbered = (0_u32..).zip(&layer.features);
        let matching = numbered.filter(|(_, feature)| self.matches(feature));
        matching.map(|(index, _)| index).collect()
    }
}

/// A condition. None stands for neither true nor false.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Always(bool),
    /// A column of booleans.
    Flag(usize),
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Compare(Comparison, Operand, Operand),
    Between(Operand, Operand, Operand),
    /// One of these values, which are sorted.
    Among(Operand, Vec<Datum<'static>>),
    Like(Operand, Pattern),
    IsNull(Operand),
    /// Whether there is no geometry.
    Nowhere,
    Intersects(Place, Place),
    Temporal(Relation, Span, Span),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::Greater => order.is_gt(),
            Self::LessOrEqual => order.is_le(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Literal(Datum<'static>),
    Column(usize),
    /// A column of days, as moments.
    Days(usize),
    /// Without regard to case.
    Folded(Box<Operand>),
}

/// A value in an evaluation. Both sides of a comparison are of one class: that is checked before.
#[derive(Debug, Clone)]
pub(super) enum Datum<'a> {
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(Cow<'a, str>),
    Moment(Moment),
}

/// Where a geometry comes from.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Feature,
    /// With its bounding box.
    Literal(Box<(Geometry, Rect)>),
}

/// Where a stretch of time comes from.
#[derive(Debug, Clone)]
pub(super) enum Span {
    Literal(Stretch),
    Columns(Edge, Edge),
}

/// Where an end of a stretch comes from.
#[derive(Debug, Clone)]
pub(super) enum Edge {
    Literal(End),
    Column(usize),
}

impl Test {
    fn holds(&self, feature: &Feature) -> Option<bool> {
        match self {
            Self::Always(truth) => Some(*truth),
            Self::Flag(column) => match feature.values.get(*column)? {
                Value::Boolean(b) => Some(*b),
                _ => None,
            },
            Self::All(tests) => all(tests.iter().map(|t| t.holds(feature)), false),
            Self::Any(tests) => all(tests.iter().map(|t| t.holds(feature)), true),
            Self::Not(test) => test.holds(feature).map(|truth| !truth),
            Self::Compare(comparison, left, right) => {
                let order = left.value(feature)?.order(&right.value(feature)?)?;
                Some(comparison.holds(order))
            }
            Self::Between(value, from, to) => {
                let value = value.value(feature);
                let within = |bound: &Operand, wrong: Ordering| {
                    let order = value.as_ref()?.order(&bound.value(feature)?)?;
                    Some(order != wrong)
                };
                let sides = [within(from, Ordering::Less), within(to, Ordering::Greater)];
                all(sides.into_iter(), false)
            }
            Self::Among(value, list) => {
                let value = value.value(feature)?;
                let found = list.binary_search_by(|v| v.order(&value).unwrap_or(Ordering::Less));
                Some(found.is_ok())
            }
            Self::Like(value, pattern) => match value.value(feature)? {
                Datum::Text(text) => Some(pattern.matches(&text)),
                _ => None,
            },
            Self::IsNull(value) => Some(value.value(feature).is_none()),
            Self::Nowhere => Some(feature.geometry.bounding_rect().is_none()),
            Self::Intersects(left, right) => intersect(left, right, feature),
            Self::Temporal(relation, left, right) => {
                let (left, right) = (left.stretch(feature)?, right.stretch(feature)?);
                Some(left.relates(*relation, right))
            }
        }
    }
}

/// The conjunction of truths; with `decisive`, their disjunction: one that is `decisive` decides,
/// one that is unknown leaves it unknown otherwise.
fn all(truths: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut known = true;
    for truth in truths {
        match truth {
            Some(t) if t == decisive => return Some(decisive),
            Some(_) => {}
            None => known = false,
        }
    }
    known.then_some(!decisive)
}

impl Operand {
    fn value<'a>(&'a self, feature: &'a Feature) -> Option<Datum<'a>> {
        match self {
            Self::Literal(datum) => Some(datum.borrowed()),
            Self::Column(column) => match feature.values.get(*column)? {
                Value::Null => None,
                Value::Boolean(b) => Some(Datum::Boolean(*b)),
                Value::Integer(n) => Some(Datum::Integer(*n)),
                Value::Real(v) => Some(Datum::Real(*v)),
                Value::Text(t) => Some(Datum::Text(Cow::Borrowed(t))),
            },
            Self::Days(column) => match feature.values.get(*column)? {
                Value::Text(t) => Some(Datum::Moment(stretch(t)?.0)),
                _ => None,
            },
            Self::Folded(inner) => match inner.value(feature)? {
                Datum::Text(t) => Some(Datum::Text(Cow::Owned(folded(&t)))),
                other => Some(other),
            },
        }
    }
}

/// Text without regard to case: upper case and then lower case, which makes `ß` and `SS` one.
pub(super) fn folded(text: &str) -> String {
    text.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

impl Datum<'_> {
    fn borrowed(&self) -> Datum<'_> {
        match self {
            Self::Boolean(b) => Datum::Boolean(*b),
            Self::Integer(n) => Datum::Integer(*n),
            Self::Real(v) => Datum::Real(*v),
            Self::Text(t) => Datum::Text(Cow::Borrowed(t)),
            Self::Moment(m) => Datum::Moment(*m),
        }
    }

    /// The order of two values of one class.
    pub(super) fn order(&self, other: &Datum<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Boolean(a), Datum::Boolean(b)) => Some(a.cmp(b)),
            (Self::Integer(a), Datum::Integer(b)) => Some(a.cmp(b)),
            (Self::Real(a), Datum::Real(b)) => a.partial_cmp(b),
            (Self::Integer(a), Datum::Real(b)) => mixed(*a, *b),
            (Self::Real(a), Datum::Integer(b)) => mixed(*b, *a).map(Ordering::reverse),
            (Self::Text(a), Datum::Text(b)) => Some(a.cmp(b)),
            (Self::Moment(a), Datum::Moment(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// The order of a whole and a decimal number, exactly, however large.
fn mixed(whole: i64, real: f64) -> Option<Ordering> {
    // 2⁶³, which is a decimal number exactly.
    const EDGE: f64 = 9_223_372_036_854_775_808.0;
    if real.is_nan() {
        return None;
    }
    if real >= EDGE {
        return Some(Ordering::Less);
    }
    if real < -EDGE {
        return Some(Ordering::Greater);
    }
    let floor = real.floor();
    let order = whole.cmp(&(floor as i64));
    Some(order.then(if real > floor {
        Ordering::Less
    } else {
        Ordering::Equal
    }))
}

fn intersect(left: &Place, right: &Place, feature: &Feature) -> Option<bool> {
    let own = || feature.geometry.bounding_rect();
    match (left, right) {
        (Place::Feature, Place::Feature) => own().map(|_| true),
        (Place::Literal(a), Place::Literal(b)) => Some(a.0.intersects(&b.0)),
        (Place::Feature, Place::Literal(l)) | (Place::Literal(l), Place::Feature) => {
            let (geometry, rect) = l.as_ref();
            let near = own()?.intersects(rect);
            Some(near && feature.geometry.intersects(geometry))
        }
    }
}

impl Span {
    fn stretch(&self, feature: &Feature) -> Option<Stretch> {
        match self {
            Self::Literal(stretch) => Some(*stretch),
            Self::Columns(start, end) => Some(Stretch {
                start: start.end(feature)?,
                end: end.end(feature)?,
            }),
        }
    }
}

impl Edge {
    fn end(&self, feature: &Feature) -> Option<End> {
        match self {
            Self::Literal(end) => Some(*end),
            Self::Column(column) => match feature.values.get(*column)? {
                Value::Text(t) => stretch(t).map(|(first, last)| End::Day(first, last)),
                _ => None,
            },
        }
    }
}
