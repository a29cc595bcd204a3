use std::path::Path;

use clap::{Args, ValueEnum};
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};
use flux_core::output::Stdout;

use crate::context::{Context, written};
use crate::failure::{Exit, Failure};

/// Through it the script asks this program what could come next.
pub const COMPLETION_VARIABLE: &str = "FLUXCTL_COMPLETE";

/// Script that teaches a shell to complete fluxctl's commands
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fluxctl completion bash > ~/.local/share/bash-completion/completions/fluxctl
  fluxctl completion zsh > ~/.zfunc/_fluxctl
  fluxctl completion fish > ~/.config/fish/completions/fluxctl.fish")]
pub struct Completion {
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

impl Completion {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        if context.global.output.is_some() {
            return Err(Failure::usage("a script for a shell has one format only").hint("leave -o out"));
        }
        let shell: &dyn EnvCompleter = match self.shell {
            Shell::Bash => &Bash,
            Shell::Elvish => &Elvish,
            Shell::Fish => &Fish,
            Shell::Powershell => &Powershell,
            Shell::Zsh => &Zsh,
        };
        // The script asks the program that wrote it, so that it completes what this version knows.
        let program = std::env::current_exe().ok().filter(|path| path.is_file());
        let program = program.as_deref().unwrap_or(Path::new("fluxctl")).to_string_lossy();
        let mut script = Vec::new();
        shell
            .write_registration(COMPLETION_VARIABLE, "fluxctl", "fluxctl", &program, &mut script)
            .map_err(|error| Failure::new(Exit::Failed, "output", "cannot write the script").cause(error.to_string()))?;
        written(Stdout::default().print(&String::from_utf8_lossy(&script)))
    }
}
