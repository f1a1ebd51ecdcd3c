//! Who this profile is: a name, an Ed25519 key, a relay.

use himaya_protocol::content::display;
use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::contact::NAME_MAX;
use himaya_protocol::wire::link::RelayLink;
use openmls::prelude::{BasicCredential, CredentialWithKey};
use openmls_basic_credential::SignatureKeyPair;
use openmls_traits::OpenMlsProvider;

use super::error::EngineError;
use super::mls::SUITE;
use crate::store::{Ctx, StoreError};

/// Who this profile is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The name the person chose; members of the person's circles see it.
    pub name: String,
    /// The relay.
    pub relay: RelayLink,
    /// SHA-256 of the identity key.
    pub fingerprint: Fingerprint,
    public_key: Vec<u8>,
}

/// Makes the identity of a new profile.
pub fn found(ctx: &mut Ctx<'_>, name: &str, relay: &RelayLink) -> Result<Identity, EngineError> {
    if ctx.setting("name")?.is_some() {
        return Err(EngineError::HasIdentity);
    }
    let name = valid_name(name)?;
    let keys =
        SignatureKeyPair::new(SUITE.signature_algorithm()).map_err(EngineError::mls("making the identity key"))?;
    keys.store(ctx.mls().storage()).map_err(StoreError::from)?;
    ctx.set("name", name.as_bytes())?;
    ctx.set("relay", relay.to_string().as_bytes())?;
    ctx.set("identity", keys.public())?;
    ctx.set_number("founded", ctx.now)?;
    ctx.set_number("mls suite", u64::from(u16::from(SUITE)))?;
    identity(ctx)
}

/// Reads who this profile is.
pub fn identity(ctx: &Ctx<'_>) -> Result<Identity, EngineError> {
    let text = |name: &str| -> Result<Option<String>, EngineError> {
        let bytes = ctx.setting(name)?;
        Ok(bytes.map(String::from_utf8).transpose().map_err(|_| StoreError::Damaged("setting"))?)
    };
    let name = text("name")?.ok_or(EngineError::NoIdentity)?;
    let relay = text("relay")?.and_then(|link| link.parse().ok()).ok_or(StoreError::Damaged("relay link"))?;
    let public_key = ctx.setting("identity")?.ok_or(EngineError::NoIdentity)?;
    Ok(Identity { name, relay, fingerprint: Fingerprint::of(&public_key), public_key })
}

impl Identity {
    /// The signature key pair.
    pub(super) fn signer(&self, ctx: &mut Ctx<'_>) -> Result<SignatureKeyPair, EngineError> {
        SignatureKeyPair::read(ctx.mls().storage(), &self.public_key, SUITE.signature_algorithm())
            .ok_or(StoreError::Damaged("identity key").into())
    }

    /// What stands in this profile's leaves.
    pub(super) fn credential(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: BasicCredential::new(self.name.as_bytes().to_vec()).into(),
            signature_key: self.public_key.clone().into(),
        }
    }
}

/// A name as people may choose it: trimmed, cleaned of what would disturb a display, 1 to [`NAME_MAX`] bytes.
///
/// Fails with [`EngineError::Name`].
pub fn valid_name(name: &str) -> Result<String, EngineError> {
    let name = display::clean(name.trim());
    if (1..=NAME_MAX).contains(&name.len()) { Ok(name) } else { Err(EngineError::Name { max: NAME_MAX }) }
}
