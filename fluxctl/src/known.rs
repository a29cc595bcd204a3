//! What a shell can complete: names that the server, or the file of contexts, knows now. Owns: asking quickly. Must not know: commands.
//!
//! Invariant: within [`PATIENCE`] and without a word. Who presses TAB wants neither an error nor a pause.

use std::ffi::OsString;
use std::time::Duration;

use clap_complete::CompletionCandidate;
use flux_core::api::{AlarmQuery, RetainedQuery, SessionQuery};
use flux_core::client::{Client, ClientError};

use crate::contexts::Contexts;
use crate::target::{Target, Wanted};

const PATIENCE: Duration = Duration::from_millis(400);

/// More candidates than this help nobody.
const MOST: usize = 200;

pub fn contexts() -> Vec<CompletionCandidate> {
    let contexts = Contexts::load().unwrap_or_default().contexts;
    contexts.into_iter().map(|(name, entry)| CompletionCandidate::new(name).help(Some(entry.url.into()))).collect()
}

pub fn nodes() -> Vec<CompletionCandidate> {
    ask(async |client| Ok(client.nodes().await?.items.into_iter().map(|node| node.id).collect()))
}

/// Client ids that begin with what is typed.
pub fn clients(typed: &std::ffi::OsStr) -> Vec<CompletionCandidate> {
    let query = SessionQuery { client_id: typed.to_str().map(str::to_owned), limit: Some(MOST), ..SessionQuery::default() };
    ask(async |client| Ok(client.sessions(&query).await?.items.into_iter().map(|session| session.client_id).collect()))
}

/// Topics that have a retained message.
pub fn retained() -> Vec<CompletionCandidate> {
    let query = RetainedQuery { limit: Some(MOST), ..RetainedQuery::default() };
    ask(async |client| Ok(client.retained(&query).await?.items.into_iter().map(|retained| retained.topic).collect()))
}

/// Names of active alarms.
pub fn alarms() -> Vec<CompletionCandidate> {
    ask(async |client| Ok(client.alarms(&AlarmQuery::default()).await?.items.into_iter().map(|alarm| alarm.name).collect()))
}

fn ask(names: impl AsyncFnOnce(Client) -> Result<Vec<String>, ClientError>) -> Vec<CompletionCandidate> {
    let asked = || {
        let target = target()?;
        let pem = target.ca_file.and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
        let client = Client::trusting(&target.url, target.token, PATIENCE, &pem).ok()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        runtime.block_on(async { tokio::time::timeout(PATIENCE, names(client)).await.ok()?.ok() })
    };
    asked().unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
}

/// The server of the line that is being typed: its flags are not parsed yet.
fn target() -> Option<Target> {
    let words: Vec<OsString> = std::env::args_os().collect();
    let flag = |name: &str| {
        let after = words.windows(2).find(|pair| pair[0] == name).map(|pair| pair[1].to_string_lossy().into_owned());
        let joined = words.iter().find_map(|word| word.to_str()?.strip_prefix(name)?.strip_prefix('=').map(str::to_owned));
        after.or(joined)
    };
    let set = |name: &str| std::env::var(name).ok();
    let (typed_url, typed_context) = (flag("--url"), flag("--context"));
    let context_first = typed_context.is_some() && typed_url.is_none();
    let (url, context) = (typed_url.or_else(|| set("FLUX_URL")), typed_context.or_else(|| set("FLUX_CONTEXT")));
    let (token, ca_file) = (flag("--token").or_else(|| set("FLUX_TOKEN")), flag("--ca-file").or_else(|| set("FLUX_CA_FILE")));
    let ca_file = ca_file.map(Into::into);
    let (url, context, token) = (url.as_deref(), context.as_deref(), token.as_deref());
    Target::find(Wanted { url, context, context_first, token, ca_file: ca_file.as_ref() }, &Contexts::load().ok()?).ok()
}
