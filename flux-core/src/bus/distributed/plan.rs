use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::group::Roster;
use super::links::{Link, Links};
use super::mirror::{Asked, Destinations, GroupDestinations, Mirror};
use super::terms::Terms;
use crate::types::{QoS, Subscription, TopicName};

/// Where a topic leads on other nodes, kept in a publisher's route: the routes of the cluster are looked up only when they have changed.
pub struct Beyond {
    /// Of the mirror it was made from.
    pub generation: u64,
    pub nodes: Vec<(Arc<Link>, Asked)>,
    /// Groups with members elsewhere. Those with members only here are delivered to as on a single node.
    pub groups: Vec<Group>,
}

pub struct Group {
    pub subscription: Arc<Subscription>,
    /// Its members here.
    pub here: Option<Arc<Roster>>,
    present_here: usize,
    pub nodes: Vec<Place>,
    turn: AtomicUsize,
}

/// A group's members on one other node.
pub struct Place {
    pub link: Arc<Link>,
    pub qos: QoS,
    /// Those that can be given something.
    with_room: usize,
    /// Of them, those that somebody reads for.
    present: usize,
}

impl Place {
    pub fn has_room(&self) -> bool {
        self.with_room > 0
    }
}

/// Who gets the next event of a group.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    Here,
    /// The node at this place of the plan.
    There(usize),
    /// There are members, and the durable queues of all are full.
    Full,
}

impl Beyond {
    pub fn new(topic: &TopicName, generation: u64, mirror: &Mirror, rosters: &[Arc<Roster>], links: &Links) -> Self {
        let Destinations { nodes, groups } = mirror.destinations(topic);
        Beyond {
            generation,
            nodes: nodes.into_iter().map(|(node, asked)| (links.to(&node), asked)).collect(),
            groups: groups
                .into_iter()
                .map(|found| {
                    let here = rosters.iter().find(|roster| *roster.subscription() == found.subscription);
                    Group::new(found, here.cloned(), links)
                })
                .collect(),
        }
    }

    /// Whether this group has members elsewhere.
    pub fn shares(&self, subscription: &Arc<Subscription>) -> bool {
        self.groups.iter().any(|group| group.subscription == *subscription)
    }
}

impl Group {
    pub fn new(found: GroupDestinations, here: Option<Arc<Roster>>, links: &Links) -> Self {
        let place = |(node, terms): (_, Terms)| Place {
            link: links.to(&node),
            qos: terms.qos,
            with_room: usize::try_from(terms.with_room()).unwrap_or(usize::MAX),
            present: usize::try_from(terms.present()).unwrap_or(usize::MAX),
        };
        Group {
            subscription: found.subscription,
            present_here: here.as_ref().map_or(0, |roster| roster.present()),
            here,
            nodes: found.nodes.into_iter().map(place).collect(),
            // Publishers do not begin with the same node.
            turn: AtomicUsize::new(rand::random::<u16>().into()),
        }
    }

    /// The next in turn: each node as often as it has members that are present, or members with room where none is.
    pub fn next(&self) -> Choice {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let present = self.nodes.iter().map(|place| place.present);
        in_turn(turn, self.present_here, present).unwrap_or_else(|| {
            let here = self.here.as_ref().map_or(0, |roster| roster.len());
            in_turn(turn, here, self.nodes.iter().map(|place| place.with_room)).unwrap_or(Choice::Full)
        })
    }
}

/// `None` where nobody is.
fn in_turn(turn: usize, here: usize, members: impl Iterator<Item = usize> + Clone) -> Option<Choice> {
    let total = members.clone().fold(here, usize::saturating_add);
    Some(choose(turn.checked_rem(total)?, here, members))
}

fn choose(turn: usize, here: usize, members: impl Iterator<Item = usize>) -> Choice {
    let mut turn = turn;
    if turn < here {
        return Choice::Here;
    }
    turn -= here;
    for (place, members) in members.enumerate() {
        if turn < members {
            return Choice::There(place);
        }
        turn -= members;
    }
    Choice::Here
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_has_as_many_turns_as_members() {
        let turns: Vec<Choice> = (0..6).map(|turn| choose(turn, 2, [1, 3].into_iter())).collect();
        use Choice::{Here, There};
        assert_eq!(turns, [Here, Here, There(0), There(1), There(1), There(1)]);
        assert_eq!(choose(0, 0, [1].into_iter()), There(0));
        assert_eq!(in_turn(5, 0, [0, 2].into_iter()), Some(There(1)), "nobody is present on the first");
        assert_eq!(in_turn(5, 0, [0, 0].into_iter()), None);
    }
}
