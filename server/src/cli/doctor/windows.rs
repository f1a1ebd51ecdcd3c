//! Closed windows: whether they are as they were written.

use super::Finding;
use crate::cli::Layout;
use crate::store::FlatFiles;

/// Reads every closed window.
pub(super) fn closed(layout: &Layout) -> Finding {
    const NAME: &str = "windows";
    match FlatFiles::read(&layout.store()) {
        Ok(FlatFiles { damages, next_step, .. }) if !damages.is_empty() => {
            Finding::failed(NAME, format!("damaged: {}", damages.join("; ")), next_step)
        }
        Ok(FlatFiles { windows, .. }) => Finding::ok(NAME, format!("{windows} closed, each as it was written")),
        Err(error) => Finding::failed(NAME, format!("cannot be read: {error}"), "look at the disk"),
    }
}
