//! Somebody who draws tokens against an invite and writes with them, and remembers what the relay said.

use std::collections::BTreeMap;
use std::sync::Arc;

use himaya_protocol::wire::invite::{Invite, InviteHash};
use himaya_protocol::wire::relay;
use himaya_protocol::wire::token::{Draw, Token};
use hyper::{Method, StatusCode, header};
use tokio::sync::watch;

use crate::client::{Put, Session, address, cell, chunk};
use crate::load::{Box, Kind, Memory};
use crate::process::{Home, Relay};
use crate::purse::{finish, fresh, invite, issuing_key, send};

/// As many tokens a window as any number of rounds takes.
const ALLOTMENT: u32 = 128 * 100_000;
/// How many draws are kept for later at most; the first purses differ, so that some draw in each round.
const BATCH: usize = 128;
/// The writer whose addresses all writers fight over.
const COMMON: u64 = 0xFF;

/// One put, as it is repeated when its answer is lost.
struct Attempt {
    place: Box,
    fill: u64,
    token: Token,
}

impl Attempt {
    /// Sends it. An error when it has no answer that settles it.
    async fn send(&self, session: &mut Session) -> Result<Put, String> {
        let (kind, name) = self.place;
        let (path, body) = match kind {
            Kind::Cell => (relay::PATH_CELLS, relay::record(&address(name), &cell(self.fill))),
            Kind::Chunk => (relay::PATH_CHUNKS, relay::chunk_put(&address(name), &chunk(self.fill))),
        };
        let shown = self.token.to_authorization();
        let answer = session.call_with(Method::POST, path, &[(header::AUTHORIZATION, &shown)], body).await?;
        match answer.status {
            StatusCode::CREATED => Ok(Put::Stored),
            StatusCode::OK => Ok(Put::Same),
            StatusCode::CONFLICT => Ok(Put::Taken(answer.body)),
            // A failing disk is answered with 503, and promises nothing.
            StatusCode::SERVICE_UNAVAILABLE => Err("503".to_owned()),
            other => panic!("a put with a token that is not spent was answered with {other}"),
        }
    }
}

/// One person.
pub struct Payer {
    number: u64,
    invite: Invite,
    purse: Vec<Token>,
    memory: Memory,
    /// Spent in this round, and in the rounds before.
    spent: (Vec<Token>, Vec<Token>),
    lost_put: Option<Attempt>,
    lost_draw: Option<Draw>,
    /// The last draw of this round, and what it gave: a relay remembers no more.
    last_draw: Option<(Draw, Vec<Token>)>,
    granted: u32,
}

impl Payer {
    pub fn new(home: &Home, number: u64) -> Self {
        Self {
            number,
            invite: invite(home, ALLOTMENT),
            purse: Vec::new(),
            memory: Memory::default(),
            spent: Default::default(),
            lost_put: None,
            lost_draw: None,
            last_draw: None,
            granted: 0,
        }
    }

    /// How many draws the relay has granted.
    pub fn granted(&self) -> u32 {
        self.granted
    }

    fn name(&self, round: u64, number: u64) -> u64 {
        (round << 40) | (self.number << 32) | number
    }

    /// Writes until the relay stops answering.
    pub async fn work(mut self, relay: Arc<Relay>, round: u64, count: Arc<watch::Sender<usize>>) -> Self {
        let Ok(mut session) = Session::open(&relay).await else { return self };
        for number in 0.. {
            if self.purse.is_empty() {
                if self.draw(&relay).await.is_err() {
                    break;
                }
                // Draws are answered one after another, and nobody keeps an idle connection for ever.
                let Ok(again) = Session::open(&relay).await else { break };
                session = again;
            }
            let own = self.name(round, number);
            let place = match number % 8 {
                1 => (Kind::Chunk, own),
                0 | 4 => (Kind::Cell, (round << 40) | (COMMON << 32) | number),
                _ => (Kind::Cell, own),
            };
            let token = self.purse.pop().expect("what was drawn is there");
            let attempt = Attempt { place, fill: own, token };
            match attempt.send(&mut session).await {
                Ok(put) => {
                    self.settle(attempt, put);
                    count.send_modify(|count| *count += 1);
                }
                Err(_) => {
                    self.lost_put = Some(attempt);
                    break;
                }
            }
        }
        self
    }

    /// Whoever's box is there has paid for it; whoever met another one has not.
    fn settle(&mut self, attempt: Attempt, put: Put) {
        match put {
            Put::Stored | Put::Same => self.spent.0.push(attempt.token),
            Put::Taken(_) => self.purse.push(attempt.token),
        }
        self.memory.note(attempt.place, attempt.fill, put);
    }

    /// Draws a batch, as a client does: kept before it is sent, and repeated until it is answered.
    async fn draw(&mut self, relay: &Relay) -> Result<(), ()> {
        if self.lost_draw.is_none() {
            let Ok(answer) = crate::client::call(relay, Method::GET, relay::PATH_RELAY, "").await else {
                return Err(());
            };
            let descriptor = relay::Descriptor::from_bytes(&answer.body).unwrap();
            self.lost_draw = Some(Draw::new(descriptor.issuing_key().unwrap().key, fresh).unwrap());
        }
        let draw = self.lost_draw.as_ref().expect("it was just made");
        let answer = send(relay, &self.invite, draw).await.map_err(drop)?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::SERVICE_UNAVAILABLE => return Err(()),
            other => panic!("a draw within the allotment was answered with {other}"),
        }
        let mut tokens = finish(draw, &answer);
        assert_eq!(tokens.len(), BATCH);
        let draw = self.lost_draw.take().expect("it was just answered");
        self.last_draw = Some((draw, tokens.clone()));
        if self.granted == 0 {
            // Not all purses are empty at one time.
            tokens.truncate(1 + usize::try_from(self.number * 37).unwrap() % BATCH);
        }
        self.granted += 1;
        self.purse = tokens;
        Ok(())
    }

    /// After a death: repeats what was lost, and shows again what was spent. What was acknowledged and how many tokens that
    /// took are the round's.
    pub async fn recover(mut self, relay: &Relay, round: u64) -> (Self, Memory, usize) {
        if let Some(lost) = self.lost_put.take() {
            let mut session = Session::open(relay).await.unwrap();
            let put = lost.send(&mut session).await.expect("a whole relay answers");
            assert!(
                matches!(put, Put::Stored | Put::Same) || lost.place.1 != lost.fill,
                "a repeat after a lost answer met another box"
            );
            self.settle(lost, put);
        }
        if self.lost_draw.is_some() {
            // Those that are left stay good: only who has none draws.
            let rest = std::mem::take(&mut self.purse);
            self.draw(relay).await.expect("a draw whose answer was lost is answered again");
            self.purse.extend(rest);
        }
        if let Some((draw, tokens)) = self.last_draw.take() {
            let again = send(relay, &self.invite, &draw).await.expect("a whole relay answers");
            assert_eq!(finish(&draw, &again), tokens, "the same request is answered with the same tokens");
        }
        let spent = std::mem::take(&mut self.spent.0);
        refused(relay, &spent, self.name(round, 1 << 31)).await;
        let count = spent.len();
        self.spent.1.extend(spent);
        let memory = std::mem::take(&mut self.memory);
        (self, memory, count)
    }

    /// Whether the relay has counted as many draws as it has granted.
    pub fn check_draws(&self, drawn: &BTreeMap<String, u64>) {
        let hash = InviteHash::of(&self.invite.secret).0;
        let name: String = hash[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        let granted = u64::from(self.granted) * u64::try_from(BATCH).unwrap();
        assert_eq!(drawn.get(&name), Some(&granted), "granted and counted differ");
    }

    /// Shows every token that was ever spent once more.
    pub async fn nothing_pays_twice(&mut self, relay: &Relay) {
        refused(relay, &self.spent.1, self.name(0xFF_FFFF, 1 << 31)).await;
        // The key is there, so they are refused for what they are.
        let key = issuing_key(relay).await.key.id();
        assert!(self.spent.1.iter().all(|token| *token.key_id() == key), "the key has changed under a long window");
    }
}

/// None of these pays for a new box.
async fn refused(relay: &Relay, tokens: &[Token], first: u64) {
    let mut session = Session::open(relay).await.unwrap();
    for (token, name) in tokens.iter().zip(first..) {
        let shown = token.to_authorization();
        let put = relay::record(&address(name), &cell(name));
        let head = [(header::AUTHORIZATION, shown.as_str())];
        let answer = session.call_with(Method::POST, relay::PATH_CELLS, &head, put).await.unwrap();
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "a token paid twice");
    }
}
