//! One person: a folder, a passphrase, and commands.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{WatchProcess, binaries};

/// One person with a client: where the profile lies and the passphrase that opens it.
#[derive(Debug, Clone)]
pub struct Home {
    name: String,
    folder: PathBuf,
    passphrase_file: PathBuf,
}

impl Home {
    /// Makes the folder for somebody below `root`, with a passphrase file; no profile yet.
    pub fn new(root: &Path, name: &str) -> anyhow::Result<Self> {
        let around = root.join(name);
        std::fs::create_dir_all(&around)?;
        let passphrase_file = around.join("passphrase");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&passphrase_file)?;
        writeln!(file, "five words that {name} knows")?;
        Ok(Self { name: name.to_owned(), folder: around.join("profile"), passphrase_file })
    }

    /// Makes the folder and a profile in it for the relay of `link`.
    pub fn found(root: &Path, name: &str, link: &str) -> anyhow::Result<Self> {
        let home = Self::new(root, name)?;
        home.run(["init", "--relay", link, "--name", name])?.done()?;
        Ok(home)
    }

    /// What the others call this person.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the profile lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file with the passphrase.
    pub fn passphrase_file(&self) -> &Path {
        &self.passphrase_file
    }

    /// Runs a command with `--json`.
    pub fn run<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> anyhow::Result<Answer> {
        self.command(words).run()
    }

    /// Runs a command with `--json` that must end with 0; its one object.
    pub fn done<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> anyhow::Result<Value> {
        self.run(words)?.done()?.one()
    }

    /// Runs a command with `--json` that must end with 0; all its objects.
    pub fn list<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> anyhow::Result<Vec<Value>> {
        Ok(self.run(words)?.done()?.objects)
    }

    /// Prepares a command.
    pub fn command<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Run {
        Run {
            home: self.clone(),
            words: words.into_iter().map(OsString::from).collect(),
            environment: Vec::new(),
            input: Vec::new(),
            within: None,
            json: true,
        }
    }

    /// Starts `himaya --json watch`.
    pub fn watch(&self) -> anyhow::Result<WatchProcess> {
        self.command(["watch"]).watch()
    }

    /// Lets `member` into `circle`: card, hello, approval, Welcome. Both end up to date.
    pub fn befriend(&self, member: &Home, circle: &str, role: &str) -> anyhow::Result<()> {
        let card = self.done(["card", "new"])?;
        member.done(["card", "accept", string(&card, "card")?, "--note", "it is me"])?;
        let requests = self.list(["requests"])?;
        let of_member = |request: &&Value| string(request, "name").is_ok_and(|name| name == member.name);
        let request = requests.iter().rfind(of_member).context("the request did not arrive")?;
        let id = request.get("id").context("a request has an id")?.to_string();
        self.done(["approve", &id, "--circle", circle, "--as", role])?;
        member.run(["sync"])?.done()?;
        Ok(())
    }
}

/// A field of an object that is a string.
pub fn string<'a>(object: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    object.get(field).and_then(Value::as_str).with_context(|| format!("no string {field} in {object}"))
}

/// A command that is about to be run.
#[derive(Debug, Clone)]
pub struct Run {
    home: Home,
    words: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    input: Vec<u8>,
    within: Option<PathBuf>,
    json: bool,
}

impl Run {
    /// With a variable such as `HIMAYA_CRASH_AT`.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// With this on the standard input.
    pub fn input(mut self, bytes: &[u8]) -> Self {
        self.input = bytes.to_vec();
        self
    }

    /// In this folder, where files that are named without one are.
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.within = Some(folder.to_owned());
        self
    }

    /// For a person to read, without `--json`.
    pub fn for_people(mut self) -> Self {
        self.json = false;
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> anyhow::Result<Answer> {
        let (json, input) = (self.json, self.input.clone());
        let mut child = self.prepare()?.spawn().context("himaya cannot be run")?;
        if let Some(mut pipe) = child.stdin.take() {
            // A command that reads nothing may have closed it.
            let _unread = pipe.write_all(&input);
        }
        let output = child.wait_with_output()?;
        let out = String::from_utf8(output.stdout).context("the output is not UTF-8")?;
        let objects = if json { objects(&out)? } else { Vec::new() };
        Ok(Answer {
            code: output.status.code(),
            signal: output.status.signal(),
            objects,
            out,
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs it to its end at a terminal of its own where somebody types; the output is what the terminal showed.
    pub fn at_terminal(self, typed: &str) -> anyhow::Result<Answer> {
        super::terminal::run(self.for_people().prepare()?, typed)
    }

    /// Starts a `watch` that was prepared.
    pub fn watch(self) -> anyhow::Result<WatchProcess> {
        WatchProcess::start(self.prepare()?)
    }

    fn prepare(self) -> anyhow::Result<Command> {
        let mut command = Command::new(&binaries()?.himaya);
        for name in ["HIMAYA_LANG", "HIMAYA_HOME", "HIMAYA_PASSPHRASE_FILE", "HIMAYA_CRASH_AT", "LC_ALL", "LC_MESSAGES"]
        {
            command.env_remove(name);
        }
        command.env("LANG", "en").arg("--home").arg(&self.home.folder);
        command.arg("--passphrase-file").arg(&self.home.passphrase_file);
        if self.json {
            command.arg("--json");
        }
        command.args(self.words).envs(self.environment);
        if let Some(folder) = &self.within {
            command.current_dir(folder);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }
}

fn objects(out: &str) -> anyhow::Result<Vec<Value>> {
    // A process that was killed may have left half a line.
    let whole = out.lines().filter(|line| !line.is_empty());
    whole.map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))).collect()
}

/// How a command ended and what it printed.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The objects of `--json`.
    pub objects: Vec<Value>,
    /// The standard output as it was.
    pub out: String,
    /// The standard error.
    pub err: String,
}

impl Answer {
    /// Must have ended with 0.
    pub fn done(self) -> anyhow::Result<Self> {
        self.ended(0)
    }

    /// Must have ended with this code.
    pub fn ended(self, code: i32) -> anyhow::Result<Self> {
        ensure!(self.code == Some(code), "ended with {:?} instead of {code}: {}{}", self.code, self.out, self.err);
        Ok(self)
    }

    /// The one object that was printed.
    pub fn one(mut self) -> anyhow::Result<Value> {
        ensure!(self.objects.len() == 1, "not one object: {}", self.out);
        self.objects.pop().context("there is one")
    }

    /// The error object that `--json` puts on the standard error, and its code and message.
    pub fn error(&self) -> anyhow::Result<(String, String)> {
        let line = self.err.lines().last().context("there is no error")?;
        let object: Value = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
        let error = object.get("error").with_context(|| format!("no error in {line}"))?;
        Ok((string(error, "code")?.to_owned(), string(error, "message")?.to_owned()))
    }
}
