//! What needs both sides of Himaya: simulated people on an in-process relay, real binaries, the demo, pages that are followed.

pub mod binaries;
pub mod demo;
#[allow(clippy::indexing_slicing, reason = "an experiment that indexes wrongly ends, and nothing depends on it")]
pub mod linkage;
pub mod page;
pub mod scene;
pub mod sim;
pub mod week;
