//! `protocol/vectors/desk.txt`: every type of a desk with every field it has, and what they promise besides.
//!
//! What each of them may not be stands in `refused.txt`.

use std::collections::{BTreeMap, BTreeSet};

use himaya_protocol::cbor::{self, Value};
use himaya_protocol::content::body::{
    Assignment, CheckIn, CheckInPlan, Consent, CustodyEntry, DayWindow, Derived, DeskPolicy, Duress, EVIDENCE_SIZE_MAX,
    Escalation, Evidence, HandoverNote, Helpline, LadderStep, Match, Offer, Recipient, Referral, ShelterRequest, Shift,
    ShiftRoster, Snapshot, StandDown, Triage, Verification,
};
use himaya_protocol::content::value::{Note, NoticeText, Offset, Place, Text};
use himaya_protocol::content::vocabulary::{
    Act, CaseStatus, Certainty, CheckInAnswer, ConsentAct, ConsentField, ConsentMethod, Credibility, Custody,
    Derivation, Duration, EscalationReason, GivenBy, Kind, LadderAct, LadderWho, MatchState, Need, NeededBy,
    OfferState, Part, Priority, Purpose, RecipientClass, ReferralState, Reliability, Service, Severity, SourceTie, Tlp,
    Transport, Urgency, Verdict, VerifiedBy,
};
use himaya_protocol::content::{Body, Content, Event, EventError};
use himaya_protocol::wire::card::Fingerprint;

use crate::vector_file::{VectorFile, assert_not_malleable};
use crate::vectors_events::{content, counting, id};

const SENT: u64 = 29_500_000;
const HOUR: u64 = 60;
const DAY: u64 = 24 * HOUR;

fn who(from: u8) -> Fingerprint {
    Fingerprint::from_slice(&counting::<32>(from)).expect("32 bytes")
}

fn place(code: &str) -> Place {
    code.parse().expect("a region")
}

fn note(text: &str) -> Option<Note> {
    Some(Note::new(text).expect("a note"))
}

fn long<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::new(text).expect("a text")
}

fn organisation() -> Recipient {
    Recipient { class: RecipientClass::Organisation, id: counting(0x25) }
}

fn shared() -> Vec<ConsentField> {
    vec![ConsentField::Kind, ConsentField::Place, ConsentField::Needs]
}

fn shelter() -> Vec<(&'static str, Content)> {
    let request = ShelterRequest {
        date: Some(SENT + 3 * DAY),
        adults: 2,
        children: 1,
        duration: Some(Duration::ThirtyDays),
        area_ok: vec![place("IQ-AR"), place("IQ-SU")],
        area_avoid: vec![place("IQ-NI")],
        needs: vec![Need::StepFree, Need::ChildSafe],
        transport: Some(Transport::Need),
        contact_window: DayWindow::new(22 * HOUR, 6 * HOUR),
        note: note("Une chambre suffit."),
        ..ShelterRequest::new(NeededBy::Date, id(0x20))
    };
    let offer = Offer {
        slots: 1,
        from: SENT,
        until: SENT + 30 * DAY,
        place: place("IQ-SU"),
        features: vec![Need::StepFree, Need::ChildSafe, Need::PrivateRoom],
        max_nights: Some(14),
        notice_h: 12,
        state: OfferState::Open,
    };
    let hold_until = Some(SENT + 12 * HOUR);
    let matched = Match { request: id(0x21), offer: id(0x22), hold_until, state: MatchState::Proposed, carries: None };
    let carried = Match { hold_until: None, state: MatchState::HostOk, carries: Some(id(0x29)), ..matched.clone() };
    let handover = HandoverNote { text: long("The bench by the north gate") };
    vec![
        ("shelter_request", content(request.into())),
        ("offer", content(offer.into())),
        ("match", content(matched.into())),
        ("match_carried", content(carried.into())),
        ("handover_note", Content { expires: Some(SENT + 6 * HOUR), ..content(handover.into()) }),
    ]
}

fn check_ins() -> Vec<(&'static str, Content)> {
    let step = |after_min, who, act| LadderStep { after_min, who, act };
    let plan = CheckInPlan {
        start: SENT + HOUR,
        rrule: "FREQ=WEEKLY;BYDAY=MO,TH;COUNT=8".parse().expect("a rule"),
        grace: 30,
        remind: 10,
        ladder: vec![
            step(0, LadderWho::Contacts, LadderAct::Ask),
            step(30, LadderWho::Desk, LadderAct::Alert),
            step(60, LadderWho::Desk, LadderAct::OpenCase),
            step(120, LadderWho::Everybody, LadderAct::OpenPlan),
        ],
        sealed_plan: Some(NoticeText::new("My sister knows where I am.").expect("a text")),
        offset: Offset::new(180),
    };
    let (plan_id, late) = (id(0x23), Some(30));
    let check_in = CheckIn { plan: plan_id, seq: 3, answer: CheckInAnswer::Delay, late };
    let duress = Duress { plan: plan_id, seq: 3, answer: CheckInAnswer::Delay, late };
    vec![
        ("check_in_plan", content(plan.into())),
        ("check_in", content(check_in.into())),
        ("duress", content(duress.into())),
    ]
}

fn decisions() -> Vec<(&'static str, Content)> {
    let triage = Triage {
        status: Some(CaseStatus::Declined),
        priority: Some(Priority::P2),
        urgency: Some(Urgency::Expected),
        severity: Some(Severity::Severe),
        certainty: Some(Certainty::Likely),
        note: Some(long("Ask again on Monday")),
        alternative: note("The line of the neighbouring organisation"),
        confirms: Some(id(0x24)),
        verified: Some(VerifiedBy::CodePhrase),
        ..Triage::new(Note::new("Outside our region").expect("a note"))
    };
    let verification = Verification {
        reliability: Reliability::B,
        credibility: Credibility::Two,
        connection: Some(SourceTie::Witness),
        independent_sources: Some(2),
        verdict: Some(Verdict::Probable),
        note: Some(long("Two people who do not know each other")),
        ..Verification::new(id(0x28))
    };
    let stand_down = StandDown { refs: BTreeSet::from([id(0x21)]), reason: note("I am safe at home") };
    let escalation = Escalation { step: 2, reason: EscalationReason::NoAck, about: id(0x28) };
    vec![
        ("triage", Content { tlp: Tlp::AmberStrict, ..content(triage.into()) }),
        ("assignment", content(Assignment { member: who(0xC0), part: Part::Lead, act: Act::Take }.into())),
        ("verification", content(verification.into())),
        ("stand_down", content(stand_down.into())),
        ("escalation", content(escalation.into())),
    ]
}

fn passing_on() -> Vec<(&'static str, Content)> {
    let referral = Referral {
        to: organisation(),
        services: vec![Service::Legal, Service::UrgentRelocation],
        fields_shared: shared(),
        consent: id(0x26),
        reply_by: Some(SENT + DAY),
        state: ReferralState::Rejected,
        reject_reason: Some(long("No lawyer in that region")),
        referral: Some(id(0x27)),
    };
    let consent = Consent {
        act: ConsentAct::Grant,
        purpose: Purpose::Referral,
        recipient: organisation(),
        fields: shared(),
        withheld: vec![ConsentField::Note],
        given_by: GivenBy::Myself,
        method: ConsentMethod::Call,
        readback: true,
        withdraws: None,
    };
    let withdrawn = Consent {
        act: ConsentAct::Withdraw,
        fields: Vec::new(),
        withheld: Vec::new(),
        given_by: GivenBy::ViaContact,
        method: ConsentMethod::Message,
        readback: false,
        withdraws: Some(id(0x26)),
        ..consent.clone()
    };
    let entry = |what, at| CustodyEntry { what, at, by: who(0xC0) };
    let evidence = Evidence {
        commitment: counting(0x29),
        shared_sha256: counting(0x2A),
        stripped: true,
        mime: Some("image/jpeg".parse().expect("a media type")),
        size: Some(EVIDENCE_SIZE_MAX),
        captured: Some(SENT - DAY),
        derivations: vec![Derived { how: Derivation::Stripped, sha256: counting(0x2A) }],
        custody: vec![entry(Custody::Collected, SENT - DAY), entry(Custody::Sealed, SENT)],
        consent: Some(id(0x26)),
    };
    vec![
        ("referral", content(referral.into())),
        ("consent", Content { expires: Some(SENT + 90 * DAY), ..content(consent.into()) }),
        ("consent_withdrawn", content(withdrawn.into())),
        ("evidence", content(evidence.into())),
    ]
}

fn keeping() -> Vec<(&'static str, Content)> {
    let snapshot = Snapshot {
        heads: BTreeSet::from([id(0x24), id(0x27)]),
        status: CaseStatus::Active,
        priority: Some(Priority::P1),
        lead: Some(who(0xC0)),
        backups: BTreeSet::from([who(0xB0)]),
        defender: Some(who(0xD0)),
        opened: Some(SENT - DAY),
        kind: Some(Kind::Arrest),
        urgency: Some(Urgency::Immediate),
        severity: Some(Severity::Extreme),
        certainty: Some(Certainty::Observed),
        place: Some(place("IQ-AR")),
        summary: Some(NoticeText::new("A lawyer is on the way.").expect("a text")),
    };
    let policy = DeskPolicy {
        duty_leads: vec![who(0xC0)],
        services: vec![Service::Legal],
        backup: Some(organisation()),
        plan_b: vec![Helpline { name: long("Night line"), number: long("+964 1 234 5678") }],
        women_only: vec![who(0xB0)],
    };
    let shift =
        |member, from, until| Shift { member: who(member), from: SENT + from * HOUR, until: SENT + until * HOUR };
    let roster = ShiftRoster { shifts: vec![shift(0xB0, 0, 8), shift(0xC0, 8, 16)] };
    assert_eq!(roster.on_shift(SENT + 8 * HOUR).collect::<Vec<_>>(), [who(0xC0)]);
    vec![
        ("snapshot", content(snapshot.into())),
        ("desk_policy", content(policy.into())),
        ("shift_roster", content(roster.into())),
    ]
}

fn expected() -> Vec<(&'static str, Content)> {
    [shelter(), check_ins(), decisions(), passing_on(), keeping()].concat()
}

#[test]
fn events_of_a_desk_encode_and_decode() {
    let file = VectorFile::read("desk.txt");
    let expected = expected();
    for (name, content) in &expected {
        let bytes = file.bytes(name);
        let event = Event::new(content.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(event.as_bytes(), bytes, "{name}");
        assert_eq!(event.id().as_bytes()[..], *file.bytes(&format!("{name}_id")), "{name}");
        assert_eq!(Event::decode(bytes).expect(name).content(), content, "{name}");
        assert!(!event.needs_update(), "{name}");
        assert_not_malleable(name, bytes, |bytes| {
            let event = Event::decode(bytes).ok()?;
            let again = Event::new(event.content().clone());
            if !event.needs_update() {
                assert_eq!(again.as_ref().map(Event::as_bytes), Ok(bytes), "{name}: all known, so one encoding");
            }
            Some(event.as_bytes().to_vec())
        });
    }
    let names: BTreeSet<_> = file.names().filter(|name| !name.ends_with("_id")).collect();
    assert_eq!(names, expected.iter().map(|(name, _)| *name).collect(), "every vector is compared");
    let kinds: BTreeSet<_> = expected.iter().map(|(_, content)| content.body.kind()).collect();
    assert_eq!(kinds, (6..=23).collect(), "every type of a desk has a vector");
}

/// Every field of every type stands in a vector, under the name that the document has.
#[test]
fn the_vectors_leave_no_field_out() {
    let mut seen: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
    for (_, content) in expected() {
        seen.entry(content.body.kind()).or_default().extend(content.body.fields().into_iter().map(|(name, _)| name));
    }
    for (kind, fields) in seen {
        assert_eq!(fields, Body::layout(kind).iter().map(|(_, name)| *name).collect(), "type {kind}");
    }
}

/// No type has a field for an address, a name, an account or a place finer than a region.
#[test]
fn no_type_has_a_field_for_an_address() {
    let banned =
        ["address", "street", "gps", "latitude", "longitude", "geo", "phone", "email", "surname", "birth", "passport"];
    for (kind, name) in Body::TYPES {
        for (_, field) in Body::layout(*kind) {
            assert!(!banned.iter().any(|banned| field.contains(banned)), "{name}.{field}");
        }
    }
}

/// Whatever a defender is made to say, the event that says so under duress is as long.
#[test]
fn duress_has_the_size_of_a_check_in() {
    for (answer, late) in [
        (CheckInAnswer::Ok, None),
        (CheckInAnswer::Help, None),
        (CheckInAnswer::Delay, Some(1)),
        (CheckInAnswer::Delay, Some(1_440)),
    ] {
        for seq in [0, 23, 24, 255, 256, 9_999] {
            let check_in = CheckIn { plan: id(1), seq, answer: answer.clone(), late };
            let duress = Duress { plan: id(1), seq, answer: answer.clone(), late };
            let size = |body: Body| Event::new(content(body)).expect("an event").as_bytes().len();
            assert_eq!(size(check_in.into()), size(duress.into()), "{answer} {seq} {late:?}");
        }
    }
}

/// In each type a word, a key and a rule of a newer version survive with their bytes.
#[test]
fn parts_of_newer_versions_survive_in_every_type() {
    let file = VectorFile::read("desk.txt");
    for (name, content) in expected() {
        let Value::Map(mut event) = cbor::decode(file.bytes(name)).expect("CBOR") else { panic!("a map") };
        let Some(Value::Map(body)) = event.get_mut(&12) else { panic!("a body") };
        body.insert(99, Value::Text("of a newer version".to_owned()));
        assert_kept(name, &event);
        let Some(Value::Map(body)) = event.get_mut(&12) else { panic!("a body") };
        body.remove(&99);
        for (key, field) in Body::layout(content.body.kind()) {
            let word = matches!(
                *field,
                "state"
                    | "status"
                    | "answer"
                    | "priority"
                    | "duration"
                    | "act"
                    | "part"
                    | "purpose"
                    | "verdict"
                    | "reason"
            );
            let Some(Value::Map(body)) = event.get_mut(&12) else { panic!("a body") };
            if word && content.body.words().is_none_or(|_| *field != "reason") && body.contains_key(key) {
                let before = body.insert(*key, Value::Text("newer_word".to_owned())).expect("it was there");
                if name != "stand_down" {
                    assert_kept(&format!("{name}.{field}"), &event);
                }
                let Some(Value::Map(body)) = event.get_mut(&12) else { panic!("a body") };
                body.insert(*key, before);
            }
        }
    }
}

fn assert_kept(name: &str, event: &BTreeMap<u64, Value>) {
    let bytes = cbor::encode(&Value::Map(event.clone()));
    let event = Event::decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(event.needs_update(), "{name}");
    assert_eq!(event.as_bytes(), bytes, "{name}");
}

#[test]
fn errors_say_what_would_be_right() {
    let adults = ShelterRequest { adults: 10, ..ShelterRequest::new(NeededBy::Tonight, id(1)) };
    let error = Event::new(content(adults.into())).expect_err("too many");
    assert_eq!(error, EventError::Range { field: "adults", min: 1, max: 9 });
    assert_eq!(error.to_string(), "the event's adults must be, or have, 1 to 9");
    let request = ShelterRequest { needed_by: NeededBy::Date, ..ShelterRequest::new(NeededBy::Tonight, id(1)) };
    let error = Event::new(content(request.into())).expect_err("no date");
    assert_eq!(error.to_string(), "the event has no date; add it");
}
