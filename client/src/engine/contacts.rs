//! First contact: cards, hellos, approval, and the lanes between two people.

use himaya_protocol::content::display;
use himaya_protocol::wire::Cell;
use himaya_protocol::wire::card::{Card, CardKind, Fingerprint};
use himaya_protocol::wire::cell::{Frame, open_cell};
use himaya_protocol::wire::contact::{HELLO_INFO, Hello};
use himaya_protocol::wire::lane::{Chain, Direction, card_key_slot};
use himaya_protocol::wire::member::{group_verification, verification};
use himaya_protocol::wire::policy::Role;
use himaya_protocol::wire::secret::Secret;
use openmls_traits::OpenMlsProvider;
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::types::HpkeCiphertext;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::circles::{self, Circle, Member};
use super::commit::{self, Wish};
use super::error::EngineError;
use super::lanes::{self, Kind, NewLane, loaded, stored};
use super::mls::{self, SUITE};
use super::outbox::{self, NewJob, Purpose};
use super::receive::News;
use crate::store::{Ctx, Seconds, StoreError};

/// Length of X-Wing's encapsulated key, in bytes (draft-connolly-cfrg-xwing-kem).
const ENCAPSULATED: usize = 1_120;

/// Somebody who accepted a card and waits for an answer.
#[derive(Debug, Clone)]
pub struct Request {
    /// Names the request here.
    pub id: u64,
    /// The name the person chose.
    pub name: String,
    /// What the person wrote to be recognised by.
    pub note: Option<String>,
    /// SHA-256 of the person's identity key.
    pub fingerprint: Fingerprint,
    /// When it arrived.
    pub received: Seconds,
}

/// Somebody this profile can write to outside a group.
#[derive(Debug, Clone)]
pub struct Contact {
    /// SHA-256 of the identity key.
    pub fingerprint: Fingerprint,
    /// The name the person chose.
    pub name: String,
    /// Whether the fingerprint was compared.
    pub verified: bool,
}

/// A card that was accepted: its hello is queued.
#[derive(Debug, Clone, Copy)]
pub struct Accepted {
    /// The hello in the outbox.
    pub job: i64,
    /// The lane it was written for.
    lane: i64,
}

/// Makes a card and queues its key for the relay.
pub fn new_card(ctx: &mut Ctx<'_>, kind: CardKind) -> Result<Card, EngineError> {
    let identity = super::identity(ctx)?;
    let secret = Secret::new(ctx.random());
    let seed = Zeroizing::new(ctx.random::<32>());
    let provider = ctx.mls();
    let keys = provider
        .crypto()
        .derive_hpke_keypair(SUITE.hpke_config(), seed.as_slice())
        .map_err(|error| EngineError::Mls { step: "making a card's key", cause: format!("{error:?}") })?;
    let card = Card {
        kind,
        secret: secret.clone(),
        fingerprint: identity.fingerprint,
        hpke_hash: Sha256::digest(&keys.public).into(),
        relay: identity.relay,
    };
    let id = ctx.insert(
        "INSERT INTO card (secret, intake, hpke_private, created) VALUES (?1, ?2, ?3, ?4)",
        &[&&secret.expose()[..], &(kind == CardKind::Intake), &&keys.private[..], &stored(ctx.now)],
    )?;
    let inbox = NewLane { card: Some(id), ..NewLane::outside(Kind::Card, false, Chain::card(&secret)) };
    lanes::open(ctx, &inbox)?;
    outbox::enqueue(ctx, &NewJob::outside(Purpose::CardKey, None, &keys.public), &card_key_slot(&secret))?;
    Ok(card)
}

/// Opens the cell that lies under a card: the card's HPKE key, if it is the one the card names.
pub fn open_card_key(card: &Card, cell: &Cell) -> Result<Vec<u8>, EngineError> {
    let slot = card_key_slot(&card.secret);
    match open_cell(&slot.key, &slot.address, cell) {
        Ok(Frame::Inline(key))
            if key.len() == mls::KEM_KEY && <[u8; 32]>::from(Sha256::digest(&key)) == card.hpke_hash =>
        {
            Ok(key)
        }
        _ => Err(EngineError::CardKey),
    }
}

/// Whether this profile can use somebody's card at all.
pub fn check_card(ctx: &Ctx<'_>, card: &Card) -> Result<(), EngineError> {
    let identity = super::identity(ctx)?;
    if card.fingerprint == identity.fingerprint {
        return Err(EngineError::OwnCard);
    }
    if card.relay != identity.relay {
        return Err(EngineError::OtherRelay);
    }
    Ok(())
}

/// Accepts somebody's card: queues a hello, sealed to the key that lies under the card.
pub fn accept_card(ctx: &mut Ctx<'_>, card: &Card, key: &[u8], note: Option<&str>) -> Result<Accepted, EngineError> {
    check_card(ctx, card)?;
    let identity = super::identity(ctx)?;
    let reply_secret = Secret::new(ctx.random());
    let hello = Hello {
        key_package: mls::key_package(ctx, &card.fingerprint, None)?,
        name: identity.name.clone(),
        reply_secret: reply_secret.clone(),
        note: note.map(str::to_owned),
    };
    let plain = Zeroizing::new(hello.to_bytes());
    let provider = ctx.mls();
    let sealed = provider
        .crypto()
        .hpke_seal(SUITE.hpke_config(), key, HELLO_INFO, Hello::associated_data(&card.fingerprint), &plain)
        .map_err(|_| EngineError::CardKey)?;
    let payload = [sealed.kem_output.as_slice(), sealed.ciphertext.as_slice()].concat();

    befriend(ctx, &card.fingerprint, None, &reply_secret, Direction::ToOwner)?;
    let single = card.kind == CardKind::Single;
    let lane = NewLane {
        fingerprint: Some(card.fingerprint.as_bytes()),
        card: Some(i64::from(single)),
        ..NewLane::outside(Kind::Hello, true, Chain::card(&card.secret))
    };
    let lane = lanes::open(ctx, &lane)?;
    let slot = lanes::take(ctx, lane)?;
    let job = outbox::enqueue(ctx, &NewJob::outside(Purpose::Hello, Some(lane), &payload), &slot)?;
    Ok(Accepted { job, lane })
}

/// Whether a queued hello answers a card that may be accepted once.
pub(super) fn single_hello(ctx: &Ctx<'_>, job: i64) -> Result<bool, EngineError> {
    let sql = "SELECT card FROM lane WHERE id = (SELECT lane FROM job WHERE id = ?1)";
    Ok(ctx.row(sql, &[&job], |row| row.get::<_, Option<i64>>(0))?.flatten() == Some(1))
}

/// Whether a hello was given up since it was queued, because its card had been used.
pub fn was_given_up(ctx: &Ctx<'_>, accepted: &Accepted) -> Result<bool, EngineError> {
    Ok(ctx.row("SELECT 1 FROM lane WHERE id = ?1", &[&accepted.lane], |_| Ok(()))?.is_none())
}

/// Somebody else's hello lies in a card that may be accepted once: forget ours and the lanes that went with it.
pub(super) fn give_up_hello(ctx: &Ctx<'_>, job: i64) -> Result<(), EngineError> {
    let lane: Option<(i64, Vec<u8>)> =
        ctx.row("SELECT id, fingerprint FROM lane WHERE id = (SELECT lane FROM job WHERE id = ?1)", &[&job], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    if let Some((lane, fingerprint)) = lane {
        ctx.execute("DELETE FROM lane WHERE id = ?1", &[&lane])?;
        let newest = "SELECT id FROM lane WHERE kind = 'contact' AND fingerprint = ?1 ORDER BY id DESC LIMIT 2";
        for id in ctx.rows(newest, &[&fingerprint], |row| row.get::<_, i64>(0))? {
            ctx.execute("DELETE FROM lane WHERE id = ?1", &[&id])?;
            ctx.execute("DELETE FROM slot WHERE lane = ?1", &[&id])?;
        }
    }
    outbox::drop_job(ctx, job)
}

/// A hello lies in the inbox of one of our cards. `None` when it is void.
pub(super) fn hello(ctx: &mut Ctx<'_>, card: i64, payload: &[u8]) -> Result<Option<News>, EngineError> {
    let Some((private, intake)) = ctx.row("SELECT hpke_private, intake FROM card WHERE id = ?1", &[&card], |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, bool>(1)?))
    })?
    else {
        return Ok(None);
    };
    let private = Zeroizing::new(private);
    let Some((kem_output, ciphertext)) = payload.split_at_checked(ENCAPSULATED) else {
        return Ok(None);
    };
    let sealed = HpkeCiphertext { kem_output: kem_output.to_vec().into(), ciphertext: ciphertext.to_vec().into() };
    let me = super::identity(ctx)?.fingerprint;
    let provider = ctx.mls();
    let opened =
        provider.crypto().hpke_open(SUITE.hpke_config(), &sealed, &private, HELLO_INFO, Hello::associated_data(&me));
    let Some(hello) = opened.ok().map(Zeroizing::new).and_then(|plain| Hello::from_bytes(&plain).ok()) else {
        return Ok(None);
    };
    let Ok(package) = mls::check_key_package(&provider, &hello.key_package) else {
        return Ok(None);
    };
    let fingerprint = Fingerprint::of(package.leaf_node().signature_key().as_slice());
    if mls::credential_name(package.leaf_node().credential()) != hello.name {
        return Ok(None);
    }
    let id = ctx.insert(
        "INSERT INTO hello (card, fingerprint, name, note, key_package, reply_secret, received)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &[
            &card,
            &&fingerprint.as_bytes()[..],
            &hello.name,
            &hello.note,
            &hello.key_package,
            &&hello.reply_secret.expose()[..],
            &stored(ctx.now),
        ],
    )?;
    if !intake {
        // Whoever takes the profile later must not open the hello that still lies on the relay, and with it the lanes.
        ctx.execute("UPDATE card SET used = 1, secret = x'', hpke_private = x'' WHERE id = ?1", &[&card])?;
        lanes::close_card(ctx, card)?;
    }
    Ok(Some(News::Hello { request: loaded(id) }))
}

/// People who wait for an answer, oldest first.
pub fn requests(ctx: &Ctx<'_>) -> Result<Vec<Request>, EngineError> {
    let rows = ctx.rows("SELECT id, name, note, fingerprint, received FROM hello ORDER BY id", &[], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, Option<String>>(2)?,
            row.get::<_, Vec<u8>>(3)?,
            row.get::<_, i64>(4)?,
        ))
    })?;
    rows.into_iter()
        .map(|(id, name, note, fingerprint, received)| {
            let fingerprint = Fingerprint::from_slice(&fingerprint).ok_or(StoreError::Damaged("request"))?;
            Ok(Request { id: loaded(id), name, note, fingerprint, received: loaded(received) })
        })
        .collect()
}

/// Approves a request: the person becomes a contact and is added to a circle.
pub fn approve(ctx: &mut Ctx<'_>, request: u64, circle: &Circle, role: Role) -> Result<Contact, EngineError> {
    circles::require_manager(ctx, circle)?;
    circles::require_room(circle)?;
    if !circle.kind.has(role) || role == Role::Owner {
        return Err(EngineError::Role);
    }
    let row = ctx.row(
        "SELECT fingerprint, name, key_package, reply_secret FROM hello WHERE id = ?1",
        &[&stored(request)],
        |row| {
            Ok((
                row.get::<_, Vec<u8>>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, Vec<u8>>(2)?,
                row.get::<_, Vec<u8>>(3)?,
            ))
        },
    )?;
    let (fingerprint, name, key_package, reply_secret) =
        row.ok_or_else(|| EngineError::Unknown { what: "request", name: request.to_string() })?;
    let fingerprint = Fingerprint::from_slice(&fingerprint).ok_or(StoreError::Damaged("request"))?;
    let reply_secret = Secret::from_slice(&reply_secret).ok_or(StoreError::Damaged("request"))?;
    let already = circles::members(ctx, &circle.id)?.iter().any(|member| member.fingerprint == fingerprint);
    if already || commit::wished(ctx, &circle.id, "add", Some(&fingerprint))? {
        return Err(EngineError::Member);
    }
    befriend(ctx, &fingerprint, Some(&name), &reply_secret, Direction::FromOwner)?;
    // Whoever asked twice is answered once.
    ctx.execute("DELETE FROM hello WHERE fingerprint = ?1", &[&&fingerprint.as_bytes()[..]])?;
    commit::wish(ctx, &circle.id, &Wish::Add { who: fingerprint, role, key_package })?;
    Ok(Contact { fingerprint, name, verified: false })
}

/// Forgets a request; the name it came with.
pub fn decline(ctx: &Ctx<'_>, request: u64) -> Result<String, EngineError> {
    let name = ctx.row("SELECT name FROM hello WHERE id = ?1", &[&stored(request)], |row| row.get(0))?;
    let name = name.ok_or_else(|| EngineError::Unknown { what: "request", name: request.to_string() })?;
    ctx.execute("DELETE FROM hello WHERE id = ?1", &[&stored(request)])?;
    Ok(name)
}

/// Notes a contact and opens both lanes; `ours` is the direction this client writes in.
fn befriend(
    ctx: &Ctx<'_>,
    who: &Fingerprint,
    name: Option<&str>,
    reply_secret: &Secret,
    ours: Direction,
) -> Result<(), EngineError> {
    let theirs = match ours {
        Direction::FromOwner => Direction::ToOwner,
        Direction::ToOwner => Direction::FromOwner,
    };
    ctx.execute(
        "INSERT INTO contact (fingerprint, name, since) VALUES (?1, ?2, ?3)
         ON CONFLICT (fingerprint) DO UPDATE SET name = CASE WHEN ?2 = '' THEN name ELSE ?2 END",
        &[&&who.as_bytes()[..], &name.unwrap_or_default(), &stored(ctx.now)],
    )?;
    for (own, direction) in [(true, ours), (false, theirs)] {
        let lane = NewLane::outside(Kind::Contact, own, Chain::contact(reply_secret, direction));
        lanes::open(ctx, &NewLane { fingerprint: Some(who.as_bytes()), ..lane })?;
    }
    Ok(())
}

/// Learns the name of a contact whose card was accepted, from the group both are in.
pub(super) fn learn_name(ctx: &Ctx<'_>, who: &Fingerprint, name: &str) -> Result<(), EngineError> {
    let sql = "UPDATE contact SET name = ?2 WHERE fingerprint = ?1 AND name = ''";
    ctx.execute(sql, &[&&who.as_bytes()[..], &name])?;
    Ok(())
}

/// Everybody this profile can write to outside a group.
pub fn contacts(ctx: &Ctx<'_>) -> Result<Vec<Contact>, EngineError> {
    let rows = ctx.rows("SELECT fingerprint, name, verified FROM contact ORDER BY name", &[], |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?))
    })?;
    rows.into_iter()
        .map(|(fingerprint, name, verified)| {
            let fingerprint = Fingerprint::from_slice(&fingerprint).ok_or(StoreError::Damaged("contact"))?;
            Ok(Contact { fingerprint, name, verified })
        })
        .collect()
}

/// A contact by name or by the beginning of the fingerprint.
pub fn contact(ctx: &Ctx<'_>, who: &str) -> Result<Contact, EngineError> {
    pick("contact", who, contacts(ctx)?, |contact| (contact.name.clone(), contact.fingerprint))
}

/// A contact or fellow member by name or by the beginning of the fingerprint.
pub fn person(ctx: &Ctx<'_>, who: &str) -> Result<Contact, EngineError> {
    let mut people = contacts(ctx)?;
    for circle in circles::list(ctx)? {
        for member in circles::members(ctx, &circle.id)?.into_iter().filter(|member| !member.me) {
            if !people.iter().any(|known| known.fingerprint == member.fingerprint) {
                let Member { fingerprint, name, verified, .. } = member;
                people.push(Contact { fingerprint, name, verified });
            }
        }
    }
    pick("contact", who, people, |person| (person.name.clone(), person.fingerprint))
}

/// The one thing that is called so, or whose fingerprint begins so.
pub(super) fn pick<T>(
    what: &'static str,
    name: &str,
    things: Vec<T>,
    key: impl Fn(&T) -> (String, Fingerprint),
) -> Result<T, EngineError> {
    // A name copied from our own output carries invisible isolates.
    let name = &display::clean(name);
    let digits = name.to_ascii_lowercase();
    let begins = |fingerprint: Fingerprint| {
        digits.len() >= 4 && data_encoding::HEXLOWER.encode(fingerprint.as_bytes()).starts_with(&digits)
    };
    let mut matching: Vec<T> = things
        .into_iter()
        .filter(|thing| {
            let (own, fingerprint) = key(thing);
            display::clean(&own) == *name || begins(fingerprint)
        })
        .collect();
    let found = matching.pop().ok_or_else(|| EngineError::Unknown { what, name: name.to_owned() })?;
    if matching.is_empty() { Ok(found) } else { Err(EngineError::Ambiguous { what, name: name.to_owned() }) }
}

/// Twelve words that two people compare: the same for both, different for any other pair of keys.
///
/// BIP 39 words of the first 16 bytes of `SHA-256("himaya verify" ‖ smaller fingerprint ‖ larger fingerprint)`.
pub fn words(ctx: &Ctx<'_>, who: &Fingerprint) -> Result<Vec<&'static str>, EngineError> {
    let me = super::identity(ctx)?.fingerprint;
    as_words(verification(&me, who))
}

/// Twelve words that members of a circle compare: the same for all who agree on everything that has happened to it. With
/// the epoch in which they hold.
pub fn circle_words(ctx: &mut Ctx<'_>, circle: &Circle) -> Result<(u64, Vec<&'static str>), EngineError> {
    let authenticator = super::authenticator(ctx, circle)?;
    Ok((circle.epoch, as_words(group_verification(&authenticator))?))
}

fn as_words(entropy: [u8; 16]) -> Result<Vec<&'static str>, EngineError> {
    let mnemonic = bip39::Mnemonic::from_entropy(&entropy).map_err(EngineError::mls("choosing words"))?;
    Ok(mnemonic.words().collect())
}

/// Records that the words were compared and match.
pub fn mark_verified(ctx: &Ctx<'_>, who: &Contact) -> Result<(), EngineError> {
    ctx.execute(
        "INSERT INTO contact (fingerprint, name, verified, since) VALUES (?1, ?2, 1, ?3)
         ON CONFLICT (fingerprint) DO UPDATE SET verified = 1",
        &[&&who.fingerprint.as_bytes()[..], &who.name, &stored(ctx.now)],
    )?;
    Ok(())
}

/// Records that a card was received from its owner in person, which verifies the owner's key.
pub fn mark_fingerprint_verified(ctx: &Ctx<'_>, who: &Fingerprint) -> Result<(), EngineError> {
    ctx.execute("UPDATE contact SET verified = 1 WHERE fingerprint = ?1", &[&&who.as_bytes()[..]])?;
    Ok(())
}
