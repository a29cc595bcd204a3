//! The durable store in Redis: what every store does, and what only one that several nodes share can.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use flux_core::durable::conformance::{
    Bench, CLAUSES, Owner, all, append, commit, delivery, fill, seqs, session, transaction, wait,
};
use flux_core::durable::{DurableStore, Entry, EntryState, Operation, RedisStore};
use flux_core::lifecycle::Tasks;
use flux_core::redis::{Copies, Keys, Redis, RedisSettings};
use flux_core::testing::redis::{TestCluster, TestRedis, is_there};
use flux_core::types::{ClientId, EventId, NodeId, QueueId, Refusal, Seq};
use tokio::runtime::{Builder, Runtime};

use crate::kit::settings;

/// Stores on one Redis, under names that no other bench uses.
struct InRedis {
    runtime: Runtime,
    settings: RedisSettings,
    copies: Copies,
}

impl InRedis {
    fn new(urls: &str, copies: Copies) -> Self {
        static BENCHES: AtomicU32 = AtomicU32::new(0);
        let cluster = format!("bench{}", BENCHES.fetch_add(1, Ordering::Relaxed));
        let settings = RedisSettings { keys: Keys::new("flux", &cluster), ..settings(urls) };
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        InRedis { runtime, settings, copies }
    }

    fn node(&self, name: &str) -> Arc<dyn DurableStore> {
        let redis = self.runtime.block_on(Redis::connect(self.settings.clone(), &Tasks::default())).unwrap();
        Arc::new(RedisStore::new(redis, NodeId::new(name), self.copies))
    }

    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// All that waits in a queue.
    fn found(&self, store: &dyn DurableStore, queue: QueueId) -> Vec<(Seq, EventId)> {
        let entries = self.wait(store.read(queue, Seq(0), usize::MAX, usize::MAX)).unwrap();
        entries.iter().map(|entry| (entry.seq, event_id(entry))).collect()
    }
}

impl Bench for InRedis {
    fn open(&mut self) -> Arc<dyn DurableStore> {
        let store = self.node("n1");
        // What it had before is found where a node looks when it starts.
        wait(store.recover()).unwrap();
        store
    }
}

fn conformance(urls: &str, copies: Copies) {
    for (name, clause) in CLAUSES {
        eprintln!("{copies:?}: {name}");
        clause(&mut InRedis::new(urls, copies));
    }
}

#[test]
fn the_store_in_redis_does_what_every_store_does() {
    if is_there() {
        conformance(&TestRedis::start().url(), Copies::None);
    }
}

#[test]
fn the_store_in_a_redis_cluster_does_what_every_store_does_and_replicates() {
    if is_there() {
        conformance(&TestCluster::start().urls(), Copies::Always(1));
    }
}

fn put(store: &dyn DurableStore, client: &ClientId) -> QueueId {
    let queue = store.new_queue();
    commit(store, [Operation::PutSession { queue, client: client.clone(), record: b"session".as_slice().into() }]);
    queue
}

#[test]
fn a_node_that_claims_a_client_gets_all_of_it_and_the_old_one_writes_no_more() {
    if !is_there() {
        return;
    }
    let server = TestRedis::start();
    let bench = InRedis::new(&server.url(), Copies::None);
    let (old, new) = (bench.node("old"), bench.node("new"));
    let client = ClientId::new("device {7}");
    let queue = put(&*old, &client);
    fill(&*old, queue, 5);
    commit(
        &*old,
        [
            Operation::Remove { queue, seq: Seq(1) },
            Operation::Release { queue, seq: Seq(2) },
            Operation::MarkReceived { queue, packet_id: 9 },
            Operation::PutWill { client: client.clone(), record: b"will".as_slice().into() },
        ],
    );
    let claimed = wait(new.claim(&client)).unwrap();
    assert_eq!(claimed.from, Some(NodeId::new("old")));
    assert_eq!(claimed.will.as_deref(), Some(b"will".as_slice()));
    let found = claimed.session.unwrap();
    assert_eq!((found.queue, found.entries, found.first, found.next), (queue, 4, Seq(2), Seq(6)));
    assert_eq!((&*found.record, found.received.as_slice()), (b"session".as_slice(), [9].as_slice()));
    assert_eq!(seqs(&all(&*new, queue)), [2, 3, 4, 5]);

    let owner = Arc::new(Owner::default());
    let late = old.commit(transaction([append(queue, delivery(6, 10), &owner)]));
    assert_eq!(wait(late), Err(Refusal::Moved), "a node that does not know yet is refused");
    assert_eq!(wait(old.commit(transaction([Operation::MarkReceived { queue, packet_id: 1 }]))), Err(Refusal::Moved));
    assert!(bench.wait(old.read(queue, Seq(1), 1, 1)).is_err());
    assert_eq!(owner.heard(), []);
    fill(&*new, queue, 1);
    assert_eq!(seqs(&all(&*new, queue)), [2, 3, 4, 5, 6], "and has changed nothing");

    // It may come back.
    let back = wait(old.claim(&client)).unwrap();
    assert_eq!(back.session.map(|session| session.entries), Some(5));
    fill(&*old, queue, 1);
    assert_eq!(seqs(&all(&*old, queue)), [2, 3, 4, 5, 6], "what the other has stored meanwhile is not stored again");
    commit(&*old, [append(queue, delivery(7, 10), &owner)]);
    assert_eq!(seqs(&all(&*old, queue)), [2, 3, 4, 5, 6, 7]);
    assert_eq!(wait(new.commit(transaction([Operation::Remove { queue, seq: Seq(2) }]))), Err(Refusal::Moved));
}

/// A session goes away and comes back before all of the first way is over: who has seen to that must not end the second one.
#[test]
fn that_a_session_is_handed_over_is_said_of_one_claim() {
    if !is_there() {
        return;
    }
    let server = TestRedis::start();
    let bench = InRedis::new(&server.url(), Copies::None);
    let (one, other) = (bench.node("n1"), bench.node("n2"));
    let client = ClientId::new("client");
    let queue = put(&*one, &client);
    let claim = |store: &dyn DurableStore| bench.wait(store.claim(&client)).unwrap().session.unwrap().epoch;
    let sources = |store: &dyn DurableStore| bench.wait(store.whereabouts(&client)).unwrap().unwrap().sources;
    let first = claim(&*other);
    claim(&*one);
    let last = claim(&*other);
    assert_eq!(sources(&*other), [NodeId::new("n1")]);
    commit(&*other, [Operation::HandedOver { queue, epoch: first }]);
    assert_eq!(sources(&*other), [NodeId::new("n1")], "it may still have messages from the second time");
    commit(&*other, [Operation::HandedOver { queue, epoch: last }]);
    assert_eq!(sources(&*other), []);
}

#[test]
fn what_a_dead_node_had_is_adopted_once() {
    if !is_there() {
        return;
    }
    let server = TestRedis::start();
    let bench = InRedis::new(&server.url(), Copies::None);
    let dead = bench.node("dead");
    for number in 0..50 {
        let queue = put(&*dead, &ClientId::new(format!("client {number}")));
        fill(&*dead, queue, 1);
    }
    commit(&*dead, [Operation::PutWill { client: ClientId::new("only a will"), record: b"w".as_slice().into() }]);
    let survivors = [bench.node("a"), bench.node("b")];
    let (node, mut sessions, mut wills) = (NodeId::new("dead"), 0, 0);
    for client in wait(survivors[0].clients_of(&node)).unwrap() {
        for survivor in &survivors {
            let adopted = wait(survivor.adopt(&client, &node)).unwrap();
            sessions += u32::from(adopted.session.is_some_and(|session| session.entries == 1));
            wills += u32::from(adopted.will.is_some());
        }
    }
    assert_eq!((sessions, wills), (50, 1));
    assert!(wait(dead.recover()).unwrap().sessions.is_empty(), "nothing is left should it come back");
}

/// Where the clients of a node are listed is one place in a Redis Cluster, where the client's session is another. A node that died between
/// the two would leave a session that nobody looks for.
#[test]
fn a_session_is_claimed_once_its_client_is_listed_with_the_new_node() {
    if !is_there() {
        return;
    }
    let mut cluster = TestCluster::start();
    let bench = InRedis::new(&cluster.urls(), Copies::WherePossible(1));
    let (old, new, keys) = (bench.node("old"), bench.node("new"), bench.settings.keys.clone());
    let list = keys.key("node:new", "clients");
    let dead = cluster.primary_of(&list);
    let session = |client: &ClientId| keys.key(client.as_str(), "session");
    let mut clients = (0..).map(|number| ClientId::new(format!("client {number}")));
    let client = clients.find(|client| cluster.primary_of(&session(client)) != dead).unwrap();
    let home = cluster.primary_of(&session(&client));
    put(&*old, &client);
    cluster.kill_primary_of(&list);
    let claiming = client.clone();
    let claimed = bench.runtime.spawn(async move { while new.claim(&claiming).await.is_err() {} });
    while cluster.servers[home].cli(&["hget", &session(&client), "o"]) != "new" {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let holder = cluster.primary_of(&list);
    assert_ne!(holder, dead, "the list is not there yet");
    assert_eq!(cluster.servers[holder].cli(&["sismember", &list, client.as_str()]), "1");
    bench.wait(claimed).unwrap();
}

#[test]
fn what_a_node_has_claimed_without_hearing_so_it_claims_again() {
    if !is_there() {
        return;
    }
    let server = TestRedis::start();
    let bench = InRedis::new(&server.url(), Copies::None);
    let (dead, client) = (bench.node("dead"), ClientId::new("client"));
    fill(&*dead, put(&*dead, &client), 1);
    let (unlucky, from) = (bench.node("survivor"), NodeId::new("dead"));
    assert!(wait(unlucky.adopt(&client, &from)).unwrap().session.is_some());
    // One that knows as little as if it had not heard that.
    let survivor = bench.node("survivor");
    let adopted = wait(survivor.adopt(&client, &from)).unwrap().session.expect("it is its own");
    assert_eq!((adopted.entries, adopted.sources), (1, vec![from.clone()]));
    assert!(wait(survivor.adopt(&client, &from)).unwrap().session.is_none(), "what it has it does not get again");
    assert!(wait(bench.node("other").adopt(&client, &from)).unwrap().session.is_none());
}

#[test]
fn while_redis_is_away_nothing_is_said_to_be_stored_and_reading_waits() {
    if !is_there() {
        return;
    }
    let mut server = TestRedis::start();
    let mut bench = InRedis::new(&server.url(), Copies::None);
    bench.settings.command_timeout = std::time::Duration::from_millis(500);
    let store = bench.open();
    let queue = session(&*store);
    fill(&*store, queue, 3);
    server.kill();
    let owner = Arc::new(Owner::default());
    assert_eq!(wait(store.commit(transaction([append(queue, delivery(4, 10), &owner)]))), Err(Refusal::StoreFailed));
    assert!(store.stats().failed);
    let reading = store.read(queue, Seq(1), 10, usize::MAX);
    server.restart();
    assert_eq!(seqs(&bench.wait(reading).unwrap()), [1, 2, 3]);
    let again = loop {
        match wait(store.commit(transaction([append(queue, delivery(5, 10), &owner)]))) {
            Ok(()) => break owner.heard(),
            Err(refusal) => assert_eq!(refusal, Refusal::StoreFailed),
        }
    };
    assert_eq!(again.iter().map(|(seq, _)| seq.0).collect::<Vec<_>>(), [4]);
    assert_eq!(seqs(&all(&*store, queue)), [1, 2, 3, 4]);
}

/// Until it is stored.
fn commit_soon(store: &dyn DurableStore, operation: impl Fn() -> Operation) {
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while let Err(refusal) = wait(store.commit(transaction([operation()]))) {
        assert!(std::time::Instant::now() < patience, "still {refusal:?}");
    }
}

/// Seqs that were given to what was taken back are given again: a stream does not count backwards by itself.
#[test]
fn a_queue_goes_on_after_a_batch_whose_answer_was_lost() {
    if !is_there() {
        return;
    }
    let server = TestRedis::start();
    let mut bench = InRedis::new(&server.url(), Copies::None);
    bench.settings.command_timeout = std::time::Duration::from_millis(500);
    let store = bench.open();
    let queue = put(&*store, &ClientId::new("client"));
    let owner = Arc::new(Owner::default());
    for id in 1..=2 {
        server.freeze();
        assert_eq!(wait(store.commit(transaction([append(queue, delivery(id, 10), &owner)]))), Err(Refusal::StoreFailed));
        // Redis stores it now, and nobody has heard of it.
        server.thaw();
        commit_soon(&*store, || append(queue, delivery(10 * id, 10), &owner));
    }
    let found = bench.found(&*store, queue);
    assert_eq!(found, [(Seq(1), EventId(10)), (Seq(2), EventId(20))]);
    assert_eq!(owner.heard(), found);
}

/// A session has come from another node, so what comes twice is taken once; but what was given up is no double when it comes again.
#[test]
fn what_was_taken_back_while_a_session_moves_is_stored_when_it_comes_again() {
    if !is_there() {
        return;
    }
    let server = TestRedis::start();
    let mut bench = InRedis::new(&server.url(), Copies::None);
    bench.settings.command_timeout = std::time::Duration::from_millis(500);
    let client = ClientId::new("client");
    let queue = put(&*bench.node("n1"), &client);
    let store = bench.node("n2");
    assert!(bench.wait(store.claim(&client)).unwrap().session.is_some());
    let owner = Arc::new(Owner::default());
    assert_eq!(wait(store.commit(transaction([append(queue, delivery(1, 10), &owner)]))), Ok(()));
    server.freeze();
    assert_eq!(wait(store.commit(transaction([append(queue, delivery(2, 10), &owner)]))), Err(Refusal::StoreFailed));
    // Redis stores it now, and nobody has heard of it.
    server.thaw();
    commit_soon(&*store, || append(queue, delivery(2, 10), &owner));
    assert_eq!(wait(store.commit(transaction([append(queue, delivery(1, 10), &owner)]))), Ok(()), "a double");
    let found = bench.found(&*store, queue);
    assert_eq!(found, [(Seq(1), EventId(1)), (Seq(2), EventId(2))]);
    assert_eq!(owner.heard(), found);
}

/// Entries under way to four sessions while the primary of one of them dies: what was acknowledged is in the queue, once and in order.
#[test]
fn through_a_failover_nothing_that_was_acknowledged_is_lost() {
    if !is_there() {
        return;
    }
    let mut cluster = TestCluster::start();
    let mut bench = InRedis::new(&cluster.urls(), Copies::WherePossible(1));
    let store = bench.open();
    let clients: Vec<ClientId> = ["a", "b", "c", "d"].map(ClientId::new).into();
    let queues: Vec<_> = clients.iter().map(|client| put(&*store, client)).collect();
    let owners: Vec<_> = queues.iter().map(|_| Arc::new(Owner::default())).collect();
    let keys = bench.settings.keys.clone();
    let (mut waiting, mut acknowledged) = (Vec::new(), Vec::new());
    let mut dead = None;
    for id in 0..4_000_u128 {
        let which = (id % 4) as usize;
        waiting.push((id, store.commit(transaction([append(queues[which], delivery(id, 50), &owners[which])]))));
        if id == 2_000 {
            dead = Some(cluster.kill_primary_of(&keys.key("a", "entries")));
        }
        if waiting.len() == 100 {
            acknowledged.extend(waiting.drain(..).filter_map(|(id, receipt)| wait(receipt).is_ok().then_some(id)));
        }
    }
    cluster.wait_for_failover(&keys.key("a", "entries"), dead.unwrap());
    // One more each: what a batch that was given up may have left behind is taken back with it.
    for (queue, owner) in queues.iter().zip(&owners) {
        let later = store.commit(transaction([append(*queue, delivery(4_000, 50), owner)]));
        assert_eq!(wait(later), Ok(()), "the new primary takes more");
    }
    assert!(acknowledged.len() > 2_000, "only {} were acknowledged", acknowledged.len());
    for (which, queue) in queues.iter().enumerate() {
        let found = bench.found(&*store, *queue);
        assert_eq!(found, owners[which].heard(), "what was announced is what is there");
        let ids: Vec<u128> = found.iter().map(|(_, id)| id.0).collect();
        assert!(ids.is_sorted_by(|earlier, later| earlier < later), "once and in order");
        let lost: Vec<_> = acknowledged.iter().filter(|id| **id % 4 == which as u128 && !ids.contains(id)).collect();
        assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), acknowledged.len());
    }
}

fn event_id(entry: &Entry) -> EventId {
    match &entry.state {
        EntryState::Queued(delivery) => delivery.event.id,
        EntryState::Released => panic!("nothing was released"),
    }
}

/// A primary and its replica are dead: nobody serves those slots, and the whole Cluster refuses.
#[test]
fn while_a_cluster_is_down_every_receipt_is_answered_and_afterwards_it_goes_on() {
    if !is_there() {
        return;
    }
    let mut cluster = TestCluster::start();
    let mut bench = InRedis::new(&cluster.urls(), Copies::WherePossible(1));
    bench.settings.command_timeout = std::time::Duration::from_millis(300);
    let store = bench.open();
    let queues: Vec<_> = ["a", "b", "c", "d"].map(|client| put(&*store, &ClientId::new(client))).into();
    let owner = Arc::new(Owner::default());
    let key = bench.settings.keys.key("a", "entries");
    let primary = cluster.primary_of(&key);
    let replica = cluster.replica_of(primary);
    cluster.servers[replica].kill();
    cluster.servers[primary].kill();
    let mut refused = 0;
    for id in 0..200 {
        let receipts: Vec<_> =
            queues.iter().map(|queue| store.commit(transaction([append(*queue, delivery(id, 50), &owner)]))).collect();
        refused += receipts.into_iter().filter_map(|receipt| wait(receipt).err()).count();
        if refused > 60 {
            break;
        }
    }
    assert!(refused > 60, "only {refused}");
    cluster.servers[primary].restart();
    cluster.servers[replica].restart();
    cluster.wait_until_well();
    for queue in queues {
        while wait(store.commit(transaction([append(queue, delivery(1_000, 50), &owner)]))).is_err() {}
    }
}
