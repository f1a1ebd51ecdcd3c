//! Which commits are allowed: the one rule that all members apply alike (docs/protocol.md section 7.4).
//!
//! | committer | may commit |
//! |---|---|
//! | anybody | an update of the own leaf, nothing else |
//! | owner | additions, removals of others, a policy whose roles are those of the members after the commit |
//! | whoever manages this kind of group | the same, and whoever stays keeps the role; removing an owner may make the committer one |
//! | coordinator | removals and additions in pairs of equal fingerprints: somebody who lost the way is added again |
//!
//! Whoever commits keeps name and identity key. A policy keeps kind and ciphersuite, and its owner.

use std::collections::{BTreeMap, BTreeSet};

use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::policy::{MEMBERS_MAX, Policy, Role};
use openmls::prelude::{MlsGroup, Proposal, StagedCommit};

use super::mls::{is_kem_key, is_proper, leaves, policy_of};

/// Why a commit is void although MLS accepts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Void {
    /// The committer changed its name or key.
    Identity,
    /// A key that is none, or a KeyPackage that somebody's clock could end.
    Keys,
    /// A proposal of a kind that is not used here, or of somebody else.
    Proposal,
    /// The committer's role does not allow it.
    Role,
    /// The policy after the commit would not fit the members.
    Policy,
}

/// Judges a staged commit of the member at `committer`.
pub(super) fn judge(group: &MlsGroup, committer: u32, staged: &StagedCommit) -> Result<(), Void> {
    let before = leaves(group);
    let policy = policy_of(group.extensions()).ok_or(Void::Policy)?;
    let author = before.iter().find(|leaf| leaf.index == committer).ok_or(Void::Identity)?;
    if let Some(leaf) = staged.update_path_leaf_node() {
        let same_key = Fingerprint::of(leaf.signature_key().as_slice()) == author.fingerprint;
        let same_name = super::mls::credential_name(leaf.credential()) == author.name;
        if !same_key || !same_name {
            return Err(Void::Identity);
        }
        if !is_kem_key(leaf.encryption_key()) {
            return Err(Void::Keys);
        }
    }
    let changes = changes(&before, staged)?;
    let role = policy.role(&author.fingerprint).ok_or(Void::Role)?;
    match role {
        _ if changes.is_empty() => Ok(()),
        Role::Owner => {
            judge_change(&policy, &before, &changes, |next| next.role(&author.fingerprint) == Some(Role::Owner))
        }
        role if role.adds_again() && changes.only_adds_again() => Ok(()),
        role if role.manages(policy.kind) => {
            judge_change(&policy, &before, &changes, |next| keeps_rights(&policy, next, &author.fingerprint))
        }
        Role::Coordinator | Role::Contact | Role::Defender | Role::Host | Role::Admin => Err(Void::Role),
    }
}

/// Whether there is an owner after a commit, whoever stays keeps the role, and nobody becomes owner but the committer in the
/// place of one who is removed.
fn keeps_rights(policy: &Policy, next: &Policy, committer: &Fingerprint) -> bool {
    let owners = |policy: &Policy| -> BTreeSet<Fingerprint> {
        policy.roles.iter().filter(|(_, role)| **role == Role::Owner).map(|(who, _)| *who).collect()
    };
    let (before, after) = (owners(policy), owners(next));
    let takes_over = !after.is_superset(&before);
    let kept = |(who, role): (&Fingerprint, &Role)| {
        next.role(who).is_none_or(|after| after == *role || (takes_over && who == committer && after == Role::Owner))
    };
    let new: Vec<_> = after.difference(&before).collect();
    let owned = !after.is_empty() && (new.is_empty() || takes_over && new == [committer]);
    owned && policy.roles.iter().all(kept)
}

/// What a commit changes.
struct Changes {
    added: Vec<Fingerprint>,
    removed: Vec<(u32, Fingerprint)>,
    policy: Option<Policy>,
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.policy.is_none()
    }

    fn only_adds_again(&self) -> bool {
        let added: BTreeSet<_> = self.added.iter().collect();
        let removed: BTreeSet<_> = self.removed.iter().map(|(_, who)| who).collect();
        let distinct = added.len() == self.added.len() && removed.len() == self.removed.len();
        self.policy.is_none() && distinct && added == removed
    }
}

fn changes(before: &[super::mls::Leaf], staged: &StagedCommit) -> Result<Changes, Void> {
    let mut changes = Changes { added: Vec::new(), removed: Vec::new(), policy: None };
    for queued in staged.queued_proposals() {
        match queued.proposal() {
            Proposal::Add(add) => {
                if !is_proper(add.key_package()) {
                    return Err(Void::Keys);
                }
                let key = add.key_package().leaf_node().signature_key().as_slice();
                changes.added.push(Fingerprint::of(key));
            }
            Proposal::Remove(remove) => {
                let index = remove.removed().u32();
                let leaf = before.iter().find(|leaf| leaf.index == index).ok_or(Void::Proposal)?;
                changes.removed.push((index, leaf.fingerprint));
            }
            Proposal::GroupContextExtensions(proposal) if changes.policy.is_none() => {
                changes.policy = Some(policy_of(proposal.extensions()).ok_or(Void::Policy)?);
            }
            Proposal::Update(_)
            | Proposal::PreSharedKey(_)
            | Proposal::ReInit(_)
            | Proposal::ExternalInit(_)
            | Proposal::GroupContextExtensions(_)
            | Proposal::AppDataUpdate(_)
            | Proposal::SelfRemove
            | Proposal::AppEphemeral(_)
            | Proposal::Custom(_) => return Err(Void::Proposal),
        }
    }
    Ok(changes)
}

/// Whether the members after a commit are those of the policy after it, and that one is `allowed`.
fn judge_change(
    policy: &Policy,
    before: &[super::mls::Leaf],
    changes: &Changes,
    allowed: impl FnOnce(&Policy) -> bool,
) -> Result<(), Void> {
    let mut after: BTreeMap<Fingerprint, usize> = BTreeMap::new();
    let gone: BTreeSet<u32> = changes.removed.iter().map(|(index, _)| *index).collect();
    let staying = before.iter().filter(|leaf| !gone.contains(&leaf.index)).map(|leaf| leaf.fingerprint);
    for who in staying.chain(changes.added.iter().copied()) {
        *after.entry(who).or_default() += 1;
    }
    let next = changes.policy.as_ref().unwrap_or(policy);
    let fits = after.values().all(|&count| count == 1)
        && after.len() <= MEMBERS_MAX
        && next.roles.keys().eq(after.keys())
        && allowed(next)
        && next.kind == policy.kind
        && next.suite == policy.suite;
    if fits { Ok(()) } else { Err(Void::Policy) }
}
