//! The operations, and who does them.

use std::collections::BTreeSet;

use himaya::engine::{self, CircleState, Draft};
use himaya::store::Moment;
use himaya_protocol::content::sos;
use himaya_protocol::wire::card::CardKind;
use himaya_protocol::wire::policy::Role;
use himaya_tests::sim::{DAY, Person, World};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::model::Model;

const MEMBERS: usize = 20;
const OUTSIDE: usize = 4;
const RECEIPTS: usize = 4;
const STEPS: usize = 500;
/// How many windows the relay keeps.
const KEPT: u8 = 4;
/// Fewer than these are never left.
const FEWEST: usize = 12;
/// How often the owner tries to read on a bad day.
const TRIES: usize = 100;

struct Storm {
    world: World,
    people: Vec<Person>,
    /// Until which step somebody's device is off.
    off: Vec<usize>,
    rng: ChaCha20Rng,
    model: Model,
    bad: bool,
}

/// Plays one storm to its end.
pub(crate) async fn storm(seed: u64) {
    let mut storm = Storm::begin(seed).await;
    for step in 0..STEPS {
        storm.world.clock.advance(1);
        storm.once(step).await;
    }
    storm.calm().await;
}

impl Storm {
    async fn begin(seed: u64) -> Self {
        let mut world = World::with_retention(seed, KEPT);
        let mut people = world.circle_of(MEMBERS).await;
        // Receipts of a few are enough; those of all would be most of what is read.
        for person in people.iter_mut().skip(RECEIPTS) {
            person.run(|ctx| Ok(ctx.set_number("receipt mean", 0)?));
        }
        people.extend((0..OUTSIDE).map(|number| world.person(&format!("outsider {number}"))));
        let mut model = Model::new(seed);
        people.iter_mut().for_each(|person| model.look(person));
        let rng = ChaCha20Rng::seed_from_u64(seed);
        Self { world, off: vec![0; people.len()], people, rng, model, bad: false }
    }

    fn person(&mut self, who: usize) -> &mut Person {
        self.people.get_mut(who).expect("who is one of the people")
    }

    fn active(&mut self, who: usize) -> bool {
        let circle = self.person(who).driver.transact(|ctx| engine::named(ctx, "home"));
        circle.is_ok_and(|circle| circle.state == CircleState::Active)
    }

    /// Somebody whose device is on.
    fn somebody(&mut self, step: usize) -> usize {
        let on: Vec<usize> =
            self.off.iter().enumerate().filter(|(_, until)| **until <= step).map(|(who, _)| who).collect();
        on.choose(&mut self.rng).copied().unwrap_or_default()
    }

    async fn once(&mut self, step: usize) {
        let who = self.somebody(step);
        match self.rng.random_range(0..100) {
            0..18 => self.send(who),
            18..66 => self.sync(who).await,
            66..71 => {
                self.model.step(format!("{who} only sends"));
                self.person(who).driver.flush().await;
                self.wake(who);
            }
            71..73 => self.remove(),
            73..76 => self.invite(step).await,
            76..80 => self.approve(),
            80..82 => {
                self.model.step(format!("{who} does what is due"));
                let _dead = self.person(who).driver.transact(engine::tick);
                self.wake(who);
            }
            82 => self.leave(who),
            83..88 => self.doom(who),
            88..93 => {
                let seconds = self.rng.random_range(600..4 * 3_600);
                self.model.step(format!("{seconds} seconds go by"));
                self.world.clock.advance(seconds);
            }
            93..95 => self.day().await,
            95..97 => self.weather(),
            97 => {
                self.model.step("the relay starts anew".to_owned());
                self.world.faults.restart_relay();
            }
            _ => {
                let steps = self.rng.random_range(20..200);
                // The owner's device is on: a circle whose owner is away for longer than the relay remembers is lost.
                if who > 0 {
                    self.model.step(format!("{who} is off for {steps} steps"));
                    *self.off.get_mut(who).expect("who is one of the people") = step + steps;
                }
            }
        }
    }

    fn send(&mut self, who: usize) {
        if !self.active(who) {
            return;
        }
        self.model.step(format!("{who} sends"));
        let draft = Draft { expires_hours: Some(720), ..Draft::default() };
        let event = self.person(who).driver.transact(|ctx| {
            let circle = engine::named(ctx, "home")?;
            engine::raise(ctx, Some(&circle), sos::alert(None).expect("sos without a word is an alert"), &draft)
        });
        if self.wake(who) {
            return;
        }
        let event = event.unwrap_or_else(|error| panic!("{who}: {error}"));
        let person = self.people.get_mut(who).expect("who is one of the people");
        self.model.sent(person, event);
    }

    async fn sync(&mut self, who: usize) {
        self.model.step(format!("{who} syncs"));
        let oldest = self.world.relay.descriptor().await.oldest_window;
        let window = self.person(who).driver.transact(|ctx| Ok(ctx.number(engine::READ_WINDOW)?));
        if let Ok(Some(window)) = window
            && window < u64::from(oldest)
        {
            let name = self.person(who).name.clone();
            self.model.missed(&name);
        }
        let outcome = self.person(who).driver.sync().await;
        let died = self.wake(who);
        assert!(outcome.is_ok() || died || self.bad, "{who}: {outcome:?}");
    }

    /// Starts a client that died; looks where it is. Whether it had died.
    fn wake(&mut self, who: usize) -> bool {
        let person = self.people.get_mut(who).expect("who is one of the people");
        let died = person.driver.transact(|_| Ok(())).is_err() && person.restart();
        if died {
            self.model.step(format!("{who} had died"));
        }
        self.model.look(person);
        if who == 0 {
            let everybody: Vec<String> = self.people.iter().map(|person| person.name.clone()).collect();
            let owner = self.people.first_mut().expect("the owner is there");
            self.model.owner(owner, &everybody);
        }
        died
    }

    fn remove(&mut self) {
        let members = self.person(0).members("home");
        let names: Vec<String> = members.into_iter().filter(|name| name != "person 0").collect();
        if names.len() < FEWEST {
            return;
        }
        let name = names.choose(&mut self.rng).expect("there are members").clone();
        self.model.step(format!("the owner removes {name}"));
        let _dead = self.person(0).driver.transact(|ctx| engine::remove(ctx, &engine::named(ctx, "home")?, &name));
        self.wake(0);
    }

    /// Somebody outside takes a card of the owner's, as far as the line allows.
    async fn invite(&mut self, step: usize) {
        let candidates: Vec<usize> = (1..self.people.len()).filter(|who| self.off.get(*who) <= Some(&step)).collect();
        let candidates: Vec<usize> = candidates.into_iter().filter(|who| !self.active(*who)).collect();
        let Some(&who) = candidates.choose(&mut self.rng) else { return };
        self.model.step(format!("{who} takes a card"));
        let Ok(card) = self.person(0).driver.transact(|ctx| engine::new_card(ctx, CardKind::Single)) else {
            self.wake(0);
            return;
        };
        self.sync(0).await;
        if let Ok(key) = self.person(who).driver.card_key(&card).await {
            let _dead = self.person(who).driver.transact(|ctx| engine::accept_card(ctx, &card, &key, None));
        }
        self.wake(who);
        self.sync(who).await;
    }

    fn approve(&mut self) {
        self.model.step("the owner approves whoever asked".to_owned());
        let requests = self.person(0).driver.transact(|ctx| engine::requests(ctx)).unwrap_or_default();
        for request in requests {
            let role = if self.rng.random_ratio(1, 4) { Role::Coordinator } else { Role::Contact };
            // Whoever is a member again by another request stays in the list.
            let _member = self
                .person(0)
                .driver
                .transact(|ctx| engine::approve(ctx, request.id, &engine::named(ctx, "home")?, role));
        }
        self.wake(0);
    }

    fn leave(&mut self, who: usize) {
        if who == 0 || !self.active(who) || self.person(0).members("home").len() <= FEWEST {
            return;
        }
        self.model.step(format!("{who} leaves"));
        let _dead = self.person(who).driver.transact(|ctx| engine::leave(ctx, &engine::named(ctx, "home")?));
        self.wake(who);
    }

    fn doom(&mut self, who: usize) {
        let commit = self.rng.random_range(0..20);
        let moment = if self.rng.random() { Moment::BeforeCommit } else { Moment::AfterCommit };
        self.model.step(format!("{who} will die {moment:?} {commit}"));
        self.person(who).die_at(commit, moment);
    }

    /// A day goes by. The owner reads every day, however bad the line: a circle whose owner has missed windows is lost
    /// unless a coordinator adds the owner again, which is played elsewhere.
    async fn day(&mut self) {
        self.model.step("a day goes by".to_owned());
        self.world.clock.advance(DAY);
        let today = u64::from(self.world.relay.descriptor().await.current_window);
        for _ in 0..TRIES {
            self.sync(0).await;
            if self.person(0).driver.transact(|ctx| Ok(ctx.number(engine::READ_WINDOW)?)).ok().flatten() == Some(today)
            {
                return;
            }
        }
        panic!("the owner cannot read in {TRIES} tries");
    }

    fn weather(&mut self) {
        self.bad = !self.bad;
        self.model.step(format!("the line is {}", if self.bad { "bad" } else { "good" }));
        if self.bad {
            self.world.faults.bad_line();
        } else {
            self.world.faults.heal();
        }
    }

    /// Everything works again and everybody syncs, until nobody has anything left to do.
    async fn calm(&mut self) {
        self.model.step("calm".to_owned());
        self.world.faults.heal();
        self.bad = false;
        for person in &mut self.people {
            person.restart();
        }
        let everybody: BTreeSet<usize> = (0..self.people.len()).collect();
        for round in 0..16 {
            self.world.clock.advance(if round < 5 { DAY / 2 } else { 60 });
            for &who in &everybody {
                self.sync(who).await;
            }
            if round > 5 && self.people.iter_mut().all(at_rest) {
                break;
            }
        }
        for &who in &everybody {
            self.sync(who).await;
        }
        self.model.verdict(&mut self.people);
    }
}

/// Whether a client has nothing left to change.
fn at_rest(person: &mut Person) -> bool {
    !person.belongs("home") || person.circle("home").pending == 0
}
