//! `cargo demo`: a relay, four people, eight alerts, one crash, one removal, with the real binaries.

use std::process::ExitCode;

use himaya_tests::demo;

fn main() -> ExitCode {
    match demo::play(&mut std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write as _;
            // Nothing is left to do when even this cannot be written.
            let _unwritable = writeln!(std::io::stderr(), "the demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}
