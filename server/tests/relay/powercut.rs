//! Power cuts: what was acknowledged is there after the page cache is lost (I1), for cells and for chunks.

use std::sync::Arc;

use crate::disk::{Mount, skipped};
use crate::load::Load;
use crate::process::Home;

/// How often the power is cut, unless `HIMAYA_POWER_CUTS` says otherwise.
const CUTS: u64 = 5;
/// No window ends during the test.
const LONG_WINDOWS: &str = "30d";
/// One and more end between two cuts.
const SHORT_WINDOWS: &str = "6s";
const RETENTION: u32 = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_with_the_power() {
    if let Err(why) = cut_again_and_again(LONG_WINDOWS).await {
        skipped("nothing_acknowledged_is_lost_with_the_power", &why);
    }
}

/// Windows close and are rewritten all the while, and each cut comes upon another step of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_with_the_power_while_windows_close() {
    if let Err(why) = cut_again_and_again(SHORT_WINDOWS).await {
        skipped("nothing_acknowledged_is_lost_with_the_power_while_windows_close", &why);
    }
}

/// Cuts the power of a relay under load, and asks it for everything of all rounds that cannot have expired.
async fn cut_again_and_again(window: &str) -> Result<(), String> {
    let disk = Mount::in_a_file(4_096)?;
    let cuts = std::env::var("HIMAYA_POWER_CUTS").map_or(CUTS, |cuts| cuts.parse().expect("a number of cuts"));
    let home = Home::at(&disk.path.join("relay"));
    home.configure(LONG_WINDOWS, window);
    home.configure("retention = 14", &format!("retention = {RETENTION}"));
    // So that the first cut finds a relay, whatever it finds of its store.
    rustix::fs::syncfs(std::fs::File::open(&disk.path).unwrap()).unwrap();
    // What each round was told, and the window in which it began.
    let mut memories = Vec::new();
    let (mut rewritten, mut checked) = (0, 0);
    for cut in 0..cuts {
        let relay = Arc::new(home.serve());
        let began = newest_window(&home);
        let mut load = Load::start(&relay, cut, 8);
        load.reached(moment(cut)).await;
        if window == SHORT_WINDOWS {
            // From one rewriting to the middle of the next.
            let mut some_more = moment(cut);
            while flat_windows(&home) <= rewritten {
                some_more += 20;
                load.reached(some_more).await;
            }
            rewritten = flat_windows(&home);
            load.reached(some_more + moment(cut)).await;
        }
        disk.cut()?;
        memories.push((began, load.end().await));
        // A relay whose disk is gone stops by itself, so that its supervisor can start it again.
        let end = Arc::into_inner(relay).expect("the writers have ended").wait();
        assert_eq!(end.status.code(), Some(1), "{}", end.log);
        assert!(end.log.contains("storage has failed"), "{}", end.log);
        disk.remount();
        let relay = home.serve();
        // While a round is asked for, no window of it may end its time: half of all windows lie between.
        let kept = newest_window(&home).saturating_sub(RETENTION / 2);
        for (_, memory) in memories.iter_mut().filter(|(began, _)| *began >= kept) {
            memory.check(&relay).await;
            checked += 1;
        }
    }
    let boxes: usize = memories.iter().map(|(_, memory)| memory.acknowledged()).sum();
    println!(
        "{cuts} cuts, {boxes} acknowledged boxes, {checked} times a round was asked for, none lost, {rewritten} windows rewritten"
    );
    assert!(checked > 0, "this machine is too slow for windows of {window}");
    Ok(())
}

fn newest_window(home: &Home) -> u32 {
    let windows = std::fs::read_dir(home.store().join("windows")).unwrap();
    let numbers = windows.filter_map(|window| window.unwrap().file_name().to_str()?.parse().ok());
    numbers.max().expect("a relay that serves has a window")
}

/// How many windows lie in flat files.
fn flat_windows(home: &Home) -> usize {
    let windows = std::fs::read_dir(home.store().join("windows")).unwrap();
    windows.filter(|window| window.as_ref().unwrap().path().join("flat").exists()).count()
}

/// After how many acknowledged boxes the power goes: another moment each time, from the first box of a window to deep in
/// a group, and every fifth time after so many that sled has begun to use parts of its log again.
fn moment(cut: u64) -> usize {
    let boxes = if cut % 5 == 4 { 2_500 } else { 1 + 61 * cut % 300 };
    boxes.try_into().unwrap()
}
