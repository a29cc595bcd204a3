//! The conformance suite over the bus of one process and over the wrappers.

use std::sync::Arc;
use std::time::Duration;

use flux_core::bus::{EventBus, Faults, Faulty, MemoryBus, Metered};
use flux_core::bus_conformance;

fn memory() -> Arc<dyn EventBus> {
    Arc::new(MemoryBus::new())
}

fn metered() -> Arc<dyn EventBus> {
    Arc::new(Metered::new(MemoryBus::new()))
}

fn faulty_at_rest() -> Arc<dyn EventBus> {
    Arc::new(Faulty::new(MemoryBus::new(), Faults::NONE))
}

fn faulty() -> Arc<dyn EventBus> {
    let faults = Faults {
        refuse_publish: 0.1,
        lose_answer: 0.1,
        refuse_subscribe: 0.3,
        delay_receipt: 0.2,
        longest_delay: Duration::from_millis(3),
    };
    Arc::new(Metered::new(Faulty::new(MemoryBus::new(), faults)))
}

mod over_memory {
    super::bus_conformance!(super::memory);
}

mod over_metered {
    super::bus_conformance!(super::metered);
}

mod over_faulty_at_rest {
    super::bus_conformance!(super::faulty_at_rest);
}

mod over_faulty {
    super::bus_conformance!(super::faulty);
}
