//! Every bound that is not a configuration key, with its reason. Configurable bounds have their defaults in `config`.

use std::time::Duration;

/// A UTF-8 string on the wire has a two-byte length (MQTT 5 §1.5.4).
pub const TOPIC_BYTES: usize = 65_535;

/// Matching costs a step per level; nobody's naming scheme is deeper, and a hostile topic of 65,535 slashes would be.
pub const TOPIC_LEVELS: usize = 128;

/// What is read from a socket in one system call. Larger reads stop paying: the copy already dominates.
pub const READ_BUFFER_BYTES: usize = 64 * 1024;

/// A connection stops taking messages from its mailbox while this much waits for its socket.
pub const WRITE_BUFFER_BYTES: usize = 128 * 1024;

/// Topics of one publisher whose route is remembered. A publisher that cycles through more pays a trie walk per message.
pub const ROUTE_CACHE_TOPICS: usize = 256;

/// How many events wait in one group commit: enough to amortise the write, few enough to keep its latency low.
pub const COMMIT_BATCH: usize = 1024;

/// Bytes of transactions that may wait for the durable store before publishers are held back.
pub const COMMIT_QUEUE_BYTES: usize = 32 * 1024 * 1024;

/// Where the queue of the durable store ends, publishers that do not wait included: what comes then is refused.
pub const COMMIT_QUEUE_LIMIT_BYTES: usize = 4 * COMMIT_QUEUE_BYTES;

/// One message to very many durable sessions is one transaction: above this it is refused.
pub const TRANSACTION_BYTES: usize = 1024 * 1024 * 1024;

/// Bytes of one group commit (one larger transaction excepted): what is written, checked and moved in one piece stays short.
pub const COMMIT_FRAME_BYTES: usize = 4 * 1024 * 1024;

/// A file of the durable store holds this much before the next is begun, or 1/64 of all (at most the second), so that neither the
/// files nor the descriptors become many. Small: a file can only be deleted whole.
pub const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

/// See [`SEGMENT_BYTES`]. Opening reads one such file into memory at a time.
pub const SEGMENT_BYTES_MOST: u64 = 64 * 1024 * 1024;

/// The durable store moves what is pending together once it takes twice its size on disk and this much more.
pub const STORE_SLACK_BYTES: u64 = 32 * 1024 * 1024;

/// The same while nothing is written.
pub const STORE_SLACK_IDLE_BYTES: u64 = 1024 * 1024;

/// How long nothing is written before the durable store tidies.
pub const STORE_IDLE: Duration = Duration::from_secs(1);

/// Stored entries of one durable session that are kept in memory beside the disk; the rest is read back when it is due.
pub const QUEUE_CACHE_MESSAGES: usize = 1_000;

/// See [`QUEUE_CACHE_MESSAGES`]; the bound in bytes.
pub const QUEUE_CACHE_BYTES: usize = 1024 * 1024;

/// Entries read from a durable queue at a time: enough to fill a write, few enough not to keep the thread.
pub const QUEUE_READ_ENTRIES: usize = 128;

/// See [`QUEUE_READ_ENTRIES`]; the bound in bytes.
pub const QUEUE_READ_BYTES: usize = 128 * 1024;

/// How long a connection may take to send CONNECT, TLS and WebSocket handshakes included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Read buffer of a WebSocket connection, held for its whole life: small, because most connections are idle most of the time.
pub const WEBSOCKET_READ_BYTES: usize = 2 * 1024;

/// Payload of a WebSocket frame we send. Its buffer keeps this capacity for the life of a connection that once filled it.
pub const WEBSOCKET_WRITE_BYTES: usize = 16 * 1024;

/// A WebSocket message may hold several packets: up to this much even where a single packet must be smaller.
pub const WEBSOCKET_MESSAGE_BYTES: usize = 256 * 1024;

/// Password checks that may wait for a processor. Each takes some 20 ms, so the last of them waits seconds: one more client is told to come back.
pub const WAITING_VERIFICATIONS: usize = 256;

/// Credentials that are remembered as verified: a fleet of this size reconnects without one slow hash (some 10 MB).
pub const VERIFIED_CREDENTIALS: usize = 65_536;

/// How long. A network that flaps is back within it.
pub const VERIFIED_CREDENTIALS_LIFE: Duration = Duration::from_secs(600);

/// Commands that go to one Redis in one write. More of them make the first wait for the last without saving system calls.
pub const REDIS_BATCH: usize = 512;

/// See [`REDIS_BATCH`]; the bound in bytes.
pub const REDIS_BATCH_BYTES: usize = 1024 * 1024;

/// Commands on their way to one Redis without an answer: while it works on one batch, the next ones are under way.
pub const REDIS_IN_FLIGHT: usize = 4 * REDIS_BATCH;

/// Commands that may wait for Redis, in all queues together: a second's work of one server. One more is refused.
pub const REDIS_QUEUE_COMMANDS: usize = 131_072;

/// See [`REDIS_QUEUE_COMMANDS`]; the bound in bytes.
pub const REDIS_QUEUE_BYTES: usize = 256 * 1024 * 1024;

/// The first pause before connecting to Redis again; each next one is twice as long.
pub const REDIS_BACKOFF_LEAST: Duration = Duration::from_millis(20);

/// The longest pause: an operator who has repaired Redis does not want to wait.
pub const REDIS_BACKOFF_MOST: Duration = Duration::from_secs(2);

/// How long before a command that Redis cannot execute at the moment (loading, failover) is sent again.
pub const REDIS_LATER: Duration = Duration::from_millis(50);

/// A connection to Redis on which nothing happens is asked whether it lives.
pub const REDIS_PING: Duration = Duration::from_secs(1);

/// How often a connection to Redis looks at the clock: deadlines are kept to this.
pub const REDIS_TICK: Duration = Duration::from_millis(100);

/// How long looking at how the servers are set up may take: somebody waits for it at a terminal.
pub const REDIS_INSPECTION: Duration = Duration::from_secs(3);

/// How often a Redis Cluster is asked for its slots without a reason; with one it is asked at once.
pub const REDIS_REFRESH: Duration = Duration::from_secs(10);

/// How often while one of its primaries cannot be reached: a failover that is over must be found within a node's lease.
pub const REDIS_REFRESH_BROKEN: Duration = Duration::from_millis(250);

/// No more often than this.
pub const REDIS_REFRESH_LEAST: Duration = Duration::from_millis(100);

/// Events above this go through a stream, whatever their QoS: Redis cuts off a Pub/Sub connection that has 32 MiB outstanding, or 8 MiB for a minute.
pub const PUBSUB_EVENT_BYTES: usize = 1024 * 1024;

/// Events for one other node that are sent together: enough to make a round trip cheap, few enough not to keep the first one waiting.
pub const BATCH_MESSAGES: usize = 512;

/// See [`BATCH_MESSAGES`]; the bound in bytes (one larger event excepted).
pub const BATCH_BYTES: usize = 256 * 1024;

/// Bytes that may wait in one lane to another node before publishers are held back.
pub const OUTBOX_HIGH_BYTES: usize = 4 * 1024 * 1024;

/// Where such a lane ends, publishers that do not wait included (one larger event excepted): QoS 0 is dropped then, the rest refused.
pub const OUTBOX_BYTES: usize = 4 * OUTBOX_HIGH_BYTES;

/// Batches in one lane of a node's inbox. Above it events for that node are refused: it is far behind, or dead with durable sessions.
pub const INBOX_ENTRIES: u64 = 1_000_000;

/// Redis cuts an inbox off here. Never reached while [`INBOX_ENTRIES`] is looked at: the fuse behind it.
pub const INBOX_FUSE_ENTRIES: u64 = 4 * INBOX_ENTRIES;

/// Messages that a durable queue takes beyond its limit from other nodes: what these acknowledge before they hear that it is full. They
/// hear within milliseconds; this is a second of very much.
pub const QUEUE_RESERVE_MESSAGES: u64 = 100_000;

/// See [`QUEUE_RESERVE_MESSAGES`]; in bytes, and all that one other node may have under way.
pub const QUEUE_RESERVE_BYTES: u64 = 4 * OUTBOX_BYTES as u64;

/// Batches read from an inbox at a time.
pub const INBOX_READ: usize = 64;

/// How long a node that starts delivers what its inbox holds before it takes clients. Beyond, to serve is worth more than the order of
/// those publishers that have changed their node.
pub const CATCH_UP: Duration = Duration::from_secs(10);

/// Batches taken from one lane of the inbox whose events are not stored yet. Reading waits beyond.
pub const INBOX_UNSETTLED: usize = 256;

/// KiB of an inbox's batches that may wait for a session that is on its way here. Beyond, they hold up what comes behind them.
pub const INBOX_HELD_KIB: usize = 64 * 1024;

/// Messages of one lane that are known again when they come twice: a node repeats at most what one outbox has under way.
pub const SEEN_MESSAGES: usize = 16 * BATCH_MESSAGES;

/// Topics from other nodes whose route is remembered, for each lane.
pub const ARRIVAL_ROUTES: usize = 1024;

/// Bytes of events that wait for their node to be a member again; beyond, publishers are refused at once.
pub const HELD_BYTES: usize = 64 * 1024 * 1024;

/// Routes in one entry of the change feed: Redis' scripts cannot pass on more than some 8,000 words.
pub const ROUTES_TOLD_TOGETHER: usize = 2_000;

/// Entries of the change feed that are read at a time.
pub const FEED_READ: usize = 256;

/// How long a reader waits in Redis for something new, and so how long stopping it can take.
pub const READ_BLOCK: Duration = Duration::from_secs(1);

/// How many nodes a message for a shared group may be handed on to before it counts as not taken by anybody.
pub const GROUP_HOPS: u8 = 3;

/// Changes of retained messages that wait to be told to the other nodes; one more is refused.
pub const ANNOUNCEMENTS: usize = 65_536;

/// Retained messages that have come as events and are not read yet, whose readings new subscribers wait for. Beyond, nobody waits: there
/// are as many only while thousands of topics change at the same moment.
pub const UNREAD_RETAINED: usize = 4_096;

/// How long a new subscriber waits for such a reading: it takes one round through Redis, unless the publisher's node dies in between.
pub const UNREAD_FOR: Duration = Duration::from_secs(1);

/// How many are told at a time.
pub const ANNOUNCED_TOGETHER: usize = 1_000;

/// How long it is remembered where a client that never came back had connected last.
pub const CLIENT_PLACE_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long CONNACK waits until Redis knows where the client is: one round trip, unless Redis is about to be found missing.
pub const CLIENT_PLACE_PATIENCE: Duration = Duration::from_secs(1);

/// How long CONNACK then waits for what the client has published on another node, should this one be behind with its inbox. Clients
/// give up after some ten seconds.
pub const CLIENT_MOVE_PATIENCE: Duration = Duration::from_secs(5);

/// Events for a session on its way here that wait behind those which its former node still has; beyond, the order is given up.
pub const HELD_EVENTS: usize = 65_536;

/// See [`HELD_EVENTS`]; the bound in bytes for one session.
pub const HANDOVER_BYTES: usize = 64 * 1024 * 1024;

/// How long they wait for that at most. A dead node is noticed after its lease, and what it left is then passed on by others.
pub const HANDOVER_PATIENCE: Duration = Duration::from_secs(20);

/// Events at the end of a session's queue that a node looks through when it has the session back: more than come in a round trip.
pub const RETURN_KNOWN: usize = 1_024;

/// Events of a session that has moved that are known again when they come twice, once from each node.
pub const HANDOVER_SEEN: usize = 32_768;

/// How long after a move doubles may still come: an event may be on its way to both nodes for as long as Redis is given to answer.
pub const HANDOVER_LINGER: Duration = Duration::from_secs(15);

/// Between looks at what a move waits for, and between attempts where something failed.
pub const HANDOVER_LOOK: Duration = Duration::from_millis(50);

/// How often a connection takes a session that other nodes take at the same time, before its client is told to come back.
pub const CLAIMS_LOST: usize = 4;

/// Events for one session whose node is being looked for; one more is refused.
pub const SEARCHED_EVENTS: usize = 65_536;

/// How long who drains the inbox of a dead node may be silent before another does it.
pub const DRAINER_SILENCE: Duration = Duration::from_secs(5);

/// Copies of events from one lane of that inbox that are passed on at the same time: sessions that are not taken over yet hold up only what
/// is behind so many.
pub const PASSED_ON_TOGETHER: usize = 16_384;

/// Before a batch that a store in Redis could not write is tried again. While Redis is away it waits for that; this is for when it refuses.
pub const STORE_RETRY: Duration = Duration::from_millis(500);

/// Before what could not be passed on from there is tried again.
pub const DRAIN_RETRY: Duration = Duration::from_millis(500);

/// Connections that a node which was cut off ends at a time: their tasks run before the next are woken, and the rest of the node between.
pub const CUT_OFF_TOGETHER: usize = 256;

/// Sessions of a dead node that one survivor takes over at a time: enough to keep Redis busy.
pub const ADOPTED_TOGETHER: usize = 256;

/// How long it is remembered who had a session that has ended: a node that was taken for dead and wakes up within it brings nothing back.
pub const FORMER_OWNER_LIFE: Duration = Duration::from_secs(600);

/// How long a node that leaves still delivers what has come to its inbox. Others pass on the rest, so this is a courtesy.
pub const LEAVE_PATIENCE: Duration = Duration::from_secs(2);

/// How often a node that leaves looks whether all is sent.
pub const LEAVE_LOOK: Duration = Duration::from_millis(5);

/// Copies of events in a canary's share that one node remembers until their other copy comes: five seconds of 50,000 messages a second
/// (some 30 MB while none of them comes). Beyond, the oldest counts as missing.
pub const CANARY_COPIES: usize = 262_144;

/// How long a copy may come after the other one before it counts as missing: far longer than a bus that works takes.
pub const CANARY_PATIENCE: Duration = Duration::from_secs(5);

/// How long what changes from one bus to another waits for what went before it. A node that reads is quicker; one that is dead, or a
/// fence that was lost, must not keep publishers waiting.
pub const FENCE_PATIENCE: Duration = Duration::from_secs(5);
