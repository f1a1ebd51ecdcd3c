//! A client without a profile: the client's own decisions (`himaya::engine::schedule`) over a queue in memory.

use std::collections::BTreeMap;

use himaya::engine::schedule::{self, Matter, Pace, Supply, Turn, Waiting};
use rand::{Rng, RngCore};

use super::setting::{Receipts, Setting};

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
    /// Whether it is a commit.
    pub(super) commit: bool,
}

/// A client.
#[derive(Debug, Default)]
pub(super) struct Client {
    queue: Vec<Waiting>,
    loads: BTreeMap<i64, Load>,
    jobs: i64,
    cover_at: Option<u64>,
    receipts: BTreeMap<usize, u64>,
    updates: BTreeMap<usize, u64>,
    /// The feed that is open, by its number.
    pub(super) session: Option<usize>,
    /// What came while nobody watched: the group, whether a receipt is wanted, chunks to fetch.
    pub(super) missed: Vec<(usize, bool, Vec<u64>)>,
}

impl Client {
    /// Begins to watch.
    pub(super) fn begin(&mut self, setting: &Setting, now: u64, rng: &mut impl RngCore) {
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
        self.push(Waiting { lane, urgent, commit: load.commit, id: self.jobs, ..Waiting::default() }, load);
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
        self.receipts.values().chain(self.updates.values()).chain(&self.cover_at).min().copied()
    }

    /// Does what is due: as the driver of a watching client does, in its order.
    pub(super) fn look(&mut self, setting: &Setting, size: impl Fn(usize) -> usize, now: u64, rng: &mut impl RngCore) {
        if self.cover_at.is_some_and(|at| schedule::cover_is_due(at, setting.cover_mean, now)) {
            self.cover_at = Some(schedule::next_cover(now, setting.cover_mean, rng));
            match schedule::cover_turn(&self.queue, now, true, false) {
                Turn::Job(id) => self.queue.iter_mut().filter(|job| job.id == id).for_each(|job| job.released = true),
                Turn::Noise => {
                    self.jobs += 1;
                    let load = Load { group: None, wants_receipt: false, chunks: 0, covered: true, commit: false };
                    self.push(Waiting { released: true, id: self.jobs, ..Waiting::default() }, load);
                }
                Turn::Nothing => (),
            }
        }
        let urgent = setting.receipts == Receipts::OnArrival || super::matter::receipt().is_urgent();
        for group in due(&mut self.receipts, now) {
            let load = Load { group: Some(group), wants_receipt: false, chunks: 0, covered: !urgent, commit: false };
            self.write(group, urgent, load);
        }
        for group in due(&mut self.updates, now) {
            let chunks = if setting.commit_traces { commit_chunks(size(group)) } else { 0 };
            let urgent = Matter::Update.is_urgent();
            let load = Load { group: Some(group), wants_receipt: false, chunks, covered: !urgent, commit: true };
            self.write(group, urgent, load);
        }
    }

    /// The next job that leaves now, taken out of the queue.
    pub(super) fn send(&mut self, setting: &Setting, now: u64) -> Option<Load> {
        let pace = if setting.cover_mean > 0 { Pace::Urgent } else { Pace::All };
        let next = schedule::next(&self.queue, Supply::Ample, pace, now)?;
        self.queue.retain(|job| job.id != next.id);
        self.loads.remove(&next.id)
    }
}

fn due(times: &mut BTreeMap<usize, u64>, now: u64) -> Vec<usize> {
    let groups: Vec<usize> = times.iter().filter(|(_, at)| **at <= now).map(|(group, _)| *group).collect();
    times.retain(|_, at| *at > now);
    groups
}

/// How many chunks a key update takes in a group of so many whose members have all updated their keys (docs/benchmarks.md).
pub(super) fn commit_chunks(members: usize) -> usize {
    usize::from(members > INLINE_MEMBERS)
}

/// The largest group whose key updates surely fit a cell: those of 2 members do, those of 10 do not, and what lies between was not
/// measured and is taken for the worse.
pub(super) const INLINE_MEMBERS: usize = 2;
