//! Everybody in the week, their clock, and what they call things.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use himaya::engine;
use himaya_protocol::content::{CaseId, EventId};
use himaya_protocol::wire::policy::{GroupKind, Role};

use crate::sim::{Person, World};

type Names = &'static [&'static str];
type Desk = (&'static str, Names, Names, Names);

/// Each desk: its name, its coordinators (the owner first), its defenders, its hosts.
const DESKS: [Desk; 2] = [
    (
        "Night desk",
        &["Sara", "Nora", "Aram"],
        &["Dilan", "Shilan", "Baran", "Jiyan", "Avin", "Lana", "Soran", "Heval", "Zara"],
        &["Rojin", "Karim", "Hevin", "Narin"],
    ),
    ("River desk", &["Zana"], &["Mirza", "Azad", "Berfin"], &["Hevin", "Leyla"]),
];
/// How often a coordinator's client looks, in minutes.
const COORDINATORS_LOOK: u64 = 15;
/// How often everybody else's does.
const OTHERS_LOOK: u64 = 120;

/// Everybody, and what the script's labels stand for.
pub(super) struct Cast {
    world: World,
    people: BTreeMap<String, Person>,
    coordinators: BTreeSet<String>,
    offline: BTreeSet<String>,
    /// The simulated second at which the week began.
    began: u64,
    /// The event that opened what a label names, and who wrote it.
    pub(super) labels: BTreeMap<String, (EventId, String)>,
    /// Which host a place's label belongs to.
    pub(super) places: BTreeMap<String, String>,
}

impl Cast {
    /// Two desks, twelve defenders with a line each, five hosts; one of the hosts is known to both desks.
    pub(super) async fn gather() -> anyhow::Result<Self> {
        let world = World::new(2026);
        let mut cast = Self {
            began: 0,
            world,
            people: BTreeMap::new(),
            coordinators: BTreeSet::new(),
            offline: BTreeSet::new(),
            labels: BTreeMap::new(),
            places: BTreeMap::new(),
        };
        for (desk, coordinators, defenders, hosts) in DESKS {
            let (owner, others) = coordinators.split_first().context("a desk has an owner")?;
            for name in coordinators.iter().chain(defenders).chain(hosts) {
                if !cast.people.contains_key(*name) {
                    let person = cast.world.person(name);
                    cast.people.insert((*name).to_owned(), person);
                }
            }
            cast.coordinators.extend(coordinators.iter().map(|name| (*name).to_owned()));
            cast.person(owner)?.run(|ctx| engine::new_desk(ctx, desk));
            for other in others {
                cast.let_in(owner, other, async |owner, other| owner.add_as(other, desk, Role::Coordinator).await)
                    .await?;
            }
            cast.look(|_| true, 2).await;
            for (names, kind, role) in
                [(defenders, GroupKind::Line, Role::Defender), (hosts, GroupKind::HostLink, Role::Host)]
            {
                for name in names {
                    cast.let_in(owner, name, async |owner, other| owner.let_in(other, kind, role).await).await?;
                }
            }
        }
        cast.look(|_| true, 4).await;
        // The week begins at midnight.
        let now = cast.world.clock.seconds();
        cast.began = (now / 86_400 + 1) * 86_400;
        cast.world.clock.advance(cast.began - now);
        Ok(cast)
    }

    /// The owner of a desk lets somebody in, and both look.
    async fn let_in(
        &mut self,
        owner: &str,
        other: &str,
        enter: impl AsyncFnOnce(&mut Person, &mut Person),
    ) -> anyhow::Result<()> {
        let mut person = self.people.remove(other).with_context(|| format!("nobody is called {other}"))?;
        let owner = self.person(owner)?;
        enter(owner, &mut person).await;
        owner.sync().await;
        person.sync().await;
        owner.sync().await;
        self.people.insert(other.to_owned(), person);
        Ok(())
    }

    pub(super) fn person(&mut self, name: &str) -> anyhow::Result<&mut Person> {
        self.people.get_mut(name).with_context(|| format!("nobody is called {name}"))
    }

    /// The minute of the Unix clock.
    pub(super) fn minute(&self) -> u64 {
        self.world.clock.seconds() / 60
    }

    /// A time of the day that it is now, as a minute.
    pub(super) fn minute_at(&self, time: &str) -> anyhow::Result<u64> {
        let began = self.began / 60;
        let today = (self.minute() - began) / 1_440;
        Ok(began + today * 1_440 + super::script::time(time)?)
    }

    pub(super) fn set_online(&mut self, name: &str, online: bool) {
        if online {
            self.offline.remove(name);
        } else {
            self.offline.insert(name.to_owned());
        }
    }

    /// Somebody is no coordinator any more; the client goes on looking, as whoever holds it may.
    pub(super) fn dismiss(&mut self, name: &str) {
        self.coordinators.remove(name);
    }

    /// Syncs one person, twice: what a reply makes due leaves, too. Nothing happens for whoever is offline.
    pub(super) async fn sync(&mut self, name: &str) -> anyhow::Result<()> {
        if !self.offline.contains(name) {
            for _ in 0..2 {
                self.person(name)?.sync().await;
            }
        }
        Ok(())
    }

    /// Everybody of whom `who` is true looks, in turn.
    async fn look(&mut self, who: impl Fn(&str) -> bool, rounds: usize) {
        for _ in 0..rounds {
            for (name, person) in &mut self.people {
                if who(name) && !self.offline.contains(name) {
                    person.sync().await;
                }
            }
        }
    }

    /// All coordinators and one other person look, so that what the script says of them is the newest.
    pub(super) async fn gather_at(&mut self, name: &str) -> anyhow::Result<()> {
        let coordinators = self.coordinators.clone();
        self.look(|who| coordinators.contains(who) || who == name, 2).await;
        Ok(())
    }

    /// Whoever is a coordinator and online.
    pub(super) fn on_duty(&self) -> Vec<String> {
        self.coordinators.difference(&self.offline).cloned().collect()
    }

    /// Lets time pass until a minute of the week, and everybody look when it is their time.
    pub(super) async fn until(&mut self, minute: u64) {
        loop {
            let now = (self.world.clock.seconds() - self.began) / 60;
            if now >= minute {
                return;
            }
            let next = ((now / COORDINATORS_LOOK + 1) * COORDINATORS_LOOK).min(minute);
            self.world.clock.advance((next - now) * 60);
            if next.is_multiple_of(OTHERS_LOOK) {
                self.look(|_| true, 1).await;
            } else if next.is_multiple_of(COORDINATORS_LOOK) {
                let coordinators = self.coordinators.clone();
                self.look(|who| coordinators.contains(who), 1).await;
            }
        }
    }

    /// Lets days pass; everybody looks every fifth.
    pub(super) async fn pass_days(&mut self, days: u64) {
        for _ in 0..days.div_ceil(5) {
            self.world.clock.advance(5 * 86_400);
            self.look(|_| true, 1).await;
        }
        self.look(|_| true, 2).await;
    }

    /// How many different events there are in all logs.
    pub(super) fn events(&mut self) -> usize {
        let mut all = BTreeSet::new();
        for person in self.people.values_mut() {
            all.extend(person.run(|ctx| engine::log(ctx)).iter().map(|entry| entry.event.id()));
        }
        all.len()
    }

    /// The event that a label names.
    pub(super) fn event(&self, label: &str) -> anyhow::Result<EventId> {
        Ok(self.labels.get(label).with_context(|| format!("nothing is called {label}"))?.0)
    }

    /// Who wrote what a label names.
    pub(super) fn author(&self, label: &str) -> anyhow::Result<String> {
        Ok(self.labels.get(label).with_context(|| format!("nothing is called {label}"))?.1.clone())
    }

    /// The case that a label names: what opened it is its id.
    pub(super) fn case(&self, label: &str) -> anyhow::Result<CaseId> {
        CaseId::from_slice(self.event(label)?.as_bytes()).context("an id of 32 bytes")
    }
}
