use clap::Subcommand;
use flux_core::api::{Alarm, AlarmQuery, Severity};
use flux_core::output::{Cell, Column, Document, Resource, Tone};

use crate::context::Context;
use crate::failure::Failure;
use crate::watch::{View, show};

/// Alarms: what an operator should know
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  fluxctl alarms list
  fluxctl alarms list --history -o json")]
pub enum Verb {
    /// Active alarms, and with --history those that have been cleared
    #[command(visible_alias = "ls")]
    #[command(after_help = "\
Examples:
  fluxctl alarms list
  fluxctl alarms list -o wide
  fluxctl alarms list --history --sort-by=-since")]
    List {
        /// Those that have been cleared as well
        #[arg(long)]
        history: bool,
        #[command(flatten)]
        view: View,
    },
}

impl Verb {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let Verb::List { history, view } = self;
        let client = context.client()?;
        let query = AlarmQuery { history: history.then_some(true) };
        show(context, &view, async || Ok(Document::list::<Alarms>(&client.alarms(&query).await?.items))).await
    }
}

pub struct Alarms;

impl Resource for Alarms {
    type Item = Alarm;

    const KIND: &'static str = "Alarm";

    fn columns() -> Vec<Column<Alarm>> {
        vec![
            Self::column("SEVERITY", |alarm| Cell::word(alarm.severity.as_str(), tone(alarm.severity))),
            Self::column("ALARM", |alarm| Cell::text(&alarm.name)),
            Self::column("NODE", |alarm| Cell::text(&alarm.node)),
            Self::column("SINCE", |alarm| Cell::Time(alarm.since.0)),
            Self::wide("LAST", |alarm| Cell::Time(alarm.last.0)),
            Self::wide("TIMES", |alarm| Cell::Count(alarm.count)),
            Self::column("CLEARED", |alarm| Cell::maybe(alarm.cleared_at, |time| Cell::Time(time.0))),
            Self::column("DETAIL", |alarm| Cell::text(&alarm.detail)),
            Self::wide("HINT", |alarm| Cell::maybe(alarm.hint.as_ref(), Cell::text)),
        ]
    }

    fn name(item: &Alarm) -> String {
        item.name.clone()
    }
}

fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Info => Tone::Plain,
        Severity::Warning => Tone::Warning,
        Severity::Critical => Tone::Bad,
    }
}
