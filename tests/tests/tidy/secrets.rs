//! What is secret, or says where a cell lies, shows nothing of itself in `Debug`: no log line, panic message or test
//! report can hold it by accident.

use std::fmt::Debug;

use himaya_protocol::wire::card::{Card, CardKind, Fingerprint};
use himaya_protocol::wire::cell::{Frame, OpenError, open_cell, seal_cell};
use himaya_protocol::wire::contact::{ContactMessage, Hello};
use himaya_protocol::wire::invite::{Invite, InviteHash, Kit};
use himaya_protocol::wire::lane::{Chain, card_key_slot};
use himaya_protocol::wire::link::RelayLink;
use himaya_protocol::wire::parts::Parts;
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::spill::Spill;
use himaya_protocol::wire::token::{Draw, IssueRequest, Issuer, Token};
use himaya_protocol::wire::{Address, Cell, Chunk};
use himaya_relay::store::Nullifier;

use super::source::{Kind, Source, by_comma, sources};

/// Words in the names of fields whose bytes nobody may see.
const SECRET: &[&str] = &["secret", "seed", "passphrase", "private"];

/// A byte that would be seen as `171`, `ab` or `AB` in any of the usual forms.
const BYTE: u8 = 0xAB;

fn shown(value: &impl Debug) -> String {
    format!("{value:?} {value:#?}").split_whitespace().collect()
}

#[test]
fn debug_shows_nothing_of_what_is_secret() {
    let secret = Secret::new([BYTE; 32]);
    let address = Address::new([BYTE; 32]);
    let relay = RelayLink::new("relay.example:443", [BYTE; 32]).expect("a valid endpoint");
    let fingerprint = Fingerprint::from_slice(&[BYTE; 32]).expect("32 bytes");
    let card = Card {
        kind: CardKind::Single,
        secret: secret.clone(),
        fingerprint,
        hpke_hash: [BYTE; 32],
        relay: relay.clone(),
    };
    let cell = Cell::from_bytes(vec![BYTE; 4_096]).expect("the size of a cell");
    let chunk = Chunk::from_bytes(vec![BYTE; 65_536]).expect("the size of a chunk");
    let (spill, _) = Spill::cut(secret.clone(), &[BYTE; 100], || [BYTE; 24]).expect("100 bytes can be spilled");
    let (parts, _) = Parts::cut(&[BYTE; 5_000]).expect("5,000 bytes have to be cut");
    let hello = Hello {
        key_package: vec![BYTE; 9],
        name: "Dilan".to_owned(),
        reply_secret: secret.clone(),
        note: Some("from the workshop".to_owned()),
    };
    let rejoin = ContactMessage::Rejoin { group: vec![BYTE; 16], key_package: vec![BYTE; 9] };
    let event = ContactMessage::Event { group: vec![BYTE; 16], event: vec![BYTE; 9] };
    let welcome = ContactMessage::Welcome { welcome: vec![BYTE; 9], tree: spill.clone(), since: None };

    let issuer = Issuer::from_seed(&secret).expect("any seed gives a key");
    let draw = Draw::new(*issuer.public_key(), |bytes| bytes.fill(BYTE)).expect("a key gives a draw");
    let issue = IssueRequest { invite: secret.clone(), batch: draw.request() };
    let token = Token::from_bytes(&[&[0, 5][..], &[BYTE; 160]].concat()).expect("162 bytes of the type");
    let invite = Invite { secret: secret.clone(), relay: relay.clone() };
    let kit = Kit { invite: secret.clone(), card: card.clone() };

    for (value, name) in [
        (shown(&issuer), "Issuer"),
        (shown(&draw), "Draw"),
        (shown(&issue), "IssueRequest"),
        (shown(&token), "Token"),
        (shown(&invite), "Invite"),
        (shown(&kit), "Kit"),
        (shown(&InviteHash([BYTE; 32])), "InviteHash"),
        (shown(&Nullifier([BYTE; 32])), "Nullifier"),
        (shown(&secret), "Secret"),
        (shown(&address), "Address"),
        (shown(&relay), "RelayLink"),
        (shown(&fingerprint), "Fingerprint"),
        (shown(&card), "Card"),
        (shown(&cell), "Cell"),
        (shown(&chunk), "Chunk"),
        (shown(&spill), "Spill"),
        (shown(&hello), "Hello"),
        (shown(&rejoin), "Rejoin"),
        (shown(&event), "Event"),
        (shown(&welcome), "Welcome"),
        (shown(&Frame::Inline(vec![BYTE; 9])), "Inline"),
        (shown(&Frame::Spill(spill)), "Spill"),
        (shown(&Frame::Parts(parts)), "Parts"),
    ] {
        assert_eq!(value, format!("{name}(..){name}(..)"));
    }
    for derived in [shown(&Chain::card(&secret)), shown(&card_key_slot(&secret))] {
        assert!(derived.contains("Secret(..)") && !derived.chars().any(|c| c.is_ascii_digit()), "{derived}");
    }
}

#[test]
fn errors_show_nothing_of_what_they_are_about() {
    let (key, address) = (Secret::new([BYTE; 32]), Address::new([BYTE; 32]));
    let cell = Cell::from_bytes(vec![BYTE; 4_096]).expect("the size of a cell");
    let error = open_cell(&key, &address, &cell).expect_err("random bytes do not open");
    assert_eq!(error, OpenError::Sealed);
    assert!(!error.to_string().chars().any(|c| c.is_ascii_digit()), "{error}");
    let error = seal_cell(&key, &address, [0; 24], &Frame::Inline(vec![BYTE; 5_000])).expect_err("too long");
    assert!(!error.to_string().contains("171"), "{error}");
    let card = "himaya-card:ABABABABABABABAB";
    let error = card.parse::<Card>().expect_err("not a card");
    assert!(!error.to_string().contains("ABAB"), "{error}");
}

/// Fields with a secret's name that a derived `Debug` would print.
fn printed(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for at in source.find(&["derive", "("]) {
        if !source.inside(at + 1).iter().any(|token| token.text == "Debug") {
            continue;
        }
        let rest = source.tokens.get(at..).unwrap_or_default();
        let opens = rest.iter().position(|token| matches!(token.text.as_str(), "{" | ";"));
        let Some(open) = opens.map(|opens| at + opens).filter(|&open| source.reads(open, &["{"])) else { continue };
        for field in by_comma(source.inside(open)) {
            let colon = field.iter().position(|token| token.kind == Kind::Mark && token.text == ":");
            let Some((name, of)) = colon.and_then(|colon| field.split_at_checked(colon)) else { continue };
            let secret = name.last().is_some_and(|name| SECRET.iter().any(|word| name.text.contains(word)));
            if secret && of.iter().any(|token| matches!(token.text.as_str(), "u8" | "String" | "str")) {
                found.extend(name.last().map(|name| format!("{}:{} {}", source.path, name.line, name.text)));
            }
        }
    }
    found
}

#[test]
fn no_derived_debug_prints_a_secret() {
    let found: Vec<_> = ["protocol/src/", "server/src/", "client/src/"]
        .into_iter()
        .flat_map(sources)
        .flat_map(|source| printed(&source))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
    let careless = "#[derive(Clone, Debug)] pub struct Key { pub id: u32, #[x] reply_secret: Zeroizing<Vec<u8>>, }";
    assert_eq!(printed(&Source::read("x.rs", careless)).len(), 1);
    let careful = "#[derive(Debug)] struct Key { secret: Secret } #[derive(Clone)] struct B { secret: [u8; 32] }";
    assert_eq!(printed(&Source::read("x.rs", careful)), [""; 0]);
}
