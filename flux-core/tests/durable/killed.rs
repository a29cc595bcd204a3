//! A process that is really killed. The child is this test binary itself: `the_child` does nothing unless it is told where to write.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use flux_core::durable::conformance::{Owner, append, delivery, recovered, session, transaction, wait};
use flux_core::durable::{DiskStore, DurableStore, Operation, Options};
use flux_core::types::{EventId, QueueId, Seq};

use crate::kit::open;

const FOLDER: &str = "FLUX_TEST_DURABLE_CHILD";
const QUEUES: u64 = 5;

#[test]
fn the_child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let store = DiskStore::open(folder.as_ref(), Options::default()).expect("the store opens");
    let queues: Vec<_> = (0..QUEUES).map(|_| session(&store)).collect();
    let owner = Arc::new(Owner::default());
    let mut out = std::io::stdout().lock();
    let mut window = std::collections::VecDeque::new();
    for id in 0u64.. {
        // Every event goes to two queues, in one transaction.
        let (first, second) = (queues[(id % QUEUES) as usize], queues[((id + 1) % QUEUES) as usize]);
        let delivery = delivery(u128::from(id), 200);
        window.push_back((
            id,
            store.commit(transaction([append(first, delivery.clone(), &owner), append(second, delivery, &owner)])),
        ));
        if window.len() > 50 {
            let (id, receipt) = window.pop_front().expect("not empty");
            assert_eq!(wait(receipt), Ok(()));
            writeln!(out, "acknowledged {id}").expect("the parent reads");
        }
    }
}

/// Runs the child until it has acknowledged `count` events, kills it and says which it had acknowledged.
fn run_and_kill(folder: &std::path::Path, count: usize) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["killed::the_child", "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let number = |line: String| line.strip_prefix("acknowledged ").and_then(|id| id.parse().ok());
    let mut acknowledged: Vec<u64> = lines.by_ref().filter_map(number).take(count).collect();
    child.kill().expect("killed");
    child.wait().expect("gone");
    // What it said before it died counts too. A line that is cut says nothing.
    let rest: Vec<u64> = lines.filter_map(number).collect();
    acknowledged.extend(&rest[..rest.len().saturating_sub(1)]);
    assert!(acknowledged.len() + 1 >= count, "the child ran");
    acknowledged
}

#[test]
fn everything_acknowledged_is_there_after_kill_nine() {
    let folder = tempfile::tempdir().expect("a folder");
    let acknowledged = run_and_kill(folder.path(), 3_000);
    let store = open(folder.path());
    let mut copies = std::collections::BTreeMap::<EventId, u32>::new();
    let found = recovered(&store);
    assert_eq!(found.lost_commits, 0);
    assert_eq!(found.sessions.len() as u64, QUEUES);
    for session in found.sessions {
        let mut next = Seq(1);
        let mut last = None;
        for entry in wait(store.read(session.queue, Seq(0), usize::MAX, usize::MAX)).expect("readable") {
            assert_eq!(entry.seq, next, "no entry is missing from the middle");
            next = entry.seq.next();
            let flux_core::durable::EntryState::Queued(delivery) = entry.state else { panic!("it is queued") };
            assert!(last < Some(delivery.event.id), "in the order of the commits");
            last = Some(delivery.event.id);
            *copies.entry(delivery.event.id).or_default() += 1;
        }
        assert_eq!(next, session.next);
    }
    for id in acknowledged {
        assert!(copies.contains_key(&EventId(u128::from(id))), "event {id} was acknowledged and is lost");
    }
    for (id, count) in copies {
        assert_eq!(count, 2, "event {id} was stored in part");
    }
}

#[test]
fn killed_again_and_again_it_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut before = 0;
    for round in 1..=3u64 {
        run_and_kill(folder.path(), 200);
        let store = open(folder.path());
        assert_eq!(recovered(&store).sessions.len() as u64, round * QUEUES);
        let entries = store.stats().queued_entries;
        assert!(entries >= before + 400, "round {round}: {entries} after {before}");
        before = entries;
    }
}

#[test]
fn what_is_committed_and_not_closed_is_there_in_a_copy_of_the_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let queue = session(&store);
    flux_core::durable::conformance::fill(&store, queue, 10);
    let copy = crate::kit::copy(folder.path());
    let killed = open(copy.path());
    assert_eq!(recovered(&killed).sessions[0].entries, 10);
}

#[test]
fn two_processes_cannot_have_one_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let second = DiskStore::open(folder.path(), Options::default()).err().expect("refused").to_string();
    assert!(second.contains("in use by another process"), "{second}");
    store.close();
    let again = open(folder.path());
    assert_eq!(wait(again.commit(transaction([Operation::DeleteSession { queue: QueueId(1) }]))), Ok(()));
}
