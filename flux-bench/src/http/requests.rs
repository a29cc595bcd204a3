use bytes::Bytes;
use flux_core::api::paths;
use http_body_util::Full;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, InvalidHeaderValue, USER_AGENT};
use hyper::http::uri::InvalidUri;
use hyper::{Method, Request, Uri};

use super::settings::{Body, Settings, Workload};

/// A sequence number in hexadecimal digits begins every payload, so that no two are alike and a reader can tell which is missing.
pub const SEQUENCE_DIGITS: usize = 16;

#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("the path {0:?} is not one")]
    Path(String, #[source] InvalidUri),
    #[error("the token has characters that a header cannot carry")]
    Token(#[source] InvalidHeaderValue),
}

/// Makes the requests of one worker: each is a copy of one that was made before, with other sequence numbers.
#[derive(Debug)]
pub struct Requests {
    method: Method,
    headers: HeaderMap,
    uris: Vec<Uri>,
    templates: Vec<Template>,
    events: u64,
    /// Of this worker's next event, and what is added for the one after: workers take turns.
    sequence: u64,
    step: u64,
    turn: usize,
}

/// A body for one topic.
#[derive(Debug)]
struct Template {
    body: Vec<u8>,
    /// Where the sequence numbers are.
    holes: Vec<usize>,
}

impl Requests {
    /// For worker `worker`. Topics hold `run`, so that runs do not disturb each other.
    pub fn new(settings: &Settings, worker: usize, run: u32) -> Result<Self, RequestError> {
        let uri = |path: &str| {
            let path = format!("{}{path}", settings.address.prefix);
            path.parse::<Uri>().map_err(|error| RequestError::Path(path, error))
        };
        let mut headers = HeaderMap::new();
        let host = HeaderValue::from_str(&settings.address.authority).map_err(RequestError::Token)?;
        headers.insert(HOST, host);
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("flux-bench/", env!("CARGO_PKG_VERSION"))));
        if let Some(token) = &settings.token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(RequestError::Token)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let (method, uris, templates) = match settings.workload {
            Workload::Api => {
                headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
                (Method::GET, settings.paths.iter().map(|path| uri(path)).collect::<Result<_, _>>()?, vec![])
            }
            publishing => {
                let lines = publishing == Workload::Batch && settings.body == Body::Ndjson;
                let kind = if lines { "application/x-ndjson" } else { "application/json" };
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
                let topics = 0..settings.topics;
                let templates = topics.map(|topic| Template::new(settings, &format!("flux-bench/{run:08x}/{topic}")));
                (Method::POST, vec![uri(paths::EVENTS)?], templates.collect())
            }
        };
        let events = settings.events_per_request() as u64;
        // Where a worker begins: at another topic than its neighbour.
        let turn = worker * templates.len() / settings.workers.max(1);
        let (sequence, step) = (worker as u64 * events, settings.workers as u64 * events);
        Ok(Self { method, headers, uris, templates, events, sequence, step, turn })
    }

    /// Events in each.
    pub fn events(&self) -> u64 {
        self.events
    }

    pub fn next(&mut self) -> Request<Full<Bytes>> {
        let body = match self.templates.get(self.turn % self.templates.len().max(1)) {
            Some(template) => template.fill(self.sequence),
            None => Bytes::new(),
        };
        let uri = self.uris[self.turn % self.uris.len()].clone();
        self.sequence += self.step;
        self.turn = self.turn.wrapping_add(1);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        request
    }
}

impl Template {
    fn new(settings: &Settings, topic: &str) -> Self {
        let filler = filler(settings.size.saturating_sub(SEQUENCE_DIGITS), settings.seed);
        let (many, lines) = (settings.workload == Workload::Batch, settings.body == Body::Ndjson);
        let (mut body, mut holes) = (vec![], vec![]);
        if many && !lines {
            body.push(b'[');
        }
        for number in 0..settings.events_per_request() {
            if number > 0 {
                body.push(if lines { b'\n' } else { b',' });
            }
            body.extend_from_slice(format!("{{\"topic\":\"{topic}\",\"qos\":{},\"payload\":\"", settings.qos).as_bytes());
            holes.push(body.len());
            body.extend_from_slice(&[b'0'; SEQUENCE_DIGITS]);
            body.extend_from_slice(&filler);
            body.extend_from_slice(b"\"}");
        }
        if many && !lines {
            body.push(b']');
        }
        Self { body, holes }
    }

    fn fill(&self, first: u64) -> Bytes {
        let mut body = self.body.clone();
        for (number, hole) in self.holes.iter().enumerate() {
            hexadecimal(first + number as u64, &mut body[*hole..*hole + SEQUENCE_DIGITS]);
        }
        body.into()
    }
}

fn hexadecimal(mut value: u64, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

/// Letters that do not repeat soon, so that nobody's compression flatters a figure.
fn filler(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    let letter = || {
        // xorshift64*: any stream of letters will do.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        b'a' + (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 59) as u8 % 26
    };
    std::iter::repeat_with(letter).take(length).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use flux_core::api::PublishEvent;
    use http_body_util::BodyExt;

    use super::super::settings::test_settings;
    use super::*;

    fn body(requests: &mut Requests) -> Vec<u8> {
        let body = requests.next().into_body();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(body.collect()).unwrap().to_bytes().to_vec()
    }

    fn payload(event: &PublishEvent) -> String {
        serde_json::from_str(event.payload.as_ref().unwrap().get()).unwrap()
    }

    #[test]
    fn an_event_is_what_the_server_takes_and_as_large_as_it_should_be() {
        let settings = Settings { workload: Workload::Events, size: 64, qos: 1, ..test_settings() };
        let mut requests = Requests::new(&settings, 0, 7).unwrap();
        let (first, second) = (body(&mut requests), body(&mut requests));
        let first: PublishEvent = serde_json::from_slice(&first).unwrap();
        assert_eq!((first.topic.as_str(), payload(&first).len()), ("flux-bench/00000007/0", 64));
        let second: PublishEvent = serde_json::from_slice(&second).unwrap();
        assert_ne!(payload(&first), payload(&second));
    }

    #[test]
    fn workers_never_send_the_same_event() {
        let settings = Settings { workload: Workload::Batch, batch: 3, workers: 2, body: Body::Json, ..test_settings() };
        let mut seen = BTreeSet::new();
        for worker in 0..2 {
            let mut requests = Requests::new(&settings, worker, 7).unwrap();
            for _ in 0..4 {
                let events: Vec<PublishEvent> = serde_json::from_slice(&body(&mut requests)).unwrap();
                assert_eq!(events.len(), 3);
                assert!(events.iter().all(|event| seen.insert(payload(event)[..SEQUENCE_DIGITS].to_owned())));
            }
        }
        assert_eq!(seen.last().unwrap(), &format!("{:016x}", 23), "and they leave no gap");
    }

    #[test]
    fn ndjson_holds_one_event_a_line() {
        let settings = Settings { workload: Workload::Batch, batch: 5, body: Body::Ndjson, ..test_settings() };
        let text = String::from_utf8(body(&mut Requests::new(&settings, 0, 7).unwrap())).unwrap();
        assert_eq!(text.lines().filter(|line| serde_json::from_str::<PublishEvent>(line).is_ok()).count(), 5);
    }

    #[test]
    fn reads_take_the_paths_in_turn_and_carry_the_token() {
        let paths = vec!["/one".to_owned(), "/two".to_owned()];
        let settings = Settings { workload: Workload::Api, paths, token: Some("secret".to_owned()), ..test_settings() };
        let mut requests = Requests::new(&settings, 0, 7).unwrap();
        let uris: Vec<String> = (0..3).map(|_| requests.next().uri().to_string()).collect();
        assert_eq!(uris, ["/one", "/two", "/one"]);
        assert_eq!(requests.next().headers()[AUTHORIZATION], "Bearer secret");
    }
}
