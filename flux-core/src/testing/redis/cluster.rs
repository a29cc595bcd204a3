use std::process::{Command, Stdio};

use super::server::{TestRedis, free_port, until};

/// Three primaries, each with a replica.
pub struct TestCluster {
    pub servers: Vec<TestRedis>,
}

impl TestCluster {
    pub fn start() -> Self {
        // A failover takes about as long as this.
        let arguments = |_| {
            let bus = free_port().to_string();
            let words = [
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                "1000",
                "--cluster-port",
                &bus,
                "--repl-diskless-sync-delay",
                "0",
            ];
            words.iter().map(|word| (*word).to_owned()).collect()
        };
        let servers: Vec<TestRedis> = (0..6).map(|_| TestRedis::launch(arguments, None, None)).collect();
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]);
        create.args(servers.iter().map(|server| format!("127.0.0.1:{}", server.port())));
        let created = create.args(["--cluster-replicas", "1", "--cluster-yes"]).stdout(Stdio::null()).status();
        assert!(created.is_ok_and(|status| status.success()), "redis-cli creates the Cluster");
        let cluster = TestCluster { servers };
        cluster.wait_until_well();
        cluster
    }

    /// All nodes, as the configuration wants them.
    pub fn urls(&self) -> String {
        self.servers.iter().map(|server| format!("redis://127.0.0.1:{}", server.port())).collect::<Vec<_>>().join(",")
    }

    /// Every running node sees every slot served, and every replica follows its primary, by the word of both: a primary takes a write
    /// for one that no copy is to be had of while it still sends its replica what it has.
    pub fn wait_until_well(&self) {
        let well = |server: &TestRedis| {
            let replication = server.cli(&["info", "replication"]);
            let follows = replication.contains("role:master") || replication.contains("master_link_status:up");
            let followed = replication.lines().filter(|line| line.contains(",state=")).all(|line| line.contains("state=online"));
            follows && followed && server.cli(&["cluster", "info"]).contains("cluster_state:ok")
        };
        until("the Cluster is well", || self.servers.iter().filter(|server| server.is_running()).all(well));
    }

    /// The place in `servers` of the primary that holds `key`, as a running node sees it.
    pub fn primary_of(&self, key: &str) -> usize {
        let asked = self.servers.iter().find(|server| server.is_running()).expect("a node runs");
        let slot: u32 = asked.cli(&["cluster", "keyslot", key]).parse().expect("a slot");
        let nodes = asked.cli(&["cluster", "nodes"]);
        let holds = |range: &str| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let bounds = first.parse().ok().zip(last.parse().ok());
            bounds.is_some_and(|(first, last): (u32, u32)| (first..=last).contains(&slot))
        };
        let line = nodes.lines().find(|line| line.split(' ').skip(8).any(holds)).expect("the slot is served");
        let port: u16 = line.split([':', '@']).nth(1).and_then(|port| port.parse().ok()).expect("a port");
        self.servers.iter().position(|server| server.port() == port).expect("one of ours")
    }

    /// The place in `servers` of the replica of the primary at `primary`.
    pub fn replica_of(&self, primary: usize) -> usize {
        let id = self.servers[primary].cli(&["cluster", "myid"]);
        let follows = |server: &TestRedis| {
            let nodes = server.cli(&["cluster", "nodes"]);
            nodes.lines().any(|line| line.contains("myself,slave") && line.split(' ').nth(3) == Some(&*id))
        };
        self.servers.iter().position(|server| server.is_running() && follows(server)).expect("every primary has one")
    }

    /// Kills the primary that holds `key` and returns its place. Does not wait for the failover.
    pub fn kill_primary_of(&mut self, key: &str) -> usize {
        let place = self.primary_of(key);
        self.servers[place].kill();
        place
    }

    /// Another primary holds `key` and takes writes.
    pub fn wait_for_failover(&self, key: &str, from: usize) {
        until("a replica took over", || {
            let running = self.servers.iter().filter(|server| server.is_running());
            let agreed = running.clone().all(|server| server.cli(&["cluster", "info"]).contains("cluster_state:ok"));
            agreed && self.primary_of(key) != from
        });
    }
}
