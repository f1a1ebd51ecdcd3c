//! The relay as its operator and its clients meet it: the real binary, real TLS, a real disk.
#![allow(missing_docs, unreachable_pub, reason = "a test, not a library")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it measured"
)]

mod acme;
mod calls;
mod certificate;
mod client;
mod clock;
mod closed;
mod crash;
mod disk;
mod feed;
mod flat;
mod floods;
mod flush;
mod format;
mod forward;
mod health;
mod host;
mod hostile;
mod lines;
mod load;
mod ohttp;
mod operator;
mod paid;
mod payer;
mod powercut;
mod process;
mod purse;
mod puts;
mod quota;
mod rollover;
mod schema;
mod silence;
mod stop;
mod sunset;
mod tokens;
mod tokens_crash;
mod transcripts;
