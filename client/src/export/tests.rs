use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use himaya_protocol::case::{Entry, Group, Role};
use himaya_protocol::content::body::{
    CheckIn, Consent, CustodyEntry, DayWindow, Evidence, HandoverNote, Notice, Recipient, Referral, ShelterRequest,
    Triage, Verification,
};
use himaya_protocol::content::value::{Note, NoticeText, Text};
use himaya_protocol::content::vocabulary::{
    AckLevel, ActorClass, Affected, CaseStatus, Certainty, CheckInAnswer, ConsentAct, ConsentField, ConsentMethod,
    Contact, Count, Custody, Duration, GivenBy, Kind, Need, NeededBy, Priority, Purpose, RecipientClass, ReferralState,
    Service, Severity, Status, Tlp, Transport, Urgency,
};
use himaya_protocol::content::{Ack, Body, CaseId, Content, Event, EventId, ThreatAlert};
use himaya_protocol::wire::card::Fingerprint;

use super::*;

const NOW: u64 = 29_500_000;
const DAY: u64 = 24 * 60;
const TO: Recipient = Recipient { class: RecipientClass::Organisation, id: [0xd4; 32] };

/// A case as it is written, each having seen everything before.
#[derive(Default)]
struct Story {
    entries: Vec<Entry>,
    case: Option<CaseId>,
}

impl Story {
    fn say(&mut self, role: Role, group: Group, body: impl Into<Body>) -> EventId {
        self.write(role, group, body.into(), None, None, Status::Actual)
    }

    fn write(
        &mut self,
        role: Role,
        group: Group,
        body: Body,
        expires: Option<u64>,
        replaces: Option<EventId>,
        status: Status,
    ) -> EventId {
        let count = u64::try_from(self.entries.len()).unwrap();
        let sent = NOW - 1_000 + count;
        let content = Content {
            nonce: [u8::try_from(count).unwrap(); 16],
            case: self.case.clone(),
            prev: self.entries.last().map(Entry::id).into_iter().collect(),
            lamport: count + 1,
            sent,
            expires: expires.or_else(|| matches!(body, Body::HandoverNote(_)).then_some(sent + 60)),
            status,
            tlp: Tlp::Red,
            lang: "ckb".parse().unwrap(),
            replaces,
            body,
            author: person(role),
        };
        let event = Event::new(content).unwrap();
        let id = event.id();
        self.case.get_or_insert_with(|| CaseId::from_slice(id.as_bytes()).unwrap());
        self.entries.push(Entry { event, role, group, received: sent });
        id
    }

    fn grant(&mut self, fields: &[ConsentField], purpose: Purpose, to: &Recipient) -> EventId {
        let consent = consent(ConsentAct::Grant, purpose, fields, to);
        self.write(Role::Defender, Group::Line, consent.into(), Some(NOW + 30 * DAY), None, Status::Actual)
    }

    fn select(&self, to: &Recipient, consent: Option<EventId>) -> Result<Release, ExportError> {
        self.select_at(to, consent, NOW, 1)
    }

    fn select_at(&self, to: &Recipient, consent: Option<EventId>, now: u64, key: u8) -> Result<Release, ExportError> {
        let case = self.case.as_ref().unwrap();
        let wanted = Wanted { case, to: to.clone(), consent, fields: None, by: person(Role::Coordinator), now };
        select(&self.entries, &wanted, &Rekey::new([key; 32]))
    }
}

fn person(role: Role) -> Fingerprint {
    Fingerprint::of(format!("{role:?}").as_bytes())
}

fn consent(act: ConsentAct, purpose: Purpose, fields: &[ConsentField], to: &Recipient) -> Consent {
    Consent {
        act,
        purpose,
        recipient: to.clone(),
        fields: fields.to_vec(),
        withheld: Vec::new(),
        given_by: GivenBy::Myself,
        method: ConsentMethod::Message,
        readback: true,
        withdraws: None,
    }
}

fn note(text: &str) -> Option<Note> {
    Some(Note::new(text).unwrap())
}

fn piece() -> Evidence {
    Evidence {
        commitment: [0xc0; 32],
        shared_sha256: [0x5a; 32],
        stripped: true,
        mime: Some("image/jpeg".parse().unwrap()),
        size: Some(5_555_555),
        captured: Some(NOW - 77_777),
        derivations: Vec::new(),
        custody: vec![CustodyEntry { what: Custody::Collected, at: NOW - 2_000, by: person(Role::Defender) }],
        consent: None,
    }
}

/// A case that says everything that can be said, without a consent.
fn whole() -> Story {
    let mut story = Story::default();
    let alert = story.say(
        Role::Defender,
        Group::Line,
        ThreatAlert {
            kind: Kind::Abduction,
            urgency: Urgency::Expected,
            severity: Severity::Extreme,
            certainty: Certainty::Likely,
            affected: Some(Affected::Colleague),
            count: Some(Count::TwoToFive),
            when: Some(NOW - 500),
            place: Some("IQ-AR".parse().unwrap()),
            actor_class: Some(ActorClass::Vigilante),
            contact: Some(Contact::DontCall),
            note: note("ALERTNOTE"),
            evidence: vec![[0xee; 32]],
            ..ThreatAlert::default()
        },
    );
    let shelter = story.grant(&[ConsentField::Needs], Purpose::Shelter, &Recipient { id: [9; 32], ..TO });
    let mut request = ShelterRequest::new(NeededBy::Tonight, shelter);
    request.adults = 7;
    request.children = 3;
    request.duration = Some(Duration::SixMonths);
    request.area_ok = vec!["GE-TB".parse().unwrap()];
    request.area_avoid = vec!["NE005".parse().unwrap()];
    request.needs = vec![Need::StepFree, Need::WomenOnly];
    request.transport = Some(Transport::Unsure);
    request.contact_window = DayWindow::new(600, 661);
    request.note = note("SHELTERNOTE");
    story.say(Role::Defender, Group::Line, request);
    story.say(Role::Defender, Group::Line, piece());
    let ack = Ack { refs: [alert].into(), level: AckLevel::Human, note: note("ACKNOTE") };
    story.say(Role::Coordinator, Group::Case, ack);
    let triage = Triage {
        status: Some(CaseStatus::Triaged),
        priority: Some(Priority::P1),
        note: Some(Text::new("TRIAGENOTE").unwrap()),
        alternative: note("TRIAGEALTERNATIVE"),
        ..Triage::new(Note::new("TRIAGEREASON").unwrap())
    };
    story.say(Role::Coordinator, Group::Desk, triage);
    let handover = HandoverNote { text: Text::new("HANDOVERNOTE").unwrap() };
    story.say(Role::Coordinator, Group::Case, handover);
    story.say(Role::Coordinator, Group::Case, Notice { text: NoticeText::new("NOTICETEXT").unwrap() });
    let grade = Verification { note: Some(Text::new("GRADENOTE").unwrap()), ..Verification::new(alert) };
    story.say(Role::Coordinator, Group::Desk, grade);
    let check_in = CheckIn { plan: alert, seq: 0, answer: CheckInAnswer::Ok, late: None };
    story.say(Role::Defender, Group::Line, check_in);
    story
}

/// A word or number that shows that a field is there; each is in no other field.
fn mark(field: &ConsentField) -> &'static str {
    match field {
        ConsentField::Kind => "abduction",
        ConsentField::Urgency => "Expected",
        ConsentField::Severity => "Extreme",
        ConsentField::Certainty => "Likely",
        ConsentField::Affected => "colleague",
        ConsentField::Count => "2-5",
        ConsentField::When => "2026-02-01T",
        ConsentField::Place => "IQ-AR",
        ConsentField::ActorClass => "vigilante",
        ConsentField::Contact => "dont_call",
        ConsentField::Note => "ALERTNOTE",
        ConsentField::Evidence => "image/jpeg",
        ConsentField::NeededBy => "tonight",
        ConsentField::Adults => "adults",
        ConsentField::Children => "children",
        ConsentField::Duration => "6m",
        ConsentField::AreaOk => "GE-TB",
        ConsentField::AreaAvoid => "NE005",
        ConsentField::Needs => "step_free",
        ConsentField::Transport => "unsure",
        ConsentField::ContactWindow => "contact_window",
        ConsentField::Status => "TRIAGED",
        ConsentField::Priority => "P1",
        ConsentField::Services => "digital_security",
        ConsentField::Other(_) => unreachable!("the vocabulary lists known words"),
    }
}

/// The case with one consent for these fields, and a referral that asks for a service.
fn granted(fields: &[ConsentField]) -> Story {
    let mut story = whole();
    let consent = story.grant(fields, Purpose::Referral, &TO);
    let referral = Referral {
        to: TO,
        services: vec![Service::DigitalSecurity],
        fields_shared: fields.to_vec(),
        consent,
        reply_by: None,
        state: ReferralState::InProgress,
        reject_reason: None,
        referral: None,
    };
    story.say(Role::Coordinator, Group::Case, referral);
    story
}

fn forms(release: &Release) -> [String; 2] {
    [to_cap(release), to_json(release)].map(|bytes| String::from_utf8(bytes).unwrap())
}

/// Everything in a text that looks like an id of an export.
fn ids(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_hexdigit());
    words.filter(|word| word.len() >= 32).map(str::to_owned).collect()
}

#[test]
fn ids_are_the_beginning_of_hmac_sha_256() {
    // RFC 4231 sections 4.2 and 4.3.
    let hex = |bytes: [u8; 32]| data_encoding::HEXLOWER.encode(&bytes);
    let first = rekey::hmac(&[0x0b; 20], &[b"Hi ", b"There"]);
    assert_eq!(hex(first), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    let second = rekey::hmac(b"Jefe", &[b"what do ya want for nothing?"]);
    assert_eq!(hex(second), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    let key = Rekey::new([3; 32]);
    let whole = hex(rekey::hmac(&[3; 32], &[b"event\0abc"]));
    assert_eq!(key.id("event", b"abc"), whole[..32]);
    assert_ne!(key.id("event", b"abc"), key.id("case", b"abc"));
    assert_eq!(format!("{key:?}"), "Rekey(..)");
}

#[test]
fn exactly_the_granted_fields_leave() {
    for field in ConsentField::ALL {
        let release = granted(std::slice::from_ref(field)).select(&TO, None).unwrap();
        assert_eq!(release.fields, BTreeSet::from([field.clone()]));
        for text in forms(&release) {
            for other in ConsentField::ALL {
                let there = text.contains(mark(other));
                assert_eq!(there, other == field, "{other} with {field} granted: {text}");
            }
        }
    }
    let all = granted(ConsentField::ALL).select(&TO, None).unwrap();
    assert_eq!(all.fields, ConsentField::ALL.iter().cloned().collect());
    for text in forms(&all) {
        assert!(ConsentField::ALL.iter().all(|field| text.contains(mark(field))), "{text}");
        assert!(text.contains("SHELTERNOTE") && text.contains("ckb"), "{text}");
    }
}

#[test]
fn nothing_else_of_a_case_leaves() {
    let story = granted(ConsentField::ALL);
    let release = story.select(&TO, None).unwrap();
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let inside = story.entries.iter().flat_map(|entry| [entry.id().to_hex(), hex(entry.author().as_bytes())]);
    let mut never: Vec<String> = inside.chain([hex(&TO.id), hex(&[0xc0; 32]), hex(&[0xee; 32])]).collect();
    never.extend([hex(story.case.as_ref().unwrap().as_bytes()), "5555555".to_owned()]);
    let words =
        ["HANDOVERNOTE", "NOTICETEXT", "TRIAGEREASON", "TRIAGENOTE", "TRIAGEALTERNATIVE", "GRADENOTE", "ACKNOTE"];
    never.extend(words.map(str::to_owned));
    for text in forms(&release) {
        assert!(never.iter().all(|never| !text.contains(&never[..never.len().min(32)])), "{text}");
    }
}

#[test]
fn nothing_links_two_exports() {
    let fields: Vec<_> = ConsentField::ALL.iter().filter(|field| **field != ConsentField::Evidence).cloned().collect();
    let story = granted(&fields);
    let [one, two] = [1, 2].map(|key| forms(&story.select_at(&TO, None, NOW, key).unwrap()).concat());
    let (one, two) = (ids(&one), ids(&two));
    assert!(one.len() >= 5 && one.len() == two.len(), "{one:?}");
    assert!(one.is_disjoint(&two));
    let again = forms(&story.select_at(&TO, None, NOW, 1).unwrap()).concat();
    assert_eq!(ids(&again), one, "within one export an id is one thing's");
}

#[test]
fn only_what_stands_for_exactly_this_recipient_counts() {
    let fields = [ConsentField::Kind];
    let other = Recipient { id: [0xd5; 32], ..TO };
    let class = Recipient { class: RecipientClass::Provider, ..TO };
    let mut story = granted(&fields);
    assert_eq!(story.select(&other, None), Err(ExportError::NoConsent));
    assert_eq!(story.select(&class, None), Err(ExportError::NoConsent));
    let authority = Recipient { class: RecipientClass::Authority, ..TO };
    assert_eq!(story.select(&authority, None), Err(ExportError::Authority));
    assert!(story.select_at(&TO, None, NOW + 30 * DAY - 1, 1).is_ok());
    assert_eq!(story.select_at(&TO, None, NOW + 30 * DAY, 1), Err(ExportError::NoConsent));

    let second = story.grant(&[ConsentField::Place], Purpose::Advocacy, &TO);
    assert_eq!(story.select(&TO, None), Err(ExportError::SeveralConsents));
    let release = story.select(&TO, Some(second)).unwrap();
    assert_eq!((release.purpose, release.consent), (Purpose::Advocacy, second));
    assert_eq!(release.fields, BTreeSet::from([ConsentField::Place]));

    story.say(Role::Defender, Group::Line, consent(ConsentAct::Withdraw, Purpose::Advocacy, &[], &TO));
    assert_eq!(story.select(&TO, Some(second)), Err(ExportError::NoConsent));
    story.say(Role::Defender, Group::Line, consent(ConsentAct::Refuse, Purpose::Referral, &[], &TO));
    assert_eq!(story.select(&TO, None), Err(ExportError::NoConsent));
    story.grant(&fields, Purpose::Statistics, &TO);
    assert_eq!(story.select(&TO, None), Err(ExportError::Purpose));
}

#[test]
fn a_consent_for_what_is_not_there_exports_nothing() {
    let mut story = Story::default();
    story.say(Role::Defender, Group::Line, ThreatAlert::default());
    story.grant(&[ConsentField::Note, ConsentField::Evidence, ConsentField::Services], Purpose::Service, &TO);
    assert_eq!(story.select(&TO, None), Err(ExportError::Nothing));
}

#[test]
fn the_newest_version_leaves_and_what_was_taken_back_does_not() {
    let mut story = granted(&[ConsentField::Kind, ConsentField::Note, ConsentField::Evidence]);
    let alert = story.entries[0].id();
    let edited = ThreatAlert { kind: Kind::Stalking, note: note("EDITED"), ..ThreatAlert::default() };
    let edit = |story: &mut Story, alert: ThreatAlert, of| {
        story.write(Role::Defender, Group::Line, alert.into(), None, Some(of), Status::Actual)
    };
    let second = edit(&mut story, edited, alert);
    for text in forms(&story.select(&TO, None).unwrap()) {
        assert!(text.contains("stalking") && text.contains("EDITED"), "{text}");
        assert!(!text.contains("ALERTNOTE") && !text.contains("abduction"), "{text}");
    }
    edit(&mut story, ThreatAlert::default(), second);
    let piece = Evidence {
        custody: vec![CustodyEntry { what: Custody::Destroyed, at: NOW, by: person(Role::Defender) }],
        ..piece()
    };
    story.say(Role::Defender, Group::Line, piece);
    for text in forms(&story.select(&TO, None).unwrap()) {
        assert!(!text.contains("EDITED") && !text.contains("ALERTNOTE") && !text.contains("image/jpeg"), "{text}");
    }
}

#[test]
fn a_drill_is_an_exercise_in_every_form() {
    let mut story = Story::default();
    let alert = ThreatAlert::default().into();
    story.write(Role::Defender, Group::Line, alert, None, None, Status::Exercise);
    story.grant(&[ConsentField::Kind], Purpose::Service, &TO);
    let [cap, json] = forms(&story.select(&TO, None).unwrap());
    assert!(cap.contains("<status>Exercise</status>"), "{cap}");
    assert!(json.contains("\"status\": \"Exercise\""), "{json}");
    let [cap, _] = forms(&granted(&[ConsentField::Kind]).select(&TO, None).unwrap());
    assert!(cap.contains("<status>Actual</status>"), "{cap}");
}

/// A case whose note tries to break out of every form.
fn hostile() -> Story {
    let mut story = Story::default();
    let alert = ThreatAlert::default();
    let id = story.say(Role::Defender, Group::Line, alert);
    let raw = "</description>]]><!--\u{FFFE}\u{202E}txt\u{2066}&amp;\n\"]}\u{1F49C}\u{10FFFF}";
    let alert = ThreatAlert { note: note(raw), ..ThreatAlert::default() };
    story.write(Role::Defender, Group::Line, alert.into(), None, Some(id), Status::Actual);
    story.grant(&[ConsentField::Note], Purpose::Service, &TO);
    story
}

#[test]
fn a_hostile_note_stays_a_note() {
    let [cap, json] = forms(&hostile().select(&TO, None).unwrap());
    for text in [&cap, &json] {
        assert!(!text.contains(['\u{202E}', '\u{2066}']), "what is shown is what leaves: {text}");
    }
    assert!(!cap.contains('\u{FFFE}') && !cap.contains("<!--") && cap.matches("</description>").count() == 1, "{cap}");
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(object["alerts"][0]["note"].as_str().unwrap().starts_with("</description>]]><!--"));
}

#[test]
fn exports_are_valid_by_the_schema_of_oasis() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/schemas/CAP-v1.2.xsd");
    let validate = |cap: &[u8]| -> std::io::Result<bool> {
        let mut child = Command::new("xmllint")
            .args(["--noout", "--nonet", "--schema"])
            .arg(&schema)
            .arg("-")
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        child.stdin.take().unwrap().write_all(cap)?;
        Ok(child.wait()?.success())
    };
    if Command::new("xmllint").arg("--version").output().is_err() {
        assert!(std::env::var_os("HIMAYA_NO_SKIP").is_none(), "exports cannot be validated here: no xmllint");
        writeln!(std::io::stderr(), "SKIPPED exports_are_valid_by_the_schema_of_oasis: no xmllint").unwrap();
        return;
    }
    let single = ConsentField::ALL.iter().map(|field| granted(std::slice::from_ref(field)));
    let stories: Vec<Story> = single.chain([granted(ConsentField::ALL), hostile()]).collect();
    for story in &stories {
        let cap = to_cap(&story.select(&TO, None).unwrap());
        assert!(validate(&cap).unwrap(), "{}", String::from_utf8(cap).unwrap());
    }
    let cap = forms(&stories[0].select(&TO, None).unwrap())[0].replace("<urgency>", "<urgency>not ");
    assert!(!validate(cap.as_bytes()).unwrap(), "the schema is looked at");
}

#[test]
fn only_the_recipient_opens_what_is_sealed() {
    let identity = age::x25519::Identity::generate();
    let key: Key = format!(" {} ", identity.to_public()).parse().unwrap();
    let sealed = key.seal(b"plain").unwrap();
    assert!(sealed.starts_with(b"age-encryption.org/v1") && sealed != key.seal(b"plain").unwrap());
    assert_eq!(age::decrypt(&identity, &sealed).unwrap(), b"plain");
    assert!(age::decrypt(&age::x25519::Identity::generate(), &sealed).is_err());
    // The example key of the age specification, and what is not one.
    assert!("age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj".parse::<Key>().is_ok());
    for bad in ["", "age1", "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujw", "ssh-ed25519 AAAA"] {
        assert_eq!(bad.parse::<Key>().unwrap_err(), SealError::NoKey);
    }
    let secret = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    assert_eq!(secret.parse::<Key>().unwrap_err(), SealError::Secret);
}
