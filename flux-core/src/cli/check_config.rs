use clap::{Args, ValueEnum};

use super::arguments::ConfigArguments;
use super::table::{json, table};
use super::{Failure, print};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Show every key, not only those that are set
    #[arg(long)]
    all: bool,
    #[arg(short, long, default_value = "table", value_enum)]
    output: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Columns for people
    Table,
    /// {"apiVersion","kind","items"}
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut keys = arguments.config.load()?.effective();
    keys.retain(|key| arguments.all || key.origin != "default");
    match arguments.output {
        Format::Json => print(&json("EffectiveValue", &keys)),
        Format::Table if keys.is_empty() => print("The configuration is in order; no key is set.\n"),
        Format::Table => {
            let rows: Vec<_> = keys.iter().map(|key| [key.path.clone(), key.text(), key.origin.clone()]).collect();
            print(&format!("The configuration is in order.\n{}", table(["KEY", "VALUE", "SOURCE"], &rows)))
        }
    }
}
