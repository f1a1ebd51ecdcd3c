//! The relay's calls: paths, fixed layouts of bodies, limits (docs/protocol.md section 5).
//!
//! All integers are big endian. No address ever stands in a path or a query.
//!
//! ```text
//! GET  /v1/relay                     → descriptor
//! POST /v1/cells    address ‖ cell   → 201 | 200 | 409 ‖ the cell that is there; all answers are of one size
//! POST /v1/chunks   address ‖ chunk  → 201 | 200 | 409, as long as those for cells
//! GET  /v1/windows/{w}/index         → prefix 8 …                      sorted, w closed
//! GET  /v1/windows/{w}/cells         → (address ‖ cell) …              sorted by address, w closed
//! GET  /v1/windows/current/index     → window 4 ‖ cursor 16 ‖ prefix …
//! GET  /v1/windows/current/cells     → window 4 ‖ cursor 16 ‖ (address ‖ cell) …   ?after=CURSOR in hexadecimal
//! POST /v1/pick     32 prefixes      → for each prefix: present 1 ‖ address ‖ cell, zeros if absent
//! POST /v1/pick     list of chunks   → for each address: present 1 ‖ the chunk, zeros if absent
//! GET  /v1/feed                      → WebSocket; ?form=addresses for addresses only
//! POST /v1/tokens   invite ‖ request → token response (see token)
//! POST /v1/ohttp    a request inside → its answer (see oblivious)
//! ```

use super::address::{ADDRESS_SIZE, Address, PREFIX_SIZE, Prefix};
use super::cell::{CELL_SIZE, CHUNK_SIZE, Cell, Chunk};
use super::oblivious::GatewayKey;
use super::token::TokenKey;

/// `GET`: the descriptor.
pub const PATH_RELAY: &str = "/v1/relay";
/// `POST`: put a cell.
pub const PATH_CELLS: &str = "/v1/cells";
/// `POST`: put a chunk.
pub const PATH_CHUNKS: &str = "/v1/chunks";
/// `POST`: pick cells by the prefixes of their addresses, or chunks by address.
pub const PATH_PICK: &str = "/v1/pick";
/// `POST`: draw tokens with an invite.
pub const PATH_TOKENS: &str = "/v1/tokens";
/// `GET`: WebSocket with what arrives.
pub const PATH_FEED: &str = "/v1/feed";
/// `GET`: what arrived in the current window.
pub const PATH_CURRENT_CELLS: &str = "/v1/windows/current/cells";
/// `GET`: prefixes of what arrived in the current window.
pub const PATH_CURRENT_INDEX: &str = "/v1/windows/current/index";

/// Length of one `address ‖ cell` record, in bytes.
pub const RECORD_SIZE: usize = ADDRESS_SIZE + CELL_SIZE;
/// Length of one `address ‖ chunk` put, in bytes.
pub const CHUNK_PUT_SIZE: usize = ADDRESS_SIZE + CHUNK_SIZE;
/// Length of a cursor, in bytes.
pub const CURSOR_SIZE: usize = 16;
/// How many prefixes every pick of cells names, so that its size tells nothing.
pub const PICK_CELLS: usize = 32;
/// The most chunks that one pick may name.
pub const PICK_CHUNKS_MAX: usize = 64;
/// The body of every answer to a put has this many bytes: the cell that is there, or zeros; a problem has as many less as its
/// head has fields that others have not.
pub const PUT_ANSWER_SIZE: usize = CELL_SIZE;
/// Every other problem document (RFC 9457) has exactly this many bytes, padded with spaces.
pub const PROBLEM_SIZE: usize = 512;

/// The path of a closed window's cells.
pub fn window_cells_path(window: u32) -> String {
    format!("/v1/windows/{window}/cells")
}

/// The path of a closed window's index.
pub fn window_index_path(window: u32) -> String {
    format!("/v1/windows/{window}/index")
}

/// Bytes that do not have the layout of their call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes do not have the layout of {0}")]
pub struct LayoutError(pub &'static str);

/// Who may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Open,
    /// Whoever spends a token.
    Token,
}

/// What a relay says of itself.
///
/// ```text
/// version 2 = 1 ‖ access 1 (0 open, 1 token) ‖ retention in windows 1 ‖ window length in s 4 ‖ current window 4
/// ‖ oldest window 4 ‖ cell size 4 ‖ chunk size 4 ‖ sections …       section: kind 2 ‖ length 2 ‖ bytes
/// ```
///
/// A section of kind 1 is a [`TokenKey`]; one of kind 2 a [`GatewayKey`]; one of kind 3 the last day on which the relay takes
/// anything new (4 bytes, days since 1970-01-01 UTC). Sections of a kind that a reader does not know are skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Who may write.
    pub access: Access,
    /// How many windows are kept, the current one included.
    pub retention: u8,
    /// Length of a window, in seconds.
    pub window_seconds: u32,
    /// The window of now: Unix time divided by the length.
    pub current_window: u32,
    /// The oldest window that is still kept.
    pub oldest_window: u32,
    /// The token keys that are accepted, oldest first. No two issue in one window.
    pub token_keys: Vec<TokenKey>,
    /// The keys under which requests may come encapsulated, oldest first. Clients use the last one.
    pub gateway_keys: Vec<GatewayKey>,
    /// The last day on which the relay takes anything new, in days since 1970-01-01 UTC, once its end is announced.
    pub sunset: Option<u32>,
}

const SECTION_TOKEN_KEY: u16 = 1;
const SECTION_GATEWAY_KEY: u16 = 2;
const SECTION_SUNSET: u16 = 3;
const DESCRIPTOR_VERSION: u16 = 1;
const DESCRIPTOR_HEAD: usize = 24;

impl Descriptor {
    /// The answer to `GET /v1/relay`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(DESCRIPTOR_HEAD);
        bytes.extend_from_slice(&DESCRIPTOR_VERSION.to_be_bytes());
        bytes.push(match self.access {
            Access::Open => 0,
            Access::Token => 1,
        });
        bytes.push(self.retention);
        for field in [
            self.window_seconds,
            self.current_window,
            self.oldest_window,
            CELL_SIZE.try_into().expect("a cell's size fits 32 bits"),
            CHUNK_SIZE.try_into().expect("a chunk's size fits 32 bits"),
        ] {
            bytes.extend_from_slice(&u32::to_be_bytes(field));
        }
        let mut section = |kind: u16, content: &[u8]| {
            bytes.extend_from_slice(&kind.to_be_bytes());
            bytes.extend_from_slice(&u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend_from_slice(content);
        };
        self.token_keys.iter().for_each(|key| section(SECTION_TOKEN_KEY, &key.to_bytes()));
        self.gateway_keys.iter().for_each(|key| section(SECTION_GATEWAY_KEY, &key.to_bytes()));
        if let Some(last_day) = self.sunset {
            section(SECTION_SUNSET, &last_day.to_be_bytes());
        }
        bytes
    }

    /// The key under which tokens are issued now.
    pub fn issuing_key(&self) -> Option<&TokenKey> {
        self.token_keys.iter().find(|key| key.issues_in(self.current_window))
    }

    /// Reads the answer to `GET /v1/relay`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LayoutError> {
        let error = LayoutError("a relay descriptor of version 1");
        let (head, mut sections) = bytes.split_first_chunk::<DESCRIPTOR_HEAD>().ok_or(error)?;
        let &[v0, v1, access, retention, ref words @ ..] = head;
        let mut words = words.chunks_exact(4).map(|word| word.try_into().map(u32::from_be_bytes).unwrap_or_default());
        let mut word = || words.next().ok_or(error);
        let mut descriptor = Self {
            access: match access {
                0 => Access::Open,
                1 => Access::Token,
                _ => return Err(error),
            },
            retention,
            window_seconds: word()?,
            current_window: word()?,
            oldest_window: word()?,
            token_keys: Vec::new(),
            gateway_keys: Vec::new(),
            sunset: None,
        };
        let sizes = (usize::try_from(word()?), usize::try_from(word()?));
        let sane = u16::from_be_bytes([v0, v1]) == DESCRIPTOR_VERSION
            && sizes == (Ok(CELL_SIZE), Ok(CHUNK_SIZE))
            && descriptor.window_seconds > 0
            && retention > 0
            && descriptor.oldest_window <= descriptor.current_window
            && descriptor.current_window - descriptor.oldest_window < u32::from(retention);
        while let Some((&[k0, k1, l0, l1], rest)) = sections.split_first_chunk::<4>() {
            let (section, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1]))).ok_or(error)?;
            match u16::from_be_bytes([k0, k1]) {
                SECTION_TOKEN_KEY => descriptor.token_keys.extend(TokenKey::from_bytes(section).map_err(|_| error)?),
                SECTION_GATEWAY_KEY => {
                    descriptor.gateway_keys.extend(GatewayKey::from_bytes(section).map_err(|_| error)?)
                }
                SECTION_SUNSET => {
                    let last_day = section.try_into().map(u32::from_be_bytes).map_err(|_| error)?;
                    if descriptor.sunset.replace(last_day).is_some() {
                        return Err(error);
                    }
                }
                _ => {}
            }
            sections = rest;
        }
        let mut pairs = descriptor.token_keys.iter().zip(descriptor.token_keys.iter().skip(1));
        let sane = sane && pairs.all(|(before, after)| before.last_issued < after.first);
        let sane = sane && descriptor.gateway_keys.is_sorted_by(|before, after| before.first < after.first);
        // The window may turn between the head and the keys.
        let next = descriptor.current_window.saturating_add(1);
        let sane = sane && descriptor.gateway_keys.iter().all(|key| key.first <= next);
        if sane && sections.is_empty() { Ok(descriptor) } else { Err(error) }
    }
}

/// A place in what arrived, known only to the running relay process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub [u8; CURSOR_SIZE]);

impl Cursor {
    /// The form of `?after=`.
    pub fn to_hex(self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }

    /// Reads the form of `?after=`.
    pub fn from_hex(text: &str) -> Option<Self> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }
}

/// Addresses that begin alike: a part of the current window that is asked for by itself, with `?part=`.
///
/// One or two hexadecimal digits; `a` is the addresses whose first byte is a0 to af.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    first: u8,
    last: u8,
}

impl Part {
    /// Every address.
    pub const ALL: Self = Self { first: 0, last: 0xff };

    /// Reads the form of `?part=`.
    pub fn from_hex(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = u8::from_str_radix(text, 16).ok().filter(|_| plain)?;
        match text.len() {
            1 => Some(Self { first: number << 4, last: (number << 4) | 0xf }),
            2 => Some(Self { first: number, last: number }),
            _ => None,
        }
    }

    /// Whether an address is one of them.
    pub fn holds(&self, address: &Address) -> bool {
        let [byte, ..] = *address.as_bytes();
        (self.first..=self.last).contains(&byte)
    }

    /// The last address before them; `None` when there is none.
    pub fn before(&self) -> Option<Address> {
        let mut bytes = [0xff; ADDRESS_SIZE];
        *bytes.first_mut()? = self.first.checked_sub(1)?;
        Some(Address::new(bytes))
    }
}

/// The body of a cell put, or one record of a window.
pub fn record(address: &Address, cell: &Cell) -> Vec<u8> {
    [address.as_bytes(), cell.as_bytes()].concat()
}

/// Reads the body of a cell put, or one record of a window.
pub fn parse_record(bytes: &[u8]) -> Result<(Address, Cell), LayoutError> {
    let error = LayoutError("address ‖ cell");
    let (address, cell) = bytes.split_first_chunk::<ADDRESS_SIZE>().ok_or(error)?;
    Ok((Address::new(*address), Cell::from_bytes(cell).ok_or(error)?))
}

/// The body of a chunk put.
pub fn chunk_put(address: &Address, chunk: &Chunk) -> Vec<u8> {
    [address.as_bytes(), chunk.as_bytes()].concat()
}

/// Reads the body of a chunk put.
pub fn parse_chunk_put(bytes: &[u8]) -> Result<(Address, Chunk), LayoutError> {
    let error = LayoutError("address ‖ chunk");
    let (address, chunk) = bytes.split_first_chunk::<ADDRESS_SIZE>().ok_or(error)?;
    Ok((Address::new(*address), Chunk::from_bytes(chunk).ok_or(error)?))
}

/// Reads a whole number of records.
pub fn parse_records(bytes: &[u8]) -> Result<Vec<(Address, Cell)>, LayoutError> {
    if !bytes.len().is_multiple_of(RECORD_SIZE) {
        return Err(LayoutError("a list of address ‖ cell"));
    }
    bytes.chunks_exact(RECORD_SIZE).map(parse_record).collect()
}

/// What stands before the records or prefixes of the current window.
///
/// ```text
/// window 4 ‖ cursor 16
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentHead {
    /// The window of now.
    pub window: u32,
    /// The place after the last record of this answer.
    pub cursor: Cursor,
}

/// Length of [`CurrentHead`], in bytes.
pub const CURRENT_HEAD_SIZE: usize = 4 + CURSOR_SIZE;

impl CurrentHead {
    /// The first bytes of the answer.
    pub fn to_bytes(&self) -> [u8; CURRENT_HEAD_SIZE] {
        let mut bytes = [0; CURRENT_HEAD_SIZE];
        let (window, cursor) = bytes.split_at_mut(4);
        window.copy_from_slice(&self.window.to_be_bytes());
        cursor.copy_from_slice(&self.cursor.0);
        bytes
    }

    /// Reads the head and gives the rest.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), LayoutError> {
        let (head, rest) =
            bytes.split_first_chunk::<CURRENT_HEAD_SIZE>().ok_or(LayoutError("window ‖ cursor ‖ records"))?;
        let &[a, b, c, d, ref cursor @ ..] = head;
        Ok((Self { window: u32::from_be_bytes([a, b, c, d]), cursor: Cursor(*cursor) }, rest))
    }
}

/// The cells that a pick names, by what an index says of them: hits and decoys look alike.
pub type CellList = [Prefix; PICK_CELLS];

/// What a pick asks for.
///
/// ```text
/// kind 1 = 0 ‖ prefix 8 × 32
/// kind 1 = 1 ‖ count 2 ‖ address 32 …
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum Pick {
    /// Of each of these prefixes the cell with the least address.
    Cells(Box<CellList>),
    /// At most [`PICK_CHUNKS_MAX`] chunks.
    Chunks(Vec<Address>),
}

/// What is picked is as telling as an address.
impl std::fmt::Debug for Pick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cells(_) => "Cells(..)",
            Self::Chunks(_) => "Chunks(..)",
        })
    }
}

/// The longest body of `POST /v1/pick`, in bytes.
pub const PICK_SIZE_MAX: usize = 3 + PICK_CHUNKS_MAX * ADDRESS_SIZE;

impl Pick {
    /// The body of `POST /v1/pick`. `None` for an empty or too long list of chunks.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Cells(prefixes) => Some([&[0][..], prefixes.as_flattened()].concat()),
            Self::Chunks(addresses) => {
                if !(1..=PICK_CHUNKS_MAX).contains(&addresses.len()) {
                    return None;
                }
                let mut bytes = vec![1];
                bytes.extend_from_slice(&u16::try_from(addresses.len()).ok()?.to_be_bytes());
                addresses.iter().for_each(|address| bytes.extend_from_slice(address.as_bytes()));
                Some(bytes)
            }
        }
    }

    /// Reads the body of `POST /v1/pick`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LayoutError> {
        let error = LayoutError("a pick list");
        match bytes.split_first().ok_or(error)? {
            (0, prefixes) => {
                let (prefixes, rest) = prefixes.as_chunks::<PREFIX_SIZE>();
                let whole = rest.is_empty().then_some(prefixes).ok_or(error)?;
                Ok(Self::Cells(Box::new(whole.try_into().map_err(|_| error)?)))
            }
            (1, rest) => {
                let (count, addresses) = rest.split_first_chunk::<2>().ok_or(error)?;
                let count = usize::from(u16::from_be_bytes(*count));
                if !(1..=PICK_CHUNKS_MAX).contains(&count) || addresses.len() != count * ADDRESS_SIZE {
                    return Err(error);
                }
                Ok(Self::Chunks(addresses.chunks_exact(ADDRESS_SIZE).filter_map(Address::from_slice).collect()))
            }
            _ => Err(error),
        }
    }
}

/// Length of what a pick answers of one prefix: `present 1 ‖ address ‖ cell`, in bytes.
pub const PICKED_CELL_SIZE: usize = 1 + RECORD_SIZE;
/// Length of what a pick answers of one chunk: `present 1 ‖ chunk`, in bytes.
pub const PICKED_CHUNK_SIZE: usize = 1 + CHUNK_SIZE;

/// Reads the answer to a pick of chunks, in the order of the list.
pub fn parse_picked_chunks(bytes: &[u8], count: usize) -> Result<Vec<Option<Chunk>>, LayoutError> {
    parse_picked(bytes, count, CHUNK_SIZE, |bytes| Chunk::from_bytes(bytes).ok_or(PICKED))
}

/// Reads the answer to a pick of cells, in the order of the list. Each lies under its prefix.
pub fn parse_picked_cells(bytes: &[u8], list: &CellList) -> Result<Vec<Option<(Address, Cell)>>, LayoutError> {
    let picked = parse_picked(bytes, list.len(), RECORD_SIZE, parse_record)?;
    let lies_elsewhere = |(prefix, found): (&Prefix, &Option<(Address, Cell)>)| {
        found.as_ref().is_some_and(|(address, _)| address.prefix() != *prefix)
    };
    if list.iter().zip(&picked).any(lies_elsewhere) { Err(PICKED) } else { Ok(picked) }
}

const PICKED: LayoutError = LayoutError("the answer to a pick");

fn parse_picked<T>(
    bytes: &[u8],
    count: usize,
    size: usize,
    read: impl Fn(&[u8]) -> Result<T, LayoutError>,
) -> Result<Vec<Option<T>>, LayoutError> {
    if bytes.len() != count * (1 + size) {
        return Err(PICKED);
    }
    bytes
        .chunks_exact(1 + size)
        .map(|entry| match entry.split_first() {
            Some((0, _)) => Ok(None),
            Some((1, body)) => read(body).map(Some),
            _ => Err(PICKED),
        })
        .collect()
}

/// Reads a whole number of prefixes, sorted, as an index lists them.
pub fn parse_prefixes(bytes: &[u8]) -> Result<Vec<Prefix>, LayoutError> {
    match bytes.as_chunks::<PREFIX_SIZE>() {
        (prefixes, []) if prefixes.is_sorted() => Ok(prefixes.to_vec()),
        _ => Err(LayoutError("a sorted list of prefixes")),
    }
}

/// One frame of the feed.
///
/// ```text
/// kind 1 ‖ cursor 16 ‖ body      kind 0: empty, sent once at the start; 1: address ‖ cell; 2: address
/// ```
///
/// The cursor is the place after this frame; whoever takes it up with `?after=` misses nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedFrame {
    /// The feed begins here.
    Start(Cursor),
    /// A cell arrived.
    Cell(Cursor, Address, Cell),
    /// A cell arrived at this address.
    Address(Cursor, Address),
}

impl FeedFrame {
    /// The binary WebSocket message.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Start(cursor) => [&[0], &cursor.0[..]].concat(),
            Self::Cell(cursor, address, cell) => [&[1], &cursor.0[..], address.as_bytes(), cell.as_bytes()].concat(),
            Self::Address(cursor, address) => [&[2], &cursor.0[..], address.as_bytes()].concat(),
        }
    }

    /// Reads a binary WebSocket message.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LayoutError> {
        let error = LayoutError("a feed frame");
        let (&kind, rest) = bytes.split_first().ok_or(error)?;
        let (cursor, body) = rest.split_first_chunk::<CURSOR_SIZE>().ok_or(error)?;
        let cursor = Cursor(*cursor);
        match kind {
            0 if body.is_empty() => Ok(Self::Start(cursor)),
            1 => parse_record(body).map(|(address, cell)| Self::Cell(cursor, address, cell)),
            2 => Address::from_slice(body).map(|address| Self::Address(cursor, address)).ok_or(error),
            _ => Err(error),
        }
    }
}
