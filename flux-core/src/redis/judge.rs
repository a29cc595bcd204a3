use std::collections::BTreeMap;
use std::fmt;

use super::command::Copies;

/// What a setting can do to messages that were acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// It loses them, or refuses them, while everything runs.
    Now,
    /// It loses them when a process or a machine fails.
    OnFailure,
    /// A matter of speed, or not known.
    Small,
}

/// A setting of a server that breaks what we promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `HOST:PORT`.
    pub server: String,
    /// The setting as Redis calls it; `version` and `replicas` where it is none.
    pub setting: &'static str,
    pub risk: Risk,
    pub problem: String,
    pub fix: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}; {}", self.server, self.problem, self.fix)
    }
}

/// What a server says about itself.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub info: BTreeMap<String, String>,
    /// `None`: the account may not ask.
    pub config: Option<BTreeMap<String, String>>,
}

/// The settings that are looked at.
pub(super) const ASKED: [&str; 5] = ["maxmemory", "maxmemory-policy", "appendonly", "appendfsync", "min-replicas-to-write"];

impl Facts {
    pub(super) fn info(&self, name: &str) -> &str {
        self.info.get(name).map_or("", String::as_str)
    }

    pub(super) fn replicas(&self) -> u32 {
        self.info("connected_slaves").parse().unwrap_or(0)
    }
}

/// `one_server`: there need not be a replica, but for the `copies` that acknowledgements wait for.
pub(super) fn judge(server: &str, one_server: bool, copies: Copies, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |setting, risk, problem: String, fix: &str| {
        findings.push(Finding { server: server.to_owned(), setting, risk, problem, fix: fix.to_owned() });
    };
    let version = facts.info("redis_version");
    let numbers: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
    if numbers.as_slice() < [6, 2].as_slice() {
        find("version", Risk::Now, format!("version {version} is too old"), "use Redis 7 or newer");
    } else if numbers.as_slice() < [7].as_slice() {
        let problem = format!("version {version} has no sharded Pub/Sub");
        find("version", Risk::Small, problem, "use Redis 7 or newer, on a Cluster it is needed");
    }
    let replicas = facts.replicas();
    match copies {
        Copies::Always(wanted) if replicas < u32::from(wanted) => {
            let problem =
                format!("acknowledgements wait for a copy on {wanted} replica and it has {replicas}: publishes are refused");
            find("replicas", Risk::Now, problem, "give it a replica, or set durability.ack to auto");
        }
        _ if replicas == 0 && !one_server => {
            let fix = "add one: redis-cli --cluster add-node … --cluster-slave";
            find("replicas", Risk::OnFailure, "this primary has no replica".to_owned(), fix);
        }
        _ => {}
    }
    let Some(config) = &facts.config else {
        let fix = "permit it: ACL SETUSER … +config|get";
        find("config", Risk::Small, "its configuration cannot be read".to_owned(), fix);
        return findings;
    };
    let set = |name: &str| config.get(name).map_or("", String::as_str);
    if set("maxmemory") != "0" && set("maxmemory-policy") != "noeviction" {
        let problem = format!("maxmemory-policy {} removes queues when memory is short", set("maxmemory-policy"));
        find("maxmemory-policy", Risk::Now, problem, "CONFIG SET maxmemory-policy noeviction");
    } else if !set("maxmemory-policy").is_empty() && set("maxmemory-policy") != "noeviction" {
        let problem = format!("maxmemory-policy is {}: with a maxmemory it removes queues", set("maxmemory-policy"));
        find("maxmemory-policy", Risk::Small, problem, "CONFIG SET maxmemory-policy noeviction");
    }
    if set("appendonly") == "no" {
        let problem = "nothing is written to its disk as it comes (appendonly no)".to_owned();
        find("appendonly", Risk::OnFailure, problem, "CONFIG SET appendonly yes");
    } else if set("appendfsync") == "no" {
        let problem = "a power failure takes what the system had not written yet (appendfsync no)".to_owned();
        find("appendfsync", Risk::OnFailure, problem, "CONFIG SET appendfsync always");
    } else if set("appendfsync") == "everysec" && replicas == 0 {
        // flushAppendOnlyFile() puts the write off for up to two seconds while a synchronisation is under way, and answers meanwhile.
        let problem = "while its disk is busy it answers up to two seconds before it writes, and killed then it has lost that (appendfsync everysec)";
        find("appendfsync", Risk::OnFailure, problem.to_owned(), "CONFIG SET appendfsync always, or give it a replica");
    }
    if replicas > 0 && set("min-replicas-to-write") == "0" {
        let problem = "cut off from its replicas it would go on taking writes that a failover loses".to_owned();
        find("min-replicas-to-write", Risk::OnFailure, problem, "CONFIG SET min-replicas-to-write 1");
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

    const GOOD: [(&str, &str); 5] = [
        ("maxmemory", "100"),
        ("maxmemory-policy", "noeviction"),
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("min-replicas-to-write", "1"),
    ];

    #[test]
    fn a_server_as_it_should_be_gives_nothing_to_say() {
        let good = facts(&[("redis_version", "7.0.15"), ("connected_slaves", "1")], &GOOD);
        assert_eq!(judge("r:1", false, Copies::WherePossible(1), &good), []);
        assert_eq!(judge("r:1", false, Copies::Always(1), &good), []);
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
        let said: Vec<String> = judge("r:1", true, Copies::None, &bad).iter().map(ToString::to_string).collect();
        let expected = ["version 6.0.1", "noeviction", "appendonly yes", "min-replicas-to-write 1"];
        assert_eq!(said.len(), expected.len(), "{said:?}");
        assert!(said.iter().zip(expected).all(|(said, expected)| said.contains(expected)), "{said:?}");
        assert!(judge("r:1", true, Copies::None, &bad).iter().all(|finding| finding.risk != Risk::Small));

        let unknown = Facts { config: None, ..facts(&[("redis_version", "7.2.4")], &[]) };
        assert!(judge("r:1", true, Copies::None, &unknown)[0].fix.contains("ACL SETUSER"));
    }

    #[test]
    fn a_replica_is_missed_where_acknowledgements_wait_for_it() {
        let alone =
            facts(&[("redis_version", "7.0.15"), ("connected_slaves", "0")], &[("appendfsync", "always"), ("maxmemory", "0")]);
        assert_eq!(judge("r:1", true, Copies::WherePossible(1), &alone), []);
        let refuses = judge("r:1", true, Copies::Always(1), &alone);
        assert_eq!((refuses.len(), refuses[0].setting, refuses[0].risk), (1, "replicas", Risk::Now));
    }
}
