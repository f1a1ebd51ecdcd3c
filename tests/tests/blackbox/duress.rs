//! The duress word when no check-in is due: it goes out all the same, and whoever looks on sees no difference.

use anyhow::ensure;
use himaya_tests::binaries::{Home, Proxy};

use crate::scene::Scene;

/// What `ok` with these words shows a person, its exit code, and how many cells leave.
fn ok(home: &Home, proxy: &Proxy, words: &str) -> anyhow::Result<(Option<i32>, String, String, usize)> {
    let before = proxy.puts().len();
    let answer = home.command(["ok", words]).for_people().run()?;
    Ok((answer.code, answer.out, answer.err, proxy.puts().len() - before))
}

/// Everything that a device lists.
fn lists(home: &Home) -> anyhow::Result<Vec<String>> {
    let lists = [&["inbox"][..], &["case", "list", "--all"], &["checkin", "list"], &["consent", "list"]];
    lists.into_iter().map(|words| Ok(home.run([&["--offline"], words].concat())?.done()?.out)).collect()
}

/// How many cases somebody sees held for duress.
fn held(home: &Home) -> anyhow::Result<usize> {
    home.done(["sync"])?;
    let cases = home.list(["case", "list"])?;
    let held = cases.iter().take_while(|case| case["status"] == "DURESS_HOLD").count();
    let all = cases.iter().filter(|case| case["status"] == "DURESS_HOLD").count();
    ensure!(held == all, "what is held stands first: {cases:?}");
    let standing = home.done(["st"])?;
    let told = standing["theirs"].as_array().into_iter().flatten().filter(|said| said["type"] == "Duress").count();
    ensure!(told == held, "{told} of {held} are in what stands: {standing}");
    Ok(held)
}

#[test]
fn the_duress_word_goes_out_when_no_check_in_is_due() -> anyhow::Result<()> {
    let (scene, proxy) = Scene::behind_proxy()?;
    let [dilan, rojin] = scene.circle(["Dilan", "Rojin"])?;
    dilan.command(["set", "duress-word"]).input(b"blue tree\n").run()?.done()?;

    // An alert that is older does not stand before it.
    dilan.done(["sos", "arrest"])?;
    // Without check-ins, and with one that is to come.
    for said in 1..=2 {
        let free = ok(&dilan, &proxy, "all good")?;
        let shown = lists(&dilan)?;
        ensure!(held(&rojin)? == said - 1, "words that mean nothing told something");
        let forced = ok(&dilan, &proxy, "Blue  Tree")?;
        ensure!(free == forced && forced.3 == 1, "{free:?} is told from {forced:?}");
        ensure!(lists(&dilan)? == shown, "a list of the device tells");
        ensure!(held(&rojin)? == said, "the word did not arrive");
        dilan.done(["checkin", "new", "--every", "day", "--start", "+600", "--circle", "home"])?;
    }

    // Without a line both wait, and both are said to.
    let mut waits = Vec::new();
    for words in ["all good", "blue tree"] {
        dilan.run(["--offline", "ok", words])?;
        waits.push((dilan.done(["--offline", "st"])?["waiting"].clone(), dilan.run(["sync"])?.code));
    }
    ensure!(waits[0] == waits[1] && waits[0].0 == 1, "{waits:?}");

    // A check-in that is to come is not answered by it, and the device shows nothing of what it was.
    let plans = dilan.list(["checkin", "list"])?;
    ensure!(plans.iter().all(|plan| plan["light"] == "waiting"), "{plans:?}");
    for words in [&["inbox"][..], &["st"], &["case", "list", "--all"], &["checkin", "list"]] {
        let shown = dilan.command(words.iter().copied()).for_people().run()?.done()?;
        ensure!(!shown.out.to_lowercase().contains("duress"), "{words:?}: {}", shown.out);
    }
    Ok(())
}
