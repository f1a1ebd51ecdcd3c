//! The board in a real terminal: with the real programs, over a real relay, read off the screen as a person reads it.
#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails")]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use himaya_tests::binaries::{Home, RelayProcess, Tmux, binaries, string, until};
use serde_json::Value;
use tempfile::TempDir;

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (140, 50);

/// A relay, a desk of two coordinators, Sara with a line to it, and Rojin, who has a place, with a link.
struct Scene {
    // Before the folder, so that the relay has ended when the folder goes.
    _relay: RelayProcess,
    sara: Home,
    dilan: Home,
    amina: Home,
    rojin: Home,
    root: TempDir,
}

impl Scene {
    fn new() -> anyhow::Result<Self> {
        let root = tempfile::tempdir()?;
        let mut relay = RelayProcess::init(&root.path().join("relay"))?;
        relay.serve()?;
        let person = |name| Home::found(root.path(), name, relay.link());
        let (sara, dilan, amina, rojin) = (person("Sara")?, person("Dilan")?, person("Amina")?, person("Rojin")?);
        dilan.done(["desk", "new", "Night desk"])?;
        dilan.befriend(&amina, "Night desk", "coordinator")?;
        // What a desk's members offer each other travels when nothing else has to.
        for home in [&amina, &dilan, &amina] {
            home.run(["sync"])?.done()?;
        }
        for (home, as_what) in [(&sara, "--line"), (&rojin, "--host")] {
            let card = dilan.done(["card", "new", "--intake"])?;
            home.done(["card", "accept", string(&card, "card")?])?;
            let request = dilan.list(["requests"])?.pop().context("the request came")?;
            dilan.done(["approve", &request["id"].to_string(), as_what])?;
        }
        for home in [&sara, &rojin, &dilan, &amina, &sara, &rojin, &dilan] {
            home.run(["sync"])?.done()?;
        }
        Ok(Self { _relay: relay, sara, dilan, amina, rojin, root })
    }

    /// Sara raises an alert; its id.
    fn alert(&self, kind: &str) -> anyhow::Result<String> {
        let raised = self.sara.done(["sos", kind])?;
        let alert = raised.get("alerts").and_then(Value::as_array).and_then(|alerts| alerts.first());
        Ok(string(alert.context("an alert was raised")?, "id")?.to_owned())
    }

    /// A case as somebody's device has it, once it is as it has to be there.
    fn case(&self, home: &Home, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        until(what, || {
            home.run(["sync"])?.done()?;
            let case = home.done(["case", "show", id])?;
            Ok(wanted(&case).then_some(case))
        })
    }
}

/// Somebody's board in a terminal, with the line up.
fn open(home: &Home, size: (u16, u16), words: &[&str]) -> anyhow::Result<Tmux> {
    let (folder, passphrase) = (home.folder().to_string_lossy(), home.passphrase_file().to_string_lossy());
    let mut all = vec!["--home", &folder, "--passphrase-file", &passphrase, "--lang", "en", "board"];
    all.extend(words);
    let board = Tmux::start(size, &binaries()?.himaya, &all, &[("NO_COLOR", "1")])?;
    board
        .shows_that("the line to be up", |screen| screen.contains("? help") && !screen.contains("line to the relay"))?;
    Ok(board)
}

/// A screen without what another run has otherwise: ids, countdowns, ages.
fn still(screen: &str, ids: &[&str]) -> String {
    let mut still = screen.replace("a minute ago", "just now");
    for minutes in 2..10 {
        still = still.replace(&format!("{minutes} minutes ago"), "just now");
    }
    for id in ids {
        still = still.replace(&id[..8], "########");
    }
    let clock = |word: &str| {
        let (hours, minutes) = word.split_once(':')?;
        let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        (digits(hours) && digits(minutes)).then(|| "#:##".to_owned())
    };
    let age = |word: &str| {
        let digits = word.strip_suffix('m')?;
        (!digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()))
            .then(|| format!("{}m", "#".repeat(digits.len())))
    };
    let line = |line: &str| {
        let words: Vec<String> =
            line.split(' ').map(|word| clock(word).or_else(|| age(word)).unwrap_or_else(|| word.to_owned())).collect();
        words.join(" ").trim_end().to_owned() + "\n"
    };
    still.lines().map(line).collect()
}

/// Waits until the whole screen is as in `screens/board-NAME-WIDTHxHEIGHT.txt`.
///
/// After a wanted change, `HIMAYA_UPDATE_SCREENS=1 cargo test -p himaya-tests --test board` writes the files anew; look at
/// the difference before it is committed.
fn held_to(board: &Tmux, name: &str, (width, height): (u16, u16), ids: &[&str]) -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens");
    let path = folder.join(format!("board-{name}-{width}x{height}.txt"));
    if std::env::var_os("HIMAYA_UPDATE_SCREENS").is_some() {
        std::fs::create_dir_all(&folder)?;
        std::fs::write(&path, still(&board.visible()?, ids))?;
    }
    let expected = std::fs::read_to_string(&path)?;
    let mut last = String::new();
    let found = until(name, || {
        last = still(&board.visible()?, ids);
        Ok((last == expected).then_some(()))
    });
    found.with_context(|| format!("{} says\n{expected}\nand the screen was\n{last}", path.display()))
}

/// Says that a test proved nothing here. `HIMAYA_NO_SKIP` forbids it.
fn skips(test: &str) -> anyhow::Result<bool> {
    if Tmux::is_here() {
        return Ok(false);
    }
    ensure!(std::env::var_os("HIMAYA_NO_SKIP").is_none(), "{test} cannot run here: no tmux");
    writeln!(std::io::stderr(), "SKIPPED {test}: no tmux")?;
    Ok(true)
}

#[test]
fn a_case_is_worked_on_at_the_board() -> anyhow::Result<()> {
    if skips("a_case_is_worked_on_at_the_board")? {
        return Ok(());
    }
    let scene = Scene::new()?;
    let board = open(&scene.dilan, SMALL, &[])?;
    board.shows(&["No open case"])?;

    // It comes by itself, and is opened.
    let arrest = scene.alert("arrest")?;
    let screen = board.shows(&["> P1", "ack 0:", "new", "arrest", "nobody leads", "Open P1: 1"])?;
    ensure!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    board.shows_that("the line to be up", |screen| !screen.contains("line to the relay"))?;
    held_to(&board, "new", SMALL, &[])?;
    board.press("Enter")?;
    board.shows(&["Number of this case", &arrest[..8], "Defender: Sara", "Alert: arrest"])?;
    held_to(&board, "opened", SMALL, &[&arrest])?;
    board.press("Escape")?;

    // Nobody can take it yet; the board says why.
    board.type_in("t")?;
    board.shows(&["no coordinator has answered yet"])?;

    // What is undone is not written; what is not undone is.
    board.type_in("a")?;
    board.shows(&["Acknowledge. Sent in"])?;
    board.type_in("u")?;
    board.shows(&["Undone: Acknowledge"])?;
    board.type_in("a")?;
    board.shows(&["Acknowledge: saved, and on its way", "answered"])?;
    scene.case(&scene.sara, &arrest, "Sara to hear of it", |case| case["status"] == "ACKED")?;

    // A priority takes a reason, and then it can be taken.
    board.type_in("1")?;
    board.shows(&["Why?"])?;
    board.type_in("the police was seen")?;
    board.press("Enter")?;
    board.shows(&["Priority P1. Sent in"])?;
    board.type_in("t")?;
    board.shows(&["active", "you"])?;
    scene.case(&scene.amina, &arrest, "Amina to see who leads", |case| {
        case["status"] == "ACTIVE" && case["lead"] == "Dilan"
    })?;

    // The same on a large screen, in one line.
    board.resize(LARGE)?;
    board.shows_that("a case to take one line", |screen| {
        screen.lines().any(|line| line.contains("> P1") && line.contains("active") && line.ends_with("you"))
    })?;
    board.shows(&["Take the lead: saved"])?;
    held_to(&board, "taken", LARGE, &[])?;
    board.type_in("h")?;
    board.shows(&["Hand over to whom", "1  Amina"])?;
    board.type_in("1")?;
    board.shows(&["asked: Amina"])?;
    scene.case(&scene.amina, &arrest, "Amina to be asked", |case| case["lead"] == "Amina")?;

    // Amina says yes at hers.
    let hers = open(&scene.amina, LARGE, &[])?;
    hers.shows(&["asked: you"])?;
    hers.type_in("t")?;
    hers.shows(&["Accept the lead. Sent in"])?;
    board.shows_that("the lead to be hers", |screen| screen.contains("Amina") && !screen.contains("asked:"))?;
    board.press("Enter")?;
    board.shows(&["What happened, newest first", "lead, accepted"])?;
    held_to(&board, "handed-over", LARGE, &[&arrest])?;
    for board in [&board, &hers] {
        board.type_in("q")?;
        board.shows(&["The board is closed"])?;
    }
    Ok(())
}

/// From the request for a bed to the host's device, without leaving the board.
#[test]
fn a_place_is_proposed_at_the_board() -> anyhow::Result<()> {
    if skips("a_place_is_proposed_at_the_board")? {
        return Ok(());
    }
    let scene = Scene::new()?;
    scene.rojin.done(["offer", "new", "IQ-SU", "--slots", "2", "--has", "step_free"])?;
    scene.dilan.run(["sync"])?.done()?;
    let board = open(&scene.dilan, SMALL, &[])?;
    board.shows(&["Free places: 2"])?;
    let asked = scene.sara.done(["need", "shelter", "tonight", "--needs", "step_free"])?;
    let request = string(&asked, "id")?.to_owned();
    board.shows(&["> P2", "shelter"])?;
    board.type_in("m")?;
    board.shows(&["Which place is proposed to its host?", "1  IQ-SU"])?;
    held_to(&board, "places", SMALL, &[])?;
    board.type_in("1")?;
    board.shows(&["Propose a place to its host. Sent in"])?;
    board.shows(&["Propose a place to its host: saved, and on its way"])?;
    let proposed = until("the host to be asked", || {
        scene.rojin.run(["sync"])?.done()?;
        Ok(scene.rojin.list(["shelter", "list"])?.pop())
    })?;
    ensure!(proposed["stage"] == "proposed" && proposed["request"] == request.as_str(), "{proposed}");
    // Without a consent nothing is passed on.
    board.type_in("f")?;
    board.shows(&["no consent to a referral stands"])?;
    board.resize(LARGE)?;
    board.press("Enter")?;
    board.shows(&["Match: proposed"])?;
    held_to(&board, "proposed", LARGE, &[&request])?;
    Ok(())
}

/// A program that writes down what it was run with.
fn hook(root: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let (program, told) = (root.join("hook"), root.join("told"));
    std::fs::write(&program, format!("#!/bin/sh\necho \"$*\" >>'{}'\n", told.display()))?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700))?;
    Ok((program, told))
}

#[test]
fn new_cases_wait_behind_a_banner_and_a_hook_is_told() -> anyhow::Result<()> {
    if skips("new_cases_wait_behind_a_banner_and_a_hook_is_told")? {
        return Ok(());
    }
    let scene = Scene::new()?;
    let first = scene.alert("followed")?;
    scene.case(&scene.dilan, &first, "the first case", |case| case["status"] == "NEW")?;
    let (program, told) = hook(scene.root.path())?;
    let board = open(&scene.dilan, LARGE, &["--hook", &program.to_string_lossy()])?;
    board.shows(&["> P"])?;

    // Half a sentence survives the end of the board.
    board.type_in("rWe are")?;
    board.shows(&["> We are"])?;
    board.press("Escape")?;
    board.type_in("q")?;
    board.shows(&["The board is closed"])?;
    drop(board);
    let board = open(&scene.dilan, LARGE, &["--hook", &program.to_string_lossy()])?;

    let second = scene.alert("arrest")?;
    board.shows(&["One new case waits, P1: 1"])?;
    until("the hook to be run", || {
        let lines = std::fs::read_to_string(&told).unwrap_or_default();
        Ok((lines.lines().collect::<Vec<_>>() == [format!("p1 {}", &second[..8])]).then_some(()))
    })?;
    board.type_in("r")?;
    board.shows(&["> We are"])?;
    board.type_in(" on the way")?;
    board.press("Enter")?;
    board.shows(&["Reply to the defender's case. Sent in"])?;
    // Leaving asks; s sends.
    board.type_in("q")?;
    board.shows(&["One action is not sent yet"])?;
    board.type_in("s")?;
    board.shows(&["The board is closed"])?;
    scene.case(&scene.sara, &first, "the reply", |case| case["events"].to_string().contains("We are on the way"))?;
    Ok(())
}
