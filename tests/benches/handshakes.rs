//! How many connections can be begun in a second.

use std::net::SocketAddr;
use std::time::Duration;

use himaya::transport::Transport;
use tokio::task::JoinSet;

use crate::Effort;
use crate::bare::Bare;
use crate::measure::{Samples, head, now, ratio, row};
use crate::people::folder;
use crate::server::{client, memory, mib, relay};

/// How many are begun at one time.
const AT_ONCE: usize = 16;

pub fn run(effort: Effort) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(effort.pick(64, 1_600), effort.pick(3, 10)))
}

async fn measure(handshakes: usize, rounds: usize) -> anyhow::Result<()> {
    let folder = folder()?;
    let mut process = relay(folder.path())?;
    process.serve()?;
    client(&process)?.descriptor().await?;
    let bare = Bare::start(process.folder()).await?;
    let before = memory(&process)?;
    let (mut ours, mut limit) = (Samples::default(), Samples::default());
    for _ in 0..rounds {
        ours.push(begin(&bare, process.address(), handshakes).await?);
        limit.push(begin(&bare, bare.address(), handshakes).await?);
    }
    let after = memory(&process)?;
    let rate = |time: Duration| format!("{:.0}", handshakes as f64 / time.as_secs_f64());
    head(&format!("TLS 1.3 handshakes, {AT_ONCE} at a time, in a second"), &["what", "handshakes/s", "to bare TLS"]);
    row(&["the relay", &rate(ours.median()), &ratio(limit.median(), ours.median())]);
    row(&["beside: bare TLS, both ends in one process", &rate(limit.median()), "1.0"]);
    println!(
        "\nThe relay's memory: {} MiB before, {} after, {} at most.",
        mib(before.now),
        mib(after.now),
        mib(after.peak)
    );
    Ok(())
}

/// Begins and drops so many connections.
async fn begin(bare: &Bare, to: SocketAddr, handshakes: usize) -> anyhow::Result<Duration> {
    let start = now();
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let bare = bare.clone();
        workers.spawn(async move {
            for _ in 0..handshakes / AT_ONCE {
                drop(bare.connect_to(to).await?);
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = workers.join_next().await {
        done??;
    }
    Ok(start.elapsed())
}
