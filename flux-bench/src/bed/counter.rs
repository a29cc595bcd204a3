use std::collections::BTreeMap;
use std::time::Duration;

use flux_core::lifecycle::Tasks;
use flux_core::redis::{Command, Keys, Redis, RedisError, RedisKind, RedisSettings, Servers, Value};

use crate::limits::CLEARED_AT_ONCE;

/// Keys that are asked for in turn to find every primary of a Redis Cluster: enough that with a dozen primaries none is missed
/// (the chance is one in ten thousand).
const PROBES: usize = 128;

/// Our own questions, which are no cost of the bus.
const OURS: [&str; 4] = ["info", "client|setname", "client|setinfo", "hello"];

/// Counts what Redis was asked to do, over all its primaries.
pub struct Counter {
    redis: Redis,
    tasks: Tasks,
    /// A key of each primary.
    primaries: Vec<String>,
}

impl Counter {
    pub async fn connect(url: &str) -> Result<Self, String> {
        let servers = Servers::parse(url).map_err(|error| error.to_string())?;
        let tasks = Tasks::default();
        let mut settings = RedisSettings::new(servers);
        settings.client_name = "flux-bench".to_owned();
        settings.keys = Keys::new("flux", "flux-bench");
        let redis = Redis::connect(settings, &tasks).await.map_err(|error| error.to_string())?;
        let mut counter = Self { redis, tasks, primaries: vec![] };
        counter.primaries = counter.find().await.map_err(|error| error.to_string())?;
        Ok(counter)
    }

    async fn find(&self) -> Result<Vec<String>, RedisError> {
        let probes = if self.redis.kind() == RedisKind::Cluster { PROBES } else { 1 };
        let mut found = BTreeMap::new();
        for probe in (0..probes).map(|probe| format!("probe-{probe}")) {
            let text = self.ask(&probe, "server").await?;
            let run = text.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap_or_default().to_owned();
            found.entry(run).or_insert(probe);
        }
        Ok(found.into_values().collect())
    }

    async fn ask(&self, beside: &str, section: &str) -> Result<String, RedisError> {
        let answer = self.redis.call(Command::new("INFO").beside(beside).arg(section)).await?;
        Ok(match answer {
            Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Value::VerbatimString { text, .. } | Value::SimpleString(text) => text,
            _ => String::new(),
        })
    }

    /// How often each command was called since Redis started.
    pub async fn commands(&self) -> Result<BTreeMap<String, u64>, RedisError> {
        let mut sum = BTreeMap::new();
        for primary in &self.primaries {
            for (name, calls) in calls(&self.ask(primary, "commandstats").await?) {
                *sum.entry(name).or_default() += calls;
            }
        }
        Ok(sum)
    }

    /// Removes what a cluster that is gone has left in a Redis that stays.
    pub async fn clear(&self, cluster: &str) -> Result<(), RedisError> {
        for primary in &self.primaries {
            let mut cursor = "0".to_owned();
            loop {
                let scan = Command::new("SCAN").beside(primary).arg(&cursor).arg("MATCH").arg(format!("flux:{cluster}:*"));
                let (next, keys) = page(self.redis.call(scan.arg("COUNT").arg(CLEARED_AT_ONCE)).await?);
                for key in keys {
                    self.redis.call(Command::new("UNLINK").key(key)).await?;
                }
                match next {
                    Some(next) if next != "0" => cursor = next,
                    _ => break,
                }
            }
        }
        Ok(())
    }

    pub async fn close(self) {
        self.redis.close();
        self.tasks.shutdown().request();
        // What does not end in time ends with the process.
        let _ = self.tasks.join(Duration::from_secs(1)).await;
    }
}

/// The calls of each command in INFO commandstats; of subcommands each.
fn calls(text: &str) -> Vec<(String, u64)> {
    let one = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(':')?;
        let calls = rest.strip_prefix("calls=")?.split(',').next()?.parse().ok()?;
        (!OURS.contains(&name)).then(|| (name.to_owned(), calls))
    };
    text.lines().filter_map(one).collect()
}

/// The cursor and the keys of an answer to SCAN.
fn page(answer: Value) -> (Option<String>, Vec<Vec<u8>>) {
    let Value::Array(parts) = answer else { return (None, vec![]) };
    let mut parts = parts.into_iter();
    let cursor = match parts.next() {
        Some(Value::BulkString(bytes)) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        _ => None,
    };
    let Some(Value::Array(keys)) = parts.next() else { return (cursor, vec![]) };
    let keys = keys.into_iter().filter_map(|key| if let Value::BulkString(bytes) = key { Some(bytes) } else { None });
    (cursor, keys.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_command_and_our_own_questions_are_not() {
        let text = "# Commandstats\r\ncmdstat_info:calls=9,usec=1\r\ncmdstat_xadd:calls=120,usec=900,usec_per_call=7.5\r\n\
                    cmdstat_client|setname:calls=1,usec=1\r\ncmdstat_evalsha:calls=3,usec=4\r\n";
        assert_eq!(calls(text), [("xadd".to_owned(), 120), ("evalsha".to_owned(), 3)]);
    }
}
