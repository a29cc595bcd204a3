use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long it may take to answer.
const START: Duration = Duration::from_secs(60);

/// A redis-server on a free port with its data in a folder of its own; killed when dropped.
pub struct Redis {
    process: Child,
    port: u16,
    _data: TempDir,
}

impl Redis {
    /// Whether there is one to start. With `FLUX_TEST_REQUIRE` there must be.
    pub fn is_there() -> bool {
        let asked = Command::new("redis-server").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        let there = asked.is_ok_and(|status| status.success());
        assert!(
            there || std::env::var_os("FLUX_TEST_REQUIRE").is_none(),
            "redis-server does not run; scripts/services installs it"
        );
        there
    }

    /// With these settings, and no snapshots.
    pub fn with(settings: &[&str]) -> Self {
        // Another process may take the port before it is used: then that server ends, and the next port is tried.
        for _ in 0..20 {
            let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr()).expect("a free port").port();
            let data = tempfile::tempdir().expect("a temporary folder");
            let mut command = Command::new("setpriv");
            command.args([
                "--pdeathsig",
                "KILL",
                "redis-server",
                "--bind",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--save",
                "",
            ]);
            command.arg("--dir").arg(data.path()).args(settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut redis = Redis { process: command.spawn().expect("redis-server starts"), port, _data: data };
            if redis.answers() {
                return redis;
            }
        }
        panic!("redis-server does not start");
    }

    fn answers(&mut self) -> bool {
        let deadline = Instant::now() + START;
        while Instant::now() < deadline {
            if self.process.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("redis-server does not answer");
    }

    /// Its answer in one line, as the protocol has it.
    pub fn ask(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it answers");
        write!(stream, "{command}\r\n").expect("it reads");
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).expect("it answers");
        line.trim().to_owned()
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
