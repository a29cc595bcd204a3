use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::*;

const HASH: &str = "$argon2id$v=19$m=16,t=1,p=1$c29tZXNhbHQ$HLu6JHa6bxRPZo4Hfml4uQ";

fn file(text: &str) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flux.toml");
    std::fs::write(&path, text).unwrap();
    (folder, Sources { file: Some(path), ..Sources::default() })
}

fn set(keys: &[(&str, &str)]) -> Sources {
    keys.iter().fold(Sources::default(), |sources, (key, value)| sources.with("--set", key, *value))
}

fn problems_of(sources: &Sources) -> Vec<Problem> {
    Config::load(sources).expect_err("the configuration is wrong").0
}

#[test]
fn nothing_given_is_a_whole_configuration_on_loopback() {
    let config = Config::load(&Sources::default()).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(config.mqtt.listen.unwrap().to_string(), "127.0.0.1:1883");
    assert_eq!(config.node.data_dir, PathBuf::from("flux-data"));
    assert_eq!(config.durability.ack.level(), None);
    assert!(config.anonymous_allowed());
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let (_folder, mut sources) = file("[mqtt]\nmax_inflight = 10\nreceive_maximum = 10\nmax_connections = 10\n");
    sources.variables = vec![
        ("PATH".into(), "/bin".into()),
        ("FLUX_MQTT_MAX_INFLIGHT".into(), "20".into()),
        ("FLUX_MQTT_RECEIVE_MAXIMUM".into(), "20".into()),
    ];
    let config = Config::load(&sources.with("--set", "mqtt.max_inflight", "30")).unwrap();
    assert_eq!((config.mqtt.max_inflight, config.mqtt.receive_maximum, config.mqtt.max_connections), (30, 20, 10));
    assert_eq!(config.origin("mqtt.max_inflight"), Origin::Flag("--set mqtt.max_inflight".into()));
    assert_eq!(config.origin("mqtt.receive_maximum"), Origin::Variable("FLUX_MQTT_RECEIVE_MAXIMUM".into()));
    assert!(matches!(config.origin("mqtt.max_connections"), Origin::File { line: 4, column: 1, .. }));
    assert_eq!(config.origin("mqtt.queue_full"), Origin::Default);
}

#[test]
fn all_problems_of_all_sources_are_told_at_once_with_their_places() {
    let (_folder, mut sources) =
        file("[mqtt]\nmax_inflight = 0\nmax_inflght = 3\nlisten = 1883\nqueue_bytes = [1]\n\n[nonsense]\n");
    sources.variables = vec![("FLUX_MQTT_MAX_CONNECTION".into(), "7".into()), ("FLUX_LOG_LEVEL".into(), "loud=louder".into())];
    let problems = problems_of(&sources.with("--set", "shutdown.deadline", "10").with("--set", "receive_maximum", "9"));
    let told: Vec<(String, String, String)> = problems
        .iter()
        .map(|p| {
            let place = p.origin.to_string();
            let place = place.rsplit_once("flux.toml:").map_or(place.clone(), |(_, place)| place.to_owned());
            (place, p.path.clone(), p.hint.clone().unwrap_or_default())
        })
        .collect();
    let has = |place: &str, path: &str, hint: &str| {
        assert!(
            told.iter().any(|t| t.0 == place && t.1 == path && t.2.contains(hint)),
            "{place} {path} {hint} is not in {told:#?}"
        );
    };
    has("2:1", "mqtt.max_inflight", "");
    has("3:1", "mqtt.max_inflght", "did you mean mqtt.max_inflight?");
    has("4:1", "mqtt.listen", "");
    has("5:1", "mqtt.queue_bytes", "");
    has("7:2", "nonsense", "config-reference");
    has("environment variable FLUX_MQTT_MAX_CONNECTION", "FLUX_MQTT_MAX_CONNECTION", "did you mean FLUX_MQTT_MAX_CONNECTIONS?");
    has("environment variable FLUX_LOG_LEVEL", "log.level", "");
    has("flag --set shutdown.deadline", "shutdown.deadline", "");
    has("flag --set receive_maximum", "receive_maximum", "did you mean mqtt.receive_maximum?");
    assert_eq!(told.len(), 9, "{told:#?}");
}

#[test]
fn broken_toml_is_told_with_its_line() {
    let (_folder, sources) = file("[mqtt]\nmax_inflight = = 3\n");
    let problems = problems_of(&sources);
    assert!(matches!(problems[0].origin, Origin::File { line: 2, .. }), "{problems:?}");
    let missing = Sources { file: Some("/no/such/flux.toml".into()), ..Sources::default() };
    assert!(problems_of(&missing)[0].to_string().contains("cannot be read"));
}

#[test]
fn durations_and_sizes_carry_their_units() {
    let keys = [("mqtt.slow_subscriber_grace", "250ms"), ("mqtt.max_keep_alive", "10m"), ("mqtt.max_packet_size", "64 KiB")];
    let config = Config::load(&set(&keys)).unwrap();
    assert_eq!(config.mqtt.slow_subscriber_grace, Duration::from_millis(250));
    assert_eq!(config.mqtt.max_keep_alive, Some(Duration::from_secs(600)));
    assert_eq!(config.mqtt.max_packet_size, ByteSize(65_536));
    for (key, value) in
        [("shutdown.deadline", "10"), ("shutdown.deadline", "10 years"), ("http.max_body", "1 MB/s"), ("http.max_body", "0")]
    {
        assert_eq!(problems_of(&set(&[(key, value)])).len(), 1, "{key} = {value}");
    }
}

#[test]
fn listening_beyond_loopback_without_authentication_is_refused() {
    let open = [("mqtt.listen", "0.0.0.0:1883"), ("mqtt.ws_listen", "[::]:8083"), ("http.listen", "192.168.1.5:3000")];
    let problems = problems_of(&set(&open));
    assert_eq!(problems.iter().map(|p| p.path.as_str()).collect::<Vec<_>>(), ["http.listen", "mqtt.listen", "mqtt.ws_listen"]);
    for problem in &problems {
        assert!(problem.hint.as_ref().unwrap().ends_with("start with --insecure"), "{problem}");
    }
    Config::load(&set(&open).with("--insecure", "security.insecure", "true")).unwrap();
    let secured = [("security.users.alice", HASH), ("http.token", "0123456789abcdef")];
    let config = Config::load(&set(&[&open[..], &secured].concat())).unwrap();
    assert!(!config.anonymous_allowed());
    let anonymous_too = problems_of(&set(&[&open[..2], &secured, &[("mqtt.allow_anonymous", "true")]].concat()));
    assert!(anonymous_too[0].to_string().contains("clients without a user name"), "{}", anonymous_too[0]);
}

#[test]
fn keys_that_need_each_other_are_checked_together() {
    let alone = |keys: &[(&str, &str)]| problems_of(&set(keys)).into_iter().map(|p| p.path).collect::<Vec<_>>();
    assert_eq!(alone(&[("mqtt.tls_listen", "127.0.0.1:8883")]), ["mqtt.tls_listen"]);
    assert_eq!(alone(&[("mqtt.tls.cert", "/no/such/file")]), ["mqtt.tls.cert", "mqtt.tls.cert"]);
    assert_eq!(alone(&[("mqtt.ws_listen", "127.0.0.1:1883")]), ["mqtt.ws_listen"]);
    assert_eq!(alone(&[("mqtt.queue_bytes", "1KiB")]), ["mqtt.queue_bytes"]);
    assert_eq!(alone(&[("mqtt.allow_anonymous", "false")]), ["mqtt.allow_anonymous"]);
    assert_eq!(alone(&[("security.password_file", "/no/such/file")]), ["security.password_file"]);
    Config::load(&set(&[("mqtt.ws_listen", "127.0.0.1:0"), ("mqtt.listen", "127.0.0.1:0")])).unwrap();
}

#[test]
fn a_bus_between_nodes_needs_redis_and_names_that_fit_into_keys() {
    let told = problems_of(&set(&[("bus.kind", "hybrid"), ("cluster.name", "a{b}"), ("redis.url", "http://localhost")]));
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|problem| problem.contains("cluster.name") && problem.contains("'{'")), "{told:?}");
    assert!(told.iter().any(|problem| problem.contains("redis.url") && problem.contains("rediss://")), "{told:?}");
    assert_eq!(told.len(), 2, "who has given an address hears what is wrong with it, not that there is none: {told:?}");
    let alone = problems_of(&set(&[("bus.kind", "streams")]));
    assert!(alone.iter().any(|problem| problem.path == "bus.kind" && problem.what == "needs Redis"), "{alone:?}");
    assert!(Config::load(&set(&[("bus.kind", "streams"), ("redis.url", "redis://a:1,redis://b:2")])).is_ok());
}

#[test]
fn a_canary_is_another_kind_between_nodes() {
    let with = |kind, candidate| {
        let keys = [("bus.kind", kind), ("bus.canary.kind", candidate), ("redis.url", "redis://a:1")];
        Config::load(&set(&keys)).map(drop).map_err(|problems| problems.0.into_iter().map(|p| p.path).collect::<Vec<_>>())
    };
    assert_eq!(with("pubsub", "hybrid"), Ok(()));
    for (kind, candidate) in [("hybrid", "hybrid"), ("memory", "hybrid"), ("hybrid", "memory")] {
        assert_eq!(with(kind, candidate), Err(vec!["bus.canary.kind".to_owned()]), "{kind} {candidate}");
    }
    assert_eq!(problems_of(&set(&[("bus.canary.percent", "101")])).len(), 1);
}

#[test]
fn secrets_are_shown_nowhere() {
    let (_folder, sources) =
        file(&format!("[http]\ntoken = \"hunter2\"\n[security.users]\nalice = \"hunter3\"\nbob = \"{HASH}\"\n"));
    let text = Config::load(&sources).unwrap_err().to_string();
    assert!(text.contains("http.token") && text.contains("security.users.alice"), "{text}");
    assert!(!text.contains("hunter"), "{text}");

    let config = Config::load(&set(&[("http.token", "0123456789abcdef"), ("security.users.bob", HASH)])).unwrap();
    let shown = serde_json::to_string(&config.effective()).unwrap() + &format!("{config:?}");
    assert!(!shown.contains("0123456789") && !shown.contains("argon2"), "{shown}");
    let keys: BTreeMap<_, _> = config.effective().into_iter().map(|key| (key.path, key.value)).collect();
    assert_eq!(keys["security.users"], serde_json::json!({"bob": "***"}));
    assert_eq!(keys["http.token"], "***");
}

#[test]
fn no_two_keys_share_a_variable_and_every_key_has_a_meaning() {
    let reference = Config::reference();
    let variables: BTreeSet<_> = reference.iter().map(|doc| doc.variable.as_str()).collect();
    assert_eq!(variables.len(), reference.len());
    assert!(reference.iter().all(|doc| doc.meaning.ends_with('.') && doc.meaning.len() < 160));
}

#[test]
fn every_default_can_be_written_back_by_file_variable_and_flag() {
    let uncommented: String = sample()
        .lines()
        .filter(|line| !line.contains("NAME"))
        .map(|line| line.strip_prefix('#').filter(|l| !l.starts_with(' ')).unwrap_or(line).to_owned() + "\n")
        .collect();
    let (_folder, sources) = file(&uncommented);
    let read = Config::load(&sources).unwrap();
    let values = |config: &Config| config.effective().into_iter().map(|key| (key.path, key.value)).collect::<Vec<_>>();
    assert_eq!(values(&read), values(&Config::default()));
    assert_eq!(
        read.effective().iter().filter(|key| key.origin == "default").map(|key| key.path.as_str()).collect::<Vec<_>>(),
        ["security.users"]
    );

    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string().replace("null", "off"), str::to_owned);
    let mut sources = Sources::default();
    for doc in Config::reference().iter().filter(|doc| !doc.open) {
        sources.variables.push((doc.variable.clone(), text(&doc.default)));
        sources = sources.with("--set", &doc.path, text(&doc.default));
    }
    assert_eq!(values(&Config::load(&sources).unwrap()), values(&Config::default()));
}
