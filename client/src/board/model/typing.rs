//! Keys while something is typed or chosen.

use himaya_protocol::content::body::{Notice, Triage};
use himaya_protocol::content::value::Note;
use himaya_protocol::content::vocabulary::{CaseStatus, Service, VerifiedBy};
use himaya_protocol::content::{Body, CaseId};

use super::{Mode, Model, Next};
use crate::board::action::{self, Desk, Where};
use crate::board::draft::DraftKey;
use crate::board::editor::Editor;
use crate::board::filter::Filter;
use crate::board::keys::Key;
use crate::board::question::{Ask, Decision, Question, checked, grade};
use crate::board::say::Message;
use crate::text::{Text, Texts};

impl Model {
    /// Asks for a text, with what was begun before.
    pub(super) fn ask(&mut self, case: CaseId, ask: Ask) {
        let begun = ask.purpose().map(|purpose| self.drafts.text(&(case.clone(), purpose)).to_owned());
        self.mode = Mode::Typing(Question { case, ask }, Editor::new(&begun.unwrap_or_default()));
    }

    pub(super) fn filter_key(&mut self, key: Key, mut editor: Editor, texts: &Texts) -> Next {
        if key == Key::Enter {
            return Next::Stay;
        }
        if key == Key::Esc {
            self.filter = Filter::default();
            self.show(texts);
            return Next::Stay;
        }
        edit(&mut editor, key);
        self.filter = Filter::new(&editor.text());
        self.show(texts);
        self.mode = Mode::Filtering(editor);
        Next::Stay
    }

    pub(super) fn typing_key(
        &mut self,
        key: Key,
        question: Question,
        mut editor: Editor,
        texts: &Texts,
        desk: &mut dyn Desk,
    ) -> Next {
        let draft = question.ask.purpose().map(|purpose| ((question.case.clone(), purpose), editor.text()));
        if key == Key::Enter {
            if let Err(why) = self.answer(&question, &editor.text(), draft, texts, desk) {
                self.message = Some(why);
                self.mode = Mode::Typing(question, editor);
            }
        } else if key != Key::Esc {
            edit(&mut editor, key);
            self.message = None;
            self.mode = Mode::Typing(question, editor);
        } else if let Some((key, text)) = draft {
            self.drafts.keep(key, text);
        }
        Next::Stay
    }

    /// What was typed is taken, or said to be wrong.
    fn answer(
        &mut self,
        question: &Question,
        typed: &str,
        draft: Option<(DraftKey, String)>,
        texts: &Texts,
        desk: &mut dyn Desk,
    ) -> Result<(), Message> {
        let id = question.case.clone();
        match &question.ask {
            Ask::Reason(decision) => {
                let decision = Decision { reason: Some(checked(typed)?), ..decision.clone() };
                self.go_on(id, decision, draft, texts, desk);
            }
            Ask::Alternative(decision) => {
                let decision = Decision { alternative: Some(checked(typed)?), ..decision.clone() };
                self.go_on(id, decision, draft, texts, desk);
            }
            Ask::Word(decision) => {
                let word = texts.say(Text::BoardCloseWord, &[]);
                if typed.trim().to_lowercase() != word.to_lowercase() {
                    self.message = Some(Message::new(Text::BoardCloseWrong));
                    return Ok(());
                }
                self.go_on(id, Decision { word: true, ..decision.clone() }, None, texts, desk);
            }
            Ask::Reply => {
                let body: Body = Notice { text: checked(typed)? }.into();
                self.propose(&id, Where::Home, body, Message::new(Text::BoardDoReply), draft, desk);
            }
            Ask::Note => {
                let reason = Note::new(&texts.say(Text::BoardNoteReason, &[]));
                let reason = reason.map_err(|_| Message::new(Text::BoardBadText))?;
                let body: Body = Triage { note: Some(checked(typed)?), ..Triage::new(reason) }.into();
                self.propose(&id, Where::Desk, body, Message::new(Text::BoardDoNote), draft, desk);
            }
            Ask::Grade(about) => {
                let graded = grade(*about, typed).ok_or_else(|| Message::new(Text::BoardGradeWrong))?;
                let said = format!("{}{}", graded.reliability, graded.credibility);
                let what = Message::new(Text::BoardDoGrade).plain("value", said);
                self.propose(&id, Where::Desk, graded.into(), what, None, desk);
            }
            Ask::Verified(_) | Ask::Status(_) | Ask::Member(_) => {}
            Ask::Place(_) | Ask::Release(_) | Ask::Service(_) => {}
        }
        Ok(())
    }

    pub(super) fn choosing_key(&mut self, key: Key, question: Question, texts: &Texts, desk: &mut dyn Desk) -> Next {
        if key == Key::Esc {
            return Next::Stay;
        }
        let number = if let Key::Char(c) = key { place(c) } else { None };
        let taken = number.is_some_and(|number| self.chosen(&question, number, texts, desk));
        if !taken {
            self.mode = Mode::Choosing(question);
        }
        Next::Stay
    }

    /// Takes the choice with a number; `false` when there is none.
    fn chosen(&mut self, question: &Question, number: usize, texts: &Texts, desk: &mut dyn Desk) -> bool {
        let id = question.case.clone();
        match &question.ask {
            Ask::Status(ways) => {
                let (Some(to), Some(case)) = (ways.get(number), self.case(&id, desk)) else { return false };
                let confirms = action::to_confirm(&self.board, &id, &case, &self.facts, to);
                let held = case.status == Some(CaseStatus::DuressHold);
                let decision = Decision { status: Some(to.clone()), confirms, held, ..Decision::default() };
                self.go_on(id, decision, None, texts, desk);
            }
            Ask::Verified(decision) => {
                let Some(way) = VerifiedBy::ALL.get(number) else { return false };
                self.go_on(id, Decision { verified: Some(way.clone()), ..decision.clone() }, None, texts, desk);
            }
            Ask::Member(members) => {
                let (Some((who, name)), Some(case)) = (members.get(number), self.case(&id, desk)) else {
                    return false;
                };
                let Some(body) = action::hand_over(&case, &self.facts, *who) else {
                    self.message = Some(Message::new(Text::BoardNotYours));
                    return true;
                };
                let what = Message::new(Text::BoardDoHandover).theirs("name", name);
                self.propose(&id, Where::Home, body, what, None, desk);
            }
            Ask::Place(places) => {
                let Some(place) = places.get(number) else { return false };
                let what = Message::new(Text::BoardDoMatch);
                self.propose(&id, Where::Link(place.offer), place.proposal(), what, None, desk);
            }
            Ask::Release(ways) => {
                let Some(way) = ways.get(number) else { return false };
                self.mode = Mode::Choosing(Question { case: id, ask: Ask::Service(way.clone()) });
            }
            Ask::Service(way) => {
                let Some(service) = Service::ALL.get(number) else { return false };
                let home = desk.place(&id, &Where::Home).map(|place| place.group);
                let what = Message::new(Text::BoardDoRefer).theirs("name", &way.name);
                self.propose(&id, way.at(home), way.referral(service.clone()), what, None, desk);
            }
            Ask::Reason(_) | Ask::Alternative(_) | Ask::Word(_) | Ask::Reply | Ask::Note | Ask::Grade(_) => {
                return false;
            }
        }
        true
    }
}

/// The keys `1` to `9`, then `a` to `z`, count choices.
fn place(c: char) -> Option<usize> {
    let place = match c {
        '1'..='9' => u32::from(c).checked_sub(u32::from('1')),
        'a'..='z' => u32::from(c).checked_sub(u32::from('a')).map(|n| n + 9),
        _ => None,
    };
    place.and_then(|place| usize::try_from(place).ok())
}

/// The key that [`place`] reads as a number.
pub(in crate::board) fn label(place: usize) -> char {
    let letters = ('1'..='9').chain('a'..='z');
    letters.into_iter().nth(place).unwrap_or(' ')
}

fn edit(editor: &mut Editor, key: Key) {
    match key {
        Key::Char(c) => editor.type_in(c),
        Key::Backspace => editor.backspace(),
        Key::BackspaceWord => editor.backspace_word(),
        Key::Delete => editor.delete(),
        Key::Left => editor.left(),
        Key::Right => editor.right(),
        Key::Home | Key::Up => editor.home(),
        Key::End | Key::Down => editor.end(),
        Key::Enter | Key::Esc | Key::PageDown | Key::PageUp | Key::Interrupt => {}
    }
}
