//! Who may read the relay's folder.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::Finding;
use crate::cli::Layout;
use crate::config::Config;

const NAME: &str = "permissions";
/// What group and others may do.
const OTHERS: u32 = 0o077;

/// Whether the folder and what is in it is the relay's alone. The certificate may be read by all.
pub(super) fn permissions(layout: &Layout, config: &Config) -> Finding {
    let owner = match fs::metadata(layout.folder()) {
        Ok(folder) => folder.uid(),
        Err(error) => return Finding::failed(NAME, format!("the folder: {error}"), "look at the disk"),
    };
    let private = [layout.folder().to_owned(), layout.config(), layout.below(&config.tls.key)];
    let there = [layout.store(), layout.gateway_keys()].into_iter().filter(|path| path.exists());
    let private: Vec<PathBuf> = private.into_iter().chain(there).collect();
    for path in &private {
        let shown = path.display();
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) => return Finding::failed(NAME, format!("{shown}: {error}"), "run this as the relay's user"),
        };
        if found.mode() & OTHERS != 0 {
            let says = format!("{shown} is open to others than its owner");
            return Finding::failed(NAME, says, format!("chmod go= '{shown}'"));
        }
        if found.uid() != owner {
            let says = format!("{shown} does not belong to the folder's owner, user {owner}");
            return Finding::failed(NAME, says, format!("chown {owner} '{shown}'"));
        }
    }
    Finding::ok(NAME, "nobody but the relay's user reads its folder")
}
