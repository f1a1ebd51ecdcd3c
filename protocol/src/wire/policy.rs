//! The policy of a group: who may change it. It stands in the MLS GroupContext, so all members agree on it.
//!
//! ```text
//! GroupContext extension 0xF1A1 (private use, RFC 9420 section 17.3), deterministic CBOR:
//! { 0: 1, 1: group name text, 2: kind, 3: MLS ciphersuite, 4: [ [fingerprint 32 B, role] … ] }
//! kind: 1 circle      role: 1 owner, 2 coordinator, 3 contact      members ascend by fingerprint
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

/// What a member may do to the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May add and remove anybody and change the policy.
    Owner,
    /// May add a member again who lost the way, with the same fingerprint.
    Coordinator,
    /// May update only itself.
    Contact,
}

impl Role {
    fn code(self) -> u64 {
        match self {
            Self::Owner => 1,
            Self::Coordinator => 2,
            Self::Contact => 3,
        }
    }

    fn from_code(code: u64) -> Option<Self> {
        match code {
            1 => Some(Self::Owner),
            2 => Some(Self::Coordinator),
            3 => Some(Self::Contact),
            _ => None,
        }
    }
}

/// Which kind of group this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupKind {
    /// A defender and trusted contacts.
    Circle,
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
            (2, Some(Value::Uint(1))),
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
        let kind = if fields.uint(2)? == 1 { GroupKind::Circle } else { return Err(PolicyError::Version) };
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
