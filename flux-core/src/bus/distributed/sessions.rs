//! Sessions that move from node to node, as far as the bus has to do with it: messages for one session alone, and the marks that two
//! nodes give each other in the lanes of their inboxes, behind everything that was sent before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::super::memory::MemoryBus;
use super::super::port::{Answer, Handover};
use super::super::wire::{Audience, EncodedEvent};
use super::bus::DistributedBus;
use super::core::Core;
use super::heartbeat::JoinError;
use super::kind::Transport;
use super::retained;
use super::share::Share;
use super::succession;
use crate::receipt::Receipt;
use crate::redis::{Command, RedisError};
use crate::types::{ClientId, Event, EventId, NodeId, Properties, QoS, Refusal, Subscription, Timestamp, TopicName};

/// Who waits for all others to know what this node has told.
#[derive(Default)]
pub struct Barriers {
    asked: AtomicU64,
    /// Tickets below this are done.
    answered: tokio::sync::Mutex<u64>,
}

/// Keeps sessions that other nodes may take over.
pub trait SessionHost: Send + Sync + 'static {
    /// An event for this session alone, wherever it is now; `group`: the shared group that chose it. Safe once it is stored there.
    fn reach(&self, client: &ClientId, event: &Arc<Event>, group: Option<&Arc<Subscription>>) -> Receipt;

    /// All that had come for the session to the inbox of `dead` before this mark was given to [`SessionHost::reach`]: tells the node that has
    /// the session so, behind it.
    fn passed_on(&self, client: &ClientId, mark: Mark, dead: &NodeId) -> Receipt;

    /// Takes over what `dead` had, as far as others do not. Sessions and wills go on here.
    fn adopt<'a>(&'a self, dead: &'a NodeId) -> BoxFuture<'a, Adopted>;

    /// Subscribers that pass on, wherever their sessions are by then, what comes to the inbox of `dead` for all that it had or had passed on
    /// before. `None`: they cannot be read at the moment.
    fn estate<'a>(&'a self, dead: &'a NodeId) -> BoxFuture<'a, Option<Arc<MemoryBus>>>;

    /// The others had given this node up: it may have lost sessions without hearing of it.
    fn rejoined(&self);

    /// This node is a member again, after the others had given it up and published without it.
    fn returned(&self);

    /// Another node says where a session stands. Called in the order of the lane, and not delivered again.
    fn hear(&self, client: &ClientId, mark: Mark);
}

/// How far the sessions of a dead node have been taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// Some may still get something from its inbox.
    InPart,
    /// Nobody is owed anything through it.
    All,
}

/// What nodes tell each other about a session that moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub word: Word,
    /// Who says it.
    pub node: String,
    /// Of the inbox of the node that had the session.
    pub lane: usize,
    /// Of the claim that it is about.
    pub epoch: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// To itself: all that was sent before every node knew of the session here lies before this.
    Known,
    /// To the node that had the session: it is mine, every node knows, and nothing more comes for it behind this.
    Mine,
    /// To the node that has it: all that came before your mark was passed on to you.
    PassedOn,
}

/// The topic of marks. No client may publish to it.
const TOPIC: &str = "$flux/session";

pub fn mark_of(event: &Event) -> Option<Mark> {
    (event.topic.as_str() == TOPIC).then(|| serde_json::from_slice(&event.payload).ok())?
}

impl DistributedBus {
    /// `host` keeps sessions. Only the first one counts. `shared`: they can move between nodes, and others take them over when this node is
    /// gone, as it does theirs.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn host_sessions(&self, host: Arc<dyn SessionHost>, shared: bool) -> Result<(), JoinError> {
        let core = &self.core;
        core.shared.store(shared, Ordering::Release);
        core.tell_shared().await?;
        if core.sessions.set(host).is_ok() && shared {
            self.tasks.spawn("bus succession", succession::run(core.clone(), self.tasks.clone()));
        }
        Ok(())
    }

    pub fn lanes(&self) -> usize {
        self.core.links.lanes()
    }

    /// Whether `node` is a member now, as far as this node knows.
    pub fn knows(&self, node: &NodeId) -> bool {
        self.core.knows(node)
    }

    /// Gives an event to a session that another node has. `answer` hears when it is in that node's inbox.
    pub fn forward(&self, client: &ClientId, event: &Arc<Event>, group: Option<&Arc<Subscription>>, to: &NodeId, answer: Answer) {
        let audience =
            Audience { session: Some(client.clone()), groups: group.cloned().into_iter().collect(), ..Audience::default() };
        let lane = self.core.links.lane_of(&event.publisher);
        self.core.figures.handed_on.add(1);
        self.core.put(to, lane, event, audience, &Share::calling(answer));
    }

    /// Puts a mark into a lane of `to`'s inbox, behind all that this node has sent there.
    pub fn mark(&self, client: &ClientId, to: &NodeId, mark: &Mark) -> Receipt {
        self.core.say(client, to, mark)
    }

    /// Returns once every member knows all that this node's subscribers have asked for before, and all that members had published by
    /// then is in the inboxes.
    ///
    /// # Errors
    /// `Unreachable`: Redis does not answer, or this node is no member at the moment.
    pub async fn barrier(&self) -> Result<(), Refusal> {
        let ticket = self.core.barriers.asked.fetch_add(1, Ordering::AcqRel);
        let mut answered = self.core.barriers.answered.lock().await;
        if *answered > ticket {
            return Ok(());
        }
        // For all who have come by now: they are many when a node has died.
        let asked = self.core.barriers.asked.load(Ordering::Acquire);
        retained::tell(&self.core, std::iter::empty()).await?;
        *answered = asked;
        Ok(())
    }
}

impl Core {
    /// Tells whether others can take over the sessions of this node.
    pub async fn tell_shared(&self) -> Result<(), RedisError> {
        let word = if self.shared.load(Ordering::Acquire) { "SADD" } else { "SREM" };
        let note = Command::new(word).key(self.keys.shared()).arg(self.settings.node.as_str());
        self.redis.call(note.repeatable()).await.map(drop)
    }

    pub fn say(&self, client: &ClientId, to: &NodeId, mark: &Mark) -> Receipt {
        let event = Event {
            id: EventId(rand::random()),
            topic: TopicName::parse(TOPIC).expect("a valid topic name"),
            payload: serde_json::to_vec(mark).expect("words and numbers are JSON").into(),
            qos: QoS::AtLeastOnce,
            retain: false,
            properties: Properties::NONE,
            expires_at: None,
            publisher: client.clone(),
            time: Timestamp::now(),
        };
        let (share, receipt) = Share::among(1);
        let audience = Audience { session: Some(client.clone()), ..Audience::default() };
        self.put(to, mark.lane, &event, audience, &share);
        receipt
    }

    /// By the inbox, whatever else travels: what moves with a session must keep its order.
    pub fn put(&self, to: &NodeId, lane: usize, event: &Event, audience: Audience, share: &Share) {
        let encoded = Arc::new(EncodedEvent::new(event));
        let link = self.links.to(to);
        link.outbox(lane, Transport::Inbox).send(&encoded, audience, None, Some(share), &mut Handover::default());
    }
}
