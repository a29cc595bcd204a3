use std::io::{self, IsTerminal};

use clap::Args;
use flux_core::security::{hash_argon2, hash_scram};

use super::{Failure, print, prompt};

#[derive(Args)]
pub(super) struct Arguments {
    /// Make SCRAM-SHA-256 keys: for enhanced authentication, and for plain passwords too
    #[arg(long)]
    scram: bool,
    /// Print a line for a password file: USER:HASH
    #[arg(long, value_name = "USER", value_parser = user)]
    user: Option<String>,
}

fn user(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains([':', '\n', '\r']) || text.starts_with('#') || text.trim() != text {
        return Err(
            "a name in a password file is not empty, has no ':' or line break, no space at its ends and no '#' before it".into(),
        );
    }
    Ok(text.to_owned())
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let failed = |problem: io::Error| Failure::Other(format!("the password cannot be read: {problem}"));
    let password = if io::stdin().is_terminal() {
        let password = prompt::hidden("Password: ").map_err(failed)?;
        if prompt::hidden("Again: ").map_err(failed)? != password {
            return Err(Failure::Other("the two passwords differ; nothing was hashed".to_owned()));
        }
        password
    } else {
        prompt::line().map_err(failed)?
    };
    let hash = if arguments.scram { hash_scram } else { hash_argon2 };
    let stored = hash(password.as_bytes()).map_err(|problem| Failure::Other(problem.to_string()))?;
    match &arguments.user {
        Some(user) => print(&format!("{user}:{}\n", stored.reveal())),
        None => print(&format!("{}\n", stored.reveal())),
    }
}
