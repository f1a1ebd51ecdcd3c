//! Days as people write them: `2027-01-31`, in UTC.

use std::fmt;
use std::str::FromStr;

use time::format_description::well_known::Iso8601;
use time::{Date, OffsetDateTime};

use super::CliError;

const SECONDS: u64 = 86_400;

/// A day since 1970-01-01, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(u32);

impl Day {
    /// The day of a time in seconds since the Unix epoch.
    pub(super) fn of(unix_seconds: u64) -> Self {
        Self(u32::try_from(unix_seconds / SECONDS).unwrap_or(u32::MAX))
    }

    /// Its last second, since the Unix epoch.
    pub(super) fn last_second(self) -> u64 {
        (u64::from(self.0) + 1) * SECONDS - 1
    }

    /// Its number, counted from 1970-01-01.
    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// The day that has come once so many seconds have passed after this one.
    pub(super) fn after(self, seconds: u64) -> Self {
        Self::of((u64::from(self.0) + 1).saturating_mul(SECONDS).saturating_add(seconds))
    }
}

impl FromStr for Day {
    type Err = CliError;

    fn from_str(text: &str) -> Result<Self, CliError> {
        let date = Date::parse(text, &Iso8601::DATE).ok().filter(|date| date.to_string() == text);
        let seconds = date.and_then(|date| u64::try_from(date.midnight().assume_utc().unix_timestamp()).ok());
        seconds.map(Self::of).ok_or_else(|| CliError::Date(text.to_owned()))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(u64::from(self.0) * SECONDS).unwrap_or(i64::MAX);
        match OffsetDateTime::from_unix_timestamp(seconds) {
            Ok(time) => write!(f, "{}", time.date()),
            // Beyond the year 9999.
            Err(_) => f.write_str("in thousands of years"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_as_it_is_written() {
        for (text, seconds) in [("1970-01-01", 0), ("2027-01-31", 1_801_353_600), ("2028-02-29", 1_835_395_200)] {
            assert_eq!(text.parse::<Day>().unwrap(), Day::of(seconds));
            assert_eq!(Day::of(seconds + SECONDS - 1).to_string(), text);
        }
        for wrong in ["", "tomorrow", "2027-02-29", "31.01.2027", "20270131", "2027-W04-7", "1969-12-31", "2027-1-31"] {
            let error = wrong.parse::<Day>().unwrap_err().to_string();
            assert!(error.contains("2027-01-31"), "{error}");
        }
        assert_eq!(Day::of(u64::MAX).to_string(), "in thousands of years");
    }
}
