//! The HTTP side through a real listener: the typed client, and raw requests where the client would not make them.

mod documents;
mod events;
mod fakes;
mod operation;
mod problems;
mod sessions;
mod tails;
mod world;
