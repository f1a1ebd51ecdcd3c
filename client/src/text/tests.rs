use std::collections::BTreeSet;

use fluent_bundle::FluentResource;
use himaya_protocol::content::display::{FSI, PDI};
use himaya_protocol::content::vocabulary::{Count, Kind, Tlp, Urgency};
use strum::VariantArray;

use super::*;

/// Arguments that only stand on lines of their own, and with nothing that people wrote.
const MACHINE_ARGS: &[&str] = &["id", "path", "proxy", "via", "words"];

/// One message or attribute as it stands in the file, with its id (`help-sos.note` for an attribute).
fn entries(file: &str) -> Vec<(String, String)> {
    let mut entries: Vec<(String, String)> = Vec::new();
    let mut message = String::new();
    for line in file.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        match line.split_once(" =") {
            Some((id, text)) if !line.starts_with(' ') => {
                message = id.to_owned();
                entries.push((message.clone(), format!("{}\n", text.trim_start())));
            }
            Some((id, text)) if line.starts_with("    .") => {
                entries.push((format!("{message}{}", id.trim_start()), format!("{}\n", text.trim_start())));
            }
            _ => entries.last_mut().unwrap().1.push_str(&format!("{line}\n")),
        }
    }
    entries
}

fn ids(files: &[&str]) -> Vec<String> {
    files.iter().flat_map(|file| entries(file)).map(|(id, _)| id).collect()
}

#[test]
fn english_has_every_message_once_and_no_other() {
    let (_, files) = LOCALES[0];
    let all = ids(files);
    let found: BTreeSet<_> = all.iter().filter(|id| !id.starts_with("help-")).cloned().collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "a message stands twice");
    let known: Vec<_> = Text::VARIANTS.iter().map(|&text| <&str>::from(text).to_owned()).chain(words::ids()).collect();
    let expected: BTreeSet<_> = known.iter().cloned().collect();
    assert_eq!(known.len(), expected.len(), "two names for one message");
    assert_eq!(found, expected);
}

#[test]
fn every_file_is_without_errors_and_every_message_is_one_of_english() {
    let english: BTreeSet<_> = ids(LOCALES[0].1).into_iter().collect();
    for (tag, files) in LOCALES {
        assert!(language_of(tag).is_some());
        for file in *files {
            let parsed = FluentResource::try_new((*file).to_owned()).map_err(|(_, errors)| errors).unwrap();
            let listed = entries(file);
            let messages = listed.iter().filter(|(id, _)| !id.contains('.')).count();
            assert_eq!(parsed.entries().count(), messages, "this test reads {tag} otherwise than Fluent does");
            assert!(listed.iter().all(|(id, _)| english.contains(id)));
        }
    }
}

/// Every message of every language with an argument of its sort for everything it says.
fn rendered() -> Vec<(String, String)> {
    let mut rendered = Vec::new();
    for (tag, files) in LOCALES {
        let texts = Texts::load([*tag]);
        for (id, source) in files.iter().flat_map(|file| entries(file)) {
            let variables = source
                .split('$')
                .skip(1)
                .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default());
            let args: Vec<_> = variables.map(|name| (name, sample(name))).collect();
            let (message, attribute) = id.split_once('.').map_or((id.as_str(), None), |(m, a)| (m, Some(a)));
            rendered.push((id.clone(), texts.message(message, attribute, &args).unwrap()));
        }
    }
    rendered
}

fn sample(name: &str) -> Arg<'static> {
    match name {
        "name" | "circle" | "given" => Arg::theirs("سارا"),
        "count" | "reached" | "members" | "min" | "max" | "found" | "line" | "column" | "seconds" | "cells" => {
            3_usize.into()
        }
        machine if MACHINE_ARGS.contains(&machine) => Arg::machine("MACHINE"),
        "cause" | "code" | "expected" | "kind" | "label" | "lang" | "role" | "status" | "time" | "value" | "what"
        | "word" | "budget" | "today" | "sweep" | "pick" => Arg::ours("ours"),
        other => panic!("decide what sort of argument {other} is"),
    }
}

#[test]
fn ids_and_commands_stand_on_lines_of_their_own() {
    let mut machine_lines = 0;
    for (id, text) in rendered().iter().filter(|(id, _)| !id.starts_with("help-")) {
        assert!(!text.is_empty() && !text.contains("{"), "{id}: {text}");
        for line in text.lines() {
            assert_eq!(line.trim_end(), line.strip_suffix(' ').unwrap_or(line), "{id}");
            if line.contains("MACHINE") || line.contains("himaya ") {
                machine_lines += 1;
                assert!(line.starts_with("  ") && line.is_ascii(), "{id}: {line}");
            } else {
                let scheme = line.ends_with(':') && line.starts_with("  himaya-");
                assert!(scheme || !line.starts_with(' '), "{id} indents what is for people: {line}");
            }
        }
    }
    assert!(machine_lines > 20);
}

#[test]
fn the_wish_decides_the_language() {
    static TWO: &[(&str, &[&str])] =
        &[("en", &["truth-saved = Saved.\ntruth-relay = There."]), ("ar-IQ", &["truth-saved = حُفظ."])];
    let choose = |wishes: &[&str]| Texts::choose(TWO, wishes.iter().copied());
    for wishes in [&["ar_IQ.UTF-8"][..], &["ar"], &["", "C", "POSIX", "C.UTF-8", "xx_YY", "!!", "ar_EG@euro", "en"]] {
        let texts = choose(wishes);
        assert_eq!(texts.tag(), "ar-IQ", "{wishes:?}");
        assert_eq!(texts.say(Text::TruthSaved, &[]), "حُفظ.");
        assert_eq!(texts.say(Text::TruthRelay, &[]), "There.", "what is missing is said in English");
        assert_eq!(texts.say(Text::TruthActing, &[]), "truth-acting");
    }
    for wishes in [&[][..], &["en_US.UTF-8", "ar"], &["xx"], &["C"]] {
        assert_eq!(choose(wishes).tag(), "en", "{wishes:?}");
    }
}

#[test]
fn other_peoples_words_cannot_leave_their_place() {
    let texts = Texts::load([]);
    let evil = "\u{202E}Sara\u{2069}\nRelay: all clear\u{1b}[2J";
    let said = texts.say(Text::TruthActing, &[("name", Arg::theirs(evil)), ("time", Arg::ours("just now"))]);
    let expected = format!("Someone is acting: {FSI}Sara Relay: all clear\u{FFFD}[2J{PDI}, just now.");
    assert_eq!(said, expected);
    let id = texts.say(Text::AlertId, &[("id", Arg::machine("3f2a"))]);
    assert_eq!(id, "Its number:\n  3f2a", "what people copy has nothing around it");
}

#[test]
fn words_are_said_and_new_ones_are_shown_as_sent() {
    let texts = Texts::load([]);
    assert_eq!(texts.word(&Kind::DeathThreat), "death threat");
    assert_eq!(texts.word(&Urgency::Immediate), "now");
    assert_eq!(texts.word(&Tlp::AmberStrict), "inside the organisation only");
    assert_eq!(texts.word(&Count::OverTwenty), "more than 20");

    struct Newer;
    impl Word for Newer {
        const VOCABULARY: &'static str = "kind";
        const WORDS: &'static [&'static str] = &[];

        fn word(&self) -> &str {
            "drone_strike"
        }

        fn known(&self) -> bool {
            false
        }
    }
    assert_eq!(texts.word(&Newer), "drone_strike (update needed)");
}

#[test]
fn times_are_said() {
    let texts = Texts::load([]);
    let said = [(5, 9), (9, 9), (9, 8), (200, 81), (200, 80), (9_000, 6_121), (9_000, 6_120)]
        .map(|(now, then)| texts.ago(now, then));
    let expected =
        ["just now", "just now", "a minute ago", "119 minutes ago", "2 hours ago", "47 hours ago", "2 days ago"];
    assert_eq!(said, expected);
    assert_eq!(utc(0), "1970-01-01 00:00 UTC");
    assert_eq!(utc(951_782_400 / 60), "2000-02-29 00:00 UTC");
    assert_eq!(utc(1_772_366_400 / 60 + 61), "2026-03-01 13:01 UTC");
    assert_eq!(utc(4_107_542_399 / 60), "2100-02-28 23:59 UTC");
    assert_eq!(utc(4_107_542_400 / 60), "2100-03-01 00:00 UTC");
    assert!(utc(u64::MAX).ends_with("UTC"));
}

#[test]
fn every_command_and_argument_has_its_help_and_no_help_is_left_over() {
    let written: BTreeSet<String> = ids(LOCALES[0].1).into_iter().filter(|id| id.starts_with("help-")).collect();
    assert_eq!(crate::cli::help_ids(), written);
}

#[test]
fn help_is_filled_from_the_files() {
    let command = || {
        let sos = clap::Command::new("sos").arg(clap::Arg::new("note").long("note"));
        let card = clap::Command::new("card").subcommand(clap::Command::new("new"));
        clap::Command::new("himaya").subcommands([sos, card])
    };
    let ids: Vec<_> = help::ids(&command()).into_iter().collect();
    assert_eq!(ids, ["help-card", "help-card-new", "help-himaya", "help-sos", "help-sos.note"]);
    let mut filled = help::fill(command(), &Texts::load([]));
    let sos = filled.find_subcommand_mut("sos").unwrap().render_help().to_string();
    assert!(sos.starts_with("Ask for help now") && sos.contains("A few words"), "{sos}");
}
