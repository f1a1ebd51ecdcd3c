//! Times as people read them. All take Unix minutes; nothing here reads a clock.

use super::{Text, Texts};

impl Texts {
    /// How long ago something was: `just now`, `5 minutes ago`. A time after `now` is just now: clocks differ.
    pub fn ago(&self, now: u64, then: u64) -> String {
        let minutes = now.saturating_sub(then);
        match minutes {
            0 => self.say(Text::AgoNow, &[]),
            1..=119 => self.say(Text::AgoMinutes, &[("count", minutes.into())]),
            120..=2_879 => self.say(Text::AgoHours, &[("count", (minutes / 60).into())]),
            _ => self.say(Text::AgoDays, &[("count", (minutes / 1_440).into())]),
        }
    }
}

/// A point in time such as `2026-03-01 14:30 UTC`, the same in every language.
pub fn utc(minutes: u64) -> String {
    let (hour, minute) = (minutes / 60 % 24, minutes % 60);
    let (year, month, day) = date(minutes / 1_440);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// A day since 1970-01-01 such as `2026-03-01`, the same in every language.
pub fn day(day: u64) -> String {
    let (year, month, day) = date(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The Gregorian date of a day since 1970-01-01, counted in years that begin in March so that a leap day comes last.
fn date(day: u64) -> (u64, u64, u64) {
    const DAYS_0000_03_01_TO_1970: u64 = 719_468;
    const DAYS_IN_400_YEARS: u64 = 146_097;
    let day = day.saturating_add(DAYS_0000_03_01_TO_1970);
    let (era, day_of_era) = (day / DAYS_IN_400_YEARS, day % DAYS_IN_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day_of_month)
}
