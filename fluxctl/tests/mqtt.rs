//! Events over MQTT: the same commands, rows and exit codes as over HTTP.

mod support;

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use serde_json::Value;
use support::{Device, Follow, Server, Tool};

fn start(flags: &[&str]) -> (Server, Tool) {
    let server = Server::start_with(flags);
    let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), server.http());
    (server, tool)
}

#[test]
fn what_is_published_over_mqtt_is_tailed_over_mqtt_and_over_http() {
    let (server, tool) = start(&[]);
    let url = format!("mqtt://{}", server.mqtt());
    let near = Follow::new(tool.spawn(&format!("events tail 'plant/#' --count 3 -o json --mqtt={url}")));
    let far = Follow::new(tool.spawn("events tail 'plant/#' --count 3 -o json"));
    near.ready();
    far.ready();
    let properties = "--content-type text/plain --user-property unit=C --response-topic answers --expiry 10m";
    for qos in 0..=2 {
        tool.ok(&format!("events publish plant/7/t 21.5 --qos {qos} {properties} --mqtt"));
    }
    let events =
        |follow: Follow| -> Vec<Value> { follow.rest().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect() };
    for (near, far) in events(near).iter().zip(&events(far)) {
        for same in ["topic", "payload", "payload_encoding", "qos", "retain", "properties"] {
            assert_eq!(near[same], far[same], "{same}");
        }
        assert_eq!((&near["id"], &near["publisher"]), (&"".into(), &"".into()));
        assert!(near["expires_at"].is_string(), "{near}");
    }
}

#[test]
fn an_acknowledgement_says_whether_nobody_heard_it() {
    let (server, tool) = start(&[]);
    let unheard = tool.run("events publish plant/7/t 1 --qos 1 --mqtt -o json").json();
    assert_eq!((&unheard["kind"], &unheard["items"][0]["matched"]), (&"Published".into(), &0.into()));
    let mut device = Device::connect(server.mqtt(), "pump-7");
    device.subscribe("plant/7/#");
    let heard = tool.run("events publish plant/7/t 1 --qos 2 --mqtt -o json").json();
    assert_eq!((&heard["items"][0]["topic"], &heard["items"][0]["matched"]), (&"plant/7/t".into(), &Value::Null));
    assert_eq!(tool.ok("events publish plant/7/t 1 --mqtt -o name"), "plant/7/t\n");
}

#[test]
fn many_lines_go_over_one_connection_and_bad_ones_are_named() {
    let (_server, tool) = start(&[]);
    let tail = Follow::new(tool.spawn("events tail 'plant/#' --count 2001 -o json"));
    tail.ready();
    let numbers: String = (0..2_000).map(|number| format!("{number}\n")).collect();
    let sent = tool.feed("events publish plant/n --ndjson --qos 2 --mqtt", numbers.as_bytes());
    assert_eq!(sent.out, "published 2,000, refused 0\n", "{}", sent.err);
    let mixed =
        tool.feed("events publish --ndjson --mqtt", b"{\"topic\":\"plant/a\",\"qos\":1}\nnonsense\n{\"topic\":\"plant/#\"}\n");
    assert_eq!((mixed.code, mixed.out.as_str()), (Some(1), "published 1, refused 2\n"), "{}", mixed.err);
    assert!(mixed.err.contains("line 2: ") && mixed.err.contains("line 3: "), "{}", mixed.err);
    let payloads: Vec<Value> =
        tail.rest().lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["payload"].clone()).collect();
    let wanted = (0..2_000).map(|number| Value::from(number.to_string())).chain([Value::from("")]);
    assert_eq!(payloads, wanted.collect::<Vec<_>>(), "in order");
}

#[test]
fn a_tail_over_mqtt_ends_by_count_by_time_and_by_interrupt() {
    let (_server, tool) = start(&[]);
    tool.ok("events tail none --for 50ms --mqtt");
    assert_eq!(tool.run("events tail none --for 50ms --count 1 --mqtt").code, Some(7));
    let tail = Follow::new(tool.spawn("events tail none --mqtt"));
    tail.ready();
    assert_eq!(tail.interrupt(), Some(0));
}

#[test]
fn tls_and_users_are_checked_and_refusals_have_their_exit_codes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("a certificate");
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("the folder is writable");
        path.display().to_string()
    };
    let (certificate, key) = (file("ca.pem", made.cert.pem()), file("key.pem", made.signing_key.serialize_pem()));
    let users = file("users", format!("pump:{}\n", hash("secret")));
    let (certificate_flag, key_flag) = (format!("mqtt.tls.cert={certificate}"), format!("mqtt.tls.key={key}"));
    let users_flag = format!("security.password_file={users}");
    let (http_certificate, http_key) = (format!("http.tls.cert={certificate}"), format!("http.tls.key={key}"));
    let settings = ["mqtt.tls_listen=127.0.0.1:0", &certificate_flag, &key_flag, &users_flag, &http_certificate, &http_key];
    let flags: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let (server, tool) = start(&flags);
    let publish = format!("events publish a b --qos 1 --mqtt=mqtts://{}", server.mqtts());

    let untrusted = tool.run(&publish);
    assert_eq!(untrusted.code, Some(8));
    assert!(untrusted.err.contains("--ca-file"), "{}", untrusted.err);
    let untrusted = tool.run("nodes list");
    assert_eq!(untrusted.code, Some(8));
    assert!(untrusted.err.contains("--ca-file"), "{}", untrusted.err);
    let tool = tool.with("FLUX_CA_FILE", &certificate);
    tool.ok("nodes list");
    let stranger = tool.run(&publish);
    assert_eq!(stranger.code, Some(4), "{}", stranger.err);
    assert!(stranger.err.contains("--mqtt-user"), "{}", stranger.err);
    assert_eq!(tool.with("FLUX_MQTT_PASSWORD", "wrong").run(&format!("{publish} --mqtt-user pump")).code, Some(4));
    tool.with("FLUX_MQTT_PASSWORD", "secret").ok(&format!("{publish} --mqtt-user pump"));
}

#[test]
fn nobody_at_the_other_end_is_exit_code_8_and_a_wrong_address_2() {
    let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), "http://127.0.0.1:1");
    let nobody = tool.run("events tail --mqtt=mqtt://127.0.0.1:1 -o json");
    assert_eq!((nobody.code, &nobody.failure()["code"]), (Some(8), &"no_endpoint".into()));
    assert_eq!(tool.run("events tail --mqtt").code, Some(8), "the server that knows where it listens is not there either");
    assert_eq!(tool.run("events tail --mqtt=http://127.0.0.1:1").code, Some(2));
}

/// As the server prints it.
fn hash(password: &str) -> String {
    let mut command = Command::new(Server::binary());
    let mut child = command.arg("hash-password").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
    child.stdin.take().expect("piped").write_all(password.as_bytes()).expect("it reads");
    let mut hash = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut hash).expect("text");
    assert!(child.wait().expect("it ends").success());
    hash.trim().to_owned()
}
