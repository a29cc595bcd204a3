use serde::{Deserialize, Serialize};

use crate::types::QoS;

/// One subscription of one client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct SubscriptionInfo {
    pub client_id: String,
    /// The topic filter, without `$share/GROUP/`.
    pub filter: String,
    /// The group it is shared in.
    pub group: Option<String>,
    #[cfg_attr(feature = "server", schema(value_type = u8, maximum = 2))]
    pub qos: QoS,
    pub no_local: bool,
    pub retain_as_published: bool,
    /// The subscription identifier (MQTT 5 §3.8.2.1.2).
    pub identifier: Option<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct SubscriptionQuery {
    /// Only those of exactly this client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Only filters that begin with this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Items on a page: 100 unless told otherwise, 1,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}
