use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

use super::server::Server;

/// Bytes of one payload: every publisher keeps a frame of it for each of its topics.
pub const LARGEST_PAYLOAD: usize = 16 * 1_024 * 1_024;

/// Descriptors the generator needs beside its connections: standard streams, epoll, timers, /proc files.
const DESCRIPTORS_BESIDE: u64 = 64;

/// Linux' default range of ephemeral ports, 32768 to 60999.
const USUAL_PORTS: usize = 28_232;

/// Ports of the range that are left to others on this machine.
const PORTS_SPARED: usize = 232;

/// The addresses that connections come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Bind {
    /// The system's choice as long as its ports last, then more of this machine's addresses on the same network.
    #[default]
    Auto,
    Addresses(Vec<IpAddr>),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    #[error(
        "{connections} connections need {needed} file descriptors, but the hard limit is {limit}; \
         raise it (ulimit -Hn {needed}, or LimitNOFILE= of the service) or use --conns {possible}"
    )]
    Descriptors { connections: usize, needed: u64, limit: u64, possible: u64 },
    #[error(
        "{connections} connections to one server port need {needed} source addresses of {ports} ports each, and there are \
         {found}; name more with --bind IP,IP, widen net.ipv4.ip_local_port_range, use --conns {possible}, or use more machines"
    )]
    Ports { connections: usize, needed: usize, ports: usize, found: usize, possible: usize },
    #[error("--bind {0} is not an address of this machine")]
    NotOurs(IpAddr),
    #[error("--bind {source_address} cannot reach {server}: one is IPv4 and the other IPv6")]
    Family { source_address: IpAddr, server: SocketAddr },
}

/// Raises this process's descriptor limit to what the connections need; `each` descriptors for one.
pub fn raise_descriptors(connections: usize, each: u64) -> Result<(), LimitError> {
    let needed = connections as u64 * each + DESCRIPTORS_BESIDE;
    let limit = rlimit::increase_nofile_limit(needed).unwrap_or(0);
    enough_descriptors(connections, needed, limit)
}

fn enough_descriptors(connections: usize, needed: u64, limit: u64) -> Result<(), LimitError> {
    if limit >= needed {
        return Ok(());
    }
    let each = (needed - DESCRIPTORS_BESIDE) / (connections as u64).max(1);
    let possible = limit.saturating_sub(DESCRIPTORS_BESIDE) / each.max(1);
    Err(LimitError::Descriptors { connections, needed, limit, possible })
}

/// The addresses to connect from, in turn; empty when the system's choice will do.
pub fn source_addresses(bind: &Bind, servers: &[Server], connections: usize) -> Result<Vec<IpAddr>, LimitError> {
    let ports = ports_of_an_address();
    // Each pair of source address and server has the whole range.
    let most = connections.div_ceil(servers.len().max(1));
    let needed = most.div_ceil(ports);
    let found = match bind {
        Bind::Addresses(addresses) => {
            for address in addresses {
                usable(*address, servers)?;
            }
            addresses.clone()
        }
        Bind::Auto if needed <= 1 => return Ok(vec![]),
        Bind::Auto => servers.first().map(|server| neighbours(server.address, needed)).unwrap_or_default(),
    };
    if found.len() < needed {
        let possible = found.len().max(1) * ports * servers.len();
        return Err(LimitError::Ports { connections, needed, ports, found: found.len().max(1), possible });
    }
    Ok(found)
}

fn usable(address: IpAddr, servers: &[Server]) -> Result<(), LimitError> {
    if let Some(server) = servers.iter().find(|server| server.address.is_ipv4() != address.is_ipv4()) {
        return Err(LimitError::Family { source_address: address, server: server.address });
    }
    // A socket that can be bound to it is the proof, whatever interfaces there are.
    UdpSocket::bind(SocketAddr::new(address, 0)).map(|_| ()).map_err(|_| LimitError::NotOurs(address))
}

fn ports_of_an_address() -> usize {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = range.split_whitespace().filter_map(|bound| bound.parse::<usize>().ok());
    let all = bounds.next().zip(bounds.next()).map_or(USUAL_PORTS, |(from, to)| (to + 1).saturating_sub(from));
    all.saturating_sub(PORTS_SPARED).max(1)
}

/// This machine's addresses from which `server` is reached the same way. The loopback network has 16 million addresses, so a
/// server on it can be reached from as many ports as wanted.
fn neighbours(server: SocketAddr, wanted: usize) -> Vec<IpAddr> {
    if let IpAddr::V4(address) = server.ip()
        && address.is_loopback()
    {
        return (0..wanted as u32).map(|offset| Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + offset).into()).collect();
    }
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { std::net::Ipv6Addr::UNSPECIFIED.into() };
    // Connecting a UDP socket sends nothing; it asks the routing table which address would be used.
    let Ok(usual) = UdpSocket::bind(SocketAddr::new(any, 0)).and_then(|socket| {
        socket.connect(server)?;
        socket.local_addr()
    }) else {
        return vec![];
    };
    let mut found = vec![usual.ip()];
    let Ok(interfaces) = getifaddrs() else { return found };
    let all: Vec<(String, IpAddr)> =
        interfaces.filter_map(|interface| Some((interface.interface_name.clone(), ip(interface.address.as_ref()?)?))).collect();
    let name = all.iter().find(|(_, address)| *address == usual.ip()).map(|(name, _)| name.clone());
    let beside = all.into_iter().filter(|(other, address)| Some(other) == name.as_ref() && *address != usual.ip());
    found.extend(beside.map(|(_, address)| address).filter(|address| address.is_ipv4() == server.is_ipv4()));
    found.truncate(wanted);
    found
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    if let Some(address) = address.as_sockaddr_in() {
        return Some(address.ip().into());
    }
    // A link-local address needs a scope to be bound.
    address.as_sockaddr_in6().map(|address| address.ip()).filter(|address| !address.is_unicast_link_local()).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Vec<Server> {
        vec![Server::tcp(([127, 0, 0, 1], 1883).into())]
    }

    #[test]
    fn more_connections_than_ports_use_more_loopback_addresses() {
        let ports = ports_of_an_address();
        assert_eq!(source_addresses(&Bind::Auto, &local(), ports), Ok(vec![]));
        let found = source_addresses(&Bind::Auto, &local(), 2 * ports + 1).unwrap();
        assert_eq!(found.last(), Some(&Ipv4Addr::new(127, 0, 0, 3).into()));
        let two = [local(), vec![Server::tcp(([127, 0, 0, 1], 1884).into())]].concat();
        assert_eq!(source_addresses(&Bind::Auto, &two, 2 * ports), Ok(vec![]), "each server has a range of its own");
    }

    #[test]
    fn named_addresses_are_used_and_must_suffice() {
        let named = Bind::Addresses(vec![Ipv4Addr::new(127, 0, 0, 7).into()]);
        assert_eq!(source_addresses(&named, &local(), 1).unwrap(), [IpAddr::from([127, 0, 0, 7])]);
        let message = source_addresses(&named, &local(), 2 * ports_of_an_address()).unwrap_err().to_string();
        assert!(message.contains("need 2 source addresses") && message.contains("--bind IP,IP"), "{message}");
    }

    #[test]
    fn an_address_that_is_not_ours_or_of_another_family_is_refused() {
        let elsewhere: IpAddr = [203, 0, 113, 9].into();
        assert_eq!(source_addresses(&Bind::Addresses(vec![elsewhere]), &local(), 1), Err(LimitError::NotOurs(elsewhere)));
        let six: IpAddr = std::net::Ipv6Addr::LOCALHOST.into();
        assert!(matches!(source_addresses(&Bind::Addresses(vec![six]), &local(), 1), Err(LimitError::Family { .. })));
    }

    #[test]
    fn too_few_descriptors_say_what_to_do() {
        let message = enough_descriptors(100_000, 100_064, 20_000).unwrap_err().to_string();
        assert!(message.contains("100064") && message.contains("--conns 19936"), "{message}");
        let two_each = enough_descriptors(10_000, 20_064, 10_064).unwrap_err().to_string();
        assert!(two_each.contains("--conns 5000"), "{two_each}");
    }
}
