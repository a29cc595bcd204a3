use super::data_dir::prepare_data_dir;
use super::descriptors::raise_descriptor_limit;
use super::error::StartError;
use super::identity::node_id;
use crate::config::Config;
use crate::lifecycle::{Signal, Signals};
use crate::telemetry;

/// Runs a node in this process until it is told to stop.
pub fn run(config: Config) -> Result<(), StartError> {
    telemetry::start_log(config.log.format, &config.log.level).map_err(StartError::Log)?;
    let data_dir = prepare_data_dir(&config.node.data_dir)?;
    let id = node_id(config.node.id.as_ref(), &data_dir)?;
    let descriptors = raise_descriptor_limit();
    tracing::info!(node = id.as_str(), data_dir = %data_dir.display(), descriptors, "starting");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::Runtime)?;
    runtime.block_on(async {
        let mut signals = Signals::install().map_err(StartError::Runtime)?;
        while signals.next().await != Signal::Stop {}
        tracing::info!(node = id.as_str(), "stopped");
        Ok(())
    })
}
