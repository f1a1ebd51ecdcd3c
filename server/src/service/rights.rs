//! Who may write: tokens shown and tokens drawn.

use std::io::ErrorKind;
use std::sync::Arc;

use himaya_protocol::wire::relay::Access;
use himaya_protocol::wire::token::{BatchResponse, IssueRequest, Token, TokenKey};

use super::{Relay, RelayError};
use crate::crash;
use crate::store::{Admission, StoreError};
use crate::tokens::{InviteError, IssueError, Tokens};

impl Relay {
    /// Gives it what issues and judges tokens. A relay whose policy asks for tokens stores nothing new without.
    #[must_use]
    pub fn with_tokens(mut self, tokens: Tokens) -> Self {
        self.tokens = Some(Arc::new(tokens));
        self
    }

    /// Answers a draw of tokens. What it took from its invite's allotment is durable then.
    pub async fn issue(&self, request: IssueRequest) -> Result<BatchResponse, RelayError> {
        let tokens = self.issuing().ok_or(RelayError::NoTokens)?.clone();
        let window = self.window().await;
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
