//! What is said, as the client's schedule sees it.

use std::sync::LazyLock;

use himaya::engine::schedule::Matter;
use himaya_protocol::content::body::{CheckIn, DeskPolicy, Notice, Triage};
use himaya_protocol::content::value::{Note, Text};
use himaya_protocol::content::vocabulary::{AckLevel, CheckInAnswer};
use himaya_protocol::content::{Ack, Body, EventId, sos};
use himaya_protocol::wire::card::Fingerprint;

use super::life::Said;

static BODIES: LazyLock<Bodies> = LazyLock::new(Bodies::new);

struct Bodies {
    alert: Body,
    answer: Body,
    receipt: Body,
    talk: Body,
    check_in: Body,
    note: Body,
    policy: Body,
}

impl Bodies {
    fn new() -> Self {
        let event = EventId::of(b"an event");
        let ack = |level| Body::from(Ack { refs: [event].into(), level, note: None });
        Self {
            alert: sos::alert(None).expect("sos without a word is an alert").into(),
            answer: ack(AckLevel::Human),
            receipt: ack(AckLevel::Device),
            talk: Notice { text: Text::new("words").expect("a word is a text") }.into(),
            check_in: CheckIn { plan: event, seq: 0, answer: CheckInAnswer::Ok, late: None }.into(),
            note: Triage::new(Note::new("as agreed").expect("two words are a note")).into(),
            policy: DeskPolicy {
                duty_leads: vec![Fingerprint::of(b"somebody")],
                services: Vec::new(),
                backup: None,
                plan_b: Vec::new(),
                women_only: Vec::new(),
            }
            .into(),
        }
    }
}

/// What somebody says, as the client's schedule sees it.
pub(super) fn of(what: Said) -> Matter<'static> {
    Matter::Event(body(what))
}

/// What somebody says.
pub(super) fn body(what: Said) -> &'static Body {
    match what {
        Said::Alert => &BODIES.alert,
        Said::Answer => &BODIES.answer,
        Said::Talk => &BODIES.talk,
        Said::CheckIn => &BODIES.check_in,
        Said::Note => &BODIES.note,
        Said::Policy => &BODIES.policy,
    }
}

/// A client's receipt.
pub(super) fn receipt() -> Matter<'static> {
    Matter::Event(&BODIES.receipt)
}
