//! When check-ins are due: the examples of RFC 5545 section 3.8.5.3, the limits, and another implementation.

use himaya_protocol::content::recurrence::{OCCURRENCES_MAX, Recurrence};
use proptest::prelude::*;
use rrule::RRuleSet;

/// 1997-09-02T09:00 in New York, four hours behind UTC: the DTSTART of the examples.
const START: u64 = 14_553_420;
const NEW_YORK: i64 = -240;
const DAY: u64 = 1_440;

fn rule(text: &str) -> Recurrence {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

/// Days after DTSTART, or minutes in the case of hours.
fn days(text: &str) -> Vec<u64> {
    rule(text).times(START, NEW_YORK).map(|time| (time - START) / DAY).collect()
}

#[test]
fn the_examples_of_the_standard() {
    assert_eq!(days("FREQ=DAILY;COUNT=10"), (0..10).collect::<Vec<_>>());
    assert_eq!(days("FREQ=DAILY;UNTIL=19971224T000000Z"), (0..113).collect::<Vec<_>>(), "September 2 to December 23");
    assert_eq!(days("FREQ=DAILY;INTERVAL=10;COUNT=5"), [0, 10, 20, 30, 40]);
    assert_eq!(days("FREQ=WEEKLY;COUNT=10"), (0..10).map(|week| week * 7).collect::<Vec<_>>());
    assert_eq!(days("FREQ=WEEKLY;UNTIL=19971007T000000Z;BYDAY=TU,TH"), [0, 2, 7, 9, 14, 16, 21, 23, 28, 30]);
    assert_eq!(days("FREQ=WEEKLY;COUNT=10;BYDAY=TU,TH"), [0, 2, 7, 9, 14, 16, 21, 23, 28, 30]);
    assert_eq!(days("FREQ=WEEKLY;INTERVAL=2;COUNT=8;BYDAY=TU,TH"), [0, 2, 14, 16, 28, 30, 42, 44]);
    let hours: Vec<_> = rule("FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z").times(START, NEW_YORK).collect();
    assert_eq!(hours, [START, START + 180, START + 360, START + 540, START + 720][..hours.len()]);
    assert_eq!(hours.len(), 3, "9, 12 and 15 o'clock; 21:00 UTC is 17 o'clock in New York");
}

/// Near midnight the weekday is that of the defender's clock, not of Greenwich.
#[test]
fn days_are_the_defenders_days() {
    let monday_late = 29_501_220;
    let in_utc: Vec<_> = rule("FREQ=DAILY;BYDAY=TU;COUNT=1").times(monday_late, 0).collect();
    let in_baghdad: Vec<_> = rule("FREQ=DAILY;BYDAY=TU;COUNT=1").times(monday_late, 180).collect();
    assert_eq!(in_utc, [monday_late + DAY]);
    assert_eq!(in_baghdad, [monday_late]);
}

#[test]
fn what_does_not_end_or_is_no_rule_is_refused() {
    for bad in [
        "",
        "FREQ=DAILY",
        "COUNT=3",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=10001",
        "FREQ=DAILY;COUNT=3;COUNT=3",
        "FREQ=DAILY;COUNT=3;UNTIL=20260301T143000Z",
        "FREQ=DAILY;UNTIL=20260301",
        "FREQ=DAILY;UNTIL=20260301T143000",
        "FREQ=DAILY;UNTIL=20260231T143000Z",
        "FREQ=DAILY;INTERVAL=0;COUNT=3",
        "FREQ=DAILY;INTERVAL=100;COUNT=3",
        "FREQ=DAILY;BYDAY=;COUNT=3",
        "FREQ=DAILY;BYDAY=MO,MO;COUNT=3",
        "FREQ=DAILY;BYDAY=1MO;COUNT=3",
        "FREQ=HOURLY;BYDAY=MO;COUNT=3",
        "FREQ=MONTHLY;COUNT=3",
        "FREQ=DAILY;COUNT=+3",
        "freq=daily;count=3",
        "FREQ=DAILY; COUNT=3",
    ] {
        assert!(bad.parse::<Recurrence>().is_err(), "{bad:?}");
    }
}

/// Whatever a rule says, asking it for its times ends.
#[test]
fn no_rule_runs_for_ever() {
    for text in ["FREQ=DAILY;INTERVAL=7;BYDAY=MO;COUNT=10000", "FREQ=HOURLY;UNTIL=99991231T235959Z"] {
        for start in [0, START, START + 3 * DAY, u64::MAX] {
            let times = rule(text).times(start, 840).count();
            assert!(u64::try_from(times).expect("few") <= OCCURRENCES_MAX, "{text}");
        }
    }
}

/// 2026-01-05T00:00Z, a Monday.
const MONDAY: u64 = 29_459_520;

/// The times that the crate rrule gives, in minutes.
fn by_rrule(start: u64, text: &str) -> Vec<u64> {
    let (day, minute) = ((start - MONDAY) / DAY, (start - MONDAY) % DAY);
    let set = format!("DTSTART:202601{:02}T{:02}{:02}00Z\nRRULE:{text}", day + 5, minute / 60, minute % 60);
    let set: RRuleSet = set.parse().unwrap_or_else(|error| panic!("{set}: {error}"));
    let times = set.all(2_000).dates;
    times.iter().map(|time| u64::try_from(time.timestamp()).expect("after 1970") / 60).collect()
}

fn ends() -> impl Strategy<Value = String> {
    prop_oneof![
        (1u32..60).prop_map(|count| format!("COUNT={count}")),
        (2u32..=12, 1u32..=28, 0u32..24)
            .prop_map(|(month, day, hour)| format!("UNTIL=2026{month:02}{day:02}T{hour:02}3000Z")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// In UTC, every rule of the part that is taken gives the times that the crate rrule gives.
    #[test]
    fn another_implementation_gives_the_same_times(
        frequency in 0usize..3, interval in 1u32..=6, end in ends(), minute in 0u64..10 * DAY,
        days in prop::collection::btree_set(0usize..7, 0..7),
    ) {
        let name = ["HOURLY", "DAILY", "WEEKLY"][frequency];
        let days: Vec<_> = days.into_iter().map(|day| ["MO", "TU", "WE", "TH", "FR", "SA", "SU"][day]).collect();
        let by_day = if frequency == 0 || days.is_empty() { String::new() } else { format!(";BYDAY={}", days.join(",")) };
        // Hours are wide, so that a year of them is not too many to compare.
        let interval = if frequency == 0 { interval + 4 } else { interval };
        let text = format!("FREQ={name};INTERVAL={interval}{by_day};{end}");
        let ours: Vec<_> = rule(&text).times(MONDAY + minute, 0).collect();
        prop_assert_eq!(ours, by_rrule(MONDAY + minute, &text), "{}", text);
    }
}
