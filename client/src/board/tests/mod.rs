//! A desk of some cases, as events make them.

mod keys;
mod order;
mod screen;

use std::collections::BTreeSet;

use himaya_protocol::case::{Board, Entry, Group, Role};
use himaya_protocol::content::body::{
    Ack, Assignment, CheckInPlan, Consent, Duress, Match, Recipient, Referral, ShelterRequest, ThreatAlert, Triage,
    Verification,
};
use himaya_protocol::content::value::{Note, NoticeText};
use himaya_protocol::content::vocabulary::{
    AckLevel, Act, CaseStatus, CheckInAnswer, ConsentAct, ConsentField, ConsentMethod, Count, Credibility, GivenBy,
    Kind, MatchState, Need, NeededBy, Part, Priority, Purpose, RecipientClass, Reliability, Severity, Status, Tlp,
    Urgency,
};
use himaya_protocol::content::{Body, CaseId, Content, Event, EventId, Notice};
use himaya_protocol::wire::card::Fingerprint;

use super::action::{Desk, Place, Where};
use super::beyond::{Bridge, Offered};
use super::facts::Facts;
use super::model::Model;
use crate::text::Texts;

/// When everything begins, in Unix minutes: 2026-03-01 12:00 UTC.
const START: u64 = 1_772_366_400 / 60;

const SARA: u8 = 1;
const AMINA: u8 = 2;
const KARIM: u8 = 3;
const ME: u8 = 4;

fn who(number: u8) -> Fingerprint {
    Fingerprint::of(&[number])
}

/// One case while it is written.
struct Story {
    entries: Vec<Entry>,
    id: Option<CaseId>,
    exercise: bool,
    minute: u64,
    /// Tells apart stories that begin alike.
    number: u8,
}

impl Story {
    fn new(minute: u64) -> Self {
        Self { entries: Vec::new(), id: None, exercise: false, minute, number: 0 }
    }

    fn practice(minute: u64) -> Self {
        Self { exercise: true, ..Self::new(minute) }
    }

    /// Somebody who has seen everything writes, some minutes later.
    fn say(&mut self, author: u8, after: u64, body: impl Into<Body>) -> EventId {
        let group = if author == SARA { Group::Line } else { Group::Case };
        self.say_in(author, group, after, body)
    }

    fn say_in(&mut self, author: u8, group: Group, after: u64, body: impl Into<Body>) -> EventId {
        self.minute += after;
        let body = body.into();
        let named: BTreeSet<EventId> =
            self.entries.iter().flat_map(|entry| entry.event.content().prev.clone()).collect();
        let lamport = u64::try_from(self.entries.len()).unwrap() + 1;
        let mut nonce = [author; 16];
        nonce[..8].copy_from_slice(&(self.minute * 1_000 + lamport).to_be_bytes());
        nonce[8] = self.number;
        let content = Content {
            nonce,
            case: self.id.clone(),
            prev: self.entries.iter().map(Entry::id).filter(|id| !named.contains(id)).collect(),
            lamport,
            sent: self.minute,
            // A consent ends.
            expires: matches!(body, Body::Consent(_)).then_some(self.minute + 30 * 1_440),
            status: if self.exercise { Status::Exercise } else { Status::Actual },
            tlp: Tlp::Red,
            lang: "en".parse().unwrap(),
            replaces: None,
            body,
            author: who(author),
        };
        let event = Event::new(content).unwrap();
        let id = event.id();
        if self.id.is_none() {
            self.id = CaseId::from_slice(id.as_bytes());
        }
        let role = if author == SARA { Role::Defender } else { Role::Coordinator };
        self.entries.push(Entry { event, role, group, received: self.minute });
        id
    }

    fn alert(minute: u64, kind: Kind, urgency: Urgency, severity: Severity) -> (Self, EventId) {
        let mut story = Self::new(minute);
        let alert = ThreatAlert { kind, urgency, severity, ..ThreatAlert::default() };
        let id = story.say(SARA, 0, alert);
        (story, id)
    }

    fn id(&self) -> CaseId {
        self.id.clone().unwrap()
    }
}

fn note(text: &str) -> Note {
    Note::new(text).unwrap()
}

fn ack(event: EventId) -> Ack {
    Ack { refs: [event].into(), level: AckLevel::Human, note: None }
}

fn triage(priority: Priority) -> Triage {
    Triage { priority: Some(priority), status: Some(CaseStatus::Triaged), ..Triage::new(note("because")) }
}

fn part(member: u8, part: Part, act: Act) -> Assignment {
    Assignment { member: who(member), part, act }
}

/// A group in which everybody is a coordinator.
struct Everywhere;

impl Desk for Everywhere {
    fn place(&mut self, _: &CaseId, at: &Where) -> Option<Place> {
        let group = match at {
            Where::Home => Group::Case,
            Where::Desk => Group::Desk,
            Where::Link(_) => Group::HostLink,
            Where::Bridge(_) => Group::Bridge,
        };
        Some(Place { group, role: Role::Coordinator })
    }

    fn colleagues(&mut self, _: &CaseId) -> Vec<(Fingerprint, String)> {
        vec![(who(AMINA), "Amina".to_owned()), (who(KARIM), "Karim".to_owned())]
    }

    fn places(&mut self, case: &CaseId) -> Option<Vec<Offered>> {
        let request = EventId::from_slice(case.as_bytes())?;
        let place = |number: u8, features: &[Need]| {
            let (region, features) = ("IQ-SU".to_owned(), features.to_vec());
            Offered { request, offer: EventId::of(&[number]), free: 2, region, features }
        };
        Some(vec![place(1, &[Need::StepFree]), place(2, &[])])
    }

    fn bridges(&mut self) -> Vec<Bridge> {
        // What leads to somebody else is never offered.
        let lake = Recipient::known_as(RecipientClass::Organisation, "Lake desk");
        let bridge = |id, name: &str, to| Bridge { id: vec![id], name: name.to_owned(), to };
        vec![bridge(6, "Lake and night", lake), bridge(7, "River and night", None)]
    }

    fn called(&mut self, _: &Recipient) -> String {
        "River desk".to_owned()
    }
}

fn facts() -> Facts {
    let names = [(SARA, "Sara"), (AMINA, "Amina"), (KARIM, "سارا محمد\u{202E}"), (ME, "Dilan")];
    Facts {
        me: Some(who(ME)),
        names: names.into_iter().map(|(number, name)| (who(number), name.to_owned())).collect(),
        synced: Some(START + 58),
        shift: vec![who(ME), who(KARIM)],
        free: 3,
        ..Facts::default()
    }
}

fn board<'a>(stories: impl IntoIterator<Item = &'a Story>) -> Board {
    let mut board = Board::new();
    for entry in stories.into_iter().flat_map(|story| &story.entries) {
        board.add(entry.clone());
    }
    board
}

fn texts() -> Texts {
    Texts::load(["en"])
}

/// The board an hour after everything began.
fn model(stories: &[&Story]) -> Model {
    let mut model = Model::new(&[]);
    model.load(board(stories.iter().copied()), facts(), (START + 60) * 60, &texts());
    model.connected(true);
    model
}

/// A desk on a bad day: every sort of case.
fn desk() -> Vec<Story> {
    let (mut late, alert) = Story::alert(START + 30, Kind::Arrest, Urgency::Immediate, Severity::Extreme);
    late.say(KARIM, 28, Notice { text: NoticeText::new("لە ڕێگادام\u{202E} evil").unwrap() });
    let mut duress = Story::new(START);
    let plan = CheckInPlan {
        start: START + 10,
        rrule: "FREQ=DAILY;COUNT=3".parse().unwrap(),
        grace: 30,
        remind: 10,
        ladder: Vec::new(),
        sealed_plan: None,
        offset: None,
    };
    let plan = duress.say(SARA, 0, plan);
    duress.say(SARA, 12, Duress { plan, seq: 0, answer: CheckInAnswer::Ok, late: None });
    let (mut led, first) = Story::alert(START + 20, Kind::HomeRaid, Urgency::Expected, Severity::Severe);
    led.say(AMINA, 5, ack(first));
    led.say(AMINA, 1, triage(Priority::P2));
    led.say(KARIM, 1, part(KARIM, Part::Lead, Act::Take));
    led.say(AMINA, 1, part(AMINA, Part::Backup, Act::Take));
    let grade = Verification { reliability: Reliability::B, credibility: Credibility::Two, ..Verification::new(first) };
    led.say_in(AMINA, Group::Desk, 1, grade);
    let mut drill = Story::practice(START + 40);
    let alert_class = ThreatAlert {
        kind: Kind::DeviceOrAccountSuspicious,
        urgency: Urgency::Immediate,
        severity: Severity::Severe,
        count: Some(Count::TwoToFive),
        place: Some("IQ-AR".parse().unwrap()),
        note: Some(note("two phones behave oddly")),
        ..ThreatAlert::default()
    };
    drill.say(SARA, 0, alert_class);
    let mut shelter = Story::new(START + 50);
    let request = ShelterRequest { adults: 2, children: 1, ..ShelterRequest::new(NeededBy::Week, alert) };
    shelter.say(SARA, 0, request);
    let (mut mine, own) = Story::alert(START + 45, Kind::Defamation, Urgency::Expected, Severity::Moderate);
    mine.say(ME, 2, ack(own));
    mine.say(ME, 1, triage(Priority::P4));
    mine.say(ME, 1, part(ME, Part::Lead, Act::Take));
    let (mut ended, last) = Story::alert(START + 5, Kind::Threat, Urgency::Expected, Severity::Minor);
    ended.say(AMINA, 1, ack(last));
    let decline = Triage {
        status: Some(CaseStatus::Declined),
        alternative: Some(note("ask the neighbours")),
        ..Triage::new(note("not ours"))
    };
    ended.say(AMINA, 1, decline);
    vec![late, duress, led, drill, shelter, mine, ended]
}
