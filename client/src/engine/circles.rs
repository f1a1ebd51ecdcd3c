//! Circles and the other kinds of group: making them, who is in them, leaving them. The tables and most names say circle
//! for a group of any kind.

use himaya_protocol::content::{Body, display};
use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::policy::{GroupKind, MEMBERS_MAX, Policy, Role};
use openmls::prelude::{GroupId, MlsGroup};
use openmls_traits::OpenMlsProvider;
use rusqlite::ToSql;

use super::commit::{self, Wish};
use super::error::EngineError;
use super::identity::valid_name;
use super::lanes::{self, loaded, stored};
use super::mls::{self, SUITE};
use super::{asides, contacts, events, outbox};
use crate::store::{Ctx, Seconds, StoreError};

/// The setting that says which window has been read to: all before it are read to the end.
pub const READ_WINDOW: &str = "read window";
/// Seconds in a day.
pub(super) const DAY: Seconds = 86_400;

/// Names a circle: its MLS group id.
pub type CircleId = Vec<u8>;

/// Whether this client is in a circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircleState {
    /// It is a member.
    Active,
    /// It was removed.
    Removed,
    /// It left.
    Left,
}

impl CircleState {
    fn from_text(text: &str) -> Self {
        match text {
            "active" => Self::Active,
            "left" => Self::Left,
            _ => Self::Removed,
        }
    }
}

/// A circle as this client sees it.
#[derive(Debug, Clone)]
pub struct Circle {
    /// Its MLS group id.
    pub id: CircleId,
    /// What its members call it.
    pub name: String,
    /// Which kind of group it is.
    pub kind: GroupKind,
    /// Whether this client is in it.
    pub state: CircleState,
    /// The MLS epoch.
    pub epoch: u64,
    /// Why this client is out of sync, if it is.
    pub adrift: Option<String>,
    /// How many members it has.
    pub members: u64,
    /// How many of this client's own changes wait for their commit.
    pub pending: u64,
}

/// Somebody in a circle.
#[derive(Debug, Clone)]
pub struct Member {
    /// SHA-256 of the identity key.
    pub fingerprint: Fingerprint,
    /// The name the person chose.
    pub name: String,
    /// What the person may do to the group.
    pub role: Option<Role>,
    /// Whether this profile's owner compared the fingerprint.
    pub verified: bool,
    /// Whether it is this profile.
    pub me: bool,
}

/// Makes a circle whose owner and only member is this profile.
pub fn create(ctx: &mut Ctx<'_>, name: &str) -> Result<CircleId, EngineError> {
    let name = valid_name(name)?;
    if ctx.row("SELECT 1 FROM circle WHERE name = ?1 AND state = 'active'", &[&name], |_| Ok(()))?.is_some() {
        return Err(EngineError::CircleExists(name));
    }
    create_kind(ctx, name, GroupKind::Circle)
}

/// Makes a group of any kind whose owner and only member is this profile.
pub(super) fn create_kind(ctx: &mut Ctx<'_>, name: String, kind: GroupKind) -> Result<CircleId, EngineError> {
    let identity = super::identity(ctx)?;
    let signer = identity.signer(ctx)?;
    let policy = Policy { name, kind, suite: u16::from(SUITE), roles: [(identity.fingerprint, Role::Owner)].into() };
    let id = ctx.random::<32>();
    let provider = ctx.mls();
    let mut group = MlsGroup::new_with_group_id(
        &provider,
        &signer,
        &mls::create_config(&policy)?,
        GroupId::from_slice(&id),
        identity.credential(),
    )
    .map_err(EngineError::mls("making a group"))?;
    enter(ctx, &mut group)?;
    Ok(id.to_vec())
}

/// Notes a group this client has just made or joined, and opens the lanes of its epoch.
pub(super) fn enter(ctx: &mut Ctx<'_>, group: &mut MlsGroup) -> Result<(), EngineError> {
    let circle = group.group_id().as_slice().to_vec();
    let provider = ctx.mls();
    let root = mls::export_root(&provider, group)?;
    let policy = mls::policy_of(group.extensions()).ok_or(StoreError::Damaged("policy"))?;
    lanes::close_circle(ctx, &circle)?;
    outbox::drop_circle(ctx, &circle)?;
    ctx.execute("UPDATE intent SET job = NULL, welcome = NULL WHERE circle = ?1", &[&circle])?;
    ctx.execute("DELETE FROM heard WHERE circle = ?1", &[&circle])?;
    ctx.execute("DELETE FROM passed WHERE circle = ?1", &[&circle])?;
    ctx.execute(
        "INSERT INTO circle (id, name, state, epoch, update_day, joined, kind) VALUES (?1, ?2, 'active', 0, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET name = ?2, state = 'active', adrift = NULL, rejoin_at = NULL, joined = ?4,
             missed_to = NULL, kind = ?5",
        &[&circle, &policy.name, &stored(ctx.now / DAY), &stored(ctx.now), &kind_text(policy.kind)],
    )?;
    ctx.execute("DELETE FROM member WHERE circle = ?1", &[&circle])?;
    let leaves = mls::leaves(group);
    let epoch = group.epoch().as_u64();
    let own = group.own_leaf_index().u32();
    lanes::open_epoch(ctx, &circle, epoch, &root, &leaves, own)?;
    write_members(ctx, group)?;
    asides::plan_offer(ctx, &circle)
}

/// Writes down who is in a group now.
pub(super) fn write_members(ctx: &Ctx<'_>, group: &MlsGroup) -> Result<(), EngineError> {
    let circle = group.group_id().as_slice();
    let policy = mls::policy_of(group.extensions()).ok_or(StoreError::Damaged("policy"))?;
    let epoch = stored(group.epoch().as_u64());
    ctx.execute("UPDATE circle SET epoch = ?2, name = ?3 WHERE id = ?1", &[&circle, &epoch, &policy.name])?;
    let before = ctx.rows("SELECT fingerprint, since FROM member WHERE circle = ?1", &[&circle], |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?))
    })?;
    ctx.execute("DELETE FROM member WHERE circle = ?1", &[&circle])?;
    for leaf in mls::leaves(group) {
        let role = policy.role(&leaf.fingerprint).map_or("", role_text);
        let known = before.iter().find(|(fingerprint, _)| fingerprint == leaf.fingerprint.as_bytes());
        ctx.execute(
            "INSERT INTO member (circle, leaf, fingerprint, name, role, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[
                &circle,
                &leaf.index,
                &&leaf.fingerprint.as_bytes()[..],
                &leaf.name,
                &role,
                &known.map_or(epoch, |(_, since)| *since),
            ],
        )?;
    }
    Ok(())
}

/// Somebody was added in the commit that began the newest epoch, for the first time or again: reads nothing before it.
pub(super) fn note_added(ctx: &Ctx<'_>, circle: &[u8], who: &Fingerprint) -> Result<(), EngineError> {
    ctx.execute(
        "UPDATE member SET since = (SELECT epoch FROM circle WHERE id = ?1) WHERE circle = ?1 AND fingerprint = ?2",
        &[&circle, &&who.as_bytes()[..]],
    )?;
    asides::plan_offer(ctx, circle)
}

/// Every group, active ones first.
pub fn list(ctx: &Ctx<'_>) -> Result<Vec<Circle>, EngineError> {
    rows(ctx, "ORDER BY state <> 'active', name", &[])
}

fn rows(ctx: &Ctx<'_>, which: &str, params: &[&dyn ToSql]) -> Result<Vec<Circle>, EngineError> {
    let sql = format!(
        "SELECT id, name, state, epoch, adrift, (SELECT count(*) FROM member WHERE circle = circle.id), kind
         FROM circle {which}"
    );
    let mut circles = ctx.rows(&sql, params, |row| {
        Ok(Circle {
            id: row.get(0)?,
            name: row.get(1)?,
            state: CircleState::from_text(&row.get::<_, String>(2)?),
            epoch: loaded(row.get(3)?),
            adrift: row.get(4)?,
            members: loaded(row.get(5)?),
            kind: kind_from_text(&row.get::<_, String>(6)?),
            pending: 0,
        })
    })?;
    for circle in &mut circles {
        circle.pending = commit::pending(ctx, &circle.id)?;
    }
    Ok(circles)
}

/// The group with this id.
pub(super) fn by_id(ctx: &Ctx<'_>, id: &[u8]) -> Result<Option<Circle>, EngineError> {
    Ok(rows(ctx, "WHERE id = ?1", &[&id])?.pop())
}

/// The active circle of a name; another one only if no active one has it.
pub fn named(ctx: &Ctx<'_>, name: &str) -> Result<Circle, EngineError> {
    let wanted = display::clean(name);
    let mut matching: Vec<_> = list(ctx)?.into_iter().filter(|circle| display::clean(&circle.name) == wanted).collect();
    if matching.iter().any(|circle| circle.state == CircleState::Active) {
        matching.retain(|circle| circle.state == CircleState::Active);
    }
    let unknown = EngineError::Unknown { what: "circle", name: name.to_owned() };
    let found = matching.pop().ok_or(unknown)?;
    if matching.is_empty() { Ok(found) } else { Err(EngineError::Ambiguous { what: "circles", name: name.to_owned() }) }
}

/// Who is in a circle.
pub fn members(ctx: &Ctx<'_>, circle: &[u8]) -> Result<Vec<Member>, EngineError> {
    let me = super::identity(ctx)?.fingerprint;
    let rows = ctx.rows(
        "SELECT member.fingerprint, member.name, role, coalesce(verified, 0)
         FROM member LEFT JOIN contact ON contact.fingerprint = member.fingerprint WHERE circle = ?1 ORDER BY leaf",
        &[&circle],
        |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, bool>(3)?))
        },
    )?;
    rows.into_iter()
        .map(|(fingerprint, name, role, verified)| {
            let fingerprint = Fingerprint::from_slice(&fingerprint).ok_or(StoreError::Damaged("member"))?;
            Ok(Member { fingerprint, name, role: role_from_text(&role), verified, me: fingerprint == me })
        })
        .collect()
}

/// The member who is called so, or whose fingerprint begins so.
pub fn member_named(ctx: &Ctx<'_>, circle: &Circle, who: &str) -> Result<Member, EngineError> {
    contacts::pick("member", who, members(ctx, &circle.id)?, |member| (member.name.clone(), member.fingerprint))
}

/// Removes a member, by name or by the beginning of the fingerprint.
pub fn remove(ctx: &mut Ctx<'_>, circle: &Circle, member: &str) -> Result<Member, EngineError> {
    require_manager(ctx, circle)?;
    let member = member_named(ctx, circle, member)?;
    if member.me || (member.role == Some(Role::Owner) && circle.kind == GroupKind::Circle) {
        return Err(EngineError::Owner);
    }
    if !commit::wished(ctx, &circle.id, "remove", Some(&member.fingerprint))? {
        commit::wish(ctx, &circle.id, &Wish::Remove { who: member.fingerprint })?;
    }
    Ok(member)
}

/// Leaves a circle: asks to be removed, and stops reading it once those who are in it can read that.
pub fn leave(ctx: &mut Ctx<'_>, circle: &Circle) -> Result<(), EngineError> {
    require_active(circle)?;
    if role(ctx, &circle.id)? == Some(Role::Owner) {
        return Err(EngineError::Owner);
    }
    if events::is_leaving(ctx, &circle.id)? {
        return Ok(());
    }
    events::send(ctx, &circle.id, Body::Leave, &events::Draft::default())?;
    Ok(())
}

/// This client asked to leave and that is said: forget the group.
pub(super) fn left(ctx: &mut Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    forget(ctx, circle, "left")
}

/// This client was removed: forget the group's keys, keep what was said.
pub(super) fn removed(ctx: &mut Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    forget(ctx, circle, "removed")
}

fn forget(ctx: &mut Ctx<'_>, circle: &[u8], state: &str) -> Result<(), EngineError> {
    events::forget_leave(ctx, circle)?;
    let provider = ctx.mls();
    let mut group = mls::load(&provider, circle)?;
    group.delete(provider.storage()).map_err(StoreError::from)?;
    lanes::close_circle(ctx, circle)?;
    outbox::drop_circle(ctx, circle)?;
    for sql in [
        "DELETE FROM intent WHERE circle = ?1",
        "DELETE FROM receipt WHERE circle = ?1",
        "DELETE FROM heard WHERE circle = ?1",
        "DELETE FROM passed WHERE circle = ?1",
        "UPDATE circle SET receipt_due = NULL, update_due = NULL, adrift = NULL, rejoin_at = NULL, missed_to = NULL,
             unread_since = NULL WHERE id = ?1",
    ] {
        ctx.execute(sql, &[&circle])?;
    }
    ctx.execute("UPDATE circle SET state = ?2 WHERE id = ?1", &[&circle, &state])?;
    Ok(())
}

/// Notes that this client's leaf has a fresh key, or that it cannot be given one now.
pub(super) fn updated(ctx: &Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    ctx.execute("UPDATE circle SET update_due = NULL WHERE id = ?1", &[&circle])?;
    Ok(())
}

/// This profile's role in a circle.
pub(super) fn role(ctx: &Ctx<'_>, circle: &[u8]) -> Result<Option<Role>, EngineError> {
    Ok(members(ctx, circle)?.into_iter().find(|member| member.me).and_then(|member| member.role))
}

/// Whether an alert of this profile that names no group goes there: a circle, or the profile's own line to a desk.
pub fn hears_alerts(ctx: &Ctx<'_>, circle: &Circle) -> Result<bool, EngineError> {
    let own_line = || Ok::<_, EngineError>(role(ctx, &circle.id)? == Some(Role::Defender));
    Ok(circle.state == CircleState::Active
        && match circle.kind {
            GroupKind::Circle => true,
            GroupKind::Line => own_line()?,
            GroupKind::Desk | GroupKind::Case | GroupKind::HostLink | GroupKind::Bridge => false,
        })
}

pub(super) fn require_active(circle: &Circle) -> Result<(), EngineError> {
    if circle.state == CircleState::Active { Ok(()) } else { Err(EngineError::NotMember) }
}

pub(super) fn require_manager(ctx: &Ctx<'_>, circle: &Circle) -> Result<(), EngineError> {
    require_active(circle)?;
    let manages = role(ctx, &circle.id)?.is_some_and(|role| role.manages(circle.kind));
    if manages { Ok(()) } else { Err(EngineError::NotOwner) }
}

pub(super) fn require_room(circle: &Circle) -> Result<(), EngineError> {
    let room = usize::try_from(circle.members).is_ok_and(|members| members < MEMBERS_MAX);
    if room { Ok(()) } else { Err(EngineError::Full) }
}

pub(super) fn role_text(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Coordinator => "coordinator",
        Role::Contact => "contact",
        Role::Defender => "defender",
        Role::Host => "host",
        Role::Admin => "admin",
    }
}

pub(super) fn role_from_text(text: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role_text(*role) == text)
}

fn kind_text(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Circle => "circle",
        GroupKind::Line => "line",
        GroupKind::Desk => "desk",
        GroupKind::Case => "case",
        GroupKind::HostLink => "host link",
        GroupKind::Bridge => "bridge",
    }
}

pub(super) fn kind_from_text(text: &str) -> GroupKind {
    GroupKind::ALL.into_iter().find(|kind| kind_text(*kind) == text).unwrap_or(GroupKind::Circle)
}
