//! Every bound of flux-bench that is not a flag, with its reason.

use std::time::Duration;

/// Documents that stay in the folder of runs; the oldest go. A document of a ten-second run is some 60 KB, so this is about 12 MB.
pub const RUNS_KEPT: usize = 200;

/// Of a document that is read: an hour at full detail is a few MB, so what is larger was not written by flux-bench.
pub const RUN_BYTES: u64 = 256 * 1_024 * 1_024;

/// How long a program that we start may take to be ready: a debug build on a busy machine takes seconds.
pub const CHILD_PATIENCE: Duration = Duration::from_secs(60);

/// Lines of a program that we started that nobody has read: what it says until it is ready is a few dozen.
pub const CHILD_LINES: usize = 256;

/// A free port can be taken by somebody else before Redis has it; more often than this something else is wrong.
pub const REDIS_TRIES: u32 = 10;

/// Keys that one step of clearing a Redis looks at: it answers others in between.
pub const CLEARED_AT_ONCE: usize = 1_000;

/// Where a mailbox of a bus alone asks its publisher to wait, and where it loses what comes: the first as a session's mailbox, the
/// second only ever met by a bus that does not wait (Pub/Sub). 1,048,576 events of 256 bytes are some 500 MB.
pub const MAILBOX_MARK: usize = 8_192;
pub const MAILBOX_FULL: usize = 1_048_576;

/// Messages of a bus alone that the bus has not yet answered for: more only wait in its queues.
pub const ALONE_WINDOW: usize = 4_096;

/// How long the parts of a run may take to finish once sending is over: their own patience (10 s for an answer, 2 s of silence), twice.
pub const ALONE_DRAIN: Duration = Duration::from_secs(30);

/// Between two questions to a node that is watched: two in every second of the timeline, and no load to speak of.
pub const NODE_INTERVAL: Duration = Duration::from_millis(500);

/// A node that is watched is not waited for any longer: a server that is loaded to its limit may take a second to answer.
pub const NODE_PATIENCE: Duration = Duration::from_secs(3);
