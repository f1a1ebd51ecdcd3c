//! Somebody in the circle who checks what others encrypt: no generation of anybody's ratchet is used twice (I5).

use std::collections::{BTreeMap, BTreeSet};

use himaya_protocol::wire::cell::{Frame, open_cell};
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::{Address, Cell};
use himaya_relay::service::Relay;
use openmls::prelude::MlsMessageIn;
use openmls::prelude::tls_codec::Deserialize as _;

use super::{Person, cell_at};

/// The slots of every lane that the auditor has seen, to open afterwards what was written there.
#[derive(Default)]
pub struct Auditor {
    slots: BTreeMap<Address, (Secret, i64, bool)>,
}

impl Auditor {
    /// Tries every message that lies where `person` is about to read: all must open, in order. A message that was made
    /// from a ratchet state that made another one before does not.
    pub async fn audit(&mut self, person: &mut Person, relay: &Relay) {
        let sql = "SELECT address, key, lane, kind = 'commit' FROM slot JOIN lane ON lane.id = slot.lane
                   WHERE kind IN ('member', 'commit') ORDER BY lane, n";
        let rows = person.run(|ctx| {
            Ok(ctx.rows(sql, &[], |row| {
                Ok((
                    row.get::<_, Vec<u8>>(0)?,
                    row.get::<_, Vec<u8>>(1)?,
                    row.get::<_, i64>(2)?,
                    row.get::<_, bool>(3)?,
                ))
            })?)
        });
        let mut addresses = Vec::new();
        for (address, key, lane, commit) in rows {
            let address = Address::from_slice(&address).expect("the store holds addresses");
            let key = Secret::from_slice(&key).expect("the store holds keys");
            self.slots.insert(address, (key, lane, commit));
            if !commit {
                addresses.push(address);
            }
        }
        let mut messages = Vec::new();
        for address in &addresses {
            if let Some(cell) = cell_at(relay, address).await {
                messages.extend(self.open(address, cell.as_bytes()).and_then(inline));
            }
        }
        let name = person.name.clone();
        person.misuse("home", |mls, group, _| {
            for message in messages {
                let message = MlsMessageIn::tls_deserialize_exact(message.as_slice()).expect("members write MLS");
                let message = message.try_into_protocol_message().expect("members write protocol messages");
                let opened = group.process_message(mls, message);
                assert!(opened.is_ok(), "I5: {name} cannot open a message: {:?}", opened.err());
            }
        });
    }

    /// Nobody put two boxes at one address, or two commits into one epoch.
    pub fn assert_wrote_once(&self, people: &[Person], why: &str) {
        for person in people {
            let mut boxes: BTreeMap<Address, Vec<u8>> = BTreeMap::new();
            let mut commits: BTreeMap<i64, BTreeSet<Vec<u8>>> = BTreeMap::new();
            for written in person.line.written() {
                let first = boxes.entry(written.address).or_insert_with(|| written.bytes.clone());
                assert!(*first == written.bytes, "I5, {why}: {} put two boxes at one address", person.name);
                if let Some((_, lane, true)) = self.slots.get(&written.address) {
                    let frame = self.open(&written.address, &written.bytes).expect("members seal as they should");
                    commits.entry(*lane).or_default().insert(match frame {
                        Frame::Inline(payload) => payload,
                        Frame::Spill(spill) => spill.to_bytes().to_vec(),
                        Frame::Parts(parts) => parts.to_bytes(),
                    });
                }
            }
            assert!(
                commits.values().all(|commits| commits.len() == 1),
                "I5, {why}: {} made two commits in one epoch",
                person.name
            );
        }
    }

    fn open(&self, address: &Address, cell: &[u8]) -> Option<Frame> {
        let (key, ..) = self.slots.get(address)?;
        open_cell(key, address, &Cell::from_bytes(cell.to_vec())?).ok()
    }
}

fn inline(frame: Frame) -> Option<Vec<u8>> {
    match frame {
        Frame::Inline(payload) => Some(payload),
        Frame::Spill(_) | Frame::Parts(_) => None,
    }
}
