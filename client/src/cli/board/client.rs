//! The profile as the board asks it.

use std::collections::{BTreeMap, BTreeSet};

use himaya_protocol::case::shelter::reduce_shelter;
use himaya_protocol::case::{Board, Entry, Group, Role, case_of};
use himaya_protocol::content::body::Recipient;
use himaya_protocol::content::vocabulary::OfferState;
use himaya_protocol::content::{Body, CaseId};
use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::policy::GroupKind;
use serde_json::Value;

use super::super::app::App;
use super::super::error::CliError;
use super::super::output;
use super::super::recipient::Names;
use crate::board::beyond::{Bridge, Offered};
use crate::board::{Desk, Facts, Model, Place, Proposal, Where};
use crate::engine::{self, Circle, CircleId, CircleState, Draft, EngineError, Member};
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
    /// What was said on each desk about no case.
    desks: Vec<(CircleId, Entry)>,
    members: BTreeMap<CircleId, Vec<Member>>,
}

impl<'a> Client<'a> {
    pub(super) fn new(app: &'a mut App, profile: Profile) -> Self {
        Self { app, profile, read: (0, 0), beside: Vec::new(), desks: Vec::new(), members: BTreeMap::new() }
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
        let (read, (entries, desks), purged, mut facts, members) = self.transact(|ctx| {
            let read = engine::log_size(ctx)?;
            let (mut entries, mut desks) = (engine::entries_after(ctx, last)?, engine::desk_words_after(ctx, last)?);
            // What is there and was not counted before must be new; less of it is a purge.
            if count.saturating_add(u64::try_from(entries.len()).unwrap_or_default()) != read.1 {
                (entries, desks) = (engine::entries_after(ctx, 0)?, engine::desk_words_after(ctx, 0)?);
            }
            Ok((read, (entries, desks), engine::purged(ctx)?, facts(ctx)?, members(ctx)?))
        })?;
        let (mut board, _) = model.take();
        if last > 0 && u64::try_from(entries.len()).is_ok_and(|all| all == read.1) {
            (board, self.beside, self.desks) = (Board::new(), Vec::new(), Vec::new());
        }
        self.desks.extend(desks);
        purged.into_iter().for_each(|id| board.remember(id));
        for entry in entries {
            if case_of(&entry.event).is_none() || is_of_shelter(&entry) {
                self.beside.push(entry.clone());
            }
            board.add(entry);
        }
        (facts.shift, facts.free) = (shift(&self.desks, now / 60), free(&self.beside, &board));
        facts.duty_leads = duty_leads(&self.desks);
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
            let group = group(ctx, &proposal.case, &proposal.at)?;
            if let Body::Match(said) = &proposal.body {
                engine::propose(ctx, &said.request, &said.offer, None)?;
            } else if let Body::Referral(referral) = &proposal.body {
                engine::refer(ctx, &proposal.case, &group, referral.as_ref().clone())?;
            } else {
                let draft = Draft {
                    status: proposal.status(),
                    tlp: proposal.tlp(),
                    case: Some(proposal.case.clone()),
                    ..Draft::default()
                };
                engine::say(ctx, &group, proposal.body.clone(), &draft)?;
            }
            Ok(ctx.set(DRAFTS, drafts)?)
        });
        written.map_err(|error| error.explain(&self.app.texts))
    }

    /// A case for programs.
    pub(super) fn object(&self, model: &Model, id: &CaseId) -> Option<Value> {
        model.row(id).map(output::board_case)
    }

    fn group(&mut self, case: &CaseId, at: &Where) -> Option<Circle> {
        self.transact(|ctx| group(ctx, case, at)).ok()
    }
}

impl Desk for Client<'_> {
    fn place(&mut self, case: &CaseId, at: &Where) -> Option<Place> {
        let group = self.group(case, at)?;
        let me = self.members.get(&group.id)?.iter().find(|member| member.me)?;
        // What an owner acts as depends on the body for a desk's settings alone, which the board does not write.
        let role = Role::of(me.role?, group.kind, &Body::Leave);
        Some(Place { group: Group::from(group.kind), role })
    }

    fn colleagues(&mut self, case: &CaseId) -> Vec<(Fingerprint, String)> {
        let Some(group) = self.group(case, &Where::Home) else { return Vec::new() };
        let works = |member: &&Member| match member.role {
            Some(role) => Role::of(role, group.kind, &Body::Leave) == Role::Coordinator,
            None => false,
        };
        let members = self.members.get(&group.id).into_iter().flatten();
        let others = members.filter(|member| !member.me).filter(works);
        others.map(|member| (member.fingerprint, member.name.clone())).collect()
    }

    fn places(&mut self, case: &CaseId) -> Option<Vec<Offered>> {
        let found = self.transact(|ctx| {
            let mut requests = engine::case_log(ctx, case)?;
            requests.retain(|entry| matches!(entry.event.body(), Body::ShelterRequest(_)));
            let Some(request) = requests.pop().map(|entry| entry.event.id()) else { return Ok(None) };
            Ok(Some((request, engine::search(ctx, &request)?)))
        });
        let (request, found) = found.ok().flatten()?;
        let fits = found.into_iter().filter(|(_, _, against)| against.is_empty());
        let offered = fits.map(|(offer, place, _)| Offered {
            request,
            offer,
            free: place.free,
            region: place.offer.place.as_str().to_owned(),
            features: place.offer.features,
        });
        Some(offered.collect())
    }

    fn bridges(&mut self) -> Vec<Bridge> {
        let bridges = self.transact(|ctx| {
            let groups = engine::list(ctx)?.into_iter();
            let open = groups.filter(|group| group.kind == GroupKind::Bridge && group.state == CircleState::Active);
            open.map(|group| Ok(Bridge { to: engine::leads_to(ctx, &group.id)?, id: group.id, name: group.name }))
                .collect()
        });
        bridges.unwrap_or_default()
    }

    fn called(&mut self, recipient: &Recipient) -> String {
        self.transact(|ctx| Names::load(ctx)).unwrap_or_default().name(recipient)
    }
}

/// Where something about a case is written.
fn group(ctx: &Ctx<'_>, case: &CaseId, at: &Where) -> Result<Circle, EngineError> {
    match at {
        Where::Home => engine::workplace(ctx, case),
        Where::Desk => engine::desk_of_case(ctx, case),
        Where::Link(offer) => engine::link_of(ctx, offer),
        Where::Bridge(id) => {
            let group = engine::list(ctx)?.into_iter().find(|group| group.id == *id);
            group.ok_or(EngineError::NotMember)
        }
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

/// Who is on shift by the newest roster of each desk.
fn shift(desks: &[(CircleId, Entry)], minute: u64) -> Vec<Fingerprint> {
    let rosters = newest(desks, |entry| matches!(entry.body(), Body::ShiftRoster(_)));
    let mut on_shift = BTreeSet::new();
    for entry in rosters {
        let Body::ShiftRoster(roster) = entry.body() else { continue };
        on_shift.extend(roster.on_shift(minute));
    }
    on_shift.into_iter().collect()
}

/// Whom the newest settings of each desk name for when nobody answers.
fn duty_leads(desks: &[(CircleId, Entry)]) -> Vec<Fingerprint> {
    let policies = newest(desks, |entry| entry.role == Role::Admin && matches!(entry.body(), Body::DeskPolicy(_)));
    let mut leads = BTreeSet::new();
    for entry in policies {
        let Body::DeskPolicy(policy) = entry.body() else { continue };
        leads.extend(policy.duty_leads.iter().copied());
    }
    leads.into_iter().collect()
}

/// The newest of what is wanted on each desk.
fn newest(desks: &[(CircleId, Entry)], wanted: impl Fn(&Entry) -> bool) -> impl Iterator<Item = &Entry> {
    let mut found: BTreeMap<&CircleId, &Entry> = BTreeMap::new();
    let place = |entry: &Entry| (entry.event.content().lamport, entry.id());
    for (desk, entry) in desks.iter().filter(|(_, entry)| wanted(entry)) {
        let known = found.entry(desk).or_insert(entry);
        if place(known) < place(entry) {
            *known = entry;
        }
    }
    found.into_values()
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
