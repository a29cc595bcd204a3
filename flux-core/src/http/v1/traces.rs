use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::{StreamExt, stream};

use crate::api::paths;
use crate::api::{Direction, Dropped, List, StartTrace, Trace, TraceRecord};
use crate::http::error::Error;
use crate::http::extract::{Given, Segment};
use crate::http::state::App;
use crate::http::tail as live;
use crate::telemetry::{self, TraceInfo, TraceStep, TraceTarget};
use crate::types::{ClientId, TopicFilter};

const DEFAULT_SECONDS: u32 = 600;
const MOST_SECONDS: u32 = 3_600;

/// The traces that are running.
#[utoipa::path(get, path = paths::TRACES, tag = "operation", operation_id = "list_traces", responses((status = 200, body = List<Trace>)))]
pub async fn list(State(app): State<App>) -> Json<List<Trace>> {
    Json(app.with.traces.list().into_iter().map(running).collect::<Vec<_>>().into())
}

/// Starts a trace of one client, or of the topics that match a filter. It ends by itself.
#[utoipa::path(post, path = paths::TRACES, tag = "operation", operation_id = "start_trace", request_body = StartTrace,
    responses((status = 201, body = Trace)))]
pub async fn start(State(app): State<App>, Given(wanted): Given<StartTrace>) -> Result<(StatusCode, Json<Trace>), Error> {
    let target = match (wanted.client_id, wanted.topic) {
        (Some(client_id), None) => TraceTarget::Client(ClientId::new(client_id)),
        (None, Some(topic)) => TraceTarget::Topic(TopicFilter::parse(&topic).map_err(|error| Error::topic("topic", error))?),
        (Some(_), Some(_)) => return Err(Error::invalid("client_id", "and topic are both there; a trace follows one of them")),
        (None, None) => return Err(Error::invalid("client_id", "and topic are both missing; name one of them")),
    };
    let seconds = wanted.duration_seconds.unwrap_or(DEFAULT_SECONDS);
    if !(1..=MOST_SECONDS).contains(&seconds) {
        return Err(Error::invalid("duration_seconds", format!("is {seconds}, and a trace runs for 1 to {MOST_SECONDS}")));
    }
    let trace = app.with.traces.start(target, Duration::from_secs(seconds.into()))?;
    Ok((StatusCode::CREATED, Json(running(trace))))
}

/// Ends a trace.
#[utoipa::path(delete, path = paths::TRACE, tag = "operation", operation_id = "stop_trace", params(("id" = String, Path)),
    responses((status = 204, description = "It has ended")))]
pub async fn stop(State(app): State<App>, Segment(id): Segment) -> Result<StatusCode, Error> {
    match number(&id)? {
        number if app.with.traces.stop(number) => Ok(StatusCode::NO_CONTENT),
        _ => Err(Error::trace_not_found(&id)),
    }
}

/// What a trace sees, as it happens (server-sent events named `record`, and `dropped` where the reader was too slow). Ends with the trace.
#[utoipa::path(get, path = paths::TRACE_TAIL, tag = "operation", operation_id = "tail_trace", params(("id" = String, Path)),
    responses((status = 200, description = "A stream that ends with the trace", body = TraceRecord, content_type = "text/event-stream")))]
pub async fn tail(State(app): State<App>, Segment(id): Segment) -> Result<Response, Error> {
    let permit = live::permit(&app)?;
    let records = app.with.traces.tail(number(&id)?).ok_or_else(|| Error::trace_not_found(&id))?;
    let shutdown = app.with.tasks.shutdown().clone();
    let steps = stream::unfold(records, |mut records| async move { Some((records.next().await?, records)) });
    let sent = steps.take_until(async move { shutdown.requested().await }).map(move |step| {
        // Given back when the stream is dropped.
        let _held = &permit;
        match step {
            TraceStep::Record(record) => live::named("record", &shown(&record)),
            TraceStep::Missed(dropped) => live::named("dropped", &Dropped { dropped }),
        }
    });
    Ok(live::response(sent))
}

fn number(id: &str) -> Result<u64, Error> {
    id.parse().map_err(|_| Error::trace_not_found(id))
}

fn running(trace: TraceInfo) -> Trace {
    let (client_id, topic) = match trace.target {
        TraceTarget::Client(client_id) => (Some(client_id.to_string()), None),
        TraceTarget::Topic(filter) => (None, Some(filter.to_string())),
    };
    Trace { id: trace.id.to_string(), client_id, topic, started_at: trace.started.into(), ends_at: trace.ends.into() }
}

fn shown(record: &telemetry::TraceRecord) -> TraceRecord {
    TraceRecord {
        time: record.time.into(),
        client_id: record.client.to_string(),
        direction: match record.direction {
            telemetry::Direction::In => Direction::In,
            telemetry::Direction::Out => Direction::Out,
        },
        packet: record.packet.to_owned(),
        topic: record.topic.as_ref().map(ToString::to_string),
        event_id: record.event.map(|id| id.to_string()),
        qos: record.qos,
        size_bytes: record.size as u64,
        reason: record.reason.map(str::to_owned),
    }
}
