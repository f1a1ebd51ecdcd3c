//! The board with 2,000 cases: taking everything in, one event more, a key, a frame.

use himaya::board::render::{Look, draw};
use himaya::board::{Desk, Facts, Key, Model, Place, Where};
use himaya::text::Texts;
use himaya_protocol::case::{Board, Entry, Group, Role};
use himaya_protocol::content::body::Triage;
use himaya_protocol::content::value::{Note, NoticeText};
use himaya_protocol::content::vocabulary::{AckLevel, CaseStatus, Priority, Status, Tlp};
use himaya_protocol::content::{Ack, Body, CaseId, Content, Event, Notice, ThreatAlert};
use himaya_protocol::wire::card::Fingerprint;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::Effort;
use crate::measure::{Samples, head, ms, row, timed};

const START: u64 = 29_500_000;
const EVENTS: u64 = 10;

struct Nowhere;

impl Desk for Nowhere {
    fn place(&mut self, _: &CaseId, _: &Where) -> Option<Place> {
        Some(Place { group: Group::Case, role: Role::Coordinator })
    }

    fn colleagues(&mut self, _: &CaseId) -> Vec<(Fingerprint, String)> {
        Vec::new()
    }
}

pub fn run(effort: Effort) -> anyhow::Result<()> {
    let (cases, times) = effort.pick((50, 2), (2_000, 20));
    let entries: Vec<Entry> = (0..cases).flat_map(case).collect();
    let bytes: Vec<Vec<u8>> = entries.iter().map(|entry| entry.event.as_bytes().to_vec()).collect();
    let (texts, facts) = (Texts::load(["en"]), Facts { me: Some(who(9)), ..Facts::default() });
    let [mut decode, mut first, mut more, mut key, mut minute, mut small, mut large] =
        [const { None }; 7].map(|_: Option<()>| Samples::default());
    for turn in 0..times {
        timed(&mut decode, || bytes.iter().filter_map(|bytes| Event::decode(bytes).ok()).count());
        let mut model = Model::new(&[]);
        let now = (START + 600) * 60;
        timed(&mut first, || {
            let mut board = Board::new();
            entries.iter().cloned().for_each(|entry| drop(board.add(entry)));
            model.load(board, facts.clone(), now, &texts);
        });
        let newer = case(cases + turn).into_iter().next();
        timed(&mut more, || {
            let (mut board, facts) = model.take();
            newer.map(|entry| board.add(entry));
            model.load(board, facts, now, &texts);
        });
        timed(&mut key, || model.key(Key::Char('j'), now, &texts, &mut Nowhere));
        timed(&mut minute, || model.tick(now + 60, &texts, &mut Nowhere));
        for (size, samples) in [((80, 24), &mut small), ((140, 50), &mut large)] {
            let mut terminal = Terminal::new(TestBackend::new(size.0, size.1))?;
            let look = Look { colour: true };
            timed(samples, || terminal.draw(|frame| draw(frame, &mut model, &texts, look)).map(drop))?;
        }
    }
    head(
        &format!("The board with {cases} cases of {EVENTS} events, median of {times}, milliseconds"),
        &["decode all", "take all in", "one event more", "a new minute", "a key", "frame 80×24", "frame 140×50"],
    );
    row(&[decode, first, more, minute, key, small, large].map(|samples| ms(samples.median())));
    Ok(())
}

fn who(number: u64) -> Fingerprint {
    Fingerprint::of(&number.to_be_bytes())
}

/// An alert, an answer, a decision, and messages.
fn case(number: u64) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for n in 0..EVENTS {
        let alert = entries.first().map(Entry::id);
        let body: Body = match (n, alert) {
            (1, Some(alert)) => Ack { refs: [alert].into(), level: AckLevel::Human, note: None }.into(),
            (2, Some(_)) => {
                let Ok(reason) = Note::new("because") else { continue };
                let (priority, status) = (Some(Priority::P2), Some(CaseStatus::Triaged));
                Triage { priority, status, ..Triage::new(reason) }.into()
            }
            (_, Some(_)) => {
                let Ok(text) = NoticeText::new("we are on the way, wait inside") else { continue };
                Notice { text }.into()
            }
            (_, None) => ThreatAlert::default().into(),
        };
        let author = if n == 0 { number } else { 1 };
        let mut nonce = [0; 16];
        nonce.iter_mut().zip((number * EVENTS + n).to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
        let Ok(lang) = "en".parse() else { continue };
        let content = Content {
            nonce,
            case: alert.and_then(|id| CaseId::from_slice(id.as_bytes())),
            prev: entries.last().map(Entry::id).into_iter().collect(),
            lamport: n + 1,
            sent: START + number % 500 + n,
            expires: None,
            status: Status::Actual,
            tlp: Tlp::Red,
            lang,
            replaces: None,
            body,
            author: who(author),
        };
        let Ok(event) = Event::new(content) else { continue };
        let role = if n == 0 { Role::Defender } else { Role::Coordinator };
        entries.push(Entry { event, role, group: Group::Line, received: START + number % 500 + n });
    }
    entries
}
