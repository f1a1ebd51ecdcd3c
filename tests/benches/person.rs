//! One person's profile and engine, without a relay: what leaves the outbox is handed over as it is.

use std::path::Path;

use himaya::engine::{self, EngineError, Fetched, Received};
use himaya::store::{Ctx, Profile, Seconds};
use himaya_protocol::content::sos;
use himaya_protocol::wire::card::CardKind;
use himaya_protocol::wire::cell::{CELL_SIZE, CHUNK_SIZE};
use himaya_protocol::wire::link::RelayLink;
use himaya_protocol::wire::{Address, Cell, Chunk};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// The circle that everybody is in.
pub const CIRCLE: &str = "figures";
/// Good enough to be let in, and for nothing else.
pub const PASSPHRASE: &[u8] = b"a passphrase for measuring";
const WINDOW: u32 = 20_700;
const WINDOW_SECONDS: u32 = 86_400;
const MORNING: Seconds = 20_700 * 86_400 + 9 * 3_600;

/// Where a profile lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage<'a> {
    /// In an SQLCipher database below this folder.
    File(&'a Path),
    /// In memory, not encrypted.
    Memory,
}

/// What one job brought to the relay, a commit's parts with it.
pub struct Parcel {
    parts: Vec<(Address, Cell)>,
    chunks: Vec<(Address, Chunk)>,
    address: Address,
    pub cell: Cell,
}

impl Parcel {
    /// Bytes on the wire, addresses not counted.
    pub fn bytes(&self) -> usize {
        CELL_SIZE * (1 + self.parts.len()) + self.chunks.len() * CHUNK_SIZE
    }
}

/// One person.
pub struct Person {
    profile: Profile,
    rng: ChaCha20Rng,
}

impl Person {
    /// Somebody new; `number` is different for everybody.
    pub fn new(storage: Storage<'_>, number: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(number);
        let profile = match storage {
            Storage::File(folder) => Profile::create(&folder.join(format!("person-{number}")), PASSPHRASE, &mut rng),
            Storage::Memory => Profile::ephemeral(),
        };
        let profile = profile.expect("a profile can be made where the benchmark runs");
        let link = RelayLink::new("relay.test:7443", [7; 32]).expect("the link is well formed");
        let mut person = Self { profile, rng };
        person.run(|ctx| {
            engine::found(ctx, &format!("person {number}"), &link)?;
            quiet(ctx)
        });
        person
    }

    /// Runs something of the engine in one transaction; it must work.
    pub fn run<T>(&mut self, work: impl FnOnce(&mut Ctx<'_>) -> Result<T, EngineError>) -> T {
        self.profile.transact(MORNING, &mut self.rng, work).unwrap_or_else(|error| panic!("the engine said: {error}"))
    }

    /// Empties the outbox as the driver does, job by job.
    pub fn send(&mut self) -> Vec<Parcel> {
        let (mut sent, mut parts) = (Vec::new(), Vec::new());
        while let Some(job) = self.run(|ctx| engine::next_job(ctx, engine::Pace::All)) {
            self.run(|ctx| engine::stored(ctx, job.id));
            if job.purpose == engine::Purpose::Part {
                parts.push((job.address, job.cell));
                continue;
            }
            let parts = if job.purpose == engine::Purpose::Commit { std::mem::take(&mut parts) } else { Vec::new() };
            sent.push(Parcel {
                parts,
                chunks: job.chunks.into_iter().map(|part| (part.address, part.chunk)).collect(),
                address: job.address,
                cell: job.cell,
            });
        }
        sent
    }

    /// Empties an outbox in which there is one job.
    fn send_one(&mut self) -> Parcel {
        let mut sent = self.send();
        match (sent.pop(), sent.as_slice()) {
            (Some(parcel), []) => parcel,
            (_, rest) => panic!("not one job but {}", rest.len()),
        }
    }

    /// Takes a Welcome in as the driver does, which then reads again what came before it.
    pub fn join(&mut self, welcome: &Parcel) -> bool {
        let joined = self.take_in(welcome);
        self.run(|ctx| engine::read_again(ctx, 0, WINDOW_SECONDS));
        joined
    }

    /// Takes a cell in as the driver does; whether it was of use.
    pub fn take_in(&mut self, parcel: &Parcel) -> bool {
        let mut fetched = Fetched::new();
        if !self.run(|ctx| engine::is_expected(ctx, &parcel.address)) {
            return false;
        }
        for (address, cell) in &parcel.parts {
            self.run(|ctx| engine::receive(ctx, WINDOW, address, cell, &fetched));
        }
        loop {
            match self.run(|ctx| engine::receive(ctx, WINDOW, &parcel.address, &parcel.cell, &fetched)) {
                Received::Used(_) => return true,
                Received::Ignored | Received::Held | Received::Void => return false,
                Received::Needs(_) => {
                    fetched.extend(parcel.chunks.iter().map(|(address, chunk)| (*address, Some(chunk.clone()))));
                }
            }
        }
    }

    /// Raises an alert and sends it.
    pub fn alert(&mut self) -> Parcel {
        let alert = sos::alert(None).expect("sos without a word is an alert");
        self.run(|ctx| {
            let circle = engine::named(ctx, CIRCLE)?;
            engine::raise(ctx, Some(&circle), alert, &engine::Draft::default())
        });
        self.send_one()
    }

    /// Makes the next tick one in which the own leaf gets a fresh key.
    pub fn update_is_due(&mut self) {
        self.run(|ctx| {
            let now = i64::try_from(ctx.now).unwrap_or_default();
            ctx.execute("UPDATE circle SET update_due = ?1 WHERE name = ?2", &[&now, &CIRCLE])?;
            Ok(())
        });
    }

    /// Gives the own leaf a fresh key and sends the commit.
    pub fn update(&mut self) -> Parcel {
        self.run(engine::tick);
        self.send_one()
    }

    /// Gets `newcomer` as far as a request that can be approved.
    pub fn meet(&mut self, newcomer: &mut Person) {
        let card = self.run(|ctx| engine::new_card(ctx, CardKind::Single));
        let key = self.send_one();
        let key = engine::open_card_key(&card, &key.cell).expect("it is the card's own cell");
        newcomer.run(|ctx| engine::accept_card(ctx, &card, &key, None));
        assert!(self.take_in(&newcomer.send_one()), "the hello is the card's first");
    }
}

/// No receipts: they would leave at a random time, in the middle of something else.
pub fn quiet(ctx: &mut Ctx<'_>) -> Result<(), EngineError> {
    ctx.set_number("receipt mean", 0)?;
    Ok(())
}
