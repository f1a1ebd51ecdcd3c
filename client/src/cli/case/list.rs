//! All cases, most pressing first; one case with its timeline.

use std::collections::BTreeMap;

use super::{CaseView, names, view};
use crate::cli::app::{App, Exit};
use crate::cli::error::CliError;
use crate::cli::{output, render};
use crate::engine;
use crate::text::{Arg, Text};
use himaya_protocol::case::deadline::Due;
use himaya_protocol::case::status::has_ended;
use himaya_protocol::content::vocabulary::CaseStatus;
use himaya_protocol::content::{CaseId, EventId};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct List {
    #[arg(long)]
    all: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Show {
    #[arg(value_name = "CASE")]
    case: String,
}

pub(in crate::cli) async fn list(app: &mut App, arguments: &List) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let minute = app.now() / 60;
    let mut views = driver.transact(|ctx| {
        let mut board = engine::board(ctx)?;
        let ids: Vec<CaseId> = board.cases().map(|(id, _)| id.clone()).collect();
        let names = names(ctx)?;
        let mut views = Vec::new();
        for id in ids {
            // Of what was opened in one minute, what was said first stands first.
            let first = board.events(&id).map(|entry| entry.event.content().lamport).min();
            views.extend(view(ctx, &mut board, &id, minute, &names)?.map(|view| (first, view)));
        }
        Ok(views)
    })?;
    views.retain(|(_, view)| view.case.status.as_ref().is_some_and(|status| arguments.all || !has_ended(status)));
    // As on the board, what is held for duress comes before everything.
    let held = |view: &CaseView| view.case.status == Some(CaseStatus::DuressHold);
    views.sort_by_key(|(first, view)| (!held(view), view.case.priority.clone(), view.opened, *first));
    if views.is_empty() {
        app.say(Text::CasesNone, &[])?;
    }
    for (_, view) in &views {
        app.object(&view.json())?;
        if !app.json() {
            render::gap(app)?;
            head(app, view, minute)?;
        }
    }
    app.exit(&mut driver, true)
}

pub(in crate::cli) async fn show(app: &mut App, arguments: &Show) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let minute = app.now() / 60;
    let (view, log) = driver.transact(|ctx| {
        let id = engine::pick_case(ctx, &arguments.case)?;
        let mut board = engine::board(ctx)?;
        let view = view(ctx, &mut board, &id, minute, &names(ctx)?)?;
        let view = view.ok_or_else(|| engine::EngineError::Unknown { what: "case", name: id.short() })?;
        let mut log = engine::case_log(ctx, &id)?;
        // What came together was read in any order: the case's own is the one in which it was said.
        let places: BTreeMap<EventId, usize> = view.case.order.iter().copied().zip(0..).collect();
        log.sort_by_key(|entry| places.get(&entry.event.id()).copied().unwrap_or(usize::MAX));
        Ok((view, log))
    })?;
    let mut object = view.json();
    if let Some(fields) = object.as_object_mut() {
        fields.insert("events".to_owned(), log.iter().map(output::entry).collect::<Vec<_>>().into());
    }
    app.object(&object)?;
    if !app.json() {
        head(app, &view, minute)?;
        for entry in &log {
            render::line(app, entry)?;
            if let Some(refusal) = view.case.refused.get(&entry.event.id()) {
                let why = app.texts.say(crate::text::refused(*refusal), &[]);
                render::detail(app, Text::ChangesNothing, &[("what", Arg::ours(&why))])?;
            }
        }
    }
    app.exit(&mut driver, true)
}

/// A case in a few lines: how urgent, where it stands, who leads, against the clock.
fn head(app: &mut App, view: &CaseView, minute: u64) -> Result<(), CliError> {
    let case = &view.case;
    if case.exercise {
        app.say(Text::EventExercise, &[])?;
    }
    let priority = case.priority.as_ref().map(|priority| app.texts.word(priority)).unwrap_or_default();
    let status = case.status.as_ref().map(|status| app.texts.word(status)).unwrap_or_default();
    let shelter = || case.assessment.party.map(|_| app.texts.say(Text::CaseShelter, &[]));
    let kind = case.assessment.kind.as_ref().map(|kind| app.texts.word(kind)).or_else(shelter).unwrap_or_default();
    let args = [("value", Arg::ours(&priority)), ("status", Arg::ours(&status)), ("kind", Arg::ours(&kind))];
    match args {
        // A case that began with a check-in is of no kind.
        [value, status, _] if kind.is_empty() => app.say(Text::CaseLineBare, &[value, status])?,
        args => app.say(Text::CaseLine, &args)?,
    }
    app.screen().machine(&view.id.short())?;
    match case.lead {
        Some(lead) => {
            let text = if case.lead_unconfirmed { Text::CaseLeadOpen } else { Text::CaseLead };
            render::detail(app, text, &[("name", Arg::theirs(&view.name(&lead)))])?;
        }
        None => render::detail(app, Text::CaseNoLead, &[])?,
    }
    if let Some(standing) = view.standing {
        for (text, late, due) in [
            (Text::CaseAckDue, Text::CaseAckOver, standing.ack),
            (Text::CaseLeadDue, Text::CaseLeadOver, standing.lead),
            (Text::CaseReplyDue, Text::CaseReplyOver, standing.reply),
        ] {
            if let Due::Open { due, overdue } = due {
                let minutes = if overdue { minute.saturating_sub(due) } else { due.saturating_sub(minute) };
                render::detail(app, if overdue { late } else { text }, &[("count", minutes.into())])?;
            }
        }
    }
    if let Some(group) = &view.group {
        render::detail(app, Text::CaseWhere, &[("circle", Arg::theirs(group))])?;
    }
    for (id, status) in &case.waiting {
        let status = app.texts.word(status);
        app.say(Text::CaseWaits, &[("status", Arg::ours(&status)), ("id", Arg::machine(&id.short()))])?;
    }
    if !case.gaps.is_empty() {
        render::detail(app, Text::CaseGaps, &[("count", case.gaps.len().into())])?;
    }
    Ok(())
}
