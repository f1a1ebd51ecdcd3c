//! A forwarder as a process.

use std::io::BufReader;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail, ensure};

use super::relay::{first_line, keep_log};
use super::{LIMIT, binaries, loopback};

/// A running forwarder. Killed when dropped.
#[derive(Debug)]
pub struct ForwardProcess {
    child: Child,
    link: String,
    log: Arc<Mutex<String>>,
    /// Kept open: a forwarder whose output is closed is another situation.
    _out: BufReader<ChildStdout>,
}

impl ForwardProcess {
    /// Makes the folder of a forwarder to the relay of a link, and runs it. `named` is what its own link names, if not
    /// where it listens; what it listens on is then given beside it.
    pub fn start(folder: &Path, to: &str, named: Option<&str>) -> anyhow::Result<(Self, std::net::SocketAddr)> {
        let listen = loopback().and_then(|free: TcpListener| Ok(free.local_addr()?))?;
        let mut init = Command::new(&binaries()?.relay);
        init.args(["forward", "init"]).arg(folder).args(["--to", to, "--listen", &listen.to_string()]);
        if let Some(host) = named {
            init.args(["--link-host", host]);
        }
        let made = init.stdin(Stdio::null()).output().context("himaya-relay cannot be run")?;
        ensure!(made.status.success(), "himaya-relay forward init: {}", String::from_utf8_lossy(&made.stderr));
        let link = String::from_utf8(made.stdout)?.trim().to_owned();
        let mut child = Command::new(&binaries()?.relay)
            .args(["forward", "serve"])
            .arg(folder)
            .env("RUST_LOG", "trace")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("himaya-relay cannot be run")?;
        let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
            bail!("a piped process has pipes");
        };
        let log: Arc<Mutex<String>> = Arc::default();
        let kept = Arc::clone(&log);
        std::thread::spawn(move || keep_log(err, &kept));
        let Ok(Ok((line, out))) = first_line(out).recv_timeout(LIMIT) else {
            child.kill()?;
            bail!("the forwarder says nothing");
        };
        let forward = Self { child, link, log, _out: out };
        ensure!(line.trim_end() == format!("listening on {listen}"), "the forwarder says {line}: {}", forward.log());
        Ok((forward, listen))
    }

    /// The forward link that clients are given.
    pub fn link(&self) -> &str {
        &self.link
    }

    /// Everything that it has logged.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `kill -9`.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for ForwardProcess {
    fn drop(&mut self) {
        // It may have been killed.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
