//! The short wire between a driver and a relay, and what can go wrong on it.

use std::sync::{Arc, Mutex};

use himaya::transport::{Feed, Flow, Put, Refusal, Traffic, Transport, TransportError, Unreachable};
use himaya_protocol::wire::address::{PREFIX_SIZE, Prefix};
use himaya_protocol::wire::relay::{
    CellList, CurrentHead, Cursor, Descriptor, FeedFrame, PICK_CELLS, PICK_CHUNKS_MAX, PICKED_CELL_SIZE, Pick,
    RECORD_SIZE, parse_picked_cells, parse_picked_chunks,
};
use himaya_protocol::wire::token::{BatchResponse, IssueRequest, Token};
use himaya_protocol::wire::{Address, Cell, Chunk};
use himaya_relay::service::{Current, Relay, RelayError};
use himaya_relay::store::{Put as Stored, Subscription};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::Lies;

/// What goes wrong, for everybody on the wire. Clones are the same.
#[derive(Clone)]
pub struct Faults(Arc<Mutex<State>>);

struct State {
    rng: ChaCha20Rng,
    /// In how many of 100 calls the line is cut before the relay hears of it.
    lose_call: u32,
    /// In how many of 100 puts the answer is lost after the relay stored.
    lose_answer: u32,
    /// In how many of 100 sweeps every cell comes twice.
    repeat: u32,
    /// Whether cells come in random order instead of the relay's.
    shuffle: bool,
    /// Nothing goes through.
    down: bool,
    /// How often the relay was restarted: cursors of the lives before are unknown to it.
    restarts: u8,
    /// The relay says that it has none of the chunks.
    hide_chunks: bool,
}

impl Faults {
    /// A wire on which nothing goes wrong.
    pub fn none(seed: u64) -> Self {
        let rng = ChaCha20Rng::seed_from_u64(seed ^ 0x6661_756c_7473);
        let state = State {
            rng,
            lose_call: 0,
            lose_answer: 0,
            repeat: 0,
            shuffle: false,
            down: false,
            restarts: 0,
            hide_chunks: false,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// A bad line: calls and answers are lost, cells come twice and in any order.
    pub fn bad_line(&self) {
        self.change(|state| {
            (state.lose_call, state.lose_answer, state.repeat, state.shuffle) = (15, 15, 20, true);
        });
    }

    /// The next answers to puts and draws are lost after the relay has done it.
    pub fn lose_answers(&self, percent: u32) {
        self.change(|state| state.lose_answer = percent);
    }

    /// Cells come in any order, and in `percent` of the sweeps twice.
    pub fn shuffle(&self, percent: u32) {
        self.change(|state| (state.shuffle, state.repeat) = (true, percent));
    }

    /// Nothing goes through until [`Faults::up`].
    pub fn down(&self) {
        self.change(|state| state.down = true);
    }

    /// Everything goes through again.
    pub fn up(&self) {
        self.change(|state| state.down = false);
    }

    /// The relay says that it has no chunks, or again what it has.
    pub fn hide_chunks(&self, hide: bool) {
        self.change(|state| state.hide_chunks = hide);
    }

    /// The relay's process ends and another begins on the same store: no cursor is known any more.
    pub fn restart_relay(&self) {
        self.change(|state| state.restarts = state.restarts.wrapping_add(1));
    }

    /// What a cursor of the relay's present life looks like outside, and the other way round.
    fn mark(&self, mut cursor: Cursor) -> Cursor {
        let restarts = self.change(|state| state.restarts);
        cursor.0[0] ^= restarts;
        cursor
    }

    /// The line is as good as new.
    pub fn heal(&self) {
        self.change(|state| {
            (state.lose_call, state.lose_answer, state.repeat) = (0, 0, 0);
            (state.shuffle, state.down) = (false, false);
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().expect("no test panics while it holds the faults"))
    }

    fn before_call(&self) -> Result<(), TransportError> {
        let lost = self.change(|state| state.down || state.rng.random_range(0..100) < state.lose_call);
        if lost { Err(TransportError::Unreachable(Unreachable::Connect)) } else { Ok(()) }
    }

    fn after_put(&self) -> Result<(), TransportError> {
        let lost = self.change(|state| state.rng.random_range(0..100) < state.lose_answer);
        if lost { Err(TransportError::Unreachable(Unreachable::Cut)) } else { Ok(()) }
    }

    fn arrange(&self, cells: &mut Vec<(Address, Cell)>) {
        self.change(|state| {
            if state.rng.random_range(0..100) < state.repeat {
                cells.extend(cells.clone());
            }
            if state.shuffle {
                cells.shuffle(&mut state.rng);
            }
        });
    }
}

/// A box that somebody's client tried to put.
#[derive(Clone, PartialEq, Eq)]
pub struct Written {
    /// Where.
    pub address: Address,
    /// What: the bytes of a cell or of a chunk.
    pub bytes: Vec<u8>,
}

/// A call that somebody's client made, as far as the relay sees what is asked.
#[derive(Clone)]
pub enum Called {
    /// Windows were read, or what is new in the current one.
    Read,
    /// A cell was put here.
    Cell(Address),
    /// A chunk was put here.
    Chunk(Address),
    /// Chunks were asked for.
    Chunks(Vec<Address>),
    /// A list of cells was asked for.
    List(Box<CellList>),
}

/// What one person's client wrote, and how much more it may. Clones are the same.
#[derive(Clone, Default)]
pub struct Line(Arc<Mutex<LineState>>);

#[derive(Default)]
struct LineState {
    written: Vec<Written>,
    called: Vec<Called>,
    shown: Vec<(Address, Vec<u8>)>,
    draws: Vec<Vec<u8>>,
    puts_left: Option<u32>,
    lists: Vec<CellList>,
    answers_lost: u32,
    sweeps: usize,
    descriptors: usize,
    traffic: Traffic,
}

impl Line {
    /// Every box that was put, in order, repeats included.
    pub fn written(&self) -> Vec<Written> {
        self.change(|state| state.written.clone())
    }

    /// What was called since this was asked last, in order. What was written by then is forgotten.
    pub fn take_calls(&self) -> Vec<Called> {
        self.change(|state| {
            state.written.clear();
            state.lists.clear();
            std::mem::take(&mut state.called)
        })
    }

    fn note(&self, call: Called) {
        self.change(|state| state.called.push(call));
    }

    /// Every token that was shown, in order, with the address it was shown with.
    pub fn shown(&self) -> Vec<(Address, Vec<u8>)> {
        self.change(|state| state.shown.clone())
    }

    /// Every draw that was sent, in order, byte for byte.
    pub fn draws(&self) -> Vec<Vec<u8>> {
        self.change(|state| state.draws.clone())
    }

    /// Every list of cells that was asked for, in order.
    pub fn lists(&self) -> Vec<CellList> {
        self.change(|state| state.lists.clone())
    }

    /// How often cells were read without a list.
    pub fn sweeps(&self) -> usize {
        self.change(|state| state.sweeps)
    }

    /// How often the relay was asked what it says of itself.
    pub fn descriptors(&self) -> usize {
        self.change(|state| state.descriptors)
    }

    /// The answers to the next lists are lost.
    pub fn lose_lists(&self, count: u32) {
        self.change(|state| state.answers_lost = count);
    }

    fn note_sweep(&self, cells: usize) {
        self.change(|state| {
            state.sweeps += 1;
            state.called.push(Called::Read);
            state.traffic.sweep += Flow::call(cells, sized(cells * RECORD_SIZE));
        });
    }

    fn note_index(&self, prefixes: usize) {
        self.change(|state| {
            state.called.push(Called::Read);
            state.traffic.index += Flow::call(prefixes, sized(prefixes * PREFIX_SIZE));
        });
    }

    fn note_token(&self, address: &Address, token: Option<&Token>) {
        let shown = token.map(|token| (*address, token.to_bytes().to_vec()));
        self.change(|state| state.shown.extend(shown));
    }

    /// After `puts` more puts of cells the line is cut; with `None` it is mended.
    pub fn allow(&self, puts: Option<u32>) {
        self.change(|state| state.puts_left = puts);
    }

    fn before_put(&self, address: &Address, bytes: &[u8], counts: bool) -> Result<(), TransportError> {
        let cut = self.change(|state| {
            if state.puts_left == Some(0) {
                return true;
            }
            if counts {
                state.puts_left = state.puts_left.map(|left| left - 1);
            }
            state.written.push(Written { address: *address, bytes: bytes.to_vec() });
            false
        });
        if cut { Err(TransportError::Unreachable(Unreachable::Connect)) } else { Ok(()) }
    }

    fn change<T>(&self, change: impl FnOnce(&mut LineState) -> T) -> T {
        change(&mut self.0.lock().expect("no test panics while it holds a line"))
    }
}

/// The cell that lies at an address.
pub async fn cell_at(relay: &Relay, address: &Address) -> Option<Cell> {
    let list = [address.prefix(); PICK_CELLS];
    let bytes = relay.pick(Pick::Cells(Box::new(list))).await.all_bytes().expect("the relay in memory answers");
    let picked = parse_picked_cells(&bytes, &list).expect("the relay keeps to the layout");
    let (there, cell) = picked.into_iter().next()??;
    (there == *address).then_some(cell)
}

/// One person's wire to the relay.
#[derive(Clone)]
pub struct SimWire {
    relay: Relay,
    faults: Faults,
    line: Line,
    lies: Lies,
}

impl SimWire {
    /// A wire to this relay with these faults.
    pub fn new(relay: Relay, faults: Faults) -> Self {
        Self { relay, faults, line: Line::default(), lies: Lies::default() }
    }

    /// What the relay tells this person that is not so.
    pub fn lies(&self) -> &Lies {
        &self.lies
    }

    /// What was written on it.
    pub fn line(&self) -> &Line {
        &self.line
    }
}

impl Transport for SimWire {
    type Feed = SimFeed;

    async fn descriptor(&self) -> Result<Descriptor, TransportError> {
        self.faults.before_call()?;
        self.line.change(|state| state.descriptors += 1);
        Ok(self.lies.describe(self.relay.descriptor().await))
    }

    async fn put_cell(
        &self,
        address: &Address,
        cell: &Cell,
        token: Option<&Token>,
    ) -> Result<Put<Cell>, TransportError> {
        self.faults.before_call()?;
        self.line.before_put(address, cell.as_bytes(), true)?;
        self.line.note(Called::Cell(*address));
        self.line.note_token(address, token);
        if self.lies.swallows() {
            return Ok(Put::Stored);
        }
        let answer = self.relay.put_cell(*address, cell.clone(), token).await.map_err(refused)?;
        self.faults.after_put()?;
        Ok(answered(answer, |cell| cell))
    }

    async fn put_chunk(
        &self,
        address: &Address,
        chunk: &Chunk,
        token: Option<&Token>,
    ) -> Result<Put<()>, TransportError> {
        self.faults.before_call()?;
        self.line.before_put(address, chunk.as_bytes(), false)?;
        self.line.note(Called::Chunk(*address));
        self.line.note_token(address, token);
        let answer = self.relay.put_chunk(*address, chunk.clone(), token).await.map_err(refused)?;
        self.faults.after_put()?;
        Ok(answered(answer, |_chunk| ()))
    }

    async fn draw(&self, request: &[u8]) -> Result<BatchResponse, TransportError> {
        self.faults.before_call()?;
        self.line.change(|state| state.draws.push(request.to_vec()));
        let request = IssueRequest::from_bytes(request).map_err(|_| TransportError::Refused(Refusal::NotUnderstood))?;
        let answer = self.relay.issue(request).await.map_err(refused)?;
        self.faults.after_put()?;
        Ok(answer)
    }

    async fn window_cells(&self, window: u32) -> Result<Vec<(Address, Cell)>, TransportError> {
        self.faults.before_call()?;
        let mut cells = self.relay.closed(window).await.and_then(|sweep| sweep.all_cells()).map_err(refused)?;
        self.lies.tamper(&mut cells);
        self.faults.arrange(&mut cells);
        self.line.note_sweep(cells.len());
        Ok(cells)
    }

    async fn window_index(&self, window: u32) -> Result<Vec<Prefix>, TransportError> {
        self.faults.before_call()?;
        let addresses = self.relay.closed(window).await.and_then(|sweep| sweep.all_addresses()).map_err(refused)?;
        let addresses = self.lies.shown(addresses);
        self.line.note_index(addresses.len());
        Ok(addresses.iter().map(Address::prefix).collect())
    }

    async fn current_index(&self, after: Option<Cursor>) -> Result<Option<(CurrentHead, Vec<Prefix>)>, TransportError> {
        self.faults.before_call()?;
        match self.relay.current(after.map_or(Current::All, |cursor| Current::After(self.faults.mark(cursor)))).await {
            Ok((mut head, sweep)) => {
                head.cursor = self.faults.mark(head.cursor);
                let addresses = self.lies.shown(sweep.all_addresses().map_err(refused)?);
                self.line.note_index(addresses.len());
                Ok(Some((head, addresses.iter().map(Address::prefix).collect())))
            }
            Err(RelayError::UnknownCursor) => Ok(None),
            Err(error) => Err(refused(error)),
        }
    }

    async fn pick_cells(&self, list: &CellList) -> Result<Vec<Option<(Address, Cell)>>, TransportError> {
        self.faults.before_call()?;
        let lost = self.line.change(|state| {
            state.lists.push(*list);
            state.called.push(Called::List(Box::new(*list)));
            state.traffic.pick += Flow::call(1, sized(list.len() * (PREFIX_SIZE + PICKED_CELL_SIZE)));
            let lost = state.answers_lost > 0;
            state.answers_lost = state.answers_lost.saturating_sub(1);
            lost
        });
        if lost {
            return Err(TransportError::Unreachable(Unreachable::Cut));
        }
        let bytes = self.relay.pick(Pick::Cells(Box::new(*list))).await.all_bytes().map_err(refused)?;
        let picked = parse_picked_cells(&bytes, list).map_err(TransportError::Malformed)?;
        let shown = |there: &(Address, Cell)| !self.lies.hides(&there.0);
        Ok(picked.into_iter().map(|there| there.filter(shown)).collect())
    }

    async fn current_cells(
        &self,
        after: Option<Cursor>,
    ) -> Result<Option<(CurrentHead, Vec<(Address, Cell)>)>, TransportError> {
        self.faults.before_call()?;
        match self.relay.current(after.map_or(Current::All, |cursor| Current::After(self.faults.mark(cursor)))).await {
            Ok((mut head, sweep)) => {
                head.cursor = self.faults.mark(head.cursor);
                let mut cells = sweep.all_cells().map_err(refused)?;
                self.lies.tamper(&mut cells);
                self.faults.arrange(&mut cells);
                self.line.note_sweep(cells.len());
                Ok(Some((head, cells)))
            }
            Err(RelayError::UnknownCursor) => Ok(None),
            Err(error) => Err(refused(error)),
        }
    }

    async fn pick_chunks(&self, addresses: &[Address]) -> Result<Vec<Option<Chunk>>, TransportError> {
        self.faults.before_call()?;
        if self.faults.change(|state| state.hide_chunks) {
            return Ok(vec![None; addresses.len()]);
        }
        self.line.note(Called::Chunks(addresses.to_vec()));
        let mut chunks = Vec::new();
        for list in addresses.chunks(PICK_CHUNKS_MAX) {
            let bytes = self.relay.pick(Pick::Chunks(list.to_vec())).await.all_bytes().map_err(refused)?;
            chunks.extend(parse_picked_chunks(&bytes, list.len()).map_err(TransportError::Malformed)?);
        }
        Ok(chunks)
    }

    async fn feed(&self) -> Result<SimFeed, TransportError> {
        self.faults.before_call()?;
        Ok(SimFeed { arrivals: self.relay.subscribe(), faults: self.faults.clone(), lies: self.lies.clone() })
    }

    fn traffic(&self) -> Traffic {
        self.line.change(|state| std::mem::take(&mut state.traffic))
    }
}

/// The relay's feed as a driver sees it.
pub struct SimFeed {
    arrivals: Subscription,
    faults: Faults,
    lies: Lies,
}

impl Feed for SimFeed {
    async fn next(&mut self) -> Result<FeedFrame, TransportError> {
        loop {
            let arrival = self.arrivals.next().await.map_err(|_| TransportError::Unreachable(Unreachable::Cut))?;
            let frame = FeedFrame::from_bytes(&arrival.whole()).map_err(TransportError::Malformed)?;
            return Ok(match frame {
                FeedFrame::Start(cursor) => FeedFrame::Start(self.faults.mark(cursor)),
                FeedFrame::Cell(_, address, _) | FeedFrame::Address(_, address) if self.lies.hides(&address) => {
                    continue;
                }
                FeedFrame::Cell(cursor, address, cell) => FeedFrame::Cell(self.faults.mark(cursor), address, cell),
                FeedFrame::Address(cursor, address) => FeedFrame::Address(self.faults.mark(cursor), address),
            });
        }
    }
}

fn sized(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn answered<S, T>(answer: Stored<S>, show: impl FnOnce(S) -> T) -> Put<T> {
    match answer {
        Stored::Stored => Put::Stored,
        Stored::Same => Put::Same,
        Stored::Taken(there) => Put::Taken(show(there)),
    }
}

fn refused(error: RelayError) -> TransportError {
    TransportError::Refused(match error {
        RelayError::UnknownCursor | RelayError::Sunset => Refusal::Gone,
        RelayError::NotAdmitted | RelayError::InviteRefused => Refusal::NotAllowed,
        RelayError::NoSuchWindow | RelayError::NoTokens => Refusal::NotFound,
        RelayError::WrongTokenKey => Refusal::WrongTokenKey,
        RelayError::Malformed => Refusal::NotUnderstood,
        RelayError::AllotmentDrawn => Refusal::Busy,
        RelayError::Full => Refusal::Full,
        RelayError::Failed => Refusal::Busy,
    })
}
