//! Where the binaries are, built first if their sources are newer.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, bail, ensure};

/// The two binaries of this build.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// `himaya`, the client.
    pub himaya: PathBuf,
    /// `himaya-relay`, the relay.
    pub relay: PathBuf,
}

/// The binaries beside the running executable: same target folder, same profile.
///
/// `cargo test --workspace` has built them already; then nothing is built, and cargo's lock is not touched. Otherwise
/// cargo builds them, once in this process, while other processes wait at cargo's lock.
pub fn binaries() -> anyhow::Result<&'static Binaries> {
    static BUILT: OnceLock<Result<Binaries, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| locate().map_err(|error| format!("{error:#}")));
    built.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

fn locate() -> anyhow::Result<Binaries> {
    let folder = profile_folder(&std::env::current_exe().context("this executable has no path")?)?;
    let found = Binaries {
        himaya: folder.join(format!("himaya{}", std::env::consts::EXE_SUFFIX)),
        relay: folder.join(format!("himaya-relay{}", std::env::consts::EXE_SUFFIX)),
    };
    if !(is_fresh(&found.himaya) && is_fresh(&found.relay)) {
        build(&folder)?;
        ensure!(found.himaya.exists() && found.relay.exists(), "cargo left no binaries in {}", folder.display());
    }
    Ok(found)
}

/// `target/debug` for `target/debug/deps/x` and `target/debug/x`.
fn profile_folder(executable: &Path) -> anyhow::Result<PathBuf> {
    let folder = executable.parent().context("this executable lies in no folder")?;
    let inner = folder.file_name().is_some_and(|name| name == "deps" || name == "examples");
    let folder = if inner { folder.parent() } else { Some(folder) };
    Ok(folder.context("this executable lies in no folder")?.to_owned())
}

/// Whether a binary is there and newer than every file that cargo noted for it.
fn is_fresh(binary: &Path) -> bool {
    let changed = |path: &Path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    let Some(built) = changed(binary) else { return false };
    let Ok(noted) = std::fs::read_to_string(binary.with_extension("d")) else { return false };
    let mut noted = noted_files(&noted);
    noted.push(workspace().join("Cargo.lock"));
    noted.push(workspace().join("Cargo.toml"));
    noted.iter().all(|path| changed(path).is_some_and(|changed| changed <= built))
}

/// The files behind `target:` in a rule of make; a space in a name stands behind a backslash.
fn noted_files(rule: &str) -> Vec<PathBuf> {
    let Some((_, files)) = rule.split_once(": ") else { return Vec::new() };
    let mut found = vec![String::new()];
    let mut escaped = false;
    for c in files.chars() {
        match (c, found.last_mut()) {
            ('\\', _) if !escaped => escaped = true,
            (' ' | '\n', _) if !escaped => found.push(String::new()),
            (c, Some(last)) => {
                escaped = false;
                last.push(c);
            }
            (_, None) => (),
        }
    }
    found.into_iter().filter(|file| !file.is_empty()).map(PathBuf::from).collect()
}

/// The root of the workspace that this was compiled in.
fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

fn build(folder: &Path) -> anyhow::Result<()> {
    let profile = folder.file_name().and_then(|name| name.to_str()).context("the profile's folder has no name")?;
    // The profile `dev` builds into `debug`; every other into a folder of its own name.
    let profile = if profile == "debug" { "dev" } else { profile };
    let above = folder.parent().context("the profile's folder lies nowhere")?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--workspace", "--bins", "--profile", profile]).current_dir(workspace());
    // Only the target folder itself is tagged: below it may lie a folder for each target.
    match above.parent() {
        Some(root) if !is_target_folder(above) && is_target_folder(root) => {
            cargo.arg("--target-dir").arg(root).arg("--target").arg(above.file_name().unwrap_or_default());
        }
        _ => {
            cargo.arg("--target-dir").arg(above);
        }
    }
    for name in std::env::vars_os().map(|(name, _)| name).filter(is_of_our_package) {
        cargo.env_remove(name);
    }
    let output = cargo.output().with_context(|| format!("{} cannot be run", env!("CARGO")))?;
    if !output.status.success() {
        bail!("the binaries cannot be built:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Cargo tags the folder that it builds into (Cache Directory Tagging Specification).
fn is_target_folder(folder: &Path) -> bool {
    folder.join("CACHEDIR.TAG").exists()
}

/// What cargo tells the executable that it runs about that package, and build scripts would take for theirs.
fn is_of_our_package(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_folder_lies_around_deps() {
        for executable in ["t/debug/deps/blackbox-1", "t/debug/demo", "t/debug/examples/x"] {
            assert_eq!(profile_folder(Path::new(executable)).unwrap(), Path::new("t/debug"));
        }
    }

    #[test]
    fn noted_files_may_have_spaces() {
        let files = noted_files("a/b: x/y.rs my\\ dir/z.rs back\\\\slash\n");
        assert_eq!(files, ["x/y.rs", "my dir/z.rs", "back\\slash"].map(PathBuf::from));
    }

    #[test]
    fn what_is_not_there_is_not_fresh() {
        assert!(!is_fresh(Path::new("no/such/binary")));
    }
}
