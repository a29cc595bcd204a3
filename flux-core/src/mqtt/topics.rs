//! A publisher's memory of its topics: parsed, authorized and routed once.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::bus::Route;
use crate::types::limits;
use crate::types::{TopicError, TopicName};

#[derive(Default)]
pub struct Topics {
    known: HashMap<TopicName, Known, FixedState>,
}

pub struct Known {
    pub name: TopicName,
    pub route: Route,
    pub allowed: bool,
}

impl Topics {
    /// What is known of `topic`; `authorize` is asked the first time.
    pub fn get(
        &mut self,
        topic: &str,
        max_levels: usize,
        authorize: impl FnOnce(&TopicName) -> bool,
    ) -> Result<&mut Known, TopicError> {
        if !self.known.contains_key(topic) {
            let name = TopicName::parse(topic)?;
            if name.levels() > max_levels {
                return Err(TopicError::TooManyLevels);
            }
            if self.known.len() >= limits::ROUTE_CACHE_TOPICS {
                self.known.clear();
            }
            let allowed = authorize(&name);
            self.known.insert(name.clone(), Known { name, route: Route::default(), allowed });
        }
        Ok(self.known.get_mut(topic).expect("it was there or was just put there"))
    }

    /// Lets go of subscribers that routes hold.
    pub fn clear(&mut self) {
        self.known = HashMap::default();
    }
}
