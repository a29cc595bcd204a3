use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

/// The tool under test, aimed at one server.
pub struct Tool {
    binary: &'static str,
    url: String,
}

/// What it answered.
pub struct Answer {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Tool {
    pub fn new(binary: &'static str, url: &str) -> Self {
        Tool { binary, url: url.to_owned() }
    }

    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(self.binary);
        command
            .args(words(line))
            .env("FLUX_URL", &self.url)
            .env("TZ", "UTC")
            .env_remove("FLUX_TOKEN")
            .env_remove("CLICOLOR_FORCE");
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
