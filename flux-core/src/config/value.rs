//! How a value is read from text and shown again. A file, a variable and a flag all arrive here as text.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value as Json;

use super::credential::StoredPassword;
use crate::types::{AckLevel, NodeId};

/// The type of a key.
pub(super) trait Value: Sized + Clone {
    const SECRET: bool = false;
    /// See [`super::section::Key::open`].
    const OPEN: bool = false;

    /// For the reference: `duration`, `whole number`, …
    fn kind() -> String;

    /// An error says what is wrong in words that follow the value: "is not …".
    fn parse(text: &str) -> Result<Self, String>;

    /// As it would be written in the file; null is "off". Secrets show as `***`.
    fn show(&self) -> Json;

    /// Sets the value, or with `rest` the entry of that name in it. `None`: there is nothing of that name.
    fn set(&mut self, rest: Option<&str>, text: &str) -> Option<Result<(), String>> {
        if rest.is_some() {
            return None;
        }
        Some(Self::parse(text).map(|value| *self = value))
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// Saturates on machines whose memory is smaller than the number.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Text that is never shown: logs, the API and error messages say `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$meaning:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$meaning])* $variant,)+ }

        impl $name {
            /// The word in the configuration.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }
        }

        impl Value for $name {
            fn kind() -> String {
                [$($word),+].join(" | ")
            }

            fn parse(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok($name::$variant),)+
                    _ => Err(format!("is none of {}", [$($word),+].join(", "))),
                }
            }

            fn show(&self) -> Json {
                self.as_str().into()
            }
        }
    };
}

words! {
    /// What a full durable queue does with the next message.
    QueueFull {
        /// Its publisher gets no acknowledgement (v5: 0x97): nothing acknowledged is lost.
        Refuse = "refuse",
        /// The oldest one goes, counted as dropped.
        DropOldest = "drop_oldest",
    }
}

words! {
    /// What an acknowledgement waits for.
    Ack {
        /// What it takes to lose nothing when any one process is killed: stored, and replicated where Redis has replicas.
        Auto = "auto",
        Routed = "routed",
        Stored = "stored",
        Replicated = "replicated",
    }
}

impl Ack {
    /// `None`: as strong as it has to be.
    pub fn level(self) -> Option<AckLevel> {
        match self {
            Ack::Auto => None,
            Ack::Routed => Some(AckLevel::Routed),
            Ack::Stored => Some(AckLevel::Stored),
            Ack::Replicated => Some(AckLevel::Replicated),
        }
    }
}

words! {
    /// Where durable sessions are kept.
    StoreKind {
        /// The disk.
        Auto = "auto",
        Disk = "disk",
        Redis = "redis",
    }
}

words! {
    /// What carries events between nodes.
    BusKind {
        /// Nothing: one node.
        Memory = "memory",
        /// Redis Pub/Sub, at most once.
        Pubsub = "pubsub",
        /// Redis Streams.
        Streams = "streams",
        /// Local subscribers from memory; other nodes by Pub/Sub (QoS 0) or Streams, where they have a subscriber.
        Hybrid = "hybrid",
    }
}

words! {
    LogFormat {
        Text = "text",
        Json = "json",
    }
}

words! {
    /// Whether clients may connect without a user name.
    Anonymous {
        /// As long as no user is configured.
        Auto = "auto",
        Yes = "true",
        No = "false",
    }
}

macro_rules! whole_numbers {
    ($($type:ident)+) => { $(
        impl Value for $type {
            fn kind() -> String {
                "whole number".to_owned()
            }

            fn parse(text: &str) -> Result<Self, String> {
                let digits: String = text.trim().chars().filter(|c| *c != '_').collect();
                match digits.parse::<u128>() {
                    Ok(number) => $type::try_from(number).map_err(|_| format!("is above {}", $type::MAX)),
                    Err(_) => Err("is not a whole number".to_owned()),
                }
            }

            fn show(&self) -> Json {
                (*self).into()
            }
        }
    )+ };
}

whole_numbers!(u8 u16 u32 usize);

impl Value for bool {
    fn kind() -> String {
        "true | false".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "is neither true nor false".to_owned())
    }

    fn show(&self) -> Json {
        (*self).into()
    }
}

impl Value for String {
    fn kind() -> String {
        "text".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn show(&self) -> Json {
        self.as_str().into()
    }
}

impl Value for PathBuf {
    fn kind() -> String {
        "path".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        Ok(PathBuf::from(text))
    }

    fn show(&self) -> Json {
        self.display().to_string().into()
    }
}

impl Value for Secret {
    const SECRET: bool = true;

    fn kind() -> String {
        "secret".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Secret(text.to_owned()))
    }

    fn show(&self) -> Json {
        "***".into()
    }
}

impl Value for NodeId {
    fn kind() -> String {
        "name".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        // It becomes part of keys and topics elsewhere.
        let fits = !text.is_empty() && text.len() <= 64;
        if fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
            return Ok(NodeId::new(text));
        }
        Err("is not 1 to 64 of the characters A-Z a-z 0-9 - _ .".to_owned())
    }

    fn show(&self) -> Json {
        self.as_str().into()
    }
}

impl Value for SocketAddr {
    fn kind() -> String {
        "address:port".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        numeric.as_deref().unwrap_or(text).parse().map_err(|_| {
            let example = if text.parse::<u16>().is_ok() { text } else { "1883" };
            format!("is not an IP address and a port, such as 127.0.0.1:{example} or [::1]:{example}")
        })
    }

    fn show(&self) -> Json {
        self.to_string().into()
    }
}

impl Value for Duration {
    fn kind() -> String {
        "duration".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
        let wrong = || "is not a number with a unit (ms, s, m, h, d), such as 10s".to_owned();
        let text = text.trim();
        if text == "0" {
            return Ok(Duration::ZERO);
        }
        let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
        let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit.trim()).ok_or_else(wrong)?;
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        Ok(Duration::from_millis(number.checked_mul(factor).ok_or("is too long")?))
    }

    fn show(&self) -> Json {
        let millis = self.as_millis();
        if millis.is_multiple_of(1000) { format!("{}s", millis / 1000).into() } else { format!("{millis}ms").into() }
    }
}

impl Value for ByteSize {
    fn kind() -> String {
        "size".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        const UNITS: [(&str, u64); 8] = [
            ("", 1),
            ("B", 1),
            ("kB", 1_000),
            ("KiB", 1 << 10),
            ("MB", 1_000_000),
            ("MiB", 1 << 20),
            ("GB", 1_000_000_000),
            ("GiB", 1 << 30),
        ];
        let wrong = || "is not a number of bytes, also with a unit (kB, KiB, MB, MiB, GB, GiB), such as 1MiB".to_owned();
        let text = text.trim();
        let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let (_, factor) = UNITS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim())).ok_or_else(wrong)?;
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        Ok(ByteSize(number.checked_mul(factor).ok_or("is too large")?))
    }

    fn show(&self) -> Json {
        for (unit, factor) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
            if self.0 >= factor && self.0.is_multiple_of(factor) {
                return format!("{}{unit}", self.0 / factor).into();
            }
        }
        self.0.into()
    }
}

impl<T: Value> Value for Option<T> {
    const SECRET: bool = T::SECRET;

    fn kind() -> String {
        format!("{} | off", T::kind())
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text == "off" { Ok(None) } else { T::parse(text).map(Some) }
    }

    fn show(&self) -> Json {
        self.as_ref().map_or(Json::Null, T::show)
    }
}

impl Value for BTreeMap<String, StoredPassword> {
    const SECRET: bool = true;
    const OPEN: bool = true;

    fn kind() -> String {
        "table of name = hash".to_owned()
    }

    fn parse(_: &str) -> Result<Self, String> {
        Err("is not a table of name = hash".to_owned())
    }

    fn show(&self) -> Json {
        self.keys().map(|name| (name.clone(), Json::from("***"))).collect::<serde_json::Map<_, _>>().into()
    }

    fn set(&mut self, rest: Option<&str>, text: &str) -> Option<Result<(), String>> {
        let Some(name) = rest else { return Some(Self::parse(text).map(|_| ())) };
        Some(text.parse().map_err(|problem: super::BadCredential| problem.to_string()).map(|stored| {
            self.insert(name.to_owned(), stored);
        }))
    }
}

/// Whether `tracing-subscriber` understands it.
pub(super) fn valid_level(level: &String) -> Result<(), String> {
    match tracing_subscriber::EnvFilter::builder().parse(level) {
        Ok(_) if !level.trim().is_empty() => Ok(()),
        _ => Err("is not a level (error, warn, info, debug, trace) or a list of module=level".to_owned()),
    }
}
