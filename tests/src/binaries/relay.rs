//! A relay as a process.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::{LIMIT, binaries, loopback, until};

/// What a relay in a test keeps free of the disk, instead of the 256 MiB of a real one.
const RESERVE: &str = "1MiB";

/// A relay's folder and, while it runs, its process. Killed when dropped.
#[derive(Debug)]
pub struct RelayProcess {
    folder: PathBuf,
    listen: SocketAddr,
    link: String,
    log: Arc<Mutex<String>>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    logging: JoinHandle<()>,
    /// Kept open: a relay whose output is closed is another situation.
    _out: BufReader<ChildStdout>,
}

impl RelayProcess {
    /// Makes the folder of a relay on a free port of this machine.
    pub fn init(folder: &Path) -> anyhow::Result<Self> {
        Self::init_with(folder, None)
    }

    /// The same, but the relay link sends clients to `door` instead.
    pub fn init_behind(folder: &Path, door: SocketAddr) -> anyhow::Result<Self> {
        Self::init_with(folder, Some(&door.to_string()))
    }

    /// The same, but the relay link names `host`, which leads nowhere by itself.
    pub fn init_named(folder: &Path, host: &str) -> anyhow::Result<Self> {
        Self::init_with(folder, Some(host))
    }

    fn init_with(folder: &Path, door: Option<&str>) -> anyhow::Result<Self> {
        let listen = loopback().and_then(|free: TcpListener| Ok(free.local_addr()?))?;
        let mut init = Command::new(&binaries()?.relay);
        init.arg("init").arg(folder).args(["--listen", &listen.to_string()]).stdin(Stdio::null());
        if let Some(door) = door {
            init.args(["--link-host", door]);
        }
        let made = init.output().context("himaya-relay cannot be run")?;
        ensure!(made.status.success(), "himaya-relay init: {}", String::from_utf8_lossy(&made.stderr));
        let link = String::from_utf8(made.stdout)?.trim().to_owned();
        let relay = Self { folder: folder.to_owned(), listen, link, log: Arc::default(), running: None };
        relay.configure("256MiB", RESERVE)?;
        Ok(relay)
    }

    /// Replaces one text of `relay.toml` by another.
    pub fn configure(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let path = self.folder.join("relay.toml");
        let text = std::fs::read_to_string(&path)?;
        ensure!(text.contains(from), "{from} is not in the configuration");
        Ok(std::fs::write(&path, text.replace(from, to))?)
    }

    /// An invite for one person. The relay must ask for tokens.
    pub fn invite(&self) -> anyhow::Result<String> {
        let made = Command::new(&binaries()?.relay)
            .args(["invite", "new"])
            .arg(&self.folder)
            .stdin(Stdio::null())
            .output()
            .context("himaya-relay cannot be run")?;
        ensure!(made.status.success(), "himaya-relay invite new: {}", String::from_utf8_lossy(&made.stderr));
        Ok(String::from_utf8(made.stdout)?.trim().to_owned())
    }

    /// The relay link that clients are given.
    pub fn link(&self) -> &str {
        &self.link
    }

    /// Where the relay listens, whatever its link says.
    pub fn address(&self) -> SocketAddr {
        self.listen
    }

    /// The relay's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything that the relay has logged since the folder was made.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The process, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.child.id())
    }

    /// Starts the relay, again if it has run before, and returns once it listens.
    pub fn serve(&mut self) -> anyhow::Result<()> {
        self.serve_with(&[])
    }

    /// The same with variables such as `RUST_LOG` in its environment.
    pub fn serve_with(&mut self, environment: &[(&str, &str)]) -> anyhow::Result<()> {
        match self.try_serve(environment)? {
            None => Ok(()),
            Some(status) => bail!("the relay ended before it listened ({status}): {}", self.log()),
        }
    }

    /// Starts the relay; how it ended, if it ended before it listened.
    pub fn try_serve(&mut self, environment: &[(&str, &str)]) -> anyhow::Result<Option<ExitStatus>> {
        ensure!(self.running.is_none(), "the relay runs already");
        let mut child = Command::new(&binaries()?.relay)
            .arg("serve")
            .arg(&self.folder)
            .env_remove("RUST_LOG")
            .env_remove("HIMAYA_CRASH_AT")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("himaya-relay cannot be run")?;
        let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
            bail!("a piped process has pipes");
        };
        let log = Arc::clone(&self.log);
        let logging = std::thread::spawn(move || keep_log(err, &log));
        let first = first_line(out);
        let received = first.recv_timeout(LIMIT);
        let (line, out) = match received {
            Ok(Ok(got)) => got,
            Ok(Err(error)) => bail!("the relay's output cannot be read: {error}"),
            Err(_) => {
                child.kill()?;
                bail!("the relay says nothing");
            }
        };
        self.running = Some(Running { child, logging, _out: out });
        if line.trim_end() == format!("listening on {}", self.listen) {
            return Ok(None);
        }
        ensure!(line.is_empty(), "the relay says {line}");
        self.wait().map(Some)
    }

    /// `kill -9`: nothing is tidied up, nothing is flushed.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let running = self.running.as_mut().context("the relay does not run")?;
        running.child.kill()?;
        self.wait().map(drop)
    }

    /// SIGTERM, and waits until the relay has finished what it had accepted.
    pub fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        let running = self.running.as_ref().context("the relay does not run")?;
        terminate(&running.child)?;
        self.wait()
    }

    /// Waits until the relay ends by itself, as at a named crash point.
    pub fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let running = self.running.as_mut().context("the relay does not run")?;
        let status = until("the relay to end", || Ok(running.child.try_wait()?))?;
        if let Some(running) = self.running.take() {
            running.logging.join().map_err(|_| anyhow::anyhow!("the log could not be kept"))?;
        }
        Ok(status)
    }

    /// Says that the clock is right, as an operator does after a long stop, with these variables set too.
    pub fn catch_up(&self, environment: &[(&str, &str)]) -> anyhow::Result<ExitStatus> {
        let mut command = Command::new(&binaries()?.relay);
        command.arg("catch-up").arg(&self.folder).envs(environment.iter().copied()).stdin(Stdio::null());
        Ok(command.stdout(Stdio::null()).stderr(Stdio::null()).status()?)
    }

    /// What `himaya-relay audit` prints.
    pub fn audit(&self) -> anyhow::Result<String> {
        let audit = Command::new(&binaries()?.relay).arg("audit").arg(&self.folder).stdin(Stdio::null()).output()?;
        ensure!(audit.status.success(), "himaya-relay audit: {}", String::from_utf8_lossy(&audit.stderr));
        Ok(String::from_utf8(audit.stdout)?)
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running {
            // It may have ended by itself.
            let _ended = running.child.kill();
            let _ended = running.child.wait();
        }
    }
}

/// SIGTERM to a child that has not been waited for.
pub(super) fn terminate(child: &Child) -> anyhow::Result<()> {
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("the process has no id")?;
    Ok(kill_process(id, Signal::TERM)?)
}

pub(super) fn keep_log(mut err: impl Read, log: &Mutex<String>) {
    let mut bytes = [0; 4_096];
    while let Ok(read) = err.read(&mut bytes) {
        if read == 0 {
            return;
        }
        let text = String::from_utf8_lossy(bytes.get(..read).unwrap_or_default());
        log.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
    }
}

pub(super) type FirstLine = std::io::Result<(String, BufReader<ChildStdout>)>;

pub(super) fn first_line(out: ChildStdout) -> Receiver<FirstLine> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut out = BufReader::new(out);
        let mut line = String::new();
        let read = out.read_line(&mut line).map(|_| (line, out));
        // Whoever asked has given up.
        let _late = tell.send(read);
    });
    told
}
