//! What commands do to a real server, and the exit codes that say how it went.

mod support;

use std::io::Read;

use support::{Device, Follow, Server, Tool};

fn start() -> (Server, Tool) {
    let server = Server::start();
    let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), server.http());
    (server, tool)
}

#[test]
fn the_status_of_a_fresh_server_is_healthy_until_it_is_gone() {
    let (mut server, tool) = start();
    let status = tool.ok("cluster status");
    let words: Vec<&str> = status.split_whitespace().collect();
    assert_eq!(words[..5], ["CLUSTER", "healthy", "1/1", "node", "ready"], "{status}");
    assert!(status.contains("BUS memory ok") && status.contains("STORE ok"), "{status}");
    server.kill();
    let gone = tool.run("cluster status -o json");
    assert_eq!(gone.code, Some(8));
    let error: serde_json::Value = serde_json::from_str(&gone.err).expect("a failure as JSON");
    assert_eq!((&error["code"], gone.out.as_str()), (&"no_endpoint".into(), ""));
}

#[test]
fn what_is_published_is_tailed_with_its_properties() {
    let (_server, tool) = start();
    let tail = Follow::new(tool.spawn("events tail 'plant/#' 'plant/+/t' --count 2 -o json"));
    tail.ready();
    tool.ok("events publish plant/7/t 21.5 --qos 1 --content-type text/plain --user-property unit=C --expiry 10m");
    let piped = tool.feed("events publish plant/7/t - -o name", &[0, 255]);
    let events: Vec<serde_json::Value> = tail.rest().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(events.len(), 2, "an event that matches two filters is shown once");
    assert_eq!((&events[0]["payload"], &events[0]["qos"]), (&"21.5".into(), &1.into()));
    let properties = &events[0]["properties"];
    assert_eq!((&properties["content_type"], &properties["user"][0]["value"]), (&"text/plain".into(), &"C".into()));
    assert!(events[0]["expires_at"].is_string());
    assert_eq!((&events[1]["payload"], &events[1]["payload_encoding"]), (&"AP8=".into(), &"base64".into()));
    assert_eq!(events[1]["id"], piped.out.trim());
}

#[test]
fn a_tail_ends_by_count_by_time_by_interrupt_and_with_its_reader() {
    let (_server, tool) = start();
    tool.ok("events tail none --for 50ms");
    assert_eq!(tool.run("events tail none --for 50ms --count 1").code, Some(7));
    let tail = Follow::new(tool.spawn("events tail none"));
    tail.ready();
    assert_eq!(tail.interrupt(), Some(0));

    let mut child = tool.spawn("events tail plant");
    let mut said = [0; 7];
    child.stderr.as_mut().expect("piped").read_exact(&mut said).expect("it says that it tails");
    drop(child.stdout.take());
    while child.try_wait().expect("it can be asked").is_none() {
        tool.ok("events publish plant 1");
    }
    let mut rest = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut rest).expect("text");
    assert!(child.wait().expect("it ended").success() && !rest.contains("error"), "{rest}");
}

#[test]
fn many_lines_are_published_and_bad_ones_are_named() {
    let (_server, tool) = start();
    let tail = Follow::new(tool.spawn("events tail 'plant/#' --count 1001 -o name"));
    tail.ready();
    let numbers: String = (0..1_000).map(|number| format!("{number}\n")).collect();
    assert_eq!(tool.feed("events publish plant/n --ndjson --qos 1", numbers.as_bytes()).out, "published 1,000, refused 0\n");
    let mixed = tool.feed("events publish --ndjson", b"{\"topic\":\"plant/a\"}\n\nnonsense\n{\"topic\":\"plant/#\"}\n");
    assert_eq!((mixed.code, mixed.out.as_str()), (Some(1), "published 1, refused 2\n"), "{}", mixed.err);
    assert!(mixed.err.contains("line 3: ") && mixed.err.contains("line 4: "), "{}", mixed.err);
    assert_eq!(tail.rest().lines().count(), 1_001);
}

#[test]
fn a_retained_message_is_kept_shown_byte_for_byte_and_forgotten_after_confirmation() {
    let (_server, tool) = start();
    let picture: Vec<u8> = (0..=255).collect();
    tool.feed("events publish plant/7/picture - --retain --qos 1", &picture);
    assert_eq!(tool.ok("retained list 'plant/#' -o name"), "plant/7/picture\n");
    let raw = tool.command("retained get plant/7/picture --raw").output().expect("it runs");
    assert_eq!(raw.stdout, picture);
    let unsure = tool.run("retained delete plant/7/picture");
    assert_eq!(unsure.code, Some(2));
    assert!(unsure.err.contains("hint: add --yes"), "{}", unsure.err);
    assert!(tool.ok("retained delete plant/7/picture --yes").ends_with("deleted\n"));
    assert_eq!(tool.run("retained get plant/7/picture").code, Some(3));
}

#[test]
fn a_session_is_listed_disconnected_and_deleted() {
    let (server, tool) = start();
    let mut device = Device::connect(server.mqtt(), "pump/7");
    device.subscribe("plant/7/#");
    assert_eq!(tool.ok("sessions list pump --connected --durable -o name"), "pump/7\n");
    assert_eq!(tool.ok("sessions list pump --transient -o name"), "");
    let shown = tool.ok("sessions show pump/7");
    assert!(shown.contains("SUBSCRIPTIONS\n") && shown.contains("plant/7/#"), "{shown}");
    assert!(tool.ok("sessions disconnect pump/7").contains("disconnected"));
    assert!(device.closed());
    assert_eq!(tool.ok("sessions list pump --away -o name"), "pump/7\n");
    tool.ok("events publish plant/7/state on --qos 1");
    let unsure = tool.run("sessions delete pump/7");
    assert_eq!(unsure.code, Some(2));
    assert!(unsure.err.contains("with 1 subscription and 1 waiting message?"), "{}", unsure.err);
    tool.ok("sessions delete pump/7 --yes");
    assert_eq!(tool.run("sessions show pump/7").code, Some(3));
    assert_eq!(tool.run("sessions delete pump/7 --yes").code, Some(3));
}

#[test]
fn the_reference_and_the_values_of_the_configuration_name_the_same_keys() {
    let (_server, tool) = start();
    let keys = tool.ok("config reference -o name --sort-by key");
    assert!(keys.lines().count() > 5, "{keys}");
    assert_eq!(keys, tool.ok("config show -o name --sort-by key"));
    assert!(tool.ok("config show --changed -o name").lines().count() < keys.lines().count());
    assert!(keys.lines().any(|key| key.starts_with("mqtt.")));
    assert!(tool.ok("config reference mqtt. -o name").lines().all(|key| key.starts_with("mqtt.")));
}

#[test]
fn a_server_with_a_token_lets_in_who_has_it() {
    let server = Server::start_with(&["--set", "http.token=0123456789abcdef"]);
    let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), server.http());
    let stranger = tool.run("sessions list");
    assert_eq!((stranger.code, stranger.out.as_str()), (Some(4), ""));
    assert!(stranger.err.contains("FLUX_TOKEN"), "{}", stranger.err);
    assert_eq!(tool.run("sessions list --token wrong").code, Some(4));
    assert_eq!(tool.run("sessions list --token 0123456789abcdef").code, Some(0));
    assert!(tool.command("events tail --for 1ms").env("FLUX_TOKEN", "0123456789abcdef").status().expect("it runs").success());
    assert!(!tool.ok("config show --token 0123456789abcdef").contains("0123456789abcdef"), "secrets are hidden");
}
