//! `himaya referrals`: what was asked of others, and what others ask.

use himaya_protocol::case::{Case, case_of};
use himaya_protocol::content::body::{REPLY_MINUTES, Referral};
use himaya_protocol::content::event::IdPrefix;
use himaya_protocol::content::value::Text as Words;
use himaya_protocol::content::vocabulary::ReferralState;
use himaya_protocol::content::{Body, CaseId, EventId};
use serde_json::{Value, json};

use super::app::{App, Exit};
use super::decided;
use super::error::CliError;
use super::recipient::Names;
use super::render;
use crate::engine::{self, EngineError, Entry};
use crate::store::Ctx;
use crate::text::{Arg, Text};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Accept(One),
    Reject(Reject),
    Done(One),
    Revoke(One),
}

#[derive(Debug, clap::Args)]
struct One {
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Debug, clap::Args)]
struct Reject {
    #[arg(value_name = "ID")]
    id: String,
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) async fn run(app: &mut App, arguments: Arguments) -> Result<Exit, CliError> {
    match arguments.command {
        None => list(app).await,
        Some(Command::Accept(one)) => answer(app, &one.id, ReferralState::Accepted, None).await,
        Some(Command::Reject(one)) => answer(app, &one.id, ReferralState::Rejected, Some(&one.reason)).await,
        Some(Command::Done(one)) => answer(app, &one.id, ReferralState::Done, None).await,
        Some(Command::Revoke(one)) => answer(app, &one.id, ReferralState::Revoked, None).await,
    }
}

/// Answers a referral in the group in which it was made.
async fn answer(app: &mut App, id: &str, to: ReferralState, reason: Option<&str>) -> Result<Exit, CliError> {
    let prefix: IdPrefix = id.parse()?;
    let reason = reason.map(Words::<300>::new).transpose()?;
    let said = if to == ReferralState::Revoked { Text::ReferralTakenBack } else { Text::ReferralAnswered };
    let work = |ctx: &mut Ctx<'_>| {
        let first = engine::entry(ctx, &prefix)?;
        let (Body::Referral(asked), Some(case)) = (first.event.body(), case_of(&first.event)) else {
            return Err(EngineError::Kind);
        };
        let group = engine::list(ctx)?.into_iter().find(|group| Some(&group.id) == first.circle.as_ref());
        let answer = Referral {
            state: to,
            reject_reason: reason,
            reply_by: None,
            referral: Some(asked.referral.unwrap_or(first.event.id())),
            ..asked.as_ref().clone()
        };
        let id = engine::decide_in(ctx, &case, answer, &group.ok_or(EngineError::NotMember)?, None)?;
        Ok((case, id))
    };
    decided::write(app, work, |app, _, _| app.say(said, &[])).await
}

/// A referral, and how far it is.
struct Found {
    first: Entry,
    case: CaseId,
    state: ReferralState,
    reason: Option<String>,
    /// What came with it over a bridge.
    content: Option<String>,
}

async fn list(app: &mut App) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let (found, names) = driver.transact(|ctx| Ok((all(ctx)?, Names::load(ctx)?)))?;
    if found.is_empty() {
        app.say(Text::ReferralsNone, &[])?;
    }
    for found in &found {
        let Body::Referral(referral) = found.first.event.body() else { continue };
        app.object(&object(found, referral, &names))?;
        if !app.json() {
            line(app, found, referral, &names)?;
        }
    }
    app.exit(&mut driver, true)
}

/// Every referral that holds, oldest first.
fn all(ctx: &Ctx<'_>) -> Result<Vec<Found>, EngineError> {
    let mut board = engine::board(ctx)?;
    let log = engine::log(ctx)?;
    let mut found = Vec::new();
    for first in &log {
        let (Body::Referral(_), Some(case)) = (first.event.body(), case_of(&first.event)) else { continue };
        let id = first.event.id();
        let Some(state) = board.case(&case).and_then(|case| case.referrals.get(&id).cloned()) else { continue };
        let reason = board.case(&case).and_then(|case| reason(case, &log, &id));
        found.push(Found { first: first.clone(), case, state, reason, content: content(&log, first) });
    }
    Ok(found)
}

/// Why it was rejected, as the last one who said so said it.
fn reason(case: &Case, log: &[Entry], id: &EventId) -> Option<String> {
    let why = |entry: &Entry| {
        let Body::Referral(said) = entry.event.body() else { return None };
        let holds = said.referral == Some(*id) && !case.refused.contains_key(&entry.event.id());
        said.reject_reason.as_ref().filter(|_| holds).map(|reason| reason.raw().to_owned())
    };
    log.iter().rev().find_map(why)
}

/// The fields that came with a referral: what its author said in the same group right after it.
fn content(log: &[Entry], first: &Entry) -> Option<String> {
    let id = first.event.id();
    log.iter().find_map(|entry| {
        let Body::Notice(notice) = entry.event.body() else { return None };
        let after = entry.event.content().prev.contains(&id);
        let same = entry.author == first.author && entry.circle == first.circle;
        (after && same).then(|| notice.text.raw().to_owned())
    })
}

fn reply_by(first: &Entry, referral: &Referral) -> u64 {
    referral.reply_by.unwrap_or_else(|| first.event.content().sent.saturating_add(REPLY_MINUTES))
}

fn object(found: &Found, referral: &Referral, names: &Names) -> Value {
    json!({
        "id": found.first.event.id().to_hex(), "case": data_encoding::HEXLOWER.encode(found.case.as_bytes()),
        "to": names.json(&referral.to), "state": found.state.as_str(),
        "services": referral.services.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "fields_shared": referral.fields_shared.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "consent": referral.consent.to_hex(), "reply_by_minutes": reply_by(&found.first, referral),
        "reject_reason": found.reason, "content": found.content, "author": found.first.author_name,
        "own": found.first.own, "circle": found.first.circle_name,
    })
}

fn line(app: &mut App, found: &Found, referral: &Referral, names: &Names) -> Result<(), CliError> {
    render::gap(app)?;
    let recipient = names.say(app, &referral.to);
    let services: Vec<String> = referral.services.iter().map(|service| app.texts.word(service)).collect();
    let status = app.texts.word(&found.state);
    app.say(
        Text::ReferralLine,
        &[
            ("name", Arg::theirs(&recipient)),
            ("value", Arg::ours(&services.join(", "))),
            ("status", Arg::ours(&status)),
        ],
    )?;
    let fields: Vec<String> = referral.fields_shared.iter().map(|field| app.texts.word(field)).collect();
    render::detail(app, Text::ConsentFields, &[("value", Arg::ours(&fields.join(", ")))])?;
    app.screen().machine(&found.first.event.id().short())?;
    for text in [&found.reason, &found.content].into_iter().flatten() {
        app.screen().quote(text)?;
    }
    Ok(())
}
