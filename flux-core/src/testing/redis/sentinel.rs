use super::server::{TestRedis, until};

/// A primary, a replica, and the Sentinel that makes the one into the other.
pub struct TestSentinel {
    pub servers: Vec<TestRedis>,
    sentinel: TestRedis,
}

/// How the primary is called.
const SERVICE: &str = "flux-test";

impl TestSentinel {
    pub fn start() -> Self {
        let primary = TestRedis::with(&["--repl-diskless-sync-delay", "0"]);
        let port = primary.port().to_string();
        let replica = TestRedis::with(&["--replicaof", "127.0.0.1", &port]);
        // The primary says so last: before that it takes a write for one that no copy is to be had of.
        until("the primary has its replica", || primary.cli(&["info", "replication"]).contains("state=online"));
        let sentinel = TestRedis::launch_sentinel(|own| {
            format!(
                "port {own}\nbind 127.0.0.1\nsentinel monitor {SERVICE} 127.0.0.1 {port} 1\n\
                 sentinel down-after-milliseconds {SERVICE} 500\nsentinel failover-timeout {SERVICE} 3000\n"
            )
        });
        let test = TestSentinel { servers: vec![primary, replica], sentinel };
        until("the Sentinel knows the replica", || test.sentinel.cli(&["sentinel", "replicas", SERVICE]).contains("slave"));
        test
    }

    pub fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/{SERVICE}", self.sentinel.port())
    }

    /// The place of the primary in `servers`, as the Sentinel sees it.
    pub fn primary(&self) -> usize {
        let said = self.sentinel.cli(&["sentinel", "get-master-addr-by-name", SERVICE]);
        let port: u16 = said.lines().last().and_then(|port| port.parse().ok()).expect("a port");
        self.servers.iter().position(|server| server.port() == port).expect("one of ours")
    }

    /// Kills the primary, waits until the replica is one, and returns the place of the dead one.
    pub fn fail_over(&mut self) -> usize {
        let dead = self.primary();
        self.servers[dead].kill();
        until("the replica took over", || {
            let now = self.primary();
            now != dead && self.servers[now].cli(&["info", "replication"]).contains("role:master")
        });
        dead
    }
}
