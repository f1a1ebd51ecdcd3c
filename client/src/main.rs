//! The `himaya` command. Everything ambient is read here and passed on.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use himaya::cli::{Environment, run};
#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::process::{Resource, Rlimit, setrlimit};

fn main() -> ExitCode {
    forbid_core_dumps();
    let variable = |name: &str| std::env::var(name).ok();
    let environment = Environment {
        out: Box::new(std::io::stdout()),
        err: Box::new(std::io::stderr()),
        input: Box::new(std::io::stdin()),
        asks: std::io::stdin().is_terminal() && std::io::stdout().is_terminal(),
        clock: wall_clock,
        seed: seed(),
        default_home: default_home(),
        colour: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        languages: ["HIMAYA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable).collect(),
    };
    ExitCode::from(run(std::env::args_os().collect(), environment))
}

/// What a client holds in memory (keys, words) is never written to a disk by a crash, and no other process of the same user
/// can read it.
fn forbid_core_dumps() {
    // A system that refuses one still has the other.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// `$XDG_DATA_HOME/himaya`, else `~/.local/share/himaya` (XDG Base Directory Specification).
fn default_home() -> Option<PathBuf> {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let data = data.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    data.map(|data| data.join("himaya"))
}

#[expect(clippy::disallowed_methods, reason = "the one place where the program reads the machine's clock")]
fn wall_clock() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[expect(clippy::disallowed_methods, reason = "the one place where the program draws the machine's randomness")]
fn seed() -> Option<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).ok().map(|()| seed)
}
