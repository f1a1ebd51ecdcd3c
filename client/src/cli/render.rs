//! Events as people read them.

use himaya_protocol::content::body::Offer;
use himaya_protocol::content::vocabulary::{AckLevel, CheckInAnswer, EscalationReason, Status};
use himaya_protocol::content::{Body, EventId, ThreatAlert};
use himaya_protocol::wire::policy::{GroupKind, Role};

use super::app::App;
use super::error::CliError;
use crate::driver::Driver;
use crate::engine::{self, Entry, InviteState, RESERVE, Reach, Stock};
use crate::text::{Arg, Text, day, free_text, utc};
use crate::transport::https::Https;

/// A role, as JSON says it.
pub(super) fn role_word(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Coordinator => "coordinator",
        Role::Contact => "contact",
        Role::Defender => "defender",
        Role::Host => "host",
        Role::Admin => "admin",
    }
}

/// A role, as people read it.
pub(super) fn role_text(role: Role) -> Text {
    match role {
        Role::Owner => Text::RoleOwner,
        Role::Coordinator => Text::RoleCoordinator,
        Role::Contact => Text::RoleContact,
        Role::Defender => Text::RoleDefender,
        Role::Host => Text::RoleHost,
        Role::Admin => Text::RoleAdmin,
    }
}

/// A kind of group, as JSON says it.
pub(super) fn kind_word(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Circle => "circle",
        GroupKind::Line => "line",
        GroupKind::Desk => "desk",
        GroupKind::Case => "case",
        GroupKind::HostLink => "host_link",
        GroupKind::Bridge => "bridge",
    }
}

/// A kind of group, as people read it.
pub(super) fn kind_text(kind: GroupKind) -> Text {
    match kind {
        GroupKind::Circle => Text::GroupCircle,
        GroupKind::Line => Text::GroupLine,
        GroupKind::Desk => Text::GroupDesk,
        GroupKind::Case => Text::GroupCase,
        GroupKind::HostLink => Text::GroupHostLink,
        GroupKind::Bridge => Text::GroupBridge,
    }
}

/// A place that is offered, in a few lines.
pub(super) fn offer(app: &mut App, id: &EventId, free: u64, offer: &Offer) -> Result<(), CliError> {
    gap(app)?;
    let status = app.texts.word(&offer.state);
    let args = [("value", Arg::ours(offer.place.as_str())), ("count", free.into()), ("status", Arg::ours(&status))];
    app.say(Text::OfferLine, &args)?;
    app.screen().machine(&id.short())?;
    for feature in &offer.features {
        let feature = app.texts.word(feature);
        app.screen().detail(&feature)?;
    }
    Ok(())
}

/// An empty line, for people.
pub(super) fn gap(app: &mut App) -> Result<(), CliError> {
    if app.json() { Ok(()) } else { Ok(app.screen().gap()?) }
}

/// An event as it arrives: an acknowledgement in one sentence, anything else as [`line`] shows it.
pub(super) fn arrived(app: &mut App, driver: &mut Driver<Https>, entry: &Entry) -> Result<(), CliError> {
    let Body::Ack(ack) = entry.event.body() else {
        return line(app, entry);
    };
    let text = match ack.level {
        AckLevel::Human => Text::EventAckHuman,
        AckLevel::Acting => Text::EventAckActing,
        // Devices answer in batches, for programs and for `st`; a person need not hear of each.
        AckLevel::Device | AckLevel::Other(_) => return Ok(()),
    };
    gap(app)?;
    app.say(text, &[("name", Arg::theirs(&entry.author_name))])?;
    for id in &ack.refs {
        if let Ok(of) = driver.transact(|ctx| engine::by_id(ctx, id))
            && !app.json()
        {
            app.screen().machine(&of.event.id().short())?;
        }
    }
    match &ack.note {
        Some(note) if !app.json() => Ok(app.screen().quote(note.raw())?),
        _ => Ok(()),
    }
}

/// An event in a few lines: what, who, when, its number, its words.
pub(super) fn line(app: &mut App, entry: &Entry) -> Result<(), CliError> {
    if app.json() {
        return Ok(());
    }
    gap(app)?;
    match &entry.event.content().status {
        Status::Actual => (),
        Status::Exercise => app.say(Text::EventExercise, &[])?,
        status @ (Status::System | Status::Test | Status::Draft | Status::Other(_)) => {
            let status = app.texts.word(status);
            app.say(Text::EventNotActual, &[("status", Arg::ours(&status))])?;
        }
    }
    let nowhere = entry.circle_name.is_none();
    let circle = entry.circle_name.clone().unwrap_or_default();
    let note = match entry.event.body() {
        Body::ThreatAlert(alert) => {
            let kind = app.texts.word(&alert.kind);
            app.say(Text::EventAlert, &[("kind", Arg::ours(&kind))])?;
            alert.note.as_ref().map(|note| note.raw().to_owned())
        }
        Body::AllClear(clear) => {
            app.say(Text::EventClear, &[])?;
            clear.note.as_ref().map(|note| note.raw().to_owned())
        }
        Body::Notice(notice) => {
            app.say(Text::EventNotice, &[])?;
            Some(notice.text.raw().to_owned())
        }
        Body::CheckInPlan(_) => {
            app.say(Text::EventPlan, &[])?;
            None
        }
        Body::CheckIn(said) => {
            let text = match said.answer {
                CheckInAnswer::Ok => Text::EventCheckOk,
                CheckInAnswer::Delay => Text::EventCheckLate,
                CheckInAnswer::Help | CheckInAnswer::Other(_) => Text::EventCheckHelp,
            };
            app.say(text, &[])?;
            None
        }
        Body::Escalation(said) if said.reason == EscalationReason::MissedCheckIn => {
            app.say(Text::EventMissed, &[])?;
            None
        }
        Body::Leave => {
            let args = [("name", Arg::theirs(&entry.author_name)), ("circle", Arg::theirs(&circle))];
            app.say(Text::EventLeave, &args)?;
            None
        }
        Body::Ack(_)
        | Body::ShelterRequest(_)
        | Body::Offer(_)
        | Body::Match(_)
        | Body::HandoverNote(_)
        | Body::Triage(_)
        | Body::Assignment(_)
        | Body::Referral(_)
        | Body::Consent(_)
        | Body::Verification(_)
        | Body::Evidence(_)
        | Body::StandDown(_)
        | Body::Duress(_)
        | Body::Snapshot(_)
        | Body::DeskPolicy(_)
        | Body::ShiftRoster(_)
        | Body::Escalation(_) => {
            let said = app.texts.describe(entry.event.body());
            app.screen().say(&said)?;
            Some(free_text(entry.event.body()).join("\n")).filter(|text| !text.is_empty())
        }
        Body::Unknown { .. } => None,
    };
    let time = app.texts.ago(app.now() / 60, entry.received / 60);
    let (circle, time) = (("circle", Arg::theirs(&circle)), ("time", Arg::ours(&time)));
    let by = if entry.own && nowhere {
        app.texts.say(Text::EventByYouNowhere, &[time])
    } else if entry.own {
        app.texts.say(Text::EventByYou, &[circle, time])
    } else {
        app.texts.say(Text::EventBy, &[("name", Arg::theirs(&entry.author_name)), circle, time])
    };
    let mut screen = app.screen();
    screen.detail(&by)?;
    screen.machine(&entry.event.id().short())?;
    if let Some(note) = note {
        screen.quote(&note)?;
    }
    if entry.event.needs_update() {
        app.say(Text::EventUpdateNeeded, &[])?;
    }
    Ok(())
}

/// An event with every field and how far it got.
pub(super) fn whole(app: &mut App, entry: &Entry, reach: &Reach) -> Result<(), CliError> {
    if app.json() {
        return Ok(());
    }
    line(app, entry)?;
    gap(app)?;
    if let Body::ThreatAlert(alert) = entry.event.body() {
        fields(app, alert)?;
    }
    let content = entry.event.content();
    let tlp = app.texts.word(&content.tlp);
    field(app, Text::LabelTlp, &tlp)?;
    field(app, Text::LabelLang, content.lang.as_str())?;
    if let Some(expires) = content.expires {
        field(app, Text::LabelExpires, &utc(expires))?;
        if expires <= app.now() / 60 {
            app.say(Text::EventExpired, &[])?;
        }
    }
    gap(app)?;
    if entry.own { truths(app, reach) } else { answers(app, reach) }
}

fn fields(app: &mut App, alert: &ThreatAlert) -> Result<(), CliError> {
    let words = [
        (Text::LabelUrgency, Some(app.texts.word(&alert.urgency))),
        (Text::LabelSeverity, Some(app.texts.word(&alert.severity))),
        (Text::LabelCertainty, Some(app.texts.word(&alert.certainty))),
        (Text::LabelAffected, alert.affected.as_ref().map(|word| app.texts.word(word))),
        (Text::LabelCount, alert.count.as_ref().map(|word| app.texts.word(word))),
        (Text::LabelActor, alert.actor_class.as_ref().map(|word| app.texts.word(word))),
        (Text::LabelContact, alert.contact.as_ref().map(|word| app.texts.word(word))),
        (Text::LabelPlace, alert.place.as_ref().map(|place| place.as_str().to_owned())),
        (Text::LabelWhen, Some(alert.when.map_or_else(|| app.texts.say(Text::ValueNow, &[]), utc))),
    ];
    for (label, word) in words {
        if let Some(word) = word {
            field(app, label, &word)?;
        }
    }
    for response in &alert.response {
        let word = app.texts.word(response);
        field(app, Text::LabelResponse, &word)?;
    }
    if !alert.evidence.is_empty() {
        field(app, Text::LabelEvidence, &alert.evidence.len().to_string())?;
    }
    Ok(())
}

fn field(app: &mut App, label: Text, value: &str) -> Result<(), CliError> {
    let label = app.texts.say(label, &[]);
    let said = app.texts.say(Text::FieldLine, &[("label", Arg::ours(&label)), ("value", Arg::theirs(value))]);
    Ok(app.screen().detail(&said)?)
}

/// Which of the five things are true of an own event.
pub(super) fn truths(app: &mut App, reach: &Reach) -> Result<(), CliError> {
    detail(app, Text::TruthSaved, &[])?;
    detail(app, if reach.relayed.is_some() { Text::TruthRelay } else { Text::TruthRelayNot }, &[])?;
    if reach.devices == 0 {
        detail(app, Text::TruthDevicesNone, &[])?;
    } else {
        detail(app, Text::TruthDevices, &[("reached", reach.devices.into()), ("members", reach.others.into())])?;
    }
    answers(app, reach)
}

/// Who answered and who is acting; whether it is over.
pub(super) fn answers(app: &mut App, reach: &Reach) -> Result<(), CliError> {
    if reach.answered.is_empty() && reach.acting.is_empty() {
        detail(app, Text::TruthAnsweredNot, &[])?;
    }
    for (text, answers) in [(Text::TruthAnswered, &reach.answered), (Text::TruthActing, &reach.acting)] {
        for answer in answers {
            let time = app.texts.ago(app.now() / 60, answer.at / 60);
            detail(app, text, &[("name", Arg::theirs(&answer.name)), ("time", Arg::ours(&time))])?;
        }
    }
    if reach.cleared.is_some() {
        detail(app, Text::EventOver, &[])?;
    }
    Ok(())
}

pub(super) fn detail(app: &mut App, text: Text, args: &[(&str, Arg<'_>)]) -> Result<(), CliError> {
    if app.json() {
        return Ok(());
    }
    let said = app.texts.say(text, args);
    Ok(app.screen().detail(&said)?)
}

/// Words to be read out.
pub(super) fn words(app: &mut App, words: &[&str]) -> Result<(), CliError> {
    if app.json() {
        return Ok(());
    }
    let mut screen = app.screen();
    screen.gap()?;
    for four in words.chunks(4) {
        screen.machine(&four.join(" "))?;
    }
    Ok(screen.gap()?)
}

/// Says how much can still be written, and what to do when nothing can.
pub(super) fn stock(app: &mut App, stock: Option<Stock>) -> Result<(), CliError> {
    let Some(stock) = stock else { return Ok(()) };
    if stock.left > 0 {
        let kept = stock.left.min(RESERVE);
        app.say(Text::TokensLeft, &[("count", stock.left.into()), ("min", kept.into())])?;
    } else {
        app.say(Text::TokensNone, &[])?;
    }
    if stock.invite == InviteState::Refused {
        app.say(Text::InviteRefused, &[])?;
    } else if stock.invite == InviteState::Missing {
        app.say(Text::TokensInvite, &[])?;
    } else if stock.left == 0 {
        app.say(Text::TokensSoon, &[])?;
    }
    if stock.key_changed {
        app.say(Text::TokensKeyChanged, &[])?;
    }
    if stock.key_differs {
        app.say(Text::TokensKeyDiffers, &[])?;
    }
    Ok(())
}

/// Says that what was written waits for tokens, and what to do.
pub(super) fn no_tokens(app: &mut App, driver: &mut Driver<Https>) -> Result<(), CliError> {
    if app.json() {
        return Ok(());
    }
    let invite = driver.transact(|ctx| engine::stock(ctx))?.map(|stock| stock.invite);
    let next = match invite {
        Some(InviteState::Good) => Text::TokensSoon,
        Some(InviteState::Refused) => Text::InviteRefused,
        Some(InviteState::Missing) | None => Text::TokensInvite,
    };
    for text in [Text::TokensWait, next] {
        let said = app.texts.say(text, &[]);
        app.note(&said)?;
    }
    Ok(())
}

/// Says that the relay closes or has closed, once its end is announced. `last_day` counts from 1970-01-01 UTC.
pub(super) fn relay_sunset(app: &mut App, last_day: Option<u64>) -> Result<(), CliError> {
    let Some(last_day) = last_day else { return Ok(()) };
    let over = app.now() / 86_400 > last_day;
    let text = if over { Text::RelaySunsetOver } else { Text::RelaySunset };
    app.say(text, &[("time", Arg::ours(&day(last_day)))])
}
