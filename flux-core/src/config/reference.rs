use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value as Json;

use super::keys::Keys;
use super::load::Config;
use super::section::{Key, Section};

/// What there is to know about a key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyDoc {
    /// Dotted, `mqtt.listen`.
    #[serde(rename = "key")]
    pub path: String,
    /// `duration`, `size`, `whole number`, `a | b`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Of a plain number; durations and sizes carry theirs in the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
    /// As it would be written in the file; null: off.
    pub default: Json,
    pub meaning: String,
    #[serde(rename = "environment")]
    pub variable: String,
    /// The flag of its own that `flux-core serve` has for it.
    pub flag: Option<&'static str>,
    pub secret: bool,
    /// Holds named entries: `path.NAME`.
    #[serde(skip)]
    pub open: bool,
}

/// Keys that have a flag of their own beside `--set`.
pub const FLAGS: [(&str, &str); 11] = [
    ("--data-dir", "node.data_dir"),
    ("--node-id", "node.id"),
    ("--cluster-name", "cluster.name"),
    ("--bus", "bus.kind"),
    ("--redis-url", "redis.url"),
    ("--http-listen", "http.listen"),
    ("--mqtt-listen", "mqtt.listen"),
    ("--mqtts-listen", "mqtt.tls_listen"),
    ("--ws-listen", "mqtt.ws_listen"),
    ("--wss-listen", "mqtt.wss_listen"),
    ("--insecure", "security.insecure"),
];

impl KeyDoc {
    /// The default as one would type it: `off` for nothing.
    pub fn default_text(&self) -> String {
        plain(&self.default)
    }
}

/// A value as one would type it after `--set key=`.
pub(super) fn plain(value: &Json) -> String {
    match value {
        Json::Null => "off".to_owned(),
        Json::String(text) => text.clone(),
        Json::Object(entries) => entries.keys().cloned().collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// A key as it is in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectiveKey {
    #[serde(rename = "key")]
    pub path: String,
    /// Secrets are `***`; null: off.
    pub value: Json,
    /// Where it was given: `default`, `flux.toml:3:1`, `environment variable …`, `flag …`.
    #[serde(rename = "source")]
    pub origin: String,
}

impl EffectiveKey {
    /// The value as one would type it: `off` for nothing, `***` for a secret.
    pub fn text(&self) -> String {
        plain(&self.value)
    }
}

impl Config {
    /// Every key there is.
    pub fn reference() -> Vec<KeyDoc> {
        let mut docs = Vec::new();
        Keys::default().visit("", &mut |key: Key| {
            docs.push(KeyDoc {
                variable: variable(&key.path),
                flag: FLAGS.iter().find(|(_, path)| *path == key.path).map(|(flag, _)| *flag),
                path: key.path,
                kind: key.kind,
                unit: key.unit,
                default: key.value,
                meaning: key.meaning,
                secret: key.secret,
                open: key.open,
            });
        });
        docs
    }

    /// Every key with its value in force, secrets hidden.
    pub fn effective(&self) -> Vec<EffectiveKey> {
        let mut keys = Vec::new();
        self.visit("", &mut |key: Key| {
            let origin = self.origin(&key.path).to_string();
            keys.push(EffectiveKey { path: key.path, value: key.value, origin });
        });
        keys
    }
}

/// `mqtt.max_inflight` is `FLUX_MQTT_MAX_INFLIGHT`: one underscore, since no two keys collide (a test sees to it).
pub(super) fn variable(path: &str) -> String {
    format!("FLUX_{}", path.replace('.', "_").to_uppercase())
}

/// A complete file that changes nothing: every key, commented out, with its default and meaning.
pub fn sample() -> String {
    let mut text = String::from(
        "# FLUX IOT: every key with its default. Remove the # before a key to change it.\n\
         # The environment (FLUX_MQTT_LISTEN=…) and flags (--set mqtt.listen=…) win over this file.\n",
    );
    let mut section = String::new();
    for doc in Config::reference() {
        let (at, name) = doc.path.rsplit_once('.').unwrap_or(("", &doc.path));
        if at != section {
            section = at.to_owned();
            let _ = write!(text, "\n[{section}]\n");
        }
        let unit = doc.unit.map(|unit| format!(", {unit}")).unwrap_or_default();
        let _ = writeln!(text, "# {} ({}{unit})", doc.meaning, doc.kind);
        let _ = match &doc.default {
            Json::Null => writeln!(text, "#{name} = \"off\""),
            Json::Object(_) => writeln!(text, "#{name}.NAME = \"…\""),
            Json::String(default) => writeln!(text, "#{name} = {}", toml::Value::from(default.as_str())),
            other => writeln!(text, "#{name} = {other}"),
        };
    }
    text
}
