//! What stands in the cells of a row.

use himaya_protocol::case::check_in::Light;
use ratatui::style::Style;

use super::Look;
use crate::board::row::{Countdown, Party, Row, Step};
use crate::text::{Text, Texts};

/// A column: its heading and its width.
pub(super) struct Column {
    pub(super) heading: Text,
    pub(super) width: u16,
    pub(super) cell: fn(&Row, &Texts, u64, Look) -> (String, Style),
}

const fn column(heading: Text, width: u16, cell: fn(&Row, &Texts, u64, Look) -> (String, Style)) -> Column {
    Column { heading, width, cell }
}

/// All columns of a wide screen; people come last, because their names may run from right to left.
pub(super) const ALL: &[Column] = &[
    column(Text::BoardColPriority, 11, priority),
    column(Text::BoardColDue, 15, due),
    column(Text::BoardColState, 15, state),
    column(Text::BoardColAge, 4, age),
    column(Text::BoardColKind, 24, kind),
    column(Text::BoardColPlace, 6, place),
    column(Text::BoardColParty, 5, party),
    column(Text::BoardColContact, 5, contact),
    column(Text::BoardColLight, 8, light),
    column(Text::BoardColConsent, 7, consent),
    column(Text::BoardColGaps, 4, gaps),
    column(Text::BoardColGrade, 3, grade),
    column(Text::BoardColPeople, 0, people),
];

/// The first line of a case on a narrow screen.
pub(super) const FIRST: &[Column] = &[
    column(Text::BoardColPriority, 11, priority),
    column(Text::BoardColDue, 15, due),
    column(Text::BoardColState, 15, state),
    column(Text::BoardColAge, 4, age),
    column(Text::BoardColKind, 0, kind),
];

/// The second.
pub(super) const SECOND: &[Column] = &[
    column(Text::BoardColPlace, 6, place),
    column(Text::BoardColParty, 5, party),
    column(Text::BoardColContact, 5, contact),
    column(Text::BoardColLight, 8, light),
    column(Text::BoardColConsent, 7, consent),
    column(Text::BoardColGaps, 4, gaps),
    column(Text::BoardColGrade, 3, grade),
    column(Text::BoardColPeople, 0, people),
];

const NONE: &str = "-";

fn plain(text: impl Into<String>) -> (String, Style) {
    (text.into(), Style::new())
}

fn priority(row: &Row, texts: &Texts, _: u64, look: Look) -> (String, Style) {
    let style = if super::super::model::is_urgent(row) { look.alarm() } else { Style::new() };
    (texts.word(&row.priority), style)
}

fn due(row: &Row, texts: &Texts, now: u64, look: Look) -> (String, Style) {
    let Some(countdown) = row.due else { return plain(NONE) };
    let text = say_due(countdown, texts, now);
    if countdown.overdue { (text, look.alarm()) } else { plain(text) }
}

/// `ack 0:12`, or once it is over `ack 0:03 late`.
pub(super) fn say_due(countdown: Countdown, texts: &Texts, now: u64) -> String {
    let step = match countdown.step {
        Step::Ack => Text::BoardDueAck,
        Step::Lead => Text::BoardDueLead,
        Step::Reply => Text::BoardDueReply,
    };
    let step = texts.say(step, &[]);
    let minutes = countdown.due.abs_diff(now);
    let time = format!("{}:{:02}", minutes / 60, minutes % 60);
    if countdown.overdue {
        format!("{step} {time} {}", texts.say(Text::BoardLate, &[]))
    } else {
        format!("{step} {time}")
    }
}

fn state(row: &Row, texts: &Texts, _: u64, look: Look) -> (String, Style) {
    let style = if row.duress() { look.alarm() } else { Style::new() };
    let waits = if row.waits { "…" } else { "" };
    (format!("{}{waits}", texts.word(&row.status)), style)
}

fn age(row: &Row, _: &Texts, now: u64, _: Look) -> (String, Style) {
    plain(short(now.saturating_sub(row.since)))
}

/// Minutes in at most four characters: `7m`, `5h`, `12d`.
pub(super) fn short(minutes: u64) -> String {
    match minutes {
        0..=119 => format!("{minutes}m"),
        120..=2_879 => format!("{}h", minutes / 60),
        _ => format!("{}d", minutes / 1_440),
    }
}

pub(super) fn kind(row: &Row, texts: &Texts, _: u64, look: Look) -> (String, Style) {
    let kind = what(row, texts);
    if row.exercise {
        return (format!("{} {kind}", texts.say(Text::BoardExercise, &[])), look.practice());
    }
    plain(kind)
}

/// What happened; without an alert, what else opened the case.
pub(in crate::board) fn what(row: &Row, texts: &Texts) -> String {
    match (&row.kind, &row.party) {
        (Some(kind), _) => texts.word(kind),
        (None, Some(_)) => texts.say(Text::BoardShelter, &[]),
        (None, None) => texts.say(Text::BoardCheckIn, &[]),
    }
}

fn place(row: &Row, _: &Texts, _: u64, _: Look) -> (String, Style) {
    plain(row.place.clone().unwrap_or_else(|| NONE.to_owned()))
}

fn party(row: &Row, _: &Texts, _: u64, _: Look) -> (String, Style) {
    plain(match &row.party {
        Some(Party::Guests(adults, children)) => format!("{adults}+{children}"),
        Some(Party::Class(count)) => count.to_string(),
        None => NONE.to_owned(),
    })
}

fn contact(row: &Row, _: &Texts, now: u64, _: Look) -> (String, Style) {
    plain(row.contact.map_or_else(|| NONE.to_owned(), |minute| short(now.saturating_sub(minute))))
}

fn light(row: &Row, texts: &Texts, _: u64, look: Look) -> (String, Style) {
    let Some(light) = &row.light else { return plain(NONE) };
    let (text, style) = match light {
        Light::Over => (Text::BoardLightOver, Style::new()),
        Light::Waiting { .. } => (Text::BoardLightWaiting, Style::new()),
        Light::Remind { .. } => (Text::BoardLightRemind, Style::new()),
        Light::Due { .. } => (Text::BoardLightDue, look.notice()),
        Light::Help => (Text::BoardLightHelp, look.alarm()),
        Light::Missed { .. } => (Text::BoardLightMissed, look.alarm()),
        Light::Unknown { .. } => (Text::BoardLightUnknown, look.notice()),
    };
    (texts.say(text, &[]), style)
}

fn consent(row: &Row, texts: &Texts, _: u64, _: Look) -> (String, Style) {
    plain(texts.say(if row.consents > 0 { Text::BoardConsentYes } else { Text::BoardConsentNo }, &[]))
}

fn gaps(row: &Row, _: &Texts, _: u64, look: Look) -> (String, Style) {
    if row.gaps == 0 {
        return plain(NONE);
    }
    (format!("!{}", row.gaps), look.notice())
}

fn grade(row: &Row, _: &Texts, _: u64, _: Look) -> (String, Style) {
    plain(row.grade.clone().unwrap_or_else(|| NONE.to_owned()))
}

fn people(row: &Row, texts: &Texts, _: u64, look: Look) -> (String, Style) {
    let Some(lead) = &row.lead else {
        let style = if row.ended { Style::new() } else { look.notice() };
        return (texts.say(Text::BoardNoLead, &[]), style);
    };
    let lead = if row.mine { texts.say(Text::BoardLeadYou, &[]) } else { lead.clone() };
    let asked = if row.unconfirmed { format!("{} ", texts.say(Text::BoardLeadOpen, &[])) } else { String::new() };
    let all: Vec<&str> = std::iter::once(lead.as_str()).chain(row.backups.iter().map(String::as_str)).collect();
    plain(format!("{asked}{}", all.join(", ")))
}
