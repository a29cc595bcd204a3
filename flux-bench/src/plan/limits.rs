use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Descriptors the generator needs beside its connections: standard streams, epoll, timers, /proc files.
const DESCRIPTORS_BESIDE: u64 = 64;

/// Connections from one source address to one server: Linux' default ephemeral range has 28,232 ports, and some may be in use.
const CONNECTIONS_PER_SOURCE: usize = 28_000;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    #[error(
        "{connections} connections need {needed} file descriptors, but the hard limit is {limit}; \
         raise it (ulimit -Hn {needed}, or LimitNOFILE= of the service) or use --conns {possible}"
    )]
    Descriptors { connections: usize, needed: u64, limit: u64, possible: u64 },
    #[error(
        "{connections} connections to one server port need more than the 28,232 ports of one source address; \
         use --conns 28000, or run the generator on {machines} machines"
    )]
    Ports { connections: usize, machines: usize },
}

/// Raises this process's descriptor limit to what the connections need.
pub fn raise_descriptors(connections: usize) -> Result<(), LimitError> {
    let needed = connections as u64 + DESCRIPTORS_BESIDE;
    let limit = rlimit::increase_nofile_limit(needed).unwrap_or(0);
    enough_descriptors(connections, needed, limit)
}

fn enough_descriptors(connections: usize, needed: u64, limit: u64) -> Result<(), LimitError> {
    if limit >= needed {
        return Ok(());
    }
    Err(LimitError::Descriptors { connections, needed, limit, possible: limit.saturating_sub(DESCRIPTORS_BESIDE) })
}

/// The addresses to connect from, in turn; empty when the system's choice will do.
/// The loopback network has 16 million addresses, so a server on it can be reached from as many ports as wanted.
pub fn source_addresses(server: SocketAddr, connections: usize) -> Result<Vec<Ipv4Addr>, LimitError> {
    let needed = connections.div_ceil(CONNECTIONS_PER_SOURCE);
    if needed <= 1 {
        return Ok(vec![]);
    }
    match server.ip() {
        IpAddr::V4(address) if address.is_loopback() => {
            Ok((0..needed as u32).map(|offset| Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + offset)).collect())
        }
        _ => Err(LimitError::Ports { connections, machines: needed }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_connections_than_ports_use_more_loopback_addresses() {
        let server = SocketAddr::from(([127, 0, 0, 1], 1883));
        assert_eq!(source_addresses(server, 28_000), Ok(vec![]));
        assert_eq!(source_addresses(server, 60_000).unwrap().last(), Some(&Ipv4Addr::new(127, 0, 0, 3)));
        let elsewhere = SocketAddr::from(([10, 0, 0, 1], 1883));
        assert_eq!(source_addresses(elsewhere, 60_000), Err(LimitError::Ports { connections: 60_000, machines: 3 }));
    }

    #[test]
    fn too_few_descriptors_say_what_to_do() {
        let message = enough_descriptors(100_000, 100_064, 20_000).unwrap_err().to_string();
        assert!(message.contains("100064") && message.contains("--conns 19936"), "{message}");
    }
}
