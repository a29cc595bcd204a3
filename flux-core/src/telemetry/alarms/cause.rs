macro_rules! causes {
    ($($(#[$meaning:meta])* $name:ident = $word:literal, $hint:literal;)+) => {
        /// What an alarm is about. Each cause has at most one active alarm.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause { $($(#[$meaning])* $name,)+ }

        impl Cause {
            pub const ALL: &'static [Cause] = &[$(Cause::$name,)+];

            /// The word in metrics and the API.
            pub fn as_str(self) -> &'static str {
                match self { $(Cause::$name => $word,)+ }
            }

            /// What to do about it.
            pub fn hint(self) -> &'static str {
                match self { $(Cause::$name => $hint,)+ }
            }
        }
    };
}

causes! {
    /// The durable store cannot write: nothing that needs it is acknowledged.
    StoreFailed = "store_failed", "free space on the disk of the data folder or repair it, or start Redis where that keeps the sessions; the store tries again by itself";
    /// The machine went down and took the last commits along.
    LostCommits = "lost_commits", "set durability.ack to replicated if messages must survive a power failure";
    /// Redis does not answer: nothing that needs it is acknowledged.
    RedisUnreachable = "redis_unreachable", "start Redis, or see redis.url and the network between; the node connects again by itself";
    /// Redis is set up so that acknowledged messages can be lost.
    RedisSettings = "redis_settings", "set what the alarm says, in redis.conf too, and restart the node";
    Connections = "connections", "raise mqtt.max_connections, or find out who connects so often (fluxctl clients list)";
    RetainedMessages = "retained_messages", "delete retained messages nobody needs, or raise mqtt.max_retained_messages and mqtt.max_retained_bytes";
    /// A durable queue is full: its publishers are refused, or its oldest messages dropped.
    QueueFull = "queue_full", "see which sessions do not read (fluxctl sessions list), delete them or raise mqtt.queue_messages and mqtt.queue_bytes";
    MessagesDropped = "messages_dropped", "see flux_messages_dropped_total by reason";
    /// Subscribers lose QoS 0 messages, or their connections, because they read too slowly.
    SlowSubscribers = "slow_subscribers", "see who is behind (fluxctl sessions list); split its subscriptions, or use a shared one";
    Descriptors = "descriptors", "raise the limit on open files (ulimit -n, LimitNOFILE) or lower mqtt.max_connections";
    /// A defect of the server: the task's work is not done any more.
    TaskPanicked = "task_panicked", "report it with the log; restart the node if something does not work any more";
}
