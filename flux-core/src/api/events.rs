use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Encoding, Problem, Time, encode_payload};
use crate::types::QoS;

/// An event to publish.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "server", schema(example = json!({"topic": "plant/7/temperature", "payload": {"celsius": 21.5}, "qos": 1})))]
#[serde(deny_unknown_fields)]
pub struct PublishEvent {
    pub topic: String,
    /// Any JSON. A string is published as its text, anything else as the JSON that it is, unless `payload_encoding` says otherwise.
    #[cfg_attr(feature = "server", schema(value_type = Option<serde_json::Value>))]
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_encoding: Option<Encoding>,
    /// 1 and 2 are answered once the event is as safe as an MQTT publisher's would be; 0 at once.
    #[serde(default)]
    #[cfg_attr(feature = "server", schema(value_type = u8, maximum = 2, default = 0))]
    pub qos: QoS,
    #[serde(default)]
    pub retain: bool,
    /// Not delivered later than this after now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "EventProperties::is_empty")]
    pub properties: EventProperties,
}

/// What `POST /api/v1/events` takes as `application/json`.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum PublishRequest {
    One(PublishEvent),
    Many(Vec<PublishEvent>),
}

/// What it answers: as many as were asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum PublishAnswer {
    One(Published),
    Many(BatchAnswer),
}

/// A `null` payload is the JSON `null`, not no payload.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

impl PublishEvent {
    fn new(topic: impl Into<String>, json: String, payload_encoding: Encoding) -> Self {
        PublishEvent {
            topic: topic.into(),
            payload: Some(RawValue::from_string(json).expect("what was serialized as JSON is JSON")),
            payload_encoding: Some(payload_encoding),
            qos: QoS::AtMostOnce,
            retain: false,
            expiry_seconds: None,
            properties: EventProperties::default(),
        }
    }

    /// Publishes `payload` byte for byte.
    pub fn bytes(topic: impl Into<String>, payload: &[u8]) -> Self {
        let (text, encoding) = encode_payload(payload);
        let json = serde_json::to_string(&text).expect("a string is always JSON");
        PublishEvent::new(topic, json, encoding)
    }

    /// Publishes `payload` as JSON text.
    pub fn json(topic: impl Into<String>, payload: &serde_json::Value) -> Self {
        PublishEvent::new(topic, payload.to_string(), Encoding::Json)
    }

    #[must_use]
    pub fn qos(mut self, qos: QoS) -> Self {
        self.qos = qos;
        self
    }

    #[must_use]
    pub fn retain(mut self, retain: bool) -> Self {
        self.retain = retain;
        self
    }
}

/// Properties that reach every subscriber unaltered (MQTT 5 §3.3.2.3).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct EventProperties {
    /// `true`: the payload is UTF-8 text (payload format indicator 1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_is_text: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_topic: Option<String>,
    /// Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_data: Option<String>,
    /// In order; a name may occur more than once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub user: Vec<UserProperty>,
}

impl EventProperties {
    pub fn is_empty(&self) -> bool {
        *self == EventProperties::default()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UserProperty {
    pub name: String,
    pub value: String,
}

/// Answer to one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Published {
    /// The event's id: 32 hexadecimal digits, sorts by time.
    pub id: String,
    /// Subscribers on the answering node that took it.
    pub matched: u32,
}

/// Answer to several events: one item for each, in order. Status 200 when all were published, 207 when some were not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct BatchAnswer {
    pub published: usize,
    pub refused: usize,
    pub items: Vec<BatchItem>,
}

/// What came of one event of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum BatchItem {
    Published(Published),
    Refused {
        /// Its place in the batch, from 0.
        index: usize,
        /// Its line in an NDJSON body, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<usize>,
        problem: Problem,
    },
}

/// An event as it passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Event {
    pub id: String,
    pub time: Time,
    pub topic: String,
    /// Text where the payload is UTF-8, base64 otherwise; `payload_encoding` says which.
    pub payload: String,
    pub payload_encoding: Encoding,
    #[cfg_attr(feature = "server", schema(value_type = u8, maximum = 2))]
    pub qos: QoS,
    pub retain: bool,
    pub publisher: String,
    pub expires_at: Option<Time>,
    #[serde(default, skip_serializing_if = "EventProperties::is_empty")]
    pub properties: EventProperties,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct RecentQuery {
    /// Only topics that match this topic filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Items on a page: 100 unless told otherwise, 1,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct TailQuery {
    /// A topic filter; `$share/GROUP/FILTER` shares the stream with others.
    #[cfg_attr(feature = "server", param(example = "plant/#"))]
    pub filter: String,
}

/// In a live stream: so many were left out here because the reader is too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Dropped {
    pub dropped: u64,
}
