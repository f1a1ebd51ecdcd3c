//! What can go wrong between profile and relay.

use crate::engine::EngineError;
use crate::store::StoreError;
use crate::transport::TransportError;

/// Why something could not be done now. Whatever was queued stays queued.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The engine or the store failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The relay could not be reached or answered with something else than it should.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The relay asks for tokens, and there is none for what is to be sent.
    #[error("there is no token to write with")]
    NoTokens,
    /// The card works once, and somebody has accepted or spoiled it.
    #[error("the card was used already")]
    CardUsed,
    /// Nobody's key lies under the card: it is too old, or the relay is another one.
    #[error("the key of the card is not on the relay")]
    NoCardKey,
}

impl From<StoreError> for DriverError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}
