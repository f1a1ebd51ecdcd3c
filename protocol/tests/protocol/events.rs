//! What events promise beyond their vectors.

use std::collections::BTreeSet;

use himaya_protocol::cbor::Value;
use himaya_protocol::content::body::{EVIDENCE_MAX, REFS_MAX, RESPONSE_MAX};
use himaya_protocol::content::event::{EVENT_MAX, IdPrefix, PREV_MAX};
use himaya_protocol::content::value::{Note, NoticeText, TextError};
use himaya_protocol::content::vocabulary::{AckLevel, Kind, MsgType, ResponseType, Severity, Status, Tlp, Urgency};
use himaya_protocol::content::{
    Ack, AllClear, Body, CaseId, Content, Event, EventError, EventId, Notice, ThreatAlert, sos,
};
use himaya_protocol::wire::card::Fingerprint;

fn content(body: Body) -> Content {
    Content {
        nonce: [7; 16],
        case: None,
        prev: BTreeSet::new(),
        lamport: 1,
        sent: 1_000,
        expires: None,
        status: Status::Actual,
        tlp: Tlp::Red,
        lang: "en".parse().expect("a tag"),
        replaces: None,
        body,
        author: Fingerprint::of(b"somebody"),
    }
}

fn ids(count: usize) -> BTreeSet<EventId> {
    (0..count).map(|n| EventId::of(&n.to_be_bytes())).collect()
}

fn notice(text: &str) -> Body {
    Notice { text: NoticeText::new(text).expect("a text") }.into()
}

#[test]
fn limits_hold_for_what_we_write() {
    let limit = |content: Content, field: &'static str| {
        assert_eq!(Event::new(content).err(), Some(EventError::Limit(field)));
    };
    limit(Content { prev: ids(PREV_MAX + 1), ..content(Body::Leave) }, "prev");
    limit(Content { expires: Some(1_000), ..content(Body::Leave) }, "expires");
    let range = |body: Body, field: &'static str, min: u64, max: usize| {
        let max = u64::try_from(max).expect("a small number");
        assert_eq!(Event::new(content(body)).err(), Some(EventError::Range { field, min, max }));
    };
    range(Ack { refs: ids(0), level: AckLevel::Human, note: None }.into(), "refs", 1, REFS_MAX);
    range(Ack { refs: ids(65), level: AckLevel::Human, note: None }.into(), "refs", 1, REFS_MAX);
    range(AllClear { refs: ids(0), note: None }.into(), "refs", 1, REFS_MAX);
    let alert = ThreatAlert::default();
    range(ThreatAlert { evidence: vec![[0; 32]; 5], ..alert.clone() }.into(), "evidence", 0, EVIDENCE_MAX);
    range(ThreatAlert { response: vec![ResponseType::Avoid; 4], ..alert }.into(), "response", 0, RESPONSE_MAX);
    limit(content(Body::Unknown { kind: 1, raw: Value::Null }), "type");
    for good in [
        Content { prev: ids(PREV_MAX), expires: Some(1_001), ..content(Body::Leave) },
        content(Ack { refs: ids(64), level: AckLevel::Device, note: None }.into()),
    ] {
        assert!(Event::new(good).is_ok());
    }
}

#[test]
fn an_event_has_a_largest_size() {
    let of = |length| content(Body::Unknown { kind: 99, raw: Value::Bytes(vec![0; length]) });
    assert_eq!(Event::new(of(EVENT_MAX)).err().map(|error| matches!(error, EventError::TooLong(_))), Some(true));
    let most = Event::new(of(EVENT_MAX - 100)).expect("within the limit");
    assert!(most.as_bytes().len() <= EVENT_MAX);
    assert_eq!(Event::decode(&vec![0; EVENT_MAX + 1]), Err(EventError::TooLong(EVENT_MAX + 1)));
}

#[test]
fn text_is_counted_in_scalar_values() {
    let longest = "ې".repeat(500);
    assert_eq!(Note::new(&longest).map(|note| note.raw().len()), Ok(1_000));
    assert_eq!(Note::new(&"ې".repeat(501)), Err(TextError::TooLong { max: 500, found: 501 }));
    assert_eq!(Note::new(""), Err(TextError::Empty));
    assert_eq!(Note::new("a\u{1b}[2J"), Err(TextError::Control('\u{1b}')));
    assert_eq!(Note::new("a\u{85}"), Err(TextError::Control('\u{85}')));
    assert!(Note::new("two\nlines").is_ok());
    assert!(NoticeText::new(&"x".repeat(2_000)).is_ok());
    assert!(NoticeText::new(&"x".repeat(2_001)).is_err());
}

/// Somebody else's program may send what ours would not write; it is kept and shown clean.
#[test]
fn control_characters_of_others_are_shown_clean() {
    let ours = Event::new(content(notice("abcdef"))).expect("an event");
    let mut theirs = ours.as_bytes().to_vec();
    let at = theirs.windows(6).position(|window| window == b"abcdef").expect("the text");
    theirs[at..at + 6].copy_from_slice(b"\x1b[31m!");
    let event = Event::decode(&theirs).expect("kept");
    let Body::Notice(notice) = event.body() else { panic!("a notice") };
    let text = &notice.text;
    assert_eq!(text.raw(), "\u{1b}[31m!");
    assert_eq!(text.to_string(), "\u{FFFD}[31m!");
}

#[test]
fn cap_message_types_follow_from_the_event() {
    let sos = || Body::ThreatAlert(Box::default());
    let msg_type = |content| Event::new(content).expect("an event").msg_type();
    let replaces = Some(EventId::of(b"before"));
    assert_eq!(msg_type(content(sos())), Some(MsgType::Alert));
    assert_eq!(msg_type(Content { replaces, ..content(sos()) }), Some(MsgType::Update));
    assert_eq!(msg_type(content(AllClear { refs: ids(1), note: None }.into())), Some(MsgType::Cancel));
    assert_eq!(msg_type(content(Ack { refs: ids(1), level: AckLevel::Human, note: None }.into())), Some(MsgType::Ack));
    assert_eq!(msg_type(content(Body::Leave)), None);
}

#[test]
fn nothing_of_an_event_shows_in_debug() {
    let event = Event::new(content(notice("canary"))).expect("an event");
    let shown = format!("{event:?} {:?} {:?}", event.id(), event.content());
    assert!(!shown.contains("canary") && !shown.contains(&event.id().short()), "{shown}");
}

#[test]
fn ids_are_found_by_their_beginning() {
    let id = EventId::of(b"abc");
    assert_eq!(id.short(), "ba7816bf");
    for prefix in ["ba78", "BA7816BF", &id.to_hex()] {
        assert!(prefix.parse::<IdPrefix>().expect("a prefix").matches(&id), "{prefix}");
    }
    assert!(!"ba79".parse::<IdPrefix>().expect("a prefix").matches(&id));
    for bad in ["", "ba7", "ba78x", "ba 78", &"0".repeat(65)] {
        assert!(bad.parse::<IdPrefix>().is_err(), "{bad:?}");
    }
}

#[test]
fn case_ids_have_16_or_32_bytes() {
    let lengths: Vec<_> = (0..=40).filter(|&length| CaseId::from_slice(&vec![1; length]).is_some()).collect();
    assert_eq!(lengths, [16, 32]);
}

#[test]
fn sos_words_become_alerts() {
    let alert = |word| sos::alert(word).expect("a word");
    assert_eq!(alert(None), ThreatAlert::default());
    for (word, kind, severity) in [
        ("arrest", Kind::Arrest, Severity::Extreme),
        ("raid", Kind::HomeRaid, Severity::Extreme),
        ("followed", Kind::Surveillance, Severity::Severe),
        ("digital", Kind::DeviceOrAccountSuspicious, Severity::Severe),
        ("abduction", Kind::Abduction, Severity::Extreme),
        ("site_down", Kind::SiteDown, Severity::Moderate),
    ] {
        let alert = alert(Some(word));
        assert_eq!((alert.kind, alert.severity, alert.urgency), (kind, severity, Urgency::Immediate), "{word}");
    }
    for kind in Kind::ALL {
        assert_eq!(alert(Some(kind.as_str())).kind, *kind);
    }
    let error = sos::alert(Some("Arrest")).expect_err("spelt otherwise");
    assert!(error.allowed.starts_with(&["arrest", "raid", "followed", "digital"]));
    assert_eq!(error.allowed.len(), Kind::ALL.len() + 3, "no word is named twice");
}
