use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};

use super::READY;

/// A running broker; ended when dropped.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    /// `mqtt://127.0.0.1:PORT`
    pub url: String,
}

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    #[error("this program cannot start itself")]
    Start(#[from] io::Error),
    #[error("it ended before it listened ({0})")]
    Ended(String),
}

impl Child {
    /// Starts this program again, as a broker.
    pub fn start(protocol: u8, connections: usize) -> Result<Self, ChildError> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["baseline-broker", "--protocol", &protocol.to_string(), "--connections", &connections.to_string()]);
        // Its standard input is how it learns that we are gone. It shares our terminal, where Ctrl-C is meant for the run.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        match line.trim().strip_prefix(READY) {
            Some(address) => Ok(Self { url: format!("mqtt://{}", address.trim()), process }),
            None => Err(ChildError::Ended(process.wait()?.to_string())),
        }
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
