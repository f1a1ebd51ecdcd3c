//! I4 and I5 across crashes: a client dies before and after every single commit of a scripted scene, and starts again
//! on what is on disk. Everything queued arrives once, nobody falls out of the circle, and no other bytes take the place
//! of any that may have left.
//!
//! By default a client that died dies again a few commits after it has come back, so that few runs try every place.
//! With `HIMAYA_CRASHES=all` it dies once a run, in as many runs as the scene has commits.
#![cfg(debug_assertions)]
#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails")]

use std::collections::BTreeMap;

use himaya::engine::{self, EngineError};
use himaya::store::{Ctx, Moment};
use himaya_protocol::content::EventId;
use himaya_protocol::wire::card::{Card, CardKind};
use himaya_protocol::wire::policy::Role;
use himaya_tests::sim::{Auditor, Ledger, Person, World, play};

/// How many commits after coming back a client dies again.
const AGAIN: u64 = 6;

/// Where one run of a scene dies.
#[derive(Debug, Clone, Copy)]
struct Death {
    who: usize,
    commit: u64,
    moment: Moment,
    again: bool,
}

/// People of whom one dies.
struct Cast {
    world: World,
    people: Vec<Person>,
    death: Death,
    died: bool,
    ledger: Ledger,
    auditor: Auditor,
}

impl Cast {
    fn new(world: World, mut people: Vec<Person>, death: Death) -> Self {
        people[death.who].die_at(death.commit, death.moment);
        let ledger = Ledger::noting(format!("{death:?}"));
        Self { world, people, death, died: false, ledger, auditor: Auditor::default() }
    }

    /// Starts a client that died anew; whether it had.
    fn revive(&mut self, who: usize) -> bool {
        let dead = self.people[who].driver.transact(|_| Ok(())).is_err();
        if dead {
            let death = self.death;
            assert!(self.people[who].restart() && who == death.who, "{death:?}: nobody else dies");
            self.died = true;
            if death.again {
                self.people[who].die_at(AGAIN, death.moment);
            }
        }
        dead
    }

    /// Somebody does something; if the client dies over it, it is looked up whether it happened, and done if not.
    fn act<V>(
        &mut self,
        who: usize,
        happened: impl Fn(&Ctx<'_>) -> Result<Option<V>, EngineError>,
        act: impl Fn(&mut Ctx<'_>) -> Result<V, EngineError>,
    ) -> V {
        loop {
            match self.people[who].driver.transact(&act) {
                Ok(done) => return done,
                Err(error) => assert!(self.revive(who), "{:?}: {error}", self.death),
            }
            if let Some(done) = self.people[who].run(|ctx| happened(ctx)) {
                return done;
            }
        }
    }

    /// Syncs; whoever dies over it does it again.
    async fn sync(&mut self, who: usize) {
        while let Err(error) = self.people[who].driver.sync().await {
            assert!(self.revive(who), "{:?}: {error}", self.death);
        }
    }

    async fn sync_all(&mut self) {
        for who in 0..self.people.len() {
            self.sync(who).await;
            self.ledger.check(&mut self.people[who]);
        }
    }

    fn sos(&mut self, who: usize) -> EventId {
        let known = self.people[who].run(|ctx| engine::log(ctx)).len();
        self.act(
            who,
            |ctx| Ok(engine::log(ctx)?.get(known).map(|entry| entry.event.id())),
            |ctx| {
                let circle = engine::named(ctx, "home")?;
                let alert = himaya_protocol::content::sos::alert(None).expect("sos without a word is an alert");
                engine::raise(ctx, Some(&circle), alert, &engine::Draft::default())
            },
        )
    }

    /// What everybody must agree on in the end.
    async fn finish(mut self, events: &[EventId], readers: &[usize]) -> bool {
        for _ in 0..6 {
            self.world.clock.advance(400);
            self.sync_all().await;
            if self.people.iter_mut().all(|one| !one.follows("home") || one.circle("home").pending == 0) {
                break;
            }
        }
        self.sync_all().await;
        let death = self.death;
        self.ledger.assert_together(&mut self.people, "home");
        for &who in readers {
            let mut counts: BTreeMap<EventId, usize> = BTreeMap::new();
            for entry in self.people[who].inbox() {
                *counts.entry(entry.event.id()).or_default() += 1;
            }
            for event in events {
                assert_eq!(counts.get(event), Some(&1), "{death:?}: {who} has every event once");
            }
            assert!(self.people[who].follows("home"), "{death:?}: {who} follows");
            assert_eq!(self.people[who].circle("home").pending, 0, "{death:?}: {who} has nothing left to change");
        }
        self.auditor.assert_wrote_once(&self.people, &format!("{death:?}"));
        self.died
    }
}

/// Every commit of one person, before and after.
fn everywhere<F: Future<Output = bool> + 'static>(who: usize, scene: fn(Death) -> F) {
    let again = std::env::var_os("HIMAYA_CRASHES").is_none();
    for moment in [Moment::BeforeCommit, Moment::AfterCommit] {
        let mut commit = 0;
        while !again || commit <= AGAIN {
            let (send, died) = std::sync::mpsc::channel();
            play(move || async move {
                let outcome = scene(Death { who, commit, moment, again }).await;
                send.send(outcome).expect("the test waits for it");
            });
            if !died.recv().expect("the scene was played") {
                break;
            }
            commit += 1;
        }
        assert!(commit > AGAIN, "the scene has commits to die at: {commit}");
    }
}

/// An alert, an answer, a removal and updates that race, alerts in the new epochs.
async fn conversation(death: Death) -> bool {
    let mut world = World::new(701);
    let mut people = world.circle_of(4).await;
    world.clock.advance(11 * 3_600);
    let mut auditor = people.remove(3);
    let mut cast = Cast::new(world, people, death);
    let first = cast.sos(1);
    cast.act(
        0,
        |ctx| Ok((engine::named(ctx, "home")?.pending > 0).then_some(())),
        |ctx| engine::remove(ctx, &engine::named(ctx, "home")?, "person 2").map(|_| ()),
    );
    cast.sync(1).await;
    audit(&mut cast, &mut auditor).await;
    cast.sync(0).await;
    let second = cast.sos(0);
    cast.sync(0).await;
    cast.sync(1).await;
    audit(&mut cast, &mut auditor).await;
    cast.act(
        1,
        |ctx| {
            Ok(engine::log(ctx)?
                .iter()
                .rev()
                .find(|entry| entry.own)
                .map(|entry| entry.event.id())
                .filter(|id| *id != first))
        },
        |ctx| engine::acknowledge(ctx, &second, himaya_protocol::content::vocabulary::AckLevel::Human, None),
    );
    cast.sync(0).await;
    cast.sync(1).await;
    cast.world.clock.advance(11 * 3_600);
    audit(&mut cast, &mut auditor).await;
    cast.sync(0).await;
    cast.sync(1).await;
    audit(&mut cast, &mut auditor).await;
    let third = cast.sos(1);
    cast.sync_all().await;
    audit(&mut cast, &mut auditor).await;
    cast.finish(&[first, second, third], &[0, 1]).await
}

async fn audit(cast: &mut Cast, auditor: &mut Person) {
    cast.auditor.audit(auditor, &cast.world.relay).await;
    auditor.sync().await;
    cast.ledger.check(auditor);
}

#[test]
fn the_owner_dies_in_a_conversation() {
    everywhere(0, conversation);
}

#[test]
fn a_member_dies_in_a_conversation() {
    everywhere(1, conversation);
}

/// Card, hello, approval, commit, Welcome, and an alert that waited for somebody to read it.
async fn first_contact(death: Death) -> bool {
    let mut world = World::new(702);
    let people = vec![world.person("owner"), world.person("newcomer")];
    let mut cast = Cast::new(world, people, death);
    cast.act(0, |ctx| Ok(engine::named(ctx, "home").ok().map(|_| ())), |ctx| engine::create(ctx, "home").map(|_| ()));
    let alert = cast.sos(0);
    let card: Card = cast.act(0, |_| Ok(None), |ctx| engine::new_card(ctx, CardKind::Single));
    cast.sync(0).await;
    let key = loop {
        match cast.people[1].driver.card_key(&card).await {
            Ok(key) => break key,
            Err(error) => assert!(cast.revive(1), "{death:?}: {error}"),
        }
    };
    cast.act(
        1,
        |ctx| Ok((!engine::contacts(ctx)?.is_empty()).then_some(())),
        |ctx| engine::accept_card(ctx, &card, &key, None).map(|_| ()),
    );
    cast.sync(1).await;
    cast.sync(0).await;
    cast.act(
        0,
        |ctx| Ok((engine::requests(ctx)?.is_empty()).then_some(())),
        |ctx| {
            let request = engine::requests(ctx)?.first().map(|request| request.id).expect("a hello has come");
            engine::approve(ctx, request, &engine::named(ctx, "home")?, Role::Contact).map(|_| ())
        },
    );
    cast.sync(0).await;
    cast.sync(1).await;
    cast.finish(&[alert], &[0, 1]).await
}

#[test]
fn the_owner_dies_at_first_contact() {
    everywhere(0, first_contact);
}

#[test]
fn a_newcomer_dies_at_first_contact() {
    everywhere(1, first_contact);
}
