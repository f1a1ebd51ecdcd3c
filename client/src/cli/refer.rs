//! `himaya refer`: passes what a consent grants on to another organisation, and asks it for services.

use std::cell::Cell;
use std::collections::BTreeSet;

use himaya_protocol::content::CaseId;
use himaya_protocol::content::body::Referral;
use himaya_protocol::content::event::IdPrefix;
use himaya_protocol::content::vocabulary::{ConsentField, ReferralState, Service};
use himaya_protocol::wire::policy::GroupKind;

use super::app::{App, Exit};
use super::decided;
use super::error::CliError;
use super::recipient::To;
use crate::engine::{self, Circle, EngineError};
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
    let is_first = Cell::new(false);
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
        is_first.set(engine::leads_to(ctx, &group.id)?.is_none());
        let id = engine::refer(ctx, &case, &group, referral)?;
        Ok((case, id))
    };
    decided::write(app, work, |app, _, id| {
        app.say(if arguments.bridge.is_some() { Text::Referred } else { Text::ReferredHere }, &[])?;
        if let (Some(bridge), true) = (&arguments.bridge, is_first.get()) {
            let names = [("name", Arg::theirs(bridge)), ("value", Arg::theirs(arguments.to.who()))];
            app.say(Text::BridgeLeads, &names)?;
        }
        app.say(Text::ReferralId, &[("id", Arg::machine(&id.short()))])
    })
    .await
}

/// Where a referral is written: over a bridge, else in the group of the case, else on the desk.
fn place(ctx: &Ctx<'_>, case: &CaseId, bridge: Option<&str>) -> Result<Circle, EngineError> {
    if let Some(name) = bridge {
        return bridge_named(ctx, name);
    }
    let home = engine::workplace(ctx, case)?;
    if home.kind == GroupKind::Case { Ok(home) } else { engine::desk_of_case(ctx, case) }
}

/// The bridge of a name.
pub(super) fn bridge_named(ctx: &Ctx<'_>, name: &str) -> Result<Circle, EngineError> {
    match engine::named(ctx, name) {
        Ok(group) if group.kind == GroupKind::Bridge => Ok(group),
        Ok(_) | Err(EngineError::Unknown { .. }) => Err(EngineError::Unknown { what: "bridge", name: name.to_owned() }),
        Err(error) => Err(error),
    }
}

/// Each once, in order.
fn once<T: Ord + Clone>(words: &[T]) -> Vec<T> {
    words.iter().cloned().collect::<BTreeSet<T>>().into_iter().collect()
}
