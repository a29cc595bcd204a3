use std::fs;
use std::net::SocketAddr;

/// The state LISTEN in /proc/net/tcp.
const LISTEN: &str = "0A";

/// The process on this machine that listens where `server` points to. None when that is elsewhere, or not ours to see.
pub fn listener(server: SocketAddr) -> Option<u32> {
    if !server.ip().is_loopback() {
        return None;
    }
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table, server.port()))
        .collect();
    let wanted: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    processes.into_iter().find(|pid| holds(*pid, &wanted))
}

/// The inodes of the sockets that listen on `port`, from a table like /proc/net/tcp.
fn listening(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let matches = fields.get(1)?.ends_with(&suffix) && *fields.get(3)? == LISTEN;
        matches.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
    };
    table.lines().skip(1).filter_map(inode).collect()
}

fn holds(pid: u32, sockets: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mut targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets.any(|target| target.to_str().is_some_and(|target| sockets.iter().any(|socket| socket == target)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_on_the_port_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:075B 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 111 1\n\
             1: 0100007F:075B 0100007F:9999 01 00000000:00000000 00:00000000 00000000  0  0 222 1\n\
             2: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 333 1\n";
        assert_eq!(listening(table, 1883), ["111"]);
    }

    #[test]
    fn it_finds_this_process() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(listener(socket.local_addr().unwrap()), Some(std::process::id()));
    }
}
