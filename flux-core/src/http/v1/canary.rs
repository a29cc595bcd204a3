use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::bus;
use crate::api::paths;
use crate::api::{BusCanary, BusInfo, CanaryRole, CanaryWay, SetBusCanary};
use crate::bus::distributed::{DistributedBus, DistributedKind, WayReading};
use crate::http::error::Error;
use crate::http::extract::{Answer, Given};
use crate::http::state::App;

/// The canary of the bus: the candidate, its share, and how both kinds do.
#[utoipa::path(get, path = paths::BUS_CANARY, tag = "nodes", operation_id = "show_bus_canary", responses((status = 200, body = BusCanary)))]
pub async fn show(State(app): State<App>) -> Answer<BusCanary> {
    reading(member(&app)?).map(Json).ok_or_else(Error::canary_not_found)
}

/// Begins a canary in the whole cluster, or gives the present one another share. Answers once every node follows.
#[utoipa::path(put, path = paths::BUS_CANARY, tag = "nodes", operation_id = "set_bus_canary", request_body = SetBusCanary,
    responses((status = 200, body = BusCanary)))]
pub async fn set(State(app): State<App>, Given(wanted): Given<SetBusCanary>) -> Answer<BusCanary> {
    let member = member(&app)?;
    let kind: DistributedKind = wanted.kind.parse().map_err(|error| Error::invalid("kind", error))?;
    member.set_canary(kind, wanted.percent).await?;
    reading(member).map(Json).ok_or_else(Error::canary_not_found)
}

/// Ends the canary in the whole cluster. Answers once every node follows.
#[utoipa::path(delete, path = paths::BUS_CANARY, tag = "nodes", operation_id = "abort_bus_canary",
    responses((status = 204, description = "It has ended")))]
pub async fn abort(State(app): State<App>) -> Result<StatusCode, Error> {
    member(&app)?.abort_canary().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes the candidate the bus of the whole cluster. Answers once every node follows; nothing is lost or overtaken meanwhile.
#[utoipa::path(post, path = paths::BUS_CANARY_PROMOTE, tag = "nodes", operation_id = "promote_bus_canary",
    responses((status = 200, body = BusInfo)))]
pub async fn promote(State(app): State<App>) -> Answer<BusInfo> {
    member(&app)?.promote_canary().await?;
    Ok(bus::show(State(app)).await)
}

fn member(app: &App) -> Result<&Arc<DistributedBus>, Error> {
    app.with.member.as_ref().ok_or_else(Error::no_other_nodes)
}

/// What all members have counted, as far as this one has heard.
pub(super) fn reading(member: &DistributedBus) -> Option<BusCanary> {
    let decision = member.decision();
    let (counted, nodes) = member.canary()?;
    let canary = decision.canary?;
    Some(BusCanary {
        percent: canary.percent,
        nodes: nodes as u64,
        alike: counted.alike,
        current: way(CanaryRole::Current, decision.kind, &counted.current),
        candidate: way(CanaryRole::Candidate, canary.kind, &counted.candidate),
    })
}

fn way(role: CanaryRole, kind: DistributedKind, counted: &WayReading) -> CanaryWay {
    let seconds = |quantile| counted.latency(quantile).map(|latency| latency.as_secs_f64());
    CanaryWay {
        role,
        kind: kind.to_string(),
        sent: counted.sent,
        spared: counted.spared,
        arrived: counted.arrived,
        first: counted.first,
        missing: counted.missing,
        mean_seconds: counted.mean_latency().map(|latency| latency.as_secs_f64()),
        p50_seconds: seconds(0.5),
        p99_seconds: seconds(0.99),
    }
}
