use std::io::{self, Write};

use super::banner::{Banner, banner};
use super::descriptors::raise_descriptor_limit;
use super::start::{Node, StartError};
use crate::config::Config;
use crate::lifecycle::{Signal, Signals};
use crate::telemetry;

/// Runs a node in this process until it is told to stop.
pub fn run(config: &Config) -> Result<(), StartError> {
    let log = telemetry::start_log(config.log.format, &config.log.level);
    log.map_err(|problem| StartError::Runtime(io::Error::other(problem)))?;
    let descriptors = raise_descriptor_limit();
    tracing::debug!(descriptors, "limit on open files");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::Runtime)?;
    runtime.block_on(serve(config))
}

async fn serve(config: &Config) -> Result<(), StartError> {
    // Before anything is bound: a signal during the start must not leave half of it behind.
    let mut signals = Signals::install().map_err(StartError::Runtime)?;
    let node = Node::start(config).await?;
    let text = banner(&Banner {
        node: &node.id,
        data_dir: &std::path::absolute(&config.node.data_dir).unwrap_or_else(|_| config.node.data_dir.clone()),
        listening: node.listening(),
        users: !config.anonymous_allowed(),
        token: config.http.token.is_some(),
    });
    // Whoever started us may have closed standard output; that is no reason not to serve.
    let _ = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
    while signals.next().await == Signal::Reload {
        node.reload();
    }
    tracing::info!(node = node.id.as_str(), deadline = ?config.shutdown.deadline, "stopping");
    tokio::select! {
        () = node.stop() => {}
        // Who asks twice does not want to wait.
        () = second_stop(&mut signals) => tracing::warn!("stopping at once"),
    }
    Ok(())
}

async fn second_stop(signals: &mut Signals) {
    while signals.next().await != Signal::Stop {}
}
