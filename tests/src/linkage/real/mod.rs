//! The same script played by real clients: engine, store, MLS, driver and the relay's service, on simulated time.
//!
//! Each client does what `watch` does (`himaya::driver`): it opens the feed, reads, hears what comes, looks around when
//! something is due, and syncs once an hour; or it has no feed, and reads by lists when that is due. Only the second between
//! two looks is left out: a client looks when something is due, and hears at once what is put in its groups; what concerns
//! nobody is heard with the next look.

mod client;
mod crew;
mod report;

use std::collections::{BTreeMap, HashMap};

use himaya::engine::{self, CircleId, Draft, schedule};
use himaya::transport::Call;
use himaya_protocol::content::vocabulary::AckLevel;
use himaya_protocol::content::{Body, EventId};
use himaya_protocol::wire::Address;
use himaya_protocol::wire::address::Prefix;
use himaya_protocol::wire::relay::FeedFrame;
use himaya_relay::store::Subscription;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::life::{Line, Said};
use super::lists::Reading;
use super::play::{Played, SYNC};
use super::population::Population;
use super::setting::{Receipts, Setting};
use super::view::{ChunkSeen, Connections, ListSeen, PickSeen, PutSeen, ReadSeen, Session};
use super::{DAY, matter};
use crate::sim::{Called, World};
use client::{Client, For};
use crew::Crew;
pub use report::{WHOLE, run, settings};

/// How long after a cell was held it is tried again, in seconds.
const HELD: u64 = 60;

/// What happens at a time.
#[derive(Debug, Clone)]
enum Act {
    Begin(usize),
    End(usize),
    Say(Line),
    Look(usize),
    Sync(usize, usize),
    Hear(usize),
}

/// What came of it beside what the relay saw.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counted {
    /// Lines of the script that could not be said, because what they answer had not come.
    pub unsaid: usize,
    /// Alerts that were raised.
    pub alerts: usize,
    /// For how many members of their groups.
    pub expected: usize,
    /// How many of those have them in the end.
    pub arrived: usize,
}

/// Everybody with a client, in groups, on one relay.
pub struct Company<'a> {
    population: &'a Population,
    world: World,
    clients: Vec<Client>,
    groups: HashMap<CircleId, usize>,
    rng: ChaCha20Rng,
}

/// A script that is being played.
struct Stage<'a> {
    population: &'a Population,
    setting: &'a Setting,
    world: &'a World,
    clients: &'a mut [Client],
    groups: &'a HashMap<CircleId, usize>,
    feed: Subscription,
    /// Everything that the feed has brought.
    brought: Vec<FeedFrame>,
    played: Played,
    chunks: HashMap<Address, u64>,
    /// Which put each prefix is of.
    put_at: HashMap<Prefix, usize>,
    alerts: BTreeMap<usize, Vec<EventId>>,
    counted: Counted,
    plan: BTreeMap<(u64, u64), Act>,
    acts: u64,
    connections: Connections,
    /// The script's midnight of day 0, in seconds since 1970-01-01 UTC.
    base: u64,
    now: u64,
    end: u64,
    rng: &'a mut ChaCha20Rng,
}

impl<'a> Company<'a> {
    /// Makes everybody a client and brings them together.
    pub async fn assemble(population: &'a Population, seed: u64) -> Self {
        let mut world = World::new(seed);
        let crew = Crew::assemble(&mut world, population).await;
        let clients = crew.people.into_iter().map(Client::new).collect();
        Self { population, world, clients, groups: crew.groups, rng: ChaCha20Rng::seed_from_u64(seed) }
    }

    /// Plays a script on so many days, from the next midnight on.
    pub async fn play(&mut self, script: &[Line], setting: &Setting, days: u64) -> (Played, Counted) {
        self.clients.iter_mut().for_each(|client| client.switch(setting));
        let mut stage = Stage {
            population: self.population,
            setting,
            feed: self.world.relay.subscribe(),
            base: (self.world.clock.seconds() / DAY + 1) * DAY,
            world: &self.world,
            clients: &mut self.clients,
            groups: &self.groups,
            brought: Vec::new(),
            played: Played::default(),
            chunks: HashMap::new(),
            put_at: HashMap::new(),
            alerts: BTreeMap::new(),
            counted: Counted::default(),
            plan: BTreeMap::new(),
            acts: 0,
            connections: Connections::default(),
            now: 0,
            end: days * DAY,
            rng: &mut self.rng,
        };
        stage.plan_days(days);
        script.iter().for_each(|line| stage.at(line.at, Act::Say(*line)));
        while let Some(((at, _), act)) = stage.plan.pop_first() {
            if at >= stage.end {
                break;
            }
            stage.now = at;
            let clock = stage.base + at;
            stage.world.clock.advance(clock.saturating_sub(stage.world.clock.seconds()));
            stage.act(act).await;
        }
        stage.finish().await
    }
}

impl Stage<'_> {
    fn at(&mut self, at: u64, act: Act) {
        self.acts += 1;
        self.plan.insert((at, self.acts), act);
    }

    fn plan_days(&mut self, days: u64) {
        for day in 0..days {
            for waking in self.population.wakings(day, self.rng) {
                let act = if waking.begins { Act::Begin } else { Act::End };
                self.at(waking.at, act(waking.who));
            }
        }
    }

    async fn act(&mut self, act: Act) {
        match act {
            Act::Begin(who) => self.begin(who).await,
            Act::End(who) => {
                self.hear(who).await;
                if let Some(session) = self.clients[who].session.take() {
                    self.played.view.sessions[session].closed = self.now;
                }
            }
            Act::Say(line) => self.say(line).await,
            Act::Look(who) => self.look(who).await,
            Act::Sync(who, session) => self.sync(who, session).await,
            Act::Hear(who) => self.hear(who).await,
        }
    }

    async fn begin(&mut self, who: usize) {
        let connection = self.connections.of(Call::Feed);
        let session = self.played.view.sessions.len();
        self.played.view.sessions.push(Session { connection, from: who, opened: self.now, closed: self.end });
        self.clients[who].session = Some(session);
        self.clients[who].person.driver.begin_watching().expect("the profile works");
        self.sync(who, session).await;
    }

    /// Reads everything; the feed goes on from there.
    async fn sync(&mut self, who: usize, session: usize) {
        if self.clients[who].session != Some(session) {
            return;
        }
        self.clients[who].heard = self.brought.len();
        let sweeps = self.setting.reading == Reading::Sweep;
        self.clients[who].person.driver.catch_up(sweeps).await.expect("the wire works");
        self.clients[who].person.assert_trusts();
        let next = if sweeps { self.now + SYNC } else { schedule::lists_due(self.now, self.rng) };
        self.at(next, Act::Sync(who, session));
        self.after(who).await;
    }

    /// Takes in what the feed has brought.
    async fn hear(&mut self, who: usize) {
        if self.clients[who].session.is_none() || self.setting.reading != Reading::Sweep {
            return;
        }
        let frames = self.brought[self.clients[who].heard..].to_vec();
        self.clients[who].heard = self.brought.len();
        if !frames.is_empty() {
            self.clients[who].person.driver.hear(frames).await.expect("the wire works");
            self.after(who).await;
        }
    }

    async fn look(&mut self, who: usize) {
        if self.clients[who].look != Some(self.now) || self.clients[who].session.is_none() {
            return;
        }
        self.clients[who].look = None;
        self.hear(who).await;
        let held = self.clients[who].held.take_if(|at| *at <= self.now).is_some();
        self.clients[who].person.driver.look_around(held).await.expect("the wire works");
        self.after(who).await;
    }

    async fn say(&mut self, line: Line) {
        self.hear(line.who).await;
        let circle = self.clients[line.who].person.circle(&crew::name(line.group));
        let person = &mut self.clients[line.who].person;
        match (line.what, matter::body(line.what)) {
            (Said::Alert, Body::ThreatAlert(alert)) => {
                let alert = (**alert).clone();
                let id = person.run(|ctx| engine::raise(ctx, Some(&circle), alert, &Draft::default()));
                self.alerts.entry(line.group).or_default().push(id);
            }
            (Said::Answer, _) => {
                let alert = self.alerts.get(&line.group).and_then(|alerts| alerts.last()).copied();
                let known = alert.filter(|alert| person.has(*alert));
                match known {
                    Some(alert) => {
                        person.run(|ctx| engine::acknowledge(ctx, &alert, AckLevel::Human, None));
                    }
                    None => self.counted.unsaid += 1,
                }
            }
            (_, body) => {
                person.run(|ctx| engine::say(ctx, &circle, body.clone(), &Draft::default()));
            }
        }
        self.clients[line.who].person.driver.look_around(false).await.expect("the wire works");
        self.after(line.who).await;
    }

    /// Notes what somebody's client did, tells whom it concerns, and plans when it looks around next.
    async fn after(&mut self, who: usize) {
        let calls = self.clients[who].person.line.take_calls();
        let (mut puts, mut read) = (false, false);
        for call in calls {
            match call {
                Called::Read if read => (),
                Called::Read => {
                    read = true;
                    let connection = self.connections.of(Call::Read);
                    self.played.view.reads.push(ReadSeen { at: self.now, connection });
                }
                Called::List(list) => {
                    let connection = self.connections.of(Call::Pick);
                    // What lay there before the play is nobody's here.
                    let mut named: Vec<usize> = list.iter().filter_map(|name| self.put_at.get(name).copied()).collect();
                    named.sort_unstable();
                    self.played.view.lists.push(ListSeen { at: self.now, connection, from: who, named });
                }
                Called::Cell(address) => {
                    puts = true;
                    self.put(who, &address);
                }
                Called::Chunk(address) => {
                    let address = self.chunk(&address);
                    self.played.view.chunks.push(ChunkSeen { at: self.now, from: who, address });
                }
                Called::Chunks(addresses) => {
                    for address in addresses {
                        let connection = self.connections.of(Call::Pick);
                        let address = self.chunk(&address);
                        self.played.view.picks.push(PickSeen { at: self.now, connection, from: who, address });
                    }
                }
            }
        }
        if puts {
            self.clients[who].forget();
        }
        self.collect().await;
        self.plan_look(who);
    }

    fn put(&mut self, who: usize, address: &Address) {
        let (truth, cares) = self.clients[who].truth(who, self.groups, address);
        let connection = self.connections.of(Call::Put);
        self.put_at.insert(address.prefix(), self.played.view.puts.len());
        self.played.view.puts.push(PutSeen { at: self.now, connection, from: who, channel: None });
        self.played.truths.push(truth);
        let hearers: Vec<usize> = match cares {
            For::Nobody => Vec::new(),
            For::Group(group) => self.population.groups[group].members.clone(),
            For::Somebody => (0..self.clients.len()).collect(),
        };
        for hearer in hearers.into_iter().filter(|hearer| *hearer != who) {
            if self.clients[hearer].session.is_some() {
                self.at(self.now + 1, Act::Hear(hearer));
            }
        }
    }

    /// Takes what the feed has brought.
    async fn collect(&mut self) {
        loop {
            let arrival = tokio::select! {
                biased;
                arrival = self.feed.next() => arrival.expect("it is collected often enough"),
                () = std::future::ready(()) => return,
            };
            self.brought.push(FeedFrame::from_bytes(&arrival.whole()).expect("the relay keeps to the layout"));
        }
    }

    fn plan_look(&mut self, who: usize) {
        let (setting, base, now) = (self.setting, self.base, self.now);
        let client = &mut self.clients[who];
        if setting.receipts == Receipts::OnArrival {
            client.hasten(base + now, self.rng);
        }
        if client.held.is_none() && client.person.run(|ctx| engine::oldest_unread(ctx)).is_some() {
            client.held = Some(now + HELD);
        }
        let next = client.next_look(setting, base).map(|at| at.max(now + 1));
        if next.is_some() && next != client.look {
            client.look = next;
            self.at(next.unwrap_or_default(), Act::Look(who));
        }
    }

    /// The number of a chunk.
    fn chunk(&mut self, address: &Address) -> u64 {
        let next = u64::try_from(self.chunks.len()).unwrap_or(u64::MAX);
        *self.chunks.entry(*address).or_insert(next)
    }

    /// Everybody reads to the end: what was raised has arrived.
    async fn finish(mut self) -> (Played, Counted) {
        self.played.view.end_at(self.end, self.setting.reading);
        for client in self.clients.iter_mut() {
            client.person.sync().await;
        }
        for (group, alerts) in std::mem::take(&mut self.alerts) {
            self.counted.alerts += alerts.len();
            for member in &self.population.groups[group].members {
                let has = self.clients[*member].person.event_ids();
                self.counted.expected += alerts.len();
                self.counted.arrived += alerts.iter().filter(|alert| has.contains(alert)).count();
            }
        }
        (self.played, self.counted)
    }
}
