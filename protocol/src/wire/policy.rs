//! The policy of a group: who may change it. It stands in the MLS GroupContext, so all members agree on it.
//!
//! ```text
//! GroupContext extension 0xF1A1 (private use, RFC 9420 section 17.3), deterministic CBOR:
//! { 0: 1, 1: group name text, 2: kind, 3: MLS ciphersuite, 4: [ [fingerprint 32 B, role] … ] }
//! kind: 1 circle, 2 line, 3 desk, 4 case, 5 host link, 6 bridge      members ascend by fingerprint
//! role: 1 owner, 2 coordinator, 3 contact, 4 defender, 5 host, 6 admin
//! ```

use std::collections::BTreeMap;

use super::card::Fingerprint;
use super::contact::NAME_MAX;
use crate::cbor::{self, CborError, Fields, Value, map};

/// The GroupContext extension type under which the policy stands.
pub const POLICY_EXTENSION: u16 = 0xF1A1;
/// The component id under which a group's root secret is exported each epoch (MLS extensions draft, private range).
pub const EXPORT_COMPONENT: u16 = 0x8001;
/// The most members a group may have.
pub const MEMBERS_MAX: usize = 200;

/// What a member is to the group, and with its kind, what the member may do to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May add and remove anybody and change the policy. One member at least is; whoever makes a group is.
    Owner,
    /// Somebody of an organisation's desk. Adds a member again who lost the way; manages some kinds of group.
    Coordinator,
    /// Whom a defender trusts. May update only the own leaf.
    Contact,
    /// Whom the group protects, where somebody else owns it. May update only the own leaf.
    Defender,
    /// Somebody who gives shelter. May update only the own leaf.
    Host,
    /// Who manages a desk's members, and sees no case by that.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Owner, Self::Coordinator, Self::Contact, Self::Defender, Self::Host, Self::Admin];

    fn code(self) -> u64 {
        match self {
            Self::Owner => 1,
            Self::Coordinator => 2,
            Self::Contact => 3,
            Self::Defender => 4,
            Self::Host => 5,
            Self::Admin => 6,
        }
    }

    fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.code() == code)
    }

    /// Whether whoever has this role adds members of any group again who lost the way.
    pub fn adds_again(self) -> bool {
        matches!(self, Self::Owner | Self::Coordinator)
    }

    /// Whether whoever has this role adds and removes others in a group of this kind, its owners apart.
    pub fn manages(self, kind: GroupKind) -> bool {
        match self {
            Self::Owner => true,
            Self::Coordinator => kind.is_managed_by_coordinators(),
            Self::Admin => kind == GroupKind::Desk,
            Self::Contact | Self::Defender | Self::Host => false,
        }
    }
}

/// Which kind of group this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKind {
    /// A defender and trusted contacts.
    Circle,
    /// A defender and a desk.
    Line,
    /// The coordinators of an organisation.
    Desk,
    /// Those who work on a case, and the defender.
    Case,
    /// A host and a desk.
    HostLink,
    /// Delegates of two organisations.
    Bridge,
}

impl GroupKind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Circle, Self::Line, Self::Desk, Self::Case, Self::HostLink, Self::Bridge];

    fn code(self) -> u64 {
        match self {
            Self::Circle => 1,
            Self::Line => 2,
            Self::Desk => 3,
            Self::Case => 4,
            Self::HostLink => 5,
            Self::Bridge => 6,
        }
    }

    fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Whether any coordinator in it adds and removes others: what a desk works in must not hang on one person's device.
    /// A circle is the defender's, and a desk's members are its owner's and its admins'.
    pub fn is_managed_by_coordinators(self) -> bool {
        match self {
            Self::Line | Self::Case | Self::HostLink | Self::Bridge => true,
            Self::Circle | Self::Desk => false,
        }
    }

    /// Whether somebody may have this role in it.
    pub fn has(self, role: Role) -> bool {
        let roles: &[Role] = match self {
            Self::Circle => &[Role::Owner, Role::Coordinator, Role::Contact],
            Self::Line => &[Role::Owner, Role::Coordinator, Role::Defender],
            Self::Desk => &[Role::Owner, Role::Coordinator, Role::Admin],
            Self::Case => &[Role::Owner, Role::Coordinator, Role::Contact, Role::Defender, Role::Host],
            Self::HostLink => &[Role::Owner, Role::Coordinator, Role::Host],
            Self::Bridge => &[Role::Owner, Role::Coordinator],
        };
        roles.contains(&role)
    }
}

/// The policy of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What the members call the group.
    pub name: String,
    /// Which kind of group this is.
    pub kind: GroupKind,
    /// The MLS ciphersuite's number, so that a change of the draft's numbering is seen.
    pub suite: u16,
    /// Each member's role, by fingerprint.
    pub roles: BTreeMap<Fingerprint, Role>,
}

/// Why bytes are not a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not the map that docs/protocol.md section 7 describes.
    #[error("not a policy: {0}")]
    Cbor(#[from] CborError),
    /// Of a newer version, or a kind or role that this version does not know.
    #[error("the policy is of a newer kind; update Himaya")]
    Version,
    /// A field is outside its limits.
    #[error("a field of the policy is outside its limits")]
    Limit,
}

impl Policy {
    /// The extension's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let roles = self
            .roles
            .iter()
            .map(|(who, role)| Value::Array(vec![Value::Bytes(who.as_bytes().to_vec()), Value::Uint(role.code())]))
            .collect();
        cbor::encode(&map([
            (0, Some(Value::Uint(1))),
            (1, Some(Value::Text(self.name.clone()))),
            (2, Some(Value::Uint(self.kind.code()))),
            (3, Some(Value::Uint(u64::from(self.suite)))),
            (4, Some(Value::Array(roles))),
        ]))
    }

    /// Reads the extension's bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PolicyError> {
        let mut fields = Fields::decode(bytes)?;
        if fields.uint(0)? != 1 {
            return Err(PolicyError::Version);
        }
        let name = fields.text(1)?;
        let kind = GroupKind::from_code(fields.uint(2)?).ok_or(PolicyError::Version)?;
        let suite = u16::try_from(fields.uint(3)?).map_err(|_| PolicyError::Limit)?;
        let Some(Value::Array(entries)) = fields.take(4) else {
            return Err(CborError::Type.into());
        };
        let mut roles = BTreeMap::new();
        for entry in entries {
            let (who, role) = role_entry(entry)?;
            if roles.last_key_value().is_some_and(|(last, _)| *last >= who) {
                return Err(PolicyError::Limit);
            }
            if !kind.has(role) {
                return Err(PolicyError::Limit);
            }
            roles.insert(who, role);
        }
        if !(1..=NAME_MAX).contains(&name.len()) || roles.len() > MEMBERS_MAX || !fields.rest().is_empty() {
            return Err(PolicyError::Limit);
        }
        Ok(Self { name, kind, suite, roles })
    }

    /// The role of a member; whoever is not listed may do nothing.
    pub fn role(&self, who: &Fingerprint) -> Option<Role> {
        self.roles.get(who).copied()
    }
}

fn role_entry(entry: Value) -> Result<(Fingerprint, Role), PolicyError> {
    let Value::Array(pair) = entry else {
        return Err(CborError::Type.into());
    };
    let [Value::Bytes(who), Value::Uint(role)] = pair.as_slice() else {
        return Err(CborError::Type.into());
    };
    let who = Fingerprint::from_slice(who).ok_or(PolicyError::Limit)?;
    Ok((who, Role::from_code(*role).ok_or(PolicyError::Version)?))
}
