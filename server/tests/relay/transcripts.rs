//! What the relay sees and says when tokens are drawn, and when they are spent: field by field, no value is in both.

use std::collections::BTreeSet;

use data_encoding::BASE64URL;
use himaya_protocol::wire::relay;
use himaya_protocol::wire::token::{Draw, TokenChallenge};
use hyper::header;

use crate::client::{Answer, Session, address, cell};
use crate::purse::{body, finish, fresh, home_with_tokens, invite, issuing_key, pay, send};

/// A value this long that is in both by chance would be one of a kind in the life of the universe.
const LENGTH: usize = 8;

/// Every run of [`LENGTH`] bytes.
fn values(bytes: &[u8]) -> BTreeSet<Vec<u8>> {
    bytes.windows(LENGTH).map(<[u8]>::to_vec).collect()
}

/// Every value of an answer, its head included.
fn answered(answer: &Answer) -> BTreeSet<Vec<u8>> {
    let head = answer.headers.iter().flat_map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()].concat());
    let mut all = values(&answer.body);
    all.extend(values(&head.collect::<Vec<_>>()));
    all
}

#[tokio::test]
async fn drawing_and_spending_share_no_value() {
    let home = home_with_tokens();
    let relay = home.serve();
    let invite = invite(&home, 128);
    let key = issuing_key(&relay).await.key;
    let draw = Draw::new(key, fresh).unwrap();
    let drawn = send(&relay, &invite, &draw).await.unwrap();
    let purse = finish(&draw, &drawn);
    let mut issuance = values(&body(&invite, &draw));
    issuance.extend(answered(&drawn));

    // What says nothing of anybody: it is the same in every transcript of every relay, or of this key.
    let mut common = values(TokenChallenge::of_relays().as_bytes());
    common.extend(values(&TokenChallenge::of_relays().digest()));
    common.extend(values(&key.id()));
    common.extend(values(&key.0));
    let mut session = Session::open(&relay).await.unwrap();
    let nobody = pay(&mut session, &address(900), &cell(900), None).await.unwrap();
    common.extend(answered(&nobody));
    // Every answer to a put is as long as a cell, and that of a draw begins with the same digit.
    common.extend(values(format!("content-length{}", relay::PUT_ANSWER_SIZE).as_bytes()));
    common.extend(answered(&session.call(hyper::Method::GET, relay::PATH_RELAY, "").await.unwrap()));

    for (token, name) in purse.iter().zip(0..) {
        let shown = token.to_authorization();
        let base64 = shown.split('"').nth(1).unwrap();
        let bytes = BASE64URL.decode(base64.as_bytes()).unwrap();
        let spent = pay(&mut session, &address(name), &cell(name), Some(token)).await.unwrap();
        assert_eq!(spent.status, hyper::StatusCode::CREATED);
        let fields = [
            ("nonce", values(&bytes[2..34])),
            ("challenge digest", values(&bytes[34..66])),
            ("key id", values(&bytes[66..98])),
            ("authenticator", values(&bytes[98..162])),
            ("header", values(shown.as_bytes())),
            ("nullifier", values(&token.nullifier())),
            ("box", values(&relay::record(&address(name), &cell(name)))),
            ("answer", answered(&spent)),
        ];
        for (field, found) in fields {
            let shared: Vec<_> = found.intersection(&issuance).filter(|value| !common.contains(*value)).collect();
            assert!(shared.is_empty(), "{field} of token {name} stands in the issuance: {shared:?}");
        }
        assert!(values(&bytes[2..34]).is_disjoint(&common) && values(&bytes[98..]).is_disjoint(&common));
    }
    // The test sees what it looks for.
    let marked = [&body(&invite, &draw)[40..60], &[1, 2, 3]].concat();
    assert!(!values(&marked).is_disjoint(&issuance));
    assert!(drawn.headers.get(header::SET_COOKIE).is_none() && drawn.headers.get(header::ETAG).is_none());
}
