//! The disk, and the clock as the windows on it know it.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use super::Finding;
use crate::cli::upkeep::nearly;
use crate::cli::{Layout, unix_seconds};
use crate::config::Config;

/// How many writes are timed.
const FLUSHES: usize = 9;
/// Above this a put waits noticeably.
const SLOW: Duration = Duration::from_millis(50);
/// A running relay is at most one window behind the clock, or has not believed a jump.
const JUMP: u64 = 2;
/// `f_type` of a file system in memory (statfs(2)).
const TMPFS: i64 = 0x0102_1994;

/// Whether the clock is where the windows on disk expect it. A clock that went back stays in the newest window.
pub(super) fn clock(layout: &Layout, config: &Config) -> Finding {
    const NAME: &str = "clock";
    let length = config.window.as_secs().max(1);
    let now = unix_seconds() / length;
    let Some(newest) = newest_window(&layout.store().join("windows")) else {
        return Finding::ok(NAME, "no window has begun yet");
    };
    let (newest, kept) = (u64::from(newest), u64::from(config.retention));
    if newest > now {
        let says = format!("the clock is {} windows behind the newest one on disk, so no window ends", newest - now);
        let next = "set the clock; if `window` was changed in relay.toml, set it back: windows are numbered by it";
        return Finding::failed(NAME, says, next);
    }
    let old = now - newest;
    if old >= kept {
        let says =
            format!("the newest window on disk is {old} windows old: all that is kept would be destroyed as too old");
        let next =
            "set the clock if it is wrong; if the relay has really stood still that long, run `himaya-relay catch-up`";
        return Finding::failed(NAME, says, next);
    }
    if old >= JUMP {
        let says = format!("the newest window on disk is {old} windows old");
        let next = "right after a stop of that length; if the relay has been running, the clock has jumped ahead and is not \
                    believed: set it, or restart the relay if it is right";
        return Finding::warning(NAME, says, next);
    }
    Finding::ok(NAME, "in step with the windows on disk")
}

/// The newest window that has a folder.
fn newest_window(windows: &Path) -> Option<u32> {
    let names = fs::read_dir(windows).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.parse().ok()).max()
}

/// Whether there is room above the reserve.
pub(super) fn room(layout: &Layout, config: &Config) -> Finding {
    const NAME: &str = "disk";
    let disk = match rustix::fs::statvfs(layout.folder()) {
        Ok(disk) => disk,
        Err(error) => return Finding::failed(NAME, format!("cannot be looked at: {error}"), "look at the disk"),
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let (free_mib, reserve_mib) = (free >> 20, config.reserve >> 20);
    let says = format!("{free_mib} MiB free, of which {reserve_mib} MiB are the reserve");
    if free < config.reserve {
        return Finding::failed(NAME, says, "writes are refused: make room, or lower `reserve` or `retention`");
    }
    if free < config.reserve.saturating_mul(2) {
        return Finding::warning(NAME, says, "make room before the reserve is reached");
    }
    if rustix::fs::statfs(layout.folder()).is_ok_and(|disk| disk.f_type == TMPFS) {
        return Finding::warning(NAME, says, "this is a disk in memory: a restart of the machine loses everything");
    }
    Finding::ok(NAME, says)
}

/// Whether there is room below the quota.
pub(super) fn quota(layout: &Layout, config: &Config) -> Finding {
    const NAME: &str = "quota";
    let taken = match size_on_disk(&layout.store().join("windows")) {
        Ok(taken) => taken,
        Err(error) => {
            return Finding::warning(NAME, format!("cannot be counted: {error}"), "run this as the relay's user");
        }
    };
    let (taken_mib, quota_mib) = (taken >> 20, config.quota >> 20);
    let says = format!("all windows together take {taken_mib} MiB of {quota_mib} MiB");
    let next = "raise `quota` in relay.toml if the disk and the memory have room, or keep fewer windows";
    if taken >= config.quota {
        Finding::failed(NAME, format!("{says}: writes are refused"), next)
    } else if nearly(taken, config.quota) {
        Finding::warning(NAME, says, next)
    } else {
        Finding::ok(NAME, says)
    }
}

/// The bytes that a folder and all that is in it take on disk. What goes away meanwhile takes none.
fn size_on_disk(path: &Path) -> io::Result<u64> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let entries = match fs::read_dir(path) {
        Err(error) if gone(&error) => return Ok(0),
        other => other?,
    };
    let mut size = 0_u64;
    for entry in entries {
        let entry = entry?;
        let of_entry = match entry.metadata() {
            Err(error) if gone(&error) => 0,
            Ok(folder) if folder.is_dir() => size_on_disk(&entry.path())?,
            other => other?.blocks().saturating_mul(512),
        };
        size = size.saturating_add(of_entry);
    }
    Ok(size)
}

/// How long a write takes until it is on the disk: what each put waits for.
pub(super) fn flush(layout: &Layout) -> Finding {
    const NAME: &str = "flush";
    match median_flush(layout.folder()) {
        Ok(median) if median > SLOW => Finding::warning(
            NAME,
            format!("a write takes {} ms to be safe", median.as_millis()),
            "each put waits for this: use a faster disk, or see what else keeps it busy",
        ),
        Ok(median) => Finding::ok(NAME, format!("a write takes {} µs to be safe", median.as_micros())),
        Err(error) => Finding::warning(NAME, format!("could not be measured: {error}"), "run this as the relay's user"),
    }
}

/// Writes and flushes a file without a name, which is gone when it is closed.
fn median_flush(folder: &Path) -> io::Result<Duration> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let mut file = fs::File::from(rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR)?);
    let mut taken = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        let began = stopwatch();
        file.write_all(&[0x5a; 4_096])?;
        file.sync_data()?;
        taken.push(stopwatch().saturating_duration_since(began));
    }
    taken.sort_unstable();
    taken.get(FLUSHES / 2).copied().ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn stopwatch() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a measurement is what the operator asked for")]
    Instant::now()
}
