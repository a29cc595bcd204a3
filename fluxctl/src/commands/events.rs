use clap::Subcommand;

use super::publish::Publish;
use super::tail::Tail;
use crate::context::Context;
use crate::failure::Failure;

/// Events: publish them, watch them pass
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  fluxctl events publish plant/7/temperature 21.5 --qos 1
  fluxctl events tail 'plant/#'")]
pub enum Verb {
    /// Publish one event, or many from a file or pipe
    #[command(visible_alias = "pub")]
    Publish(Publish),
    /// Show events as they pass, until Ctrl-C
    #[command(visible_alias = "sub")]
    Tail(Tail),
}

impl Verb {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Verb::Publish(publish) => publish.run(context).await,
            Verb::Tail(tail) => tail.run(context).await,
        }
    }
}
