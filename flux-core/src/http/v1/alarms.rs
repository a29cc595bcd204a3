use axum::Json;
use axum::extract::State;

use crate::api::paths;
use crate::api::{Alarm, AlarmQuery, List};
use crate::http::extract::{Answer, Wanted};
use crate::http::state::App;
use crate::telemetry;

/// What an operator should know: active alarms, the worst first, and with `history=true` those that have been cleared, newest first.
#[utoipa::path(get, path = paths::ALARMS, tag = "operation", operation_id = "list_alarms", params(AlarmQuery),
    responses((status = 200, body = List<Alarm>)))]
pub async fn list(State(app): State<App>, Wanted(query): Wanted<AlarmQuery>) -> Answer<List<Alarm>> {
    let mut alarms = app.with.alarms.list();
    if query.history == Some(true) {
        alarms.extend(app.with.alarms.history());
    }
    Ok(Json(alarms.into_iter().map(|alarm| shown(&app, alarm)).collect::<Vec<_>>().into()))
}

fn shown(app: &App, alarm: telemetry::Alarm) -> Alarm {
    Alarm {
        name: alarm.cause.as_str().to_owned(),
        severity: alarm.severity,
        node: app.facts.id.to_string(),
        detail: alarm.detail,
        hint: Some(alarm.cause.hint().to_owned()),
        count: alarm.count,
        since: alarm.since.into(),
        last: alarm.last.into(),
        cleared_at: alarm.cleared.map(Into::into),
    }
}
