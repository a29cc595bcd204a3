//! The HTTP side: `/api/v1`, `/health`, `/ready`, `/metrics`, the status page and the documentation. Owns: requests and answers, live
//! streams, remembered answers. Must not know: packets, files, how anything it shows is made.
//!
//! Invariant: an event is acknowledged (2xx) only after its receipt has resolved, and only [`error`] turns an error into a status.

mod convert;
mod cursor;
mod error;
mod extract;
mod guard;
mod idempotency;
mod openapi;
mod pages;
mod probes;
mod publish;
mod rates;
mod recent;
mod router;
mod server;
mod settings;
mod state;
mod tail;
mod v1;

pub use openapi::document as openapi_document;
pub use server::Server;
pub use settings::Settings;
pub use state::{Dependencies, NodeFacts};
