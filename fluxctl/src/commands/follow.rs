use std::time::Duration;

use clap::Args;
use flux_core::client::TailItem;
use flux_core::output::{Columns, Resource, RowStream, Stdout};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use crate::context::{Context, written};
use crate::failure::{Exit, Failure};

/// Rows that come one by one.
pub type Rows<T> = BoxStream<'static, Result<TailItem<T>, Failure>>;

/// Flags of every command that shows what comes.
#[derive(Debug, Clone, Args)]
pub struct Limits {
    /// Stop after so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Stop after this time; with --count it exits with 7 when the time is over before the count is reached
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
    #[command(flatten)]
    pub columns: Columns,
}

/// Why there is no further row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Enough: by count, by time, by Ctrl-C, or because the reader has gone.
    Stopped,
    /// The other end has ended it.
    Ended,
}

impl Limits {
    pub fn rows<R: Resource>(&self, context: &Context) -> Result<RowStream<R>, Failure> {
        Ok(RowStream::new(context.format(), &self.columns.selection(), context.style)?)
    }

    /// Shows rows as they come. `said` goes to standard error first: whoever reads it knows from then on that nothing is missed.
    ///
    /// One `interrupt` for all rounds: a Ctrl-C between two of them would be lost on a new one.
    pub async fn follow<R: Resource>(
        &self,
        mut rows: RowStream<R>,
        mut items: Rows<R::Item>,
        interrupt: impl Future<Output = ()>,
        said: &str,
        mut wanted: impl FnMut(&R::Item) -> bool,
    ) -> Result<End, Failure> {
        let mut stdout = Stdout::default();
        if let Err(error) = stdout.print(&rows.head()) {
            return written(Err(error)).map(|()| End::Stopped);
        }
        eprintln!("{said}");
        let mut shown = 0;
        let over = deadline(self.duration);
        tokio::pin!(over, interrupt);
        loop {
            let item = tokio::select! {
                // Ctrl-C first: a flood must not hide it.
                biased;
                () = &mut interrupt => return Ok(End::Stopped),
                () = &mut over => return self.ended(shown),
                item = items.next() => item,
            };
            let item = match item {
                Some(Ok(TailItem::Item(item))) => item,
                Some(Ok(TailItem::Dropped(number))) => {
                    eprintln!("warning: {number} left out here: this reader is too slow");
                    continue;
                }
                Some(Err(failure)) => return Err(failure.doing("the stream broke off")),
                None => return Ok(End::Ended),
            };
            if !wanted(&item) {
                continue;
            }
            if let Err(error) = stdout.print(&rows.row(&item)) {
                return written(Err(error)).map(|()| End::Stopped);
            }
            shown += 1;
            if self.count == Some(shown) {
                return Ok(End::Stopped);
            }
        }
    }

    /// The time is over.
    fn ended(&self, shown: u64) -> Result<End, Failure> {
        match self.count {
            Some(count) => Err(Failure::new(Exit::TimedOut, "timeout", format!("{shown} of {count} came in time"))),
            None => Ok(End::Stopped),
        }
    }
}

async fn deadline(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}
