//! Shelter between people who must not know of each other: a host, a guest, and the desks between them.

use himaya::engine::{self, EngineError};
use himaya_protocol::case::shelter::{NoMatch, Stage};
use himaya_protocol::content::body::{Offer, ShelterRequest};
use himaya_protocol::content::value::Text;
use himaya_protocol::content::vocabulary::{MatchState, Need, NeededBy, OfferState, Status};
use himaya_protocol::content::{Body, CaseId, EventId};
use himaya_protocol::wire::policy::{GroupKind, Role};
use himaya_tests::sim::{Person, World, play, round};

const DAY: u64 = 1_440;

/// Somebody is let in by a desk: a defender to a line, a host to a link.
async fn let_in(coordinator: &mut Person, other: &mut Person, kind: GroupKind, role: Role) {
    coordinator.let_in(other, kind, role).await;
    round(&mut [coordinator, other]).await;
}

/// A desk of one, with a line to a defender.
async fn desk_with_line(world: &mut World, desk: &str, coordinator: &str, defender: &str) -> (Person, Person) {
    let (mut coordinator, mut defender) = (world.person(coordinator), world.person(defender));
    coordinator.run(|ctx| engine::new_desk(ctx, desk));
    let_in(&mut coordinator, &mut defender, GroupKind::Line, Role::Defender).await;
    (coordinator, defender)
}

fn offers(host: &mut Person, slots: u64, now: u64) -> Vec<EventId> {
    let offer = Offer {
        slots,
        from: now,
        until: now + 30 * DAY,
        place: "IQ-SU".parse().expect("a region"),
        features: vec![Need::StepFree],
        max_nights: None,
        notice_h: 12,
        state: OfferState::Open,
    };
    host.run(|ctx| engine::put_up_offer(ctx, &offer))
}

fn asks(defender: &mut Person) -> EventId {
    asks_in(defender, Status::Actual)
}

fn asks_in(defender: &mut Person, status: Status) -> EventId {
    defender.run(|ctx| {
        let line = engine::own_line(ctx, None)?;
        engine::ask_for_shelter(ctx, &line, status, |consent| ShelterRequest {
            needs: vec![Need::StepFree],
            ..ShelterRequest::new(NeededBy::Tonight, consent)
        })
    })
}

/// The newest word about a match that this person was told.
fn told(person: &mut Person, state: &MatchState) -> EventId {
    let mut words = person.run(|ctx| engine::log(ctx)).into_iter().filter(|entry| !entry.own);
    let is_it = |entry: &himaya::engine::Entry| matches!(entry.event.body(), Body::Match(said) if said.state == *state);
    words.rfind(is_it).unwrap_or_else(|| panic!("{} was not told", person.name)).event.id()
}

fn stage(person: &mut Person, request: EventId) -> Option<Stage> {
    let case = CaseId::from_slice(request.as_bytes()).expect("an id");
    person.run(|ctx| engine::stage_of(ctx, &case)).map(|(_, stage)| stage)
}

/// From the request to the way home: neither learns of the other before both have said yes.
#[test]
fn host_and_guest_meet_when_both_have_said_yes() {
    play(|| async {
        let mut world = World::new(51);
        let (mut sara, mut dilan) = desk_with_line(&mut world, "Night desk", "Sara", "Dilan").await;
        let mut rojin = world.person("Rojin");
        let_in(&mut sara, &mut rojin, GroupKind::HostLink, Role::Host).await;
        let offer = offers(&mut rojin, 1, world.clock.seconds() / 60)[0];
        let request = asks(&mut dilan);
        round(&mut [&mut rojin, &mut dilan, &mut sara]).await;

        let found = sara.run(|ctx| engine::search(ctx, &request));
        assert_eq!((found.len(), found[0].0, found[0].2.len()), (1, offer, 0), "it fits");
        sara.run(|ctx| engine::propose(ctx, &request, &offer, None));
        round(&mut [&mut sara, &mut rojin, &mut dilan]).await;
        assert!(!dilan.run(|ctx| engine::log(ctx)).iter().any(|entry| matches!(entry.event.body(), Body::Match(_))));
        let proposed = told(&mut rojin, &MatchState::Proposed);
        rojin.run(|ctx| engine::answer_match(ctx, &proposed, true));
        round(&mut [&mut rojin, &mut sara, &mut dilan]).await;
        assert_eq!(stage(&mut sara, request), Some(Stage::HostOk));

        // Not before the guest has said yes, too.
        let case = CaseId::from_slice(request.as_bytes()).expect("an id");
        sara.ack(request);
        sara.run(|ctx| engine::open_case(ctx, &case));
        round(&mut [&mut sara, &mut dilan]).await;
        let home = sara.run(|ctx| engine::home(ctx, &case));
        let host = sara.run(|ctx| engine::fellow(ctx, "Rojin"));
        let early = sara.driver.transact(|ctx| engine::bring_in(ctx, &home, &host, Role::Host));
        assert!(matches!(early, Err(EngineError::NotBoth)), "{early:?}");

        let yes = told(&mut dilan, &MatchState::HostOk);
        dilan.run(|ctx| engine::answer_match(ctx, &yes, true));
        round(&mut [&mut dilan, &mut sara, &mut rojin]).await;
        assert_eq!(stage(&mut sara, request), Some(Stage::GuestOk));
        told(&mut rojin, &MatchState::GuestOk);
        assert!(dilan.run(|ctx| engine::fellows(ctx)).iter().all(|fellow| fellow.name != "Rojin"));
        sara.run(|ctx| engine::bring_in(ctx, &home, &host, Role::Host));
        round(&mut [&mut sara, &mut rojin, &mut dilan]).await;
        assert!(dilan.run(|ctx| engine::fellows(ctx)).iter().any(|fellow| fellow.name == "Rojin"));

        // The note is read once, by each, and is gone.
        rojin.run(|ctx| engine::hand_over(ctx, &case, Text::new("the bench by the north gate").expect("short"), 6));
        round(&mut [&mut rojin, &mut dilan, &mut sara]).await;
        assert_eq!(stage(&mut sara, request), Some(Stage::Handover));
        assert_eq!(dilan.run(|ctx| engine::take_notes(ctx, &case)).len(), 1);
        assert_eq!(dilan.run(|ctx| engine::take_notes(ctx, &case)).len(), 0);
        dilan.run(|ctx| engine::clear(ctx, &request, None));
        round(&mut [&mut dilan, &mut sara]).await;
        assert_eq!(stage(&mut sara, request), Some(Stage::Sheltered));

        dilan.run(|ctx| engine::depart(ctx, &case));
        round(&mut [&mut dilan, &mut sara, &mut rojin]).await;
        assert_eq!(stage(&mut sara, request), Some(Stage::Departing));
        let own = rojin.run(|ctx| engine::own_places(ctx))[0].first;
        rojin.run(|ctx| {
            engine::change_offer(ctx, &own, |offer| {
                offer.slots = 1;
                offer.state = OfferState::Open;
            })
        });
        round(&mut [&mut rojin, &mut sara]).await;
        assert_eq!(stage(&mut sara, request), Some(Stage::Ended));
        assert_eq!(sara.run(|ctx| engine::shelter(ctx)).places[&offer].free, 1, "the place can be had again");
    });
}

/// One place, two desks: the host's first yes gets it, and whoever comes second is told.
#[test]
fn two_desks_that_want_one_place_end_with_one_winner() {
    play(|| async {
        let mut world = World::new(52);
        let (mut sara, mut dilan) = desk_with_line(&mut world, "Night desk", "Sara", "Dilan").await;
        let (mut nora, mut aram) = desk_with_line(&mut world, "River desk", "Nora", "Aram").await;
        let mut rojin = world.person("Rojin");
        let_in(&mut sara, &mut rojin, GroupKind::HostLink, Role::Host).await;
        let_in(&mut nora, &mut rojin, GroupKind::HostLink, Role::Host).await;
        let ids = offers(&mut rojin, 1, world.clock.seconds() / 60);
        assert_eq!(ids.len(), 2, "each desk knows of the place");
        let requests = [asks(&mut dilan), asks(&mut aram)];
        round(&mut [&mut rojin, &mut dilan, &mut aram, &mut sara, &mut nora]).await;
        for (coordinator, request) in [(&mut sara, requests[0]), (&mut nora, requests[1])] {
            let offer = coordinator.run(|ctx| engine::search(ctx, &request))[0].0;
            coordinator.run(|ctx| engine::propose(ctx, &request, &offer, None));
            coordinator.sync().await;
        }
        round(&mut [&mut rojin]).await;
        let proposals: Vec<EventId> = rojin
            .run(|ctx| engine::log(ctx))
            .iter()
            .filter(|entry| matches!(entry.event.body(), Body::Match(_)))
            .map(|entry| entry.event.id())
            .collect();
        assert_eq!(proposals.len(), 2);
        rojin.run(|ctx| engine::answer_match(ctx, &proposals[0], true));
        let second = rojin.driver.transact(|ctx| engine::answer_match(ctx, &proposals[1], true));
        assert!(matches!(second, Err(EngineError::NoMatch(NoMatch::Full))), "{second:?}");
        rojin.run(|ctx| engine::answer_match(ctx, &proposals[1], false));
        round(&mut [&mut rojin, &mut sara, &mut nora]).await;
        let stages = [stage(&mut sara, requests[0]), stage(&mut nora, requests[1])];
        assert_eq!(stages.iter().filter(|stage| **stage == Some(Stage::HostOk)).count(), 1, "{stages:?}");
        for coordinator in [&mut sara, &mut nora] {
            let places = coordinator.run(|ctx| engine::shelter(ctx)).places;
            assert!(places.values().all(|place| place.free == 0), "no place is left for either");
        }
    });
}

/// What is said about a request that is practice is practice too, also by a host, who sees no more than the proposal.
#[test]
fn a_practised_match_is_marked_as_practice_to_its_end() {
    play(|| async {
        let mut world = World::new(53);
        let (mut sara, mut dilan) = desk_with_line(&mut world, "Night desk", "Sara", "Dilan").await;
        let mut rojin = world.person("Rojin");
        let_in(&mut sara, &mut rojin, GroupKind::HostLink, Role::Host).await;
        let offer = offers(&mut rojin, 1, world.clock.seconds() / 60)[0];
        let request = asks_in(&mut dilan, Status::Exercise);
        round(&mut [&mut rojin, &mut dilan, &mut sara]).await;
        sara.run(|ctx| engine::propose(ctx, &request, &offer, None));
        round(&mut [&mut sara, &mut rojin]).await;
        let proposed = told(&mut rojin, &MatchState::Proposed);
        rojin.run(|ctx| engine::answer_match(ctx, &proposed, true));
        round(&mut [&mut rojin, &mut sara, &mut dilan]).await;
        let yes = told(&mut dilan, &MatchState::HostOk);
        dilan.run(|ctx| engine::answer_match(ctx, &yes, true));
        let case = CaseId::from_slice(request.as_bytes()).expect("an id");
        sara.ack(request);
        sara.run(|ctx| engine::open_case(ctx, &case));
        round(&mut [&mut dilan, &mut sara, &mut rojin]).await;
        let home = sara.run(|ctx| engine::home(ctx, &case));
        let host = sara.run(|ctx| engine::fellow(ctx, "Rojin"));
        sara.run(|ctx| engine::bring_in(ctx, &home, &host, Role::Host));
        round(&mut [&mut sara, &mut rojin, &mut dilan]).await;
        rojin.run(|ctx| engine::hand_over(ctx, &case, Text::new("by the gate").expect("short"), 6));
        dilan.run(|ctx| engine::depart(ctx, &case));
        round(&mut [&mut rojin, &mut dilan, &mut sara]).await;
        let mut kinds = 0;
        for entry in sara.run(|ctx| engine::case_log(ctx, &case)) {
            let about = matches!(entry.event.body(), Body::Match(_) | Body::HandoverNote(_) | Body::StandDown(_));
            kinds += usize::from(about);
            assert!(!about || entry.event.content().status == Status::Exercise, "{:?}", entry.event.body());
        }
        assert!(kinds >= 5, "{kinds} words about the match");
    });
}
