use std::fmt::Write;
use std::sync::Arc;

/// Names of keys and channels: `PREFIX:CLUSTER:{TAG}:NAME`. Cloning counts a reference.
///
/// What carries the same tag lies in one slot, so a script or a transaction may touch all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys(Arc<str>);

impl Keys {
    /// `prefix` and `cluster` must not contain braces: they would become the hash tag of everything (the configuration checks that).
    pub fn new(prefix: &str, cluster: &str) -> Self {
        Keys(format!("{prefix}:{cluster}:").into())
    }

    /// The beginning that all of them share.
    pub fn prefix(&self) -> &str {
        &self.0
    }

    /// The key called `name` among those that belong to `tag`. Any text may be a tag: braces and `%` in it are written as `%7B` and the like.
    pub fn key(&self, tag: &str, name: &str) -> String {
        let mut key = String::with_capacity(self.0.len() + tag.len() + name.len() + 3);
        key.push_str(&self.0);
        key.push('{');
        for character in tag.chars() {
            match character {
                '{' | '}' | '%' => {
                    let _ = write!(key, "%{:02X}", character as u32);
                }
                other => key.push(other),
            }
        }
        key.push_str("}:");
        key.push_str(name);
        key
    }

    /// The tag of a key made by [`Keys::key`]. `None` if it is none of ours.
    pub fn tag_of(&self, key: &str) -> Option<String> {
        let (tag, _) = key.strip_prefix(&*self.0)?.strip_prefix('{')?.split_once('}')?;
        Some(tag.replace("%7B", "{").replace("%7D", "}").replace("%25", "%"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::slots::slot_of;
    use super::*;

    #[test]
    fn what_belongs_together_shares_a_slot_whatever_the_client_is_called() {
        let keys = Keys::new("flux", "prod");
        assert_eq!(keys.key("device-7", "queue"), "flux:prod:{device-7}:queue");
        for tag in ["", "}", "{", "{}", "a}b{c", "%7D", "100%", "über"] {
            let (queue, session) = (keys.key(tag, "queue"), keys.key(tag, "session"));
            if !tag.is_empty() {
                assert_eq!(slot_of(queue.as_bytes()), slot_of(session.as_bytes()), "{tag}");
            }
            assert_eq!(keys.tag_of(&queue).as_deref(), Some(tag), "{queue}");
        }
        assert_eq!(keys.tag_of("other:prod:{x}:queue"), None);
    }
}
