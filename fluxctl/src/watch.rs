use std::io;
use std::time::Duration;

use clap::Args;
use flux_core::output::{Columns, Document, Format, Selection, Stdout, local_time};
use flux_core::types::Timestamp;

use crate::context::{Context, written};
use crate::failure::Failure;
use crate::interrupt::interrupt;

/// Flags of every command that shows a result as it is now.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output options")]
pub struct View {
    #[command(flatten)]
    pub columns: Columns,
    /// Sort by this column; --sort-by=-NAME from the end
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub sort_by: Option<String>,
    /// Show it again every 2s, or as often as you say: repaints a terminal, writes JSON lines to a pipe
    #[arg(long, value_name = "INTERVAL", num_args = 0..=1, require_equals = true, default_missing_value = "2s")]
    #[arg(value_parser = humantime::parse_duration)]
    pub watch: Option<Duration>,
}

impl View {
    fn selection(&self) -> Selection {
        Selection { sort_by: self.sort_by.clone(), ..self.columns.selection() }
    }
}

/// Prints what no server has to be asked for. `--watch` has nothing to wait for.
pub fn show_now(context: &Context, view: &View, document: &Document) -> Result<(), Failure> {
    match view.watch {
        Some(_) => Err(Failure::usage("this changes only when you change it").hint("leave --watch out")),
        None => context.print(document, &view.selection()),
    }
}

/// Prints what `fetch` finds, once or, with `--watch`, again and again until Ctrl-C.
pub async fn show(context: &Context, view: &View, fetch: impl AsyncFnMut() -> Result<Document, Failure>) -> Result<(), Failure> {
    show_until(context, view, fetch, || false).await
}

/// The same, and a watch ends once `over` says so of what was shown last.
pub async fn show_until(
    context: &Context,
    view: &View,
    mut fetch: impl AsyncFnMut() -> Result<Document, Failure>,
    over: impl Fn() -> bool,
) -> Result<(), Failure> {
    let selection = view.selection();
    let Some(interval) = view.watch else { return context.print(&fetch().await?, &selection) };
    let repaint = context.style.terminal && context.global.output != Some(Format::Json);
    if !repaint && !matches!(context.global.output, None | Some(Format::Json)) {
        return Err(Failure::usage("--watch writes JSON lines where there is no terminal to repaint")
            .hint("leave -o out, or say -o json"));
    }
    let mut stdout = Stdout::default();
    let mut ticks = tokio::time::interval(interval.max(Duration::from_millis(100)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut first = true;
    let interrupt = interrupt();
    tokio::pin!(interrupt);
    loop {
        let found = tokio::select! {
            () = &mut interrupt => return Ok(()),
            found = async { ticks.tick().await; fetch().await } => found,
        };
        let text = match found {
            Ok(document) if repaint => frame(context, &document.render(context.format(), &selection, context.style)?, interval),
            Ok(document) => document.json_line(&selection)?,
            Err(failure) if first => return Err(failure),
            // A server that restarts is what one watches for: say so and go on.
            Err(failure) if repaint => frame(context, &failure.as_text(), interval),
            Err(failure) => {
                failure.report(true);
                continue;
            }
        };
        first = false;
        if let Err(error) = stdout.print(&text) {
            return written(Err::<(), io::Error>(error));
        }
        if over() {
            return Ok(());
        }
    }
}

/// One picture: drawn over the one before without clearing it first, which would flicker, and no taller or wider than the terminal.
fn frame(context: &Context, text: &str, interval: Duration) -> String {
    let (_, height) = context.style.size.unwrap_or((80, 24));
    let now = local_time(Timestamp::now(), "%H:%M:%S");
    let title = format!(
        "every {}   {}   {now}",
        humantime::format_duration(interval),
        context.target().map_or("", |target| target.url.as_str())
    );
    paint(&title, text, height)
}

fn paint(title: &str, text: &str, height: usize) -> String {
    let room = height.saturating_sub(3).max(1);
    let total = text.lines().count();
    let mut picture = format!("\x1b[?7l\x1b[H{title}\x1b[K\n\x1b[K\n");
    let shown = if total > room { room - 1 } else { total };
    for line in text.lines().take(shown) {
        picture.push_str(line);
        picture.push_str("\x1b[K\n");
    }
    if total > shown {
        picture.push_str(&format!("… {} more lines\x1b[K\n", total - shown));
    }
    picture.push_str("\x1b[J\x1b[?7h");
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_never_taller_than_the_terminal() {
        let text: String = (0..100).map(|line| format!("{line}\n")).collect();
        let picture = paint("title", &text, 10);
        assert!(picture.lines().count() <= 10, "{picture:?}");
        assert!(picture.contains("… 94 more lines"), "{picture:?}");
        assert!(!paint("title", "one\ntwo\n", 10).contains('…'));
    }
}
