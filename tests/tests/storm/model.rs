//! What must be true, kept beside the clients: who was in the circle when something was sent.

use std::collections::{BTreeMap, BTreeSet};

use himaya::engine::{self, CircleState};
use himaya_protocol::content::EventId;
use himaya_tests::sim::{Ledger, Person};

/// Something somebody sent.
struct Sent {
    event: EventId,
    sender: String,
    step: usize,
    audience: BTreeSet<String>,
    /// The sender's client has said that everybody in sync has it or will.
    settled: bool,
}

/// Since when somebody follows the circle without a break.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Following {
    joined: i64,
    since: usize,
}

/// The record of a storm.
pub(crate) struct Model {
    seed: u64,
    steps: Vec<String>,
    places: BTreeMap<String, String>,
    sent: Vec<Sent>,
    following: BTreeMap<String, Following>,
    /// When somebody last was no member.
    last_out: BTreeMap<String, usize>,
    /// When the owner last saw the circle without somebody, and when with.
    removed: BTreeMap<String, usize>,
    inside: BTreeMap<String, usize>,
    /// Who missed windows, and with them perhaps a Welcome.
    missed: BTreeSet<String>,
    /// I3, checked all along.
    pub(crate) ledger: Ledger,
}

impl Model {
    pub(crate) fn new(seed: u64) -> Self {
        let ledger = Ledger::noting(format!("seed {seed}"));
        Self {
            seed,
            steps: Vec::new(),
            places: BTreeMap::new(),
            sent: Vec::new(),
            following: BTreeMap::new(),
            last_out: BTreeMap::new(),
            removed: BTreeMap::new(),
            inside: BTreeMap::new(),
            missed: BTreeSet::new(),
            ledger,
        }
    }

    /// Notes what is being done.
    pub(crate) fn step(&mut self, what: String) {
        self.steps.push(what);
    }

    /// Notes what was sent, and for whom.
    pub(crate) fn sent(&mut self, sender: &mut Person, event: EventId) {
        let audience = sender.members("home");
        let sent = Sent { event, sender: sender.name.clone(), step: self.steps.len(), audience, settled: false };
        self.sent.push(sent);
    }

    /// Notes whom the owner has in the circle; the owner is never away for long.
    pub(crate) fn owner(&mut self, owner: &mut Person, everybody: &[String]) {
        if let Ok(members) = owner.driver.transact(|ctx| engine::members(ctx, &engine::named(ctx, "home")?.id)) {
            for name in everybody {
                let inside = members.iter().any(|member| member.name == *name);
                let times = if inside { &mut self.inside } else { &mut self.removed };
                times.insert(name.clone(), self.steps.len());
            }
        }
    }

    /// Windows went by that somebody has not read: what was in them is not owed.
    pub(crate) fn missed(&mut self, name: &str) {
        self.following.remove(name);
        self.missed.insert(name.to_owned());
    }

    /// Looks where somebody is now.
    pub(crate) fn look(&mut self, person: &mut Person) {
        let Ok(circle) = person.driver.transact(|ctx| engine::named(ctx, "home")) else { return };
        let place = format!("{:?}, epoch {}, adrift {:?}", circle.state, circle.epoch, circle.adrift);
        if self.places.insert(person.name.clone(), place.clone()) != Some(place.clone()) {
            self.steps.push(format!("     {} is {place}", person.name));
        }
        self.ledger.check(person);
        if circle.state != CircleState::Active {
            self.last_out.insert(person.name.clone(), self.steps.len());
        }
        self.note_settled(person);
        if circle.state != CircleState::Active || circle.adrift.is_some() {
            self.following.remove(&person.name);
            return;
        }
        let sql = "SELECT joined FROM circle WHERE id = ?1";
        let joined = person.run(|ctx| Ok(ctx.row(sql, &[&circle.id], |row| row.get::<_, i64>(0))?)).unwrap_or_default();
        let now = Following { joined, since: self.steps.len() };
        let before = self.following.entry(person.name.clone()).or_insert(now);
        if before.joined != joined {
            *before = now;
        }
    }

    /// What somebody's client has settled is owed to everybody who follows, whatever becomes of its sender.
    fn note_settled(&mut self, person: &mut Person) {
        let sql = "SELECT event FROM outgoing WHERE settled = 1 AND relayed IS NOT NULL";
        let settled: BTreeSet<Vec<u8>> =
            person.run(|ctx| Ok(ctx.rows(sql, &[], |row| row.get(0))?)).into_iter().collect();
        for sent in self.sent.iter_mut().filter(|sent| sent.sender == person.name) {
            sent.settled |= settled.contains(&sent.event.as_bytes()[..]);
        }
    }

    /// Everything that is owed is there, and nothing else.
    pub(crate) fn verdict(&mut self, people: &mut [Person]) {
        let seed = self.seed;
        self.ledger.assert_together(people, "home");
        let members = people.first_mut().expect("the owner is there").members("home");
        for person in people.iter_mut() {
            let name = person.name.clone();
            let lost_its_welcome = self.missed.contains(&name) && !person.belongs("home");
            assert_eq!(
                members.contains(&name) && !lost_its_welcome,
                person.follows("home"),
                "seed {seed}: {name} follows if it is a member"
            );
            let mut log: BTreeMap<EventId, usize> = BTreeMap::new();
            for entry in person.run(|ctx| engine::log(ctx)) {
                *log.entry(entry.event.id()).or_default() += 1;
            }
            assert!(log.values().all(|&count| count == 1), "seed {seed}: {name} has an event twice");
            for sent in &self.sent {
                let stayed =
                    |times: &BTreeMap<String, usize>| times.get(&sent.sender).is_none_or(|&last| last < sent.step);
                let owed = (sent.settled || stayed(&self.last_out) && stayed(&self.removed))
                    && self.following.get(&name).is_some_and(|following| following.since < sent.step);
                let (what, step) = (sent.event.short(), sent.step);
                assert!(
                    !owed || log.contains_key(&sent.event),
                    "I4, seed {seed}: {name} lacks {what} of {} from step {step}",
                    sent.sender
                );
                // Whoever was added after it was written may have it: what is not settled goes out again.
                let outside = self.inside.get(&name).is_none_or(|&last| last < sent.step);
                let closed = !sent.audience.contains(&name) && outside;
                assert!(
                    !closed || !log.contains_key(&sent.event),
                    "I8, seed {seed}: {name} reads {what} of {} from step {step}",
                    sent.sender
                );
            }
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (number, step) in self.steps.iter().enumerate() {
                eprintln!("{number:4} {step}");
            }
            eprintln!("play it again with HIMAYA_STORM_SEEDS={}", self.seed);
        }
    }
}
