//! What an operator does: the link again, the environment, the audit in all its forms, the doctor.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use himaya_protocol::wire::link::RelayLink;
use rcgen::{CertificateParams, KeyPair};

use crate::client::{Put, address, cell, chunk, put_cell, put_chunk};
use crate::process::{Home, command};

pub fn run(home: &Home, words: &[&str]) -> Output {
    let dir = home.dir.to_str().unwrap();
    command(words.iter().map(|word| if *word == "DIR" { dir } else { *word }))
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn complained(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A relay on a port of its own, which a doctor can ask.
fn on_a_port() -> Home {
    let home = Home::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    home.configure("listen = \"127.0.0.1:0\"", &format!("listen = \"{free}\""));
    home
}

#[test]
fn the_link_is_printed_again() {
    let home = Home::new();
    let link: RelayLink = said(&run(&home, &["link", "DIR"])).trim().parse().unwrap();
    assert_eq!((link.endpoint(), link.pin()), ("127.0.0.1:1", &home.pin));
    home.configure("link_host = \"127.0.0.1:1\"", "link_host = \"relay.example.org:443\"");
    let link: RelayLink = said(&run(&home, &["link", "DIR"])).trim().parse().unwrap();
    assert_eq!((link.endpoint(), link.pin()), ("relay.example.org:443", &home.pin));
    home.configure("relay.example.org:443", "[::]:443");
    let refused = run(&home, &["link", "DIR"]);
    assert!(!refused.status.success() && complained(&refused).contains("link_host"), "{refused:?}");
}

#[test]
fn a_link_that_leads_nowhere_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("relay");
    let dir = dir.to_str().unwrap();
    for words in [
        &["init", dir, "--listen", "0.0.0.0:7443"][..],
        &["init", dir, "--listen", "[::]:7443"],
        &["init", dir, "--listen", "127.0.0.1:7443", "--link-host", "0.0.0.0:7443"],
        &["init", dir, "--listen", "127.0.0.1:0"],
    ] {
        let refused = command(words.iter().copied());
        assert!(!refused.status.success(), "{words:?}");
        assert!(complained(&refused).contains("--link-host HOST:PORT"), "{}", complained(&refused));
        assert!(!Path::new(dir).exists(), "{words:?} made a folder");
    }
    let made = command(["init", dir, "--listen", "0.0.0.0:7443", "--link-host", "relay.example.org:7443"]);
    assert!(made.status.success(), "{}", complained(&made));
}

#[tokio::test]
async fn the_environment_stands_above_the_file() {
    let home = Home::new();
    let relay = home.try_serve(&[("HIMAYA_RELAY_LISTEN", "127.0.0.2:0")]).unwrap_or_else(|end| panic!("{}", end.log));
    assert_eq!(relay.address.ip().to_string(), "127.0.0.2");
    assert_eq!(put_cell(&relay, &address(1), &cell(1)).await, Ok(Put::Stored));
    drop(relay);
    for (name, value) in [("HIMAYA_RELAY_RETENTION", "many"), ("HIMAYA_RELAY_COLOUR", "green")] {
        let Err(end) = home.try_serve(&[(name, value)]) else { panic!("{name} was taken") };
        assert!(!end.status.success());
        assert!(end.log.contains(name) && end.log.contains("unset it"), "{}", end.log);
    }
}

#[tokio::test]
async fn the_audit_says_the_same_in_every_form_with_and_without_a_running_relay() {
    let home = Home::new();
    let relay = home.serve();
    for name in 0..3 {
        put_cell(&relay, &address(name), &cell(name)).await.unwrap();
    }
    put_chunk(&relay, &address(1), &chunk(1)).await.unwrap();
    check_audits(&home);
    relay.kill();
    check_audits(&home);
    let both = run(&home, &["audit", "DIR", "--json", "--letter"]);
    assert!(!both.status.success());
}

fn check_audits(home: &Home) {
    let text = home.audit();
    assert!(text.contains("cells: 3 records") && text.contains("chunks: 1 records"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&said(&run(home, &["audit", "DIR", "--json"]))).unwrap();
    let count = |name: &str| {
        json["records"].as_array().unwrap().iter().find(|record| record["name"] == name).unwrap()["count"].clone()
    };
    assert_eq!((count("cells"), count("chunks")), (3.into(), 1.into()));
    assert_eq!(json["windows"].as_array().unwrap().len(), 1);
    assert_eq!(json["window_seconds"], 30 * 86_400);
    let letter = said(&run(home, &["audit", "DIR", "--letter"]));
    let day = json["day"].as_str().unwrap();
    assert!(letter.contains("cells: 3 at present") && letter.contains("chunks: 1 at present"), "{letter}");
    assert!(letter.contains(day), "{letter}");
}

fn checks(home: &Home) -> (bool, serde_json::Value) {
    let output = run(home, &["doctor", "DIR", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&said(&output)).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(json["ok"].as_bool().unwrap(), output.status.success(), "{json:#}");
    (output.status.success(), json)
}

/// How one thing stands, and what is said of it.
fn check(json: &serde_json::Value, name: &str) -> (String, String) {
    let found = json["checks"].as_array().unwrap().iter().find(|check| check["name"] == name);
    let found = found.unwrap_or_else(|| panic!("{name} was not looked at: {json:#}"));
    if found["state"] != "ok" {
        assert!(!found["next"].as_str().unwrap().is_empty(), "{found} says not what to do");
    }
    (found["state"].as_str().unwrap().to_owned(), found["says"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_healthy_relay_is_found_healthy() {
    let home = on_a_port();
    let relay = home.serve();
    put_cell(&relay, &address(1), &cell(1)).await.unwrap();
    let (well, json) = checks(&home);
    assert!(well, "{json:#}");
    for name in ["version", "permissions", "certificate", "link", "listening", "clock", "disk", "flush"] {
        assert_ne!(check(&json, name).0, "failed");
    }
    assert_eq!(check(&json, "access").0, "warning", "open is said");
    let (state, says) = check(&json, "listening");
    assert!(state == "ok" && says.contains("X25519MLKEM768") && says.contains("TLS 1.3"), "{says}");
    let words = said(&run(&home, &["doctor", "DIR"]));
    assert!(words.contains("listening") && !words.contains("FAILED"), "{words}");
    let left: Vec<_> = std::fs::read_dir(&home.dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 6, "the doctor left something behind: {left:?}");
}

#[test]
fn a_relay_that_does_not_run_is_found() {
    let home = on_a_port();
    let (well, json) = checks(&home);
    assert!(!well);
    let (state, says) = check(&json, "listening");
    assert!(state == "failed" && says.contains("nothing listens"), "{says}");
    let output = run(&home, &["doctor", "DIR"]);
    assert!(said(&output).contains("FAILED") && said(&output).contains("→ start it"), "{}", said(&output));
}

#[test]
fn another_relay_at_its_port_is_found() {
    let (home, other) = (on_a_port(), Home::new());
    let listen = std::fs::read_to_string(home.dir.join("relay.toml")).unwrap();
    let listen = listen.lines().find(|line| line.starts_with("listen")).unwrap().to_owned();
    other.configure("listen = \"127.0.0.1:0\"", &listen);
    let _other = other.serve();
    let (well, json) = checks(&home);
    assert!(!well);
    assert_eq!(check(&json, "listening").0, "failed", "{json:#}");
}

#[test]
fn a_key_that_others_may_read_is_found() {
    let home = on_a_port();
    for (path, mode) in
        [(home.dir.join("tls-key.pem"), 0o640), (home.dir.join("relay.toml"), 0o604), (home.dir.clone(), 0o711)]
    {
        let before = std::fs::metadata(&path).unwrap().permissions();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let (state, says) = check(&checks(&home).1, "permissions");
        assert!(state == "failed" && says.contains(path.to_str().unwrap()), "{says}");
        std::fs::set_permissions(&path, before).unwrap();
    }
    assert_eq!(check(&checks(&home).1, "permissions").0, "ok");
}

#[test]
fn a_clock_that_does_not_fit_the_windows_is_found() {
    let home = on_a_port();
    let windows = home.store().join("windows");
    std::fs::create_dir_all(&windows).unwrap();
    std::fs::set_permissions(home.store(), std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(check(&checks(&home).1, "clock").0, "ok");
    // A window of the year 2270 or so: the clock is behind.
    std::fs::create_dir(windows.join("0000003650")).unwrap();
    assert_eq!(check(&checks(&home).1, "clock").0, "failed");
    std::fs::remove_dir(windows.join("0000003650")).unwrap();
    std::fs::create_dir(windows.join("0000000002")).unwrap();
    let (state, says) = check(&checks(&home).1, "clock");
    assert!(state == "failed" && says.contains("would be destroyed"), "{says}");
}

#[test]
fn a_disk_below_the_reserve_is_found() {
    let home = on_a_port();
    home.configure("reserve = \"1MiB\"", "reserve = \"999999GiB\"");
    assert_eq!(check(&checks(&home).1, "disk").0, "failed");
}

#[test]
fn a_certificate_that_ran_out_or_fits_no_key_is_found() {
    let home = on_a_port();
    let key = KeyPair::from_pem(&std::fs::read_to_string(home.dir.join("tls-key.pem")).unwrap()).unwrap();
    let mut params = CertificateParams::new(vec!["relay.example.org".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2021, 2, 3);
    std::fs::write(home.dir.join("tls-certificate.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    let (state, says) = check(&checks(&home).1, "certificate");
    assert!(state == "failed" && says.contains("2021-02-03"), "{says}");
    let other = params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    std::fs::write(home.dir.join("tls-certificate.pem"), other).unwrap();
    assert_eq!(check(&checks(&home).1, "certificate").0, "failed");
}
