use std::io::{IsTerminal, Write};

use crate::context::Context;
use crate::failure::{Exit, Failure};

/// Asks before something is lost. `what` is a sentence without its question mark: `Delete session dev-1 (3 messages waiting)`.
///
/// Asks only where somebody can answer; a script says `--yes` or is told how.
pub fn confirm(context: &Context, what: &str) -> Result<(), Failure> {
    if context.global.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Failure::new(Exit::Usage, "confirmation_needed", "this needs a confirmation, and nobody is there to ask")
            .cause(format!("{what}?"))
            .hint("add --yes"));
    }
    eprint!("{what}? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    match (read, answer.trim().to_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(Failure::new(Exit::Usage, "not_confirmed", "not confirmed, nothing was changed")),
    }
}
