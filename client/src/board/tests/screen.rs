//! Screens as they are drawn, held to files in `screens`.
//!
//! After a wanted change, `HIMAYA_UPDATE_SCREENS=1 cargo test -p himaya board` writes them anew; look at the difference
//! before it is committed.

use std::path::Path;

use himaya_protocol::content::display::is_bidi_control;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::*;
use crate::board::Key;
use crate::board::render::{Look, draw};

const SIZES: [(u16, u16); 2] = [(80, 24), (140, 50)];
const NOW: u64 = (START + 60) * 60;

fn drawn(model: &mut Model, (width, height): (u16, u16), look: Look) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, model, &texts(), look)).unwrap();
    terminal.backend().clone()
}

/// The lines of a screen without what fills them up.
fn lines(backend: &TestBackend) -> String {
    let buffer = backend.buffer();
    let width = usize::from(buffer.area.width);
    let line = |cells: &[ratatui::buffer::Cell]| {
        let mut line = String::new();
        let mut covered = 0;
        for cell in cells {
            if covered > 0 {
                covered -= 1;
                continue;
            }
            line.push_str(cell.symbol());
            covered = ratatui::text::Span::raw(cell.symbol()).width().saturating_sub(1);
        }
        line.trim_end().to_owned()
    };
    buffer.content.chunks(width).map(|cells| line(cells) + "\n").collect()
}

/// Draws at both sizes and compares with `screens/NAME-WIDTHxHEIGHT.txt`.
fn held_to(name: &str, make: impl Fn() -> Model) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/board/tests/screens");
    for (width, height) in SIZES {
        let screen = lines(&drawn(&mut make(), (width, height), Look { colour: false }));
        let path = folder.join(format!("{name}-{width}x{height}.txt"));
        if std::env::var_os("HIMAYA_UPDATE_SCREENS").is_some() {
            std::fs::write(&path, &screen).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap();
        assert_eq!(screen, expected, "{}", path.display());
        assert!(!screen.contains(|c: char| c != '\n' && (c.is_control() || is_bidi_control(c))));
    }
}

fn busy() -> Model {
    let stories = desk();
    model(&stories.iter().collect::<Vec<_>>())
}

fn after(keys: &str) -> Model {
    let mut model = busy();
    for c in keys.chars() {
        model.key(if c == '\n' { Key::Enter } else { Key::Char(c) }, NOW, &texts(), &mut Everywhere);
    }
    model
}

#[test]
fn the_cases() {
    held_to("cases", busy);
}

#[test]
fn an_open_case() {
    held_to("detail", || after("j\n"));
    held_to("drill", || after("jj\na"));
}

#[test]
fn questions_and_what_is_held() {
    held_to("held", || after("jana question of life\n"));
    held_to("typing", || {
        after("jra long message that goes on and on until it no longer fits into a single line of it")
    });
    held_to("choosing", || after("jjjjjs"));
    held_to("leaving", || after("jaq"));
    held_to("filter", || after("/p2"));
}

#[test]
fn help_and_nothing() {
    held_to("help", || after("?"));
    held_to("empty", || {
        let mut empty = model(&[]);
        empty.connected(false);
        empty
    });
}

#[test]
fn a_banner() {
    held_to("banner", || {
        let stories = desk();
        let mut model = model(&stories.iter().skip(2).collect::<Vec<_>>());
        model.load(board(&stories), facts(), NOW, &texts());
        model
    });
}

#[test]
fn colour_says_nothing_that_is_not_said_without_it() {
    for keys in ["", "j\n", "jj\n", "ja", "?"] {
        for size in SIZES {
            let plain = drawn(&mut after(keys), size, Look { colour: false });
            let coloured = drawn(&mut after(keys), size, Look { colour: true });
            assert_eq!(lines(&plain), lines(&coloured));
            let cells = &plain.buffer().content;
            assert!(cells.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
        }
    }
    let coloured = drawn(&mut busy(), SIZES[0], Look { colour: true });
    assert!(coloured.buffer().content.iter().any(|cell| cell.fg == Color::Red));
}

#[test]
fn every_size_is_drawn() {
    for keys in ["", "j\n", "?", "s", "rhello", "q", "/x"] {
        for (width, height) in (0..30).map(|n| (n * 7 % 150, n)).chain([(1, 1), (200, 3), (3, 200), (300, 100)]) {
            drawn(&mut after(keys), (width, height), Look { colour: true });
        }
    }
}

/// Names stand last in their lines, and ids stand alone: what runs from right to left moves nothing else.
#[test]
fn nothing_follows_right_to_left_text_and_nothing_stands_beside_an_id() {
    let rtl = |c: char| matches!(c, '\u{0590}'..='\u{08FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}');
    let stories = desk();
    let ids: Vec<String> = stories.iter().map(|story| super::super::row::short_id(&story.id())).collect();
    let mut names = 0;
    for keys in ["", "jjj", "j\n", "jjj\n", "jjjj\n"] {
        for size in SIZES {
            for line in lines(&drawn(&mut after(keys), size, Look { colour: false })).lines() {
                if let Some(at) = line.find(rtl) {
                    names += 1;
                    let digits = line[at..].contains(|c: char| c.is_ascii_digit());
                    assert!(!digits, "{line}");
                }
                if let Some(id) = ids.iter().find(|id| line.contains(id.as_str())) {
                    assert_eq!(line.trim(), id);
                }
            }
        }
    }
    assert!(names > 10);
}

#[test]
fn only_what_is_on_the_screen_is_drawn() {
    let stories: Vec<Story> = (0..100)
        .map(|number| {
            let mut story = Story { number, ..Story::new(START + u64::from(number % 7)) };
            story.say(SARA, 0, ThreatAlert { urgency: Urgency::Expected, ..ThreatAlert::default() });
            story
        })
        .collect();
    let mut model = model(&stories.iter().collect::<Vec<_>>());
    assert_eq!(model.shown().len(), 100);
    let texts = texts();
    for key in [Key::End, Key::PageUp, Key::Home, Key::PageDown, Key::Up, Key::Down] {
        model.key(key, NOW, &texts, &mut Everywhere);
        let screen = lines(&drawn(&mut model, SIZES[0], Look { colour: false }));
        assert_eq!(screen.matches("> ").count(), 1, "the selected case is in sight: {screen}");
    }
}
