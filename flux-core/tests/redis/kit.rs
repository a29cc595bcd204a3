use std::sync::Arc;
use std::time::Duration;

use flux_core::lifecycle::Tasks;
use flux_core::redis::{Command, Heard, Keys, Redis, RedisError, RedisSettings, Servers, Value};
use parking_lot::Mutex;

/// Nothing here takes so long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn settings(urls: &str) -> RedisSettings {
    RedisSettings { keys: Keys::new("flux", "test"), ..RedisSettings::new(Servers::parse(urls).unwrap()) }
}

pub async fn connect(urls: &str) -> Redis {
    Redis::connect(settings(urls), &Tasks::default()).await.unwrap()
}

pub fn get(key: &str) -> Command {
    Command::new("GET").key(key).repeatable()
}

pub fn set(key: &str, value: &str) -> Command {
    Command::new("SET").key(key).arg(value)
}

pub fn text(value: Result<Value, RedisError>) -> String {
    match value.unwrap() {
        Value::BulkString(bytes) => String::from_utf8(bytes).unwrap(),
        Value::Nil => "(nil)".to_owned(),
        other => panic!("{other:?}"),
    }
}

pub async fn until_connected(redis: &Redis) {
    let mut state = redis.state();
    let connected = tokio::time::timeout(PATIENCE, state.wait_for(|state| state.is_connected())).await;
    connected.expect("it connects again").unwrap();
}

/// It has noticed the restart, and is connected again.
pub async fn until_reconnected(redis: &Redis) {
    let noticed = async {
        while redis.figures().disconnected.get() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, noticed).await.expect("the broken connection is noticed");
    until_connected(redis).await;
}

/// What a subscription has brought so far, with a bell.
#[derive(Clone, Default)]
pub struct Ear(Arc<(Mutex<Vec<String>>, tokio::sync::Notify)>);

impl Ear {
    pub fn hear(&self) -> impl Fn(Heard) + Send + Sync + 'static {
        let ear = self.clone();
        move |heard| {
            let text = match heard {
                Heard::Message { payload, .. } => String::from_utf8(payload).unwrap(),
                Heard::Gap => "(gap)".to_owned(),
            };
            ear.0.0.lock().push(text);
            ear.0.1.notify_one();
        }
    }

    pub async fn until(&self, what: &str) -> Vec<String> {
        let waiting = async {
            loop {
                let heard = self.0.0.lock().clone();
                if heard.iter().any(|text| text == what) {
                    return heard;
                }
                self.0.1.notified().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what} is heard; {:?} was", self.0.0.lock()))
    }
}
