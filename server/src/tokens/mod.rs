//! Anonymous rights to write: keys, draws against invites, and what a shown token is worth.
//!
//! A key is made in a window and lies in the store with it; tokens are issued under the newest key and accepted under every
//! key whose window is still kept. The store alone knows which tokens are spent.

use std::sync::{Arc, PoisonError, RwLock};

use himaya_protocol::wire::invite::InviteHash;
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::token::{
    BatchResponse, IssueRequest, Issuer, TOKEN_BATCH, Token, TokenChallenge, TokenError, TokenKey, TokenPublicKey,
};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::store::{Admission, CellStore, Nullifier, Spend, StoreError};

mod book;
mod invites;

pub use book::{Allotment, Book, Record};
pub use invites::{InviteError, Invites};

/// How often a new key is drawn again because its short name is that of a key still accepted.
const KEY_TRIES: usize = 64;

/// The system gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no randomness")]
pub struct NoRandomness;

/// Fills bytes with fresh randomness.
pub type Random = Box<dyn Fn(&mut [u8]) -> Result<(), NoRandomness> + Send + Sync>;

/// Why no tokens were issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The invite is unknown, revoked or expired.
    #[error("the invite is unknown, revoked or expired")]
    Refused,
    /// Nothing is issued under this key now.
    #[error("nothing is issued under this key now")]
    WrongKey,
    /// What was to be evaluated is no list of group elements.
    #[error("not a list of group elements")]
    Malformed,
    /// The invite has nothing left in this window.
    #[error("the invite has nothing left in this window")]
    Drawn,
    /// The draw could not be written down, so nothing was issued.
    #[error("{0}")]
    Invites(#[from] InviteError),
    /// The system gave no randomness.
    #[error("{0}")]
    Randomness(#[from] NoRandomness),
    /// The relay is being stopped.
    #[error("the relay is being stopped")]
    Stopped,
}

/// Issuer and judge of tokens.
pub struct Tokens {
    invites: Invites,
    random: Random,
    challenge: TokenChallenge,
    ring: RwLock<Arc<Vec<Held>>>,
    /// Held while keys are exchanged, so that no older list of keys takes the place of a newer one.
    turning: Mutex<()>,
    /// Held while a draw is answered. Whoever repeats draws without end gets one core and one reader of the store, no more.
    issuing: Mutex<()>,
}

/// A key that is accepted.
struct Held {
    key: TokenKey,
    issuer: Issuer,
}

impl Tokens {
    /// Joins the invites and a source of randomness. There is no key before the first [`Tokens::turn`].
    pub fn new(invites: Invites, random: Random) -> Self {
        let challenge = TokenChallenge::of_relays();
        Self {
            invites,
            random,
            challenge,
            ring: RwLock::default(),
            turning: Mutex::default(),
            issuing: Mutex::default(),
        }
    }

    /// Takes up the keys of a store and makes a new one when it is due.
    ///
    /// `period` is how many windows a key issues in, `retention` how many windows it is accepted in.
    pub async fn turn(&self, store: &dyn CellStore, period: u32, retention: u8) -> Result<(), StoreError> {
        let _turning = self.turning.lock().await;
        let newest = store.newest_window();
        let mut seeds = store.token_keys();
        if seeds.last().is_none_or(|(since, _)| newest.saturating_sub(*since) >= period) {
            let seed = self.new_seed(&seeds).map_err(|NoRandomness| StoreError::Failed)?;
            store.keep_token_key(newest, seed).await?;
            seeds = store.token_keys();
        }
        let ring = ring(&seeds, period, retention).map_err(|_| StoreError::Failed)?;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }

    /// A seed whose key has another short name than those that are accepted: a draw names its key by it.
    fn new_seed(&self, seeds: &[(u32, Secret)]) -> Result<Secret, NoRandomness> {
        let name = |seed: &Secret| Issuer::from_seed(seed).map(|issuer| issuer.public_key().truncated_id()).ok();
        let taken: Vec<_> = seeds.iter().map(|(_, seed)| name(seed)).collect();
        let mut seed = self.draw_seed()?;
        for _ in 0..KEY_TRIES {
            let name = name(&seed);
            if name.is_some() && !taken.contains(&name) {
                break;
            }
            seed = self.draw_seed()?;
        }
        Ok(seed)
    }

    fn draw_seed(&self) -> Result<Secret, NoRandomness> {
        let mut seed = [0; 32];
        (self.random)(&mut seed)?;
        Ok(Secret::new(seed))
    }

    fn ring(&self) -> Arc<Vec<Held>> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys that are accepted, oldest first.
    pub fn keys(&self) -> Vec<TokenKey> {
        self.ring().iter().map(|held| held.key).collect()
    }

    /// The challenge of a refusal, with the key that issues.
    pub fn challenge(&self) -> Option<String> {
        let key: TokenPublicKey = self.ring().last()?.key.key;
        Some(self.challenge.to_www_authenticate(&key))
    }

    /// What a shown token is worth, unless it is spent, which only the store knows.
    pub fn admission(&self, token: Option<&Token>) -> Admission {
        let ring = self.ring();
        let valid = token.and_then(|token| {
            let held = ring.iter().find(|held| held.key.key.id() == *token.key_id())?;
            let valid = token.answers(&self.challenge) && held.issuer.redeems(token);
            valid.then(|| Spend { since: held.key.first, nullifier: Nullifier(token.nullifier()) })
        });
        valid.map_or(Admission::Nothing, Admission::Token)
    }

    /// Answers a draw in a window as soon as the draws before it are answered.
    pub async fn issue_in_turn(
        self: Arc<Self>,
        request: IssueRequest,
        window: u32,
    ) -> Result<BatchResponse, IssueError> {
        let _turn = self.issuing.lock().await;
        let tokens = self.clone();
        // It ends in a panic only if the runtime stops.
        tokio::task::spawn_blocking(move || tokens.issue(&request, window)).await.map_err(|_| IssueError::Stopped)?
    }

    /// Answers a draw in a window. Blocks on the disk and computes for some milliseconds.
    ///
    /// The draw is durable before this returns. The same request again is answered again and counted once.
    pub fn issue(&self, request: &IssueRequest, window: u32) -> Result<BatchResponse, IssueError> {
        let invite = InviteHash::of(&request.invite);
        let name: [u8; 32] = Sha256::digest(request.batch.to_bytes()).into();
        let record = self.invites.read()?.find(&invite, window).ok_or(IssueError::Refused)?;
        let repeat = record.last_request == name;
        let ring = self.ring();
        let issues = |held: &&Held| held.key.key.truncated_id() == request.batch.truncated_key_id;
        let held = ring.iter().rev().take(if repeat { ring.len() } else { 1 }).find(issues);
        let held = held.filter(|held| repeat || held.key.issues_in(window)).ok_or(IssueError::WrongKey)?;
        let mut random = [0; 64];
        (self.random)(&mut random)?;
        let response = held.issuer.issue(&request.batch, random).map_err(|_: TokenError| IssueError::Malformed)?;
        let amount = u32::try_from(TOKEN_BATCH).unwrap_or(u32::MAX);
        match self.invites.change(|book| book.draw(&invite, window, amount, name))? {
            Allotment::Taken | Allotment::Repeated => Ok(response),
            Allotment::Used => Err(IssueError::Drawn),
            Allotment::NoInvite => Err(IssueError::Refused),
        }
    }

    /// Forgets invites that have expired. Blocks on the disk.
    pub fn forget_expired(&self, window: u32) -> Result<(), InviteError> {
        if self.invites.read()?.has_expired(window) {
            self.invites.change(|book| book.forget_expired(window))?;
        }
        Ok(())
    }
}

fn ring(seeds: &[(u32, Secret)], period: u32, retention: u8) -> Result<Vec<Held>, TokenError> {
    let next = seeds.iter().skip(1).map(|(since, _)| Some(*since)).chain([None]);
    let held = |((first, seed), next): (&(u32, Secret), Option<u32>)| {
        let issuer = Issuer::from_seed(seed)?;
        // The next one can come sooner when the operator has changed the retention.
        let last_issued = first.saturating_add(period - 1).min(next.map_or(u32::MAX, |next| next - 1));
        let last_accepted = first.saturating_add(u32::from(retention) - 1).max(last_issued);
        Ok(Held { key: TokenKey { first: *first, last_issued, last_accepted, key: *issuer.public_key() }, issuer })
    };
    seeds.iter().zip(next).map(held).collect()
}
