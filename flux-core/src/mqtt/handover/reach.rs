//! Gives an event to a session wherever it is.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use super::super::mailbox::Mailbox;
use super::super::server::Server;
use super::super::session::Profile;
use super::{Left, Passing, Searched, Subscriptions};
use crate::bus::distributed::Arrivals;
use crate::bus::{Answer, Handover, Subscriber};
use crate::durable::{StoreError, Whereabouts};
use crate::receipt::Receipt;
use crate::types::{ClientId, Delivery, DropReason, Event, Refusal, SubscriberId, Subscription, limits};

/// Where a session is, as far as it is here.
enum Here {
    Session(Arc<Mailbox>, Delivery),
    /// It has left: its mailbox passes on what comes.
    Left(Arc<Mailbox>, Delivery),
    /// It is this node's and has not asked for this.
    Unwanted,
    Not,
}

impl Server {
    pub fn reach(&self, client: &ClientId, event: &Arc<Event>, group: Option<&Arc<Subscription>>) -> Receipt {
        if !self.is_searched(client)
            && let Some(receipt) = self.give(client, event, group, true)
        {
            return receipt;
        }
        self.seek(client, event, group, false)
    }

    /// Looks for the session. `direct`: see [`Searched`].
    pub(super) fn seek(&self, client: &ClientId, event: &Arc<Event>, group: Option<&Arc<Subscription>>, direct: bool) -> Receipt {
        let (sender, receipt) = Receipt::pending();
        // Whoever does not wait any more needs no answer.
        let answer = Box::new(move |outcome| _ = sender.send(outcome));
        self.search(client, Searched { event: event.clone(), group: group.cloned(), direct, answer });
        receipt
    }

    /// An event that was refused because the session had left, and which has come back meanwhile: as if it came now.
    pub(super) fn give_back(&self, client: &ClientId, delivery: Delivery, answer: Answer) {
        let Delivery { event, shared: group, .. } = delivery;
        let Some(receipt) = self.give_directly(client, &event, group.as_ref()) else {
            return self.search(client, Searched { event, group, direct: true, answer });
        };
        self.tasks.spawn("session search", async move { answer(receipt.await) });
    }

    /// As if it came to its subscriptions here. `None`: the session is not here.
    fn give_directly(&self, client: &ClientId, event: &Arc<Event>, group: Option<&Arc<Subscription>>) -> Option<Receipt> {
        let profile = self.profile_here(client).filter(|profile| !profile.has_left())?;
        let Some(delivery) = delivery(&profile.subscriptions.lock(), client, event, group) else {
            // It may have left just now, and taken along what it wanted.
            return (!profile.has_left()).then_some(Receipt::SAFE);
        };
        let mut handover = Handover::default();
        let taken = profile.mailbox.deliver(delivery, &mut handover);
        handover.note(taken, &(profile.mailbox.clone() as _));
        let refused = handover.refused.take();
        let stored = self.ingress.complete(event, handover);
        Some(refused.map_or(stored, Receipt::refused))
    }

    fn profile_here(&self, client: &ClientId) -> Option<Arc<Profile>> {
        let arriving = || self.handovers.arriving.lock().get(client).map(|(_, profile)| profile.clone());
        self.sessions.profile(client.as_str()).or_else(arriving)
    }

    /// Queues an event behind others whose session is being looked for.
    pub(super) fn search(&self, client: &ClientId, searched: Searched) {
        let mut all = self.handovers.searched.lock();
        if let Some(queue) = all.get_mut(client) {
            if queue.len() < limits::SEARCHED_EVENTS {
                return queue.push_back(searched);
            }
            drop(all);
            return (searched.answer)(Err(Refusal::QuotaExceeded));
        }
        let Some(server) = self.this.upgrade() else {
            drop(all);
            return (searched.answer)(Err(Refusal::ShuttingDown));
        };
        all.insert(client.clone(), [searched].into());
        drop(all);
        let client = client.clone();
        self.tasks.spawn("session search", async move { server.find(&client).await });
    }

    async fn find(self: &Arc<Self>, client: &ClientId) {
        let patience = Instant::now() + limits::HANDOVER_PATIENCE;
        let shutdown = self.tasks.shutdown().clone();
        loop {
            if self.settle_here(client) {
                return;
            }
            let found = tokio::select! {
                found = self.look(client) => found,
                () = shutdown.requested() => break,
            };
            match (found, &self.member) {
                (Ok(None), _) => {
                    // The session has ended: nobody is owed it.
                    return self.take_searched(client).into_iter().for_each(|searched| (searched.answer)(Ok(())));
                }
                (Ok(Some(found)), Some(member)) if found.node != self.settings.node && member.knows(&found.node) => {
                    for Searched { event, group, answer, .. } in self.take_some(client) {
                        member.forward(client, &event, group.as_ref(), &found.node, answer);
                    }
                    if self.all_found(client) {
                        return;
                    }
                    continue;
                }
                (Ok(Some(found)), _) if found.node == self.settings.node && Instant::now() >= patience => {
                    tracing::error!(client_id = %client, "a session that is stored as this node's is not here");
                    return self.take_searched(client).into_iter().for_each(|one| (one.answer)(Err(Refusal::StoreFailed)));
                }
                // It is just being taken in here, or its node is dead and another will adopt it.
                (Ok(Some(_)), _) => {}
                (Err(problem), _) => {
                    tracing::debug!(client_id = %client, %problem, "a session cannot be looked for at the moment")
                }
            }
            tokio::select! {
                () = tokio::time::sleep(limits::HANDOVER_LOOK) => {}
                () = self.handovers.progress(client).notified() => {}
                () = shutdown.requested() => break,
            }
        }
        self.take_searched(client).into_iter().for_each(|searched| (searched.answer)(Err(Refusal::ShuttingDown)));
    }

    /// Where the store says that the session is.
    pub(super) async fn look(&self, client: &ClientId) -> Result<Option<Whereabouts>, StoreError> {
        let _turn = self.handovers.turn().await;
        self.store.whereabouts(client).await
    }

    fn take_searched(&self, client: &ClientId) -> VecDeque<Searched> {
        self.handovers.searched.lock().remove(client).unwrap_or_default()
    }

    /// What waits now. What comes meanwhile waits behind it, until [`Server::all_found`].
    fn take_some(&self, client: &ClientId) -> VecDeque<Searched> {
        self.handovers.searched.lock().get_mut(client).map(std::mem::take).unwrap_or_default()
    }

    /// Whether nothing more has come: then what comes from now on need not wait.
    fn all_found(&self, client: &ClientId) -> bool {
        let mut all = self.handovers.searched.lock();
        let done = all.get(client).is_none_or(VecDeque::is_empty);
        if done {
            all.remove(client);
        }
        done
    }

    /// Gives what waits to the session if it is here.
    fn settle_here(&self, client: &ClientId) -> bool {
        let mut some = self.take_some(client);
        let mut given = Vec::new();
        while let Some(searched) = some.pop_front() {
            let Searched { event, group, direct, .. } = &searched;
            let receipt = match direct {
                true => self.give_directly(client, event, group.as_ref()),
                false => self.give(client, event, group.as_ref(), false),
            };
            match receipt {
                Some(receipt) => given.push((receipt, searched.answer)),
                None => {
                    some.push_front(searched);
                    break;
                }
            }
        }
        if !given.is_empty() {
            self.tasks.spawn("session search", async move {
                for (receipt, answer) in given {
                    answer(receipt.await);
                }
            });
        }
        if some.is_empty() {
            return self.all_found(client);
        }
        if let Some(queue) = self.handovers.searched.lock().get_mut(client) {
            some.append(queue);
            *queue = some;
        }
        false
    }

    /// `None`: the session is not here. `left`: one that has left may pass it on.
    fn give(&self, client: &ClientId, event: &Arc<Event>, group: Option<&Arc<Subscription>>, left: bool) -> Option<Receipt> {
        let mut handover = Handover { from_elsewhere: true, into_reserve: true, ..Handover::default() };
        match self.look_here(client, event, group) {
            Here::Not | Here::Left(..) if !left => return None,
            Here::Not => return None,
            Here::Session(mailbox, delivery) => {
                let taken = mailbox.take_passed_on(delivery, &mut handover);
                handover.note(taken, &(mailbox as _));
            }
            Here::Left(mailbox, delivery) => {
                let taken = mailbox.take_for_another(delivery, &mut handover);
                handover.note(taken, &(mailbox as _));
            }
            Here::Unwanted => {
                // Of a group that it has left meanwhile another member takes it.
                if let Some(group) = group {
                    self.bus.publish_to_group(group, event, SubscriberId::unique(), &mut handover);
                }
            }
        }
        // Its publisher has been answered: who cannot take it now loses it, and that is counted.
        if handover.refused.take().is_some() {
            handover.note_drop(DropReason::QueueFull);
        }
        Some(self.ingress.complete(event, handover))
    }

    fn look_here(&self, client: &ClientId, event: &Arc<Event>, group: Option<&Arc<Subscription>>) -> Here {
        let raw =
            || Delivery { event: event.clone(), qos: event.qos, retain: event.retain, identifiers: None, shared: group.cloned() };
        if let Some(profile) = self.profile_here(client) {
            let wanted = delivery(&profile.subscriptions.lock(), client, event, group);
            // Asked afterwards: when it leaves it takes along what it wanted.
            return match wanted {
                _ if profile.has_left() => Here::Left(profile.mailbox.clone(), raw()),
                Some(delivery) => Here::Session(profile.mailbox.clone(), delivery),
                None => Here::Unwanted,
            };
        }
        match self.handovers.left.lock().get(client) {
            Some(Left { passing: Passing::Mailbox(mailbox), .. }) => Here::Left(mailbox.clone(), raw()),
            _ => Here::Not,
        }
    }

    /// Until nothing waits for the client's session to be found.
    pub(super) async fn until_found(&self, client: &ClientId) {
        while self.is_searched(client) {
            tokio::time::sleep(limits::HANDOVER_LOOK).await;
        }
    }

    pub(super) fn is_searched(&self, client: &ClientId) -> bool {
        self.handovers.searched.lock().contains_key(client)
    }
}

/// How a session with these subscriptions hears an event. `None`: not at all.
fn delivery(
    subscriptions: &Subscriptions,
    client: &ClientId,
    event: &Arc<Event>,
    group: Option<&Arc<Subscription>>,
) -> Option<Delivery> {
    let shared = group.map(|group| &**group);
    let own = event.publisher == *client;
    let asked = subscriptions.iter().filter(|(subscription, options)| match shared {
        Some(group) => *subscription == group,
        None => subscription.group.is_none() && !(own && options.no_local) && subscription.filter.matches(event.topic.as_str()),
    });
    let options: Vec<_> = asked.map(|(_, options)| *options).collect();
    let qos = options.iter().map(|options| options.qos).max()?;
    let mut identifiers: Vec<u32> = options.iter().filter_map(|options| options.identifier).collect();
    identifiers.sort_unstable();
    Some(Delivery {
        event: event.clone(),
        qos: event.qos.min(qos),
        retain: event.retain && options.iter().any(|options| options.retain_as_published),
        identifiers: (!identifiers.is_empty()).then(|| identifiers.as_slice().into()),
        shared: group.cloned(),
    })
}
