use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::super::port::{BusStats, EventBus, Guarantees, Handover, Subscriber};
use super::super::route::Route;
use super::super::subscriptions::Member;
use super::arrivals::Arrivals;
use super::arrive::ReadMemory;
use super::canary::CanaryReading;
use super::core::{Core, Waiter};
use super::decision::Decision;
use super::figures::BusFigures;
use super::heartbeat::{self, JoinError};
use super::kind::DistributedKind;
use super::membership::{Peer, PeerState};
use super::own_routes::{Known, Part};
use super::settings::DistributedSettings;
use super::steer::SteerError;
use super::terms::Terms;
use super::{inbox, retained, teller};
use crate::lifecycle::Tasks;
use crate::receipt::Receipt;
use crate::redis::{Heard, Redis, RedisSubscription};
use crate::types::{ClientId, Event, NodeId, QoS, SubscribeOptions, SubscriberId, Subscription, limits};

/// The bus of one node of a cluster.
///
/// Subscribers here get an event from memory. It travels through Redis to those nodes alone that have a subscriber for it: a copy
/// never comes back.
pub struct DistributedBus {
    pub(super) core: Arc<Core>,
    pub(super) tasks: Tasks,
    /// They end when they are dropped.
    subscriptions: Mutex<Vec<RedisSubscription>>,
}

/// How full one node's inbox is, as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxDepth {
    pub node: NodeId,
    /// Batches that wait, by lane.
    pub lanes: Vec<u64>,
}

impl DistributedBus {
    /// Makes this node a member of its cluster. Nothing is received before [`DistributedBus::receive`].
    pub async fn join(settings: DistributedSettings, redis: Redis, tasks: &Tasks) -> Result<Self, JoinError> {
        let core = Core::new(settings, redis, Instant::now());
        for lane in 0..core.settings.lanes {
            inbox::prepare(&core, lane).await?;
        }
        let hearer = core.clone();
        let control = core.redis.subscribe(vec![core.keys.control(&core.settings.node)], move |heard| {
            if let Heard::Message { payload, .. } = heard {
                hearer.hear_control(&payload);
            }
        });
        control.confirmed().await?;
        core.join(tasks).await?;
        tasks.spawn("bus heartbeat", heartbeat::run(core.clone(), tasks.clone()));
        tasks.spawn("bus routes", teller::run(core.clone()));
        tasks.spawn("bus retained", retained::run(core.clone()));
        Ok(DistributedBus { core, tasks: tasks.clone(), subscriptions: Mutex::new(vec![control]) })
    }

    /// From now on events from other nodes are delivered here, and `arrivals` finishes that. Call it once this node's durable
    /// subscribers have subscribed again: they are owed what waits.
    ///
    /// Returns once what waited has been delivered, or takes too long.
    ///
    /// `own` are the retained messages that this node had before it was in a cluster: they are kept if there is no cluster yet.
    pub async fn receive(&self, arrivals: Arc<dyn Arrivals>, own: &[Arc<Event>]) -> Result<(), JoinError> {
        let core = &self.core;
        if core.arrivals.set(arrivals).is_err() {
            return Ok(());
        }
        let (hearer, memory) = (core.clone(), Mutex::new(ReadMemory::of_what_may_be_lost()));
        let events = core.redis.subscribe(vec![core.keys.events(&core.settings.node)], move |heard| {
            if let Heard::Message { payload, .. } = heard {
                // What comes this way may be lost: nobody waits for it to be safe.
                drop(hearer.arrive(&payload, &mut memory.lock(), false));
            }
        });
        events.confirmed().await?;
        self.subscriptions.lock().push(events);
        (0..core.settings.lanes).for_each(|lane| inbox::start(core, lane, &self.tasks));
        core.load_retained(own).await?;
        // A publisher that comes here must not overtake what it has sent through another node.
        let caught_up = join_all((0..core.settings.lanes).map(|lane| core.caught_up(lane)));
        if tokio::time::timeout(limits::CATCH_UP, caught_up).await.is_err() {
            tracing::warn!(
                "what other nodes have sent meanwhile is still being delivered: publishers that come here may overtake it"
            );
        }
        core.set_state(PeerState::Ready);
        core.tell.notify_one();
        Ok(())
    }

    /// Takes this node out of its cluster: others stop sending, what is on its way is sent and received first, as far as `deadline` allows.
    pub async fn leave(&self, deadline: Duration) {
        let core = &self.core;
        let end = Instant::now() + deadline;
        core.set_state(PeerState::Draining);
        while !core.links.all().iter().all(|link| link.outboxes().all(|outbox| outbox.is_idle())) && Instant::now() < end {
            tokio::time::sleep(limits::LEAVE_LOOK).await;
        }
        // What has come is for the sessions here for as long as they are: the rest is the others' to pass on.
        let patience = end.min(Instant::now() + limits::LEAVE_PATIENCE);
        while core.arrivals.get().is_some() && !core.inbox_is_empty().await && Instant::now() < patience {
            tokio::time::sleep(limits::LEAVE_LOOK).await;
        }
        // Whoever drains the inbox must not find this node at it: each passes on by a way of its own.
        core.leaving.request();
        while Arc::strong_count(&core.unsettled) > 1 && Instant::now() < end {
            tokio::time::sleep(limits::LEAVE_LOOK).await;
        }
        let generation = core.life.lock().generation;
        let leave = core.scripts.leave().arg(core.settings.node.as_str()).arg(generation.0);
        if let Err(problem) = core.redis.call(leave).await {
            tracing::warn!(%problem, "the other nodes could not be told that this one leaves: they will notice");
        }
        core.closing.request();
        core.gate.close();
        core.progress.notify_waiters();
        core.tell.notify_one();
        self.subscriptions.lock().clear();
    }

    /// Makes `event` the retained message of its topic in the whole cluster; without a payload there is none any more. Resolves once
    /// every node has it.
    pub fn retain(&self, event: &Arc<Event>) -> Receipt {
        self.core.retain(event)
    }

    /// What the cluster has decided that events travel by.
    pub fn kind(&self) -> DistributedKind {
        self.core.decision().kind
    }

    pub fn decision(&self) -> Decision {
        self.core.decision()
    }

    /// Begins a canary in the whole cluster, or gives the present one another share. Resolves once every member follows.
    pub async fn set_canary(&self, kind: DistributedKind, percent: u8) -> Result<Decision, SteerError> {
        self.core.decide(|decision| decision.with_canary(kind, percent)).await
    }

    /// Makes the candidate the bus of the cluster. Resolves once every member follows.
    pub async fn promote_canary(&self) -> Result<Decision, SteerError> {
        self.core.decide(Decision::promoted).await
    }

    /// Ends the canary. Resolves once every member follows.
    pub async fn abort_canary(&self) -> Result<Decision, SteerError> {
        self.core.decide(Decision::aborted).await
    }

    /// What this node has counted of the present canary.
    pub fn own_canary(&self) -> Option<CanaryReading> {
        self.core.canary_reading()
    }

    /// What all members have counted of the present canary, and how many they are that have told theirs.
    pub fn canary(&self) -> Option<(CanaryReading, usize)> {
        let mut sum = self.core.canary_reading()?;
        let (since, mut nodes) = (sum.since, 1);
        for told in self.peers().into_iter().filter_map(|peer| peer.canary).filter(|told| told.since == since) {
            sum.add(&told);
            nodes += 1;
        }
        Some((sum, nodes))
    }

    /// Lanes to other nodes that wait for what went by the former bus of the cluster.
    pub fn changing(&self) -> usize {
        self.core.fences.open()
    }

    pub fn node(&self) -> &NodeId {
        &self.core.settings.node
    }

    /// Whether this node is a member: it reaches Redis, and the others know that it lives.
    pub fn is_connected(&self) -> bool {
        self.core.is_connected()
    }

    /// The other members.
    pub fn peers(&self) -> Vec<Peer> {
        self.core.membership.lock().peers().cloned().collect()
    }

    /// What `node` has told that its subscribers ask for.
    pub fn routes(&self, node: &NodeId) -> Vec<(Subscription, Terms)> {
        if *node == self.core.settings.node {
            return self.core.own.lock().routes.iter().map(|(subscription, terms)| (subscription.clone(), terms)).collect();
        }
        self.core.mirror.read().routes(node).map(|(subscription, terms)| (subscription.clone(), terms)).collect()
    }

    /// Nodes that have told routes: members, and those that are gone but owe something to their durable subscribers.
    pub fn nodes_with_routes(&self) -> Vec<NodeId> {
        self.core.mirror.read().nodes().cloned().collect()
    }

    /// A client has connected here: should it have a connection to another node, that one ends it. Returns the number of this connect,
    /// which grows, and when the client may hear of it: the others can know then, and what it has published on its former node is
    /// delivered here (or Redis does not answer).
    pub fn client_connected(&self, client: &ClientId) -> (u64, impl Future<Output = ()> + use<>) {
        self.core.client_connected(client)
    }

    /// `taken` ends the connection of a client that has connected to another node, unless its own number is greater than the one told:
    /// then it came later. Only the first `taken` counts.
    pub fn on_taken(&self, taken: impl Fn(&str, u64) + Send + Sync + 'static) {
        _ = self.core.taken.set(Box::new(taken));
    }

    /// Routes of all nodes, this one included.
    pub fn route_count(&self) -> usize {
        self.core.mirror.read().len() + self.core.own.lock().routes.iter().count()
    }

    /// `about` answers what this node tells of itself to those who ask another. Only the first one counts.
    pub fn describe_with(&self, about: impl Fn() -> serde_json::Value + Send + Sync + 'static) {
        _ = self.core.about.set(Box::new(about));
    }

    /// Of every member, this one included, and of every node that this one has sent to.
    pub fn inboxes(&self) -> Vec<InboxDepth> {
        let depth = |link: &Arc<super::links::Link>| InboxDepth {
            node: link.node.clone(),
            lanes: link.inboxes().map(|outbox| outbox.depth()).collect(),
        };
        self.core.links.all().iter().map(depth).collect()
    }

    pub fn figures(&self) -> &Arc<BusFigures> {
        &self.core.figures
    }

    pub fn redis(&self) -> &Redis {
        &self.core.redis
    }

    /// Events whose publishers wait for this node to be a member again.
    pub fn held(&self) -> usize {
        self.core.gate.held()
    }
}

impl Part {
    fn of(member: &Member) -> Part {
        let qos = member.options.qos;
        Part { qos, durable: member.durable, offline: member.offline, full: member.full && qos > QoS::AtMostOnce }
    }
}

/// Whether other nodes are to know of a subscription: what begins with `$` is about one node, and who only looks on asks for nothing.
fn concerns_others(subscription: &Subscription, only_looks_on: bool) -> bool {
    !only_looks_on && !subscription.filter.is_reserved()
}

impl EventBus for DistributedBus {
    fn publish(&self, event: &Arc<Event>, route: &mut Route, handover: &mut Handover) -> Receipt {
        self.core.publish(event, route, handover)
    }

    fn subscribe(&self, subscription: &Subscription, options: SubscribeOptions, subscriber: Arc<dyn Subscriber>) -> Receipt {
        let core = &self.core;
        let only_looks_on = subscriber.only_looks_on();
        // One lock for all: what is told must be what is there, and what the subscriber is by now.
        let mut own = core.own.lock();
        let member = Member::new(subscriber, options);
        let part = Part::of(&member);
        let replaced = core.local.insert(subscription, member);
        if !concerns_others(subscription, only_looks_on) {
            drop(own);
            drop(replaced);
            return Receipt::SAFE;
        }
        let known = own.routes.add(subscription, part, replaced.as_ref().map(Part::of));
        let round = match known {
            Known::After(round) => round,
            Known::InNextRound => own.routes.round() + 1,
        };
        let receipt = if round <= own.settled {
            Receipt::SAFE
        } else {
            let (sender, receipt) = Receipt::pending();
            own.waiting.push(Waiter { round, since: Instant::now(), sender });
            receipt
        };
        drop(own);
        core.tell.notify_one();
        // Outside of the locks: dropping a subscriber may run anything.
        drop(replaced);
        receipt.and(core.unread.settled(&subscription.filter))
    }

    fn unsubscribe(&self, subscription: &Subscription, subscriber: SubscriberId) -> bool {
        let core = &self.core;
        let mut own = core.own.lock();
        let Some(removed) = core.local.remove(subscription, subscriber) else { return false };
        if concerns_others(subscription, removed.subscriber.only_looks_on()) {
            own.routes.remove(subscription, Part::of(&removed));
        }
        drop(own);
        core.tell.notify_one();
        drop(removed);
        true
    }

    fn publish_to_group(
        &self,
        subscription: &Subscription,
        event: &Arc<Event>,
        except: SubscriberId,
        handover: &mut Handover,
    ) -> bool {
        if self.core.local.publish_to_group(subscription, event, except, handover) {
            return true;
        }
        // Its answer is nobody's to wait for: the member that had it is gone.
        self.core.hand_on(subscription, event, 0, |_, _| true).map(drop).is_some()
    }

    fn guarantees(&self) -> Guarantees {
        let at_least_once = self.kind().at_least_once();
        Guarantees { at_least_once, crosses_nodes: true, local: true }
    }

    fn stats(&self) -> BusStats {
        let figures = &self.core.figures;
        BusStats { delivered: figures.delivered_in.get(), dropped: figures.dropped_in.get(), ..self.core.local.stats() }
    }
}

/// The tasks of a bus that nobody has any more end.
impl Drop for DistributedBus {
    fn drop(&mut self) {
        self.core.closing.request();
        self.core.tell.notify_one();
        self.core.progress.notify_waiters();
    }
}
