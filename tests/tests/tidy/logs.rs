//! The log audit: a line says what happened to the relay or the client itself, never to whom.
//!
//! A message is a fixed text. A field is one of [`FIELDS`], whose values are kinds, counts and errors of our own:
//! no address, token, key, IP address or user agent has a name under which it could be written.

use super::source::{Kind, Source, Token, by_comma, sources};

/// Every field that a log line may have. `error` is an error's Display: our own fixed texts, and what the system and the
/// engine say of files. The relay's canary test reads the log that comes of it.
const FIELDS: &[&str] = &["count", "error", "kind", "seconds", "window"];
/// `place` is a line of source, after a panic. In the client the word means a region, so only the relay may say it.
const FIELDS_OF_THE_RELAY: &[&str] = &["place"];

const LEVELS: &[&str] = &["trace", "debug", "info", "warn", "error", "event"];

/// What is wrong with the logging of a file.
fn faults(source: &Source) -> Vec<String> {
    let imported = source.tokens.iter().any(|token| token.text == "tracing");
    let mut faults = Vec::new();
    for (at, token) in source.tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Word) {
        let macro_call = source.reads(at + 1, &["!", "("]);
        let fault = match token.text.as_str() {
            level if macro_call && imported && LEVELS.contains(&level) => {
                line_fault(&source.path, source.inside(at + 2))
            }
            // An instrumented function writes its arguments, a span lives on into other lines.
            "instrument" if imported => Some("writes arguments".to_owned()),
            name if macro_call && imported && name.ends_with("span") => Some("is a span".to_owned()),
            "log"
                if source.reads(at + 1, &["::"])
                    && !source.reads(at.saturating_sub(1), &["::"])
                    && is_log(source, at) =>
            {
                Some("goes around tracing".to_owned())
            }
            _ => None,
        };
        faults.extend(fault.map(|fault| format!("{}: {} {fault}", source.place(at), token.text)));
    }
    faults
}

/// Whether `log::` is the crate: followed by a level and a bang.
fn is_log(source: &Source, at: usize) -> bool {
    LEVELS.iter().any(|level| source.reads(at + 2, &[level, "!"]))
}

fn line_fault(path: &str, arguments: &[Token]) -> Option<String> {
    let arguments = by_comma(arguments);
    let Some((message, fields)) = arguments.split_last() else { return Some("says nothing".to_owned()) };
    match message {
        [text] if text.kind == Kind::Literal && text.text.starts_with('"') && !text.text.contains('{') => (),
        _ => return Some("has no fixed text as its message".to_owned()),
    }
    fields.iter().find_map(|field| {
        let name = field.iter().find(|token| token.kind == Kind::Word).map_or("", |token| token.text.as_str());
        let shown = field.iter().map(|token| token.text.as_str()).collect::<Vec<_>>().join("");
        let relay = path.starts_with("server/") && FIELDS_OF_THE_RELAY.contains(&name);
        (!FIELDS.contains(&name) && !relay).then(|| format!("has the field {shown}"))
    })
}

#[test]
fn log_lines_name_nobody() {
    let mut lines = 0;
    let mut found = Vec::new();
    for source in ["protocol/src/", "server/src/", "client/src/"].into_iter().flat_map(sources) {
        lines += LEVELS.iter().map(|level| source.find(&["tracing", "::", level, "!"]).len()).sum::<usize>();
        found.extend(faults(&source));
    }
    assert!(found.is_empty(), "{found:#?}");
    assert!(lines > 5, "the relay logs something, and this test sees it");
}

#[test]
fn a_log_line_that_could_name_somebody_is_seen() {
    for line in [
        "tracing::info!(\"put {address}\")",
        "tracing::info!(%address, \"put\")",
        "tracing::warn!(peer = %peer, \"late\")",
        "tracing::warn!(error = %error, peer, \"late\")",
        "tracing::debug!(?request, \"asked\")",
        "tracing::error!(text)",
        "tracing::error!(\"gone: {}\", path)",
        "tracing::event!(tracing::Level::INFO, \"x\", peer)",
        "tracing::info_span!(\"connection\")",
    ] {
        let source = Source::read("server/src/x.rs", &format!("fn f() {{ {line}; }}"));
        assert_eq!(faults(&source).len(), 1, "{line}");
    }
    for line in ["tracing::info!(\"stopped\")", "tracing::warn!(kind = %error.kind(), count = 3, \"late\")"] {
        let source = Source::read("server/src/x.rs", &format!("fn f() {{ {line}; }}"));
        assert_eq!(faults(&source), [""; 0], "{line}");
    }
    let place = "fn f() { tracing::info!(place, \"raised\"); }";
    assert_eq!(faults(&Source::read("client/src/x.rs", place)).len(), 1, "a region, in the client");
    let instrumented = Source::read("server/src/x.rs", "#[tracing::instrument] fn f(peer: SocketAddr) {}");
    assert_eq!(faults(&instrumented).len(), 1);
}
