//! Looking for canaries: byte strings that must not be somewhere, in every form in which a program writes bytes down.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::ensure;

/// The fewest bytes of a canary: shorter ones would be found anywhere.
const LEAST: usize = 8;
/// How much is read at a time.
const PIECE: usize = 1 << 20;
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Looks for many canaries at once.
#[derive(Default)]
pub(crate) struct Scanner {
    /// What is looked for, with its name, by its first [`LEAST`] bytes.
    wanted: BTreeMap<[u8; LEAST], Vec<(Vec<u8>, String)>>,
    /// Whether a wanted form begins with two bytes, so that most places are passed over at once.
    begins: Vec<bool>,
    longest: usize,
    /// What is too short to be looked for in every form.
    short: Vec<(Vec<u8>, String)>,
}

impl Scanner {
    /// Looks for a text as it stands, in UTF-8 and in UTF-16.
    pub(crate) fn text(&mut self, name: &str, text: &str) -> anyhow::Result<()> {
        self.want(&format!("{name} as UTF-16"), text.encode_utf16().flat_map(u16::to_le_bytes).collect())?;
        self.bytes(name, text.as_bytes())
    }

    /// Looks for bytes: as they are, in hexadecimal, as a list of numbers, in base64 and base32 at every alignment.
    pub(crate) fn bytes(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
            // Writing into a string never fails.
            let _written = write!(hex, "{byte:02x}");
            hex
        });
        let list = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        self.want(&format!("{name} in hexadecimal"), hex.to_uppercase().into_bytes())?;
        self.want(&format!("{name} in hexadecimal"), hex.into_bytes())?;
        self.want(&format!("{name} as a list"), list.into_bytes())?;
        for skip in 0..3 {
            self.want(&format!("{name} in base64"), grouped(bytes.get(skip..).unwrap_or_default(), 3, 6, BASE64))?;
        }
        for skip in 0..5 {
            self.want(&format!("{name} in base32"), grouped(bytes.get(skip..).unwrap_or_default(), 5, 5, BASE32))?;
        }
        self.want(name, bytes.to_vec())
    }

    /// Looks for an address that connections come from: as text in every form, and as the four bytes of its number. These four are somewhere by
    /// chance in one of some thousand processes.
    pub(crate) fn address(&mut self, name: &str, address: Ipv4Addr) -> anyhow::Result<()> {
        let mut number = address.octets().to_vec();
        for order in ["of the network", "of the processor"] {
            self.begins.resize(1 << 16, false);
            self.begins[two(&number)] = true;
            self.short.push((number.clone(), format!("{name} as a number in the order {order}")));
            number.reverse();
        }
        self.text(name, &address.to_string())
    }

    fn want(&mut self, name: &str, form: Vec<u8>) -> anyhow::Result<()> {
        let Some(start) = form.first_chunk::<LEAST>() else {
            ensure!(name.contains(" in base"), "{name} is too short to be looked for");
            return Ok(());
        };
        self.begins.resize(1 << 16, false);
        self.begins[two(start)] = true;
        self.longest = self.longest.max(form.len());
        self.wanted.entry(*start).or_default().push((form, name.to_owned()));
        Ok(())
    }

    /// How many forms are looked for.
    pub(crate) fn len(&self) -> usize {
        self.wanted.values().map(Vec::len).sum()
    }

    /// The names of what is in some bytes.
    pub(crate) fn find(&self, bytes: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for (at, start) in bytes.windows(2).enumerate() {
            if !self.begins.get(two(start)).copied().unwrap_or_default() {
                continue;
            }
            let rest = &bytes[at..];
            found.extend(self.short.iter().filter(|(form, _)| rest.starts_with(form)).map(|(_, name)| name.clone()));
            let Some(forms) = rest.first_chunk::<LEAST>().and_then(|start| self.wanted.get(start)) else { continue };
            found.extend(forms.iter().filter(|(form, _)| rest.starts_with(form)).map(|(_, name)| name.clone()));
        }
        found
    }

    /// The names of what is in a stretch of something long, which is read piece by piece.
    fn find_in(&self, source: &mut impl Read, mut length: u64) -> std::io::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut held: Vec<u8> = Vec::new();
        while length > 0 {
            let old = held.len();
            let piece = usize::try_from(length).unwrap_or(PIECE).min(PIECE);
            held.resize(old + piece, 0);
            let read = source.read(&mut held[old..])?;
            if read == 0 {
                break;
            }
            held.truncate(old + read);
            length -= read as u64;
            found.extend(self.find(&held));
            // What begins in this piece may end in the next.
            held.drain(..held.len().saturating_sub(self.longest));
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// What is in a file, as `file: canary`.
    pub(crate) fn file(&self, path: &Path) -> anyhow::Result<Vec<String>> {
        let found = self.find_in(&mut File::open(path)?, u64::MAX)?;
        Ok(found.into_iter().map(|name| format!("{}: {name}", path.display())).collect())
    }

    /// What is in all files of a folder or in their names.
    pub(crate) fn folder(&self, folder: &Path) -> anyhow::Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            found.extend(self.find(entry.file_name().as_encoded_bytes()));
            let kind = entry.file_type()?;
            if kind.is_dir() {
                found.extend(self.folder(&entry.path())?);
            } else if kind.is_file() {
                found.extend(self.file(&entry.path())?);
            }
        }
        Ok(found)
    }

    /// What is in the memory of a process, and how many bytes were looked at.
    pub(crate) fn memory(&self, process: u32) -> anyhow::Result<(Vec<String>, u64)> {
        let mut memory = File::open(format!("/proc/{process}/mem"))?;
        let (mut found, mut seen) = (Vec::new(), 0);
        for range in readable(process)? {
            // Pages that are not there, such as those of devices, cannot be read.
            if memory.seek(SeekFrom::Start(range.start)).is_err() {
                continue;
            }
            if let Ok(some) = self.find_in(&mut memory, range.length) {
                found.extend(some.into_iter().map(|name| format!("memory of {}: {name}", range.what)));
                seen += range.length;
            }
        }
        Ok((found, seen))
    }
}

fn two(start: &[u8]) -> usize {
    usize::from(start[0]) << 8 | usize::from(start[1])
}

/// As many whole groups as there are, in an alphabet of `bits` bits a letter.
fn grouped(bytes: &[u8], group: usize, bits: u32, alphabet: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for group in bytes.chunks_exact(group) {
        let number = group.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        let letters = u32::try_from(group.len()).unwrap_or_default() * 8 / bits;
        out.extend((0..letters).rev().map(|n| {
            let letter = number >> (n * bits) & ((1 << bits) - 1);
            alphabet[usize::try_from(letter).unwrap_or_default()]
        }));
    }
    out
}

/// A readable stretch of a process's memory.
struct Range {
    start: u64,
    length: u64,
    what: String,
}

fn readable(process: u32) -> anyhow::Result<Vec<Range>> {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps"))?;
    Ok(maps.lines().filter_map(range).collect())
}

/// Reads a line such as `7f00-7fff rw-p 00000000 00:00 0   [heap]` (proc(5)).
fn range(line: &str) -> Option<Range> {
    let mut fields = line.split_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let start = u64::from_str_radix(start, 16).ok()?;
    let end = u64::from_str_radix(end, 16).ok()?;
    let readable = fields.next()?.starts_with('r');
    let what = fields.nth(3).unwrap_or("anonymous").to_owned();
    readable.then_some(Range { start, length: end.checked_sub(start)?, what })
}

/// The files that a process has mapped.
pub(crate) fn mapped_files(process: u32) -> anyhow::Result<Vec<String>> {
    let mut files: Vec<_> = readable(process)?.into_iter().map(|range| range.what).collect();
    files.retain(|file| file.starts_with('/'));
    files.sort();
    files.dedup();
    Ok(files)
}

/// The files that a process has open, deleted ones included, with the links through which they can be read.
pub(crate) fn open_files(process: u32) -> anyhow::Result<Vec<(std::path::PathBuf, String)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{process}/fd"))? {
        let link = entry?.path();
        if let Ok(target) = std::fs::read_link(&link) {
            files.push((link, target.to_string_lossy().into_owned()));
        }
    }
    files.retain(|(_, target)| target.starts_with('/') && !target.starts_with("/dev/"));
    Ok(files)
}

#[test]
fn the_scanner_finds_what_was_planted_in_every_form() -> anyhow::Result<()> {
    let secret: Vec<u8> = (0..24u8).map(|n| n.wrapping_mul(37).wrapping_add(11)).collect();
    let mut scanner = Scanner::default();
    scanner.bytes("secret", &secret)?;
    scanner.text("name", "Zerdeşt of the hill")?;
    let hex: String = secret.iter().map(|byte| format!("{byte:02X}")).collect();
    let planted = [
        secret.clone(),
        hex.into_bytes(),
        format!("{secret:?}").into_bytes(),
        format!("base64 {}", String::from_utf8(grouped(&secret, 3, 6, BASE64))?).into_bytes(),
        // Behind one byte of something else, as inside of something longer.
        grouped(&[&[7], &secret[..]].concat(), 3, 6, BASE64),
        grouped(&[&[7; 3], &secret[..]].concat(), 5, 5, BASE32),
        "say Zerdeşt of the hill".encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "Zerdeşt of the hill".as_bytes().to_vec(),
    ];
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("x");
    for form in planted {
        ensure!(!scanner.find(&form).is_empty(), "not found in {}", form.escape_ascii());
        // Across the border of two pieces.
        let border = PIECE - form.len() / 2;
        std::fs::write(&path, [vec![b'x'; border], form.clone(), vec![b'x'; 100]].concat())?;
        ensure!(!scanner.folder(folder.path())?.is_empty(), "not found across a border: {}", form.escape_ascii());
    }
    let mut addresses = Scanner::default();
    addresses.address("address", Ipv4Addr::new(127, 77, 88, 99))?;
    // As the kernel hands it out (sockaddr_in), as the processor holds the number, and as text.
    for form in [&[2, 0, 7, 7, 127, 77, 88, 99, 0, 0][..], &[99, 88, 77, 127], b"from 127.77.88.99:80"] {
        assert_eq!(addresses.find(form).len(), 1, "{form:?}");
        std::fs::write(&path, [&vec![b'x'; PIECE - 2], form].concat())?;
        ensure!(!addresses.folder(folder.path())?.is_empty(), "not found across a border: {form:?}");
    }
    assert_eq!(grouped(b"foobar", 3, 6, BASE64), b"Zm9vYmFy");
    assert_eq!(grouped(b"fooba", 5, 5, BASE32), b"MZXW6YTB");
    ensure!(scanner.find(&[0; 4_096]).is_empty() && scanner.find(b"Zerde").is_empty());
    Ok(())
}
