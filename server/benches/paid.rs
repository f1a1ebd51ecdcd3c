//! Durable puts a second over real TLS with tokens, on connections that are kept and on one of its own for each put, as
//! clients do, beside what handshakes and flushes alone allow; and what drawing tokens costs.
//!
//! ```text
//! cargo bench -p himaya-relay --bench paid            figures to write down
//! cargo bench -p himaya-relay --bench paid -- --quick does it still run
//! ```
//!
//! Only the ratios of one run mean anything. Relay and writers share the machine.

#![allow(missing_docs, unreachable_pub, dead_code, reason = "a measurement, over the parts that tests have")]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement talks, and stops when it cannot measure")]
#![allow(clippy::indexing_slicing, clippy::disallowed_methods, reason = "measuring time is what this is for")]

#[path = "../tests/relay/client.rs"]
mod client;
#[path = "../tests/relay/process.rs"]
mod process;
#[path = "../tests/relay/purse.rs"]
mod purse;

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use himaya_protocol::wire::cell::CELL_SIZE;
use himaya_protocol::wire::token::{BatchResponse, Draw, Token};
use hyper::StatusCode;

use client::{Session, address, cell, connect};
use process::{Home, Relay};

/// As many tokens as any number of puts takes.
const ALLOTMENT: u32 = 128 * 10_000;

fn main() {
    // Cargo says --bench when it is asked to measure, and nothing when it only tries out all targets.
    let given = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    let quick = given("--quick") || !given("--bench");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure(quick));
}

async fn measure(quick: bool) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let home = Home::at(&folder.path().join("relay"));
    home.configure("access = \"open\"", "access = \"tokens\"");
    let relay = Arc::new(home.serve());
    let mut bank = Bank { home, relay: relay.clone(), tokens: Vec::new(), draws: Draws::default() };
    println!("| writers | kept/s | new/s | handshakes/s | flushes/s | kept ÷ flushes | new ÷ handshakes |");
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    let mut first = 0;
    for writers in [1, 16, 64] {
        let puts = if quick { 64 } else { 2_048 } / if writers == 1 { 4 } else { 1 };
        let purse = bank.take(2 * puts).await;
        let (kept, new) = purse.split_at(usize::try_from(puts).unwrap());
        let kept = rate(puts, spend(&relay, writers, first, kept.to_vec(), false)).await;
        let new = rate(puts, spend(&relay, writers, first + puts, new.to_vec(), true)).await;
        first += 2 * puts;
        let handshakes = rate(puts, shake_hands(&relay, writers, puts)).await;
        let flushes = flushes(folder.path(), puts);
        let (to_flushes, to_handshakes) = (kept / flushes, new / handshakes);
        println!(
            "| {writers} | {kept:.0} | {new:.0} | {handshakes:.0} | {flushes:.0} | {to_flushes:.2} | {to_handshakes:.2} |"
        );
    }
    bank.draws.say();
}

async fn rate(count: u64, act: impl Future<Output = ()>) -> f64 {
    let start = Instant::now();
    act.await;
    count as f64 / start.elapsed().as_secs_f64()
}

/// How long the parts of drawing 128 tokens took.
#[derive(Default)]
struct Draws {
    asked: Vec<Duration>,
    answered: Vec<Duration>,
    finished: Vec<Duration>,
}

impl Draws {
    fn say(&mut self) {
        let median = |times: &mut Vec<Duration>| {
            times.sort_unstable();
            times[times.len() / 2].as_secs_f64() * 1e3
        };
        println!(
            "\nA draw of 128 tokens, milliseconds, median of {}: {:.1} to ask (client), {:.1} from request to answer on a new \
             connection, {:.1} to check and unblind (client).",
            self.asked.len(),
            median(&mut self.asked),
            median(&mut self.answered),
            median(&mut self.finished)
        );
    }
}

/// Draws what is to be spent.
struct Bank {
    home: Home,
    relay: Arc<Relay>,
    tokens: Vec<Token>,
    draws: Draws,
}

impl Bank {
    async fn take(&mut self, count: u64) -> Vec<Token> {
        let count = usize::try_from(count).unwrap();
        let invite = purse::invite(&self.home, ALLOTMENT);
        let key = purse::issuing_key(&self.relay).await.key;
        while self.tokens.len() < count {
            let start = Instant::now();
            let draw = Draw::new(key, purse::fresh).unwrap();
            self.draws.asked.push(start.elapsed());
            let start = Instant::now();
            let answer = purse::send(&self.relay, &invite, &draw).await.unwrap();
            self.draws.answered.push(start.elapsed());
            let start = Instant::now();
            self.tokens.extend(draw.finish(&BatchResponse::from_bytes(&answer.body).unwrap()).unwrap());
            self.draws.finished.push(start.elapsed());
        }
        self.tokens.split_off(self.tokens.len() - count)
    }
}

/// Puts a cell for each token.
async fn spend(relay: &Arc<Relay>, writers: u64, first: u64, purse: Vec<Token>, new: bool) {
    let share = purse.len().div_ceil(usize::try_from(writers).unwrap());
    let shares: Vec<_> = purse.chunks(share).map(<[Token]>::to_vec).collect();
    let tasks: Vec<_> = (first..)
        .step_by(share)
        .zip(shares)
        .map(|(first, purse)| {
            let relay = relay.clone();
            tokio::spawn(async move {
                let mut session = Session::open(&relay).await.unwrap();
                for (token, name) in purse.iter().zip(first..) {
                    if new {
                        session = Session::open(&relay).await.unwrap();
                    }
                    let put = purse::pay(&mut session, &address(name), &cell(name), Some(token)).await.unwrap();
                    assert_eq!(put.status, StatusCode::CREATED);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Begins connections and drops them.
async fn shake_hands(relay: &Arc<Relay>, writers: u64, count: u64) {
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let relay = relay.clone();
            tokio::spawn(async move {
                for _ in 0..count / writers {
                    drop(connect(&relay, "http/1.1").await.unwrap());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// How often a cell can be appended and flushed in a second, one after another.
fn flushes(folder: &std::path::Path, count: u64) -> f64 {
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join("raw")).unwrap();
    let start = Instant::now();
    for _ in 0..count {
        file.write_all(&[0x5a; CELL_SIZE]).unwrap();
        file.sync_data().unwrap();
    }
    count as f64 / start.elapsed().as_secs_f64()
}
