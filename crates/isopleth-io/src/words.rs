//! Numbers and periods in words and sentences.

use isopleth_core::domain::Period;

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
    some(n, "record", "records")
}

/// A number, and what follows it where it is one and where it is not: `1 site lies`, `2 sites lie`.
#[must_use]
pub(crate) fn some(n: u64, one: &str, several: &str) -> String {
    format!("{} {}", thousands(n), if n == 1 { one } else { several })
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// From one day to another, both of them whole: `2022`, `January to March 2022`, `3 May 2022 to
/// 9 June 2022`. Days are written as in ISO 8601; what is none is repeated as it is.
pub(crate) fn period(from: &str, to: &str) -> String {
    let (Some(a), Some(b)) = (day(from), day(to)) else {
        return format!("{from} to {to}");
    };
    let month = |(_, m, _): Day| MONTHS[m - 1];
    let months = Period::parse(&format!("{:04}-{:02}/{:04}-{:02}", a.0, a.1, b.0, b.1));
    if months.is_ok_and(|m| m.first_day() == from && m.last_day() == to) {
        match (a.1, b.1) {
            (1, 12) if a.0 == b.0 => a.0.to_string(),
            (1, 12) => format!("{} to {}", a.0, b.0),
            _ if (a.0, a.1) == (b.0, b.1) => format!("{} {}", month(a), a.0),
            _ if a.0 == b.0 => format!("{} to {} {}", month(a), month(b), a.0),
            _ => format!("{} {} to {} {}", month(a), a.0, month(b), b.0),
        }
    } else if a == b {
        format!("{} {} {}", a.2, month(a), a.0)
    } else {
        let words = |d: Day| format!("{} {} {}", d.2, month(d), d.0);
        format!("{} to {}", words(a), words(b))
    }
}

/// Year, month from 1, and day of the month.
type Day = (u32, usize, u32);

fn day(text: &str) -> Option<Day> {
    let mut parts = text.splitn(3, '-');
    let year = parts.next()?.parse().ok()?;
    let month = parts.next()?.parse().ok()?;
    let day = parts.next()?.parse().ok()?;
    (1..=12).contains(&month).then_some((year, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_told_by_years_months_or_days() {
        for (from, to, words) in [
            ("2022-01-01", "2022-12-31", "2022"),
            ("2022-01-01", "2023-12-31", "2022 to 2023"),
            ("2024-02-01", "2024-02-29", "February 2024"),
            ("2023-02-01", "2023-02-28", "February 2023"),
            (
                "2024-02-01",
                "2024-02-28",
                "1 February 2024 to 28 February 2024",
            ),
            ("2022-01-01", "2022-03-31", "January to March 2022"),
            ("2021-11-01", "2022-03-31", "November 2021 to March 2022"),
            ("2022-05-03", "2022-05-03", "3 May 2022"),
            ("2022-05-03", "2022-06-09", "3 May 2022 to 9 June 2022"),
            ("2022", "x", "2022 to x"),
        ] {
            assert_eq!(period(from, to), words);
        }
    }

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
