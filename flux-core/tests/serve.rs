//! The server as a process: what it prints, what it refuses, how it ends.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn flux_core(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flux-core"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    flux_core(arguments).output().expect("the binary runs")
}

/// A server on free ports; killed if a test forgets it.
struct Server {
    process: Child,
    banner: String,
}

impl Server {
    fn start(data_dir: &Path, more: &[&str]) -> Server {
        let data_dir = data_dir.to_str().expect("temporary folders are UTF-8");
        let free = ["serve", "--data-dir", data_dir, "--mqtt-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];
        let process = flux_core(&[&free[..], more].concat()).spawn().expect("the binary runs");
        let mut server = Server { process, banner: String::new() };
        let stdout = server.process.stdout.take().expect("stdout is piped");
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            server.banner += &format!("{line}\n");
            if line.contains("fluxctl cluster status") {
                return server;
            }
        }
        panic!("the server did not start:\n{}", server.ended().1);
    }

    fn address(&self, name: &str) -> String {
        let line = self.banner.lines().find(|line| line.trim_start().starts_with(name)).expect("the banner names it");
        line.split_whitespace()
            .map(|word| word.trim_start_matches("http://"))
            .find(|word| word.starts_with("127."))
            .expect("an address of loopback")
            .to_owned()
    }

    fn signal(&self, signal: &str) {
        let told = Command::new("kill").args([signal, &self.process.id().to_string()]).status().expect("kill runs");
        assert!(told.success());
    }

    /// Its exit code and all that it logged.
    fn ended(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        self.process.stderr.take().expect("stderr is piped").read_to_string(&mut log).expect("the log is UTF-8");
        (self.process.wait().expect("it ends").code(), log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn it_listens_where_the_banner_says_and_ends_on_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("new/data");
    let server = Server::start(&data_dir, &[]);
    for name in ["MQTT", "HTTP API"] {
        TcpStream::connect(server.address(name)).unwrap_or_else(|problem| panic!("{name}: {problem}\n{}", server.banner));
    }
    let kept_name = fs::read_to_string(data_dir.join("node-id")).unwrap();
    assert!(server.banner.contains(&format!("is running as {}\n", kept_name.trim())), "{}", server.banner);
    assert!(server.banner.contains(data_dir.to_str().unwrap()), "{}", server.banner);
    server.signal("-TERM");
    let (code, log) = server.ended();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_taken_port_is_one_message_with_a_way_out() {
    let (taken, folder) = (TcpListener::bind("127.0.0.1:0").unwrap(), tempfile::tempdir().unwrap());
    let address = taken.local_addr().unwrap().to_string();
    let (data_dir, free) = (folder.path().to_str().unwrap(), "127.0.0.1:0");
    for (mqtt, http, key) in [(address.as_str(), free, "mqtt.listen"), (free, address.as_str(), "http.listen")] {
        let output = run(&["serve", "--data-dir", data_dir, "--mqtt-listen", mqtt, "--http-listen", http]);
        let told = text(&output.stderr);
        assert_eq!((output.status.code(), told.lines().count()), (Some(1), 2), "{told}");
        assert!(told.contains(&address) && told.contains("hint: ") && told.contains(key), "{told}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_data_folder_serves_one_server_at_a_time_and_a_repair_none() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().to_str().unwrap();
    let server = Server::start(folder.path(), &[]);
    let second = run(&["serve", "--data-dir", data_dir, "--mqtt-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("in use by another process"), "{}", text(&second.stderr));
    assert_eq!(run(&["repair", "--data-dir", data_dir]).status.code(), Some(1));

    server.signal("-INT");
    assert_eq!(server.ended().0, Some(0));
    let looked = run(&["repair", "--data-dir", data_dir, "--dry-run"]);
    assert_eq!(looked.status.code(), Some(0), "{}", text(&looked.stderr));
    assert!(text(&looked.stdout).contains("whole: 0 sessions"), "{}", text(&looked.stdout));
}

#[test]
fn sighup_reads_the_password_file_again_and_keeps_the_users_if_it_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (users, data_dir) = (folder.path().join("users"), folder.path().join("data"));
    let line = |user: &str| format!("{user}:$argon2id$v=19$m=16,t=1,p=1$c29tZXNhbHQ$HLu6JHa6bxRPZo4Hfml4uQ\n");
    fs::write(&users, line("alice")).unwrap();
    let file = format!("security.password_file={}", users.display());
    let mut server = Server::start(&data_dir, &["--set", &file, "--set", "log.format=json"]);
    let mut log = BufReader::new(server.process.stderr.take().unwrap()).lines().map_while(Result::ok);

    fs::write(&users, line("alice") + &line("bob")).unwrap();
    server.signal("-HUP");
    let told = log.find(|line| line.contains("users read again")).expect("the reload is logged");
    assert!(told.contains("\"users\":2"), "{told}");

    fs::write(&users, "carol\n").unwrap();
    server.signal("-HUP");
    let told = log.find(|line| line.contains("password file")).expect("the problem is logged");
    assert!(told.contains("line 1 has no user:hash"), "{told}");
    server.signal("-TERM");
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
}
