use std::collections::BTreeMap;

use clap::Args;
use flux_core::output::{Cell, Column, Document, Resource, Stdout};
use serde::Serialize;

use crate::context::{Context, written};
use crate::failure::Failure;
use crate::watch::{View, show};

/// The server's metrics, as a table or as Prometheus reads them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fluxctl metrics
  fluxctl metrics flux_messages --watch
  fluxctl metrics --raw | grep dropped")]
pub struct Metrics {
    /// Only metrics that begin with this
    prefix: Option<String>,
    /// The text that Prometheus reads, unaltered
    #[arg(long, conflicts_with_all = ["prefix", "output", "columns", "no_headers", "sort_by", "watch"])]
    raw: bool,
    #[command(flatten)]
    view: View,
}

/// One line of the exposition format.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    /// `NaN` and infinities are null: JSON has none.
    value: f64,
}

impl Metrics {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client()?;
        if self.raw {
            return written(Stdout::default().print(&client.metrics().await?));
        }
        let prefix = self.prefix.unwrap_or_default();
        show(context, &self.view, async || {
            let text = client.metrics().await?;
            let samples: Vec<Sample> =
                text.lines().filter_map(sample).filter(|sample| sample.name.starts_with(&prefix)).collect();
            Ok(Document::list::<Samples>(&samples))
        })
        .await
    }
}

/// `name{label="value",…} 12 [timestamp]`; `None` for comments and empty lines.
fn sample(line: &str) -> Option<Sample> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// What stands between the braces, and what follows them.
fn labels(text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    let mut rest = text.trim_start_matches([',', ' ']);
    while !rest.starts_with('}') {
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next()? {
                (end, '"') => break end,
                (_, '\\') => match characters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.insert(name.trim().to_owned(), value);
        rest = after[end + 1..].trim_start_matches([',', ' ']);
    }
    Some((labels, &rest[1..]))
}

struct Samples;

impl Resource for Samples {
    type Item = Sample;

    const KIND: &'static str = "Sample";

    fn columns() -> Vec<Column<Sample>> {
        vec![
            Self::column("METRIC", |sample| Cell::text(&sample.name)),
            Self::column("LABELS", |sample| {
                let labels = sample.labels.iter().map(|(name, value)| format!("{name}={value}"));
                Cell::text(labels.collect::<Vec<_>>().join(" "))
            }),
            Self::column("VALUE", |sample| Cell::Number(sample.value)),
        ]
    }

    fn name(item: &Sample) -> String {
        item.name.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_exposition_format_are_read() {
        let read = sample(r#"flux_drops_total{reason="slow, \"very\"",node="n1"} 1.5e3 1700000000"#).unwrap();
        assert_eq!(read.name, "flux_drops_total");
        assert_eq!(read.value, 1_500.0);
        let labels: Vec<_> = read.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(labels, [("node", "n1"), ("reason", "slow, \"very\"")]);
        assert_eq!(sample("up 1").unwrap().labels.len(), 0);
        for line in ["# TYPE up gauge", "", "broken{a=\"", "word word"] {
            assert_eq!(sample(line), None, "{line}");
        }
    }
}
