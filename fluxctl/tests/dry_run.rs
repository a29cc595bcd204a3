//! `--dry-run` shows what would change and changes nothing; what is unsafe is refused with what would be lost.

mod support;

use support::{Device, Server, Tool};

fn start() -> (Server, Tool) {
    let server = Server::start();
    let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), server.http());
    (server, tool)
}

/// What a dry run shows, words parted by one space. There must be something.
fn pending(tool: &Tool, line: &str) -> String {
    let answer = tool.run(&format!("{line} --dry-run"));
    assert_eq!(answer.code, Some(10), "{line}: {}", answer.err);
    assert!(answer.err.contains("note: ") && !answer.err.contains("error: "), "{}", answer.err);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    answer.out.lines().map(words).collect::<Vec<_>>().join("\n")
}

#[test]
fn sessions_are_shown_as_they_would_become() {
    let (server, tool) = start();
    let mut device = Device::connect(server.mqtt(), "pump-7");
    device.subscribe("plant/7/#");
    assert_eq!(pending(&tool, "sessions disconnect pump-7"), "~ session pump-7 connected → away");
    assert_eq!(pending(&tool, "sessions delete pump-7 --force"), "- session pump-7 1 subscription and 0 waiting messages");
    assert_eq!(tool.run("sessions delete nobody --dry-run").code, Some(3));
    let refused = tool.run("sessions delete pump-7 --dry-run");
    assert_eq!((refused.code, refused.out.as_str()), (Some(5), ""));
    assert_eq!(tool.ok("sessions list pump-7 --connected -o name"), "pump-7\n", "nothing was changed");

    tool.ok("sessions disconnect pump-7");
    assert!(device.closed());
    let nothing = tool.run("sessions disconnect pump-7 --dry-run");
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(0), ""));
    assert!(nothing.err.contains("nothing would change"), "{}", nothing.err);
    assert_eq!(tool.run("sessions disconnect pump-7 --dry-run -o json").json()["items"], serde_json::json!([]));
    assert_eq!(pending(&tool, "sessions delete pump-7"), "- session pump-7 1 subscription and 0 waiting messages");
}

#[test]
fn events_and_retained_messages_are_shown_with_what_they_replace() {
    let (server, tool) = start();
    let mut device = Device::connect(server.mqtt(), "pump-7");
    device.subscribe("plant/+/state");
    assert_eq!(pending(&tool, "events publish plant/7/state on --qos 1"), "+ event plant/7/state 2B, QoS 1, for 1 subscription");
    let publish = "events publish plant/7/state on --retain";
    let event = "+ event plant/7/state 2B, QoS 0, for 1 subscription\n";
    assert_eq!(pending(&tool, publish), format!("{event}+ retained message plant/7/state 2B"));
    tool.ok(publish);
    assert_eq!(pending(&tool, publish), format!("{event}~ retained message plant/7/state 2B → 2B"));
    assert!(pending(&tool, "events publish plant/7/state --retain").ends_with("\n- retained message plant/7/state 2B"));
    assert_eq!(pending(&tool, "retained delete plant/7/state"), "- retained message plant/7/state 2B");
    assert_eq!(tool.run("retained delete nothing --dry-run").code, Some(3));
    assert_eq!(tool.run("events publish 'plant/#' --dry-run").code, Some(2));
    assert_eq!(tool.ok("retained list -o name"), "plant/7/state\n", "nothing was changed");
    let json = tool.run("retained delete plant/7/state --dry-run -o json");
    assert_eq!(
        (json.code, &json.json()["kind"], &json.failure()["code"]),
        (Some(10), &"Difference".into(), &"changes_pending".into())
    );
}

#[test]
fn a_connected_session_is_deleted_by_force_only() {
    let (server, tool) = start();
    let mut device = Device::connect(server.mqtt(), "pump-7");
    device.subscribe("plant/7/#");
    let refused = tool.run("sessions delete pump-7 --yes");
    assert_eq!((refused.code, refused.out.as_str()), (Some(5), ""));
    assert!(refused.err.contains("cause: it would come back without what is lost: 1 subscription"), "{}", refused.err);
    assert!(refused.err.contains("hint: fluxctl sessions disconnect pump-7 first, or add --force"), "{}", refused.err);
    assert_eq!(tool.run("sessions delete pump-7 --yes -o json").failure()["code"], "session_connected");
    assert_eq!(tool.run("sessions delete pump-7 --force").code, Some(2), "force is not a confirmation");
    tool.ok("sessions delete pump-7 --force --yes");
    assert!(device.closed());
}
