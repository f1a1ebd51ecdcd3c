//! The database's tables.

use std::time::Duration;

use himaya_protocol::case::case_of;
use himaya_protocol::content::Event;
use openmls_sqlite_storage::SqliteStorageProvider;
use rusqlite::{Connection, Transaction};

use super::error::StoreError;
use super::mls::Named;

const BUSY: Duration = Duration::from_secs(20);

/// The tables of the first version, then what each later one changed. A profile is brought from its version to the newest;
/// a new one goes through all of them.
const VERSIONS: [&str; 7] = [TABLES, GROUPS, RETENTION, PLANS, SUSPICION, PICKS, PARTS];

const TABLES: &str = "
-- Settings and single values: name, relay, cursor, keys' public half.
CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- Cards this person handed out.
CREATE TABLE card (
    id INTEGER PRIMARY KEY, secret BLOB NOT NULL, intake INTEGER NOT NULL, hpke_private BLOB NOT NULL,
    created INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0);

-- People who accepted a card and wait for an answer. No id is ever given twice: whoever approves a number that was
-- approved before must not let in somebody who came later.
CREATE TABLE hello (
    id INTEGER PRIMARY KEY AUTOINCREMENT, card INTEGER NOT NULL, fingerprint BLOB NOT NULL, name TEXT NOT NULL, note TEXT,
    key_package BLOB NOT NULL, reply_secret BLOB NOT NULL, received INTEGER NOT NULL);

-- People this person can write to outside a group.
CREATE TABLE contact (
    fingerprint BLOB PRIMARY KEY, name TEXT NOT NULL, verified INTEGER NOT NULL DEFAULT 0, since INTEGER NOT NULL);

-- MLS groups. state: active, removed, left. adrift: why this client is out of sync, if it is. adrift_epoch, adrift_slot:
-- where it lost the others. missed_to: the first window after those it missed. unread_since: when it asked to be added,
-- until everything since then has been read.
CREATE TABLE circle (
    id BLOB PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, epoch INTEGER NOT NULL, adrift TEXT, adrift_epoch INTEGER,
    adrift_slot INTEGER, update_day INTEGER NOT NULL, update_due INTEGER, rejoin_at INTEGER, receipt_due INTEGER, joined INTEGER NOT NULL,
    missed_to INTEGER, unread_since INTEGER);
-- since: the first epoch a member can read, as far as this client knows.
CREATE TABLE member (
    circle BLOB NOT NULL, leaf INTEGER NOT NULL, fingerprint BLOB NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL,
    since INTEGER NOT NULL, PRIMARY KEY (circle, leaf)) WITHOUT ROWID;

-- Members who said that they are in this client's epoch although they, too, may have missed something.
CREATE TABLE heard (circle BLOB NOT NULL, leaf INTEGER NOT NULL, PRIMARY KEY (circle, leaf)) WITHOUT ROWID;

-- Epochs that were left, and how. slot: where the commit lay that ended it here. lost: which slot the owner said it could
-- not follow.
CREATE TABLE passed (
    circle BLOB NOT NULL, epoch INTEGER NOT NULL, slot INTEGER, lost INTEGER, PRIMARY KEY (circle, epoch)) WITHOUT ROWID;

-- KeyPackages this client gave away: to whom, when, and to be added again to which circle.
CREATE TABLE invitation (
    reference BLOB PRIMARY KEY, contact BLOB NOT NULL, circle BLOB, made INTEGER NOT NULL) WITHOUT ROWID;

-- Lanes. kind: member, commit, part, card, contact, hello. own: this client writes there. ended: when the epoch ended.
-- doomed: its member was removed; it goes when everything from before the removal has been read.
CREATE TABLE lane (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, own INTEGER NOT NULL, circle BLOB, epoch INTEGER, leaf INTEGER,
    fingerprint BLOB, card INTEGER, chain BLOB NOT NULL, next INTEGER NOT NULL, ended INTEGER,
    doomed INTEGER NOT NULL DEFAULT 0);
CREATE INDEX lane_circle ON lane (circle, epoch, leaf);

-- Where cells are expected: derived slots that have not been consumed.
CREATE TABLE slot (address BLOB PRIMARY KEY, lane INTEGER NOT NULL, n INTEGER NOT NULL, key BLOB NOT NULL)
    WITHOUT ROWID;
CREATE INDEX slot_lane ON slot (lane, n);

-- Cells that arrived before they can be used: out of order in a commit lane, or their chunks are not there. retry_at: not
-- before.
CREATE TABLE held (
    address BLOB PRIMARY KEY, cell BLOB NOT NULL, window INTEGER NOT NULL, since INTEGER NOT NULL, retry_at INTEGER NOT NULL)
    WITHOUT ROWID;

-- What has to reach the relay: a job is its chunks and then its cell. frame: what to seal again in the next slot.
-- place: the order within its lane. reserve: whether it may use the tokens that are kept for alerts.
-- released: whether the cover schedule lets it leave although it is not urgent. No id is ever given twice: two processes may send one
-- job, and the later answer must not be taken for another job's.
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT, purpose TEXT NOT NULL, lane INTEGER, frame BLOB NOT NULL, address BLOB NOT NULL,
    cell BLOB NOT NULL, circle BLOB, event BLOB, epoch INTEGER, urgent INTEGER NOT NULL, not_before INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, place INTEGER NOT NULL DEFAULT 0, reserve INTEGER NOT NULL DEFAULT 0,
    released INTEGER NOT NULL DEFAULT 0);
CREATE INDEX job_address ON job (address);
CREATE INDEX job_lane ON job (lane, place);
-- stored: whether the relay has said that it has it.
CREATE TABLE chunk (
    job INTEGER NOT NULL, n INTEGER NOT NULL, address BLOB NOT NULL, bytes BLOB NOT NULL, stored INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job, n)) WITHOUT ROWID;

-- Rights to write that were drawn and not spent, in the order of their nonces, which are random. last_window: the last in
-- which the relay accepts it. address: the one box that it was shown with, or is about to be.
CREATE TABLE token (bytes BLOB PRIMARY KEY, last_window INTEGER NOT NULL, address BLOB UNIQUE) WITHOUT ROWID;

-- A draw of tokens that was not answered yet: at most one. state: what its answer is unblinded with. request: the bytes
-- that are sent, invite included.
CREATE TABLE draw (
    only INTEGER PRIMARY KEY CHECK (only = 1), state BLOB NOT NULL, request BLOB NOT NULL, last_window INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0);

-- The relay's token keys as this client saw them first, by the window in which they were made. last: the last window in
-- which their tokens are accepted. changed: the relay has shown another one for this window. differs: a member saw another one.
CREATE TABLE token_key (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, id BLOB NOT NULL, changed INTEGER NOT NULL DEFAULT 0,
    differs INTEGER NOT NULL DEFAULT 0);

-- Keys that members saw for windows whose key this client has not seen yet.
CREATE TABLE key_heard (first INTEGER NOT NULL, id BLOB NOT NULL, PRIMARY KEY (first, id)) WITHOUT ROWID;

-- Changes this client wants to commit. At most one a circle is staged: its commit stands in MLS's pending commit.
CREATE TABLE intent (
    id INTEGER PRIMARY KEY, circle BLOB NOT NULL, kind TEXT NOT NULL, fingerprint BLOB, role TEXT, key_package BLOB,
    leaf_key BLOB, job INTEGER, welcome BLOB, created INTEGER NOT NULL);

-- The event log. number: the order of arrival here.
CREATE TABLE event (
    number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, circle BLOB, author BLOB NOT NULL, name TEXT NOT NULL,
    own INTEGER NOT NULL, bytes BLOB NOT NULL, received INTEGER NOT NULL, lamport INTEGER NOT NULL);

-- Events whose envelope this version cannot read.
CREATE TABLE newer (
    id BLOB PRIMARY KEY, circle BLOB NOT NULL, author BLOB NOT NULL, name TEXT NOT NULL, bytes BLOB NOT NULL,
    received INTEGER NOT NULL) WITHOUT ROWID;

-- Events of a circle that no later event names: what the next one of ours names as its past.
CREATE TABLE head (circle BLOB NOT NULL, event BLOB NOT NULL, PRIMARY KEY (circle, event)) WITHOUT ROWID;

-- How far this client's own events got. epoch: the one it was last encrypted in; NULL while there is nobody to read it.
-- audience: how many others could read it there. relayed, last_put: when the relay had it first, and last.
CREATE TABLE outgoing (
    event BLOB PRIMARY KEY, urgent INTEGER NOT NULL, epoch INTEGER, audience INTEGER, relayed INTEGER, last_put INTEGER,
    settled INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;

-- Who acknowledged what. level: device, human, acting.
CREATE TABLE ack (
    event BLOB NOT NULL, fingerprint BLOB NOT NULL, level TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (event, fingerprint, level)) WITHOUT ROWID;

-- Device receipts that wait for their time.
CREATE TABLE receipt (circle BLOB NOT NULL, event BLOB NOT NULL, PRIMARY KEY (circle, event)) WITHOUT ROWID;
";

const GROUPS: &str = "
-- Groups of all kinds. kind: circle, line, desk, case, host link, bridge. offer_due: when this client offers its members a
-- KeyPackage for other groups. desk: whose line, link or case it is, if this client is on that desk.
ALTER TABLE circle ADD COLUMN kind TEXT NOT NULL DEFAULT 'circle';
ALTER TABLE circle ADD COLUMN offer_due INTEGER;
ALTER TABLE circle ADD COLUMN desk BLOB;
-- window: which one had been read to when the commit was staged.
ALTER TABLE intent ADD COLUMN window INTEGER;
-- role: what its author was to the group when it came; empty for what an older version has logged.
ALTER TABLE event ADD COLUMN role TEXT NOT NULL DEFAULT '';
-- case_id: which case it belongs to, if it belongs to one.
ALTER TABLE event ADD COLUMN case_id BLOB;
CREATE INDEX event_case ON event (case_id);

-- Events of a case that no later event names. scope: among all that this client has, among those of the groups in which
-- the defender is, or in one group.
CREATE TABLE case_head (
    case_id BLOB NOT NULL, scope BLOB NOT NULL, event BLOB NOT NULL, PRIMARY KEY (case_id, scope, event)) WITHOUT ROWID;

-- Events that another event of their case names, also before they have come.
CREATE TABLE case_past (scope BLOB NOT NULL, event BLOB NOT NULL, PRIMARY KEY (scope, event)) WITHOUT ROWID;

-- This host's places, each with the offer that stands in one link. newest: the last version of it.
CREATE TABLE own_place (first BLOB PRIMARY KEY, place INTEGER NOT NULL, newest BLOB NOT NULL) WITHOUT ROWID;

-- By which KeyPackage each fellow member of a group can be added to other groups.
CREATE TABLE offer (fingerprint BLOB PRIMARY KEY, key_package BLOB NOT NULL, received INTEGER NOT NULL) WITHOUT ROWID;

-- The one that this client offers now.
CREATE TABLE own_offer (only INTEGER PRIMARY KEY CHECK (only = 1), key_package BLOB NOT NULL, made INTEGER NOT NULL);
";

const RETENTION: &str = "
-- Ids of events that went when their time had come, so that a late copy is not taken in. day: when they went; they are
-- forgotten after 366.
CREATE TABLE purged (event BLOB PRIMARY KEY, day INTEGER NOT NULL) WITHOUT ROWID;

-- What stays of a case that went: the month it began, how urgent it was, how it ended, whether it may be counted.
CREATE TABLE remnant (month INTEGER NOT NULL, priority TEXT, outcome TEXT NOT NULL, consented INTEGER NOT NULL);
";

const PLANS: &str = "
-- Check-in plans and whose they are. seq, answer, late: what they answered last; a check-in itself goes after three days, and
-- a plan by the week must not look missed for that. ended: they have ended it. Either may come before the plan.
CREATE TABLE plan (
    event BLOB NOT NULL, author BLOB NOT NULL, seq INTEGER, answer TEXT, late INTEGER NOT NULL DEFAULT 0,
    ended INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (event, author)) WITHOUT ROWID;
";

const SUSPICION: &str = "
-- What the relay did that an honest one does not, of each kind the first time. told: whether it was told as news.
CREATE TABLE suspicion (
    reason TEXT PRIMARY KEY, since INTEGER NOT NULL, window INTEGER, circle BLOB, told INTEGER NOT NULL DEFAULT 0)
    WITHOUT ROWID;

-- What closed windows were when they were first read whole.
CREATE TABLE window_read (window INTEGER PRIMARY KEY, digest BLOB NOT NULL);

-- Where this client writes, until it has read that it did. seen: it has come. acknowledged: the reading that had begun last
-- when the relay said that it has it. since: when that was.
CREATE TABLE echo (
    address BLOB PRIMARY KEY, seen INTEGER NOT NULL DEFAULT 0, acknowledged INTEGER, since INTEGER) WITHOUT ROWID;

-- Slots that a member says hold something, and that were not read yet. window: where the member said it.
CREATE TABLE promised (address BLOB PRIMARY KEY, window INTEGER NOT NULL) WITHOUT ROWID;

-- empty_from: the first own slot that may stay empty, because what was meant for it was given up. unsure: windows were missed
-- since the lane is read.
ALTER TABLE lane ADD COLUMN empty_from INTEGER;
ALTER TABLE lane ADD COLUMN unsure INTEGER NOT NULL DEFAULT 0;
";

const PICKS: &str = "
-- What indexes have listed: prefixes of everybody's cells. fresh: not looked through yet. barred: stands in no list any more,
-- because it stood in one, or because several cells share it. twice: it stood twice in one index.
CREATE TABLE indexed (
    prefix BLOB PRIMARY KEY, window INTEGER NOT NULL, fresh INTEGER NOT NULL DEFAULT 1, barred INTEGER NOT NULL DEFAULT 0,
    twice INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX indexed_window ON indexed (window, fresh);

-- Closed windows whose index is here as a whole.
CREATE TABLE index_held (window INTEGER PRIMARY KEY);

-- A list that was sent, or is about to be, and not answered: at most one. window: in which what it names is looked for.
CREATE TABLE pick_list (only INTEGER PRIMARY KEY CHECK (only = 1), list BLOB NOT NULL, window INTEGER NOT NULL);

-- window: the relay's, as far as this client knew it, when the relay said that it has the chunk.
ALTER TABLE chunk ADD COLUMN window INTEGER;
";

const PARTS: &str = "
-- What lay in part lanes, until the commit that names it is read. name: its SHA-256.
CREATE TABLE part (
    lane INTEGER NOT NULL, name BLOB NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (lane, name)) WITHOUT ROWID;

-- spread: from when a client that watches lets it leave, if nobody waits for it.
ALTER TABLE job ADD COLUMN spread INTEGER NOT NULL DEFAULT 0;
";

/// Sets the connection up and makes the tables of a new database.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(256);
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let newest = i64::try_from(VERSIONS.len()).unwrap_or(i64::MAX);
    if version > newest {
        return Err(StoreError::Newer);
    }
    if version == 0 {
        SqliteStorageProvider::<Named, _>::new(&mut *connection)
            .run_migrations()
            .map_err(|error| StoreError::Database(error.to_string()))?;
    }
    let transaction = connection.transaction()?;
    for changes in VERSIONS.iter().skip(usize::try_from(version).unwrap_or_default()) {
        transaction.execute_batch(changes)?;
    }
    if version == 1 {
        find_cases(&transaction)?;
    }
    if version < newest {
        transaction.pragma_update(None, "user_version", newest)?;
    }
    Ok(transaction.commit()?)
}

/// Version 1 did not note which case an event belongs to.
fn find_cases(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let mut events = transaction.prepare("SELECT id, bytes FROM event")?;
    let rows = events.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    for row in rows {
        let (id, bytes) = row?;
        let event = Event::decode(&bytes).map_err(|_| StoreError::Damaged("event"))?;
        if let Some(case) = case_of(&event) {
            transaction.execute("UPDATE event SET case_id = ?2 WHERE id = ?1", (&id, case.as_bytes()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use himaya_protocol::content::{Body, Content, ThreatAlert};
    use himaya_protocol::wire::card::Fingerprint;

    use super::*;

    /// A profile of the first version keeps its log, and its alerts are cases.
    #[test]
    fn a_profile_of_version_1_is_brought_up() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(TABLES).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        let alert = Event::new(Content {
            nonce: [1; 16],
            case: None,
            prev: [].into(),
            lamport: 1,
            sent: 29_000_000,
            expires: None,
            status: himaya_protocol::content::vocabulary::Status::Actual,
            tlp: himaya_protocol::content::vocabulary::Tlp::Red,
            lang: "en".parse().unwrap(),
            replaces: None,
            body: Body::from(ThreatAlert::default()),
            author: Fingerprint::of(b"somebody"),
        });
        let alert = alert.unwrap();
        connection
            .execute(
                "INSERT INTO event (id, author, name, own, bytes, received, lamport) VALUES (?1, x'00', '', 1, ?2, 0, 1)",
                (&alert.id().as_bytes()[..], alert.as_bytes()),
            )
            .unwrap();
        for _ in 0..2 {
            prepare(&mut connection).unwrap();
            let case: Vec<u8> = connection.query_row("SELECT case_id FROM event", [], |row| row.get(0)).unwrap();
            assert_eq!(case, alert.id().as_bytes());
        }
        let newer = i64::try_from(VERSIONS.len()).unwrap() + 1;
        connection.pragma_update(None, "user_version", newer).unwrap();
        assert!(matches!(prepare(&mut connection), Err(StoreError::Newer)));
    }
}
