//! CQL2 text as tokens.

use super::{Cql2Error, Fault, Place};

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A keyword, a name of a function or a bare property.
    Word(String),
    /// A name in double quotes.
    Quoted(String),
    /// Text in single quotes.
    Text(String),
    /// An unsigned number as written.
    Number(String),
    /// Punctuation or a comparison.
    Sign(&'static str),
    /// The end.
    End,
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Word(w) => write!(f, "'{w}'"),
            Self::Quoted(q) => write!(f, "\"{q}\""),
            Self::Text(t) => write!(f, "the text '{t}'"),
            Self::Number(n) => write!(f, "the number {n}"),
            Self::Sign(s) => write!(f, "'{s}'"),
            Self::End => write!(f, "the end"),
        }
    }
}

/// Signs; longer ones first.
const SIGNS: &[&str] = &["<>", "<=", ">=", "=", "<", ">", "(", ")", ",", "-", "+"];

/// The tokens of a text, each with the number of its first character. The last is the end.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, Cql2Error> {
    let mut out = Vec::new();
    let (mut rest, mut at) = (text, 1);
    loop {
        let blank = rest.len() - rest.trim_start().len();
        at += rest[..blank].chars().count();
        rest = &rest[blank..];
        let Some(first) = rest.chars().next() else {
            out.push((Token::End, at));
            return Ok(out);
        };
        let (token, length) = match first {
            '\'' => {
                let (text, length) = quoted(rest, '\'', at)?;
                (Token::Text(text), length)
            }
            '"' => {
                let (name, length) = quoted(rest, '"', at)?;
                (Token::Quoted(name), length)
            }
            c if is_start(c) => {
                let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                (Token::Word(rest[..length].to_owned()), length)
            }
            c if c.is_ascii_digit() || c == '.' => {
                let length = number_length(rest);
                let next = rest[length..].chars().next();
                if length == 0 || next.is_some_and(|c| is_part(c) || c == '.') {
                    let end = rest.find(|c| !is_part(c) && c != '.').unwrap_or(rest.len());
                    return Err(Fault::Number(rest[..end].to_owned()).at(&Place::Character(at)));
                }
                (Token::Number(rest[..length].to_owned()), length)
            }
            c => match SIGNS.iter().find(|s| rest.starts_with(**s)) {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None => {
                    let expected = match c {
                        '!' => "'<>' for not equal, or NOT",
                        _ => "a value, a name or an operator",
                    };
                    return Err(syntax(format!("'{c}'"), expected, at));
                }
            },
        };
        out.push((token, at));
        at += rest[..length].chars().count();
        rest = &rest[length..];
    }
}

pub(super) fn syntax(found: String, expected: &str, at: usize) -> Cql2Error {
    let expected = expected.to_owned();
    Fault::Syntax { found, expected }.at(&Place::Character(at))
}

/// Text up to the quote that ends it, and its length with both quotes. A doubled quote stands for
/// one.
fn quoted(text: &str, quote: char, at: usize) -> Result<(String, usize), Cql2Error> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        if c != quote {
            out.push(c);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            out.push(quote);
        } else {
            return Ok((out, i + 1));
        }
    }
    let expected = format!("a {quote} that ends what begins here");
    Err(syntax("the end".to_owned(), &expected, at))
}

/// Length of an unsigned number: digits, a fraction, an exponent.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        rest.iter().take_while(|b| b.is_ascii_digit()).count()
    };
    let whole = digits(0);
    let mut length = whole;
    if bytes.get(length) == Some(&b'.') {
        let fraction = digits(length + 1);
        if whole + fraction == 0 {
            return 0;
        }
        length += 1 + fraction;
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    length
}

fn is_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == ':'
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | ':' | '.')
}

/// Whether a name can stand in text without quotes.
pub(super) fn is_bare(name: &str) -> bool {
    const KEYWORDS: &[&str] = &[
        "AND", "OR", "NOT", "TRUE", "FALSE", "LIKE", "ILIKE", "BETWEEN", "IN", "IS", "NULL",
    ];
    name.starts_with(is_start)
        && name.chars().all(is_part)
        && !KEYWORDS.iter().any(|k| k.eq_ignore_ascii_case(name))
}
