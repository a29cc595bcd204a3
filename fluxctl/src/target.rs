use std::fmt;
use std::path::PathBuf;

use crate::contexts::Contexts;
use crate::failure::Failure;

pub const DEFAULT_URL: &str = "http://127.0.0.1:3000";

/// The server that a command is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub url: String,
    pub token: Option<String>,
    pub ca_file: Option<PathBuf>,
    /// The context that it comes from.
    pub context: Option<String>,
    pub protected: bool,
}

/// What command line and environment say about it.
#[derive(Debug, Default, Clone, Copy)]
pub struct Wanted<'a> {
    pub url: Option<&'a str>,
    pub context: Option<&'a str>,
    /// The context stands on the command line and the address does not: then the context is meant.
    pub context_first: bool,
    pub token: Option<&'a str>,
    pub ca_file: Option<&'a PathBuf>,
}

impl Target {
    /// Flags win over the environment, and both over the context. A token that belongs to a context goes to its server and no other.
    pub fn find(wanted: Wanted<'_>, contexts: &Contexts) -> Result<Self, Failure> {
        let named = wanted.url.filter(|_| !wanted.context_first);
        let stored = |name: &str| contexts.get(name).map(|_| contexts.contexts.get_key_value(name));
        let context = match (named, wanted.context.or(contexts.current.as_deref())) {
            (Some(url), _) => contexts.of(url, wanted.context),
            (None, Some(name)) => stored(name)?,
            (None, None) => contexts.of(DEFAULT_URL, None),
        };
        let entry = context.map(|(_, entry)| entry);
        Ok(Target {
            url: named.or(entry.map(|entry| entry.url.as_str())).unwrap_or(DEFAULT_URL).to_owned(),
            token: wanted.token.or(entry.and_then(|entry| entry.token.as_deref())).map(str::to_owned),
            ca_file: wanted.ca_file.or(entry.and_then(|entry| entry.ca_file.as_ref())).cloned(),
            context: context.map(|(name, _)| name.clone()),
            protected: entry.is_some_and(|entry| entry.protected),
        })
    }
}

impl Target {
    /// `prod (protected)`; `None` where no context is in effect.
    pub fn label(&self) -> Option<String> {
        let protected = if self.protected { " (protected)" } else { "" };
        self.context.as_ref().map(|context| format!("{context}{protected}"))
    }
}

/// What every write says before it does something.
impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(label) = self.label() {
            write!(formatter, "context: {label}   ")?;
        }
        write!(formatter, "server: {}", self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contexts::Entry;

    fn contexts() -> Contexts {
        let entry = |url: &str, protected| Entry { url: url.into(), token: Some("secret".into()), ca_file: None, protected };
        let named = [("prod", entry("http://prod:3000", true)), ("test", entry("http://test:3000", false))];
        let contexts = named.into_iter().map(|(name, entry)| (name.to_owned(), entry)).collect();
        Contexts { current: Some("test".into()), contexts }
    }

    fn find(wanted: Wanted<'_>) -> (String, Option<String>, Option<String>, bool) {
        let Target { url, token, context, protected, .. } = Target::find(wanted, &contexts()).unwrap();
        (url, token, context, protected)
    }

    #[test]
    fn what_is_named_wins_over_the_current_context() {
        let (url, token, context, _) = find(Wanted::default());
        assert_eq!((url.as_str(), token.as_deref(), context.as_deref()), ("http://test:3000", Some("secret"), Some("test")));
        assert!(find(Wanted { context: Some("prod"), ..Wanted::default() }).3);
        let both = Wanted { url: Some("http://env:1"), context: Some("prod"), ..Wanted::default() };
        assert_eq!(find(both), ("http://env:1".to_owned(), None, None, false));
        assert_eq!(find(Wanted { context_first: true, ..both }).0, "http://prod:3000");
        let unknown = Wanted { context: Some("none"), ..Wanted::default() };
        assert!(Target::find(unknown, &contexts()).is_err());
    }

    #[test]
    fn a_token_goes_to_no_other_server_and_protection_covers_the_address() {
        let elsewhere = Wanted { url: Some("http://elsewhere:1"), ..Wanted::default() };
        assert_eq!(find(elsewhere).1, None);
        let (_, token, context, protected) = find(Wanted { url: Some("http://prod:3000/"), ..Wanted::default() });
        assert_eq!((token.as_deref(), context.as_deref(), protected), (Some("secret"), Some("prod"), true));
    }
}
