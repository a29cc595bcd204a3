//! `/metrics`: everything that is counted, in the OpenMetrics text format (which Prometheus reads).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

use super::alarms::Alarms;
use super::metrics::Metrics;
use super::process::ProcessFigures;
use crate::measure::{BUCKETS, Counter, Histogram, bound};
use crate::types::{DropReason, QoS};

/// The `Content-Type` of what [`Exposition::render`] returns.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A figure of a component that this module does not know, such as a store. Named without `flux_` and `_total`.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: FigureKind,
    pub value: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureKind {
    Counter,
    Gauge,
}

/// Renders the metrics of one node.
pub struct Exposition {
    registry: Registry,
}

impl Exposition {
    /// `figures` is asked at each scrape for what other components count.
    pub fn new(
        metrics: Arc<Metrics>,
        alarms: Arc<Alarms>,
        node: &str,
        figures: impl Fn() -> Vec<Figure> + Send + Sync + 'static,
    ) -> Self {
        let mut registry = Registry::default();
        let collected = Collected { metrics, alarms, node: node.to_owned(), started: Instant::now(), figures: Box::new(figures) };
        registry.register_collector(Box::new(collected));
        Exposition { registry }
    }

    pub fn render(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        encode(&mut text, &self.registry).expect("writing to a string does not fail");
        text
    }
}

struct Collected {
    metrics: Arc<Metrics>,
    alarms: Arc<Alarms>,
    node: String,
    started: Instant,
    figures: Box<dyn Fn() -> Vec<Figure> + Send + Sync>,
}

impl fmt::Debug for Collected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Collected")
    }
}

impl Collector for Collected {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.connections(&mut page)?;
        self.messages(&mut page)?;
        self.latencies(&mut page)?;
        self.alarms(&mut page)?;
        for figure in (self.figures)() {
            match figure.kind {
                FigureKind::Counter => page.counter_value(&format!("flux_{}", figure.name), figure.help, figure.value)?,
                FigureKind::Gauge => page.gauge(&format!("flux_{}", figure.name), figure.help, figure.value as f64)?,
            }
        }
        self.process(&mut page)
    }
}

impl Collected {
    fn connections(&self, page: &mut Page<'_>) -> fmt::Result {
        let metrics = &*self.metrics;
        page.gauge("flux_connections", "MQTT connections now", metrics.connections.get() as f64)?;
        page.counter("flux_connections_opened", "MQTT connections accepted", &metrics.connections_opened)?;
        page.counter("flux_connections_closed", "MQTT connections ended", &metrics.connections_closed)?;
        page.counter("flux_connections_refused", "MQTT connections refused", &metrics.connections_refused)?;
        page.counter(
            "flux_connections_cut_off",
            "Connections ended because this node was cut off from the others, so that messages may be missing",
            &metrics.connections_cut_off,
        )?;
        page.counter(
            "flux_protocol_errors",
            "Connections ended because the client broke the protocol",
            &metrics.protocol_errors,
        )?;
        page.gauge("flux_sessions", "Sessions now, with and without a connection", metrics.sessions.get() as f64)?;
        page.gauge("flux_durable_sessions", "Sessions that outlive their connection", metrics.durable_sessions.get() as f64)?;
        page.gauge("flux_subscriptions", "Subscriptions now", metrics.subscriptions.get() as f64)?;
        page.gauge("flux_retained_messages", "Retained messages now", metrics.retained_messages.get() as f64)?;
        page.gauge("flux_retained_bytes", "Bytes of retained messages now", metrics.retained_bytes.get() as f64)?;
        page.counter("flux_packets_in", "MQTT packets received", &metrics.packets_in)?;
        page.counter("flux_packets_out", "MQTT packets sent", &metrics.packets_out)?;
        page.counter("flux_bytes_in", "Bytes received from MQTT clients", &metrics.bytes_in)?;
        page.counter("flux_bytes_out", "Bytes sent to MQTT clients", &metrics.bytes_out)
    }

    /// With the conservation ledger: owed = delivered + dropped + handed over + pending.
    fn messages(&self, page: &mut Page<'_>) -> fmt::Result {
        let metrics = &*self.metrics;
        let by_qos = |page: &mut Page<'_>, name: &str, help: &str, of: &dyn Fn(QoS) -> u64| {
            page.counters(name, help, "qos", &QOS.map(|(qos, word)| (word, of(qos))))
        };
        by_qos(page, "flux_messages_received", "Messages taken from publishers", &|qos| metrics.received.of(qos).get())?;
        page.counter("flux_messages_refused", "Messages not taken from their publishers", &metrics.refused)?;
        let full = &metrics.refused_queue_full;
        page.counter("flux_messages_refused_queue_full", "Messages refused because a durable queue was full", full)?;
        page.counter("flux_messages_unrouted", "Messages that nobody had subscribed to", &metrics.unrouted)?;
        // Read in this order, what moves on meanwhile counts twice rather than being missed.
        let pending = metrics.pending.get();
        let dropped = DropReason::ALL.map(|reason| (reason.as_str(), metrics.dropped.of(reason).get()));
        let (delivered, owed) = (metrics.delivered.total(), metrics.owed.get());
        page.counter_value("flux_messages_owed", "Copies owed to subscribers: delivered, dropped, handed over or pending", owed)?;
        by_qos(page, "flux_messages_delivered", "Copies delivered to subscribers", &|qos| metrics.delivered.of(qos).get())?;
        page.counter("flux_messages_redelivered", "Copies sent again", &metrics.redelivered)?;
        page.counters("flux_messages_dropped", "Copies that their subscriber did not get", "reason", &dropped)?;
        let handed_over = metrics.handed_over.get();
        page.counter_value("flux_messages_handed_over", "Copies of sessions that are other nodes' now", handed_over)?;
        page.gauge("flux_messages_pending", "Copies in mailboxes and durable queues", pending as f64)?;
        let accounted = delivered + dropped.iter().map(|(_, count)| count).sum::<u64>() + handed_over + pending;
        let difference = owed as f64 - accounted as f64;
        page.gauge(
            "flux_messages_unaccounted",
            "Owed less delivered, dropped, handed over and pending: zero when nothing moves",
            difference,
        )
    }

    fn latencies(&self, page: &mut Page<'_>) -> fmt::Result {
        let metrics = &*self.metrics;
        let acknowledged = &metrics.publish_acknowledged;
        page.histogram(
            "flux_publish_acknowledged_seconds",
            "From the arrival of a message to its acknowledgement",
            acknowledged,
        )?;
        let delivered = &metrics.publish_delivered;
        page.histogram(
            "flux_publish_delivered_seconds",
            "From the arrival of a message to the socket of a subscriber",
            delivered,
        )?;
        page.histogram("flux_commit_seconds", "One group commit of the durable store", &metrics.commit)
    }

    fn alarms(&self, page: &mut Page<'_>) -> fmt::Result {
        let mut family = page.metric("flux_alarm_active", "1 for each alarm that is raised", MetricType::Gauge)?;
        for alarm in self.alarms.list() {
            let labels = [("cause", alarm.cause.as_str()), ("severity", alarm.severity.as_str())];
            family.encode_family(&labels)?.encode_gauge(&1_u64)?;
        }
        Ok(())
    }

    fn process(&self, page: &mut Page<'_>) -> fmt::Result {
        let figures = ProcessFigures::read();
        if let Some(seconds) = figures.cpu_seconds {
            page.metric("process_cpu_seconds", "Processor time since the start", MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, u64>(&seconds, None)?;
        }
        if let Some(bytes) = figures.rss_bytes {
            page.gauge("process_resident_memory_bytes", "Resident memory", bytes as f64)?;
        }
        if let Some(open) = figures.open_descriptors {
            page.gauge("process_open_fds", "Open file descriptors", open as f64)?;
        }
        if let Some(limit) = figures.descriptor_limit {
            page.gauge("process_max_fds", "Limit of open file descriptors", limit as f64)?;
        }
        page.gauge("flux_uptime_seconds", "Time since the start", self.started.elapsed().as_secs_f64())?;
        let labels = [("node", self.node.as_str()), ("version", env!("CARGO_PKG_VERSION"))];
        page.metric("flux_node", "The node", MetricType::Info)?.encode_info(&labels)
    }
}

const QOS: [(QoS, &str); 3] = [(QoS::AtMostOnce, "0"), (QoS::AtLeastOnce, "1"), (QoS::ExactlyOnce, "2")];

struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn metric<'s>(&'s mut self, name: &'s str, help: &'s str, kind: MetricType) -> Result<MetricEncoder<'s>, fmt::Error> {
        // The encoder appends the unit to the name; ours have it in the name already.
        let units = [("_seconds", &Unit::Seconds), ("_bytes", &Unit::Bytes)];
        let unit = units.iter().find_map(|(suffix, unit)| Some((name.strip_suffix(suffix)?, *unit)));
        match unit {
            Some((name, unit)) => self.0.encode_descriptor(name, help, Some(unit), kind),
            None => self.0.encode_descriptor(name, help, None, kind),
        }
    }

    fn counter(&mut self, name: &str, help: &str, counter: &Counter) -> fmt::Result {
        self.counter_value(name, help, counter.get())
    }

    fn counter_value(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.metric(name, help, MetricType::Counter)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn counters(&mut self, name: &str, help: &str, label: &str, values: &[(&str, u64)]) -> fmt::Result {
        let mut family = self.metric(name, help, MetricType::Counter)?;
        for (word, value) in values {
            family.encode_family(&[(label, *word)])?.encode_counter::<NoLabelSet, _, u64>(value, None)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.metric(name, help, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) -> fmt::Result {
        const NONE: Option<&std::collections::HashMap<usize, Exemplar<NoLabelSet, f64>>> = None;
        let reading = histogram.read();
        let seconds = |micros: u64| Duration::from_micros(micros).as_secs_f64();
        let mut buckets: Vec<(f64, u64)> = (0..BUCKETS).map(|bucket| (seconds(bound(bucket)), reading.counts[bucket])).collect();
        buckets.push((f64::INFINITY, reading.counts[BUCKETS]));
        let mut encoder = self.metric(name, help, MetricType::Histogram)?;
        encoder.encode_histogram(reading.sum.as_secs_f64(), reading.count(), &buckets, NONE)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::api::Severity;
    use crate::telemetry::Cause;

    fn rendered() -> String {
        let (metrics, alarms) = (Arc::new(Metrics::default()), Arc::new(Alarms::new(1)));
        metrics.owed.add(10);
        metrics.delivered.of(QoS::AtLeastOnce).add(6);
        metrics.dropped.of(DropReason::SlowSubscriber).add(1);
        metrics.pending.add(2);
        metrics.publish_acknowledged.observe(Duration::from_millis(1));
        metrics.publish_acknowledged.observe(Duration::from_secs(60));
        alarms.raise(Cause::Connections, Severity::Warning, "");
        let figure = Figure { name: "store_commits", help: "Group commits", kind: FigureKind::Counter, value: 3 };
        Exposition::new(metrics, alarms, "node \"1\"", move || vec![figure.clone()]).render()
    }

    fn samples(text: &str) -> BTreeMap<&str, f64> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.rsplit_once(' ').unwrap()).map(|(name, value)| (name, value.parse().unwrap())).collect()
    }

    #[test]
    fn every_family_is_typed_once_and_names_follow_its_type_and_unit() {
        let text = rendered();
        assert!(text.ends_with("# EOF\n"));
        let mut families: BTreeMap<&str, &str> = BTreeMap::new();
        let mut helped = BTreeSet::new();
        for line in text.lines() {
            if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
                assert_eq!(families.insert(name, kind), None, "{name} is typed twice");
                assert!(helped.contains(name), "{name} has no help before its type");
            } else if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
                assert!(helped.insert(name) && !help.is_empty(), "{line}");
            } else if let Some((name, unit)) = line.strip_prefix("# UNIT ").and_then(|rest| rest.split_once(' ')) {
                assert!(name.ends_with(&format!("_{unit}")), "{line}");
            } else if line != "# EOF" {
                let name = line.split(['{', ' ']).next().unwrap();
                let suffixes = |kind: &str| -> &[&str] {
                    match kind {
                        "counter" => &["_total"],
                        "histogram" => &["_bucket", "_sum", "_count"],
                        "info" => &["_info"],
                        _ => &[""],
                    }
                };
                let family = families
                    .iter()
                    .find(|(family, kind)| suffixes(kind).iter().any(|suffix| name.strip_suffix(suffix) == Some(**family)));
                assert!(family.is_some(), "{name} belongs to no family");
            }
        }
        assert!(families.keys().all(|name| name.starts_with("flux_") || name.starts_with("process_")));
        assert!(families.len() > 30);
    }

    #[test]
    fn the_ledger_shows_what_is_missing() {
        let text = rendered();
        let samples = samples(&text);
        assert_eq!(samples["flux_messages_owed_total"], 10.0);
        assert_eq!(samples[r#"flux_messages_delivered_total{qos="1"}"#], 6.0);
        assert_eq!(samples[r#"flux_messages_dropped_total{reason="slow_subscriber"}"#], 1.0);
        assert_eq!(samples["flux_messages_pending"], 2.0);
        assert_eq!(samples["flux_messages_unaccounted"], 1.0);
    }

    #[test]
    fn histograms_are_cumulative_and_end_in_infinity() {
        let text = rendered();
        let buckets: Vec<f64> = text
            .lines()
            .filter_map(|line| line.strip_prefix("flux_publish_acknowledged_seconds_bucket{"))
            .map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
            .collect();
        assert!(buckets.is_sorted());
        let samples = samples(&text);
        assert_eq!(samples[r#"flux_publish_acknowledged_seconds_bucket{le="0.001024"}"#], 1.0);
        assert_eq!(samples[r#"flux_publish_acknowledged_seconds_bucket{le="0.000768"}"#], 0.0);
        assert_eq!(samples[r#"flux_publish_acknowledged_seconds_bucket{le="+Inf"}"#], 2.0);
        assert_eq!(samples["flux_publish_acknowledged_seconds_count"], 2.0);
        assert!((samples["flux_publish_acknowledged_seconds_sum"] - 60.001).abs() < 1e-9);
    }

    #[test]
    fn alarms_process_node_and_other_components_are_there() {
        let text = rendered();
        let samples = samples(&text);
        assert_eq!(samples[r#"flux_alarm_active{cause="connections",severity="warning"}"#], 1.0);
        assert_eq!(samples["flux_store_commits_total"], 3.0);
        assert!(samples["process_resident_memory_bytes"] > 0.0 && samples.contains_key("process_cpu_seconds_total"));
        assert!(text.contains(r#"flux_node_info{node="node \"1\""#), "label values are escaped");
    }
}
