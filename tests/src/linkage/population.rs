//! Who there is: people, and the groups of domain practice that they are in, 2 to 200 members each.

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngCore};

/// What a group is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A defender and 1 to 6 trusted contacts.
    Circle,
    /// A defender and an organisation's desk.
    Line,
    /// An organisation's coordinators.
    Desk,
    /// Those who work on one case, and the defender.
    Case,
    /// Delegates of two organisations.
    Bridge,
    /// Many people of one region: 20 to 200.
    Network,
}

/// A group.
#[derive(Debug, Clone)]
pub struct Group {
    /// What it is for.
    pub kind: Kind,
    /// Who is in it; the first is the defender where there is one.
    pub members: Vec<usize>,
}

/// Somebody with a client.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// From when until when the client watches, in seconds of the day; `None` is always.
    pub awake: Option<(u64, u64)>,
}

/// Somebody's client begins to watch, or stops.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waking {
    pub(super) at: u64,
    pub(super) who: usize,
    pub(super) begins: bool,
}

/// Everybody on one relay.
#[derive(Debug, Clone, Default)]
pub struct Population {
    /// People, by number.
    pub people: Vec<Person>,
    /// Groups, by number.
    pub groups: Vec<Group>,
}

/// How many of 100 clients watch day and night: computers of desks and of those who can leave one running.
const ALWAYS_ON: u32 = 30;

impl Population {
    /// So many groups in the usual mixture, the largest with `largest` members, other networks with up to `others`.
    pub fn new(groups: usize, largest: usize, others: usize, rng: &mut impl RngCore) -> Self {
        let mut made = Self::default();
        let share = |percent: usize| (groups * percent).div_ceil(100);
        let desks: Vec<Vec<usize>> = (0..share(8)).map(|_| made.newcomers(rng.random_range(3..=12), rng)).collect();
        let mut defenders = Vec::new();
        for desk in &desks {
            made.add(Kind::Desk, desk.clone());
        }
        for _ in 0..share(20) {
            let Some(desk) = desks.choose(rng) else { break };
            let defender = made.newcomers(1, rng);
            defenders.extend(&defender);
            made.add(Kind::Line, [defender, desk.clone()].concat());
        }
        for _ in 0..share(6) {
            let (Some(desk), Some(defender)) = (desks.choose(rng), defenders.choose(rng)) else { break };
            let team: Vec<usize> = desk.choose_multiple(rng, desk.len().min(4)).copied().collect();
            made.add(Kind::Case, [vec![*defender], team].concat());
        }
        for _ in 0..share(3) {
            let both: Vec<usize> =
                desks.choose_multiple(rng, 2).flat_map(|desk| desk.iter().take(2)).copied().collect();
            made.add(Kind::Bridge, both);
        }
        let networks = share(3);
        while made.groups.len() + networks < groups {
            made.circle(&defenders, rng);
        }
        for number in 0..networks {
            let size = if number == 0 { largest } else { rng.random_range(10.min(others)..=others) };
            let mut everybody: Vec<usize> = (0..made.people.len()).collect();
            everybody.shuffle(rng);
            everybody.truncate(size);
            made.add(Kind::Network, everybody);
        }
        made
    }

    /// Who begins to watch on a day, and who stops; nobody is up to the second.
    pub(super) fn wakings(&self, day: u64, rng: &mut impl RngCore) -> Vec<Waking> {
        let mut wakings = Vec::new();
        for (who, person) in self.people.iter().enumerate() {
            match person.awake {
                Some((up, down)) => {
                    let late = rng.random_range(0..1_200);
                    wakings.push(Waking { at: day * super::DAY + up - late, who, begins: true });
                    wakings.push(Waking { at: day * super::DAY + down + late, who, begins: false });
                }
                None if day == 0 => wakings.push(Waking { at: rng.random_range(0..600), who, begins: true }),
                None => (),
            }
        }
        wakings
    }

    /// Somebody's trusted contacts: most of them are nobody's else.
    fn circle(&mut self, defenders: &[usize], rng: &mut impl RngCore) {
        let defender = match defenders.choose(rng) {
            Some(defender) if rng.random_bool(0.25) => vec![*defender],
            Some(_) | None => self.newcomers(1, rng),
        };
        let mut members = defender;
        for _ in 0..rng.random_range(1..=6) {
            let known = rng.random_bool(0.3).then(|| rng.random_range(0..self.people.len()));
            match known {
                Some(known) if !members.contains(&known) => members.push(known),
                Some(_) | None => members.extend(self.newcomers(1, rng)),
            }
        }
        self.add(Kind::Circle, members);
    }

    fn newcomers(&mut self, count: usize, rng: &mut impl RngCore) -> Vec<usize> {
        let first = self.people.len();
        for _ in 0..count {
            let up = rng.random_range(5 * 3_600..9 * 3_600);
            let awake =
                (!rng.random_ratio(ALWAYS_ON, 100)).then(|| (up, up + rng.random_range(12 * 3_600..15 * 3_600)));
            self.people.push(Person { awake });
        }
        (first..first + count).collect()
    }

    fn add(&mut self, kind: Kind, members: Vec<usize>) {
        self.groups.push(Group { kind, members });
    }
}

impl Person {
    /// When the client watches next, from a time on: that time if it does then. Seconds from midnight of day 0.
    pub fn watches_from(&self, at: u64) -> u64 {
        let Some((up, down)) = self.awake else { return at };
        let (day, second) = (at / super::DAY * super::DAY, at % super::DAY);
        if second < up {
            day + up
        } else if second < down {
            at
        } else {
            day + super::DAY + up
        }
    }

    /// Whether the client watches then.
    pub fn watches(&self, at: u64) -> bool {
        self.watches_from(at) == at
    }
}
