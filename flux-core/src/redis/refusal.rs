use ::redis::{ServerError, ServerErrorKind};

use super::command::Command;
use super::servers::Address;

/// The server has not executed a command, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Again {
    /// Another primary holds the slot now.
    Moved { slot: u16, address: Address },
    /// The slot is being moved, and this key is there already.
    Ask { address: Address },
    /// It cannot at the moment.
    Later,
    /// It has become a replica.
    Elsewhere,
    /// It does not know the script.
    Text,
}

/// What to do about a refusal. `None`: nothing, it is the answer. `from` answers for hosts that the server leaves out.
pub(super) fn again(error: &ServerError, command: &Command, from: &Address) -> Option<Again> {
    match error.kind() {
        Some(ServerErrorKind::Moved) => {
            let (slot, address) = redirection(error.details()?, from)?;
            Some(Again::Moved { slot, address })
        }
        Some(ServerErrorKind::Ask) => Some(Again::Ask { address: redirection(error.details()?, from)?.1 }),
        Some(ServerErrorKind::ReadOnly) => Some(Again::Elsewhere),
        Some(ServerErrorKind::NoScript) if command.script.is_some() => Some(Again::Text),
        Some(
            ServerErrorKind::BusyLoading | ServerErrorKind::TryAgain | ServerErrorKind::ClusterDown | ServerErrorKind::MasterDown,
        ) => Some(Again::Later),
        _ if matches!(error.code(), "BUSY" | "NOREPLICAS") => Some(Again::Later),
        _ => None,
    }
}

/// `SLOT HOST:PORT`.
fn redirection(details: &str, from: &Address) -> Option<(u16, Address)> {
    let (slot, address) = details.split_once(' ')?;
    let (host, port) = address.rsplit_once(':')?;
    let host = if host.is_empty() || host == "?" { from.host.clone() } else { host.trim_matches(['[', ']']).to_owned() };
    Some((slot.parse().ok()?, Address { host, port: port.parse().ok()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirection_names_slot_and_address_also_without_a_host() {
        let from = Address { host: "10.0.0.1".to_owned(), port: 7000 };
        let (slot, address) = redirection("3999 10.0.0.2:7001", &from).unwrap();
        assert_eq!((slot, address.to_string().as_str()), (3999, "10.0.0.2:7001"));
        assert_eq!(redirection("1 :7002", &from).unwrap().1.to_string(), "10.0.0.1:7002");
        assert_eq!(redirection("1 fe80::1:7002", &from).unwrap().1.to_string(), "[fe80::1]:7002");
        assert_eq!(redirection("x 10.0.0.2:7001", &from), None);
    }
}
