//! Decisions about a case: who works on it, how urgent it is, where it stands, what is said.

use himaya_protocol::content::body::{self, Assignment, StandDown};
use himaya_protocol::content::event::IdPrefix;
use himaya_protocol::content::value::{Note, NoticeText, Text as Words_};
use himaya_protocol::content::vocabulary::{self, Act, CaseStatus, Priority, VerifiedBy};
use himaya_protocol::content::{Body, CaseId, EventId, Notice};

use crate::cli::app::{App, Exit};
use crate::cli::decided;
use crate::cli::error::CliError;
use crate::engine::{self, EngineError, Place};
use crate::store::Ctx;
use crate::text::{Arg, Text};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Part {
    #[arg(value_name = "CASE")]
    case: String,
    #[arg(long)]
    backup: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Member {
    #[arg(value_name = "CASE")]
    case: String,
    #[arg(value_name = "MEMBER")]
    member: String,
    #[arg(long)]
    backup: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Words {
    #[arg(value_name = "CASE")]
    case: String,
    #[arg(value_name = "TEXT")]
    text: String,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Reason {
    #[arg(value_name = "CASE")]
    case: String,
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Close {
    #[arg(value_name = "CASE")]
    case: String,
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[arg(long, value_name = "ID")]
    confirms: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Withdraw {
    #[arg(value_name = "CASE")]
    case: String,
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Triage {
    #[arg(value_name = "CASE")]
    case: String,
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[arg(long, value_name = "1-4", value_parser = super::priority)]
    priority: Option<Priority>,
    #[arg(long, value_name = "STATUS", value_parser = super::status)]
    status: Option<CaseStatus>,
    #[arg(long, value_name = "TEXT")]
    alternative: Option<String>,
    #[arg(long, value_name = "ID")]
    confirms: Option<String>,
    #[arg(long, value_name = "HOW", value_parser = super::verified)]
    verified: Option<VerifiedBy>,
}

/// Writes a decision, sends it, and says so.
async fn decide(
    app: &mut App,
    case: &str,
    place: Place,
    said: Text,
    body: impl FnOnce(&mut Ctx<'_>, &CaseId) -> Result<Body, EngineError>,
) -> Result<Exit, CliError> {
    let work = |ctx: &mut Ctx<'_>| {
        let case = engine::pick_case(ctx, case)?;
        let body = body(ctx, &case)?;
        let id = engine::decide(ctx, &case, body, place)?;
        Ok((case, id))
    };
    decided::write(app, work, |app, case, _| {
        app.say(said, &[])?;
        app.say(Text::CaseId, &[("id", Arg::machine(&case.short()))])
    })
    .await
}

fn part(backup: bool) -> vocabulary::Part {
    if backup { vocabulary::Part::Backup } else { vocabulary::Part::Lead }
}

async fn own_part(app: &mut App, arguments: &Part, act: Act, said: Text) -> Result<Exit, CliError> {
    let part = part(arguments.backup);
    decide(app, &arguments.case, Place::Home, said, |ctx, _| {
        Ok(Assignment { member: engine::identity(ctx)?.fingerprint, part, act }.into())
    })
    .await
}

async fn their_part(app: &mut App, arguments: &Member, act: Act, said: Text) -> Result<Exit, CliError> {
    let part = part(arguments.backup);
    decide(app, &arguments.case, Place::Home, said, |ctx, _| {
        Ok(Assignment { member: engine::fellow(ctx, &arguments.member)?.fingerprint, part, act }.into())
    })
    .await
}

pub(in crate::cli) async fn take(app: &mut App, arguments: &Part) -> Result<Exit, CliError> {
    own_part(app, arguments, Act::Take, Text::CaseTaken).await
}

pub(in crate::cli) async fn accept(app: &mut App, arguments: &Part) -> Result<Exit, CliError> {
    own_part(app, arguments, Act::Accept, Text::CaseTaken).await
}

pub(in crate::cli) async fn release(app: &mut App, arguments: &Part) -> Result<Exit, CliError> {
    own_part(app, arguments, Act::Release, Text::CaseReleased).await
}

pub(in crate::cli) async fn assign(app: &mut App, arguments: &Member) -> Result<Exit, CliError> {
    their_part(app, arguments, Act::Offer, Text::CaseOffered).await
}

pub(in crate::cli) async fn handover(app: &mut App, arguments: &Member) -> Result<Exit, CliError> {
    their_part(app, arguments, Act::ShiftHandover, Text::CaseHandedOver).await
}

/// The event that a decision bears out, if one is named.
fn confirmed(ctx: &Ctx<'_>, id: Option<&str>) -> Result<Option<EventId>, EngineError> {
    let Some(id) = id else { return Ok(None) };
    let prefix: IdPrefix = id.parse().map_err(|_| EngineError::Unknown { what: "event", name: id.to_owned() })?;
    Ok(Some(engine::entry(ctx, &prefix)?.event.id()))
}

pub(in crate::cli) async fn triage(app: &mut App, arguments: &Triage) -> Result<Exit, CliError> {
    let reason = Note::new(&arguments.reason)?;
    let alternative = arguments.alternative.as_deref().map(Note::new).transpose()?;
    decide(app, &arguments.case, Place::Home, Text::CaseDecided, |ctx, _| {
        Ok(body::Triage {
            status: arguments.status.clone(),
            priority: arguments.priority.clone(),
            alternative,
            confirms: confirmed(ctx, arguments.confirms.as_deref())?,
            verified: arguments.verified.clone(),
            ..body::Triage::new(reason)
        }
        .into())
    })
    .await
}

pub(in crate::cli) async fn close(app: &mut App, arguments: &Close) -> Result<Exit, CliError> {
    let reason = Note::new(&arguments.reason)?;
    decide(app, &arguments.case, Place::Home, Text::CaseDecided, |ctx, _| {
        Ok(body::Triage {
            status: Some(CaseStatus::Closed),
            confirms: confirmed(ctx, arguments.confirms.as_deref())?,
            ..body::Triage::new(reason)
        }
        .into())
    })
    .await
}

pub(in crate::cli) async fn reopen(app: &mut App, arguments: &Reason) -> Result<Exit, CliError> {
    let reason = Note::new(&arguments.reason)?;
    decide(app, &arguments.case, Place::Home, Text::CaseDecided, |_, _| {
        Ok(body::Triage { status: Some(CaseStatus::Reopened), ..body::Triage::new(reason) }.into())
    })
    .await
}

/// A note that only the desk reads; its first words stand where a reason has to.
pub(in crate::cli) async fn note(app: &mut App, arguments: &Words) -> Result<Exit, CliError> {
    let note = Words_::<1000>::new(&arguments.text)?;
    let brief: String = arguments.text.chars().take(40).collect();
    let reason = Note::new(brief.trim())?;
    decide(app, &arguments.case, Place::Desk, Text::CaseNoted, |_, _| {
        Ok(body::Triage { note: Some(note), ..body::Triage::new(reason) }.into())
    })
    .await
}

pub(in crate::cli) async fn reply(app: &mut App, arguments: &Words) -> Result<Exit, CliError> {
    let text = NoticeText::new(&arguments.text)?;
    decide(app, &arguments.case, Place::Home, Text::CaseReplied, |ctx, case| {
        if engine::is_held(ctx, case)? { Err(EngineError::Held) } else { Ok(Notice { text }.into()) }
    })
    .await
}

/// The defender needs nothing any more: names everything of the case that asked for help.
pub(in crate::cli) async fn withdraw(app: &mut App, arguments: &Withdraw) -> Result<Exit, CliError> {
    let reason = arguments.reason.as_deref().map(Note::new).transpose()?;
    decide(app, &arguments.case, Place::Home, Text::CaseWithdrawn, |ctx, case| {
        let asks = |entry: &engine::Entry| matches!(entry.event.body(), Body::ThreatAlert(_) | Body::ShelterRequest(_));
        let log = engine::case_log(ctx, case)?;
        let refs = log.iter().filter(|entry| asks(entry)).map(|entry| entry.event.id()).take(64).collect();
        Ok(StandDown { refs, reason }.into())
    })
    .await
}
