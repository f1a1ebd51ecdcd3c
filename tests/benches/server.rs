//! A relay as an operator has it, and what it takes of the machine.

use std::path::Path;

use anyhow::Context as _;
use himaya::transport::https::{Https, Timeouts};
use himaya::transport::route::Route;
use himaya_tests::binaries::RelayProcess;

/// What a process holds in memory, in bytes: now and at most so far (proc_pid_status(5), VmRSS and VmHWM).
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub now: u64,
    pub peak: u64,
}

/// A relay that is not yet running, with limits that no measurement reaches.
pub fn relay(folder: &Path) -> anyhow::Result<RelayProcess> {
    let relay = RelayProcess::init(&folder.join("relay"))?;
    for (setting, enough) in [
        ("connections = 1024", "connections = 18000"),
        ("new_connections = 200", "new_connections = 1000000"),
        ("feeds = 512", "feeds = 16000"),
        ("requests_each = 100", "requests_each = 1000000"),
        ("requests = 2000", "requests = 1000000"),
    ] {
        relay.configure(setting, enough)?;
    }
    Ok(relay)
}

/// A client of it.
pub fn client(relay: &RelayProcess) -> anyhow::Result<Https> {
    Ok(Https::new(&relay.link().parse().context("the relay printed its link")?, Route::direct(), Timeouts::default())?)
}

/// What it holds.
pub fn memory(relay: &RelayProcess) -> anyhow::Result<Memory> {
    let id = relay.process_id().context("the relay runs")?;
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    Ok(Memory { now: kilobytes(&status, "VmRSS:")?, peak: kilobytes(&status, "VmHWM:")? })
}

/// All memory of this machine, in bytes.
pub fn machine() -> anyhow::Result<u64> {
    kilobytes(&std::fs::read_to_string("/proc/meminfo")?, "MemTotal:")
}

fn kilobytes(lines: &str, name: &str) -> anyhow::Result<u64> {
    let line = lines.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("{name} is missing"))?;
    let number = line.trim().strip_suffix("kB").context("it is given in kB")?;
    Ok(number.trim().parse::<u64>()? << 10)
}

/// MiB to one digit.
pub fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}
