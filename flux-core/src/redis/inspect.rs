use std::collections::BTreeMap;
use std::fmt;

use ::redis::Value;

use super::connection::Connection;
use super::error::RedisError;
use super::lane::Place;
use super::router::Router;
use super::topology::{text, words};

/// A setting of a server that breaks what we promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `HOST:PORT`.
    pub server: String,
    /// Acknowledged messages can be lost; otherwise it is a matter of taste or of speed.
    pub loses: bool,
    pub problem: String,
    pub fix: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}; {}", self.server, self.problem, self.fix)
    }
}

pub(super) async fn inspect(router: &Router) -> Result<Vec<Finding>, RedisError> {
    let mut findings = Vec::new();
    for lane in router.lanes() {
        let (address, mut connection) = router.dial(&lane.place).await?;
        let facts = Facts::ask(&mut connection).await?;
        let one_server = lane.place == Place::Primary;
        findings.extend(judge(&address.to_string(), one_server, &facts));
    }
    Ok(findings)
}

/// What a server says about itself.
#[derive(Debug, Default)]
struct Facts {
    info: BTreeMap<String, String>,
    /// `None`: the account may not ask.
    config: Option<BTreeMap<String, String>>,
}

const ASKED: [&str; 5] = ["maxmemory", "maxmemory-policy", "appendonly", "appendfsync", "min-replicas-to-write"];

impl Facts {
    async fn ask(connection: &mut Connection) -> Result<Self, RedisError> {
        let answer = connection.ask(&words(&["INFO"])).await?;
        let lines = text(&answer).ok_or_else(|| RedisError::unexpected(&answer))?.lines();
        let info = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        let info = info.collect();
        let mut config = BTreeMap::new();
        for name in ASKED {
            match connection.ask(&words(&["CONFIG", "GET", name])).await {
                Ok(Value::Map(pairs)) => {
                    config
                        .extend(pairs.iter().filter_map(|(name, value)| Some((text(name)?.to_owned(), text(value)?.to_owned()))));
                }
                Ok(_) => {}
                Err(RedisError::Refused { .. }) => return Ok(Facts { info, config: None }),
                Err(error) => return Err(error),
            }
        }
        Ok(Facts { info, config: Some(config) })
    }

    fn info(&self, name: &str) -> &str {
        self.info.get(name).map_or("", String::as_str)
    }
}

fn judge(server: &str, one_server: bool, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |loses: bool, problem: String, fix: &str| {
        findings.push(Finding { server: server.to_owned(), loses, problem, fix: fix.to_owned() });
    };
    let version = facts.info("redis_version");
    let numbers: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
    if numbers.as_slice() < [6, 2].as_slice() {
        find(true, format!("version {version} is too old"), "use Redis 7 or newer");
    } else if numbers.as_slice() < [7].as_slice() {
        find(false, format!("version {version} has no sharded Pub/Sub"), "use Redis 7 or newer, on a Cluster it is needed");
    }
    let replicas: u32 = facts.info("connected_slaves").parse().unwrap_or(0);
    if replicas == 0 && !one_server {
        find(true, "this primary has no replica".to_owned(), "add one: redis-cli --cluster add-node … --cluster-slave");
    }
    let Some(config) = &facts.config else {
        find(false, "its configuration cannot be read".to_owned(), "permit it: ACL SETUSER … +config|get");
        return findings;
    };
    let set = |name: &str| config.get(name).map_or("", String::as_str);
    if set("maxmemory") != "0" && set("maxmemory-policy") != "noeviction" {
        let problem = format!("maxmemory-policy {} removes queues when memory is short", set("maxmemory-policy"));
        find(true, problem, "CONFIG SET maxmemory-policy noeviction");
    } else if !set("maxmemory-policy").is_empty() && set("maxmemory-policy") != "noeviction" {
        let problem = format!("maxmemory-policy is {}: with a maxmemory it removes queues", set("maxmemory-policy"));
        find(false, problem, "CONFIG SET maxmemory-policy noeviction");
    }
    if set("appendonly") == "no" {
        find(true, "nothing is written to its disk as it comes (appendonly no)".to_owned(), "CONFIG SET appendonly yes");
    } else if set("appendfsync") == "no" {
        find(
            true,
            "a power failure takes what the system had not written yet (appendfsync no)".to_owned(),
            "CONFIG SET appendfsync always",
        );
    } else if set("appendfsync") == "everysec" && replicas == 0 {
        // flushAppendOnlyFile() puts the write off for up to two seconds while a synchronisation is under way, and answers meanwhile.
        let problem = "while its disk is busy it answers up to two seconds before it writes, and killed then it has lost that (appendfsync everysec)";
        find(true, problem.to_owned(), "CONFIG SET appendfsync always, or give it a replica");
    }
    if replicas > 0 && set("min-replicas-to-write") == "0" {
        let problem = "cut off from its replicas it would go on taking writes that a failover loses".to_owned();
        find(true, problem, "CONFIG SET min-replicas-to-write 1");
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(info: &[(&str, &str)], config: &[(&str, &str)]) -> Facts {
        let owned =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Facts { info: owned(info), config: Some(owned(config)) }
    }

    #[test]
    fn a_server_as_it_should_be_gives_nothing_to_say() {
        let config = [
            ("maxmemory", "100"),
            ("maxmemory-policy", "noeviction"),
            ("appendonly", "yes"),
            ("appendfsync", "everysec"),
            ("min-replicas-to-write", "1"),
        ];
        let good = facts(&[("redis_version", "7.0.15"), ("connected_slaves", "1")], &config);
        assert_eq!(judge("r:1", false, &good), []);
    }

    #[test]
    fn each_setting_that_loses_messages_is_found_with_what_to_set() {
        let config = [
            ("maxmemory", "100"),
            ("maxmemory-policy", "allkeys-lru"),
            ("appendonly", "no"),
            ("appendfsync", "everysec"),
            ("min-replicas-to-write", "0"),
        ];
        let bad = facts(&[("redis_version", "6.0.1"), ("connected_slaves", "1")], &config);
        let said: Vec<String> = judge("r:1", true, &bad).iter().map(ToString::to_string).collect();
        let expected = ["version 6.0.1", "noeviction", "appendonly yes", "min-replicas-to-write 1"];
        assert_eq!(said.len(), expected.len(), "{said:?}");
        assert!(said.iter().zip(expected).all(|(said, expected)| said.contains(expected)), "{said:?}");
        assert!(judge("r:1", true, &bad).iter().all(|finding| finding.loses));

        let unknown = Facts { config: None, ..facts(&[("redis_version", "7.2.4")], &[]) };
        assert!(judge("r:1", true, &unknown)[0].fix.contains("ACL SETUSER"));
    }
}
