//! What becomes of the steps of a client that another node has claimed.

use std::sync::Arc;

use super::commits::Commit;
use super::lane::{Step, What};
use super::store::Core;
use crate::bus::Append;
use crate::types::{ClientId, NodeId, Refusal};

impl Core {
    /// A batch was refused: the client is `owner`'s.
    pub(super) fn moved(self: &Arc<Self>, client: &ClientId, owner: NodeId, steps: Vec<Step>) {
        let mut state = self.shared.state.lock();
        state.commits += 1;
        state.failed = false;
        let lane = state.lane(client);
        if owner == self.node {
            let claimed_back = lane.said != lane.epoch;
            drop(state);
            return self.claimed_meanwhile(client, steps, claimed_back);
        }
        // In front again, and from here on in turn with what waits and what still comes.
        for step in steps.into_iter().rev() {
            lane.waiting.push_front(step);
        }
        lane.under_way = false;
        lane.moved = Some(owner);
        lane.known.clear();
        let count = std::mem::take(&mut lane.count);
        state.queued = state.queued.saturating_sub(count);
        drop(state);
        self.pass_on(std::slice::from_ref(client));
    }

    /// This node has the client by a later claim than the one that the batch was sent under. `here`: it was made by this very process, and
    /// then what was appended is given to the session anew: there may be some that have to go before.
    fn claimed_meanwhile(self: &Arc<Self>, client: &ClientId, steps: Vec<Step>, here: bool) {
        let (count, bytes) = (steps.len(), steps.iter().map(|step| step.bytes).sum());
        for step in steps {
            if here {
                self.pass(&self.node, step);
            } else {
                super::commits::retract(&step.what);
                self.step_done(&step.commit, Err(Refusal::Moved));
            }
        }
        let mut state = self.shared.state.lock();
        state.lane(client).under_way = false;
        self.go_on(state, count, bytes, std::slice::from_ref(client));
    }

    /// Gives to their owners, in order, what was appended for clients of other nodes, and refuses the rest.
    pub(super) fn pass_on(self: &Arc<Self>, clients: &[ClientId]) {
        for client in clients {
            while let Some((to, steps)) = self.take_moved(client) {
                let (count, bytes) = (steps.len(), steps.iter().map(|step| step.bytes).sum());
                for step in steps {
                    self.pass(&to, step);
                }
                let mut state = self.shared.state.lock();
                state.lane(client).under_way = false;
                // It may have been claimed back meanwhile.
                self.go_on(state, count, bytes, std::slice::from_ref(client));
            }
        }
    }

    fn take_moved(&self, client: &ClientId) -> Option<(NodeId, Vec<Step>)> {
        let mut state = self.shared.state.lock();
        let lane = state.lanes.get_mut(client)?;
        // Whoever is at it takes what comes meanwhile, too.
        if lane.under_way || lane.waiting.is_empty() {
            return None;
        }
        let to = lane.moved.clone()?;
        lane.under_way = true;
        Some((to, lane.waiting.drain(..).collect()))
    }

    fn pass(self: &Arc<Self>, to: &NodeId, step: Step) {
        let Step { what, commit, .. } = step;
        let What::Append(Append { delivery, owner, .. }) = what else {
            return self.step_done(&commit, Err(Refusal::Moved));
        };
        let core = self.clone();
        owner.moved(to, delivery, Box::new(move |outcome| core.step_done(&commit, outcome)));
    }

    /// One step of a transaction is done: others may follow now.
    pub(super) fn step_done(self: &Arc<Self>, commit: &Commit, outcome: Result<(), Refusal>) {
        let following = commit.done(outcome);
        if following.is_empty() {
            return;
        }
        let mut state = self.shared.state.lock();
        let touched = state.enqueue(following);
        let batches = self.batches(&mut state, &touched);
        drop(state);
        self.send(batches);
        self.pass_on(&touched);
    }
}
