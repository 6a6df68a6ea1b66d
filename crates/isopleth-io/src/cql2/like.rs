//! Patterns of `LIKE`.

/// A pattern: `%` stands for any text, `_` for one character, and `\` takes its meaning from the
/// character that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Char(char),
    One,
    Any,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let piece = match c {
                '%' => Piece::Any,
                '_' => Piece::One,
                // One at the end stands for itself.
                '\\' => Piece::Char(chars.next().unwrap_or('\\')),
                c => Piece::Char(c),
            };
            if piece != Piece::Any || pieces.last() != Some(&Piece::Any) {
                pieces.push(piece);
            }
        }
        Self(pieces)
    }

    /// Whether all of a text matches. A mismatch goes back to the last `%` only: an earlier one
    /// could not do better.
    pub(super) fn matches(&self, text: &str) -> bool {
        let pieces = &self.0;
        let mut rest = text.chars();
        let mut next = 0;
        let mut back: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            let mut ahead = rest.clone();
            let c = ahead.next();
            match (pieces.get(next), c) {
                (Some(Piece::Any), _) => {
                    next += 1;
                    back = Some((next, rest.clone()));
                }
                (Some(Piece::One), Some(_)) => {
                    (rest, next) = (ahead, next + 1);
                }
                (Some(Piece::Char(p)), Some(c)) if *p == c => {
                    (rest, next) = (ahead, next + 1);
                }
                (None, None) => return true,
                _ => {
                    let Some((after, from)) = &mut back else {
                        return false;
                    };
                    if from.next().is_none() {
                        return false;
                    }
                    (next, rest) = (*after, from.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn like(text: &str, pattern: &str) -> bool {
        Pattern::new(pattern).matches(text)
    }

    #[test]
    fn wildcards_and_escapes() {
        for (text, pattern, expected) in [
            ("", "", true),
            ("", "%", true),
            ("", "_", false),
            ("Größe", "Gr__e", true),
            ("Größe", "%ß%", true),
            ("High Street", "High%", true),
            ("High Street", "high%", false),
            ("High Street", "%Street%Street", false),
            ("aaab", "%a_b", true),
            ("100%", "100\\%", true),
            ("100x", "100\\%", false),
            ("a_b", "a\\_b", true),
            ("a\\b", "a\\\\b", true),
            ("a\\", "a\\", true),
            ("abcabd", "%ab_", true),
            ("abc", "abc_", false),
        ] {
            assert_eq!(like(text, pattern), expected, "{text} LIKE {pattern}");
        }
    }

    /// The definition, without regard to time.
    fn plainly(text: &[char], pieces: &[Piece]) -> bool {
        match (pieces, text) {
            ([], rest) => rest.is_empty(),
            ([Piece::Any, after @ ..], _) => (0..=text.len()).any(|n| plainly(&text[n..], after)),
            ([Piece::One, after @ ..], [_, rest @ ..]) => plainly(rest, after),
            ([Piece::Char(p), after @ ..], [c, rest @ ..]) => p == c && plainly(rest, after),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(text in "[ab]{0,8}", pattern in "[ab%_]{0,6}") {
            let chars: Vec<_> = text.chars().collect();
            let expected = plainly(&chars, &Pattern::new(&pattern).0);
            prop_assert_eq!(like(&text, &pattern), expected);
        }
    }
}
