//! The declaration: every key there is. A key's documentation comment is its line in `flux-core config-reference`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::check::{between, name_part, not_empty, optional, redis_urls, within};
use super::credential::StoredPassword;
use super::section::section;
use super::value::{Ack, Anonymous, BusKind, ByteSize, LogFormat, QueueFull, Secret, StoreKind, valid_level};
use crate::types::NodeId;
use crate::types::limits::TOPIC_LEVELS;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

section! {
    /// All keys.
    Keys {
        section node: Node;
        section http: Http;
        section mqtt: Mqtt;
        section durability: Durability;
        section cluster: Cluster;
        section bus: Bus;
        section redis: Redis;
        section security: Security;
        section log: Log;
        section telemetry: Telemetry;
        section shutdown: Shutdown;
    }
}

section! {
    /// This node.
    Node {
        /// Name of this node, unique in its cluster; off: one is generated at the first start and kept in the data folder.
        id: Option<NodeId> = None;
        /// Folder of everything that outlives the process; created if it is missing.
        data_dir: PathBuf = PathBuf::from("flux-data"), |path: &PathBuf| not_empty(path);
    }
}

section! {
    /// The HTTP API, its documentation, metrics and health.
    Http {
        /// Address of the HTTP API; port 0 picks a free one.
        listen: SocketAddr = loopback(3000);
        /// Bearer token that every API request must carry; off: no authentication, on loopback only.
        token: Option<Secret> = None, optional(|token: &Secret| {
            if token.reveal().len() < 16 { Err("has fewer than 16 characters: it could be guessed".to_owned()) } else { Ok(()) }
        });
        /// Largest request body.
        max_body: ByteSize = ByteSize(8 * MIB), within(KIB, 1024 * MIB);
        /// How long a request may take until its answer begins.
        request_timeout: Duration = Duration::from_secs(30), between(Duration::from_secs(1), Duration::from_secs(3600));
        /// HTTP connections at a time; one more waits to be accepted.
        max_connections: usize ["connections"] = 10_000, between(1, 1_000_000);
        /// Live streams (events, traces) at a time.
        max_tails: usize ["streams"] = 256, between(0, 100_000);
        /// Events that GET /api/v1/events remembers; 0 is off.
        recent_events: usize ["events"] = 1_000, between(0, 1_000_000);
        /// Bytes of remembered events.
        recent_bytes: ByteSize = ByteSize(4 * MIB), within(0, 4096 * MIB);
        section tls: HttpTls;
    }
}

section! {
    /// HTTPS: with both keys set the HTTP listener speaks TLS only.
    HttpTls {
        /// Certificate chain (PEM) of the HTTP listener.
        cert: Option<PathBuf> = None;
        /// Private key (PEM) of the HTTP listener.
        key: Option<PathBuf> = None;
    }
}

section! {
    /// The MQTT server: listeners, and the limits of a connection and of a session.
    Mqtt {
        /// Address of MQTT over TCP.
        listen: Option<SocketAddr> = Some(loopback(1883));
        /// Address of MQTT over TLS; needs mqtt.tls.cert and mqtt.tls.key.
        tls_listen: Option<SocketAddr> = None;
        /// Address of MQTT over WebSocket (path /mqtt).
        ws_listen: Option<SocketAddr> = None;
        /// Address of MQTT over WebSocket and TLS (path /mqtt); needs mqtt.tls.cert and mqtt.tls.key.
        wss_listen: Option<SocketAddr> = None;
        /// Whether clients without a user name may connect; auto: as long as no user is configured.
        allow_anonymous: Anonymous = Anonymous::Auto;

        /// Connections at a time; one more is refused.
        max_connections: usize ["connections"] = 100_000, between(1, 10_000_000);
        /// Another server (HOST:PORT) that MQTT 5 clients are pointed to when this one is full or stops (0x9C, use another server).
        server_reference: Option<String> = None, optional(|reference: &String| {
            if reference.is_empty() { Err("is empty".to_owned()) } else { Ok(()) }
        });
        /// New connections a second; more of them wait to be accepted.
        connect_rate: Option<u32> ["connections/s"] = None, optional(between(1, 1_000_000));
        /// Longest keep alive; clients that ask for more (or for none) are told this one.
        max_keep_alive: Option<Duration> = None, optional(between(Duration::from_secs(1), Duration::from_secs(65_535)));

        /// Largest packet taken from a client (MQTT 5 Maximum Packet Size).
        max_packet_size: ByteSize = ByteSize(MIB), within(KIB, 256 * MIB);
        /// QoS 1 and 2 messages a client may send before one is acknowledged (MQTT 5 Receive Maximum).
        receive_maximum: u16 ["messages"] = 1024, between(1, u16::MAX);
        /// QoS 1 and 2 messages sent to a client before one is acknowledged; a client may ask for fewer.
        max_inflight: u16 ["messages"] = 1024, between(1, u16::MAX);
        /// Topic aliases a client may use (MQTT 5 Topic Alias Maximum).
        topic_alias_maximum: u16 ["aliases"] = 64;
        /// Topic aliases used towards a client; it may ask for fewer.
        outbound_topic_aliases: u16 ["aliases"] = 64;

        /// Subscriptions of one client.
        max_subscriptions_per_client: usize ["subscriptions"] = 10_000, between(1, 1_000_000);
        /// Levels of a topic or filter.
        max_topic_levels: usize ["levels"] = TOPIC_LEVELS, between(1, TOPIC_LEVELS);
        /// Sessions of this server, connected or not; one more client is refused.
        max_sessions: usize ["sessions"] = 1_000_000, between(1, 100_000_000);
        /// Longest session expiry; clients that ask for more are told this one.
        session_expiry_max: Option<Duration> = None, optional(between(Duration::from_secs(1), Duration::from_secs(u32::MAX as u64 - 1)));

        /// Messages waiting in memory for one client; its publishers are held back before it is full.
        mailbox_messages: usize ["messages"] = 4_096, between(16, 10_000_000);
        /// Bytes waiting in memory for one client.
        mailbox_bytes: ByteSize = ByteSize(2 * MIB), within(KIB, 4096 * MIB);
        /// How long publishers are held back for a slow subscriber; then it loses QoS 0 messages, or its connection.
        slow_subscriber_grace: Duration = Duration::from_secs(1), between(Duration::ZERO, Duration::from_secs(60));
        /// Messages in the durable queue of one session.
        queue_messages: usize ["messages"] = 100_000, between(1, 1_000_000_000);
        /// Bytes in the durable queue of one session.
        queue_bytes: ByteSize = ByteSize(128 * MIB), within(KIB, 1024 * 1024 * MIB);
        /// A full durable queue refuses its publishers (nothing acknowledged is lost) or drops its oldest message.
        queue_full: QueueFull = QueueFull::Refuse;

        /// Retained messages of this server.
        max_retained_messages: usize ["messages"] = 100_000, between(0, 100_000_000);
        /// Bytes of all retained messages.
        max_retained_bytes: ByteSize = ByteSize(256 * MIB), within(0, 1024 * 1024 * MIB);
        /// How often $SYS/broker/… is published.
        sys_interval: Option<Duration> = Some(Duration::from_secs(10)), optional(between(Duration::from_secs(1), DAY));

        section tls: MqttTls;
    }
}

section! {
    /// TLS of the MQTT listeners.
    MqttTls {
        /// Certificate chain (PEM) of the TLS and WSS listeners.
        cert: Option<PathBuf> = None;
        /// Private key (PEM) of the TLS and WSS listeners.
        key: Option<PathBuf> = None;
        /// Certificate authorities (PEM) of clients; with them a client must show a certificate.
        client_ca: Option<PathBuf> = None;
    }
}

section! {
    /// What survives a failure.
    Durability {
        /// What an acknowledged message survives: routed (nothing), stored (a killed process), replicated (a power failure or failover), auto (what the store can).
        ack: Ack = Ack::Auto;
        /// Where durable sessions, wills and retained messages are kept; auto is Redis where a cluster shares it, else the disk.
        store: StoreKind = StoreKind::Auto;
    }
}

section! {
    /// The cluster that this node belongs to.
    Cluster {
        /// Name of the cluster: nodes of one name that share a Redis are one service.
        name: String = "flux".to_owned(), |name: &String| name_part(name);
    }
}

section! {
    /// How events reach other nodes.
    Bus {
        /// What carries events between nodes; all but memory need redis.url. A new cluster begins with it; then fluxctl bus canary decides.
        kind: BusKind = BusKind::Memory;
        section canary: BusCanary;
    }
}

section! {
    /// A candidate that carries a share of the topics beside the bus, to compare them.
    BusCanary {
        /// Kind of the candidate with which a new cluster begins; in a cluster that runs, fluxctl bus canary decides.
        kind: Option<BusKind> = None;
        /// Its share of the topics.
        percent: u8 ["percent"] = 5, between(0, 100);
    }
}

section! {
    /// Redis, which the nodes of a cluster share.
    Redis {
        /// redis:// or rediss:// URL of a server, of several nodes of a Redis Cluster (comma-separated), or redis+sentinel://HOST/SERVICE.
        url: Option<Secret> = None, optional(|urls: &Secret| redis_urls(urls.reveal()));
        /// Beginning of every key and channel in Redis.
        prefix: String = "flux".to_owned(), |name: &String| name_part(name);
        /// Certificate authorities (PEM) of rediss:// servers; off: the system's.
        ca: Option<PathBuf> = None;
        /// How long connecting may take.
        connect_timeout: Duration = Duration::from_secs(3), between(Duration::from_millis(100), Duration::from_secs(60));
        /// How long a command may wait for its answer, reconnecting included; then what depends on it is refused.
        command_timeout: Duration = Duration::from_secs(5), between(Duration::from_millis(100), Duration::from_secs(60));
    }
}

section! {
    /// Who may connect.
    Security {
        /// MQTT users: name = hash, as flux-core hash-password prints it.
        users: BTreeMap<String, StoredPassword> = BTreeMap::new();
        /// File of MQTT users, a line user:hash each; read again on SIGHUP.
        password_file: Option<PathBuf> = None;
        /// Listen beyond loopback although no authentication is configured.
        insecure: bool = false;
    }
}

section! {
    /// The log, on standard error.
    Log {
        /// One line of text or one JSON object for each event.
        format: LogFormat = LogFormat::Text;
        /// What is logged: error, warn, info, debug or trace, also by module (info,flux_core::mqtt=debug).
        level: String = "info".to_owned(), valid_level;
    }
}

section! {
    /// What the server tells about itself.
    Telemetry {
        /// Cleared alarms that are remembered.
        alarm_history: usize ["alarms"] = 256, between(1, 100_000);
        /// Share of a limit that raises its alarm; the alarm is cleared a tenth below.
        limit_alarm: u8 ["percent"] = 80, between(1, 100);
        /// Lines of a trace that wait for a reader; older ones are lost and counted.
        trace_records: usize ["records"] = 1_024, between(1, 1_000_000);
    }
}

section! {
    /// Stopping.
    Shutdown {
        /// How long connections may take to finish after SIGTERM or Ctrl-C.
        deadline: Duration = Duration::from_secs(10), between(Duration::ZERO, Duration::from_secs(3600));
    }
}
