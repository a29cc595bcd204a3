use flux_core::redis::{Command, Copies, RedisKind, Value};
use flux_core::testing::redis::{TestSentinel, is_there};

use crate::kit::{PATIENCE, connect, get, set, text};

#[tokio::test]
async fn the_primary_is_found_by_its_sentinel_and_again_after_a_failover() {
    if !is_there() {
        return;
    }
    let mut test = TestSentinel::start();
    let redis = connect(&test.url()).await;
    assert_eq!(redis.kind(), RedisKind::Sentinel);
    redis.call(set("a", "1").copies(Copies::WherePossible(1))).await.unwrap();
    let dead = test.fail_over();
    assert_eq!(text(redis.call(get("a").timeout(PATIENCE)).await), "1");
    assert_eq!(redis.call(Command::new("INCR").key("a").repeatable().timeout(PATIENCE)).await.unwrap(), Value::Int(2));
    // The old primary comes back believing that it still is one.
    test.servers[dead].restart();
    assert_eq!(redis.call(Command::new("INCR").key("a").repeatable().timeout(PATIENCE)).await.unwrap(), Value::Int(3));
}
