//! The durable store on disk: what it promises, and what it does when the disk, the process or the machine fails.

// Disks and processes keep real time.
#![allow(clippy::disallowed_methods)]

mod cleaning;
mod conformance;
mod damage;
mod fixture;
mod full_disk;
mod killed;
mod kit;
mod power_failure;
