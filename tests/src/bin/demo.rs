//! `cargo demo`: a relay, four people, eight alerts, one crash, one removal, with the real binaries.
//! `cargo demo desk`: a week of two desks on simulated time.

use std::process::ExitCode;

use himaya_tests::{demo, week};

fn main() -> ExitCode {
    let played = match std::env::args().nth(1).as_deref() {
        None => demo::play(&mut std::io::stdout()),
        Some("desk") => week::show(),
        Some(other) => Err(anyhow::anyhow!("there is no demo called {other}; there is: desk")),
    };
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write as _;
            // Nothing is left to do when even this cannot be written.
            let _unwritable = writeln!(std::io::stderr(), "the demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}
