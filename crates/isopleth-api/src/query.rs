//! Query strings: read strictly, written canonically.

use crate::problem::Problem;

/// The parameters of a request, each known to the resource and given once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads a raw query string.
    ///
    /// # Errors
    /// A [`Problem`] for a parameter that is not in `known`, one given twice, or text that does
    /// not decode.
    #[cfg(test)]
    pub(crate) fn parse(raw: &str, known: &[&str]) -> Result<Self, Problem> {
        let query = Self::parse_any(raw)?;
        query.refuse_unknown(known)?;
        Ok(query)
    }

    /// Refuses a parameter that is not in `known`.
    ///
    /// # Errors
    /// A [`Problem`] that names it.
    pub(crate) fn refuse_unknown(&self, known: &[&str]) -> Result<(), Problem> {
        let unknown = self
            .pairs
            .iter()
            .find(|(n, _)| !known.contains(&n.as_str()));
        unknown.map_or(Ok(()), |(name, _)| {
            Err(Problem::unknown_parameter(name, known))
        })
    }

    /// Reads a raw query string of which it is not yet known what may be in it.
    ///
    /// # Errors
    /// A [`Problem`] for a parameter given twice or text that does not decode.
    pub(crate) fn parse_any(raw: &str) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for piece in raw.split('&').filter(|p| !p.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let undecodable = || Problem::bad_request("the query string is not valid UTF-8 text");
            let name = decode(name).ok_or_else(undecodable)?;
            let value = decode(value).ok_or_else(|| {
                Problem::invalid_parameter(&name, "the value is not percent-encoded UTF-8")
            })?;
            if pairs.iter().any(|(n, _)| *n == name) {
                return Err(Problem::invalid_parameter(&name, "given more than once"));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// The value of a parameter, if it was given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// The parameters with their values.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// The same query with some parameters set: in place where they were given, else at the end.
    #[must_use]
    pub(crate) fn with(&self, changes: &[(&str, String)]) -> Self {
        let mut pairs = self.pairs.clone();
        for (name, value) in changes {
            match pairs.iter_mut().find(|(n, _)| n == name) {
                Some((_, v)) => v.clone_from(value),
                None => pairs.push(((*name).to_owned(), value.clone())),
            }
        }
        Self { pairs }
    }

    /// The same query without a parameter.
    #[must_use]
    pub(crate) fn without(&self, name: &str) -> Self {
        let kept = self.pairs.iter().filter(|(n, _)| n != name);
        Self {
            pairs: kept.cloned().collect(),
        }
    }

    /// The query string, with its `?`; empty where there are no parameters.
    pub(crate) fn to_suffix(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.pairs {
            out.push(if out.is_empty() { '?' } else { '&' });
            encode_into(&mut out, name, b"");
            out.push('=');
            encode_into(&mut out, value, b",:/");
        }
        out
    }
}

/// Text with everything but unreserved characters percent-encoded, fit for one path segment.
pub(crate) fn encode_segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    encode_into(&mut out, text, b"");
    out
}

fn encode_into(out: &mut String, text: &str, also_plain: &[u8]) {
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also_plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// Form decoding: `+` is a space, `%2B` a plus. None for a broken escape or bytes that are not
/// UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: &[&str] = &["limit", "bbox", "datetime"];

    #[test]
    fn unknown_repeated_and_broken_parameters_are_refused() {
        for (raw, code) in [
            ("ooga=booga", "unknown-parameter"),
            ("LIMIT=1", "unknown-parameter"),
            ("limit=1&limit=1", "invalid-parameter"),
            ("limit=%zz", "invalid-parameter"),
            ("limit=%", "invalid-parameter"),
            ("limit=%ff", "invalid-parameter"),
            ("%ff=1", "bad-request"),
        ] {
            assert_eq!(Query::parse(raw, KNOWN).unwrap_err().code(), code, "{raw}");
        }
    }

    #[test]
    fn empty_pieces_mean_nothing() {
        assert_eq!(
            Query::parse("&&limit=3&", KNOWN).unwrap().get("limit"),
            Some("3")
        );
        assert_eq!(Query::parse("", KNOWN).unwrap(), Query::default());
    }

    #[test]
    fn changed_parameters_keep_their_place() {
        let query = Query::parse("limit=3&bbox=1,2,3,4", KNOWN).unwrap();
        let next = query.with(&[
            ("limit", "5".into()),
            ("datetime", "../2022-01-01T00:00:00+01:00".into()),
        ]);
        assert_eq!(
            next.to_suffix(),
            "?limit=5&bbox=1,2,3,4&datetime=../2022-01-01T00:00:00%2B01:00"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(raw in ".{0,60}") {
            let _ = Query::parse(&raw, KNOWN);
        }

        #[test]
        fn what_is_written_reads_back(value in any::<String>()) {
            let query = Query::default().with(&[("bbox", value)]);
            prop_assert_eq!(Query::parse(&query.to_suffix()[1..], KNOWN).unwrap(), query);
        }
    }
}
