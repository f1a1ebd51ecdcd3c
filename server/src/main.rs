//! The `himaya-relay` command.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// What is freed is overwritten, so that nothing of a connection outlives it in memory: what a client sent, and where it came from.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    himaya_relay::cli::main()
}
