use flux_core::api::{BusCanary, BusInfo};
use flux_core::output::quantity;

use super::checks::Report;

/// Whether the bus is the one that this server is configured for, and how a candidate beside it does.
pub fn look(report: &mut Report, bus: &BusInfo, configured: Option<&str>) {
    let Some(cluster) = &bus.cluster else { return };
    match configured {
        Some(configured) if configured != bus.kind => report.warning(
            "bus",
            format!("the cluster has decided for {}, and bus.kind of this server says {configured}", bus.kind),
            "set bus.kind of every server to what is decided, or change that with fluxctl bus canary",
        ),
        _ => report.ok("bus", format!("{}, {}", bus.kind, quantity(cluster.peers.len() as u64, "other node"))),
    }
    if let Some(canary) = &cluster.canary {
        look_at_canary(report, canary);
    }
}

fn look_at_canary(report: &mut Report, BusCanary { percent, current, candidate, .. }: &BusCanary) {
    let lost = |missing, kind: &str, arrived| format!("{kind} has lost {missing} messages that {arrived} has brought");
    if candidate.missing > 0 {
        let hint = "fluxctl bus canary abort, unless this is what the candidate promises";
        report.warning("canary", lost(candidate.missing, &candidate.kind, &current.kind), hint);
    } else if current.missing > 0 {
        let hint = "fluxctl bus canary promote, if the candidate does well otherwise";
        report.warning("canary", lost(current.missing, &current.kind, &candidate.kind), hint);
    } else {
        let compared = candidate.arrived;
        report.ok("canary", format!("{} beside, for {percent} % of the topics: {compared} messages compared", candidate.kind));
    }
}
