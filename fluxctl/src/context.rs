use std::cell::OnceCell;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap_complete::ArgValueCandidates;
use flux_core::api::Code;
use flux_core::client::{Client, ClientError};
use flux_core::output::{Document, Format, Selection, SelectionError, Stdout, Style};

use crate::contexts::Contexts;
use crate::failure::{Exit, Failure, from_write};
use crate::known;
use crate::target::{Target, Wanted};

/// Flags that every command has.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Address of a server; without it that of the context, or http://127.0.0.1:3000
    #[arg(long, global = true, env = "FLUX_URL", hide_env_values = true, value_name = "URL")]
    pub url: Option<String>,
    /// Token that proves who asks; better in the environment than in the history of a shell
    #[arg(long, global = true, env = "FLUX_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
    /// Certificate authorities (PEM) to trust as well as those of the system
    #[arg(long, global = true, env = "FLUX_CA_FILE", hide_env_values = true, value_name = "PATH")]
    pub ca_file: Option<PathBuf>,
    /// Server by its name: fluxctl context list
    #[arg(long, global = true, env = "FLUX_CONTEXT", hide_env_values = true, value_name = "NAME")]
    #[arg(add = ArgValueCandidates::new(known::contexts))]
    pub context: Option<String>,
    /// How long to wait for each answer
    #[arg(long, global = true, default_value = "10s", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
    /// How to write the result
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    #[arg(help = "How to write the result: table, wide, json, yaml, csv or name [default: table]")]
    pub output: Option<Format>,
    /// Confirm beforehand what would be asked
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// Confirm changes in the protected context of this name, as typing it would
    #[arg(long, global = true, value_name = "NAME")]
    pub confirm: Option<String>,
    /// No colour (as do NO_COLOR and CLICOLOR=0; CLICOLOR_FORCE=1 is the opposite)
    #[arg(long, global = true)]
    pub no_color: bool,
    /// The context is on the command line and the address is not.
    #[arg(skip)]
    pub context_first: bool,
}

impl Global {
    pub fn wants_json(&self) -> bool {
        self.output == Some(Format::Json)
    }
}

/// What a command needs from the outside: where the server is and how to answer the user.
pub struct Context {
    pub global: Global,
    pub style: Style,
    /// All commands and flags, for who describes them.
    pub grammar: fn() -> clap::Command,
    target: OnceCell<Target>,
}

impl Context {
    pub fn new(global: Global, grammar: fn() -> clap::Command) -> Self {
        let style = Style::of_stdout(global.no_color);
        Context { global, style, grammar, target: OnceCell::new() }
    }

    pub fn format(&self) -> Format {
        self.global.output.unwrap_or(Format::Table)
    }

    /// The server that is meant. Looked up when it is needed: what asks no server does not fail for a bad file of contexts.
    pub fn target(&self) -> Result<&Target, Failure> {
        if let Some(target) = self.target.get() {
            return Ok(target);
        }
        let Global { url, token, ca_file, context, context_first, .. } = &self.global;
        let (url, token, context) = (url.as_deref(), token.as_deref(), context.as_deref());
        let wanted = Wanted { url, context, context_first: *context_first, token, ca_file: ca_file.as_ref() };
        let target = Target::find(wanted, &Contexts::load()?)?;
        Ok(self.target.get_or_init(|| target))
    }

    pub fn client(&self) -> Result<Client, Failure> {
        self.client_within(self.global.timeout)
    }

    pub fn client_within(&self, timeout: Duration) -> Result<Client, Failure> {
        let target = self.target()?;
        Ok(Client::trusting(&target.url, target.token.clone(), timeout, &self.authorities()?)?)
    }

    /// The certificate authorities of `--ca-file`, as PEM; empty without it.
    pub fn authorities(&self) -> Result<Vec<u8>, Failure> {
        let Some(path) = &self.target()?.ca_file else { return Ok(Vec::new()) };
        std::fs::read(path).map_err(|error| {
            Failure::new(Exit::Failed, "input", format!("cannot read {}", path.display())).cause(error.to_string())
        })
    }

    /// Writes a result to standard output.
    pub fn print(&self, document: &Document, selection: &Selection) -> Result<(), Failure> {
        let text = document.render(self.format(), selection, self.style)?;
        written(Stdout::default().print(&text))?;
        if document.is_empty() && matches!(self.format(), Format::Table | Format::Wide) {
            eprintln!("nothing found");
        }
        if document.is_partial() {
            eprintln!("note: there are more; raise --limit or leave it out");
        }
        Ok(())
    }
}

/// A reader that has had enough is not a failure.
pub fn written(result: std::io::Result<()>) -> Result<(), Failure> {
    result.or_else(|error| from_write(&error).map_or(Ok(()), Err))
}

impl From<SelectionError> for Failure {
    fn from(error: SelectionError) -> Self {
        let failure = Failure::usage(error.to_string());
        match error {
            SelectionError::UnknownColumn { known, .. } => failure.hint(format!("the columns are {known}")),
            SelectionError::NoColumns => failure.hint("leave --columns out, or say -o table, wide or csv"),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::InvalidUrl { url, reason } => Failure::usage(format!("'{url}' is not the address of a server"))
                .cause(reason)
                .hint("fluxctl --url http://127.0.0.1:3000 …, or set FLUX_URL"),
            ClientError::Unreachable { url, reason } => {
                let hint = if reason.contains("certificate") {
                    "name its certificate authority with --ca-file PATH"
                } else {
                    "start one with 'flux-core serve', or name another with --url or FLUX_URL"
                };
                Failure::new(Exit::NoEndpoint, "no_endpoint", format!("no server answers at {}", plain(&url)))
                    .cause(reason)
                    .hint(hint)
            }
            ClientError::TimedOut { url } => {
                Failure::new(Exit::TimedOut, "timeout", format!("{} did not answer in time", plain(&url)))
                    .hint("wait longer with --timeout 30s; a change may have been made all the same")
            }
            ClientError::Problem(problem) => {
                let parts = problem.errors.iter().map(|part| format!("{}: {}", part.field, part.detail));
                let detail: Vec<String> = std::iter::once(problem.detail.clone()).chain(parts).collect();
                let failure = Failure::new(exit(problem.code, problem.status), problem.code.as_str(), problem.title);
                let failure = failure.cause(detail.join("; "));
                match (problem.code, problem.hint) {
                    // The server's hint speaks of headers; here it is a flag.
                    (Code::Unauthenticated, _) => failure.hint("pass the server's token with --token or FLUX_TOKEN"),
                    (_, Some(hint)) => failure.hint(hint),
                    (_, None) => failure,
                }
            }
            ClientError::Unexpected { url, status, detail } => {
                Failure::new(Exit::Failed, "unexpected_answer", format!("{} answered what no FLUX IOT server does", plain(&url)))
                    .cause(format!("status {status}: {detail}"))
                    .hint("check that --url names a FLUX IOT server of the same version: fluxctl version")
            }
        }
    }
}

/// As a user would write it.
fn plain(url: &str) -> &str {
    url.trim_end_matches('/')
}

/// The code says it; the status helps with codes of a newer server.
fn exit(code: Code, status: u16) -> Exit {
    match (code, status) {
        (Code::Timeout, _) => Exit::TimedOut,
        (Code::StoreFailed | Code::NotReady | Code::ShuttingDown, _) => Exit::Unhealthy,
        (Code::InvalidParameter | Code::InvalidRequest | Code::InvalidJson, _) => Exit::Usage,
        (_, 401 | 403) => Exit::NotAllowed,
        (_, 404 | 410) => Exit::NotFound,
        (_, 409 | 412 | 423 | 429) => Exit::Refused,
        (Code::QueueFull | Code::QuotaExceeded | Code::TooManyTails, _) => Exit::Refused,
        _ => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use flux_core::api::Problem;

    use super::*;

    #[test]
    fn problems_become_the_exit_codes_that_are_promised() {
        let cases = [
            (404, Code::SessionNotFound, Exit::NotFound),
            (401, Code::Unauthenticated, Exit::NotAllowed),
            (403, Code::NotAuthorized, Exit::NotAllowed),
            (409, Code::KeyInUse, Exit::Refused),
            (400, Code::InvalidParameter, Exit::Usage),
            (503, Code::QueueFull, Exit::Refused),
            (503, Code::ShuttingDown, Exit::Unhealthy),
            (504, Code::Timeout, Exit::TimedOut),
            (500, Code::Internal, Exit::Failed),
            (404, Code::Unknown, Exit::NotFound),
        ];
        for (status, code, wanted) in cases {
            let problem = ClientError::Problem(Box::new(Problem::new(status, code, "detail")));
            assert_eq!(Failure::from(problem).exit(), wanted, "{code}");
        }
    }
}
