//! What needs both sides of Himaya: simulated people on an in-process relay, real binaries, the demo, pages that are followed.

pub mod binaries;
pub mod demo;
pub mod page;
pub mod sim;
pub mod week;
