//! MQTT as the generator speaks it. Owns: publish frames that are encoded once and patched, frames read in place, and the
//! control packets (through `rmqtt-codec`). Must not know sockets, clocks or what is measured.
//! Invariant: the hot path (template, scan, stamp) allocates nothing per message.

pub mod control;
pub mod payload;
pub mod reason;
pub mod scan;
pub mod stamp;
pub mod template;

/// The protocol level the generator connects with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT 3.1.1
    V4,
    /// MQTT 5.0
    V5,
}

impl Protocol {
    pub fn name(self) -> &'static str {
        match self {
            Protocol::V4 => "3.1.1",
            Protocol::V5 => "5.0",
        }
    }
}
