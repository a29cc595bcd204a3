//! A real server for tests of the tools. Owns: finding the binary, starting it on free ports over an empty folder, ending it. Must not
//! know: any command. Another package shares it with `#[path = "../../fluxctl/tests/support/mod.rs"] mod support;`.
#![allow(dead_code, unused_imports)]

mod follow;
mod mqtt;
mod program;
mod redis;
mod server;
mod tool;

pub use follow::Follow;
pub use mqtt::Device;
pub use redis::Redis;
pub use server::Server;
pub use tool::Tool;
