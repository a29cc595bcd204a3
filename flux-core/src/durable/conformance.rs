//! What every [`DurableStore`] does, as tests. An implementation runs all of [`CLAUSES`], each on a bench of its own.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::port::{DurableStore, Entry, EntryState, Operation, Recovered, RecoveredSession, Transaction};
use crate::bus::{Append, Stored};
use crate::types::{
    ClientId, Delivery, Event, EventId, Properties, QoS, QueueId, Refusal, Seq, Subscription, Timestamp, TopicName,
};

/// Where a store lives, empty at first.
pub trait Bench {
    /// Opens it, or opens it again after the one before was closed.
    fn open(&mut self) -> Arc<dyn DurableStore>;
}

/// A store that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(60);

type Clause = (&'static str, fn(&mut dyn Bench));

pub const CLAUSES: &[Clause] = &[
    ("entries come back in order with all they carry", entries_come_back),
    ("owners hear of their entries in order, before the receipt", owners_hear_in_order),
    ("a read stops at either bound", reads_are_bounded),
    ("what is removed is gone, in any order", removal),
    ("a drained queue goes on counting", seqs_never_go_back),
    ("a released entry stays as such", release),
    ("received marks stay until they are forgotten", received_marks),
    ("a deleted session leaves nothing", deletion),
    ("a cleared queue keeps its session and its count", clearing),
    ("wills and retained messages are replaced and deleted by name", wills_and_retained),
    ("an entry for a session that has ended is owed to nobody", entries_for_nobody),
    ("queue ids are never used twice", queue_ids),
    ("after closing nothing is taken", closing),
];

struct Awake(SyncSender<()>);

impl Wake for Awake {
    fn wake(self: Arc<Self>) {
        let _ = self.0.try_send(());
    }
}

/// Waits for an answer on this thread; a minute without one is a failure.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let (awake, awoken) = sync_channel(1);
    let waker = Waker::from(Arc::new(Awake(awake)));
    loop {
        if let Poll::Ready(outcome) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return outcome;
        }
        awoken.recv_timeout(PATIENCE).expect("an answer comes");
    }
}

/// Hears what is stored.
#[derive(Default)]
pub struct Owner {
    heard: Mutex<Vec<(Seq, Delivery)>>,
    more: Condvar,
}

impl Owner {
    pub fn heard(&self) -> Vec<(Seq, EventId)> {
        self.heard.lock().iter().map(|(seq, delivery)| (*seq, delivery.event.id)).collect()
    }

    pub fn wait_for(&self, count: usize) {
        let mut heard = self.heard.lock();
        while heard.len() < count {
            let late = self.more.wait_for(&mut heard, PATIENCE).timed_out();
            assert!(!late, "only {} of {count} entries were announced", heard.len());
        }
    }
}

impl Stored for Owner {
    fn stored(&self, seq: Seq, delivery: Delivery) {
        self.heard.lock().push((seq, delivery));
        self.more.notify_all();
    }
}

pub fn event(id: u128, payload: usize) -> Event {
    Event {
        id: EventId(id),
        topic: TopicName::parse(&format!("device/{}/state", id % 7)).expect("a valid topic"),
        payload: (0..payload).map(|at| (at as u128 + id) as u8).collect(),
        qos: QoS::AtLeastOnce,
        retain: false,
        properties: Properties::NONE,
        expires_at: None,
        publisher: ClientId::new("publisher"),
        time: Timestamp(1_700_000_000_000),
    }
}

pub fn delivery(id: u128, payload: usize) -> Delivery {
    Delivery { event: Arc::new(event(id, payload)), qos: QoS::AtLeastOnce, retain: false, identifiers: None, shared: None }
}

pub fn append(queue: QueueId, delivery: Delivery, owner: &Arc<Owner>) -> Operation {
    Operation::Append(Append { queue, delivery, displaces: false, owed: false, owner: owner.clone() })
}

pub fn transaction(operations: impl IntoIterator<Item = Operation>) -> Transaction {
    Transaction { operations: operations.into_iter().collect() }
}

/// Commits and waits.
pub fn commit(store: &dyn DurableStore, operations: impl IntoIterator<Item = Operation>) {
    assert_eq!(wait(store.commit(transaction(operations))), Ok(()));
}

/// A session with an empty queue.
pub fn session(store: &dyn DurableStore) -> QueueId {
    let queue = store.new_queue();
    let client = ClientId::new(format!("client {queue:?}"));
    commit(store, [Operation::PutSession { queue, client, record: b"session".as_slice().into() }]);
    queue
}

/// Appends `count` entries one after the other.
pub fn fill(store: &dyn DurableStore, queue: QueueId, count: u128) {
    let owner = Arc::new(Owner::default());
    let receipts: Vec<_> = (1..=count).map(|id| store.commit(transaction([append(queue, delivery(id, 50), &owner)]))).collect();
    assert!(receipts.into_iter().all(|receipt| wait(receipt).is_ok()));
}

pub fn seqs(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.seq.0).collect()
}

/// All that is in a queue.
pub fn all(store: &dyn DurableStore, queue: QueueId) -> Vec<Entry> {
    wait(store.read(queue, Seq(0), usize::MAX, usize::MAX)).expect("the queue is readable")
}

pub fn recovered(store: &dyn DurableStore) -> Recovered {
    wait(store.recover()).expect("the store is readable")
}

fn only(recovered: Recovered) -> RecoveredSession {
    assert_eq!(recovered.sessions.len(), 1);
    recovered.sessions.into_iter().next().expect("there is one")
}

fn entries_come_back(bench: &mut dyn Bench) {
    let store = bench.open();
    let queue = session(&*store);
    let owner = Arc::new(Owner::default());
    let properties = Properties::from_wire(&[1, 1]);
    let full = Event { properties, retain: true, expires_at: Some(Timestamp(9)), qos: QoS::ExactlyOnce, ..event(1, 300) };
    let full = Delivery {
        event: Arc::new(full),
        qos: QoS::ExactlyOnce,
        retain: true,
        identifiers: Some([1, 268_435_455].into()),
        shared: Some(Arc::new(Subscription::parse("$share/group/device/+/state").expect("valid"))),
    };
    commit(&*store, [append(queue, full.clone(), &owner), append(queue, delivery(2, 0), &owner)]);
    let check = |store: &dyn DurableStore| {
        let entries = all(store, queue);
        assert_eq!(seqs(&entries), [1, 2]);
        let EntryState::Queued(found) = &entries[0].state else { panic!("it is queued") };
        assert_eq!(found.event, full.event);
        assert_eq!((found.qos, found.retain, &found.identifiers), (full.qos, full.retain, &full.identifiers));
        assert_eq!(found.shared, full.shared);
    };
    check(&*store);
    store.close();
    let store = bench.open();
    check(&*store);
    let session = only(recovered(&*store));
    let weight = full.event.weight() + event(2, 0).weight();
    assert_eq!((session.entries, session.bytes, session.first, session.next), (2, weight as u64, Seq(1), Seq(3)));
    assert_eq!(&*session.record, b"session");
}

fn owners_hear_in_order(bench: &mut dyn Bench) {
    let store = bench.open();
    let queues = [session(&*store), session(&*store)];
    let owners = [Arc::new(Owner::default()), Arc::new(Owner::default())];
    let mut receipts = Vec::new();
    for id in 0..500 {
        let which = usize::from(id % 3 == 0);
        receipts.push(store.commit(transaction([append(queues[which], delivery(id, 20), &owners[which])])));
        if id % 100 == 99 {
            assert!(receipts.drain(..).all(|receipt| wait(receipt) == Ok(())));
            let heard = owners[0].heard().len() + owners[1].heard().len();
            assert_eq!(heard as u128, id + 1, "an owner has heard when the receipt resolves");
        }
    }
    for (which, owner) in owners.iter().enumerate() {
        let ids: Vec<_> = (0..500).filter(|id| usize::from(id % 3 == 0) == which).map(EventId).collect();
        let expected: Vec<_> = (1..).map(Seq).zip(ids).collect();
        assert_eq!(owner.heard(), expected);
    }
}

fn reads_are_bounded(bench: &mut dyn Bench) {
    let store = bench.open();
    let queue = session(&*store);
    fill(&*store, queue, 10);
    let weight = event(1, 50).weight();
    let read = |from, messages, bytes| seqs(&wait(store.read(queue, Seq(from), messages, bytes)).expect("readable"));
    assert_eq!(read(1, 3, usize::MAX), [1, 2, 3]);
    assert_eq!(read(8, 100, usize::MAX), [8, 9, 10]);
    assert_eq!(read(4, 100, 2 * weight), [4, 5]);
    assert_eq!(read(4, 100, 1), [4], "one is always read");
    assert_eq!(read(11, 100, usize::MAX), [] as [u64; 0]);
    assert!(wait(store.read(QueueId(999), Seq(1), 1, 1)).expect("no error").is_empty());
}

fn removal(bench: &mut dyn Bench) {
    let store = bench.open();
    let queue = session(&*store);
    fill(&*store, queue, 6);
    commit(&*store, [2, 1, 5, 99].map(|seq| Operation::Remove { queue, seq: Seq(seq) }));
    assert_eq!(seqs(&all(&*store, queue)), [3, 4, 6]);
    assert_eq!(store.stats().queued_entries, 3);
    store.close();
    let store = bench.open();
    assert_eq!(seqs(&all(&*store, queue)), [3, 4, 6]);
    let session = only(recovered(&*store));
    assert_eq!((session.entries, session.first, session.next), (3, Seq(3), Seq(7)));
}

fn seqs_never_go_back(bench: &mut dyn Bench) {
    let store = bench.open();
    let queue = session(&*store);
    fill(&*store, queue, 5);
    commit(&*store, (1..=5).map(|seq| Operation::Remove { queue, seq: Seq(seq) }));
    store.close();
    for _ in 0..3 {
        let store = bench.open();
        let session = only(recovered(&*store));
        assert_eq!((session.entries, session.first, session.next), (0, Seq(6), Seq(6)));
        store.close();
        store.close();
    }
    let store = bench.open();
    fill(&*store, queue, 1);
    assert_eq!(seqs(&all(&*store, queue)), [6]);
}

fn release(bench: &mut dyn Bench) {
    let store = bench.open();
    let queue = session(&*store);
    fill(&*store, queue, 3);
    let release = |seq| Operation::Release { queue, seq: Seq(seq) };
    commit(&*store, [release(2), release(3), release(99)]);
    commit(&*store, [Operation::Remove { queue, seq: Seq(3) }]);
    store.close();
    let store = bench.open();
    let entries = all(&*store, queue);
    assert_eq!(seqs(&entries), [1, 2]);
    assert!(matches!(entries[0].state, EntryState::Queued(_)) && matches!(entries[1].state, EntryState::Released));
    assert_eq!(only(recovered(&*store)).bytes, event(1, 50).weight() as u64, "the message itself is not owed any more");
}

fn received_marks(bench: &mut dyn Bench) {
    let store = bench.open();
    let queue = session(&*store);
    commit(&*store, [1, 2, 65_535].map(|packet_id| Operation::MarkReceived { queue, packet_id }));
    commit(&*store, [Operation::ForgetReceived { queue, packet_id: 2 }, Operation::ForgetReceived { queue, packet_id: 7 }]);
    store.close();
    let store = bench.open();
    let mut received = only(recovered(&*store)).received;
    received.sort_unstable();
    assert_eq!(received, [1, 65_535]);
}

fn deletion(bench: &mut dyn Bench) {
    let store = bench.open();
    let (gone, stays) = (session(&*store), session(&*store));
    fill(&*store, gone, 20);
    fill(&*store, stays, 2);
    commit(&*store, [Operation::MarkReceived { queue: gone, packet_id: 1 }, Operation::DeleteSession { queue: gone }]);
    assert!(all(&*store, gone).is_empty());
    store.close();
    let store = bench.open();
    assert!(all(&*store, gone).is_empty());
    let session = only(recovered(&*store));
    assert_eq!((session.queue, session.entries), (stays, 2));
    assert_eq!(store.stats().queued_entries, 2);
}

fn clearing(bench: &mut dyn Bench) {
    let store = bench.open();
    let queue = session(&*store);
    fill(&*store, queue, 20);
    let owner = Arc::new(Owner::default());
    let mark = Operation::MarkReceived { queue, packet_id: 1 };
    commit(&*store, [mark, Operation::ClearQueue { queue }, append(queue, delivery(21, 1), &owner)]);
    store.close();
    let store = bench.open();
    let session = only(recovered(&*store));
    assert_eq!((session.entries, session.first, session.next, session.received), (1, Seq(21), Seq(22), vec![]));
}

fn wills_and_retained(bench: &mut dyn Bench) {
    let store = bench.open();
    let will = |client: &'static str, record: &[u8]| Operation::PutWill { client: ClientId::new(client), record: record.into() };
    commit(&*store, [will("a", b"1"), will("b", b"2"), will("a", b"3")]);
    commit(&*store, [Operation::DeleteWill { client: ClientId::new("b") }]);
    let retained = |id| Operation::PutRetained { event: Arc::new(event(id, 10)) };
    commit(&*store, [retained(1), retained(8), retained(2)]);
    commit(&*store, [Operation::DeleteRetained { topic: event(2, 0).topic }]);
    store.close();
    let found = recovered(&*bench.open());
    assert_eq!(found.wills, [(ClientId::new("a"), b"3".as_slice().into())]);
    assert_eq!(found.retained.iter().map(|event| &**event).collect::<Vec<_>>(), [&event(8, 10)], "1 and 8 share a topic");
}

fn entries_for_nobody(bench: &mut dyn Bench) {
    let store = bench.open();
    let queue = session(&*store);
    let owner = Arc::new(Owner::default());
    commit(&*store, [Operation::DeleteSession { queue }]);
    commit(&*store, [append(queue, delivery(1, 1), &owner), Operation::MarkReceived { queue, packet_id: 1 }]);
    assert_eq!(owner.heard(), []);
    store.close();
    assert!(recovered(&*bench.open()).sessions.is_empty());
}

fn queue_ids(bench: &mut dyn Bench) {
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let store = bench.open();
        for _ in 0..3 {
            let queue = session(&*store);
            assert!(seen.insert(queue), "{queue:?} was used before");
            commit(&*store, [Operation::DeleteSession { queue }]);
        }
        store.close();
    }
}

fn closing(bench: &mut dyn Bench) {
    let store = bench.open();
    let queue = session(&*store);
    let owner = Arc::new(Owner::default());
    let receipts: Vec<_> = (0..100).map(|id| store.commit(transaction([append(queue, delivery(id, 10), &owner)]))).collect();
    store.close();
    assert!(receipts.into_iter().all(|receipt| wait(receipt) == Ok(())), "what was queued is written");
    assert_eq!(wait(store.commit(transaction([append(queue, delivery(1, 1), &owner)]))), Err(Refusal::ShuttingDown));
    assert_eq!(only(recovered(&*bench.open())).entries, 100);
}
