//! Rewrites closed windows into flat files, one after the other, in a thread of its own.
//!
//! Nothing waits for it and nothing fails with it: a window that cannot be rewritten stays in its database and is tried
//! again when the next window begins, when one has expired, and at the next start. While it writes, the disk holds a window
//! twice; it stops when the reserve comes near, so that puts find the room they would have found without it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::flat::Flat;
use super::window::{Window, WindowError};
use super::{Shared, folder};
use crate::crash;

/// What the thread is asked, and how far it has come.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    asked: u64,
    done: u64,
    stopped: bool,
}

impl Wishes {
    /// Asks for a look at all closed windows.
    pub(super) fn ask(&self) {
        let mut state = self.lock();
        state.asked = state.asked.wrapping_add(1);
        self.changed.notify_all();
    }

    /// Waits until there has been a look since the last time somebody asked for one.
    pub(super) fn wait(&self) {
        let mut state = self.lock();
        let asked = state.asked;
        while state.done < asked && !state.stopped {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends the thread after the step it is at.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// What is to be done next; nothing once it was stopped.
    fn next(&self) -> Option<u64> {
        let mut state = self.lock();
        while state.done == state.asked && !state.stopped {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        (!state.stopped).then_some(state.asked)
    }

    fn done(&self, asked: u64) {
        self.lock().done = asked;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins the thread, and has it look at once.
pub(super) fn start(shared: &Arc<Shared>) -> io::Result<JoinHandle<()>> {
    let shared = shared.clone();
    shared.flattening.ask();
    std::thread::Builder::new().name("store-flatten".into()).spawn(move || {
        // sled is known to panic; nobody may wait for a thread that has gone.
        let _end = End(&shared);
        while let Some(asked) = shared.flattening.next() {
            shared.flatten_all();
            shared.flattening.done(asked);
        }
    })
}

struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.flattening.stop();
    }
}

/// Where windows are written before they are put in place.
pub(super) fn scratch(store: &Path) -> PathBuf {
    store.join("flattening")
}

impl Shared {
    fn flatten_all(&self) {
        // The newest is still written.
        for (number, window) in self.all_windows().into_iter().skip(1) {
            if self.is_broken() || self.flattening.is_stopped() {
                return;
            }
            match self.flatten(number, &window) {
                Ok(()) => {}
                Err(WindowError::Files(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(WindowError::Files(error)) if error.kind() == io::ErrorKind::StorageFull => {
                    tracing::warn!(
                        window = number,
                        "no room to rewrite a closed window into flat files: it stays in its database, takes more memory when \
                         it is read, and is tried again when the next window begins"
                    );
                    break;
                }
                Err(error) => tracing::error!(
                    window = number,
                    %error,
                    "a closed window could not be rewritten into flat files: it stays in its database and is tried again"
                ),
            }
        }
        if let Err(error) = folder::remove(&self.scratch) {
            tracing::warn!(%error, "what is left of rewriting a window could not be removed");
        }
    }

    fn flatten(&self, number: u32, window: &Arc<Window>) -> Result<(), WindowError> {
        let Some(boxes) = window.boxes() else { return Ok(()) };
        folder::remove(&self.scratch)?;
        // sled is left alone, too, as long as there is no room.
        self.go_on()?;
        Flat::write(boxes, &self.scratch, &|| self.go_on())?;
        let flat = Flat::open(&self.scratch)?;
        crash::point("flat-written");
        let _held = self.hold_folders();
        if !self.holds(number, window) {
            return Ok(());
        }
        self.add_window(number, window.flattened(flat, &self.scratch)?);
        // Readers have the files now, and the files are on the disk.
        window.remove_database()?;
        crash::point("flat-alone");
        Ok(())
    }

    /// Whether the next step may be written.
    fn go_on(&self) -> io::Result<()> {
        if self.flattening.is_stopped() || self.is_broken() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        crash::point("flat-step");
        if self.reserve.has_room_beside()? { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }
}
