//! Clocks that jump, under the real relay: nothing is destroyed early, nothing is lost, no address is written twice, and a
//! token that was spent stays spent.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use himaya_protocol::wire::relay::{self, Descriptor};
use himaya_protocol::wire::token::Token;
use hyper::StatusCode;

use crate::client::{address, cell, get, pick_cells};
use crate::disk::skipped;
use crate::health::{ask, free_port};
use crate::process::{Home, Relay, command_with};
use crate::purse::{finish, fresh, home_with_tokens, invite, pay_alone, send};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// When the tests begin: in the middle of a window of an hour.
const START: u64 = 1_900_000_800 + HOUR / 2;
const FIRST: u32 = 527_778;
const CREATED: StatusCode = StatusCode::CREATED;
const REFUSED: StatusCode = StatusCode::UNAUTHORIZED;

/// The time of day for one process, set by hand.
struct Clock {
    folder: tempfile::TempDir,
}

impl Clock {
    /// An error where there is nothing that makes a library of C.
    fn at(time: u64) -> Result<Self, String> {
        let clock = Self { folder: tempfile::tempdir().unwrap() };
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clock.c");
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(clock.library())
            .arg(source)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cc: {error}"))?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into_owned());
        }
        clock.set(time);
        Ok(clock)
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("clock.so")
    }

    fn set(&self, time: u64) {
        let (new, place) = (self.folder.path().join("new"), self.folder.path().join("time"));
        std::fs::write(&new, time.to_string()).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o644)).unwrap();
        // In one step, so that nobody reads half a number.
        std::fs::rename(new, place).unwrap();
    }

    fn environment(&self) -> [(&'static str, String); 2] {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        [("LD_PRELOAD", text(self.library())), ("HIMAYA_TEST_CLOCK", text(self.folder.path().join("time")))]
    }

    fn serve(&self, home: &Home) -> Relay {
        self.try_serve(home).unwrap_or_else(|log| panic!("the relay has ended: {log}"))
    }

    /// An error is the log of a relay that has ended with 1.
    fn try_serve(&self, home: &Home) -> Result<Relay, String> {
        let environment = self.environment();
        let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        home.try_serve(&environment).map_err(|end| {
            assert_eq!(end.status.code(), Some(1), "{}", end.log);
            end.log
        })
    }

    fn command(&self, arguments: &[&str]) -> (bool, String) {
        let done = command_with(arguments.iter().copied(), &self.environment());
        (done.status.success(), String::from_utf8([done.stdout, done.stderr].concat()).unwrap())
    }
}

/// A relay with tokens and windows of an hour, of which it keeps four; its keys are exchanged every two.
fn home() -> Home {
    let home = home_with_tokens();
    home.configure("window = \"30d\"", "window = \"1h\"");
    home.configure("retention = 14", "retention = 4");
    home
}

async fn descriptor(relay: &Relay) -> Descriptor {
    Descriptor::from_bytes(&get(relay, relay::PATH_RELAY).await.body).unwrap()
}

async fn current(relay: &Relay) -> u32 {
    descriptor(relay).await.current_window
}

async fn tokens(relay: &Relay, home: &Home) -> Vec<Token> {
    let draw = himaya_protocol::wire::token::Draw::new(
        descriptor(relay).await.issuing_key().expect("a relay with tokens has a key").key,
        fresh,
    );
    let draw = draw.unwrap();
    finish(&draw, &send(relay, &invite(home, 128), &draw).await.unwrap())
}

/// A closed window's cells.
async fn closed(relay: &Relay, window: u32) -> (StatusCode, Vec<u8>) {
    let answer = get(relay, &relay::window_cells_path(window)).await;
    (answer.status, answer.body.to_vec())
}

/// Asks for health until it says a word.
async fn health_says(at: std::net::SocketAddr, word: &str) -> String {
    loop {
        let answer = ask(at, "/health").await;
        if answer.split("\r\n\r\n").nth(1).is_some_and(|body| body.starts_with(word)) {
            return answer;
        }
    }
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_destroys_nothing_and_is_told() {
    let clock = match Clock::at(START) {
        Ok(clock) => clock,
        Err(why) => return skipped("a_clock_that_jumps_ahead_destroys_nothing_and_is_told", &why),
    };
    let (home, at) = (home(), free_port());
    home.configure("health = \"off\"", &format!("health = \"{at}\""));
    let mut relay = clock.serve(&home);
    assert_eq!(current(&relay).await, FIRST);
    let purse = tokens(&relay, &home).await;
    assert_eq!(pay_alone(&relay, &address(1), &cell(1), Some(&purse[0])).await, CREATED);
    clock.set(START + HOUR);
    assert_eq!(pay_alone(&relay, &address(2), &cell(2), Some(&purse[1])).await, CREATED);
    assert_eq!(current(&relay).await, FIRST + 1);

    for (jump, fresh) in [2 * DAY, 30 * DAY, 40_000 * DAY].into_iter().zip(&purse[2..]) {
        clock.set(START + jump);
        relay.hang_up();
        let told = health_says(at, "clock").await;
        assert!(told.starts_with("HTTP/1.1 503") && told.contains("restart the relay if it is right"), "{told}");
        assert_eq!(current(&relay).await, FIRST + 1, "{jump} s");
        assert_eq!(pay_alone(&relay, &address(jump), &cell(3), Some(&purse[0])).await, REFUSED, "it is spent");
        assert_eq!(pay_alone(&relay, &address(jump), &cell(jump), Some(fresh)).await, CREATED);
        assert_eq!(pick_cells(&relay, &[address(1), address(2)]).await, [Some(cell(1)), Some(cell(2))]);
        assert_eq!(pay_alone(&relay, &address(1), &cell(9), Some(&purse[9])).await, StatusCode::CONFLICT);
    }
    assert_eq!(closed(&relay, FIRST).await.0, StatusCode::OK);

    clock.set(START + 2 * HOUR);
    relay.hang_up();
    health_says(at, "ok").await;
    assert_eq!(current(&relay).await, FIRST + 2);
    assert_eq!(pick_cells(&relay, &[address(1), address(2)]).await, [Some(cell(1)), Some(cell(2))]);
    relay.terminate();
    let log = relay.wait().log;
    assert_eq!(log.matches("the clock has jumped ahead").count(), 1, "{log}");
    assert!(log.contains("the clock is back"), "{log}");
}

#[tokio::test]
async fn a_jump_of_one_window_is_as_good_as_time_that_has_passed() {
    let clock = match Clock::at(START) {
        Ok(clock) => clock,
        Err(why) => return skipped("a_jump_of_one_window_is_as_good_as_time_that_has_passed", &why),
    };
    let home = home();
    let relay = clock.serve(&home);
    let purse = tokens(&relay, &home).await;
    for hour in 0..6 {
        clock.set(START + hour * HOUR);
        let put = pay_alone(&relay, &address(hour), &cell(hour), Some(&purse[usize::try_from(hour).unwrap()])).await;
        // The key is made in the first window and accepted for as many as are kept.
        assert_eq!(put, if hour < 4 { CREATED } else { REFUSED }, "hour {hour}");
    }
    let all: Vec<_> = (0..6).map(address).collect();
    let there: Vec<_> = pick_cells(&relay, &all).await.iter().map(Option::is_some).collect();
    assert_eq!(there, [false, false, true, true, false, false], "what has expired has expired in its time");
}

#[tokio::test]
async fn after_a_stop_by_which_all_would_expire_the_operator_decides() {
    let clock = match Clock::at(START) {
        Ok(clock) => clock,
        Err(why) => return skipped("after_a_stop_by_which_all_would_expire_the_operator_decides", &why),
    };
    let home = home();
    let dir = home.dir.to_str().unwrap();
    let relay = clock.serve(&home);
    let purse = tokens(&relay, &home).await;
    assert_eq!(pay_alone(&relay, &address(1), &cell(1), Some(&purse[0])).await, CREATED);
    relay.kill();
    // Shorter stops are as if the relay had run.
    clock.set(START + 3 * HOUR);
    let relay = clock.serve(&home);
    assert_eq!(current(&relay).await, FIRST + 3);
    assert_eq!(pick_cells(&relay, &[address(1)]).await, [Some(cell(1))]);
    assert_eq!(pay_alone(&relay, &address(2), &cell(2), Some(&purse[0])).await, REFUSED);
    assert_eq!(pay_alone(&relay, &address(2), &cell(2), Some(&purse[1])).await, CREATED);
    relay.kill();

    clock.set(START + 400 * DAY);
    let log = clock.try_serve(&home).err().expect("by this clock all would be lost");
    assert!(log.contains("himaya-relay catch-up") && log.contains("set it and start again"), "{log}");
    let (well, findings) = clock.command(&["doctor", dir]);
    assert!(!well && findings.contains("himaya-relay catch-up"), "{findings}");
    // The clock was wrong: nothing has happened.
    clock.set(START + 4 * HOUR);
    let relay = clock.serve(&home);
    assert_eq!(pick_cells(&relay, &[address(2)]).await, [Some(cell(2))]);
    assert!(!clock.command(&["catch-up", dir]).0, "the relay runs");
    relay.kill();
    let (done, said) = clock.command(&["catch-up", dir]);
    assert!(done && said.contains("Nothing to catch up"), "{said}");

    clock.set(START + 400 * DAY);
    let (done, said) = clock.command(&["catch-up", dir]);
    assert!(done && said.contains("Destroyed: 1 cells"), "{said}");
    let relay = clock.serve(&home);
    assert_eq!(current(&relay).await, FIRST + 400 * 24);
    assert_eq!(pick_cells(&relay, &[address(2)]).await, [None]);
    for token in &purse[..3] {
        assert_eq!(pay_alone(&relay, &address(3), &cell(3), Some(token)).await, REFUSED, "their key is gone");
    }
}

#[tokio::test]
async fn a_clock_that_goes_back_loses_nothing_and_writes_no_address_twice() {
    let clock = match Clock::at(START) {
        Ok(clock) => clock,
        Err(why) => return skipped("a_clock_that_goes_back_loses_nothing_and_writes_no_address_twice", &why),
    };
    let home = home();
    let mut relay = clock.serve(&home);
    let purse = tokens(&relay, &home).await;
    assert_eq!(pay_alone(&relay, &address(0), &cell(0), Some(&purse[0])).await, CREATED);
    clock.set(START + HOUR);
    assert_eq!(pay_alone(&relay, &address(1), &cell(1), Some(&purse[1])).await, CREATED);
    let keys = descriptor(&relay).await.token_keys;
    let before = closed(&relay, FIRST).await;
    // To yesterday, to a machine without a battery, across starts.
    for (back, name) in [(START - DAY, 10), (0, 11), (START - HOUR, 12), (0, 13)] {
        if name > 11 {
            relay.kill();
            clock.set(back);
            relay = clock.serve(&home);
        }
        clock.set(back);
        assert_eq!(current(&relay).await, FIRST + 1, "the newest window stays");
        assert_eq!(descriptor(&relay).await.token_keys, keys);
        for known in 0..2 {
            assert_eq!(pay_alone(&relay, &address(known), &cell(77), Some(&purse[90])).await, StatusCode::CONFLICT);
            assert_eq!(pay_alone(&relay, &address(known), &cell(known), None).await, StatusCode::OK);
            let spent = &purse[usize::try_from(known).unwrap()];
            assert_eq!(pay_alone(&relay, &address(99), &cell(99), Some(spent)).await, REFUSED);
        }
        let fresh = &purse[usize::try_from(name).unwrap()];
        assert_eq!(pay_alone(&relay, &address(name), &cell(name), Some(fresh)).await, CREATED);
        assert_eq!(pay_alone(&relay, &address(99), &cell(99), Some(fresh)).await, REFUSED);
        assert_eq!(closed(&relay, FIRST).await, before, "a closed window has changed");
    }
    // Set right after a start with a dead battery: that is no jump.
    clock.set(START + 3 * HOUR);
    assert_eq!(current(&relay).await, FIRST + 3);
    let all: Vec<_> = [0, 1, 10, 11, 12, 13].map(address).to_vec();
    assert!(pick_cells(&relay, &all).await.iter().all(Option::is_some), "an acknowledged box is gone");
    let (_, records) = closed(&relay, FIRST + 1).await;
    assert_eq!(relay::parse_records(&records).unwrap().len(), 5);
    for name in [0, 1, 10, 11, 12, 13] {
        assert_eq!(pay_alone(&relay, &address(99), &cell(99), Some(&purse[name])).await, REFUSED);
    }
}

#[tokio::test]
async fn a_first_start_with_a_clock_that_is_not_set_yet_is_put_right() {
    let clock = match Clock::at(7) {
        Ok(clock) => clock,
        Err(why) => return skipped("a_first_start_with_a_clock_that_is_not_set_yet_is_put_right", &why),
    };
    let home = home();
    let relay = clock.serve(&home);
    assert_eq!(current(&relay).await, 0);
    clock.set(START);
    relay.hang_up();
    // Nothing is kept, so nothing can be lost. Ends unless the relay stays in 1970.
    while current(&relay).await != FIRST {}
    let purse = tokens(&relay, &home).await;
    assert_eq!(pay_alone(&relay, &address(0), &cell(0), Some(&purse[0])).await, CREATED);
}

/// Across the exchange of keys a token that was spent stays spent, and one that was not is taken once, however many
/// connections show it at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_raced_for_while_keys_are_exchanged_pays_once() {
    const RACERS: u64 = 16;
    let clock = match Clock::at(START) {
        Ok(clock) => clock,
        Err(why) => return skipped("a_token_raced_for_while_keys_are_exchanged_pays_once", &why),
    };
    let (home, clock) = (home(), Arc::new(clock));
    let mut relay = Arc::new(clock.serve(&home));
    let mut purses = vec![tokens(&relay, &home).await];
    let mut spent: Vec<Token> = Vec::new();
    let mut name = 0;
    for hour in 1..8 {
        // One token of each key that is accepted, shown by all at once while a window, and every second time a key, begins.
        for (period, purse) in purses.iter_mut().enumerate().rev().take(2) {
            let token = purse.pop().unwrap();
            let race = (0..RACERS).map(|racer| {
                let (relay, token, clock) = (relay.clone(), token.clone(), clock.clone());
                tokio::spawn(async move {
                    if racer == RACERS / 2 {
                        clock.set(START + hour * HOUR);
                    }
                    pay_alone(&relay, &address(name + racer), &cell(name + racer), Some(&token)).await
                })
            });
            let race: Vec<_> = race.collect();
            let mut paid = 0;
            for racer in race {
                match racer.await.unwrap() {
                    CREATED => paid += 1,
                    other => assert_eq!(other, REFUSED),
                }
            }
            // In the hour in which its key retires it may come too late.
            let retires = 2 * u64::try_from(period).unwrap() + 4 == hour;
            assert!(paid == 1 || (paid == 0 && retires), "hour {hour}: {paid} boxes for one token");
            name += RACERS;
            spent.push(token);
        }
        if hour % 3 == 0 {
            Arc::into_inner(relay).expect("the racers have ended").kill();
            relay = Arc::new(clock.serve(&home));
        }
        for token in &spent {
            assert_eq!(pay_alone(&relay, &address(name), &cell(name), Some(token)).await, REFUSED, "hour {hour}");
        }
        if hour % 2 == 0 {
            purses.push(tokens(&relay, &home).await);
        }
    }
    let keys: std::collections::BTreeSet<_> = spent.iter().map(|token| *token.key_id()).collect();
    assert_eq!(keys.len(), 4, "three times the key was exchanged");
}
