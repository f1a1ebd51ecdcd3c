//! `himaya desk`: an organisation's coordinators, and the groups they work in.

use himaya_protocol::content::body::{DeskPolicy, Helpline, Shift, ShiftRoster};
use himaya_protocol::content::value::{NoticeText, Text as Words};
use himaya_protocol::wire::policy::GroupKind;
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::{self, hex, state};
use super::recipient::{Names, To};
use super::{refer, render};
use crate::engine::{self, Draft, EngineError};
use crate::text::{Arg, Text};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    New {
        #[arg(value_name = "NAME")]
        name: String,
    },
    Groups,
    Policy {
        #[arg(long, value_name = "NAME")]
        desk: Option<String>,
        #[arg(long = "duty-lead", value_name = "MEMBER", required = true)]
        duty_leads: Vec<String>,
        #[arg(long = "plan-b", value_name = "WHO=NUMBER", value_parser = helpline)]
        plan_b: Vec<(String, String)>,
        #[arg(long, value_name = "CLASS:WHO")]
        backup: Option<To>,
        #[arg(long = "women-only", value_name = "MEMBER")]
        women_only: Vec<String>,
    },
    Bridge {
        #[arg(value_name = "NAME")]
        name: String,
        #[arg(long, value_name = "CLASS:WHO")]
        to: To,
    },
    Shift {
        #[arg(long, value_name = "NAME")]
        desk: Option<String>,
        #[arg(value_name = "MEMBER=HOURS", required = true, value_parser = shift)]
        shifts: Vec<(String, u64)>,
    },
    Tell {
        #[arg(long, value_name = "NAME")]
        desk: Option<String>,
        #[arg(value_name = "TEXT")]
        text: String,
    },
}

/// `Night line=+964 1 234`.
fn helpline(text: &str) -> Result<(String, String), String> {
    let (name, number) = text.split_once('=').ok_or("WHO=NUMBER, as in 'Night line=+964 1 234 5678'")?;
    Ok((name.trim().to_owned(), number.trim().to_owned()))
}

/// `Sara=8`.
fn shift(text: &str) -> Result<(String, u64), String> {
    let expected = "MEMBER=HOURS with 1 to 72 hours, as in 'Sara=8'";
    let (member, hours) = text.split_once('=').ok_or(expected)?;
    let hours = hours.trim().parse().ok().filter(|hours| (1..=72).contains(hours)).ok_or(expected)?;
    Ok((member.trim().to_owned(), hours))
}

pub(super) async fn run(app: &mut App, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::New { name } => new(app, &name),
        Command::Groups => groups(app).await,
        Command::Policy { desk, duty_leads, plan_b, backup, women_only } => {
            let people = People { duty_leads: &duty_leads, women_only: &women_only, backup: backup.as_ref() };
            policy(app, desk.as_deref(), &people, &plan_b).await
        }
        Command::Bridge { name, to } => bridge(app, &name, &to),
        Command::Shift { desk, shifts } => roster(app, desk.as_deref(), &shifts).await,
        Command::Tell { desk, text } => tell(app, desk.as_deref(), &text).await,
    }
}

fn new(app: &mut App, name: &str) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    driver.transact(|ctx| engine::new_desk(ctx, name))?;
    app.object(&json!({ "desk": name.trim() }))?;
    app.say(Text::DeskCreated, &[("name", Arg::theirs(name))])?;
    app.say(Text::DeskNext, &[])?;
    Ok(Exit::Done)
}

/// The groups of desks: what `circle list` does not show.
async fn groups(app: &mut App) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let groups: Vec<_> = driver.transact(|ctx| {
        let groups = engine::list(ctx)?.into_iter().filter(|group| group.kind != GroupKind::Circle);
        groups.map(|group| Ok((engine::women_of(ctx, &group)?, group))).collect::<Result<_, EngineError>>()
    })?;
    if groups.is_empty() {
        app.say(Text::NoDesk, &[])?;
    }
    for (women, group) in &groups {
        app.object(&output::group(group, women))?;
        if !app.json() {
            app.say(Text::CircleLine, &[("circle", Arg::theirs(&group.name)), ("count", group.members.into())])?;
            render::detail(app, render::kind_text(group.kind), &[])?;
            if !women.is_empty() {
                render::detail(app, Text::DeskWomen, &[("value", Arg::theirs(&women.join(", ")))])?;
            }
        }
    }
    app.exit(&mut driver, true)
}

/// Whom a policy names.
struct People<'a> {
    duty_leads: &'a [String],
    women_only: &'a [String],
    backup: Option<&'a To>,
}

async fn policy(
    app: &mut App,
    desk: Option<&str>,
    people: &People<'_>,
    plan_b: &[(String, String)],
) -> Result<Exit, CliError> {
    people.backup.map_or(Ok(()), To::check)?;
    let lines: Vec<Helpline> = plan_b
        .iter()
        .map(|(name, number)| Ok(Helpline { name: Words::new(name)?, number: Words::new(number)? }))
        .collect::<Result<_, CliError>>()?;
    let mut driver = app.open()?;
    let id = driver.transact(|ctx| {
        let desk = engine::desk(ctx, desk)?;
        let members = |names: &[String]| -> Result<Vec<_>, EngineError> {
            names.iter().map(|who| Ok(engine::member_named(ctx, &desk, who)?.fingerprint)).collect()
        };
        let policy = DeskPolicy {
            duty_leads: members(people.duty_leads)?,
            services: Vec::new(),
            backup: people.backup.map(|to| to.find(ctx)).transpose()?,
            plan_b: lines.clone(),
            women_only: members(people.women_only)?,
        };
        engine::announce_policy(ctx, &desk, policy)
    })?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({ "id": id.to_hex(), "state": state(sent) }))?;
    app.say(Text::DeskPolicySet, &[])?;
    app.exit(&mut driver, sent)
}

/// Whom a bridge leads to.
fn bridge(app: &mut App, name: &str, to: &To) -> Result<Exit, CliError> {
    to.check()?;
    let mut driver = app.open()?;
    let (recipient, names) = driver.transact(|ctx| {
        let group = refer::bridge_named(ctx, name)?;
        let recipient = to.find(ctx)?;
        engine::lead(ctx, &group, &recipient)?;
        Ok((recipient, Names::load(ctx)?))
    })?;
    app.object(&json!({ "name": name, "to": names.json(&recipient) }))?;
    app.say(Text::BridgeLeads, &[("name", Arg::theirs(name)), ("value", Arg::theirs(to.who()))])?;
    Ok(Exit::Done)
}

/// One shift after the other, from now on.
async fn roster(app: &mut App, desk: Option<&str>, shifts: &[(String, u64)]) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    let start = app.now() / 60;
    let (id, planned) = driver.transact(|ctx| {
        let desk = engine::desk(ctx, desk)?;
        let mut from = start;
        let mut planned = Vec::new();
        for (who, hours) in shifts {
            let member = engine::member_named(ctx, &desk, who)?;
            let until = from + hours * 60;
            planned.push((Shift { member: member.fingerprint, from, until }, member.name));
            from = until;
        }
        let roster = ShiftRoster { shifts: planned.iter().map(|(shift, _)| *shift).collect() };
        let id = engine::say(ctx, &desk, roster, &Draft::default())?;
        Ok((id, planned))
    })?;
    let sent = app.send(&mut driver).await?;
    let shifts: Vec<_> = planned
        .iter()
        .map(|(shift, name)| {
            json!({ "name": name, "fingerprint": hex(&shift.member), "from_minutes": shift.from,
                "until_minutes": shift.until })
        })
        .collect();
    app.object(&json!({ "id": id.to_hex(), "shifts": shifts, "state": state(sent) }))?;
    app.say(Text::DeskShiftSet, &[("count", planned.len().into())])?;
    app.exit(&mut driver, sent)
}

async fn tell(app: &mut App, desk: Option<&str>, text: &str) -> Result<Exit, CliError> {
    let words = NoticeText::new(text)?;
    let mut driver = app.open()?;
    let lines = driver.transact(|ctx| {
        let desk = engine::desk(ctx, desk)?;
        engine::broadcast(ctx, &desk, &words)
    })?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({ "lines": lines, "state": state(sent) }))?;
    app.say(Text::DeskTold, &[("count", lines.into())])?;
    app.exit(&mut driver, sent)
}
