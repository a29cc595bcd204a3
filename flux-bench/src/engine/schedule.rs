use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use crate::load::arrivals::Arrival;

use super::alarm::Alarm;
use super::connection::{Bench, Connection};
use super::live::add;

/// The shortest time between two looks at the schedule. Shorter would make the generator's wake-ups the load.
const TICK: Duration = Duration::from_micros(200);

/// Who sends by a schedule.
pub trait Scheduled {
    /// When its next message is due; None when it has no more.
    fn next_due(&self) -> Option<u64>;
    /// The next message's time has come. Returns how many were shed because too many wait already.
    fn release(&self) -> u64;
}

impl Scheduled for Rc<RefCell<Connection>> {
    #[inline]
    fn next_due(&self) -> Option<u64> {
        self.borrow_mut().role.publisher()?.dues.next_due()
    }

    #[inline]
    fn release(&self) -> u64 {
        let mut connection = self.borrow_mut();
        connection.wake();
        connection.role.publisher().map_or(0, |publisher| publisher.dues.release())
    }
}

/// Who has the next message.
enum Order {
    /// Even distances: one after the other, in turn.
    Turns(usize),
    /// Random ones: whoever comes first.
    Times(BinaryHeap<Reverse<(u64, usize)>>),
}

/// Releases each message when it is due, until the last.
pub async fn release_on_time(mut senders: Vec<impl Scheduled>, arrival: Arrival, bench: Rc<Bench>) -> io::Result<()> {
    let alarm = Alarm::new()?;
    senders.retain(|sender| sender.next_due().is_some());
    let mut order = match arrival {
        Arrival::Constant => {
            senders.sort_by_key(Scheduled::next_due);
            Order::Turns(0)
        }
        Arrival::Poisson => Order::Times(
            senders.iter().enumerate().filter_map(|(number, sender)| Some(Reverse((sender.next_due()?, number)))).collect(),
        ),
    };
    loop {
        let (mut due, mut shed) = (0, 0);
        let now = bench.clock.now();
        let next = loop {
            let Some((at, number)) = order.first(&senders) else { break None };
            if at > now {
                break Some(at);
            }
            shed += senders[number].release();
            due += 1;
            let mut tally = bench.tally.borrow_mut();
            if tally.window.contains(at) {
                tally.lag.record(now - at);
            }
            order.advance(&senders);
        };
        add(&bench.live.due, due);
        add(&bench.live.shed, shed);
        match next {
            Some(at) => alarm.sleep(Duration::from_nanos(at - now).max(TICK)).await?,
            None => {
                bench.live.schedule_ended();
                return Ok(());
            }
        }
    }
}

impl Order {
    #[inline]
    fn first(&self, senders: &[impl Scheduled]) -> Option<(u64, usize)> {
        match self {
            Order::Turns(turn) => Some((senders.get(*turn)?.next_due()?, *turn)),
            Order::Times(times) => times.peek().map(|Reverse(first)| *first),
        }
    }

    #[inline]
    fn advance(&mut self, senders: &[impl Scheduled]) {
        match self {
            Order::Turns(turn) => *turn = if *turn + 1 == senders.len() { 0 } else { *turn + 1 },
            Order::Times(times) => {
                let Some(Reverse((_, number))) = times.pop() else { return };
                times.extend(senders[number].next_due().map(|at| Reverse((at, number))));
            }
        }
    }
}
