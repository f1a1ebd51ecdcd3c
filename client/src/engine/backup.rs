//! The backup organisation: asked at the second step of a ladder, if the defender agreed to it beforehand.
//!
//! Beforehand means on the defender's own device: it writes the consent into each case that it opens in a line. So there is a
//! consent for each case, with one recipient, that ends and can be withdrawn like any other.

use himaya_protocol::case::{Board, deadline};
use himaya_protocol::content::body::{Consent, Recipient, Referral};
use himaya_protocol::content::vocabulary::{
    ConsentAct, ConsentField, ConsentMethod, GivenBy, Purpose, ReferralState, Service, Status,
};
use himaya_protocol::content::{Body, CaseId, EventId};
use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::policy::GroupKind;

use super::circles::{self, Circle};
use super::error::EngineError;
use super::events::{self, Draft};
use super::{desks, identity, plans, refer};
use crate::store::{Ctx, StoreError};

/// The setting that holds what the person agreed to.
const AGREED: &str = "backup agreed";
/// How long a consent to an alert or a request stands, in hours; to a plan of check-ins the longest that one may.
const HOURS: u64 = 30 * 24;
const PLAN_HOURS: u64 = 90 * 24;
/// The step of the ladder that is the backup organisation's, counted from 1.
const STEP: u64 = 2;

/// What a person agreed to beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Who may be asked.
    pub to: Recipient,
    /// What they may be told.
    pub fields: Vec<ConsentField>,
}

/// Agrees that somebody may be asked when the desk does not answer; `None` takes it back for cases to come.
pub fn set_backup(ctx: &Ctx<'_>, backup: Option<&Backup>) -> Result<(), EngineError> {
    let Some(backup) = backup else { return Ok(ctx.unset(AGREED)?) };
    let fields: Vec<&str> = backup.fields.iter().map(ConsentField::as_str).collect();
    let words = [backup.to.class.as_str(), &data_encoding::HEXLOWER.encode(&backup.to.id), &fields.join(",")].join(" ");
    Ok(ctx.set(AGREED, words.as_bytes())?)
}

/// What was agreed to.
pub fn backup(ctx: &Ctx<'_>) -> Result<Option<Backup>, EngineError> {
    let Some(words) = ctx.setting(AGREED)? else { return Ok(None) };
    let read = || {
        let words = std::str::from_utf8(&words).ok()?;
        let [class, id, fields] = words.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let id = data_encoding::HEXLOWER.decode(id.as_bytes()).ok()?.try_into().ok()?;
        let fields: Option<Vec<ConsentField>> = fields.split(',').map(|field| field.parse().ok()).collect();
        Some(Backup { to: Recipient { class: class.parse().ok()?, id }, fields: fields? })
    };
    Ok(Some(read().ok_or(StoreError::Damaged("backup"))?))
}

/// Writes what was agreed to beforehand into a case that this profile has just opened in its line.
///
/// A plan's case lasts as long as the plan, so its consent is longer.
pub(super) fn consent(
    ctx: &mut Ctx<'_>,
    line: &Circle,
    opened_by: &EventId,
    status: &Status,
    is_plan: bool,
) -> Result<(), EngineError> {
    if line.kind != GroupKind::Line || !plans::protects_me(ctx, line)? {
        return Ok(());
    }
    let (Some(backup), Some(case)) = (backup(ctx)?, CaseId::from_slice(opened_by.as_bytes())) else { return Ok(()) };
    let body = Consent {
        act: ConsentAct::Grant,
        purpose: Purpose::Referral,
        recipient: backup.to,
        fields: backup.fields,
        withheld: Vec::new(),
        given_by: GivenBy::Myself,
        method: ConsentMethod::Message,
        readback: false,
        withdraws: None,
    };
    let draft = Draft {
        case: Some(case),
        status: status.clone(),
        expires_hours: Some(if is_plan { PLAN_HOURS } else { HOURS }),
        ..Draft::default()
    };
    events::say(ctx, line, Body::from(body), &draft)?;
    Ok(())
}

/// Asks the backup organisation about a case that nobody has answered, if the defender agreed and it is this client's turn: of
/// the `coordinators` of the case, those who are on a bridge to it. `at` is the minute of the step; gives the minute at which
/// there is something to do again.
pub(super) fn ask(
    ctx: &mut Ctx<'_>,
    board: &mut Board,
    case: &CaseId,
    home: &Circle,
    coordinators: &[Fingerprint],
    at: u64,
) -> Result<Option<u64>, EngineError> {
    let now = ctx.now / 60;
    // What is held for duress is worked on on the desk itself.
    let desk = if home.kind == GroupKind::Desk { Some(home.id.clone()) } else { desks::desk_of(ctx, home)? };
    let Some(desk) = desk else { return Ok(None) };
    let Some(to) = desks::policy_of(ctx, &desk)?.and_then(|policy| policy.backup) else { return Ok(None) };
    let Some(bridge) = refer::bridge_to(ctx, &to)? else { return Ok(None) };
    let Some((consent, fields)) = agreed(board, case, &to, now) else { return Ok(None) };
    let there = circles::members(ctx, &bridge.id)?;
    let turns: Vec<Fingerprint> =
        there.into_iter().map(|member| member.fingerprint).filter(|who| coordinators.contains(who)).collect();
    let me = identity::identity(ctx)?.fingerprint;
    let jitter = deadline::rank(&me, case, u64::MAX - STEP);
    let Some(wait) = deadline::wait(&turns, &me, case, STEP, jitter) else { return Ok(None) };
    let turn = at.saturating_add(wait);
    if turn > now {
        return Ok(Some(turn));
    }
    let referral = Referral {
        to,
        services: vec![Service::PhysicalSecurity],
        fields_shared: fields,
        consent,
        reply_by: None,
        state: ReferralState::InProgress,
        reject_reason: None,
        referral: None,
    };
    // What cannot be passed on must not stop the ladder.
    let asked = |ctx: &mut Ctx<'_>| match refer::call_on(ctx, case, &bridge, referral) {
        Err(EngineError::Store(error)) => Err(EngineError::Store(error)),
        Err(error) => Ok(Err(error)),
        Ok(id) => Ok(Ok(id)),
    };
    ctx.attempt(asked)?.ok();
    Ok(None)
}

/// The consent that stands for somebody who has not been asked yet, and what it grants.
fn agreed(board: &mut Board, id: &CaseId, to: &Recipient, now: u64) -> Option<(EventId, Vec<ConsentField>)> {
    let case = board.case(id)?;
    let (stand, referrals, since) = (case.consents.clone(), case.referrals.clone(), case.since);
    let since = board.events(id).find(|entry| Some(entry.id()) == since).map(himaya_protocol::case::Entry::written);
    let stands = |id: &EventId| stand.get(id).is_some_and(|ends| ends.is_none_or(|ends| now < ends));
    let mut agreed = None;
    for entry in board.events(id) {
        if let Body::Referral(asked) = entry.body()
            && asked.to == *to
            && asked.referral.is_none()
        {
            // What came to nothing before the clocks began anew is asked for again.
            let ended = referrals.get(&entry.id()).is_some_and(|state| {
                matches!(state, ReferralState::Rejected | ReferralState::Done | ReferralState::Revoked)
            });
            if !ended || since.is_none_or(|since| entry.written() >= since) {
                return None;
            }
        }
        if let Body::Consent(said) = entry.body()
            && said.recipient == *to
            && said.purpose == Purpose::Referral
            && stands(&entry.id())
        {
            agreed = Some((entry.id(), said.fields.clone()));
        }
    }
    agreed
}
