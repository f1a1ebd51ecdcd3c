//! What is on the screen.
//!
//! The order of the cases changes only when somebody asks for it ([`Model::let_in`]): whoever reads or types is not
//! moved. What is new, or belongs elsewhere by now, is said in a banner.

mod act;
mod typing;

pub(super) use typing::label;

use std::collections::{BTreeMap, BTreeSet};

use himaya_protocol::case::Board;
use himaya_protocol::content::CaseId;
use himaya_protocol::content::vocabulary::Priority;

use super::action::{Desk, Proposal};
use super::draft::Drafts;
use super::editor::Editor;
use super::facts::{Facts, lights};
use super::filter::Filter;
use super::hold::Held;
use super::keys::Key;
use super::question::Question;
use super::row::Row;
use super::say::Message;
use super::sort::sorted;
use crate::store::Seconds;
use crate::text::{Text, Texts};

/// What has to be done after a key or a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Stay,
    /// These are to be written now.
    Write(Vec<Proposal>),
    /// The board is left, after these are written.
    Leave(Vec<Proposal>),
}

/// What takes the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// The cases.
    Cases,
    /// The help; any key ends it.
    Help,
    /// The filter is being typed.
    Filtering(Editor),
    /// An answer is being typed.
    Typing(Question, Editor),
    /// An answer is being chosen.
    Choosing(Question),
    /// It is asked what shall become of what is not written yet.
    Leaving,
}

/// What waits behind the banner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Banner {
    /// How many cases are new.
    pub new: usize,
    /// How many of them are P1 and in earnest.
    pub urgent: usize,
    /// Whether the others would stand in another order by now.
    pub reordered: bool,
}

/// What is on the screen.
#[derive(Debug)]
pub struct Model {
    pub(super) board: Board,
    pub(super) facts: Facts,
    pub(super) rows: BTreeMap<CaseId, Row>,
    /// The cases that were let in, in the order of that time.
    order: Vec<CaseId>,
    /// Those of them that the filter takes.
    shown: Vec<CaseId>,
    banner: Banner,
    selected: Option<CaseId>,
    pub(super) filter: Filter,
    pub(super) mode: Mode,
    pub(super) held: Held,
    drafts: Drafts,
    saved: Vec<u8>,
    pub(super) message: Option<Message>,
    pub(super) detail: bool,
    pub(super) scroll: usize,
    /// The first line of the list that is on the screen; rendering keeps the selected one in sight.
    pub(super) offset: usize,
    pub(super) now: Seconds,
    pub(super) connected: bool,
}

impl Model {
    /// A board before anything is on it, with the unfinished texts of an earlier time.
    pub fn new(drafts: &[u8]) -> Self {
        let drafts = Drafts::from_bytes(drafts);
        Self {
            board: Board::new(),
            facts: Facts::default(),
            rows: BTreeMap::new(),
            order: Vec::new(),
            shown: Vec::new(),
            banner: Banner::default(),
            selected: None,
            filter: Filter::default(),
            mode: Mode::Cases,
            held: Held::default(),
            saved: drafts.to_bytes(),
            drafts,
            message: None,
            detail: false,
            scroll: 0,
            offset: 0,
            now: 0,
            connected: false,
        }
    }

    /// Takes in everything as it stands now. What comes to an empty board is let in: there is nothing that it could move.
    pub fn load(&mut self, board: Board, facts: Facts, now: Seconds, texts: &Texts) {
        (self.board, self.facts) = (board, facts);
        self.refresh(now, texts);
        if self.order.is_empty() {
            self.let_in(texts);
        }
    }

    /// Whether the line to the relay is up.
    pub fn connected(&mut self, connected: bool) {
        self.connected = connected;
    }

    /// What is known, to be changed and put back by [`Self::load`].
    pub fn take(&mut self) -> (Board, Facts) {
        (std::mem::take(&mut self.board), std::mem::take(&mut self.facts))
    }

    /// Reads every case at a time.
    fn refresh(&mut self, now: Seconds, texts: &Texts) {
        self.now = now;
        let minute = now / 60;
        let ids: Vec<CaseId> = self.board.cases().map(|(id, _)| id.clone()).collect();
        let lights = lights(&self.board, &ids, self.facts.synced, minute);
        let (board, facts) = (&mut self.board, &self.facts);
        self.rows =
            ids.into_iter().filter_map(|id| Row::of(board, &id, facts, &lights, minute).map(|row| (id, row))).collect();
        self.order.retain(|id| self.rows.contains_key(id));
        let known: BTreeSet<&CaseId> = self.order.iter().collect();
        let waiting = self.rows.values().filter(|row| !row.ended && !known.contains(&row.id));
        let (mut new, mut urgent) = (0, 0);
        for row in waiting {
            new += 1;
            urgent += usize::from(is_urgent(row));
        }
        let reordered = sorted(self.order.iter().filter_map(|id| self.rows.get(id))) != self.order;
        self.banner = Banner { new, urgent, reordered };
        self.show(texts);
    }

    /// Lets new cases in and sorts anew.
    pub fn let_in(&mut self, texts: &Texts) {
        self.order = sorted(self.rows.values());
        self.banner = Banner::default();
        self.show(texts);
    }

    fn show(&mut self, texts: &Texts) {
        let takes = |id: &&CaseId| self.rows.get(*id).is_some_and(|row| self.stays(row, texts));
        self.shown = self.order.iter().filter(takes).cloned().collect();
        if self.selected.as_ref().is_none_or(|id| !self.shown.contains(id)) {
            self.selected = self.shown.first().cloned();
            self.scroll = 0;
        }
    }

    /// A case that ends while somebody looks at it stays in its place until the order is made anew.
    fn stays(&self, row: &Row, texts: &Texts) -> bool {
        let watched = row.ended && self.banner.reordered && self.filter.is_empty();
        watched || self.filter.takes(row, texts)
    }

    /// The cases on the screen, in their order.
    pub fn shown(&self) -> &[CaseId] {
        &self.shown
    }

    /// A case in one line.
    pub fn row(&self, id: &CaseId) -> Option<&Row> {
        self.rows.get(id)
    }

    /// Every case that something has opened.
    pub fn rows(&self) -> &BTreeMap<CaseId, Row> {
        &self.rows
    }

    /// What this client knows beside the cases.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What waits behind the banner.
    pub fn banner(&self) -> Banner {
        self.banner
    }

    /// The selected case.
    pub fn selected(&self) -> Option<&CaseId> {
        self.selected.as_ref()
    }

    /// Where the selected case stands among those on the screen.
    pub(super) fn place(&self) -> usize {
        self.shown.iter().position(|id| Some(id) == self.selected.as_ref()).unwrap_or_default()
    }

    /// How many open cases are P1 and in earnest.
    pub fn open_urgent(&self) -> usize {
        self.rows.values().filter(|row| is_urgent(row)).count()
    }

    /// How many cases are open.
    pub fn open(&self) -> usize {
        self.rows.values().filter(|row| !row.ended).count()
    }

    /// What has waited long enough is to be written; countdowns go on.
    pub fn tick(&mut self, now: Seconds, texts: &Texts, desk: &mut dyn Desk) -> Next {
        if let Mode::Typing(question, editor) = &self.mode
            && let Some(purpose) = question.ask.purpose()
        {
            self.drafts.keep((question.case.clone(), purpose), editor.text());
        }
        if now / 60 != self.now / 60 {
            self.refresh(now, texts);
        }
        self.now = now;
        self.held.notice(now);
        let due = self.held.due(now);
        if due.is_empty() { Next::Stay } else { Next::Write(self.still_good(due, desk)) }
    }

    /// The time goes on, and nothing else.
    pub fn at(&mut self, now: Seconds) {
        self.now = now;
    }

    /// Something was pasted. It is typed where something is typed, and never taken for keys.
    pub fn paste(&mut self, text: &str) {
        if let Mode::Typing(_, editor) | Mode::Filtering(editor) = &mut self.mode {
            text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).for_each(|c| editor.type_in(c));
        }
    }

    /// A key was pressed.
    pub fn key(&mut self, key: Key, now: Seconds, texts: &Texts, desk: &mut dyn Desk) -> Next {
        self.now = now;
        if key == Key::Interrupt {
            return self.leave();
        }
        match std::mem::replace(&mut self.mode, Mode::Cases) {
            Mode::Help => Next::Stay,
            Mode::Cases => self.case_key(key, texts, desk),
            Mode::Filtering(editor) => self.filter_key(key, editor, texts),
            Mode::Typing(question, editor) => self.typing_key(key, question, editor, texts, desk),
            Mode::Choosing(question) => self.choosing_key(key, question, texts, desk),
            Mode::Leaving => self.leaving_key(key, desk),
        }
    }

    fn case_key(&mut self, key: Key, texts: &Texts, desk: &mut dyn Desk) -> Next {
        self.message = None;
        match key {
            Key::Char('j') | Key::Down => self.step(1),
            Key::Char('k') | Key::Up => self.step(-1),
            Key::PageDown if self.detail => self.scroll = self.scroll.saturating_add(8),
            Key::PageUp if self.detail => self.scroll = self.scroll.saturating_sub(8),
            Key::PageDown => self.step(8),
            Key::PageUp => self.step(-8),
            Key::Home => self.select(0),
            Key::End => self.select(usize::MAX),
            Key::Enter if self.selected.is_some() => (self.detail, self.scroll) = (!self.detail, 0),
            Key::Esc => self.detail = false,
            Key::Char(' ') => self.let_in(texts),
            Key::Char('?') => self.mode = Mode::Help,
            Key::Char('/') => self.mode = Mode::Filtering(Editor::new(&self.filter.typed())),
            Key::Char('u') => self.undo(),
            Key::Char('q') => return self.leave(),
            Key::Char(c) => self.act(c, texts, desk),
            Key::Enter
            | Key::Left
            | Key::Right
            | Key::Backspace
            | Key::BackspaceWord
            | Key::Delete
            | Key::Interrupt => {}
        }
        Next::Stay
    }

    fn step(&mut self, by: isize) {
        self.select(self.place().saturating_add_signed(by));
    }

    fn select(&mut self, place: usize) {
        let last = self.shown.len().saturating_sub(1);
        self.selected = self.shown.get(place.min(last)).cloned();
        self.scroll = 0;
    }

    fn undo(&mut self) {
        let undone = self.held.undo();
        self.message = Some(match &undone {
            Some(proposal) => Message::new(Text::BoardUndone).ours("what", proposal.what.clone()),
            None => Message::new(Text::BoardUndoNone),
        });
        if let Some(proposal) = undone {
            self.keep_draft(proposal);
        }
    }

    fn keep_draft(&mut self, proposal: Proposal) {
        if let Some((key, text)) = proposal.draft {
            self.drafts.keep(key, text);
        }
    }

    /// Something that was to be written was: its draft is no more.
    pub fn written(&mut self, proposal: &Proposal) {
        self.message = Some(Message::new(Text::BoardSent).ours("what", proposal.what.clone()));
    }

    /// Something could not be written, and why.
    pub fn failed(&mut self, proposal: Proposal, why: String) {
        self.message = Some(Message::new(Text::BoardFailed).plain("value", why));
        self.keep_draft(proposal);
    }

    /// Something to be said.
    pub fn say(&mut self, message: Message) {
        self.message = Some(message);
    }

    /// The unfinished texts for the profile, those of what is not written yet among them.
    pub fn drafts<'a>(&'a self, unwritten: impl IntoIterator<Item = &'a Proposal>) -> Vec<u8> {
        let mut all = self.drafts.clone();
        for proposal in self.held.proposals().into_iter().chain(unwritten) {
            if let Some((key, text)) = &proposal.draft {
                all.keep(key.clone(), text.clone());
            }
        }
        all.to_bytes()
    }

    /// The unfinished texts, if they are others than what was saved last.
    pub fn unsaved_drafts(&mut self) -> Option<Vec<u8>> {
        let bytes = self.drafts([]);
        (bytes != self.saved).then(|| {
            self.saved.clone_from(&bytes);
            bytes
        })
    }
}

/// Whether a case is open, P1 and in earnest.
pub(super) fn is_urgent(row: &Row) -> bool {
    !row.ended && !row.exercise && (row.priority == Priority::P1 || !row.priority.is_known())
}
