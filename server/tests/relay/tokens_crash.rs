//! kill -9 around issuance and spending: nothing is issued twice, nothing is paid twice, nothing paid for is lost.

use himaya_protocol::wire::token::Draw;
use himaya_relay::crash::TOKEN_POINTS;
use hyper::StatusCode;

use crate::client::{Session, address, cell};
use crate::process::{Home, Relay};
use crate::purse::{finish, fresh, home_with_tokens, invite, issuing_key, pay, pay_alone, send, tokens};

fn dying(home: &Home, point: &str) -> Relay {
    home.try_serve(&[("HIMAYA_CRASH_AT", point)]).unwrap_or_else(|end| panic!("{point} came too early: {}", end.log))
}

/// The points that a put comes to, group by group.
const SPENDING: &[&str] = &["group-before-apply", "group-applied", "group-flushed", "group-synced", "group-answered"];

#[tokio::test]
async fn a_put_repeated_after_a_crash_succeeds_with_its_token_and_the_token_pays_for_nothing_else() {
    for point in SPENDING {
        let home = home_with_tokens();
        let relay = home.serve();
        let purse = tokens(&relay, &invite(&home, 128)).await;
        assert_eq!(pay_alone(&relay, &address(0), &cell(0), Some(&purse[1])).await, StatusCode::CREATED);
        drop(relay);
        let mut relay = dying(&home, point);
        let mut session = Session::open(&relay).await.unwrap();
        // Whether it was answered before the end does not matter: it is repeated.
        let _ = pay(&mut session, &address(1), &cell(1), Some(&purse[0])).await;
        assert!(!relay.wait().status.success(), "{point} was never reached");
        let relay = home.serve();
        let again = pay_alone(&relay, &address(1), &cell(1), Some(&purse[0])).await;
        assert!([StatusCode::OK, StatusCode::CREATED].contains(&again), "{point}: {again}");
        for spent in &purse[..2] {
            let refused = pay_alone(&relay, &address(2), &cell(2), Some(spent)).await;
            assert_eq!(refused, StatusCode::UNAUTHORIZED, "{point}");
        }
    }
}

/// A token whose box never came to be still pays for another one; a token never pays for two.
#[tokio::test]
async fn a_crash_leaves_box_and_spent_token_together_or_neither() {
    for point in SPENDING {
        let home = home_with_tokens();
        let relay = home.serve();
        let purse = tokens(&relay, &invite(&home, 128)).await;
        drop(relay);
        let mut relay = dying(&home, point);
        let mut session = Session::open(&relay).await.unwrap();
        let _ = pay(&mut session, &address(1), &cell(1), Some(&purse[0])).await;
        relay.wait();
        let relay = home.serve();
        let there = crate::client::pick_cells(&relay, &[address(1)]).await[0].is_some();
        let other = pay_alone(&relay, &address(2), &cell(2), Some(&purse[0])).await;
        let expected = if there { StatusCode::UNAUTHORIZED } else { StatusCode::CREATED };
        assert_eq!(other, expected, "{point}: the box is there: {there}");
    }
}

#[tokio::test]
async fn a_draw_repeated_after_a_crash_is_answered_and_no_second_one_is() {
    for point in TOKEN_POINTS.iter().filter(|point| !point.starts_with("token-key")) {
        let home = home_with_tokens();
        let relay = home.serve();
        let invite = invite(&home, 128);
        let key = issuing_key(&relay).await.key;
        drop(relay);
        let mut relay = dying(&home, point);
        let (lost, second) = (Draw::new(key, fresh).unwrap(), Draw::new(key, fresh).unwrap());
        assert!(send(&relay, &invite, &lost).await.is_err(), "{point}");
        assert!(!relay.wait().status.success(), "{point} was never reached");
        let relay = home.serve();
        let stored = Draw::from_bytes(&lost.to_bytes()).unwrap();
        let tokens = finish(&stored, &send(&relay, &invite, &stored).await.unwrap());
        assert_eq!(pay_alone(&relay, &address(1), &cell(1), Some(&tokens[0])).await, StatusCode::CREATED);
        let refused = send(&relay, &invite, &second).await.unwrap();
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{point}");
    }
}

#[tokio::test]
async fn a_crash_while_a_key_is_made_leaves_one_key() {
    for point in TOKEN_POINTS.iter().filter(|point| point.starts_with("token-key")) {
        let home = home_with_tokens();
        let end = home.try_serve(&[("HIMAYA_CRASH_AT", point)]).err().expect("the key is made before it listens");
        assert!(!end.status.success());
        let relay = home.serve();
        let key = issuing_key(&relay).await;
        let purse = tokens(&relay, &invite(&home, 128)).await;
        relay.kill();
        let relay = home.serve();
        assert_eq!(issuing_key(&relay).await, key);
        assert_eq!(pay_alone(&relay, &address(1), &cell(1), Some(&purse[0])).await, StatusCode::CREATED);
    }
}
