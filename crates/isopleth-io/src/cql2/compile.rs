//! Trees to conditions over the columns of a layer: names are looked up, types are checked.

use geo::{BoundingRect, Geometry, MultiPolygon};

use super::ast::{Kind, Node, Op, Relation};
use super::evaluate::{Comparison, Datum, Edge, Filter, Operand, Place, Span, Test, folded};
use super::like::Pattern;
use super::temporal::{End, Stretch};
use super::{Cql2Error, Fault, GEOMETRY};
use crate::crs::{BeyondCrs, Crs, box_geometry};
use crate::layer::{Column, ColumnType};
use crate::moment::stretch;

/// What values can be compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Boolean,
    Number,
    Text,
    Moment,
}

/// Compiles an expression.
pub(super) fn compile(root: &Node, columns: &[Column], crs: Crs) -> Result<Filter, Cql2Error> {
    let compiler = Compiler { columns, crs };
    let test = compiler.test(root)?;
    Ok(Filter { test })
}

struct Compiler<'a> {
    columns: &'a [Column],
    crs: Crs,
}

fn wrong_type(operator: &'static str, expected: &'static str, node: &Node) -> Cql2Error {
    let found = node.kind.noun();
    Fault::Type {
        operator,
        expected,
        found,
    }
    .at(&node.place)
}

impl Compiler<'_> {
    fn column(&self, name: &str, node: &Node) -> Result<(usize, ColumnType), Cql2Error> {
        let found = self.columns.iter().position(|c| c.name == name);
        match found {
            Some(index) => Ok((index, self.columns[index].kind)),
            None => {
                let names = self.columns.iter().map(|c| c.name.as_str());
                let known: Vec<_> = names.chain([GEOMETRY]).collect();
                let (name, known) = (name.to_owned(), known.join(", "));
                Err(Fault::Property { name, known }.at(&node.place))
            }
        }
    }

    /// Whether a node is the geometry of the feature. A column of that name hides it.
    fn is_geometry(&self, node: &Node) -> bool {
        matches!(&node.kind, Kind::Property(name) if name == GEOMETRY)
            && self.columns.iter().all(|c| c.name != GEOMETRY)
    }

    fn test(&self, node: &Node) -> Result<Test, Cql2Error> {
        let (op, nodes) = match &node.kind {
            Kind::Boolean(b) => return Ok(Test::Always(*b)),
            Kind::Property(name) if !self.is_geometry(node) => {
                let (index, kind) = self.column(name, node)?;
                return match kind {
                    ColumnType::Boolean => Ok(Test::Flag(index)),
                    _ => Err(wrong_type(
                        "a filter",
                        "a condition or a column of booleans",
                        node,
                    )),
                };
            }
            Kind::Call(op, nodes) => (*op, nodes.as_slice()),
            _ => {
                return Err(wrong_type(
                    "a filter",
                    "a condition or a column of booleans",
                    node,
                ));
            }
        };
        let tests = || {
            nodes
                .iter()
                .map(|n| self.test(n))
                .collect::<Result<Vec<_>, _>>()
        };
        match (op, nodes) {
            (Op::And, _) => Ok(Test::All(tests()?)),
            (Op::Or, _) => Ok(Test::Any(tests()?)),
            (Op::Not, [inner]) => Ok(Test::Not(Box::new(self.test(inner)?))),
            (Op::IsNull, [inner]) if self.is_geometry(inner) => Ok(Test::Nowhere),
            (Op::IsNull, [inner]) => Ok(Test::IsNull(self.operand("IS NULL", inner)?.0)),
            (Op::Between, [value, from, to]) => {
                let mut sides = self.alike("BETWEEN", &[value, from, to])?.into_iter();
                match (sides.next(), sides.next(), sides.next()) {
                    (Some(v), Some(a), Some(b)) => Ok(Test::Between(v, a, b)),
                    _ => Err(wrong_type("BETWEEN", "three values", node)),
                }
            }
            (Op::In, [value, list]) => self.among(value, list),
            (Op::Like, [value, pattern]) => self.like(value, pattern),
            (Op::Intersects, [left, right]) => {
                Ok(Test::Intersects(self.place(left)?, self.place(right)?))
            }
            (Op::Temporal(relation), [left, right]) => Ok(Test::Temporal(
                relation,
                self.span(op, relation, left, true)?,
                self.span(op, relation, right, false)?,
            )),
            (op, [left, right]) if comparison(op).is_some() => {
                let mut sides = self.alike(op.text(), &[left, right])?.into_iter();
                match (comparison(op), sides.next(), sides.next()) {
                    (Some(c), Some(a), Some(b)) => Ok(Test::Compare(c, a, b)),
                    _ => Err(wrong_type("a comparison", "two values", node)),
                }
            }
            _ => Err(wrong_type(
                "a filter",
                "a condition or a column of booleans",
                node,
            )),
        }
    }

    /// A value, its class, and whether it is text that may stand for a day or a moment.
    fn operand(&self, operator: &'static str, node: &Node) -> Result<(Operand, Class), Cql2Error> {
        let literal = |datum, class| Ok((Operand::Literal(datum), class));
        match &node.kind {
            Kind::Boolean(b) => literal(Datum::Boolean(*b), Class::Boolean),
            Kind::Integer(n) => literal(Datum::Integer(*n), Class::Number),
            Kind::Real(v) => literal(Datum::Real(*v), Class::Number),
            Kind::Text(t) => literal(Datum::Text(t.clone().into()), Class::Text),
            Kind::Date(t) | Kind::Timestamp(t) => match stretch(t) {
                Some((first, _)) => literal(Datum::Moment(first), Class::Moment),
                None => Err(Fault::Timestamp(t.clone()).at(&node.place)),
            },
            Kind::Property(name) if !self.is_geometry(node) => {
                let (index, kind) = self.column(name, node)?;
                Ok(match kind {
                    ColumnType::Boolean => (Operand::Column(index), Class::Boolean),
                    ColumnType::Integer | ColumnType::Real => {
                        (Operand::Column(index), Class::Number)
                    }
                    ColumnType::Text => (Operand::Column(index), Class::Text),
                    ColumnType::Date => (Operand::Days(index), Class::Moment),
                })
            }
            Kind::Call(Op::Casei, nodes) => {
                let [inner] = nodes.as_slice() else {
                    return Err(wrong_type("CASEI", "one text", node));
                };
                match self.operand("CASEI", inner)? {
                    (Operand::Literal(Datum::Text(t)), _) => {
                        literal(Datum::Text(folded(&t).into()), Class::Text)
                    }
                    (operand, Class::Text) => Ok((Operand::Folded(Box::new(operand)), Class::Text)),
                    _ => Err(wrong_type("CASEI", "text", inner)),
                }
            }
            _ => Err(wrong_type(operator, "values", node)),
        }
    }

    /// Values of one class. Beside days and moments, text literals are read as such.
    fn alike(&self, operator: &'static str, nodes: &[&Node]) -> Result<Vec<Operand>, Cql2Error> {
        let mut sides = Vec::with_capacity(nodes.len());
        for node in nodes {
            sides.push(self.operand(operator, node)?);
        }
        let timely = sides.iter().any(|(_, class)| *class == Class::Moment);
        for ((operand, class), node) in sides.iter_mut().zip(nodes) {
            if let (true, Kind::Text(t)) = (timely, &node.kind) {
                let moment = stretch(t).ok_or_else(|| Fault::Timestamp(t.clone()).at(&node.place));
                (*operand, *class) = (Operand::Literal(Datum::Moment(moment?.0)), Class::Moment);
            }
        }
        let class = sides.first().map(|(_, class)| *class);
        if let Some(odd) = sides.iter().position(|(_, c)| Some(*c) != class) {
            let expected = match class {
                Some(Class::Boolean) => "a boolean beside a boolean",
                Some(Class::Number) => "a number beside a number",
                Some(Class::Text) => "text beside text",
                _ => "a day or a moment beside one",
            };
            return Err(wrong_type(operator, expected, nodes[odd]));
        }
        Ok(sides.into_iter().map(|(operand, _)| operand).collect())
    }

    fn among(&self, value: &Node, list: &Node) -> Result<Test, Cql2Error> {
        let Kind::List(items) = &list.kind else {
            return Err(wrong_type("IN", "a list of values", list));
        };
        let nodes: Vec<&Node> = std::iter::once(value).chain(items).collect();
        let mut operands = self.alike("IN", &nodes)?.into_iter();
        let Some(value) = operands.next() else {
            return Err(wrong_type("IN", "a list of values", list));
        };
        let (mut literals, mut others) = (Vec::new(), Vec::new());
        for operand in operands {
            match operand {
                Operand::Literal(datum) => literals.push(datum),
                other => others.push(Test::Compare(Comparison::Equal, value.clone(), other)),
            }
        }
        literals.sort_by(|a, b| a.order(b).unwrap_or(std::cmp::Ordering::Equal));
        let among = Test::Among(value, literals);
        if others.is_empty() {
            return Ok(among);
        }
        others.push(among);
        Ok(Test::Any(others))
    }

    fn like(&self, value: &Node, pattern: &Node) -> Result<Test, Cql2Error> {
        let (operand, class) = self.operand("LIKE", value)?;
        if class != Class::Text {
            return Err(wrong_type("LIKE", "text", value));
        }
        match self.operand("LIKE", pattern)?.0 {
            Operand::Literal(Datum::Text(t)) => Ok(Test::Like(operand, Pattern::new(&t))),
            _ => Err(wrong_type("LIKE", "a pattern in single quotes", pattern)),
        }
    }

    fn place(&self, node: &Node) -> Result<Place, Cql2Error> {
        let fault = |e: BeyondCrs| Fault::from(e).at(&node.place);
        let geometry = match &node.kind {
            _ if self.is_geometry(node) => return Ok(Place::Feature),
            Kind::Geometry(g) => self.crs.unproject(g).map_err(fault)?,
            Kind::Bbox(numbers) => self.bbox(numbers, node)?,
            _ => {
                return Err(wrong_type(
                    "S_INTERSECTS",
                    "geometry or a geometry literal",
                    node,
                ));
            }
        };
        match geometry.bounding_rect() {
            Some(rect) if !Crs::Crs84.holds(rect) => {
                let text = "it lies beyond longitude and latitude; name its coordinate reference system in filter-crs";
                Err(Fault::Geometry(text.to_owned()).at(&node.place))
            }
            Some(rect) => Ok(Place::Literal(Box::new((geometry, rect)))),
            None => Err(wrong_type(
                "S_INTERSECTS",
                "a geometry with positions",
                node,
            )),
        }
    }

    fn bbox(&self, numbers: &[f64], node: &Node) -> Result<Geometry, Cql2Error> {
        let ([west, south, east, north] | [west, south, _, east, north, _]) = *numbers else {
            return Err(wrong_type("BBOX", "four or six numbers", node));
        };
        if west <= east {
            // A map that is zoomed out asks for more than there is.
            if let Some(geometry) = self.crs.unproject_box([west, south, east, north]) {
                return Ok(geometry);
            }
            let geometry = box_geometry([west, south, east, north]);
            let fault = |e: BeyondCrs| Fault::from(e).at(&node.place);
            return self.crs.unproject(&geometry).map_err(fault);
        }
        if self.crs != Crs::Crs84 || west > 180.0 || east < -180.0 {
            let text = format!("the box has its west {west} east of its east {east}");
            return Err(Fault::Geometry(text).at(&node.place));
        }
        let part = |w: f64, e: f64| geo::Rect::new((w, south), (e, north)).to_polygon();
        let parts = vec![part(west, 180.0), part(-180.0, east)];
        Ok(Geometry::MultiPolygon(MultiPolygon(parts)))
    }

    fn span(
        &self,
        op: Op,
        relation: Relation,
        node: &Node,
        first: bool,
    ) -> Result<Span, Cql2Error> {
        if let Kind::Call(Op::Interval, ends) = &node.kind {
            let [start, end] = ends.as_slice() else {
                return Err(wrong_type("INTERVAL", "two ends", node));
            };
            let (start, end) = (self.edge("INTERVAL", start)?, self.edge("INTERVAL", end)?);
            return Ok(match (start, end) {
                (Edge::Literal(start), Edge::Literal(end)) => {
                    let stretch = Stretch { start, end };
                    if stretch.is_reversed() {
                        return Err(Fault::Interval.at(&node.place));
                    }
                    Span::Literal(stretch)
                }
                (start, end) => Span::Columns(start, end),
            });
        }
        if !relation.takes_instant(first) {
            return Err(wrong_type(op.text(), "INTERVAL(…, …) here", node));
        }
        let edge = self.edge(op.text(), node)?;
        Ok(match edge {
            Edge::Literal(at) => Span::Literal(Stretch { start: at, end: at }),
            column @ Edge::Column(_) => Span::Columns(column.clone(), column),
        })
    }

    fn edge(&self, operator: &'static str, node: &Node) -> Result<Edge, Cql2Error> {
        let wrong = || {
            let expected = "DATE('…'), TIMESTAMP('…') or a column of days";
            wrong_type(operator, expected, node)
        };
        match &node.kind {
            Kind::Open => Ok(Edge::Literal(End::Open)),
            Kind::Date(t) => {
                let (first, last) = stretch(t).ok_or_else(wrong)?;
                Ok(Edge::Literal(End::Day(first, last)))
            }
            Kind::Timestamp(t) => Ok(Edge::Literal(End::At(stretch(t).ok_or_else(wrong)?.0))),
            Kind::Property(name) if !self.is_geometry(node) => match self.column(name, node)? {
                (index, ColumnType::Date) => Ok(Edge::Column(index)),
                _ => Err(wrong()),
            },
            _ => Err(wrong()),
        }
    }
}

fn comparison(op: Op) -> Option<Comparison> {
    Some(match op {
        Op::Equal => Comparison::Equal,
        Op::NotEqual => Comparison::NotEqual,
        Op::Less => Comparison::Less,
        Op::Greater => Comparison::Greater,
        Op::LessOrEqual => Comparison::LessOrEqual,
        Op::GreaterOrEqual => Comparison::GreaterOrEqual,
        _ => return None,
    })
}
