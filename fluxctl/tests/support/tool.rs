use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

/// The tool under test, aimed at one server.
pub struct Tool {
    binary: &'static str,
    url: String,
    environment: Vec<(String, String)>,
}

/// What it answered.
pub struct Answer {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Tool {
    pub fn new(binary: &'static str, url: &str) -> Self {
        let none = std::env::temp_dir().join("no").join("contexts.toml");
        let environment = vec![("FLUXCTL_CONFIG".to_owned(), none.display().to_string())];
        Tool { binary, url: url.to_owned(), environment }
    }

    /// The same tool with one more variable in its environment.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut environment = self.environment.clone();
        environment.push((name.to_owned(), value.to_owned()));
        Tool { binary: self.binary, url: self.url.clone(), environment }
    }

    /// The same tool that is told of no server.
    #[must_use]
    pub fn without_url(&self) -> Self {
        Tool { binary: self.binary, url: String::new(), environment: self.environment.clone() }
    }

    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(self.binary);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FLUX_")) {
            command.env_remove(name);
        }
        if !self.url.is_empty() {
            command.env("FLUX_URL", &self.url);
        }
        command.args(words(line)).env("TZ", "UTC").env_remove("CLICOLOR_FORCE");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end. Words are parted by spaces; `'…'` keeps one together.
    pub fn run(&self, line: &str) -> Answer {
        self.command(line).output().expect("the tool starts").into()
    }

    /// Runs it with `input` on its standard input.
    pub fn feed(&self, line: &str, input: &[u8]) -> Answer {
        let mut child = self.command(line).stdin(Stdio::piped()).spawn().expect("the tool starts");
        // A tool that refuses its command line reads nothing.
        let _ = child.stdin.take().expect("piped").write_all(input);
        child.wait_with_output().expect("the tool ends").into()
    }

    pub fn spawn(&self, line: &str) -> Child {
        self.command(line).spawn().expect("the tool starts")
    }

    /// Runs it and expects success.
    pub fn ok(&self, line: &str) -> String {
        let answer = self.run(line);
        assert_eq!(answer.code, Some(0), "{line}\n{}{}", answer.out, answer.err);
        answer.out
    }
}

impl Answer {
    /// The failure that it wrote as JSON.
    pub fn failure(&self) -> serde_json::Value {
        let line =
            self.err.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("no failure: {}{}", self.out, self.err));
        serde_json::from_str(line).expect("a failure is JSON")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Answer { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

fn words(line: &str) -> Vec<String> {
    let quoted = line.split('\'').enumerate();
    quoted
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}
