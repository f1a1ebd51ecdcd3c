//! Entering a group by Welcome, and what else contacts send: requests to be added again, events from the adrift.

use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::contact::ContactMessage;
use himaya_protocol::wire::policy::{GroupKind, Policy, Role};
use openmls::prelude::tls_codec::Deserialize as _;
use openmls::prelude::*;

use super::circles::{self, DAY};
use super::commit::{self, Wish};
use super::error::EngineError;
use super::lanes::stored;
use super::mls::{self, SUITE};
use super::receive::News;
use super::schedule;
use super::{adrift, asides, contacts, desks, events, upkeep};
use crate::store::Ctx;

/// Why a contact's message is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Void;

/// A contact asks to be added again to a circle both are in.
pub(super) fn rejoin(
    ctx: &mut Ctx<'_>,
    from: &Fingerprint,
    circle: &[u8],
    key_package: Vec<u8>,
) -> Result<Result<Vec<News>, Void>, EngineError> {
    let role = if adrift::may_commit(ctx, circle)? { circles::role(ctx, circle)? } else { None };
    if !role.is_some_and(Role::adds_again) {
        return Ok(Err(Void));
    }
    let provider = ctx.mls();
    let Ok(package) = mls::check_key_package(&provider, &key_package) else {
        return Ok(Err(Void));
    };
    let group = mls::load(&provider, circle)?;
    let same = Fingerprint::of(package.leaf_node().signature_key().as_slice()) == *from;
    let Some(leaf) = mls::leaves(&group).into_iter().find(|leaf| same && leaf.fingerprint == *from) else {
        return Ok(Err(Void));
    };
    // One request that waits is enough, however often it is made.
    if commit::wished(ctx, circle, "again", Some(from))? {
        return Ok(Ok(Vec::new()));
    }
    let again = Wish::Again { who: *from, key_package, leaf_key: leaf.encryption_key };
    Ok(if commit::wish_if_possible(ctx, circle, &again)? {
        Ok(vec![News::Rejoin { circle: circle.to_vec() }])
    } else {
        Err(Void)
    })
}

/// A contact added this client to a group. The tree has been fetched.
pub(super) fn welcome(
    ctx: &mut Ctx<'_>,
    from: &Fingerprint,
    welcome: &[u8],
    tree: &[u8],
    since: Option<u32>,
) -> Result<Result<Vec<News>, Void>, EngineError> {
    let provider = ctx.mls();
    let Ok(MlsMessageBodyIn::Welcome(welcome)) =
        MlsMessageIn::tls_deserialize_exact(welcome).map(MlsMessageIn::extract)
    else {
        return Ok(Err(Void));
    };
    let Ok(tree) = RatchetTreeIn::tls_deserialize_exact(tree) else {
        return Ok(Err(Void));
    };
    let Some(invitation) = invitation(ctx, &welcome)? else { return Ok(Err(Void)) };
    let staged = StagedWelcome::build_from_welcome(&provider, &mls::join_config(), welcome)
        .and_then(|builder| builder.with_ratchet_tree(tree).replace_old_group().build());
    let staged = match staged {
        Ok(staged) => staged,
        Err(WelcomeError::StorageError(error)) => return Err(crate::store::StoreError::from(error).into()),
        Err(_) => return Ok(Err(Void)),
    };
    let Some(policy) = mls::policy_of(staged.group_context().extensions()) else {
        return Ok(Err(Void));
    };
    if !acceptable(ctx, from, &staged, &policy, &invitation)? {
        return Ok(Err(Void));
    }
    let mut group = match staged.into_group(&provider) {
        Ok(group) => group,
        Err(WelcomeError::StorageError(error)) => return Err(crate::store::StoreError::from(error).into()),
        Err(_) => return Ok(Err(Void)),
    };
    let circle = group.group_id().as_slice().to_vec();
    // Whoever comes back has missed who went meanwhile.
    let before = circles::members(ctx, &circle)?.into_iter().map(|member| member.fingerprint).collect();
    circles::enter(ctx, &mut group)?;
    for leaf in mls::leaves(&group) {
        contacts::learn_name(ctx, &leaf.fingerprint, &leaf.name)?;
    }
    let after = mls::leaves(&group).into_iter().map(|leaf| leaf.fingerprint).collect();
    desks::note_staff(ctx, &circle, &before, &after)?;
    desks::adopt(ctx, &circle)?;
    // Members could write to this client from the commit on, which lies somewhere after it asked and before the Welcome.
    let unread = match (since, ctx.number(adrift::WINDOW_SECONDS)?) {
        (Some(window), Some(seconds)) => stored(u64::from(window).saturating_mul(seconds)).max(invitation.made),
        (None, _) | (_, None) => invitation.made,
    };
    ctx.execute("UPDATE circle SET unread_since = ?2 WHERE id = ?1", &[&circle, &unread])?;
    // Whoever has just joined gives its leaf a key of its own soon, so that the tree gets its paths and commits shrink.
    let due = ctx.now + schedule::exponential(ctx.rng, upkeep::JOINER_UPDATE_MEAN);
    ctx.execute(
        "UPDATE circle SET update_due = ?2, update_day = ?3 WHERE id = ?1",
        &[&circle, &stored(due), &stored(ctx.now / DAY)],
    )?;
    events::reissue_circle(ctx, &circle)?;
    events::issue_waiting(ctx)?;
    Ok(Ok(vec![News::Joined { circle }]))
}

/// What this client meant when it gave a KeyPackage away.
struct Invitation {
    contact: Vec<u8>,
    circle: Option<Vec<u8>>,
    made: i64,
}

impl Invitation {
    /// Whether its KeyPackage was offered to the members of a group.
    fn is_offer(&self) -> bool {
        self.contact.is_empty()
    }
}

/// The invitation that a Welcome answers, if this client made it.
fn invitation(ctx: &Ctx<'_>, welcome: &Welcome) -> Result<Option<Invitation>, EngineError> {
    for secrets in welcome.secrets() {
        let reference = secrets.new_member();
        let sql = "SELECT contact, circle, made FROM invitation WHERE reference = ?1";
        let found = ctx.row(sql, &[&reference.as_slice()], |row| {
            Ok(Invitation { contact: row.get(0)?, circle: row.get(1)?, made: row.get(2)? })
        })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Whether this client lets itself be put into this group by this contact.
fn acceptable(
    ctx: &Ctx<'_>,
    from: &Fingerprint,
    staged: &StagedWelcome,
    policy: &Policy,
    invitation: &Invitation,
) -> Result<bool, EngineError> {
    let sender = match staged.welcome_sender() {
        Ok(leaf) => Fingerprint::of(leaf.signature_key().as_slice()),
        Err(_) => return Ok(false),
    };
    let members: Vec<Fingerprint> = staged.members().map(|member| Fingerprint::of(&member.signature_key)).collect();
    let mut distinct = members.clone();
    distinct.sort();
    distinct.dedup();
    let allowed = policy.role(&sender).is_some_and(Role::adds_again);
    let listed = distinct.len() == members.len() && policy.roles.keys().eq(distinct.iter());
    let suite = staged.group_context().ciphersuite() == SUITE && policy.suite == u16::from(SUITE);
    // A Welcome into a circle this client is in replaces it only when it is newer, answers the request for that circle,
    // and comes from somebody who may add people to the circle as this client knows it. An owner's may answer a hello:
    // this client was removed and invited again before it has read the removal.
    let circle = staged.group_context().group_id().as_slice();
    // After a split, what counts is the epoch in which the ways parted.
    let sql = "SELECT iif(adrift IS 'split', adrift_epoch, epoch) FROM circle WHERE id = ?1 AND state = 'active'";
    let known = ctx.row(sql, &[&circle], |row| row.get::<_, i64>(0))?;
    let wanted = match known {
        None => true,
        Some(epoch) => {
            let mut members = circles::members(ctx, circle)?.into_iter();
            let role = members.find(|member| member.fingerprint == *from).and_then(|member| member.role);
            stored(staged.group_context().epoch().as_u64()) > epoch
                && match &invitation.circle {
                    Some(asked) => asked == circle && role.is_some_and(Role::adds_again),
                    None => role.is_some_and(|role| role.manages(policy.kind)),
                }
        }
    };
    let answers = if invitation.is_offer() {
        // A circle, a desk or a bridge is entered by an answered card: nobody is put into one unasked.
        matches!(policy.kind, GroupKind::Line | GroupKind::HostLink | GroupKind::Case)
            && asides::may_be_added_by(ctx, from)?
    } else {
        invitation.contact == from.as_bytes()
    };
    Ok(sender == *from && answers && allowed && listed && suite && wanted)
}

/// An event of a contact that cannot write to the circle at the moment.
pub(super) fn event(
    ctx: &mut Ctx<'_>,
    from: &Fingerprint,
    circle: &[u8],
    event: &[u8],
) -> Result<Result<Vec<News>, Void>, EngineError> {
    let members = circles::members(ctx, circle)?;
    let Some(author) = members.into_iter().find(|member| member.fingerprint == *from) else {
        return Ok(Err(Void));
    };
    Ok(events::received(ctx, circle, from, &author.name, event)?.map_err(|_| Void))
}

/// What a contact's message is about, with the parts it needs.
pub(super) fn contact_message(
    ctx: &mut Ctx<'_>,
    from: &Fingerprint,
    message: ContactMessage,
    tree: Option<&[u8]>,
) -> Result<Result<Vec<News>, Void>, EngineError> {
    match message {
        ContactMessage::Welcome { welcome: bytes, since, .. } => {
            let Some(tree) = tree else { return Ok(Err(Void)) };
            welcome(ctx, from, &bytes, tree, since)
        }
        ContactMessage::Rejoin { group, key_package } => rejoin(ctx, from, &group, key_package),
        ContactMessage::Event { group, event: bytes } => event(ctx, from, &group, &bytes),
        ContactMessage::Unknown(_) => Ok(Ok(vec![News::UpdateNeeded])),
    }
}
