//! Days and moments as clients write them: `2022-01-31`, `2022-01-31T12:00:00Z`.
//!
//! Civil days are compared with moments as days of UTC.

use jiff::civil::{Date, DateTime, date};

/// A moment: seconds since 1970-01-01T00:00:00Z and nanoseconds.
pub type Moment = (i64, u32);

/// Seconds of a day of UTC.
pub const SECONDS_PER_DAY: i64 = 86_400;

/// First and last moment that a date (`YYYY-MM-DD`) or an RFC 3339 date-time stands for. None for
/// other text. The years are 0000 to 9999; a leap second is the last second of its minute.
#[must_use]
pub fn stretch(text: &str) -> Option<(Moment, Moment)> {
    let bytes = text.as_bytes();
    let day = seconds(day_of(bytes.get(..10)?)?);
    if bytes.len() == 10 {
        return Some(((day, 0), (day + SECONDS_PER_DAY - 1, 999_999_999)));
    }
    if !matches!(bytes[10], b'T' | b't') {
        return None;
    }
    let clock = bytes.get(11..19)?;
    if clock[2] != b':' || clock[5] != b':' {
        return None;
    }
    let (hour, minute) = (number(&clock[..2])?, number(&clock[3..5])?);
    let second = number(&clock[6..])?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = &bytes[19..];
    let mut nanos = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        let kept = number(&fraction[..digits.min(9)])?;
        nanos = u32::try_from(kept * 10_i64.pow(9 - u32::try_from(digits.min(9)).ok()?)).ok()?;
        rest = &fraction[digits..];
    }
    let local = day + hour * 3600 + minute * 60 + second.min(59);
    let moment = (local - offset(rest)?, nanos);
    Some((moment, moment))
}

/// The first second of a day, `YYYY-MM-DD`, in UTC. None for other text.
#[must_use]
pub fn midnight(text: &str) -> Option<i64> {
    day_of(text.as_bytes()).map(seconds)
}

/// 1970-01-01T00:00:00, which moments count from.
#[must_use]
pub fn epoch() -> DateTime {
    date(1970, 1, 1).at(0, 0, 0, 0)
}

/// Seconds east of UTC. A space stands for the plus that form decoding makes of it.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, clock) = match zone {
        b"Z" | b"z" => return Some(0),
        [b'+' | b' ', clock @ ..] => (1, clock),
        [b'-', clock @ ..] => (-1, clock),
        _ => return None,
    };
    if clock.len() != 5 || clock[2] != b':' {
        return None;
    }
    let (hours, minutes) = (number(&clock[..2])?, number(&clock[3..])?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

fn day_of(text: &[u8]) -> Option<Date> {
    if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let (year, month) = (number(&text[..4])?, number(&text[5..7])?);
    let day = number(&text[8..])?;
    Date::new(
        year.try_into().ok()?,
        month.try_into().ok()?,
        day.try_into().ok()?,
    )
    .ok()
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |sum, b| {
        b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0'))
    })
}

fn seconds(day: Date) -> i64 {
    day.at(0, 0, 0, 0).duration_since(epoch()).as_secs()
}
