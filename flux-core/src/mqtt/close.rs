use std::io;

use super::codec::DecodeError;
use super::mailbox::Command;
use super::reason::Reason;

/// Why a connection ends.
#[derive(Debug)]
pub enum Close {
    /// The client said DISCONNECT; whether its will is to be published all the same (MQTT 5 §3.14.2.1).
    Client {
        with_will: bool,
    },
    /// The network connection broke or was closed without DISCONNECT.
    Lost(io::Error),
    /// The client sent what is not MQTT.
    Undecodable(DecodeError),
    /// We end it. Version 5 clients are told the reason.
    Server {
        reason: Reason,
        detail: &'static str,
    },
    Command(Command),
}

impl Close {
    pub fn server(reason: Reason, detail: &'static str) -> Self {
        Close::Server { reason, detail }
    }

    /// What a version 5 client is told, if it is told anything.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Close::Client { .. } | Close::Lost(_) => None,
            Close::Undecodable(error) => Some(error.reason()),
            Close::Server { reason, .. } => Some(*reason),
            Close::Command(Command::TakenOver) => Some(Reason::SessionTakenOver),
            Close::Command(Command::Disconnect | Command::Delete) => Some(Reason::AdministrativeAction),
            Close::Command(Command::CutOff) => Some(Reason::ImplementationSpecific),
            Close::Command(Command::ShutDown) => Some(Reason::ServerShuttingDown),
        }
    }

    /// The reason in words, for the client's log and ours.
    pub fn detail(&self) -> Option<String> {
        match self {
            Close::Undecodable(error) => Some(error.to_string()),
            Close::Server { detail, .. } => Some((*detail).to_owned()),
            Close::Lost(error) => Some(error.to_string()),
            Close::Command(Command::CutOff) => {
                Some("this node was cut off from the others: messages may be missing, connect again".to_owned())
            }
            Close::Client { .. } | Close::Command(_) => None,
        }
    }

    /// [MQTT-3.14.4-3]: a DISCONNECT with reason code 0 discards the will.
    pub fn discards_will(&self) -> bool {
        matches!(self, Close::Client { with_will: false })
    }
}
