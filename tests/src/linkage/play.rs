//! Everybody's clients and the relay on simulated time: what the relay sees, and what was behind it.

use std::collections::{BTreeMap, HashMap};

use himaya::engine::schedule;
use himaya::transport::Call;
use himaya_protocol::wire::member;
use rand::{Rng, RngCore};

use super::client::{Client, Load};
use super::life::{Line, Said};
use super::lists::{Readers, Reading};
use super::population::Population;
use super::setting::{Setting, Updates};
use super::view::{ChunkSeen, Connections, ListSeen, PickSeen, PutSeen, ReadSeen, Session, Truth, View};
use super::{DAY, matter};

/// How often a watcher reads windows beside the feed, in seconds.
pub(super) const SYNC: u64 = 3_600;

/// What the relay saw, and what was behind each put.
#[derive(Debug, Clone, Default)]
pub struct Played {
    /// What the relay saw.
    pub view: View,
    /// What was behind each put, in the same order.
    pub truths: Vec<Truth>,
}

impl Played {
    /// The same play as a relay sees it when what is put says more than it does: a weakening that changes nothing of what anybody does.
    pub fn seen_under(mut self, setting: &Setting) -> Self {
        if setting.one_connection {
            let mut feeds: HashMap<usize, Vec<&Session>> = HashMap::new();
            for session in &self.view.sessions {
                feeds.entry(session.from).or_default().push(session);
            }
            for put in &mut self.view.puts {
                let open = |feed: &&&Session| (feed.opened..=feed.closed).contains(&put.at);
                if let Some(feed) = feeds.get(&put.from).and_then(|feeds| feeds.iter().rev().find(open)) {
                    put.connection = feed.connection;
                }
            }
        }
        if setting.channels {
            for (put, truth) in self.view.puts.iter_mut().zip(&self.truths) {
                put.channel = truth.group.map(|group| channel(group, put.at / DAY));
            }
        }
        self
    }
}

/// What happens at a time.
#[derive(Debug, Clone)]
enum Act {
    Begin(usize),
    End(usize),
    Say(Line),
    Look(usize),
    /// Time to read windows, if the feed with this number is still open.
    Sync(usize, usize),
    Arrive {
        who: usize,
        group: usize,
        what: Arrived,
    },
    /// A day begins: whose turn is it?
    Day(u64),
}

/// What a cell brings to whoever expects it.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    wants_receipt: bool,
    chunks: Vec<u64>,
    commit: bool,
}

/// A world that runs.
struct World<'a, R> {
    population: &'a Population,
    setting: &'a Setting,
    clients: Vec<Client>,
    readers: Readers,
    played: Played,
    plan: BTreeMap<(u64, u64), Act>,
    acts: u64,
    connections: Connections,
    now: u64,
    end: u64,
    rng: &'a mut R,
}

/// Plays a script on so many days.
pub fn play(population: &Population, script: &[Line], setting: &Setting, days: u64, rng: &mut impl RngCore) -> Played {
    let mut world = World {
        population,
        setting,
        clients: population.people.iter().map(|_| Client::default()).collect(),
        readers: Readers::of(population),
        played: Played::default(),
        plan: BTreeMap::new(),
        acts: 0,
        connections: Connections::default(),
        now: 0,
        end: days * DAY,
        rng,
    };
    world.plan_days(days);
    for line in script {
        world.at(line.at, Act::Say(*line));
    }
    while let Some(((at, _), act)) = world.plan.pop_first() {
        if at >= world.end {
            break;
        }
        world.now = at;
        world.act(act);
    }
    world.played.view.end_at(world.end, setting.reading);
    world.played.seen_under(setting)
}

impl<R: RngCore> World<'_, R> {
    fn at(&mut self, at: u64, act: Act) {
        self.acts += 1;
        self.plan.insert((at, self.acts), act);
    }

    fn plan_days(&mut self, days: u64) {
        for day in 0..days {
            self.at(day * DAY, Act::Day(day));
            for waking in self.population.wakings(day, self.rng) {
                let act = if waking.begins { Act::Begin } else { Act::End };
                self.at(waking.at, act(waking.who));
            }
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Begin(who) => self.begin(who),
            Act::End(who) => {
                if let Some(session) = self.clients[who].session {
                    self.played.view.sessions[session].closed = self.now;
                }
                self.clients[who].end();
            }
            Act::Say(line) => self.say(line),
            Act::Look(who) => {
                if self.clients[who].session.is_some() {
                    let population = self.population;
                    let size = |group: usize| population.groups[group].members.len();
                    self.clients[who].look(self.setting, size, self.now, self.rng);
                    self.send(who);
                }
            }
            Act::Arrive { who, group, what } => self.arrive(who, group, what),
            Act::Sync(who, session) => self.sync(who, session),
            Act::Day(day) => self.turns(day),
        }
    }

    /// Opens the feed, reads, and does what came meanwhile.
    fn begin(&mut self, who: usize) {
        let connection = self.connections.of(Call::Feed);
        let session = self.played.view.sessions.len();
        self.clients[who].session = Some(session);
        self.played.view.sessions.push(Session { connection, from: who, opened: self.now, closed: self.end });
        self.sync(who, session);
        self.clients[who].begin(self.setting, self.now, self.rng);
        for (group, what) in std::mem::take(&mut self.clients[who].missed) {
            self.arrive(who, group, what);
        }
        self.look_later(who);
    }

    fn say(&mut self, line: Line) {
        let urgent = matter::of(line.what).is_urgent();
        let wants_receipt = line.what != Said::Answer;
        let load =
            Load { group: Some(line.group), wants_receipt, chunks: 0, covered: !urgent, commit: false, part: false };
        self.clients[line.who].write(line.group, urgent, load);
        self.send(line.who);
    }

    /// Sends what leaves now, and plans the next look.
    fn send(&mut self, who: usize) {
        while let Some(load) = self.clients[who].send(self.now) {
            self.put(who, load);
        }
        self.look_later(who);
    }

    fn look_later(&mut self, who: usize) {
        if let Some(at) = self.clients[who].next_look() {
            self.at(at.max(self.now), Act::Look(who));
        }
    }

    fn put(&mut self, who: usize, load: Load) {
        // Everything is read before a commit, and after it.
        let reads = load.commit && (self.setting.updates == Updates::Chunks || self.setting.reading != Reading::Sweep);
        if reads {
            self.read(who);
        }
        let chunks: Vec<u64> = (0..load.chunks).map(|_| self.rng.random()).collect();
        for address in &chunks {
            self.played.view.chunks.push(ChunkSeen { at: self.now, from: who, address: *address });
        }
        let connection = self.connections.of(Call::Put);
        self.played.view.puts.push(PutSeen { at: self.now, connection, from: who, channel: None });
        self.played.truths.push(Truth { who, group: load.group, covered: load.covered });
        if reads {
            self.read(who);
        }
        let Some(group) = load.group else { return };
        let what = Arrived { wants_receipt: load.wants_receipt, chunks, commit: load.commit };
        if !what.wants_receipt && !what.commit {
            return;
        }
        for other in self.population.groups[group].members.iter().filter(|other| **other != who) {
            if self.hears(*other) {
                self.at(self.now + 1, Act::Arrive { who: *other, group, what: what.clone() });
            } else {
                self.clients[*other].missed.push((group, what.clone()));
            }
        }
    }

    fn arrive(&mut self, who: usize, group: usize, what: Arrived) {
        for address in what.chunks {
            let connection = self.connections.of(Call::Pick);
            self.played.view.picks.push(PickSeen { at: self.now, connection, from: who, address });
        }
        if what.commit {
            let members = self.population.groups[group].members.len();
            self.clients[who].epoch_ended(group, members, self.setting, self.now, self.rng);
        }
        if what.wants_receipt {
            self.clients[who].plan_receipt(group, self.setting, self.now, self.rng);
            self.look_later(who);
        }
    }

    fn sync(&mut self, who: usize, session: usize) {
        if self.clients[who].session == Some(session) {
            self.read(who);
            let next = match self.setting.reading {
                Reading::Sweep => self.now + SYNC,
                Reading::Lists | Reading::Bare => schedule::lists_due(self.now, self.rng),
            };
            self.at(next, Act::Sync(who, session));
        }
    }

    fn read(&mut self, who: usize) {
        let connection = self.connections.of(Call::Read);
        self.played.view.reads.push(ReadSeen { at: self.now, connection });
        if self.setting.reading != Reading::Sweep {
            self.read_by_lists(who);
        }
    }

    /// Whether somebody takes in at once what is put.
    fn hears(&self, who: usize) -> bool {
        self.setting.reading == Reading::Sweep && self.clients[who].session.is_some()
    }

    /// Asks for what came since the last time among decoys, and does what came.
    fn read_by_lists(&mut self, who: usize) {
        for named in self.readers.lists(who, &self.played, self.setting.reading, self.rng) {
            let connection = self.connections.of(Call::Pick);
            let named = named.into_iter().collect();
            self.played.view.lists.push(ListSeen { at: self.now, connection, from: who, named });
        }
        for (group, what) in std::mem::take(&mut self.clients[who].missed) {
            self.arrive(who, group, what);
        }
    }

    /// Whoever's turn it is in each group plans an update once its client runs.
    fn turns(&mut self, day: u64) {
        for (number, group) in self.population.groups.iter().enumerate() {
            let count = u64::try_from(group.members.len()).unwrap_or(1);
            let turn = member::turn(&number.to_be_bytes(), day, count);
            let Some(who) = usize::try_from(turn).ok().and_then(|turn| group.members.get(turn)).copied() else {
                continue;
            };
            let runs = self.population.people[who].watches_from(self.now);
            if runs / DAY == day {
                self.clients[who].plan_update(number, runs, self.rng);
                if self.clients[who].session.is_some() {
                    self.look_later(who);
                }
            }
        }
    }
}

/// The name that a group's puts of a day are filed under where there are channels.
fn channel(group: usize, day: u64) -> u64 {
    u64::try_from(group).unwrap_or_default() << 32 | day
}
