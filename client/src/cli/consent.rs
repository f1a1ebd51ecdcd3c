//! `himaya consent`: what of a case may be passed on, to whom, until when.

use himaya_protocol::case::{Case, case_of};
use himaya_protocol::content::body::Consent;
use himaya_protocol::content::event::IdPrefix;
use himaya_protocol::content::vocabulary::{ConsentAct, ConsentField, ConsentMethod, GivenBy, Purpose};
use himaya_protocol::content::{Body, CaseId, EventId};
use serde_json::{Value, json};

use super::app::{App, Exit};
use super::decided;
use super::error::CliError;
use super::output::hex;
use super::recipient::{Names, To};
use super::render;
use crate::engine::{self, EngineError, Entry, Place};
use crate::store::Ctx;
use crate::text::{Arg, Text, utc};

/// The longest that a consent may stand, in days.
const DAYS_MOST: u64 = 90;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Grant(Grant),
    Refuse(Refuse),
    Withdraw(Withdraw),
    List(List),
}

#[derive(Debug, clap::Args)]
pub(super) struct Grant {
    #[arg(value_name = "CASE")]
    case: String,
    #[arg(long, value_name = "CLASS:WHO")]
    to: To,
    #[arg(long, value_name = "PURPOSE")]
    purpose: Purpose,
    #[arg(long = "fields", value_name = "FIELDS", required = true, value_delimiter = ',')]
    fields: Vec<ConsentField>,
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    withhold: Vec<ConsentField>,
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=DAYS_MOST))]
    days: u64,
    #[command(flatten)]
    given: Given,
}

#[derive(Debug, clap::Args)]
pub(super) struct Refuse {
    #[arg(value_name = "CASE")]
    case: String,
    #[arg(long, value_name = "CLASS:WHO")]
    to: To,
    #[arg(long, value_name = "PURPOSE")]
    purpose: Purpose,
    #[command(flatten)]
    given: Given,
}

/// How somebody said it.
#[derive(Debug, clap::Args)]
struct Given {
    #[arg(long, value_name = "WHO", default_value = "self")]
    by: GivenBy,
    #[arg(long, value_name = "HOW", default_value = "message")]
    how: ConsentMethod,
    #[arg(long)]
    read_back: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Withdraw {
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[arg(value_name = "CASE")]
    case: Option<String>,
}

pub(super) async fn run(app: &mut App, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Grant(arguments) => grant(app, &arguments).await,
        Command::Refuse(arguments) => refuse(app, &arguments).await,
        Command::Withdraw(arguments) => withdraw(app, &arguments).await,
        Command::List(arguments) => list(app, &arguments).await,
    }
}

async fn grant(app: &mut App, arguments: &Grant) -> Result<Exit, CliError> {
    arguments.to.check()?;
    let hours = Some(arguments.days * 24);
    write(app, Text::ConsentGranted, hours, |ctx| {
        let case = engine::pick_case(ctx, &arguments.case)?;
        let said = said(ctx, ConsentAct::Grant, &arguments.to, &arguments.purpose, &arguments.given)?;
        let (fields, withheld) = (sorted(&arguments.fields), sorted(&arguments.withhold));
        Ok((case, Consent { fields, withheld, ..said }))
    })
    .await
}

async fn refuse(app: &mut App, arguments: &Refuse) -> Result<Exit, CliError> {
    arguments.to.check()?;
    write(app, Text::ConsentRefused, None, |ctx| {
        let case = engine::pick_case(ctx, &arguments.case)?;
        Ok((case, said(ctx, ConsentAct::Refuse, &arguments.to, &arguments.purpose, &arguments.given)?))
    })
    .await
}

/// Easier than granting: the beginning of its number is enough.
async fn withdraw(app: &mut App, arguments: &Withdraw) -> Result<Exit, CliError> {
    let prefix: IdPrefix = arguments.id.parse()?;
    write(app, Text::ConsentWithdrawn, None, |ctx| {
        let grant = engine::entry(ctx, &prefix)?;
        let (Body::Consent(granted), Some(case)) = (grant.event.body(), case_of(&grant.event)) else {
            return Err(EngineError::Kind);
        };
        let withdraws = Some(grant.event.id());
        let act = ConsentAct::Withdraw;
        let consent = Consent { act, fields: Vec::new(), withheld: Vec::new(), withdraws, ..granted.as_ref().clone() };
        Ok((case, consent))
    })
    .await
}

/// Each once, in the order of the vocabulary.
fn sorted(fields: &[ConsentField]) -> Vec<ConsentField> {
    let mut fields = fields.to_vec();
    fields.sort();
    fields.dedup();
    fields
}

fn said(ctx: &Ctx<'_>, act: ConsentAct, to: &To, purpose: &Purpose, given: &Given) -> Result<Consent, EngineError> {
    Ok(Consent {
        act,
        purpose: purpose.clone(),
        recipient: to.find(ctx)?,
        fields: Vec::new(),
        withheld: Vec::new(),
        given_by: given.by.clone(),
        method: given.how.clone(),
        readback: given.read_back,
        withdraws: None,
    })
}

/// Writes a word about consent into its case, sends it, and says so.
async fn write(
    app: &mut App,
    done: Text,
    hours: Option<u64>,
    consent: impl FnOnce(&mut Ctx<'_>) -> Result<(CaseId, Consent), EngineError>,
) -> Result<Exit, CliError> {
    let work = |ctx: &mut Ctx<'_>| {
        let (case, consent) = consent(ctx)?;
        let id = engine::decide_until(ctx, &case, consent, Place::Home, hours)?;
        Ok((case, id))
    };
    decided::write(app, work, |app, _, id| {
        app.say(done, &[])?;
        // Only what was given can be taken back.
        if done == Text::ConsentGranted {
            app.say(Text::ConsentId, &[("id", Arg::machine(&id.short()))])?;
        }
        Ok(())
    })
    .await
}

/// A word about consent, and what came of it.
struct Said {
    entry: Entry,
    case: CaseId,
    stands: bool,
}

async fn list(app: &mut App, arguments: &List) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let minute = app.now() / 60;
    let (said, names) = driver.transact(|ctx| {
        let only = arguments.case.as_deref().map(|case| engine::pick_case(ctx, case)).transpose()?;
        Ok((all(ctx, only.as_ref(), minute)?, Names::load(ctx)?))
    })?;
    if said.is_empty() {
        app.say(Text::ConsentsNone, &[])?;
    }
    for said in &said {
        let Body::Consent(consent) = said.entry.event.body() else { continue };
        app.object(&object(said, consent, &names))?;
        if !app.json() {
            line(app, said, consent, &names)?;
        }
    }
    app.exit(&mut driver, true)
}

/// Everything that was said about consent, oldest first.
fn all(ctx: &Ctx<'_>, only: Option<&CaseId>, minute: u64) -> Result<Vec<Said>, EngineError> {
    let mut board = engine::board(ctx)?;
    let mut said = Vec::new();
    for entry in engine::log(ctx)? {
        let Some(case) = case_of(&entry.event).filter(|case| only.is_none_or(|only| only == case)) else { continue };
        if matches!(entry.event.body(), Body::Consent(_)) {
            let id = entry.event.id();
            let stands = board.case(&case).is_some_and(|case| stands(case, &id, minute));
            said.push(Said { entry, case, stands });
        }
    }
    Ok(said)
}

fn stands(case: &Case, id: &EventId, minute: u64) -> bool {
    case.consents.get(id).is_some_and(|expires| expires.is_none_or(|expires| minute < expires))
}

fn object(said: &Said, consent: &Consent, names: &Names) -> Value {
    let content = said.entry.event.content();
    let words = |fields: &[ConsentField]| -> Vec<String> { fields.iter().map(ToString::to_string).collect() };
    json!({
        "id": said.entry.event.id().to_hex(), "case": data_encoding::HEXLOWER.encode(said.case.as_bytes()),
        "act": consent.act.as_str(), "purpose": consent.purpose.as_str(), "recipient": names.json(&consent.recipient),
        "fields": words(&consent.fields), "withheld": words(&consent.withheld),
        "given_by": consent.given_by.as_str(), "method": consent.method.as_str(), "readback": consent.readback,
        "withdraws": consent.withdraws.map(EventId::to_hex), "author": said.entry.author_name,
        "author_fingerprint": hex(&said.entry.author), "sent_minutes": content.sent,
        "expires_minutes": content.expires, "stands": said.stands,
    })
}

fn line(app: &mut App, said: &Said, consent: &Consent, names: &Names) -> Result<(), CliError> {
    render::gap(app)?;
    let (recipient, purpose) = (names.say(app, &consent.recipient), app.texts.word(&consent.purpose));
    let until = said.entry.event.content().expires.map(utc).unwrap_or_default();
    let args = [("name", Arg::theirs(&recipient)), ("what", Arg::ours(&purpose)), ("time", Arg::ours(&until))];
    let [name, what, time] = args;
    match consent.act {
        ConsentAct::Grant if said.stands => app.say(Text::ConsentStands, &[name, what, time])?,
        ConsentAct::Grant => app.say(Text::ConsentOver, &[name, what])?,
        ConsentAct::Refuse => app.say(Text::ConsentRefusal, &[name, what])?,
        ConsentAct::Withdraw | ConsentAct::Other(_) => app.say(Text::ConsentWithdrawal, &[name, what])?,
    }
    let fields: Vec<String> = consent.fields.iter().map(|field| app.texts.word(field)).collect();
    if !fields.is_empty() {
        render::detail(app, Text::ConsentFields, &[("value", Arg::ours(&fields.join(", ")))])?;
    }
    Ok(app.screen().machine(&said.entry.event.id().short())?)
}
