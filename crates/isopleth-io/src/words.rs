//! Numbers in words and sentences.

/// A number with commas between thousands.
#[must_use]
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(d);
    }
    out
}

/// So many records, in words: `1 record`, `1,234 records`.
#[must_use]
pub fn records(n: u64) -> String {
    match n {
        1 => "1 record".to_owned(),
        n => format!("{} records", thousands(n)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_record_is_no_plural() {
        assert_eq!(
            [0, 1, 2000].map(records),
            ["0 records", "1 record", "2,000 records"]
        );
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(thousands),
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
