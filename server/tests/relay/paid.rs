//! The relay dies while people draw and spend: kill -9 and power cuts, with cells, chunks, tokens and invites in flight.

use std::sync::Arc;

use himaya_protocol::wire::invite::Invite;
use himaya_protocol::wire::relay;
use himaya_protocol::wire::token::{Draw, Token, TokenPublicKey};
use hyper::{Method, StatusCode, header};
use tokio::sync::watch;

use crate::client::{Session, address, cell, chunk, pick_cells, pick_chunks};
use crate::disk::{Mount, skipped};
use crate::process::{Home, Relay};
use crate::purse::{finish, fresh, home_with_tokens, invite, issuing_key, send, tokens};

/// Writers, each with a purse of its own.
const WRITERS: u64 = 4;
/// How many draws the drawer's invite allows.
const DRAWS: u32 = 6;
/// How often the power is cut, unless `HIMAYA_POWER_CUTS` says otherwise.
const CUTS: u64 = 3;

/// One put: every third is a chunk.
#[derive(Clone)]
struct Put {
    name: u64,
    token: Token,
}

impl Put {
    async fn send(&self, session: &mut Session) -> Result<StatusCode, String> {
        let (path, body) = if self.is_chunk() {
            (relay::PATH_CHUNKS, relay::chunk_put(&address(self.name), &chunk(self.name)))
        } else {
            (relay::PATH_CELLS, relay::record(&address(self.name), &cell(self.name)))
        };
        let shown = self.token.to_authorization();
        let answer = session.call_with(Method::POST, path, &[(header::AUTHORIZATION, &shown)], body).await?;
        Ok(answer.status)
    }

    fn is_chunk(&self) -> bool {
        self.name.is_multiple_of(3)
    }

    async fn is_there(&self, relay: &Relay) -> bool {
        if self.is_chunk() {
            pick_chunks(relay, &[address(self.name)]).await[0] == Some(chunk(self.name))
        } else {
            pick_cells(relay, &[address(self.name)]).await[0] == Some(cell(self.name))
        }
    }
}

/// What a writer knows when the relay has stopped answering.
#[derive(Default)]
struct Spent {
    acknowledged: Vec<Put>,
    lost: Option<Put>,
}

async fn spend(relay: Arc<Relay>, first: u64, purse: Vec<Token>, count: Arc<watch::Sender<usize>>) -> Spent {
    let mut spent = Spent::default();
    let Ok(mut session) = Session::open(&relay).await else { return spent };
    for (name, token) in (first..).zip(purse) {
        let put = Put { name, token };
        match put.send(&mut session).await {
            Ok(StatusCode::CREATED) => {
                spent.acknowledged.push(put);
                count.send_modify(|count| *count += 1);
            }
            // A failing disk is answered with 503, and promises nothing.
            Ok(StatusCode::SERVICE_UNAVAILABLE) | Err(_) => {
                spent.lost = Some(put);
                break;
            }
            Ok(other) => panic!("a put with a fresh token was answered with {other}"),
        }
    }
    spent
}

/// Draws one batch after the other, as a client does: stored before it is sent, repeated until it is answered.
struct Drawer {
    invite: Invite,
    key: TokenPublicKey,
    granted: u32,
    lost: Option<Draw>,
}

impl Drawer {
    /// Draws until the relay stops answering, or grants no more.
    async fn draw(mut self, relay: Arc<Relay>) -> Self {
        loop {
            let draw = self.lost.take().unwrap_or_else(|| Draw::new(self.key, fresh).unwrap());
            match send(&relay, &self.invite, &draw).await {
                Ok(answer) if answer.status == StatusCode::OK => {
                    assert_eq!(finish(&draw, &answer).len(), 128);
                    self.granted += 1;
                }
                Ok(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => return self,
                Ok(answer) if answer.status != StatusCode::SERVICE_UNAVAILABLE => panic!("{}", answer.status),
                Ok(_) | Err(_) => {
                    self.lost = Some(draw);
                    return self;
                }
            }
        }
    }
}

/// Serves, lets everybody work until so many puts are acknowledged, kills, serves again and checks.
async fn live_and_die(
    home: &Home,
    round: u64,
    moment: usize,
    kill: impl FnOnce(&Relay) -> Result<(), String>,
    revive: impl FnOnce(),
) -> Result<usize, String> {
    let relay = Arc::new(home.serve());
    let key = issuing_key(&relay).await.key;
    let (count, mut acknowledged) = watch::channel(0);
    let count = Arc::new(count);
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let purse = tokens(&relay, &invite(home, 128)).await;
        let first = (round << 40) | (writer << 32);
        writers.push(tokio::spawn(spend(relay.clone(), first, purse, count.clone())));
    }
    let drawer = Drawer { invite: invite(home, DRAWS * 128), key, granted: 0, lost: None };
    let drawer = tokio::spawn(drawer.draw(relay.clone()));
    drop(count);
    // An error says that no writer is left.
    let _ = acknowledged.wait_for(|acknowledged| *acknowledged >= moment).await;
    kill(&relay)?;
    let mut spent = Vec::new();
    for writer in writers {
        spent.push(writer.await.unwrap());
    }
    let drawer = drawer.await.unwrap();
    Arc::into_inner(relay).expect("the writers have ended").wait();
    revive();

    let relay = Arc::new(home.serve());
    assert_eq!(issuing_key(&relay).await.key, key, "the key has survived");
    let mut session = Session::open(&relay).await.unwrap();
    let mut total = 0;
    for (Spent { mut acknowledged, lost }, writer) in spent.into_iter().zip(0..) {
        if let Some(lost) = lost {
            let again = lost.send(&mut session).await.unwrap();
            assert!([StatusCode::CREATED, StatusCode::OK].contains(&again), "a repeat with its token met {again}");
            acknowledged.push(lost);
        }
        total += acknowledged.len();
        for (put, number) in acknowledged.into_iter().zip(0..) {
            assert!(put.is_there(&relay).await, "an acknowledged box is gone");
            let other = Put { name: u64::MAX - ((round << 40) | (writer << 32) | number), token: put.token };
            assert_eq!(other.send(&mut session).await, Ok(StatusCode::UNAUTHORIZED), "a token paid twice");
        }
    }
    let drawer = drawer.draw(relay.clone()).await;
    assert!(drawer.lost.is_none());
    assert_eq!(drawer.granted, DRAWS, "no draw was lost and none was granted twice");
    Ok(total)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_survive_kill_9_at_any_moment() {
    let home = home_with_tokens();
    for round in 0..4 {
        let kill = |relay: &Relay| {
            relay.kill_now();
            Ok(())
        };
        live_and_die(&home, round, usize::try_from(1 + round * 37).unwrap(), kill, || {}).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_survive_power_cuts() {
    let name = "tokens_survive_power_cuts";
    let disk = match Mount::in_a_file(4_096) {
        Ok(disk) => disk,
        Err(why) => return skipped(name, &why),
    };
    let cuts = std::env::var("HIMAYA_POWER_CUTS").map_or(CUTS, |cuts| cuts.parse().expect("a number of cuts"));
    let home = Home::at(&disk.path.join("relay"));
    home.configure("access = \"open\"", "access = \"tokens\"");
    rustix::fs::syncfs(std::fs::File::open(&disk.path).unwrap()).unwrap();
    let mut boxes = 0;
    for cut in 0..cuts {
        let moment = usize::try_from(1 + cut * 61 % 200).unwrap();
        match live_and_die(&home, cut, moment, |_| disk.cut(), || disk.remount()).await {
            Ok(acknowledged) => boxes += acknowledged,
            Err(why) => return skipped(name, &why),
        }
    }
    println!("{cuts} cuts, {boxes} boxes paid for, none lost and none paid twice");
}
