//! `himaya board`: all cases at a glance, and the keys to work on them, live from the feed.
//!
//! Two connections to one profile: the watcher has one, and sends what the other writes within a second, as it does for
//! any other process. So what a person decides is on the disk at once, however slow the line is.

mod client;
mod hook;
mod screen;

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::app::{App, Exit};
use super::error::CliError;
use super::watch::interrupted;
use crate::board::told::Watch;
use crate::board::{Key, Message, Model, Next};
use crate::driver::{Driver, Watched};
use crate::engine::News;
use crate::store::Profile;
use crate::terminal::TerminalError;
use crate::text::{Text, Texts};
use crate::transport::https::Https;
use client::Client;
use hook::Hook;
use screen::Screen;

/// How often what is due is looked for, and news are taken in.
const TICK: Duration = Duration::from_millis(250);

/// After how many of them it is looked whether another process has written something.
const LOOK_TICKS: u32 = 8;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(long, value_name = "COMMAND")]
    hook: Option<PathBuf>,
}

pub(super) async fn run(app: &mut App, arguments: Arguments) -> Result<Exit, CliError> {
    if app.json() {
        return print(app).await;
    }
    if !app.at_terminal() {
        return Err(TerminalError::NoScreen.into());
    }
    let (mut driver, profile) = app.open_twice()?;
    let mut out = app.take_out();
    let outcome = watch(app, &mut *out, &mut driver, profile, Hook::new(arguments.hook)).await;
    app.give_out(out);
    outcome?;
    // What was written last has had no watcher that sends it.
    let sent = app.offline() || app.send(&mut driver).await?;
    app.say(Text::BoardClosed, &[])?;
    app.exit(&mut driver, sent)
}

/// The cases as objects, in the order of the board.
async fn print(app: &mut App) -> Result<Exit, CliError> {
    let (mut driver, profile) = app.open_twice()?;
    app.refresh(&mut driver).await?;
    let texts = Texts::load([app.texts.tag()]);
    let mut client = Client::new(app, profile);
    let mut model = Model::new(&[]);
    client.load(&mut model, &texts)?;
    let objects: Vec<_> = model.shown().iter().filter_map(|id| client.object(&model, id)).collect();
    for object in &objects {
        app.object(object)?;
    }
    app.exit(&mut driver, true)
}

/// What happened beside the keyboard.
enum Heard {
    Line(bool),
    News,
}

async fn watch(
    app: &mut App,
    out: &mut (dyn Write + Send),
    driver: &mut Driver<Https>,
    profile: Profile,
    hook: Hook,
) -> Result<(), CliError> {
    let offline = app.offline();
    let (tell, mut heard) = mpsc::unbounded_channel();
    let watching = driver.watch(move |_, watched| {
        let heard = match watched {
            Watched::Connected => Heard::Line(true),
            Watched::Lost(_) => Heard::Line(false),
            Watched::News(News::Relayed(_)) => return ControlFlow::Continue(()),
            Watched::News(_) | Watched::Signal(_) => Heard::News,
        };
        // Nobody listens any more once the board is left.
        if tell.send(heard).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    tokio::pin!(watching);
    let ended = interrupted();
    tokio::pin!(ended);
    let mut seat = Seat::take(app, out, profile, hook)?;
    let (mut keys, mut tick) = (EventStream::new(), tokio::time::interval(TICK));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let next = tokio::select! {
            stopped = &mut watching, if !offline => {
                stopped?;
                return Ok(());
            }
            Some(heard) = heard.recv() => seat.hear(heard),
            event = keys.next() => match event {
                Some(Ok(event)) => seat.event(event),
                Some(Err(_)) | None => seat.leave(),
            },
            () = &mut ended => seat.leave(),
            _ = tick.tick() => seat.tick()?,
        };
        if seat.follow(next)? {
            return Ok(());
        }
    }
}

/// Somebody at the board.
struct Seat<'a> {
    client: Client<'a>,
    model: Model,
    texts: Texts,
    screen: Screen<'a>,
    hook: Hook,
    seen: Watch,
    /// Whether something came that is not on the board yet.
    stale: bool,
    ticks: u32,
}

impl<'a> Seat<'a> {
    fn take(app: &'a mut App, out: &'a mut (dyn Write + Send), profile: Profile, hook: Hook) -> Result<Self, CliError> {
        let (colour, texts) = (app.colour(), Texts::load([app.texts.tag()]));
        let mut client = Client::new(app, profile);
        let mut model = Model::new(&client.drafts()?);
        client.load(&mut model, &texts)?;
        let mut seen = Watch::default();
        seen.look(model.rows(), model.facts());
        let mut seat =
            Self { client, model, texts, screen: Screen::open(out, colour)?, hook, seen, stale: false, ticks: 0 };
        seat.draw()?;
        Ok(seat)
    }

    fn hear(&mut self, heard: Heard) -> Next {
        match heard {
            Heard::Line(up) => self.model.connected(up),
            Heard::News => {}
        }
        self.stale = true;
        Next::Stay
    }

    fn event(&mut self, event: Event) -> Next {
        let now = self.client.now();
        match event {
            Event::Key(key) => match screen::key(key) {
                Some(key) => self.press(key),
                None => Next::Stay,
            },
            Event::Paste(text) => {
                self.model.paste(&text);
                Next::Stay
            }
            Event::Resize(..) | Event::FocusGained | Event::FocusLost | Event::Mouse(_) => {
                self.model.at(now);
                Next::Stay
            }
        }
    }

    fn press(&mut self, key: Key) -> Next {
        let now = self.client.now();
        self.model.key(key, now, &self.texts, &mut self.client)
    }

    fn leave(&mut self) -> Next {
        self.model.leave_now(&mut self.client)
    }

    fn tick(&mut self) -> Result<Next, CliError> {
        self.ticks = self.ticks.wrapping_add(1);
        // Another process of this profile may have written something.
        let looks = self.ticks.is_multiple_of(LOOK_TICKS);
        if std::mem::take(&mut self.stale) || (looks && self.client.is_behind()?) {
            self.client.load(&mut self.model, &self.texts)?;
        }
        let now = self.client.now();
        let next = self.model.tick(now, &self.texts, &mut self.client);
        self.hook.reap();
        for (told, case) in self.seen.look(self.model.rows(), self.model.facts()) {
            if let Err(cause) = self.hook.tell(told, &case) {
                self.model.say(Message::new(Text::BoardHookFailed).theirs("cause", &cause.to_string()));
            }
        }
        Ok(next)
    }

    /// Writes what is to be written, and draws; whether the board is left.
    fn follow(&mut self, next: Next) -> Result<bool, CliError> {
        let (proposals, leaves) = match next {
            Next::Stay => (Vec::new(), false),
            Next::Write(proposals) => (proposals, false),
            Next::Leave(proposals) => (proposals, true),
        };
        let mut left: std::collections::VecDeque<_> = proposals.into();
        while let Some(proposal) = left.pop_front() {
            let drafts = self.model.drafts(&left);
            match self.client.write(&proposal, &drafts) {
                Ok(()) => self.model.written(&proposal),
                Err(error) => self.model.failed(proposal, error),
            }
            self.stale = true;
        }
        if let Some(drafts) = self.model.unsaved_drafts() {
            self.client.save_drafts(&drafts)?;
        }
        if leaves {
            return Ok(true);
        }
        self.draw()?;
        Ok(false)
    }

    fn draw(&mut self) -> Result<(), CliError> {
        self.screen.draw(&mut self.model, &self.texts)
    }
}
