//! The demo: what Himaya is for, played with the real binaries in a temporary folder.

mod report;
mod scenario;
mod stage;
mod story;

use std::io::Write;

use stage::Stage;

/// Plays the whole demo and tells it to `out`. Leaves nothing behind.
pub fn play(out: &mut dyn Write) -> anyhow::Result<()> {
    let mut stage = Stage::new(out);
    let scenarios = scenario::load()?;
    let folder = tempfile::Builder::new().prefix("himaya-demo-").tempdir()?;
    let told = story::tell(&mut stage, folder.path(), &scenarios)?;
    report::print(&mut stage, &told)?;
    let place = folder.path().to_owned();
    folder.close()?;
    anyhow::ensure!(!place.exists(), "the demo's folder is still there");
    stage.heading("Everything the demo made has been deleted.")
}
