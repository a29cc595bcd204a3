use clap::Args;

use super::selection::Selection;

/// Flags of every command that writes rows, all at once or one by one.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output options")]
pub struct Columns {
    /// Show just these columns, in this order
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Leave the names of the columns out
    #[arg(long)]
    pub no_headers: bool,
}

impl Columns {
    pub fn selection(&self) -> Selection {
        Selection { columns: self.columns.clone(), sort_by: None, no_headers: self.no_headers }
    }
}
