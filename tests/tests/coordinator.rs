//! docs/coordinator.md, line by line as a new coordinator types it, with the real programs.

use anyhow::ensure;
use himaya_tests::binaries::RelayProcess;
use himaya_tests::page::{Copied, Reader, Which, lines};

const PAGE: &str = include_str!("../../docs/coordinator.md");
/// Where a reader finds what stands in capitals.
const COPIED: &[(&str, &str, Which)] = &[
    ("case list", "CASE", Which::First),
    ("case list", "REQUEST", Which::Last),
    ("shelter search", "OFFER", Which::First),
    ("shelter list", "MATCH", Which::Last),
    ("consent list", "CONSENT", Which::Last),
    ("referrals", "REFERRAL", Which::Last),
    ("case show", "DECISION", Which::Second),
];
/// The key of the example in the specification of age.
const KEY: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
const TYPED: &[(&str, &str)] = &[("board", "q"), ("export", "export\n")];

#[test]
fn the_coordinators_page_works_as_it_is_printed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut relay = RelayProcess::init(&folder.path().join("relay"))?;
    relay.serve()?;
    let mut copied = Copied::new(relay.link(), COPIED);
    copied.put("KEY", KEY);
    let mut reader = Reader::new(folder.path(), "sara", copied, TYPED);
    let lines = lines(PAGE);
    ensure!(lines.len() > 80, "the page has its commands: {}", lines.len());
    for line in &lines {
        let answer = reader.types(line)?;
        let (who, words) = (line.who.as_deref(), line.words.join(" "));
        let expected = match (who, words.as_str()) {
            (Some("nora"), "sync") | (Some("dilan"), "sync") => "You are now in",
            (Some("dilan"), "drill raid") => "EXERCISE",
            (Some("dilan"), "st") => "A person answered",
            (None, "board") => "The board is closed",
            (None, "shelter search REQUEST") => "It fits.",
            (_, "shelter note REQUEST") => "the bench by the north gate",
            (None, "consent list CASE") => "may have this for a referral",
            (None, "referrals") => "accepted",
            (Some("nino"), "referrals") => "arrest",
            (None, "checkin list") => "Check-ins of",
            (_, "case show CASE") => {
                let [alert, answer, decision] =
                    ["Alert: arrest", "\nRead\n", "Decision: P1"].map(|said| answer.out.find(said));
                ensure!(alert.is_some() && alert < answer && answer < decision, "not in order: {words}");
                continue;
            }
            (None, "stats") => "No case has ended that may be counted.",
            (None, "desk tell The office is closed on Thursday") => "One defender is told.",
            _ => continue,
        };
        ensure!(answer.out.contains(expected), "himaya {words} does not say {expected:?}: {}", answer.out);
        ensure!(
            !words.starts_with("referrals") || !answer.out.contains("the mill"),
            "more than was shared: {}",
            answer.out
        );
    }
    ensure!(folder.path().join("case.age").exists());
    Ok(())
}
