use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to start, or a command to take effect: a machine under load is slow, a mistake is for ever.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Whether Redis can be run here. With `FLUX_TEST_REQUIRE` it must.
pub fn is_there() -> bool {
    let quiet = |program: &str| Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found =
        ["redis-server", "redis-cli", "redis-sentinel"].iter().all(|program| quiet(program).is_ok_and(|status| status.success()));
    assert!(found || std::env::var_os("FLUX_TEST_REQUIRE").is_none(), "redis-server does not run; scripts/services installs it");
    if !found {
        eprintln!("skipped: redis-server, redis-cli or redis-sentinel does not run");
    }
    found
}

/// Files of a server that speaks TLS.
#[derive(Debug, Clone)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub ca: PathBuf,
}

/// A redis-server of its own, with an append-only file as we recommend it.
pub struct TestRedis {
    folder: TempDir,
    port: u16,
    arguments: Vec<String>,
    tls: Option<Tls>,
    /// `USER:PASSWORD` or `:PASSWORD` for our own questions.
    login: Option<(String, String)>,
    sentinel: bool,
    child: Option<Child>,
}

#[allow(clippy::disallowed_methods, reason = "real processes take real time")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Asks until the answer is yes. Panics when it is not within a minute.
pub(super) fn until(what: &str, mut yes: impl FnMut() -> bool) {
    let began = now();
    while !yes() {
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Free when asked for. Another process may take it meanwhile: the caller tries again.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// Starts a program from a thread that lives as long as this process. It is to be killed with whoever started it, which to the kernel is
/// a thread: that of one test may end while others still use the same server.
fn start(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::SyncSender<io::Result<Child>>);
    static STARTER: OnceLock<mpsc::SyncSender<Order>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (sender, orders) = mpsc::sync_channel::<Order>(1);
        std::thread::spawn(move || {
            for (mut command, answer) in orders {
                // Whoever does not wait any more needs no answer.
                _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (answer, started) = mpsc::sync_channel(1);
    starter.send((command, answer)).map_err(io::Error::other)?;
    started.recv().map_err(io::Error::other)?
}

impl TestRedis {
    pub fn start() -> Self {
        TestRedis::with(&[])
    }

    /// With arguments of redis-server beyond ours.
    pub fn with(arguments: &[&str]) -> Self {
        TestRedis::launch(|_| arguments.iter().map(|argument| (*argument).to_owned()).collect(), None, None)
    }

    /// Only TLS, with this certificate.
    pub fn with_tls(tls: Tls) -> Self {
        TestRedis::launch(|_| Vec::new(), Some(tls), None)
    }

    /// Only `user` may do anything.
    pub fn with_user(user: &str, password: &str) -> Self {
        let rule = ["--user", user, "on", &format!(">{password}"), "~*", "&*", "+@all", "--user", "default", "off"];
        let rule: Vec<String> = rule.iter().map(|word| (*word).to_owned()).collect();
        TestRedis::launch(|_| rule.clone(), None, Some((user.to_owned(), password.to_owned())))
    }

    /// `arguments` may depend on the port.
    pub(super) fn launch(arguments: impl Fn(u16) -> Vec<String>, tls: Option<Tls>, login: Option<(String, String)>) -> Self {
        for _ in 0..20 {
            let port = free_port();
            let folder = tempfile::tempdir().expect("a temporary folder");
            let arguments = arguments(port);
            let mut server =
                TestRedis { folder, port, arguments, tls: tls.clone(), login: login.clone(), sentinel: false, child: None };
            if server.try_start() {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    pub(super) fn launch_sentinel(configuration: impl Fn(u16) -> String) -> Self {
        for _ in 0..20 {
            let port = free_port();
            let folder = tempfile::tempdir().expect("a temporary folder");
            std::fs::write(folder.path().join("sentinel.conf"), configuration(port)).expect("the folder is writable");
            let mut server =
                TestRedis { folder, port, arguments: Vec::new(), tls: None, login: None, sentinel: true, child: None };
            if server.try_start() {
                return server;
            }
        }
        panic!("redis-sentinel does not start");
    }

    fn try_start(&mut self) -> bool {
        // Killed with the test, however that ends.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", if self.sentinel { "redis-sentinel" } else { "redis-server" }]);
        if self.sentinel {
            command.arg(self.folder.path().join("sentinel.conf"));
        } else {
            command.args(["--bind", "127.0.0.1", "--dir"]).arg(self.folder.path());
            let port = self.port.to_string();
            match &self.tls {
                None => command.args(["--port", &port]),
                Some(tls) => command
                    .args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no", "--tls-cert-file"])
                    .arg(&tls.certificate)
                    .arg("--tls-key-file")
                    .arg(&tls.key)
                    .arg("--tls-ca-cert-file")
                    .arg(&tls.ca),
            };
            command.args(["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--loglevel", "warning"]);
            command.args(&self.arguments);
        }
        let log = std::fs::File::create(self.folder.path().join("log")).expect("the folder is writable");
        command.stdout(log).stderr(Stdio::null());
        let mut child = start(command).expect("redis-server runs");
        let began = now();
        loop {
            if child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            if self.cli(&["ping"]).contains("PONG") {
                self.child = Some(child);
                return true;
            }
            assert!(began.elapsed() < PATIENCE, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn url(&self) -> String {
        let login = self.login.as_ref().map_or_else(String::new, |(user, password)| format!("{user}:{password}@"));
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        // By name: a certificate has one.
        format!("{scheme}://{login}localhost:{}", self.port)
    }

    /// What redis-cli prints.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let Output { stdout, .. } = self.cli_command(arguments).output().expect("redis-cli runs");
        String::from_utf8_lossy(&stdout).trim().to_owned()
    }

    fn cli_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("redis-cli");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]).stderr(Stdio::null());
        if let Some((user, password)) = &self.login {
            command.args(["--user", user, "--pass", password, "--no-auth-warning"]);
        }
        if let Some(tls) = &self.tls {
            command.args(["--tls", "--sni", "localhost", "--cacert"]).arg(&tls.ca);
        }
        command.args(arguments);
        command
    }

    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// As a power switch would, but for the system's own buffers.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again on its port with its data. Returns once it answers and has loaded.
    pub fn restart(&mut self) {
        self.kill();
        until("the port is free again", || self.try_start());
        until("it has loaded its data", || self.cli(&["info", "persistence"]).contains("loading:0"));
    }

    /// Stops answering without closing anything, as a machine does that hangs.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        if let Some(child) = &self.child {
            let _ = Command::new("kill").args([signal, &child.id().to_string()]).status();
        }
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        self.kill();
    }
}
