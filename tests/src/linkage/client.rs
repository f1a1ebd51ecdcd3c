//! A client without a profile: the client's own decisions (`himaya::engine::schedule`) over a queue in memory.

use std::collections::{BTreeMap, BTreeSet};

use himaya::engine::schedule::{self, Pace, Supply, Turn, Waiting};
use rand::{Rng, RngCore};

use super::play::Arrived;
use super::setting::{Receipts, Setting, Updates, update_parts};

/// What a job carries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// For which group; `None` is noise.
    pub(super) group: Option<usize>,
    /// Whether those who read it say so with a receipt.
    pub(super) wants_receipt: bool,
    /// How many chunks belong to it.
    pub(super) chunks: usize,
    /// Whether it left in the cover schedule.
    pub(super) covered: bool,
    /// Whether it is a commit's own cell.
    pub(super) commit: bool,
    /// Whether it is a part of a commit.
    pub(super) part: bool,
}

impl Load {
    /// Noise.
    fn noise() -> Self {
        Self { group: None, wants_receipt: false, chunks: 0, covered: true, commit: false, part: false }
    }
}

/// A client.
#[derive(Debug, Default)]
pub(super) struct Client {
    queue: Vec<Waiting>,
    loads: BTreeMap<i64, Load>,
    jobs: i64,
    cover_at: Option<u64>,
    pace: Pace,
    receipts: BTreeMap<usize, u64>,
    updates: BTreeMap<usize, u64>,
    /// The feed that is open, by its number.
    pub(super) session: Option<usize>,
    /// What came while nobody watched, by its group.
    pub(super) missed: Vec<(usize, Arrived)>,
}

impl Client {
    /// Begins to watch.
    pub(super) fn begin(&mut self, setting: &Setting, now: u64, rng: &mut impl RngCore) {
        self.pace = if setting.cover_mean > 0 { Pace::Urgent } else { Pace::Calm };
        self.cover_at = (setting.cover_mean > 0).then(|| schedule::next_cover(now, setting.cover_mean, rng));
    }

    /// Stops watching.
    pub(super) fn end(&mut self) {
        self.cover_at = None;
        self.session = None;
    }

    /// Queues a job for a group's lane.
    pub(super) fn write(&mut self, group: usize, urgent: bool, load: Load) {
        self.jobs += 1;
        // Commits have a lane of their own.
        let lane = i64::try_from(group).ok().map(|group| (if load.commit { -1 - group } else { group }, self.jobs));
        self.push(
            Waiting { lane, urgent, commit: load.commit, part: load.part, id: self.jobs, ..Waiting::default() },
            load,
        );
    }

    /// Queues a key update: its parts, each in its time, and the cell that waits for them. Nothing if one waits already.
    fn update(&mut self, group: usize, members: usize, setting: &Setting, now: u64, rng: &mut impl RngCore) {
        if self.updates_of(group).next().is_some() {
            return;
        }
        let load = Load { group: Some(group), commit: true, ..Load::noise() };
        let (chunks, parts) = match setting.updates {
            Updates::Parts => (0, update_parts(members)),
            Updates::Chunks => (usize::from(update_parts(members) > 0), 0),
        };
        let mut spread = if parts > 0 { schedule::spread(now, rng) } else { now };
        for _ in 0..parts {
            self.jobs += 1;
            let part = Load { commit: false, part: true, ..load };
            self.push(Waiting { spread, id: self.jobs, ..Waiting::default() }, part);
            spread = schedule::spread(spread, rng);
        }
        self.jobs += 1;
        self.push(Waiting { spread, commit: true, id: self.jobs, ..Waiting::default() }, Load { chunks, ..load });
    }

    /// The jobs of a key update that waits in a group.
    fn updates_of(&self, group: usize) -> impl Iterator<Item = i64> {
        let of_update = move |load: &Load| load.group == Some(group) && (load.commit || load.part);
        self.loads.iter().filter(move |(_, load)| of_update(load)).map(|(id, _)| *id)
    }

    /// Somebody else's commit has ended the epoch: a key update of this client's own that waits is made anew.
    pub(super) fn epoch_ended(
        &mut self,
        group: usize,
        members: usize,
        setting: &Setting,
        now: u64,
        rng: &mut impl RngCore,
    ) {
        let ended: Vec<i64> = self.updates_of(group).collect();
        if ended.is_empty() {
            return;
        }
        self.queue.retain(|job| !ended.contains(&job.id));
        self.loads.retain(|id, _| !ended.contains(id));
        self.update(group, members, setting, now, rng);
    }

    /// What waits; a commit waits for its parts.
    fn queue(&self) -> Vec<Waiting> {
        let parts: BTreeSet<Option<usize>> =
            self.loads.values().filter(|load| load.part).map(|load| load.group).collect();
        let waits = |load: &Load| load.commit && parts.contains(&load.group);
        let stopped = |job: &Waiting| self.loads.get(&job.id).is_some_and(waits);
        self.queue.iter().map(|job| Waiting { stopped: stopped(job), ..job.clone() }).collect()
    }

    fn push(&mut self, job: Waiting, load: Load) {
        self.loads.insert(job.id, load);
        self.queue.push(job);
    }

    /// A receipt is wanted by a group.
    pub(super) fn plan_receipt(&mut self, group: usize, setting: &Setting, now: u64, rng: &mut impl RngCore) {
        let due = match setting.receipts {
            Receipts::Off => return,
            Receipts::Spread => {
                schedule::receipts_due(self.receipts.get(&group).copied(), now, schedule::RECEIPT_MEAN, rng)
            }
            Receipts::OnArrival => now + rng.random_range(1..=5),
        };
        self.receipts.insert(group, due);
    }

    /// It is this client's turn in a group.
    pub(super) fn plan_update(&mut self, group: usize, now: u64, rng: &mut impl RngCore) {
        self.updates.entry(group).or_insert_with(|| schedule::update_due(now, rng));
    }

    /// When there is next something to do; only while the client watches.
    pub(super) fn next_look(&self) -> Option<u64> {
        self.session?;
        let planned = self.receipts.values().chain(self.updates.values()).chain(&self.cover_at).min().copied();
        planned.into_iter().chain(schedule::next_due(&self.queue(), Supply::Ample, self.pace)).min()
    }

    /// Does what is due: as the driver of a watching client does, in its order.
    pub(super) fn look(&mut self, setting: &Setting, size: impl Fn(usize) -> usize, now: u64, rng: &mut impl RngCore) {
        if self.cover_at.is_some_and(|at| schedule::cover_is_due(at, setting.cover_mean, now)) {
            self.cover_at = Some(schedule::next_cover(now, setting.cover_mean, rng));
            match schedule::cover_turn(&self.queue(), now, true, false) {
                Turn::Job(id) => self.queue.iter_mut().filter(|job| job.id == id).for_each(|job| job.released = true),
                Turn::Noise => {
                    self.jobs += 1;
                    self.push(Waiting { released: true, id: self.jobs, ..Waiting::default() }, Load::noise());
                }
                Turn::Nothing => (),
            }
        }
        let urgent = setting.receipts == Receipts::OnArrival || super::matter::receipt().is_urgent();
        for group in due(&mut self.receipts, now) {
            let load = Load { group: Some(group), covered: !urgent, ..Load::noise() };
            self.write(group, urgent, load);
        }
        for group in due(&mut self.updates, now) {
            self.update(group, size(group), setting, now, rng);
        }
    }

    /// The next job that leaves now, taken out of the queue.
    pub(super) fn send(&mut self, now: u64) -> Option<Load> {
        let next = schedule::next(&self.queue(), Supply::Ample, self.pace, now)?;
        self.queue.retain(|job| job.id != next.id);
        self.loads.remove(&next.id)
    }
}

fn due(times: &mut BTreeMap<usize, u64>, now: u64) -> Vec<usize> {
    let groups: Vec<usize> = times.iter().filter(|(_, at)| **at <= now).map(|(group, _)| *group).collect();
    times.retain(|_, at| *at > now);
    groups
}
