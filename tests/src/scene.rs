//! A relay and people, ready to act.

use std::collections::BTreeMap;

use crate::binaries::{Home, Proxy, RelayProcess, string};
use anyhow::{Context as _, ensure};
use serde_json::Value;
use tempfile::TempDir;

/// A relay that runs, perhaps behind a proxy, and a folder for people.
pub struct Scene {
    // Before the folder, so that the relay has ended when the folder goes.
    /// The relay.
    pub relay: RelayProcess,
    /// The folder for people.
    pub root: TempDir,
}

impl Scene {
    /// People talk to the relay directly.
    pub fn new() -> anyhow::Result<Self> {
        let root = tempfile::tempdir()?;
        let mut relay = RelayProcess::init(&root.path().join("relay"))?;
        relay.serve()?;
        Ok(Self { relay, root })
    }

    /// The relay takes nothing new without a token.
    pub fn with_tokens() -> anyhow::Result<Self> {
        let root = tempfile::tempdir()?;
        let mut relay = RelayProcess::init(&root.path().join("relay"))?;
        relay.configure("access = \"open\"", "access = \"tokens\"")?;
        relay.serve()?;
        Ok(Self { relay, root })
    }

    /// People talk to the relay through a proxy.
    pub fn behind_proxy() -> anyhow::Result<(Self, Proxy)> {
        let root = tempfile::tempdir()?;
        let proxy = Proxy::open()?;
        let mut relay = RelayProcess::init_behind(&root.path().join("relay"), proxy.address())?;
        relay.serve()?;
        proxy.lead_to(&relay)?;
        Ok((Self { relay, root }, proxy))
    }

    /// Somebody with a profile.
    pub fn person(&self, name: &str) -> anyhow::Result<Home> {
        Home::found(self.root.path(), name, self.relay.link())
    }

    /// Several people, of whom the first owns a circle `home` that all are in.
    pub fn circle<const N: usize>(&self, names: [&str; N]) -> anyhow::Result<[Home; N]> {
        let people: Vec<Home> = names.into_iter().map(|name| self.person(name)).collect::<Result<_, _>>()?;
        let (owner, others) = people.split_first().context("a circle has an owner")?;
        owner.done(["circle", "new", "home"])?;
        for other in others {
            owner.befriend(other, "home", "contact")?;
        }
        for person in &people {
            synced(person)?;
        }
        people.try_into().ok().context("as many as were named")
    }
}

/// Syncs, with nothing left to send; how many events were new.
pub fn synced(home: &Home) -> anyhow::Result<u64> {
    let synced = home.done(["sync"])?;
    ensure!(synced.get("waiting") == Some(&Value::from(0)), "{} has something waiting: {synced}", home.name());
    synced.get("new_events").and_then(Value::as_u64).context("sync says how many are new")
}

/// The id of the one alert that `sos` or `alert` raised.
pub fn alert_id(raised: &Value) -> anyhow::Result<String> {
    let alerts = raised.get("alerts").and_then(Value::as_array).context("alerts are listed")?;
    ensure!(alerts.len() == 1, "not one alert: {raised}");
    Ok(string(alerts.first().context("there is one")?, "id")?.to_owned())
}

/// How often each event stands in somebody's inbox, without asking the relay.
pub fn held(home: &Home) -> anyhow::Result<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    for entry in home.list(["--offline", "inbox"])? {
        *counts.entry(string(&entry, "id")?.to_owned()).or_default() += 1;
    }
    Ok(counts)
}

/// Must hold this event exactly once.
pub fn holds_once(home: &Home, id: &str) -> anyhow::Result<()> {
    hold_once(home, [id])
}

/// Must hold each of these events exactly once.
pub fn hold_once<'a>(home: &Home, ids: impl IntoIterator<Item = &'a str>) -> anyhow::Result<()> {
    let held = held(home)?;
    for id in ids {
        let count = held.get(id).copied().unwrap_or_default();
        ensure!(count == 1, "{} holds {id} {count} times", home.name());
    }
    Ok(())
}

/// The members of a circle as somebody sees it: name and role.
pub fn members(home: &Home, circle: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let members = home.list(["circle", "members", circle])?;
    let pair = |member: &Value| Ok((string(member, "name")?.to_owned(), string(member, "role")?.to_owned()));
    members.iter().map(pair).collect()
}

/// The epoch of a circle as somebody's profile has it.
pub fn epoch(home: &Home, circle: &str) -> anyhow::Result<u64> {
    let circles = home.list(["--offline", "circle", "list"])?;
    let found = circles
        .iter()
        .find(|listed| listed.get("name").is_some_and(|name| name == circle))
        .context("the circle is listed")?;
    found.get("epoch").and_then(Value::as_u64).context("a circle has an epoch")
}
