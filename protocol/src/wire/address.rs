//! The place of a cell: 32 bytes that look random and are used once.

/// Length of an address in bytes.
pub const ADDRESS_SIZE: usize = 32;
/// Length of the prefix of an address that an index lists, in bytes.
pub const PREFIX_SIZE: usize = 8;

/// The first 8 bytes of an address: what an index lists and a pick names.
pub type Prefix = [u8; PREFIX_SIZE];

/// Where one cell or chunk lies. `Debug` shows nothing, so no log line can hold one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address([u8; ADDRESS_SIZE]);

impl Address {
    /// Takes 32 bytes as an address.
    pub fn new(bytes: [u8; ADDRESS_SIZE]) -> Self {
        Self(bytes)
    }

    /// Takes a slice of exactly 32 bytes; `None` for any other length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        <[u8; ADDRESS_SIZE]>::try_from(bytes).ok().map(Self)
    }

    /// The bytes, for the wire or for a store.
    pub fn as_bytes(&self) -> &[u8; ADDRESS_SIZE] {
        &self.0
    }

    /// The first 8 bytes, which an index lists.
    pub fn prefix(&self) -> Prefix {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        [a, b, c, d, e, f, g, h]
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address(..)")
    }
}
