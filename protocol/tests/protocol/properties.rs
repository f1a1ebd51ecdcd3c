//! Properties over arbitrary input, a bounded number of cases each.

use std::collections::BTreeSet;

use himaya_protocol::cbor::{self, Value};
use himaya_protocol::content::display::{clean, clean_lines, is_bidi_control};
use himaya_protocol::content::{Event, alert_json};
use himaya_protocol::wire::card::{Card, CardKind, Fingerprint};
use himaya_protocol::wire::cell::{
    CELL_SIZE, CHUNK_PLAIN, Cell, Frame, INLINE_MAX, TooLong, open_cell, open_chunk, seal_cell, seal_chunk,
};
use himaya_protocol::wire::contact::{ContactMessage, Hello};
use himaya_protocol::wire::invite::{Invite, Kit};
use himaya_protocol::wire::lane::{COMMIT_LANE, Chain, Direction, card_key_slot};
use himaya_protocol::wire::link::RelayLink;
use himaya_protocol::wire::parts::{PARTS_MAX, Parts};
use himaya_protocol::wire::policy::Policy;
use himaya_protocol::wire::relay::{self, CurrentHead, Cursor, Descriptor, FeedFrame, Pick};
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::spill::Spill;
use himaya_protocol::wire::token::{BatchRequest, BatchResponse, Draw, IssueRequest, Token, TokenKey};
use himaya_protocol::wire::{Address, Chunk};
use proptest::prelude::*;

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(Value::Uint),
        (i64::MIN..0).prop_map(Value::Negative),
        prop::collection::vec(any::<u8>(), 0..80).prop_map(Value::Bytes),
        ".{0,40}".prop_map(Value::Text),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::btree_map(any::<u64>(), inner, 0..8).prop_map(Value::Map),
        ]
    })
}

fn endpoints() -> impl Strategy<Value = String> {
    let host = prop_oneof!["[a-z0-9.-]{1,60}", any::<std::net::Ipv6Addr>().prop_map(|ip| format!("[{ip}]"))];
    (host, 1u16..).prop_map(|(host, port)| format!("{host}:{port}"))
}

fn addresses(mut chain: Chain, steps: usize) -> Vec<Address> {
    let mut found = Vec::new();
    for _ in 0..steps {
        let (slot, next) = chain.step();
        found.push(slot.address);
        chain = next;
    }
    found
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn no_address_comes_twice(root in any::<[u8; 32]>(), a in 0u32..1_000, step in 1u32..1_000) {
        let (root, mut seen) = (Secret::new(root), BTreeSet::new());
        let lanes = [
            Chain::group(&root, a),
            Chain::group(&root, a + step),
            Chain::group(&root, COMMIT_LANE),
            Chain::parts(&root, a),
            Chain::parts(&root, COMMIT_LANE),
            Chain::card(&root),
            Chain::contact(&root, Direction::FromOwner),
            Chain::contact(&root, Direction::ToOwner),
        ];
        for address in lanes.into_iter().flat_map(|chain| addresses(chain, 40)) {
            prop_assert!(seen.insert(address));
        }
        prop_assert!(seen.insert(card_key_slot(&root).address));
    }

    #[test]
    fn cbor_of_any_value_is_read_back(value in values()) {
        prop_assert_eq!(cbor::decode(&cbor::encode(&value)), Ok(value));
    }

    #[test]
    fn a_cell_holds_any_payload_that_fits(
        key in any::<[u8; 32]>(), place in any::<[u8; 32]>(), nonce in any::<[u8; 24]>(),
        payload in prop::collection::vec(any::<u8>(), 0..=INLINE_MAX),
    ) {
        let (key, place, frame) = (Secret::new(key), Address::new(place), Frame::Inline(payload));
        let cell = seal_cell(&key, &place, nonce, &frame).expect("it fits");
        prop_assert_eq!(cell.as_bytes().len(), CELL_SIZE);
        prop_assert!(open_cell(&key, &place, &cell) == Ok(frame));
    }

    #[test]
    fn links_survive_hand_copying(
        endpoint in endpoints(), pin in any::<[u8; 32]>(), marks in prop::collection::vec((0usize..400, 0usize..6), 0..20)
    ) {
        let link = RelayLink::new(&endpoint, pin).expect("an endpoint");
        let copied = copy_by_hand(&link.to_string(), &marks);
        prop_assert!(copied.parse() == Ok(link), "{copied}");
    }

    #[test]
    fn cards_survive_hand_copying(
        endpoint in endpoints(), parts in any::<[[u8; 32]; 4]>(), intake in any::<bool>(),
        marks in prop::collection::vec((0usize..400, 0usize..6), 0..20),
    ) {
        let [pin, secret, fingerprint, hpke_hash] = parts;
        let card = Card {
            kind: if intake { CardKind::Intake } else { CardKind::Single },
            secret: Secret::new(secret),
            fingerprint: Fingerprint::from_slice(&fingerprint).expect("32 bytes"),
            hpke_hash,
            relay: RelayLink::new(&endpoint, pin).expect("an endpoint"),
        };
        let read: Card = copy_by_hand(&card.to_string(), &marks).parse().expect("a card");
        prop_assert_eq!(read.to_string(), card.to_string());
    }

    #[test]
    fn cleaned_text_is_clean_and_stays_so(text in any::<String>(), extra in "[\\u{61C}\\u{200C}-\\u{200F}\\u{2028}-\\u{202E}\\u{2066}-\\u{2069}\\u{0}-\\u{9F}یم]{0,30}") {
        let text = text + &extra;
        for (cleaned, again) in [(clean(&text), clean as fn(&str) -> String), (clean_lines(&text), clean_lines)] {
            prop_assert!(!cleaned.contains(is_bidi_control));
            prop_assert!(!cleaned.contains(|c: char| c.is_control() && c != '\n'));
            prop_assert_eq!(again(&cleaned), cleaned);
        }
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        feed_every_parser(&bytes);
    }

    #[test]
    fn arbitrary_cbor_never_panics_and_keeps_its_bytes(value in values(), kind in 0u64..26) {
        let bytes = cbor::encode(&value);
        feed_every_parser(&bytes);
        let mut event = valid_event_fields(kind);
        event.insert(12, value);
        let bytes = cbor::encode(&Value::Map(event));
        if let Ok(event) = Event::decode(&bytes) {
            prop_assert_eq!(event.as_bytes(), &bytes[..]);
        }
    }

    #[test]
    fn damaged_cbor_never_panics(value in values(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut bytes = cbor::encode(&value);
        let at = at.index(bytes.len());
        bytes[at] = with;
        feed_every_parser(&bytes);
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        let _ = text.parse::<RelayLink>().map(|link| link.to_string());
        let _ = text.parse::<Card>().map(|card| card.to_string());
        let _ = format!("himaya-card:{text}").parse::<Card>();
        let _ = text.parse::<Invite>().map(|invite| invite.to_string());
        let _ = format!("himaya-kit:{text}").parse::<Kit>().map(|kit| kit.to_string());
        let _ = Token::from_authorization(&text);
        let _ = Token::from_authorization(&format!("PrivateToken token={text}"));
        let _ = Cursor::from_hex(&text);
        let _ = alert_json::parse(&text).map_err(|error| error.to_string());
        let _ = alert_json::parse(&serde_json::json!({ "when": text, "place": text, "lang": text }).to_string());
        let _ = RelayLink::new(&text, [0; 32]);
    }
}

fn valid_event_fields(kind: u64) -> std::collections::BTreeMap<u64, Value> {
    let text = |text: &str| Value::Text(text.to_owned());
    [
        (0, Value::Uint(1)),
        (1, Value::Uint(kind)),
        (2, Value::Bytes(vec![0; 16])),
        (5, Value::Uint(1)),
        (6, Value::Uint(1)),
        (8, text("Actual")),
        (9, text("RED")),
        (10, text("en")),
        (13, Value::Bytes(vec![0; 32])),
    ]
    .into()
}

/// Whatever a parser accepts must encode to something it accepts again as the same thing.
fn feed_every_parser(bytes: &[u8]) {
    let _ = Token::from_bytes(bytes).map(|token| token.nullifier());
    let _ = TokenKey::from_bytes(bytes);
    let _ = IssueRequest::from_bytes(bytes);
    let _ = BatchRequest::from_bytes(&[&[0, 5][..], bytes].concat()).map(|request| request.to_bytes());
    let _ = BatchResponse::from_bytes(bytes).map(|response| response.to_bytes());
    let _ = Draw::from_bytes(bytes).map(|draw| draw.request());
    if let Ok(value) = cbor::decode(bytes) {
        assert_eq!(cbor::encode(&value), bytes, "one value, one encoding");
    }
    if let Ok(event) = Event::decode(bytes) {
        assert_eq!(event.as_bytes(), bytes);
    }
    if let Ok(hello) = Hello::from_bytes(bytes) {
        assert!(Hello::from_bytes(&hello.to_bytes()).is_ok());
    }
    if let Ok(message) = ContactMessage::from_bytes(bytes) {
        assert!(ContactMessage::from_bytes(&message.to_bytes()).is_ok());
    }
    if let Ok(policy) = Policy::from_bytes(bytes) {
        assert_eq!(policy.to_bytes(), bytes);
    }
    if let Ok(descriptor) = Descriptor::from_bytes(bytes) {
        assert_eq!(Descriptor::from_bytes(&descriptor.to_bytes()), Ok(descriptor));
    }
    if let Ok(pick) = Pick::from_bytes(bytes) {
        assert_eq!(pick.to_bytes().as_deref(), Some(bytes));
    }
    if let Ok(frame) = FeedFrame::from_bytes(bytes) {
        assert_eq!(frame.to_bytes(), bytes);
    }
    if let Some(spill) = Spill::from_bytes(bytes) {
        assert_eq!(spill.to_bytes()[..], *bytes);
        assert!(spill.join(&[]).is_err());
    }
    if let Some(parts) = Parts::from_bytes(bytes) {
        assert_eq!(parts.to_bytes(), bytes);
        assert!(parts.join(&[]).is_none());
    }
    assert!(relay::parse_record(bytes).is_err(), "these inputs are shorter than a record");
    assert!(relay::parse_chunk_put(bytes).is_err());
    assert_eq!(relay::parse_records(bytes).is_ok(), bytes.is_empty());
    assert_eq!(CurrentHead::parse(bytes).is_ok(), bytes.len() >= relay::CURRENT_HEAD_SIZE);
    assert!(relay::parse_picked_cells(bytes, &[[0; 8]; relay::PICK_CELLS]).is_err());
    assert_eq!(
        relay::parse_prefixes(bytes).is_ok(),
        bytes.len().is_multiple_of(8) && bytes.as_chunks::<8>().0.is_sorted()
    );
    assert!(relay::parse_picked_chunks(bytes, 1).is_err());
    assert!(Cell::from_bytes(bytes).is_none() && Chunk::from_bytes(bytes).is_none());
}

/// What happens to letters that people dictate, type and mail: other case, spaces, hyphens, line breaks.
fn copy_by_hand(text: &str, marks: &[(usize, usize)]) -> String {
    let (scheme, letters) = text.split_once(':').expect("a scheme");
    let mut letters: Vec<String> = letters.chars().map(String::from).collect();
    let count = letters.len();
    for &(place, mark) in marks {
        let letter = letters.get_mut(place % count).expect("within the letters");
        match mark {
            0 => letter.push(' '),
            1 => letter.push('-'),
            2 => letter.push('\n'),
            3 => letter.push_str("\r\n\t"),
            _ => *letter = letter.to_lowercase(),
        }
    }
    format!(" {}:{}\n", scheme.to_uppercase(), letters.concat())
}

#[test]
fn cells_and_chunks_at_their_boundaries() {
    let (key, place) = (Secret::new([1; 32]), Address::new([2; 32]));
    for length in [0, 1, 2, INLINE_MAX - 1, INLINE_MAX] {
        let frame = Frame::Inline(vec![0xFF; length]);
        let cell = seal_cell(&key, &place, [3; 24], &frame).expect("it fits");
        assert!(open_cell(&key, &place, &cell) == Ok(frame), "{length}");
    }
    let over = seal_cell(&key, &place, [3; 24], &Frame::Inline(vec![0; INLINE_MAX + 1]));
    assert_eq!(over.err(), Some(TooLong(INLINE_MAX + 1)));
    for length in [0, 1, CHUNK_PLAIN - 1, CHUNK_PLAIN] {
        let chunk = seal_chunk(&key, &place, [3; 24], &vec![0xFF; length]).expect("it fits");
        let opened = open_chunk(&key, &place, &chunk).expect("it opens");
        assert!(opened.len() == CHUNK_PLAIN && opened.iter().filter(|&&byte| byte == 0xFF).count() == length);
    }
    assert_eq!(seal_chunk(&key, &place, [3; 24], &vec![0; CHUNK_PLAIN + 1]).err(), Some(TooLong(CHUNK_PLAIN + 1)));
}

#[test]
fn parts_at_their_boundaries() {
    let beside = |count: usize| INLINE_MAX - 1 - 32 * count;
    let most = PARTS_MAX * INLINE_MAX + beside(PARTS_MAX);
    for (length, count) in [
        (INLINE_MAX + 1, 1),
        (INLINE_MAX + beside(1), 1),
        (INLINE_MAX + beside(1) + 1, 2),
        (2 * INLINE_MAX + beside(2), 2),
        (most, PARTS_MAX),
    ] {
        let payload: Vec<u8> = (0..length).map(|i| u8::try_from(i % 253 + 1).expect("below 254")).collect();
        let (record, parts) = Parts::cut(&payload).expect("it fits");
        assert_eq!((parts.len(), record.names().len()), (count, count), "{length}");
        let cell = seal_cell(&Secret::new([1; 32]), &Address::new([2; 32]), [3; 24], &Frame::Parts(record.clone()));
        assert!(cell.is_ok() && parts.iter().all(|part| part.len() <= INLINE_MAX), "{length}");
        assert!(record.join(&parts) == Some(payload), "{length}");
    }
    assert!(Parts::cut(&vec![0; INLINE_MAX]).is_none() && Parts::cut(&vec![0; most + 1]).is_none());
    assert!(Parts::from_bytes(&[0; 33]).is_none() && Parts::from_bytes(&[17; 600]).is_none());
    assert!(Parts::from_bytes(&[1; 32]).is_none() && Parts::from_bytes(&[]).is_none());
}

#[test]
fn spills_at_their_boundaries() {
    let most = himaya_protocol::wire::spill::SPILL_MAX;
    for (length, count) in [
        (1, 1),
        (INLINE_MAX + 1, 1),
        (CHUNK_PLAIN - 1, 1),
        (CHUNK_PLAIN, 1),
        (CHUNK_PLAIN + 1, 2),
        (2 * CHUNK_PLAIN, 2),
        (2 * CHUNK_PLAIN + 1, 3),
    ] {
        let payload: Vec<u8> = (0..length).map(|i| u8::try_from(i % 253 + 1).expect("below 254")).collect();
        let mut nonces = (0u8..).map(|n| [n; 24]);
        let (spill, chunks) =
            Spill::cut(Secret::new([9; 32]), &payload, || nonces.next().expect("enough")).expect("within the limit");
        assert_eq!((chunks.len(), spill.addresses().len()), (count, count), "{length}");
        assert!(chunks.iter().map(|(address, _)| *address).eq(spill.addresses()));
        let boxes: Vec<Chunk> = chunks.into_iter().map(|(_, chunk)| chunk).collect();
        assert!(spill.join(&boxes) == Ok(payload), "{length}");
    }
    assert!(Spill::cut(Secret::new([9; 32]), &vec![0; most + 1], || [0; 24]).is_err());
}

/// A single wrong letter is always seen.
#[test]
fn every_substituted_letter_is_detected() {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567018 9=";
    let file = crate::vector_file::VectorFile::read("links.txt");
    for item in ["link", "link_ipv6", "card_single", "card_intake"] {
        let (scheme, letters) = file.text(item).split_once(':').expect("a scheme");
        for (at, right) in letters.char_indices() {
            for wrong in LETTERS.chars().filter(|wrong| *wrong != right) {
                let text = format!("{scheme}:{}{wrong}{}", &letters[..at], &letters[at + 1..]);
                let refused = if scheme == "himaya-card" {
                    text.parse::<Card>().is_err()
                } else {
                    text.parse::<RelayLink>().is_err()
                };
                assert!(refused, "{wrong:?} for {right:?} at {at} of {item}");
            }
        }
    }
}

#[test]
fn endpoints_have_one_spelling() {
    for good in ["relay.example.org:443", "192.0.2.1:7443", "[::1]:1", "abcdefghijklmnop.onion:65535", "a:80"] {
        assert!(RelayLink::new(good, [0; 32]).is_ok(), "{good}");
    }
    let long = format!("{}:443", "a".repeat(252));
    for bad in [
        "",
        ":443",
        "host",
        "host:",
        "host:0",
        "host:+443",
        "host:0443",
        "host:65536",
        "::1:443",
        "[host]:443",
        "[]:1",
        "a b:1",
        "хост:1",
        "u@h:1",
        "h/x:1",
        &long,
    ] {
        assert!(RelayLink::new(bad, [0; 32]).is_err(), "{bad}");
    }
}
