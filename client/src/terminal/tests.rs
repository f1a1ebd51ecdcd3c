use std::fs;
use std::path::Path;

use himaya_protocol::content::display::{FSI, PDI};
use himaya_protocol::wire::link::RelayLink;
use proptest::prelude::*;
use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

use super::*;

fn printed(write: impl FnOnce(&mut Screen<Vec<u8>>) -> Result<(), TerminalError>) -> String {
    let mut screen = Screen::new(Vec::new());
    write(&mut screen).unwrap();
    String::from_utf8(screen.into_inner()).unwrap()
}

#[test]
fn quotes_are_isolated_line_by_line() {
    let text = "نحن هنا\u{202E}\r\nred \u{1b}[31m";
    assert_eq!(printed(|s| s.quote(text)), format!("  {FSI}نحن هنا{PDI}\n  {FSI}red \u{FFFD}[31m{PDI}\n"));
}

#[test]
fn ids_have_nothing_around_them() {
    assert_eq!(printed(|s| s.machine("3f\u{2068}2a\u{7}")), "  3f2a\u{FFFD}\n");
}

#[test]
fn our_texts_keep_their_isolates_and_lines() {
    let text = format!("From {FSI}Sara{PDI}:\n\n  himaya sync\u{1b}[2J\u{202E}");
    let safe = format!("From {FSI}Sara{PDI}:\n\n  himaya sync\u{FFFD}[2J\n");
    assert_eq!(printed(|s| s.say(&text)), safe);
    assert_eq!(printed(|s| s.detail("a\n\nb")), "  a\n\n  b\n");
    assert_eq!(printed(|s| s.gap()), "\n");
}

proptest! {
    #[test]
    fn nothing_reaches_the_terminal_that_moves_or_hides(text: String) {
        let all = [
            printed(|s| s.say(&text)), printed(|s| s.quote(&text)), printed(|s| s.machine(&text)),
            printed(|s| s.detail(&text)),
        ];
        for shown in all {
            let harmful = |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{202A}'..='\u{202E}'));
            prop_assert!(!shown.contains(harmful), "{shown:?}");
        }
    }

    #[test]
    fn json_is_one_safe_line_and_keeps_every_character(text: String) {
        let mut lines = JsonLines::new(Vec::new());
        lines.write(&[&text]).unwrap();
        let line = String::from_utf8(lines.into_inner()).unwrap();
        let (line, end) = line.split_at(line.len() - 1);
        prop_assert_eq!(end, "\n");
        let harmful = |c: char| c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        prop_assert!(!line.contains(harmful));
        prop_assert_eq!(serde_json::from_str::<Vec<String>>(line).unwrap(), [text]);
    }
}

#[test]
fn json_escapes_what_terminals_obey() {
    let mut lines = JsonLines::new(Vec::new());
    lines.write(&["سلام\u{202E}\u{9b}\u{E0041}\n"]).unwrap();
    let line = String::from_utf8(lines.into_inner()).unwrap();
    assert_eq!(line, "[\"سلام\\u202e\\u009b\\udb40\\udc41\\n\"]\n");
}

/// The modules of a drawn code, quiet zone included, true for lit in the foreground colour.
fn modules(drawn: &str) -> Vec<Vec<bool>> {
    let rows = drawn.lines().flat_map(|line| {
        let half = |letters: &'static [char]| line.chars().map(move |c| letters.contains(&c)).collect();
        [half(&['█', '▀']), half(&['█', '▄'])]
    });
    rows.collect()
}

#[test]
fn a_drawn_code_is_the_code() {
    const QUIET: usize = 4;
    let text = RelayLink::new("relay.example.org:7443", [7; 32]).unwrap().to_string();
    let code = QrCode::with_error_correction_level(text.to_ascii_uppercase(), EcLevel::L).unwrap();
    assert!(text.to_ascii_uppercase().parse::<RelayLink>().is_ok(), "the code's upper case is read back");
    let plain = draw(&text, Ground::Plain).unwrap();
    let terminal = draw(&text, Ground::Terminal).unwrap();
    assert!(terminal.lines().all(|line| line.starts_with("\u{1b}[30;107m") && line.ends_with("\u{1b}[0m")));
    let terminal = terminal.replace("\u{1b}[30;107m", "").replace("\u{1b}[0m", "");
    let (plain, terminal) = (modules(&plain), modules(&terminal));
    let size = code.width() + 2 * QUIET;
    for (y, x) in (0..size).flat_map(|y| (0..size).map(move |x| (y, x))) {
        let inside = (QUIET..QUIET + code.width()).contains(&x) && (QUIET..QUIET + code.width()).contains(&y);
        let dark = inside && code[(x - QUIET, y - QUIET)] == Color::Dark;
        assert_eq!((terminal[y][x], plain[y][x]), (dark, !dark), "module {x}, {y}");
    }
    assert!(matches!(draw(&"A".repeat(5_000), Ground::Plain), Err(TerminalError::QrTooLong)));
}

#[test]
fn a_new_passphrase_is_typed_twice() {
    let typed = |words: [&'static str; 2]| {
        let mut words = words.into_iter();
        ask_new(move |_| Ok(Zeroizing::new(words.next().unwrap().to_owned())), "New:", "Again:")
    };
    assert_eq!(typed(["one two", "one two"]).unwrap().as_str(), "one two");
    assert!(matches!(typed(["one two", "one twо"]), Err(TerminalError::Differs)));
    let no_terminal = ask(|_| Err(io::ErrorKind::NotFound.into()), "Passphrase:");
    assert!(matches!(no_terminal, Err(TerminalError::NoTerminal)));
}

fn write(path: &Path, bytes: &[u8], mode: u32) {
    fs::write(path, bytes).unwrap();
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn a_passphrase_file_gives_its_first_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passphrase");
    let longest = "x".repeat(PASSPHRASE_MAX);
    for (bytes, expected) in [
        ("one two", "one two"),
        ("one two\n", "one two"),
        ("one two\r\nthree", "one two"),
        (" spaces count \n\n", " spaces count "),
        ("كلمة السر\n", "كلمة السر"),
        (&format!("{longest}\r\n"), &longest),
    ] {
        write(&path, bytes.as_bytes(), 0o600);
        assert_eq!(read_file(&path).unwrap().as_str(), expected);
    }
    for bytes in [&b""[..], b"\n", b"\r\nsecond", b"\xff\xfe", "x".repeat(PASSPHRASE_MAX + 1).as_bytes()] {
        write(&path, bytes, 0o400);
        assert!(matches!(read_file(&path), Err(TerminalError::FileBad(_))));
        fs::remove_file(&path).unwrap();
    }
    assert!(matches!(read_file(&path), Err(TerminalError::FileUnreadable { .. })));
    assert!(matches!(read_file(folder.path()), Err(TerminalError::FileOpen(_) | TerminalError::FileUnreadable { .. })));
}

#[cfg(unix)]
#[test]
fn a_passphrase_file_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passphrase");
    for mode in [0o644, 0o640, 0o604, 0o620, 0o602, 0o610] {
        write(&path, b"one two\n", mode);
        assert!(matches!(read_file(&path), Err(TerminalError::FileOpen(found)) if found == path), "{mode:o}");
    }
}
