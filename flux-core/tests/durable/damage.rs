//! Damage on the disk under a machine that kept running: it is named, nothing is lost in silence, and `repair` keeps what is readable.

use std::path::Path;

use flux_core::durable::conformance::{all, commit, fill, recovered, seqs, session, wait};
use flux_core::durable::{DurableStore, Operation, repair};
use flux_core::types::{QueueId, Seq};

use crate::kit::{change, open, position, refusal, segments};

/// Two sessions with 20 entries each, a commit for each entry, in a folder of its own.
fn store() -> (tempfile::TempDir, [QueueId; 2]) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let queues = [session(&store), session(&store)];
    for _ in 0..20 {
        for queue in queues {
            fill(&store, queue, 1);
        }
    }
    store.close();
    (folder, queues)
}

fn only_segment(folder: &Path) -> std::path::PathBuf {
    let segments = segments(folder);
    assert_eq!(segments.len(), 1);
    segments[0].clone()
}

#[test]
fn a_flipped_byte_in_a_message_costs_that_message_and_is_named() {
    let (folder, [first, second]) = store();
    let segment = only_segment(folder.path());
    // The seventh entry of the first queue.
    change(&segment, |bytes| {
        let at = position(bytes, b"publisher", 12);
        bytes[at] ^= 0x20;
    });
    let message = refusal(folder.path());
    assert!(message.contains("segment-0000000001.log") && message.contains("1 stored commits"), "{message}");
    assert!(message.contains("flux-core repair --data-dir"), "{message}");

    let checked = repair::check(folder.path()).expect("readable");
    assert_eq!((checked.commits_lost, checked.commits_damaged), (0, 1));
    assert_eq!(refusal(folder.path()), message, "looking changes nothing");

    let report = repair::repair(folder.path()).expect("repaired");
    let queues: Vec<_> = report.queues.iter().map(|queue| (queue.queue, queue.kept, queue.lost)).collect();
    assert_eq!(queues, [(first, 19, 1), (second, 20, 0)]);
    let aside = report.moved_to.as_ref().expect("the damaged file is kept");
    assert!(aside.join("segment-0000000001.log").exists());
    assert!(report.to_string().contains("session 1: 19 messages kept, 1 known to be lost"), "{report}");

    let store = open(folder.path());
    let kept: Vec<_> = (1..=20).filter(|seq| *seq != 7).collect();
    assert_eq!(seqs(&all(&store, first)), kept);
    assert_eq!(all(&store, second).len(), 20);
    assert_eq!(recovered(&store).lost_commits, 0);
    drop(store);
    assert!(repair::check(folder.path()).expect("readable").is_whole());
    std::fs::remove_dir_all(aside).expect("deleted");
}

#[test]
fn a_damaged_frame_header_costs_that_commit() {
    let (folder, [first, _]) = store();
    change(&only_segment(folder.path()), |bytes| {
        let at = position(bytes, b"FXC1", 10);
        bytes[at + 20] ^= 1;
    });
    let message = refusal(folder.path());
    assert!(message.contains("1 stored commits") && message.contains("the first is 11"), "{message}");
    let report = repair::repair(folder.path()).expect("repaired");
    assert_eq!((report.commits_lost, report.commits_damaged), (1, 0));
    let store = open(folder.path());
    assert_eq!(store.stats().queued_entries, 39);
    assert_eq!(recovered(&store).sessions[0].next, Seq(21), "{first:?}");
    drop(store);
    std::fs::remove_dir_all(report.moved_to.expect("moved")).expect("deleted");
}

#[test]
fn an_end_that_is_missing_is_noticed() {
    for cut in [1, 100, 1_000] {
        let (folder, _) = store();
        change(&only_segment(folder.path()), |bytes| bytes.truncate(bytes.len() - cut));
        let message = refusal(folder.path());
        assert!(message.contains("stored commits are damaged or missing"), "{message}");
        let report = repair::repair(folder.path()).expect("repaired");
        assert!(report.commits_lost + report.commits_damaged > 0);
        let store = open(folder.path());
        fill(&store, recovered(&store).sessions[0].queue, 1);
        store.close();
        open(folder.path());
        std::fs::remove_dir_all(report.moved_to.expect("moved")).expect("deleted");
    }
}

#[test]
fn any_flipped_byte_anywhere_is_noticed_or_harmless_and_repair_always_opens() {
    let (folder, _) = store();
    let bytes = std::fs::read(only_segment(folder.path())).expect("readable");
    let (length, sessions_end) = (bytes.len(), position(&bytes, b"FXC1", 2));
    let mut refused = 0;
    for at in (0..length).step_by(37) {
        let copy = crate::kit::copy(folder.path());
        change(&only_segment(copy.path()), |bytes| bytes[at] ^= 0x01);
        let message = refusal(copy.path());
        refused += 1;
        let report = repair::repair(copy.path()).unwrap_or_else(|error| panic!("byte {at}: {message}: {error}"));
        let store = open(copy.path());
        // One commit at most; one of the first two is a session, whose entries nobody is owed without it.
        let least = if at < sessions_end { 20 } else { 39 };
        assert!(store.stats().queued_entries >= least, "byte {at}\n{report}");
        std::fs::remove_dir_all(report.moved_to.expect("moved")).expect("deleted");
    }
    assert!(refused > 50);
}

/// A store of several segments.
fn many_segments() -> (tempfile::TempDir, QueueId) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let queue = session(&store);
    let owner = std::sync::Arc::new(flux_core::durable::conformance::Owner::default());
    for id in 0..28 {
        let delivery = flux_core::durable::conformance::delivery(id, 1024 * 1024);
        commit(&store, [flux_core::durable::conformance::append(queue, delivery, &owner)]);
    }
    store.close();
    assert_eq!(segments(folder.path()).len(), 4);
    (folder, queue)
}

#[test]
fn a_missing_segment_is_noticed_and_the_others_are_kept() {
    for missing in 0..4 {
        let (folder, queue) = many_segments();
        std::fs::remove_file(&segments(folder.path())[missing]).expect("deleted");
        let message = refusal(folder.path());
        assert!(message.contains("missing"), "{message}");
        let report = repair::repair(folder.path()).expect("repaired");
        let store = open(folder.path());
        let kept = all(&store, queue).len();
        // The session itself stands in the first.
        let expected = if missing == 0 { 0..1 } else { 19..25 };
        assert!(expected.contains(&kept), "segment {missing}: {kept} kept\n{report}");
        assert_eq!(report.orphans > 0, missing == 0, "{report}");
    }
}

#[test]
fn a_damaged_segment_header_costs_nothing() {
    let (folder, queue) = many_segments();
    change(&segments(folder.path())[2], |bytes| bytes[3] ^= 1);
    assert!(refusal(folder.path()).contains("segment-0000000003.log"));
    let report = repair::repair(folder.path()).expect("repaired");
    let store = open(folder.path());
    assert_eq!(all(&store, queue).len(), 28, "{report}");
    std::fs::remove_dir_all(report.moved_to.expect("moved")).expect("deleted");
}

#[test]
fn without_the_file_commits_nobody_knows_what_is_missing_until_repair_says_so() {
    for damage in [|path: &Path| std::fs::remove_file(path).expect("deleted"), |path: &Path| change(path, |bytes| bytes[25] ^= 1)]
    {
        let (folder, _) = store();
        damage(&folder.path().join("commits"));
        assert!(refusal(folder.path()).contains("commits"));
        repair::repair(folder.path()).expect("repaired");
        assert_eq!(open(folder.path()).stats().queued_entries, 40);
    }
}

#[test]
fn a_segment_of_a_newer_version_is_not_touched() {
    let (folder, _) = store();
    let segment = only_segment(folder.path());
    change(&segment, |bytes| {
        bytes[8] = 2;
        let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..56]);
        bytes[56..64].copy_from_slice(&checksum.to_le_bytes());
    });
    let before = std::fs::read(&segment).expect("readable");
    assert!(refusal(folder.path()).contains("written by a newer"));
    assert!(repair::repair(folder.path()).is_err(), "repair would only make it worse");
    assert_eq!(std::fs::read(&segment).expect("readable"), before);
}

#[test]
fn damage_under_a_running_store_is_an_error_of_the_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let queue = session(&store);
    fill(&store, queue, 3);
    change(&only_segment(folder.path()), |bytes| {
        let at = position(bytes, b"publisher", 1);
        bytes[at] ^= 1;
    });
    let error = wait(store.read(queue, Seq(1), 3, usize::MAX)).expect_err("damaged").to_string();
    assert!(error.contains("segment-0000000001.log") && error.contains("damaged"), "{error}");
    assert_eq!(seqs(&wait(store.read(queue, Seq(3), 1, 1)).expect("the others are readable")), [3]);
    commit(&store, [Operation::Remove { queue, seq: Seq(2) }]);
    assert_eq!(seqs(&all(&store, queue)), [1, 3]);
}
