use clap::Subcommand;
use clap_complete::ArgValueCandidates;
use flux_core::output::{Cell, Column, Document, Resource, Selection, Tone};
use serde::Serialize;

use super::change::{Change, Changes};
use crate::context::Context;
use crate::contexts::{Contexts, Entry};
use crate::failure::{Exit, Failure};
use crate::known;
use crate::watch::{View, show_now};

/// Contexts: servers that have a name, kept in a file that only you can read
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  fluxctl context add staging --url http://127.0.0.1:3000
  fluxctl context use staging
  fluxctl context list

The file is ~/.config/fluxctl/contexts.toml, or what FLUXCTL_CONFIG names. Flags and environment
win over the current context.")]
pub enum Verb {
    /// All contexts, and which is the current one
    #[command(visible_alias = "ls")]
    #[command(after_help = "\
Examples:
  fluxctl context list
  fluxctl context list -o name")]
    List {
        #[command(flatten)]
        view: View,
    },
    /// One context; without a name the one in effect. Its token is not shown
    #[command(after_help = "\
Examples:
  fluxctl context show
  fluxctl context show staging -o json")]
    Show {
        #[arg(add = ArgValueCandidates::new(known::contexts))]
        name: Option<String>,
        #[command(flatten)]
        view: View,
    },
    /// Make a context the current one
    #[command(after_help = "\
Examples:
  fluxctl context use staging")]
    Use {
        #[arg(add = ArgValueCandidates::new(known::contexts))]
        name: String,
    },
    /// Add a context with --url and, where there is one, its token; the first becomes the current one
    #[command(after_help = "\
Examples:
  fluxctl context add here --url http://127.0.0.1:3000
  fluxctl context add prod --url https://flux.example:3000 --token-stdin --protected < token.txt
  fluxctl context add here --url http://127.0.0.1:3001 --replace

In a protected context whoever changes something has to type its name, or to say --confirm NAME.")]
    Add {
        name: String,
        /// Read the token from standard input: it stays out of the history of the shell
        #[arg(long, conflicts_with = "token")]
        token_stdin: bool,
        /// Whoever changes something there has to type its name
        #[arg(long)]
        protected: bool,
        /// Replace the context of this name
        #[arg(long)]
        replace: bool,
    },
    /// Forget contexts and their tokens
    #[command(visible_alias = "rm")]
    #[command(after_help = "\
Examples:
  fluxctl context remove staging")]
    Remove {
        #[arg(required = true, add = ArgValueCandidates::new(known::contexts))]
        names: Vec<String>,
    },
}

impl Verb {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Verb::List { view } => {
                let Contexts { current, contexts } = Contexts::load()?;
                let named = contexts.into_iter().map(|(name, entry)| Named::new(name, entry, current.as_deref()));
                show_now(context, &view, &Document::list::<NamedContexts>(&named.collect::<Vec<_>>()))
            }
            Verb::Show { name, view } => {
                let contexts = Contexts::load()?;
                let name = name.or_else(|| context.target().ok().and_then(|target| target.context.clone()));
                let name = name.ok_or_else(|| {
                    Failure::new(Exit::NotFound, "context_not_found", "no context is in effect").hint("fluxctl context use NAME")
                })?;
                let entry = contexts.get(&name)?.clone();
                let named = Named::new(name, entry, contexts.current.as_deref());
                show_now(context, &view, &Document::details::<NamedContexts>(&named))
            }
            Verb::Use { name } => {
                let mut contexts = Contexts::load()?;
                contexts.get(&name)?;
                contexts.current = Some(name.clone());
                save(context, &contexts, vec![change(name, "current")])
            }
            Verb::Add { name, token_stdin, protected, replace } => {
                let entry = entry(context, token_stdin, protected)?;
                let mut contexts = Contexts::load()?;
                let result = match contexts.contexts.insert(name.clone(), entry) {
                    Some(_) if !replace => {
                        let failure =
                            Failure::new(Exit::Refused, "context_exists", format!("there is a context '{name}' already"));
                        return Err(failure.cause("its address and token would be lost").hint("add --replace"));
                    }
                    Some(_) => "replaced",
                    None => "added",
                };
                contexts.current.get_or_insert_with(|| name.clone());
                save(context, &contexts, vec![change(name, result)])
            }
            Verb::Remove { names } => {
                let mut contexts = Contexts::load()?;
                for name in &names {
                    contexts.get(name)?;
                    contexts.contexts.remove(name);
                    contexts.current = contexts.current.filter(|current| current != name);
                }
                save(context, &contexts, names.into_iter().map(|name| change(name, "removed")).collect())
            }
        }
    }
}

/// What the command line, and the environment where it says nothing, say of a server.
fn entry(context: &Context, token_stdin: bool, protected: bool) -> Result<Entry, Failure> {
    let global = &context.global;
    let url =
        global.url.clone().ok_or_else(|| Failure::usage("a context needs an address").hint("add --url http://HOST:3000"))?;
    flux_core::client::Client::new(&url, None, global.timeout)?;
    let mut token = global.token.clone();
    if token_stdin {
        let text = std::io::read_to_string(std::io::stdin());
        let text =
            text.map_err(|error| Failure::new(Exit::Failed, "input", "cannot read standard input").cause(error.to_string()))?;
        token = Some(text.trim().to_owned()).filter(|token| !token.is_empty());
        if token.is_none() {
            return Err(Failure::usage("standard input holds no token"));
        }
    }
    let ca_file = global.ca_file.as_ref().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()));
    Ok(Entry { url, token, ca_file, protected })
}

fn change(name: String, result: &'static str) -> Change {
    Change { resource: "context", name, result }
}

fn save(context: &Context, contexts: &Contexts, changes: Vec<Change>) -> Result<(), Failure> {
    let path = contexts.save()?;
    eprintln!("file: {}", path.display());
    context.print(&Document::list::<Changes>(&changes), &Selection { no_headers: true, ..Selection::default() })
}

/// A context as it is shown: whether there is a token, not which.
#[derive(Debug, Serialize)]
struct Named {
    name: String,
    current: bool,
    url: String,
    protected: bool,
    token: bool,
    ca_file: Option<String>,
}

impl Named {
    fn new(name: String, entry: Entry, current: Option<&str>) -> Self {
        let Entry { url, token, ca_file, protected } = entry;
        let ca_file = ca_file.map(|path| path.display().to_string());
        Named { current: current == Some(&name), name, url, protected, token: token.is_some(), ca_file }
    }
}

struct NamedContexts;

impl Resource for NamedContexts {
    type Item = Named;

    const KIND: &'static str = "Context";

    fn columns() -> Vec<Column<Named>> {
        vec![
            Self::column("CONTEXT", |named| Cell::text(&named.name)),
            Self::column("CURRENT", |named| if named.current { Cell::word("yes", Tone::Good) } else { Cell::text("no") }),
            Self::column("URL", |named| Cell::text(&named.url)),
            Self::column("PROTECTED", |named| Cell::Flag(named.protected)),
            Self::wide("TOKEN", |named| Cell::Flag(named.token)),
            Self::wide("CA FILE", |named| Cell::maybe(named.ca_file.as_ref(), Cell::text)),
        ]
    }

    fn name(item: &Named) -> String {
        item.name.clone()
    }
}
