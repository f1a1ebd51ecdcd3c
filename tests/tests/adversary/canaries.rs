//! What the relay must not know is nowhere in what it writes or holds, and a profile without its key says nothing (I6). Every
//! search has a control beside it: something that is there, and is found by the same search.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use himaya::engine::EngineError;
use himaya::store::Profile;
use himaya::transport::Transport as _;
use himaya::transport::https::{Https, Timeouts};
use himaya::transport::route::Route;
use himaya_protocol::wire::link::RelayLink;
use himaya_tests::binaries::{Home, Proxy, RelayProcess};
use himaya_tests::scene::{Scene, alert_id, synced};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::scan::{Scanner, mapped_files, open_files};

/// Where clients seem to come from: an address that nothing else has.
const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 77, 88, 99);
const AGENT: &str = "canary-agent-9d41-from-a-telephone";
const OWNER: &str = "Zerdeşt Kanarya";
const GUEST: &str = "روژین کەناری";
const CIRCLE: &str = "the circle of the canaries";
const NOTES: [&str; 4] =
    ["canary in the alert سجن", "canary in the answer", "canary in the all-clear", "canary in the hello"];
const LOUD: &str = "trace,hyper=trace,hyper_util=trace,h2=trace,rustls=trace,tungstenite=trace,axum=trace,sled=trace";

/// Columns whose values the relay is meant to have, or gave.
const SHOWN: [&str; 9] = [
    "job.address",
    "job.cell",
    "chunk.address",
    "chunk.bytes",
    "slot.address",
    "held.address",
    "held.cell",
    "echo.address",
    "promised.address",
];
/// Settings that are the relay's own.
const OF_RELAY: [&str; 2] = ["relay", "read cursor"];
/// How many connections come after those that are looked for.
const OTHERS: usize = 16;
/// How much of a stored value is looked for.
const PART: usize = 24;

/// Whether bytes are so mixed that nobody else has them by chance.
fn is_mixed(part: &[u8]) -> bool {
    let distinct: std::collections::BTreeSet<_> = part.iter().collect();
    part.len() >= 16 && distinct.len() >= 12
}

/// Every value of every table of a profile, MLS's own included: `table.column` and a part of it.
fn secrets(home: &Home) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let passphrase = std::fs::read_to_string(home.passphrase_file())?;
    let mut profile = Profile::open(home.folder(), passphrase.trim_end().as_bytes())?;
    let mut rng = ChaCha20Rng::from_seed([0; 32]);
    let values = profile.transact(0, &mut rng, |ctx| {
        let columns = "SELECT t.name, c.name FROM sqlite_master AS t, pragma_table_info(t.name) AS c
                       WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE 'refinery%'";
        let columns = ctx.rows(columns, &[], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let mut values = Vec::new();
        for (table, column) in columns {
            let place = format!("{table}.{column}");
            if SHOWN.contains(&place.as_str()) {
                continue;
            }
            let only = if table == "setting" { format!("AND name NOT IN {OF_RELAY:?}") } else { String::new() };
            let only = only.replace('[', "(").replace(']', ")").replace('"', "'");
            let sql = format!("SELECT {column} FROM {table} WHERE typeof({column}) = 'blob' {only} LIMIT 60");
            let found = ctx.rows(&sql, &[], |row| row.get::<_, Vec<u8>>(0))?;
            values.extend(found.into_iter().map(|value| (place.clone(), value)));
        }
        Ok::<_, EngineError>(values)
    })?;
    let part = |value: &[u8]| {
        let start = (value.len() / 2).saturating_sub(PART / 2);
        value.get(start..value.len().min(start + PART)).unwrap_or_default().to_vec()
    };
    let parts = values.into_iter().map(|(place, value)| (place, part(&value)));
    Ok(parts.filter(|(_, part)| is_mixed(part)).collect())
}

/// What only people and their profiles may know.
fn private(people: &[&Home]) -> anyhow::Result<Scanner> {
    let mut scanner = Scanner::default();
    scanner.text("the owner's name", OWNER)?;
    scanner.text("the guest's name", GUEST)?;
    scanner.text("the circle's name", CIRCLE)?;
    for note in NOTES {
        scanner.text("a note", note)?;
    }
    let mut places = std::collections::BTreeSet::new();
    for home in people {
        scanner.text("a passphrase", std::fs::read_to_string(home.passphrase_file())?.trim_end())?;
        for (place, part) in secrets(home)? {
            scanner.bytes(&place, &part)?;
            places.insert(place);
        }
    }
    // Group ids, what KeyPackages are known by, what comes of the exporter's secret, words, people, the identity.
    for place in [
        "circle.id",
        "invitation.reference",
        "lane.chain",
        "slot.key",
        "event.bytes",
        "contact.fingerprint",
        "setting.value",
    ] {
        ensure!(places.contains(place), "no canary comes from {place}: {places:?}");
    }
    ensure!(places.iter().any(|place| place.starts_with("openmls_")), "no canary comes from MLS: {places:?}");
    println!("{} forms of canaries from {} columns", scanner.len(), places.len());
    Ok(scanner)
}

/// Everything that people do with a circle, from the address [`CLIENT`] and with the agent [`AGENT`].
fn act(scene: &Scene) -> anyhow::Result<[Home; 2]> {
    let (owner, guest) = (scene.person(OWNER)?, scene.person(GUEST)?);
    owner.done(["circle", "new", CIRCLE])?;
    let card = owner.done(["card", "new"])?;
    guest.done(["card", "accept", card["card"].as_str().unwrap_or_default(), "--note", NOTES[3]])?;
    owner.done(["requests"])?;
    owner.done(["approve", "1", "--circle", CIRCLE])?;
    synced(&guest)?;
    let alert = alert_id(&owner.done(["sos", "arrest", "--note", NOTES[0]])?)?;
    synced(&guest)?;
    guest.done(["ack", &alert, "--acting", "--note", NOTES[1]])?;
    owner.done(["clear", &alert, "--note", NOTES[2]])?;
    synced(&guest)?;
    Ok([owner, guest])
}

fn loud_scene(temporary: &Path) -> anyhow::Result<(Scene, Proxy)> {
    std::fs::create_dir_all(temporary)?;
    let root = tempfile::tempdir()?;
    let proxy = Proxy::open()?;
    let mut relay = RelayProcess::init_behind(&root.path().join("relay"), proxy.address())?;
    relay.serve_with(&[("RUST_LOG", LOUD), ("TMPDIR", &temporary.to_string_lossy())])?;
    proxy.lead_from(Some(CLIENT.into()), &relay)?;
    proxy.add_header(&format!("user-agent: {AGENT}"))?;
    Ok((Scene { relay, root }, proxy))
}

#[test]
fn a_relay_writes_and_holds_nothing_of_those_who_use_it() -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let (mut scene, proxy) = loud_scene(temporary.path())?;
    let [owner, guest] = act(&scene)?;
    let private = private(&[&owner, &guest])?;
    let mut traffic = Scanner::default();
    traffic.address("the clients' address", CLIENT)?;
    traffic.text("the user agent", AGENT)?;
    // The control: addresses that were put are on the disk and in memory, so the search would find the rest too.
    let mut stored = Scanner::default();
    for put in proxy.puts() {
        stored.bytes("a stored address", put.address())?;
    }
    let process = scene.relay.process_id().context("the relay runs")?;

    let running = [scene.relay.log(), scene.relay.audit()?].concat();
    let mut told = Scanner::default();
    told.text("what the log says", "access is open")?;
    ensure!(!told.find(running.as_bytes()).is_empty(), "what is in the log is found there: {running}");
    for scanner in [&private, &traffic, &stored] {
        assert_eq!(scanner.find(running.as_bytes()), [""; 0], "in the log or the audit");
    }
    for scanner in [&private, &traffic] {
        assert_eq!(scanner.folder(scene.relay.folder())?, [""; 0], "in the folder of a running relay");
    }
    ensure!(!stored.folder(scene.relay.folder())?.is_empty(), "what is stored is found, so the search works");

    match private.memory(process) {
        Ok((found, seen)) => {
            assert_eq!(found, [""; 0], "in memory");
            let (control, _) = stored.memory(process)?;
            ensure!(!control.is_empty(), "what is stored is found in memory, so the search works");
            println!("{} KiB of memory hold no canary", seen >> 10);
            // The control: while a connection lasts, what stands in its requests is found.
            let mut watch = owner.watch()?;
            watch.news("connected")?;
            ensure!(!traffic.memory(process)?.0.is_empty(), "the user agent of an open feed is found in memory");
            watch.terminate()?;
            let left = left_behind(&scene.relay, process, &traffic)?;
            assert_eq!(left, [""; 0], "of connections that have ended");
            look_at_files(&scene.relay, process, &[&private, &traffic])?;
        }
        // Nobody but the system's owner reads a relay's memory (`no_crash_writes_memory_to_a_disk`).
        Err(why) => skipped("a_relay_writes_and_holds_nothing_of_those_who_use_it", &why.to_string()),
    }

    scene.relay.terminate()?;
    for scanner in [&private, &traffic] {
        assert_eq!(scanner.find(scene.relay.log().as_bytes()), [""; 0], "in the log to its end");
        assert_eq!(scanner.folder(scene.relay.folder())?, [""; 0], "in the folder of a relay that has ended");
    }
    ensure!(std::fs::read_dir(temporary.path())?.next().is_none(), "the relay left a temporary file");
    Ok(())
}

/// What memory holds of clients whose connections have ended. A connection is gone a moment after its peer, and where the kernel writes its
/// address, on a stack, it stays until the next one comes from elsewhere: so some come.
fn left_behind(relay: &RelayProcess, process: u32, scanner: &Scanner) -> anyhow::Result<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let behind: RelayLink = relay.link().parse()?;
    let link = RelayLink::new(&relay.address().to_string(), *behind.pin())?;
    let mut left = Vec::new();
    for connection in 1..=OTHERS {
        let client = Https::new(&link, Route::direct(), Timeouts::default())?;
        runtime.block_on(client.descriptor())?;
        drop(client);
        (left, _) = scanner.memory(process)?;
        if left.is_empty() {
            println!("after {connection} others, memory holds nothing of the connections that have ended");
            break;
        }
    }
    Ok(left)
}

/// Files that the relay has mapped or open, deleted ones too: its own folder, the program, libraries, the system's.
fn look_at_files(relay: &RelayProcess, process: u32, scanners: &[&Scanner]) -> anyhow::Result<()> {
    let folder = relay.folder().canonicalize()?.to_string_lossy().into_owned();
    let system = ["/usr/", "/lib", "/etc/", "/proc/", "/sys/"];
    let program = std::fs::read_link(format!("/proc/{process}/exe"))?.to_string_lossy().into_owned();
    let is_known = |file: &str| {
        let program = program.trim_end_matches(" (deleted)");
        file.starts_with(&folder) || file.starts_with(program) || system.iter().any(|place| file.starts_with(place))
    };
    for file in mapped_files(process)? {
        ensure!(is_known(&file), "the relay has mapped {file}");
        if file.starts_with(&folder) {
            for scanner in scanners {
                assert_eq!(scanner.file(Path::new(&file))?, [""; 0]);
            }
        }
    }
    for (link, file) in open_files(process)? {
        ensure!(is_known(&file), "the relay has opened {file}");
        if file.starts_with(&folder) {
            for scanner in scanners {
                assert_eq!(scanner.file(&link)?, [""; 0], "{file}");
            }
        }
    }
    Ok(())
}

/// Says that a test proved less here, past the harness's capture. `HIMAYA_NO_SKIP` forbids it.
fn skipped(test: &str, why: &str) {
    assert!(std::env::var_os("HIMAYA_NO_SKIP").is_none(), "{test} cannot run here: {why}");
    let _said = writeln!(std::io::stderr(), "SKIPPED in {test}: {why}");
}

#[test]
fn no_crash_writes_memory_to_a_disk() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let process = scene.relay.process_id().context("the relay runs")?;
    let home = scene.person(GUEST)?;
    let watch = home.watch()?;
    watch.news("connected")?;
    for process in [process, watch.process_id()] {
        let limits = std::fs::read_to_string(format!("/proc/{process}/limits"))?;
        let core =
            limits.lines().find(|line| line.starts_with("Max core file size")).context("there is such a limit")?;
        let numbers: Vec<_> = core.split_whitespace().rev().skip(1).take(2).collect();
        assert_eq!(numbers, ["0", "0"], "{core}");
        // Nor does another process of the same user read it; the system's owner reads everything.
        let memory = format!("/proc/{process}/mem");
        ensure!(geteuid().is_root() || std::fs::File::open(memory).is_err(), "whoever starts it reads its memory");
    }
    // It dies of a signal that writes a core elsewhere.
    let id = i32::try_from(process).ok().and_then(Pid::from_raw).context("a process id")?;
    let mut scene = scene;
    kill_process(id, Signal::ABORT)?;
    let status = scene.relay.wait()?;
    ensure!(status.signal().is_some() && !status.core_dumped(), "{status}");
    Ok(())
}

#[test]
fn a_profile_without_its_key_says_nothing() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let [owner, guest] = act(&scene)?;
    let private = private(&[&owner, &guest])?;
    // While a process has it open, its write-ahead log included, and afterwards.
    let mut watch = owner.watch()?;
    watch.news("connected")?;
    alert_id(&guest.done(["sos", "--note", NOTES[0]])?)?;
    watch.news("event")?;
    for home in [&owner, &guest] {
        assert_eq!(private.folder(home.folder())?, [""; 0], "in a profile in use");
    }
    watch.terminate()?;
    for home in [&owner, &guest] {
        assert_eq!(private.folder(home.folder())?, [""; 0], "in a profile at rest");
    }
    // The control: the same search, where the secret lies in the open.
    std::fs::write(owner.folder().join("planted"), format!("x{}x", NOTES[0]))?;
    assert_eq!(private.folder(owner.folder())?.len(), 1);
    Ok(())
}
