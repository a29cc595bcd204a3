use serde::{Deserialize, Serialize};

/// One key of the configuration and the value in effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct EffectiveValue {
    /// Dotted path, `mqtt.listen`.
    pub key: String,
    /// `"***"` for a secret that is set.
    pub value: serde_json::Value,
    /// Where it was given: `default`, `flux.toml:3:1`, `environment variable …`, `flag …`.
    pub source: String,
}

/// What there is to configure: one key, as `flux-core config-reference` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ConfigKey {
    /// Dotted path, `mqtt.listen`.
    pub key: String,
    /// `integer`, `duration`, `address`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Of a plain number; durations and sizes carry theirs in the value.
    #[serde(default)]
    pub unit: Option<String>,
    /// As one would type it; `off` for nothing.
    pub default: String,
    pub meaning: String,
    /// The environment variable that sets it.
    pub environment: String,
    /// The flag that sets it, where there is one of its own.
    #[serde(default)]
    pub flag: Option<String>,
    /// Its value is shown nowhere.
    #[serde(default)]
    pub secret: bool,
}
