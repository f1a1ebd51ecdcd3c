//! README's walk-through, line by line as a reader types it, with the real programs.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use himaya_tests::binaries::{RelayProcess, binaries};

const README: &str = include_str!("../../README.md");

/// The commands of the walk-through, without their comments.
fn lines() -> anyhow::Result<Vec<Vec<String>>> {
    let (_, section) = README.split_once("## A walk-through").context("README has a walk-through")?;
    let (_, block) = section.split_once("```sh\n").context("it has a block of commands")?;
    let (block, _) = block.split_once("```").context("the block ends")?;
    Ok(block.lines().map(|line| words(line.split_once(" # ").map_or(line, |(line, _)| line))).collect())
}

/// Words as a shell divides them; quotes keep what is between them together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (n, part) in line.split('"').enumerate() {
        if n % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// What a reader copies out of what was printed.
#[derive(Default)]
struct Copied {
    link: String,
    card: String,
    id: String,
}

impl Copied {
    /// Puts in what the reader copied.
    fn fill(&self, word: &str) -> String {
        match word {
            "LINK" => self.link.clone(),
            "CARD" => self.card.clone(),
            "ID" => self.id.clone(),
            word => word.to_owned(),
        }
    }

    fn look(&mut self, printed: &str) {
        for word in printed.split_whitespace() {
            if word.starts_with("himaya-card:") {
                word.clone_into(&mut self.card);
            }
            if word.len() >= 8 && word.bytes().all(|b| b.is_ascii_hexdigit()) {
                word.clone_into(&mut self.id);
            }
        }
    }
}

fn himaya(at: &Path, words: &[String]) -> anyhow::Result<String> {
    let output = Command::new(&binaries()?.himaya)
        .args(words)
        .current_dir(at)
        .env_remove("HIMAYA_HOME")
        .env_remove("HIMAYA_LANG")
        .env("LC_ALL", "C")
        .env("HIMAYA_PASSPHRASE_FILE", at.join("passphrase"))
        .output()?;
    let out = String::from_utf8(output.stdout)?;
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "himaya {} ended with {}: {out}{err}", words.join(" "), output.status);
    Ok(out)
}

#[test]
fn the_walk_through_works_as_it_is_printed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("passphrase"), "six words that nobody else knows\n")?;
    set_private(&folder.path().join("passphrase"))?;
    let mut lines = lines()?.into_iter();

    let init = lines.next().context("a first line")?;
    assert_eq!(init, ["himaya-relay", "init", "relay", "--listen", "127.0.0.1:7443"]);
    // The same command, on a port that is free here.
    let mut relay = RelayProcess::init(&folder.path().join("relay"))?;
    assert_eq!(lines.next().context("a second line")?, ["himaya-relay", "serve", "relay"]);
    relay.serve()?;

    let mut copied = Copied { link: relay.link().to_owned(), ..Copied::default() };
    let mut last = String::new();
    for line in lines {
        let (program, words) = line.split_first().context("no empty lines")?;
        assert_eq!(program, "himaya");
        let words: Vec<String> = words.iter().map(|word| copied.fill(word)).collect();
        last = himaya(folder.path(), &words)?;
        copied.look(&last);
    }
    assert!(last.contains("Sara") && last.contains("acting"), "{last}");
    Ok(())
}

fn set_private(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?)
}
