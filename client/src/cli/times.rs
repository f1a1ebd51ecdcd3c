//! When check-ins are due, as people say it.

use himaya_protocol::content::body::LadderStep;
use himaya_protocol::content::minutes;
use himaya_protocol::content::recurrence::Recurrence;
use himaya_protocol::content::value::{FormError, Offset};

/// What a rule may be, for error messages.
const EVERY: &str = "hour, day, weekdays, week, 2h, 3d, mo,we,fr, once, or a rule such as FREQ=DAILY;COUNT=7";
/// What a start may be, for error messages.
const START: &str = "a time with its zone such as 2026-03-01T08:00+03:00, or +30 for in 30 minutes";
/// What a step of a ladder may be, for error messages.
const STEP: &str = "MINUTES:WHO:DO such as 30:everybody:alert, with contacts, desk, lead or everybody, and ask, alert, open_case or open_plan";
/// How many times a plan has when nothing is said of its end.
pub(super) const TIMES: u64 = 7;

/// The rule of words such as `day`, `2h` or `mo,we,fr`, this many times; a whole rule of RFC 5545 says itself when it ends.
pub(super) fn every(words: &str, times: u64) -> Result<Recurrence, FormError> {
    let folded = words.trim().to_ascii_lowercase();
    let rule = match folded.as_str() {
        "once" => return "FREQ=DAILY;COUNT=1".parse(),
        "hour" | "hourly" => "FREQ=HOURLY".to_owned(),
        "day" | "daily" => "FREQ=DAILY".to_owned(),
        "week" | "weekly" => "FREQ=WEEKLY".to_owned(),
        "weekdays" => "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR".to_owned(),
        _ if folded.starts_with("freq=") => words.trim().to_ascii_uppercase(),
        _ => interval(&folded).unwrap_or_else(|| format!("FREQ=WEEKLY;BYDAY={}", folded.to_ascii_uppercase())),
    };
    let ends = rule.contains("COUNT=") || rule.contains("UNTIL=");
    let rule = if ends { rule } else { format!("{rule};COUNT={times}") };
    rule.parse().map_err(|_| FormError(EVERY))
}

/// `2h` and `3d`.
fn interval(words: &str) -> Option<String> {
    let (digits, unit) = words.split_at_checked(words.len().checked_sub(1)?)?;
    let frequency = match unit {
        "h" => "HOURLY",
        "d" => "DAILY",
        _ => return None,
    };
    let number: u64 = digits.parse().ok()?;
    Some(format!("FREQ={frequency};INTERVAL={number}"))
}

/// The minute of a start, and the zone in which its days are counted.
pub(super) fn start(words: &str, now: u64) -> Result<(u64, Option<Offset>), FormError> {
    let wrong = FormError(START);
    if let Some(ahead) = words.trim().strip_prefix('+') {
        let ahead: u64 = ahead.parse().map_err(|_| wrong)?;
        return Ok((now.saturating_add(ahead), None));
    }
    let (minute, offset) = minutes::zoned(words.trim()).ok_or(wrong)?;
    Ok((minute, Offset::new(offset).filter(|offset| offset.minutes() != 0)))
}

/// A step of a ladder: `30:everybody:alert`.
pub(super) fn step(words: &str) -> Result<LadderStep, FormError> {
    let wrong = || FormError(STEP);
    let mut parts = words.trim().split(':');
    let (after, who, act) = (parts.next(), parts.next(), parts.next());
    let after_min = after.and_then(|after| after.parse().ok()).filter(|after| *after <= 10_080).ok_or_else(wrong)?;
    let who = who.and_then(|who| who.parse().ok()).ok_or_else(wrong)?;
    let act = act.and_then(|act| act.parse().ok()).ok_or_else(wrong)?;
    if parts.next().is_some() { Err(wrong()) } else { Ok(LadderStep { after_min, who, act }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_said_in_words() {
        let said = |words: &str| every(words, 5).map(|rule| rule.as_str().to_owned()).ok();
        for (words, rule) in [
            ("day", "FREQ=DAILY;COUNT=5"),
            (" Hour ", "FREQ=HOURLY;COUNT=5"),
            ("2h", "FREQ=HOURLY;INTERVAL=2;COUNT=5"),
            ("mo,fr", "FREQ=WEEKLY;BYDAY=MO,FR;COUNT=5"),
            ("weekdays", "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;COUNT=5"),
            ("once", "FREQ=DAILY;COUNT=1"),
            ("freq=daily;count=3", "FREQ=DAILY;COUNT=3"),
            ("FREQ=DAILY;UNTIL=20260301T143000Z", "FREQ=DAILY;UNTIL=20260301T143000Z"),
        ] {
            assert_eq!(said(words).as_deref(), Some(rule), "{words}");
        }
        for words in ["", "h", "0h", "100h", "sometimes", "ü", "FREQ=YEARLY;COUNT=2", "mo,mo"] {
            assert_eq!(said(words), None, "{words}");
        }
    }

    #[test]
    fn starts_have_a_zone_or_are_ahead() {
        let at = |words: &str| start(words, 100).ok().map(|(minute, offset)| (minute, offset.map(Offset::minutes)));
        assert_eq!(at("+30"), Some((130, None)));
        assert_eq!(at("1970-01-01T08:00+03:00"), Some((300, Some(180))));
        assert_eq!(at("1970-01-01T08:00Z"), Some((480, None)));
        for words in ["", "+", "08:00", "1970-01-01T08:00", "tomorrow"] {
            assert_eq!(at(words), None, "{words}");
        }
    }

    #[test]
    fn steps_say_when_who_and_what() {
        assert!(step("30:everybody:alert").is_ok() && step("0:contacts:ask").is_ok());
        for words in ["", "30", "30:everybody", "30:all:alert", "x:desk:ask", "20000:desk:ask", "1:desk:ask:now"] {
            assert!(step(words).is_err(), "{words}");
        }
    }
}
