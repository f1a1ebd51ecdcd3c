//! Who may write: tokens shown and tokens drawn.

use std::io::ErrorKind;
use std::sync::Arc;

use himaya_protocol::wire::relay::Access;
use himaya_protocol::wire::token::{BatchResponse, IssueRequest, Token, TokenKey};

use super::{Relay, RelayError};
use crate::crash;
use crate::gateway::Gateway;
use crate::store::{Admission, StoreError};
use crate::tokens::{InviteError, IssueError, Tokens};

impl Relay {
    /// Gives it what issues and judges tokens. A relay whose policy asks for tokens stores nothing new without.
    #[must_use]
    pub fn with_tokens(mut self, tokens: Tokens) -> Self {
        self.tokens = Some(Arc::new(tokens));
        self
    }

    /// Gives it what opens encapsulated requests. Without, there is no such call.
    #[must_use]
    pub fn with_gateway(mut self, gateway: Gateway) -> Self {
        self.gateway = Some(Arc::new(gateway));
        self
    }

    /// What opens encapsulated requests.
    pub fn gateway(&self) -> Option<&Arc<Gateway>> {
        self.gateway.as_ref()
    }

    /// Answers a draw of tokens. What it took from its invite's allotment is durable then.
    pub async fn issue(&self, request: IssueRequest) -> Result<BatchResponse, RelayError> {
        let tokens = self.issuing().ok_or(RelayError::NoTokens)?.clone();
        let window = self.window().await;
        self.insist_on_a_key(window).await;
        let issued = tokens.issue_in_turn(request, window).await;
        crash::point("tokens-issued");
        issued.map_err(refusal)
    }

    /// Whether a draw can be answered at all.
    pub fn issues_tokens(&self) -> bool {
        self.issuing().is_some()
    }

    /// What a refusal for want of a token says of the tokens that are wanted.
    pub fn token_challenge(&self) -> Option<String> {
        self.issuing()?.challenge()
    }

    /// The token keys of the descriptor.
    pub(super) fn token_keys(&self) -> Vec<TokenKey> {
        self.issuing().map(|tokens| tokens.keys()).unwrap_or_default()
    }

    /// What a put's token is worth, as far as can be said without the store.
    pub(super) fn admission(&self, token: Option<&Token>) -> Admission {
        match (self.policy.access(), &self.tokens) {
            (Access::Open, _) => Admission::Open,
            (Access::Token, Some(tokens)) => tokens.admission(token),
            (Access::Token, None) => Admission::Nothing,
        }
    }

    /// Takes up token keys, makes one when it is due, and forgets expired invites.
    pub(super) async fn turn_keys(&self) -> Result<(), StoreError> {
        let Some(tokens) = self.issuing() else { return Ok(()) };
        tokens.turn(&*self.store, self.policy.token_period(), self.policy.retention()).await?;
        let (tokens, newest) = (tokens.clone(), self.store.newest_window());
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || tokens.forget_expired(newest)).await {
            tracing::error!(%error, "expired invites could not be forgotten");
        }
        Ok(())
    }

    /// Takes up the keys for encapsulated requests and makes one when it is due. Those that are there serve on if that fails.
    pub(super) async fn turn_gateway_keys(&self, newest: u32) {
        let Some(gateway) = self.gateway.clone() else { return };
        let (oldest, period) = (self.policy.oldest_of(newest), self.policy.token_period());
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || gateway.turn(newest, oldest, period)).await {
            tracing::error!(%error, "there is no new key for encapsulated requests");
        }
    }

    /// Waits for the key of a window that somebody else has just entered: between the two there is none that issues.
    pub(super) async fn insist_on_a_key(&self, window: u32) {
        let issues = |tokens: &Arc<Tokens>| tokens.keys().iter().any(|key| key.issues_in(window));
        if self.issuing().is_some_and(|tokens| !issues(tokens))
            && let Err(error) = self.turn_keys().await
        {
            tracing::warn!(%error, "there is no token key for this window");
        }
    }

    fn issuing(&self) -> Option<&Arc<Tokens>> {
        self.tokens.as_ref().filter(|_| self.policy.access() == Access::Token)
    }
}

fn refusal(error: IssueError) -> RelayError {
    match error {
        IssueError::Refused => RelayError::InviteRefused,
        IssueError::WrongKey => RelayError::WrongTokenKey,
        IssueError::Malformed => RelayError::Malformed,
        IssueError::Drawn => RelayError::AllotmentDrawn,
        IssueError::Invites(InviteError::Files(error)) if error.kind() == ErrorKind::StorageFull => RelayError::Full,
        IssueError::Invites(_) | IssueError::Randomness(_) | IssueError::Stopped => {
            tracing::error!(%error, "tokens could not be issued");
            RelayError::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Policy;
    use super::*;
    use crate::store::{CellStore, MemoryStore};
    use crate::tokens::Invites;

    /// Between the step into a window and the exchange of keys somebody may ask: the answer waits for the key.
    #[tokio::test]
    async fn a_descriptor_names_a_key_that_issues_however_the_exchange_stands() {
        const WINDOW: u32 = 86_400;
        let policy = Policy::new(Access::Token, 14, WINDOW).unwrap();
        let store = Arc::new(MemoryStore::new([7; 8]));
        let random = |bytes: &mut [u8]| {
            bytes.fill(9);
            Ok(())
        };
        let relay = Relay::new(store.clone(), Arc::new(|| 20_000 * u64::from(WINDOW)), policy)
            .with_tokens(Tokens::new(Invites::in_memory(), Box::new(random)));
        // Somebody else has entered the window and has not exchanged the keys yet.
        store.advance(20_000, 19_987).await.unwrap();
        let descriptor = relay.descriptor().await;
        assert_eq!(descriptor.current_window, 20_000);
        assert!(descriptor.issuing_key().is_some());
    }
}
