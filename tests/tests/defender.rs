//! docs/defender.md, line by line as a new user types it, with the real programs.

use anyhow::ensure;
use himaya_tests::binaries::RelayProcess;
use himaya_tests::page::{Copied, Reader, Which, lines};

const PAGE: &str = include_str!("../../docs/defender.md");
/// Numbers are those of the last alert, and of the last check-ins.
const COPIED: &[(&str, &str, Which)] = &[("", "ID", Which::Last), ("checkin", "PLAN", Which::Last)];
/// The one command that asks; Enter alone takes the first answer of each question.
const TYPED: &[(&str, &str)] = &[("alert", "\n\n\n\n")];

#[test]
fn the_defenders_page_works_as_it_is_printed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let mut relay = RelayProcess::init(&at.join("relay"))?;
    relay.serve()?;
    std::fs::write(at.join("plan.txt"), "the road to the north\n")?;
    let mut reader = Reader::new(at, "dilan", Copied::new(relay.link(), COPIED), TYPED);
    let lines = lines(PAGE);
    ensure!(lines.len() > 25, "the page has its commands: {lines:?}");
    for (number, line) in lines.iter().enumerate() {
        let answer = reader.types(line)?;
        let words = line.words.join(" ");
        let expected = match (line.who.as_deref(), words.as_str()) {
            (_, "sos") => "The relay has it.",
            (_, "drill raid") => "EXERCISE",
            (Some("sara"), "inbox") if number < 15 => "EXERCISE",
            (None, "st") if number < 15 => "Someone is acting",
            (_, "alert") => "is queued",
            (None, "ok") => "The relay has it.",
            (Some("sara"), "checkin list") => "Check-ins of",
            (_, "st") => "Last in touch",
            _ => continue,
        };
        ensure!(answer.out.contains(expected), "himaya {words} does not say {expected:?}: {}", answer.out);
        ensure!(!answer.out.contains("the road to the north"), "what is sealed is shown: {}", answer.out);
    }
    ensure!(at.join("pages/himaya-sos.1").exists());
    Ok(())
}
