//! `Range`: which bytes of a file a client wants (RFC 9110, section 14).

use std::ops::Range;

/// Most parts of one answer. Readers of FlatGeobuf and GeoParquet ask for a handful.
const MOST: usize = 16;

/// What a request for ranges comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The whole file: no range was asked for, or none that can be read.
    Whole,
    /// These parts of it, in the order asked for.
    Parts(Vec<Range<u64>>),
    /// Nothing that the file has.
    Nothing,
}

/// Reads a `Range` header for a file of so many bytes. What is not a list of byte ranges counts as
/// absent; so do more than sixteen ranges and ranges that together are longer than the file, which
/// nobody needs to read it in parts.
pub(crate) fn wanted(header: &str, length: u64) -> Wanted {
    let Some((unit, list)) = header.split_once('=') else {
        return Wanted::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let mut parts = Vec::new();
    let mut asked = 0;
    for piece in list.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        asked += 1;
        match one(piece, length) {
            None => return Wanted::Whole,
            Some(range) if range.is_empty() => {}
            Some(range) => parts.push(range),
        }
    }
    let total = parts
        .iter()
        .fold(0_u64, |sum, r| sum.saturating_add(r.end - r.start));
    if asked == 0 || asked > MOST || total > length {
        Wanted::Whole
    } else if parts.is_empty() {
        Wanted::Nothing
    } else {
        Wanted::Parts(parts)
    }
}

/// One range, cut down to the file; empty if the file has none of it.
fn one(piece: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = piece.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    if first.is_empty() {
        let count = number(last)?;
        return Some(length.saturating_sub(count)..length);
    }
    let first = number(first)?;
    let end = match last {
        "" => length,
        last => {
            let last = number(last)?;
            if last < first {
                return None;
            }
            last.saturating_add(1).min(length)
        }
    };
    Some(first.min(end)..end)
}

/// A number of digits only. One too large to hold is as good as the largest.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_those_of_the_standard() {
        let parts = |list: &[Range<u64>]| Wanted::Parts(list.to_vec());
        for (header, expected) in [
            ("bytes=0-499", parts(&[0..500])),
            ("bytes=500-", parts(&[500..1000])),
            ("bytes=-200", parts(&[800..1000])),
            ("bytes=-2000", parts(&[0..1000])),
            ("BYTES = 999-99999999999999999999", parts(&[999..1000])),
            ("bytes=0-0,-1, 5-9", parts(&[0..1, 999..1000, 5..10])),
            ("bytes=0-1,1000-", parts(&[0..2])),
            ("bytes=1000-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("", Wanted::Whole),
            ("bytes=", Wanted::Whole),
            ("bytes=abc", Wanted::Whole),
            ("bytes=5-4", Wanted::Whole),
            ("bytes=1-2-3", Wanted::Whole),
            ("items=0-4", Wanted::Whole),
            ("bytes=0-999,0-999", Wanted::Whole),
        ] {
            assert_eq!(wanted(header, 1000), expected, "{header}");
        }
        let many = format!("bytes={}", vec!["1-2"; 17].join(","));
        assert_eq!(wanted(&many, 1000), Wanted::Whole);
        assert_eq!(wanted("bytes=0-", 0), Wanted::Nothing);
    }

    proptest! {
        #[test]
        fn parts_lie_in_the_file(header in "(bytes=)?[0-9,\\- ]{0,30}", length in 0_u64..100) {
            if let Wanted::Parts(parts) = wanted(&header, length) {
                for part in parts {
                    prop_assert!(part.start < part.end && part.end <= length);
                }
            }
        }
    }
}
