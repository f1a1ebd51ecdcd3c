//! Layouts of a draw and its answer (draft-ietf-privacypass-batched-tokens sections 5.1 and 5.2).

use std::fmt;

use super::{ELEMENT_SIZE, PROOF_SIZE, TOKEN_BATCH, TOKEN_TYPE, TokenError};
use crate::wire::secret::Secret;

/// The longest list whose length takes two bytes.
const LIST_MAX: usize = 0x3FFF;

/// Blinded elements, and the key they are for.
///
/// ```text
/// token type 2 = 5 ‖ last byte of the key id 1 ‖ length v ‖ element 32 …     v: 1 or 2 bytes, RFC 9000 section 16, shortest form
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRequest {
    /// The last byte of the key's id.
    pub truncated_key_id: u8,
    /// At least one.
    pub elements: Vec<[u8; ELEMENT_SIZE]>,
}

impl BatchRequest {
    /// The structure.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = TOKEN_TYPE.to_be_bytes().to_vec();
        bytes.push(self.truncated_key_id);
        push_list(&mut bytes, &self.elements);
        bytes
    }

    /// Reads the structure.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        let error = TokenError::Layout("a token request");
        let (&[k0, k1, truncated_key_id], rest) = bytes.split_first_chunk::<3>().ok_or(error)?;
        let (elements, rest) = split_list(rest).ok_or(error)?;
        let whole = u16::from_be_bytes([k0, k1]) == TOKEN_TYPE && rest.is_empty();
        if whole { Ok(Self { truncated_key_id, elements }) } else { Err(error) }
    }
}

/// Evaluated elements, and the proof that one key made all of them.
///
/// ```text
/// length v ‖ element 32 … ‖ proof 64
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchResponse {
    /// As many as were asked for, in that order.
    pub elements: Vec<[u8; ELEMENT_SIZE]>,
    /// Two scalars.
    pub proof: [u8; PROOF_SIZE],
}

impl BatchResponse {
    /// The structure.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_list(&mut bytes, &self.elements);
        bytes.extend_from_slice(&self.proof);
        bytes
    }

    /// Reads the structure.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        let error = TokenError::Layout("a token response");
        let (elements, proof) = split_list(bytes).ok_or(error)?;
        Ok(Self { elements, proof: proof.try_into().map_err(|_| error)? })
    }
}

/// The body of `POST /v1/tokens`.
///
/// ```text
/// invite secret 32 ‖ token request of exactly TOKEN_BATCH elements
/// ```
#[derive(Clone)]
pub struct IssueRequest {
    /// The secret of the invite.
    pub invite: Secret,
    /// What is to be evaluated.
    pub batch: BatchRequest,
}

impl IssueRequest {
    /// Every body has exactly this many bytes.
    pub const SIZE: usize = 32 + 3 + 2 + TOKEN_BATCH * ELEMENT_SIZE;

    /// The body.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.invite.expose()[..], &self.batch.to_bytes()].concat()
    }

    /// Reads a body.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        let error = TokenError::Layout("invite ‖ token request");
        let (invite, batch) = bytes.split_first_chunk::<32>().ok_or(error)?;
        let batch = BatchRequest::from_bytes(batch)?;
        if batch.elements.len() != TOKEN_BATCH {
            return Err(error);
        }
        Ok(Self { invite: Secret::new(*invite), batch })
    }
}

impl fmt::Debug for IssueRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssueRequest(..)")
    }
}

fn push_list(bytes: &mut Vec<u8>, elements: &[[u8; ELEMENT_SIZE]]) {
    let length = elements.len() * ELEMENT_SIZE;
    match u8::try_from(length) {
        Ok(short) if short < 0x40 => bytes.push(short),
        // A list that is longer than two bytes can say is made by nobody: draws have 128 elements.
        _ => bytes.extend_from_slice(&(0x4000 | u16::try_from(length.min(LIST_MAX)).unwrap_or(0)).to_be_bytes()),
    }
    elements.iter().for_each(|element| bytes.extend_from_slice(element));
}

/// Reads a list; `None` unless it has whole elements, at least one, and the shortest form of its length.
fn split_list(bytes: &[u8]) -> Option<(Vec<[u8; ELEMENT_SIZE]>, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (length, rest) = match first {
        0..0x40 => (usize::from(first), rest),
        0x40..0x80 => {
            let (&second, rest) = rest.split_first()?;
            let length = usize::from(u16::from_be_bytes([first & 0x3F, second]));
            (Some(length).filter(|length| *length >= 0x40)?, rest)
        }
        _ => return None,
    };
    let (list, rest) = rest.split_at_checked(length)?;
    let (elements, odd) = list.as_chunks::<ELEMENT_SIZE>();
    (!elements.is_empty() && odd.is_empty()).then(|| (elements.to_vec(), rest))
}
