//! Health and metrics, as a monitor on the relay's own machine asks for them.

use std::net::{SocketAddr, TcpListener};

use himaya_relay::store::{CellStore, SledStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{address, cell, chunk, put_cell, put_chunk};
use crate::process::{Home, command};

pub fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

pub async fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// A metric's value.
fn value(metrics: &str, name: &str) -> i64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("himaya_relay_{name} ")));
    line.unwrap_or_else(|| panic!("no {name}: {metrics}")).parse().unwrap()
}

#[tokio::test]
async fn metrics_do_not_change_with_a_write() {
    let home = Home::new();
    let at = free_port();
    home.configure("health = \"off\"", &format!("health = \"{at}\""));
    let relay = home.serve();
    assert!(ask(at, "/health").await.starts_with("HTTP/1.1 200 OK"));
    let before = ask(at, "/metrics").await;
    assert!(before.contains("application/openmetrics-text") && before.ends_with("# EOF\n"), "{before}");
    assert_eq!((value(&before, "cells"), value(&before, "windows"), value(&before, "full")), (0, 1, 0));
    for name in 0..20 {
        put_cell(&relay, &address(name), &cell(name)).await.unwrap();
    }
    relay.hang_up();
    let body = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    let after = ask(at, "/metrics").await;
    // Unless this test ran into the next full hour, in which the totals may be looked at again.
    if value(&after, "cells") == 0 {
        assert_eq!(body(&before), body(&after));
    }
    assert!(ask(at, "/").await.starts_with("HTTP/1.1 404"));
    drop(relay);
    let _relay = home.serve();
    assert_eq!(value(&ask(at, "/metrics").await, "cells"), 20, "a start is a look");
}

#[tokio::test]
async fn a_full_disk_is_an_alarm() {
    let home = Home::new();
    let at = free_port();
    home.configure("health = \"off\"", &format!("health = \"{at}\""));
    home.configure("reserve = \"1MiB\"", "reserve = \"999999GiB\"");
    let _relay = home.serve();
    let answer = ask(at, "/health").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("make room"), "{answer}");
    assert_eq!(value(&ask(at, "/metrics").await, "full"), 1);
}

#[tokio::test]
async fn a_quota_that_is_nearly_taken_is_told() {
    let home = Home::new();
    let at = free_port();
    home.configure("health = \"off\"", &format!("health = \"{at}\""));
    let relay = home.serve();
    assert!(ask(at, "/health").await.ends_with("ok\n"));
    for name in 0..40 {
        put_chunk(&relay, &address(name), &chunk(name)).await.unwrap();
    }
    relay.kill();
    let dir = home.dir.to_str().unwrap();
    let taken = |quota: &str| {
        let said = String::from_utf8(command(["doctor", dir]).stdout).unwrap();
        let line = said.lines().find(|line| line.starts_with("quota")).unwrap().to_owned();
        assert!(line.contains(quota), "{line}");
        line
    };
    assert!(taken(" of 1024 MiB").contains(" ok "));
    let store = SledStore::open(&home.store(), 1 << 20, [0; 8]).unwrap();
    let bytes: u64 = store.census().unwrap().iter().map(|window| window.bytes).sum();
    drop(store);
    for (quota, said, status, word) in [
        ((bytes >> 10) * 100 / 95, "WARNING", "HTTP/1.1 200", "degraded"),
        ((bytes >> 10) / 2, "FAILED", "HTTP/1.1 503", "full"),
    ] {
        let text = std::fs::read_to_string(home.dir.join("relay.toml")).unwrap();
        let before = text.lines().find(|line| line.starts_with("quota = ")).unwrap();
        home.configure(before, &format!("quota = \"{quota}KiB\""));
        let line = taken("MiB of ");
        assert!(line.contains(said), "{line}");
        let _relay = home.serve();
        let answer = ask(at, "/health").await;
        assert!(answer.starts_with(status) && answer.contains(word) && answer.contains("raise quota"), "{answer}");
        let metrics = ask(at, "/metrics").await;
        assert_eq!(value(&metrics, "quota_bytes"), i64::try_from(quota << 10).unwrap());
    }
}

#[test]
fn health_is_not_told_to_the_network() {
    let home = Home::new();
    home.configure("health = \"off\"", "health = \"0.0.0.0:9464\"");
    let Err(end) = home.try_serve(&[]) else { panic!("it listens") };
    assert!(end.log.contains("loopback"), "{}", end.log);
}
