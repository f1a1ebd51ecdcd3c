//! Changing a group: intents, staged commits, what happens when one wins or loses.
//!
//! An intent is a wish that survives restarts. At most one a circle is staged: its commit is MLS's pending commit and
//! its bytes are a job for the first open slot of the epoch's commit lane. When the slot is won the commit is merged
//! and the Welcome released; when somebody else's commit is valid there, that one is merged and the wish is staged
//! anew if it still makes sense; when what lies there is void, the same commit goes to the next slot.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::contact::ContactMessage;
use himaya_protocol::wire::lane::COMMIT_LANE;
use himaya_protocol::wire::policy::{GroupKind, Role};
use openmls::prelude::tls_codec::Serialize as _;
use openmls::prelude::*;
use openmls_traits::OpenMlsProvider;

use super::error::EngineError;
use super::judge::judge;
use super::lanes::{self, loaded, stored};
use super::mls::{self, Leaf};
use super::outbox::{self, NewJob, Purpose};
use super::receive::News;
use super::schedule::Matter;
use super::{adrift, asides, cases, circles, desks, events, parts};
use crate::store::{Ctx, StoreError};

/// A wish to change a circle.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    /// Add somebody who sent a hello.
    Add { who: Fingerprint, role: Role, key_package: Vec<u8> },
    /// Remove a member.
    Remove { who: Fingerprint },
    /// Remove and add a member who lost the way; `leaf_key` is the leaf's encryption key when that was asked.
    Again { who: Fingerprint, key_package: Vec<u8>, leaf_key: Vec<u8> },
    /// Give the own leaf a fresh key.
    Update,
}

struct Intent {
    id: i64,
    wish: Wish,
}

/// Notes a wish and stages it if nothing else is. An error other than the store's says why it cannot be done.
pub(super) fn wish(ctx: &mut Ctx<'_>, circle: &[u8], wish: &Wish) -> Result<(), EngineError> {
    let (kind, who, role, key_package, leaf_key) = match wish {
        Wish::Add { who, role, key_package } => {
            ("add", Some(who), Some(circles::role_text(*role)), Some(key_package), None)
        }
        Wish::Remove { who } => ("remove", Some(who), None, None, None),
        Wish::Again { who, key_package, leaf_key } => ("again", Some(who), None, Some(key_package), Some(leaf_key)),
        Wish::Update => ("update", None, None, None, None),
    };
    let id = ctx.insert(
        "INSERT INTO intent (circle, kind, fingerprint, role, key_package, leaf_key, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &[&circle, &kind, &who.map(|who| who.as_bytes().to_vec()), &role, &key_package, &leaf_key, &stored(ctx.now)],
    )?;
    match stage_oldest(ctx, circle)? {
        Some((dropped, why)) if dropped == id => Err(why),
        Some(_) | None => Ok(()),
    }
}

/// Notes a wish that nobody waits for; `false` when it cannot be done, for example because of a member's broken key.
pub(super) fn wish_if_possible(ctx: &mut Ctx<'_>, circle: &[u8], what: &Wish) -> Result<bool, EngineError> {
    match wish(ctx, circle, what) {
        Ok(()) => Ok(true),
        Err(EngineError::Store(error)) => Err(error.into()),
        Err(_) => Ok(false),
    }
}

/// Whether a wish of this kind about this person waits already.
pub(super) fn wished(ctx: &Ctx<'_>, circle: &[u8], kind: &str, who: Option<&Fingerprint>) -> Result<bool, EngineError> {
    let who = who.map(|who| who.as_bytes().to_vec());
    let found = ctx.row(
        "SELECT 1 FROM intent WHERE circle = ?1 AND kind = ?2 AND fingerprint IS ?3",
        &[&circle, &kind, &who],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// Stages the oldest wish of a circle that still makes sense, unless one is staged.
pub(super) fn stage_next(ctx: &mut Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    stage_oldest(ctx, circle).map(|_| ())
}

/// Stages the oldest wish that makes sense and can be done; the last one that cannot, with the reason.
///
/// What makes a wish impossible may be in a KeyPackage that somebody else made: it must not stop anything else.
fn stage_oldest(ctx: &mut Ctx<'_>, circle: &[u8]) -> Result<Option<(i64, EngineError)>, EngineError> {
    let mut impossible = None;
    if !adrift::may_commit(ctx, circle)? {
        return Ok(None);
    }
    let staged = ctx.row("SELECT 1 FROM intent WHERE circle = ?1 AND job IS NOT NULL", &[&circle], |_| Ok(()))?;
    if staged.is_some() {
        return Ok(None);
    }
    while let Some(intent) = oldest(ctx, circle)? {
        // A member may have put a key into the tree on which the cryptography below panics: no path node is checked.
        let staged = |ctx: &mut Ctx<'_>| catch_unwind(AssertUnwindSafe(|| stage(ctx, circle, &intent)));
        let outcome = ctx.attempt(|ctx| match staged(ctx) {
            Ok(Err(EngineError::Store(error))) => Err(EngineError::Store(error)),
            Ok(Err(error)) => Ok(Err(Some(error))),
            Ok(Ok(true)) => Ok(Ok(())),
            Ok(Ok(false)) => Ok(Err(None)),
            Err(_) => Ok(Err(Some(EngineError::Request("a key of a member is none")))),
        })?;
        match outcome {
            Ok(()) => break,
            Err(why) => impossible = why.map(|why| (intent.id, why)).or(impossible),
        }
        ctx.execute("DELETE FROM intent WHERE id = ?1", &[&intent.id])?;
    }
    Ok(impossible)
}

/// Builds and queues the commit of a wish; `false` when the wish does not make sense any more.
fn stage(ctx: &mut Ctx<'_>, circle: &[u8], intent: &Intent) -> Result<bool, EngineError> {
    let identity = super::identity(ctx)?;
    let signer = identity.signer(ctx)?;
    let provider = ctx.mls();
    let mut group = mls::load(&provider, circle)?;
    let leaves = mls::leaves(&group);
    let Some(mut policy) = mls::policy_of(group.extensions()) else {
        return Err(StoreError::Damaged("policy").into());
    };
    let find = |who: &Fingerprint| leaves.iter().find(|leaf| leaf.fingerprint == *who);
    let remove = |leaf: &Leaf| LeafNodeIndex::new(leaf.index);
    let own_role = policy.role(&identity.fingerprint);
    let manages = own_role.is_some_and(|role| role.manages(policy.kind));
    let epoch = group.epoch().as_u64();
    let builder = group.commit_builder().consume_proposal_store(false).force_self_update(true);
    let builder = match &intent.wish {
        Wish::Add { who, role, key_package } => {
            if find(who).is_some() || !manages {
                return Ok(false);
            }
            policy.roles.insert(*who, *role);
            let package = mls::check_key_package(&provider, key_package)?;
            builder
                .propose_adds([package])
                .propose_group_context_extensions(mls::policy_extensions(&policy)?)
                .map_err(EngineError::mls("proposing the policy"))?
        }
        Wish::Remove { who } => {
            let Some(leaf) = find(who).filter(|_| manages) else { return Ok(false) };
            // A group that coordinators manage keeps an owner: whoever removes the last one.
            policy.roles.remove(who);
            if !policy.roles.values().any(|role| *role == Role::Owner) {
                policy.roles.insert(identity.fingerprint, Role::Owner);
            }
            builder
                .propose_removals([remove(leaf)])
                .propose_group_context_extensions(mls::policy_extensions(&policy)?)
                .map_err(EngineError::mls("proposing the policy"))?
        }
        Wish::Again { who, key_package, leaf_key } => {
            let may = own_role.is_some_and(Role::adds_again);
            let Some(leaf) = find(who).filter(|leaf| may && leaf.encryption_key == *leaf_key) else {
                return Ok(false);
            };
            let package = mls::check_key_package(&provider, key_package)?;
            builder.propose_removals([remove(leaf)]).propose_adds([package])
        }
        Wish::Update => builder,
    };
    let bundle = builder
        .load_psks(provider.storage())
        .map_err(EngineError::mls("preparing a commit"))?
        .build(provider.rand(), provider.crypto(), &signer, |_| true)
        .map_err(EngineError::mls("building a commit"))?
        .stage_commit(&provider)
        .map_err(|error| StoreError::Database(error.to_string()))?;
    // What others would find void must not be merged here either.
    let staged = group.pending_commit().ok_or(StoreError::Damaged("pending commit"))?;
    judge(&group, group.own_leaf_index().u32(), staged)
        .map_err(|void| EngineError::Mls { step: "judging our own commit", cause: format!("{void:?}") })?;
    let encode = EngineError::mls("encoding a commit");
    let commit = bundle.commit().tls_serialize_detached().map_err(encode)?;
    let welcome = bundle.to_welcome_msg().map(|welcome| welcome.tls_serialize_detached());
    let welcome = welcome.transpose().map_err(EngineError::mls("encoding a Welcome"))?;

    let lane = lanes::of_epoch(ctx, circle, epoch, COMMIT_LANE)?;
    let (_, slot) = lanes::first_open(ctx, lane)?;
    let job = NewJob {
        purpose: Purpose::Commit,
        lane: Some(lane),
        payload: &commit,
        circle: Some(circle),
        event: None,
        epoch: Some(epoch),
        urgent: if matches!(intent.wish, Wish::Update) { Matter::Update } else { Matter::Change }.is_urgent(),
        reserve: matches!(intent.wish, Wish::Remove { .. }),
        spread: 0,
    };
    let job = parts::enqueue(ctx, &job, &slot, group.own_leaf_index().u32())?;
    // What is written to a joiner comes after the commit, and so not before the window that is read now.
    let window = ctx.number(circles::READ_WINDOW)?.map(stored);
    ctx.execute(
        "UPDATE intent SET job = ?2, welcome = ?3, window = ?4 WHERE id = ?1",
        &[&intent.id, &job, &welcome, &window],
    )?;
    Ok(true)
}

/// The slot of our pending commit is ours: merge, then release the Welcome.
pub(super) fn won(ctx: &mut Ctx<'_>, circle: &[u8], job: i64) -> Result<Vec<News>, EngineError> {
    let row = ctx.row("SELECT id, welcome, window FROM intent WHERE job = ?1", &[&job], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Option<Vec<u8>>>(1)?, row.get::<_, Option<u32>>(2)?))
    })?;
    let Some((id, welcome, window)) = row else {
        return Ok(Vec::new());
    };
    let intent = read(ctx, id)?.ok_or(StoreError::Damaged("intent"))?;
    ctx.execute("DELETE FROM intent WHERE id = ?1", &[&id])?;
    let provider = ctx.mls();
    let mut group = mls::load(&provider, circle)?;
    let before = mls::leaves(&group);
    let epoch = group.epoch().as_u64();
    let (slot, _) = lanes::first_open(ctx, lanes::of_epoch(ctx, circle, epoch, COMMIT_LANE)?)?;
    group.merge_pending_commit(&provider).map_err(EngineError::mls("merging our commit"))?;
    if let (Wish::Add { who, .. } | Wish::Again { who, .. }, Some(welcome)) = (&intent.wish, welcome) {
        release(ctx, &group, who, welcome, window)?;
    }
    if matches!(intent.wish, Wish::Update) {
        circles::updated(ctx, circle)?;
    }
    let mut news = entered(ctx, &mut group, &before)?;
    if let Wish::Add { who, .. } | Wish::Again { who, .. } = &intent.wish {
        circles::note_added(ctx, circle, who)?;
        if let Some(group) = circles::by_id(ctx, circle)? {
            match group.kind {
                GroupKind::Line | GroupKind::Case => {
                    cases::tell_newcomer(ctx, &group)?;
                    desks::tell_policy(ctx, &group)?;
                }
                GroupKind::Desk => desks::repeat_policy(ctx, &group)?,
                GroupKind::Circle | GroupKind::HostLink | GroupKind::Bridge => (),
            }
        }
    }
    news.extend(adrift::left_epoch(ctx, circle, epoch, slot)?);
    Ok(news)
}

/// Takes a staged commit back before its slot was tried; the wish behind it waits until this client follows again. Others
/// may have followed what it could not, and then its own commit would split the group.
pub(super) fn withdraw(ctx: &mut Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    outbox::drop_commits(ctx, circle)?;
    ctx.execute("UPDATE intent SET job = NULL, welcome = NULL WHERE circle = ?1", &[&circle])?;
    let provider = ctx.mls();
    let mut group = mls::load(&provider, circle)?;
    Ok(group.clear_pending_commit(provider.storage()).map_err(StoreError::from)?)
}

/// Stages the commit of a circle anew, with other bytes and elsewhere: the cell of the one before has not left.
pub(super) fn stage_anew(ctx: &mut Ctx<'_>, circle: &[u8]) -> Result<(), EngineError> {
    withdraw(ctx, circle)?;
    stage_next(ctx, circle)
}

/// A new epoch has begun: lanes, members, what was staged in the old one, what waits to be sent.
pub(super) fn entered(ctx: &mut Ctx<'_>, group: &mut MlsGroup, before: &[Leaf]) -> Result<Vec<News>, EngineError> {
    let circle = group.group_id().as_slice().to_vec();
    // The pending commit, if there was one, is void now; the wish behind it is not.
    outbox::drop_commits(ctx, &circle)?;
    ctx.execute("UPDATE intent SET job = NULL, welcome = NULL WHERE circle = ?1", &[&circle])?;
    if !group.is_active() {
        circles::removed(ctx, &circle)?;
        return Ok(vec![News::Removed { circle }]);
    }
    let provider = ctx.mls();
    let root = mls::export_root(&provider, group)?;
    let epoch = group.epoch().as_u64();
    let after = mls::leaves(group);
    let own = group.own_leaf_index().u32();
    let stays =
        |leaf: &&Leaf| after.iter().any(|other| other.index == leaf.index && other.fingerprint == leaf.fingerprint);
    let gone: Vec<u32> = before.iter().filter(|leaf| !stays(leaf)).map(|leaf| leaf.index).collect();
    lanes::open_epoch(ctx, &circle, epoch, &root, &after, own)?;
    lanes::end_epochs(ctx, &circle, epoch, &gone)?;
    circles::write_members(ctx, group)?;
    let members = |leaves: &[Leaf]| leaves.iter().map(|leaf| leaf.fingerprint).collect::<BTreeSet<_>>();
    desks::note_staff(ctx, &circle, &members(before), &members(&after))?;
    stage_next(ctx, &circle)?;
    events::issue_waiting(ctx)?;
    Ok(vec![News::Epoch { circle }])
}

/// Sends a Welcome, and the tree it needs, to the one it is for: as a contact, or by a letter in a group both are in.
fn release(
    ctx: &mut Ctx<'_>,
    group: &MlsGroup,
    who: &Fingerprint,
    welcome: Vec<u8>,
    since: Option<u32>,
) -> Result<(), EngineError> {
    let tree = group.export_ratchet_tree().tls_serialize_detached().map_err(EngineError::mls("encoding the tree"))?;
    let (tree, chunks) = outbox::spill(ctx, &tree)?;
    let message = ContactMessage::Welcome { welcome, tree, since }.to_bytes();
    match asides::tell(ctx, who, &message, group.group_id().as_slice())? {
        Some(job) => outbox::add_chunks(ctx, job, &chunks),
        None => Err(StoreError::Damaged("contact").into()),
    }
}

fn oldest(ctx: &Ctx<'_>, circle: &[u8]) -> Result<Option<Intent>, EngineError> {
    let id: Option<i64> =
        ctx.row("SELECT id FROM intent WHERE circle = ?1 ORDER BY id LIMIT 1", &[&circle], |row| row.get(0))?;
    id.map_or(Ok(None), |id| read(ctx, id))
}

fn read(ctx: &Ctx<'_>, id: i64) -> Result<Option<Intent>, EngineError> {
    type Columns = (String, Option<Vec<u8>>, Option<String>, Option<Vec<u8>>, Option<Vec<u8>>);
    let row: Option<Columns> =
        ctx.row("SELECT kind, fingerprint, role, key_package, leaf_key FROM intent WHERE id = ?1", &[&id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })?;
    let Some((kind, who, role, key_package, leaf_key)) = row else {
        return Ok(None);
    };
    let damaged = || StoreError::Damaged("intent");
    let who = || who.as_deref().and_then(Fingerprint::from_slice).ok_or_else(damaged);
    let wish = match kind.as_str() {
        "add" => Wish::Add {
            who: who()?,
            role: role.as_deref().and_then(circles::role_from_text).ok_or_else(damaged)?,
            key_package: key_package.ok_or_else(damaged)?,
        },
        "remove" => Wish::Remove { who: who()? },
        "again" => Wish::Again {
            who: who()?,
            key_package: key_package.ok_or_else(damaged)?,
            leaf_key: leaf_key.ok_or_else(damaged)?,
        },
        "update" => Wish::Update,
        _ => return Err(damaged().into()),
    };
    Ok(Some(Intent { id, wish }))
}

/// How many wishes of a circle wait or are staged.
pub(super) fn pending(ctx: &Ctx<'_>, circle: &[u8]) -> Result<u64, EngineError> {
    let count: Option<i64> = ctx.row("SELECT count(*) FROM intent WHERE circle = ?1", &[&circle], |row| row.get(0))?;
    Ok(loaded(count.unwrap_or_default()))
}
