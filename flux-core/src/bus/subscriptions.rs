use std::sync::Arc;

use foldhash::HashMap;

use super::group::Group;
use super::levels::shrink_if_sparse;
use super::port::{Availability, Subscriber};
use super::trie::Leaf;
use crate::types::{SubscribeOptions, SubscriberId, Subscription};

/// One subscriber's subscription to one filter (and group).
#[derive(Clone)]
pub struct Member {
    /// Kept beside the subscriber: grouping by it is then no call.
    pub id: SubscriberId,
    pub subscriber: Arc<dyn Subscriber>,
    pub options: SubscribeOptions,
    /// As it was when it subscribed.
    pub durable: bool,
    /// So was nobody there to read what it gets: who subscribes again says anew.
    pub offline: bool,
    /// And its durable queue was full.
    pub full: bool,
}

impl Member {
    pub fn new(subscriber: Arc<dyn Subscriber>, options: SubscribeOptions) -> Self {
        Member {
            id: subscriber.id(),
            durable: subscriber.is_durable(),
            offline: subscriber.availability() == Availability::Offline,
            full: subscriber.is_full(),
            subscriber,
            options,
        }
    }
}

/// Who has subscribed to one filter, or belongs to one group. Most have one member, so one needs no map.
#[derive(Default)]
pub enum Members {
    #[default]
    None,
    One(Member),
    Many(Box<HashMap<SubscriberId, Member>>),
}

impl Members {
    /// Answers the member it replaces: dropping a subscriber may run anything, so the caller does it outside of its lock.
    pub fn insert(&mut self, member: Member) -> Option<Member> {
        match self {
            Members::None => {
                *self = Members::One(member);
                None
            }
            Members::One(one) if one.id == member.id => Some(std::mem::replace(one, member)),
            Members::One(_) => {
                let Members::One(one) = std::mem::take(self) else { unreachable!("matched just above") };
                *self = Members::Many(Box::new([(one.id, one), (member.id, member)].into_iter().collect()));
                None
            }
            Members::Many(many) => many.insert(member.id, member),
        }
    }

    pub fn remove(&mut self, id: SubscriberId) -> Option<Member> {
        match self {
            Members::None => None,
            Members::One(one) if one.id != id => None,
            Members::One(_) => {
                let Members::One(one) = std::mem::take(self) else { unreachable!("matched just above") };
                Some(one)
            }
            Members::Many(many) => {
                let removed = many.remove(&id);
                shrink_if_sparse(many);
                if many.is_empty() {
                    *self = Members::None;
                }
                removed
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        let (one, many) = match self {
            Members::None => (None, None),
            Members::One(one) => (Some(one), None),
            Members::Many(many) => (None, Some(many.values())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, Members::None)
    }
}

/// All that hangs on one filter: those who subscribed for themselves, and the groups that share it.
#[derive(Default)]
pub struct Subscriptions {
    pub members: Members,
    pub groups: Option<Box<HashMap<Arc<str>, Group>>>,
}

impl Leaf for Subscriptions {
    fn is_empty(&self) -> bool {
        self.members.is_empty() && self.groups.is_none()
    }
}

impl Subscriptions {
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.as_ref()?.get(name)
    }

    pub fn members_mut(&mut self, subscription: &Subscription) -> &mut Members {
        let Some(name) = &subscription.group else { return &mut self.members };
        let groups = self.groups.get_or_insert_default();
        groups.entry(name.clone()).or_insert_with(|| Group::new(subscription)).members_mut()
    }

    /// Answers the removed member, and whether a group went with it.
    pub fn remove(&mut self, group: Option<&Arc<str>>, id: SubscriberId) -> Option<(Member, bool)> {
        let Some(name) = group else { return self.members.remove(id).map(|member| (member, false)) };
        let groups = self.groups.as_mut()?;
        let members = groups.get_mut(name)?.members_mut();
        let removed = members.remove(id)?;
        let last = members.is_empty();
        if last {
            groups.remove(name);
            shrink_if_sparse(groups);
            if groups.is_empty() {
                self.groups = None;
            }
        }
        Some((removed, last))
    }
}
