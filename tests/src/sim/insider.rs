//! What a member can do who uses another client: read every lane it knows, and write into it what it likes.

use himaya::engine::EngineError;
use himaya::store::{Ctx, Mls};
use himaya_protocol::wire::Address;
use himaya_protocol::wire::card::Card;
use himaya_protocol::wire::lane::{COMMIT_LANE, Chain, Slot};
use himaya_protocol::wire::parts::PART_SLOTS;
use himaya_protocol::wire::secret::Secret;
use openmls::prelude::{GroupId, MlsGroup};
use openmls_basic_credential::SignatureKeyPair;
use openmls_traits::OpenMlsProvider;
use openmls_traits::types::SignatureScheme;

use super::Person;

/// Where a cell is expected.
#[derive(Clone)]
pub struct Place {
    /// The slot's number in its lane.
    pub n: u64,
    /// Its address and key.
    pub slot: Slot,
}

/// Which lane an insider looks at.
#[derive(Debug, Clone, Copy)]
pub enum Lane<'a> {
    /// The commit lane of the newest epoch of the circle.
    Commit,
    /// A member's lane in the newest epoch of the circle.
    Member(&'a str),
    /// The lane of a member's parts in the newest epoch of the circle.
    Parts(&'a str),
    /// What this contact writes to the insider.
    From(&'a str),
    /// What the insider writes to this contact.
    To(&'a str),
}

impl Person {
    /// The next places of a lane, as the person's client knows them.
    pub fn places(&mut self, circle: &str, lane: Lane<'_>) -> Vec<Place> {
        let me = self.name.clone();
        let id = match lane {
            Lane::Commit => self.group_lane(circle, "commit", COMMIT_LANE),
            Lane::Member(name) => {
                let leaf = self.leaf(circle, name);
                self.group_lane(circle, "member", leaf)
            }
            Lane::Parts(name) => {
                let leaf = self.leaf(circle, name);
                self.group_lane(circle, "part", leaf)
            }
            Lane::From(name) => self.contact_lane(name, false),
            Lane::To(name) => self.contact_lane(name, true),
        };
        let own = matches!(lane, Lane::To(_)) || matches!(lane, Lane::Member(name) | Lane::Parts(name) if name == me);
        if own { self.coming(id) } else { self.derived(id) }
    }

    /// The first places of a card's inbox, as everybody knows them who holds the card.
    pub fn inbox_places(card: &Card) -> Vec<Place> {
        Self::inbox_places_to(card, 8)
    }

    /// The places of a card's inbox up to this number.
    pub fn inbox_places_to(card: &Card, count: u64) -> Vec<Place> {
        steps(Chain::card(&card.secret), 0, count)
    }

    /// Uses the person's MLS group directly; nothing of it is kept.
    pub fn misuse<V>(&mut self, circle: &str, work: impl FnOnce(&Mls<'_>, &mut MlsGroup, &SignatureKeyPair) -> V) -> V {
        let circle = self.circle(circle).id;
        let mut made = None;
        let undone = self.driver.transact(|ctx| -> Result<(), EngineError> {
            let key = ctx.setting("identity")?.expect("a profile has an identity");
            let provider = ctx.mls();
            let signer = SignatureKeyPair::read(provider.storage(), &key, SignatureScheme::ED25519);
            let group = MlsGroup::load(provider.storage(), &GroupId::from_slice(&circle));
            let mut group = group.expect("the store works").expect("the person has the group");
            made = Some(work(&provider, &mut group, &signer.expect("the identity key is there")));
            Err(EngineError::Kind)
        });
        assert!(matches!(undone, Err(EngineError::Kind)), "what an insider does is rolled back");
        made.expect("the work was done")
    }

    fn leaf(&mut self, circle: &str, name: &str) -> u32 {
        let circle = self.circle(circle).id;
        let sql = "SELECT leaf FROM member WHERE circle = ?1 AND name = ?2";
        self.run(|ctx| Ok(ctx.row(sql, &[&circle, &name], |row| row.get(0))?)).expect("there is such a member")
    }

    fn group_lane(&mut self, circle: &str, kind: &str, leaf: u32) -> i64 {
        let circle = self.circle(circle).id;
        let sql = "SELECT id FROM lane WHERE circle = ?1 AND kind = ?2 AND leaf = ?3 ORDER BY epoch DESC LIMIT 1";
        self.run(|ctx| Ok(ctx.row(sql, &[&circle, &kind, &leaf], |row| row.get(0))?)).expect("there is such a lane")
    }

    /// The next commit of this person goes in chunks, as if the lane for its parts were full.
    pub fn commits_in_chunks(&mut self) {
        let full = i64::try_from(PART_SLOTS).expect("a few");
        self.run(|ctx| Ok(ctx.execute("UPDATE lane SET next = ?1 WHERE kind = 'part' AND own = 1", &[&full])?));
    }

    fn contact_lane(&mut self, name: &str, own: bool) -> i64 {
        let sql = "SELECT lane.id FROM lane JOIN contact ON contact.fingerprint = lane.fingerprint
                   WHERE kind = 'contact' AND own = ?1 AND contact.name = ?2 ORDER BY lane.id DESC LIMIT 1";
        self.run(|ctx| Ok(ctx.row(sql, &[&own, &name], |row| row.get(0))?)).expect("there is such a contact")
    }

    /// Slots of a lane that others write to: derived and waiting.
    fn derived(&mut self, lane: i64) -> Vec<Place> {
        let sql = "SELECT n, address, key FROM slot WHERE lane = ?1 ORDER BY n";
        let rows = self.run(|ctx: &mut Ctx<'_>| {
            Ok(ctx.rows(sql, &[&lane], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
            })?)
        });
        let place = |(n, address, key): (i64, Vec<u8>, Vec<u8>)| {
            let address = Address::from_slice(&address)?;
            Some(Place { n: n.unsigned_abs(), slot: Slot { address, key: Secret::from_slice(&key)? } })
        };
        rows.into_iter().map(|row| place(row).expect("the store holds slots")).collect()
    }

    /// Slots of a lane that this person writes to.
    fn coming(&mut self, lane: i64) -> Vec<Place> {
        let sql = "SELECT chain, next FROM lane WHERE id = ?1";
        let row = self.run(|ctx: &mut Ctx<'_>| {
            Ok(ctx.row(sql, &[&lane], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?)))?)
        });
        let (chain, next) = row.expect("there is such a lane");
        let chain = Chain::from_secret(Secret::from_slice(&chain).expect("the store holds chains"));
        steps(chain, next.unsigned_abs(), 8)
    }
}

fn steps(mut chain: Chain, first: u64, count: u64) -> Vec<Place> {
    let mut places = Vec::new();
    for n in first..first + count {
        let (slot, rest) = chain.step();
        chain = rest;
        places.push(Place { n, slot });
    }
    places
}

/// The same bytes with one bit turned.
pub fn flip(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let bits = (bytes.len() * 8).max(1);
    if let Some(byte) = bytes.get_mut((bit % bits) / 8) {
        *byte ^= 1 << (bit % 8);
    }
    bytes
}
