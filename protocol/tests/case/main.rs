//! Cases: from events of several people to what every replica says of them.

#![expect(clippy::indexing_slicing, reason = "a test that does not find what it looks for fails")]

mod fields;
mod replicas;
mod shelter;
mod story;
mod transitions;
mod work;
