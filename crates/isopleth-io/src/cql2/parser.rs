//! CQL2 text to a tree, by recursive descent.

use geo::{Coord, Geometry, LineString, Polygon};

use super::ast::{Kind, Node, Op};
use super::lexer::{Token, is_bare, syntax, tokens};
use super::{Cql2Error, Fault, MAX_DEPTH, MAX_LENGTH, Place, checked_geometry};
use crate::moment;

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Node, Cql2Error> {
    if text.len() > MAX_LENGTH {
        return Err(Fault::Length(text.len()).at(&Place::Character(1)));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        depth: 0,
    };
    let root = parser.or()?;
    match parser.peek() {
        Token::End => Ok(root),
        _ => Err(parser.unexpected("AND, OR or the end")),
    }
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    next: usize,
    depth: usize,
}

impl Parser {
    /// The token that comes next. The end is never passed.
    fn peek(&self) -> &Token {
        &self.tokens[self.next].0
    }

    fn at(&self) -> usize {
        self.tokens[self.next].1
    }

    fn place(&self) -> Place {
        Place::Character(self.at())
    }

    fn unexpected(&self, expected: &str) -> Cql2Error {
        syntax(self.peek().to_string(), expected, self.at())
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(w) if w.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let there = self.is_word(word);
        if there {
            self.next += 1;
        }
        there
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let there = matches!(self.peek(), Token::Sign(s) if *s == sign);
        if there {
            self.next += 1;
        }
        there
    }

    fn need_sign(&mut self, sign: &str) -> Result<(), Cql2Error> {
        if self.take_sign(sign) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("'{sign}'")))
        }
    }

    /// Goes one level down for as long as `inner` reads.
    fn deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, Cql2Error>,
    ) -> Result<T, Cql2Error> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::Depth.at(&self.place()));
        }
        self.depth += 1;
        let read = inner(self);
        self.depth -= 1;
        read
    }

    fn or(&mut self) -> Result<Node, Cql2Error> {
        self.deeper(|p| p.chain("OR", Op::Or, |p| p.chain("AND", Op::And, Self::not)))
    }

    /// Terms joined by a word, as one call.
    fn chain(
        &mut self,
        word: &str,
        op: Op,
        term: impl Fn(&mut Self) -> Result<Node, Cql2Error>,
    ) -> Result<Node, Cql2Error> {
        let place = self.place();
        let first = term(self)?;
        if !self.is_word(word) {
            return Ok(first);
        }
        let mut terms = vec![first];
        while self.take_word(word) {
            terms.push(term(self)?);
        }
        Ok(Node::new(Kind::Call(op, terms), place))
    }

    fn not(&mut self) -> Result<Node, Cql2Error> {
        let place = self.place();
        if self.take_word("NOT") {
            let inner = self.deeper(Self::not)?;
            return Ok(Node::new(Kind::Call(Op::Not, vec![inner]), place));
        }
        self.predicate()
    }

    fn predicate(&mut self) -> Result<Node, Cql2Error> {
        const COMPARISONS: [Op; 6] = [
            Op::Equal,
            Op::NotEqual,
            Op::LessOrEqual,
            Op::GreaterOrEqual,
            Op::Less,
            Op::Greater,
        ];
        let place = self.place();
        let left = self.operand()?;
        let call = |op, nodes| Node::new(Kind::Call(op, nodes), place.clone());
        for op in COMPARISONS {
            if self.take_sign(op.text()) {
                let right = self.operand()?;
                return Ok(call(op, vec![left, right]));
            }
        }
        if self.take_word("IS") {
            let negated = self.take_word("NOT");
            if !self.take_word("NULL") {
                return Err(self.unexpected("NULL"));
            }
            let test = call(Op::IsNull, vec![left]);
            return Ok(if negated {
                call(Op::Not, vec![test])
            } else {
                test
            });
        }
        let negated = self.take_word("NOT");
        let test = if self.take_word("LIKE") {
            let pattern = self.operand()?;
            call(Op::Like, vec![left, pattern])
        } else if self.take_word("ILIKE") {
            let pattern = self.operand()?;
            let folded = |node: Node| {
                let place = node.place.clone();
                Node::new(Kind::Call(Op::Casei, vec![node]), place)
            };
            call(Op::Like, vec![folded(left), folded(pattern)])
        } else if self.take_word("BETWEEN") {
            let from = self.operand()?;
            if !self.take_word("AND") {
                return Err(self.unexpected("AND, between the bounds of BETWEEN"));
            }
            let to = self.operand()?;
            call(Op::Between, vec![left, from, to])
        } else if self.take_word("IN") {
            let place = self.place();
            let list = self.arguments()?;
            if list.is_empty() {
                return Err(syntax("an empty list".to_owned(), "a value", self.at()));
            }
            call(Op::In, vec![left, Node::new(Kind::List(list), place)])
        } else if negated {
            return Err(self.unexpected("LIKE, BETWEEN or IN"));
        } else {
            return Ok(left);
        };
        Ok(if negated {
            call(Op::Not, vec![test])
        } else {
            test
        })
    }

    /// Values in parentheses, separated by commas.
    fn arguments(&mut self) -> Result<Vec<Node>, Cql2Error> {
        self.deeper(|p| {
            p.need_sign("(")?;
            let mut list = Vec::new();
            if p.take_sign(")") {
                return Ok(list);
            }
            loop {
                list.push(p.operand()?);
                if p.take_sign(")") {
                    return Ok(list);
                }
                if !p.take_sign(",") {
                    return Err(p.unexpected("',' or ')'"));
                }
            }
        })
    }

    fn operand(&mut self) -> Result<Node, Cql2Error> {
        let place = self.place();
        let node = |kind| Ok(Node::new(kind, place.clone()));
        match self.peek().clone() {
            Token::Sign("(") => {
                self.next += 1;
                let inner = self.or()?;
                self.need_sign(")")?;
                Ok(inner)
            }
            Token::Sign("-" | "+") | Token::Number(_) => {
                let kind = self.number()?;
                node(kind)
            }
            Token::Text(text) => {
                self.next += 1;
                node(Kind::Text(text))
            }
            Token::Quoted(name) => {
                self.next += 1;
                node(Kind::Property(name))
            }
            Token::Word(word) => {
                if is_bare(&word) && self.is_call() {
                    self.next += 1;
                    return self.function(&word, place);
                }
                if word.eq_ignore_ascii_case("TRUE") || word.eq_ignore_ascii_case("FALSE") {
                    self.next += 1;
                    return node(Kind::Boolean(word.eq_ignore_ascii_case("TRUE")));
                }
                if !is_bare(&word) {
                    return Err(self.unexpected("a value or a name (keywords need double quotes)"));
                }
                self.next += 1;
                node(Kind::Property(word))
            }
            _ => Err(self.unexpected("a value, a name or '('")),
        }
    }

    /// Whether a parenthesis follows the word that comes next, or a `Z` and a parenthesis.
    fn is_call(&self) -> bool {
        let token = |n: usize| self.tokens.get(self.next + n).map(|t| &t.0);
        let open = |n: usize| token(n) == Some(&Token::Sign("("));
        let height = matches!(token(1), Some(Token::Word(z)) if z.eq_ignore_ascii_case("Z"));
        open(1) || height && open(2)
    }

    fn number(&mut self) -> Result<Kind, Cql2Error> {
        let place = self.place();
        let negative = self.take_sign("-");
        if !negative {
            self.take_sign("+");
        }
        let Token::Number(digits) = self.peek().clone() else {
            return Err(self.unexpected("a number"));
        };
        self.next += 1;
        let text = if negative {
            format!("-{digits}")
        } else {
            digits
        };
        match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(whole), _) => Ok(Kind::Integer(whole)),
            (_, Ok(real)) if real.is_finite() => Ok(Kind::Real(real)),
            _ => Err(Fault::Number(text).at(&place)),
        }
    }

    fn real(&mut self) -> Result<f64, Cql2Error> {
        Ok(match self.number()? {
            Kind::Integer(n) => n as f64,
            Kind::Real(v) => v,
            _ => f64::NAN,
        })
    }

    /// What follows a name that parentheses follow.
    fn function(&mut self, name: &str, place: Place) -> Result<Node, Cql2Error> {
        let upper = name.to_ascii_uppercase();
        let kind = match upper.as_str() {
            "DATE" | "TIMESTAMP" => {
                let mut list = self.arguments()?;
                Op::Not.takes(list.len(), &place).map_err(|_| {
                    let (name, takes) = (upper.clone(), "1".to_owned());
                    Fault::Arguments {
                        name,
                        takes,
                        given: list.len(),
                    }
                    .at(&place)
                })?;
                match list.remove(0).kind {
                    Kind::Text(t) if upper == "DATE" => date(t, &place)?,
                    Kind::Text(t) => timestamp(t, &place)?,
                    other => {
                        let operator = if upper == "DATE" { "DATE" } else { "TIMESTAMP" };
                        let (expected, found) = ("text in single quotes", other.noun());
                        return Err(Fault::Type {
                            operator,
                            expected,
                            found,
                        }
                        .at(&place));
                    }
                }
            }
            "INTERVAL" => {
                let list = self.arguments()?;
                Op::Interval.takes(list.len(), &place)?;
                let ends: Result<Vec<_>, _> = list.into_iter().map(interval_end).collect();
                Kind::Call(Op::Interval, ends?)
            }
            "BBOX" => {
                let numbers = self.positions(Self::real)?;
                bbox(numbers, &place)?
            }
            "POINT" | "LINESTRING" | "POLYGON" | "MULTIPOINT" | "MULTILINESTRING"
            | "MULTIPOLYGON" | "GEOMETRYCOLLECTION" => {
                let geometry = self.geometry(&upper)?;
                Kind::Geometry(checked_geometry(geometry, &place)?)
            }
            _ => {
                let op = Op::function(name);
                let op = op.ok_or_else(|| Fault::Function(name.to_owned()).at(&place))?;
                let list = self.arguments()?;
                op.takes(list.len(), &place)?;
                Kind::Call(op, list)
            }
        };
        Ok(Node::new(kind, place))
    }

    /// One or more things in parentheses, separated by commas.
    fn positions<T>(
        &mut self,
        one: impl Fn(&mut Self) -> Result<T, Cql2Error>,
    ) -> Result<Vec<T>, Cql2Error> {
        self.need_sign("(")?;
        let mut list = vec![one(self)?];
        while self.take_sign(",") {
            list.push(one(self)?);
        }
        self.need_sign(")")?;
        Ok(list)
    }

    fn geometry(&mut self, kind: &str) -> Result<Geometry, Cql2Error> {
        self.take_word("Z");
        let line = |p: &mut Self| p.positions(Self::position).map(LineString);
        let polygon = |p: &mut Self| {
            let mut rings = p.positions(line)?.into_iter();
            let exterior = rings.next().unwrap_or_else(|| LineString(Vec::new()));
            unclosed(&exterior, p)?;
            let holes: Vec<_> = rings.collect();
            for hole in &holes {
                unclosed(hole, p)?;
            }
            Ok(Polygon::new(exterior, holes))
        };
        Ok(match kind {
            "POINT" => {
                self.need_sign("(")?;
                let at = self.position()?;
                self.need_sign(")")?;
                Geometry::Point(at.into())
            }
            "LINESTRING" => Geometry::LineString(line(self)?),
            "POLYGON" => Geometry::Polygon(polygon(self)?),
            "MULTIPOINT" => {
                // Both spellings are in use: (1 2, 3 4) and ((1 2), (3 4)).
                let points = self.positions(|p| {
                    let inner = p.take_sign("(");
                    let at = p.position()?;
                    if inner {
                        p.need_sign(")")?;
                    }
                    Ok(geo::Point::from(at))
                })?;
                Geometry::MultiPoint(geo::MultiPoint(points))
            }
            "MULTILINESTRING" => {
                Geometry::MultiLineString(geo::MultiLineString(self.positions(line)?))
            }
            "MULTIPOLYGON" => Geometry::MultiPolygon(geo::MultiPolygon(self.positions(polygon)?)),
            _ => {
                let parts = self.deeper(|p| {
                    p.positions(|p| {
                        let place = p.place();
                        let Token::Word(word) = p.peek().clone() else {
                            return Err(p.unexpected("a geometry"));
                        };
                        p.next += 1;
                        match p.function(&word, place)?.kind {
                            Kind::Geometry(g) => Ok(g),
                            _ => Err(p.unexpected("a geometry")),
                        }
                    })
                })?;
                Geometry::GeometryCollection(geo::GeometryCollection(parts))
            }
        })
    }

    /// Two numbers, or three, of which the height has no effect.
    fn position(&mut self) -> Result<Coord, Cql2Error> {
        let (x, y) = (self.real()?, self.real()?);
        if !matches!(self.peek(), Token::Sign("," | ")")) {
            self.real()?;
        }
        Ok(Coord { x, y })
    }
}

/// Refuses a ring that is not closed, which a polygon would close in silence.
fn unclosed(ring: &LineString, parser: &Parser) -> Result<(), Cql2Error> {
    if ring.0.len() >= 4 && ring.is_closed() {
        return Ok(());
    }
    let text = "a ring takes four or more positions, the last equal to the first";
    Err(Fault::Geometry(text.to_owned()).at(&parser.place()))
}

pub(super) fn date(text: String, place: &Place) -> Result<Kind, Cql2Error> {
    match moment::midnight(&text) {
        Some(_) => Ok(Kind::Date(text)),
        None => Err(Fault::Date(text).at(place)),
    }
}

pub(super) fn timestamp(text: String, place: &Place) -> Result<Kind, Cql2Error> {
    match moment::stretch(&text) {
        Some(_) if text.len() > 10 => Ok(Kind::Timestamp(text)),
        _ => Err(Fault::Timestamp(text).at(place)),
    }
}

/// An end of an interval: text is a day, a moment or open.
pub(super) fn interval_end(node: Node) -> Result<Node, Cql2Error> {
    let Node { kind, place } = node;
    let kind = match kind {
        Kind::Text(t) if t == ".." => Kind::Open,
        Kind::Text(t) if t.len() == 10 => date(t, &place)?,
        Kind::Text(t) => timestamp(t, &place)?,
        kept @ (Kind::Property(_) | Kind::Date(_) | Kind::Timestamp(_)) => kept,
        other => {
            let (operator, found) = ("INTERVAL", other.noun());
            let expected = "a day, a moment, '..' or a property at each end";
            return Err(Fault::Type {
                operator,
                expected,
                found,
            }
            .at(&place));
        }
    };
    Ok(Node::new(kind, place))
}

/// A box of four numbers, or of six with heights.
pub(super) fn bbox(numbers: Vec<f64>, place: &Place) -> Result<Kind, Cql2Error> {
    let ([_, south, _, north] | [_, south, _, _, north, _]) = numbers[..] else {
        let (name, takes) = ("BBOX".to_owned(), "4 or 6".to_owned());
        let given = numbers.len();
        return Err(Fault::Arguments { name, takes, given }.at(place));
    };
    if south > north {
        let text = format!("the box has its south {south} north of its north {north}");
        return Err(Fault::Geometry(text).at(place));
    }
    Ok(Kind::Bbox(numbers))
}
