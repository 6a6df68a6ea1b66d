//! CQL2 JSON to a tree and back.

use geo::{Coord, Geometry, LineString, Polygon};
use serde_json::{Map, Value as Json, json};

use super::ast::{Kind, Node, Op};
use super::parser::{bbox, date, interval_end, timestamp};
use super::{Cql2Error, Fault, MAX_DEPTH, MAX_LENGTH, Place, checked_geometry};

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Node, Cql2Error> {
    let root = Place::Pointer(String::new());
    if text.len() > MAX_LENGTH {
        return Err(Fault::Length(text.len()).at(&root));
    }
    let json: Json =
        serde_json::from_str(text).map_err(|e| Fault::Json(e.to_string()).at(&root))?;
    read(&json, String::new(), 0)
}

fn syntax(json: &Json, expected: &str, place: &Place) -> Cql2Error {
    let found = match json {
        Json::Null => "null".to_owned(),
        Json::Array(_) => "an array".to_owned(),
        Json::Object(_) => "an object".to_owned(),
        plain => plain.to_string(),
    };
    let expected = expected.to_owned();
    Fault::Syntax { found, expected }.at(place)
}

fn read(json: &Json, pointer: String, depth: usize) -> Result<Node, Cql2Error> {
    let place = Place::Pointer(pointer.clone());
    if depth > MAX_DEPTH {
        return Err(Fault::Depth.at(&place));
    }
    let kind = match json {
        Json::Bool(b) => Kind::Boolean(*b),
        Json::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(whole), _) => Kind::Integer(whole),
            (None, Some(real)) if real.is_finite() => Kind::Real(real),
            _ => return Err(Fault::Number(n.to_string()).at(&place)),
        },
        Json::String(t) => Kind::Text(t.clone()),
        Json::Object(members) => object(json, members, &pointer, depth)?,
        _ => return Err(syntax(json, "a value or an object", &place)),
    };
    Ok(Node::new(kind, place))
}

fn object(
    json: &Json,
    members: &Map<String, Json>,
    pointer: &str,
    depth: usize,
) -> Result<Kind, Cql2Error> {
    let place = Place::Pointer(pointer.to_owned());
    let only = |names: &[&str]| {
        let odd = members.keys().find(|k| !names.contains(&k.as_str()));
        match odd {
            None => Ok(()),
            Some(name) => {
                let expected = format!("only {} beside each other", names.join(", "));
                let found = format!("the member '{name}'");
                Err(Fault::Syntax { found, expected }.at(&place))
            }
        }
    };
    let text = |name: &str| {
        let member = &members[name];
        member
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| syntax(member, "text", &Place::Pointer(format!("{pointer}/{name}"))))
    };
    if members.contains_key("op") {
        only(&["op", "args"])?;
        return call(&text("op")?, &members.get("args"), pointer, depth);
    }
    if members.contains_key("property") {
        only(&["property"])?;
        return text("property").map(Kind::Property);
    }
    if members.contains_key("date") {
        only(&["date"])?;
        return date(text("date")?, &place);
    }
    if members.contains_key("timestamp") {
        only(&["timestamp"])?;
        return timestamp(text("timestamp")?, &place);
    }
    if let Some(ends) = members.get("interval") {
        only(&["interval"])?;
        let pointer = format!("{pointer}/interval");
        let ends = list(ends, &pointer, depth)?;
        Op::Interval.takes(ends.len(), &place)?;
        let ends: Result<Vec<_>, _> = ends.into_iter().map(interval_end).collect();
        return Ok(Kind::Call(Op::Interval, ends?));
    }
    if let Some(numbers) = members
        .get("bbox")
        .filter(|_| !members.contains_key("type"))
    {
        only(&["bbox"])?;
        let list = numbers
            .as_array()
            .map(|l| l.iter().map(Json::as_f64).collect());
        let numbers: Option<Vec<f64>> = list.flatten();
        let numbers = numbers.ok_or_else(|| syntax(json, "a list of numbers", &place))?;
        return bbox(numbers, &place);
    }
    if members.contains_key("type") {
        let expected = "a GeoJSON geometry object with closed rings";
        let geometry = geometry(json, 0).ok_or_else(|| syntax(json, expected, &place))?;
        return checked_geometry(geometry, &place).map(Kind::Geometry);
    }
    let expected = "an object with op, property, date, timestamp, interval, bbox or type";
    Err(syntax(json, expected, &place))
}

/// A geometry object. None if it is not one.
fn geometry(json: &Json, depth: usize) -> Option<Geometry> {
    let coordinates = &json["coordinates"];
    let line = |j: &Json| Some(LineString(each(j, position)?));
    let ring = |j: &Json| line(j).filter(LineString::is_closed);
    let polygon = |j: &Json| {
        let mut rings = each(j, ring)?.into_iter();
        Some(Polygon::new(rings.next()?, rings.collect()))
    };
    Some(match json["type"].as_str()? {
        "Point" => Geometry::Point(position(coordinates)?.into()),
        "MultiPoint" => {
            let points = each(coordinates, |j| position(j).map(geo::Point::from))?;
            Geometry::MultiPoint(geo::MultiPoint(points))
        }
        "LineString" => Geometry::LineString(line(coordinates)?),
        "MultiLineString" => {
            Geometry::MultiLineString(geo::MultiLineString(each(coordinates, line)?))
        }
        "Polygon" => Geometry::Polygon(polygon(coordinates)?),
        "MultiPolygon" => Geometry::MultiPolygon(geo::MultiPolygon(each(coordinates, polygon)?)),
        "GeometryCollection" if depth < MAX_DEPTH => {
            let parts = each(&json["geometries"], |j| geometry(j, depth + 1))?;
            Geometry::GeometryCollection(geo::GeometryCollection(parts))
        }
        _ => return None,
    })
}

fn each<T>(json: &Json, one: impl Fn(&Json) -> Option<T>) -> Option<Vec<T>> {
    json.as_array()?.iter().map(one).collect()
}

/// Two numbers, or three, of which the height has no effect.
fn position(json: &Json) -> Option<Coord> {
    let numbers = each(json, Json::as_f64)?;
    match numbers[..] {
        [x, y] | [x, y, _] => Some(Coord { x, y }),
        _ => None,
    }
}

fn list(json: &Json, pointer: &str, depth: usize) -> Result<Vec<Node>, Cql2Error> {
    let Some(items) = json.as_array() else {
        return Err(syntax(
            json,
            "an array",
            &Place::Pointer(pointer.to_owned()),
        ));
    };
    let numbered = items.iter().enumerate();
    numbered
        .map(|(i, item)| read(item, format!("{pointer}/{i}"), depth + 1))
        .collect()
}

fn call(name: &str, args: &Option<&Json>, pointer: &str, depth: usize) -> Result<Kind, Cql2Error> {
    let place = Place::Pointer(pointer.to_owned());
    let op = Op::from_json(name).filter(|op| *op != Op::Interval);
    let op = op.ok_or_else(|| Fault::Function(name.to_owned()).at(&place))?;
    let at = format!("{pointer}/args");
    let args = args.ok_or_else(|| {
        let (found, expected) = ("no args".to_owned(), "args beside op".to_owned());
        Fault::Syntax { found, expected }.at(&place)
    })?;
    if op == Op::In
        && let Some([value, Json::Array(items)]) = args.as_array().map(Vec::as_slice)
    {
        let value = read(value, format!("{at}/0"), depth + 1)?;
        let at = format!("{at}/1");
        if items.is_empty() {
            return Err(syntax(
                &json!([]),
                "one or more values",
                &Place::Pointer(at),
            ));
        }
        let items = list(&Json::Array(items.clone()), &at, depth + 1)?;
        let items = Node::new(Kind::List(items), Place::Pointer(at));
        return Ok(Kind::Call(op, vec![value, items]));
    }
    let nodes = list(args, &at, depth)?;
    op.takes(nodes.len(), &place)?;
    if op == Op::In {
        let expected = "a value and an array of values";
        return Err(syntax(args, expected, &Place::Pointer(at)));
    }
    Ok(Kind::Call(op, nodes))
}

/// Writes an expression.
pub(super) fn write(node: &Node) -> Json {
    match &node.kind {
        Kind::Boolean(b) => json!(b),
        Kind::Integer(n) => json!(n),
        Kind::Real(v) => json!(v),
        Kind::Text(t) => json!(t),
        Kind::Property(name) => json!({ "property": name }),
        Kind::Date(d) => json!({ "date": d }),
        Kind::Timestamp(t) => json!({ "timestamp": t }),
        Kind::Open => json!(".."),
        Kind::Geometry(g) => json!(geojson::Geometry::from(g)),
        Kind::Bbox(numbers) => json!({ "bbox": numbers }),
        Kind::List(nodes) => nodes.iter().map(write).collect(),
        Kind::Call(Op::Interval, ends) => {
            let end = |node: &Node| match &node.kind {
                Kind::Date(t) | Kind::Timestamp(t) => json!(t),
                _ => write(node),
            };
            json!({ "interval": ends.iter().map(end).collect::<Json>() })
        }
        Kind::Call(op, nodes) => {
            json!({ "op": op.json(), "args": nodes.iter().map(write).collect::<Json>() })
        }
    }
}
