//! `himaya-relay doctor DIR [--json]`: whether all is well, and what to do where not.
//!
//! It asks nobody but this machine, and leaves nothing behind.

use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::{CliError, Layout};

mod disk;
mod files;
mod relay;
mod windows;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The relay's folder.
    dir: PathBuf,
    /// One JSON object, for programs.
    #[arg(long)]
    json: bool,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    /// It works, and an operator should know.
    Warning,
    /// It does not work, or not for long.
    Failed,
}

/// What came of one look.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    name: &'static str,
    state: State,
    says: String,
    /// What to do about it.
    next: Option<String>,
}

impl Finding {
    fn ok(name: &'static str, says: impl Into<String>) -> Self {
        Self { name, state: State::Ok, says: says.into(), next: None }
    }

    fn warning(name: &'static str, says: impl Into<String>, next: impl Into<String>) -> Self {
        Self { name, state: State::Warning, says: says.into(), next: Some(next.into()) }
    }

    fn failed(name: &'static str, says: impl Into<String>, next: impl Into<String>) -> Self {
        Self { name, state: State::Failed, says: says.into(), next: Some(next.into()) }
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), CliError> {
    let layout = Layout::new(&arguments.dir);
    let config = layout.read_config()?;
    let mut findings = vec![Finding::ok("version", format!("himaya-relay {}", env!("CARGO_PKG_VERSION")))];
    findings.push(files::permissions(&layout, &config));
    findings.extend(relay::certificate_and_listening(&layout, &config)?);
    findings.push(relay::access(&config));
    findings.push(disk::clock(&layout, &config));
    findings.push(disk::room(&layout, &config));
    findings.push(disk::quota(&layout, &config));
    findings.push(disk::flush(&layout));
    findings.push(windows::closed(&layout));
    let well = findings.iter().all(|finding| finding.state != State::Failed);
    if arguments.json {
        writeln!(out, "{:#}", to_json(&findings, well))?;
    } else {
        print(&findings, out)?;
    }
    if well { Ok(()) } else { Err(CliError::Unwell) }
}

fn print(findings: &[Finding], out: &mut impl Write) -> std::io::Result<()> {
    for finding in findings {
        let state = match finding.state {
            State::Ok => "ok",
            State::Warning => "WARNING",
            State::Failed => "FAILED",
        };
        writeln!(out, "{:<12} {state:<8} {}", finding.name, finding.says)?;
        if let Some(next) = &finding.next {
            writeln!(out, "{:<12} {:<8} → {next}", "", "")?;
        }
    }
    Ok(())
}

fn to_json(findings: &[Finding], well: bool) -> serde_json::Value {
    let one = |finding: &Finding| {
        let state = match finding.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Failed => "failed",
        };
        json!({"name": finding.name, "state": state, "says": finding.says, "next": finding.next})
    };
    json!({"ok": well, "checks": findings.iter().map(one).collect::<Vec<_>>()})
}
