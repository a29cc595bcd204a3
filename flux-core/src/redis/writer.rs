use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ::redis::Value;
use futures_util::{FutureExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, MissedTickBehavior};

use super::backoff::Backoff;
use super::connection::{Connection, refused, said};
use super::dialer::Writing;
use super::error::RedisError;
use super::lane::{Lane, Request};
use super::refusal::{Again, again};
use super::router::Router;
use super::servers::Address;
use super::topology::words;
use crate::measure::LocalHistogram;
use crate::types::limits::{REDIS_BATCH, REDIS_BATCH_BYTES, REDIS_IN_FLIGHT, REDIS_LATER, REDIS_PING, REDIS_TICK};

/// Connects a lane to its server, for as long as the lane is needed.
pub(super) async fn run(router: Arc<Router>, lane: Arc<Lane>) {
    let mut backoff = Backoff::default();
    loop {
        let Some(dialed) = unless_ended(&router, &lane, router.dial(&lane.place)).await else { break };
        match dialed {
            Ok((address, connection)) => {
                router.connected(&lane);
                let began = Instant::now();
                let mut serving = Serving::new(&router, &lane, address);
                let outcome = serving.run(connection).await.map_err(|problem| match problem {
                    RedisError::Lost(why) => RedisError::Lost(format!("{}: {why}", serving.address).into()),
                    other => other,
                });
                serving.give_back(outcome.as_ref().err());
                let Err(problem) = outcome else { break };
                router.failed(&lane, &problem);
                if began.elapsed() > REDIS_PING {
                    backoff.reset();
                }
            }
            Err(problem) => router.failed(&lane, &problem),
        }
        if unless_ended(&router, &lane, tokio::time::sleep(backoff.next())).await.is_none() {
            break;
        }
    }
    // Those that are left are answered by being dropped.
    drop(lane.take_all());
}

/// What `future` brings, unless the lane is not needed any more. What waits too long meanwhile is answered.
async fn unless_ended<T>(router: &Router, lane: &Lane, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut tick = tokio::time::interval(REDIS_TICK);
    loop {
        if router.closing.is_requested() || lane.is_retired() && lane.is_idle() {
            return None;
        }
        tokio::select! {
            done = &mut future => return Some(done),
            _ = tick.tick() => lane.expire(Instant::now()),
            () = router.closing.requested() => return None,
        }
    }
}

/// Writes some of `out`, and flushes (`None`) when there is none left: TLS keeps the last record to itself otherwise. Cancel safe.
async fn advance(writing: &mut Writing, out: &[u8]) -> std::io::Result<Option<usize>> {
    if out.is_empty() { writing.flush().await.map(|()| None) } else { writing.write(out).await.map(Some) }
}

/// Of the answer to ROLE. `None`: it may not say.
fn replicas(role: &Value) -> Option<u8> {
    let Value::Array(parts) = role else { return None };
    let Some(Value::Array(replicas)) = parts.get(2) else { return None };
    u8::try_from(replicas.len()).ok()
}

/// What was sent and has no answer yet.
enum Sent {
    Request(Request),
    Asking,
    /// Whether it lives, and how many replicas it has.
    Role,
    /// After the last request of a batch that wants replicas.
    Wait,
}

/// One connection at work.
struct Serving<'a> {
    router: &'a Arc<Router>,
    lane: &'a Arc<Lane>,
    address: Address,
    out: Vec<u8>,
    written: usize,
    flushed: bool,
    in_flight: VecDeque<(Instant, Sent)>,
    taken: Vec<Request>,
    /// Executed, waiting for the replicas.
    held: Vec<(Request, Value)>,
    /// Not executed. While there are any, nothing new is sent: once all is answered they are sent on, in order.
    again: Vec<(Request, Again)>,
    last_asked: Option<Instant>,
    /// It has answered the first question, which is about its replicas.
    has_introduced_itself: bool,
    /// Replicas that are connected to it, as far as it may say.
    replicas: Option<u8>,
    round_trips: LocalHistogram,
}

impl<'a> Serving<'a> {
    fn new(router: &'a Arc<Router>, lane: &'a Arc<Lane>, address: Address) -> Self {
        Serving {
            router,
            lane,
            address,
            out: Vec::new(),
            written: 0,
            flushed: true,
            in_flight: VecDeque::new(),
            taken: Vec::new(),
            held: Vec::new(),
            again: Vec::new(),
            last_asked: None,
            has_introduced_itself: false,
            replicas: None,
            round_trips: LocalHistogram::default(),
        }
    }

    /// Until the lane is not needed any more, or the connection breaks.
    async fn run(&mut self, connection: Connection) -> Result<(), RedisError> {
        let Connection { mut reading, mut writing, .. } = connection;
        let closing = self.router.closing.clone();
        let mut closing = pin!(closing.requested().fuse());
        let mut tick = tokio::time::interval(REDIS_TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if !self.again.is_empty() && self.in_flight.is_empty() {
                self.send_on().await?;
            }
            self.fill();
            if self.in_flight.is_empty() && (self.router.closing.is_requested() || self.lane.is_retired()) && self.lane.is_idle()
            {
                return Ok(());
            }
            let unwritten = self.written < self.out.len();
            tokio::select! {
                biased;
                item = reading.next() => {
                    let now = Instant::now();
                    self.take(said(item)?, now);
                    // What has arrived with it. Bounded, so that writing gets its turn.
                    for _ in 1..REDIS_BATCH {
                        let Some(item) = reading.next().now_or_never() else { break };
                        self.take(said(item)?, now);
                    }
                    self.router.figures.round_trip.absorb(&mut self.round_trips);
                }
                advanced = advance(&mut writing, &self.out[self.written..]), if unwritten || !self.flushed => match advanced {
                    Ok(Some(0)) => return Err(RedisError::Lost("nothing can be written to it".into())),
                    Ok(Some(bytes)) => self.written += bytes,
                    Ok(None) => self.flushed = true,
                    Err(error) => return Err(RedisError::Lost(error.to_string().into())),
                },
                () = self.lane.wake.notified() => {}
                now = tick.tick() => self.check(now)?,
                () = &mut closing => {}
            }
        }
    }

    /// Takes the next batch from the queue into the write buffer, once the last one is written.
    fn fill(&mut self) {
        let room = REDIS_IN_FLIGHT.saturating_sub(self.in_flight.len()).min(REDIS_BATCH);
        if self.written < self.out.len() || room == 0 || !self.again.is_empty() {
            return;
        }
        // Until it has said how many replicas it has, nothing else is asked: to wait for one that is not there would hold up everything.
        if self.has_introduced_itself {
            self.lane.take(room, REDIS_BATCH_BYTES, &mut self.taken);
        }
        let ask = self.last_asked.is_none_or(|asked| asked.elapsed() >= REDIS_PING);
        if self.taken.is_empty() && !ask {
            return;
        }
        let now = self.begin_write();
        if ask {
            words(&["ROLE"]).write_packed_command(&mut self.out);
            self.in_flight.push_back((now, Sent::Role));
            self.last_asked = Some(now);
        }
        let (mut replicas, mut late) = (0, 0);
        for mut request in self.taken.drain(..) {
            if request.deadline <= now {
                request.answer(Err(RedisError::unavailable("it is too slow")));
                late += 1;
                continue;
            }
            if request.asking {
                words(&["ASKING"]).write_packed_command(&mut self.out);
                self.in_flight.push_back((now, Sent::Asking));
            }
            match request.text.then(|| request.command.with_text()).flatten() {
                Some(cmd) => cmd.write_packed_command(&mut self.out),
                None => request.command.cmd.write_packed_command(&mut self.out),
            }
            let wanted = request.command.replicas;
            let possible = self.replicas.filter(|_| request.command.lenient).unwrap_or(wanted);
            request.confirm = wanted.min(possible);
            replicas = replicas.max(request.confirm);
            self.in_flight.push_back((now, Sent::Request(request)));
        }
        if replicas > 0 {
            let patience = self.router.settings.command_timeout / 2;
            words(&["WAIT", &replicas.to_string(), &patience.as_millis().to_string()]).write_packed_command(&mut self.out);
            self.in_flight.push_back((now, Sent::Wait));
        }
        if late > 0 {
            self.lane.landed(late);
        }
        self.router.figures.batches.add(1);
        self.router.figures.bytes_out.add(self.out.len() as u64);
    }

    fn begin_write(&mut self) -> Instant {
        if self.out.capacity() > 2 * REDIS_BATCH_BYTES {
            self.out = Vec::new();
        }
        self.out.clear();
        self.written = 0;
        self.flushed = false;
        Instant::now()
    }

    fn take(&mut self, value: Value, now: Instant) {
        if matches!(value, Value::Push { .. }) {
            return;
        }
        let Some((at, sent)) = self.in_flight.pop_front() else { return };
        match sent {
            Sent::Asking => {}
            Sent::Role => {
                self.round_trips.observe(now - at);
                self.replicas = replicas(&value);
                self.has_introduced_itself = true;
            }
            Sent::Wait => self.replicated(&value),
            Sent::Request(request) => {
                self.round_trips.observe(now - at);
                match value {
                    Value::ServerError(error) => match again(&error, &request.command, &self.address) {
                        Some(again) if request.deadline > now => self.again.push((request, again)),
                        _ => {
                            request.answer(Err(refused(&error)));
                            self.lane.landed(1);
                        }
                    },
                    value if request.confirm > 0 => self.held.push((request, value)),
                    value => {
                        request.answer(Ok(value));
                        self.lane.landed(1);
                    }
                }
            }
        }
    }

    /// The answer of WAIT: how many replicas have all that was sent before it.
    fn replicated(&mut self, answer: &Value) {
        self.lane.landed(self.held.len());
        for (request, value) in self.held.drain(..) {
            let wanted = request.confirm;
            request.answer(match answer {
                Value::Int(confirmed) if *confirmed >= i64::from(wanted) => Ok(value),
                Value::Int(confirmed) => {
                    Err(RedisError::NotReplicated { wanted, confirmed: u8::try_from(*confirmed).unwrap_or_default() })
                }
                Value::ServerError(error) => Err(refused(error)),
                other => Err(RedisError::unexpected(other)),
            });
        }
    }

    /// Everything is answered: what was not executed goes where it can be.
    async fn send_on(&mut self) -> Result<(), RedisError> {
        let refused = std::mem::take(&mut self.again);
        let later = refused.iter().any(|(_, again)| *again == Again::Later);
        let elsewhere = refused.iter().any(|(_, again)| *again == Again::Elsewhere);
        if refused.iter().any(|(_, again)| !matches!(again, Again::Text)) {
            self.router.stale.notify_one();
        }
        self.lane.landed(refused.len());
        self.router.reroute(self.lane, refused);
        if elsewhere {
            return Err(RedisError::Lost("it has become a replica".into()));
        }
        if later {
            tokio::time::sleep(REDIS_LATER).await;
        }
        Ok(())
    }

    /// A server that has not answered in time is left: [`Serving::fill`] asks it something every second.
    fn check(&mut self, now: Instant) -> Result<(), RedisError> {
        let patience: Duration = self.router.settings.command_timeout;
        if self.in_flight.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > patience) {
            return Err(RedisError::Lost(format!("no answer within {patience:?}").into()));
        }
        self.lane.expire(now);
        Ok(())
    }

    /// The connection is gone: what may be sent again goes back to the queue, in order; the rest is told.
    fn give_back(&mut self, problem: Option<&RedisError>) {
        let why: Arc<str> = match problem {
            Some(RedisError::Lost(why)) => why.clone(),
            Some(other) => other.to_string().into(),
            None => "it was closed".into(),
        };
        let held = self.held.drain(..).map(|(request, _)| (request, true));
        let again = self.again.drain(..).map(|(request, _)| (request, false));
        let in_flight = self.in_flight.drain(..).filter_map(|(_, sent)| match sent {
            Sent::Request(request) => Some((request, true)),
            _ => None,
        });
        let mut back = Vec::new();
        let mut landed = 0;
        for (request, may_have_happened) in held.chain(again).chain(in_flight) {
            landed += 1;
            if may_have_happened && !request.command.repeatable {
                request.answer(Err(RedisError::Lost(why.clone())));
            } else {
                back.push(request);
            }
        }
        self.lane.landed(landed);
        self.router.figures.repeated.add(back.len() as u64);
        self.lane.put_back(back.into_iter());
    }
}
