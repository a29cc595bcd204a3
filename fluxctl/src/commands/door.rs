use flux_core::api::{BatchItem, PublishEvent, Published};
use flux_core::client::{Client, ClientError};

use super::publish::Outcome;
use crate::context::Context;
use crate::failure::Failure;
use crate::mqtt::{Address, Connection};

/// The way by which events go in.
pub enum Door {
    Http(Client),
    Mqtt(Box<Connection>),
}

impl Door {
    pub async fn open(context: &Context, mqtt: Option<Address>) -> Result<Self, Failure> {
        match mqtt {
            None => Ok(Door::Http(context.client()?)),
            Some(address) => {
                let connection = Connection::open(context, address).await?;
                eprintln!("mqtt: {}", connection.address());
                Ok(Door::Mqtt(Box::new(connection)))
            }
        }
    }

    /// What became of each, in order. An event that is refused does not stop the others.
    pub async fn publish(&mut self, events: &[PublishEvent]) -> Result<Vec<Result<Outcome, Failure>>, Failure> {
        let topic = |index: usize| events[index].topic.clone();
        match self {
            Door::Http(client) => {
                if let [event] = events {
                    return Ok(vec![
                        client
                            .publish(event)
                            .await
                            .map(|published| Outcome::answered(topic(0), published))
                            .map_err(Failure::from),
                    ]);
                }
                let items = client.publish_batch(events).await?.items.into_iter().enumerate();
                let outcome = |(index, item)| match item {
                    BatchItem::Published(Published { id, matched }) => {
                        Ok(Outcome::answered(topic(index), Published { id, matched }))
                    }
                    BatchItem::Refused { problem, .. } => Err(Failure::from(ClientError::Problem(Box::new(problem)))),
                };
                Ok(items.map(outcome).collect())
            }
            Door::Mqtt(connection) => {
                let outcomes = connection.publish(events).await?.into_iter().enumerate();
                Ok(outcomes.map(|(index, outcome)| outcome.map(|unheard| Outcome::acknowledged(topic(index), unheard))).collect())
            }
        }
    }

    pub async fn close(self) {
        if let Door::Mqtt(connection) = self {
            connection.close().await;
        }
    }
}
