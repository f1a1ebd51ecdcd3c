//! `himaya refer`: passes what a consent grants on to another organisation, and asks it for services.

use himaya_protocol::case::{Entry, case_of};
use himaya_protocol::content::body::{Recipient, Referral};
use himaya_protocol::content::event::IdPrefix;
use himaya_protocol::content::value::NoticeText;
use himaya_protocol::content::vocabulary::{ConsentField, ReferralState, Service};
use himaya_protocol::content::{CaseId, EventId};
use himaya_protocol::wire::policy::GroupKind;

use super::app::{App, Exit};
use super::decided;
use super::error::CliError;
use super::recipient::To;
use crate::engine::{self, Circle, EngineError};
use crate::export::{self, ExportError, Rekey, Wanted};
use crate::store::Ctx;
use crate::text::{Arg, Text};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(value_name = "CASE")]
    case: String,
    #[arg(long, value_name = "CLASS:WHO")]
    to: To,
    #[arg(long, value_name = "SERVICES", required = true, value_delimiter = ',')]
    services: Vec<Service>,
    #[arg(long, value_name = "FIELDS", required = true, value_delimiter = ',')]
    fields: Vec<ConsentField>,
    #[arg(long, value_name = "ID")]
    consent: String,
    #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u64).range(1..=720))]
    hours: Option<u64>,
    #[arg(long, value_name = "NAME")]
    bridge: Option<String>,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    arguments.to.check()?;
    let consent: IdPrefix = arguments.consent.parse()?;
    let work = |ctx: &mut Ctx<'_>| {
        let case = engine::pick_case(ctx, &arguments.case)?;
        let to = arguments.to.find(ctx)?;
        let consent = engine::entry(ctx, &consent)?.event.id();
        let group = place(ctx, &case, arguments.bridge.as_deref())?;
        let content = match content(ctx, arguments, &case, &to, consent, &group)? {
            Ok(content) => content,
            Err(error) => return Ok(Err(error)),
        };
        let id = refer(ctx, arguments, &case, &to, consent, &group)?;
        if let Some(text) = content {
            engine::announce(ctx, &group, text)?;
        }
        Ok(Ok((case, id)))
    };
    decided::try_write(app, work, |app, _, id| {
        let over_bridge = arguments.bridge.is_some();
        app.say(if over_bridge { Text::Referred } else { Text::ReferredHere }, &[])?;
        app.say(Text::ReferralId, &[("id", Arg::machine(&id.short()))])
    })
    .await
}

/// Where a referral is written: over a bridge, else in the group of the case, else on the desk.
fn place(ctx: &Ctx<'_>, case: &CaseId, bridge: Option<&str>) -> Result<Circle, EngineError> {
    if let Some(name) = bridge {
        return match engine::named(ctx, name) {
            Ok(group) if group.kind == GroupKind::Bridge => Ok(group),
            Ok(_) | Err(EngineError::Unknown { .. }) => {
                Err(EngineError::Unknown { what: "bridge", name: name.to_owned() })
            }
            Err(error) => Err(error),
        };
    }
    let home = engine::home(ctx, case)?;
    if home.kind == GroupKind::Case { Ok(home) } else { engine::desk(ctx, None) }
}

fn refer(
    ctx: &mut Ctx<'_>,
    arguments: &Arguments,
    case: &CaseId,
    to: &Recipient,
    consent: EventId,
    group: &Circle,
) -> Result<EventId, EngineError> {
    let mut services = arguments.services.clone();
    services.sort();
    services.dedup();
    let referral = Referral {
        to: to.clone(),
        services,
        fields_shared: fields(arguments),
        consent,
        reply_by: arguments.hours.map(|hours| ctx.now / 60 + hours * 60),
        state: ReferralState::InProgress,
        reject_reason: None,
        referral: None,
    };
    engine::decide_in(ctx, case, referral, group, None)
}

fn fields(arguments: &Arguments) -> Vec<ConsentField> {
    let mut fields = arguments.fields.clone();
    fields.sort();
    fields.dedup();
    fields
}

/// What goes over a bridge beside the referral: the granted fields that are shared, with ids of their own. It names no case,
/// for it is no reply to the defender. Within one's own desk everything is there already.
fn content(
    ctx: &mut Ctx<'_>,
    arguments: &Arguments,
    case: &CaseId,
    to: &Recipient,
    consent: EventId,
    group: &Circle,
) -> Result<Result<Option<NoticeText>, ExportError>, EngineError> {
    if group.kind != GroupKind::Bridge {
        return Ok(Ok(None));
    }
    let keys = Rekey::new(ctx.random());
    let fields = fields(arguments);
    let wanted = Wanted {
        case,
        to: to.clone(),
        consent: Some(consent),
        fields: Some(&fields),
        by: engine::identity(ctx)?.fingerprint,
        now: ctx.now / 60,
    };
    let entries: Vec<Entry> =
        engine::entries(ctx)?.into_iter().filter(|entry| case_of(&entry.event).as_ref() == Some(case)).collect();
    let line = export::select(&entries, &wanted, &keys).map(|release| export::to_line(&release));
    Ok(line.and_then(|line| NoticeText::new(&line).map(Some).map_err(|_| ExportError::TooLong)))
}
