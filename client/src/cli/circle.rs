//! `himaya circle`: make and change circles.

use himaya_protocol::wire::policy::Role;
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::{self, hex, state};
use super::render;
use crate::engine::{self, Circle, CircleState, Member};
use crate::text::{Arg, Text};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    New {
        #[arg(value_name = "NAME")]
        name: String,
    },
    List,
    Members {
        #[arg(value_name = "NAME")]
        name: String,
    },
    Remove {
        #[arg(value_name = "NAME")]
        name: String,
        #[arg(value_name = "MEMBER")]
        member: String,
    },
    Leave {
        #[arg(value_name = "NAME")]
        name: String,
    },
    Verify {
        #[arg(value_name = "NAME")]
        name: String,
    },
}

pub(super) async fn run(app: &mut App, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::New { name } => new(app, &name),
        Command::List => list(app).await,
        Command::Members { name } => members(app, &name).await,
        Command::Remove { name, member } => remove(app, &name, &member).await,
        Command::Leave { name } => leave(app, &name).await,
        Command::Verify { name } => verify(app, &name).await,
    }
}

fn new(app: &mut App, name: &str) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    driver.transact(|ctx| engine::create(ctx, name))?;
    app.object(&json!({ "circle": name.trim() }))?;
    app.say(Text::CircleCreated, &[("circle", Arg::theirs(name))])?;
    app.say(Text::CircleNext, &[])?;
    Ok(Exit::Done)
}

async fn list(app: &mut App) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let circles = driver.transact(|ctx| engine::list(ctx))?;
    if circles.is_empty() {
        app.say(Text::CirclesNone, &[])?;
    }
    for circle in &circles {
        app.object(&output::circle(circle))?;
        if !app.json() {
            let me = driver.transact(|ctx| engine::members(ctx, &circle.id))?.into_iter().find(|member| member.me);
            show(app, circle, me.and_then(|member| member.role))?;
        }
    }
    app.exit(&mut driver, true)
}

fn show(app: &mut App, circle: &Circle, role: Option<Role>) -> Result<(), CliError> {
    app.say(Text::CircleLine, &[("circle", Arg::theirs(&circle.name)), ("count", circle.members.into())])?;
    let detail = match (circle.state, &circle.adrift, role) {
        (CircleState::Active, Some(_), _) => Text::CircleOutOfStep,
        (CircleState::Active, None, Some(Role::Owner)) => Text::CircleOwned,
        (CircleState::Active, None, _) => return Ok(()),
        (CircleState::Removed | CircleState::Left, ..) => Text::CircleLeftLine,
    };
    let said = app.texts.say(detail, &[]);
    Ok(app.screen().detail(&said)?)
}

async fn members(app: &mut App, name: &str) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let members = driver.transact(|ctx| {
        let circle = engine::named(ctx, name)?;
        engine::members(ctx, &circle.id)
    })?;
    for member in &members {
        app.object(&output::member(member))?;
        if !app.json() {
            show_member(app, member)?;
        }
    }
    app.exit(&mut driver, true)
}

fn show_member(app: &mut App, member: &Member) -> Result<(), CliError> {
    let role = member.role.map(|role| app.texts.say(super::render::role_text(role), &[])).unwrap_or_default();
    let line = if member.me { Text::MemberYou } else { Text::MemberLine };
    app.say(line, &[("name", Arg::theirs(&member.name)), ("role", Arg::ours(&role))])?;
    if !member.me {
        let text = if member.verified { Text::MemberVerified } else { Text::MemberUnverified };
        let said = app.texts.say(text, &[]);
        app.screen().detail(&said)?;
    }
    let digits: String = hex(&member.fingerprint).chars().take(8).collect();
    Ok(app.screen().machine(&digits)?)
}

async fn remove(app: &mut App, name: &str, member: &str) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let removed = driver.transact(|ctx| {
        let circle = engine::named(ctx, name)?;
        engine::remove(ctx, &circle, member)
    })?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({ "name": removed.name, "circle": name, "state": state(sent) }))?;
    app.say(
        if sent { Text::MemberRemoved } else { Text::MemberRemovedQueued },
        &[("name", Arg::theirs(&removed.name)), ("circle", Arg::theirs(name))],
    )?;
    app.exit(&mut driver, sent)
}

async fn leave(app: &mut App, name: &str) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    driver.transact(|ctx| {
        let circle = engine::named(ctx, name)?;
        engine::leave(ctx, &circle)
    })?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({ "circle": name, "state": state(sent) }))?;
    app.say(Text::LeaveAsked, &[("circle", Arg::theirs(name))])?;
    app.exit(&mut driver, sent)
}

/// Shows what all members compare: only a relay that lies gives two of them different words for one number.
async fn verify(app: &mut App, name: &str) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let (circle, (epoch, words)) = driver.transact(|ctx| {
        let circle = engine::named(ctx, name)?;
        let words = engine::circle_words(ctx, &circle)?;
        Ok((circle, words))
    })?;
    app.object(&json!({ "circle": circle.name, "epoch": epoch, "words": words }))?;
    app.say(Text::CircleVerifyRead, &[("circle", Arg::theirs(&circle.name)), ("count", epoch.into())])?;
    render::words(app, &words)?;
    app.say(Text::CircleVerifyDiffer, &[])?;
    app.exit(&mut driver, true)
}
