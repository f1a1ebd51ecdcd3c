//! A cell arrives: is it expected, what does it say, what does it change.
//!
//! Whatever happens, happens in one transaction: a slot is consumed together with what its cell meant. A cell nobody
//! expects is somebody else's, or one that was consumed before: both are ignored, so repeats and own echoes never
//! reach MLS twice. Whether a cell is void depends only on bytes at write-once addresses and on the group's state, so
//! all members skip the same cells. Chunks that are not there say nothing about the cell: it is held, not void.

use std::collections::BTreeMap;

use himaya_protocol::content::EventId;
use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::cell::{Frame, open_cell};
use himaya_protocol::wire::contact::ContactMessage;
use himaya_protocol::wire::member::{Aside, Standing};
use himaya_protocol::wire::spill::Spill;
use himaya_protocol::wire::{Address, Cell, Chunk};
use openmls::group::{MergeCommitError, ProcessMessageError, StageCommitError};
use openmls::prelude::tls_codec::Deserialize as _;
use openmls::prelude::{ContentType, MlsMessageBodyIn, MlsMessageIn, ProcessedMessage, ProcessedMessageContent};
use openmls::prelude::{PrivateMessageIn, Sender};

use super::adrift::{self, Reason};
use super::circles::{self, CircleId};
use super::error::EngineError;
use super::judge::judge;
use super::lanes::{self, Expected, Kind};
use super::suspicion::{self, Reason as Suspected};
use super::{asides, commit, contacts, events, gateway, join, mls, outbox, parts, terms, tokens};
use crate::store::{Ctx, Seconds, StoreError};

/// How long a cell waits for its chunks, in seconds: longer than any relay keeps them.
const HELD_MOST: Seconds = 31 * 86_400;
/// The longest wait between two tries of a cell that was held, in seconds.
const HELD_WAIT_MOST: Seconds = 3_600;

/// Something that happened, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// An event was logged.
    Event(EventId),
    /// The relay has an own event.
    Relayed(EventId),
    /// Somebody accepted a card and waits for an answer.
    Hello {
        /// Names the request.
        request: u64,
    },
    /// This client was added to a circle.
    Joined {
        /// Which one.
        circle: CircleId,
    },
    /// This client was removed from a circle.
    Removed {
        /// Which one.
        circle: CircleId,
    },
    /// This client left a circle.
    Left {
        /// Which one.
        circle: CircleId,
    },
    /// A circle entered a new epoch: its members or their keys changed.
    Epoch {
        /// Which one.
        circle: CircleId,
    },
    /// This client does not follow a circle any more, and asks to be added again.
    OutOfSync {
        /// Which one.
        circle: CircleId,
    },
    /// Somebody who lost the way is being added again.
    Rejoin {
        /// To which circle.
        circle: CircleId,
    },
    /// Somebody uses a newer version.
    UpdateNeeded,
    /// The relay did what an honest one does not do.
    RelaySuspect(Suspected),
}

/// What became of a cell.
#[derive(Debug)]
pub enum Received {
    /// Nobody here expects it.
    Ignored,
    /// Its chunks are needed first: fetch these and hand the cell in again.
    Needs(Vec<Address>),
    /// It is kept until what it depends on is there.
    Held,
    /// It was void and is done with.
    Void,
    /// It was used, or made others expected.
    Used(Vec<News>),
}

/// Chunks that were fetched; `None` for those the relay does not have.
pub type Fetched = BTreeMap<Address, Option<Chunk>>;

/// Hands a cell in that lay at `address` in `window`.
pub fn receive(
    ctx: &mut Ctx<'_>,
    window: u32,
    address: &Address,
    cell: &Cell,
    fetched: &Fetched,
) -> Result<Received, EngineError> {
    let Some(expected) = lanes::expected(ctx, address)? else {
        return Ok(Received::Ignored);
    };
    if expected.lane.kind == Kind::Commit {
        // Our own commit, come back to us: as good as the relay's answer.
        if let Some((job, ours)) = outbox::commit_at(ctx, address)?
            && ours == cell.as_bytes()
        {
            return outbox::stored(ctx, job).map(Received::Used);
        }
        if lanes::first_open(ctx, expected.lane.id)?.0 != expected.n {
            return hold(ctx, window, &expected, cell);
        }
        let circle = expected.lane.circle.as_deref().unwrap_or_default();
        if adrift::counts_for_nobody(ctx, circle, expected.lane.epoch, expected.n)? {
            return void(ctx, &expected);
        }
    }
    let payload = match open_cell(&expected.slot.key, address, cell) {
        Err(_) => return void(ctx, &expected),
        Ok(Frame::Inline(payload)) => payload,
        Ok(Frame::Spill(_)) if expected.lane.kind == Kind::Part => return void(ctx, &expected),
        Ok(Frame::Spill(spill)) => match gather(&spill, fetched) {
            Gathered::Whole(payload) => payload,
            Gathered::Void => return void(ctx, &expected),
            Gathered::Needs(addresses) => return Ok(Received::Needs(addresses)),
            Gathered::Absent => return hold(ctx, window, &expected, cell),
        },
        Ok(Frame::Parts(record)) if expected.lane.kind == Kind::Commit => {
            match parts::gather(ctx, &expected.lane, &record)? {
                Some(payload) => payload,
                None => return hold(ctx, window, &expected, cell),
            }
        }
        Ok(Frame::Parts(_)) => return void(ctx, &expected),
    };
    match expected.lane.kind {
        Kind::Member => member(ctx, window, &expected, cell, &payload, fetched),
        Kind::Commit => commit_cell(ctx, &expected, &payload),
        Kind::Part => part(ctx, &expected, &payload),
        Kind::Card => card(ctx, &expected, &payload),
        Kind::Contact => contact(ctx, window, &expected, cell, &payload, fetched),
        Kind::Hello => void(ctx, &expected),
    }
}

/// Cells that were held, with the window they lay in: hand them in again. The longer one has waited, the longer it waits
/// until the next time; one that has waited for a month outside a commit lane is given up.
pub fn retry_held(ctx: &mut Ctx<'_>) -> Result<Vec<(u32, Address, Cell)>, EngineError> {
    give_up_held(ctx)?;
    // What lies further ahead than anything is ever planned was planned by a clock that has been put back since.
    let due = "retry_at <= ?1 OR retry_at > ?1 + ?2";
    let now = lanes::stored(ctx.now);
    let most = lanes::stored(HELD_MOST);
    let rows = ctx.rows(&format!("SELECT window, address, cell FROM held WHERE {due}"), &[&now, &most], |row| {
        Ok((row.get::<_, u32>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
    })?;
    ctx.execute(
        &format!("UPDATE held SET retry_at = ?1 + min(max(?1 - since, 0), ?3) WHERE {due}"),
        &[&now, &most, &lanes::stored(HELD_WAIT_MOST)],
    )?;
    rows.into_iter()
        .map(|(window, address, cell)| {
            let damaged = StoreError::Damaged("held cell");
            let (Some(address), Some(cell)) = (Address::from_slice(&address), Cell::from_bytes(cell)) else {
                return Err(damaged.into());
            };
            Ok((window, address, cell))
        })
        .collect()
}

/// Cells of which no chunk will come any more are void.
fn give_up_held(ctx: &mut Ctx<'_>) -> Result<(), EngineError> {
    let oldest = lanes::stored(ctx.now.saturating_sub(HELD_MOST));
    let rows = ctx.rows(
        "SELECT held.address FROM held JOIN slot ON slot.address = held.address JOIN lane ON lane.id = slot.lane
         WHERE held.since < ?1 AND lane.kind <> 'commit'",
        &[&oldest],
        |row| row.get::<_, Vec<u8>>(0),
    )?;
    for address in rows.iter().filter_map(|address| Address::from_slice(address)) {
        if let Some(expected) = lanes::expected(ctx, &address)? {
            void(ctx, &expected)?;
        }
    }
    Ok(())
}

/// Keeps a cell. What comes after it is looked for all the same, except in a commit lane, where it has to wait: else
/// eight cells without their chunks would silence the one whose lane it is.
fn hold(ctx: &Ctx<'_>, window: u32, expected: &Expected, cell: &Cell) -> Result<Received, EngineError> {
    let new = ctx.execute(
        "INSERT OR IGNORE INTO held (address, cell, window, since, retry_at) VALUES (?1, ?2, ?3, ?4, ?4)",
        &[&&expected.slot.address.as_bytes()[..], &cell.as_bytes(), &window, &lanes::stored(ctx.now)],
    )?;
    if new == 0 || expected.lane.kind == Kind::Commit {
        return Ok(Received::Held);
    }
    lanes::look_past(ctx, expected)?;
    Ok(Received::Used(Vec::new()))
}

/// Skips a slot. A commit of ours that was meant for it goes to the next one.
fn void(ctx: &mut Ctx<'_>, expected: &Expected) -> Result<Received, EngineError> {
    lanes::consume(ctx, expected)?;
    if expected.lane.kind == Kind::Commit
        && let Some((job, _)) = outbox::commit_at(ctx, &expected.slot.address)?
    {
        let (_, slot) = lanes::first_open(ctx, expected.lane.id)?;
        outbox::move_job(ctx, job, &slot)?;
    }
    Ok(Received::Void)
}

enum Gathered {
    Whole(Vec<u8>),
    Void,
    Needs(Vec<Address>),
    Absent,
}

fn gather(spill: &Spill, fetched: &Fetched) -> Gathered {
    let addresses = spill.addresses();
    let missing: Vec<_> = addresses.iter().filter(|address| !fetched.contains_key(address)).copied().collect();
    if !missing.is_empty() {
        return Gathered::Needs(missing);
    }
    let chunks: Option<Vec<Chunk>> = addresses.iter().map(|address| fetched.get(address).cloned().flatten()).collect();
    match chunks.map(|chunks| spill.join(&chunks)) {
        None => Gathered::Absent,
        Some(Ok(payload)) => Gathered::Whole(payload),
        Some(Err(_)) => Gathered::Void,
    }
}

/// Why a message in a group lane is not used.
enum Refused {
    /// It is void for every member alike.
    Void,
    /// It is signed by a member who may commit, but this client's keys cannot follow it.
    Unfollowable,
    /// It removes this client's leaf and adds it again: a Welcome leads on.
    AddedAgain,
    /// It is a letter that needs chunks, which have not been asked for yet or are not there.
    Letter(Gathered),
}

/// A letter to this client, with the parts it needs.
struct Letter {
    message: ContactMessage,
    tree: Option<Vec<u8>>,
}

/// The letter to this client that application data holds, if it is one. The inner error: its chunks are wanted first.
fn letter(ctx: &Ctx<'_>, bytes: &[u8], fetched: &Fetched) -> Result<Result<Option<Letter>, Gathered>, EngineError> {
    let Some(Aside::Letter { to, message }) = Aside::from_bytes(bytes) else { return Ok(Ok(None)) };
    let message = ContactMessage::from_bytes(&message).ok().filter(asides::travels);
    let Some(message) = message.filter(|_| super::identity(ctx).is_ok_and(|me| me.fingerprint == to)) else {
        return Ok(Ok(None));
    };
    let ContactMessage::Welcome { tree, .. } = &message else { return Ok(Ok(Some(Letter { message, tree: None }))) };
    Ok(match gather(tree, fetched) {
        Gathered::Whole(tree) => Ok(Some(Letter { message, tree: Some(tree) })),
        Gathered::Void => Ok(None),
        wanted @ (Gathered::Needs(_) | Gathered::Absent) => Err(wanted),
    })
}

fn member(
    ctx: &mut Ctx<'_>,
    window: u32,
    expected: &Expected,
    cell: &Cell,
    payload: &[u8],
    fetched: &Fetched,
) -> Result<Received, EngineError> {
    let circle = expected.lane.circle.clone().ok_or(StoreError::Damaged("lane"))?;
    let outcome = ctx.attempt(|ctx| -> Result<_, EngineError> {
        let provider = ctx.mls();
        let mut group = mls::load(&provider, &circle)?;
        let Some(message) = private_message(payload, &circle, expected.lane.epoch, ContentType::Application) else {
            return Ok(Err(Refused::Void));
        };
        let processed = match group.process_message(&provider, message) {
            Ok(processed) => processed,
            Err(ProcessMessageError::StorageError(error)) => return Err(StoreError::from(error).into()),
            Err(_) => return Ok(Err(Refused::Void)),
        };
        if sender(&processed) != Some(expected.lane.leaf) {
            return Ok(Err(Refused::Void));
        }
        let who = expected.lane.fingerprint.as_deref().and_then(Fingerprint::from_slice);
        let who = who.ok_or(StoreError::Damaged("lane"))?;
        let author = (who, mls::credential_name(processed.credential()));
        let standing = Standing::from_bytes(processed.aad());
        let ProcessedMessageContent::ApplicationMessage(message) = processed.into_content() else {
            return Ok(Err(Refused::Void));
        };
        let said = message.into_bytes();
        Ok(match letter(ctx, &said, fetched)? {
            Ok(letter) => Ok((author, standing, said, letter)),
            // MLS's key is not spent then: the cell comes again with its chunks.
            Err(wanted) => Err(Refused::Letter(wanted)),
        })
    })?;
    let ((who, name), standing, said, letter) = match outcome {
        Ok(said) => said,
        Err(Refused::Letter(Gathered::Needs(addresses))) => return Ok(Received::Needs(addresses)),
        Err(Refused::Letter(_)) => return hold(ctx, window, expected, cell),
        Err(Refused::Void | Refused::Unfollowable | Refused::AddedAgain) => return void(ctx, expected),
    };
    lanes::consume(ctx, expected)?;
    if let Some(standing) = standing {
        suspicion::promised(ctx, window, expected, standing.stored)?;
    }
    if let Some(key) = standing.and_then(|standing| standing.token_key) {
        tokens::heard_key(ctx, &key)?;
    }
    if let Some(key) = standing.and_then(|standing| standing.gateway_key) {
        gateway::heard_key(ctx, &key)?;
    }
    if let Some(theirs) = standing.and_then(|standing| standing.terms) {
        terms::heard_terms(ctx, &theirs)?;
    }
    let mut news = adrift::heard(ctx, &circle, &expected.lane, standing)?;
    // The slot is spent either way: MLS has consumed the message's key.
    if let Some(aside) = Aside::from_bytes(&said) {
        if let Aside::Offer { key_package } = &aside {
            asides::offered(ctx, &circle, &who, key_package)?;
        }
        if let Some(Letter { message, tree }) = letter
            && let Ok(more) = ctx.attempt(|ctx| join::contact_message(ctx, &who, message, tree.as_deref()))?
        {
            news.extend(more);
        }
        return Ok(Received::Used(news));
    }
    match events::received(ctx, &circle, &who, &name, &said)? {
        Ok(more) => news.extend(more),
        Err(_) if news.is_empty() => return Ok(Received::Void),
        Err(_) => (),
    }
    Ok(Received::Used(news))
}

fn commit_cell(ctx: &mut Ctx<'_>, expected: &Expected, payload: &[u8]) -> Result<Received, EngineError> {
    let circle = expected.lane.circle.clone().ok_or(StoreError::Damaged("lane"))?;
    let outcome = ctx.attempt(|ctx| -> Result<_, EngineError> {
        let provider = ctx.mls();
        let mut group = mls::load(&provider, &circle)?;
        let before = mls::leaves(&group);
        let Some(message) = private_message(payload, &circle, expected.lane.epoch, ContentType::Commit) else {
            return Ok(Err(Refused::Void));
        };
        let processed = match group.process_message(&provider, message) {
            Ok(processed) => processed,
            Err(ProcessMessageError::StorageError(error)) => return Err(StoreError::from(error).into()),
            Err(ProcessMessageError::InvalidCommit(error)) if depends_on_own_keys(&error) => {
                return Ok(Err(Refused::Unfollowable));
            }
            Err(_) => return Ok(Err(Refused::Void)),
        };
        let Some(committer) = sender(&processed) else { return Ok(Err(Refused::Void)) };
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            return Ok(Err(Refused::Void));
        };
        if judge(&group, committer, &staged).is_err() {
            return Ok(Err(Refused::Void));
        }
        let added: Vec<Fingerprint> = staged
            .add_proposals()
            .map(|add| Fingerprint::of(add.add_proposal().key_package().leaf_node().signature_key().as_slice()))
            .collect();
        if staged.self_removed() && added.contains(&super::identity(ctx)?.fingerprint) {
            return Ok(Err(Refused::AddedAgain));
        }
        match group.merge_staged_commit(&provider, *staged) {
            Ok(()) => (),
            Err(MergeCommitError::StorageError(error)) => return Err(StoreError::from(error).into()),
            Err(error) => return Err(EngineError::mls("merging a commit")(error)),
        }
        Ok(Ok((group, before, committer, added)))
    })?;
    match outcome {
        Ok((mut group, before, committer, added)) => {
            lanes::consume(ctx, expected)?;
            adrift::followed(ctx, &circle, committer)?;
            let mut news = commit::entered(ctx, &mut group, &before)?;
            added.iter().try_for_each(|who| circles::note_added(ctx, &circle, who))?;
            news.extend(adrift::left_epoch(ctx, &circle, expected.lane.epoch, expected.n)?);
            Ok(Received::Used(news))
        }
        Err(Refused::Void | Refused::Letter(_)) => void(ctx, expected),
        Err(Refused::Unfollowable) => pass_on(ctx, expected, &circle, Reason::Commit(expected.n)),
        Err(Refused::AddedAgain) => pass_on(ctx, expected, &circle, Reason::Again),
    }
}

/// Goes on behind a commit that this client does not follow, and says so.
fn pass_on(ctx: &mut Ctx<'_>, expected: &Expected, circle: &[u8], reason: Reason) -> Result<Received, EngineError> {
    void(ctx, expected)?;
    adrift::lose(ctx, circle, reason)?;
    Ok(Received::Used(vec![News::OutOfSync { circle: circle.to_vec() }]))
}

/// Goes on behind a commit whose chunks nobody has; `false` when a slot before it has to be judged first.
pub(super) fn pass_over(ctx: &mut Ctx<'_>, address: &Address) -> Result<bool, EngineError> {
    let Some(expected) = lanes::expected(ctx, address)? else { return Ok(false) };
    let Some(circle) = expected.lane.circle.clone() else { return Ok(false) };
    if lanes::first_open(ctx, expected.lane.id)?.0 != expected.n {
        return Ok(false);
    }
    pass_on(ctx, &expected, &circle, Reason::Commit(expected.n))?;
    Ok(true)
}

fn part(ctx: &Ctx<'_>, expected: &Expected, payload: &[u8]) -> Result<Received, EngineError> {
    parts::keep(ctx, expected.lane.id, payload)?;
    lanes::consume(ctx, expected)?;
    lanes::retry_commits(ctx, &expected.lane)?;
    Ok(Received::Used(Vec::new()))
}

fn card(ctx: &mut Ctx<'_>, expected: &Expected, payload: &[u8]) -> Result<Received, EngineError> {
    let card = expected.lane.card.ok_or(StoreError::Damaged("lane"))?;
    match contacts::hello(ctx, card, payload)? {
        None => void(ctx, expected),
        Some(news) => {
            // A card for one person is closed by its hello, and its lane is gone with it.
            if lanes::is_expected(ctx, &expected.slot.address)? {
                lanes::consume(ctx, expected)?;
            }
            Ok(Received::Used(vec![news]))
        }
    }
}

fn contact(
    ctx: &mut Ctx<'_>,
    window: u32,
    expected: &Expected,
    cell: &Cell,
    payload: &[u8],
    fetched: &Fetched,
) -> Result<Received, EngineError> {
    let from = expected.lane.fingerprint.as_deref().and_then(Fingerprint::from_slice);
    let from = from.ok_or(StoreError::Damaged("lane"))?;
    let Ok(message) = ContactMessage::from_bytes(payload) else {
        return void(ctx, expected);
    };
    let tree = match &message {
        ContactMessage::Welcome { tree, .. } => match gather(tree, fetched) {
            Gathered::Whole(tree) => Some(tree),
            Gathered::Void => return void(ctx, expected),
            Gathered::Needs(addresses) => return Ok(Received::Needs(addresses)),
            Gathered::Absent => return hold(ctx, window, expected, cell),
        },
        ContactMessage::Rejoin { .. } | ContactMessage::Event { .. } | ContactMessage::Unknown(_) => None,
    };
    match ctx.attempt(|ctx| join::contact_message(ctx, &from, message, tree.as_deref()))? {
        Err(join::Void) => void(ctx, expected),
        Ok(news) => {
            lanes::consume(ctx, expected)?;
            Ok(Received::Used(news))
        }
    }
}

/// Reads a payload as an MLS PrivateMessage of this group and epoch.
fn private_message(payload: &[u8], circle: &[u8], epoch: u64, kind: ContentType) -> Option<PrivateMessageIn> {
    let message = MlsMessageIn::tls_deserialize_exact(payload).ok()?;
    let protocol = message.clone().try_into_protocol_message().ok()?;
    let fits = protocol.group_id().as_slice() == circle
        && protocol.epoch().as_u64() == epoch
        && protocol.content_type() == kind;
    if let (true, MlsMessageBodyIn::PrivateMessage(message)) = (fits, message.extract()) { Some(message) } else { None }
}

fn sender(processed: &ProcessedMessage) -> Option<u32> {
    match processed.sender() {
        Sender::Member(index) => Some(index.u32()),
        Sender::External(_) | Sender::NewMemberProposal | Sender::NewMemberCommit => None,
    }
}

/// Errors that another member, with other keys, need not see.
fn depends_on_own_keys(error: &StageCommitError) -> bool {
    matches!(
        error,
        StageCommitError::UpdatePathError(_)
            | StageCommitError::MissingDecryptionKey
            | StageCommitError::OwnKeyNotFound
            | StageCommitError::ConfirmationTagMismatch
            | StageCommitError::LibraryError(_)
    )
}

/// The window from which cells may have been missed because one was held; reading starts again there.
pub(super) fn oldest_held(ctx: &Ctx<'_>) -> Result<Option<u32>, EngineError> {
    Ok(ctx.row("SELECT min(window) FROM held", &[], |row| row.get(0))?.flatten())
}
