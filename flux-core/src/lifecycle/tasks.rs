use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::shutdown::Shutdown;

/// Spawns tasks and knows which are running. Cloning counts a reference.
#[derive(Clone)]
pub struct Tasks(Arc<Shared>);

struct Shared {
    shutdown: Shutdown,
    running: Mutex<Running>,
    /// Told each time the last task ends.
    idle: Notify,
    on_panic: Box<dyn Fn(&TaskPanic) + Send + Sync>,
}

#[derive(Default)]
struct Running {
    total: usize,
    by_name: BTreeMap<&'static str, usize>,
}

/// A task ended by panicking. It took only itself down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPanic {
    pub task: &'static str,
    pub message: String,
}

/// Tasks that did not end before the deadline, by name. They end with the runtime.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("still running after {deadline:?}: {}", Names(.tasks))]
pub struct StillRunning {
    pub deadline: Duration,
    pub tasks: Vec<(&'static str, usize)>,
}

struct Names<'a>(&'a [(&'static str, usize)]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, count)) in self.0.iter().enumerate() {
            write!(formatter, "{}{count} × {name}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Tasks::new(|_| {})
    }
}

impl Tasks {
    /// `on_panic` hears of every task that panics, after it was logged.
    pub fn new(on_panic: impl Fn(&TaskPanic) + Send + Sync + 'static) -> Self {
        Tasks(Arc::new(Shared {
            shutdown: Shutdown::default(),
            running: Mutex::default(),
            idle: Notify::new(),
            on_panic: Box::new(on_panic),
        }))
    }

    /// Tasks end of their own accord when this is requested.
    pub fn shutdown(&self) -> &Shutdown {
        &self.0.shutdown
    }

    /// Runs `future` beside the caller. `name` is shared by all tasks of a kind ("connection"), not unique.
    #[allow(clippy::disallowed_methods)]
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        let place = self.enter(name);
        tokio::spawn(async move {
            if let Err(panic) = AssertUnwindSafe(future).catch_unwind().await {
                place.panicked(&*panic);
            }
        });
    }

    /// Runs `work`, which may block, on a thread made for that.
    #[allow(clippy::disallowed_methods)]
    pub fn spawn_blocking(&self, name: &'static str, work: impl FnOnce() + Send + 'static) {
        let place = self.enter(name);
        tokio::task::spawn_blocking(move || {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
                place.panicked(&*panic);
            }
        });
    }

    /// How many tasks of each name are running.
    pub fn running(&self) -> Vec<(&'static str, usize)> {
        self.0.running.lock().by_name.iter().map(|(name, count)| (*name, *count)).collect()
    }

    /// Waits until no task is running. Request the shutdown first, or it may take for ever.
    pub async fn join(&self, deadline: Duration) -> Result<(), StillRunning> {
        let idle = async {
            loop {
                let told = self.0.idle.notified();
                tokio::pin!(told);
                told.as_mut().enable();
                if self.0.running.lock().total == 0 {
                    return;
                }
                told.await;
            }
        };
        tokio::time::timeout(deadline, idle).await.map_err(|_| StillRunning { deadline, tasks: self.running() })
    }

    fn enter(&self, name: &'static str) -> Place {
        let mut running = self.0.running.lock();
        running.total += 1;
        *running.by_name.entry(name).or_default() += 1;
        Place { name, shared: Arc::clone(&self.0) }
    }
}

/// Counts a task for as long as it exists, also when the runtime drops it.
struct Place {
    name: &'static str,
    shared: Arc<Shared>,
}

impl Place {
    fn panicked(&self, panic: &(dyn Any + Send)) {
        let text = panic.downcast_ref::<&str>().copied();
        let message = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)").to_owned();
        tracing::error!(task = self.name, message, "a task panicked");
        (self.shared.on_panic)(&TaskPanic { task: self.name, message });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.shared.running.lock();
        running.total -= 1;
        if let Some(count) = running.by_name.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                running.by_name.remove(self.name);
            }
        }
        if running.total == 0 {
            self.shared.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn joining_waits_for_every_task_and_for_what_it_spawned() {
        let tasks = Tasks::default();
        let (outer, done) = (tasks.clone(), Arc::new(Mutex::new(Vec::new())));
        let heard = Arc::clone(&done);
        tasks.spawn("outer", async move {
            outer.shutdown().requested().await;
            let (inner, heard) = (outer.clone(), Arc::clone(&heard));
            inner.spawn("inner", async move {
                tokio::time::sleep(Duration::from_secs(3)).await;
                heard.lock().push("inner");
            });
        });
        tasks.shutdown().request();
        tasks.join(Duration::from_secs(10)).await.unwrap();
        assert_eq!(*done.lock(), ["inner"]);
        assert_eq!(tasks.running(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_stop_in_time_is_named() {
        let tasks = Tasks::default();
        for _ in 0..2 {
            tasks.spawn("connection", std::future::pending());
        }
        tasks.spawn("quick", async {});
        let stuck = tasks.join(Duration::from_secs(10)).await.unwrap_err();
        assert_eq!(stuck.to_string(), "still running after 10s: 2 × connection");
    }

    #[tokio::test]
    async fn a_panic_takes_one_task_down_and_is_heard_of() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        let tasks = Tasks::new(move |panic| hears.lock().push(panic.clone()));
        tasks.spawn("bad", async { panic!("out of luck") });
        tasks.spawn_blocking("worse", || panic!("out of {}", "luck"));
        tasks.join(Duration::from_secs(60)).await.unwrap();
        let mut heard = std::mem::take(&mut *heard.lock());
        heard.sort_by_key(|panic| panic.task);
        assert_eq!(
            heard.iter().map(|p| (p.task, p.message.as_str())).collect::<Vec<_>>(),
            [("bad", "out of luck"), ("worse", "out of luck")]
        );
    }
}
