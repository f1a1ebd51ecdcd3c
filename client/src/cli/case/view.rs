//! A case as it is shown: where it stands, against the clock, with names.

use std::collections::BTreeMap;
use std::rc::Rc;

use himaya_protocol::case::deadline::{self, Due, Standing};
use himaya_protocol::case::{Board, Case, Entry};
use himaya_protocol::content::vocabulary::CaseStatus;
use himaya_protocol::content::{CaseId, EventId};
use himaya_protocol::wire::card::Fingerprint;
use serde_json::{Value, json};

use crate::engine::{self, EngineError};
use crate::store::Ctx;

/// A case with what stands around it.
pub(in crate::cli) struct CaseView {
    pub(in crate::cli) id: CaseId,
    pub(in crate::cli) case: Case,
    pub(in crate::cli) standing: Option<Standing>,
    /// What the group is called in which one writes about it.
    pub(in crate::cli) group: Option<String>,
    /// When it was opened, in Unix minutes.
    pub(in crate::cli) opened: Option<u64>,
    names: Rc<Names>,
}

/// What people are called.
pub(in crate::cli) type Names = BTreeMap<Fingerprint, String>;

/// What everybody is called with whom this client shares a group, or ever did.
pub(in crate::cli) fn names(ctx: &Ctx<'_>) -> Result<Rc<Names>, EngineError> {
    let me = engine::identity(ctx)?;
    let mut names: Names = engine::authors(ctx)?.into_iter().collect();
    names.extend(engine::fellows(ctx)?.into_iter().map(|member| (member.fingerprint, member.name)));
    names.insert(me.fingerprint, me.name);
    Ok(Rc::new(names))
}

/// Looks at a case at a minute.
pub(in crate::cli) fn view(
    ctx: &Ctx<'_>,
    board: &mut Board,
    id: &CaseId,
    minute: u64,
    names: &Rc<Names>,
) -> Result<Option<CaseView>, EngineError> {
    let written: BTreeMap<EventId, u64> = board.events(id).map(|entry| (entry.id(), Entry::written(entry))).collect();
    let Some(case) = board.case(id).cloned() else { return Ok(None) };
    let at = |event: &EventId| written.get(event).copied();
    let standing = deadline::standing(&case, at, minute);
    let opened = case.opened_by.as_ref().and_then(at);
    let group = engine::home(ctx, id).ok().map(|group| group.name);
    Ok(Some(CaseView { id: id.clone(), case, standing, group, opened, names: names.clone() }))
}

impl CaseView {
    /// What somebody is called; the beginning of the fingerprint for whom this client has never met.
    pub(in crate::cli) fn name(&self, who: &Fingerprint) -> String {
        let digits = || data_encoding::HEXLOWER.encode(who.as_bytes()).chars().take(8).collect();
        self.names.get(who).cloned().unwrap_or_else(digits)
    }

    /// The object of docs/cli.md.
    pub(in crate::cli) fn json(&self) -> Value {
        let case = &self.case;
        let due = |due: Due| match due {
            Due::Met { at, late } => json!({ "met_minutes": at, "due_minutes": null, "late": late }),
            Due::Open { due, overdue } => json!({ "met_minutes": null, "due_minutes": due, "late": overdue }),
        };
        let held = case.status == Some(CaseStatus::DuressHold);
        let deadlines = self.standing.map_or(Value::Null, |standing| {
            json!({
                "ack": due(standing.ack), "lead": due(standing.lead), "reply": due(standing.reply),
                "step": standing.step, "plan_b": standing.plan_b && !held,
            })
        });
        let what = &case.assessment;
        let waiting: Vec<Value> =
            case.waiting.iter().map(|(id, status)| json!({ "id": id.to_hex(), "status": status.as_str() })).collect();
        json!({
            "case": data_encoding::HEXLOWER.encode(self.id.as_bytes()),
            "status": case.status.as_ref().map(|status| status.as_str()),
            "priority": case.priority.as_ref().map(|priority| priority.as_str()),
            "own_rating": case.own_rating.as_ref().map(|priority| priority.as_str()),
            "exercise": case.exercise, "kind": what.kind.as_ref().map(|kind| kind.as_str()),
            "place": what.place.as_ref().map(|place| place.as_str()), "opened_minutes": self.opened,
            "defender": case.defender.map(|who| self.name(&who)), "lead": case.lead.map(|who| self.name(&who)),
            "lead_confirmed": !case.lead_unconfirmed,
            "backups": case.backups.iter().map(|who| self.name(who)).collect::<Vec<_>>(), "group": self.group,
            "clear": case.clear, "reopened": case.reopened, "deadlines": deadlines, "waiting": waiting,
            "escalated": case.escalated.keys().collect::<Vec<_>>(), "missing": case.gaps.len(),
            "refused": case.refused.len(), "update_needed": !case.update_needed.is_empty(),
        })
    }
}
