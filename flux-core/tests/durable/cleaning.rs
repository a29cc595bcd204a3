//! Disk use stays in proportion to what is pending, and nothing is lost while things are moved.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flux_core::durable::conformance::{Owner, all, append, commit, delivery, fill, recovered, seqs, session, transaction, wait};
use flux_core::durable::{DiskStore, DurableStore, EntryState, Operation};
use flux_core::types::{ClientId, QueueId, Seq};

use crate::kit::{disk_bytes, open};

const MB: u64 = 1024 * 1024;

/// Appends and removes `count` messages of a kilobyte, with `pending` of them there at any time.
fn flow(store: &DiskStore, queue: QueueId, count: u64, pending: u64) {
    let owner = Arc::new(Owner::default());
    let first = recovered(store).sessions.iter().find(|session| session.queue == queue).expect("it is there").next.0;
    let mut receipts = Vec::new();
    for seq in first..first + count {
        receipts.push(store.commit(transaction([append(queue, delivery(u128::from(seq), 1_000), &owner)])));
        if receipts.len() == 256 {
            receipts.drain(..).for_each(|receipt| assert_eq!(wait(receipt), Ok(())));
            let removed = (seq - 255..=seq).filter_map(|seq| seq.checked_sub(pending)).filter(|seq| *seq > 0);
            commit(store, removed.map(|seq| Operation::Remove { queue, seq: Seq(seq) }));
        }
    }
    receipts.into_iter().for_each(|receipt| assert_eq!(wait(receipt), Ok(())));
}

fn wait_for_disk_below(folder: &Path, bytes: u64) {
    let begin = Instant::now();
    while disk_bytes(folder) > bytes {
        assert!(begin.elapsed() < Duration::from_secs(60), "it still takes {} KB", disk_bytes(folder) / 1024);
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn disk_use_stays_small_under_traffic_and_settles_when_it_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let (busy, quiet) = (session(&store), session(&store));
    fill(&store, quiet, 3);
    for _ in 0..4 {
        flow(&store, busy, 25_600, 100);
        assert!(disk_bytes(folder.path()) < 50 * MB, "{} MB", disk_bytes(folder.path()) / MB);
    }
    let next = recovered(&store).sessions[0].next;
    commit(&store, (1..next.0).map(|seq| Operation::Remove { queue: busy, seq: Seq(seq) }));
    wait_for_disk_below(folder.path(), 2 * MB);
    assert_eq!(store.stats().disk_bytes, disk_bytes(folder.path()));
    store.close();
    let store = open(folder.path());
    assert_eq!(seqs(&all(&store, quiet)), [1, 2, 3], "what was moved is there");
    let sessions = recovered(&store).sessions;
    assert_eq!((sessions[0].entries, sessions[0].next), (0, Seq(102_401)), "a drained queue still counts on");
}

#[test]
fn a_huge_queue_is_deleted_at_once_and_its_space_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let (huge, other) = (session(&store), session(&store));
    flow(&store, huge, 50_000, u64::MAX);
    assert!(disk_bytes(folder.path()) > 50 * MB);
    fill(&store, other, 1);
    commit(&store, [Operation::DeleteSession { queue: huge }]);
    assert_eq!(store.stats().queued_entries, 1);
    wait_for_disk_below(folder.path(), 2 * MB);
    assert_eq!(seqs(&all(&store, other)), [1]);
}

/// What every queue should hold: seq to event id, or none once released.
#[derive(Default)]
struct Model {
    queues: BTreeMap<QueueId, BTreeMap<u64, Option<u128>>>,
    next: BTreeMap<QueueId, u64>,
}

impl Model {
    fn check(&self, store: &DiskStore) {
        let sessions = recovered(store).sessions;
        let found: Vec<_> = sessions.iter().map(|session| session.queue).collect();
        assert_eq!(found, self.queues.keys().copied().collect::<Vec<_>>());
        for session in sessions {
            assert_eq!(session.next.0, self.next[&session.queue]);
            let entries = all(store, session.queue).into_iter().map(|entry| match entry.state {
                EntryState::Queued(delivery) => (entry.seq.0, Some(delivery.event.id.0)),
                EntryState::Released => (entry.seq.0, None),
            });
            assert_eq!(entries.collect::<BTreeMap<_, _>>(), self.queues[&session.queue], "{:?}", session.queue);
        }
    }
}

#[test]
fn a_random_history_gives_the_same_in_memory_and_after_any_restart() {
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};
    let folder = tempfile::tempdir().expect("a folder");
    let owner = Arc::new(Owner::default());
    let mut random = SmallRng::seed_from_u64(11);
    let mut model = Model::default();
    let mut store = open(folder.path());
    let mut event = 0;
    for round in 0..60 {
        let mut receipts = Vec::new();
        for _ in 0..300 {
            let known: Vec<_> = model.queues.keys().copied().collect();
            let queue = if known.is_empty() { QueueId(0) } else { known[random.random_range(0..known.len())] };
            let operation = match random.random_range(0..100) {
                0 | 1 => {
                    let queue = store.new_queue();
                    model.queues.entry(queue).or_default();
                    model.next.insert(queue, 1);
                    Operation::PutSession {
                        queue,
                        client: ClientId::new(format!("client {queue:?}")),
                        record: vec![1; 300].into(),
                    }
                }
                _ if known.is_empty() => continue,
                2 if known.len() > 5 => {
                    model.queues.remove(&queue);
                    Operation::DeleteSession { queue }
                }
                3 => {
                    model.queues.entry(queue).or_default().clear();
                    Operation::ClearQueue { queue }
                }
                4..55 => {
                    event += 1;
                    let seq = model.next.get_mut(&queue).expect("it is known");
                    model.queues.entry(queue).or_default().insert(*seq, Some(event));
                    *seq += 1;
                    append(queue, delivery(event, random.random_range(0..4_000)), &owner)
                }
                chance => {
                    // An entry that a group commit of its own has stored: what is not announced cannot be acknowledged.
                    receipts.drain(..).for_each(|receipt| assert_eq!(wait(receipt), Ok(())));
                    let entries = model.queues.entry(queue).or_default();
                    let Some(&seq) = entries.keys().nth(random.random_range(0..=entries.len())) else { continue };
                    if chance < 70 {
                        entries.insert(seq, None);
                        Operation::Release { queue, seq: Seq(seq) }
                    } else {
                        entries.remove(&seq);
                        Operation::Remove { queue, seq: Seq(seq) }
                    }
                }
            };
            receipts.push(store.commit(transaction([operation])));
        }
        receipts.into_iter().for_each(|receipt| assert_eq!(wait(receipt), Ok(())));
        model.check(&store);
        match round % 6 {
            // As after kill -9.
            1 => model.check(&open(crate::kit::copy(folder.path()).path())),
            3 => {
                store.close();
                store = open(folder.path());
                model.check(&store);
            }
            // Long enough for the store to move everything.
            5 if round % 4 == 1 => {
                wait_for_disk_below(folder.path(), 2 * live_bytes(&model) + MB + MB / 2);
                model.check(&open(crate::kit::copy(folder.path()).path()));
            }
            _ => {}
        }
    }
}

/// More than what is alive takes.
fn live_bytes(model: &Model) -> u64 {
    model.queues.values().map(|entries| 400 + entries.len() as u64 * 4_200).sum()
}
