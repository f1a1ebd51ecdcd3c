//! Completion scripts and manual pages: every command is in them, in the words of `--help`.

use std::process::Command;

use anyhow::{Context as _, ensure};
use himaya_tests::binaries::{Home, binaries, string};

/// What `bash` offers for the last of these words.
fn completed(script: &str, words: &[&str]) -> anyhow::Result<Vec<String>> {
    let last = words.len() - 1;
    let line = words.join(" ");
    let program = format!(
        "{script}\nCOMP_WORDS=({line})\nCOMP_CWORD={last}\n_himaya himaya '{}' '{}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words[last],
        words[last - 1],
    );
    let output = Command::new("bash").args(["--norc", "-c", &program]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

#[test]
fn bash_completes_commands_and_options() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let home = Home::new(root.path(), "Dilan")?;
    let script = home.command(["completions", "bash"]).for_people().run()?.done()?.out;
    let commands = completed(&script, &["himaya", "s"])?;
    for command in ["sos", "st", "sync", "set", "show"] {
        assert!(commands.iter().any(|offered| offered == command), "{command} is not among {commands:?}");
    }
    assert_eq!(completed(&script, &["himaya", "card", "n"])?, ["new"]);
    assert_eq!(completed(&script, &["himaya", "card", "new", "--int"])?, ["--intake"]);
    Ok(())
}

#[test]
fn every_shell_is_told_every_command() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let home = Home::new(root.path(), "Dilan")?;
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let object = home.done(["completions", shell])?;
        let script = string(&object, "script")?;
        for command in ["sos", "circle", "accept", "st"] {
            assert!(script.contains(command), "{shell} is not told of {command}");
        }
    }
    home.run(["completions", "dos"])?.ended(2)?;
    Ok(())
}

#[test]
fn every_command_has_a_manual_page() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let home = Home::new(root.path(), "Dilan")?;
    let folder = root.path().join("share/man1");
    let said = home.command(["man", &folder.to_string_lossy()]).for_people().run()?.done()?.out;
    ensure!(said.contains("man -l "), "{said}");
    let page = |name: &str| std::fs::read_to_string(folder.join(name)).with_context(|| name.to_owned());
    ensure!(page("himaya.1")?.contains("himaya\\-sos"), "the first page names the others");
    let sos = page("himaya-sos.1")?;
    ensure!(sos.contains("nothing is asked but the passphrase") && sos.contains("\\-\\-note"), "{sos}");
    page("himaya-circle-verify.1")?;
    // A folder that is a file cannot be written to.
    let (code, message) = home.run(["man", &folder.join("himaya.1").to_string_lossy()])?.ended(1)?.error()?;
    ensure!(code == "file" && message.contains("Choose a folder"), "{message}");
    Ok(())
}

#[test]
fn the_relay_has_completions_and_manual_pages() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let folder = root.path().join("man1");
    let relay = &binaries()?.relay;
    let script = Command::new(relay).args(["completions", "bash"]).output()?;
    ensure!(script.status.success() && String::from_utf8(script.stdout)?.contains("catch-up"));
    let pages = Command::new(relay).arg("man").arg(&folder).output()?;
    ensure!(pages.status.success(), "{}", String::from_utf8_lossy(&pages.stderr));
    let page = std::fs::read_to_string(folder.join("himaya-relay-doctor.1"))?;
    ensure!(page.contains("Look whether all is well"), "{page}");
    Ok(())
}
