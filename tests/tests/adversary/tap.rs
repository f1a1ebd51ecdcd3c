//! A wire that can be watched: carries TCP as it is, and notes what anybody on the way sees of TLS: when a connection was
//! made, and the size of each record in each direction.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use himaya_tests::binaries::{RelayProcess, until};
use himaya_tests::scene::Scene;

/// What was seen of one connection: the sizes of the records that carry data, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    /// From the client.
    pub(crate) up: Vec<usize>,
    /// To the client.
    pub(crate) down: Vec<usize>,
    /// All bytes of either direction, from the client and to it, but for the alerts that end a connection.
    pub(crate) bytes: (usize, usize),
    /// How often an answer began: the round trips of everything but TCP's own handshake.
    pub(crate) answers: usize,
    /// Whether the last that was seen came from the client.
    asked: bool,
}

impl Seen {
    /// Bytes have come, with the data records that begin in them.
    fn add(&mut self, up: bool, bytes: usize, records: Vec<usize>) {
        if up { &mut self.up } else { &mut self.down }.extend(records);
        if bytes <= ALERT {
            return;
        }
        if up {
            self.bytes.0 += bytes
        } else {
            self.bytes.1 += bytes
        }
        self.answers += usize::from(self.asked && !up);
        self.asked = up;
    }
}

/// The size of an encrypted alert, which ends a connection at any time and asks for nothing (RFC 8446 section 6.1).
const ALERT: usize = 5 + 2 + 1 + 16;

/// The connections by their numbers, with how many of their directions are still open.
type Notes = Arc<Mutex<BTreeMap<usize, (Seen, u8)>>>;

/// Where a wire leads.
type Upstream = Arc<Mutex<Option<SocketAddr>>>;

/// A watched wire to a relay. Carries until the process ends.
pub(crate) struct Tap {
    address: SocketAddr,
    notes: Notes,
    upstream: Upstream,
}

impl Tap {
    /// A wire that leads nowhere yet.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, notes, upstream) = (listener.local_addr()?, Notes::default(), Upstream::default());
        let (shared, leads) = (Arc::clone(&notes), Arc::clone(&upstream));
        std::thread::spawn(move || {
            for (number, client) in listener.incoming().map_while(Result::ok).enumerate() {
                let to = *leads.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(Ok(relay)) = to.map(TcpStream::connect) else { continue };
                // A connection that breaks is what the client has to live with.
                let _ended = carry(number, client, relay, &shared);
            }
        });
        Ok(Self { address, notes, upstream })
    }

    /// Where clients go.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it leads from now on.
    pub(crate) fn lead_to(&self, to: SocketAddr) {
        *self.upstream.lock().unwrap_or_else(PoisonError::into_inner) = Some(to);
    }

    /// A relay that runs behind such a wire.
    pub(crate) fn scene(tokens: bool) -> anyhow::Result<(Scene, Self)> {
        let (tap, root) = (Self::open()?, tempfile::tempdir()?);
        let mut relay = RelayProcess::init_behind(&root.path().join("relay"), tap.address)?;
        if tokens {
            relay.configure("access = \"open\"", "access = \"tokens\"")?;
        }
        relay.serve()?;
        tap.lead_to(relay.address());
        Ok((Scene { relay, root }, tap))
    }

    /// What was seen since the last time, a connection each, once all of them are closed.
    pub(crate) fn finished(&self) -> anyhow::Result<Vec<Seen>> {
        until("the connections to be closed", || {
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            let closed = notes.values().all(|(_, open)| *open == 0);
            Ok(closed.then(|| std::mem::take(&mut *notes).into_values().map(|(seen, _)| seen).collect()))
        })
    }

    /// What was seen so far of connections that may be open.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).values().map(|(seen, _)| seen.clone()).collect()
    }
}

fn carry(number: usize, client: TcpStream, relay: TcpStream, notes: &Notes) -> std::io::Result<()> {
    notes.lock().unwrap_or_else(PoisonError::into_inner).insert(number, (Seen::default(), 2));
    let (from_client, from_relay) = (client.try_clone()?, relay.try_clone()?);
    for (from, to, up) in [(from_client, relay, true), (from_relay, client, false)] {
        let notes = Arc::clone(notes);
        std::thread::spawn(move || {
            let change = |change: &dyn Fn(&mut Seen, &mut u8)| {
                let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((seen, open)) = notes.get_mut(&number) {
                    change(seen, open);
                }
            };
            pass(from, to, |bytes, records| change(&|seen, _| seen.add(up, bytes, records.clone())));
            change(&|_, open| *open = open.saturating_sub(1));
        });
    }
    Ok(())
}

/// Passes bytes on and tells how many, and the size of each record of type application data (RFC 8446 section 5.1), the handshake's
/// encrypted part included.
fn pass(mut from: TcpStream, mut to: TcpStream, note: impl Fn(usize, Vec<usize>)) {
    let mut records = Records::default();
    let mut bytes = [0; 16 << 10];
    while let Ok(read) = from.read(&mut bytes) {
        let part = bytes.get(..read).unwrap_or_default();
        note(part.len(), records.feed(part));
        if part.is_empty() || to.write_all(part).is_err() {
            break;
        }
    }
    let _closed = to.shutdown(Shutdown::Write);
}

#[derive(Default)]
struct Records {
    head: Vec<u8>,
    left: usize,
}

impl Records {
    /// The sizes of the data records that begin in these bytes.
    fn feed(&mut self, mut bytes: &[u8]) -> Vec<usize> {
        let mut sizes = Vec::new();
        while !bytes.is_empty() {
            let rest = self.left.min(bytes.len());
            self.left -= rest;
            bytes = bytes.get(rest..).unwrap_or_default();
            while self.left == 0 && self.head.len() < 5 && !bytes.is_empty() {
                self.head.extend(bytes.split_off_first().copied());
            }
            if let [kind, _, _, high, low] = self.head[..] {
                self.left = usize::from(high) << 8 | usize::from(low);
                if kind == 23 {
                    sizes.push(self.left);
                }
                self.head.clear();
            }
        }
        sizes
    }
}

#[test]
fn records_are_counted_wherever_the_stream_is_cut() {
    let stream =
        [&[22, 3, 3, 0, 2, 9, 9][..], &[23, 3, 3, 1, 4], &[7; 260], &[20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 1, 5]].concat();
    for step in [1, 3, 4, 5, 6, 300] {
        let mut records = Records::default();
        let sizes: Vec<_> = stream.chunks(step).flat_map(|part| records.feed(part)).collect();
        assert_eq!(sizes, [260, 1], "in pieces of {step}");
    }
}
