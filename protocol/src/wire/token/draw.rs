//! The client's side of a draw: blind, keep, finish.

use std::fmt;

use voprf::{EvaluationElement, Group, Proof, VoprfClient};
use zeroize::Zeroizing;

use super::auth::input;
use super::{
    BatchRequest, BatchResponse, ELEMENT_SIZE, Source, Suite, TOKEN_BATCH, Token, TokenChallenge, TokenError,
    TokenPublicKey,
};

/// A batch that was asked for, or is about to be.
///
/// It MUST be on disk before its request is sent: an answer that was lost is asked for again with the same bytes.
pub struct Draw {
    key: TokenPublicKey,
    challenge: [u8; 32],
    tickets: Vec<Ticket>,
}

/// One token to be.
struct Ticket {
    nonce: [u8; 32],
    client: VoprfClient<Suite>,
}

const TICKET_SIZE: usize = 32 + 32 + ELEMENT_SIZE;

impl Draw {
    /// A draw of [`TOKEN_BATCH`] tokens for a relay. `fill` gives fresh random bytes.
    pub fn new(key: TokenPublicKey, fill: impl FnMut(&mut [u8])) -> Result<Self, TokenError> {
        Self::blind(&TokenChallenge::of_relays(), key, TOKEN_BATCH, fill)
    }

    /// A draw of any size for any challenge. For each token `fill` is asked for a nonce of 32 bytes, then for 64 bytes that
    /// become its blind.
    pub fn blind(
        challenge: &TokenChallenge,
        key: TokenPublicKey,
        count: usize,
        mut fill: impl FnMut(&mut [u8]),
    ) -> Result<Self, TokenError> {
        let (challenge, key_id) = (challenge.digest(), key.id());
        let mut ticket = || {
            let mut nonce = [0; 32];
            fill(&mut nonce);
            let blinded = VoprfClient::blind(&input(&nonce, &challenge, &key_id), &mut Source(&mut fill))?;
            Ok(Ticket { nonce, client: blinded.state })
        };
        let tickets = (0..count).map(|_| ticket()).collect::<Result<_, TokenError>>()?;
        Ok(Self { key, challenge, tickets })
    }

    /// What is asked of the relay. The same bytes, however often it is called.
    pub fn request(&self) -> BatchRequest {
        let element = |ticket: &Ticket| split(&ticket.client).1;
        BatchRequest { truncated_key_id: self.key.truncated_id(), elements: self.tickets.iter().map(element).collect() }
    }

    /// The key that it is for.
    pub fn key(&self) -> &TokenPublicKey {
        &self.key
    }

    /// Turns the relay's answer into tokens. Fails when the relay used another key than [`Draw::key`] for any of them.
    pub fn finish(&self, response: &BatchResponse) -> Result<Vec<Token>, TokenError> {
        let key_id = self.key.id();
        let key = <voprf::Ristretto255 as Group>::deserialize_elem(&self.key.0)?;
        let elements = response.elements.iter().map(|element| EvaluationElement::deserialize(element));
        let elements = elements.collect::<Result<Vec<EvaluationElement<Suite>>, _>>()?;
        let proof = Proof::deserialize(&response.proof)?;
        let inputs: Vec<_> = self.tickets.iter().map(|ticket| input(&ticket.nonce, &self.challenge, &key_id)).collect();
        let clients: Vec<_> = self.tickets.iter().map(|ticket| ticket.client.clone()).collect();
        let outputs = VoprfClient::batch_finalize(&inputs, &clients, &elements, &proof, key)?;
        let token = |(ticket, output): (&Ticket, voprf::Result<_>)| {
            let authenticator = <[u8; 64]>::from(output?);
            Ok(Token { nonce: ticket.nonce, challenge: self.challenge, key_id, authenticator })
        };
        self.tickets.iter().zip(outputs).map(token).collect()
    }

    /// What a client keeps until the answer is there. As secret as the tokens.
    ///
    /// ```text
    /// key 32 ‖ challenge digest 32 ‖ (nonce 32 ‖ blind 32 ‖ blinded element 32) …
    /// ```
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(64 + self.tickets.len() * TICKET_SIZE));
        bytes.extend_from_slice(&self.key.0);
        bytes.extend_from_slice(&self.challenge);
        for ticket in &self.tickets {
            let (blind, element) = split(&ticket.client);
            bytes.extend_from_slice(&ticket.nonce);
            bytes.extend_from_slice(&*blind);
            bytes.extend_from_slice(&element);
        }
        bytes
    }

    /// Reads what [`Draw::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        let error = TokenError::Layout("a draw");
        let (key, rest) = bytes.split_first_chunk::<ELEMENT_SIZE>().ok_or(error)?;
        let (challenge, rest) = rest.split_first_chunk::<32>().ok_or(error)?;
        let (tickets, odd) = rest.as_chunks::<TICKET_SIZE>();
        if tickets.is_empty() || !odd.is_empty() {
            return Err(error);
        }
        let ticket = |bytes: &[u8; TICKET_SIZE]| {
            let (nonce, client) = bytes.split_first_chunk::<32>().ok_or(error)?;
            Ok(Ticket { nonce: *nonce, client: VoprfClient::deserialize(client)? })
        };
        let tickets = tickets.iter().map(ticket).collect::<Result<_, TokenError>>()?;
        Ok(Self { key: TokenPublicKey(*key), challenge: *challenge, tickets })
    }
}

/// Blind and blinded element of one token.
fn split(client: &VoprfClient<Suite>) -> (Zeroizing<[u8; 32]>, [u8; ELEMENT_SIZE]) {
    let bytes = Zeroizing::new(<[u8; 64]>::from(client.serialize()));
    let (mut blind, mut element) = (Zeroizing::new([0; 32]), [0; ELEMENT_SIZE]);
    let (first, second) = bytes.split_at(32);
    blind.copy_from_slice(first);
    element.copy_from_slice(second);
    (blind, element)
}

impl fmt::Debug for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Draw(..)")
    }
}
