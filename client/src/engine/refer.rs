//! Referrals, and the bridges they go over: whom a bridge leads to is said once on each device, and holds.

use std::collections::BTreeMap;

use himaya_protocol::case::{Entry, case_of};
use himaya_protocol::content::body::{Recipient, Referral};
use himaya_protocol::content::value::NoticeText;
use himaya_protocol::content::{CaseId, EventId, Notice};
use himaya_protocol::wire::policy::GroupKind;

use super::circles::{self, Circle, CircleState};
use super::error::EngineError;
use super::events::{self, Draft};
use super::{cases, identity};
use crate::export::{self, ExportError, Rekey, Wanted};
use crate::store::Ctx;

/// Before the id of a bridge: whom it leads to.
const LEADS: &str = "bridge leads to ";
/// Before the id of a recipient: what it was called when it was typed.
const CALLED: &str = "recipient called ";

/// Writes a referral in a group, and over a bridge what it passes on. The first one over a bridge says whom it leads to; what
/// is for somebody else does not go over it.
pub fn refer(ctx: &mut Ctx<'_>, case: &CaseId, group: &Circle, referral: Referral) -> Result<EventId, EngineError> {
    let content = content(ctx, case, group, &referral)?;
    write(ctx, case, group, referral, content)
}

/// As [`refer`], also when there is nothing to pass on, or too much for one message: that somebody needs help is what counts.
pub(super) fn call_on(
    ctx: &mut Ctx<'_>,
    case: &CaseId,
    bridge: &Circle,
    referral: Referral,
) -> Result<EventId, EngineError> {
    let content = match content(ctx, case, bridge, &referral) {
        Err(EngineError::Release(ExportError::Nothing | ExportError::TooLong)) => None,
        content => content?,
    };
    write(ctx, case, bridge, referral, content)
}

fn write(
    ctx: &mut Ctx<'_>,
    case: &CaseId,
    group: &Circle,
    referral: Referral,
    content: Option<NoticeText>,
) -> Result<EventId, EngineError> {
    if group.kind == GroupKind::Bridge {
        match leads_to(ctx, &group.id)? {
            None => lead(ctx, group, &referral.to)?,
            Some(to) if to == referral.to => (),
            Some(_) => return Err(EngineError::OtherBridge(group.name.clone())),
        }
    }
    let id = cases::decide_in(ctx, case, referral, group, None)?;
    if let Some(text) = content {
        // It names no case, for it is no reply to the defender.
        let draft = Draft { case: None, ..cases::draft(ctx, case)? };
        events::say(ctx, group, Notice { text }, &draft)?;
    }
    Ok(id)
}

/// What goes over a bridge beside the referral: the granted fields that are shared, with ids of their own. Within one's own
/// desk everything is there already.
fn content(
    ctx: &mut Ctx<'_>,
    case: &CaseId,
    group: &Circle,
    referral: &Referral,
) -> Result<Option<NoticeText>, EngineError> {
    if group.kind != GroupKind::Bridge {
        return Ok(None);
    }
    let keys = Rekey::new(ctx.random());
    let wanted = Wanted {
        case,
        to: referral.to.clone(),
        consent: Some(referral.consent),
        fields: Some(&referral.fields_shared),
        by: identity::identity(ctx)?.fingerprint,
        now: ctx.now / 60,
    };
    let entries: Vec<Entry> =
        cases::entries(ctx)?.into_iter().filter(|entry| case_of(&entry.event).as_ref() == Some(case)).collect();
    let line = export::to_line(&export::select(&entries, &wanted, &keys)?);
    Ok(Some(NoticeText::new(&line).map_err(|_| ExportError::TooLong)?))
}

/// Whom a bridge leads to, if it was said on this device.
pub fn leads_to(ctx: &Ctx<'_>, bridge: &[u8]) -> Result<Option<Recipient>, EngineError> {
    let said = ctx.setting(&leads(bridge))?;
    Ok(said.and_then(|bytes| {
        let (id, class) = bytes.split_first_chunk::<32>()?;
        let class = std::str::from_utf8(class).ok()?.parse().ok()?;
        Some(Recipient { class, id: *id })
    }))
}

/// Says whom a bridge leads to.
pub fn lead(ctx: &Ctx<'_>, bridge: &Circle, to: &Recipient) -> Result<(), EngineError> {
    Ok(ctx.set(&leads(&bridge.id), &[&to.id[..], to.class.as_str().as_bytes()].concat())?)
}

fn leads(bridge: &[u8]) -> String {
    format!("{LEADS}{}", data_encoding::HEXLOWER.encode(bridge))
}

/// The bridge that leads to somebody, if anybody else is on it.
pub(super) fn bridge_to(ctx: &Ctx<'_>, to: &Recipient) -> Result<Option<Circle>, EngineError> {
    for group in circles::list(ctx)? {
        let works = group.state == CircleState::Active && group.adrift.is_none() && group.members > 1;
        let open = group.kind == GroupKind::Bridge && works;
        if open && leads_to(ctx, &group.id)?.as_ref() == Some(to) {
            return Ok(Some(group));
        }
    }
    Ok(None)
}

/// Remembers what a recipient was called when it was typed: its id alone says nothing to a person.
pub fn call_recipient(ctx: &Ctx<'_>, recipient: &Recipient, name: &str) -> Result<(), EngineError> {
    let setting = format!("{CALLED}{}", data_encoding::HEXLOWER.encode(&recipient.id));
    Ok(ctx.set(&setting, name.as_bytes())?)
}

/// What recipients were called when they were typed on this device.
pub fn recipients_called(ctx: &Ctx<'_>) -> Result<BTreeMap<[u8; 32], String>, EngineError> {
    let sql = "SELECT name, value FROM setting WHERE name GLOB ?1 || '*'";
    let rows = ctx.rows(sql, &[&CALLED], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    Ok(rows
        .into_iter()
        .filter_map(|(setting, name)| {
            let id = data_encoding::HEXLOWER.decode(setting.strip_prefix(CALLED)?.as_bytes()).ok()?;
            Some((id.try_into().ok()?, String::from_utf8(name).ok()?))
        })
        .collect())
}
