use flux_core::lifecycle::Tasks;
use flux_core::redis::{Redis, RedisSettings, Value};
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
    let good = TestRedis::start();
    assert_eq!(connect(&good.url()).await.inspect().await.unwrap(), []);
    let bad = TestRedis::with(&["--appendonly", "no", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let findings = connect(&bad.url()).await.inspect().await.unwrap();
    let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(said.len() == 2 && findings.iter().all(|finding| finding.loses), "{said:?}");
    assert!(said[0].contains("maxmemory-policy noeviction") && said[1].contains("appendonly yes"), "{said:?}");
}
