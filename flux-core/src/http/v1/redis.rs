use axum::Json;
use axum::extract::State;

use crate::api::{RedisFinding, RedisHealth, RedisInfo, RedisServer, Severity, paths};
use crate::http::state::App;
use crate::redis::{Finding, Inspected, Redis, Risk};

/// Redis, if this node uses it: how it does, and how each of its primaries is set up. Asks them now, which takes some seconds at most.
#[utoipa::path(get, path = paths::REDIS, tag = "nodes", operation_id = "show_redis", responses((status = 200, body = RedisInfo)))]
pub async fn show(State(app): State<App>) -> Json<RedisInfo> {
    let Some((own, copies)) = &app.with.redis else {
        return Json(RedisInfo { used: false, health: None, servers: Vec::new() });
    };
    let servers = own.inspect(*copies).await.into_iter().map(shown).collect();
    // What the bus goes through says most about how Redis does.
    let busiest = app.with.member.as_ref().map_or(own, |member| member.redis());
    Json(RedisInfo { used: true, health: Some(health(busiest)), servers })
}

pub(super) fn health(redis: &Redis) -> RedisHealth {
    let (state, figures) = (redis.state().borrow().clone(), redis.figures());
    let times = figures.round_trip.read();
    let seconds = |quantile| times.quantile(quantile).unwrap_or_default().as_secs_f64();
    RedisHealth {
        kind: redis.kind().as_str().to_owned(),
        connected: state.is_connected(),
        since: state.since.into(),
        error: state.error.as_deref().map(str::to_owned),
        commands: figures.commands.get(),
        batches: figures.batches.get(),
        failed: figures.refused.get() + figures.failed.get(),
        p50_seconds: seconds(0.5),
        p99_seconds: seconds(0.99),
    }
}

fn shown(inspected: Inspected) -> RedisServer {
    let address = inspected.server;
    match inspected.answer {
        Ok(facts) => RedisServer {
            address,
            error: None,
            version: Some(facts.version),
            round_trip_seconds: Some(facts.round_trip.as_secs_f64()),
            replicas: Some(facts.replicas),
            settings: facts.settings,
            findings: facts.findings.into_iter().map(finding).collect(),
        },
        Err(error) => RedisServer { address, error: Some(error.to_string()), ..RedisServer::default() },
    }
}

fn finding(finding: Finding) -> RedisFinding {
    RedisFinding {
        setting: finding.setting.to_owned(),
        severity: if finding.risk == Risk::Now { Severity::Critical } else { Severity::Warning },
        problem: finding.problem,
        fix: finding.fix,
    }
}
