//! One person with a client.

use std::collections::BTreeSet;

use himaya::driver::Driver;
use himaya::engine::{self, Circle, CircleState, Draft, EngineError, Entry, News, Reach, Suspicion};
#[cfg(debug_assertions)]
use himaya::store::Moment;
use himaya::store::{Ctx, Profile};
use himaya_protocol::content::vocabulary::AckLevel;
use himaya_protocol::content::{EventId, sos};
use himaya_protocol::wire::card::CardKind;
use himaya_protocol::wire::policy::{GroupKind, Role};

use super::{Lies, Line, SimClock, SimWire};

/// One person with a client whose profile lies in memory.
pub struct Person {
    /// The name the person chose.
    pub name: String,
    /// The client.
    pub driver: Driver<SimWire>,
    /// What the client wrote to the relay.
    pub line: Line,
    /// What the relay tells this person that is not so. As long as it is honest, nobody may suspect it.
    pub lies: Lies,
    #[cfg(debug_assertions)]
    wire: SimWire,
    #[cfg(debug_assertions)]
    clock: SimClock,
    #[cfg(debug_assertions)]
    seed: [u8; 32],
}

impl Person {
    pub(super) fn new(name: &str, wire: SimWire, clock: SimClock, seed: [u8; 32], profile: Profile) -> Self {
        let mut driver = Driver::new(profile, wire.clone(), Box::new(clock.clone()), seed);
        driver.transact(|ctx| engine::found(ctx, name, &super::link())).expect("a new profile takes an identity");
        Self {
            name: name.to_owned(),
            driver,
            line: wire.line().clone(),
            lies: wire.lies().clone(),
            #[cfg(debug_assertions)]
            wire,
            #[cfg(debug_assertions)]
            clock,
            #[cfg(debug_assertions)]
            seed,
        }
    }

    /// Every page of the profile as it is once decrypted, free ones too.
    #[cfg(debug_assertions)]
    pub fn image(&mut self) -> Vec<u8> {
        self.restart_with(|profile| profile.image()).expect("the pages can be read")
    }

    /// Lets the client die at the `commit`-th commit from now that changes something; 0 is the next.
    #[cfg(debug_assertions)]
    pub fn die_at(&mut self, commit: u64, moment: Moment) {
        self.restart_with(|profile| profile.die_at(commit, moment));
    }

    /// Starts the client anew on what is on disk; whether it had died.
    #[cfg(debug_assertions)]
    pub fn restart(&mut self) -> bool {
        self.restart_with(Profile::restart)
    }

    #[cfg(debug_assertions)]
    fn restart_with<V>(&mut self, change: impl FnOnce(&mut Profile) -> V) -> V {
        let other = Profile::ephemeral().expect("a profile in memory can be made");
        let place_taker = Driver::new(other, self.wire.clone(), Box::new(self.clock.clone()), self.seed);
        let mut profile = std::mem::replace(&mut self.driver, place_taker).into_profile();
        let changed = change(&mut profile);
        let last = self.seed.last_mut().expect("a seed has 32 bytes");
        *last = last.wrapping_add(1);
        self.driver = Driver::new(profile, self.wire.clone(), Box::new(self.clock.clone()), self.seed);
        changed
    }

    /// Runs something of the engine that must work.
    pub fn run<V>(&mut self, work: impl FnOnce(&mut Ctx<'_>) -> Result<V, EngineError>) -> V {
        let name = self.name.clone();
        self.driver.transact(work).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Syncs over a line that works.
    pub async fn sync(&mut self) -> Vec<News> {
        let name = self.name.clone();
        let news = self.driver.sync().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        self.assert_trusts();
        news
    }

    /// Must not suspect a relay that has not lied.
    pub fn assert_trusts(&mut self) {
        let suspicions = self.suspicions();
        assert!(self.lies.are_told() || suspicions.is_empty(), "{} suspects {suspicions:?}", self.name);
    }

    /// What this person suspects the relay of.
    pub fn suspicions(&mut self) -> Vec<Suspicion> {
        self.run(|ctx| engine::suspicions(ctx))
    }

    /// Makes a circle.
    pub fn create_circle(&mut self, name: &str) {
        self.run(|ctx| engine::create(ctx, name));
    }

    /// A circle of this person.
    pub fn circle(&mut self, name: &str) -> Circle {
        self.run(|ctx| engine::named(ctx, name))
    }

    /// Whether this person is in a circle and follows it.
    pub fn follows(&mut self, name: &str) -> bool {
        let circle = self.driver.transact(|ctx| engine::named(ctx, name));
        circle.is_ok_and(|circle| circle.state == CircleState::Active && circle.adrift.is_none())
    }

    /// Whether this person takes itself for a member of a circle.
    pub fn belongs(&mut self, name: &str) -> bool {
        let circle = self.driver.transact(|ctx| engine::named(ctx, name));
        circle.is_ok_and(|circle| circle.state == CircleState::Active)
    }

    /// Gives `other` a card, which is accepted and sent; nothing is approved yet.
    pub async fn hand_card(&mut self, other: &mut Person) {
        self.hand(other, CardKind::Single).await;
    }

    async fn hand(&mut self, other: &mut Person, kind: CardKind) {
        let card = self.run(|ctx| engine::new_card(ctx, kind));
        self.sync().await;
        let key = other.driver.card_key(&card).await.expect("the card's key is on the relay");
        other.run(|ctx| engine::accept_card(ctx, &card, &key, Some("it is me")));
        other.sync().await;
    }

    /// Adds `other` to a circle as a contact: card, hello, approval, commit, Welcome.
    pub async fn add(&mut self, other: &mut Person, circle: &str) {
        self.add_as(other, circle, Role::Contact).await;
    }

    /// Adds `other` to a circle.
    pub async fn add_as(&mut self, other: &mut Person, circle: &str, role: Role) {
        self.hand_card(other).await;
        self.sync().await;
        self.approve_newest(circle, role);
        self.sync().await;
        other.sync().await;
    }

    /// Approves the request that came last.
    pub fn approve_newest(&mut self, circle: &str, role: Role) {
        let circle = self.circle(circle);
        let request = self.newest_request();
        self.run(|ctx| engine::approve(ctx, request, &circle, role));
    }

    fn newest_request(&mut self) -> u64 {
        self.run(|ctx| engine::requests(ctx)).pop().expect("a request has come").id
    }

    /// Gives `other`, who accepts an intake card, a group with this person's desk: a defender a line, a host a link. Both
    /// have to sync before it is whole.
    pub async fn let_in(&mut self, other: &mut Person, kind: GroupKind, role: Role) {
        self.let_in_by(other, None, kind, role).await;
    }

    /// The same for one of several desks.
    pub async fn let_in_by(&mut self, other: &mut Person, desk: Option<&str>, kind: GroupKind, role: Role) {
        self.hand(other, CardKind::Intake).await;
        self.sync().await;
        let request = self.newest_request();
        self.run(|ctx| {
            let desk = engine::desk(ctx, desk)?;
            engine::approve_for_desk(ctx, request, &desk, kind, role)
        });
    }

    /// Gives a defender a line.
    pub async fn open_line(&mut self, defender: &mut Person) {
        self.let_in(defender, GroupKind::Line, Role::Defender).await;
    }

    /// Removes a member.
    pub fn remove(&mut self, circle: &str, member: &str) {
        let circle = self.circle(circle);
        self.run(|ctx| engine::remove(ctx, &circle, member));
    }

    /// Raises an alert; it is queued, not sent.
    pub fn sos(&mut self, circle: &str) -> EventId {
        let circle = self.circle(circle);
        let alert = sos::alert(None).expect("sos without a word is an alert");
        self.run(|ctx| engine::raise(ctx, Some(&circle), alert, &Draft::default()))
    }

    /// Acknowledges an event as a person.
    pub fn ack(&mut self, event: EventId) {
        self.run(|ctx| engine::acknowledge(ctx, &event, AckLevel::Human, None));
    }

    /// Everything in the log but acknowledgements.
    pub fn inbox(&mut self) -> Vec<Entry> {
        self.run(|ctx| engine::inbox(ctx))
    }

    /// The ids of everything in the log but acknowledgements.
    pub fn event_ids(&mut self) -> BTreeSet<EventId> {
        self.inbox().iter().map(|entry| entry.event.id()).collect()
    }

    /// Whether an event is in the log.
    pub fn has(&mut self, event: EventId) -> bool {
        self.event_ids().contains(&event)
    }

    /// How far an event got.
    pub fn reach(&mut self, event: EventId) -> Reach {
        let entry = self.inbox().into_iter().find(|entry| entry.event.id() == event).expect("the event is in the log");
        self.run(|ctx| engine::status(ctx, &entry))
    }

    /// The names of a circle's members.
    pub fn members(&mut self, circle: &str) -> BTreeSet<String> {
        let circle = self.circle(circle);
        self.run(|ctx| engine::members(ctx, &circle.id)).into_iter().map(|member| member.name).collect()
    }
}
