//! The protocol against published vectors, its own vectors, and arbitrary bytes.

mod alert_files;
mod display;
mod documents;
mod events;
mod primitives;
mod properties;
mod recurrence;
mod tokens;
mod vector_file;
mod vectors_desk;
mod vectors_events;
mod vectors_wire;
mod vocabulary;
