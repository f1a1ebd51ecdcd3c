//! One case with all that happened, newest first.

use std::collections::BTreeMap;

use himaya_protocol::case::{Case, Entry};
use himaya_protocol::content::vocabulary::Status;
use himaya_protocol::content::{EventId, display};
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::Look;
use super::cells::{kind, say_due, short};
use super::paint::{Canvas, wrap};
use crate::board::facts::{Facts, opened};
use crate::board::model::Model;
use crate::board::row::Row;
use crate::text::{Arg, Text, Texts, free_text, refused};

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &mut Model, texts: &Texts) {
    let Some(row) = model.selected().and_then(|id| model.row(id)).cloned() else { return };
    let Some(case) = model.board.case(&row.id).cloned() else { return };
    let look = canvas.look;
    let now = model.now / 60;
    let mut sheet = Sheet { lines: Vec::new(), facts: &model.facts, texts, now, look };
    sheet.head(&row, &case);
    sheet.say(0, String::new(), Style::new());
    sheet.say(0, texts.say(Text::BoardTimeline, &[]), look.faint());
    let events: BTreeMap<EventId, &Entry> = model.board.events(&row.id).map(|entry| (entry.id(), entry)).collect();
    for entry in case.order.iter().rev().filter_map(|id| events.get(id)) {
        sheet.event(&case, entry);
        if let Some(sealed) = opened(&model.board, &row.id, entry, model.facts.synced, now) {
            sheet.ours(Text::BoardSealed, &[], look.alarm());
            sheet.theirs(sealed);
        }
    }
    let lines = sheet.wrapped(usize::from(area.width));
    model.scroll = model.scroll.min(lines.len().saturating_sub(usize::from(area.height)));
    for (y, (indent, text, style)) in (area.y..area.bottom()).zip(lines.into_iter().skip(model.scroll)) {
        let x = area.x.saturating_add(indent);
        canvas.put(x, y, area.right().saturating_sub(x), &text, style);
    }
}

/// How far other people's words are indented.
const INDENT: u16 = 4;

/// The lines of one case.
struct Sheet<'a> {
    lines: Vec<(u16, String, Style)>,
    facts: &'a Facts,
    texts: &'a Texts,
    now: u64,
    look: Look,
}

impl Sheet<'_> {
    fn say(&mut self, indent: u16, text: String, style: Style) {
        self.lines.push((indent, text, style));
    }

    fn ours(&mut self, text: Text, args: &[(&str, Arg<'_>)], style: Style) {
        let said = self.texts.say(text, args);
        self.say(0, said, style);
    }

    fn person(&mut self, text: Text, name: &str, style: Style) {
        self.ours(text, &[("name", Arg::theirs(name))], style);
    }

    fn wrapped(self, width: usize) -> Vec<(u16, String, Style)> {
        let wrap_one = |(indent, text, style): (u16, String, Style)| {
            let lines = wrap(&text, width.saturating_sub(usize::from(indent)).max(1));
            lines.into_iter().map(move |line| (indent, line, style))
        };
        self.lines.into_iter().flat_map(wrap_one).collect()
    }

    fn head(&mut self, row: &Row, case: &Case) {
        let (texts, look) = (self.texts, self.look);
        if row.exercise {
            self.ours(Text::BoardExerciseAll, &[], look.practice());
        }
        let what = [
            Some(texts.word(&row.priority)),
            Some(texts.word(&row.status)),
            row.due.map(|due| say_due(due, texts, self.now)),
            Some(kind(row, texts, self.now, look).0),
            row.place.clone(),
            Some(short(self.now.saturating_sub(row.since))),
        ];
        self.say(0, what.into_iter().flatten().collect::<Vec<_>>().join("  "), look.strong());
        self.ours(Text::BoardCaseNumber, &[], look.faint());
        self.say(2, row.number(), Style::new());
        if let Some(name) = &row.defender {
            self.person(Text::BoardDefender, name, Style::new());
        }
        match &row.lead {
            Some(name) => self.person(Text::BoardLeads, name, Style::new()),
            None => self.ours(Text::BoardNoLead, &[], look.notice()),
        }
        if row.unconfirmed {
            self.ours(Text::BoardUnconfirmed, &[], look.notice());
        }
        if !row.backups.is_empty() {
            self.person(Text::BoardBackups, &row.backups.join(", "), Style::new());
        }
        self.warnings(row, case);
    }

    fn warnings(&mut self, row: &Row, case: &Case) {
        let (texts, look) = (self.texts, self.look);
        if case.to_be_told.iter().any(|who| self.facts.is_me(who)) {
            self.person(Text::BoardTwoLeads, row.lead.as_deref().unwrap_or_default(), look.notice());
        }
        for to in case.waiting.values() {
            self.ours(Text::BoardSecond, &[("value", Arg::ours(&texts.word(to)))], look.notice());
        }
        if let (Some(own), false) = (&case.own_rating, case.lowered_by.is_empty()) {
            self.ours(Text::BoardOwnRating, &[("value", Arg::ours(own.as_str()))], look.notice());
        }
        if row.step > 0 {
            self.ours(Text::BoardStep, &[("count", row.step.into())], look.alarm());
        }
        if row.plan_b {
            self.ours(Text::BoardPlanB, &[], look.alarm());
        }
        if row.gaps > 0 {
            self.ours(Text::BoardMissing, &[("count", row.gaps.into())], look.notice());
        }
        if row.skewed {
            self.ours(Text::BoardSkewed, &[], look.notice());
        }
        if !case.update_needed.is_empty() {
            self.ours(Text::EventUpdateNeeded, &[], look.notice());
        }
    }

    fn event(&mut self, case: &Case, entry: &Entry) {
        let (texts, look) = (self.texts, self.look);
        let what = texts.describe(entry.body());
        let time = texts.ago(self.now, entry.written());
        let mine = self.facts.is_me(&entry.author());
        let name = if mine { texts.say(Text::BoardYou, &[]) } else { self.facts.name(&entry.author()) };
        let args = [("what", Arg::ours(&what)), ("time", Arg::ours(&time)), ("name", Arg::theirs(&name))];
        let said = texts.say(Text::BoardBy, &args);
        if entry.event.content().status == Status::Exercise {
            self.say(0, format!("{} {said}", texts.say(Text::BoardExercise, &[])), look.practice());
        } else {
            self.say(0, said, Style::new());
        }
        if let Some(why) = case.refused.get(&entry.id()) {
            let why = texts.say(refused(*why), &[]);
            self.say(INDENT, texts.say(Text::ChangesNothing, &[("what", Arg::ours(&why))]), look.faint());
        }
        free_text(entry.body()).iter().for_each(|words| self.theirs(words));
    }

    /// What somebody wrote.
    fn theirs(&mut self, words: &str) {
        for line in display::clean_lines(words).lines() {
            self.say(INDENT, line.to_owned(), Style::new());
        }
    }
}
