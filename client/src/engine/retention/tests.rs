use himaya_protocol::case::Group;
use himaya_protocol::case::statistics::Cell;
use himaya_protocol::content::body::{
    CheckIn, CheckInPlan, Consent, DeskPolicy, HandoverNote, Recipient, StandDown, Triage,
};
use himaya_protocol::content::value::{Note, NoticeText, Text};
use himaya_protocol::content::vocabulary::{
    AckLevel, CheckInAnswer, ConsentAct, ConsentField, ConsentMethod, GivenBy, RecipientClass, Status, Tlp,
};
use himaya_protocol::content::{Ack, Content, Event, Notice, ThreatAlert};
use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::link::RelayLink;
use himaya_protocol::wire::policy::GroupKind;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::engine::{circles, events, heads};
use crate::store::Profile;

const DAY: Seconds = 86_400;
const START: Seconds = 20_700 * DAY;
const CANARY: &str = "the canary sings at the mill";

/// One client, and what others write to it.
struct Client {
    profile: Profile,
    rng: ChaCha20Rng,
    now: Seconds,
    line: Vec<u8>,
    circle: Vec<u8>,
    written: u64,
}

#[derive(Clone, Copy)]
enum Who {
    Defender,
    Coordinator,
}

impl Client {
    fn new() -> Self {
        let mut profile = Profile::ephemeral().unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let link = RelayLink::new("relay.test:7443", [7; 32]).unwrap();
        let (line, circle) = profile
            .transact(START, &mut rng, |ctx| {
                crate::engine::found(ctx, "Dilan", &link)?;
                let line = circles::create_kind(ctx, "line".to_owned(), GroupKind::Line)?;
                let circle = circles::create(ctx, "home")?;
                for (role, who) in [("defender", Who::Defender), ("coordinator", Who::Coordinator)] {
                    let who = fingerprint(who);
                    let leaf = i64::from(role == "defender") + 1;
                    for group in [&line, &circle] {
                        let of_circle = *group == circle && role == "defender";
                        ctx.execute(
                            "INSERT INTO member (circle, leaf, fingerprint, name, role, since) VALUES (?1, ?2, ?3, '', ?4, 0)",
                            &[group, &leaf, &&who.as_bytes()[..], &if of_circle { "owner" } else { role }],
                        )?;
                    }
                }
                Ok::<_, EngineError>((line, circle))
            })
            .unwrap();
        Self { profile, rng, now: START, line, circle, written: 0 }
    }

    fn run<V>(&mut self, work: impl FnOnce(&mut Ctx<'_>) -> Result<V, EngineError>) -> V {
        self.profile.transact(self.now, &mut self.rng, work).unwrap()
    }

    /// Something arrives, having seen what is here of its case.
    fn hears(&mut self, who: Who, group: Group, case: Option<&CaseId>, body: impl Into<Body>) -> Event {
        let body = body.into();
        self.written += 1;
        let minute = self.now / 60;
        let for_minutes = |minutes: u64| Some(minute + minutes);
        let expires = if matches!(body, Body::HandoverNote(_)) {
            for_minutes(60)
        } else if matches!(body, Body::Consent(_)) {
            for_minutes(80 * 1_440)
        } else {
            None
        };
        let group_id = self.group(group);
        let heads =
            |ctx: &mut Ctx<'_>| case.map_or(Ok(Default::default()), |case| heads::of_case(ctx, case, Some(&group_id)));
        let prev = self.run(heads);
        let content = Content {
            nonce: [u8::try_from(self.written).unwrap(); 16],
            case: case.cloned(),
            prev,
            lamport: self.written,
            sent: minute,
            expires,
            status: Status::Actual,
            tlp: Tlp::Red,
            lang: "en".parse().unwrap(),
            replaces: None,
            body,
            author: fingerprint(who),
        };
        let event = Event::new(content).unwrap();
        self.takes(who, group, &event);
        event
    }

    fn group(&self, group: Group) -> Vec<u8> {
        if group == Group::Circle { self.circle.clone() } else { self.line.clone() }
    }

    fn takes(&mut self, who: Who, group: Group, event: &Event) -> usize {
        let circle = self.group(group);
        let news = self.run(|ctx| events::received(ctx, &circle, &fingerprint(who), "Nino", event.as_bytes()));
        news.unwrap().len()
    }

    /// Time passes; how many events went.
    fn after(&mut self, seconds: Seconds) -> usize {
        self.now += seconds;
        self.run(destroy_due)
    }

    fn has(&mut self, event: &Event) -> bool {
        let id = event.id();
        self.run(|ctx| cases::entries(ctx)).iter().any(|entry| entry.id() == id)
    }

    fn case(&mut self, id: &CaseId) -> Case {
        self.run(|ctx| cases::board(ctx)).case(id).unwrap().clone()
    }

    /// A case that was opened, answered, given a priority; its id.
    fn opened(&mut self) -> CaseId {
        let alert = ThreatAlert { note: Some(Note::new(CANARY).unwrap()), ..ThreatAlert::default() };
        let alert = self.hears(Who::Defender, Group::Line, None, alert);
        let case = case_of(&alert).unwrap();
        let ack = Ack { refs: [alert.id()].into(), level: AckLevel::Human, note: Some(Note::new(CANARY).unwrap()) };
        self.hears(Who::Coordinator, Group::Line, Some(&case), ack);
        let reason = Triage::new(Note::new(CANARY).unwrap());
        let triage = Triage { status: Some(CaseStatus::Triaged), priority: Some(Priority::P2), ..reason };
        self.hears(Who::Coordinator, Group::Line, Some(&case), triage);
        case
    }

    /// The defender withdraws.
    fn ended(&mut self, case: &CaseId) {
        let alert = self.case(case).opened_by.unwrap();
        self.hears(Who::Defender, Group::Line, Some(case), StandDown { refs: [alert].into(), reason: None });
    }

    fn remembers_words(&self) -> bool {
        let image = self.profile.image().unwrap();
        image.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
    }
}

fn fingerprint(who: Who) -> Fingerprint {
    Fingerprint::of(match who {
        Who::Defender => b"defender",
        Who::Coordinator => b"coordinator",
    })
}

fn notice(text: &str) -> Notice {
    Notice { text: NoticeText::new(text).unwrap() }
}

fn consent(act: ConsentAct, purpose: Purpose) -> Consent {
    Consent {
        act,
        purpose,
        recipient: Recipient { class: RecipientClass::Organisation, id: [1; 32] },
        fields: vec![ConsentField::Kind],
        withheld: Vec::new(),
        given_by: GivenBy::Myself,
        method: ConsentMethod::Message,
        readback: true,
        withdraws: None,
    }
}

#[test]
fn a_case_goes_90_days_after_its_end_and_leaves_no_word() {
    let mut client = Client::new();
    let case = client.opened();
    client.hears(Who::Defender, Group::Line, Some(&case), notice(CANARY));
    assert_eq!(client.after(200 * DAY), 0, "an open case stays");
    client.ended(&case);
    assert_eq!(client.after(90 * DAY - 60), 0);
    assert!(client.remembers_words());
    assert_eq!(client.after(3_600), 5);
    assert!(!client.remembers_words(), "not in any page, free ones included");
    let left = client.run(|ctx| {
        let sql = "SELECT month, priority, outcome, consented FROM remnant";
        Ok(ctx.rows(sql, &[], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, bool>(3)?))
        })?)
    });
    assert_eq!(left, [(680, "P2".to_owned(), "WITHDRAWN".to_owned(), false)], "September 2026");
    let count = |client: &mut Client, table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        client.run(|ctx| Ok(ctx.row(&sql, &[], |row| row.get::<_, i64>(0))?.unwrap()))
    };
    for table in ["event", "head", "case_head", "ack", "receipt", "outgoing"] {
        assert_eq!(count(&mut client, table), 0, "{table}");
    }
    assert_eq!(count(&mut client, "purged"), 5);
    client.after(400 * DAY);
    assert_eq!(count(&mut client, "purged"), 0, "not for ever");
    assert_eq!(count(&mut client, "remnant"), 1);
}

#[test]
fn a_defenders_late_word_keeps_the_case_for_14_days() {
    let mut client = Client::new();
    let case = client.opened();
    client.ended(&case);
    client.after(85 * DAY);
    client.hears(Who::Defender, Group::Line, Some(&case), notice("one more thing"));
    assert_eq!(client.after(14 * DAY - 3_600), 0);
    assert_eq!(client.after(3_600), 5);
}

#[test]
fn check_ins_notes_alerts_and_policies_go_in_their_time() {
    let mut client = Client::new();
    let case = client.opened();
    let plan = case_plan(&mut client);
    let ok = CheckIn { plan: plan.id(), seq: 0, answer: CheckInAnswer::Ok, late: None };
    let ok = client.hears(Who::Defender, Group::Line, None, ok);
    let note = HandoverNote { text: Text::new("by the gate").unwrap() };
    let note = client.hears(Who::Coordinator, Group::Case, Some(&case), note);
    let cried = ThreatAlert { note: Some(Note::new("in the circle").unwrap()), ..ThreatAlert::default() };
    let alert = client.hears(Who::Defender, Group::Circle, None, cried);
    let said = client.hears(Who::Defender, Group::Circle, None, notice("hello"));
    let policy = || DeskPolicy {
        duty_leads: [fingerprint(Who::Coordinator)].into(),
        services: Vec::new(),
        backup: None,
        plan_b: Vec::new(),
        women_only: Default::default(),
    };
    let policies = [0, 1].map(|_| client.hears(Who::Coordinator, Group::Line, None, policy()));

    client.after(3_600 - 60);
    assert!(client.has(&note));
    client.after(3_660);
    assert!(!client.has(&note), "when it expires");
    client.after(3 * DAY - 3 * 3_600);
    assert!(client.has(&ok));
    client.after(2 * 3_600);
    assert!(!client.has(&ok), "after 72 hours");
    client.after(26 * DAY);
    assert!(client.has(&alert) && client.has(&said) && client.has(&policies[0]));
    client.after(2 * DAY);
    assert!(!client.has(&alert) && !client.has(&said), "after 30 days");
    assert!(!client.has(&policies[0]) && client.has(&policies[1]), "the newest policy stays");
    assert!(!client.run(|ctx| cases::entries(ctx)).is_empty(), "the open case stays");
    assert_eq!(client.case(&case).gaps.len(), 0);
}

/// A plan with one time, soon.
fn case_plan(client: &mut Client) -> Event {
    let plan = CheckInPlan {
        start: client.now / 60 + 60,
        rrule: "FREQ=DAILY;COUNT=1".parse().unwrap(),
        grace: 30,
        remind: 10,
        ladder: Vec::new(),
        sealed_plan: None,
        offset: None,
    };
    client.hears(Who::Defender, Group::Line, None, plan)
}

#[test]
fn a_late_copy_is_not_taken_in_and_its_name_is_no_gap() {
    let mut client = Client::new();
    let case = client.opened();
    let note = HandoverNote { text: Text::new("by the gate").unwrap() };
    let note = client.hears(Who::Coordinator, Group::Line, Some(&case), note);
    let line = client.group(Group::Line);
    let named = client.run(|ctx| heads::of_case(ctx, &case, Some(&line)));
    assert!(!named.contains(&note.id()), "nobody names what vanishes");
    client.after(DAY);
    assert!(!client.has(&note) && client.run(|ctx| was_purged(ctx, &note.id())));
    assert_eq!(client.takes(Who::Coordinator, Group::Line, &note), 0, "no news");
    assert!(!client.has(&note));

    // Somebody whose client names it all the same.
    let named = |client: &mut Client, prev: EventId| {
        client.written += 1;
        let mut content = note.content().clone();
        content.prev = [prev].into();
        content.nonce = [0xaa; 16];
        content.lamport = client.written;
        content.expires = None;
        content.body = notice("after that").into();
        let event = Event::new(content).unwrap();
        client.takes(Who::Coordinator, Group::Line, &event);
    };
    named(&mut client, note.id());
    assert_eq!(client.case(&case).gaps.len(), 0);
    named(&mut client, EventId::of(b"never seen"));
    assert_eq!(client.case(&case).gaps.len(), 1, "what was never here is one");
}

#[test]
fn looking_is_rare_and_a_clock_that_was_put_back_does_not_stop_it() {
    let mut client = Client::new();
    client.after(0);
    let said = client.hears(Who::Defender, Group::Circle, None, notice("hello"));
    assert_eq!(client.run(|ctx| Ok(next_look(ctx)?)), Some(START + EVERY));
    client.now += 100 * DAY;
    client.run(|ctx| Ok(ctx.set_number(LAST, ctx.now + 500 * DAY)?));
    assert_eq!(client.after(0), 1);
    assert!(!client.has(&said));
}

#[test]
fn numbers_are_of_cases_whose_defenders_agreed() {
    let mut client = Client::new();
    for number in 0..8 {
        let case = client.opened();
        if number < 6 {
            client.hears(Who::Defender, Group::Line, Some(&case), consent(ConsentAct::Grant, Purpose::Statistics));
        }
        if number == 5 {
            client.hears(Who::Defender, Group::Line, Some(&case), consent(ConsentAct::Withdraw, Purpose::Statistics));
        }
        client.ended(&case);
    }
    let told = client.run(|ctx| statistics(ctx));
    assert_eq!(told.outcomes.cells, BTreeMap::from([(CaseStatus::Withdrawn, Cell::Told(5))]));
    assert_eq!((told.priorities.total, told.months.total), (Cell::Told(5), Cell::Told(5)));
    client.after(91 * DAY);
    let still = client.run(|ctx| statistics(ctx));
    assert_eq!((still.outcomes, still.months), (told.outcomes, told.months), "the same once they are gone");
    assert!(!client.remembers_words());
}
