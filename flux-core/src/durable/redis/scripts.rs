use crate::redis::Script;

/// The two scripts.
pub(super) struct Scripts {
    pub write: Script,
    pub claim: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        Scripts { write: Script::new(include_str!("write.lua")), claim: Script::new(include_str!("claim.lua")) }
    }
}
