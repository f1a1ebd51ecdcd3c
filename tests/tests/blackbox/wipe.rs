//! `wipe`: what is left of a profile after it.

use std::fs;
use std::path::Path;

use anyhow::ensure;

use crate::scene::Scene;

/// Names of everything in a folder.
fn held(folder: &Path) -> anyhow::Result<Vec<String>> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect()
}

/// The second name of each file keeps what was in it when it was removed, as a disk does.
#[test]
fn after_a_wipe_not_even_the_passphrase_opens_what_a_disk_has_kept() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let [dilan, rojin] = scene.circle(["Dilan", "Rojin"])?;
    dilan.done(["sos", "arrest"])?;
    let folder = dilan.folder().to_owned();
    let (kept, copied) = (folder.with_extension("kept"), folder.with_extension("copied"));
    for aside in [&kept, &copied] {
        fs::create_dir(aside)?;
    }
    for name in held(&folder)? {
        fs::hard_link(folder.join(&name), kept.join(&name))?;
        fs::copy(folder.join(&name), copied.join(&name))?;
    }
    let wiped = dilan.done(["wipe", "--yes"])?;
    ensure!(wiped["wiped"] == true && held(&folder)?.is_empty(), "{:?}", held(&folder)?);
    let (code, _) = dilan.run(["st"])?.ended(1)?.error()?;
    ensure!(code == "no_profile", "{code}");
    fs::remove_dir(&folder)?;
    fs::rename(&kept, &folder)?;
    let (code, _) = dilan.run(["st"])?.ended(1)?.error()?;
    ensure!(code == "passphrase", "{code}");
    // A copy of before opens: it is the wipe that made the difference.
    fs::rename(&folder, &kept)?;
    fs::rename(&copied, &folder)?;
    dilan.run(["st"])?.done()?;
    rojin.done(["st"])?;
    Ok(())
}

#[test]
fn a_wipe_that_was_not_meant_destroys_nothing() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let dilan = scene.person("Dilan")?;
    let (code, _) = dilan.run(["wipe"])?.ended(1)?.error()?;
    ensure!(code == "argument", "{code}");
    let said = dilan.command(["wipe"]).for_people().at_terminal("no\n")?.done()?;
    ensure!(said.out.contains("nothing was destroyed"), "{}", said.out);
    dilan.done(["st"])?;
    let said = dilan.command(["wipe"]).for_people().at_terminal("wipe\n")?.done()?;
    ensure!(said.out.contains("The keys are destroyed"), "{}", said.out);
    dilan.run(["st"])?.ended(1)?;
    Ok(())
}
