//! What is true of the source as a whole and no compiler checks: who may import whom, what a log line may hold, what
//! the documents promise.

mod documents;
mod layers;
mod logs;
mod marks;
mod secrets;
mod source;
