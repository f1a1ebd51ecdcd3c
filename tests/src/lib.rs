//! What needs both sides of Himaya: simulated people on an in-process relay, real binaries, the demo.

pub mod binaries;
pub mod demo;
pub mod sim;
pub mod week;
