use clap::Args;
use flux_core::output::{Cell, Column, Document, Resource};
use serde::Serialize;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::watch::{View, show};

/// Versions of fluxctl and of the server
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fluxctl version
  fluxctl version --client -o json")]
pub struct Version {
    /// Ask no server
    #[arg(long)]
    client: bool,
    #[command(flatten)]
    view: View,
}

#[derive(Debug, Serialize)]
struct Versions {
    fluxctl: &'static str,
    /// Null when no server was asked or none answered.
    server: Option<String>,
}

impl Version {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let fluxctl = env!("CARGO_PKG_VERSION");
        show(context, &self.view, async || {
            let server = if self.client { None } else { server(context).await? };
            Ok(Document::details::<VersionPair>(&Versions { fluxctl, server }))
        })
        .await
    }
}

/// No server is no failure here: the question was about this program as well.
async fn server(context: &Context) -> Result<Option<String>, Failure> {
    match context.client()?.health().await {
        Ok(health) => Ok(Some(health.version)),
        Err(error) => {
            let failure = Failure::from(error);
            if !matches!(failure.exit(), Exit::NoEndpoint | Exit::TimedOut) {
                return Err(failure);
            }
            eprintln!("note: no server answers at {}", context.target()?.url);
            Ok(None)
        }
    }
}

struct VersionPair;

impl Resource for VersionPair {
    type Item = Versions;

    const KIND: &'static str = "Version";

    fn columns() -> Vec<Column<Versions>> {
        vec![
            Self::column("FLUXCTL", |versions| Cell::text(versions.fluxctl)),
            Self::column("SERVER", |versions| Cell::maybe(versions.server.as_ref(), Cell::text)),
        ]
    }

    fn name(item: &Versions) -> String {
        item.fluxctl.to_owned()
    }
}
