use crate::measure::{Counter, Gauge, Histogram};

/// What the connections to Redis count.
#[derive(Debug, Default)]
pub struct RedisFigures {
    /// Commands that were answered, errors included.
    pub commands: Counter,
    /// Round trips: `commands / batches` is how well they are pipelined.
    pub batches: Counter,
    /// Commands that the server refused.
    pub refused: Counter,
    /// Commands without an answer: no connection in time, or it broke.
    pub failed: Counter,
    /// Commands not taken because too many waited.
    pub full: Counter,
    /// Commands sent again: MOVED, ASK, `NOSCRIPT`, a failover, a broken connection.
    pub repeated: Counter,
    /// Connections that broke.
    pub disconnected: Counter,
    pub connected: Counter,
    /// Commands that wait for their answer, and their bytes.
    pub waiting: Gauge,
    pub waiting_bytes: Gauge,
    pub bytes_out: Counter,
    /// From sending a command to its answer.
    pub round_trip: Histogram,
}
