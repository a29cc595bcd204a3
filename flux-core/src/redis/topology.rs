use std::ops::RangeInclusive;

use ::redis::{Cmd, Value};

use super::connection::Connection;
use super::dialer::Dialer;
use super::error::RedisError;
use super::servers::{Address, Servers};
use super::state::RedisKind;

/// Slots and the primary that holds them.
pub(super) type ClusterMap = Vec<(RangeInclusive<u16>, Address)>;

/// Asks what answers behind the URLs.
pub(super) async fn kind(dialer: &Dialer, servers: &Servers) -> Result<RedisKind, RedisError> {
    if servers.sentinel.is_some() {
        return Ok(RedisKind::Sentinel);
    }
    let mut problem = RedisError::unavailable("no address is given");
    for address in &servers.addresses {
        match cluster_enabled(dialer, address).await {
            Ok(true) if servers.database != 0 => {
                return Err(RedisError::Settings("a Redis Cluster has only database 0: leave it out of the URL".into()));
            }
            Ok(true) => return Ok(RedisKind::Cluster),
            Ok(false) => return Ok(RedisKind::Single),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

async fn cluster_enabled(dialer: &Dialer, address: &Address) -> Result<bool, RedisError> {
    let mut connection = dialer.dial(address).await?;
    let info = connection.ask(&words(&["INFO", "cluster"])).await?;
    Ok(text(&info).is_some_and(|info| info.contains("cluster_enabled:1")))
}

/// The one primary behind the URLs, and a connection to it.
pub(super) async fn primary(dialer: &Dialer, servers: &Servers) -> Result<(Address, Connection), RedisError> {
    let mut problem = RedisError::unavailable("no address is given");
    for address in &servers.addresses {
        let candidate = match &servers.sentinel {
            None => Ok(address.clone()),
            Some(sentinel) => match dialer.dial_sentinel(address, &sentinel.login).await {
                Ok(mut connection) => ask_sentinel(&mut connection, &sentinel.service, address).await,
                Err(error) => Err(error),
            },
        };
        let connected = match candidate {
            Ok(candidate) => connect_primary(dialer, candidate).await,
            Err(error) => Err(error),
        };
        match connected {
            Ok(primary) => return Ok(primary),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

async fn ask_sentinel(connection: &mut Connection, service: &str, sentinel: &Address) -> Result<Address, RedisError> {
    let answer = connection.ask(&words(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", service])).await?;
    let Value::Array(parts) = &answer else {
        return Err(RedisError::unavailable(format!("the Sentinel {sentinel} knows no primary called {service}")));
    };
    address(parts, sentinel).ok_or_else(|| RedisError::unexpected(&answer))
}

/// A Sentinel that was away may still name the old primary, and one URL of several may be a replica: ask.
async fn connect_primary(dialer: &Dialer, address: Address) -> Result<(Address, Connection), RedisError> {
    let mut connection = dialer.dial(&address).await?;
    match connection.ask(&words(&["ROLE"])).await {
        Ok(Value::Array(role)) if role.first().and_then(text).is_some_and(|role| role != "master") => {
            Err(RedisError::unavailable(format!("{address} is a replica: give the address of its primary")))
        }
        Ok(_) => Ok((address, connection)),
        // An account may lack the permission to ask; a replica will then refuse the first write.
        Err(RedisError::Refused { .. }) => Ok((address, connection)),
        Err(error) => Err(error),
    }
}

/// Which primary holds which slots, as the first node says that can be reached.
pub(super) async fn cluster(dialer: &Dialer, nodes: &[Address]) -> Result<ClusterMap, RedisError> {
    let mut problem = RedisError::unavailable("no node of the Cluster is known");
    for node in nodes {
        match ask_cluster(dialer, node).await {
            Ok(map) if !map.is_empty() => return Ok(map),
            Ok(_) => {
                problem = RedisError::unavailable(format!("{node} is in a Cluster without slots: redis-cli --cluster create"))
            }
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

async fn ask_cluster(dialer: &Dialer, node: &Address) -> Result<ClusterMap, RedisError> {
    let mut connection = dialer.dial(node).await?;
    let answer = connection.ask(&words(&["CLUSTER", "SLOTS"])).await?;
    let Value::Array(ranges) = &answer else { return Err(RedisError::unexpected(&answer)) };
    ranges.iter().map(|range| slots(range, node).ok_or_else(|| RedisError::unexpected(range))).collect()
}

fn slots(range: &Value, node: &Address) -> Option<(RangeInclusive<u16>, Address)> {
    let Value::Array(range) = range else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = range.as_slice() else { return None };
    Some((u16::try_from(*first).ok()?..=u16::try_from(*last).ok()?, address(primary, node)?))
}

/// `[host, port, …]`. A host that is left out is the one that was asked.
fn address(parts: &[Value], asked: &Address) -> Option<Address> {
    let host = match parts.first()? {
        Value::Nil => asked.host.clone(),
        host => match text(host)? {
            "" | "?" => asked.host.clone(),
            host => host.to_owned(),
        },
    };
    let port = match parts.get(1)? {
        Value::Int(port) => u16::try_from(*port).ok()?,
        port => text(port)?.parse().ok()?,
    };
    Some(Address { host, port })
}

pub(super) fn words(words: &[&str]) -> Cmd {
    let mut cmd = Cmd::new();
    for word in words {
        cmd.arg(*word);
    }
    cmd
}

pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}
