//! Reads `protocol/vectors/*.txt`; the form is described in `make.py` there.

use std::collections::BTreeMap;
use std::path::Path;

/// The items of one vector file.
pub(crate) struct VectorFile {
    items: BTreeMap<String, Vec<u8>>,
    order: Vec<String>,
}

impl VectorFile {
    /// Reads a file; fails the test on anything that is not in the form.
    pub(crate) fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/vectors").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut file = Self { items: BTreeMap::new(), order: Vec::new() };
        for line in text.lines() {
            if let Some(indented) = line.strip_prefix("  ") {
                let item = file.order.last().expect("bytes stand after a name");
                file.items.get_mut(item).expect("a named item exists").extend(bytes_of(indented.trim_start()));
            } else if let Some(item) = line.strip_suffix(':').filter(|_| !line.starts_with('#')) {
                let before = file.items.insert(item.to_owned(), Vec::new());
                assert!(before.is_none(), "{item} stands twice in {name}");
                file.order.push(item.to_owned());
            }
        }
        file
    }

    /// The bytes of an item.
    pub(crate) fn bytes(&self, item: &str) -> &[u8] {
        self.items.get(item).unwrap_or_else(|| panic!("no item {item}"))
    }

    /// An item of exactly N bytes.
    pub(crate) fn array<const N: usize>(&self, item: &str) -> [u8; N] {
        self.bytes(item).try_into().unwrap_or_else(|_| panic!("{item} is not {N} bytes"))
    }

    /// An item that is text.
    pub(crate) fn text(&self, item: &str) -> &str {
        std::str::from_utf8(self.bytes(item)).expect("a text item is UTF-8")
    }

    /// The names of all items in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.order.iter().map(String::as_str)
    }
}

fn bytes_of(line: &str) -> Vec<u8> {
    if let Some(text) = line.strip_prefix('"') {
        return text.as_bytes().to_vec();
    }
    let hex = line.split_once("  # ").map_or(line, |(hex, _)| hex).trim();
    match hex.split_once('*') {
        Some((byte, count)) => unhex(byte).repeat(count.parse().expect("a count after *")),
        None => unhex(hex),
    }
}

/// Bytes from lower-case hexadecimal digits.
pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap_or_else(|error| panic!("{hex}: {error}"))
}

/// Tries every single-bit flip and every truncation of a wire form, and one byte more.
///
/// `reencode` decodes and encodes again, `None` for a typed error. Whatever is accepted must be something else than
/// the original: its encoding must differ.
pub(crate) fn assert_not_malleable(name: &str, bytes: &[u8], reencode: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    assert_eq!(reencode(bytes).as_deref(), Some(bytes), "{name} is not its own encoding");
    for bit in 0..bytes.len() * 8 {
        let flip = |(at, byte): (usize, &u8)| if at == bit / 8 { byte ^ (1 << (bit % 8)) } else { *byte };
        let flipped: Vec<u8> = bytes.iter().enumerate().map(flip).collect();
        assert_ne!(reencode(&flipped).as_deref(), Some(bytes), "{name} with bit {bit} flipped");
    }
    for length in 0..bytes.len() {
        let cut: Vec<u8> = bytes.iter().copied().take(length).collect();
        assert_ne!(reencode(&cut).as_deref(), Some(bytes), "{name} cut to {length} bytes");
    }
    assert_ne!(reencode(&[bytes, &[0]].concat()).as_deref(), Some(bytes), "{name} with a byte more");
}
