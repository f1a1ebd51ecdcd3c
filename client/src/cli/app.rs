//! What every command has: the profile, the relay, the screen.

use std::ffi::OsString;
use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde::Serialize;

use super::error::CliError;
use super::output::Failure;
use super::{net, render};
use crate::driver::{Clock, Driver, DriverError};
use crate::engine::{self, Circle, CircleState, EngineError, Identity};
use crate::store::{Profile, Seconds, StoreError};
use crate::terminal::{self, JsonLines, Passphrase, Screen, TerminalError};
use crate::text::{Arg, Explain, Text, Texts};
use crate::transport::TransportError;
use crate::transport::https::{Https, Timeouts, Via};
use crate::transport::route::Route;

/// How often a command tries to reach the relay before it leaves what it queued to the next one.
const TRIES: u32 = 3;
/// The wait between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(1_500);

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Not done, see the error.
    Error,
    /// Queued, but the relay does not have it yet.
    Queued,
    /// Done, but a circle is out of sync.
    OutOfSync,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Queued => 3,
            Self::OutOfSync => 4,
        }
    }
}

/// What the binary gives: everything that is ambient.
pub struct Environment {
    /// Standard output.
    pub out: Box<dyn Write + Send>,
    /// Standard error.
    pub err: Box<dyn Write + Send>,
    /// Standard input, for `--file -` and for answers.
    pub input: Box<dyn Read + Send>,
    /// Whether a person sits at both ends, so that questions make sense.
    pub asks: bool,
    /// What time it is.
    pub clock: fn() -> Seconds,
    /// 32 random bytes, or `None` when the machine gives none.
    pub seed: Option<[u8; 32]>,
    /// Where profiles lie unless the command says otherwise.
    pub default_home: Option<PathBuf>,
    /// Whether the terminal's colours may be used (no-color.org).
    pub colour: bool,
    /// The languages of the environment's variables, most specific first.
    pub languages: Vec<String>,
}

impl Environment {
    /// Languages in the order in which they are tried: `--lang` wins, and is needed before the arguments are read.
    pub(super) fn languages(&self, words: &[OsString]) -> Vec<String> {
        let mut words = words.iter().filter_map(|word| word.to_str());
        let mut asked = None;
        while let Some(word) = words.next() {
            match word.strip_prefix("--lang") {
                Some("") => asked = words.next().map(str::to_owned),
                Some(rest) => asked = rest.strip_prefix('=').map(str::to_owned),
                None => (),
            }
        }
        asked.into_iter().chain(self.languages.iter().cloned()).collect()
    }

    /// Prints what clap says about help, version or wrong usage; its exit code.
    pub(super) fn usage(&mut self, usage: &clap::Error, json: bool) -> u8 {
        let to_err = usage.use_stderr();
        if to_err && json {
            let message = usage.render().to_string();
            // Nothing is left to do when even this cannot be written.
            let _unwritable = JsonLines::new(&mut self.err).write(&Failure::new("usage", message.trim_end()));
            return 2;
        }
        let out = if to_err { &mut self.err } else { &mut self.out };
        // Nothing is left to do when even this cannot be written.
        let _unwritable = writeln!(out, "{}", usage.render().to_string().trim_end());
        if to_err { 2 } else { 0 }
    }
}

struct WallClock(fn() -> Seconds);

impl Clock for WallClock {
    fn now(&self) -> Seconds {
        self.0()
    }
}

/// The global options.
pub(super) struct Options {
    pub(super) home: Option<PathBuf>,
    pub(super) passphrase_file: Option<PathBuf>,
    pub(super) json: bool,
    pub(super) offline: bool,
}

/// What every command has.
pub(super) struct App {
    options: Options,
    pub(super) texts: Texts,
    environment: Environment,
    rng: ChaCha20Rng,
    /// Whether the relay was out of reach a moment ago: then one more try is enough, and nothing new to say.
    unreachable: bool,
}

impl App {
    pub(super) fn new(options: Options, texts: Texts, environment: Environment) -> Self {
        let rng = ChaCha20Rng::from_seed(environment.seed.unwrap_or_default());
        Self { options, texts, environment, rng, unreachable: false }
    }

    /// The runtime, once it is certain that there is randomness.
    pub(super) fn runtime(&self) -> Result<tokio::runtime::Runtime, CliError> {
        if self.environment.seed.is_none() {
            return Err(StoreError::Randomness.into());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| TerminalError::Output(error).into())
    }

    pub(super) fn json(&self) -> bool {
        self.options.json
    }

    pub(super) fn offline(&self) -> bool {
        self.options.offline
    }

    pub(super) fn now(&self) -> Seconds {
        (self.environment.clock)()
    }

    pub(super) fn home(&self) -> Result<PathBuf, CliError> {
        self.options.home.clone().or_else(|| self.environment.default_home.clone()).ok_or(CliError::NoHome)
    }

    /// Makes a profile, hands it to `work` to fill, and prepares to talk to its relay.
    pub(super) fn create(
        &mut self,
        work: impl FnOnce(&mut crate::store::Ctx<'_>) -> Result<Identity, EngineError>,
    ) -> Result<(Identity, Driver<Https>), CliError> {
        let home = self.home()?;
        let now = self.now();
        // An `init` that was cut off after the containers and before the identity is taken up again.
        let mut profile = if crate::store::exists(&home) {
            let passphrase = self.passphrase()?;
            let Ok(mut profile) = Profile::open(&home, passphrase.as_bytes()) else {
                return Err(StoreError::Exists(home).into());
            };
            if profile.transact(now, &mut self.rng, |ctx| engine::identity(ctx)).is_ok() {
                return Err(StoreError::Exists(home).into());
            }
            profile
        } else {
            let passphrase = self.new_passphrase()?;
            Profile::create(&home, passphrase.as_bytes(), &mut self.rng)?
        };
        let identity = profile.transact(now, &mut self.rng, work)?;
        let driver = self.driver(profile, &identity)?;
        Ok((identity, driver))
    }

    /// Destroys the profile.
    pub(super) fn wipe(&mut self) -> Result<(), CliError> {
        let home = self.home()?;
        Ok(crate::store::wipe(&home, &mut self.rng)?)
    }

    /// Opens the profile and prepares to talk to its relay.
    pub(super) fn open(&mut self) -> Result<Driver<Https>, CliError> {
        let mut profile = self.open_profile()?;
        let identity = self.transact(&mut profile, |ctx| {
            // A person is there: what failed before does not wait out its backoff.
            engine::retry_now(ctx)?;
            // Also where there is no relay for a long time.
            engine::destroy_due(ctx)?;
            engine::identity(ctx)
        })?;
        self.driver(profile, &identity)
    }

    /// Opens the profile twice, with one passphrase: to talk to the relay, and for a person who works meanwhile.
    pub(super) fn open_twice(&mut self) -> Result<(Driver<Https>, Profile), CliError> {
        let home = self.home()?;
        if !crate::store::exists(&home) {
            return Err(StoreError::Missing(home).into());
        }
        let passphrase = self.passphrase()?;
        let (mut first, second) =
            (Profile::open(&home, passphrase.as_bytes())?, Profile::open(&home, passphrase.as_bytes())?);
        let identity = self.transact(&mut first, |ctx| {
            engine::retry_now(ctx)?;
            engine::identity(ctx)
        })?;
        Ok((self.driver(first, &identity)?, second))
    }

    /// Opens the profile alone.
    pub(super) fn open_profile(&mut self) -> Result<Profile, CliError> {
        let home = self.home()?;
        if !crate::store::exists(&home) {
            return Err(StoreError::Missing(home).into());
        }
        let passphrase = self.passphrase()?;
        Ok(Profile::open(&home, passphrase.as_bytes())?)
    }

    /// Works in a profile that no driver has.
    pub(super) fn transact<V>(
        &mut self,
        profile: &mut Profile,
        work: impl FnOnce(&mut crate::store::Ctx<'_>) -> Result<V, EngineError>,
    ) -> Result<V, CliError> {
        let now = self.now();
        Ok(profile.transact(now, &mut self.rng, work)?)
    }

    fn driver(&mut self, mut profile: Profile, identity: &Identity) -> Result<Driver<Https>, CliError> {
        let mut seed = || {
            let mut seed = [0; 32];
            rand::RngCore::fill_bytes(&mut self.rng, &mut seed);
            seed
        };
        let (first, second) = (seed(), seed());
        let route = match self.transact(&mut profile, |ctx| net::proxy(ctx))? {
            Some(proxy) => Route::through(proxy, first),
            None => Route::direct(),
        };
        let via = self.transact(&mut profile, |ctx| {
            let seen = engine::gateway_keys(ctx)?;
            Ok(net::via(ctx)?.map(|forwarder| Via { forwarder, seen }))
        })?;
        let transport = match via {
            Some(via) => Https::through(&identity.relay, via, route, Timeouts::default())?,
            None => Https::new(&identity.relay, route, Timeouts::default())?,
        };
        Ok(Driver::new(profile, transport, Box::new(WallClock(self.environment.clock)), second))
    }

    fn passphrase(&self) -> Result<Passphrase, CliError> {
        match &self.options.passphrase_file {
            Some(file) => Ok(terminal::read_file(file)?),
            None => Ok(terminal::ask(terminal::prompt, &self.texts.say(Text::PassphraseAsk, &[]))?),
        }
    }

    fn new_passphrase(&mut self) -> Result<Passphrase, CliError> {
        if let Some(file) = &self.options.passphrase_file {
            return Ok(terminal::read_file(file)?);
        }
        let advice = self.texts.say(Text::PassphraseAdvice, &[]);
        self.note(&advice)?;
        let (first, again) = (self.texts.say(Text::PassphraseNew, &[]), self.texts.say(Text::PassphraseAgain, &[]));
        Ok(terminal::ask_new(terminal::prompt, &first, &again)?)
    }

    /// Reads a file, or the standard input for `-`; at most a mebibyte.
    pub(super) fn read(&mut self, path: &std::path::Path) -> Result<String, CliError> {
        const MOST: u64 = 1 << 20;
        let mut text = String::new();
        let read = if path.as_os_str() == "-" {
            self.environment.input.by_ref().take(MOST).read_to_string(&mut text)
        } else {
            std::fs::File::open(path).and_then(|file| file.take(MOST).read_to_string(&mut text))
        };
        match read {
            Ok(_) => Ok(text),
            Err(cause) => Err(CliError::File { path: path.to_owned(), cause }),
        }
    }

    /// Whether there is a person who can be asked.
    pub(super) fn asks(&self) -> bool {
        self.environment.asks && !self.json()
    }

    /// Asks for a number from 1 to `count`, 1 by Enter alone; `None` when something else was typed.
    pub(super) fn choose(&mut self, question: Text, count: usize) -> Result<Option<usize>, CliError> {
        Ok(terminal::number(&self.line(question)?, count))
    }

    /// Asks for a line; a program is not asked, it writes one.
    pub(super) fn line(&mut self, question: Text) -> Result<String, CliError> {
        if !self.json() {
            let said = self.texts.say(question, &[]);
            self.screen().ask(&said)?;
        }
        let line = terminal::read_line(&mut *self.environment.input).map_err(TerminalError::Output)?;
        line.ok_or(CliError::Unanswered)
    }

    /// The screen.
    pub(super) fn screen(&mut self) -> Screen<&mut (dyn Write + Send)> {
        Screen::new(&mut *self.environment.out)
    }

    /// The screen beside the output proper.
    pub(super) fn aside(&mut self) -> Screen<&mut (dyn Write + Send)> {
        Screen::new(&mut *self.environment.err)
    }

    /// Takes the standard output, for a whole screen; [`Self::give_out`] gives it back.
    pub(super) fn take_out(&mut self) -> Box<dyn Write + Send> {
        std::mem::replace(&mut self.environment.out, Box::new(std::io::sink()))
    }

    /// Gives the standard output back.
    pub(super) fn give_out(&mut self, out: Box<dyn Write + Send>) {
        self.environment.out = out;
    }

    /// Whether the terminal's colours may be used.
    pub(super) fn colour(&self) -> bool {
        self.environment.colour
    }

    /// Whether people look at the output as it comes.
    pub(super) fn at_terminal(&self) -> bool {
        std::io::stdout().is_terminal()
    }

    /// Says a message, unless the output is for programs.
    pub(super) fn say(&mut self, text: Text, args: &[(&str, Arg<'_>)]) -> Result<(), CliError> {
        if self.json() {
            return Ok(());
        }
        let said = self.texts.say(text, args);
        Ok(self.screen().say(&said)?)
    }

    /// Prints what this program made for other programs, as it is, unless the output is JSON.
    pub(super) fn print(&mut self, text: &str) -> Result<(), CliError> {
        if self.json() {
            return Ok(());
        }
        let out = &mut self.environment.out;
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|cause| TerminalError::Output(cause).into())
    }

    /// Says something beside the output proper.
    pub(super) fn note(&mut self, text: &str) -> Result<(), CliError> {
        Ok(Screen::new(&mut self.environment.err).say(text)?)
    }

    /// Writes an object for programs, if that is what the output is for.
    pub(super) fn object(&mut self, object: &impl Serialize) -> Result<(), CliError> {
        if self.json() {
            JsonLines::new(&mut *self.environment.out).write(object)?;
        }
        Ok(())
    }

    /// Says what went wrong and what to do now.
    pub(super) fn complain(&mut self, error: &CliError) {
        let message = error.explain(&self.texts);
        let err = &mut self.environment.err;
        // Nothing is left to do when even this cannot be written.
        let _unwritable = if self.options.json {
            JsonLines::new(err).write(&Failure::new(error.code(), &message))
        } else {
            Screen::new(err).say(&message)
        };
    }

    /// Sends what is queued, trying a few times. `true` when nothing urgent is left.
    pub(super) async fn send(&mut self, driver: &mut Driver<Https>) -> Result<bool, CliError> {
        if self.offline() {
            return Ok(false);
        }
        for attempt in 1..=TRIES {
            let flushed = driver.flush().await;
            if !flushed.cards_used.is_empty() && !self.json() {
                let said = CliError::CardUsed.explain(&self.texts);
                self.note(&said)?;
            }
            match flushed.failed {
                None => return Ok(true),
                Some(DriverError::NoTokens) => {
                    render::no_tokens(self, driver)?;
                    return Ok(false);
                }
                Some(error) if attempt == TRIES || self.unreachable || !passes(&error) => {
                    let said = CliError::from(error).explain(&self.texts);
                    if !self.json() && !self.unreachable {
                        self.note(&said)?;
                    }
                    return Ok(false);
                }
                Some(_) => tokio::time::sleep(BETWEEN_TRIES).await,
            }
            driver.retry_now()?;
        }
        Ok(false)
    }

    /// Brings the profile up to date if the relay can be reached; says so if not, and goes on with what is here.
    pub(super) async fn refresh(&mut self, driver: &mut Driver<Https>) -> Result<bool, CliError> {
        if self.offline() {
            return Ok(false);
        }
        match driver.sync().await {
            Ok(_) => Ok(true),
            Err(DriverError::Transport(error)) => {
                self.unreachable = true;
                let said = error.explain(&self.texts);
                if !self.json() {
                    self.note(&said)?;
                }
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// How a command ends whose work is queued: sent or not, in sync or not.
    pub(super) fn exit(&self, driver: &mut Driver<Https>, sent: bool) -> Result<Exit, CliError> {
        if !sent {
            return Ok(Exit::Queued);
        }
        let adrift = |circle: &Circle| circle.state == CircleState::Active && circle.adrift.is_some();
        let circles = driver.transact(|ctx| engine::list(ctx))?;
        Ok(if circles.iter().any(adrift) { Exit::OutOfSync } else { Exit::Done })
    }
}

/// Whether the same call may succeed in a moment.
fn passes(error: &DriverError) -> bool {
    match error {
        DriverError::Transport(error) => TransportError::passes(error),
        DriverError::Engine(_) | DriverError::CardUsed | DriverError::NoCardKey | DriverError::NoTokens => false,
    }
}
