use serde::{Deserialize, Serialize};

use super::Time;
use crate::types::QoS;

/// A retained message: a row of the list, without its payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Retained {
    pub topic: String,
    pub payload_bytes: u64,
    #[cfg_attr(feature = "server", schema(value_type = u8, maximum = 2))]
    pub qos: QoS,
    pub publisher: String,
    pub time: Time,
    pub expires_at: Option<Time>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct RetainedQuery {
    /// Only topics that match this topic filter; all but `$`-topics unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Items on a page: 100 unless told otherwise, 1,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}
