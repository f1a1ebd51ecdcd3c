//! `protocol/vectors` of everything outside events, both ways.

use himaya_protocol::wire::card::{Card, CardKind, Fingerprint};
use himaya_protocol::wire::cell::{Cell, Frame, open_cell, open_chunk, seal_cell};
use himaya_protocol::wire::contact::{ContactMessage, Hello};
use himaya_protocol::wire::invite::{Invite, InviteError, InviteHash, Kit};
use himaya_protocol::wire::lane::{COMMIT_LANE, Chain, Direction, Slot, card_key_slot};
use himaya_protocol::wire::link::{ForwardLink, RelayLink};
use himaya_protocol::wire::member::{Aside, SeenKey, Standing, StandingKind, group_verification, turn, verification};
use himaya_protocol::wire::oblivious::{self, GatewayKey, PUBLIC_KEY_SIZE};
use himaya_protocol::wire::parts::Parts;
use himaya_protocol::wire::policy::{GroupKind, Policy, PolicyError, Role};
use himaya_protocol::wire::relay::{
    Access, CellList, CurrentHead, Cursor, Descriptor, FeedFrame, Pick, parse_picked_cells, parse_picked_chunks,
    parse_prefixes, parse_record, record,
};
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::spill::Spill;
use himaya_protocol::wire::terms::{SeenTerms, Terms};
use himaya_protocol::wire::{Address, Chunk};
use sha2::{Digest, Sha256};

use crate::vector_file::{VectorFile, assert_not_malleable};

fn secret(file: &VectorFile, item: &str) -> Secret {
    Secret::new(file.array(item))
}

fn address(file: &VectorFile, item: &str) -> Address {
    Address::new(file.array(item))
}

#[test]
fn lanes() {
    let file = VectorFile::read("lanes.txt");
    let (root, reply) = (secret(&file, "root"), secret(&file, "reply_secret"));
    let card_secret = secret(&file, "card_secret");
    for (name, mut chain, steps) in [
        ("lane_0", Chain::group(&root, 0), 3),
        ("lane_7", Chain::group(&root, 7), 3),
        ("commit", Chain::group(&root, COMMIT_LANE), 3),
        ("parts_7", Chain::parts(&root, 7), 2),
        ("inbox", Chain::card(&card_secret), 2),
        ("from_owner", Chain::contact(&reply, Direction::FromOwner), 2),
        ("to_owner", Chain::contact(&reply, Direction::ToOwner), 2),
    ] {
        for n in 0..steps {
            assert_eq!(chain.secret().expose(), &file.array::<32>(&format!("{name}_chain_{n}")));
            let (slot, next) = chain.step();
            assert_slot(&file, &slot, &format!("{name}_address_{n}"), &format!("{name}_key_{n}"));
            chain = next;
        }
    }
    assert_slot(&file, &card_key_slot(&card_secret), "card_key_address", "card_key_key");
}

fn assert_slot(file: &VectorFile, slot: &Slot, address_item: &str, key_item: &str) {
    assert!(slot.address == address(file, address_item), "{address_item}");
    assert_eq!(slot.key.expose(), &file.array::<32>(key_item), "{key_item}");
}

#[test]
fn cells() {
    let file = VectorFile::read("cells.txt");
    let (key, place) = (secret(&file, "key"), address(&file, "address"));
    let record = VectorFile::read("spill.txt");
    for (name, frame) in [
        ("inline", Frame::Inline("alert · إنذار".as_bytes().to_vec())),
        ("spill", Frame::Spill(Spill::from_bytes(record.bytes("record")).expect("a record"))),
        ("parts", Frame::Parts(Parts::cut(&counted(8_200)).expect("two parts and a rest").0)),
    ] {
        let bytes = file.bytes(&format!("{name}_cell"));
        let sealed = seal_cell(&key, &place, file.array("nonce"), &frame).expect("it fits");
        assert!(sealed.as_bytes() == bytes, "{name}");
        assert!(open_cell(&key, &place, &sealed) == Ok(frame.clone()), "{name}");
        assert_eq!(file.bytes(&format!("{name}_frame")).len(), 4_056);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let flipped = Cell::from_bytes(flipped).expect("still 4,096 bytes");
            assert!(open_cell(&key, &place, &flipped).is_err(), "{name} opens with bit {bit} flipped");
        }
        assert!((0..bytes.len()).all(|length| Cell::from_bytes(&bytes[..length]).is_none()));
        let elsewhere = Address::new([0; 32]);
        assert!(open_cell(&key, &elsewhere, &sealed).is_err(), "{name} opens at another address");
    }
}

/// So many bytes, byte i being i mod 251.
fn counted(length: u32) -> Vec<u8> {
    (0..length).map(|i| u8::try_from(i % 251).expect("below 251")).collect()
}

#[test]
fn parts() {
    let file = VectorFile::read("cells.txt");
    let payload = counted(8_200);
    let (record, parts) = Parts::cut(&payload).expect("two parts and a rest");
    let frame = file.bytes("parts_frame");
    assert_eq!(record.to_bytes()[..], frame[3..3 + 65 + 94]);
    let first = Frame::Inline(parts[0].clone());
    let cell =
        seal_cell(&secret(&file, "key"), &address(&file, "address"), file.array("nonce"), &first).expect("it fits");
    assert_eq!(Sha256::digest(cell.as_bytes())[..], *file.bytes("parts_first_sha256"));
    assert!(record.join(&parts) == Some(payload));
    assert!(record.join(&parts[..1]).is_none(), "a part is missing");
    assert!(record.join(&[parts[1].clone(), parts[0].clone()]).is_none(), "the parts are in another order");
    assert_not_malleable("record of parts", &record.to_bytes(), |bytes| {
        Parts::from_bytes(bytes).map(|record| record.to_bytes())
    });
}

#[test]
fn spill() {
    let file = VectorFile::read("spill.txt");
    let payload = counted(70_000);
    let mut nonces = ["nonce_0", "nonce_1"].into_iter().map(|item| file.array(item));
    let (spill, chunks) =
        Spill::cut(secret(&file, "seed"), &payload, || nonces.next().expect("two chunks")).expect("within the limit");
    assert_eq!(spill.to_bytes()[..], *file.bytes("record"));
    assert_eq!(chunks.len(), 2);
    for (i, (place, chunk)) in chunks.iter().enumerate() {
        assert!(*place == address(&file, &format!("address_{i}")));
        let bytes = chunk.as_bytes();
        assert_eq!(bytes[..64], *file.bytes(&format!("chunk_{i}_first_64")));
        assert_eq!(bytes[bytes.len() - 16..], *file.bytes(&format!("chunk_{i}_tag")));
        assert_eq!(Sha256::digest(bytes)[..], *file.bytes(&format!("chunk_{i}_sha256")));
        assert!(open_chunk(&secret(&file, &format!("key_{i}")), place, chunk).is_ok());
    }
    let chunks: Vec<Chunk> = chunks.into_iter().map(|(_, chunk)| chunk).collect();
    assert!(spill.join(&chunks) == Ok(payload));
    assert!(spill.join(&chunks[..1]).is_err(), "a chunk is missing");
    assert!(spill.join(&[chunks[1].clone(), chunks[0].clone()]).is_err(), "the chunks are in another order");
    assert_not_malleable("spill record", file.bytes("record"), |bytes| {
        Spill::from_bytes(bytes).map(|spill| spill.to_bytes().to_vec())
    });
}

#[test]
fn relay_links() {
    let file = VectorFile::read("links.txt");
    let pin: [u8; 32] = file.bytes("link_body")[1..33].try_into().expect("32 bytes");
    for (item, endpoint) in [("link", "relay.example.org:7443"), ("link_ipv6", "[2001:db8::7]:443")] {
        let link = RelayLink::new(endpoint, pin).expect("an endpoint");
        assert_eq!(link.to_string(), file.text(item));
        let read: RelayLink = file.text(item).parse().expect("a link");
        assert_eq!((read.endpoint(), read.pin()), (endpoint, &pin));
    }
    let forward = ForwardLink::new("relay.example.org:7443", pin).expect("an endpoint");
    assert_eq!(forward.to_string(), file.text("forward_link"));
    assert_eq!(file.text("forward_link").parse(), Ok(forward));
    assert!(
        file.text("link").parse::<ForwardLink>().is_err() && file.text("forward_link").parse::<RelayLink>().is_err()
    );
}

#[test]
fn what_is_sealed_has_few_sizes() {
    for (length, size) in [(0, 8_704), (8_704, 8_704), (8_705, 66_560), (66_560, 66_560)] {
        assert_eq!(oblivious::fill_request(vec![7; length]).map(|filled| filled.len()), Some(size));
    }
    assert_eq!(oblivious::fill_request(vec![7; 66_561]), None);
    for (length, size) in [(1, 8_704), (8_705, 66_560), (66_561, 133_120), (1_064_960, 1_064_960)] {
        let filled = oblivious::fill_answer(vec![7; length]).expect("short enough");
        assert_eq!(filled.len(), size);
        assert!(filled[..length].iter().all(|byte| *byte == 7) && filled[length..].iter().all(|byte| *byte == 0));
    }
    assert_eq!(oblivious::fill_answer(vec![7; 1_064_961]), None);
}

#[test]
fn cards() {
    let file = VectorFile::read("links.txt");
    assert_eq!(Fingerprint::of(file.bytes("identity_key")).as_bytes()[..], *file.bytes("fingerprint"));
    for (item, kind) in [("card_single", CardKind::Single), ("card_intake", CardKind::Intake)] {
        let card: Card = file.text(item).parse().expect("a card");
        let body = file.bytes(&format!("{item}_body"));
        assert_eq!(card.kind, kind);
        assert_eq!(card.secret.expose()[..], body[2..34]);
        assert_eq!(card.fingerprint.as_bytes()[..], *file.bytes("fingerprint"));
        assert_eq!(card.hpke_hash[..], body[66..98]);
        assert_eq!(card.relay.to_string(), file.text("link"));
        assert_eq!(card.to_string(), file.text(item));
    }
}

#[test]
fn hellos() {
    let file = VectorFile::read("contact.txt");
    let reply_secret = Secret::new(std::array::from_fn(|i| 0x40 + u8::try_from(i).expect("below 32")));
    for (item, name, note) in
        [("hello", "Shilan", None), ("hello_with_note", "ناسرین", Some("from Hêro's workshop".to_owned()))]
    {
        let bytes = file.bytes(item);
        let read = Hello::from_bytes(bytes).expect("a hello");
        assert_eq!((read.name.as_str(), &read.note, read.key_package.len()), (name, &note, 48));
        assert_eq!(read.reply_secret.expose(), reply_secret.expose());
        assert_eq!(read.to_bytes(), bytes);
        assert_not_malleable(item, bytes, |bytes| Hello::from_bytes(bytes).ok().map(|hello| hello.to_bytes()));
    }
}

#[test]
fn invites_and_kits() {
    let file = VectorFile::read("invites.txt");
    let invite: Invite = file.text("invite").parse().expect("an invite");
    assert_eq!(invite.to_string(), file.text("invite"));
    assert_eq!(InviteHash::of(&invite.secret).0, file.array("invite_hash"));
    let kit: Kit = file.text("kit").parse().expect("a kit");
    assert_eq!(kit.to_string(), file.text("kit"));
    assert_eq!(kit.invite().to_string(), file.text("invite"));
    assert_eq!(kit.card.to_string(), VectorFile::read("links.txt").text("card_single"));
    assert!(Kit::new(&invite, &kit.card).is_some_and(|joined| joined.to_string() == kit.to_string()));
    let relay = RelayLink::new("other.example:1", [1; 32]).expect("a link");
    assert!(Kit::new(&Invite { relay, ..invite }, &kit.card).is_none(), "an invite for another relay");
    let text = file.text("invite");
    for (wrong, error) in [
        (file.text("kit").to_owned(), InviteError::Scheme),
        (text.replace("INVITE", "INVITE0").to_lowercase().replace("invite", "card"), InviteError::Scheme),
        (format!("{text}1"), InviteError::Letters),
        (text.replacen("AFYX", "AFYZ", 1), InviteError::Checksum),
    ] {
        assert_eq!(wrong.parse::<Invite>().map(|_| ()), Err(error), "{wrong}");
    }
}

#[test]
fn contact_messages() {
    let file = VectorFile::read("contact.txt");
    let group: Vec<u8> = (3..19).collect();
    let read = |item| ContactMessage::from_bytes(file.bytes(item)).expect("a contact message");
    let spill = VectorFile::read("spill.txt");
    assert!(matches!(read("welcome"), ContactMessage::Welcome { welcome, tree, since: None }
        if welcome.len() == 40 && tree.to_bytes()[..] == *spill.bytes("record")));
    assert!(matches!(read("rejoin"), ContactMessage::Rejoin { group: g, key_package }
        if g == group && key_package.len() == 48));
    assert!(matches!(read("event"), ContactMessage::Event { group: g, event } if g == group && event.len() == 3));
    assert!(matches!(read("unknown"), ContactMessage::Unknown(9)));
    assert!(matches!(read("welcome_since"), ContactMessage::Welcome { since: Some(20_500), .. }));
    for item in ["welcome", "welcome_since", "rejoin", "event", "unknown"] {
        assert_not_malleable(item, file.bytes(item), |bytes| {
            ContactMessage::from_bytes(bytes).ok().map(|message| message.to_bytes())
        });
    }
}

#[test]
fn policies() {
    let file = VectorFile::read("contact.txt");
    let bytes = file.bytes("policy");
    let key =
        |first: u8| Fingerprint::of(&std::array::from_fn::<u8, 32, _>(|i| first + u8::try_from(i).expect("small")));
    let mut members = [key(0xD0), key(0xD1), key(0xD2)];
    members.sort();
    let roles = members.into_iter().zip([Role::Owner, Role::Contact, Role::Coordinator]).collect();
    let policy = Policy { name: "Circle of Shilan".to_owned(), kind: GroupKind::Circle, suite: 0x004D, roles };
    assert_eq!(policy.to_bytes(), bytes);
    assert_eq!(Policy::from_bytes(bytes).as_ref(), Ok(&policy));
    let line = file.bytes("policy_line");
    let roles = members.into_iter().zip([Role::Owner, Role::Defender, Role::Coordinator]).collect();
    let policy = Policy { name: "Night desk: Shilan".to_owned(), kind: GroupKind::Line, suite: 0x004D, roles };
    assert_eq!(policy.to_bytes(), line);
    assert_eq!(Policy::from_bytes(line).as_ref(), Ok(&policy));
    for bytes in [bytes, line] {
        assert_not_malleable("policy", bytes, |bytes| Policy::from_bytes(bytes).ok().map(|policy| policy.to_bytes()));
    }
    assert_eq!(Policy::from_bytes(file.bytes("refused_policy_role")), Err(PolicyError::Limit));
    assert_eq!(Policy::from_bytes(file.bytes("refused_policy_kind")), Err(PolicyError::Version));
}

#[test]
fn asides() {
    let file = VectorFile::read("contact.txt");
    let (offer, letter) = (file.bytes("offer"), file.bytes("letter"));
    assert!(matches!(Aside::from_bytes(offer), Some(Aside::Offer { key_package }) if key_package.len() == 48));
    let Some(Aside::Letter { message, .. }) = Aside::from_bytes(letter) else { panic!("a letter") };
    assert_eq!(message, file.bytes("rejoin"));
    for (name, bytes) in [("offer", offer), ("letter", letter)] {
        assert_not_malleable(name, bytes, |bytes| Aside::from_bytes(bytes).map(|aside| aside.to_bytes()));
    }
    for event in ["event", "rejoin", "policy"] {
        assert_eq!(Aside::from_bytes(file.bytes(event)), None, "what is no array is no aside");
    }
}

#[test]
fn descriptors() {
    let file = VectorFile::read("relay.txt");
    let descriptor = Descriptor {
        access: Access::Open,
        retention: 14,
        window_seconds: 86_400,
        current_window: 20_500,
        oldest_window: 20_487,
        token_keys: Vec::new(),
        gateway_keys: Vec::new(),
        sunset: None,
    };
    let bytes = file.bytes("descriptor");
    assert_eq!(descriptor.to_bytes(), bytes);
    assert_eq!(Descriptor::from_bytes(bytes).as_ref(), Ok(&descriptor));
    assert_eq!(Descriptor::from_bytes(file.bytes("descriptor_with_section")).as_ref(), Ok(&descriptor));
    assert_not_malleable("descriptor", bytes, |bytes| Descriptor::from_bytes(bytes).ok().map(|it| it.to_bytes()));
    let config = file.bytes("key_config");
    let public = config[3..3 + PUBLIC_KEY_SIZE].try_into().expect("a public key");
    let key = GatewayKey { first: 20_487, public: Box::new(public) };
    assert_eq!(key.config(), config);
    let gateway = Descriptor { gateway_keys: vec![key], ..descriptor.clone() };
    let bytes = file.bytes("descriptor_with_gateway");
    assert_eq!(gateway.to_bytes(), bytes);
    assert_eq!(Descriptor::from_bytes(bytes).as_ref(), Ok(&gateway));
    let announced = Descriptor { sunset: Some(20_849), ..descriptor };
    let bytes = file.bytes("descriptor_with_sunset");
    assert_eq!(announced.to_bytes(), bytes);
    assert_eq!(Descriptor::from_bytes(bytes).as_ref(), Ok(&announced));
    for item in [
        "refused_descriptor_two_sunsets",
        "refused_descriptor_short_sunset",
        "refused_descriptor_gateway_twice",
        "refused_descriptor_gateway_id",
        "refused_descriptor_gateway_suite",
    ] {
        assert!(Descriptor::from_bytes(file.bytes(item)).is_err(), "{item}");
    }
}

#[test]
fn records_and_windows() {
    let file = VectorFile::read("relay.txt");
    let cell = Cell::from_bytes([0xA5; 4_096]).expect("a cell's size");
    let place = address(&VectorFile::read("cells.txt"), "address");
    assert!(record(&place, &cell) == file.bytes("record"));
    assert!(parse_record(file.bytes("record")) == Ok((place, cell)));
    assert_not_malleable("record", file.bytes("record"), |bytes| {
        parse_record(bytes).ok().map(|(address, cell)| record(&address, &cell))
    });
    let cursor = Cursor::from_hex(file.text("cursor_query")).expect("a cursor");
    let head = CurrentHead { window: 20_500, cursor };
    assert_eq!(head.to_bytes()[..], *file.bytes("current_head"));
    assert_not_malleable("current head", file.bytes("current_head"), |bytes| {
        let (head, rest) = CurrentHead::parse(bytes).ok()?;
        Some([&head.to_bytes(), rest].concat())
    });
    assert_eq!(cursor.to_hex(), file.text("cursor_query"));
    assert_eq!(Cursor::from_hex(&file.text("cursor_query").to_uppercase()), None);
}

#[test]
fn what_members_say_and_compute() {
    let file = VectorFile::read("member.txt");
    let run = |from: u8| std::array::from_fn(|i| from + u8::try_from(i).expect("below 32"));
    let (token, gateway) = (SeenKey { first: 20_498, id: run(0x60) }, SeenKey { first: 20_499, id: run(0x80) });
    let relay = |sunset| Descriptor {
        access: Access::Token,
        retention: 14,
        window_seconds: 86_400,
        current_window: 20_501,
        oldest_window: 20_488,
        token_keys: Vec::new(),
        gateway_keys: Vec::new(),
        sunset,
    };
    let terms = |sunset| Some(SeenTerms { window: 20_501, terms: Terms::of(&relay(sunset)) });
    assert_eq!(Terms::of(&relay(None)).window_seconds(), 86_400);
    for (item, kind, token_key, gateway_key, terms) in [
        ("standing_unsure", StandingKind::Unsure, None, None, None),
        ("standing_missed_nothing", StandingKind::MissedNothing, None, None, None),
        ("standing_lost", StandingKind::Lost(3), None, None, None),
        ("standing_key", StandingKind::MissedNothing, Some(token), None, None),
        ("standing_gateway_key", StandingKind::MissedNothing, None, Some(gateway), None),
        ("standing_terms", StandingKind::MissedNothing, None, None, terms(Some(22_000))),
        ("standing_lost_keys", StandingKind::Lost(3), Some(token), Some(gateway), None),
        ("standing_all", StandingKind::Unsure, Some(token), Some(gateway), terms(None)),
    ] {
        let standing = Standing { kind, window: 20_500, stored: 7, token_key, gateway_key, terms };
        assert_eq!(standing.to_bytes(), file.bytes(item), "{item}");
        assert_eq!(Standing::from_bytes(file.bytes(item)), Some(standing), "{item}");
        assert_not_malleable(item, file.bytes(item), |bytes| Some(Standing::from_bytes(bytes)?.to_bytes()));
    }
    for (day, members) in [(20_700, 1), (20_700, 7), (20_701, 7), (20_702, 200)] {
        let [number] = file.array(&format!("turn_{day}_{members}"));
        assert_eq!(turn(file.bytes("group"), day, members), u64::from(number), "day {day} of {members}");
    }
    let fingerprint = |item| Fingerprint::from_slice(file.bytes(item)).expect("32 bytes");
    let (one, other) = (fingerprint("fingerprint_one"), fingerprint("fingerprint_other"));
    assert_eq!(verification(&one, &other), file.array("verification"));
    assert_eq!(verification(&other, &one), file.array("verification"));
    assert_eq!(group_verification(file.bytes("epoch_authenticator")), file.array("group_verification"));
}

#[test]
fn picks() {
    let file = VectorFile::read("relay.txt");
    let place = address(&VectorFile::read("cells.txt"), "address");
    let other = Address::new(std::array::from_fn(|i| 0x90 + u8::try_from(i).expect("below 32")));
    let mut list: CellList = std::array::from_fn(|i| [u8::try_from(i).expect("below 32"); 8]);
    (list[0], list[1]) = (place.prefix(), other.prefix());
    for (item, pick) in [("pick_cells", Pick::Cells(Box::new(list))), ("pick_chunks", Pick::Chunks(vec![place]))] {
        assert_eq!(pick.to_bytes().as_deref(), Some(file.bytes(item)));
        assert_eq!(Pick::from_bytes(file.bytes(item)), Ok(pick));
        assert_not_malleable(item, file.bytes(item), |bytes| Pick::from_bytes(bytes).ok()?.to_bytes());
    }
    let cell = Cell::from_bytes([0xA5; 4_096]).expect("a cell's size");
    let mut found = vec![None; 32];
    found[0] = Some((place, cell.clone()));
    assert_eq!(parse_picked_cells(file.bytes("picked_cells"), &list), Ok(found));
    list[0] = other.prefix();
    assert!(parse_picked_cells(file.bytes("picked_cells"), &list).is_err(), "it lies under another prefix");
    let chunk = Chunk::from_bytes([0x5A; 65_536]).expect("a chunk's size");
    assert_eq!(parse_picked_chunks(file.bytes("picked_chunks"), 1), Ok(vec![Some(chunk)]));
    assert!(parse_picked_chunks(file.bytes("picked_chunks"), 2).is_err());
    assert_eq!(Pick::Chunks(vec![]).to_bytes(), None);
    assert_eq!(Pick::Chunks(vec![place; 65]).to_bytes(), None);
}

#[test]
fn indexes() {
    let file = VectorFile::read("relay.txt");
    let index = file.bytes("index");
    assert_eq!(parse_prefixes(index), Ok(vec![*b"\x80\x81\x82\x83\x84\x85\x86\x87", [0x90; 8], [0x90; 8]]));
    assert!(parse_prefixes(&index[1..]).is_err());
    assert!(parse_prefixes(file.bytes("refused_index_unsorted")).is_err());
    assert_eq!(parse_prefixes(&[]), Ok(vec![]));
}

#[test]
fn feed_frames() {
    let file = VectorFile::read("relay.txt");
    let cursor = Cursor::from_hex(file.text("cursor_query")).expect("a cursor");
    let place = address(&VectorFile::read("cells.txt"), "address");
    let cell = Cell::from_bytes([0xA5; 4_096]).expect("a cell's size");
    for (item, frame) in [
        ("feed_start", FeedFrame::Start(cursor)),
        ("feed_cell", FeedFrame::Cell(cursor, place, cell)),
        ("feed_address", FeedFrame::Address(cursor, place)),
    ] {
        assert!(frame.to_bytes() == file.bytes(item), "{item}");
        assert!(FeedFrame::from_bytes(file.bytes(item)) == Ok(frame), "{item}");
        assert_not_malleable(item, file.bytes(item), |bytes| {
            FeedFrame::from_bytes(bytes).ok().map(|frame| frame.to_bytes())
        });
    }
}
