//! Times as people write them in JSON: RFC 3339 with a zone, seconds optional.

/// What is accepted, in words, for error messages.
pub const FORM: &str = "a time with its zone such as 2026-03-01T14:30+03:00 or 2026-03-01T11:30Z, or now";

/// Unix minutes of a time such as `2026-03-01T14:30:00+03:00`. Seconds are cut off. `None` for anything else and for
/// times before 1970.
pub fn parse(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut date = date.split('-');
    let (year, month, day) = (digits(date.next()?, 4)?, digits(date.next()?, 2)?, digits(date.next()?, 2)?);
    let month_ok = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    if date.next().is_some() || !month_ok || year < 1970 {
        return None;
    }
    let (clock, offset) = zone(time)?;
    let mut clock = clock.split(':');
    let (hour, minute) = (digits(clock.next()?, 2)?, digits(clock.next()?, 2)?);
    if let Some(seconds) = clock.next() {
        let whole = seconds.split_once('.').map_or(Some(seconds), |(whole, fraction)| {
            (!fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit())).then_some(whole)
        })?;
        if digits(whole, 2)? > 60 {
            return None;
        }
    }
    if clock.next().is_some() || hour > 23 || minute > 59 {
        return None;
    }
    let minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset;
    u64::try_from(minutes).ok()
}

/// Unix minutes of such a time, and how many minutes its zone is ahead of UTC.
pub fn zoned(text: &str) -> Option<(u64, i64)> {
    let (_, time) = text.split_once(['T', 't', ' '])?;
    Some((parse(text)?, zone(time)?.1))
}

/// Splits the zone off; its offset in minutes.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let (clock, zone) = time.split_at_checked(time.rfind(['+', '-'])?)?;
    let (sign, zone) = zone.split_at_checked(1)?;
    let (hours, minutes) = zone.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    let offset = hours * 60 + minutes;
    (hours <= 23 && minutes <= 59).then_some((clock, if sign == "-" { -offset } else { offset }))
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leap_days(before) - leap_days(1969);
    years + (1..month).map(|month| days_in(year, month)).sum::<i64>() + day - 1
}
