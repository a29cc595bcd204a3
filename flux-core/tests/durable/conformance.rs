use std::sync::Arc;

use flux_core::durable::conformance::{Bench, CLAUSES};
use flux_core::durable::{DiskStore, DurableStore, Options};
use flux_core::types::AckLevel;
use tempfile::TempDir;

struct OnDisk(TempDir, AckLevel);

impl Bench for OnDisk {
    fn open(&mut self) -> Arc<dyn DurableStore> {
        Arc::new(DiskStore::open(self.0.path(), Options { ack: self.1, ..Options::default() }).expect("the store opens"))
    }
}

#[test]
fn the_store_on_disk_does_what_every_store_does() {
    for level in [AckLevel::Stored, AckLevel::Replicated] {
        for (name, clause) in CLAUSES {
            eprintln!("{level}: {name}");
            clause(&mut OnDisk(tempfile::tempdir().expect("a folder"), level));
        }
    }
}
