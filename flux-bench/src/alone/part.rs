use std::io::{BufRead, Write};
use std::sync::mpsc::{SyncSender, sync_channel};

use flux_core::lifecycle::Tasks;
use flux_core::types::QoS;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::wire::payload::Payload;

use super::bus::{Bus, FAR, NEAR};
use super::mailbox::{Expecting, Reading};
use super::orders::{Orders, Role, Sent, Times};
use super::publisher::Publisher;

/// What a part says when it may begin.
pub const READY: &str = "ready";

/// One part of a run: it is told what to do on standard input, and tells what it found on standard output. When standard input ends,
/// whoever began the run is gone.
pub fn part() -> Result<(), String> {
    let orders: Orders = hear()?;
    // Publishing has the thread that waits here, the bus another one.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let tasks = Tasks::default();
        let bus = Bus::join(&orders, &tasks).await?;
        match orders.role {
            Role::Publisher => publish(&orders, &bus).await?,
            Role::Subscriber => subscribe(&orders, &bus).await?,
        }
        bus.leave().await;
        stay()
    })
}

/// Until whoever began the run has looked at what this process used, and ends it.
fn stay() -> Result<(), String> {
    std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()).map(drop).map_err(|error| error.to_string())
}

async fn subscribe(orders: &Orders, bus: &Bus) -> Result<(), String> {
    let (reading, times) = listen(orders, bus, FAR).await?;
    bus.receive().await?;
    say(&READY)?;
    begin(&times, hear()?);
    let sent: Sent = hear()?;
    say(&reading.finish(sent))
}

async fn publish(orders: &Orders, bus: &Bus) -> Result<(), String> {
    let alone = orders.bus == "memory";
    let near = if alone || orders.across < 1.0 { Some(listen(orders, bus, if alone { FAR } else { NEAR }).await?) } else { None };
    bus.receive().await?;
    bus.wait_for_subscriber().await?;
    say(&READY)?;
    let times: Times = hear()?;
    if let Some((_, tell)) = &near {
        begin(tell, times);
    }
    let (mut published, mut beside) = Publisher::new(bus.port(), orders, times)?.publish().await;
    if alone {
        beside = std::mem::take(&mut published.far);
    }
    published.near = near.map(|(reading, _)| reading.finish(beside));
    say(&published)
}

async fn listen(orders: &Orders, bus: &Bus, topic: &'static str) -> Result<(Reading, SyncSender<Times>), String> {
    let (tell, times) = sync_channel(1);
    let expecting = Expecting {
        topic,
        qos: orders.qos,
        run: orders.run,
        place: Payload::Filler(orders.size).place(),
        paced: orders.rate.is_some(),
    };
    let reading = Reading::start(expecting, times).map_err(|error| error.to_string())?;
    let qos = QoS::try_from(orders.qos).map_err(|error| error.to_string())?;
    bus.subscribe(topic, qos, reading.mailbox.clone()).await?;
    Ok((reading, tell))
}

/// The reader waits for nothing else.
fn begin(tell: &SyncSender<Times>, times: Times) {
    let _ = tell.send(times);
}

fn hear<T: DeserializeOwned>() -> Result<T, String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|error| error.to_string())?;
    serde_json::from_str(&line).map_err(|error| format!("this is a part of flux-bench bus --in-process, not a command: {error}"))
}

fn say(what: &impl Serialize) -> Result<(), String> {
    let text = serde_json::to_string(what).map_err(|error| error.to_string())?;
    let mut output = std::io::stdout().lock();
    writeln!(output, "{text}").and_then(|()| output.flush()).map_err(|error| error.to_string())
}
