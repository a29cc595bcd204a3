use std::collections::BTreeMap;
use std::ops::Deref;

use super::file::{self, Given, Shape};
use super::keys::Keys;
use super::problem::{Problem, Problems};
use super::reference::{KeyDoc, variable};
use super::section::Section;
use super::source::{Origin, Sources};
use super::value::Anonymous;
use super::{consistency, suggest};

/// A configuration that is whole. Reads like its [`Keys`]: `config.mqtt.max_inflight`.
#[derive(Debug, Clone, Default)]
pub struct Config {
    keys: Keys,
    /// Of what is not the default.
    origins: BTreeMap<String, Origin>,
}

impl Deref for Config {
    type Target = Keys;

    fn deref(&self) -> &Keys {
        &self.keys
    }
}

impl Config {
    /// Puts the configuration together. Reads the files that it names, changes nothing.
    pub fn load(sources: &Sources) -> Result<Config, Problems> {
        let mut loading = Loading { reference: Config::reference(), config: Config::default(), problems: Vec::new() };
        loading.file(sources);
        loading.variables(&sources.variables);
        for setting in &sources.flags {
            let origin = match setting.flag.as_str() {
                "--set" => Origin::Flag(format!("--set {}", setting.key)),
                flag => Origin::Flag(flag.to_owned()),
            };
            loading.apply(Given { path: setting.key.clone(), value: Shape::Text(setting.value.clone()), origin });
        }
        let Loading { config, mut problems, .. } = loading;
        problems.extend(consistency::problems(&config, &problems));
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }

    /// Where the key at `path` was given.
    pub fn origin(&self, path: &str) -> Origin {
        let below = format!("{path}.");
        let given = self.origins.get(path).or_else(|| {
            self.origins.range(below.clone()..).next().filter(|(key, _)| key.starts_with(&below)).map(|(_, origin)| origin)
        });
        given.cloned().unwrap_or(Origin::Default)
    }

    /// Whether clients are asked who they are. An empty password file is a file: nobody gets in until it has users.
    pub fn has_users(&self) -> bool {
        !self.security.users.is_empty() || self.security.password_file.is_some()
    }

    /// Whether clients without a user name may connect.
    pub fn anonymous_allowed(&self) -> bool {
        match self.mqtt.allow_anonymous {
            Anonymous::Auto => !self.has_users(),
            Anonymous::Yes => true,
            Anonymous::No => false,
        }
    }
}

struct Loading {
    reference: Vec<KeyDoc>,
    config: Config,
    problems: Vec<Problem>,
}

impl Loading {
    fn file(&mut self, sources: &Sources) {
        let Some(path) = &sources.file else { return };
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let (given, problems) = file::read(path, &text);
                self.problems.extend(problems);
                given.into_iter().for_each(|given| self.apply(given));
            }
            Err(problem) => self.problems.push(Problem {
                path: String::new(),
                value: None,
                origin: Origin::File { path: path.clone(), line: 1, column: 1 },
                what: format!("cannot be read: {problem}"),
                hint: Some("flux-core config-reference -o toml prints a complete sample file".to_owned()),
            }),
        }
    }

    fn variables(&mut self, variables: &[(String, String)]) {
        for (name, value) in variables.iter().filter(|(name, _)| name.starts_with("FLUX_") && !suggest::foreign(name)) {
            let origin = Origin::Variable(name.clone());
            match self.path_of(name) {
                Some(path) => self.apply(Given { path, value: Shape::Text(value.clone()), origin }),
                None => self.problems.push(Problem {
                    path: name.clone(),
                    value: None,
                    origin,
                    what: "sets no key that there is".to_owned(),
                    hint: suggest::nearest(name, self.reference.iter().map(|doc| doc.variable.as_str()))
                        .map(|known| format!("did you mean {known}?"))
                        .or_else(|| Some("flux-core config-reference lists every variable".to_owned())),
                }),
            }
        }
    }

    fn path_of(&self, name: &str) -> Option<String> {
        self.reference.iter().find_map(|doc| {
            if doc.variable == name {
                return Some(doc.path.clone());
            }
            let entry = name.strip_prefix(&variable(&doc.path)).filter(|_| doc.open)?.strip_prefix('_')?;
            Some(format!("{}.{entry}", doc.path))
        })
    }

    fn apply(&mut self, given: Given) {
        let Given { path, value, origin } = given;
        let doc = self.reference.iter().find(|doc| doc.path == path || (doc.open && path.starts_with(&format!("{}.", doc.path))));
        let (text, outcome) = match value {
            Shape::Text(text) => {
                let outcome = self.config.keys.set(&path, &text);
                (Some(text), outcome)
            }
            Shape::EmptyTable if self.is_section(&path) => return,
            Shape::EmptyTable => (None, doc.map(|doc| Err(format!("is a table, not a {}", doc.kind)))),
            Shape::Other(shape) => (None, doc.map(|doc| Err(format!("is a TOML {shape}, not a {}", doc.kind)))),
        };
        let (what, hint) = match outcome {
            Some(Ok(())) => {
                self.config.origins.insert(path, origin);
                return;
            }
            Some(Err(what)) => (what, doc.map(|doc| format!("{}: {}", doc.path, doc.meaning))),
            None if self.is_section(&path) => {
                ("is a section, not a key".to_owned(), Some(format!("write [{path}] and keys below it")))
            }
            None => ("is not a key that there is".to_owned(), Some(self.suggestion(&path))),
        };
        let secret = doc.is_some_and(|doc| doc.secret);
        // What an unknown key was meant to hold may be a secret too.
        let value = text.filter(|_| doc.is_some()).map(|text| if secret { "***".to_owned() } else { text });
        self.problems.push(Problem { path, value, origin, what, hint });
    }

    fn is_section(&self, path: &str) -> bool {
        self.reference.iter().any(|doc| doc.path.starts_with(&format!("{path}.")) || (doc.open && doc.path == path))
    }

    fn suggestion(&self, path: &str) -> String {
        match suggest::nearest(path, self.reference.iter().map(|doc| doc.path.as_str())) {
            Some(known) => format!("did you mean {known}?"),
            None => "flux-core config-reference lists every key".to_owned(),
        }
    }
}
