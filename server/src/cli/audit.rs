//! `himaya-relay audit DIR [--json | --letter]`: what the operator could hand over.

use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::day::Day;
use super::{CliError, Layout, boot_id, census, letter, unix_seconds};
use crate::config::Config;
use crate::schema::{self, Record};
use crate::store::{CellStore, Census, SledStore, StoreError};
use crate::tokens::Invites;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The relay's folder.
    dir: PathBuf,
    /// One JSON object, for programs.
    #[arg(long, conflicts_with = "letter")]
    json: bool,
    /// A dated page in plain words, to print, sign and hand over.
    #[arg(long)]
    letter: bool,
}

/// Everything that there is to say.
pub(super) struct Report {
    pub(super) config: Config,
    pub(super) held: Vec<Census>,
    pub(super) invites: u64,
    pub(super) today: Day,
}

impl Report {
    /// How many records of a kind there are.
    pub(super) fn count(&self, record: &Record) -> u64 {
        let of_window = |held: &Census| match record.name {
            schema::CELLS => held.cells,
            schema::CHUNKS => held.chunks,
            schema::SPENT => held.spent,
            _ => 0,
        };
        let invites = if record.name == schema::INVITES { self.invites } else { 0 };
        self.held.iter().map(of_window).sum::<u64>() + invites
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), CliError> {
    let layout = Layout::new(&arguments.dir);
    let config = layout.read_config()?;
    let held = match census::ask(&layout.audit_socket())? {
        Some(held) => held,
        None => {
            layout.insist_on_owner()?;
            let store = SledStore::open(&layout.store(), config.reserve, boot_id()?)?;
            store.census().map_err(|_: StoreError| CliError::StorageFailed)?
        }
    };
    let invites = Invites::beside(&layout.invites()).read()?.all().count();
    let invites = u64::try_from(invites).unwrap_or(u64::MAX);
    let report = Report { config, held, invites, today: Day::of(unix_seconds()) };
    if arguments.json {
        writeln!(out, "{:#}", to_json(&report))?;
    } else if arguments.letter {
        out.write_all(letter::write(&report).as_bytes())?;
    } else {
        print(&report, out)?;
    }
    Ok(())
}

fn print(report: &Report, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "Everything that this relay stores:\n")?;
    for record in &schema::STORED {
        writeln!(out, "{}: {} records, kept {}", record.name, report.count(record), record.kept)?;
        for field in record.fields {
            writeln!(out, "  {:<10} {:>6} B  {}", field.name, field.size, field.purpose)?;
        }
    }
    writeln!(out, "\n{:>10} {:>12} {:>12} {:>12} {:>16}", "window", "cells", "chunks", "spent", "bytes on disk")?;
    for held in &report.held {
        let Census { window, cells, chunks, spent, bytes } = held;
        writeln!(out, "{window:>10} {cells:>12} {chunks:>12} {spent:>12} {bytes:>16}")?;
    }
    writeln!(out, "\nFiles, below the relay's folder:\n")?;
    for place in &schema::PLACES {
        writeln!(out, "  {:<30} {}", place.path, place.holds)?;
    }
    writeln!(out, "\nNothing else: no accounts, no network addresses, no times finer than a window, no request log.")
}

fn to_json(report: &Report) -> serde_json::Value {
    let record = |record: &Record| {
        let field = |field: &schema::Field| json!({"name": field.name, "bytes": field.size, "purpose": field.purpose});
        let fields: Vec<_> = record.fields.iter().map(field).collect();
        json!({"name": record.name, "count": report.count(record), "kept": record.kept, "fields": fields})
    };
    let window = |held: &Census| json!({"window": held.window, "cells": held.cells, "chunks": held.chunks, "spent": held.spent, "bytes_on_disk": held.bytes});
    let file = |place: &schema::Place| json!({"path": place.path, "holds": place.holds});
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "day": report.today.to_string(),
        "window_seconds": report.config.window.as_secs(),
        "retention": report.config.retention,
        "records": schema::STORED.iter().map(record).collect::<Vec<_>>(),
        "windows": report.held.iter().map(window).collect::<Vec<_>>(),
        "files": schema::PLACES.iter().map(file).collect::<Vec<_>>(),
    })
}
