use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::alarm::Alarm;
use super::connection::{Bench, Connection, Role};
use super::live::add;

/// The shortest time between two looks at the schedule. Shorter would make the generator's wake-ups the load.
const TICK: Duration = Duration::from_micros(200);

/// Releases each message when it is due. `publishers` in the order of their first message.
pub async fn release_on_time(publishers: Vec<Rc<RefCell<Connection>>>, bench: Rc<Bench>) -> io::Result<()> {
    let alarm = Alarm::new()?;
    let mut turn = 0;
    loop {
        let (mut due, mut shed) = (0, 0);
        let now = bench.clock.now();
        let next = loop {
            let Some(connection) = publishers.get(turn) else { break None };
            let mut connection = connection.borrow_mut();
            let Role::Publisher(publisher) = &mut connection.role else { break None };
            match publisher.next_due() {
                Some(at) if at <= now => {
                    shed += publisher.release();
                    due += 1;
                    let mut tally = bench.tally.borrow_mut();
                    if tally.window.contains(at) {
                        tally.lag.record(now - at);
                    }
                    connection.wake();
                    turn = if turn + 1 == publishers.len() { 0 } else { turn + 1 };
                }
                next => break next,
            }
        };
        add(&bench.live.due, due);
        add(&bench.live.shed, shed);
        match next {
            Some(at) => alarm.sleep(Duration::from_nanos(at - now).max(TICK)).await?,
            None => return Ok(()),
        }
    }
}
