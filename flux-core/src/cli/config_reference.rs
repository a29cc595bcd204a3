use clap::{Args, ValueEnum};
use flux_core::config::{self, Config};

use super::table::{json, table};
use super::{Failure, print};

#[derive(Args)]
pub(super) struct Arguments {
    #[arg(short, long, default_value = "table", value_enum)]
    output: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Columns for people
    Table,
    /// {"apiVersion","kind","items"}, with environment variables and flags
    Json,
    /// A complete configuration file with every key commented out
    Toml,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let keys = Config::reference();
    match arguments.output {
        Format::Toml => print(&config::sample()),
        Format::Json => print(&json("ConfigKey", &keys)),
        Format::Table => {
            let rows: Vec<_> = keys
                .iter()
                .map(|key| {
                    let kind = key.unit.map_or(key.kind.clone(), |unit| format!("{} ({unit})", key.kind));
                    [key.path.clone(), kind, key.default_text(), key.meaning.clone()]
                })
                .collect();
            print(&table(["KEY", "TYPE", "DEFAULT", "MEANING"], &rows))
        }
    }
}
