//! `himaya refer`: passes what a consent grants on to another organisation, and asks it for services.

use std::collections::BTreeSet;

use himaya_protocol::case::{Entry, case_of};
use himaya_protocol::content::body::Referral;
use himaya_protocol::content::event::IdPrefix;
use himaya_protocol::content::value::NoticeText;
use himaya_protocol::content::vocabulary::{ConsentField, ReferralState, Service};
use himaya_protocol::content::{CaseId, EventId, Notice};
use himaya_protocol::wire::policy::GroupKind;

use super::app::{App, Exit};
use super::decided;
use super::error::CliError;
use super::recipient::To;
use crate::engine::{self, Circle, Draft, EngineError};
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
        let referral = Referral {
            to: arguments.to.find(ctx)?,
            services: once(&arguments.services),
            fields_shared: once(&arguments.fields),
            consent: engine::entry(ctx, &consent)?.event.id(),
            reply_by: arguments.hours.map(|hours| ctx.now / 60 + hours * 60),
            state: ReferralState::InProgress,
            reject_reason: None,
            referral: None,
        };
        let group = place(ctx, &case, arguments.bridge.as_deref())?;
        Ok(write(ctx, &case, &group, referral)?.map(|id| (case, id)))
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
    let home = engine::workplace(ctx, case)?;
    if home.kind == GroupKind::Case { Ok(home) } else { engine::desk(ctx, None) }
}

/// Writes a referral, and over a bridge what it passes on.
pub(super) fn write(
    ctx: &mut Ctx<'_>,
    case: &CaseId,
    group: &Circle,
    referral: Referral,
) -> Result<Result<EventId, ExportError>, EngineError> {
    let content = match content(ctx, case, group, &referral)? {
        Ok(content) => content,
        Err(error) => return Ok(Err(error)),
    };
    let id = engine::decide_in(ctx, case, referral, group, None)?;
    if let Some(text) = content {
        // It names no case, for it is no reply to the defender.
        let draft = Draft { case: None, ..engine::draft(ctx, case)? };
        engine::say(ctx, group, Notice { text }, &draft)?;
    }
    Ok(Ok(id))
}

/// Each once, in order.
fn once<T: Ord + Clone>(words: &[T]) -> Vec<T> {
    words.iter().cloned().collect::<BTreeSet<T>>().into_iter().collect()
}

/// What goes over a bridge beside the referral: the granted fields that are shared, with ids of their own. Within one's own
/// desk everything is there already.
fn content(
    ctx: &mut Ctx<'_>,
    case: &CaseId,
    group: &Circle,
    referral: &Referral,
) -> Result<Result<Option<NoticeText>, ExportError>, EngineError> {
    if group.kind != GroupKind::Bridge {
        return Ok(Ok(None));
    }
    let keys = Rekey::new(ctx.random());
    let wanted = Wanted {
        case,
        to: referral.to.clone(),
        consent: Some(referral.consent),
        fields: Some(&referral.fields_shared),
        by: engine::identity(ctx)?.fingerprint,
        now: ctx.now / 60,
    };
    let entries: Vec<Entry> =
        engine::entries(ctx)?.into_iter().filter(|entry| case_of(&entry.event).as_ref() == Some(case)).collect();
    let line = export::select(&entries, &wanted, &keys).map(|release| export::to_line(&release));
    Ok(line.and_then(|line| NoticeText::new(&line).map(Some).map_err(|_| ExportError::TooLong)))
}
