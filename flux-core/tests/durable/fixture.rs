//! `fixtures/durable/v1`: a folder that version 1 has written. Every later version reads it.
//!
//! Written once by `FLUX_WRITE_FIXTURES=1 cargo test -p flux-core --test durable fixture`, and not again: a format that changes gets a
//! new number and a new folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flux_core::durable::conformance::{Owner, all, append, commit, event, recovered, seqs};
use flux_core::durable::{DurableStore, EntryState, Operation};
use flux_core::types::properties::Property;
use flux_core::types::{ClientId, Delivery, Event, Properties, QoS, QueueId, Seq, Subscription, Timestamp};

use crate::kit::open;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/durable/v1")
}

fn full() -> Delivery {
    let properties = [Property::ContentType("text/plain"), Property::User("key", "value"), Property::CorrelationData(&[0, 255])];
    let properties = Properties::from_properties(properties).expect("short");
    let event =
        Event { properties, qos: QoS::ExactlyOnce, retain: true, expires_at: Some(Timestamp(1_800_000_000_000)), ..event(3, 40) };
    let shared = Some(Arc::new(Subscription::parse("$share/group/device/#").expect("valid")));
    Delivery { event: Arc::new(event), qos: QoS::AtLeastOnce, retain: true, identifiers: Some([1, 268_435_455].into()), shared }
}

fn write(folder: &Path) {
    let store = open(folder);
    let owner = Arc::new(Owner::default());
    let (queue, cleared, deleted) = (store.new_queue(), store.new_queue(), store.new_queue());
    let session = |queue: QueueId| Operation::PutSession {
        queue,
        client: ClientId::new(format!("client {queue:?}")),
        record: format!("session {}", queue.0).into_bytes().into(),
    };
    commit(&store, [session(queue), session(cleared), session(deleted)]);
    let plain =
        || Delivery { event: Arc::new(event(4, 0)), qos: QoS::AtMostOnce, retain: false, identifiers: None, shared: None };
    commit(&store, [append(queue, plain(), &owner), append(queue, full(), &owner), append(queue, plain(), &owner)]);
    commit(&store, [append(cleared, plain(), &owner), append(deleted, plain(), &owner)]);
    commit(&store, [Operation::Remove { queue, seq: Seq(1) }, Operation::Release { queue, seq: Seq(3) }]);
    commit(&store, [7, 8].map(|packet_id| Operation::MarkReceived { queue, packet_id }));
    commit(&store, [Operation::ForgetReceived { queue, packet_id: 7 }]);
    commit(&store, [Operation::ClearQueue { queue: cleared }, Operation::DeleteSession { queue: deleted }]);
    let will = |client: &'static str| Operation::PutWill { client: ClientId::new(client), record: b"will".as_slice().into() };
    commit(&store, [will("a"), will("b"), Operation::DeleteWill { client: ClientId::new("b") }]);
    let retained = |id| Operation::PutRetained { event: Arc::new(event(id, 10)) };
    commit(&store, [retained(1), retained(2), Operation::DeleteRetained { topic: event(2, 0).topic }]);
    store.close();
}

#[test]
fn what_version_1_has_written_is_read() {
    if std::env::var_os("FLUX_WRITE_FIXTURES").is_some() && !folder().exists() {
        write(&folder());
    }
    let copy = crate::kit::copy(&folder());
    let store = open(copy.path());
    let found = recovered(&store);
    let sessions: Vec<_> = found
        .sessions
        .iter()
        .map(|session| (session.queue.0, &*session.record, session.entries, session.first.0, session.next.0, &*session.received))
        .collect();
    let none: &[u16] = &[];
    assert_eq!(sessions, [(1, b"session 1".as_slice(), 2, 2, 4, [8].as_slice()), (2, b"session 2".as_slice(), 0, 2, 2, none)]);
    assert_eq!(found.wills, [(ClientId::new("a"), b"will".as_slice().into())]);
    assert_eq!(found.retained.iter().map(|event| &**event).collect::<Vec<_>>(), [&event(1, 10)]);
    let entries = all(&store, QueueId(1));
    assert_eq!(seqs(&entries), [2, 3]);
    let (EntryState::Queued(delivery), EntryState::Released) = (&entries[0].state, &entries[1].state) else {
        panic!("other states: {entries:?}");
    };
    assert_eq!(delivery.event, full().event);
    assert_eq!((delivery.qos, delivery.retain, &delivery.identifiers), (QoS::AtLeastOnce, true, &full().identifiers));
    assert_eq!(delivery.shared, full().shared);
    assert_eq!(store.new_queue(), QueueId(4), "the id of the deleted session is not used again");
}
