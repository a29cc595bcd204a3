//! Memory stays bounded under a publisher that is faster than a subscriber.

use crate::serve::Serve;
use crate::wire::{Client, Connect, Publish};

/// Resident memory of a process in bytes.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS is there");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

#[tokio::test]
async fn subscribers_that_do_not_read_cost_a_bounded_amount_of_memory() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Serve::with(folder.path(), &["--set", "mqtt.slow_subscriber_grace=50ms"]);
    let mut stuck = Vec::new();
    for number in 0..4 {
        let mut client = Client::connect(server.mqtt(), Connect::v5(&format!("stuck-{number}")).keep_alive(0)).await;
        client.subscribe("flood/#", u8::from(number % 2 == 1)).await;
        stuck.push(client);
    }
    let mut publisher = Client::connect(server.mqtt(), Connect::v5("publisher")).await;
    let before = resident(server.id());
    // 400 MB to four subscribers: 1.6 GB, if it were kept.
    for number in 0..400_u32 {
        let topic = format!("flood/{}", number % 7);
        publisher.publish(Publish::new(&topic, vec![b'x'; 1_000_000]).qos((number % 2) as u8)).await;
    }
    let after = resident(server.id());
    assert!(after < before + 200_000_000, "{} MB more", (after - before) / 1_000_000);
    let mut healthy = Client::connect(server.mqtt(), Connect::v5("healthy")).await;
    healthy.subscribe("t", 1).await;
    healthy.publish(Publish::new("t", "served").qos(1)).await;
    assert_eq!(healthy.receive().await.text(), "served");
}

#[tokio::test]
async fn many_large_packets_that_never_end_cost_no_more_than_was_sent() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Serve::start(folder.path());
    let before = resident(server.id());
    let mut clients = Vec::new();
    for number in 0..500 {
        let mut client = Client::connect(server.mqtt(), Connect::v5(&format!("liar-{number}")).keep_alive(0)).await;
        // A megabyte is announced, and a few bytes come.
        client.send([0x30, 0xFF, 0xFF, 0x3F, 0, 1, b't', 0]).await;
        clients.push(client);
    }
    let mut last = Client::connect(server.mqtt(), Connect::v5("last")).await;
    last.ping().await;
    let after = resident(server.id());
    assert!(after < before + 60_000_000, "{} MB more for 500 announced megabytes", (after - before) / 1_000_000);
}
