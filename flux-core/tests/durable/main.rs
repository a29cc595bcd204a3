//! The durable store on disk: what it promises, and what it does when the disk, the process or the machine fails.

mod conformance;
