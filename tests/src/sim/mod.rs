//! Several people and one relay in one process, with a clock and faults made by hand.
//!
//! The engine, the store, the driver and the relay's service are the real ones; only the wire between them is short.
//! Everything random comes from the seed, so a failure is repeated by its seed (MLS's own key generation aside: traces
//! are compared by what they mean, not by bytes).

mod auditor;
mod insider;
mod ledger;
mod lies;
mod person;
mod wire;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use himaya::driver::Clock;
use himaya::engine;
use himaya::store::Profile;
use himaya_protocol::wire::Cell;
use himaya_protocol::wire::cell::{Frame, seal_cell};
use himaya_protocol::wire::invite::{Invite, InviteHash};
use himaya_protocol::wire::link::RelayLink;
use himaya_protocol::wire::relay::Access;
use himaya_protocol::wire::secret::Secret;
use himaya_relay::service::{Policy, Relay};
use himaya_relay::store::{CellStore, MemoryStore, Put};
use himaya_relay::tokens::{Invites, Tokens};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

pub use auditor::Auditor;
pub use insider::{Lane, Place, flip};
pub use ledger::Ledger;
pub use lies::Lies;
pub use person::Person;
pub use wire::{Called, Faults, Line, SimWire, Written, cell_at};

/// A day, in seconds.
pub const DAY: u64 = 86_400;

/// Plays a scene on a stack that holds MLS in debug builds at any group size.
pub fn play<F: Future<Output = ()>>(scene: impl FnOnce() -> F + Send + 'static) {
    let stage = std::thread::Builder::new().stack_size(32 << 20).spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime with a clock alone can always be built").block_on(scene());
    });
    if let Err(panic) = stage.expect("a test can start a thread").join() {
        std::panic::resume_unwind(panic);
    }
}

/// Everybody syncs until nothing is left to say.
pub async fn round(people: &mut [&mut Person]) {
    for _ in 0..3 {
        for person in people.iter_mut() {
            person.sync().await;
        }
    }
}

/// A clock that a test moves by hand. Clones are the same clock.
#[derive(Clone)]
pub struct SimClock(Arc<AtomicU64>);

impl SimClock {
    /// A clock that stands at some morning.
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(20_700 * DAY + 9 * 3_600)))
    }

    /// Moves the clock forward.
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// What it shows.
    pub fn seconds(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Default for SimClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SimClock {
    fn now(&self) -> u64 {
        self.seconds()
    }
}

/// The link of the simulated relay.
pub fn link() -> RelayLink {
    RelayLink::new("relay.test:7443", [7; 32]).expect("the link is well formed")
}

/// A relay and a clock for everybody.
pub struct World {
    /// Everybody's clock.
    pub clock: SimClock,
    /// The relay, for looking at what it has.
    pub relay: Relay,
    /// What goes wrong on the wire.
    pub faults: Faults,
    seed: u64,
    people: u64,
    invites: Vec<Invite>,
}

impl World {
    /// A world whose randomness comes from `seed`, with a relay that keeps 14 days.
    pub fn new(seed: u64) -> Self {
        Self::with_retention(seed, 14)
    }

    /// A world whose relay keeps `windows` days.
    pub fn with_retention(seed: u64, windows: u8) -> Self {
        let clock = SimClock::new();
        let relay_clock = clock.clone();
        let policy = Policy::new(Access::Open, windows, 86_400).expect("the test asks for 1 to 30 windows");
        let store = Arc::new(MemoryStore::new(seed.to_be_bytes()));
        let relay = Relay::new(store, Arc::new(move || relay_clock.seconds()), policy);
        Self { clock, relay, faults: Faults::none(seed), seed, people: 0, invites: Vec::new() }
    }

    /// A world whose relay keeps its windows of so many seconds in this store.
    pub fn on_store(seed: u64, store: Arc<dyn CellStore>, window_seconds: u32) -> Self {
        let mut world = Self::with_retention(seed, 14);
        let relay_clock = world.clock.clone();
        let policy = Policy::new(Access::Open, 30, window_seconds).expect("the test asks for windows of some length");
        world.relay = Relay::new(store, Arc::new(move || relay_clock.seconds()), policy);
        world
    }

    /// A world whose relay takes nothing new without a token and keeps `windows` days. Each invite is good for one draw a
    /// day.
    pub fn with_tokens(seed: u64, windows: u8, invites: usize) -> Self {
        let mut world = Self::with_retention(seed, windows);
        let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x746f_6b65_6e73);
        let book = Invites::in_memory();
        for _ in 0..invites {
            let mut secret = [0; 32];
            rng.fill_bytes(&mut secret);
            let secret = Secret::new(secret);
            let hash = InviteHash::of(&secret);
            book.change(|book| book.add(hash, 128, u32::MAX)).expect("records in memory can be changed");
            world.invites.push(Invite { secret, relay: link() });
        }
        let rng = std::sync::Mutex::new(rng);
        let random = move |bytes: &mut [u8]| {
            rng.lock().expect("nothing panics while it holds the generator").fill_bytes(bytes);
            Ok(())
        };
        let relay_clock = world.clock.clone();
        let policy = Policy::new(Access::Token, windows, 86_400).expect("the test asks for 2 to 30 windows");
        let store = Arc::new(MemoryStore::new(seed.to_be_bytes()));
        let relay = Relay::new(store, Arc::new(move || relay_clock.seconds()), policy);
        world.relay = relay.with_tokens(Tokens::new(book, Box::new(random)));
        world
    }

    /// One of the relay's invites.
    pub fn invite(&self, number: usize) -> &Invite {
        self.invites.get(number).expect("the test made as many invites")
    }

    /// Somebody new who has an invite.
    pub fn invited(&mut self, name: &str, number: usize) -> Person {
        let invite = self.invite(number).clone();
        let mut person = self.person(name);
        person.run(|ctx| engine::add_invite(ctx, &invite));
        person
    }

    /// Somebody new, with a profile in memory.
    pub fn person(&mut self, name: &str) -> Person {
        let profile = Profile::ephemeral().expect("a profile in memory can be made");
        self.person_with(name, profile)
    }

    /// Somebody new, with a profile in a folder that does not exist yet.
    pub fn person_at(&mut self, name: &str, folder: &Path) -> Person {
        let mut rng = ChaCha20Rng::seed_from_u64(self.seed ^ self.people);
        let profile = Profile::create(folder, b"five words that somebody knows", &mut rng);
        self.person_with(name, profile.expect("a profile can be made there"))
    }

    fn person_with(&mut self, name: &str, profile: Profile) -> Person {
        self.people += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_be_bytes());
        seed[8..16].copy_from_slice(&self.people.to_be_bytes());
        let wire = SimWire::new(self.relay.clone(), self.faults.clone());
        Person::new(name, wire, self.clock.clone(), seed, profile)
    }

    /// Several new people: the first makes a circle and adds the others as contacts.
    pub async fn circle(&mut self, names: &[&str]) -> Vec<Person> {
        let mut people: Vec<Person> = names.iter().map(|name| self.person(name)).collect();
        let (owner, others) = people.split_first_mut().expect("a circle has an owner");
        owner.create_circle("home");
        for other in others.iter_mut() {
            owner.add(other, "home").await;
        }
        for person in &mut people {
            person.sync().await;
        }
        people
    }

    /// A circle of this many people; the first owns it.
    pub async fn circle_of(&mut self, count: usize) -> Vec<Person> {
        let names: Vec<String> = (0..count).map(|number| format!("person {number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.circle(&names).await
    }

    /// Puts a payload, sealed as it should be, where somebody expects a cell; `false` when the place was taken.
    pub async fn put(&self, place: &Place, payload: &[u8]) -> bool {
        self.put_frame(place, &Frame::Inline(payload.to_vec())).await
    }

    /// Puts a frame, sealed as it should be; `false` when the place was taken.
    pub async fn put_frame(&self, place: &Place, frame: &Frame) -> bool {
        let slot = &place.slot;
        let nonce = [u8::try_from(place.n % 251).unwrap_or_default(); 24];
        let cell = seal_cell(&slot.key, &slot.address, nonce, frame).expect("the frame fits");
        self.put_cell(place, cell).await
    }

    /// Puts any cell; `false` when the place was taken.
    pub async fn put_cell(&self, place: &Place, cell: Cell) -> bool {
        let put = self.relay.put_cell(place.slot.address, cell, None).await.expect("the relay in memory takes it");
        !matches!(put, Put::Taken(_))
    }
}
