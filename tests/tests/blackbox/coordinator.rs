//! Every command on the pages for people is one that the program has, with the options that it takes.

use std::path::Path;

use anyhow::{Context as _, ensure};
use himaya_tests::binaries::Home;

/// The lines of a page's blocks of commands, without their comments.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).map(|line| line.split(" # ").next().unwrap_or_default().trim().to_owned());
    lines.filter(|line| line.starts_with("himaya ")).collect()
}

#[test]
fn every_command_for_coordinators_is_one() -> anyhow::Result<()> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/coordinator.md");
    let page = std::fs::read_to_string(page)?;
    let root = tempfile::tempdir()?;
    let home = Home::new(root.path(), "Sara")?;
    let commands = commands(&page);
    ensure!(commands.len() > 25, "{commands:?}");
    for line in commands {
        // Words in quotes are one argument each; what they say does not matter here.
        let plain: String =
            line.split('"').enumerate().map(|(n, part)| if n % 2 == 1 { "TEXT" } else { part }).collect();
        let mut words = plain.split_whitespace().skip(1).peekable();
        let mut command = Vec::new();
        while let Some(word) = words.next_if(|word| word.chars().all(|c| c.is_ascii_lowercase())) {
            command.push(word.to_owned());
        }
        let help = loop {
            let help = home.command(command.iter().map(String::as_str).chain(["--help"])).for_people().run()?;
            if help.code == Some(0) || command.len() <= 1 {
                break help;
            }
            command.pop();
        };
        let help = help.done().with_context(|| line.clone())?.out;
        for option in words.filter(|word| word.starts_with("--")) {
            ensure!(help.contains(option), "{line}: there is no {option}: {help}");
        }
    }
    Ok(())
}
