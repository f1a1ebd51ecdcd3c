//! How clients reach a relay when a proxy is set: through it alone, each thing on a way of its own, names unresolved.
#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::Command;

use anyhow::{Context as _, ensure};
use himaya::transport::https::{Https, Timeouts};
use himaya::transport::route::Route;
use himaya::transport::{Put, Transport};
use himaya_protocol::wire::cell::{CELL_SIZE, CHUNK_SIZE};
use himaya_protocol::wire::{Address, Cell, Chunk};
use himaya_tests::binaries::socks::Asked;
use himaya_tests::binaries::{Home, RelayProcess, SocksProxy, string};

/// A name that no name server knows (RFC 6761 section 6.4).
const NAME: &str = "relay.himaya.invalid";
/// An onion name as tor makes them; this one is nobody's.
const ONION: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaad.onion";
/// Set for the part of a test that runs in a network namespace of its own.
const INSIDE: &str = "HIMAYA_TEST_NAMESPACE";

/// A relay that only the proxy knows how to reach, and the proxy.
fn behind_a_proxy(root: &std::path::Path) -> anyhow::Result<(RelayProcess, SocksProxy)> {
    let mut relay = RelayProcess::init_named(&root.join("relay"), &format!("{NAME}:7443"))?;
    relay.serve()?;
    let proxy = SocksProxy::start([(NAME.to_owned(), relay.address())].into())?;
    Ok((relay, proxy))
}

fn person(root: &std::path::Path, name: &str, relay: &RelayProcess, proxy: &SocksProxy) -> anyhow::Result<Home> {
    let home = Home::new(root, name)?;
    home.done(["init", "--relay", relay.link(), "--name", name, "--proxy", &proxy.url()])?;
    Ok(home)
}

/// Two people meet, one raises an alert, the other answers.
fn alert(root: &std::path::Path, relay: &RelayProcess, proxy: &SocksProxy) -> anyhow::Result<()> {
    let (dilan, rojin) = (person(root, "Dilan", relay, proxy)?, person(root, "Rojin", relay, proxy)?);
    dilan.done(["circle", "new", "home"])?;
    let card = dilan.done(["card", "new"])?;
    rojin.done(["card", "accept", string(&card, "card")?])?;
    let requests = dilan.list(["requests"])?;
    let request = requests.first().context("the request came")?;
    dilan.done(["approve", &request["id"].to_string(), "--circle", "home"])?;
    rojin.run(["sync"])?.done()?;
    let sos = dilan.done(["sos", "arrest"])?["alerts"][0].clone();
    rojin.run(["sync"])?.done()?;
    rojin.done(["ack", string(&sos, "id")?])?;
    dilan.run(["sync"])?.done()?;
    let shown = dilan.done(["show", string(&sos, "id")?])?;
    assert_eq!(shown["reach"]["answered"][0]["name"], "Rojin");
    Ok(())
}

fn names(asked: &[Asked]) -> BTreeSet<Option<&str>> {
    asked.iter().map(|asked| asked.name.as_deref()).collect()
}

#[test]
fn people_talk_through_the_proxy_and_look_no_name_up() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let (relay, proxy) = behind_a_proxy(root.path())?;
    alert(root.path(), &relay, &proxy)?;
    assert_eq!(names(&proxy.asked()), [Some(NAME)].into());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_put_draw_pick_and_feed_has_a_way_of_its_own() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let (relay, proxy) = behind_a_proxy(root.path())?;
    let route = Route::through(proxy.url().parse()?, [7; 32]);
    let client = Https::new(&relay.link().parse()?, route, Timeouts::default())?;
    let ways = |from: usize| -> BTreeSet<_> {
        proxy.asked().split_off(from).into_iter().map(|asked| asked.credentials).collect()
    };
    client.descriptor().await?;
    client.current_cells(None).await?;
    let reads = ways(0);
    assert_eq!(reads.len(), 1, "sweeps share one");
    let mut seen = reads;
    for byte in 1..=3 {
        let (address, cell) = (Address::new([byte; 32]), Cell::from_bytes(vec![byte; CELL_SIZE]).context("a cell")?);
        let before = proxy.asked().len();
        assert_eq!(client.put_cell(&address, &cell, None).await?, Put::Stored);
        let chunk = Chunk::from_bytes(vec![byte; CHUNK_SIZE]).context("a chunk")?;
        assert_eq!(client.put_chunk(&address, &chunk, None).await?, Put::Stored);
        client.pick_chunks(&[address]).await?;
        // The relay is open: it refuses, and that is an answer.
        assert!(client.draw(&[byte; 64]).await.is_err());
        let feed = client.feed().await?;
        let new = ways(before);
        drop(feed);
        assert_eq!(new.len(), 5, "one way was used twice");
        assert!(seen.is_disjoint(&new), "a way was used again");
        seen.extend(new);
    }
    assert_eq!(names(&proxy.asked()), [Some(NAME)].into());
    Ok(())
}

#[test]
fn nothing_leaves_without_the_proxy() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let relay = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    relay.set_nonblocking(true)?;
    let link = himaya_protocol::wire::link::RelayLink::new(&relay.local_addr()?.to_string(), [9; 32])?;
    let dead = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let proxy = format!("socks5h://{}", dead.local_addr()?);
    drop(dead);
    let dilan = Home::new(root.path(), "Dilan")?;
    dilan.done(["init", "--relay", &link.to_string(), "--name", "Dilan", "--proxy", &proxy])?;
    dilan.run(["sos", "arrest"])?.ended(3)?;
    let said = dilan.command(["card", "new"]).for_people().run()?.ended(3)?;
    assert!(said.err.contains("himaya net"), "{}", said.err);
    for words in [&["sync"][..], &["card", "new"], &["st"]] {
        dilan.run(words.iter().copied())?;
    }
    assert_eq!(relay.accept().err().map(|error| error.kind()), Some(ErrorKind::WouldBlock), "something went around");
    // What stays of it is said, and only the person can change it.
    assert_eq!(dilan.done(["net"])?["proxy"], proxy);
    for wrong in ["socks5://127.0.0.1:9050", "127.0.0.1:9050", "socks5h://u:p@127.0.0.1:9050", ""] {
        assert_eq!(dilan.run(["net", "--proxy", wrong])?.ended(1)?.error()?.0, "proxy", "{wrong}");
    }
    assert_eq!(dilan.done(["net"])?["proxy"], proxy);
    assert_eq!(dilan.done(["net", "--proxy", "off"])?["proxy"], serde_json::Value::Null);
    dilan.run(["sync"])?;
    assert!(relay.accept().is_ok(), "without a proxy it goes to the relay");
    Ok(())
}

#[test]
fn an_onion_relay_is_reached_through_the_proxy_alone() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let onion = free.local_addr()?;
    drop(free);
    let mut relay = RelayProcess::init_named(&root.path().join("relay"), &format!("{ONION}:7443"))?;
    relay.configure("onion = \"off\"", &format!("onion = \"{onion}\""))?;
    relay.serve()?;
    let proxy = SocksProxy::start(BTreeMap::from([(ONION.to_owned(), onion)]))?;
    // Without a proxy an alert is saved all the same, and what to do is said.
    let sara = Home::found(root.path(), "Sara", relay.link())?;
    sara.run(["sos", "raid"])?.ended(3)?;
    let said = sara.command(["card", "new"]).for_people().run()?.ended(3)?;
    assert!(said.err.contains("himaya net --proxy socks5h://127.0.0.1:9050"), "{}", said.err);
    sara.done(["net", "--proxy", &proxy.url()])?;
    sara.run(["sync"])?.done()?;
    alert(root.path(), &relay, &proxy)?;
    assert_eq!(names(&proxy.asked()), [Some(ONION)].into());
    Ok(())
}

/// In a network namespace in which nothing is reachable but what the test starts there, with a name server that counts:
/// with a proxy it is never asked, and without one it is, so the count means something.
#[test]
fn only_the_proxy_is_asked_where_nothing_else_is_reachable() -> anyhow::Result<()> {
    const TEST: &str = "only_the_proxy_is_asked_where_nothing_else_is_reachable";
    if std::env::var_os(INSIDE).is_some() {
        return inside_the_namespace();
    }
    // All that the part inside needs of the system.
    let needs = "ip link set lo up && mount --bind /etc/resolv.conf /etc/resolv.conf";
    let may = Command::new("unshare").args(["--net", "--mount", "sh", "-c", needs]).output();
    if !may.is_ok_and(|made| made.status.success()) {
        ensure!(std::env::var_os("HIMAYA_NO_SKIP").is_none(), "{TEST} cannot run here: no network namespace");
        return Ok(writeln!(std::io::stderr(), "SKIPPED {TEST}: no network namespace can be made")?);
    }
    // Built here, where there is a network.
    himaya_tests::binaries::binaries()?;
    let test = Command::new("unshare")
        .args(["--net", "--mount"])
        .arg(std::env::current_exe()?)
        .args(["--exact", TEST, "--nocapture"])
        .env(INSIDE, "1")
        .output()?;
    let (out, err) = (String::from_utf8_lossy(&test.stdout), String::from_utf8_lossy(&test.stderr));
    ensure!(test.status.success() && out.contains("1 passed"), "{out}{err}");
    Ok(())
}

fn inside_the_namespace() -> anyhow::Result<()> {
    let run = |program: &str, words: &[&str]| -> anyhow::Result<()> {
        let made = Command::new(program).args(words).status()?;
        ensure!(made.success(), "{program} {words:?}");
        Ok(())
    };
    run("ip", &["link", "set", "lo", "up"])?;
    let root = tempfile::tempdir()?;
    let resolver = root.path().join("resolv.conf");
    std::fs::write(&resolver, "nameserver 127.0.0.1\noptions attempts:1 timeout:1\n")?;
    run("mount", &["--bind", &resolver.to_string_lossy(), "/etc/resolv.conf"])?;
    let names = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 53)))?;
    names.set_nonblocking(true)?;
    let was_asked = || names.recv(&mut [0; 512]).is_ok();

    let (relay, proxy) = behind_a_proxy(root.path())?;
    alert(root.path(), &relay, &proxy)?;
    ensure!(!was_asked(), "a name was looked up around the proxy");

    let leaky = Home::found(root.path(), "Leaky", relay.link())?;
    leaky.run(["sync"])?.ended(1)?;
    ensure!(was_asked(), "the count sees nothing");
    Ok(())
}
