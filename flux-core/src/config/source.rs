use std::fmt;
use std::path::PathBuf;

/// Where the configuration comes from. Later ones win: file, environment, flags.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    pub file: Option<PathBuf>,
    /// Environment variables; those that do not begin with `FLUX_` are left alone.
    pub variables: Vec<(String, String)>,
    pub flags: Vec<Setting>,
}

impl Sources {
    /// The environment of this process.
    pub fn with_environment(mut self) -> Self {
        let text = |word: std::ffi::OsString| word.to_string_lossy().into_owned();
        self.variables = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        self.variables.sort();
        self
    }

    /// As `--set key=value` or a flag of its own would.
    pub fn with(mut self, flag: &str, key: &str, value: impl Into<String>) -> Self {
        self.flags.push(Setting { flag: flag.to_owned(), key: key.to_owned(), value: value.into() });
        self
    }
}

/// A key set by a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The flag as it was written: `--set`, `--http-listen`.
    pub flag: String,
    pub key: String,
    pub value: String,
}

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Default,
    File { path: PathBuf, line: usize, column: usize },
    Variable(String),
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => formatter.write_str("default"),
            Origin::File { path, line, column } => write!(formatter, "{}:{line}:{column}", path.display()),
            Origin::Variable(name) => write!(formatter, "environment variable {name}"),
            Origin::Flag(flag) => write!(formatter, "flag {flag}"),
        }
    }
}
