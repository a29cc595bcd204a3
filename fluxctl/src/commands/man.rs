use std::path::PathBuf;

use clap::Args;
use flux_core::output::Stdout;

use crate::context::{Context, written};
use crate::failure::{Exit, Failure};

/// Man pages: that of fluxctl to standard output, or one for every command into a folder
#[derive(Debug, Args)]
#[command(hide = true)]
#[command(after_help = "\
Examples:
  fluxctl man > fluxctl.1
  fluxctl man ~/.local/share/man/man1")]
pub struct Man {
    folder: Option<PathBuf>,
}

impl Man {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        if context.global.output.is_some() {
            return Err(Failure::usage("a man page has one format only").hint("leave -o out"));
        }
        let failed =
            |error: std::io::Error| Failure::new(Exit::Failed, "output", "cannot write the pages").cause(error.to_string());
        let Some(folder) = self.folder else {
            let mut page = Vec::new();
            clap_mangen::Man::new((context.grammar)()).render(&mut page).map_err(failed)?;
            return written(Stdout::default().print(&String::from_utf8_lossy(&page)));
        };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        clap_mangen::generate_to((context.grammar)(), &folder).map_err(failed)
    }
}
