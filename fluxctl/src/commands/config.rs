use clap::Subcommand;
use flux_core::api::{ConfigKey, EffectiveValue};
use flux_core::client::ClientError;
use flux_core::output::{Cell, Column, Document, Resource};

use crate::context::Context;
use crate::failure::Failure;
use crate::watch::{View, show};

/// Configuration: what can be set and what is in effect
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  fluxctl config reference mqtt
  fluxctl config show --changed")]
pub enum Verb {
    /// Every key of the server's configuration: type, default, meaning
    #[command(after_help = "\
Examples:
  fluxctl config reference
  fluxctl config reference mqtt -o wide
  fluxctl config reference -o json")]
    Reference {
        /// Only keys that begin with this
        prefix: Option<String>,
        #[command(flatten)]
        view: View,
    },
    /// The values in effect and where they come from; secrets are hidden
    #[command(after_help = "\
Examples:
  fluxctl config show
  fluxctl config show http
  fluxctl config show --changed -o yaml")]
    Show {
        /// Only keys that begin with this
        prefix: Option<String>,
        /// Only what is not a default
        #[arg(long)]
        changed: bool,
        #[command(flatten)]
        view: View,
    },
}

impl Verb {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client()?;
        match self {
            Verb::Reference { prefix, view } => {
                let prefix = prefix.unwrap_or_default();
                show(context, &view, async || {
                    let mut keys = client.config_reference().await.map_err(without_server)?.items;
                    keys.retain(|key| key.key.starts_with(&prefix));
                    Ok(Document::list::<ConfigKeys>(&keys))
                })
                .await
            }
            Verb::Show { prefix, changed, view } => {
                let prefix = prefix.unwrap_or_default();
                show(context, &view, async || {
                    let mut values = client.config().await?.items;
                    values.retain(|value| value.key.starts_with(&prefix) && !(changed && value.source == "default"));
                    Ok(Document::list::<EffectiveValues>(&values))
                })
                .await
            }
        }
    }
}

/// The reference is compiled into the server: its binary can print it without running.
fn without_server(error: ClientError) -> Failure {
    let unreachable = matches!(error, ClientError::Unreachable { .. });
    let failure = Failure::from(error);
    if unreachable { failure.hint("without a server: flux-core config-reference") } else { failure }
}

pub struct ConfigKeys;

impl Resource for ConfigKeys {
    type Item = ConfigKey;

    const KIND: &'static str = "ConfigKey";

    fn columns() -> Vec<Column<ConfigKey>> {
        vec![
            Self::column("KEY", |key| Cell::text(&key.key)),
            Self::column("TYPE", |key| {
                Cell::text(key.unit.as_ref().map_or_else(|| key.kind.clone(), |unit| format!("{} ({unit})", key.kind)))
            }),
            Self::column("DEFAULT", |key| Cell::text(&key.default)),
            Self::wide("ENVIRONMENT", |key| Cell::text(&key.environment)),
            Self::wide("FLAG", |key| Cell::maybe(key.flag.as_ref(), Cell::text)),
            Self::column("MEANING", |key| Cell::text(&key.meaning)),
        ]
    }

    fn name(item: &ConfigKey) -> String {
        item.key.clone()
    }
}

pub struct EffectiveValues;

impl Resource for EffectiveValues {
    type Item = EffectiveValue;

    const KIND: &'static str = "ConfigValue";

    fn columns() -> Vec<Column<EffectiveValue>> {
        vec![
            Self::column("KEY", |value| Cell::text(&value.key)),
            Self::column("VALUE", |value| match &value.value {
                // As one would type it.
                serde_json::Value::Null => Cell::text("off"),
                serde_json::Value::String(text) => Cell::text(text),
                other => Cell::text(other.to_string()),
            }),
            Self::column("SOURCE", |value| Cell::text(&value.source)),
        ]
    }

    fn name(item: &EffectiveValue) -> String {
        item.key.clone()
    }
}
