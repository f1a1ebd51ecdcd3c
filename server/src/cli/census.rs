//! How `audit` asks a running relay for its counts: a socket in the relay's folder.
//!
//! A running relay has its databases locked, and an operator should not have to stop it to see what it holds. Whoever
//! connects gets one line a window, `window cells chunks spent bytes`, then a line `end`; nothing is read from the socket.

use std::fs::{self, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;

use crate::service::Relay;
use crate::store::Census;

const END: &str = "end\n";
/// After a failed accept, before the next.
const PAUSE: Duration = Duration::from_secs(1);

/// Listens for an auditor. The caller holds the store, so a socket that is there already is a dead one.
pub(super) fn listen(socket: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(socket)?;
    fs::set_permissions(socket, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers auditors, one after another, as long as it is let.
pub(super) async fn answer(listener: UnixListener, relay: Relay) {
    loop {
        let Ok((mut auditor, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let relay = relay.clone();
        let census = tokio::task::spawn_blocking(move || relay.census()).await;
        let Ok(Ok(census)) = census else { continue };
        let lines: String = census.iter().map(to_line).chain([END.to_owned()]).collect();
        // An auditor who is gone needs no answer.
        let _ = auditor.write_all(lines.as_bytes()).await;
    }
}

/// Asks a running relay. `None` when none is running.
pub(super) fn ask(socket: &Path) -> io::Result<Option<Vec<Census>>> {
    let mut relay = match UnixStream::connect(socket) {
        Ok(relay) => relay,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    relay.read_to_string(&mut text)?;
    let lines = text.strip_suffix(END).ok_or(io::ErrorKind::UnexpectedEof)?;
    lines
        .lines()
        .map(|line| from_line(line).ok_or(io::ErrorKind::InvalidData.into()))
        .collect::<io::Result<_>>()
        .map(Some)
}

fn to_line(held: &Census) -> String {
    format!("{} {} {} {} {}\n", held.window, held.cells, held.chunks, held.spent, held.bytes)
}

fn from_line(line: &str) -> Option<Census> {
    let mut fields = line.split(' ');
    let window = fields.next()?.parse().ok()?;
    let mut number = || fields.next()?.parse::<u64>().ok();
    let census = Census { window, cells: number()?, chunks: number()?, spent: number()?, bytes: number()? };
    fields.next().is_none().then_some(census)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_counted() {
        let held = Census { window: 20_780, cells: 1, chunks: 2, spent: 3, bytes: 4 };
        assert_eq!(from_line(to_line(&held).trim_end()), Some(held));
        for wrong in ["", "1 2 3 4", "1 2 3 4 5 6", "1 2 3 4 x", "-1 2 3 4 5", "1  2 3 4 5"] {
            assert_eq!(from_line(wrong), None, "{wrong:?}");
        }
    }
}
