//! What keys do, how long it can be undone, and what the rules refuse beforehand.

use himaya_protocol::case::reduce;
use himaya_protocol::content::vocabulary::VerifiedBy;

use super::*;
use crate::board::hold::HOLD;
use crate::board::{Key, Next, Proposal};

const NOW: u64 = (START + 60) * 60;

/// Somebody at the board.
struct Hand {
    model: Model,
    texts: Texts,
    now: u64,
}

impl Hand {
    fn at(stories: &[&Story]) -> Self {
        Self { model: model(stories), texts: texts(), now: NOW }
    }

    fn press(&mut self, key: Key) -> Next {
        self.model.key(key, self.now, &self.texts, &mut Everywhere)
    }

    /// Types characters; `\n` is Enter.
    fn keys(&mut self, typed: &str) {
        for c in typed.chars() {
            let next = self.press(if c == '\n' { Key::Enter } else { Key::Char(c) });
            assert_eq!(next, Next::Stay);
        }
    }

    fn said(&self) -> String {
        self.model.message.as_ref().map(|message| message.say(&self.texts)).unwrap_or_default()
    }

    /// What is written once everything has been held long enough.
    fn written(&mut self) -> Vec<Proposal> {
        self.now += HOLD;
        match self.model.tick(self.now, &self.texts, &mut Everywhere) {
            Next::Write(written) => written,
            Next::Stay => Vec::new(),
            Next::Leave(_) => panic!("nobody left"),
        }
    }

    fn bodies(&mut self) -> Vec<Body> {
        self.written().into_iter().map(|proposal| proposal.body).collect()
    }
}

fn fresh() -> (Story, EventId) {
    Story::alert(START + 55, Kind::Arrest, Urgency::Immediate, Severity::Extreme)
}

#[test]
fn an_action_waits_ten_seconds_and_can_be_undone_until_then() {
    let (story, alert) = fresh();
    let mut hand = Hand::at(&[&story]);
    hand.keys("a");
    hand.now += HOLD - 1;
    assert_eq!(hand.model.tick(hand.now, &hand.texts, &mut Everywhere), Next::Stay);
    hand.keys("u");
    assert!(hand.said().starts_with("Undone: Acknowledge"), "{}", hand.said());
    assert_eq!(hand.bodies(), []);
    hand.keys("u");
    assert!(hand.said().starts_with("Nothing to undo"));
    hand.keys("a");
    assert_eq!(hand.bodies(), [Body::from(ack(alert))]);
    assert_eq!(hand.bodies(), [], "once");
}

#[test]
fn a_clock_that_is_set_back_holds_nothing_for_ever() {
    let (story, _) = fresh();
    let mut hand = Hand::at(&[&story]);
    hand.keys("a");
    hand.now -= 3_600;
    assert_eq!(hand.model.tick(hand.now, &hand.texts, &mut Everywhere), Next::Stay);
    assert_eq!(hand.written().len(), 1);
}

#[test]
fn a_case_is_taken_up_in_one_go() {
    let (story, _) = fresh();
    let mut hand = Hand::at(&[&story]);
    hand.keys("t");
    assert!(hand.said().contains("no coordinator has answered yet"), "{}", hand.said());
    hand.keys("at");
    assert!(hand.said().contains("the case has no priority"), "{}", hand.said());
    hand.keys("1the police was seen\nt");
    let written = hand.written();
    assert_eq!(written.len(), 3);
    assert!(matches!(&written[1].body, Body::Triage(triage)
        if triage.priority == Some(Priority::P1) && triage.status == Some(CaseStatus::Triaged)
            && triage.reason.raw() == "the police was seen"));
    let mut story = story;
    for proposal in written {
        assert_eq!((&proposal.at, proposal.status()), (&Where::Home, Status::Actual));
        story.say(ME, 0, proposal.body);
    }
    let case = reduce(&story.entries);
    assert_eq!((case.status, case.lead), (Some(CaseStatus::Active), Some(who(ME))));
    assert!(case.refused.is_empty());
}

#[test]
fn a_reason_is_asked_for_and_its_draft_survives() {
    let (mut story, alert) = fresh();
    story.say(AMINA, 1, ack(alert));
    let mut hand = Hand::at(&[&story]);
    hand.keys("2half a rea");
    hand.press(Key::Esc);
    hand.keys("jk");
    let saved = hand.model.unsaved_drafts().unwrap();
    assert_eq!(hand.model.unsaved_drafts(), None, "saved once");
    // Another run of the program.
    hand.model = Model::new(&saved);
    hand.model.load(board([&story]), facts(), NOW, &hand.texts);
    hand.keys("2son\n");
    assert!(matches!(&hand.bodies()[..], [Body::Triage(triage)] if triage.reason.raw() == "half a reason"));
    assert_eq!(hand.model.drafts([]), Model::new(&[]).drafts([]), "what was written is no draft any more");
    hand.keys("2\n");
    assert!(hand.said().starts_with("Nothing was typed"), "{}", hand.said());
}

#[test]
fn what_is_undone_is_a_draft_again() {
    let (story, _) = fresh();
    let mut hand = Hand::at(&[&story]);
    hand.keys("rwe are coming\n");
    let while_held = hand.model.drafts([]);
    assert!(String::from_utf8(while_held).unwrap().contains("we are coming"), "a crash does not lose it");
    hand.keys("ur, all of us\n");
    let text = NoticeText::new("we are coming, all of us").unwrap();
    assert_eq!(hand.bodies(), [Body::from(Notice { text })]);
}

#[test]
fn closing_takes_a_typed_word_and_two_people_or_an_all_clear() {
    let (mut story, alert) = fresh();
    story.say(AMINA, 1, ack(alert));
    story.say(AMINA, 1, triage(Priority::P1));
    story.say(ME, 1, part(ME, Part::Lead, Act::Take));
    let mut hand = Hand::at(&[&story]);
    let ways = super::super::action::ways(&CaseStatus::Active);
    let close = ways.iter().position(|way| *way == CaseStatus::Closed).unwrap() + 1;
    hand.keys(&format!("s{close}clse\n"));
    assert!(hand.said().starts_with("That was not the word"));
    assert_eq!(hand.bodies(), []);
    hand.keys(&format!("s{close}close\nit is over\n"));
    assert!(hand.said().starts_with("It takes a second coordinator"), "{}", hand.said());
    let written = hand.bodies();
    let first = story.say(ME, 1, written[0].clone());
    assert_eq!(reduce(&story.entries).status, Some(CaseStatus::Active));
    // The board of the other coordinator.
    let mut other = Hand::at(&[&story]);
    other.model.load(board([&story]), Facts { me: Some(who(AMINA)), ..facts() }, NOW, &other.texts);
    other.keys(&format!("s{close}Close\nI agree\n"));
    let written = other.bodies();
    assert!(matches!(&written[..], [Body::Triage(triage)] if triage.confirms == Some(first)));
    story.say(AMINA, 1, written[0].clone());
    assert_eq!(reduce(&story.entries).status, Some(CaseStatus::Closed));
}

#[test]
fn a_hold_for_duress_asks_how_the_defender_was_reached() {
    let stories = desk();
    let mut hand = Hand::at(&[&stories[1]]);
    hand.keys("s1");
    assert!(!hand.model.held.proposals().iter().any(|_| true));
    hand.keys("2heard her voice\n");
    assert!(hand.said().starts_with("It takes a second coordinator"), "{}", hand.said());
    assert!(matches!(&hand.bodies()[..], [Body::Triage(triage)] if triage.verified == Some(VerifiedBy::Call)));
}

#[test]
fn declining_asks_for_an_alternative() {
    let (mut story, alert) = Story::alert(START, Kind::Threat, Urgency::Expected, Severity::Minor);
    story.say(ME, 1, ack(alert));
    let mut hand = Hand::at(&[&story]);
    let ways = super::super::action::ways(&CaseStatus::Acked);
    let decline = ways.iter().position(|way| *way == CaseStatus::Declined).unwrap() + 1;
    hand.keys(&format!("s{decline}not ours\nthe union helps\n"));
    assert!(matches!(&hand.bodies()[..], [Body::Triage(triage)]
        if triage.alternative.as_ref().is_some_and(|text| text.raw() == "the union helps")));
}

#[test]
fn a_part_is_handed_over_by_whoever_has_it() {
    let stories = desk();
    let mut hand = Hand::at(&[&stories[5]]);
    hand.keys("h2");
    assert_eq!(hand.bodies(), [Body::from(part(KARIM, Part::Lead, Act::ShiftHandover))]);
    let mut hand = Hand::at(&[&stories[2]]);
    hand.keys("h");
    assert!(hand.said().starts_with("You have no part"), "{}", hand.said());
    hand.keys("t");
    assert_eq!(hand.bodies(), [Body::from(part(ME, Part::Backup, Act::Take))], "somebody leads already");
}

#[test]
fn notes_and_grades_go_to_the_desk_alone() {
    let stories = desk();
    let mut hand = Hand::at(&[&stories[2]]);
    hand.keys("ncall her aunt first\nvb2\nvx9\n");
    assert!(hand.said().starts_with("A letter A to F"), "{}", hand.said());
    hand.press(Key::Esc);
    let written = hand.written();
    assert!(written.iter().all(|proposal| proposal.at == Where::Desk && proposal.tlp() == Tlp::AmberStrict));
    assert!(matches!(&written[0].body, Body::Triage(triage) if triage.note.is_some() && triage.status.is_none()));
    assert!(matches!(&written[1].body, Body::Verification(grade)
        if (grade.reliability.as_str(), grade.credibility.as_str()) == ("B", "2")));
}

#[test]
fn practice_is_written_as_practice() {
    let stories = desk();
    let mut hand = Hand::at(&[&stories[3]]);
    hand.keys("a");
    assert!(hand.written().iter().all(|proposal| proposal.status() == Status::Exercise));
}

#[test]
fn what_has_become_pointless_while_it_was_held_is_not_written() {
    let (mut story, alert) = fresh();
    story.say(AMINA, 1, ack(alert));
    story.say(AMINA, 1, triage(Priority::P1));
    let mut hand = Hand::at(&[&story]);
    hand.keys("t");
    story.say(AMINA, 1, part(AMINA, Part::Lead, Act::Take));
    hand.model.load(board([&story]), facts(), hand.now, &hand.texts);
    assert_eq!(hand.bodies(), []);
    assert!(hand.said().contains("somebody leads this case already"), "{}", hand.said());
}

#[test]
fn leaving_asks_what_becomes_of_what_is_held() {
    let (story, alert) = fresh();
    let mut hand = Hand::at(&[&story]);
    assert_eq!(hand.press(Key::Char('q')), Next::Leave(Vec::new()));
    hand.keys("aq");
    assert_eq!(hand.press(Key::Char('x')), Next::Stay);
    hand.press(Key::Esc);
    assert_eq!(hand.press(Key::Interrupt), Next::Stay);
    assert_eq!(hand.press(Key::Char('d')), Next::Leave(Vec::new()));
    hand.keys("aq");
    let Next::Leave(written) = hand.press(Key::Char('s')) else { panic!("it is left") };
    assert_eq!(written.into_iter().map(|proposal| proposal.body).collect::<Vec<_>>(), [Body::from(ack(alert))]);
}

#[test]
fn without_a_group_or_a_case_nothing_is_held() {
    struct Nowhere;
    impl Desk for Nowhere {
        fn place(&mut self, _: &CaseId, _: &Where) -> Option<Place> {
            None
        }

        fn colleagues(&mut self, _: &CaseId) -> Vec<(Fingerprint, String)> {
            Vec::new()
        }
    }
    let (story, _) = fresh();
    let mut hand = Hand::at(&[&story]);
    hand.model.key(Key::Char('a'), NOW, &hand.texts, &mut Nowhere);
    assert!(hand.said().starts_with("This device is in no group"), "{}", hand.said());
    hand.model.key(Key::Char('h'), NOW, &hand.texts, &mut Nowhere);
    assert!(hand.said().starts_with("There is nobody"), "{}", hand.said());
    assert_eq!(hand.bodies(), []);
    let mut empty = Hand::at(&[]);
    empty.keys("atsh");
    assert!(empty.said().starts_with("Select a case first"));
    empty.keys("mf");
    assert_eq!(empty.press(Key::Enter), Next::Stay);
}

#[test]
fn typing_goes_back_and_forth() {
    let mut editor = super::super::editor::Editor::new("one two");
    editor.backspace_word();
    editor.type_in('x');
    editor.type_in('\u{7}');
    editor.left();
    editor.left();
    editor.delete();
    editor.home();
    editor.type_in('>');
    editor.right();
    editor.backspace();
    editor.end();
    assert_eq!((editor.text().as_str(), editor.after()), (">nex", ""));
    editor.home();
    editor.backspace();
    editor.left();
    assert_eq!(editor.after(), ">nex");
}

#[test]
fn a_place_is_proposed_to_the_host_of_an_offer_that_fits() {
    let mut story = Story::new(START + 50);
    let consent = EventId::of(b"consent");
    let request = story.say(SARA, 0, ShelterRequest::new(NeededBy::Tonight, consent));
    story.say(ME, 1, ack(request));
    let mut hand = Hand::at(&[&story]);
    hand.keys("m3");
    assert_eq!(hand.model.held.len(), 0, "there are two places");
    hand.keys("2");
    let proposals = hand.written();
    let offer = EventId::of(&[2]);
    let wanted = Match { request, offer, hold_until: None, state: MatchState::Proposed, carries: None };
    assert_eq!((&proposals[0].at, &proposals[0].body), (&Where::Link(offer), &Body::from(wanted)));
}

#[test]
fn nothing_is_passed_on_without_a_consent_and_with_one_no_more_than_it_grants() {
    let (mut story, alert) = fresh();
    story.say(ME, 1, ack(alert));
    let mut hand = Hand::at(&[&story]);
    hand.keys("f");
    assert!(hand.said().starts_with("Nothing may be passed on"), "{}", hand.said());
    let recipient = Recipient::known_as(RecipientClass::Organisation, "River desk").unwrap();
    let consent = story.say(
        SARA,
        1,
        Consent {
            act: ConsentAct::Grant,
            purpose: Purpose::Referral,
            recipient: recipient.clone(),
            fields: vec![ConsentField::Kind, ConsentField::Place],
            withheld: Vec::new(),
            given_by: GivenBy::Myself,
            method: ConsentMethod::Message,
            readback: false,
            withdraws: None,
        },
    );
    let mut hand = Hand::at(&[&story]);
    hand.keys("f2");
    hand.keys("1");
    let proposals = hand.written();
    assert_eq!(proposals.len(), 1, "{}", hand.said());
    assert_eq!(proposals[0].at, Where::Bridge(vec![7]), "the second choice is over the bridge");
    let Body::Referral(referral) = &proposals[0].body else { panic!("{:?}", proposals[0].body) };
    let Referral { to, fields_shared, consent: by, .. } = referral.as_ref();
    assert_eq!((to, by), (&recipient, &consent));
    assert_eq!(*fields_shared, [ConsentField::Kind, ConsentField::Place]);
}
