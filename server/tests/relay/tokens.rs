//! Tokens and invites, with the real relay.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use himaya_protocol::wire::invite::{Invite, InviteHash};
use himaya_protocol::wire::relay::{self, Access};
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::token::{Draw, IssueRequest, Token, TokenChallenge};
use himaya_relay::service::{Policy, Relay as Service, RelayError};
use himaya_relay::store::{Put, SledStore};
use himaya_relay::tokens::{Invites, Tokens};
use hyper::{Method, StatusCode, header};

use crate::client::{Session, address, cell, chunk, get, pick_cells, post};
use crate::process::{Home, command};
use crate::purse::{
    body, descriptor, finish, fresh, home_with_tokens, invite, issuing_key, pay, pay_alone, send, tokens,
};

const CREATED: StatusCode = StatusCode::CREATED;
const REFUSED: StatusCode = StatusCode::UNAUTHORIZED;

#[tokio::test]
async fn a_token_pays_for_one_new_box() {
    let home = home_with_tokens();
    let relay = home.serve();
    let purse = tokens(&relay, &invite(&home, 128)).await;
    let mut session = Session::open(&relay).await.unwrap();
    let refused = pay(&mut session, &address(1), &cell(1), None).await.unwrap();
    assert_eq!(refused.status, REFUSED);
    let challenge = TokenChallenge::of_relays().to_www_authenticate(&issuing_key(&relay).await.key);
    assert_eq!(refused.headers[header::WWW_AUTHENTICATE], challenge);
    let asking = "www-authenticate: \r\n".len() + challenge.len();
    assert_eq!(refused.body.len() + asking, relay::PUT_ANSWER_SIZE, "as long as others in all");

    assert_eq!(pay(&mut session, &address(1), &cell(1), Some(&purse[0])).await.unwrap().status, CREATED);
    let spent = pay(&mut session, &address(2), &cell(2), Some(&purse[0])).await.unwrap();
    assert_eq!(spent.body, refused.body, "spent or missing is the same");
    assert_eq!(spent.headers, refused.headers);
    for token in [None, Some(&purse[0]), Some(&purse[1])] {
        let again = pay(&mut session, &address(1), &cell(1), token).await.unwrap();
        assert_eq!(again.status, StatusCode::OK, "a repeat costs nothing, with a token or without");
        let conflict = pay(&mut session, &address(1), &cell(9), token).await.unwrap();
        assert_eq!((conflict.status, &conflict.body[..]), (StatusCode::CONFLICT, cell(1).as_bytes()));
    }
    assert_eq!(pay(&mut session, &address(2), &cell(2), Some(&purse[1])).await.unwrap().status, CREATED);
    let shown = (header::AUTHORIZATION, &*purse[2].to_authorization());
    let put = relay::chunk_put(&address(2), &chunk(2));
    let put = session.call_with(Method::POST, relay::PATH_CHUNKS, &[shown], put).await.unwrap();
    assert_eq!(put.status, CREATED);
    assert_eq!(pay(&mut session, &address(3), &cell(3), Some(&purse[2])).await.unwrap().status, REFUSED);
}

#[tokio::test]
async fn what_is_no_token_gives_no_right() {
    let home = home_with_tokens();
    let relay = home.serve();
    let good = tokens(&relay, &invite(&home, 128)).await.remove(0).to_authorization();
    let own = Draw::blind(&TokenChallenge::new(b"x", &[], &[]).unwrap(), issuing_key(&relay).await.key, 128, fresh);
    let own = own.unwrap();
    let answer = send(&relay, &invite(&home, 128), &own).await.unwrap();
    let of_another_challenge = finish(&own, &answer)[0].to_authorization();
    let forged = Token::from_bytes(&[&[0, 5][..], &[7; 160]].concat()).unwrap().to_authorization();
    let mut session = Session::open(&relay).await.unwrap();
    let long = format!("PrivateToken token={}", "A".repeat(3_000));
    let refused = pay(&mut session, &address(1), &cell(1), None).await.unwrap();
    for shown in ["", "PrivateToken", "Bearer abc", &good[..good.len() - 9], &forged, &of_another_challenge, &long] {
        let head = [(header::AUTHORIZATION, shown)];
        let put = relay::record(&address(1), &cell(1));
        let answer = session.call_with(Method::POST, relay::PATH_CELLS, &head, put).await.unwrap();
        assert_eq!((answer.status, answer.body), (REFUSED, refused.body.clone()), "{shown}");
    }
    let twice = [(header::AUTHORIZATION, &*good), (header::AUTHORIZATION, &*good)];
    let put = relay::record(&address(1), &cell(1));
    let answer = session.call_with(Method::POST, relay::PATH_CELLS, &twice, put.clone()).await.unwrap();
    assert_eq!(answer.status, REFUSED, "one token a put");
    assert_eq!(session.call_with(Method::POST, relay::PATH_CELLS, &twice[..1], put).await.unwrap().status, CREATED);
}

/// Each token is shown by many writers at once, on several connections, with another box each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_shown_from_many_connections_pays_once() {
    const WRITERS: u64 = 16;
    let home = home_with_tokens();
    let relay = Arc::new(home.serve());
    let purse = tokens(&relay, &invite(&home, 128)).await;
    let purse = Arc::new(purse.into_iter().take(20).collect::<Vec<_>>());
    let writer = |writer: u64| {
        let (relay, purse) = (relay.clone(), purse.clone());
        tokio::spawn(async move {
            let mut session = Session::open(&relay).await.unwrap();
            let mut stored = Vec::new();
            for (token, number) in purse.iter().zip(0..) {
                let name = number * WRITERS + writer;
                let answer = pay(&mut session, &address(name), &cell(name), Some(token)).await.unwrap();
                match answer.status {
                    CREATED => stored.push(number),
                    other => assert_eq!(other, REFUSED),
                }
            }
            stored
        })
    };
    let writers: Vec<_> = (0..WRITERS).map(writer).collect();
    let mut stored = Vec::new();
    for writer in writers {
        stored.extend(writer.await.unwrap());
    }
    stored.sort_unstable();
    assert_eq!(stored, (0..20).collect::<Vec<_>>(), "each token paid for exactly one box");
    let all: Vec<_> = (0..20 * WRITERS).map(address).collect();
    assert_eq!(pick_cells(&relay, &all).await.iter().flatten().count(), 20);
}

#[tokio::test]
async fn a_spent_token_stays_spent_across_restarts() {
    let home = home_with_tokens();
    let relay = home.serve();
    let key = issuing_key(&relay).await;
    let purse = tokens(&relay, &invite(&home, 128)).await;
    assert_eq!(pay_alone(&relay, &address(1), &cell(1), Some(&purse[0])).await, CREATED);
    relay.kill();
    let relay = home.serve();
    assert_eq!(issuing_key(&relay).await, key, "the key is the same");
    assert_eq!(pay_alone(&relay, &address(2), &cell(2), Some(&purse[0])).await, REFUSED);
    assert_eq!(pay_alone(&relay, &address(1), &cell(1), Some(&purse[0])).await, StatusCode::OK);
    assert_eq!(pay_alone(&relay, &address(2), &cell(2), Some(&purse[1])).await, CREATED);
}

/// A relay in a folder whose clock is set by hand, one window a second.
struct Stepped {
    folder: tempfile::TempDir,
    clock: Arc<AtomicU64>,
    invite: Invite,
}

impl Stepped {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let relay = himaya_protocol::wire::link::RelayLink::new("127.0.0.1:1", [1; 32]).unwrap();
        let invite = Invite { secret: Secret::new([3; 32]), relay };
        let invites = Invites::in_folder(&folder.path().join("invites")).unwrap();
        invites.change(|book| book.add(InviteHash::of(&invite.secret), 128 * 1_000, u32::MAX)).unwrap();
        Self { folder, clock: Arc::new(AtomicU64::new(1_000)), invite }
    }

    /// Opens it anew. Keys are made for 3 windows and accepted for 6.
    async fn open(&self) -> Service {
        let store = Arc::new(SledStore::open(&self.folder.path().join("store"), 1 << 16, [1; 8]).unwrap());
        let clock = self.clock.clone();
        let policy = Policy::new(Access::Token, 6, 1).unwrap();
        let invites = Invites::in_folder(&self.folder.path().join("invites")).unwrap();
        let random = Box::new(|bytes: &mut [u8]| {
            fresh(bytes);
            Ok(())
        });
        let relay = Service::new(store, Arc::new(move || clock.load(Ordering::SeqCst)), policy);
        let relay = relay.with_tokens(Tokens::new(invites, random));
        relay.tidy().await.unwrap();
        relay
    }

    fn at(&self, window: u64) {
        self.clock.store(window, Ordering::SeqCst);
    }

    async fn tokens(&self, relay: &Service) -> Vec<Token> {
        let draw = Draw::new(relay.descriptor().await.issuing_key().unwrap().key, fresh).unwrap();
        let request = IssueRequest { invite: self.invite.secret.clone(), batch: draw.request() };
        draw.finish(&relay.issue(request).await.unwrap()).unwrap()
    }
}

async fn put(relay: &Service, name: u64, token: &Token) -> Result<Put<himaya_protocol::wire::Cell>, RelayError> {
    relay.put_cell(address(name), cell(name), Some(token)).await
}

#[tokio::test]
async fn keys_rotate_with_overlap_and_take_no_token_twice() {
    let world = Stepped::new();
    let mut relay = world.open().await;
    let windows = |keys: Vec<himaya_protocol::wire::token::TokenKey>| {
        keys.iter().map(|key| (key.first, key.last_issued, key.last_accepted)).collect::<Vec<_>>()
    };
    let first = world.tokens(&relay).await;
    let first_key = *relay.descriptor().await.issuing_key().unwrap();
    assert_eq!(put(&relay, 1, &first[0]).await, Ok(Put::Stored));
    for (now, expected) in [
        (1_002, vec![(1_000, 1_002, 1_005)]),
        (1_003, vec![(1_000, 1_002, 1_005), (1_003, 1_005, 1_008)]),
        (1_005, vec![(1_000, 1_002, 1_005), (1_003, 1_005, 1_008)]),
    ] {
        world.at(now);
        if now == 1_003 {
            drop(relay);
            relay = world.open().await;
        }
        let name = now * 10;
        assert_eq!(put(&relay, name, &first[0]).await, Err(RelayError::NotAdmitted), "spent, in window {now}");
        let unspent = &first[usize::try_from(now - 1_000).unwrap()];
        assert_eq!(put(&relay, name, unspent).await, Ok(Put::Stored), "the old key's tokens are good in window {now}");
        assert_eq!(windows(relay.descriptor().await.token_keys), expected);
    }
    let stale = Draw::new(first_key.key, fresh).unwrap();
    let request = IssueRequest { invite: world.invite.secret.clone(), batch: stale.request() };
    assert_eq!(relay.issue(request).await.err(), Some(RelayError::WrongTokenKey), "it no longer issues");
    let second = world.tokens(&relay).await;
    assert_eq!(put(&relay, 2, &second[0]).await, Ok(Put::Stored));

    world.at(1_006);
    assert_eq!(put(&relay, 3, &first[9]).await, Err(RelayError::NotAdmitted), "its key has retired");
    assert_eq!(put(&relay, 3, &second[0]).await, Err(RelayError::NotAdmitted), "spent in the window before");
    assert_eq!(put(&relay, 3, &second[1]).await, Ok(Put::Stored));
    // The clock goes back, and the relay starts anew: nothing comes back.
    world.at(1_001);
    drop(relay);
    let relay = world.open().await;
    assert_eq!(put(&relay, 4, &first[9]).await, Err(RelayError::NotAdmitted));
    assert_eq!(windows(relay.descriptor().await.token_keys), [(1_003, 1_005, 1_008), (1_006, 1_008, 1_011)]);
    assert_eq!(
        put(&relay, 1, &first[0]).await,
        Err(RelayError::NotAdmitted),
        "the box of the first window has expired"
    );
    let kept = |window: u32| world.folder.path().join(format!("store/windows/{window:010}/token-key")).exists();
    assert_eq!((kept(1_000), kept(1_003), kept(1_006)), (false, true, true));
}

#[tokio::test]
async fn a_relay_that_slept_makes_one_new_key() {
    let world = Stepped::new();
    let relay = world.open().await;
    let old = world.tokens(&relay).await;
    world.at(2_000);
    assert_eq!(put(&relay, 1, &old[0]).await, Err(RelayError::NotAdmitted));
    let keys = relay.descriptor().await.token_keys;
    assert_eq!(keys.iter().map(|key| key.first).collect::<Vec<_>>(), [2_000]);
    assert_eq!(put(&relay, 1, &world.tokens(&relay).await[0]).await, Ok(Put::Stored));
}

#[tokio::test]
async fn a_lost_answer_is_given_again_and_nothing_beyond_the_allotment() {
    let home = home_with_tokens();
    let relay = home.serve();
    let invite = invite(&home, 256);
    let key = issuing_key(&relay).await.key;
    let draws: Vec<_> = (0..3).map(|_| Draw::new(key, fresh).unwrap()).collect();
    let first = finish(&draws[0], &send(&relay, &invite, &draws[0]).await.unwrap());
    for _ in 0..3 {
        let again = send(&relay, &invite, &draws[0]).await.unwrap();
        assert_eq!(finish(&draws[0], &again), first, "the same tokens");
    }
    finish(&draws[1], &send(&relay, &invite, &draws[1]).await.unwrap());
    relay.kill();
    let relay = home.serve();
    finish(&draws[1], &send(&relay, &invite, &draws[1]).await.unwrap());
    for draw in [&draws[0], &draws[2]] {
        let refused = send(&relay, &invite, draw).await.unwrap();
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(refused.body.starts_with(br#"{"type":"urn:himaya:problem:allotment-drawn""#));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draws_at_one_time_get_no_more_than_the_allotment() {
    let home = home_with_tokens();
    let relay = Arc::new(home.serve());
    let invite = invite(&home, 256);
    let key = issuing_key(&relay).await.key;
    let draw = |_| {
        let (relay, invite) = (relay.clone(), invite.clone());
        tokio::spawn(async move {
            let draw = Draw::new(key, fresh).unwrap();
            send(&relay, &invite, &draw).await.unwrap().status
        })
    };
    let draws: Vec<_> = (0..8).map(draw).collect();
    let mut granted = 0;
    for draw in draws {
        match draw.await.unwrap() {
            StatusCode::OK => granted += 1,
            other => assert_eq!(other, StatusCode::TOO_MANY_REQUESTS),
        }
    }
    assert_eq!(granted, 2);
}

#[tokio::test]
async fn an_invite_that_is_unknown_revoked_or_expired_is_refused_alike() {
    let home = home_with_tokens();
    let relay = home.serve();
    let dir = home.dir.to_string_lossy().into_owned();
    let (revoked, expired) = (invite(&home, 128), invite(&home, 128));
    let unknown = Invite { secret: Secret::new([9; 32]), ..revoked.clone() };
    let key = issuing_key(&relay).await.key;
    let draw = Draw::new(key, fresh).unwrap();
    finish(&draw, &send(&relay, &revoked, &draw).await.unwrap());
    let list = String::from_utf8(command(["invite", "list", &dir]).stdout).unwrap();
    let name = hex(&InviteHash::of(&revoked.secret).0)[..8].to_owned();
    assert!(list.lines().any(|line| line.starts_with(&name) && line.contains("       128         128  2")), "{list}");
    let done = command(["invite", "revoke", &dir, &name]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // An expired one is forgotten when a window begins; until then its window says it.
    let invites = Invites::in_folder(&home.dir.join("invites")).unwrap();
    invites.change(|book| book.add(InviteHash::of(&expired.secret), 128, 1)).unwrap();
    let answers = [
        send(&relay, &revoked, &draw).await.unwrap(),
        send(&relay, &unknown, &draw).await.unwrap(),
        send(&relay, &expired, &Draw::new(key, fresh).unwrap()).await.unwrap(),
    ];
    for answer in &answers {
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!((&answer.headers, &answer.body), (&answers[0].headers, &answers[0].body));
    }
    drop(relay);
    let _relay = home.serve();
    assert_eq!(invites.read().unwrap().all().count(), 0, "the start has forgotten what expired");
}

#[tokio::test]
async fn what_is_no_draw_is_refused_and_counts_nothing() {
    let home = home_with_tokens();
    let relay = home.serve();
    let invite = invite(&home, 128);
    let key = issuing_key(&relay).await.key;
    let draw = Draw::new(key, fresh).unwrap();
    let good = body(&invite, &draw);
    let mut no_element = good.clone();
    no_element[37..69].fill(0xFF);
    let mut other_key = good.clone();
    other_key[34] ^= 1;
    for (body, status) in [
        (Vec::new(), StatusCode::BAD_REQUEST),
        (good[..good.len() - 1].to_vec(), StatusCode::BAD_REQUEST),
        ([&good[..], &[0]].concat(), StatusCode::PAYLOAD_TOO_LARGE),
        (no_element, StatusCode::BAD_REQUEST),
        (other_key, StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let answer = post(&relay, relay::PATH_TOKENS, body).await;
        assert_eq!((answer.status, answer.body.len()), (status, relay::PROBLEM_SIZE));
    }
    finish(&draw, &send(&relay, &invite, &draw).await.unwrap());
}

#[tokio::test]
async fn an_open_relay_has_no_tokens() {
    let home = Home::new();
    let relay = home.serve();
    assert_eq!(descriptor(&relay).await.token_keys, []);
    assert_eq!(post(&relay, relay::PATH_TOKENS, vec![0; IssueRequest::SIZE]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(get(&relay, relay::PATH_TOKENS).await.status, StatusCode::METHOD_NOT_ALLOWED);
    let refused = command(["invite", "new", &home.dir.to_string_lossy()]);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("access = \"tokens\""));
    assert!(refused.stdout.is_empty());
}

#[tokio::test]
async fn commands_about_invites_say_what_to_do() {
    let home = home_with_tokens();
    let dir = home.dir.to_string_lossy().into_owned();
    let made = command(["invite", "new", &dir, "--count", "3", "--per-window", "384", "--expires", "2099-12-31"]);
    let codes: Vec<Invite> =
        String::from_utf8(made.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(codes.len(), 3);
    assert!(codes.iter().all(|code| code.relay.pin() == &home.pin));
    let list = String::from_utf8(command(["invite", "list", &dir]).stdout).unwrap();
    assert_eq!(list.lines().count(), 4);
    for code in &codes {
        let secret = hex(code.secret.expose());
        assert!(!list.contains(&secret[..8]), "no code is shown twice");
    }
    for (arguments, said) in [
        (vec!["new", &dir, "--per-window", "100"], "128"),
        (vec!["new", &dir, "--per-window", "0"], "128"),
        (vec!["new", &dir, "--expires", "2020-01-01"], "--expires"),
        (vec!["new", &dir, "--expires", "soon"], "2027-01-31"),
        (vec!["new", &dir, "--count", "0"], "1..=1000"),
        (vec!["revoke", &dir, "zzzz"], "invite list"),
        (vec!["revoke", &dir, ""], "invite list"),
        (vec!["list", "/nowhere"], "himaya-relay init"),
    ] {
        let done = command(["invite"].into_iter().chain(arguments.iter().copied()));
        let error = String::from_utf8(done.stderr).unwrap();
        assert!(!done.status.success() && error.contains(said), "{arguments:?}: {error}");
    }
    assert_eq!(String::from_utf8(command(["invite", "list", &dir]).stdout).unwrap(), list, "and nothing was changed");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
