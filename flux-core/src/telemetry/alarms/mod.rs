//! What an operator should know: raised once for each cause, cleared once, remembered. Must not know: who is told.

mod board;
mod cause;
mod watch;

pub use board::{Alarm, Alarms};
pub use cause::Cause;
pub use watch::{Figures, Limits, Watch};
