use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use crate::limits::{CHILD_LINES, CHILD_PATIENCE};

/// How often it is looked whether a program that was started still runs or answers already.
const LOOK: Duration = Duration::from_millis(10);

/// Why a program that is needed does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{program} is not installed")]
    Missing { program: String },
    #[error("{program} cannot be started")]
    Start { program: String, source: std::io::Error },
    #[error("{program} ended before it was ready ({status})")]
    Ended { program: String, status: ExitStatus, said: String },
    #[error("{program} was not ready within {CHILD_PATIENCE:?}")]
    Slow { program: String, said: String },
    #[error("no folder for its data")]
    Folder(#[from] std::io::Error),
}

impl StartError {
    /// The end of what it wrote before it ended.
    pub fn said(&self) -> Option<&str> {
        match self {
            StartError::Ended { said, .. } | StartError::Slow { said, .. } if !said.is_empty() => Some(said),
            _ => None,
        }
    }
}

/// A program that runs for us; killed when dropped, and by the kernel when we are gone without dropping anything.
#[derive(Debug)]
pub struct Child {
    program: String,
    process: std::process::Child,
    log: std::path::PathBuf,
    lines: Receiver<String>,
}

impl Child {
    /// `program` with its standard error in `folder`. It hears nothing of our terminal, where Ctrl-C is meant for the run.
    pub fn start(program: &Path, arguments: &[String], folder: &Path) -> Result<Self, StartError> {
        let name = program.file_name().map_or_else(|| program.display().to_string(), |name| name.to_string_lossy().into_owned());
        let log = folder.join("log");
        let spawn = |command: &mut Command| {
            for (variable, _) in std::env::vars().filter(|(variable, _)| variable.starts_with("FLUX_")) {
                command.env_remove(variable);
            }
            command.args(arguments).env("NO_COLOR", "1").process_group(0).stdin(Stdio::null()).stdout(Stdio::piped());
            command.stderr(std::fs::File::create(&log)?).spawn()
        };
        // setpriv (of every Linux) asks the kernel to kill it with us, and then becomes the program: its process is the program's.
        let mut guarded = Command::new("setpriv");
        guarded.args(["--pdeathsig", "KILL", "--"]).arg(program);
        let found = program.components().count() > 1 || is_in_path(program);
        let started = match found {
            false => return Err(StartError::Missing { program: name }),
            true if is_in_path(Path::new("setpriv")) => spawn(&mut guarded),
            true => spawn(&mut Command::new(program)),
        };
        let mut process = started.map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => StartError::Missing { program: name.clone() },
            _ => StartError::Start { program: name.clone(), source },
        })?;
        let (sender, lines) = sync_channel(CHILD_LINES);
        if let Some(output) = process.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    // Once nobody listens any more it is still read, so that the program can go on writing.
                    let _ = sender.try_send(line);
                }
            });
        }
        Ok(Self { program: name, process, log, lines })
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Reads what it says until `ready` finds in a line what it looks for.
    pub fn says<T>(&mut self, mut ready: impl FnMut(&str) -> Option<T>) -> Result<T, StartError> {
        self.until(|child| child.lines.recv_timeout(LOOK).ok().and_then(|line| ready(&line)))
    }

    /// Asks until there is an answer.
    pub fn answers<T>(&mut self, mut ask: impl FnMut() -> Option<T>) -> Result<T, StartError> {
        self.until(|_| {
            std::thread::sleep(LOOK);
            ask()
        })
    }

    fn until<T>(&mut self, mut look: impl FnMut(&mut Self) -> Option<T>) -> Result<T, StartError> {
        let began = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return Ok(found);
            }
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(StartError::Ended { program: self.program.clone(), status, said: self.said() });
            }
            if began.elapsed() > CHILD_PATIENCE {
                return Err(StartError::Slow { program: self.program.clone(), said: self.said() });
            }
        }
    }

    /// The last lines of its log and of its output.
    fn said(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let output: Vec<String> = self.lines.try_iter().collect();
        let all: Vec<&str> =
            output.iter().map(String::as_str).chain(log.lines()).filter(|line| !line.trim().is_empty()).collect();
        all[all.len().saturating_sub(3)..].join(" / ")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether a shell would find it.
pub fn is_in_path(program: &Path) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str, folder: &Path) -> Child {
        Child::start(Path::new("sh"), &["-c".to_owned(), script.to_owned()], folder).unwrap()
    }

    #[test]
    fn a_program_is_ready_when_it_says_so_and_ends_with_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = start("echo starting; echo port 42; exec sleep 1000", folder.path());
        let port = child.says(|line| line.strip_prefix("port ").map(str::to_owned)).unwrap();
        assert_eq!(port, "42");
        let pid = child.pid();
        drop(child);
        assert!(!crate::watch::process::Process::of(pid).exists());
    }

    #[test]
    fn one_that_ends_too_early_is_quoted_and_one_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = start("echo no room >&2; exit 3", folder.path()).says(|_| None::<()>).unwrap_err();
        assert_eq!(error.said(), Some("no room"));
        assert!(error.to_string().contains("exit status: 3"), "{error}");
        let missing = Child::start(Path::new("no-such-program"), &[], folder.path()).unwrap_err();
        assert!(matches!(missing, StartError::Missing { .. }), "{missing}");
    }
}
