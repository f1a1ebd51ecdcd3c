//! Shelter: every stage allowed and refused, one place and two who want it, and what fits.

use himaya_protocol::case::shelter::{Misfit, NoMatch, Shelter, Stage, misfits, reduce_shelter};
use himaya_protocol::case::{Group, Refusal};
use himaya_protocol::content::body::{Consent, HandoverNote, Match, Offer, Recipient, ShelterRequest};
use himaya_protocol::content::value::Text;
use himaya_protocol::content::vocabulary::{
    AckLevel, ConsentAct, MatchState, Need, NeededBy, OfferState, Purpose, RecipientClass,
};
use himaya_protocol::content::{Body, EventId};

use crate::story::*;

const DAY: u64 = 1_440;

/// A defender's request, with consent, and a host's offer of so many places.
struct House {
    story: Story,
    request: EventId,
    offer: EventId,
}

fn host() -> Who {
    HOST.on(Group::HostLink)
}

fn offer(slots: u64, state: OfferState) -> Offer {
    Offer {
        slots,
        from: START,
        until: START + 30 * DAY,
        place: "IQ-SU".parse().expect("a region"),
        features: vec![Need::StepFree, Need::ChildSafe],
        max_nights: None,
        notice_h: 12,
        state,
    }
}

fn shelter_consent() -> Consent {
    let recipient = Recipient { class: RecipientClass::Desk, id: [3; 32] };
    Consent { purpose: Purpose::Shelter, recipient, ..consent(ConsentAct::Grant) }
}

fn house(slots: u64) -> House {
    let mut story = Story::default();
    let consent = story.say_around(DEFENDER, shelter_consent(), &in_minutes(30 * DAY));
    let request = story.say(DEFENDER, ShelterRequest::new(NeededBy::Tonight, consent));
    let offer = story.say(host(), offer(slots, OfferState::Open));
    House { story, request, offer }
}

impl House {
    fn shelter(&self) -> Shelter {
        reduce_shelter(&self.story.entries)
    }

    fn stage(&self) -> Option<Stage> {
        self.shelter().matches.get(&(self.request, self.offer)).copied().flatten()
    }

    fn about(&self, state: MatchState) -> Match {
        Match { request: self.request, offer: self.offer, hold_until: None, state, carries: None }
    }

    fn says(&mut self, who: Who, state: MatchState) -> EventId {
        let body = self.about(state);
        self.story.say(who, body)
    }

    fn refused(&self, event: EventId) -> Option<NoMatch> {
        self.shelter().refused.get(&event).copied()
    }

    /// As far as a stage.
    fn at(stage: Stage) -> Self {
        let mut house = house(1);
        let proposer = DILAN.on(Group::HostLink);
        type Step = (Stage, fn(&mut House, Who));
        let steps: [Step; 8] = [
            (Stage::Searching, |house, _| {
                let request = house.request;
                house.story.say(DILAN, ack(request, AckLevel::Acting));
            }),
            (Stage::Proposed, |house, who| drop_id(house.says(who, MatchState::Proposed))),
            (Stage::HostOk, |house, _| drop_id(house.says(host(), MatchState::HostOk))),
            (Stage::GuestOk, |house, _| drop_id(house.says(DEFENDER, MatchState::GuestOk))),
            (Stage::Handover, |house, _| {
                let note = HandoverNote { text: Text::new("by the gate").expect("a text") };
                house.story.say_around(DILAN, note, &in_minutes(60));
            }),
            (Stage::Sheltered, |house, _| {
                let request = house.request;
                house.story.say(DEFENDER, all_clear(request));
            }),
            (Stage::Departing, |house, _| {
                let named = house.story.entries.iter().rev().find(|entry| matches!(entry.body(), Body::Match(_)));
                let named = named.expect("there is a match").id();
                house.story.say(DEFENDER, stand_down(named));
            }),
            (Stage::Ended, |house, _| {
                let around = Around { replaces: Some(house.offer), ..Around::default() };
                house.story.say_around(host(), offer(1, OfferState::Open), &around);
            }),
        ];
        for (reached, step) in steps {
            if reached <= stage {
                step(&mut house, proposer);
            }
        }
        house
    }
}

fn drop_id(_: EventId) {}

#[test]
fn a_match_goes_through_all_its_stages() {
    let stages = [
        Stage::Requested,
        Stage::Searching,
        Stage::Proposed,
        Stage::HostOk,
        Stage::GuestOk,
        Stage::Handover,
        Stage::Sheltered,
        Stage::Departing,
        Stage::Ended,
    ];
    for stage in stages {
        let house = House::at(stage);
        let shelter = house.shelter();
        assert_eq!(shelter.requests[&house.request], stage, "{:?}", shelter.refused);
        assert!(shelter.refused.is_empty());
        let free = u64::from(!stage.takes_place());
        assert_eq!(shelter.places[&house.offer].free, free, "{stage:?}");
        assert_eq!(stage.is_open(), stage >= Stage::GuestOk, "until both accept, features and needs are all they see");
    }
}

/// Each word about a match, at each stage: who may say it, and when.
#[test]
fn every_word_at_every_stage() {
    let stages = [Stage::Searching, Stage::Proposed, Stage::HostOk, Stage::GuestOk, Stage::Handover, Stage::Sheltered];
    for stage in stages {
        for (who, word, at, result) in [
            (DILAN.on(Group::HostLink), MatchState::Proposed, &[Stage::Searching][..], Some(Stage::Proposed)),
            (host(), MatchState::HostOk, &[Stage::Proposed], Some(Stage::HostOk)),
            (DEFENDER, MatchState::GuestOk, &[Stage::HostOk], Some(Stage::GuestOk)),
            (DEFENDER, MatchState::Declined, &[Stage::Proposed, Stage::HostOk], None),
            (host(), MatchState::Declined, &[Stage::Proposed, Stage::HostOk], None),
            (DILAN, MatchState::Expired, &[Stage::Proposed], None),
            (DILAN, MatchState::Cancelled, &[Stage::Proposed, Stage::HostOk, Stage::GuestOk, Stage::Handover], None),
        ] {
            let mut house = House::at(stage);
            let before = house.stage();
            let event = house.says(who, word.clone());
            if at.contains(&stage) {
                assert_eq!((house.refused(event), house.stage()), (None, result), "{word} at {stage:?}");
            } else {
                assert_eq!(
                    (house.refused(event), house.stage()),
                    (Some(NoMatch::Stage), before),
                    "{word} at {stage:?}"
                );
            }
        }
    }
}

#[test]
fn who_may_not_say_what() {
    let stranger = Who { number: 99, ..host() };
    for (stage, who, word) in [
        (Stage::Proposed, stranger, MatchState::HostOk),
        (Stage::Proposed, DILAN, MatchState::HostOk),
        (Stage::HostOk, DILAN, MatchState::GuestOk),
        (Stage::HostOk, stranger, MatchState::Declined),
        (Stage::Searching, host(), MatchState::Proposed),
        (Stage::Proposed, DEFENDER, MatchState::Expired),
    ] {
        let mut house = House::at(stage);
        let event = house.says(who, word.clone());
        assert_eq!(house.refused(event), Some(NoMatch::Refused(Refusal::Role)), "{word}");
    }
    let mut house = house(1);
    let event = house.story.say(DILAN.on(Group::HostLink), offer(9, OfferState::Open));
    assert_eq!(house.refused(event), Some(NoMatch::Refused(Refusal::Role)), "only hosts write offers");
    let stolen = Around { replaces: Some(house.offer), ..Around::default() };
    let event = house.story.say_around(stranger, offer(9, OfferState::Open), &stolen);
    assert_eq!(house.refused(event), Some(NoMatch::Refused(Refusal::NotAuthor)), "nor anybody else's");
}

/// Two desks want one place at the same time: the host's first yes wins, on every replica.
#[test]
fn two_desks_race_for_one_place_and_one_wins() {
    let mut house = house(1);
    let consent = house.story.entries[0].id();
    let other = house.story.say(DEFENDER, ShelterRequest::new(NeededBy::Week, consent));
    let seen = house.story.heads();
    let matched = |house: &House, request, state| Match { request, ..house.about(state) };
    for (who, request) in [(DILAN, house.request), (AMINA, other)] {
        let body = matched(&house, request, MatchState::Proposed);
        house.story.say_having_seen(who.on(Group::HostLink), &seen, body, &Around::default());
    }
    let both = house.story.heads();
    let one_device = |house: &House| {
        let mut house = House { story: house.story.clone(), ..*house };
        let yes = [house.request, other].map(|request| {
            let body = matched(&house, request, MatchState::HostOk);
            house.story.say(host(), body)
        });
        (house, yes)
    };
    let two_devices = |house: &House| {
        let mut house = House { story: house.story.clone(), ..*house };
        let yes = [house.request, other].map(|request| {
            let body = matched(&house, request, MatchState::HostOk);
            house.story.say_having_seen(host(), &both, body, &Around::default())
        });
        (house, yes)
    };
    for (house, yes) in [one_device(&house), two_devices(&house)] {
        let shelter = house.shelter();
        let refused: Vec<_> = yes.iter().filter(|id| shelter.refused.get(id) == Some(&NoMatch::Full)).collect();
        assert_eq!(refused.len(), 1, "{:?}", shelter.refused);
        assert_eq!(shelter.places[&house.offer].free, 0);
        let won = shelter.matches.values().filter(|stage| **stage == Some(Stage::HostOk)).count();
        assert_eq!(won, 1);
        let mut backwards = house.story.entries.clone();
        backwards.reverse();
        backwards.extend(house.story.entries.clone());
        assert_eq!(reduce_shelter(&backwards), shelter);
    }
}

#[test]
fn holds_run_out_and_consents_end() {
    let mut house = House::at(Stage::Proposed);
    house.story.clock += 12 * 60;
    let late = house.says(host(), MatchState::HostOk);
    assert_eq!(house.refused(late), Some(NoMatch::Expired));
    house.says(DILAN, MatchState::Expired);
    let withdrawn = Consent { act: ConsentAct::Withdraw, fields: Vec::new(), ..shelter_consent() };
    house.story.say(DEFENDER, withdrawn);
    let without = house.says(DILAN, MatchState::Proposed);
    assert_eq!(house.refused(without), Some(NoMatch::NoConsent));
    let mut full = self::house(0);
    let event = full.says(DILAN, MatchState::Proposed);
    assert_eq!(full.refused(event), Some(NoMatch::Full));
    let unknown = Match { offer: EventId::of(b"no offer"), ..full.about(MatchState::Proposed) };
    let event = full.story.say(DILAN, unknown);
    assert_eq!(full.refused(event), Some(NoMatch::Unknown));
}

#[test]
fn a_no_wins_over_a_yes_that_did_not_know_of_it() {
    let mut house = House::at(Stage::Proposed);
    let seen = house.story.heads();
    for (who, word) in [(host(), MatchState::HostOk), (DEFENDER, MatchState::Declined)] {
        let body = house.about(word);
        house.story.say_having_seen(who, &seen, body, &Around::default());
    }
    assert_eq!(house.stage(), None);
    assert_eq!(house.shelter().requests[&house.request], Stage::Searching, "the search goes on");
    assert_eq!(house.shelter().places[&house.offer].free, 1);
}

#[test]
fn search_goes_by_features_and_regions() {
    let house = house(1);
    let place = house.shelter().places[&house.offer].clone();
    let plain = ShelterRequest::new(NeededBy::Tonight, house.request);
    let region = |code: &str| vec![code.parse().expect("a region")];
    assert_eq!(misfits(&plain, &place, START), []);
    assert_eq!(misfits(&plain, &place, START + 30 * DAY), [Misfit::Time]);
    let picky = ShelterRequest { needs: vec![Need::StepFree, Need::WomenOnly], ..plain.clone() };
    assert_eq!(misfits(&picky, &place, START), [Misfit::Lacks(Need::WomenOnly)]);
    assert_eq!(misfits(&ShelterRequest { area_ok: region("IQ-AR"), ..plain.clone() }, &place, START), [Misfit::Area]);
    assert_eq!(
        misfits(&ShelterRequest { area_avoid: region("IQ-SU"), ..plain.clone() }, &place, START),
        [Misfit::Area]
    );
    assert_eq!(misfits(&ShelterRequest { area_ok: region("IQ-SU"), ..plain.clone() }, &place, START), []);
    let full = House::at(Stage::HostOk);
    assert_eq!(misfits(&plain, &full.shelter().places[&full.offer], START), [Misfit::Full]);
}

/// Host and guest read no group in common: a coordinator carries the word of one to the other.
#[test]
fn a_coordinator_carries_what_was_said_and_nothing_else() {
    let mut house = House::at(Stage::HostOk);
    let said = house.story.entries.last().expect("the host's yes").id();
    let carry = |house: &House, state, carries| Match { carries: Some(carries), ..house.about(state) };
    let body = carry(&house, MatchState::HostOk, said);
    let told = house.story.say(DILAN, body);
    assert_eq!((house.refused(told), house.stage()), (None, Some(Stage::HostOk)));
    for (who, state, of) in [
        (DILAN, MatchState::GuestOk, said),
        (DILAN, MatchState::HostOk, told),
        (DILAN, MatchState::HostOk, EventId::of(b"nothing")),
        (DEFENDER, MatchState::HostOk, said),
    ] {
        let body = carry(&house, state, of);
        let wrong = house.story.say(who, body);
        assert!(house.refused(wrong).is_some());
        assert_eq!(house.stage(), Some(Stage::HostOk));
    }
}
