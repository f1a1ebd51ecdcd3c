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
        load.reached(moment(cut)).await;
        if let Err(why) = disk.cut() {
            return skipped("nothing_acknowledged_is_lost_with_the_power", &why);
        }
        memories.push(load.end().await);
        // A relay whose disk is gone stops by itself, so that its supervisor can start it again.
        let end = Arc::into_inner(relay).expect("the writers have ended").wait();
        assert_eq!(end.status.code(), Some(1), "{}", end.log);
        assert!(end.log.contains("storage has failed"), "{}", end.log);
        disk.remount();
        let relay = home.serve();
        for memory in &mut memories {
            memory.check(&relay).await;
        }
    }
    let boxes: usize = memories.iter().map(crate::load::Memory::acknowledged).sum();
    println!("{cuts} cuts, {boxes} acknowledged boxes, none lost");
}

/// After how many acknowledged boxes the power goes: another moment each time, from the first box of a window to deep in
/// a group, and every fifth time after so many that sled has begun to use parts of its log again.
fn moment(cut: u64) -> usize {
    let boxes = if cut % 5 == 4 { 2_500 } else { 1 + 61 * cut % 300 };
    boxes.try_into().unwrap()
}
