//! The file of seeds: rewritten whole, for nobody else's eyes.
//!
//! ```text
//! version 1 = 1 ‖ (first window 4 ‖ seed 32) …   oldest first
//! ```

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use himaya_protocol::wire::secret::Secret;
use zeroize::Zeroizing;

use super::KeyError;
use crate::crash;

const VERSION: u8 = 1;
const RECORD: usize = 36;

/// Reads the seeds, none where there is no file. What a crash has left of an unfinished one is removed.
pub(super) fn read(path: &Path) -> Result<Vec<(u32, Secret)>, KeyError> {
    match fs::remove_file(unfinished(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let bytes = match fs::read(path).map(Zeroizing::new) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    parse(&bytes).ok_or(KeyError::Damaged)
}

/// Writes the seeds in place of those before. They are durable and whole when this returns.
pub(super) fn write<'a>(path: &Path, seeds: impl Iterator<Item = (u32, &'a Secret)>) -> io::Result<()> {
    let mut bytes = Zeroizing::new(vec![VERSION]);
    for (first, seed) in seeds {
        bytes.extend_from_slice(&first.to_be_bytes());
        bytes.extend_from_slice(seed.expose());
    }
    let new = unfinished(path);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    crash::point("gateway-key-written");
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())?;
    crash::point("gateway-key-made");
    Ok(())
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".new");
    name.into()
}

fn parse(bytes: &[u8]) -> Option<Vec<(u32, Secret)>> {
    let (&version, rest) = bytes.split_first()?;
    let (records, odd) = rest.as_chunks::<RECORD>();
    let seeds: Vec<_> = records.iter().map(record).collect::<Option<_>>()?;
    let ordered = seeds.is_sorted_by(|(before, _), (after, _)| before < after);
    (version == VERSION && odd.is_empty() && ordered).then_some(seeds)
}

fn record(bytes: &[u8; RECORD]) -> Option<(u32, Secret)> {
    let (first, seed) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*first), Secret::from_slice(seed)?))
}
