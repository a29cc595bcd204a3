use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};

/// Names another file of contexts.
const VARIABLE: &str = "FLUXCTL_CONFIG";

/// The servers that have a name, as they stand in the file: `~/.config/fluxctl/contexts.toml`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contexts {
    /// Asked when the command line and the environment name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    #[serde(default)]
    pub contexts: BTreeMap<String, Entry>,
}

/// One server that has a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Certificate authorities that are trusted beside those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Whoever changes something there has to type its name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
}

impl Contexts {
    /// What the file holds; nothing when there is none.
    pub fn load() -> Result<Self, Failure> {
        match path() {
            Some(path) => Contexts::read(&path),
            None => Ok(Contexts::default()),
        }
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Contexts::default()),
            Err(error) => return Err(unusable(path, "cannot be read", error.to_string())),
        };
        close(path)?;
        toml::from_str(&text).map_err(|error| unusable(path, "is not a file of contexts", error.to_string()))
    }

    /// Replaces the file in one step: a reader sees the old one or the new one.
    pub fn save(&self) -> Result<PathBuf, Failure> {
        let path = path().ok_or_else(|| {
            Failure::new(Exit::Failed, "contexts", "there is no folder for the contexts").hint(format!("set HOME or {VARIABLE}"))
        })?;
        let text = toml::to_string(self).expect("texts and flags are TOML");
        let written = write(&path, &text);
        written.map_err(|error| unusable(&path, "cannot be written", error.to_string()))?;
        Ok(path)
    }

    pub fn get(&self, name: &str) -> Result<&Entry, Failure> {
        self.contexts.get(name).ok_or_else(|| {
            let known = self.contexts.keys().cloned().collect::<Vec<_>>().join(", ");
            let failure = Failure::new(Exit::NotFound, "context_not_found", format!("there is no context '{name}'"));
            match known.is_empty() {
                true => failure.hint(format!("fluxctl context add {name} --url http://…")),
                false => failure.hint(format!("the contexts are {known}")),
            }
        })
    }

    /// The context of the server at this address: the one that is named, or a protected one, which an address does not get around.
    pub fn of(&self, url: &str, name: Option<&str>) -> Option<(&String, &Entry)> {
        let here = || self.contexts.iter().filter(|(_, entry)| same(&entry.url, url));
        let named = here().find(|(known, _)| name == Some(known.as_str()));
        here().find(|(_, entry)| entry.protected).or(named)
    }
}

/// Two ways to write the same address.
fn same(one: &str, other: &str) -> bool {
    let parsed = |text: &str| url::Url::parse(text).map(|url| url.as_str().trim_end_matches('/').to_owned());
    matches!((parsed(one), parsed(other)), (Ok(one), Ok(other)) if one == other)
}

/// `None` on a system without a home.
pub fn path() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = || set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
    set(VARIABLE).or_else(|| folder().map(|folder| folder.join("fluxctl").join("contexts.toml")))
}

fn unusable(path: &Path, what: &str, cause: String) -> Failure {
    Failure::new(Exit::Failed, "contexts", format!("{} {what}", path.display())).cause(cause.trim_end().replace('\n', " "))
}

/// Tokens are for their owner only. A file that others could read is closed, and its owner is told.
#[cfg(unix)]
fn close(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).map_err(|error| unusable(path, "cannot be looked at", error.to_string()))?.permissions();
    if mode.mode() & 0o077 == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600))
        .map_err(|error| unusable(path, "can be read by others", error.to_string()).hint("chmod 600 it"))?;
    let (path, mode) = (path.display(), mode.mode() & 0o777);
    eprintln!("warning: {path} could be read by others (mode {mode:03o}); it is 600 now. Renew the tokens in it.");
    Ok(())
}

#[cfg(not(unix))]
fn close(_: &Path) -> Result<(), Failure> {
    Ok(())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_does_not_get_around_a_protected_context() {
        let entry = Entry { url: "http://10.0.0.1:3000".into(), token: None, ca_file: None, protected: true };
        let contexts = Contexts { current: None, contexts: BTreeMap::from([("prod".to_owned(), entry)]) };
        assert!(contexts.of("HTTP://10.0.0.1:3000/", None).is_some());
        assert!(contexts.of("http://10.0.0.1:3001", Some("prod")).is_none());
    }
}
