//! While a session comes from other nodes, or goes to one: the same event may come by several ways at a time, and what is one way's
//! next may be the other's first.

use std::sync::Weak;

use parking_lot::MutexGuard;

use super::super::handover::hold::{Coming, Held, Hold};
use super::{Mailbox, State};
use crate::bus::{Delivered, Handover};
use crate::receipt::Receipt;
use crate::types::{Delivery, Event, QoS, Refusal};

impl Mailbox {
    /// The session has come from other nodes, or comes again: what these still have for it goes first.
    pub fn begin_handover(&self, mut hold: Hold) {
        let mut state = self.state.lock();
        let doubles = state.hold.take().map(|before| hold.succeed(*before)).unwrap_or_default();
        state.hold = Some(Box::new(hold));
        state.came = true;
        drop(state);
        self.answer_doubles(doubles);
    }

    /// They are in the queue, or come another way.
    pub(super) fn answer_doubles(&self, doubles: Vec<Held>) {
        for held in doubles {
            self.entry_gone(held.append.delivery.event.weight() as u64);
            self.metrics.handed_over.add(1);
            // Whoever does not wait any more needs no answer.
            _ = held.sender.send(Ok(()));
        }
    }

    /// It was taken and is not in the queue. Should it come again, tried once more or back with the session, it is no double.
    pub(super) fn not_kept(&self, event: &Event) {
        let doubles = {
            let mut state = self.state.lock();
            state.entry_gone(event.weight() as u64);
            self.look_at_room(&mut state);
            state.hold.as_mut().map(|hold| hold.forget(event))
        };
        self.answer_doubles(doubles.unwrap_or_default());
    }

    /// Asks or tells what the session's handover is about. `None`: it is over, or another began.
    pub fn handover<T>(&self, epoch: u64, look: impl FnOnce(&mut Hold) -> T) -> Option<T> {
        self.state.lock().hold.as_mut().filter(|hold| hold.epoch() == epoch).map(|hold| look(hold))
    }

    /// Whether there is still something to wait for in the session's handover.
    pub fn is_arriving(&self, epoch: u64) -> bool {
        let state = self.state.lock();
        let hold = state.hold.as_ref().filter(|hold| hold.epoch() == epoch);
        hold.is_some_and(|hold| state.handing_over || !hold.is_over())
    }

    /// Nothing that comes twice is expected any more.
    pub fn end_handover(&self, epoch: u64) {
        let mut state = self.state.lock();
        if state.hold.as_ref().is_some_and(|hold| hold.epoch() == epoch) {
            state.hold = None;
        }
    }

    /// Hands to the store, in order, what has waited long enough. Doubles are answered at once.
    pub fn release(&self) {
        // Whoever is at it takes what comes meanwhile, too.
        if !std::mem::replace(&mut self.state.lock().handing_over, true) {
            self.hand_over();
        }
    }

    fn hand_over(&self) {
        loop {
            let (mut released, mut doubles) = (Vec::new(), Vec::new());
            {
                let mut state = self.state.lock();
                let waited = state.hold.as_mut().map(|hold| hold.release()).unwrap_or_default();
                if waited.is_empty() {
                    state.handing_over = false;
                    return;
                }
                for (held, is_new) in waited {
                    if is_new { released.push(held) } else { doubles.push(held) }
                }
            }
            self.answer_doubles(doubles);
            if let Some(elsewhere) = self.elsewhere.as_ref().and_then(Weak::upgrade) {
                elsewhere.store(released);
            }
        }
    }

    /// What waited, whether it may be stored or not: the session goes on to another node.
    pub fn abandon_handover(&self) -> Vec<Held> {
        let hold = self.state.lock().hold.take();
        let (held, doubles) = hold.map(|mut hold| hold.abandon()).unwrap_or_default();
        self.answer_doubles(doubles);
        held
    }

    /// Takes an event that another node has passed on for this session alone.
    pub fn take_passed_on(&self, delivery: Delivery, handover: &mut Handover) -> Delivered {
        let state = self.state.lock();
        if !state.came {
            // It was for the one before, which has ended.
            return Delivered::Observed;
        }
        self.take_behind(state, delivery, handover)
    }

    /// Takes an event for a session that has left, so that it is passed on behind what came before; or waits if it is just coming back.
    pub fn take_for_another(&self, delivery: Delivery, handover: &mut Handover) -> Delivered {
        self.take_behind(self.state.lock(), delivery, handover)
    }

    fn take_behind(&self, state: MutexGuard<'_, State>, delivery: Delivery, handover: &mut Handover) -> Delivered {
        if delivery.qos == QoS::AtMostOnce || state.hold.is_none() {
            return self.take_in(state, delivery, handover);
        }
        self.take_in_turn(state, delivery, handover, false, Hold::passed_on)
    }

    /// Takes an event at once, or once it is its turn. `direct`: another node has sent it here, not passed it on.
    pub(super) fn take_in_turn(
        &self,
        mut state: MutexGuard<'_, State>,
        delivery: Delivery,
        handover: &mut Handover,
        direct: bool,
        look: impl FnOnce(&mut Hold, &Event) -> Coming,
    ) -> Delivered {
        let busy = state.handing_over;
        let coming = state.hold.as_mut().map(|hold| look(hold, &delivery.event));
        if coming == Some(Coming::Double) {
            return Delivered::Observed;
        }
        let mut taken = handover.another();
        let delivered = self.count_in(&mut state, delivery, &mut taken);
        let Some(append) = taken.appends.pop() else { return delivered };
        if coming == Some(Coming::Wait) || busy {
            let (sender, receipt) = Receipt::pending();
            handover.waits.push(receipt);
            if let Some(hold) = &mut state.hold {
                hold.keep(Held { append, from_elsewhere: direct, sender });
            }
            return delivered;
        }
        // Not by the hands of who has brought it, for then its next, which another brings, might be stored before.
        if let Some(hold) = &mut state.hold {
            hold.note_stored([append.delivery.event.id]);
        }
        state.handing_over = true;
        drop(state);
        let elsewhere = self.elsewhere.as_ref().and_then(Weak::upgrade);
        let ended = || Receipt::refused(Refusal::ShuttingDown);
        handover.waits.push(elsewhere.map_or_else(ended, |elsewhere| elsewhere.store_one(append)));
        self.hand_over();
        delivered
    }
}
