//! The profile as the board asks it.

use std::collections::{BTreeMap, BTreeSet};

use himaya_protocol::case::shelter::reduce_shelter;
use himaya_protocol::case::{Board, Entry, Group, Role, case_of};
use himaya_protocol::content::vocabulary::OfferState;
use himaya_protocol::content::{Body, CaseId};
use himaya_protocol::wire::card::Fingerprint;
use serde_json::Value;

use super::super::app::App;
use super::super::error::CliError;
use super::super::output;
use crate::board::{Desk, Facts, Model, Place, Proposal, Where};
use crate::engine::{self, Circle, CircleId, Draft, EngineError, Member};
use crate::store::{Ctx, Profile, Seconds};
use crate::text::{Explain as _, Texts};

/// The setting that holds unfinished texts.
const DRAFTS: &str = "board drafts";

/// The profile as the board asks it.
pub(super) struct Client<'a> {
    app: &'a mut App,
    profile: Profile,
    /// The number of the newest event that is on the board, and how many the log had then.
    read: (i64, u64),
    /// Events that are of no case, and those of cases with a request for shelter.
    beside: Vec<Entry>,
    members: BTreeMap<CircleId, Vec<Member>>,
}

impl<'a> Client<'a> {
    pub(super) fn new(app: &'a mut App, profile: Profile) -> Self {
        Self { app, profile, read: (0, 0), beside: Vec::new(), members: BTreeMap::new() }
    }

    pub(super) fn now(&self) -> Seconds {
        self.app.now()
    }

    fn transact<V>(&mut self, work: impl FnOnce(&mut Ctx<'_>) -> Result<V, EngineError>) -> Result<V, CliError> {
        self.app.transact(&mut self.profile, work)
    }

    /// Takes in what has been logged since the last time, or everything, if something was purged.
    pub(super) fn load(&mut self, model: &mut Model, texts: &Texts) -> Result<(), CliError> {
        let ((last, count), now) = (self.read, self.now());
        let (read, entries, purged, mut facts, members) = self.transact(|ctx| {
            let read = engine::log_size(ctx)?;
            let mut entries = engine::entries_after(ctx, last)?;
            // What is there and was not counted before must be new; less of it is a purge.
            if count.saturating_add(u64::try_from(entries.len()).unwrap_or_default()) != read.1 {
                entries = engine::entries_after(ctx, 0)?;
            }
            Ok((read, entries, engine::purged(ctx)?, facts(ctx)?, members(ctx)?))
        })?;
        let (mut board, _) = model.take();
        if last > 0 && u64::try_from(entries.len()).is_ok_and(|all| all == read.1) {
            (board, self.beside) = (Board::new(), Vec::new());
        }
        purged.into_iter().for_each(|id| board.remember(id));
        for entry in entries {
            if case_of(&entry.event).is_none() || is_of_shelter(&entry) {
                self.beside.push(entry.clone());
            }
            board.add(entry);
        }
        (facts.shift, facts.free) = (shift(&self.beside, now / 60), free(&self.beside, &board));
        (self.read, self.members) = (read, members);
        model.load(board, facts, now, texts);
        Ok(())
    }

    /// Whether the log has events that are not on the board, or has lost some.
    pub(super) fn is_behind(&mut self) -> Result<bool, CliError> {
        Ok(self.transact(|ctx| engine::log_size(ctx))? != self.read)
    }

    pub(super) fn drafts(&mut self) -> Result<Vec<u8>, CliError> {
        Ok(self.transact(|ctx| Ok(ctx.setting(DRAFTS)?))?.unwrap_or_default())
    }

    pub(super) fn save_drafts(&mut self, drafts: &[u8]) -> Result<(), CliError> {
        self.transact(|ctx| Ok(ctx.set(DRAFTS, drafts)?))
    }

    /// Writes a proposal, and what is left of the drafts with it. The error: why not, as people read it.
    pub(super) fn write(&mut self, proposal: &Proposal, drafts: &[u8]) -> Result<(), String> {
        let written = self.transact(|ctx| {
            let group = match proposal.at {
                Where::Home => engine::home(ctx, &proposal.case)?,
                Where::Desk => engine::desk(ctx, None)?,
            };
            let draft = Draft {
                status: proposal.status(),
                tlp: proposal.tlp(),
                case: Some(proposal.case.clone()),
                ..Draft::default()
            };
            engine::say(ctx, &group, proposal.body.clone(), &draft)?;
            Ok(ctx.set(DRAFTS, drafts)?)
        });
        written.map_err(|error| error.explain(&self.app.texts))
    }

    /// A case for programs.
    pub(super) fn object(&self, model: &Model, id: &CaseId) -> Option<Value> {
        model.row(id).map(output::board_case)
    }

    fn group(&mut self, case: &CaseId, at: Where) -> Option<Circle> {
        let found = self.transact(|ctx| match at {
            Where::Home => engine::home(ctx, case),
            Where::Desk => engine::desk(ctx, None),
        });
        found.ok()
    }
}

impl Desk for Client<'_> {
    fn place(&mut self, case: &CaseId, at: Where) -> Option<Place> {
        let group = self.group(case, at)?;
        let me = self.members.get(&group.id)?.iter().find(|member| member.me)?;
        // What an owner acts as depends on the body for a desk's settings alone, which the board does not write.
        let role = Role::of(me.role?, group.kind, &Body::Leave);
        Some(Place { group: Group::from(group.kind), role })
    }

    fn colleagues(&mut self, case: &CaseId) -> Vec<(Fingerprint, String)> {
        let Some(group) = self.group(case, Where::Home) else { return Vec::new() };
        let works = |member: &&Member| match member.role {
            Some(role) => Role::of(role, group.kind, &Body::Leave) == Role::Coordinator,
            None => false,
        };
        let members = self.members.get(&group.id).into_iter().flatten();
        let others = members.filter(|member| !member.me).filter(works);
        others.map(|member| (member.fingerprint, member.name.clone())).collect()
    }
}

fn facts(ctx: &Ctx<'_>) -> Result<Facts, EngineError> {
    Ok(Facts {
        me: Some(engine::identity(ctx)?.fingerprint),
        names: engine::names(ctx)?,
        synced: ctx.number("last sync")?.map(|seconds| seconds / 60),
        ..Facts::default()
    })
}

fn members(ctx: &Ctx<'_>) -> Result<BTreeMap<CircleId, Vec<Member>>, EngineError> {
    let circles = engine::list(ctx)?;
    circles.into_iter().map(|circle| Ok((circle.id.clone(), engine::members(ctx, &circle.id)?))).collect()
}

/// Who is on shift by the newest roster.
fn shift(beside: &[Entry], minute: u64) -> Vec<Fingerprint> {
    let rosters = beside.iter().filter_map(|entry| {
        let Body::ShiftRoster(roster) = entry.body() else { return None };
        Some(((entry.event.content().lamport, entry.id()), roster))
    });
    let newest = rosters.max_by_key(|(order, _)| *order);
    newest.map(|(_, roster)| roster.on_shift(minute).collect()).unwrap_or_default()
}

/// How many places are free in offers that are open.
fn free(beside: &[Entry], board: &Board) -> u64 {
    if !beside.iter().any(|entry| matches!(entry.body(), Body::Offer(_))) {
        return 0;
    }
    // A match is judged by what its author had seen, so all of its case has to be there.
    let cases: BTreeSet<CaseId> = beside.iter().filter_map(|entry| case_of(&entry.event)).collect();
    let of_cases = cases.iter().flat_map(|case| board.events(case)).cloned();
    let outside = beside.iter().filter(|entry| case_of(&entry.event).is_none()).cloned();
    let shelter = reduce_shelter(&outside.chain(of_cases).collect::<Vec<_>>());
    let open = shelter.places.values().filter(|place| place.offer.state == OfferState::Open);
    open.map(|place| place.free).sum()
}

fn is_of_shelter(entry: &Entry) -> bool {
    matches!(entry.body(), Body::ShelterRequest(_) | Body::Match(_) | Body::Offer(_))
}
