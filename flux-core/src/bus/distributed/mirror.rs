use std::sync::Arc;

use foldhash::HashMap;
use smallvec::SmallVec;

use super::super::levels::shrink_if_sparse;
use super::super::trie::{FilterTrie, Leaf};
use super::membership::Generation;
use super::terms::Terms;
use crate::types::{NodeId, QoS, Subscription, TopicName};

/// The routes of all other nodes, as far as the change feed has been read.
#[derive(Default)]
pub struct Mirror {
    filters: FilterTrie<Leads>,
    nodes: HashMap<NodeId, HashMap<Arc<Subscription>, Kept>>,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    generation: Generation,
    terms: Terms,
}

/// Where one filter leads.
#[derive(Default)]
struct Leads {
    nodes: SmallVec<[(NodeId, Asked); 1]>,
    groups: Option<Box<HashMap<Arc<str>, Shared>>>,
}

/// A group with members on other nodes.
struct Shared {
    subscription: Arc<Subscription>,
    nodes: SmallVec<[(NodeId, Terms); 1]>,
}

impl Leaf for Leads {
    fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.groups.is_none()
    }
}

/// One change of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteChange {
    Set {
        node: NodeId,
        generation: Generation,
        subscription: Arc<Subscription>,
        terms: Terms,
    },
    Remove {
        node: NodeId,
        subscription: Arc<Subscription>,
    },
    /// The node is gone: its routes are void but for the durable ones, which lead to its inbox.
    Gone {
        node: NodeId,
    },
    /// The node serves again and has told all its routes: what remains of its former lives is void.
    Returned {
        node: NodeId,
        generation: Generation,
    },
    /// All of its routes are void: others have taken over what they were for.
    Forgotten {
        node: NodeId,
    },
}

/// What the subscribers of one node ask for that are in no group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The best of them.
    pub qos: QoS,
    /// One of them has a durable queue that is full.
    pub full: bool,
}

/// Where one topic leads.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Destinations {
    /// Nodes that have subscribers in no group.
    pub nodes: Vec<(NodeId, Asked)>,
    pub groups: Vec<GroupDestinations>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct GroupDestinations {
    pub subscription: Arc<Subscription>,
    pub nodes: Vec<(NodeId, Terms)>,
}

impl Mirror {
    pub fn apply(&mut self, change: RouteChange) {
        match change {
            RouteChange::Set { node, generation, subscription, terms } => self.set(node, generation, subscription, terms),
            RouteChange::Remove { node, subscription } => self.remove(&node, &subscription),
            RouteChange::Gone { node } => self.retain(&node, |kept| kept.terms.durable),
            RouteChange::Returned { node, generation } => self.retain(&node, |kept| kept.generation == generation),
            RouteChange::Forgotten { node } => self.retain(&node, |_| false),
        }
    }

    fn set(&mut self, node: NodeId, generation: Generation, subscription: Arc<Subscription>, terms: Terms) {
        let leads = self.filters.get_or_insert(&subscription.filter);
        match &subscription.group {
            None => put(&mut leads.nodes, &node, Asked { qos: terms.qos, full: terms.full > 0 }),
            Some(group) => {
                let groups = leads.groups.get_or_insert_default();
                let shared = groups.entry(group.clone());
                let shared = shared.or_insert_with(|| Shared { subscription: subscription.clone(), nodes: SmallVec::new() });
                put(&mut shared.nodes, &node, terms);
            }
        }
        self.nodes.entry(node).or_default().insert(subscription, Kept { generation, terms });
    }

    fn remove(&mut self, node: &NodeId, subscription: &Subscription) {
        let Some(routes) = self.nodes.get_mut(node) else { return };
        if routes.remove(subscription).is_none() {
            return;
        }
        shrink_if_sparse(routes);
        if routes.is_empty() {
            self.nodes.remove(node);
        }
        self.filters.remove(&subscription.filter, |leads| {
            match &subscription.group {
                None => leads.nodes.retain(|(id, _)| id != node),
                Some(name) => {
                    let groups = leads.groups.as_mut()?;
                    let shared = groups.get_mut(name)?;
                    shared.nodes.retain(|(id, _)| id != node);
                    if shared.nodes.is_empty() {
                        groups.remove(name);
                        if groups.is_empty() {
                            leads.groups = None;
                        }
                    }
                }
            }
            Some(())
        });
    }

    fn retain(&mut self, node: &NodeId, keep: impl Fn(&Kept) -> bool) {
        let Some(routes) = self.nodes.get(node) else { return };
        let void: Vec<Arc<Subscription>> =
            routes.iter().filter(|(_, kept)| !keep(kept)).map(|(subscription, _)| subscription.clone()).collect();
        for subscription in void {
            self.remove(node, &subscription);
        }
    }

    pub fn destinations(&self, topic: &TopicName) -> Destinations {
        let mut found = Destinations::default();
        self.filters.visit(topic, &mut |leads: &Leads| {
            for (node, asked) in &leads.nodes {
                match found.nodes.iter_mut().find(|(id, _)| id == node) {
                    Some((_, all)) => *all = Asked { qos: all.qos.max(asked.qos), full: all.full || asked.full },
                    None => found.nodes.push((node.clone(), *asked)),
                }
            }
            let groups = leads.groups.iter().flat_map(|groups| groups.values());
            found.groups.extend(groups.map(Shared::destinations));
        });
        found
    }

    /// The other nodes that have members of the group.
    pub fn group(&self, subscription: &Subscription) -> Option<GroupDestinations> {
        let groups = self.filters.get(&subscription.filter)?.groups.as_ref()?;
        Some(groups.get(subscription.group.as_ref()?)?.destinations())
    }

    /// Nodes that have a route, members or not.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeId> {
        self.nodes.keys()
    }

    pub fn routes(&self, node: &NodeId) -> impl Iterator<Item = (&Subscription, Terms)> {
        self.nodes.get(node).into_iter().flatten().map(|(subscription, kept)| (&**subscription, kept.terms))
    }

    /// Routes of all nodes.
    pub fn len(&self) -> usize {
        self.nodes.values().map(HashMap::len).sum()
    }
}

impl Shared {
    fn destinations(&self) -> GroupDestinations {
        GroupDestinations { subscription: self.subscription.clone(), nodes: self.nodes.to_vec() }
    }
}

fn put<T>(nodes: &mut SmallVec<[(NodeId, T); 1]>, node: &NodeId, value: T) {
    match nodes.iter_mut().find(|(id, _)| id == node) {
        Some((_, before)) => *before = value,
        None => nodes.push((node.clone(), value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &'static str) -> NodeId {
        NodeId::new(name)
    }

    fn subscription(text: &str) -> Arc<Subscription> {
        Arc::new(Subscription::parse(text).expect("valid subscription"))
    }

    fn set(name: &'static str, generation: u64, text: &str, terms: &str) -> RouteChange {
        RouteChange::Set {
            node: node(name),
            generation: Generation(generation),
            subscription: subscription(text),
            terms: terms.parse().expect("valid terms"),
        }
    }

    fn mirror(changes: impl IntoIterator<Item = RouteChange>) -> Mirror {
        let mut mirror = Mirror::default();
        changes.into_iter().for_each(|change| mirror.apply(change));
        mirror
    }

    fn nodes(mirror: &Mirror, topic: &str) -> Vec<(String, u8)> {
        let found = mirror.destinations(&TopicName::parse(topic).expect("valid topic"));
        let mut nodes: Vec<_> = found.nodes.iter().map(|(node, asked)| (node.to_string(), asked.qos as u8)).collect();
        nodes.sort();
        nodes
    }

    #[test]
    fn a_topic_leads_to_each_node_once_at_the_best_it_asked_for() {
        let mirror = mirror([
            set("n2", 1, "a/#", "qos0 live 1"),
            set("n2", 1, "a/+", "qos2 live 1"),
            set("n2", 1, "+/b", "qos1 live 5"),
            set("n3", 1, "a/b", "qos1 live 1"),
            set("n4", 1, "c", "qos1 live 1"),
        ]);
        assert_eq!(nodes(&mirror, "a/b"), [("n2".to_owned(), 2), ("n3".to_owned(), 1)]);
        assert_eq!(nodes(&mirror, "a/b/c"), [("n2".to_owned(), 0)]);
        assert_eq!(nodes(&mirror, "x"), []);
    }

    #[test]
    fn a_route_is_replaced_and_taken_back() {
        let mut mirror = mirror([set("n2", 1, "a", "qos0 live 1"), set("n2", 1, "a", "qos1 live 2")]);
        assert_eq!((nodes(&mirror, "a"), mirror.len()), (vec![("n2".to_owned(), 1)], 1));
        for _ in 0..2 {
            mirror.apply(RouteChange::Remove { node: node("n2"), subscription: subscription("a") });
            assert_eq!((nodes(&mirror, "a"), mirror.len()), (vec![], 0));
        }
        assert!(mirror.filters.is_empty());
    }

    #[test]
    fn a_group_is_a_destination_of_its_own() {
        let mut mirror = mirror([
            set("n2", 1, "$share/g/a/#", "qos1 live 3"),
            set("n3", 1, "$share/g/a/#", "qos2 durable 1"),
            set("n3", 1, "$share/h/a/b", "qos1 live 1"),
        ]);
        let found = mirror.destinations(&TopicName::parse("a/b").expect("valid topic"));
        assert_eq!(found.nodes, []);
        let mut groups: Vec<_> = found.groups.iter().map(|group| (group.subscription.to_string(), group.nodes.len())).collect();
        groups.sort();
        assert_eq!(groups, [("$share/g/a/#".to_owned(), 2), ("$share/h/a/b".to_owned(), 1)]);
        let members = mirror.group(&subscription("$share/g/a/#")).expect("there are members").nodes;
        assert_eq!(members.iter().map(|(_, terms)| terms.members).sum::<u32>(), 4);

        for name in ["n2", "n3"] {
            mirror.apply(RouteChange::Forgotten { node: node(name) });
        }
        assert_eq!(mirror.group(&subscription("$share/g/a/#")), None);
        assert!(mirror.filters.is_empty(), "empty branches are removed");
    }

    #[test]
    fn a_dead_node_leaves_only_routes_to_its_inbox() {
        let mut mirror = mirror([set("n2", 1, "a", "qos1 live 1"), set("n2", 1, "b", "qos1 durable 1")]);
        mirror.apply(RouteChange::Gone { node: node("n2") });
        assert_eq!((nodes(&mirror, "a"), nodes(&mirror, "b")), (vec![], vec![("n2".to_owned(), 1)]));
        // It comes back; one of its durable sessions has meanwhile expired.
        mirror.apply(set("n2", 2, "c", "qos1 durable 1"));
        mirror.apply(RouteChange::Returned { node: node("n2"), generation: Generation(2) });
        assert_eq!((nodes(&mirror, "b"), nodes(&mirror, "c")), (vec![], vec![("n2".to_owned(), 1)]));
    }
}
