use flux_core::lifecycle::Tasks;
use flux_core::redis::{Copies, Redis, RedisSettings, Risk, Value};
use flux_core::testing::redis::{TestRedis, Tls, is_there};

use crate::kit::{connect, get, set, settings, text};

#[tokio::test]
async fn over_tls_the_certificate_must_be_signed_by_the_given_authority() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, signed.cert.pem()).unwrap();
    std::fs::write(&key, signed.signing_key.serialize_pem()).unwrap();
    let server = TestRedis::with_tls(Tls { certificate: certificate.clone(), key, ca: certificate.clone() });
    let trusting = RedisSettings { ca: Some(certificate), ..settings(&server.url()) };
    let redis = Redis::connect(trusting.clone(), &Tasks::default()).await.unwrap();
    let large = vec![b'x'; 1024 * 1024];
    redis.call(flux_core::redis::Command::new("SET").key("large").bytes(&large)).await.unwrap();
    assert_eq!(redis.call(get("large")).await.unwrap(), Value::BulkString(large));

    let distrusting = RedisSettings { ca: None, ..trusting.clone() };
    let error = Redis::connect(distrusting, &Tasks::default()).await.err().unwrap();
    assert!(error.to_string().contains("certificate"), "{error}");
    let missing = RedisSettings { ca: Some("nowhere.pem".into()), ..trusting };
    let error = Redis::connect(missing, &Tasks::default()).await.err().unwrap();
    assert!(error.to_string().starts_with("redis.ca: nowhere.pem"), "{error}");
}

#[tokio::test]
async fn user_password_and_database_come_from_the_url() {
    if !is_there() {
        return;
    }
    let server = TestRedis::with_user("flux", "s3cret/pass");
    let url = format!("redis://flux:s3cret%2Fpass@127.0.0.1:{}/3", server.port());
    let redis = connect(&url).await;
    redis.call(set("a", "1")).await.unwrap();
    assert_eq!(text(redis.call(get("a")).await), "1");
    assert_eq!(server.cli(&["-n", "3", "get", "a"]), "1");
    assert!(server.cli(&["client", "list"]).contains("name=flux"), "our connections have a name");

    let wrong = settings(&format!("redis://flux:wrong@127.0.0.1:{}", server.port()));
    let error = Redis::connect(wrong, &Tasks::default()).await.err().unwrap().to_string();
    assert!(error.contains("WRONGPASS") && error.contains("redis://USER:PASSWORD@HOST"), "{error}");
    let gone = Redis::connect(settings("redis://127.0.0.1:1"), &Tasks::default()).await.err().unwrap().to_string();
    assert!(gone.contains("127.0.0.1:1"), "{gone}");
}

#[tokio::test]
async fn settings_that_break_the_promise_are_found() {
    if !is_there() {
        return;
    }
    let findings = async |url: &str, copies| {
        let mut inspected = connect(url).await.inspect(copies).await;
        assert_eq!(inspected.len(), 1);
        inspected.remove(0).answer.unwrap().findings
    };
    let good = TestRedis::start();
    assert_eq!(findings(&good.url(), Copies::WherePossible(1)).await, []);
    let alone = findings(&good.url(), Copies::Always(1)).await;
    assert!(alone.len() == 1 && alone[0].problem.contains("publishes are refused"), "{alone:?}");
    let bad = TestRedis::with(&["--appendonly", "no", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let findings = findings(&bad.url(), Copies::None).await;
    let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(said.len() == 2 && findings.iter().all(|finding| finding.risk != Risk::Small), "{said:?}");
    assert!(said[0].contains("maxmemory-policy noeviction") && said[1].contains("appendonly yes"), "{said:?}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_named_and_not_waited_for() {
    if !is_there() {
        return;
    }
    let mut server = TestRedis::start();
    let redis = connect(&server.url()).await;
    server.kill();
    let inspected = redis.inspect(Copies::None).await;
    assert_eq!(inspected.len(), 1);
    assert!(inspected[0].server.contains(&server.port().to_string()), "{inspected:?}");
    assert!(inspected[0].answer.is_err());
}
