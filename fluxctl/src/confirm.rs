use std::io::{IsTerminal, Write};

use crate::context::Context;
use crate::failure::{Exit, Failure};

/// The first thing of every command that changes something: says where, and where the context is protected wants its name.
pub fn announce(context: &Context) -> Result<(), Failure> {
    let target = context.target()?;
    eprintln!("{target}");
    let Some(name) = target.context.as_ref().filter(|_| target.protected) else { return Ok(()) };
    match &context.global.confirm {
        Some(typed) if typed == name => Ok(()),
        Some(typed) => {
            Err(Failure::usage(format!("--confirm {typed} does not name this context")).hint(format!("--confirm {name}")))
        }
        None if !somebody_answers() => {
            let error = format!("the context {name} is protected, and nobody is there to type its name");
            Err(Failure::new(Exit::Usage, "confirmation_needed", error).hint(format!("add --confirm {name}")))
        }
        None if ask(&format!("The context {name} is protected. Type its name to go on: ")) == *name => Ok(()),
        None => Err(not_confirmed()),
    }
}

/// Asks before something is lost. `what` is a sentence without its question mark: `Delete session dev-1 (3 messages waiting)`.
///
/// Asks only where somebody can answer; a script says `--yes` or is told how.
pub fn confirm(context: &Context, what: &str) -> Result<(), Failure> {
    if context.global.yes {
        return Ok(());
    }
    if !somebody_answers() {
        return Err(Failure::new(Exit::Usage, "confirmation_needed", "this needs a confirmation, and nobody is there to ask")
            .cause(format!("{what}?"))
            .hint("add --yes"));
    }
    match ask(&format!("{what}? [y/N] ")).to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(not_confirmed()),
    }
}

fn somebody_answers() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

fn ask(question: &str) -> String {
    eprint!("{question}");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.map(|_| answer.trim().to_owned()).unwrap_or_default()
}

fn not_confirmed() -> Failure {
    Failure::new(Exit::Usage, "not_confirmed", "not confirmed, nothing was changed")
}
