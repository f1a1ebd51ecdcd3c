//! README's walk-through, line by line as a reader types it, with the real programs.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use himaya_tests::binaries::{Home, RelayProcess, binaries};
use himaya_tests::page::{Copied, Which, lines};

const README: &str = include_str!("../../README.md");

/// As it is typed: nothing is set but where the passphrase is.
fn himaya(at: &Path, passphrase: &Path, words: &[String]) -> anyhow::Result<String> {
    let output = Command::new(&binaries()?.himaya)
        .args(words)
        .current_dir(at)
        .env_remove("HIMAYA_HOME")
        .env_remove("HIMAYA_LANG")
        .env("LC_ALL", "C")
        .env("HIMAYA_PASSPHRASE_FILE", passphrase)
        .output()?;
    let out = String::from_utf8(output.stdout)?;
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "himaya {} ended with {}: {out}{err}", words.join(" "), output.status);
    Ok(out)
}

#[test]
fn the_walk_through_works_as_it_is_printed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let reader = Home::new(folder.path(), "reader")?;
    let (_, section) = README.split_once("## A walk-through").context("README has a walk-through")?;
    let mut lines = lines(section).into_iter();

    let init = lines.next().context("a first line")?;
    assert_eq!(
        (init.program.as_str(), init.words.join(" ").as_str()),
        ("himaya-relay", "init relay --listen 127.0.0.1:7443")
    );
    // The same command, on a port that is free here.
    let mut relay = RelayProcess::init(&folder.path().join("relay"))?;
    let serve = lines.next().context("a second line")?;
    assert_eq!((serve.program.as_str(), serve.words.join(" ").as_str()), ("himaya-relay", "serve relay"));
    relay.serve()?;

    let mut copied = Copied::new(relay.link(), &[("", "ID", Which::Last)]);
    let mut last = String::new();
    for line in lines {
        assert_eq!(line.program, "himaya");
        let words: Vec<String> = line.words.iter().map(|word| copied.fill(word)).collect();
        last = himaya(folder.path(), reader.passphrase_file(), &words)?;
        copied.look(&words, &last);
    }
    assert!(last.contains("Sara") && last.contains("acting"), "{last}");
    Ok(())
}
