//! What members of a group say to each other that is no event: KeyPackages for other groups, and letters to one member.
//!
//! A desk adds its coordinators to every line while they are offline, and a defender to the group of a case. For that
//! everybody offers a KeyPackage to those who may need it, and the Welcome travels in a group both are in. Whoever offers
//! makes a new KeyPackage every week and keeps the one before (docs/protocol.md section 7.6).

use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::contact::ContactMessage;
use himaya_protocol::wire::member::Aside;
use himaya_protocol::wire::policy::{GroupKind, Role};
use openmls::prelude::tls_codec::Deserialize as _;
use openmls_traits::OpenMlsProvider;
use openmls_traits::storage::StorageProvider;

use super::circles::{self, Circle, DAY};
use super::error::EngineError;
use super::lanes::{self, loaded, stored};
use super::outbox::{self, Purpose};
use super::schedule::Matter;
use super::{desks, events, mls, upkeep};
use crate::store::{Ctx, Seconds, StoreError};

/// How long a KeyPackage is offered before a new one takes its place.
const OFFER_LIFE: Seconds = 7 * DAY;

/// Whether a message may travel in a letter: not an event, which is for one group and would be read by another.
pub(super) fn travels(message: &ContactMessage) -> bool {
    match message {
        ContactMessage::Welcome { .. } | ContactMessage::Rejoin { .. } => true,
        ContactMessage::Event { .. } | ContactMessage::Unknown(_) => false,
    }
}

/// Whether whoever has this role in a group of this kind offers a KeyPackage there.
fn offers(kind: GroupKind, role: Role) -> bool {
    match kind {
        GroupKind::Desk => true,
        GroupKind::Line => role == Role::Defender,
        GroupKind::HostLink => role == Role::Host,
        GroupKind::Circle | GroupKind::Case | GroupKind::Bridge => false,
    }
}

/// Members of a group came: they lack this client's offer.
pub(super) fn plan_offer(ctx: &Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    ctx.execute(
        "UPDATE circle SET offer_due = min(coalesce(offer_due, ?2), ?2) WHERE id = ?1 AND kind <> 'circle'",
        &[&circle, &stored(ctx.now)],
    )?;
    Ok(())
}

/// Offers the members of a group a KeyPackage, if that is due.
pub(super) fn offer_if_due(ctx: &mut Ctx<'_>, circle: &Circle) -> Result<(), EngineError> {
    if !upkeep::due(ctx, circle, "offer_due")? {
        return Ok(());
    }
    let role = circles::role(ctx, &circle.id)?;
    if !role.is_some_and(|role| offers(circle.kind, role)) {
        ctx.execute("UPDATE circle SET offer_due = NULL WHERE id = ?1", &[&circle.id])?;
        return Ok(());
    }
    let (key_package, made) = own_offer(ctx)?;
    // When it is a week old a new one is made, which the others have to hear of.
    let next = made.saturating_add(OFFER_LIFE).max(ctx.now.saturating_add(DAY));
    ctx.execute("UPDATE circle SET offer_due = ?2 WHERE id = ?1", &[&circle.id, &stored(next)])?;
    let aside = Aside::Offer { key_package }.to_bytes();
    events::write_in_lane(ctx, &circle.id, Purpose::Aside, None, &aside, Matter::Offer.is_urgent()).map(|_| ())
}

/// The KeyPackage that this client offers, and when it was made.
fn own_offer(ctx: &mut Ctx<'_>) -> Result<(Vec<u8>, Seconds), EngineError> {
    let sql = "SELECT key_package, made FROM own_offer";
    let known = ctx.row(sql, &[], |row| Ok((row.get::<_, Vec<u8>>(0)?, loaded(row.get(1)?))))?;
    if let Some((key_package, made)) = known
        && ctx.now < made.saturating_add(OFFER_LIFE)
    {
        return Ok((key_package, made));
    }
    let key_package = mls::offered_key_package(ctx)?;
    ctx.execute(
        "INSERT INTO own_offer (only, key_package, made) VALUES (1, ?1, ?2)
         ON CONFLICT (only) DO UPDATE SET key_package = ?1, made = ?2",
        &[&key_package, &stored(ctx.now)],
    )?;
    forget_old_offers(ctx)?;
    Ok((key_package, ctx.now))
}

/// Destroys the keys of what was offered longer ago than a Welcome to it can be under way.
fn forget_old_offers(ctx: &mut Ctx<'_>) -> Result<(), EngineError> {
    let before = stored(ctx.now.saturating_sub(3 * OFFER_LIFE));
    let sql = "SELECT reference FROM invitation WHERE contact = x'' AND made < ?1";
    for reference in ctx.rows(sql, &[&before], |row| row.get::<_, Vec<u8>>(0))? {
        let parsed = openmls::prelude::hash_ref::KeyPackageRef::tls_deserialize_exact(encode(&reference));
        if let Ok(parsed) = parsed {
            let provider = ctx.mls();
            provider.storage().delete_key_package(&parsed).map_err(StoreError::from)?;
        }
        ctx.execute("DELETE FROM invitation WHERE reference = ?1", &[&reference])?;
    }
    Ok(())
}

/// A KeyPackageRef is an opaque vector with a length of one byte (RFC 9420 section 5.2, 2.1.2).
fn encode(reference: &[u8]) -> Vec<u8> {
    let length = u8::try_from(reference.len()).unwrap_or_default();
    [&[length], reference].concat()
}

/// A member offers a KeyPackage. What is none, or somebody else's, is dropped.
pub(super) fn offered(
    ctx: &mut Ctx<'_>,
    circle: &[u8],
    who: &Fingerprint,
    key_package: &[u8],
) -> Result<(), EngineError> {
    let kind = circles::list(ctx)?.into_iter().find(|known| known.id == circle).map(|known| known.kind);
    let provider = ctx.mls();
    let fits = mls::check_key_package(&provider, key_package).is_ok_and(|package| {
        Fingerprint::of(package.leaf_node().signature_key().as_slice()) == *who && package.last_resort()
    });
    if fits && kind.is_some_and(|kind| kind != GroupKind::Circle) {
        ctx.execute(
            "INSERT INTO offer (fingerprint, key_package, received) VALUES (?1, ?2, ?3)
             ON CONFLICT (fingerprint) DO UPDATE SET key_package = ?2, received = ?3",
            &[&&who.as_bytes()[..], &key_package, &stored(ctx.now)],
        )?;
        desks::tend(ctx)?;
    }
    Ok(())
}

/// The KeyPackage that somebody has offered, if this client has one.
pub(super) fn offer_of(ctx: &Ctx<'_>, who: &Fingerprint) -> Result<Option<Vec<u8>>, EngineError> {
    let sql = "SELECT key_package FROM offer WHERE fingerprint = ?1";
    Ok(ctx.row(sql, &[&&who.as_bytes()[..]], |row| row.get(0))?)
}

/// Whether this client lets somebody add it to another group without having been asked.
pub(super) fn may_be_added_by(ctx: &Ctx<'_>, who: &Fingerprint) -> Result<bool, EngineError> {
    let sql = "SELECT member.role FROM member JOIN circle ON circle.id = member.circle
               WHERE member.fingerprint = ?1 AND circle.state = 'active' AND circle.kind <> 'circle'";
    let roles = ctx.rows(sql, &[&&who.as_bytes()[..]], |row| row.get::<_, String>(0))?;
    Ok(roles.iter().filter_map(|role| circles::role_from_text(role)).any(Role::adds_again))
}

/// The group in which somebody can be sent a letter, other than the one that it is about.
fn meeting(ctx: &Ctx<'_>, who: &Fingerprint, about: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
    Ok(ctx.row(
        "SELECT circle.id FROM circle JOIN member ON member.circle = circle.id
         WHERE member.fingerprint = ?1 AND circle.state = 'active' AND circle.kind <> 'circle' AND circle.id <> ?2
         ORDER BY circle.adrift IS NOT NULL, circle.kind <> 'desk', circle.joined LIMIT 1",
        &[&&who.as_bytes()[..], &about],
        |row| row.get(0),
    )?)
}

/// Whether somebody can be told something about a group without using that group.
pub(super) fn reaches(ctx: &Ctx<'_>, who: &Fingerprint, about: &[u8]) -> Result<bool, EngineError> {
    Ok(!lanes::to_contact(ctx, who.as_bytes())?.is_empty() || meeting(ctx, who, about)?.is_some())
}

/// Says something to one person about a group, as a contact or by a letter; the job that carries it first.
pub(super) fn tell(
    ctx: &mut Ctx<'_>,
    who: &Fingerprint,
    message: &[u8],
    about: &[u8],
) -> Result<Option<i64>, EngineError> {
    if let Some(job) = outbox::to_contact(ctx, who.as_bytes(), message)?.first() {
        return Ok(Some(*job));
    }
    let Some(meeting) = meeting(ctx, who, about)? else { return Ok(None) };
    let aside = Aside::Letter { to: *who, message: message.to_vec() }.to_bytes();
    let (_, job) = events::write_in_lane(ctx, &meeting, Purpose::Aside, None, &aside, Matter::Letter.is_urgent())?;
    Ok(Some(job))
}
