use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};
use flux_core::api::{PublishEvent, Published, UserProperty};
use flux_core::output::{Cell, Column, Document, Resource, Selection};
use flux_core::types::QoS;
use serde::Serialize;

use super::door::Door;
use super::{dry, lines};
use crate::confirm::announce;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::mqtt::Flags;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fluxctl events publish plant/7/temperature 21.5
  fluxctl events publish plant/7/state '{\"on\":true}' --retain --content-type application/json
  fluxctl events publish plant/7/picture --file picture.jpg --expiry 10m
  date | fluxctl events publish clock -
  fluxctl events publish --ndjson --file events.ndjson
  fluxctl events tail 'plant/#' -o json | jq -c .payload | fluxctl events publish copy --ndjson
  fluxctl events publish plant/7/temperature 21.5 --qos 2 --mqtt
  fluxctl events publish plant/7/state off --retain --dry-run

With --ndjson every line of --file or of standard input is one event: with TOPIC the line is its
payload, without TOPIC it is {\"topic\": …, \"payload\": …, \"qos\": …}; options are then the
defaults of what a line leaves out.
No payload at all publishes an empty one, which with --retain clears the retained message.
Over MQTT there is no id, and of those who heard the event only whether there was none.")]
pub struct Publish {
    #[arg(required_unless_present = "ndjson")]
    topic: Option<String>,
    /// Text to publish; - reads standard input
    #[arg(conflicts_with_all = ["file", "ndjson"], allow_negative_numbers = true)]
    payload: Option<String>,
    /// Publish what is in this file
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// One event a line
    #[arg(long)]
    ndjson: bool,
    /// 0, 1 or 2: 1 and 2 return once the event is safe
    #[arg(long, value_name = "QOS", default_value = "0", value_parser = clap::value_parser!(u8).range(0..=2))]
    qos: u8,
    /// Keep it for future subscribers
    #[arg(long)]
    retain: bool,
    /// What the payload is: application/json, text/plain, …
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// Where an answer should go
    #[arg(long, value_name = "TOPIC")]
    response_topic: Option<String>,
    /// Property that reaches every subscriber; may be given several times
    #[arg(long, value_name = "NAME=VALUE", action = ArgAction::Append, value_parser = property)]
    user_property: Vec<UserProperty>,
    /// Not delivered later than this after now
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    expiry: Option<Duration>,
    /// Publish nothing; show what would change, and exit with 10
    #[arg(long, conflicts_with = "ndjson")]
    dry_run: bool,
    #[command(flatten)]
    mqtt: Flags,
}

fn property(text: &str) -> Result<UserProperty, String> {
    let (name, value) = text.split_once('=').ok_or("it should look like name=value")?;
    Ok(UserProperty { name: name.to_owned(), value: value.to_owned() })
}

/// What became of one event. Over MQTT there is no id, and of those who heard it only whether there was none.
#[derive(Debug, Serialize)]
pub struct Outcome {
    pub topic: String,
    pub id: Option<String>,
    pub matched: Option<u32>,
}

impl Outcome {
    pub fn answered(topic: String, Published { id, matched }: Published) -> Self {
        Outcome { topic, id: Some(id), matched: Some(matched) }
    }

    /// `unheard`: the server has said that nobody has subscribed to it.
    pub fn acknowledged(topic: String, unheard: bool) -> Self {
        Outcome { topic, id: None, matched: unheard.then_some(0) }
    }
}

impl Publish {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        if self.ndjson {
            return lines::publish(context, &self).await;
        }
        let topic = self.topic.clone().expect("clap asks for it unless --ndjson");
        let event = self.event(&topic, &self.read()?);
        if self.dry_run {
            return dry::publish(context, &event).await;
        }
        let mut door = self.door(context).await?;
        let outcome = door.publish(std::slice::from_ref(&event)).await?.into_iter().next();
        door.close().await;
        let outcome = outcome.expect("one event has one outcome")?;
        context.print(&Document::list::<Outcomes>(&[outcome]), &Selection::default())
    }

    /// Says where events will go, and opens the way.
    pub async fn door(&self, context: &Context) -> Result<Door, Failure> {
        announce(context)?;
        Door::open(context, self.mqtt.address(context).await?).await
    }

    pub fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    pub fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }

    pub fn event(&self, topic: &str, payload: &[u8]) -> PublishEvent {
        let mut event = PublishEvent::bytes(topic, payload);
        self.apply(&mut event);
        event
    }

    /// Sets what the command line says and the event does not.
    pub fn apply(&self, event: &mut PublishEvent) {
        event.qos = event.qos.max(QoS::try_from(self.qos).unwrap_or_default());
        event.retain |= self.retain;
        let properties = &mut event.properties;
        properties.content_type = properties.content_type.take().or_else(|| self.content_type.clone());
        properties.response_topic = properties.response_topic.take().or_else(|| self.response_topic.clone());
        properties.user.extend(self.user_property.iter().cloned());
        event.expiry_seconds = event.expiry_seconds.or(self.expiry.map(seconds));
    }

    fn read(&self) -> Result<Vec<u8>, Failure> {
        match (&self.file, self.payload.as_deref()) {
            (Some(path), _) => std::fs::read(path).map_err(|error| unreadable(&path.display().to_string(), &error)),
            (None, Some("-")) => {
                let mut payload = Vec::new();
                let read = std::io::stdin().lock().read_to_end(&mut payload);
                read.map(|_| payload).map_err(|error| unreadable("standard input", &error))
            }
            (None, payload) => Ok(payload.unwrap_or_default().as_bytes().to_vec()),
        }
    }
}

pub fn unreadable(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, "input", format!("cannot read {what}")).cause(error.to_string())
}

/// Whole seconds, rounded up: an event asked to live for 500 ms is not dead at once.
fn seconds(duration: Duration) -> u32 {
    let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

pub struct Outcomes;

impl Resource for Outcomes {
    type Item = Outcome;

    const KIND: &'static str = "Published";

    fn columns() -> Vec<Column<Outcome>> {
        vec![
            Self::column("ID", |outcome| Cell::maybe(outcome.id.as_ref(), Cell::text)),
            Self::column("TOPIC", |outcome| Cell::text(&outcome.topic)),
            Self::column("MATCHED", |outcome| Cell::maybe(outcome.matched, |matched| Cell::Count(matched.into()))),
        ]
    }

    fn name(item: &Outcome) -> String {
        item.id.clone().unwrap_or_else(|| item.topic.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_rounded_up_to_whole_seconds() {
        assert_eq!(seconds(Duration::from_millis(500)), 1);
        assert_eq!(seconds(Duration::from_secs(600)), 600);
        assert_eq!(seconds(Duration::MAX), u32::MAX);
    }

    #[test]
    fn a_user_property_has_a_name_and_a_value() {
        assert_eq!(property("a=b=c").unwrap(), UserProperty { name: "a".into(), value: "b=c".into() });
        assert!(property("a").is_err());
    }
}
