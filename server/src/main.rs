//! The `himaya-relay` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    himaya_relay::cli::main()
}
