//! The relay dies while people draw and spend: kill -9 and power cuts, with cells, chunks, tokens and invites in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use tokio::sync::watch;

use crate::disk::{Mount, skipped};
use crate::host::Host;
use crate::load::Memory;
use crate::payer::Payer;
use crate::process::{Home, Relay};
use crate::purse::{home_with_tokens, issuing_key};

/// How often the power is cut, unless `HIMAYA_POWER_CUTS` says otherwise.
const CUTS: u64 = 4;
/// How often the relay is killed, unless `HIMAYA_KILLS` says otherwise.
const KILLS: u64 = 4;
/// How many rounds everything is asked for again; at the end everything is.
const REMEMBERED: usize = 3;

/// A relay's folder, who writes to it, and what is known of it over all its deaths.
struct World {
    home: Home,
    payers: Vec<Payer>,
    host: Host,
    /// What was acknowledged, round by round.
    memories: Vec<Memory>,
    spent: usize,
}

impl World {
    /// `payers` people with an invite each, and somebody who makes and revokes invites.
    fn new(home: Home, payers: u64) -> Self {
        home.configure("quota = \"1GiB\"", "quota = \"16GiB\"");
        let payers = (0..payers).map(|number| Payer::new(&home, number)).collect();
        Self { home, payers, host: Host::default(), memories: Vec::new(), spent: 0 }
    }

    /// Serves, lets everybody work until so many puts are acknowledged, kills, serves again and checks.
    async fn live_and_die(
        &mut self,
        round: u64,
        kill: impl FnOnce(&Relay) -> Result<(), String>,
        revive: impl FnOnce(),
    ) -> Result<(), String> {
        let relay = Arc::new(self.home.serve());
        let key = issuing_key(&relay).await.key;
        let (count, mut acknowledged) = watch::channel(0);
        let count = Arc::new(count);
        let work = self.payers.drain(..).map(|payer| tokio::spawn(payer.work(relay.clone(), round, count.clone())));
        let work: Vec<_> = work.collect();
        let (dead, dir) = (Arc::new(AtomicBool::new(false)), self.home.dir.clone());
        let (host, ended) = (std::mem::take(&mut self.host), dead.clone());
        let host = tokio::task::spawn_blocking(move || host.work(&dir, &ended));
        drop(count);
        let moment = moment(round, work.len());
        // An error says that no writer is left.
        let _ = acknowledged.wait_for(|acknowledged| *acknowledged >= moment).await;
        let killed = kill(&relay);
        dead.store(true, Ordering::SeqCst);
        for payer in work {
            self.payers.push(payer.await.unwrap());
        }
        self.host = host.await.unwrap();
        killed?;
        Arc::into_inner(relay).expect("the writers have ended").wait();
        revive();
        let relay = Arc::new(self.home.serve());
        assert_eq!(issuing_key(&relay).await.key, key, "the key has survived");
        self.check(&relay, round).await;
        Ok(())
    }

    /// Whether everything is as it was acknowledged. What was not is repeated, and must succeed.
    async fn check(&mut self, relay: &Arc<Relay>, round: u64) {
        let checked = self.payers.drain(..).map(|payer| {
            let relay = relay.clone();
            tokio::spawn(async move { payer.recover(&relay, round).await })
        });
        let mut memory = Memory::default();
        for checked in join_all(checked).await {
            let (payer, of_payer, spent) = checked.unwrap();
            memory.join(of_payer);
            self.spent += spent;
            self.payers.push(payer);
        }
        self.memories.push(memory);
        for memory in self.memories.iter_mut().rev().take(REMEMBERED) {
            memory.check(relay).await;
        }
        let book = self.host.check(&self.home.dir);
        self.payers.iter().for_each(|payer| payer.check_draws(&book));
    }

    /// Everything that was ever acknowledged is there, and no token ever spent pays again.
    async fn end(mut self) -> Self {
        let relay = Arc::new(self.home.serve());
        for memory in &mut self.memories {
            memory.check(&relay).await;
        }
        join_all(self.payers.iter_mut().map(|payer| payer.nothing_pays_twice(&relay))).await;
        self
    }

    fn says(&self, deaths: u64, of_what: &str) {
        let boxes: usize = self.memories.iter().map(Memory::acknowledged).sum();
        assert_eq!(boxes, self.spent, "each box has cost one token");
        let draws: u32 = self.payers.iter().map(Payer::granted).sum();
        println!(
            "{deaths} {of_what} under {} writers: {boxes} acknowledged boxes, {} tokens spent, {draws} draws, {} invites made \
             and {} of them revoked; none lost, none twice",
            self.payers.len(),
            self.spent,
            self.host.made(),
            self.host.revoked()
        );
    }
}

/// After how many acknowledged puts the relay dies: another moment each time, from the first on.
fn moment(round: u64, writers: usize) -> usize {
    let most = u64::try_from(writers).unwrap() * 6;
    usize::try_from(1 + round * 61 % most).unwrap()
}

fn rounds(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |rounds| rounds.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_paid_twice_by_kill_9_under_64_writers() {
    let kills = rounds("HIMAYA_KILLS", KILLS);
    let mut world = World::new(home_with_tokens(), 64);
    for round in 0..kills {
        let kill = |relay: &Relay| {
            relay.kill_now();
            Ok(())
        };
        world.live_and_die(round, kill, || {}).await.unwrap();
    }
    world.end().await.says(kills, "times kill -9");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_paid_twice_with_the_power() {
    let name = "nothing_is_lost_or_paid_twice_with_the_power";
    let disk = match Mount::in_a_file(16_384) {
        Ok(disk) => disk,
        Err(why) => return skipped(name, &why),
    };
    let cuts = rounds("HIMAYA_POWER_CUTS", CUTS);
    let home = Home::at(&disk.path.join("relay"));
    home.configure("access = \"open\"", "access = \"tokens\"");
    let mut world = World::new(home, 12);
    // So that the first cut finds a relay, whatever it finds of its store.
    rustix::fs::syncfs(std::fs::File::open(&disk.path).unwrap()).unwrap();
    for cut in 0..cuts {
        if let Err(why) = world.live_and_die(cut, |_| disk.cut(), || disk.remount()).await {
            return skipped(name, &why);
        }
    }
    let world = world.end().await;
    world.says(cuts, "power cuts");
}
