use crate::bed::{CORE, StartError};
use crate::report::failure::Failure;

/// What does not run, why, and what to do about it.
pub fn start(error: &StartError) -> Failure {
    let failure = Failure::new(1, "start", error.to_string());
    let failure = match (error.said(), std::error::Error::source(error)) {
        (Some(said), _) => failure.cause(said),
        (None, Some(source)) => failure.cause(source.to_string()),
        (None, None) => failure,
    };
    match error {
        StartError::Missing { program } if program == "redis-server" => failure.hint(
            "install it (Debian, Ubuntu: apt-get install redis-server), or name one that runs: --redis-url redis://HOST:6379",
        ),
        _ => failure,
    }
}

pub fn no_core(named: Option<&std::path::Path>) -> Failure {
    let what =
        named.map_or_else(|| format!("there is no {CORE} beside flux-bench"), |path| format!("{} is no file", path.display()));
    Failure::new(1, "start", what).hint(format!("build it (cargo build --release -p flux-core), or name it: --core PATH/{CORE}"))
}

pub fn redis(url: &str, cause: String) -> Failure {
    let shown = flux_core::redis::Servers::parse(url)
        .map_or_else(|_| "the Redis of --redis-url".to_owned(), |servers| servers.to_string());
    Failure::new(1, "redis", format!("{shown} cannot be used")).cause(cause).hint("--redis-url redis://HOST:6379")
}
