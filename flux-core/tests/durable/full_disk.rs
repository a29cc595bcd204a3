use std::process::Command;
use std::sync::Arc;

use flux_core::durable::conformance::{Owner, all, append, commit, delivery, fill, recovered, seqs, session, transaction, wait};
use flux_core::durable::{DiskStore, DurableStore, Faults, Operation, Options};
use flux_core::types::{AckLevel, QueueId, Refusal, Seq};

use crate::kit::open;

fn with_faults(folder: &std::path::Path, ack: AckLevel) -> (DiskStore, Faults) {
    let faults = Faults::default();
    (DiskStore::open(folder, Options { ack, faults: faults.clone(), ..Options::default() }).expect("the store opens"), faults)
}

fn append_one(store: &DiskStore, queue: QueueId, id: u128) -> Result<(), Refusal> {
    wait(store.commit(transaction([append(queue, delivery(id, 1_000), &Arc::new(Owner::default()))])))
}

#[test]
fn a_full_disk_refuses_and_the_store_goes_on_when_there_is_room_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, faults) = with_faults(folder.path(), AckLevel::Stored);
    let queue = session(&store);
    fill(&store, queue, 3);
    for room in [0, 1, 40, 500] {
        faults.fill(room);
        assert_eq!(append_one(&store, queue, 4), Err(Refusal::StoreFailed), "{room} bytes are not enough");
        assert!(store.stats().failed);
    }
    assert_eq!(store.stats().failures, 4);
    assert_eq!(seqs(&all(&store, queue)), [1, 2, 3]);
    faults.fill(u64::MAX);
    assert_eq!(append_one(&store, queue, 5), Ok(()));
    assert!(!store.stats().failed);
    assert_eq!(seqs(&all(&store, queue)), [1, 2, 3, 4], "no seq was used up");
    store.close();
    let store = open(folder.path());
    assert_eq!(seqs(&all(&store, queue)), [1, 2, 3, 4]);
}

#[test]
fn killed_with_half_a_write_on_disk_it_opens_without_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, faults) = with_faults(folder.path(), AckLevel::Stored);
    let queue = session(&store);
    fill(&store, queue, 3);
    faults.fill(700);
    assert_eq!(append_one(&store, queue, 4), Err(Refusal::StoreFailed));
    let copy = crate::kit::copy(folder.path());
    let killed = open(copy.path());
    assert_eq!(recovered(&killed).lost_commits, 0);
    assert_eq!(seqs(&all(&killed, queue)), [1, 2, 3]);
    fill(&killed, queue, 1);
    assert_eq!(seqs(&all(&killed, queue)), [1, 2, 3, 4]);
}

#[test]
fn a_failed_synchronisation_is_final_until_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, faults) = with_faults(folder.path(), AckLevel::Replicated);
    let queue = session(&store);
    fill(&store, queue, 2);
    faults.break_sync(true);
    assert_eq!(append_one(&store, queue, 3), Err(Refusal::StoreFailed));
    faults.break_sync(false);
    assert_eq!(append_one(&store, queue, 3), Err(Refusal::StoreFailed), "what the disk holds is not known");
    assert!(store.stats().failed);
    store.close();
    let store = open(folder.path());
    assert!(seqs(&all(&store, queue)).starts_with(&[1, 2]), "nothing acknowledged is lost");
    assert_eq!(append_one(&store, queue, 4), Ok(()));
}

/// The same with a file system that is really full, where this user may mount one.
#[test]
fn a_real_full_file_system() {
    let folder = tempfile::tempdir().expect("a folder");
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(folder.path()).output();
    if !mount.is_ok_and(|output| output.status.success()) {
        eprintln!("not run: this user may not mount a file system");
        return;
    }
    struct Unmount<'a>(&'a std::path::Path);
    impl Drop for Unmount<'_> {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg(self.0).status();
        }
    }
    let _unmount = Unmount(folder.path());
    let filler = folder.path().join("filler");
    std::fs::write(&filler, vec![1; 2 << 20]).expect("there is room");
    let store = open(folder.path());
    let queue = session(&store);
    let stored = (1..10_000u128).take_while(|id| append_one(&store, queue, *id).is_ok()).count();
    assert!((500..5_000).contains(&stored), "{stored} entries of a kilobyte fit");
    assert!(store.stats().failed);
    std::fs::remove_file(&filler).expect("deleted");
    assert_eq!(append_one(&store, queue, 0), Ok(()));
    commit(&store, [Operation::Remove { queue, seq: Seq(1) }]);
    store.close();
    let store = open(folder.path());
    assert_eq!(all(&store, queue).len(), stored);
    drop(store);
}
