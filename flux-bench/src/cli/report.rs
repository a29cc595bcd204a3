use std::path::PathBuf;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  flux-bench report latest --html --out run.html   one file for a browser, without network
  flux-bench report latest --md                    for a pull request
  flux-bench report latest --json                  all of it, for programs
  flux-bench report latest --out run.html          the format from the file's name";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArguments {
    /// An id or its beginning, latest, or a file
    pub run: String,
    /// One HTML file
    #[arg(long, group = "form")]
    pub html: bool,
    /// Markdown [default, unless the name of --out says otherwise]
    #[arg(long, group = "form", visible_alias = "markdown")]
    pub md: bool,
    /// The document as it is kept
    #[arg(long, group = "form")]
    pub json: bool,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Html,
    Markdown,
    Json,
}

impl ReportArguments {
    pub fn form(&self) -> Form {
        let extension = self.out.as_ref().and_then(|path| path.extension()?.to_str());
        match (self.html, self.md, self.json, extension) {
            (true, ..) | (false, false, false, Some("html" | "htm")) => Form::Html,
            (_, _, true, _) | (false, false, false, Some("json")) => Form::Json,
            _ => Form::Markdown,
        }
    }
}
