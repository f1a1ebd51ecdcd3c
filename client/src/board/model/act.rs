//! What the keys of a case do.

use himaya_protocol::case::{Case, reduce};
use himaya_protocol::content::vocabulary::{CaseStatus, Priority};
use himaya_protocol::content::{Body, CaseId};

use super::{Mode, Model, Next};
use crate::board::action::{self, Desk, Proposal, Where};
use crate::board::beyond;
use crate::board::draft::{DraftKey, Purpose};
use crate::board::keys::Key;
use crate::board::question::{Ask, Decision, Question};
use crate::board::say::Message;
use crate::text::{Text, Texts};

impl Model {
    /// A key that does something about the selected case.
    pub(super) fn act(&mut self, key: char, texts: &Texts, desk: &mut dyn Desk) {
        if !"at1234srnvmfh".contains(key) {
            return;
        }
        let Some((id, case)) = self.selected.clone().and_then(|id| Some((id.clone(), self.case(&id, desk)?))) else {
            self.message = Some(Message::new(Text::BoardNoCase));
            return;
        };
        match key {
            'a' => self.acknowledge(&id, &case, desk),
            't' => match action::take(&case, &self.facts) {
                Ok((body, what)) => self.propose(&id, Where::Home, body, Message::new(what), None, desk),
                Err(said) => self.message = Some(Message::new(said)),
            },
            '1' => self.prioritise(&id, &case, Priority::P1, texts, desk),
            '2' => self.prioritise(&id, &case, Priority::P2, texts, desk),
            '3' => self.prioritise(&id, &case, Priority::P3, texts, desk),
            '4' => self.prioritise(&id, &case, Priority::P4, texts, desk),
            's' => {
                let ways = case.status.as_ref().map(action::ways).unwrap_or_default();
                let nowhere = Text::BoardNowhere;
                self.choose(id, Ask::Status(ways.clone()), ways.is_empty().then_some(nowhere));
            }
            'h' => self.ask_whom(id, &case, desk),
            'r' if case.status == Some(CaseStatus::DuressHold) => {
                self.message = Some(Message::new(Text::BoardHeldForDuress))
            }
            'r' => self.ask(id, Ask::Reply),
            'n' => self.ask(id, Ask::Note),
            'v' => {
                let about = case.opened_by.or_else(|| case.order.first().copied());
                if let Some(about) = about {
                    self.ask(id, Ask::Grade(about));
                }
            }
            'm' => {
                let places = desk.places(&id);
                let none = if places.is_none() { Text::BoardNoRequest } else { Text::BoardNoPlace };
                let places = places.unwrap_or_default();
                self.choose(id, Ask::Place(places.clone()), places.is_empty().then_some(none));
            }
            _ => {
                let ways = beyond::releases(&self.board, &id, &case, desk, self.now / 60);
                self.choose(id, Ask::Release(ways.clone()), ways.is_empty().then_some(Text::BoardNoConsent));
            }
        }
    }

    /// A case as it will stand once what is held is written.
    pub(super) fn case(&mut self, id: &CaseId, desk: &mut dyn Desk) -> Option<Case> {
        let held = self.held.proposals();
        if held.iter().any(|proposal| proposal.case == *id) {
            let entries = action::with(&self.board, &self.facts, desk, &held, id, self.now / 60);
            return Some(reduce(&entries));
        }
        self.board.case(id).cloned()
    }

    fn acknowledge(&mut self, id: &CaseId, case: &Case, desk: &mut dyn Desk) {
        match action::acknowledge(&self.board, id, case, &self.facts) {
            Some(body) => self.propose(id, Where::Home, body, Message::new(Text::BoardDoAck), None, desk),
            None => self.message = Some(Message::new(Text::BoardAckedAlready)),
        }
    }

    /// The first priority is the triage of an acknowledged case.
    fn prioritise(&mut self, id: &CaseId, case: &Case, priority: Priority, texts: &Texts, desk: &mut dyn Desk) {
        let status = (case.status == Some(CaseStatus::Acked)).then_some(CaseStatus::Triaged);
        let decision = Decision { priority: Some(priority), status, ..Decision::default() };
        self.go_on(id.clone(), decision, None, texts, desk);
    }

    fn ask_whom(&mut self, id: CaseId, case: &Case, desk: &mut dyn Desk) {
        let mut others = desk.colleagues(&id);
        others.retain(|(who, _)| !self.facts.is_me(who));
        let refused = match others.first() {
            None => Some(Text::BoardNobodyElse),
            Some((first, _)) if action::hand_over(case, &self.facts, *first).is_none() => Some(Text::BoardNotYours),
            Some(_) => None,
        };
        self.choose(id, Ask::Member(others), refused);
    }

    fn choose(&mut self, case: CaseId, ask: Ask, refused: Option<Text>) {
        match refused {
            Some(said) => self.message = Some(Message::new(said)),
            None => self.mode = Mode::Choosing(Question { case, ask }),
        }
    }

    /// Asks for what a decision still needs, or proposes it.
    pub(super) fn go_on(
        &mut self,
        id: CaseId,
        decision: Decision,
        draft: Option<(DraftKey, String)>,
        texts: &Texts,
        desk: &mut dyn Desk,
    ) {
        let what = decision.what(texts);
        match decision.next() {
            Ok(triage) => self.propose(&id, Where::Home, triage.into(), what, draft, desk),
            Err(ask) => {
                if let Some((key, text)) = draft {
                    self.drafts.keep(key, text);
                }
                if matches!(*ask, Ask::Verified(_)) { self.choose(id, *ask, None) } else { self.ask(id, *ask) }
            }
        }
    }

    /// Holds something for writing, unless the rules would not take it.
    pub(super) fn propose(
        &mut self,
        id: &CaseId,
        at: Where,
        body: Body,
        what: Message,
        draft: Option<(DraftKey, String)>,
        desk: &mut dyn Desk,
    ) {
        let exercise = self.rows.get(id).is_some_and(|row| row.exercise);
        let proposal = Proposal { case: id.clone(), at, body, exercise, what, draft };
        let held = self.held.proposals();
        match action::judge(&self.board, &self.facts, desk, &held, &proposal, self.now / 60) {
            Ok(waits) => {
                self.message = waits.then(|| Message::new(Text::BoardWaits));
                if let Some(((_, purpose), _)) = &proposal.draft {
                    self.drafts.forget(&(id.clone(), *purpose));
                    // The alternative is the last that a decision asks for.
                    if *purpose == Purpose::Alternative {
                        self.drafts.forget(&(id.clone(), Purpose::Reason));
                    }
                }
                self.held.add(proposal, self.now);
            }
            Err(why) => {
                self.message = Some(why);
                self.keep_draft(proposal);
            }
        }
    }

    /// What was held may have become pointless by what came meanwhile.
    pub(super) fn still_good(&mut self, due: Vec<Proposal>, desk: &mut dyn Desk) -> Vec<Proposal> {
        let mut good: Vec<Proposal> = Vec::new();
        for proposal in due {
            let before: Vec<&Proposal> = good.iter().collect();
            match action::judge(&self.board, &self.facts, desk, &before, &proposal, self.now / 60) {
                Ok(_) => good.push(proposal),
                Err(why) => {
                    self.message = Some(why);
                    self.keep_draft(proposal);
                }
            }
        }
        good
    }

    /// Leaves, or first asks what shall become of what is not written yet.
    pub(super) fn leave(&mut self) -> Next {
        if let Mode::Typing(question, editor) = std::mem::replace(&mut self.mode, Mode::Cases)
            && let Some(purpose) = question.ask.purpose()
        {
            self.drafts.keep((question.case, purpose), editor.text());
        }
        if self.held.is_empty() {
            return Next::Leave(Vec::new());
        }
        self.mode = Mode::Leaving;
        Next::Stay
    }

    pub(super) fn leaving_key(&mut self, key: Key, desk: &mut dyn Desk) -> Next {
        if key == Key::Char('s') {
            return self.leave_now(desk);
        }
        if key == Key::Char('d') {
            for proposal in self.held.all() {
                self.keep_draft(proposal);
            }
            return Next::Leave(Vec::new());
        }
        if key != Key::Esc {
            self.mode = Mode::Leaving;
        }
        Next::Stay
    }

    /// Leaves and writes what is held: somebody asked for it, and the terminal may be gone, so that nobody can be asked.
    pub fn leave_now(&mut self, desk: &mut dyn Desk) -> Next {
        let held = self.held.all();
        Next::Leave(self.still_good(held, desk))
    }
}
