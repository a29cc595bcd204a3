use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use clap::Args;
use flux_core::api::Event;
use flux_core::client::TailItem;
use flux_core::output::{Columns, RowStream, Stdout};
use futures_util::stream::{self, BoxStream, select_all};
use futures_util::{StreamExt, TryStreamExt};

use super::payload::Events as EventRows;
use crate::context::{Context, written};
use crate::failure::{Exit, Failure};
use crate::interrupt::interrupt;
use crate::mqtt::{Address, Connection, Flags};

/// Events whose ids are remembered, so that one that matches several filters is shown once: they arrive close to each other.
const REMEMBERED: usize = 4_096;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fluxctl events tail
  fluxctl events tail 'plant/+/temperature' 'alarm/#' -o json
  fluxctl events tail 'plant/7/#' --count 1 --for 10s
  fluxctl events tail 'jobs/#' -o csv --columns time,topic,payload > jobs.csv
  fluxctl events tail 'plant/#' --mqtt

With --count and --for together it exits with 7 when the time is over before the count is reached.
Over MQTT an event has no id and no publisher, and its time is that of its arrival.")]
pub struct Tail {
    /// Topic filters; without one everything but topics that begin with $
    #[arg(value_name = "FILTER", default_value = "#")]
    filters: Vec<String>,
    /// Stop after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Stop after this time
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    #[command(flatten)]
    columns: Columns,
    #[command(flatten)]
    mqtt: Flags,
}

type Events = BoxStream<'static, Result<TailItem<Event>, Failure>>;

impl Tail {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut rows = RowStream::<EventRows>::new(context.format(), &self.columns.selection(), context.style)?;
        let (mut events, place) = match self.mqtt.address(context).await? {
            Some(address) => {
                let place = address.to_string();
                (self.over_mqtt(context, address).await?, place)
            }
            None => (self.over_http(context).await?, context.target()?.url.clone()),
        };
        // One for all rounds: a Ctrl-C between two of them would be lost on a new one.
        let interrupt = interrupt();
        let mut stdout = Stdout::default();
        if let Err(error) = stdout.print(&rows.head()) {
            return written(Err(error));
        }
        // A reader of standard error knows from now on that nothing published is missed.
        eprintln!("tailing {} at {}", self.filters.join(" "), place);
        let mut seen = Seen::default();
        let mut shown = 0;
        let over = deadline(self.duration);
        tokio::pin!(over, interrupt);
        loop {
            let item = tokio::select! {
                // Ctrl-C first: a flood of events must not hide it.
                biased;
                () = &mut interrupt => return Ok(()),
                () = &mut over => return self.ended(shown),
                item = events.next() => item,
            };
            let event = match item {
                Some(Ok(TailItem::Item(event))) => event,
                Some(Ok(TailItem::Dropped(number))) => {
                    eprintln!("warning: {number} events left out here: this reader is too slow");
                    continue;
                }
                Some(Err(failure)) => return Err(failure.doing("the stream broke off")),
                None => return Err(Failure::new(Exit::Failed, "stream_ended", "the server ended the stream")),
            };
            if self.filters.len() > 1 && !event.id.is_empty() && !seen.first_time(&event.id) {
                continue;
            }
            if let Err(error) = stdout.print(&rows.row(&event)) {
                return written(Err(error));
            }
            shown += 1;
            if self.count == Some(shown) {
                return Ok(());
            }
        }
    }

    async fn over_http(&self, context: &Context) -> Result<Events, Failure> {
        let (client, url) = (context.client()?, &context.target()?.url);
        let mut tails = Vec::new();
        for filter in &self.filters {
            let tail = tokio::time::timeout(context.global.timeout, client.tail(filter)).await;
            tails.push(tail.map_err(|_| late(url))??);
        }
        Ok(select_all(tails).map_err(Failure::from).boxed())
    }

    async fn over_mqtt(&self, context: &Context, address: Address) -> Result<Events, Failure> {
        let mut connection = Connection::open(context, address).await?;
        connection.subscribe(&self.filters).await?;
        let events = stream::unfold(Some(connection), async |connection| {
            let mut connection = connection?;
            match connection.next().await {
                Ok(event) => Some((Ok(TailItem::Item(event)), Some(connection))),
                Err(failure) => Some((Err(failure), None)),
            }
        });
        Ok(events.boxed())
    }

    /// The time is over.
    fn ended(&self, shown: u64) -> Result<(), Failure> {
        match self.count {
            Some(count) => Err(Failure::new(Exit::TimedOut, "timeout", format!("{shown} of {count} events came in time"))),
            None => Ok(()),
        }
    }
}

fn late(url: &str) -> Failure {
    Failure::new(Exit::TimedOut, "timeout", format!("{url} did not open a stream in time")).hint("wait longer with --timeout 30s")
}

async fn deadline(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

/// The ids of the last events.
#[derive(Debug, Default)]
struct Seen {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    fn first_time(&mut self, id: &str) -> bool {
        if !self.ids.insert(id.to_owned()) {
            return false;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_new_once_and_memory_is_bounded() {
        let mut seen = Seen::default();
        assert!(seen.first_time("a"));
        assert!(!seen.first_time("a"));
        for id in 0..REMEMBERED {
            assert!(seen.first_time(&id.to_string()));
        }
        assert_eq!((seen.ids.len(), seen.order.len()), (REMEMBERED, REMEMBERED));
    }
}
