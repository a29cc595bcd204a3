use serde::{Deserialize, Serialize};

/// The durable store: queues of durable sessions, session records, wills, retained messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct DurableInfo {
    /// `disk` or `redis`.
    #[serde(default)]
    pub kind: String,
    /// Since the start.
    pub transactions: u64,
    /// Group commits: `transactions / commits` says how well they are batched.
    pub commits: u64,
    pub failures: u64,
    /// Now.
    pub waiting_bytes: u64,
    pub disk_bytes: u64,
    pub queued_entries: u64,
    /// It has failed to write and refuses until it can again.
    pub failed: bool,
}
