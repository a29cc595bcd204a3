use std::time::Duration;

use ::redis::{Arg, Cmd, ToRedisArgs, Value};
use tokio::sync::oneshot;

use super::error::RedisError;
use super::script::Script;
use super::slots::slot_of;
use crate::receipt::ReceiptSender;

/// How many replicas confirm a write before it counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Copies {
    #[default]
    None,
    /// So many, but no more than the primary has at the moment: with none left to fail over to, its own disk is as safe as it gets, and
    /// to refuse would only stop the service.
    WherePossible(u8),
    Always(u8),
}

/// One command, and how it may be treated.
#[derive(Clone)]
pub struct Command {
    pub(super) cmd: Cmd,
    pub(super) slot: Option<u16>,
    pub(super) repeatable: bool,
    pub(super) replicas: u8,
    /// Fewer replicas are enough if the primary has no more.
    pub(super) lenient: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) script: Option<Script>,
    bytes: usize,
}

/// What an argument costs beside its bytes: its place in the command and on the wire.
const ARGUMENT_BYTES: usize = 16;

impl Command {
    pub fn new(name: &str) -> Self {
        let mut cmd = Cmd::new();
        cmd.arg(name);
        Command { cmd, slot: None, repeatable: false, replicas: 0, lenient: false, timeout: None, script: None, bytes: 256 }
    }

    /// Runs `script` with `keys`, which must share a slot. Its arguments follow by [`Command::arg`].
    pub fn script<K: AsRef<[u8]>>(script: &Script, keys: &[K]) -> Self {
        let mut command = Command::new("EVALSHA").arg(script.hash()).arg(keys.len());
        for key in keys {
            command = command.key(key.as_ref());
        }
        command.script = Some(script.clone());
        command
    }

    /// An argument that is a key. The first one decides which primary gets the command.
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        let key = key.as_ref();
        self.slot.get_or_insert_with(|| slot_of(key));
        self.bytes += key.len() + ARGUMENT_BYTES;
        self.cmd.arg(key);
        self
    }

    pub fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.bytes += ARGUMENT_BYTES;
        self.cmd.arg(argument);
        self
    }

    /// An argument of bytes, a payload for instance.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.bytes += bytes.len() + ARGUMENT_BYTES;
        self.cmd.arg(bytes);
        self
    }

    /// For the primary that holds `key`, though the key is no argument.
    pub fn beside(mut self, key: impl AsRef<[u8]>) -> Self {
        self.slot = Some(slot_of(key.as_ref()));
        self
    }

    /// It may be executed twice without harm: when the connection breaks before the answer, it is sent again until its deadline.
    pub fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// Answered with success only once so many replicas have the write (`WAIT`).
    pub fn copies(mut self, copies: Copies) -> Self {
        (self.replicas, self.lenient) = match copies {
            Copies::None => (0, false),
            Copies::WherePossible(replicas) => (replicas, true),
            Copies::Always(replicas) => (replicas, false),
        };
        self
    }

    /// Instead of the configured deadline.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Memory it takes while it waits, roughly.
    pub(super) fn weight(&self) -> usize {
        self.bytes
    }

    /// The same with the script's text, for a server that does not know its hash.
    pub(super) fn with_text(&self) -> Option<Cmd> {
        let script = self.script.as_ref()?;
        let mut cmd = Cmd::new();
        cmd.arg("EVAL").arg(script.text());
        for argument in self.cmd.args_iter().skip(2) {
            match argument {
                Arg::Simple(bytes) => cmd.arg(bytes),
                _ => return None,
            };
        }
        Some(cmd)
    }
}

/// Who is told the answer.
pub enum Reply {
    /// Nobody. The command is executed all the same.
    Ignored,
    Value(oneshot::Sender<Result<Value, RedisError>>),
    /// Any answer but an error is success.
    Receipt(ReceiptSender),
    /// Called on the connection's task: it must be quick and must not block.
    Call(Box<dyn FnOnce(Result<Value, RedisError>) + Send>),
}

impl Reply {
    pub fn call(then: impl FnOnce(Result<Value, RedisError>) + Send + 'static) -> Self {
        Reply::Call(Box::new(then))
    }

    pub(super) fn answer(self, answer: Result<Value, RedisError>) {
        match self {
            Reply::Ignored => {}
            // A caller that no longer waits needs no answer.
            Reply::Value(sender) => drop(sender.send(answer)),
            Reply::Receipt(sender) => drop(sender.send(answer.map(drop).map_err(|error| error.refusal()))),
            Reply::Call(then) => then(answer),
        }
    }
}
