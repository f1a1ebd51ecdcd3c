//! A real `himaya-relay` in a folder of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use himaya_protocol::wire::link::{ForwardLink, RelayLink};
use rustix::process::{Pid, Signal, kill_process};

const BINARY: &str = env!("CARGO_BIN_EXE_himaya-relay");
/// Small, so that tests on small disks have room.
const RESERVE: &str = "1MiB";
/// Long, so that hardly any test sees a window end.
const WINDOW: &str = "30d";

/// A relay's folder, made by `init`.
pub struct Home {
    pub dir: PathBuf,
    pub pin: [u8; 32],
    /// Removed with this value, unless the folder is somebody else's.
    _temporary: Option<tempfile::TempDir>,
}

impl Home {
    pub fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut home = Self::at(&temporary.path().join("relay"));
        home._temporary = Some(temporary);
        home
    }

    pub fn at(dir: &Path) -> Self {
        let made = command(["init", &dir.to_string_lossy(), "--listen", "127.0.0.1:0", "--link-host", "127.0.0.1:1"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let link: RelayLink = String::from_utf8(made.stdout).unwrap().trim().parse().unwrap();
        let home = Self { dir: dir.to_owned(), pin: *link.pin(), _temporary: None };
        home.configure("256MiB", RESERVE);
        home.configure("24h", WINDOW);
        // Tests ask more often than people do.
        home.configure("requests_each = 100", "requests_each = 1000000");
        home.configure("\nrequests = 2000", "\nrequests = 1000000");
        home.configure("new_connections = 200", "new_connections = 1000000");
        home
    }

    /// Replaces one text of the configuration by another.
    pub fn configure(&self, from: &str, to: &str) {
        let path = self.dir.join("relay.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is not in the configuration");
        std::fs::write(&path, text.replace(from, to)).unwrap();
    }

    pub fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    pub fn serve(&self) -> Relay {
        self.try_serve(&[]).unwrap_or_else(|end| panic!("the relay ended with {:?}: {}", end.status, end.log))
    }

    /// Starts the relay; an error when it ends before it listens.
    pub fn try_serve(&self, environment: &[(&str, &str)]) -> Result<Relay, End> {
        start(&["serve"], &self.dir, self.pin, environment)
    }

    pub fn audit(&self) -> String {
        let output = command(["audit", &self.dir.to_string_lossy()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A forwarder in a folder of its own, made for one relay.
pub fn forwarder(dir: &Path, to: &RelayLink, environment: &[(&str, &str)]) -> Relay {
    let (folder, to) = (dir.to_string_lossy(), to.to_string());
    let made =
        command(["forward", "init", &folder, "--to", &to, "--listen", "127.0.0.1:0", "--link-host", "127.0.0.1:1"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let link: ForwardLink = String::from_utf8(made.stdout).unwrap().trim().parse().unwrap();
    let started = start(&["forward", "serve"], dir, *link.pin(), environment);
    started.unwrap_or_else(|end| panic!("the forwarder ended with {:?}: {}", end.status, end.log))
}

/// Starts what listens; an error when it ends before.
fn start(words: &[&str], dir: &Path, pin: [u8; 32], environment: &[(&str, &str)]) -> Result<Relay, End> {
    let mut child = Command::new(BINARY)
        .args(words)
        .arg(dir)
        .env_remove("RUST_LOG")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = child.stderr.take().unwrap();
    let log = std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        text
    });
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    match line.trim_end().strip_prefix("listening on ") {
        Some(address) => {
            let address = address.parse().unwrap();
            Ok(Relay { child: Some(child), log: Some(log), address, pin })
        }
        None => Err(End { status: child.wait().unwrap(), log: log.join().unwrap() }),
    }
}

pub fn command<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Output {
    Command::new(BINARY).args(arguments).env_remove("RUST_LOG").stdin(Stdio::null()).output().unwrap()
}

/// The same with variables of the environment.
pub fn command_with<'a>(arguments: impl IntoIterator<Item = &'a str>, environment: &[(&str, String)]) -> Output {
    let environment = environment.iter().map(|(name, value)| (name, value));
    Command::new(BINARY).args(arguments).env_remove("RUST_LOG").envs(environment).stdin(Stdio::null()).output().unwrap()
}

/// How a relay ended, and all that it logged.
pub struct End {
    pub status: ExitStatus,
    pub log: String,
}

/// A relay that listens. Killed when dropped.
pub struct Relay {
    child: Option<Child>,
    log: Option<std::thread::JoinHandle<String>>,
    pub address: SocketAddr,
    pub pin: [u8; 32],
}

impl Relay {
    /// `kill -9`, as if the machine had stopped, but for the page cache.
    pub fn kill(mut self) -> End {
        self.kill_now();
        self.wait()
    }

    /// The same while others still talk to it.
    pub fn kill_now(&self) {
        self.signal(Signal::KILL);
    }

    /// SIGTERM, the polite way.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// The most memory that the relay has held so far, in bytes (VmHWM of proc_pid_status(5)).
    pub fn peak_memory(&self) -> u64 {
        let id = self.child.as_ref().expect("a relay that ended holds nothing").id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() << 10
    }

    /// SIGHUP: look at what may have changed.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Waits for the relay to end by itself.
    pub fn wait(&mut self) -> End {
        let status = self.child.as_mut().expect("a relay is waited for once").wait().unwrap();
        self.child = None;
        End { status, log: self.log.take().expect("a relay is waited for once").join().unwrap() }
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("a relay that ended gets no signal");
        kill_process(Pid::from_child(child), signal).unwrap();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
