//! The machine goes down: another boot, and what was not synchronised may be gone.

use std::path::Path;

use flux_core::durable::conformance::{fill, recovered, session};
use flux_core::durable::{DiskStore, DurableStore, Options};
use flux_core::types::AckLevel;
use xxhash_rust::xxh3::xxh3_64;

use crate::kit::{change, copy, open, position, refusal, segments};

/// As if the machine had been started again since.
fn reboot(folder: &Path) {
    change(&folder.join("commits"), |bytes| {
        bytes[8] ^= 0xff;
        let checksum = xxh3_64(&bytes[..40]);
        bytes[40..48].copy_from_slice(&checksum.to_le_bytes());
    });
}

/// What the disk held when the power went: nothing was closed.
fn cut_off(ack: AckLevel) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let store = DiskStore::open(folder.path(), Options { ack, ..Options::default() }).expect("the store opens");
    let queue = session(&store);
    for _ in 0..10 {
        fill(&store, queue, 1);
    }
    let copy = copy(folder.path());
    reboot(copy.path());
    copy
}

#[test]
fn an_end_that_was_not_synchronised_is_counted() {
    let folder = cut_off(AckLevel::Stored);
    change(&segments(folder.path())[0], |bytes| {
        let at = position(bytes, b"FXC1", 8);
        bytes.truncate(at + 50);
    });
    let store = open(folder.path());
    let found = recovered(&store);
    assert_eq!((found.lost_commits, found.sessions[0].entries), (3, 7));
    fill(&store, found.sessions[0].queue, 1);
    store.close();
    assert_eq!(recovered(&open(folder.path())).lost_commits, 0, "it is told once");
}

#[test]
fn a_hole_before_the_end_is_counted_and_what_is_behind_it_is_kept() {
    let folder = cut_off(AckLevel::Stored);
    change(&segments(folder.path())[0], |bytes| {
        let (from, to) = (position(bytes, b"FXC1", 5), position(bytes, b"FXC1", 7));
        bytes[from..to].fill(0);
    });
    let found = recovered(&open(folder.path()));
    assert_eq!((found.lost_commits, found.sessions[0].entries), (2, 8));
    assert_eq!(recovered(&open(folder.path())).lost_commits, 0);
    for aside in std::fs::read_dir(folder.path().parent().expect("a parent")).expect("readable") {
        let path = aside.expect("readable").path();
        if path.to_string_lossy().starts_with(&format!("{}.damaged-", folder.path().display())) {
            std::fs::remove_dir_all(path).expect("deleted");
        }
    }
}

#[test]
fn nothing_lost_is_nothing_to_tell() {
    let folder = cut_off(AckLevel::Stored);
    let found = recovered(&open(folder.path()));
    assert_eq!((found.lost_commits, found.sessions[0].entries), (0, 10));
}

#[test]
fn what_was_closed_properly_must_be_there_whatever_happened_since() {
    let folder = cut_off(AckLevel::Stored);
    open(folder.path()).close();
    reboot(folder.path());
    change(&segments(folder.path())[0], |bytes| {
        let at = position(bytes, b"FXC1", 8);
        bytes.truncate(at);
    });
    assert!(refusal(folder.path()).contains("damaged or missing"));
}

#[test]
fn a_segment_that_was_just_begun_may_be_empty() {
    for bytes in [0, 10, 64, 4096] {
        let folder = cut_off(AckLevel::Stored);
        std::fs::write(folder.path().join("segment-0000000002.log"), vec![0; bytes]).expect("written");
        let store = open(folder.path());
        let found = recovered(&store);
        assert_eq!((found.lost_commits, found.sessions[0].entries), (0, 10), "{bytes} bytes of zeros");
        assert_eq!(segments(folder.path()).len(), 1);
    }
}
