//! An organisation's groups: its desk, a line to each defender, a link to each host, bridges to others, groups of cases.
//!
//! A line holds the desk's coordinators, whoever they are at the moment: whoever joins the desk is added to its lines and
//! links, and whoever leaves it is removed from them, and from the groups of cases. That is done by the client that owns
//! the group, or, once its owner has left the desk, by the coordinator with the least fingerprint.

use std::collections::BTreeSet;

use himaya_protocol::case::shelter::Stage;
use himaya_protocol::case::{self, case_of};
use himaya_protocol::content::body::DeskPolicy;
use himaya_protocol::content::value::NoticeText;
use himaya_protocol::content::{Body, CaseId, EventId, Notice};
use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::contact::NAME_MAX;
use himaya_protocol::wire::policy::{GroupKind, Role};

use super::circles::{self, Circle, CircleId, CircleState, Member};
use super::commit::{self, Wish};
use super::contacts::{self, Contact};
use super::error::EngineError;
use super::events::{self, Draft};
use super::{adrift, asides, cases, identity, shelter, views};
use crate::store::{Ctx, StoreError};

/// Makes a desk whose owner and only member is this profile.
pub fn new_desk(ctx: &mut Ctx<'_>, name: &str) -> Result<CircleId, EngineError> {
    let name = identity::valid_name(name)?;
    if circles::list(ctx)?.iter().any(|circle| circle.name == name && circle.state == CircleState::Active) {
        return Err(EngineError::CircleExists(name));
    }
    circles::create_kind(ctx, name, GroupKind::Desk)
}

/// The desk of a name, or the only one that this client is in.
pub fn desk(ctx: &Ctx<'_>, name: Option<&str>) -> Result<Circle, EngineError> {
    let is_desk = |circle: &Circle| circle.kind == GroupKind::Desk && circle.state == CircleState::Active;
    if let Some(name) = name {
        let unknown = EngineError::Unknown { what: "desk", name: name.to_owned() };
        return Some(circles::named(ctx, name)?).filter(is_desk).ok_or(unknown);
    }
    let mut desks: Vec<Circle> = circles::list(ctx)?.into_iter().filter(is_desk).collect();
    let desk = desks.pop().ok_or(EngineError::NoDesk)?;
    let several = || EngineError::Ambiguous { what: "desks", name: desk.name.clone() };
    if desks.is_empty() { Ok(desk) } else { Err(several()) }
}

/// The desk that a case belongs to: that of the group where it is talked about; the only one that this client is in, if it is
/// talked about in none. A case of a circle, or of a desk that this client has left, belongs to no desk of its.
pub fn desk_of_case(ctx: &Ctx<'_>, case: &CaseId) -> Result<Circle, EngineError> {
    let home = match cases::home(ctx, case) {
        Ok(home) => home,
        Err(EngineError::Unknown { .. }) => return desk(ctx, None),
        Err(error) => return Err(error),
    };
    let desk = desk_of(ctx, &home)?.map_or(Ok(None), |id| circles::by_id(ctx, &id))?;
    desk.filter(|desk| desk.state == CircleState::Active).ok_or(EngineError::NoDesk)
}

/// Approves a request: the person gets a group with the desk, of a kind where somebody has this role.
pub fn approve_for_desk(
    ctx: &mut Ctx<'_>,
    request: u64,
    desk: &Circle,
    kind: GroupKind,
    role: Role,
) -> Result<(Contact, Circle), EngineError> {
    let waiting = contacts::requests(ctx)?.into_iter().find(|waiting| waiting.id == request);
    let waiting = waiting.ok_or_else(|| EngineError::Unknown { what: "request", name: request.to_string() })?;
    let group = found(ctx, desk, kind, &waiting.name)?;
    let contact = contacts::approve(ctx, request, &group, role)?;
    tend(ctx)?;
    let group = circles::by_id(ctx, &group.id)?.ok_or(StoreError::Damaged("circle"))?;
    Ok((contact, group))
}

/// Opens a group for a case: its defender, who leads and backs it up, and this client. Needs what the defender's client
/// has offered in the line.
pub fn open_case(ctx: &mut Ctx<'_>, case: &CaseId) -> Result<Circle, EngineError> {
    if cases::is_held(ctx, case)? {
        return Err(EngineError::Held);
    }
    let line = cases::home(ctx, case)?;
    if line.kind != GroupKind::Line {
        return Err(EngineError::NotALine);
    }
    let desk = desk_of(ctx, &line)?.ok_or(EngineError::NoDesk)?;
    let desk = circles::by_id(ctx, &desk)?.ok_or(EngineError::NoDesk)?;
    let mut board = cases::board(ctx)?;
    let known = board.case(case).ok_or(EngineError::Kind)?;
    let workers: Vec<Fingerprint> = known.lead.into_iter().chain(known.backups.iter().copied()).collect();
    let me = identity::identity(ctx)?.fingerprint;
    let defender = cases::defender_of(ctx, &line).ok_or(EngineError::NotALine)?;
    let defenders = asides::offer_of(ctx, &defender)?.ok_or(EngineError::NoOffer)?;
    let group = found(ctx, &desk, GroupKind::Case, &case.short())?;
    cases::snapshot(ctx, &mut board, case, &group)?;
    commit::wish(ctx, &group.id, &Wish::Add { who: defender, role: Role::Defender, key_package: defenders })?;
    for who in workers.into_iter().filter(|who| *who != me) {
        if let Some(key_package) = asides::offer_of(ctx, &who)? {
            commit::wish(ctx, &group.id, &Wish::Add { who, role: Role::Coordinator, key_package })?;
        }
    }
    circles::by_id(ctx, &group.id)?.ok_or(StoreError::Damaged("circle").into())
}

/// Adds somebody whose client has offered a KeyPackage to a group that this client manages.
pub fn bring_in(ctx: &mut Ctx<'_>, group: &Circle, who: &Member, role: Role) -> Result<(), EngineError> {
    circles::require_manager(ctx, group)?;
    circles::require_room(group)?;
    if !group.kind.has(role) || role == Role::Owner {
        return Err(EngineError::Role);
    }
    // Until both have said yes, host and guest learn nothing of each other.
    if role == Role::Host && !host_may_come(ctx, group, &who.fingerprint)? {
        return Err(EngineError::NotBoth);
    }
    let inside = circles::members(ctx, &group.id)?.iter().any(|member| member.fingerprint == who.fingerprint);
    if inside || commit::wished(ctx, &group.id, "add", Some(&who.fingerprint))? {
        return Err(EngineError::Member);
    }
    let key_package = asides::offer_of(ctx, &who.fingerprint)?.ok_or(EngineError::NoOffer)?;
    commit::wish(ctx, &group.id, &Wish::Add { who: who.fingerprint, role, key_package })
}

/// Whether a host and the guest of a case's group have both said yes.
fn host_may_come(ctx: &Ctx<'_>, group: &Circle, host: &Fingerprint) -> Result<bool, EngineError> {
    let known = shelter::shelter(ctx)?;
    for ((request, offer), stage) in &known.matches {
        let theirs = known.places.get(offer).is_some_and(|place| place.host == *host);
        let case = views::by_id(ctx, request).ok().and_then(|entry| case_of(&entry.event));
        let held = case.as_ref().map_or(Ok(false), |case| cases::is_held(ctx, case))?;
        let here = case.is_some_and(|case| cases::home(ctx, &case).is_ok_and(|home| home.id == group.id));
        if theirs && here && !held && stage.is_some_and(Stage::is_open) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Says how a desk works: on the desk, and what defenders' clients need of it in every line.
pub fn announce_policy(ctx: &mut Ctx<'_>, desk: &Circle, policy: DeskPolicy) -> Result<EventId, EngineError> {
    let role = circles::role(ctx, &desk.id)?;
    if !matches!(role, Some(Role::Owner | Role::Admin)) {
        return Err(EngineError::NotOwner);
    }
    let id = events::say(ctx, desk, policy.clone(), &Draft::default())?;
    for line in circles::list(ctx)? {
        let active = line.kind == GroupKind::Line && line.state == CircleState::Active;
        if active && desk_of(ctx, &line)?.as_ref() == Some(&desk.id) {
            events::say(ctx, &line, policy.clone(), &Draft::default())?;
        }
    }
    Ok(id)
}

/// Tells whoever has come to a line how its desk works, as it was said last.
pub(super) fn tell_policy(ctx: &mut Ctx<'_>, line: &Circle) -> Result<(), EngineError> {
    let Some(desk) = desk_of(ctx, line)? else { return Ok(()) };
    if let Some(policy) = policy_of(ctx, &desk)? {
        events::say(ctx, line, policy, &Draft::default())?;
    }
    Ok(())
}

/// How a desk works, as whoever was its owner or an admin said last.
pub(super) fn policy_of(ctx: &Ctx<'_>, desk: &CircleId) -> Result<Option<DeskPolicy>, EngineError> {
    let words = cases::desk_words_after(ctx, 0)?;
    let said = words.iter().filter(|(of, entry)| of == desk && entry.role == case::Role::Admin);
    let policies = said.filter_map(|(_, entry)| {
        let Body::DeskPolicy(policy) = entry.body() else { return None };
        Some(((entry.event.content().lamport, entry.id()), policy))
    });
    Ok(policies.max_by_key(|(place, _)| *place).map(|(_, policy)| policy.as_ref().clone()))
}

/// Whoever has come to a desk has not read how it works.
pub(super) fn repeat_policy(ctx: &mut Ctx<'_>, desk: &Circle) -> Result<(), EngineError> {
    if let Some(policy) = policy_of(ctx, &desk.id)? {
        events::say(ctx, desk, policy, &Draft::default())?;
    }
    Ok(())
}

/// Whom of a line's desk one can ask for who wants to talk to women only: what they are called. The desk says so; in a line
/// whoever coordinates there, last.
pub fn women_of(ctx: &Ctx<'_>, line: &Circle) -> Result<Vec<String>, EngineError> {
    if line.kind != GroupKind::Line {
        return Ok(Vec::new());
    }
    let members = circles::members(ctx, &line.id)?;
    let works = |who: &Fingerprint| {
        let role = members.iter().find(|member| member.fingerprint == *who).and_then(|member| member.role);
        matches!(role, Some(Role::Owner | Role::Coordinator))
    };
    let policy = match desk_of(ctx, line)? {
        Some(desk) => policy_of(ctx, &desk)?,
        None => {
            let log = views::log(ctx)?;
            let said = log.iter().filter(|entry| entry.circle.as_ref() == Some(&line.id) && works(&entry.author));
            let policies = said.filter_map(|entry| {
                let Body::DeskPolicy(policy) = entry.event.body() else { return None };
                Some(((entry.event.content().lamport, entry.event.id()), policy))
            });
            policies.max_by_key(|(place, _)| *place).map(|(_, policy)| policy.as_ref().clone())
        }
    };
    let Some(policy) = policy else { return Ok(Vec::new()) };
    let women = members.into_iter().filter(|member| policy.women_only.contains(&member.fingerprint));
    Ok(women.map(|member| member.name).collect())
}

/// Says something to every defender of a desk, each in their own line; how many lines there are.
pub fn broadcast(ctx: &mut Ctx<'_>, desk: &Circle, text: &NoticeText) -> Result<usize, EngineError> {
    let mut said = 0;
    for line in circles::list(ctx)? {
        let active = line.kind == GroupKind::Line && line.state == CircleState::Active;
        if active && desk_of(ctx, &line)?.as_ref() == Some(&desk.id) {
            events::say(ctx, &line, Notice { text: text.clone() }, &Draft::default())?;
            said += 1;
        }
    }
    Ok(said)
}

/// Everybody in a group with this client, once.
pub fn fellows(ctx: &Ctx<'_>) -> Result<Vec<Member>, EngineError> {
    let mut fellows: Vec<Member> = Vec::new();
    for circle in circles::list(ctx)?.into_iter().filter(|circle| circle.state == CircleState::Active) {
        for member in circles::members(ctx, &circle.id)? {
            if !member.me && !fellows.iter().any(|known| known.fingerprint == member.fingerprint) {
                fellows.push(member);
            }
        }
    }
    Ok(fellows)
}

/// The fellow member who is called so, or whose fingerprint begins so.
pub fn fellow(ctx: &Ctx<'_>, who: &str) -> Result<Member, EngineError> {
    contacts::pick("member", who, fellows(ctx)?, |member| (member.name.clone(), member.fingerprint))
}

/// Makes a group of a desk.
fn found(ctx: &mut Ctx<'_>, desk: &Circle, kind: GroupKind, about: &str) -> Result<Circle, EngineError> {
    let mut name = format!("{}{about}", named_after(&desk.name));
    while name.len() > NAME_MAX - 4 {
        name.pop();
    }
    let taken: Vec<String> = circles::list(ctx)?.into_iter().map(|circle| circle.name).collect();
    let free = (2..).map(|n: u32| format!("{name} {n}"));
    let name = std::iter::once(name.clone()).chain(free).find(|name| !taken.contains(name)).unwrap_or_default();
    let id = circles::create_kind(ctx, name, kind)?;
    set_desk(ctx, &id, &desk.id)?;
    circles::by_id(ctx, &id)?.ok_or(StoreError::Damaged("circle").into())
}

/// Notes which desk a group belongs to.
fn set_desk(ctx: &Ctx<'_>, group: &[u8], desk: &[u8]) -> Result<(), EngineError> {
    ctx.execute("UPDATE circle SET desk = ?2 WHERE id = ?1", &[&group, &desk])?;
    Ok(())
}

/// This client was added to a group: if it works there for a desk, that is the one that the group's name begins with, and
/// where others who work in the group are too. Where none is, or several are, it is none: a wrong one would let in its people.
/// Whoever comes to a desk may be in its groups before.
pub(super) fn adopt(ctx: &Ctx<'_>, group: &[u8]) -> Result<(), EngineError> {
    let Some(group) = circles::by_id(ctx, group)? else { return Ok(()) };
    match group.kind {
        GroupKind::Desk => {
            for group in circles::list(ctx)? {
                find_desk(ctx, &group)?;
            }
            Ok(())
        }
        GroupKind::Line | GroupKind::HostLink | GroupKind::Case => find_desk(ctx, &group),
        GroupKind::Circle | GroupKind::Bridge => Ok(()),
    }
}

fn find_desk(ctx: &Ctx<'_>, group: &Circle) -> Result<(), EngineError> {
    let of_a_desk = matches!(group.kind, GroupKind::Line | GroupKind::HostLink | GroupKind::Case);
    let works = |role: Option<Role>| matches!(role, Some(Role::Owner | Role::Coordinator));
    if !of_a_desk || !works(circles::role(ctx, &group.id)?) || desk_of(ctx, group)?.is_some() {
        return Ok(());
    }
    let colleagues: BTreeSet<Fingerprint> = circles::members(ctx, &group.id)?
        .into_iter()
        .filter(|member| !member.me && works(member.role))
        .map(|member| member.fingerprint)
        .collect();
    let mut desks = Vec::new();
    for desk in circles::list(ctx)? {
        let named = group.name.starts_with(&named_after(&desk.name));
        if desk.kind == GroupKind::Desk && desk.state == CircleState::Active && named {
            let there = circles::members(ctx, &desk.id)?;
            if there.iter().any(|member| colleagues.contains(&member.fingerprint)) {
                desks.push(desk);
            }
        }
    }
    let longest = desks.iter().map(|desk| desk.name.len()).max();
    desks.retain(|desk| Some(desk.name.len()) == longest);
    match desks.as_slice() {
        [desk] => set_desk(ctx, &group.id, &desk.id),
        [] | [_, _, ..] => Ok(()),
    }
}

/// What the name of every group of a desk begins with.
fn named_after(desk: &str) -> String {
    format!("{desk}: ")
}

/// Which desk a group belongs to; `None` for whom it is not a member of.
pub(super) fn desk_of(ctx: &Ctx<'_>, group: &Circle) -> Result<Option<CircleId>, EngineError> {
    let sql = "SELECT desk FROM circle WHERE id = ?1";
    Ok(ctx.row(sql, &[&group.id], |row| row.get::<_, Option<Vec<u8>>>(0))?.flatten())
}

/// Who has left a desk, or was removed from it, since this client is on it: in a case's group there may be people of other
/// organisations, so that not being on the desk says nothing there.
fn left(desk: &[u8]) -> String {
    format!("left desk {}", data_encoding::HEXLOWER.encode(desk))
}

fn have_left(ctx: &Ctx<'_>, desk: &[u8]) -> Result<BTreeSet<Fingerprint>, EngineError> {
    let noted = ctx.setting(&left(desk))?.unwrap_or_default();
    Ok(noted.as_chunks::<32>().0.iter().filter_map(|who| Fingerprint::from_slice(who)).collect())
}

/// A group's members have changed: notes who has left, if it is a desk.
pub(super) fn note_staff(
    ctx: &Ctx<'_>,
    group: &[u8],
    before: &BTreeSet<Fingerprint>,
    after: &BTreeSet<Fingerprint>,
) -> Result<(), EngineError> {
    let changed = before != after;
    if !changed || circles::by_id(ctx, group)?.is_none_or(|group| group.kind != GroupKind::Desk) {
        return Ok(());
    }
    let mut gone = have_left(ctx, group)?;
    gone.extend(before.difference(after));
    gone.retain(|who| !after.contains(who));
    let bytes: Vec<u8> = gone.iter().flat_map(Fingerprint::as_bytes).copied().collect();
    Ok(ctx.set(&left(group), &bytes)?)
}

/// Brings the lines, links and groups of cases of this client's desks in step with who is on the desk.
pub(super) fn tend(ctx: &mut Ctx<'_>) -> Result<(), EngineError> {
    let groups = circles::list(ctx)?;
    if !groups.iter().any(|group| group.kind == GroupKind::Desk) {
        return Ok(());
    }
    for group in &groups {
        let kept = matches!(group.kind, GroupKind::Line | GroupKind::HostLink | GroupKind::Case)
            && group.state == CircleState::Active;
        if !kept || group.adrift.is_some() {
            continue;
        }
        let desk = desk_of(ctx, group)?;
        let desk = groups.iter().find(|known| Some(&known.id) == desk.as_ref() && known.state == CircleState::Active);
        if let Some(desk) = desk
            && adrift::in_sync(ctx, &desk.id)?
        {
            tend_group(ctx, group, desk)?;
        }
    }
    Ok(())
}

fn tend_group(ctx: &mut Ctx<'_>, group: &Circle, desk: &Circle) -> Result<(), EngineError> {
    let works = |role: Option<Role>| matches!(role, Some(Role::Owner | Role::Coordinator));
    let staff: Vec<Member> = circles::members(ctx, &desk.id)?.into_iter().filter(|member| works(member.role)).collect();
    let on_desk = |who: &Fingerprint| staff.iter().any(|member| member.fingerprint == *who);
    let members = circles::members(ctx, &group.id)?;
    let mut tenders: Vec<&Member> =
        members.iter().filter(|member| works(member.role) && on_desk(&member.fingerprint)).collect();
    tenders.sort_by_key(|member| (member.role != Some(Role::Owner), member.fingerprint));
    if !tenders.first().is_some_and(|first| first.me) {
        return Ok(());
    }
    let of_a_case = group.kind == GroupKind::Case;
    // Who works on a case is said by those who do.
    for member in staff.iter().filter(|_| !of_a_case) {
        let inside = members.iter().any(|inside| inside.fingerprint == member.fingerprint);
        if inside || commit::wished(ctx, &group.id, "add", Some(&member.fingerprint))? {
            continue;
        }
        if let Some(key_package) = asides::offer_of(ctx, &member.fingerprint)? {
            let add = Wish::Add { who: member.fingerprint, role: Role::Coordinator, key_package };
            commit::wish_if_possible(ctx, &group.id, &add)?;
        }
    }
    let have_left = if of_a_case { have_left(ctx, &desk.id)? } else { BTreeSet::new() };
    let goes = |who: &Fingerprint| if of_a_case { have_left.contains(who) } else { !on_desk(who) };
    for member in members.iter().filter(|member| works(member.role) && goes(&member.fingerprint)) {
        if !commit::wished(ctx, &group.id, "remove", Some(&member.fingerprint))? {
            commit::wish_if_possible(ctx, &group.id, &Wish::Remove { who: member.fingerprint })?;
        }
    }
    Ok(())
}
