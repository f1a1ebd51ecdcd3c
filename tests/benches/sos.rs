//! `himaya sos` as a person waits for it: a whole process, and what its time goes into.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use himaya_tests::binaries::{Home, binaries};

use crate::Effort;
use crate::limits::{self, Disk};
use crate::measure::{Samples, head, ms, now, ratio, row, timed};
use crate::people::{Pair, folder, raise, runtime};

#[derive(Default)]
struct Costs {
    saved: Samples,
    whole: Samples,
    start: Samples,
    derive: Samples,
    open: Samples,
    raise: Samples,
    send: Samples,
    flush: Samples,
}

pub fn run(effort: Effort) -> anyhow::Result<()> {
    let folder = folder()?;
    let pair = Pair::meet(folder.path())?;
    let runtime = runtime()?;
    let mut disk = Disk::new(folder.path());
    let mut costs = Costs::default();
    for _ in 0..effort.pick(3, 30) {
        call(&pair.sender, &mut costs)?;
        let version = timed(&mut costs.start, || {
            Command::new(&binaries()?.himaya).arg("--version").stdout(Stdio::null()).status().context("himaya runs")
        });
        ensure!(version?.success(), "the program can say its version");
        limits::argon2(&mut costs.derive);
        let mut sender = timed(&mut costs.open, || pair.open(&pair.sender, 4))?;
        timed(&mut costs.raise, || raise(&mut sender))?;
        let flushed = timed(&mut costs.send, || runtime.block_on(sender.flush()));
        ensure!(flushed.failed.is_none(), "the relay did not take an alert");
        disk.flush(&mut costs.flush);
    }
    report(&costs);
    Ok(())
}

/// Runs the program; the first line that it prints says that the alert is saved.
fn call(home: &Home, costs: &mut Costs) -> anyhow::Result<()> {
    let mut sos = Command::new(&binaries()?.himaya);
    sos.arg("--home").arg(home.folder()).arg("--passphrase-file").arg(home.passphrase_file()).args(["sos", "raid"]);
    let start = now();
    let mut process = sos.stdout(Stdio::piped()).spawn().context("himaya runs")?;
    let mut lines = BufReader::new(process.stdout.take().context("it was piped")?).lines();
    let said = lines.find(|line| line.as_ref().is_ok_and(|line| !line.trim().is_empty()));
    costs.saved.push(start.elapsed());
    said.context("sos says that the alert is saved")??;
    // Reading to the end, so that nothing it prints holds it up.
    let _rest = lines.count();
    let status = process.wait()?;
    costs.whole.push(start.elapsed());
    ensure!(status.success(), "the relay has the alert");
    Ok(())
}

fn report(costs: &Costs) {
    head("`himaya sos`, milliseconds", &["what", "p50", "p99", "to one Argon2id", "samples"]);
    for (what, samples) in [
        ("start to \"saved\"", &costs.saved),
        ("start to exit, the relay has it", &costs.whole),
        ("part: starting and ending a process that only says its version", &costs.start),
        ("part: opening the profile, Argon2id for each of its two containers", &costs.open),
        ("part: raising the alert, MLS and one commit of the profile", &costs.raise),
        ("part: sending it, connect, TLS, put, 201, one commit of the profile", &costs.send),
        ("beside: Argon2id once, 64 MiB, 3 passes", &costs.derive),
        ("beside: append 4 KiB and fdatasync on the same disk", &costs.flush),
    ] {
        let to_derive = ratio(samples.median(), costs.derive.median());
        row(&[what, &ms(samples.median()), &ms(samples.p99()), &to_derive, &samples.count().to_string()]);
    }
}
