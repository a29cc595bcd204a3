use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flux_core::api::{Event, PublishEvent};
use flux_core::types::{QoS, Timestamp, TopicName};
use rumqttc::v5::mqttbytes::v5::{Filter, Packet, RetainForwardRule, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, ConnectionError, Event as Step, EventLoop, MqttOptions};
use rumqttc::{Outgoing, TlsConfiguration, Transport};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::address::{Address, Scheme};
use super::{convert, refusal};
use crate::context::Context;
use crate::failure::{Exit, Failure};

/// Requests on their way to the connection's loop: it takes them as fast as the socket does.
const REQUESTS: usize = 16;

/// The largest MQTT packet.
const PACKET_BYTES: u32 = 268_435_455;

/// Longer than any pause between two events is to a server: it knows that this client lives.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// One connection to an MQTT server, with a session that ends with it.
pub struct Connection {
    address: Address,
    client: AsyncClient,
    events: EventLoop,
    /// For each answer that is waited for.
    timeout: Duration,
}

impl Connection {
    /// Connected (CONNACK is there) when this returns.
    pub async fn open(context: &Context, address: Address) -> Result<Self, Failure> {
        let options = options(&address, context)?;
        let (client, events) = AsyncClient::new(options, REQUESTS);
        let mut connection = Connection { address, client, events, timeout: context.global.timeout };
        let deadline = connection.timeout;
        let connected = async {
            while !matches!(connection.step().await?, Step::Incoming(Packet::ConnAck(_))) {}
            Ok::<(), Failure>(())
        };
        match tokio::time::timeout(deadline, connected).await {
            Ok(connected) => connected?,
            Err(_) => return Err(refusal::late(&connection.address)),
        }
        Ok(connection)
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Publishes all of them, in order. For each whether the server has said that nobody has subscribed to it, or why it was refused.
    pub async fn publish(&mut self, events: &[PublishEvent]) -> Result<Vec<Result<bool, Failure>>, Failure> {
        let mut outcomes: Vec<Result<bool, Failure>> = Vec::with_capacity(events.len());
        let mut packets = Vec::with_capacity(events.len());
        for (index, event) in events.iter().enumerate() {
            match packet(event) {
                Ok((payload, properties)) => {
                    outcomes.push(Ok(false));
                    packets.push((index, event, payload, properties));
                }
                Err(failure) => outcomes.push(Err(failure)),
            }
        }
        // The loop sends in the order of the requests: the next PUBLISH that leaves is that of the next index.
        let mut leaving = packets.iter().map(|(index, event, ..)| (*index, event.qos)).collect::<Vec<_>>().into_iter();
        let mut open = packets.len();
        let client = self.client.clone();
        let send = async move {
            for (_, event, payload, properties) in packets {
                let qos = convert::on_wire(event.qos);
                let sent = client.publish_with_properties(&event.topic, qos, event.retain, payload, properties).await;
                sent.map_err(|error| {
                    Failure::new(Exit::Failed, "event_refused", "the event is not sent").cause(error.to_string())
                })?;
            }
            Ok::<(), Failure>(())
        };
        let receive = async {
            let mut waiting = HashMap::new();
            while open > 0 {
                let (index, outcome) = match self.answer().await? {
                    Step::Outgoing(Outgoing::Publish(id)) => match leaving.next() {
                        Some((index, QoS::AtMostOnce)) => (Some(index), Ok(false)),
                        Some((index, _)) => {
                            waiting.insert(id, index);
                            continue;
                        }
                        None => continue,
                    },
                    Step::Incoming(Packet::PubAck(ack)) => (waiting.remove(&ack.pkid), refusal::acknowledged(ack.reason)),
                    Step::Incoming(Packet::PubRec(rec)) => {
                        let outcome = refusal::received(rec.reason);
                        if let (Ok(unheard), Some(index)) = (&outcome, waiting.get(&rec.pkid)) {
                            outcomes[*index] = Ok(*unheard);
                            continue;
                        }
                        (waiting.remove(&rec.pkid), outcome)
                    }
                    Step::Incoming(Packet::PubComp(comp)) => {
                        let index = waiting.remove(&comp.pkid);
                        let unheard = index.is_some_and(|index| outcomes[index] == Ok(true));
                        (index, Ok(unheard))
                    }
                    _ => continue,
                };
                if let Some(index) = index {
                    outcomes[index] = outcome;
                    open -= 1;
                }
            }
            Ok(())
        };
        tokio::try_join!(send, receive)?;
        Ok(outcomes)
    }

    /// Granted (SUBACK is there) when this returns: what is published from then on comes through [`Connection::next`].
    pub async fn subscribe(&mut self, filters: &[String]) -> Result<(), Failure> {
        // The QoS shown is the publisher's, and what is retained was not published now.
        let wanted = filters.iter().map(|filter| Filter {
            preserve_retain: true,
            retain_forward_rule: RetainForwardRule::Never,
            ..Filter::new(filter, rumqttc::v5::mqttbytes::QoS::ExactlyOnce)
        });
        let sent = self.client.subscribe_many(wanted.collect::<Vec<_>>()).await;
        sent.map_err(|_| Failure::usage(format!("not topic filters: {}", filters.join(" "))))?;
        loop {
            let Step::Incoming(Packet::SubAck(ack)) = self.answer().await? else { continue };
            let refused = filters.iter().zip(ack.return_codes).find(|(_, code)| !matches!(code, SubscribeReasonCode::Success(_)));
            return refused.map_or(Ok(()), |(filter, code)| Err(refusal::subscription(filter, code)));
        }
    }

    /// The next event that was published.
    pub async fn next(&mut self) -> Result<Event, Failure> {
        loop {
            if let Step::Incoming(Packet::Publish(publish)) = self.step().await? {
                return Ok(convert::event(&publish, Timestamp::now()));
            }
        }
    }

    /// Says that it goes, so that the server need not find out.
    pub async fn close(mut self) {
        let goodbye = async {
            if self.client.disconnect().await.is_ok() {
                while !matches!(self.step().await, Ok(Step::Outgoing(Outgoing::Disconnect)) | Err(_)) {}
            }
        };
        // Everything that was asked for is done: a server that does not even read this is no reason to wait or to fail.
        let _ = tokio::time::timeout(Duration::from_secs(1), goodbye).await;
    }

    async fn answer(&mut self) -> Result<Step, Failure> {
        let step = tokio::time::timeout(self.timeout, self.step()).await;
        step.map_err(|_| refusal::late(&self.address))?
    }

    async fn step(&mut self) -> Result<Step, Failure> {
        let step: Result<Step, ConnectionError> = self.events.poll().await;
        step.map_err(|error| refusal::connection(&self.address, &error))
    }
}

fn packet(event: &PublishEvent) -> Result<(Vec<u8>, rumqttc::v5::mqttbytes::v5::PublishProperties), Failure> {
    let topic = TopicName::parse(&event.topic);
    topic.map_err(|error| Failure::usage(format!("'{}' is not a topic to publish to", event.topic)).cause(error.to_string()))?;
    convert::publish(event).map_err(|error| Failure::usage(error.to_string()))
}

fn options(address: &Address, context: &Context) -> Result<MqttOptions, Failure> {
    // Unique and recognizable: an operator finds it in the list of sessions and in traces.
    let id = format!("fluxctl-{}-{:x}", std::process::id(), Timestamp::now().as_millis());
    let url = address.to_string();
    let host = match address.scheme {
        Scheme::Ws | Scheme::Wss => url.as_str(),
        Scheme::Mqtt | Scheme::Mqtts => address.host.as_str(),
    };
    let mut options = MqttOptions::new(id, host, address.port);
    options.set_transport(match address.scheme {
        Scheme::Mqtt => Transport::tcp(),
        Scheme::Ws => Transport::ws(),
        Scheme::Mqtts => Transport::tls_with_config(tls(context)?),
        Scheme::Wss => Transport::wss_with_config(tls(context)?),
    });
    options.set_keep_alive(KEEP_ALIVE).set_max_packet_size(Some(PACKET_BYTES));
    // The deadline is that of `open`.
    options.set_connection_timeout(context.global.timeout.as_secs() + 1);
    if let Some(user) = &address.user {
        options.set_credentials(user, address.password.clone().unwrap_or_default());
    }
    Ok(options)
}

/// Trusts the authorities of the system and those of `--ca-file`.
fn tls(context: &Context) -> Result<TlsConfiguration, Failure> {
    // An error means that the process has chosen a provider already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let pem = context.authorities()?;
    for authority in CertificateDer::pem_slice_iter(&pem) {
        let added =
            authority.map_err(|error| error.to_string()).and_then(|one| roots.add(one).map_err(|error| error.to_string()));
        added.map_err(|cause| Failure::usage("--ca-file holds no certificate authorities").cause(cause))?;
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConfiguration::Rustls(Arc::new(config)))
}
