//! One file for each noun: its grammar, the columns of what it shows, what it asks of the server. Knows nothing of formats.
//!
//! Invariant: a command that reads goes through [`crate::watch::show`] (a stream through `RowStream`), one that changes something
//! says where and, if something could be lost, asks before.

mod alarms;
mod bus;
mod bus_checks;
mod canary;
mod change;
mod checks;
mod cluster;
mod completion;
mod config;
mod context;
mod doctor;
mod door;
mod dry;
mod events;
mod exposure;
mod follow;
mod lines;
mod man;
mod metrics;
mod nodes;
mod payload;
mod publish;
mod redis_checks;
mod retained;
mod sessions;
mod status;
mod subscriptions;
mod tail;
mod trace;
mod version;
mod wait;

use clap::Subcommand;

pub use completion::COMPLETION_VARIABLE;

use crate::context::Context;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub enum Noun {
    #[command(subcommand)]
    Cluster(cluster::Verb),
    #[command(subcommand, alias = "node")]
    Nodes(nodes::Verb),
    #[command(subcommand, alias = "session")]
    Sessions(sessions::Verb),
    #[command(subcommand, alias = "subscription")]
    Subscriptions(subscriptions::Verb),
    #[command(subcommand)]
    Retained(retained::Verb),
    #[command(subcommand, alias = "event")]
    Events(events::Verb),
    #[command(subcommand)]
    Bus(bus::Verb),
    #[command(subcommand, alias = "alarm")]
    Alarms(alarms::Verb),
    #[command(subcommand)]
    Config(config::Verb),
    Metrics(metrics::Metrics),
    #[command(subcommand)]
    Trace(trace::Verb),
    Doctor(doctor::Doctor),
    #[command(subcommand)]
    Wait(wait::Verb),
    #[command(subcommand)]
    Context(context::Verb),
    Completion(completion::Completion),
    Version(version::Version),
    Man(man::Man),
}

impl Noun {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Noun::Cluster(verb) => verb.run(context).await,
            Noun::Nodes(verb) => verb.run(context).await,
            Noun::Sessions(verb) => verb.run(context).await,
            Noun::Subscriptions(verb) => verb.run(context).await,
            Noun::Retained(verb) => verb.run(context).await,
            Noun::Events(verb) => verb.run(context).await,
            Noun::Bus(verb) => verb.run(context).await,
            Noun::Alarms(verb) => verb.run(context).await,
            Noun::Config(verb) => verb.run(context).await,
            Noun::Metrics(metrics) => metrics.run(context).await,
            Noun::Trace(verb) => verb.run(context).await,
            Noun::Doctor(doctor) => doctor.run(context).await,
            Noun::Wait(verb) => verb.run(context).await,
            Noun::Context(verb) => verb.run(context),
            Noun::Completion(completion) => completion.run(context),
            Noun::Version(version) => version.run(context).await,
            Noun::Man(man) => man.run(context),
        }
    }
}
