//! Who may import whom, by the manifests and by every path that the source names.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::source::{Kind, Source, Token, root, sources};

/// What lies below a folder, and what it names nowhere.
struct Layer {
    below: &'static str,
    never: &'static [&'static str],
}

const LAYERS: &[Layer] = &[
    Layer {
        below: "protocol/src/",
        never: &[
            "himaya",
            "himaya_relay",
            "tokio",
            "openmls",
            "rand",
            "getrandom",
            "std::env",
            "std::fs",
            "std::io",
            "std::process",
            "std::thread",
            "std::time",
            "std::net::TcpStream",
            "std::net::TcpListener",
            "std::net::UdpSocket",
            "std::net::ToSocketAddrs",
            "std::os",
        ],
    },
    Layer { below: "server/src/", never: &["himaya", "himaya_protocol::content", "himaya_protocol::case", "openmls"] },
    Layer {
        below: "server/src/service/",
        never: &["axum", "hyper", "rustls", "sled", "crate::http", "crate::cli", "crate::config", "std::fs"],
    },
    Layer {
        below: "server/src/store/",
        never: &["axum", "hyper", "rustls", "crate::http", "crate::cli", "crate::config", "crate::service"],
    },
    Layer { below: "server/src/http/", never: &["sled", "crate::cli", "crate::config", "std::fs"] },
    Layer { below: "client/src/", never: &["himaya_relay", "axum", "sled"] },
    Layer {
        below: "client/src/engine/",
        never: &[
            "tokio",
            "reqwest",
            "rustls",
            "crate::transport",
            "crate::driver",
            "crate::board",
            "crate::cli",
            "crate::tui",
            "crate::text",
            "crate::terminal",
            "std::env",
            "std::fs",
            "std::io",
            "std::net",
            "std::thread",
            "std::time::SystemTime",
            "std::time::Instant",
        ],
    },
    Layer {
        below: "client/src/export/",
        never: &[
            "openmls",
            "rusqlite",
            "tokio",
            "crate::engine",
            "crate::store",
            "crate::transport",
            "crate::driver",
            "crate::cli",
            "crate::tui",
            "crate::text",
            "crate::terminal",
            "std::env",
            "std::fs",
            "std::net",
            "std::process",
            "std::thread",
            "std::time",
        ],
    },
    Layer {
        below: "client/src/store/",
        never: &[
            "tokio",
            "reqwest",
            "rustls",
            "crate::engine",
            "crate::transport",
            "crate::driver",
            "crate::board",
            "crate::cli",
            "crate::tui",
            "crate::text",
            "crate::terminal",
        ],
    },
    Layer {
        below: "client/src/transport/",
        never: &[
            "openmls",
            "rusqlite",
            "crate::engine",
            "crate::store",
            "crate::driver",
            "crate::board",
            "crate::cli",
            "crate::tui",
            "crate::text",
            "crate::terminal",
        ],
    },
    Layer {
        below: "client/src/driver/",
        never: &["openmls", "rusqlite", "crate::board", "crate::cli", "crate::tui", "crate::text", "crate::terminal"],
    },
    Layer { below: "client/src/cli/", never: &["openmls", "rusqlite", "reqwest", "rustls", "tokio_tungstenite"] },
    Layer {
        below: "client/src/board/",
        never: &[
            "tokio",
            "openmls",
            "rusqlite",
            "crossterm",
            "crate::engine",
            "crate::transport",
            "crate::driver",
            "crate::cli",
            "crate::terminal",
            "crate::store::Profile",
            "crate::store::Ctx",
            "std::fs",
            "std::io",
            "std::net",
            "std::process",
            "std::thread",
            "std::time",
        ],
    },
    Layer {
        below: "client/src/text/",
        never: &["openmls", "rusqlite", "reqwest", "rustls", "tokio", "crate::transport::https", "crate::cli"],
    },
    Layer {
        below: "client/src/terminal/",
        never: &["openmls", "rusqlite", "reqwest", "rustls", "crate::transport", "crate::cli", "crate::engine"],
    },
];

/// Every path that a file names, `crate`, `self` and `super` resolved against the file's own module.
fn paths(source: &Source) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = source.tokens.get(at) {
        if token.kind == Kind::Word && token.text == "use" && !source.reads(at + 1, &["<"]) {
            at = use_tree(&source.tokens, at + 1, &[], &mut found);
        } else if token.kind == Kind::Word && source.reads(at + 1, &["::"]) {
            let start = at;
            let mut path = vec![token.text.clone()];
            while source.reads(at + 1, &["::"]) && source.tokens.get(at + 2).is_some_and(|t| t.kind == Kind::Word) {
                at += 2;
                path.extend(source.tokens.get(at).map(|token| token.text.clone()));
            }
            found.push((path, start));
        }
        at += 1;
    }
    let module = module_of(&source.path);
    found.into_iter().map(|(path, at)| (resolve(&path, &module).join("::"), at)).collect()
}

/// Reads one tree of a `use` from `at` on; gives the place of the token that ends it.
fn use_tree(tokens: &[Token], mut at: usize, before: &[String], found: &mut Vec<(Vec<String>, usize)>) -> usize {
    let start = at;
    let mut path = before.to_vec();
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "::" => (),
            "{" => {
                loop {
                    at = use_tree(tokens, at + 1, &path, found);
                    if tokens.get(at).is_none_or(|token| token.text != ",") {
                        break;
                    }
                }
                return at + 1;
            }
            "as" => at += 1,
            "," | ";" | "}" => break,
            "self" if !before.is_empty() => (),
            name => path.push(name.to_owned()),
        }
        at += 1;
    }
    if path.len() > before.len() || start < at {
        found.push((path, start));
    }
    at
}

/// `client/src/engine/lanes.rs` is `crate::engine::lanes`.
fn module_of(path: &str) -> Vec<String> {
    let inside = path.split_once("/src/").map_or(path, |(_, inside)| inside);
    let mut module = vec!["crate".to_owned()];
    module.extend(Path::new(inside).with_extension("").iter().map(|part| part.to_string_lossy().into_owned()));
    if module.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

fn resolve(path: &[String], module: &[String]) -> Vec<String> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    match path.first().map(String::as_str) {
        Some("super") => {
            let kept = module.len().saturating_sub(ups).max(1);
            module.iter().take(kept).chain(path.iter().skip(ups)).cloned().collect()
        }
        Some("self") => module.iter().chain(path.iter().skip(1)).cloned().collect(),
        Some(_) | None => path.to_vec(),
    }
}

/// Whether a path lies at or below a forbidden one, or takes in all that lies around it.
fn trespasses(path: &str, never: &str) -> bool {
    let below =
        |path: &str, root: &str| path == root || path.strip_prefix(root).is_some_and(|rest| rest.starts_with("::"));
    // A family of crates: `openmls` is also `openmls_traits`.
    let family = never == "openmls" && path.starts_with("openmls_");
    family
        || below(path, never)
        || path.strip_suffix("::*").is_some_and(|around| around != path && below(never, around))
}

/// A file `tests.rs`, or what lies in a folder `tests`, is no part of its layer: a test may look at its subject from above.
fn trespasses_of(source: &Source) -> Vec<String> {
    if source.path.ends_with("/tests.rs") || source.path.contains("/src/") && source.path.contains("/tests/") {
        return Vec::new();
    }
    let layers = LAYERS.iter().filter(|layer| source.path.starts_with(layer.below));
    let never: Vec<_> = layers.flat_map(|layer| layer.never).collect();
    paths(source)
        .into_iter()
        .filter(|(path, _)| never.iter().any(|never| trespasses(path, never)))
        .map(|(path, at)| format!("{} names {path}", source.place(at)))
        .collect()
}

#[test]
fn no_layer_names_what_lies_above_it() {
    let found: Vec<_> = ["protocol/src/", "server/src/", "client/src/"]
        .into_iter()
        .flat_map(sources)
        .flat_map(|source| trespasses_of(&source))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_trespass_is_seen_however_it_is_written() {
    for (path, text) in [
        ("protocol/src/wire/cell.rs", "fn f() { std::fs::read(p); }"),
        ("protocol/src/wire/cell.rs", "use std::{fmt, fs::File};"),
        ("server/src/http/calls.rs", "use himaya_protocol::{wire::Cell, content::{Event, EventId}};"),
        ("server/src/http/calls.rs", "use himaya_protocol::*;"),
        ("server/src/http/calls.rs", "fn f() -> himaya_protocol::content::Event { f() }"),
        ("client/src/engine/lanes.rs", "use super::super::driver::Driver;"),
        ("client/src/engine/mod.rs", "use super::transport;"),
        ("client/src/engine/lanes.rs", "fn f() { crate::driver::run() }"),
        ("client/src/driver/mod.rs", "use openmls_traits::OpenMlsProvider as _;"),
        ("client/src/store/mod.rs", "use crate::{crash, engine::{self, lanes}};"),
    ] {
        assert!(!trespasses_of(&Source::read(path, text)).is_empty(), "{path}: {text}");
    }
    for (path, text) in [
        ("server/src/http/calls.rs", "use himaya_protocol::wire::{self, Cell}; mod content { use super::x; }"),
        (
            "client/src/engine/mls.rs",
            "use openmls::prelude::*; // use crate::driver;\nconst S: &str = \"tokio::spawn\";",
        ),
        ("client/src/driver/mod.rs", "use crate::engine::{self, Job}; use super::store::Profile;"),
        ("protocol/src/wire/link.rs", "fn f(s: &str) { s.parse::<std::net::Ipv6Addr>(); }"),
    ] {
        assert_eq!(trespasses_of(&Source::read(path, text)), [""; 0], "{path}: {text}");
    }
}

fn manifests() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo runs these tests, so it can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    metadata.get("packages").and_then(Value::as_array).expect("cargo metadata lists packages").clone()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The dependencies of a package of the workspace, whatever they are for.
fn dependencies<'a>(packages: &'a [Value], name: &str) -> &'a [Value] {
    let package = packages.iter().find(|package| text(package, "name") == name);
    let dependencies = package.and_then(|package| package.get("dependencies")).and_then(Value::as_array);
    dependencies.unwrap_or_else(|| panic!("{name} is a package with dependencies"))
}

#[test]
fn only_the_tests_see_both_sides() {
    let packages = manifests();
    for (name, may) in [
        ("himaya-protocol", &[][..]),
        ("himaya-relay", &["himaya-protocol"]),
        ("himaya", &["himaya-protocol"]),
        ("himaya-tests", &["himaya", "himaya-protocol", "himaya-relay"]),
    ] {
        let mut ours: Vec<_> =
            dependencies(&packages, name).iter().map(|dependency| text(dependency, "name")).collect();
        ours.retain(|name| name.starts_with("himaya"));
        ours.sort_unstable();
        ours.dedup();
        assert_eq!(ours, may, "{name}");
    }
    assert_eq!(packages.len(), 4);
}

#[test]
fn the_protocol_depends_on_nothing_that_does_anything() {
    let packages = manifests();
    let mut names: Vec<_> = dependencies(&packages, "himaya-protocol")
        .iter()
        .filter(|dependency| dependency.get("kind") == Some(&Value::Null))
        .map(|dependency| text(dependency, "name"))
        .collect();
    names.sort_unstable();
    let pure = [
        "chacha20poly1305",
        "ciborium",
        "data-encoding",
        "hkdf",
        "rand_core",
        "serde",
        "serde_json",
        "sha2",
        "subtle",
        "thiserror",
        "voprf",
        "zeroize",
    ];
    assert!(names.iter().all(|name| pure.contains(name)), "{names:?}");
}

#[test]
fn what_must_not_drift_is_pinned_exactly() {
    let packages = manifests();
    let mut pinned = 0;
    for package in &packages {
        for dependency in dependencies(&packages, text(package, "name")) {
            let (name, req) = (text(dependency, "name"), text(dependency, "req"));
            if name.starts_with("openmls") || name == "sled" {
                assert!(req.starts_with('=') && req.matches('.').count() == 2, "{name} {req}");
                pinned += 1;
            }
        }
    }
    assert!(pinned >= 6, "openmls in five crates, and sled");
}
