//! A file of sorted records that never changes: cells, chunks or spent tokens of a closed window.
//!
//! ```text
//! header    magic 8 ‖ version 4 ‖ size of a record 4 ‖ count 8 ‖ checksum of the entries 4 ‖ checksum of the header 4
//! records   key 32 ‖ body, in the order of their keys: as a closed window is served
//! entries   key 32 ‖ checksum of the record 4, in the same order
//! ```
//!
//! Numbers are big-endian, checksums CRC-32 (IEEE 802.3), which sled uses too. They tell a disk that decays, not somebody
//! who forges.
//!
//! The first eight bytes of each key are held in memory, so a key that is not there costs no reading, and one that is
//! there costs one record.

use std::cmp::Ordering;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"himaflat";
const VERSION: u32 = 1;
pub(super) const KEY_SIZE: usize = 32;
const CHECK_SIZE: usize = 4;
const HEADER_SIZE: usize = 32;
const ENTRY_SIZE: usize = KEY_SIZE + CHECK_SIZE;
/// How many entries are read at one time.
const ENTRIES_AT_ONCE: usize = 4_096;
/// How much is written before the disk is waited for: whoever else waits for it then never waits long.
const STEP: usize = 4 << 20;

pub(super) type Key = [u8; KEY_SIZE];

/// What an operator does about a damaged file. Nothing here takes what cannot be read for gone: its address would be free.
pub(super) const NEXT_STEP: &str = "look at the disk, and put the file back if you have a copy; to go on without it, move the \
    folder of its window away: the boxes of that window are lost then, and their addresses may be written anew";

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum SheetError {
    #[error("a file of a closed window: {0}")]
    Files(#[from] io::Error),
    #[error("{} is damaged ({what}); {NEXT_STEP}", path.display())]
    Damaged { path: PathBuf, what: &'static str },
}

/// One such file, opened.
#[derive(Debug)]
pub(super) struct Sheet {
    path: PathBuf,
    file: File,
    record_size: usize,
    /// The beginning of each key, in order.
    heads: Vec<u64>,
}

/// A record without its key, and its key.
pub(super) type Record = (Key, Box<[u8]>);

impl Sheet {
    /// Opens a file whose records have a body of so many bytes, and reads its entries.
    pub(super) fn open(path: &Path, body_size: usize) -> Result<Self, SheetError> {
        let damaged = |what| SheetError::Damaged { path: path.to_owned(), what };
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(damaged("it is missing")),
            other => other?,
        };
        let record_size = KEY_SIZE + body_size;
        let length = file.metadata()?.len();
        let mut header = [0; HEADER_SIZE];
        file.read_exact(&mut header).map_err(|error| ended(error, &damaged))?;
        let header = Header::read(&header, record_size).map_err(&damaged)?;
        let records = header.count.checked_mul(to_u64(record_size));
        let entries = records.and_then(|records| records.checked_add(to_u64(HEADER_SIZE)));
        let end = entries.and_then(|from| from.checked_add(header.count.checked_mul(to_u64(ENTRY_SIZE))?));
        let (Some(entries), true) = (entries, end == Some(length)) else {
            return Err(damaged("it has not the length that it says"));
        };
        file.seek(SeekFrom::Start(entries))?;
        let count = usize::try_from(header.count).map_err(|_| damaged("it has more records than can be"))?;
        let heads = read_entries(file.try_clone()?, count, header.entries_check, &damaged)?;
        Ok(Self { path: path.to_owned(), file, record_size, heads })
    }

    /// How many records there are.
    pub(super) fn count(&self) -> usize {
        self.heads.len()
    }

    /// The body of the record with this key.
    pub(super) fn get(&self, key: &Key) -> Result<Option<Box<[u8]>>, SheetError> {
        match self.seek(key)? {
            Place::At(_, body) => Ok(Some(body)),
            Place::Before(_) => Ok(None),
        }
    }

    /// At most `limit` records, from after `after`.
    pub(super) fn records(&self, after: Option<&Key>, limit: usize) -> Result<Vec<Record>, SheetError> {
        let first = self.place_after(after)?;
        let count = limit.min(self.count().saturating_sub(first));
        let checks = self.read(self.entry_at(first), count.saturating_mul(ENTRY_SIZE))?;
        let records = self.read(self.record_at(first), count.saturating_mul(self.record_size))?;
        let pairs = records.chunks_exact(self.record_size).zip(checks.chunks_exact(ENTRY_SIZE));
        pairs.map(|(record, entry)| self.checked(record, entry)).collect()
    }

    /// The keys of what [`Sheet::records`] gives.
    pub(super) fn keys(&self, after: Option<&Key>, limit: usize) -> Result<Vec<Key>, SheetError> {
        let first = self.place_after(after)?;
        let count = limit.min(self.count().saturating_sub(first));
        let entries = self.read(self.entry_at(first), count.saturating_mul(ENTRY_SIZE))?;
        Ok(entries.chunks_exact(ENTRY_SIZE).filter_map(|entry| entry.first_chunk().copied()).collect())
    }

    /// Reads every record.
    pub(super) fn verify(&self) -> Result<(), SheetError> {
        let at_once = (STEP / self.record_size).max(1);
        let mut after = None;
        while let Some((last, _)) = self.records(after.as_ref(), at_once)?.last() {
            after = Some(*last);
        }
        Ok(())
    }

    fn place_after(&self, after: Option<&Key>) -> Result<usize, SheetError> {
        let Some(after) = after else { return Ok(0) };
        Ok(match self.seek(after)? {
            Place::At(place, _) => place.saturating_add(1),
            Place::Before(place) => place,
        })
    }

    /// Looks for a key: in memory by its beginning, then in the records that begin alike, which are one unless somebody
    /// made them so. A key counts only when its record is as it was written.
    fn seek(&self, key: &Key) -> Result<Place, SheetError> {
        let head = head_of(key);
        let mut from = self.heads.partition_point(|there| *there < head);
        let mut to = self.heads.partition_point(|there| *there <= head);
        while from < to {
            let middle = from.midpoint(to);
            let record = self.read(self.record_at(middle), self.record_size)?;
            let entry = self.read(self.entry_at(middle), ENTRY_SIZE)?;
            let (there, body) = self.checked(&record, &entry)?;
            match there.cmp(key) {
                Ordering::Less => from = middle + 1,
                Ordering::Greater => to = middle,
                Ordering::Equal => return Ok(Place::At(middle, body)),
            }
        }
        Ok(Place::Before(from))
    }

    /// A record that is what was written.
    fn checked(&self, record: &[u8], entry: &[u8]) -> Result<Record, SheetError> {
        let (Some((key, body)), Some((of_entry, check))) =
            (record.split_first_chunk::<KEY_SIZE>(), entry.split_first_chunk::<KEY_SIZE>())
        else {
            return Err(self.damaged("a record has another length"));
        };
        if key != of_entry || crc32fast::hash(record).to_be_bytes() != check {
            return Err(self.damaged("a record is not what was written"));
        }
        Ok((*key, body.into()))
    }

    fn read(&self, offset: u64, size: usize) -> Result<Vec<u8>, SheetError> {
        let mut bytes = vec![0; size];
        self.file.read_exact_at(&mut bytes, offset).map_err(|error| ended(error, &|what| self.damaged(what)))?;
        Ok(bytes)
    }

    fn record_at(&self, place: usize) -> u64 {
        to_u64(place).saturating_mul(to_u64(self.record_size)).saturating_add(to_u64(HEADER_SIZE))
    }

    fn entry_at(&self, place: usize) -> u64 {
        self.record_at(self.count()).saturating_add(to_u64(place).saturating_mul(to_u64(ENTRY_SIZE)))
    }

    fn damaged(&self, what: &'static str) -> SheetError {
        SheetError::Damaged { path: self.path.clone(), what }
    }
}

/// Where a key is, or would be.
enum Place {
    At(usize, Box<[u8]>),
    Before(usize),
}

struct Header {
    count: u64,
    entries_check: u32,
}

impl Header {
    fn read(bytes: &[u8; HEADER_SIZE], record_size: usize) -> Result<Self, &'static str> {
        const SHORT: &str = "it has no header";
        let (counted, check) = bytes.split_last_chunk::<CHECK_SIZE>().ok_or(SHORT)?;
        let (magic, rest) = counted.split_first_chunk::<8>().ok_or(SHORT)?;
        let (version, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        let (size, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        let (count, entries) = rest.split_first_chunk::<8>().ok_or(SHORT)?;
        let entries = entries.first_chunk::<CHECK_SIZE>().ok_or(SHORT)?;
        if *magic != MAGIC || crc32fast::hash(counted).to_be_bytes() != *check {
            return Err(SHORT);
        }
        if u32::from_be_bytes(*version) != VERSION || usize::try_from(u32::from_be_bytes(*size)) != Ok(record_size) {
            return Err("its header is that of another file");
        }
        Ok(Self { count: u64::from_be_bytes(*count), entries_check: u32::from_be_bytes(*entries) })
    }

    fn write(&self, record_size: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_SIZE);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend(record_size.to_be_bytes());
        bytes.extend(self.count.to_be_bytes());
        bytes.extend(self.entries_check.to_be_bytes());
        let check = crc32fast::hash(&bytes);
        bytes.extend(check.to_be_bytes());
        bytes
    }
}

/// Writes such a file. What it has written counts once [`SheetWriter::finish`] has returned.
pub(super) struct SheetWriter<'a> {
    file: File,
    record_size: usize,
    /// Whole records that are not yet written.
    waiting: Vec<u8>,
    /// Held until the records end, because only then it is known where entries begin.
    entries: Vec<u8>,
    /// Asked before each step; an error ends the writing.
    go_on: &'a dyn Fn() -> io::Result<()>,
}

impl<'a> SheetWriter<'a> {
    /// Begins a file for nobody else's eyes.
    pub(super) fn create(path: &Path, body_size: usize, go_on: &'a dyn Fn() -> io::Result<()>) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(&[0; HEADER_SIZE])?;
        let record_size = KEY_SIZE + body_size;
        Ok(Self { file, record_size, waiting: Vec::with_capacity(STEP + record_size), entries: Vec::new(), go_on })
    }

    /// Adds a record. Its key comes after all that were added.
    pub(super) fn push(&mut self, key: &Key, body: &[u8]) -> io::Result<()> {
        let last = self.entries.rchunks_exact(ENTRY_SIZE).next();
        let in_order = last.is_none_or(|last| last < key.as_slice());
        if !in_order || KEY_SIZE + body.len() != self.record_size {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a record out of order or of another size"));
        }
        let begin = self.waiting.len();
        self.waiting.extend_from_slice(key);
        self.waiting.extend_from_slice(body);
        let check = crc32fast::hash(self.waiting.get(begin..).unwrap_or_default());
        self.entries.extend_from_slice(key);
        self.entries.extend_from_slice(&check.to_be_bytes());
        if self.waiting.len() >= STEP { self.step() } else { Ok(()) }
    }

    fn step(&mut self) -> io::Result<()> {
        (self.go_on)()?;
        self.file.write_all(&self.waiting)?;
        self.waiting.clear();
        self.file.sync_data()
    }

    /// Writes what is missing. All of the file is on the disk when this returns.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.step()?;
        for part in self.entries.chunks(STEP) {
            (self.go_on)()?;
            self.file.write_all(part)?;
            self.file.sync_data()?;
        }
        let header =
            Header { count: to_u64(self.entries.len() / ENTRY_SIZE), entries_check: crc32fast::hash(&self.entries) };
        let record_size = u32::try_from(self.record_size).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.file.write_all_at(&header.write(record_size), 0)?;
        self.file.sync_all()
    }
}

/// Reads the entries from where the file stands to its end, and keeps the beginnings of their keys.
fn read_entries(
    mut file: impl Read,
    count: usize,
    check: u32,
    damaged: &impl Fn(&'static str) -> SheetError,
) -> Result<Vec<u64>, SheetError> {
    let mut heads = Vec::with_capacity(count);
    let mut hash = crc32fast::Hasher::new();
    while heads.len() < count {
        let mut part = vec![0; (count - heads.len()).min(ENTRIES_AT_ONCE) * ENTRY_SIZE];
        file.read_exact(&mut part).map_err(|error| ended(error, damaged))?;
        hash.update(&part);
        heads.extend(part.chunks_exact(ENTRY_SIZE).map(head_of));
    }
    if hash.finalize() == check { Ok(heads) } else { Err(damaged("its entries are not what was written")) }
}

/// The beginning of a key, in the order of the keys.
fn head_of(key: impl AsRef<[u8]>) -> u64 {
    u64::from_be_bytes(*key.as_ref().first_chunk().unwrap_or(&[0; 8]))
}

/// An end of the file that comes too early is damage, not a disk that fails.
fn ended(error: io::Error, damaged: &impl Fn(&'static str) -> SheetError) -> SheetError {
    if error.kind() == io::ErrorKind::UnexpectedEof { damaged("it ends too early") } else { error.into() }
}

/// No address space is larger.
fn to_u64(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: usize = 40;

    /// Keys of which several begin alike, and bodies.
    fn records() -> Vec<(Key, Vec<u8>)> {
        let key = |head: u8, tail: u8| {
            let mut key = [head; KEY_SIZE];
            key[KEY_SIZE - 1] = tail;
            key
        };
        let keys = [1, 4, 4, 4, 7].into_iter().zip(0..).map(|(head, tail)| key(head, tail));
        keys.zip(10..).map(|(key, fill)| (key, vec![fill; BODY])).collect()
    }

    fn write(path: &Path, records: &[(Key, Vec<u8>)]) -> io::Result<()> {
        let mut writer = SheetWriter::create(path, BODY, &|| Ok(()))?;
        records.iter().try_for_each(|(key, body)| writer.push(key, body))?;
        writer.finish()
    }

    fn is_damage<T>(outcome: &Result<T, SheetError>) -> bool {
        matches!(outcome, Err(SheetError::Damaged { .. }))
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for count in [0, 1, 5] {
            let (path, records) = (folder.path().join(count.to_string()), &records()[..count]);
            write(&path, records).unwrap();
            let sheet = Sheet::open(&path, BODY).unwrap();
            let all: Vec<_> = records.iter().map(|(key, body)| (*key, Box::from(body.as_slice()))).collect();
            assert_eq!(sheet.records(None, usize::MAX).unwrap(), all);
            assert_eq!(sheet.keys(None, usize::MAX).unwrap(), all.iter().map(|(key, _)| *key).collect::<Vec<_>>());
            for (place, (key, body)) in all.iter().enumerate() {
                assert_eq!(sheet.get(key).unwrap().as_ref(), Some(body));
                let mut between = *key;
                between[KEY_SIZE - 2] ^= 1;
                assert_eq!(sheet.get(&between).unwrap(), None);
                assert_eq!(
                    sheet.records(Some(key), 2).unwrap(),
                    all[place + 1..].iter().take(2).cloned().collect::<Vec<_>>()
                );
            }
            sheet.verify().unwrap();
            assert_eq!(sheet.get(&[0; KEY_SIZE]).unwrap(), None);
            assert_eq!(sheet.get(&[255; KEY_SIZE]).unwrap(), None);
            assert!(is_damage(&Sheet::open(&path, BODY + 1)), "a file of other records");
        }
    }

    #[test]
    fn only_whole_records_in_order_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = SheetWriter::create(&folder.path().join("a"), BODY, &|| Ok(())).unwrap();
        writer.push(&[5; KEY_SIZE], &[0; BODY]).unwrap();
        for (key, size) in [(5, BODY), (4, BODY), (6, BODY - 1)] {
            assert_eq!(writer.push(&[key; KEY_SIZE], &vec![0; size]).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn whoever_says_stop_is_heard() {
        let folder = tempfile::tempdir().unwrap();
        let stop = || Err(io::ErrorKind::StorageFull.into());
        let writer = SheetWriter::create(&folder.path().join("a"), BODY, &stop).unwrap();
        assert_eq!(writer.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    /// No key that was there is ever answered as missing, or with other bytes.
    #[test]
    fn no_damage_passes_for_something_else() {
        let folder = tempfile::tempdir().unwrap();
        let (path, records) = (folder.path().join("a"), records());
        write(&path, &records).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(is_damage(&Sheet::open(&path, BODY)), "cut to {length}");
        }
        std::fs::write(&path, [&whole[..], &[0]].concat()).unwrap();
        assert!(is_damage(&Sheet::open(&path, BODY)), "longer");
        for place in 0..whole.len() {
            for flip in [1, 128] {
                let mut damaged = whole.clone();
                damaged[place] ^= flip;
                std::fs::write(&path, &damaged).unwrap();
                let Ok(sheet) = Sheet::open(&path, BODY) else { continue };
                let mut noticed = false;
                for (key, body) in &records {
                    match sheet.get(key) {
                        Ok(found) => assert_eq!(found.as_deref(), Some(body.as_slice()), "at {place}"),
                        Err(SheetError::Damaged { .. }) => noticed = true,
                        Err(SheetError::Files(error)) => panic!("at {place}: {error}"),
                    }
                }
                assert!(noticed && is_damage(&sheet.verify()), "the flip at {place} passed");
                assert!(is_damage(&sheet.records(None, usize::MAX)), "at {place}");
            }
        }
    }

    #[test]
    fn damage_after_the_opening_is_noticed_too() {
        let folder = tempfile::tempdir().unwrap();
        let (path, records) = (folder.path().join("a"), records());
        write(&path, &records).unwrap();
        let sheet = Sheet::open(&path, BODY).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(40).unwrap();
        assert!(is_damage(&sheet.get(&records[4].0)));
        assert!(is_damage(&sheet.keys(None, 5)));
        std::fs::remove_file(&path).unwrap();
        assert!(is_damage(&Sheet::open(&path, BODY)), "not there at all");
    }
}
