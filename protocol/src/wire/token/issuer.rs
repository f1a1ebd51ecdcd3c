//! The relay's side: issue and redeem.

use std::fmt;

use subtle::ConstantTimeEq;
use voprf::{BlindedElement, Group, VoprfServer};

use super::auth::input;
use super::{BatchRequest, BatchResponse, KEY_INFO, Source, Suite, Token, TokenError, TokenPublicKey};
use crate::wire::secret::Secret;

/// A private key for tokens. Whoever has it can make tokens, but cannot tell who drew which.
pub struct Issuer {
    server: VoprfServer<Suite>,
    public: TokenPublicKey,
}

impl Issuer {
    /// Derives the key from a random seed (RFC 9578 section 5.5).
    pub fn from_seed(seed: &Secret) -> Result<Self, TokenError> {
        Ok(Self::of(VoprfServer::new_from_seed(seed.expose(), KEY_INFO)?))
    }

    /// Takes a scalar as the key.
    pub fn from_scalar(scalar: &Secret) -> Result<Self, TokenError> {
        Ok(Self::of(VoprfServer::new_with_key(scalar.expose())?))
    }

    fn of(server: VoprfServer<Suite>) -> Self {
        let public = <voprf::Ristretto255 as Group>::serialize_elem(server.get_public_key());
        Self { server, public: TokenPublicKey(public.into()) }
    }

    /// The public key.
    pub fn public_key(&self) -> &TokenPublicKey {
        &self.public
    }

    /// Evaluates a batch and proves that this key did it. `random` is fresh for each call.
    ///
    /// The same request gives the same elements, hence the same tokens, however often it is answered.
    pub fn issue(&self, request: &BatchRequest, random: [u8; 64]) -> Result<BatchResponse, TokenError> {
        let blinded = request.elements.iter().map(|element| BlindedElement::<Suite>::deserialize(element));
        let blinded = blinded.collect::<Result<Vec<_>, _>>()?;
        let prepared: Vec<_> = self.server.batch_blind_evaluate_prepare(blinded.iter()).collect();
        let mut given = Some(random);
        // One scalar is drawn. Should it be zero, which nobody will ever see, another is.
        let mut source = Source(|to: &mut [u8]| match given.take() {
            Some(random) => to.iter_mut().zip(random).for_each(|(to, from)| *to = from),
            None => to.fill(1),
        });
        let result = self.server.batch_blind_evaluate_finish(&mut source, blinded.iter(), &prepared)?;
        Ok(BatchResponse {
            elements: result.messages.map(|element| element.serialize().into()).collect(),
            proof: result.proof.serialize().into(),
        })
    }

    /// Whether this key made a token. What it answers to, and whether it is spent, is another question.
    pub fn redeems(&self, token: &Token) -> bool {
        let input = input(&token.nonce, &token.challenge, &token.key_id);
        let made = self.server.evaluate(&input).map(<[u8; 64]>::from);
        token.key_id == self.public.id() && made.is_ok_and(|made| made.ct_eq(&token.authenticator).into())
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issuer(..)")
    }
}
