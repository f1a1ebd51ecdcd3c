//! Marks of unfinished or careless work that no lint forbids.

use super::source::{Kind, Source, files, sources};

const LINES_MAX: usize = 600;
/// Written in two halves so that this file does not hold what it looks for.
const UNFINISHED: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("place", "holder")];
/// Folders of one person's machine.
const MACHINES: &[&str] = &["work", "farm", "home", "root", "Users", "mnt"];
const PROSE: &[&str] = &[".rs", ".toml", ".md", ".ftl", ".json", ".txt", ".py", ".sh", "justfile", "run"];
const CODE: [&str; 4] = ["protocol/", "server/", "client/", "tests/"];

fn everywhere() -> impl Iterator<Item = Source> {
    CODE.into_iter().flat_map(sources)
}

/// Whether `text` has `word` as a word of its own.
fn has_word(text: &str, word: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(letter) && !after.is_some_and(letter)
    })
}

/// Whether `line` names a folder of one machine, such as a developer's own.
fn names_machine(line: &str) -> bool {
    MACHINES.iter().any(|folder| {
        line.match_indices(&format!("/{folder}/")).any(|(at, _)| {
            let before = line.get(..at).and_then(|before| before.chars().next_back());
            !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | '}'))
        })
    })
}

#[test]
fn nothing_is_marked_as_unfinished() {
    let mut found = Vec::new();
    for file in files(PROSE) {
        for (n, line) in (1..).zip(file.text.lines()) {
            found.extend(
                UNFINISHED.iter().filter(|mark| has_word(line, mark)).map(|mark| (file.path.clone(), n, *mark)),
            );
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    let macros = ["todo", "unimplemented", "dbg"];
    for source in everywhere() {
        for name in macros {
            let found: Vec<_> = source.find(&[name, "!"]).into_iter().map(|at| source.place(at)).collect();
            assert!(found.is_empty(), "{name}! in {found:?}");
        }
    }
    assert!(has_word("// a mark: it", "mark") && !has_word("remarkable marks", "mark"));
}

#[test]
fn no_file_is_two_things() {
    let long: Vec<_> = files(&[".rs"])
        .into_iter()
        .map(|file| (file.text.lines().count(), file.path))
        .filter(|(lines, _)| *lines > LINES_MAX)
        .collect();
    assert!(long.is_empty(), "over {LINES_MAX} lines: {long:?}");
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    let mut found = Vec::new();
    for file in files(PROSE) {
        let lines = (1..).zip(file.text.lines()).filter(|(_, line)| names_machine(line));
        found.extend(lines.map(|(n, _)| format!("{}:{n}", file.path)));
    }
    assert!(found.is_empty(), "{found:#?}");
    let folder = format!("/{}/", "home");
    assert!(names_machine(&format!("see {folder}x")) && names_machine(&format!("\"{folder}x\"")));
    assert!(!names_machine(&format!("docs{folder}x")) && !names_machine(&format!("{{dir}}{folder}x")));
}

/// Libraries and binaries write through the writer they are given: it alone knows whether a reader is a terminal.
#[test]
fn nothing_prints_around_the_writers() {
    for source in ["protocol/src/", "server/src/", "client/src/", "tests/src/"].into_iter().flat_map(sources) {
        for name in ["print", "println", "eprint", "eprintln"] {
            let found: Vec<_> = source.find(&[name, "!"]).into_iter().map(|at| source.place(at)).collect();
            assert!(found.is_empty(), "{name}! in {found:?}");
        }
    }
}

/// Whoever switches a lint off says why; `expect` is better than `allow`, it ends when its cause ends.
#[test]
fn lints_are_switched_off_with_a_reason() {
    for source in everywhere() {
        for lint in ["allow", "expect"] {
            for at in source.find(&["#", "[", lint, "("]).into_iter().chain(source.find(&["!", "[", lint, "("])) {
                let reason =
                    source.inside(at + 3).iter().any(|token| token.kind == Kind::Word && token.text == "reason");
                assert!(reason, "{lint} in {}", source.place(at));
            }
        }
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let manifests: Vec<_> = files(&["Cargo.toml"]).into_iter().filter(|file| file.path != "Cargo.toml").collect();
    assert_eq!(manifests.len(), 4);
    for manifest in manifests {
        assert!(manifest.text.contains("\n[lints]\nworkspace = true\n"), "{}", manifest.path);
    }
}

/// A test that never runs proves nothing: what cannot run everywhere looks for what it needs and says when it skips.
#[test]
fn no_test_is_switched_off() {
    for source in everywhere() {
        let found: Vec<_> = source.find(&["#", "[", "ignore"]).into_iter().map(|at| source.place(at)).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}
