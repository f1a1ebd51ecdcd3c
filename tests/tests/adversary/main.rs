//! What those learn who take, run or watch a relay, and what it can do unseen: measured, not claimed (docs/metadata.md).
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what is missing fails the test; what was measured is said"
)]

mod canaries;
mod classify;
mod deleted;
mod liar;
mod scan;
mod stored;
mod tap;
mod through;
mod wire;
mod worlds;
