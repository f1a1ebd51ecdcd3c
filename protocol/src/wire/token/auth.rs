//! Challenge, token and the two headers they travel in (RFC 9577 section 2).

use std::fmt;

use data_encoding::BASE64URL;
use sha2::{Digest, Sha256};

use super::{ELEMENT_SIZE, TOKEN_SIZE, TOKEN_TYPE, TokenError, TokenPublicKey};

/// A name that can be nobody's (RFC 2606): all relays share one challenge, so that it marks no token.
const ISSUER_NAME: &[u8] = b"relay.himaya.invalid";
const SCHEME: &str = "PrivateToken";

/// What a token answers to (RFC 9577 section 2.1).
///
/// ```text
/// token type 2 ‖ length 2 ‖ issuer name ‖ length 1 ‖ redemption context (0 or 32) ‖ length 2 ‖ origin info
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenChallenge(Vec<u8>);

impl TokenChallenge {
    /// The one challenge of every relay: no redemption context and no origin, which would split people into crowds.
    pub fn of_relays() -> Self {
        Self::new(ISSUER_NAME, &[], &[]).unwrap_or(Self(Vec::new()))
    }

    /// Joins a challenge of our token type. `None` when a part has a length that the structure cannot hold.
    pub fn new(issuer_name: &[u8], redemption_context: &[u8], origin_info: &[u8]) -> Option<Self> {
        if issuer_name.is_empty() || !matches!(redemption_context.len(), 0 | 32) {
            return None;
        }
        let mut bytes = TOKEN_TYPE.to_be_bytes().to_vec();
        bytes.extend_from_slice(&u16::try_from(issuer_name.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(issuer_name);
        bytes.push(u8::try_from(redemption_context.len()).ok()?);
        bytes.extend_from_slice(redemption_context);
        bytes.extend_from_slice(&u16::try_from(origin_info.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(origin_info);
        Some(Self(bytes))
    }

    /// The structure.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What stands in a token in its place.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }

    /// The value of `WWW-Authenticate` beside a refusal.
    pub fn to_www_authenticate(&self, key: &TokenPublicKey) -> String {
        let (challenge, key) = (BASE64URL.encode(&self.0), BASE64URL.encode(&key.0));
        format!(r#"{SCHEME} challenge="{challenge}", token-key="{key}""#)
    }
}

/// The right to write one box, to be shown once (RFC 9577 section 2.2).
///
/// ```text
/// token type 2 = 5 ‖ nonce 32 ‖ challenge digest 32 ‖ key id 32 ‖ authenticator 64
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    pub(super) nonce: [u8; 32],
    pub(super) challenge: [u8; 32],
    pub(super) key_id: [u8; 32],
    pub(super) authenticator: [u8; 64],
}

impl Token {
    /// The 162 bytes, to be kept until it is spent.
    pub fn to_bytes(&self) -> [u8; TOKEN_SIZE] {
        let mut bytes = [0; TOKEN_SIZE];
        let input = input(&self.nonce, &self.challenge, &self.key_id);
        let parts = input.iter().chain(&self.authenticator);
        bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// Reads 162 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        let error = TokenError::Layout("a token");
        let (kind, rest) = bytes.split_first_chunk::<2>().ok_or(error)?;
        let (nonce, rest) = rest.split_first_chunk::<32>().ok_or(error)?;
        let (challenge, rest) = rest.split_first_chunk::<32>().ok_or(error)?;
        let (key_id, authenticator) = rest.split_first_chunk::<32>().ok_or(error)?;
        if u16::from_be_bytes(*kind) != TOKEN_TYPE {
            return Err(error);
        }
        let authenticator = authenticator.try_into().map_err(|_| error)?;
        Ok(Self { nonce: *nonce, challenge: *challenge, key_id: *key_id, authenticator })
    }

    /// The value of `Authorization` that shows it.
    pub fn to_authorization(&self) -> String {
        format!(r#"{SCHEME} token="{}""#, BASE64URL.encode(&self.to_bytes()))
    }

    /// Reads the value of an `Authorization`. The value may be quoted or not; there is no other parameter.
    pub fn from_authorization(value: &str) -> Result<Self, TokenError> {
        let error = TokenError::Layout("an authorization by token");
        let (scheme, rest) = value.trim().split_once(' ').ok_or(error)?;
        let (name, value) = rest.split_once('=').ok_or(error)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) || !name.trim().eq_ignore_ascii_case("token") {
            return Err(error);
        }
        let value = value.trim();
        let token = value.strip_prefix('"').map_or(Some(value), |value| value.strip_suffix('"')).ok_or(error)?;
        Self::from_bytes(&BASE64URL.decode(token.as_bytes()).map_err(|_| error)?)
    }

    /// What a relay remembers of a spent token: its SHA-256.
    pub fn nullifier(&self) -> [u8; 32] {
        Sha256::digest(self.to_bytes()).into()
    }

    /// The id of the key it was issued under.
    pub fn key_id(&self) -> &[u8; 32] {
        &self.key_id
    }

    /// Whether it answers to a challenge.
    pub fn answers(&self, challenge: &TokenChallenge) -> bool {
        self.challenge == challenge.digest()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What the VOPRF is evaluated on (RFC 9578 section 5.1).
pub(super) fn input(nonce: &[u8; 32], challenge: &[u8; 32], key_id: &[u8; ELEMENT_SIZE]) -> Vec<u8> {
    [&TOKEN_TYPE.to_be_bytes()[..], nonce, challenge, key_id].concat()
}
