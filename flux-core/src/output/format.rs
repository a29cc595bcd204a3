use clap::ValueEnum;

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people
    Table,
    /// The same with every column
    Wide,
    /// {"apiVersion","kind","items"}
    Json,
    /// The same as YAML
    Yaml,
    /// Every column, plain numbers, UTC
    Csv,
    /// One name a line, for scripts
    Name,
}
