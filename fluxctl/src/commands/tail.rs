use std::collections::{HashSet, VecDeque};

use clap::Args;
use flux_core::api::Event;
use flux_core::client::TailItem;
use futures_util::stream::{self, select_all};
use futures_util::{StreamExt, TryStreamExt};

use super::follow::{End, Limits, Rows};
use super::payload::Events;
use crate::context::Context;
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

Over MQTT an event has no id and no publisher, and its time is that of its arrival.")]
pub struct Tail {
    /// Topic filters; without one everything but topics that begin with $
    #[arg(value_name = "FILTER", default_value = "#")]
    filters: Vec<String>,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    mqtt: Flags,
}

impl Tail {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let rows = self.limits.rows::<Events>(context)?;
        let interrupt = interrupt();
        let (events, place) = match self.mqtt.address(context).await? {
            Some(address) => {
                let place = address.to_string();
                (self.over_mqtt(context, address).await?, place)
            }
            None => (self.over_http(context).await?, context.target()?.url.clone()),
        };
        let said = format!("tailing {} at {place}", self.filters.join(" "));
        let mut seen = Seen::default();
        let several = self.filters.len() > 1;
        let first_time = |event: &Event| !several || event.id.is_empty() || seen.first_time(&event.id);
        match self.limits.follow(rows, events, interrupt, &said, first_time).await? {
            End::Stopped => Ok(()),
            End::Ended => Err(Failure::new(Exit::Failed, "stream_ended", "the server ended the stream")),
        }
    }

    async fn over_http(&self, context: &Context) -> Result<Rows<Event>, Failure> {
        let (client, url) = (context.client()?, &context.target()?.url);
        let mut tails = Vec::new();
        for filter in &self.filters {
            let tail = tokio::time::timeout(context.global.timeout, client.tail(filter)).await;
            tails.push(tail.map_err(|_| late(url))??);
        }
        Ok(select_all(tails).map_err(Failure::from).boxed())
    }

    async fn over_mqtt(&self, context: &Context, address: Address) -> Result<Rows<Event>, Failure> {
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
}

fn late(url: &str) -> Failure {
    Failure::new(Exit::TimedOut, "timeout", format!("{url} did not open a stream in time")).hint("wait longer with --timeout 30s")
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
