//! Power cuts: what was acknowledged is there after the page cache is lost (I1), for cells and for chunks.

use std::sync::Arc;

use crate::disk::{Mount, skipped};
use crate::load::Load;
use crate::process::Home;

/// How often the power is cut, unless `HIMAYA_POWER_CUTS` says otherwise.
const CUTS: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_with_the_power() {
    let disk = match Mount::in_a_file(4_096) {
        Ok(disk) => disk,
        Err(why) => return skipped("nothing_acknowledged_is_lost_with_the_power", &why),
    };
    let cuts = std::env::var("HIMAYA_POWER_CUTS").map_or(CUTS, |cuts| cuts.parse().expect("a number of cuts"));
    let home = Home::at(&disk.path.join("relay"));
    // So that the first cut finds a relay, whatever it finds of its store.
    rustix::fs::syncfs(std::fs::File::open(&disk.path).unwrap()).unwrap();
    let mut memories = Vec::new();
    for cut in 0..cuts {
        let relay = Arc::new(home.serve());
        let mut load = Load::start(&relay, cut, 8);
        // At another moment each time: from the first box of a window to deep in a group.
        let moment = usize::try_from(1 + 61 * cut % 300).unwrap();
        load.reached(moment).await;
        if let Err(why) = disk.cut() {
            return skipped("nothing_acknowledged_is_lost_with_the_power", &why);
        }
        memories.push(load.end().await);
        let relay = Arc::into_inner(relay).expect("the writers have ended");
        relay.kill();
        disk.remount();
        let relay = home.serve();
        for memory in &mut memories {
            memory.check(&relay).await;
        }
    }
    let boxes: usize = memories.iter().map(crate::load::Memory::acknowledged).sum();
    println!("{cuts} cuts, {boxes} acknowledged boxes, none lost");
}
