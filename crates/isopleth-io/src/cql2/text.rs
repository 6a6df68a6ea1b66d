//! Trees as CQL2 text.

use std::fmt::Write;

use geo::{Coord, Geometry, LineString, Polygon};

use super::ast::{Kind, Node, Op};
use super::lexer::is_bare;

/// Writes an expression.
pub(super) fn write(node: &Node) -> String {
    let mut out = String::new();
    expression(node, &mut out);
    out
}

/// A number with all its digits, so that it reads back as the same kind of number.
fn real(value: f64, out: &mut String) {
    let _ = write!(out, "{value:?}");
}

fn expression(node: &Node, out: &mut String) {
    match &node.kind {
        Kind::Boolean(b) => out.push_str(if *b { "TRUE" } else { "FALSE" }),
        Kind::Integer(n) => {
            let _ = write!(out, "{n}");
        }
        Kind::Real(v) => real(*v, out),
        Kind::Text(t) => quoted(t, '\'', out),
        Kind::Property(name) if is_bare(name) => out.push_str(name),
        Kind::Property(name) => quoted(name, '"', out),
        Kind::Date(d) => {
            let _ = write!(out, "DATE('{d}')");
        }
        Kind::Timestamp(t) => {
            let _ = write!(out, "TIMESTAMP('{t}')");
        }
        Kind::Open => out.push_str("'..'"),
        Kind::Geometry(g) => geometry(g, out),
        Kind::Bbox(numbers) => {
            out.push_str("BBOX");
            list(numbers, out, |v, out| real(*v, out));
        }
        Kind::List(nodes) => list(nodes, out, expression),
        Kind::Call(op, nodes) => call(*op, nodes, out),
    }
}

fn call(op: Op, nodes: &[Node], out: &mut String) {
    match (op, nodes) {
        (Op::And | Op::Or, _) => {
            for (i, node) in nodes.iter().enumerate() {
                if i > 0 {
                    let _ = write!(out, " {} ", op.text());
                }
                term(node, out);
            }
        }
        (Op::Not, [node]) => {
            out.push_str("NOT ");
            term(node, out);
        }
        (Op::IsNull, [node]) => {
            term(node, out);
            out.push_str(" IS NULL");
        }
        (Op::Between, [value, from, to]) => {
            term(value, out);
            out.push_str(" BETWEEN ");
            term(from, out);
            out.push_str(" AND ");
            term(to, out);
        }
        (Op::Interval, [from, to]) => {
            // Its ends stand as plain text.
            let end = |node: &Node, out: &mut String| match &node.kind {
                Kind::Date(t) | Kind::Timestamp(t) => quoted(t, '\'', out),
                _ => expression(node, out),
            };
            out.push_str("INTERVAL");
            list(&[from, to], out, |n, out| end(n, out));
        }
        (op, nodes) if op.is_function() => {
            out.push_str(op.text());
            list(nodes, out, expression);
        }
        (op, [left, right]) => {
            term(left, out);
            let _ = write!(out, " {} ", op.text());
            term(right, out);
        }
        // The number of arguments is checked when they are read.
        (_, nodes) => list(nodes, out, expression),
    }
}

/// A part of a larger expression, in parentheses where it could be read otherwise.
fn term(node: &Node, out: &mut String) {
    if matches!(&node.kind, Kind::Call(op, _) if !op.is_function()) {
        out.push('(');
        expression(node, out);
        out.push(')');
    } else {
        expression(node, out);
    }
}

fn quoted(text: &str, quote: char, out: &mut String) {
    out.push(quote);
    for c in text.chars() {
        if c == quote {
            out.push(c);
        }
        out.push(c);
    }
    out.push(quote);
}

fn list<T>(items: &[T], out: &mut String, one: impl Fn(&T, &mut String)) {
    out.push('(');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        one(item, out);
    }
    out.push(')');
}

fn geometry(geometry_: &Geometry, out: &mut String) {
    let (name, body): (&str, &dyn Fn(&mut String)) = match geometry_ {
        Geometry::Point(p) => ("POINT", &|out| list(&[p.0], out, position)),
        Geometry::LineString(l) => ("LINESTRING", &|out| line(l, out)),
        Geometry::Polygon(p) => ("POLYGON", &|out| polygon(p, out)),
        Geometry::MultiPoint(m) => ("MULTIPOINT", &|out| {
            list(&m.0, out, |p, out| list(&[p.0], out, position));
        }),
        Geometry::MultiLineString(m) => ("MULTILINESTRING", &|out| list(&m.0, out, line)),
        Geometry::MultiPolygon(m) => ("MULTIPOLYGON", &|out| list(&m.0, out, polygon)),
        Geometry::GeometryCollection(c) => ("GEOMETRYCOLLECTION", &|out| list(&c.0, out, geometry)),
        // No other kinds are read.
        _ => ("", &|_| ()),
    };
    out.push_str(name);
    body(out);
}

fn polygon(p: &Polygon, out: &mut String) {
    let rings: Vec<_> = std::iter::once(p.exterior()).chain(p.interiors()).collect();
    list(&rings, out, |ring, out| line(ring, out));
}

fn line(l: &LineString, out: &mut String) {
    list(&l.0, out, position);
}

fn position(c: &Coord, out: &mut String) {
    real(c.x, out);
    out.push(' ');
    real(c.y, out);
}
