//! When what leaves: functions of the time, of chance and of what waits, and of nothing else.
//!
//! What the relay sees of a client is decided here, so that an experiment can put the same decisions to thousands of
//! clients that have no profile and no MLS. The rest of the engine loads what waits, asks, and notes the answer.

use std::collections::BTreeMap;

use himaya_protocol::content::Body;
use himaya_protocol::content::vocabulary::AckLevel;
use himaya_protocol::wire::parts::PARTS_MAX;
use rand::{Rng, RngCore};

use crate::store::Seconds;

/// How many jobs of a lane another one of it may overtake: less than a reader's look-ahead.
const OVERTAKEN: usize = 4;
/// A time to wait that is longer than any was made: the clock has been put back since.
const CLOCK_WENT_BACK: Seconds = 900;
/// The furthest ahead that the last cell of a commit is planned.
const SPREAD_MOST: Seconds = 10 * SPREAD_MEAN * (PARTS_MAX as Seconds + 1);

/// How long it is between two writes on average while a client watches, unless the person says otherwise, in seconds.
pub const COVER_MEAN: Seconds = 3_600;
/// How long device receipts wait on average, unless the profile says otherwise: they never leave on arrival. What the members of a
/// group write after one event lies closer together than noise; at an hour that shows (docs/metadata.md).
pub const RECEIPT_MEAN: Seconds = 2 * 3_600;
/// How long it is on average between the parts of one key update: in a dense schedule one would else follow the other.
pub const SPREAD_MEAN: Seconds = 2 * 3_600;
/// How long whoever's turn it is to update its key waits on average.
pub const TURN_MEAN: Seconds = 4 * 3_600;
/// The shortest time between two readings of a watcher that reads by lists, in seconds.
const LISTS_LEAST: Seconds = 1_800;
/// The longest: how late a watcher that reads by lists hears of something.
pub const LISTS_MOST: Seconds = 3_600;
/// How long it is between two of them on average.
pub const LISTS_MEAN: Seconds = (LISTS_LEAST + LISTS_MOST) / 2;

/// What a client writes, by how long it can wait.
#[derive(Debug, Clone, Copy)]
pub enum Matter<'a> {
    /// An event.
    Event(&'a Body),
    /// Nothing but how the sender stands, where the others have to know.
    Standing,
    /// A KeyPackage for the others of a group.
    Offer,
    /// A word to one member, or to a contact.
    Letter,
    /// A commit that renews the own key and changes nothing else.
    Update,
    /// A commit that changes who is in the group.
    Change,
}

impl Matter<'_> {
    /// Whether it leaves at once. What is not urgent takes the place of noise in the cover schedule.
    pub fn is_urgent(self) -> bool {
        match self {
            Self::Event(body) => !can_wait(body),
            Self::Standing | Self::Letter | Self::Change => true,
            Self::Offer | Self::Update => false,
        }
    }
}

/// Receipts, the desk's notes and grades, and how a desk works: nobody acts on them in the next hour.
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever is not named here, somebody may be waiting for")]
fn can_wait(body: &Body) -> bool {
    match body {
        Body::Ack(ack) => ack.level == AckLevel::Device,
        Body::Triage(triage) => {
            let decides = triage.status.is_some() || triage.priority.is_some() || triage.confirms.is_some();
            let rates = triage.urgency.is_some() || triage.severity.is_some() || triage.certainty.is_some();
            !decides && !rates && triage.verified.is_none() && triage.alternative.is_none()
        }
        Body::Verification(_) | Body::DeskPolicy(_) => true,
        _ => false,
    }
}

/// Which jobs may leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pace {
    /// Every one whose time has come.
    #[default]
    All,
    /// The same, but what is spread over time leaves in its time: a client that watches without a cover schedule.
    Calm,
    /// Those that somebody waits for, what they wait for in their lane, and what the cover schedule has released.
    Urgent,
}

/// How many tokens there are to bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supply {
    /// None.
    Out,
    /// Half of the reserve, or less.
    Low,
    /// The reserve, or less.
    Reserve,
    /// Enough for everything, or none is needed.
    Ample,
}

/// A job that waits, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Names the job; later ones have higher numbers.
    pub id: i64,
    /// The lane it goes into and its place there, if it goes into one.
    pub lane: Option<(i64, i64)>,
    /// Whether somebody waits for it.
    pub urgent: bool,
    /// Whether the cover schedule has let it go.
    pub released: bool,
    /// Whether it may use the tokens that are kept for alerts.
    pub reserve: bool,
    /// Whether it is a commit.
    pub commit: bool,
    /// Whether it is a part of a commit.
    pub part: bool,
    /// Whether it has to wait for its circle.
    pub stopped: bool,
    /// Whether it has chunks that the relay does not have yet.
    pub chunks: bool,
    /// Whether a token is bound to its address already.
    pub paid: bool,
    /// When it may be tried.
    pub not_before: Seconds,
    /// From when a watching client lets it go, unless it is urgent: what belongs together is spread over time.
    pub spread: Seconds,
}

impl Waiting {
    /// Whether its time has come among what belongs together with it. What lies further ahead than is ever planned was planned by
    /// a clock that has been put back since.
    fn is_spread(&self, now: Seconds) -> bool {
        self.spread <= now || self.spread - now > SPREAD_MOST
    }
}

/// The job that leaves next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// Which.
    pub id: i64,
    /// Whether it may use the tokens that are kept for alerts, be it for what waits behind it.
    pub reserve: bool,
}

/// The next job whose time has come: urgent ones first, commits and their parts after everything else, chunks after
/// cells, alerts and answers before the rest, then in the order they were queued.
///
/// Readers look a few slots ahead in each lane and no further, so a job waits while several of those before it in its lane do; in
/// return its own time is the time of those before it. What an alert waits for in its lane may use the alert's tokens.
pub fn next(queue: &[Waiting], supply: Supply, pace: Pace, now: Seconds) -> Option<Next> {
    let lanes = Lanes::of(queue);
    let due = |job: &Waiting| job.not_before <= now;
    let ready = queue
        .iter()
        .filter(|job| due(job) || job.not_before > now.saturating_add(CLOCK_WENT_BACK) || lanes.behind(job).any(due));
    let ready = ready.filter(|job| may_leave(job, &lanes, supply, pace, now) && lanes.before(job) < OVERTAKEN);
    let first = ready.min_by_key(|job| (!job.urgent, job.commit || job.part, job.chunks, !job.reserve, job.id))?;
    Some(Next { id: first.id, reserve: first.reserve || lanes.behind(first).any(|job| job.reserve) })
}

/// When the next job may be tried that does not wait for a token or for its circle.
pub fn next_due(queue: &[Waiting], supply: Supply, pace: Pace) -> Option<Seconds> {
    let lanes = Lanes::of(queue);
    let due =
        |job: &Waiting| if pace == Pace::Calm && !job.urgent { job.not_before.max(job.spread) } else { job.not_before };
    queue.iter().filter(|job| may_leave(job, &lanes, supply, pace, Seconds::MAX)).map(due).min()
}

fn may_leave(job: &Waiting, lanes: &Lanes<'_>, supply: Supply, pace: Pace, now: Seconds) -> bool {
    // What has chunks is not pulled along by what the cover schedule let leave: it has its own turns.
    let pulls = |later: &Waiting| later.urgent || (later.released && !job.chunks);
    // A long removal leaves half of the reserve to alerts and answers.
    let reserve = |job: &Waiting| job.reserve && (supply == Supply::Reserve || !job.part);
    let paid = match supply {
        Supply::Ample => true,
        Supply::Reserve | Supply::Low => job.paid || reserve(job) || lanes.behind(job).any(reserve),
        Supply::Out => job.paid,
    };
    let goes = || job.urgent || job.released || lanes.behind(job).any(pulls);
    paid && !job.stopped
        && match pace {
            Pace::All => true,
            Pace::Calm => job.is_spread(now) || goes(),
            Pace::Urgent => goes(),
        }
}

/// What goes into the same lane, in its order.
struct Lanes<'a>(BTreeMap<i64, Vec<(i64, &'a Waiting)>>);

impl<'a> Lanes<'a> {
    fn of(queue: &'a [Waiting]) -> Self {
        let mut lanes: BTreeMap<i64, Vec<(i64, &Waiting)>> = BTreeMap::new();
        for job in queue {
            if let Some((lane, place)) = job.lane {
                lanes.entry(lane).or_default().push((place, job));
            }
        }
        lanes.values_mut().for_each(|jobs| jobs.sort_by_key(|(place, _)| *place));
        Self(lanes)
    }

    /// The jobs behind one in its lane.
    fn behind(&self, job: &Waiting) -> impl Iterator<Item = &'a Waiting> {
        let place = job.lane.map_or(0, |(_, place)| place);
        let lane = job.lane.and_then(|(lane, _)| self.0.get(&lane)).map(Vec::as_slice).unwrap_or_default();
        lane.iter().rev().take_while(move |(other, _)| *other > place).map(|(_, job)| *job)
    }

    /// How many are before one in its lane.
    fn before(&self, job: &Waiting) -> usize {
        let Some((lane, place)) = job.lane else { return 0 };
        self.0.get(&lane).map_or(0, |jobs| jobs.partition_point(|(other, _)| *other < place))
    }
}

/// What is written at a time of the cover schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// This job, which waited for it.
    Job(i64),
    /// Noise.
    Noise,
    /// Nothing: noise would use tokens that something real may need.
    Nothing,
}

/// What is written at a time of the cover schedule: the oldest job that is not urgent, or its next chunk, or noise if none
/// waits. After a chunk it is the turn of jobs that have none, so that many chunks do not hold them up.
pub fn cover_turn(queue: &[Waiting], now: Seconds, may_spend: bool, chunk_was_last: bool) -> Turn {
    let waits =
        |job: &&Waiting| !job.urgent && !job.released && !job.stopped && job.not_before <= now && job.is_spread(now);
    match queue.iter().filter(waits).min_by_key(|job| (chunk_was_last && job.chunks, job.id)) {
        Some(job) => Turn::Job(job.id),
        None if may_spend => Turn::Noise,
        None => Turn::Nothing,
    }
}

/// Whether a write of the cover schedule that was planned for `at` is due. What lies further ahead than is ever planned
/// was planned by a clock that has been put back since.
pub fn cover_is_due(at: Seconds, mean: Seconds, now: Seconds) -> bool {
    mean > 0 && (at <= now || at - now > mean.saturating_mul(10))
}

/// When the cover schedule writes next: the times are those of a Poisson process, so one says nothing of the next.
pub fn next_cover(now: Seconds, mean: Seconds, rng: &mut (impl RngCore + ?Sized)) -> Seconds {
    now.saturating_add(exponential(rng, mean))
}

/// When a circle's receipts are written, if another event comes now: those that are collected already keep their time.
pub fn receipts_due(
    planned: Option<Seconds>,
    now: Seconds,
    mean: Seconds,
    rng: &mut (impl RngCore + ?Sized),
) -> Seconds {
    let due = now.saturating_add(exponential(rng, mean));
    planned.unwrap_or(due)
}

/// When a watcher that reads by lists does so next: at a time that says nothing of what has come for it, and in no rhythm, by which
/// the relay would know it again.
pub fn lists_due(now: Seconds, rng: &mut (impl RngCore + ?Sized)) -> Seconds {
    now.saturating_add(rng.random_range(LISTS_LEAST..=LISTS_MOST))
}

/// When whoever's turn it is updates its key.
pub fn update_due(now: Seconds, rng: &mut (impl RngCore + ?Sized)) -> Seconds {
    now.saturating_add(exponential(rng, TURN_MEAN))
}

/// From when a client that watches lets the next part of a commit leave, if the one before may leave after this time.
pub fn spread(after: Seconds, rng: &mut (impl RngCore + ?Sized)) -> Seconds {
    after.saturating_add(exponential(rng, SPREAD_MEAN))
}

/// A waiting time of a Poisson process with this mean, at most ten times it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by ten means just above")]
#[expect(clippy::cast_precision_loss, reason = "a mean is seconds to days")]
pub(super) fn exponential(rng: &mut (impl RngCore + ?Sized), mean: Seconds) -> Seconds {
    let uniform: f64 = rng.random();
    (-(1.0 - uniform).ln()).min(10.0).mul_add(mean as f64, 0.0) as Seconds
}

#[cfg(test)]
mod tests {
    use himaya_protocol::content::body::{Triage, Verification};
    use himaya_protocol::content::value::{Note, Text};
    use himaya_protocol::content::vocabulary::{CaseStatus, Priority};
    use himaya_protocol::content::{Ack, EventId, sos};

    use super::*;

    fn job(id: i64) -> Waiting {
        Waiting { id, ..Waiting::default() }
    }

    fn chosen(queue: &[Waiting], supply: Supply, pace: Pace) -> Option<i64> {
        next(queue, supply, pace, 100).map(|next| next.id)
    }

    #[test]
    fn what_nobody_acts_on_in_the_next_hour_waits() {
        let (event, note) = (EventId::of(b"an alert"), || Note::new("as agreed").unwrap());
        let ack = |level| Body::from(Ack { refs: [event].into(), level, note: None });
        let wait = [
            ack(AckLevel::Device),
            Triage::new(note()).into(),
            Triage { note: Text::new("for us").ok(), ..Triage::new(note()) }.into(),
            Verification::new(event).into(),
        ];
        let leave = [
            ack(AckLevel::Human),
            ack(AckLevel::Acting),
            sos::alert(None).unwrap().into(),
            Triage { priority: Some(Priority::P1), ..Triage::new(note()) }.into(),
            Triage { status: Some(CaseStatus::Active), ..Triage::new(note()) }.into(),
            Body::Leave,
        ];
        assert!(wait.iter().all(|body| !Matter::Event(body).is_urgent()));
        assert!(leave.iter().all(|body| Matter::Event(body).is_urgent()));
        assert!(Matter::Change.is_urgent() && !Matter::Update.is_urgent());
    }

    #[test]
    fn urgent_jobs_leave_first_and_commits_last() {
        let queue = [
            job(1),
            Waiting { commit: true, urgent: true, ..job(2) },
            Waiting { urgent: true, ..job(3) },
            Waiting { urgent: true, reserve: true, ..job(4) },
        ];
        assert_eq!(chosen(&queue, Supply::Ample, Pace::All), Some(4));
        assert_eq!(chosen(&queue[..3], Supply::Ample, Pace::All), Some(3));
        assert_eq!(chosen(&queue[..2], Supply::Ample, Pace::All), Some(2));
        assert_eq!(chosen(&queue[..1], Supply::Ample, Pace::All), Some(1));
        assert_eq!(chosen(&queue[..1], Supply::Ample, Pace::Urgent), None);
        let part = Waiting { part: true, urgent: true, reserve: true, ..job(0) };
        let removal = [part, Waiting { urgent: true, reserve: true, ..job(9) }];
        assert_eq!(chosen(&removal, Supply::Ample, Pace::All), Some(9), "an alert does not wait for what is long");
        assert_eq!(chosen(&removal[..1], Supply::Reserve, Pace::All), Some(0));
        assert_eq!(chosen(&removal[..1], Supply::Low, Pace::All), None);
        assert_eq!(chosen(&removal, Supply::Low, Pace::All), Some(9));
    }

    #[test]
    fn what_stands_before_an_urgent_job_in_its_lane_leaves_with_it() {
        let lane = |id, place| Waiting { lane: Some((7, place)), ..job(id) };
        let mut queue: Vec<Waiting> = (1..=5).map(|id| lane(id, id)).collect();
        assert_eq!(chosen(&queue, Supply::Ample, Pace::Urgent), None);
        queue.push(Waiting { urgent: true, reserve: true, ..lane(6, 6) });
        // Five stand before it: the reader would not find it.
        assert_eq!(next(&queue, Supply::Reserve, Pace::Urgent, 100), Some(Next { id: 1, reserve: true }));
        queue.drain(..2);
        assert_eq!(chosen(&queue, Supply::Ample, Pace::Urgent), Some(6));
        queue.pop();
        queue.push(Waiting { lane: Some((8, 9)), urgent: true, ..job(7) });
        assert_eq!(chosen(&queue[..3], Supply::Ample, Pace::Urgent), None);
    }

    #[test]
    fn chunks_have_turns_of_their_own() {
        let chunks = |id| Waiting { chunks: true, ..job(id) };
        let queue = [chunks(1), job(2)];
        assert_eq!(cover_turn(&queue, 100, true, false), Turn::Job(1));
        assert_eq!(cover_turn(&queue, 100, true, true), Turn::Job(2));
        assert_eq!(cover_turn(&queue[..1], 100, true, true), Turn::Job(1));
        assert_eq!(chosen(&queue, Supply::Ample, Pace::All), Some(2));
        // An alert pulls along what stands before it in its lane, a released job only what has no chunks.
        let lane = |job: Waiting| Waiting { lane: Some((7, job.id)), ..job };
        let released = lane(Waiting { released: true, ..job(3) });
        assert_eq!(chosen(&[lane(chunks(1)), released.clone()], Supply::Ample, Pace::Urgent), Some(3));
        assert_eq!(chosen(&[lane(job(1)), released], Supply::Ample, Pace::Urgent), Some(1));
        let alert = lane(Waiting { urgent: true, ..job(3) });
        assert_eq!(next_due(&[lane(chunks(1)), alert], Supply::Ample, Pace::Urgent), Some(0));
    }

    #[test]
    fn tokens_and_circles_are_waited_for() {
        let alert = Waiting { urgent: true, reserve: true, ..job(2) };
        let queue = [Waiting { urgent: true, ..job(1) }, alert];
        assert_eq!(chosen(&queue, Supply::Reserve, Pace::All), Some(2));
        assert_eq!(chosen(&queue, Supply::Out, Pace::All), None);
        assert_eq!(chosen(&[Waiting { paid: true, ..job(1) }], Supply::Out, Pace::All), Some(1));
        assert_eq!(chosen(&[Waiting { stopped: true, ..job(1) }], Supply::Ample, Pace::All), None);
    }

    #[test]
    fn a_job_is_tried_in_its_time() {
        let later = Waiting { not_before: 130, ..job(1) };
        assert_eq!(chosen(std::slice::from_ref(&later), Supply::Ample, Pace::All), None);
        assert_eq!(next_due(std::slice::from_ref(&later), Supply::Ample, Pace::All), Some(130));
        // Planned by a clock that was put back.
        assert_eq!(chosen(&[Waiting { not_before: 100 + 901, ..job(1) }], Supply::Ample, Pace::All), Some(1));
        // Its time is that of what waits behind it.
        let queue = [Waiting { lane: Some((1, 1)), ..later }, Waiting { lane: Some((1, 2)), ..job(2) }];
        assert_eq!(chosen(&queue[..1], Supply::Ample, Pace::All), None);
        assert_eq!(chosen(&queue, Supply::Ample, Pace::All), Some(1));
    }

    #[test]
    fn parts_of_a_key_update_leave_in_their_time() {
        let part = |id, spread| Waiting { spread, ..job(id) };
        let queue = [part(1, 100), part(2, 200), Waiting { stopped: true, commit: true, ..part(3, 300) }];
        assert_eq!(chosen(&queue, Supply::Ample, Pace::Calm), Some(1));
        assert_eq!(chosen(&queue[1..], Supply::Ample, Pace::Calm), None);
        assert_eq!(next_due(&queue[1..], Supply::Ample, Pace::Calm), Some(200));
        assert_eq!(cover_turn(&queue, 100, true, false), Turn::Job(1));
        assert_eq!(cover_turn(&queue[1..], 100, true, false), Turn::Noise);
        // Whoever uses commands does not watch long enough to wait, and a commit never leaves before its parts.
        assert_eq!(chosen(&queue[1..], Supply::Ample, Pace::All), Some(2));
        assert_eq!(chosen(&queue[2..], Supply::Ample, Pace::All), None);
        // Planned by a clock that was put back.
        assert_eq!(chosen(&[part(1, 101 + SPREAD_MOST)], Supply::Ample, Pace::Calm), Some(1));
    }

    #[test]
    fn the_schedule_takes_the_oldest_that_can_wait() {
        let queue = [Waiting { urgent: true, ..job(1) }, Waiting { released: true, ..job(2) }, job(3), job(4)];
        assert_eq!(cover_turn(&queue, 100, true, false), Turn::Job(3));
        assert_eq!(cover_turn(&queue[..2], 100, true, false), Turn::Noise);
        assert_eq!(cover_turn(&queue[..2], 100, false, false), Turn::Nothing);
        assert!(cover_is_due(100, 3_600, 100) && !cover_is_due(101, 3_600, 100));
        assert!(cover_is_due(36_101, 3_600, 100) && !cover_is_due(36_100, 3_600, 100) && !cover_is_due(1, 0, 100));
    }
}
