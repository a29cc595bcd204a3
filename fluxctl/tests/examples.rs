//! Every example of every help text runs, as it stands there, in a shell. One that does not end is ended as its reader would: with Ctrl-C.

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{Device, Server, Tool};
use tempfile::TempDir;

/// How long an example may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Examples that end with another exit code than 0 here, and why.
const EXPECTED: &[(&str, &[i32], &str)] = &[
    ("fluxctl sessions delete pump-8", &[2], "asks, and no terminal is there to answer: it says --yes"),
    ("fluxctl retained delete plant/7/state", &[2], "asks, and no terminal is there to answer: it says --yes"),
    ("fluxctl nodes list --columns node,conns,msg_s --watch", &[2], "repaints a terminal; JSON lines in a pipe have no columns"),
    ("fluxctl doctor --columns check,status --watch=30s", &[2], "repaints a terminal; JSON lines in a pipe have no columns"),
    ("fluxctl bus canary set hybrid 5", &[5], "one server has no other nodes"),
    ("fluxctl bus canary set hybrid 100", &[5], "one server has no other nodes"),
    ("fluxctl bus canary set streams 10 --dry-run", &[5], "one server has no other nodes"),
    ("fluxctl bus canary promote --yes", &[3], "so there is no canary"),
    ("fluxctl bus canary promote --dry-run", &[3], "so there is no canary"),
    ("fluxctl bus canary abort", &[3], "so there is no canary"),
    ("fluxctl bus canary abort --dry-run", &[3], "so there is no canary"),
    ("fluxctl doctor --strict -o json", &[0, 6], "this machine may deserve a warning"),
];

/// Help texts that no list of commands names.
const HIDDEN: &[&str] = &["man"];

/// Every example there is, with the command whose help it stands in.
fn examples(tool: &Tool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<String> = HIDDEN.iter().map(|name| (*name).to_owned()).chain([String::new()]).collect();
    while let Some(path) = open.pop() {
        let help = tool.ok(&format!("{path} -h"));
        let section = |title: &'static str| {
            help.lines()
                .skip_while(move |line| *line != title)
                .skip(1)
                .take_while(|line| line.starts_with("  "))
                .map(str::trim_end)
        };
        let names =
            section("Commands:").filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
        open.extend(names.map(|name| format!("{path} {name}")));
        let before = found.len();
        found.extend(section("Examples:").map(|line| (path.clone(), line.trim().to_owned())));
        assert!(found.len() > before, "the help of '{path}' has no examples");
    }
    found
}

/// A server on which every example finds what it speaks of, and a folder to run it in.
struct Stage {
    server: Server,
    tool: Tool,
    home: TempDir,
}

impl Stage {
    fn set() -> Self {
        let server = Server::start_with(&["--set", "node.id=n1"]);
        let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), server.http());
        let home = tempfile::tempdir().expect("a temporary folder");
        for folder in [".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions"] {
            std::fs::create_dir_all(home.path().join(folder)).expect("the folder is ours");
        }
        Stage { server, tool, home }
    }

    /// Puts back what the example before has taken away.
    fn prepare(&self, example: &str) -> [Device; 2] {
        let file = |name: &str, text: &str| std::fs::write(self.home.path().join(name), text).expect("the folder is ours");
        file("picture.jpg", "not really");
        file("token.txt", "0123456789abcdef\n");
        file(
            "events.ndjson",
            "{\"topic\":\"plant/7/temperature\",\"payload\":21.5}\n{\"topic\":\"plant/7/state\",\"payload\":\"on\",\"qos\":1}\n",
        );
        let known = format!("current = \"staging\"\n[contexts.staging]\nurl = \"{}\"\n", self.server.http());
        let contexts = self.home.path().join("contexts.toml");
        let adds = example.contains("context add") && !example.contains("--replace");
        std::fs::write(&contexts, if adds { "" } else { &known }).expect("the folder is ours");
        std::fs::set_permissions(&contexts, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("it is ours");
        if example.contains("retained") {
            for topic in ["plant/7/state", "plant/7/picture", "old/1"] {
                self.tool.ok(&format!("events publish {topic} on --retain --qos 1"));
            }
        }
        if example.contains("trace stop") {
            self.start_trace();
        }
        let mut devices = ["pump-7", "pump-8"].map(|id| Device::connect(self.server.mqtt(), id));
        devices[0].subscribe("plant/7/#");
        devices[1].subscribe("plant/8/#");
        if example.contains("sessions delete pump-8") {
            self.tool.ok("sessions disconnect pump-8");
        }
        devices
    }

    /// One that nobody reads.
    fn start_trace(&self) {
        let address = self.server.http().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("the server listens");
        let body = r#"{"client_id":"nobody"}"#;
        let head =
            format!("POST /api/v1/traces HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n");
        stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the server answers");
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }

    fn start(&self, example: &str) -> Child {
        let program = Path::new(env!("CARGO_BIN_EXE_fluxctl")).parent().expect("a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let stream = |name: &str| File::create(self.home.path().join(name)).expect("the folder is ours");
        let mut command = Command::new("sh");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FLUX")) {
            command.env_remove(name);
        }
        command.args(["-c", example]).current_dir(self.home.path()).process_group(0);
        command.env("PATH", format!("{}:{path}", program.display())).env("HOME", self.home.path());
        command.env("FLUXCTL_CONFIG", self.home.path().join("contexts.toml"));
        if example.contains("context add") {
            command.env("FLUX_URL", self.server.http());
        }
        command.stdin(Stdio::null()).stdout(stream("out")).stderr(stream("err"));
        command.spawn().expect("a shell runs")
    }

    fn written(&self, stream: &str) -> String {
        std::fs::read_to_string(self.home.path().join(stream)).unwrap_or_default()
    }

    fn said(&self) -> String {
        self.written("out") + &self.written("err")
    }

    /// It shows something, or says that it listens.
    fn is_under_way(&self) -> bool {
        let err = self.written("err");
        err.contains("tailing ") || err.contains("tracing ") || !self.written("out").is_empty()
    }

    /// Its exit code; `None` for one that Ctrl-C has ended, the shell around it included.
    fn run(&self, example: &str) -> Option<i32> {
        let _devices = self.prepare(example);
        let mut child = self.start(example);
        let waits_for_events = example.contains(" tail") || example.contains(" trace client") || example.contains(" trace topic");
        let bounded = ["--count", "--for", "--until"].iter().any(|flag| example.contains(flag));
        let endless = !bounded && (waits_for_events || example.contains("--watch"));
        let deadline = Instant::now() + PATIENCE;
        let mut interrupted = false;
        loop {
            if let Some(status) = child.try_wait().expect("it can be asked") {
                return status.code().filter(|_| !interrupted || status.signal().is_none());
            }
            assert!(Instant::now() < deadline, "{example} does not end; it said:\n{}", self.said());
            if endless && !interrupted && self.is_under_way() {
                interrupted = signal(&child, "INT");
            } else if waits_for_events && !endless {
                self.tool.ok("events publish plant/7/state on");
            } else {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// To the whole group, as a terminal does it.
fn signal(child: &Child, name: &str) -> bool {
    Command::new("kill").args([&format!("-{name}"), "--", &format!("-{}", child.id())]).status().expect("kill runs").success()
}

#[test]
fn every_example_of_every_help_text_runs() {
    let stage = Stage::set();
    let examples = examples(&stage.tool);
    assert!(examples.len() > 80, "{}", examples.len());
    let mut unused: BTreeMap<&str, &str> = EXPECTED.iter().map(|(example, _, why)| (*example, *why)).collect();
    let mut wrong = Vec::new();
    for (command, example) in &examples {
        let wanted: &[i32] = match EXPECTED.iter().find(|(known, ..)| known == example) {
            Some((known, codes, _)) => {
                unused.remove(known);
                codes
            }
            None if example.contains("--dry-run") => &[10],
            None => &[0],
        };
        let code = stage.run(example);
        let fine = match code {
            Some(code) => wanted.contains(&code),
            // A pipe of several programs: the shell and its parts have been ended, each by the signal.
            None => !stage.said().contains("error: "),
        };
        if !fine {
            wrong.push(format!("help of{command}: {example}: exit code {code:?}\n{}", stage.said()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(unused.is_empty(), "no help text has these examples any more: {unused:?}");
}
