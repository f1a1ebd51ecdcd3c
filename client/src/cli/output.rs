//! The JSON objects that programs read (docs/cli.md). Times are Unix seconds unless a field says minutes.

use himaya_protocol::case::check_in::Light;
use himaya_protocol::case::shelter::Misfit;
use himaya_protocol::cbor;
use himaya_protocol::content::body::{LadderStep, Match, Offer};
use himaya_protocol::content::{Body, Event, EventId, ThreatAlert};
use himaya_protocol::wire::card::Fingerprint;
use serde::Serialize;
use serde_json::{Value, json};

use crate::board::row::{Party, Row, Step};
use crate::engine::{
    Answer, Circle, CircleState, Entry, Helpline, InviteState, Member, Plan, PlanB, RESERVE, Reach, Request, Stock,
    Suspicion,
};
use crate::store::Seconds;

/// An error.
#[derive(Serialize)]
pub(super) struct Failure<'a> {
    error: FailureBody<'a>,
}

#[derive(Serialize)]
struct FailureBody<'a> {
    code: &'a str,
    message: &'a str,
}

impl<'a> Failure<'a> {
    pub(super) fn new(code: &'a str, message: &'a str) -> Self {
        Self { error: FailureBody { code, message } }
    }
}

/// How far something queued got.
pub(super) fn state(sent: bool) -> &'static str {
    if sent { "relayed" } else { "queued" }
}

/// What the relay is suspected of.
pub(super) fn suspicion(suspicion: &Suspicion) -> Value {
    let Suspicion { reason, since, window, circle } = suspicion;
    json!({ "reason": reason.word(), "since": since, "window": window, "circle": circle })
}

/// What can still be written; null when the relay asks for no tokens.
pub(super) fn stock(stock: Option<Stock>) -> Value {
    let object = |stock: Stock| {
        json!({
            "left": stock.left, "reserve": RESERVE, "key_changed": stock.key_changed,
            "key_differs": stock.key_differs,
            "invite": match stock.invite {
                InviteState::Missing => "missing",
                InviteState::Good => "good",
                InviteState::Refused => "refused",
            },
        })
    };
    stock.map_or(Value::Null, object)
}

pub(super) fn hex(fingerprint: &Fingerprint) -> String {
    data_encoding::HEXLOWER.encode(fingerprint.as_bytes())
}

pub(super) fn request(request: &Request) -> Value {
    json!({
        "id": request.id, "name": request.name, "note": request.note,
        "fingerprint": hex(&request.fingerprint), "received": request.received,
    })
}

/// A group of a desk, with those whom one can ask for in it who wants to talk to women only.
pub(super) fn group(group: &Circle, women_only: &[String]) -> Value {
    let mut object = circle(group);
    if let Some(fields) = object.as_object_mut() {
        fields.insert("women_only".to_owned(), json!(women_only));
    }
    object
}

pub(super) fn circle(circle: &Circle) -> Value {
    json!({
        "name": circle.name, "kind": super::render::kind_word(circle.kind), "members": circle.members,
        "epoch": circle.epoch, "pending": circle.pending,
        "state": match circle.state {
            CircleState::Active if circle.adrift.is_some() => "out_of_sync",
            CircleState::Active => "active",
            CircleState::Removed => "removed",
            CircleState::Left => "left",
        },
    })
}

pub(super) fn member(member: &Member) -> Value {
    json!({
        "name": member.name, "role": member.role.map(super::render::role_word),
        "fingerprint": hex(&member.fingerprint), "verified": member.verified, "me": member.me,
    })
}

/// A place that is offered, and what speaks against it for a request.
pub(super) fn offer(id: &EventId, free: u64, offer: &Offer, against: Option<&[Misfit]>) -> Value {
    let misfit = |misfit: &Misfit| match misfit {
        Misfit::Full => "full".to_owned(),
        Misfit::Time => "time".to_owned(),
        Misfit::Area => "area".to_owned(),
        Misfit::Lacks(need) => format!("lacks {}", need.as_str()),
    };
    let mut object = json!({
        "offer": id.to_hex(), "free": free, "place": offer.place.as_str(), "offer_state": offer.state.as_str(),
        "features": offer.features.iter().map(|need| need.as_str()).collect::<Vec<_>>(),
        "from_minutes": offer.from, "until_minutes": offer.until, "max_nights": offer.max_nights,
    });
    if let (Some(against), Some(fields)) = (against, object.as_object_mut()) {
        fields.insert("against".to_owned(), against.iter().map(misfit).collect::<Vec<_>>().into());
    }
    object
}

/// What was said of a match.
pub(super) fn matched(entry: &Entry, said: &Match) -> Value {
    json!({
        "id": entry.event.id().to_hex(), "request": said.request.to_hex(), "offer": said.offer.to_hex(),
        "stage": said.state.as_str(), "author": entry.author_name, "own": entry.own, "circle": entry.circle_name,
        "carried": said.carries.is_some(),
    })
}

/// The five truths of an own event.
pub(super) fn reach(reach: &Reach) -> Value {
    let answers = |answers: &[Answer]| -> Vec<Value> {
        answers.iter().map(|answer| json!({ "name": answer.name, "at": answer.at })).collect()
    };
    json!({
        "saved": true, "relay": reach.relayed.is_some(), "relayed_at": reach.relayed,
        "devices": { "reached": reach.devices, "of": reach.others },
        "answered": answers(&reach.answered), "acting": answers(&reach.acting), "cleared_at": reach.cleared,
    })
}

/// An event of the log.
pub(super) fn entry(entry: &Entry) -> Value {
    let content = entry.event.content();
    json!({
        "id": entry.event.id().to_hex(), "type": entry.event.body().name().unwrap_or("unknown"),
        "circle": entry.circle_name, "author": entry.author_name, "author_fingerprint": hex(&entry.author),
        "own": entry.own, "received": entry.received, "sent_minutes": content.sent,
        "expires_minutes": content.expires, "status": content.status.as_str(), "tlp": content.tlp.as_str(),
        "lang": content.lang.as_str(), "update_needed": entry.event.needs_update(), "body": body(&entry.event),
    })
}

/// An event and how far it got.
pub(super) fn entry_with_reach(of: &Entry, got: &Reach) -> Value {
    let mut object = entry(of);
    if let Some(fields) = object.as_object_mut() {
        fields.insert("reach".to_owned(), reach(got));
    }
    object
}

fn body(event: &Event) -> Value {
    let ids = |ids: &std::collections::BTreeSet<EventId>| -> Vec<String> { ids.iter().map(|id| id.to_hex()).collect() };
    match event.body() {
        Body::ThreatAlert(alert) => threat(alert),
        Body::Ack(ack) => json!({
            "refs": ids(&ack.refs), "level": ack.level.as_str(), "note": ack.note.as_ref().map(|note| note.raw()),
        }),
        Body::AllClear(clear) => {
            json!({ "refs": ids(&clear.refs), "note": clear.note.as_ref().map(|note| note.raw()) })
        }
        Body::Notice(notice) => json!({ "text": notice.text.raw() }),
        Body::ShelterRequest(_)
        | Body::Offer(_)
        | Body::Match(_)
        | Body::HandoverNote(_)
        | Body::CheckInPlan(_)
        | Body::CheckIn(_)
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
            // What is sealed stays so: `checkin list` shows it when it may be shown.
            let shown = event.body().fields().into_iter().filter(|(name, _)| *name != "sealed_plan");
            shown.map(|(name, value)| (name.to_owned(), plain(&value))).collect()
        }
        Body::Leave => json!({}),
        Body::Unknown { kind, .. } => json!({ "kind": kind }),
    }
}

/// A field as JSON: byte strings in hexadecimal, everything else as it is.
fn plain(value: &cbor::Value) -> Value {
    match value {
        cbor::Value::Uint(number) => json!(number),
        cbor::Value::Negative(number) => json!(number),
        cbor::Value::Bytes(bytes) => json!(data_encoding::HEXLOWER.encode(bytes)),
        cbor::Value::Text(text) => json!(text),
        cbor::Value::Array(items) => items.iter().map(plain).collect(),
        cbor::Value::Map(map) => map.iter().map(|(key, value)| (key.to_string(), plain(value))).collect(),
        cbor::Value::Bool(answer) => json!(answer),
        cbor::Value::Null => Value::Null,
    }
}

fn threat(alert: &ThreatAlert) -> Value {
    json!({
        "kind": alert.kind.as_str(), "urgency": alert.urgency.as_str(), "severity": alert.severity.as_str(),
        "certainty": alert.certainty.as_str(),
        "response": alert.response.iter().map(|response| response.as_str()).collect::<Vec<_>>(),
        "affected": alert.affected.as_ref().map(|word| word.as_str()),
        "count": alert.count.as_ref().map(|word| word.as_str()), "when_minutes": alert.when,
        "place": alert.place.as_ref().map(|place| place.as_str()),
        "actor_class": alert.actor_class.as_ref().map(|word| word.as_str()),
        "contact": alert.contact.as_ref().map(|word| word.as_str()),
        "note": alert.note.as_ref().map(|note| note.raw()),
        "evidence": alert.evidence.iter().map(|hash| data_encoding::HEXLOWER.encode(hash)).collect::<Vec<_>>(),
    })
}

/// A case as the board shows it.
pub(super) fn board_case(row: &Row) -> Value {
    let party = row.party.as_ref().map(|party| match party {
        Party::Guests(adults, children) => format!("{adults}+{children}"),
        Party::Class(count) => count.to_string(),
    });
    let due = row.due.map(|due| {
        let step = match due.step {
            Step::Ack => "ack",
            Step::Lead => "lead",
            Step::Reply => "reply",
        };
        json!({ "step": step, "at_minutes": due.due, "overdue": due.overdue })
    });
    let light = row.light.as_ref().map(|light| match light {
        Light::Over => "over",
        Light::Waiting { .. } => "waiting",
        Light::Remind { .. } => "remind",
        Light::Due { .. } => "due",
        Light::Help => "help",
        Light::Missed { .. } => "missed",
        Light::Unknown { .. } => "unknown",
    });
    json!({
        "id": data_encoding::HEXLOWER.encode(row.id.as_bytes()), "status": row.status.as_str(),
        "exercise": row.exercise, "priority": row.priority.as_str(), "due": due, "step": row.step,
        "plan_b": row.plan_b, "lead": row.lead, "mine": row.mine, "lead_confirmed": !row.unconfirmed,
        "backups": row.backups, "defender": row.defender, "since_minutes": row.since,
        "kind": row.kind.as_ref().map(|kind| kind.as_str()), "place": row.place, "party": party,
        "contact_minutes": row.contact, "check_in": light, "consents": row.consents, "gaps": row.gaps,
        "grade": row.grade, "waits_for_second": row.waits, "clock_wrong": row.skewed,
    })
}

/// A check-in plan; what is sealed only when it may be shown.
pub(super) fn plan(plan: &Plan) -> Value {
    let (light, minute) = match plan.light {
        _ if plan.ended => ("ended", None),
        Light::Over => ("over", None),
        Light::Waiting { due } => ("waiting", Some(due)),
        Light::Remind { due } => ("remind", Some(due)),
        Light::Due { until } => ("due", Some(until)),
        Light::Help => ("help", None),
        Light::Missed { since, .. } => ("missed", Some(since)),
        Light::Unknown { since } => ("unknown", Some(since)),
    };
    let step = |step: &LadderStep| format!("{}:{}:{}", step.after_min, step.who.as_str(), step.act.as_str());
    let sealed = plan.content.sealed_plan.as_ref().filter(|_| plan.is_plan_open);
    json!({
        "id": plan.id.to_hex(), "circle": plan.circle.name, "author": plan.author_name,
        "author_fingerprint": hex(&plan.author), "own": plan.own, "exercise": plan.exercise,
        "rule": plan.content.rrule.as_str(), "start_minutes": plan.content.start, "grace": plan.content.grace,
        "remind": plan.content.remind, "ladder": plan.content.ladder.iter().map(step).collect::<Vec<_>>(),
        "light": light, "light_minutes": minute, "told": plan.told, "sealed_plan": sealed.map(|text| text.raw()),
    })
}

/// What to do when nobody has answered.
pub(super) fn plan_b(plan: &PlanB) -> Value {
    let line = |line: &Helpline| json!({ "name": line.name, "number": line.number });
    json!({
        "alerts": plan.alerts.iter().map(|id| id.to_hex()).collect::<Vec<_>>(), "exercise": plan.exercise,
        "helplines": plan.helplines.iter().map(line).collect::<Vec<_>>(), "own": plan.own,
    })
}

/// What `sync` did.
#[derive(Serialize)]
pub(super) struct Synced {
    pub(super) new_events: u64,
    pub(super) waiting: u64,
    pub(super) out_of_sync: Vec<String>,
    pub(super) relay_sunset: Option<String>,
    pub(super) at: Seconds,
}
