//! When a check-in is due: a strict part of the recurrence rules of RFC 5545 section 3.3.10.
//!
//! ```text
//! FREQ=HOURLY|DAILY|WEEKLY  INTERVAL=1..99  BYDAY=MO,TU,WE,TH,FR,SA,SU  COUNT=1..10000 | UNTIL=20260301T143000Z
//! ```
//!
//! Joined by semicolons, each at most once, FREQ first; exactly one of COUNT and UNTIL, so that every plan ends. BYDAY
//! goes with DAILY, where it picks days, and with WEEKLY, where it lists them. Weeks begin on Monday. Another rule that
//! ends is kept, and shown as "update needed".

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::event::EventError;
use super::field::Item;
use super::minutes;
use super::value::FormError;
use crate::cbor::Value;

/// The most bytes of a rule.
pub const RULE_MAX: usize = 128;
/// The most check-ins of one plan.
pub const OCCURRENCES_MAX: u64 = 10_000;
/// The largest INTERVAL.
pub const INTERVAL_MAX: u64 = 99;
const HOUR: u64 = 60;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;
/// 1970-01-01 was a Thursday: this many days after a Monday.
const EPOCH_WEEKDAY: u64 = 3;
const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// A recurrence rule with its text as it was written.
#[derive(Clone, PartialEq, Eq)]
pub struct Recurrence {
    text: String,
    rule: Option<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    frequency: Frequency,
    interval: u64,
    days: BTreeSet<u64>,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frequency {
    Hourly,
    Daily,
    Weekly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Count(u64),
    Until(u64),
}

impl Recurrence {
    /// The form, in words, for error messages.
    pub const FORM: &'static str = "a rule of RFC 5545 that ends, such as FREQ=DAILY;COUNT=30 or \
        FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20260301T140000Z: FREQ is HOURLY, DAILY or WEEKLY, INTERVAL 1 to 99, and there is \
        one of COUNT, at most 10000, and UNTIL";

    /// The rule as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The times it gives, ascending, in Unix minutes; at most [`OCCURRENCES_MAX`]. None for a rule that this version
    /// does not know.
    ///
    /// `start` is the first possible time, in Unix minutes; days are those of a clock that is `offset` minutes ahead of
    /// UTC. As in RFC 5545, COUNT counts the times from `start` on; a `start` that the rule does not give is not one.
    pub fn times(&self, start: u64, offset: i64) -> impl Iterator<Item = u64> + '_ {
        let rule = self.rule.iter();
        rule.flat_map(move |rule| rule.times(start, offset))
            .take(usize::try_from(OCCURRENCES_MAX).unwrap_or(usize::MAX))
    }

    /// Whether the rule could give more than [`OCCURRENCES_MAX`] times.
    pub(super) fn is_endless(&self, start: u64) -> bool {
        self.rule.as_ref().is_some_and(|rule| match rule.end {
            End::Count(count) => count > OCCURRENCES_MAX,
            End::Until(until) => until.saturating_sub(start) / rule.step() > OCCURRENCES_MAX,
        })
    }

    /// Keeps what somebody else wrote if it looks like a rule that ends.
    fn received(text: String) -> Option<Self> {
        let plain = text.len() <= RULE_MAX && text.bytes().all(|b| b.is_ascii_graphic());
        let ends = text.split(';').any(|part| part.starts_with("COUNT=") || part.starts_with("UNTIL="));
        let rule = Rule::parse(&text);
        (plain && ends && (rule.is_some() || text.starts_with("FREQ="))).then_some(Self { text, rule })
    }
}

impl FromStr for Recurrence {
    type Err = FormError;

    fn from_str(text: &str) -> Result<Self, FormError> {
        let known = Self::received(text.to_owned()).filter(|rule| rule.rule.is_some());
        known.ok_or(FormError(Self::FORM))
    }
}

impl fmt::Debug for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recurrence(..)")
    }
}

impl Item for Recurrence {
    fn value(&self) -> Value {
        Value::Text(self.text.clone())
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let Value::Text(text) = value else { return Err(EventError::Type(field)) };
        Self::received(text).ok_or(EventError::Limit(field))
    }

    fn is_known(&self) -> bool {
        self.rule.is_some()
    }
}

impl Rule {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';');
        let frequency = match parts.next()? {
            "FREQ=HOURLY" => Frequency::Hourly,
            "FREQ=DAILY" => Frequency::Daily,
            "FREQ=WEEKLY" => Frequency::Weekly,
            _ => return None,
        };
        let (mut interval, mut days, mut end) = (None, None, None);
        for part in parts {
            let (name, value) = part.split_once('=')?;
            let repeated = match name {
                "INTERVAL" => interval.replace(number(value, INTERVAL_MAX)?).is_some(),
                "BYDAY" if frequency != Frequency::Hourly => days.replace(weekdays(value)?).is_some(),
                "COUNT" => end.replace(End::Count(number(value, OCCURRENCES_MAX)?)).is_some(),
                "UNTIL" => end.replace(End::Until(until(value)?)).is_some(),
                _ => return None,
            };
            if repeated {
                return None;
            }
        }
        Some(Self { frequency, interval: interval.unwrap_or(1), days: days.unwrap_or_default(), end: end? })
    }

    /// The least that lies between two of its times.
    fn step(&self) -> u64 {
        match self.frequency {
            Frequency::Hourly => self.interval * HOUR,
            Frequency::Daily => self.interval * DAY,
            Frequency::Weekly if self.days.is_empty() => self.interval * WEEK,
            Frequency::Weekly => DAY,
        }
    }

    /// Counted on the clock of the plan, then turned back to UTC.
    fn times(&self, start: u64, offset: i64) -> impl Iterator<Item = u64> + '_ {
        let local = start.saturating_add_signed(offset);
        let (weekday, of_day) = ((local / DAY + EPOCH_WEEKDAY) % 7, local % DAY);
        let monday = (local / DAY).saturating_sub(weekday);
        let days: Vec<u64> = if self.days.is_empty() { vec![weekday] } else { self.days.iter().copied().collect() };
        let (most, last) = match self.end {
            End::Count(count) => (count, u64::MAX),
            End::Until(until) => (OCCURRENCES_MAX, until),
        };
        let steps = (0..OCCURRENCES_MAX * 7).flat_map(move |n| {
            let turn = n.saturating_mul(self.interval);
            let times: Vec<u64> = match self.frequency {
                Frequency::Hourly => vec![local.saturating_add(turn.saturating_mul(HOUR))],
                Frequency::Daily => {
                    let time = local.saturating_add(turn.saturating_mul(DAY));
                    let listed = self.days.is_empty() || self.days.contains(&((time / DAY + EPOCH_WEEKDAY) % 7));
                    if listed { vec![time] } else { Vec::new() }
                }
                Frequency::Weekly => {
                    let week = monday.saturating_add(turn.saturating_mul(7));
                    days.iter()
                        .map(|day| week.saturating_add(*day).saturating_mul(DAY).saturating_add(of_day))
                        .collect()
                }
            };
            times
        });
        let times = steps
            .filter(move |time| *time >= local)
            .map(move |time| time.saturating_add_signed(offset.saturating_neg()));
        times.take_while(move |time| *time <= last).take(usize::try_from(most).unwrap_or(usize::MAX))
    }
}

fn number(digits: &str, max: u64) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let number = plain.then(|| digits.parse::<u64>().ok())??;
    (1..=max).contains(&number).then_some(number)
}

fn weekdays(list: &str) -> Option<BTreeSet<u64>> {
    let mut days = BTreeSet::new();
    for name in list.split(',') {
        let day = u64::try_from(DAYS.iter().position(|day| *day == name)?).ok()?;
        if !days.insert(day) {
            return None;
        }
    }
    Some(days)
}

/// `20260301T143000Z` as Unix minutes.
fn until(text: &str) -> Option<u64> {
    let part = |from: usize, to: usize| text.get(from..to);
    let plain = text.len() == 16 && text.is_ascii() && part(8, 9)? == "T" && part(15, 16)? == "Z";
    let (date, clock) = (
        format!("{}-{}-{}", part(0, 4)?, part(4, 6)?, part(6, 8)?),
        format!("{}:{}:{}", part(9, 11)?, part(11, 13)?, part(13, 15)?),
    );
    if plain { minutes::parse(&format!("{date}T{clock}Z")) } else { None }
}
