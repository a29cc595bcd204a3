use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::orders::Orders;
use super::run::AloneError;

/// How often it is looked whether a part has said something.
const LOOK: Duration = Duration::from_millis(2);

/// It says two lines in all.
const LINES: usize = 4;

/// A part of a run in a process of its own; killed when dropped, and it ends by itself when we are gone.
pub struct Part {
    process: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Part {
    /// This program again, as a part.
    pub fn start(orders: &Orders) -> Result<Self, AloneError> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bus-part").process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(AloneError::Start(std::io::Error::other("it has no pipes")));
        };
        let (sender, lines) = sync_channel(LINES);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut part = Self { process, input, lines };
        part.tell(orders)?;
        Ok(part)
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub fn tell(&mut self, what: &impl Serialize) -> Result<(), AloneError> {
        let text = serde_json::to_string(what).map_err(std::io::Error::other)?;
        writeln!(self.input, "{text}").and_then(|()| self.input.flush()).map_err(|_| AloneError::Ended)
    }

    /// What it says next; its own words about what went wrong are on standard error.
    pub async fn says<T: DeserializeOwned>(&self, patience: Duration) -> Result<T, AloneError> {
        let said = async {
            loop {
                match self.lines.try_recv() {
                    Ok(line) => {
                        return serde_json::from_str(&line).map_err(|error| AloneError::Start(std::io::Error::other(error)));
                    }
                    Err(TryRecvError::Disconnected) => return Err(AloneError::Ended),
                    Err(TryRecvError::Empty) => tokio::time::sleep(LOOK).await,
                }
            }
        };
        tokio::time::timeout(patience, said).await.map_err(|_| AloneError::Silent(patience))?
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
