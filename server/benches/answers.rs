//! Whether the time of an answer tells what it does not say: how long picks take of what is there, half there and not there, and
//! puts that are accepted, repeated, in conflict and without a right to write, at a real relay over real TLS.
//!
//! ```text
//! cargo bench -p himaya-relay --bench answers             figures to write down
//! cargo bench -p himaya-relay --bench answers -- --quick  does it still run
//! ```
//!
//! All kinds take turns, in an order that changes with every round, on one connection that is kept, so that no handshake and no
//! way through a network hides anything: the most that somebody can see who stands beside the relay.

#![allow(missing_docs, unreachable_pub, dead_code, reason = "a measurement, over the parts that tests have")]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement talks, and stops when it cannot measure")]
#![allow(clippy::indexing_slicing, clippy::disallowed_methods, reason = "measuring time is what this is for")]

#[path = "../tests/relay/client.rs"]
mod client;
#[path = "../tests/relay/process.rs"]
mod process;
#[path = "../tests/relay/purse.rs"]
mod purse;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use himaya_protocol::wire::relay::{self, Pick};
use himaya_protocol::wire::token::Token;
use himaya_relay::store::{Admission, CellStore, SledStore};
use hyper::{Method, StatusCode, header};
use sha2::{Digest, Sha256};

use client::{Session, address, cell, chunk};
use process::Home;

/// The relay's windows, in seconds: those of the tests' relays.
const WINDOW: u64 = 30 * 86_400;
/// Chunks that a list names.
const CHUNKS: usize = 4;
/// From here on no name was put.
const FREE: u64 = 1 << 40;
/// Rounds before the first one that counts.
const WARM_UP: usize = 20;

/// What the relay holds: so many cells and chunks in a closed window, and as many in the current one.
struct Held {
    cells: u64,
    chunks: u64,
}

impl Held {
    /// The names of cells, or of chunks, in the closed window or in the current one.
    fn names(&self, chunks: bool, closed: bool) -> std::ops::Range<u64> {
        let (first, count) = if chunks { (2 * self.cells, self.chunks) } else { (0, self.cells) };
        let first = if closed { first + count } else { first };
        first..first + count
    }
}

/// What is asked.
#[derive(Clone, Copy)]
enum Act {
    /// What is the same for everybody, for the scale.
    Descriptor,
    /// So many of a list are there.
    Pick { chunks: bool, closed: bool, present: Present },
    /// A free address, with a token.
    Accepted,
    /// What is there already.
    Same,
    /// Other bytes than what is there.
    Conflict,
    /// A free address, without a token.
    Refused,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Present {
    All,
    Half,
    None,
}

/// What is asked, ready to be sent, and what has to come back.
struct Asked {
    method: Method,
    path: &'static str,
    shown: Option<String>,
    body: Vec<u8>,
    status: StatusCode,
}

impl Act {
    /// `round` chooses among what can be asked.
    fn ask(self, held: &Held, round: u64, tokens: &mut Vec<Token>) -> Asked {
        let free = |place: u64| FREE + draw(round, place) / 2;
        let put = |name: u64, fill: u64, status, shown| Asked {
            method: Method::POST,
            path: relay::PATH_CELLS,
            shown,
            body: relay::record(&address(name), &cell(fill)),
            status,
        };
        let there = |place| one_of(&held.names(false, false), draw(round, place));
        match self {
            Self::Descriptor => Asked {
                method: Method::GET,
                path: relay::PATH_RELAY,
                shown: None,
                body: Vec::new(),
                status: StatusCode::OK,
            },
            Self::Pick { chunks, closed, present } => {
                let names = held.names(chunks, closed);
                let name = |place: usize| {
                    let place = u64::try_from(place).unwrap();
                    let is_there = present == Present::All || (present == Present::Half && place % 2 == 0);
                    if is_there { one_of(&names, draw(round, place)) } else { free(place) }
                };
                let list = if chunks {
                    Pick::Chunks((0..CHUNKS).map(|place| address(name(place))).collect())
                } else {
                    Pick::Cells(Box::new(std::array::from_fn(|place| address(name(place)).prefix())))
                };
                let (method, body) = (Method::POST, list.to_bytes().unwrap());
                Asked { method, path: relay::PATH_PICK, shown: None, body, status: StatusCode::OK }
            }
            Self::Accepted => {
                let shown = tokens.pop().unwrap().to_authorization();
                put(free(100), round, StatusCode::CREATED, Some(shown))
            }
            Self::Same => put(there(101), there(101), StatusCode::OK, None),
            Self::Conflict => put(there(102), FREE, StatusCode::CONFLICT, None),
            Self::Refused => put(free(103), round, StatusCode::UNAUTHORIZED, None),
        }
    }
}

/// A number that looks random, the same in every run.
fn draw(round: u64, place: u64) -> u64 {
    let digest = Sha256::digest([round.to_be_bytes(), place.to_be_bytes()].concat());
    u64::from_be_bytes(*digest.first_chunk().unwrap()) >> 1
}

fn one_of(names: &std::ops::Range<u64>, number: u64) -> u64 {
    names.start + number % (names.end - names.start)
}

/// How long one kind of call took, each time.
struct Kind {
    what: &'static str,
    act: Act,
    times: Vec<Duration>,
}

/// Kinds that somebody might want to tell apart. The second is the first once more: what it differs by is chance.
struct Table {
    title: &'static str,
    kinds: Vec<Kind>,
}

fn tables() -> Vec<Table> {
    let kind = |what, act| Kind { what, act, times: Vec::new() };
    let picks = |title, chunks, closed| {
        let of = |what, present| kind(what, Act::Pick { chunks, closed, present });
        let kinds = vec![
            of("all are there", Present::All),
            of("the same once more", Present::All),
            of("half are there", Present::Half),
            of("none is there", Present::None),
        ];
        Table { title, kinds }
    };
    let puts = vec![
        kind("accepted, 201", Act::Accepted),
        kind("the same once more", Act::Accepted),
        kind("there already, 200", Act::Same),
        kind("in conflict, 409", Act::Conflict),
        kind("without a right, 401", Act::Refused),
    ];
    vec![
        picks("A pick of 32 cells, current window", false, false),
        picks("A pick of 32 cells, closed window", false, true),
        picks("A pick of 4 chunks, current window", true, false),
        picks("A pick of 4 chunks, closed window", true, true),
        Table { title: "A put of a cell", kinds: puts },
        Table { title: "Beside", kinds: vec![kind("the descriptor", Act::Descriptor)] },
    ]
}

fn main() {
    // Cargo says --bench when it is asked to measure, and nothing when it only tries out all targets.
    let given = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    let quick = given("--quick") || !given("--bench");
    let (rounds, held) =
        if quick { (10, Held { cells: 64, chunks: 16 }) } else { (1_000, Held { cells: 2_000, chunks: 200 }) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let before = load();
    let tables = runtime.block_on(measure(rounds, &held));
    tables.iter().for_each(say);
    println!("\n{rounds} rounds. Load average {before} before, {} after.", load());
}

async fn measure(rounds: usize, held: &Held) -> Vec<Table> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let home = Home::at(&folder.path().join("relay"));
    home.configure("access = \"open\"", "access = \"tokens\"");
    let database = fill(&home, held).await;
    let relay = home.serve();
    // The window that was closed is rewritten into its files.
    while database.exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let invite = purse::invite(&home, 128 * 1_000);
    let mut tokens = Vec::new();
    while tokens.len() < 2 * (rounds + WARM_UP) {
        tokens.extend(purse::tokens(&relay, &invite).await);
    }
    let mut tables = tables();
    let mut session = Session::open(&relay).await.unwrap();
    for round in 0..rounds + WARM_UP {
        let mut kinds: Vec<&mut Kind> = tables.iter_mut().flat_map(|table| &mut table.kinds).collect();
        let number = |place: usize| u64::try_from(round * 1_000 + place).unwrap();
        let mut order: Vec<usize> = (0..kinds.len()).collect();
        order.sort_by_key(|place| draw(number(*place), 0));
        for place in order {
            let asked = kinds[place].act.ask(held, number(place), &mut tokens);
            let head: Vec<_> = asked.shown.iter().map(|shown| (header::AUTHORIZATION, shown.as_str())).collect();
            let start = Instant::now();
            let answer = session.call_with(asked.method, asked.path, &head, asked.body).await.unwrap();
            let took = start.elapsed();
            assert_eq!(answer.status, asked.status, "{}", kinds[place].what);
            if round >= WARM_UP {
                kinds[place].times.push(took);
            }
        }
    }
    tables
}

/// Fills a closed window and the current one; the database of the closed one, which goes when it is rewritten.
async fn fill(home: &Home, held: &Held) -> std::path::PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let current = u32::try_from(now / WINDOW).unwrap();
    let store = SledStore::open(&home.store(), 1 << 20, [0; 8]).unwrap();
    for (window, closed) in [(current - 1, true), (current, false)] {
        store.advance(window, current - 5).await.unwrap();
        for name in held.names(false, closed) {
            store.put_cell(address(name), cell(name), Admission::Open).await.unwrap();
        }
        for name in held.names(true, closed) {
            store.put_chunk(address(name), chunk(name), Admission::Open).await.unwrap();
        }
    }
    home.store().join(format!("windows/{:010}/boxes", current - 1))
}

fn say(table: &Table) {
    println!("\n{}\n\n| what | p5 | p50 | p95 | AUC (95 %) |\n|---|---:|---:|---:|---:|", table.title);
    let (first, _) = table.kinds.split_first().unwrap();
    for (place, kind) in table.kinds.iter().enumerate() {
        let [low, median, high] = [5, 50, 95].map(|percent| percentile(&kind.times, percent).as_secs_f64() * 1e3);
        let told = if place == 0 { "–".to_owned() } else { apart(&first.times, &kind.times) };
        println!("| {} | {low:.3} | {median:.3} | {high:.3} | {told} |", kind.what);
    }
}

fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
}

/// In how many of all pairs the second took longer than the first, ties by half: 0.5 says nothing, 0 and 1 tell everything. With
/// the interval of Hanley and McNeil (1982).
fn apart(first: &[Duration], second: &[Duration]) -> String {
    let (n, m) = (first.len() as f64, second.len() as f64);
    let wins = |time: &Duration| {
        first.iter().map(|other| if time > other { 1.0 } else { f64::from(u8::from(time == other)) / 2.0 }).sum::<f64>()
    };
    let auc = second.iter().map(wins).sum::<f64>() / (n * m);
    let (one, two) = (auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc));
    let spread = auc * (1.0 - auc) + (n - 1.0) * (one - auc * auc) + (m - 1.0) * (two - auc * auc);
    let error = 1.96 * (spread.max(0.0) / (n * m)).sqrt();
    format!("{auc:.3} ({:.3} to {:.3})", (auc - error).max(0.0), (auc + error).min(1.0))
}

/// How busy the machine is: a quiet one shows less than 1 before.
fn load() -> String {
    let averages = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    averages.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown").to_owned()
}
