//! `linkage`: the linkage experiment of docs/metadata.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    himaya_tests::linkage::run(&arguments, &mut std::io::stdout())
}
