//! How this client uses openmls: one ciphersuite, ciphertext only, five past epochs.

use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::policy::{EXPORT_COMPONENT, POLICY_EXTENSION, Policy};
use himaya_protocol::wire::secret::Secret;
use openmls::prelude::tls_codec::{Deserialize as _, Serialize as _, Size};
use openmls::prelude::*;
use openmls_traits::OpenMlsProvider;

use super::error::EngineError;
use crate::store::{Ctx, Mls, StoreError};

/// X-Wing (ML-KEM-768 and X25519), ChaCha20-Poly1305, SHA-256, Ed25519: code point 0x004D of a draft.
pub(super) const SUITE: Ciphersuite = Ciphersuite::MLS_256_XWING_CHACHA20POLY1305_SHA256_Ed25519;
/// How many past epochs a message may be late.
pub(super) const PAST_EPOCHS: u64 = 5;
/// How many messages of one sender in one epoch may be missing before later ones are refused.
const FORWARD: u32 = 2_000;
/// How many messages of one sender in one epoch may arrive out of order.
const OUT_OF_ORDER: u32 = 64;

/// Length of an X-Wing public key, in bytes (draft-connolly-cfrg-xwing-kem).
pub(super) const KEM_KEY: usize = 1_216;

/// Whether an HPKE key, which MLS writes with a length of 2 bytes, can be an X-Wing public key. MLS does not ask, and
/// libcrux panics on what is shorter than ML-KEM's part of it: this is asked of every key that somebody else chose.
pub(super) fn is_kem_key(key: &impl Size) -> bool {
    key.tls_serialized_len() == 2 + KEM_KEY
}

/// Whether a KeyPackage has the keys and the lifetime that every KeyPackage has.
pub(super) fn is_proper(package: &KeyPackage) -> bool {
    let (ours, theirs) = (lifetime(), package.life_time());
    (theirs.not_before(), theirs.not_after()) == (ours.not_before(), ours.not_after())
        && is_kem_key(package.hpke_init_key())
        && is_kem_key(package.leaf_node().encryption_key())
}

/// How groups are joined.
pub(super) fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(false)
        .set_past_epoch_deletion_policy(past_epochs())
        .sender_ratchet_configuration(SenderRatchetConfiguration::new(OUT_OF_ORDER, FORWARD))
        .build()
}

/// How groups are made.
pub(super) fn create_config(policy: &Policy) -> Result<MlsGroupCreateConfig, EngineError> {
    Ok(MlsGroupCreateConfig::builder()
        .ciphersuite(SUITE)
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(false)
        .set_past_epoch_deletion_policy(past_epochs())
        .sender_ratchet_configuration(SenderRatchetConfiguration::new(OUT_OF_ORDER, FORWARD))
        .capabilities(capabilities())
        .lifetime(lifetime())
        .with_group_context_extensions(policy_extensions(policy)?)
        .build())
}

fn past_epochs() -> PastEpochDeletionPolicy {
    PastEpochDeletionPolicy::MaxEpochs(usize::try_from(PAST_EPOCHS).expect("5 fits"))
}

/// What every leaf says it supports.
pub(super) fn capabilities() -> Capabilities {
    capabilities_with(Vec::new())
}

fn capabilities_with(mut extensions: Vec<ExtensionType>) -> Capabilities {
    extensions.insert(0, ExtensionType::Unknown(POLICY_EXTENSION));
    Capabilities::builder().ciphersuites(vec![SUITE]).extensions(extensions).build()
}

/// Without end: openmls checks lifetimes with the machine's clock while it judges commits, and two members whose
/// clocks differ must never judge one commit differently. KeyPackages travel only in sealed hellos and are used once;
/// their age is checked with our own clock when they are approved.
pub(super) fn lifetime() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}

/// The GroupContext extensions for a policy.
pub(super) fn policy_extensions(policy: &Policy) -> Result<Extensions<GroupContext>, EngineError> {
    let required = RequiredCapabilitiesExtension::new(&[ExtensionType::Unknown(POLICY_EXTENSION)], &[], &[]);
    Extensions::from_vec(vec![
        Extension::RequiredCapabilities(required),
        Extension::Unknown(POLICY_EXTENSION, UnknownExtension(policy.to_bytes())),
    ])
    .map_err(EngineError::mls("writing the policy"))
}

/// The policy that a GroupContext holds, if it holds a valid one.
pub(super) fn policy_of(extensions: &Extensions<GroupContext>) -> Option<Policy> {
    Policy::from_bytes(&extensions.unknown(POLICY_EXTENSION)?.0).ok()
}

/// Loads a group from the store.
pub(super) fn load(mls: &Mls<'_>, circle: &[u8]) -> Result<MlsGroup, EngineError> {
    MlsGroup::load(mls.storage(), &GroupId::from_slice(circle))
        .map_err(StoreError::from)?
        .ok_or(StoreError::Damaged("group").into())
}

/// Exports the root of the group's current epoch. Works once an epoch: the secret is punctured in the MLS state.
pub(super) fn export_root(mls: &Mls<'_>, group: &mut MlsGroup) -> Result<Secret, EngineError> {
    let root = group
        .safe_export_secret(mls.crypto(), mls.storage(), EXPORT_COMPONENT)
        .map_err(EngineError::mls("exporting the epoch's root"))?;
    Secret::from_slice(&root).ok_or(StoreError::Damaged("epoch root").into())
}

/// One member as MLS knows it.
pub(super) struct Leaf {
    pub(super) index: u32,
    pub(super) fingerprint: Fingerprint,
    pub(super) name: String,
    pub(super) encryption_key: Vec<u8>,
}

/// The members of a group.
pub(super) fn leaves(group: &MlsGroup) -> Vec<Leaf> {
    group
        .members()
        .map(|member| Leaf {
            index: member.index.u32(),
            fingerprint: Fingerprint::of(&member.signature_key),
            name: credential_name(&member.credential),
            encryption_key: member.encryption_key,
        })
        .collect()
}

/// The name in a credential; what is not text is shown as replacement characters.
pub(super) fn credential_name(credential: &Credential) -> String {
    String::from_utf8_lossy(credential.serialized_content()).into_owned()
}

/// Makes a KeyPackage whose private half stays in the store, for one contact, and perhaps for one circle only.
pub(super) fn key_package(
    ctx: &mut Ctx<'_>,
    contact: &Fingerprint,
    circle: Option<&[u8]>,
) -> Result<Vec<u8>, EngineError> {
    build_key_package(ctx, contact.as_bytes(), circle, false)
}

/// Makes a KeyPackage that is used as often as somebody needs it, for the members of this client's groups.
pub(super) fn offered_key_package(ctx: &mut Ctx<'_>) -> Result<Vec<u8>, EngineError> {
    build_key_package(ctx, &[], None, true)
}

fn build_key_package(
    ctx: &mut Ctx<'_>,
    contact: &[u8],
    circle: Option<&[u8]>,
    last_resort: bool,
) -> Result<Vec<u8>, EngineError> {
    let identity = super::identity(ctx)?;
    let signer = identity.signer(ctx)?;
    let mls = ctx.mls();
    // An extension of a KeyPackage stands in its leaf's capabilities (RFC 9420 section 10.1).
    let capabilities = if last_resort { capabilities_with(vec![ExtensionType::LastResort]) } else { capabilities() };
    let builder = KeyPackage::builder().leaf_node_capabilities(capabilities).key_package_lifetime(lifetime());
    let builder = if last_resort { builder.mark_as_last_resort() } else { builder };
    let bundle =
        builder.build(SUITE, &mls, &signer, identity.credential()).map_err(EngineError::mls("making a KeyPackage"))?;
    let reference = bundle.key_package().hash_ref(mls.crypto()).map_err(EngineError::mls("naming a KeyPackage"))?;
    ctx.execute(
        "INSERT OR REPLACE INTO invitation (reference, contact, circle, made) VALUES (?1, ?2, ?3, ?4)",
        &[&reference.as_slice(), &contact, &circle, &super::lanes::stored(ctx.now)],
    )?;
    bundle.key_package().tls_serialize_detached().map_err(EngineError::mls("encoding a KeyPackage"))
}

/// Checks a KeyPackage that somebody sent: signature, ciphersuite, capabilities, and a lifetime that no clock ends.
pub(super) fn check_key_package(mls: &Mls<'_>, bytes: &[u8]) -> Result<KeyPackage, EngineError> {
    let package = KeyPackageIn::tls_deserialize_exact(bytes)
        .map_err(|_| EngineError::Request("it holds no KeyPackage"))?
        .validate(mls.crypto(), ProtocolVersion::Mls10)
        .map_err(|_| EngineError::Request("its KeyPackage is not signed as it should be"))?;
    let leaf = package.leaf_node();
    if package.ciphersuite() != SUITE {
        return Err(EngineError::Request("it is of another ciphersuite; one of the two must update Himaya"));
    }
    if !leaf.capabilities().extensions().contains(&ExtensionType::Unknown(POLICY_EXTENSION)) {
        return Err(EngineError::Request("it does not know group policies"));
    }
    if !is_proper(&package) {
        return Err(EngineError::Request(
            "its KeyPackage expires or holds what is no key, which this protocol does not allow",
        ));
    }
    Ok(package)
}
