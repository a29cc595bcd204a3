use std::sync::Arc;

/// A Lua script. Sent by its hash; a server that does not know it is given the text once.
#[derive(Debug, Clone)]
pub struct Script(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    text: &'static str,
    hash: String,
}

impl Script {
    pub fn new(text: &'static str) -> Self {
        Script(Arc::new(Inner { text, hash: ::redis::Script::new(text).get_hash().to_owned() }))
    }

    pub fn text(&self) -> &'static str {
        self.0.text
    }

    /// SHA-1 of the text, in hexadecimal: how Redis calls it.
    pub fn hash(&self) -> &str {
        &self.0.hash
    }
}
