use super::node::{NodeAddress, NodeError, WatchedNode};
use super::process::{Process, ProcessSample, ProcessUse, Watched};

/// One of the server's processes, and how it is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// On this machine.
    Process(u32),
    /// By its HTTP API.
    Node(NodeAddress),
}

/// Why the servers cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error("{one} and {other} are the same node")]
    Same { one: String, other: String },
    #[error("{url} is the node of the process {pid}, which is watched already")]
    Watched { url: String, pid: u32 },
}

/// All processes that a run's load is for.
#[derive(Debug, Default)]
pub struct Servers {
    all: Vec<One>,
}

#[derive(Debug)]
enum One {
    Process { watched: Watched, used: Option<ProcessUse> },
    Node(WatchedNode),
}

impl Servers {
    /// Every node must answer: what is not counted from the beginning would be missing from every sum.
    pub async fn begin(subjects: &[Subject]) -> Result<Self, WatchError> {
        let mut servers = Self::default();
        for subject in subjects {
            let one = match subject {
                Subject::Process(pid) => One::Process { watched: Watched::new(Process::of(*pid)), used: None },
                Subject::Node(address) => {
                    let node = WatchedNode::reach(address).await?;
                    servers.refuse_twice(&node)?;
                    One::Node(node)
                }
            };
            servers.all.push(one);
        }
        Ok(servers)
    }

    /// Processes on this machine.
    pub fn here(pids: &[u32]) -> Self {
        let watch = |pid: &u32| One::Process { watched: Watched::new(Process::of(*pid)), used: None };
        Self { all: pids.iter().map(watch).collect() }
    }

    fn refuse_twice(&self, node: &WatchedNode) -> Result<(), WatchError> {
        for one in &self.all {
            match one {
                One::Node(other) if (&other.id, other.started_at) == (&node.id, node.started_at) => {
                    return Err(WatchError::Same { one: other.url().to_owned(), other: node.url().to_owned() });
                }
                One::Process { watched, .. } if node.is_here() && watched.pid() == node.pid => {
                    return Err(WatchError::Watched { url: node.url().to_owned(), pid: node.pid });
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Nodes of the watched ones' clusters that nobody watches.
    pub fn unwatched(&self) -> Vec<String> {
        let nodes = || self.all.iter().filter_map(|one| if let One::Node(node) = one { Some(node) } else { None });
        let mut found: Vec<String> = nodes().flat_map(|node| node.others.iter().cloned()).collect();
        found.retain(|id| nodes().all(|node| node.id != *id));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Bytes in memory of all together; None when one of them cannot be read.
    pub async fn resident(&self) -> Option<u64> {
        let mut sum = (!self.all.is_empty()).then_some(0)?;
        for one in &self.all {
            sum += match one {
                One::Process { watched, .. } => watched.resident()?,
                One::Node(node) => node.resident().await?,
            };
        }
        Some(sum)
    }

    /// Called often: notes the memory.
    pub fn look(&mut self) {
        for one in &mut self.all {
            if let One::Process { watched, .. } = one {
                watched.look();
            }
        }
    }

    /// What each used since the last sample, where that is known.
    pub fn sample(&mut self) -> Vec<Option<ProcessSample>> {
        let sample = |one: &mut One| match one {
            One::Process { watched, .. } => watched.sample(),
            One::Node(node) => node.sample(),
        };
        self.all.iter_mut().map(sample).collect()
    }

    /// The window begins.
    pub fn start(&mut self) {
        for one in &mut self.all {
            match one {
                One::Process { watched, .. } => watched.start(),
                One::Node(node) => node.start(),
            }
        }
    }

    /// The window ends. Returns how many cores of this machine they had.
    pub fn end(&mut self) -> f64 {
        let mut cores = 0.0;
        for one in &mut self.all {
            match one {
                One::Process { watched, used } => {
                    *used = watched.used();
                    cores += used.as_ref().map_or(0.0, |used| used.cores);
                }
                One::Node(node) => node.end(),
            }
        }
        cores
    }

    /// What each used in the window, or why that is not known. After [`Servers::end`].
    pub async fn used(&mut self) -> Vec<Result<ProcessUse, String>> {
        let mut found = vec![];
        for one in &mut self.all {
            found.push(match one {
                One::Process { watched, used } => {
                    used.take().ok_or_else(|| format!("the server's process {} ended during the run", watched.pid()))
                }
                One::Node(node) => node.used().await,
            });
        }
        found
    }
}
