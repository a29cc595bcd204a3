use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many offending messages are named.
pub const NAMED: usize = 10;

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Acknowledged (at QoS 0: sent) and not delivered.
    Lost,
    /// Arrived again.
    Duplicated,
    /// Arrived after a later message of the same stream.
    Reordered,
    /// Not owed to who received it.
    Unexpected,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Lost => "lost",
            Kind::Duplicated => "duplicated",
            Kind::Reordered => "reordered",
            Kind::Unexpected => "unexpected",
        }
    }

    /// Whether the QoS forbids it (MQTT 5 §4.3, §4.6): loss from QoS 1, duplicates except at QoS 1, disorder and strangers
    /// always.
    pub fn forbidden(self, qos: u8) -> bool {
        match self {
            Kind::Lost => qos > 0,
            Kind::Duplicated => qos != 1,
            Kind::Reordered | Kind::Unexpected => true,
        }
    }
}

/// One message that is not as it should be: among the first of a run, so that the server's log can be searched for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offence {
    pub kind: Kind,
    /// The publisher's stream (one per publisher, topic and QoS); None when the message is not one of this run.
    pub stream: Option<u32>,
    pub topic: String,
    /// Counts from 0 within the stream.
    pub sequence: Option<u64>,
    /// As it was published.
    pub qos: Option<u8>,
    /// Who should have received it, or did.
    pub subscriber: String,
}

/// The first offences of each kind that one subscriber noticed: bounded, whatever arrives.
#[derive(Debug, Clone, Default)]
pub struct Noticed(Vec<Notice>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub kind: Kind,
    /// Of the message: its stream and sequence number, or the topic of one that is not ours.
    pub message: Result<(u32, u64), String>,
}

impl Noticed {
    #[cold]
    pub fn add(&mut self, kind: Kind, stream: u32, sequence: u64) {
        self.push(kind, || Ok((stream, sequence)));
    }

    #[cold]
    pub fn add_stranger(&mut self, topic: &[u8]) {
        self.push(Kind::Unexpected, || Err(String::from_utf8_lossy(topic).into_owned()));
    }

    fn push(&mut self, kind: Kind, message: impl FnOnce() -> Result<(u32, u64), String>) {
        if self.0.iter().filter(|notice| notice.kind == kind).count() < NAMED {
            self.0.push(Notice { kind, message: message() });
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Notice> {
        self.0.iter()
    }
}
