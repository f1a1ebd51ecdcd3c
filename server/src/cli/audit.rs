//! `himaya-relay audit DIR`: what the operator could hand over.

use std::io::Write;
use std::path::PathBuf;

use super::{CliError, Layout, boot_id, census};
use crate::schema;
use crate::store::{CellStore, Census, SledStore, StoreError};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The relay's folder.
    dir: PathBuf,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), CliError> {
    let layout = Layout::new(&arguments.dir);
    let config = layout.read_config()?;
    let census = match census::ask(&layout.audit_socket())? {
        Some(census) => census,
        None => {
            let store = SledStore::open(&layout.store(), config.reserve, boot_id()?)?;
            store.census().map_err(|_: StoreError| CliError::StorageFailed)?
        }
    };
    report(&census, out)?;
    Ok(())
}

fn report(census: &[Census], out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "Everything that this relay stores:\n")?;
    for record in &schema::STORED {
        let count: u64 =
            census.iter().map(|held| if record.name == schema::CELLS { held.cells } else { held.chunks }).sum();
        writeln!(out, "{}: {count} records, kept {}", record.name, record.kept)?;
        for field in record.fields {
            writeln!(out, "  {:<10} {:>6} B  {}", field.name, field.size, field.purpose)?;
        }
    }
    writeln!(out, "\n{:>10} {:>12} {:>12} {:>16}", "window", "cells", "chunks", "bytes on disk")?;
    for held in census {
        writeln!(out, "{:>10} {:>12} {:>12} {:>16}", held.window, held.cells, held.chunks, held.bytes)?;
    }
    writeln!(out, "\nFiles, below the relay's folder:\n")?;
    for place in &schema::PLACES {
        writeln!(out, "  {:<30} {}", place.path, place.holds)?;
    }
    writeln!(out, "\nNothing else: no accounts, no network addresses, no times finer than a window, no request log.")
}
