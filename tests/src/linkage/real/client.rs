//! One real client in the experiment: what it puts and why, and when it has something to do next.

use std::collections::HashMap;

use himaya::engine::schedule::RECEIPT_MEAN;
use himaya::engine::{self, CircleId, Mode, Pace};
use himaya_protocol::wire::Address;
use rand::Rng;

use super::super::lists::Reading;
use super::super::setting::{Receipts, Setting};
use super::super::view::Truth;
use crate::sim::Person;

/// Notes what each job was when it left the outbox, beside the profile's own tables and in memory alone.
const NOTED: [&str; 3] = [
    "CREATE TEMP TABLE went (address BLOB PRIMARY KEY, purpose TEXT, circle BLOB, urgent INTEGER)",
    "CREATE TEMP TRIGGER put AFTER DELETE ON job BEGIN
         INSERT OR REPLACE INTO went VALUES (OLD.address, OLD.purpose, OLD.circle, OLD.urgent); END",
    "CREATE TEMP TRIGGER moved AFTER UPDATE OF address ON job BEGIN
         INSERT OR REPLACE INTO went VALUES (OLD.address, OLD.purpose, OLD.circle, OLD.urgent); END",
];

/// A client that watches, or sleeps.
pub(super) struct Client {
    pub(super) person: Person,
    /// The feed that is open, by its number.
    pub(super) session: Option<usize>,
    /// How much of what the feed has brought was heard.
    pub(super) heard: usize,
    /// When it looks around next.
    pub(super) look: Option<u64>,
    /// When cells that are held are tried again.
    pub(super) held: Option<u64>,
}

/// Who cares for a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Nobody,
    Group(usize),
    Somebody,
}

impl Client {
    pub(super) fn new(mut person: Person) -> Self {
        person.run(|ctx| {
            for sql in NOTED {
                ctx.execute(sql, &[])?;
            }
            Ok(())
        });
        Self { person, session: None, heard: 0, look: None, held: None }
    }

    /// Chooses what people may switch, and forgets what was done so far.
    pub(super) fn switch(&mut self, setting: &Setting) {
        let receipts = if setting.receipts == Receipts::Off { 0 } else { RECEIPT_MEAN };
        self.person.line.take_calls();
        self.person.run(|ctx| {
            engine::set_cover_mean(ctx, setting.cover_mean)?;
            engine::set_mode(ctx, if setting.reading == Reading::Sweep { Mode::Sweep } else { Mode::Pick })?;
            Ok(ctx.set_number("receipt mean", receipts)?)
        });
        self.forget();
        (self.session, self.heard, self.look, self.held) = (None, 0, None, None);
    }

    /// What was behind a put.
    pub(super) fn truth(&mut self, who: usize, groups: &HashMap<CircleId, usize>, address: &Address) -> (Truth, For) {
        let sql = "SELECT purpose, circle, urgent FROM went WHERE address = ?1";
        let row = self.person.run(|ctx| {
            Ok(ctx.row(sql, &[&&address.as_bytes()[..]], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Option<Vec<u8>>>(1)?, row.get::<_, bool>(2)?))
            })?)
        });
        // What is still in the outbox was put and not answered, which does not happen on this wire.
        let (purpose, circle, urgent) = row.expect("what was put has left the outbox");
        let group = circle.and_then(|circle| groups.get(&circle).copied());
        let cares = match group {
            Some(group) => For::Group(group),
            None if purpose == "cover" => For::Nobody,
            None => For::Somebody,
        };
        (Truth { who, group, covered: !urgent }, cares)
    }

    /// Forgets what was behind the puts so far.
    pub(super) fn forget(&mut self) {
        self.person.run(|ctx| Ok(ctx.execute("DELETE FROM went", &[])?));
    }

    /// Lets receipts leave within seconds: a weakening.
    pub(super) fn hasten(&mut self, now: u64, rng: &mut impl Rng) {
        let soon = i64::try_from(now + rng.random_range(1..=5)).unwrap_or(i64::MAX);
        self.person.run(|ctx| {
            ctx.execute("UPDATE circle SET receipt_due = ?1 WHERE receipt_due > ?1", &[&soon])?;
            // Nobody but the defender raises alerts and answers: what else waits in the outbox for its turn is a receipt.
            let sql = "UPDATE job SET urgent = 1 WHERE purpose = 'event'";
            Ok(ctx.execute(sql, &[])?)
        });
    }

    /// When there is something to do while it watches.
    pub(super) fn next_look(&mut self, setting: &Setting, base: u64) -> Option<u64> {
        self.session?;
        let pace = if setting.cover_mean > 0 { Pace::Urgent } else { Pace::Calm };
        let (due, cover) = self.person.run(|ctx| Ok((engine::next_due(ctx, pace)?, ctx.number("cover at")?)));
        let cover = cover.filter(|_| setting.cover_mean > 0);
        due.into_iter().chain(cover).map(|at| at.saturating_sub(base)).chain(self.held).min()
    }
}
