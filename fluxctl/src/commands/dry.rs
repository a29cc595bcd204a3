//! `--dry-run`: what a command would change, looked up on the server and changed by nobody.

use flux_core::api::{Code, PublishEvent, Session, SubscriptionQuery};
use flux_core::client::{Client, ClientError};
use flux_core::output::{Cell, Column, Document, Resource, Selection, Tone, bytes, quantity};
use flux_core::types::{TopicFilter, TopicName};
use serde::Serialize;

use super::payload;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::pages;

/// One line of the difference between what is and what would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `+` comes into being, `~` changes, `-` goes.
    pub change: char,
    pub resource: &'static str,
    pub name: String,
    pub detail: String,
}

struct Differences;

impl Resource for Differences {
    type Item = Difference;

    const KIND: &'static str = "Difference";

    fn columns() -> Vec<Column<Difference>> {
        vec![
            Self::column("CHANGE", |difference| {
                let tone = match difference.change {
                    '+' => Tone::Good,
                    '-' => Tone::Bad,
                    _ => Tone::Warning,
                };
                Cell::word(difference.change, tone)
            }),
            Self::column("RESOURCE", |difference| Cell::text(difference.resource)),
            Self::column("NAME", |difference| Cell::text(&difference.name)),
            Self::column("DETAIL", |difference| Cell::text(&difference.detail)),
        ]
    }

    fn name(item: &Difference) -> String {
        item.name.clone()
    }
}

/// Looks at each name. Ends with 10 when there is something to change, with 0 when there is nothing.
pub async fn run(
    context: &Context,
    names: &[String],
    mut look: impl AsyncFnMut(&str) -> Result<Option<Difference>, Failure>,
) -> Result<(), Failure> {
    eprintln!("{}", context.target()?);
    let mut differences = Vec::new();
    for name in names {
        differences.extend(look(name).await?);
    }
    report(context, &differences)
}

fn report(context: &Context, differences: &[Difference]) -> Result<(), Failure> {
    if differences.is_empty() {
        eprintln!("nothing would change");
        let nothing = Document::list::<Differences>(&[]);
        return match context.global.output {
            Some(_) => context.print(&nothing, &Selection::default()),
            None => Ok(()),
        };
    }
    context.print(&Document::list::<Differences>(differences), &Selection { no_headers: true, ..Selection::default() })?;
    let pending = format!("{} pending, nothing was changed", quantity(differences.len() as u64, "change"));
    Err(Failure::new(Exit::Pending, "changes_pending", pending).hint("leave --dry-run out to make them"))
}

/// Publishing an event: who would hear it, and what becomes of the retained message.
pub async fn publish(context: &Context, event: &PublishEvent) -> Result<(), Failure> {
    eprintln!("{}", context.target()?);
    let topic = TopicName::parse(&event.topic);
    topic.map_err(|error| Failure::usage(format!("'{}' is not a topic to publish to", event.topic)).cause(error.to_string()))?;
    let client = context.client()?;
    let size = payload::size(event);
    let heard = quantity(subscriptions(&client, &event.topic).await?, "subscription");
    let difference = |change, resource, detail| Difference { change, resource, name: event.topic.clone(), detail };
    let detail = format!("{}, QoS {}, for {heard}", bytes(size), event.qos as u8);
    let mut differences = vec![difference('+', "event", detail)];
    if event.retain {
        let before = match client.retained_message(&event.topic).await {
            Ok(message) => Some(payload::bytes(&message).map_or(0, |payload| payload.len() as u64)),
            Err(ClientError::Problem(problem)) if problem.code == Code::RetainedNotFound => None,
            Err(error) => return Err(error.into()),
        };
        differences.extend(match (before, size) {
            (None, 0) => None,
            (None, after) => Some(difference('+', "retained message", bytes(after))),
            (Some(before), 0) => Some(difference('-', "retained message", bytes(before))),
            (Some(before), after) => Some(difference('~', "retained message", format!("{} → {}", bytes(before), bytes(after)))),
        });
    }
    report(context, &differences)
}

async fn subscriptions(client: &Client, topic: &str) -> Result<u64, Failure> {
    let page = async |cursor, size| {
        let query = SubscriptionQuery { cursor, limit: Some(size), ..SubscriptionQuery::default() };
        client.subscriptions(&query).await
    };
    let (subscriptions, _) = pages::all(None, page).await?;
    let hears = |filter: &str| TopicFilter::parse(filter).is_ok_and(|filter| filter.matches(topic));
    Ok(subscriptions.iter().filter(|subscription| hears(&subscription.filter)).count() as u64)
}

/// Closing the connection of a client.
pub fn disconnect(session: &Session) -> Option<Difference> {
    let summary = &session.summary;
    let (change, detail) = match (summary.connected, summary.durable) {
        (false, _) => return None,
        (true, true) => ('~', "connected → away".to_owned()),
        (true, false) => ('-', format!("ends with its connection: {}", cost(session))),
    };
    Some(Difference { change, resource: "session", name: summary.client_id.clone(), detail })
}

/// Ending a session.
pub fn delete(session: &Session) -> Difference {
    Difference { change: '-', resource: "session", name: session.summary.client_id.clone(), detail: cost(session) }
}

/// What goes with a session.
pub fn cost(session: &Session) -> String {
    let subscriptions = quantity(session.summary.subscription_count, "subscription");
    let messages = quantity(session.summary.inflight + session.summary.queued, "waiting message");
    format!("{subscriptions} and {messages}")
}
