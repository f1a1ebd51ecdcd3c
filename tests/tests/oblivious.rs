//! Relay, forwarder and clients, three kinds of process: the relay sees the forwarder and nobody else, nothing goes around
//! it, and everything but the feed goes through.
#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails")]

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use himaya::transport::https::{Https, Timeouts, Via};
use himaya::transport::route::Route;
use himaya::transport::{Put, Transport, TransportError, Unreachable};
use himaya_protocol::wire::cell::{CELL_SIZE, CHUNK_SIZE};
use himaya_protocol::wire::link::RelayLink;
use himaya_protocol::wire::oblivious::GatewayKey;
use himaya_protocol::wire::{Address, Cell, Chunk};
use himaya_relay::store::{Admission, CellStore, SledStore};
use himaya_tests::binaries::{ForwardProcess, Home, RelayProcess, SocksProxy, string};

/// A relay whose link leads clients into a trap, and a forwarder that knows where it is.
struct Scene {
    relay: RelayProcess,
    forward: ForwardProcess,
    /// Where a client would arrive that goes around the forwarder.
    trap: TcpListener,
}

impl Scene {
    fn set(root: &Path) -> anyhow::Result<Self> {
        Self::set_with(root, |_| Ok(()))
    }

    fn set_with(root: &Path, prepare: impl FnOnce(&RelayProcess) -> anyhow::Result<()>) -> anyhow::Result<Self> {
        let trap = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        trap.set_nonblocking(true)?;
        let mut relay = RelayProcess::init_behind(&root.join("relay"), trap.local_addr()?)?;
        prepare(&relay)?;
        relay.serve()?;
        let (forward, _) = ForwardProcess::start(&root.join("forward"), &real_link(&relay)?, None)?;
        Ok(Self { relay, forward, trap })
    }

    fn person(&self, root: &Path, name: &str) -> anyhow::Result<Home> {
        let home = Home::new(root, name)?;
        home.done(["init", "--relay", self.relay.link(), "--name", name, "--via", self.forward.link()])?;
        Ok(home)
    }

    fn client(&self, seen: Vec<(u32, [u8; 32])>) -> anyhow::Result<Https> {
        let via = Via { forwarder: self.forward.link().parse()?, seen };
        Ok(Https::through(&self.relay.link().parse()?, via, Route::direct(), Timeouts::default())?)
    }

    /// Nothing has gone around the forwarder.
    fn assert_nothing_around(&self) {
        assert_eq!(self.trap.accept().err().map(|error| error.kind()), Some(ErrorKind::WouldBlock));
    }
}

/// The link of a relay that leads to where it listens.
fn real_link(relay: &RelayProcess) -> anyhow::Result<String> {
    let link: RelayLink = relay.link().parse()?;
    Ok(RelayLink::new(&relay.address().to_string(), *link.pin())?.to_string())
}

fn address(number: u32) -> Address {
    let [a, b, c, d] = number.wrapping_mul(2_654_435_761).to_be_bytes();
    let mut bytes = [9; 32];
    bytes[..4].copy_from_slice(&[a, b, c, d]);
    Address::new(bytes)
}

fn cell(number: u32) -> anyhow::Result<Cell> {
    Cell::from_bytes(number.to_be_bytes().repeat(CELL_SIZE / 4)).context("a cell")
}

#[test]
fn people_talk_through_a_forwarder_and_the_relay_sees_nobody_else() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let scene = Scene::set_with(root.path(), |relay| relay.configure("access = \"open\"", "access = \"tokens\""))?;
    let (dilan, rojin) = (scene.person(root.path(), "Dilan")?, scene.person(root.path(), "Rojin")?);
    for person in [&dilan, &rojin] {
        // The invite is for the relay of the link that people have.
        person.done(["invite", "add", &scene.relay.invite()?])?;
    }
    dilan.done(["circle", "new", "home"])?;
    dilan.befriend(&rojin, "home", "contact")?;
    let sos = dilan.done(["sos", "arrest"])?["alerts"][0].clone();
    rojin.run(["sync"])?.done()?;
    rojin.done(["ack", string(&sos, "id")?])?;
    dilan.run(["sync"])?.done()?;
    let shown = dilan.done(["show", string(&sos, "id")?])?;
    assert_eq!(shown["reach"]["answered"][0]["name"], "Rojin");
    scene.assert_nothing_around();
    let audit = scene.relay.audit()?;
    let count = |record: &str| -> anyhow::Result<u64> {
        let start = audit.find(&format!("\n{record}: ")).context("it is counted")?;
        let number = audit[start..].split_whitespace().nth(1).context("a number")?;
        Ok(number.parse()?)
    };
    assert!(count("cells")? >= 5 && count("chunks")? >= 1, "{audit}");
    assert_eq!(count("spent")?, count("cells")? + count("chunks")?, "each was paid for");
    for log in [scene.relay.log(), scene.forward.log()] {
        assert!(!log.contains("127.0.0.1"), "an address is in a log: {log}");
    }
    Ok(())
}

#[test]
fn nothing_goes_to_the_relay_when_the_forwarder_is_gone() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let mut scene = Scene::set(root.path())?;
    let dilan = scene.person(root.path(), "Dilan")?;
    dilan.run(["sync"])?.done()?;
    scene.forward.kill()?;
    dilan.run(["sos", "arrest"])?.ended(3)?;
    let said = dilan.command(["card", "new"]).for_people().run()?.ended(3)?;
    assert!(said.err.contains("forwarder") && said.err.contains("himaya net"), "{}", said.err);
    for words in [&["sync"][..], &["card", "new"], &["st"]] {
        dilan.run(words.iter().copied())?;
    }
    scene.assert_nothing_around();
    assert_eq!(dilan.done(["net"])?["via"], scene.forward.link());
    let said = dilan.command(["net"]).for_people().run()?.done()?;
    assert!(said.out.contains("no live feed"), "{}", said.out);
    for wrong in ["https://forward.example.org", scene.relay.link(), ""] {
        assert_eq!(dilan.run(["net", "--via", wrong])?.ended(1)?.error()?.0, "forwarder", "{wrong}");
    }
    assert_eq!(dilan.done(["net"])?["via"], scene.forward.link(), "what is no link changes nothing");
    // There is no feed: a day costs 2,880 polls of 22 kB, whatever arrives (docs/benchmarks.md).
    let day = |told: &serde_json::Value| told["days"][0]["sweep"].as_u64().context("bytes");
    let through = day(&dilan.done(["net"])?)?;
    assert!((60_000_000..75_000_000).contains(&through), "{through}");
    let direct = dilan.done(["net", "--via", "off"])?;
    assert_eq!(direct["via"], serde_json::Value::Null);
    assert!(day(&direct)? < through / 10, "{direct}");
    dilan.run(["sync"])?;
    assert!(scene.trap.accept().is_ok(), "without a forwarder it goes to the relay");
    Ok(())
}

#[test]
fn another_key_of_the_relay_is_refused() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let mut scene = Scene::set(root.path())?;
    let dilan = scene.person(root.path(), "Dilan")?;
    dilan.run(["sync"])?.done()?;
    scene.relay.terminate()?;
    std::fs::remove_file(scene.relay.folder().join("ohttp-keys"))?;
    scene.relay.serve()?;
    assert_eq!(dilan.run(["sync"])?.ended(1)?.error()?.0, "other_gateway_key");
    let standing = dilan.done(["st"])?;
    assert_eq!(standing["suspicions"][0]["reason"], "key_changed", "{standing}");
    dilan.run(["sos", "arrest"])?.ended(3)?;
    assert!(scene.relay.audit()?.contains("cells: 0 records"), "nothing was sent");
    // Who never saw the other has nothing to compare it with.
    scene.person(root.path(), "Rojin")?.run(["sync"])?.done()?;
    scene.assert_nothing_around();
    Ok(())
}

#[test]
fn a_forwarder_that_is_another_or_leads_elsewhere_learns_nothing() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let scene = Scene::set(root.path())?;
    let mut other = RelayProcess::init(&root.path().join("other"))?;
    other.serve()?;
    let (astray, _) = ForwardProcess::start(&root.path().join("astray"), other.link(), None)?;
    let dilan = scene.person(root.path(), "Dilan")?;
    dilan.done(["net", "--via", astray.link()])?;
    assert_eq!(dilan.run(["sync"])?.ended(1)?.error()?.0, "wrong_relay_key", "the descriptor is the relay's alone");
    Ok(())
}

#[test]
fn what_is_new_is_asked_for_where_there_is_no_feed() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let scene = Scene::set(root.path())?;
    let (dilan, rojin) = (scene.person(root.path(), "Dilan")?, scene.person(root.path(), "Rojin")?);
    dilan.done(["circle", "new", "home"])?;
    dilan.befriend(&rojin, "home", "contact")?;
    let mut watch = rojin.watch()?;
    watch.news("connected")?;
    dilan.done(["sos", "arrest"])?;
    watch.news("event")?;
    watch.terminate()?;
    scene.assert_nothing_around();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_forwarder_is_reached_through_the_proxy_alone() -> anyhow::Result<()> {
    const NAME: &str = "forward.himaya.invalid";
    let root = tempfile::tempdir()?;
    let mut relay = RelayProcess::init(&root.path().join("relay"))?;
    relay.serve()?;
    let named = format!("{NAME}:7453");
    let (forward, at) = ForwardProcess::start(&root.path().join("forward"), relay.link(), Some(&named))?;
    let proxy = SocksProxy::start([(NAME.to_owned(), at)].into())?;
    let via = Via { forwarder: forward.link().parse()?, seen: Vec::new() };
    let route = Route::through(proxy.url().parse()?, [7; 32]);
    let client = Https::through(&relay.link().parse()?, via, route, Timeouts::default())?;
    for number in 1..=3 {
        assert_eq!(client.put_cell(&address(number), &cell(number)?, None).await?, Put::Stored);
        assert_eq!(client.put_cell(&address(number), &cell(number)?, None).await?, Put::Same);
        let chunk = Chunk::from_bytes(vec![7; CHUNK_SIZE]).context("a chunk")?;
        assert_eq!(client.put_chunk(&address(number), &chunk, None).await?, Put::Stored);
    }
    assert_eq!(client.put_cell(&address(1), &cell(2)?, None).await?, Put::Taken(cell(1)?));
    let list: Vec<_> = (0..40).map(address).collect();
    let picked = client.pick_chunks(&list).await?;
    assert_eq!((picked.len(), picked.iter().flatten().count()), (40, 3));
    let asked = proxy.asked();
    assert!(asked.iter().all(|asked| asked.name.as_deref() == Some(NAME)));
    let ways: BTreeSet<_> = asked.iter().map(|asked| &asked.credentials).collect();
    // The descriptor once, ten puts, and 40 chunks in three answers.
    assert_eq!((asked.len(), ways.len()), (14, 14), "each has a way of its own");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_that_are_too_long_for_one_answer_come_in_pieces() -> anyhow::Result<()> {
    const CELLS: u32 = 600;
    let root = tempfile::tempdir()?;
    let mut closed = 0;
    let scene = Scene::set_with(root.path(), |relay| {
        let store = SledStore::open(&relay.folder().join("store"), 1 << 20, [0; 8])?;
        #[expect(clippy::disallowed_methods, reason = "a relay in another process goes by the machine's clock")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let today = u32::try_from(now / 86_400)?;
        closed = today - 1;
        // A runtime of its own, on a thread of its own: the test's is running.
        std::thread::scope(|scope| {
            let filled = scope.spawn(|| {
                tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
                    for (window, from) in [(closed, 0), (today, CELLS)] {
                        store.advance(window, today - 5).await?;
                        for number in from..from + CELLS {
                            store.put_cell(address(number), cell(number)?, Admission::Open).await?;
                        }
                    }
                    anyhow::Ok(())
                })
            });
            filled.join().map_err(|_| anyhow::anyhow!("the store could not be filled"))?
        })
    })?;
    let client = scene.client(Vec::new())?;
    let read = client.window_cells(closed).await?;
    let expected: BTreeSet<_> = (0..CELLS).map(address).collect();
    assert_eq!(read.iter().map(|(address, _)| *address).collect::<BTreeSet<_>>(), expected);
    assert!(read.iter().zip(read.iter().skip(1)).all(|((a, _), (b, _))| a < b));
    assert!(client.window_cells(closed - 1).await?.is_empty(), "a window without cells");
    let (head, read) = client.current_cells(None).await?.context("the current window")?;
    let expected: BTreeSet<_> = (CELLS..2 * CELLS).map(address).collect();
    assert_eq!(read.iter().map(|(address, _)| *address).collect::<BTreeSet<_>>(), expected);
    let new = 2 * CELLS;
    assert_eq!(client.put_cell(&address(new), &cell(new)?, None).await?, Put::Stored);
    let (_, read) = client.current_cells(Some(head.cursor)).await?.context("the cursor is known")?;
    assert_eq!(read.iter().map(|(address, _)| *address).collect::<Vec<_>>(), [address(new)]);
    assert!(client.feed().await.is_err(), "there is none");
    scene.assert_nothing_around();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_seen_otherwise_is_refused_and_a_relay_that_is_gone_is_named() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let mut scene = Scene::set(root.path())?;
    let relay = scene.client(Vec::new())?.descriptor().await?;
    let key: &GatewayKey = relay.gateway_keys.last().context("a key")?;
    assert!(scene.client(vec![(key.first, key.hash())])?.descriptor().await.is_ok());
    assert!(scene.client(vec![(key.first - 1, [7; 32])])?.descriptor().await.is_ok(), "of another window");
    let refusing = scene.client(vec![(key.first, [7; 32])])?;
    let put = refusing.put_cell(&address(1), &cell(1)?, None).await;
    assert_eq!(put, Err(TransportError::OtherGatewayKey));
    assert_eq!(refusing.descriptor().await, Err(TransportError::OtherGatewayKey));
    assert!(scene.relay.audit()?.contains("cells: 0 records"), "nothing was sent");
    let client = scene.client(Vec::new())?;
    scene.relay.kill()?;
    assert_eq!(client.descriptor().await, Err(TransportError::Unreachable(Unreachable::Behind)));
    scene.forward.kill()?;
    assert_eq!(client.descriptor().await, Err(TransportError::Unreachable(Unreachable::Forwarder)));
    Ok(())
}
