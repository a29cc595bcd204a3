//! rumqttc, a client that others wrote, in versions 4 (3.1.1) and 5, over every transport.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flux_core::testing::TestNode;
use rumqttc::{TlsConfiguration, Transport};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::wire::certificate::Certificate;

/// A node with every listener, and its certificate.
async fn node() -> (TestNode, Certificate) {
    let certificate = Certificate::new();
    let settings = certificate.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    (TestNode::with(&settings).await, certificate)
}

fn trusting(certificate: &Certificate) -> TlsConfiguration {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate.file()).expect("a certificate")).expect("a good one");
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS 1.2 and 1.3");
    TlsConfiguration::Rustls(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Host (for WebSocket a URL), port and transport of each listener.
fn listeners(node: &TestNode, certificate: &Certificate) -> Vec<(String, u16, Transport)> {
    let url = |scheme: &str, address: SocketAddr| (format!("{scheme}://localhost:{}/mqtt", address.port()), address.port());
    let host = |address: SocketAddr| ("localhost".to_owned(), address.port());
    let all = [
        (host(node.mqtt_address()), Transport::Tcp),
        (host(node.mqtts_address()), Transport::tls_with_config(trusting(certificate))),
        (url("ws", node.ws_address()), Transport::Ws),
        (url("wss", node.wss_address()), Transport::Wss(trusting(certificate))),
    ];
    all.into_iter().map(|((host, port), transport)| (host, port, transport)).collect()
}

/// Subscribes, publishes with each QoS, and wants everything back.
macro_rules! conversation {
    ($name:ident, $module:path, $clean:ident, $incoming:pat => ($topic:expr, $payload:expr)) => {
        async fn $name(host: String, port: u16, transport: Transport) {
            use $module::*;
            let mut options = MqttOptions::new("rumqtt", host, port);
            options.set_transport(transport).set_keep_alive(Duration::from_secs(5)).$clean(true);
            let (client, mut events) = AsyncClient::new(options, 10);
            client.subscribe("rumqtt/#", mqttbytes::QoS::ExactlyOnce).await.expect("room in its queue");
            let levels = [mqttbytes::QoS::AtMostOnce, mqttbytes::QoS::AtLeastOnce, mqttbytes::QoS::ExactlyOnce];
            for (number, qos) in levels.into_iter().enumerate() {
                client.publish(format!("rumqtt/{number}"), qos, false, vec![b'x'; 1_000]).await.expect("room in its queue");
            }
            let mut topics = Vec::new();
            while topics.len() < 3 {
                match events.poll().await.expect("the connection holds") {
                    $incoming => {
                        assert_eq!($payload.len(), 1_000);
                        topics.push(String::from_utf8($topic.to_vec()).expect("a topic"));
                    }
                    _ => {}
                }
            }
            assert_eq!(topics, ["rumqtt/0", "rumqtt/1", "rumqtt/2"]);
        }
    };
}

mod v4 {
    pub use rumqttc::*;
    pub mod mqttbytes {
        pub use rumqttc::QoS;
    }
}

mod v5 {
    pub use rumqttc::v5::mqttbytes::v5::Packet;
    pub use rumqttc::v5::*;
    pub mod mqttbytes {
        pub use rumqttc::v5::mqttbytes::QoS;
    }
}

conversation!(converse_v4, self::v4, set_clean_session,
    Event::Incoming(Packet::Publish(publish)) => (publish.topic.as_bytes(), publish.payload));
conversation!(converse_v5, self::v5, set_clean_start,
    Event::Incoming(Packet::Publish(publish)) => (publish.topic, publish.payload));

#[tokio::test]
async fn rumqttc_version_4_talks_over_every_transport() {
    let (node, certificate) = node().await;
    for (host, port, transport) in listeners(&node, &certificate) {
        converse_v4(host, port, transport).await;
    }
}

#[tokio::test]
async fn rumqttc_version_5_talks_over_every_transport() {
    let (node, certificate) = node().await;
    for (host, port, transport) in listeners(&node, &certificate) {
        converse_v5(host, port, transport).await;
    }
}
