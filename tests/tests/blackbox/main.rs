//! Himaya as its users meet it: the two real binaries, a real relay, real TLS, real profiles on a real disk.
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a field that is missing fails the test; what was skipped or measured is said"
)]

mod client_crash;
mod dropped;
mod duress;
mod exits;
mod hostile;
mod pages;
mod passed;
mod questions;
mod relay_crash;
mod shapes;
mod sunset;
mod tokens;
mod transcripts;
mod walk;
mod watch;
mod wipe;

use himaya_tests::scene;
