//! The HTTP side through a real listener: the typed client, and raw requests where the client would not make them.

// Helpers of a test may unwrap like the test, and what a test waits for beside itself it awaits in the end.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod documents;
mod events;
mod fakes;
mod operation;
mod problems;
mod sessions;
mod tails;
mod world;
