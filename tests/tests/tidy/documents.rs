//! What the documents say is there, is there: links, files, and the test or measurement behind every claim.
//!
//! A claim is a list item between `<!-- claims -->` and `<!-- end of claims -->`. It ends with what carries it:
//! `` (test: `name`) `` or `` (bench: `name`) ``, several divided by commas. The names are those of test functions, and
//! of benchmarks or of the rows that they write.

use std::collections::BTreeSet;

use super::source::{File, Kind, files, root, sources};

const OPEN: &str = "<!-- claims -->";
const CLOSE: &str = "<!-- end of claims -->";

/// The targets of a document's links, without those that lead out of the project.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

/// A heading as the part of a link after `#`.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    text.lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#'))).collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut seen = 0;
    for document in files(&[".md"]) {
        let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in links(&document.text) {
            seen += 1;
            let (path, part) = link.split_once('#').map_or((link, None), |(path, part)| (path, Some(part)));
            let target = if path.is_empty() { root().join(&document.path) } else { root().join(folder).join(path) };
            assert!(target.exists(), "{} links to {link}", document.path);
            if let Some(part) = part.filter(|_| target.extension().is_some_and(|ending| ending == "md")) {
                let text = std::fs::read_to_string(&target).expect("it exists");
                assert!(anchors(&text).contains(part), "{} links to {link}", document.path);
            }
        }
    }
    assert!(seen > 10);
    assert_eq!(anchor(" 3. The relay, on disk"), "3-the-relay-on-disk");
    assert_eq!(links("[a](b.md#c) [d](https://e.example) `f`"), ["b.md#c"]);
}

/// Paths and files in backticks: `` `docs/protocol.md` ``, `` `.ci/run` ``, `` `server/src/schema.rs` ``.
fn named_files(text: &str) -> Vec<&str> {
    let folders = ["docs/", "protocol/", "server/", "client/", "tests/", "packaging/", ".ci/", ".cargo/"];
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| folders.iter().any(|folder| name.starts_with(folder)))
        .filter(|name| !name.contains(['*', ' ', '<', '{']))
        .collect()
}

#[test]
fn files_that_documents_name_are_there() {
    let mut seen = 0;
    for document in files(&[".md"]) {
        for name in named_files(&document.text) {
            seen += 1;
            assert!(root().join(name).exists(), "{} names {name}", document.path);
        }
    }
    assert!(seen > 10);
    assert_eq!(named_files("see `docs/x.md`, `cargo test` and `tests/*`"), ["docs/x.md"]);
}

/// Every test function of the workspace.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for source in ["protocol/", "server/", "client/", "tests/"].into_iter().flat_map(sources) {
        for at in source.find(&["test"]).into_iter().filter(|&at| {
            let ends = source.reads(at + 1, &["]"]) || source.reads(at + 1, &["("]);
            let begins = source.reads(at.saturating_sub(1), &["["]) || source.reads(at.saturating_sub(1), &["::"]);
            ends && begins
        }) {
            let rest = source.tokens.get(at..).unwrap_or_default();
            let name = rest.iter().skip_while(|token| token.text != "fn").nth(1);
            names.extend(name.filter(|name| name.kind == Kind::Word).map(|name| name.text.clone()));
            // A suite that a macro runs over several engines: its cases are the functions of the file.
            if name.is_some_and(|name| name.text == "$") {
                let cases = source.find(&["async", "fn"]).into_iter().filter_map(|at| source.tokens.get(at + 2));
                names.extend(cases.map(|case| case.text.clone()));
            }
        }
    }
    names
}

/// The text of everything that measures.
fn benches() -> String {
    let measures = |path: &str| path.contains("/benches/");
    files(&[".rs"]).into_iter().filter(|file| measures(&file.path)).map(|file| file.text).collect()
}

fn names_after<'a>(text: &'a str, mark: &str) -> impl Iterator<Item = &'a str> {
    text.split(mark).skip(1).filter_map(|rest| rest.split_once('`')).map(|(name, _)| name)
}

/// The proofs that a text names, as kind and name.
fn proofs(text: &str) -> Vec<(&'static str, &str)> {
    let marks = [("test", "test: `"), ("bench", "bench: `")];
    marks.into_iter().flat_map(|(kind, mark)| names_after(text, mark).map(move |name| (kind, name))).collect()
}

/// The claims of a document, each in one line.
fn claims(document: &File) -> Vec<String> {
    let mut claims: Vec<String> = Vec::new();
    for region in document.text.split(OPEN).skip(1) {
        let (region, _) = region.split_once(CLOSE).unwrap_or_else(|| panic!("{}: claims do not end", document.path));
        for line in region.lines().filter(|line| !line.trim().is_empty()) {
            match (line.strip_prefix("- "), claims.last_mut()) {
                (Some(claim), _) => claims.push(claim.to_owned()),
                (None, Some(claim)) if line.starts_with("  ") => claim.push_str(&format!(" {}", line.trim())),
                _ => panic!("{}: not a claim: {line}", document.path),
            }
        }
    }
    claims
}

#[test]
fn every_claim_names_what_carries_it() {
    let (tests, benches) = (tests(), benches());
    let mut claimed = Vec::new();
    for document in files(&[".md"]) {
        for claim in claims(&document) {
            let proof = claim.rsplit_once(" (").map_or("", |(_, proof)| proof);
            assert!(claim.ends_with("`)") && !proofs(proof).is_empty(), "{}: what carries: {claim}", document.path);
            claimed.push(document.path.clone());
        }
        for (kind, name) in proofs(&document.text) {
            let there = if kind == "test" { tests.contains(name) } else { benches.contains(name) };
            assert!(there, "{} names {kind} {name}, which is not there", document.path);
        }
    }
    for document in ["ARCHITECTURE.md", "README.md", "SECURITY.md"] {
        assert!(claimed.iter().any(|path| path == document), "{document} claims nothing");
    }
}

#[test]
fn this_test_knows_tests_when_it_sees_them() {
    let tests = tests();
    assert!(tests.contains("this_test_knows_tests_when_it_sees_them"));
    assert!(tests.contains("one_of_64_writers_wins"), "a case of the contract suite");
    assert!(!tests.contains("claims") && !tests.contains("root"));
    assert_eq!(proofs("x (test: `a`, bench: `b`)"), [("test", "a"), ("bench", "b")]);
}
