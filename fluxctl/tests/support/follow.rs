use std::io::{BufRead, BufReader};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// How long something that must come may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lines that a test has not read yet; a tool that says more waits.
const LINES: usize = 4_096;

/// A tool that runs on while a test reads along.
pub struct Follow {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Follow {
    pub fn new(mut child: Child) -> Self {
        let out = lines(child.stdout.take().expect("piped"));
        let err = lines(child.stderr.take().expect("piped"));
        Follow { child, out, err }
    }

    /// The next line on standard output.
    pub fn line(&self) -> String {
        self.out
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("no further line; {:?}", self.err.try_iter().collect::<Vec<_>>()))
    }

    /// Waits until a tail, or a trace, says that it listens.
    pub fn ready(&self) {
        let said = self.err.recv_timeout(PATIENCE).expect("a word that it listens");
        assert!(said.starts_with("tailing ") || said.starts_with("tracing "), "{said}");
    }

    /// What it writes until it ends with success.
    pub fn rest(mut self) -> String {
        let text = self.out.iter().map(|line| line + "\n").collect();
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0), "{:?}", self.err.try_iter().collect::<Vec<_>>());
        text
    }

    /// The exit code after Ctrl-C.
    pub fn interrupt(mut self) -> Option<i32> {
        let kill = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
        self.code()
    }

    /// The exit code once it ends by itself; what it still writes is read and dropped.
    pub fn code(&mut self) -> Option<i32> {
        while self.out.recv_timeout(PATIENCE).is_ok() {}
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = sync_channel(LINES);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
