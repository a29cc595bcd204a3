use std::time::Duration;

use flux_core::api::{Code, Problem};
use flux_core::client::{Client, ClientError};
use reqwest::{Method, RequestBuilder, StatusCode};

use crate::world::{TOKEN, World};

/// Sends the request and checks that the answer is a problem in every respect.
async fn problem(request: RequestBuilder) -> Problem {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    assert_eq!(answer.headers()["content-type"], "application/problem+json", "{status}");
    assert!(answer.headers().contains_key("x-request-id"));
    let problem: Problem = answer.json().await.unwrap();
    assert_eq!(problem.status, status.as_u16());
    assert_eq!(problem.kind, format!("urn:flux-iot:problem:{}", problem.code));
    assert!(!problem.detail.is_empty() && problem.title == problem.code.title());
    problem
}

#[tokio::test]
async fn every_wrong_request_is_answered_with_a_problem() {
    let world = World::with(&[("http.max_body", "2KiB")]).await;
    let get = |path: &str| world.raw.get(world.at(path));
    let json = |body: &str| world.post("application/json", body.to_owned());
    let too_large = format!("{{\"topic\":\"a\",\"payload\":\"{}\"}}", "x".repeat(3_000));
    let trace =
        |body: &str| world.raw.post(world.at("/api/v1/traces")).header("content-type", "application/json").body(body.to_owned());
    for (request, code, status) in [
        (get("/nothing"), Code::NoSuchPath, 404),
        (get("/api/v1/sessions/"), Code::NoSuchPath, 404),
        (world.raw.put(world.at("/api/v1/events")), Code::MethodNotAllowed, 405),
        (world.raw.delete(world.at("/health")), Code::MethodNotAllowed, 405),
        (get("/api/v1/nodes/other"), Code::NodeNotFound, 404),
        (get("/api/v1/clients/x"), Code::ClientNotFound, 404),
        (get("/api/v1/sessions/%ff"), Code::InvalidParameter, 400),
        (get("/api/v1/sessions?limit=0"), Code::InvalidParameter, 400),
        (get("/api/v1/sessions?limit=many"), Code::InvalidParameter, 400),
        (get("/api/v1/sessions?limt=1"), Code::InvalidParameter, 400),
        (get("/api/v1/sessions?cursor=%21"), Code::InvalidParameter, 400),
        (get("/api/v1/subscriptions?cursor=YQ"), Code::InvalidParameter, 400),
        (get("/api/v1/events?cursor=eg"), Code::InvalidParameter, 400),
        (get("/api/v1/events?filter=a%23"), Code::InvalidParameter, 400),
        (get("/api/v1/retained?filter="), Code::InvalidParameter, 400),
        (get("/api/v1/events/tail"), Code::InvalidParameter, 400),
        (get("/api/v1/events/tail?filter=%24share/g"), Code::InvalidParameter, 400),
        (world.raw.delete(world.at("/api/v1/retained/a%2F%23")), Code::InvalidParameter, 400),
        (world.raw.delete(world.at("/api/v1/traces/x")), Code::TraceNotFound, 404),
        (get("/api/v1/traces/1/tail"), Code::TraceNotFound, 404),
        (json(""), Code::InvalidJson, 400),
        (json("{\"topic\": }"), Code::InvalidJson, 400),
        (json("[{\"topic\":\"a\"}"), Code::InvalidJson, 400),
        (json("{}"), Code::InvalidRequest, 422),
        (json("{\"topic\":\"a\",\"qos\":3}"), Code::InvalidRequest, 422),
        (json("{\"topic\":\"a\",\"colour\":\"red\"}"), Code::InvalidRequest, 422),
        (json("{\"topic\":\"a/#\"}"), Code::InvalidRequest, 422),
        (json("{\"topic\":\"$SYS/a\"}"), Code::NotAuthorized, 403),
        (json(&too_large), Code::BodyTooLarge, 413),
        (json("{\"topic\":\"a\"}").header("origin", "http://elsewhere.example"), Code::NotAuthorized, 403),
        (world.raw.post(world.at("/api/v1/sessions/x/disconnect")).header("origin", "null"), Code::NotAuthorized, 403),
        (json("{\"topic\":\"a\"}").header("idempotency-key", ""), Code::InvalidParameter, 400),
        (world.post("text/plain", "hello"), Code::UnsupportedMediaType, 415),
        (world.raw.post(world.at("/api/v1/events")).body("{}"), Code::UnsupportedMediaType, 415),
        (trace("{}"), Code::InvalidRequest, 422),
        (trace("{\"client_id\":\"a\",\"topic\":\"b\"}"), Code::InvalidRequest, 422),
        (trace("{\"topic\":\"a\",\"duration_seconds\":0}"), Code::InvalidRequest, 422),
        (trace("{\"topic\":\"#/a\"}"), Code::InvalidRequest, 422),
        (world.raw.post(world.at("/api/v1/traces")).body("{}"), Code::UnsupportedMediaType, 415),
    ] {
        let what = format!("{request:?}");
        let problem = problem(request).await;
        assert_eq!((problem.code, problem.status), (code, status), "{what}\n{problem:?}");
    }
}

#[tokio::test]
async fn a_problem_names_the_place_and_the_part_that_is_wrong() {
    let world = World::start().await;
    let unknown = problem(world.post("application/json", "{\n\"topic\":\"a\",\n  \"colour\":1}")).await;
    assert!(unknown.detail.contains("unknown field `colour`") && unknown.detail.contains("line 3, column"), "{unknown:?}");
    assert_eq!(unknown.errors[0].field, "colour");
    let kind = problem(world.post("application/json", r#"{"topic":3}"#)).await;
    assert_eq!(kind.errors[0].field, "topic", "{kind:?}");
    let query = problem(world.raw.get(world.at("/api/v1/sessions?limit=many"))).await;
    assert_eq!(query.errors[0].field, "limit");
    let misspelt = problem(world.raw.get(world.at("/api/v1/sessions?limt=1"))).await;
    assert_eq!(misspelt.errors[0].field, "limt");
    let own_page = world.post("application/json", "{\"topic\":\"a\"}").header("origin", &world.url).send().await.unwrap();
    assert_eq!(own_page.status(), 200, "the documentation page may publish");
    let method = world.raw.put(world.at("/api/v1/events")).send().await.unwrap();
    assert_eq!(method.headers()["allow"], "GET,HEAD,POST");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_all_the_same() {
    let world = World::with(&[("http.request_timeout", "1s")]).await;
    world.store.hold();
    let slow = problem(world.post("application/json", r#"{"topic":"a","payload":1,"retain":true,"qos":1}"#)).await;
    assert_eq!((slow.code, slow.status), (Code::Timeout, 503));
}

#[tokio::test]
async fn with_a_token_only_those_who_show_it_see_data() {
    let world = World::with(&[("http.token", TOKEN)]).await;
    world.client.nodes().await.expect("the client shows it");
    let stranger = Client::new(&world.url, None, Duration::from_secs(5)).unwrap();
    let refused = stranger.nodes().await.unwrap_err();
    assert_eq!(refused.problem().map(|problem| (problem.code, problem.status)), Some((Code::Unauthenticated, 401)));
    let wrong = world.raw.get(world.at("/metrics")).bearer_auth("0123456789abcdeX");
    let answer = wrong.try_clone().unwrap().send().await.unwrap();
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    assert_eq!(problem(wrong).await.code, Code::Unauthenticated);
    assert_eq!(problem(world.post("application/json", "{}")).await.code, Code::Unauthenticated);
    for open in ["/", "/docs", "/health", "/ready", "/api/v1/openapi.json"] {
        assert_eq!(world.raw.get(world.at(open)).send().await.unwrap().status(), StatusCode::OK, "{open}");
    }
}

#[tokio::test]
async fn head_is_get_without_a_body_and_a_request_id_comes_back() {
    let world = World::start().await;
    let answer = world.raw.request(Method::HEAD, world.at("/api/v1/nodes")).header("x-request-id", "abc-1").send().await.unwrap();
    assert_eq!((answer.status(), &answer.headers()["x-request-id"]), (StatusCode::OK, &"abc-1".parse().unwrap()));
    assert!(answer.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_client_keeps_apart_what_went_wrong() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let nobody = Client::new(&format!("http://{closed}"), None, Duration::from_secs(5)).unwrap().health().await;
    assert!(matches!(&nobody, Err(ClientError::Unreachable { reason, .. }) if reason.contains("refused")), "{nobody:?}");

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let late = Client::new(&url, None, Duration::from_millis(200)).unwrap().health().await;
    assert!(matches!(late, Err(ClientError::TimedOut { .. })), "{late:?}");

    let world = World::start().await;
    let elsewhere = Client::new(&world.at("/docs"), None, Duration::from_secs(5)).unwrap().health().await;
    assert!(elsewhere.unwrap_err().problem().is_some_and(|problem| problem.code == Code::NoSuchPath));
}
