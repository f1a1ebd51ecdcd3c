//! `himaya-relay sunset DIR [DATE | --cancel]`: the announced end of a relay, and the end itself.
//!
//! What was announced lies in the file `sunset` in the relay's folder: `2027-01-31`, and `2027-01-31 ended` from the moment
//! on when the relay has begun to destroy what it has, so that a start after a power cut goes on with that.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::day::Day;
use super::{CliError, Layout, unix_seconds, write_anew};
use crate::config::Config;
use crate::schema::PLACES;

const ENDED: &str = " ended";
/// What stays in the folder, so that a later start can say what has happened.
const KEPT: [&str; 2] = ["relay.toml", "sunset"];
/// Files up to this size are overwritten before they are unlinked: keys.
const SMALL: u64 = 64 << 10;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The relay's folder.
    dir: PathBuf,
    /// The last day on which the relay takes anything new, as 2027-01-31, in UTC. Without it, say what is announced.
    date: Option<String>,
    /// Take the announcement back. Only before the day is over.
    #[arg(long, conflicts_with = "date")]
    cancel: bool,
}

/// What was announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sunset {
    pub(super) last_day: Day,
    /// Whether the end has begun: the store and the keys are being destroyed, or are.
    pub(super) ended: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), CliError> {
    let layout = Layout::new(&arguments.dir);
    let config = layout.read_config()?;
    layout.insist_on_owner()?;
    let today = Day::of(unix_seconds());
    let announced = read(&layout)?;
    if announced.is_none() && arguments.date.is_none() {
        writeln!(out, "No end is announced.")?;
        return Ok(());
    }
    if let Some(over) = announced.filter(|announced| announced.ended || announced.last_day < today) {
        if arguments.cancel || arguments.date.is_some() {
            return Err(CliError::SunsetOver(over.last_day.to_string()));
        }
        writeln!(out, "{}", if over.ended { farewell(&layout, &config, over) } else { describe(&config, over) })?;
        return Ok(());
    }
    if arguments.cancel {
        remove(&layout.sunset())?;
        writeln!(out, "Taken back: the relay goes on. A running relay says so within a minute, or at once at SIGHUP.")?;
        return Ok(());
    }
    let Some(date) = &arguments.date else {
        writeln!(out, "{}", announced.map(|announced| describe(&config, announced)).unwrap_or_default())?;
        return Ok(());
    };
    let last_day: Day = date.parse()?;
    if last_day <= today {
        return Err(CliError::SunsetTooSoon(last_day.to_string()));
    }
    let announced = Sunset { last_day, ended: false };
    write(&layout, announced)?;
    writeln!(out, "{}", describe(&config, announced))?;
    writeln!(out, "A running relay announces it within a minute, or at once at SIGHUP. To take it back: --cancel")?;
    Ok(())
}

fn describe(config: &Config, announced: Sunset) -> String {
    let last_day = announced.last_day;
    let drained = last_day.after(config.window.as_secs().saturating_mul(u64::from(config.retention) + 1));
    format!(
        "The relay takes what is new until the end of {last_day} (UTC) and says so to its clients. After that it is read only \
         until everything has expired, about {drained}. Then `serve` destroys the store and the keys, and ends."
    )
}

/// What stands in the relay's folder.
pub(super) fn read(layout: &Layout) -> Result<Option<Sunset>, CliError> {
    let path = layout.sunset();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CliError::File { path, source }),
    };
    let text = text.trim_end();
    let (date, ended) = text.strip_suffix(ENDED).map_or((text, false), |date| (date, true));
    Ok(Some(Sunset { last_day: date.parse()?, ended }))
}

fn write(layout: &Layout, announced: Sunset) -> Result<(), CliError> {
    let path = layout.sunset();
    let text = format!("{}{}\n", announced.last_day, if announced.ended { ENDED } else { "" });
    write_anew(&path, text.as_bytes()).map_err(|source| CliError::File { path, source })
}

/// Destroys the keys, then the store. The store must be closed. Broken off, it is gone on with by the next start.
pub(super) fn destroy(layout: &Layout, config: &Config, announced: Sunset) -> Result<String, CliError> {
    let ended = Sunset { ended: true, ..announced };
    write(layout, ended)?;
    let failed = |source| CliError::File { path: layout.folder().to_owned(), source };
    let mut left: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(layout.folder()).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_str().is_some_and(is_ours) {
            left.push(entry.path());
        }
    }
    // Files before folders: keys before what they were for.
    left.sort_by_key(|path| path.is_dir());
    for path in left {
        erase(&path).map_err(|source| CliError::File { path, source })?;
    }
    File::open(layout.folder()).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(farewell(layout, config, ended))
}

/// What a relay that has ended has to say.
pub(super) fn farewell(layout: &Layout, config: &Config, ended: Sunset) -> String {
    let folder = layout.folder().display();
    let outside: Vec<_> =
        [&config.tls.key, &config.tls.certificate].into_iter().filter(|path| path.is_absolute()).collect();
    let mut text = format!(
        "This relay has ended. It took what was new until {}; everything has expired, and the store and the keys in its folder \
         are destroyed. It does not start again. Remove what is left: rm -r {folder}",
        ended.last_day
    );
    for path in outside {
        text.push_str(&format!("\nNot in its folder, so not destroyed: {}", path.display()));
    }
    text
}

/// Whether a name in the folder is one of the relay's own that goes with it.
fn is_ours(name: &str) -> bool {
    let tops = PLACES.iter().filter_map(|place| place.path.split('/').next());
    let mut ours = tops.filter(|top| !KEPT.contains(&top.trim_end_matches('*')));
    ours.any(|top| top.strip_suffix('*').map_or(name == top, |start| name.starts_with(start)))
}

/// Unlinks a file or a folder with all that is in it. Small files are overwritten before, which helps where the file system
/// writes in place.
fn erase(path: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            erase(&entry?.path())?;
        }
        return fs::remove_dir(path);
    }
    if found.is_file() && found.len() <= SMALL {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.write_all(&vec![0; usize::try_from(found.len()).unwrap_or_default()])?;
        file.sync_all()?;
    }
    remove(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_go_and_what_says_so_stays() {
        for gone in ["tls-key.pem", "tls-certificate.pem", "store", "audit.sock"] {
            assert!(is_ours(gone), "{gone}");
        }
        for stays in ["relay.toml", "sunset", "notes.txt", "storeroom"] {
            assert!(!is_ours(stays), "{stays}");
        }
    }
}
