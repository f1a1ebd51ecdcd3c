//! `protocol/vectors/events.txt` and `refused.txt`.

use std::collections::BTreeSet;

use himaya_protocol::cbor::{CborError, Value, map};
use himaya_protocol::content::value::{Note, NoticeText};
use himaya_protocol::content::vocabulary::{
    AckLevel, ActorClass, Affected, Certainty, Contact, Count, Kind, ResponseType, Severity, Status, Tlp,
};
use himaya_protocol::content::{Ack, AllClear, Body, CaseId, Content, Event, EventError, EventId, Notice, ThreatAlert};
use himaya_protocol::wire::card::Fingerprint;

use crate::vector_file::{VectorFile, assert_not_malleable};

pub(crate) fn counting<const N: usize>(from: u8) -> [u8; N] {
    std::array::from_fn(|i| from.wrapping_add(u8::try_from(i).expect("short")))
}

pub(crate) fn id(from: u8) -> EventId {
    EventId::from_slice(&counting::<32>(from)).expect("32 bytes")
}

pub(crate) fn content(body: Body) -> Content {
    Content {
        nonce: counting(0x70),
        case: None,
        prev: BTreeSet::new(),
        lamport: 3,
        sent: 29_500_000,
        expires: None,
        status: Status::Actual,
        tlp: Tlp::Red,
        lang: "en".parse().expect("a tag"),
        replaces: None,
        body,
        author: Fingerprint::from_slice(&counting::<32>(0xC0)).expect("32 bytes"),
    }
}

fn full_alert() -> ThreatAlert {
    ThreatAlert {
        kind: Kind::Arrest,
        severity: Severity::Extreme,
        certainty: Certainty::Likely,
        response: vec![ResponseType::Shelter, ResponseType::Monitor],
        affected: Some(Affected::Colleague),
        count: Some(Count::TwoToFive),
        when: Some(29_499_970),
        place: Some("IQ-AR".parse().expect("a region")),
        actor_class: Some(ActorClass::Police),
        contact: Some(Contact::DontCall),
        note: Some(note("گرتیان لە بەردەم ماڵ\nدوو کەس")),
        evidence: vec![counting(0x07), counting(0x08)],
        ..ThreatAlert::default()
    }
}

fn note(text: &str) -> Note {
    Note::new(text).expect("a note")
}

/// What the vectors say, built by hand.
fn expected(sos: EventId) -> Vec<(&'static str, Content)> {
    let after_sos = |lamport, body| Content { prev: BTreeSet::from([sos]), lamport, ..content(body) };
    let alert = Content {
        case: CaseId::from_slice(&counting::<16>(0x09)),
        prev: BTreeSet::from([sos, id(0x05), id(0x06)]),
        lamport: 1_000,
        expires: Some(29_500_000 + 72 * 60),
        status: Status::Exercise,
        tlp: Tlp::AmberStrict,
        lang: "ckb".parse().expect("a tag"),
        replaces: Some(sos),
        ..content(Body::ThreatAlert(Box::new(full_alert())))
    };
    let sos_alert = Body::ThreatAlert(Box::default());
    let ack = Ack { refs: BTreeSet::from([sos]), level: AckLevel::Acting, note: Some(note("On my way")) };
    let clear = AllClear { refs: BTreeSet::from([sos, id(0x05)]), note: None };
    let text = NoticeText::new("Réunion demain à 9 h.").expect("a text");
    let french = "fr".parse().expect("a tag");
    let raw =
        map([(0, Some(Value::Text("what".to_owned()))), (1, Some(Value::Array(vec![Value::Uint(1), Value::Uint(2)])))]);
    vec![
        ("sos", Content { expires: Some(29_500_000 + 72 * 60), ..content(sos_alert) }),
        ("alert", alert),
        ("ack", after_sos(4, ack.into())),
        ("all_clear", after_sos(5, clear.into())),
        ("notice", Content { lang: french, ..content(Notice { text }.into()) }),
        ("leave", content(Body::Leave)),
        ("newer_type", content(Body::Unknown { kind: 77, raw })),
    ]
}

#[test]
fn events_encode_and_decode() {
    let file = VectorFile::read("events.txt");
    let sos = EventId::from_slice(file.bytes("sos_id")).expect("32 bytes");
    for (name, content) in expected(sos) {
        let bytes = file.bytes(name);
        let event = Event::new(content.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(event.as_bytes(), bytes, "{name}");
        assert_eq!(event.id().as_bytes()[..], *file.bytes(&format!("{name}_id")), "{name}");
        let decoded = Event::decode(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(decoded.content(), &content, "{name}");
        assert_eq!(decoded.needs_update(), name == "newer_type", "{name}");
    }
}

/// A flipped bit gives an error or another event; a kept unknown part keeps its bytes.
#[test]
fn events_are_not_malleable() {
    let file = VectorFile::read("events.txt");
    for name in file.names().filter(|name| !name.ends_with("_id")) {
        assert_not_malleable(name, file.bytes(name), |bytes| {
            let event = Event::decode(bytes).ok()?;
            assert_eq!(event.as_bytes(), bytes, "{name}: what is accepted keeps its bytes");
            let again = Event::new(event.content().clone());
            if !event.needs_update() {
                assert_eq!(again.as_ref().map(Event::as_bytes), Ok(bytes), "{name}: all known, so one encoding");
            }
            Some(event.as_bytes().to_vec())
        });
    }
}

#[test]
fn parts_of_newer_versions_survive() {
    let file = VectorFile::read("events.txt");
    for name in ["newer_type", "newer_words", "newer_keys"] {
        let event = Event::decode(file.bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(event.needs_update(), "{name}");
        assert_eq!(event.as_bytes(), file.bytes(name), "{name}");
    }
    let words = Event::decode(file.bytes("newer_words")).expect("an event").into_content();
    assert_eq!(words.status.as_str(), "Rehearsal");
    let Body::ThreatAlert(alert) = &words.body else { panic!("an alert") };
    assert_eq!(alert.kind.as_str(), "drone_strike");
    assert_eq!(alert.contact.as_ref().map(Contact::as_str), Some("carrier_pigeon"));
    assert_eq!(Event::new(words).expect("kept words encode").as_bytes(), file.bytes("newer_words"));
}

#[test]
fn refused_events_say_why() {
    let file = VectorFile::read("refused.txt");
    let mut checked = 0;
    for name in file.names() {
        let error = Event::decode(file.bytes(name)).expect_err(name);
        let reason = match error {
            EventError::Cbor(CborError::Malformed) => "malformed",
            EventError::Cbor(CborError::NotDeterministic) => "deterministic",
            EventError::Cbor(CborError::Type | CborError::Depth) => "cbor",
            EventError::TooLong(_) => "long",
            EventError::Version(_) => "version",
            EventError::Missing(_) => "missing",
            EventError::Type(_) => "type",
            EventError::Limit(_) | EventError::Range { .. } => "limit",
            EventError::Order(_) => "order",
        };
        assert!(name.starts_with(reason), "{name} was refused as {error}");
        checked += 1;
    }
    assert_eq!(checked, 121, "every case of the file");
}
