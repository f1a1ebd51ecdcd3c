//! A relay whose end is announced: people are told, before the day and after it.

use std::process::Command;

use anyhow::ensure;
use himaya_tests::binaries::{Home, RelayProcess, binaries};
use serde_json::{Value, json};

use crate::scene::Scene;

fn sunset(relay: &RelayProcess, word: &str) -> anyhow::Result<()> {
    let done = Command::new(&binaries()?.relay).arg("sunset").arg(relay.folder()).arg(word).output()?;
    ensure!(done.status.success(), "himaya-relay sunset {word}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// What a person reads.
fn reads(home: &Home, command: &str) -> anyhow::Result<String> {
    Ok(home.command([command]).for_people().run()?.out)
}

#[test]
fn people_are_told_of_the_relays_end() -> anyhow::Result<()> {
    let mut scene = Scene::new()?;
    let [dilan, rojin] = scene.circle(["Dilan", "Rojin"])?;
    assert_eq!(dilan.done(["sync"])?["relay_sunset"], Value::Null);
    assert_eq!(dilan.done(["st"])?["relay_sunset"], Value::Null);

    sunset(&scene.relay, "2199-12-31")?;
    scene.relay.terminate()?;
    scene.relay.serve()?;
    assert_eq!(dilan.done(["sync"])?["relay_sunset"], "2199-12-31");
    assert_eq!(dilan.done(["--offline", "st"])?["relay_sunset"], "2199-12-31", "it is remembered");
    for command in ["sync", "st"] {
        let text = reads(&dilan, command)?;
        let told: Vec<_> = text.lines().filter(|line| line.contains("2199-12-31")).collect();
        assert!(matches!(told[..], [line] if line.starts_with("Your relay closes")), "{text}");
    }

    sunset(&scene.relay, "--cancel")?;
    scene.relay.terminate()?;
    scene.relay.serve()?;
    assert_eq!(dilan.done(["sync"])?["relay_sunset"], Value::Null);

    // What was sent until the last day is read after it; what is sent after it stays here, and that is said.
    dilan.done(["sos"])?;
    scene.relay.terminate()?;
    let yesterday = Command::new("date").args(["-u", "-d", "yesterday", "+%F"]).output()?.stdout;
    std::fs::write(scene.relay.folder().join("sunset"), &yesterday)?;
    scene.relay.serve()?;
    assert_eq!(rojin.done(["sync"])?["new_events"], 1);
    assert_eq!(rojin.list(["--offline", "inbox"])?.len(), 1);
    let waits = dilan.run(["sos", "digital"])?.ended(3)?.one()?;
    assert_eq!(waits["alerts"][0]["reach"]["relay"], json!(false));
    let text = reads(&dilan, "st")?;
    assert!(text.contains("Your relay has closed"), "{text}");
    Ok(())
}
