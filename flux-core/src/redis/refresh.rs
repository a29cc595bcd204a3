use std::sync::Arc;

use rand::seq::SliceRandom;

use super::lane::Place;
use super::router::Router;
use super::servers::Address;
use super::topology;
use crate::types::limits::{REDIS_REFRESH, REDIS_REFRESH_BROKEN, REDIS_REFRESH_LEAST};

/// Looks at a Cluster from time to time, and when something did not go as it should.
pub(super) async fn run(router: Arc<Router>) {
    loop {
        // A failover is under way, or the node that was asked had not heard of it yet: nothing else would say when it has.
        let broken = router.lanes().iter().any(|lane| !lane.is_connected());
        tokio::select! {
            () = router.closing.requested() => return,
            () = router.stale.notified() => {}
            () = tokio::time::sleep(if broken { REDIS_REFRESH_BROKEN } else { REDIS_REFRESH }) => {}
        }
        let nodes = known(&router);
        let asked = tokio::select! {
            () = router.closing.requested() => return,
            asked = topology::cluster(&router.dialer, &nodes) => asked,
        };
        match asked {
            Ok(map) => router.adopt(&map),
            Err(problem) => tracing::debug!(%problem, "the Redis Cluster does not say where its slots are"),
        }
        // Many commands may find the same failure: one look serves them all.
        tokio::select! {
            () = router.closing.requested() => return,
            () = tokio::time::sleep(REDIS_REFRESH_LEAST) => {}
        }
    }
}

/// In random order: a node that is cut off from the others still believes in the old map, and must not be asked every time.
fn known(router: &Router) -> Vec<Address> {
    let lanes = router.lanes();
    let (mut nodes, mut broken) = (router.settings.servers.addresses.clone(), Vec::new());
    for lane in &lanes {
        let Place::At(address) = &lane.place else { continue };
        if !lane.is_connected() {
            nodes.retain(|node| node != address);
            broken.push(address.clone());
        } else if !nodes.contains(address) {
            nodes.push(address.clone());
        }
    }
    nodes.shuffle(&mut rand::rng());
    nodes.extend(broken);
    nodes
}
