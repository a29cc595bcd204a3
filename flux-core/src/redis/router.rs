use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::command::{Command, Reply};
use super::connection::Connection;
use super::dialer::Dialer;
use super::error::RedisError;
use super::figures::RedisFigures;
use super::lane::{Lane, Place, Request};
use super::refusal::Again;
use super::servers::Address;
use super::settings::RedisSettings;
use super::slots::SLOTS;
use super::state::{RedisKind, RedisState};
use super::topology::{self, ClusterMap};
use super::writer;
use crate::lifecycle::{Shutdown, Tasks};
use crate::types::Timestamp;
use crate::types::limits::{REDIS_QUEUE_BYTES, REDIS_QUEUE_COMMANDS};

/// What all parts of a connection to Redis share. Knows which lane leads to which slot.
pub(super) struct Router {
    pub settings: RedisSettings,
    pub dialer: Dialer,
    pub kind: RedisKind,
    pub figures: Arc<RedisFigures>,
    pub state: watch::Sender<RedisState>,
    pub closing: Shutdown,
    pub tasks: Tasks,
    runtime: Handle,
    /// Asks for a new look at the Cluster.
    pub stale: Notify,
    routes: RwLock<Routes>,
}

#[derive(Default)]
struct Routes {
    lanes: Vec<Arc<Lane>>,
    /// By slot; empty until the first lane is there.
    slots: Vec<Arc<Lane>>,
}

impl Router {
    pub(super) fn new(settings: RedisSettings, dialer: Dialer, kind: RedisKind, tasks: Tasks) -> Arc<Self> {
        let state = RedisState { since: Timestamp::now(), error: Some("not connected yet".into()) };
        Arc::new(Router {
            settings,
            dialer,
            kind,
            figures: Arc::default(),
            state: watch::Sender::new(state),
            closing: Shutdown::default(),
            tasks,
            runtime: Handle::current(),
            stale: Notify::new(),
            routes: RwLock::default(),
        })
    }

    /// One lane for everything.
    pub(super) fn lead_to_primary(self: &Arc<Self>) {
        let mut routes = self.routes.write();
        let lane = self.begin(Place::Primary, &mut routes);
        routes.slots = vec![lane; usize::from(SLOTS)];
    }

    fn begin(self: &Arc<Self>, place: Place, routes: &mut Routes) -> Arc<Lane> {
        let lane = Arc::new(Lane::new(place));
        routes.lanes.push(lane.clone());
        self.tasks.spawn("redis writer", writer::run(self.clone(), lane.clone()));
        lane
    }

    fn lane_at(self: &Arc<Self>, address: &Address, routes: &mut Routes) -> Arc<Lane> {
        let place = Place::At(address.clone());
        match routes.lanes.iter().find(|lane| lane.place == place) {
            Some(lane) => lane.clone(),
            None => self.begin(place, routes),
        }
    }

    /// Puts a command into its queue. Refused by an answer: too many wait, or this is closed.
    pub(super) fn send(&self, command: Command, reply: Reply) {
        if self.closing.is_requested() {
            return reply.answer(Err(RedisError::Closed));
        }
        let waiting = self.figures.waiting.get() as usize;
        if waiting >= REDIS_QUEUE_COMMANDS || self.figures.waiting_bytes.get() as usize >= REDIS_QUEUE_BYTES {
            self.figures.full.add(1);
            return reply.answer(Err(RedisError::Full { waiting, limit: REDIS_QUEUE_COMMANDS }));
        }
        let deadline = Instant::now() + command.timeout.unwrap_or(self.settings.command_timeout);
        let request = Request::new(command, reply, deadline, self.figures.clone());
        let routes = self.routes.read();
        let lane = &routes.slots[usize::from(request.command.slot.unwrap_or(0))];
        // Within the lock: whoever changes the route of a slot moves what waits for it, and must miss nothing.
        lane.push(request);
    }

    pub(super) fn lanes(&self) -> Vec<Arc<Lane>> {
        self.routes.read().lanes.clone()
    }

    /// A connection of its own to the primary of a slot.
    pub(super) async fn dial_slot(&self, slot: u16) -> Result<(Address, Connection), RedisError> {
        let place = self.routes.read().slots[usize::from(slot)].place.clone();
        self.dial(&place).await
    }

    pub(super) async fn dial(&self, place: &Place) -> Result<(Address, Connection), RedisError> {
        match place {
            Place::At(address) => Ok((address.clone(), self.dialer.dial(address).await?)),
            Place::Primary => topology::primary(&self.dialer, &self.settings.servers).await,
        }
    }

    /// Sends on what a server has not executed. `from` has nothing in flight.
    pub(super) fn reroute(self: &Arc<Self>, from: &Arc<Lane>, refused: Vec<(Request, Again)>) {
        self.figures.repeated.add(refused.len() as u64);
        let mut routes = self.routes.write();
        for (_, again) in &refused {
            if let Again::Moved { slot, address } = again {
                let lane = self.lane_at(address, &mut routes);
                if let Some(route) = routes.slots.get_mut(usize::from(*slot)) {
                    *route = lane;
                }
            }
        }
        let mut stays = Vec::new();
        for (mut request, again) in refused {
            match again {
                Again::Ask { address } => {
                    request.asking = true;
                    self.lane_at(&address, &mut routes).push(request);
                }
                Again::Text => {
                    request.text = true;
                    stays.push(request);
                }
                Again::Moved { .. } | Again::Later | Again::Elsewhere => sort(request, from, &routes, &mut stays),
            }
        }
        for request in from.take_all() {
            sort(request, from, &routes, &mut stays);
        }
        from.put_back(stays.into_iter());
    }

    /// Takes over what the Cluster says about its slots.
    ///
    /// A slot leaves a lane at once if that lane is idle or broken. A busy lane is told by its server (MOVED) once that is so, and hands
    /// over in order; to send elsewhere before it has finished would overtake what is in flight.
    pub(super) fn adopt(self: &Arc<Self>, map: &ClusterMap) {
        let mut routes = self.routes.write();
        let first = routes.slots.is_empty();
        for (range, address) in map {
            let lane = self.lane_at(address, &mut routes);
            if routes.slots.is_empty() {
                routes.slots = vec![lane.clone(); usize::from(SLOTS)];
            }
            for slot in range.clone() {
                let Some(route) = routes.slots.get_mut(usize::from(slot)) else { continue };
                if first || !Arc::ptr_eq(route, &lane) && (!route.is_connected() || route.is_idle()) {
                    *route = lane.clone();
                }
            }
        }
        for lane in routes.lanes.clone() {
            let mut stays = Vec::new();
            for request in lane.take_all() {
                sort(request, &lane, &routes, &mut stays);
            }
            if !stays.is_empty() {
                lane.put_back(stays.into_iter());
            }
        }
        let in_use = |lane: &Arc<Lane>, routes: &Routes| {
            map.iter().any(|(_, address)| lane.place == Place::At(address.clone()))
                || routes.slots.iter().any(|route| Arc::ptr_eq(route, lane))
        };
        let (keep, gone): (Vec<_>, Vec<_>) = routes.lanes.iter().cloned().partition(|lane| in_use(lane, &routes));
        routes.lanes = keep;
        for lane in gone {
            lane.retired.store(true, Ordering::Release);
            lane.wake.notify_one();
        }
        drop(routes);
        self.publish_state();
    }

    /// Does `work` after a pause. On whatever thread it is called.
    pub(super) fn later(&self, pause: Duration, work: impl FnOnce() + Send + 'static) {
        let _here = self.runtime.enter();
        self.tasks.spawn("redis later", async move {
            tokio::time::sleep(pause).await;
            work();
        });
    }

    /// Before another attempt to connect: until the time is over, or sooner if Redis was away and is back.
    pub(super) async fn pause(&self, pause: Duration) {
        let mut state = self.state.subscribe();
        let was_away = !state.borrow().is_connected();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            Ok(_) = state.wait_for(RedisState::is_connected), if was_away => {}
        }
    }

    pub(super) fn connected(&self, lane: &Lane) {
        self.figures.connected.add(1);
        *lane.problem.lock() = None;
        self.publish_state();
    }

    pub(super) fn failed(&self, lane: &Lane, problem: &RedisError) {
        let text: Arc<str> = match problem {
            RedisError::Unavailable(why) | RedisError::Lost(why) => why.clone(),
            other => other.to_string().into(),
        };
        if lane.problem.lock().replace(text.clone()).is_none() {
            self.figures.disconnected.add(1);
            tracing::warn!(problem = %text, "the connection to Redis broke");
        }
        self.stale.notify_one();
        self.publish_state();
    }

    fn publish_state(&self) {
        self.state.send_if_modified(|state| {
            // Looked at in here: of two lanes that change at a time, who looks last has to be who is heard last.
            let error = self.routes.read().lanes.iter().find_map(|lane| lane.problem.lock().clone());
            let turned = state.error.is_some() != error.is_some();
            let changed = state.error != error;
            if turned {
                state.since = Timestamp::now();
                if error.is_none() {
                    tracing::info!(servers = %self.settings.servers, kind = self.kind.as_str(), "connected to Redis");
                }
            }
            state.error = error;
            changed
        });
    }
}

/// Into the lane of its slot, or to those that stay.
fn sort(request: Request, from: &Arc<Lane>, routes: &Routes, stays: &mut Vec<Request>) {
    match request.command.slot {
        // What goes to an importing node under ASK must not be sent back by its slot.
        Some(slot) if !request.asking => {
            let lane = &routes.slots[usize::from(slot)];
            if Arc::ptr_eq(lane, from) { stays.push(request) } else { lane.push(request) }
        }
        _ if from.is_retired() => routes.slots[0].push(request),
        _ => stays.push(request),
    }
}
