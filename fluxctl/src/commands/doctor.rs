use std::cell::RefCell;
use std::time::{Duration, Instant};

use clap::Args;
use flux_core::api::{AlarmQuery, RedisInfo};
use flux_core::client::{Client, ClientError};
use flux_core::output::{Cell, Column, Document, Resource, Tone, printable};
use flux_core::types::Timestamp;

use super::checks::{Check, Details, Facts, Level, look};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::watch::{View, show};

/// Look for what is wrong, or will be: server, limits, disk, security, clocks, Redis; exit code 6 when something is critical
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fluxctl doctor
  fluxctl doctor --strict -o json
  fluxctl doctor --columns check,status --watch=30s

Every check is ok, warning or critical. Exit codes: 0 nothing is critical, 6 something is
(with --strict also a warning), 8 no server answers.")]
pub struct Doctor {
    /// Exit with 6 for a warning too
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    view: View,
}

impl Doctor {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client()?;
        let verdict = RefCell::new(None);
        show(context, &self.view, async || {
            let facts = facts(context, &client).await?;
            let checks = look(&facts);
            *verdict.borrow_mut() = self.verdict(&facts, &checks);
            let advice = advice(&checks);
            Ok(Document::list::<Checks>(&checks).below(move |_| advice.clone()))
        })
        .await?;
        match verdict.into_inner() {
            // Who watched it has seen it.
            Some(failure) if self.view.watch.is_none() => Err(failure),
            _ => Ok(()),
        }
    }

    fn verdict(&self, facts: &Facts, checks: &[Check]) -> Option<Failure> {
        if let Err(failure) = &facts.health {
            return Some(failure.clone());
        }
        let bad = |check: &&Check| check.status == Level::Critical || self.strict && check.status == Level::Warning;
        let worst = checks.iter().filter(bad).max_by_key(|check| check.status)?;
        let number = checks.iter().filter(bad).count();
        let error = if number == 1 { "1 check is not ok".to_owned() } else { format!("{number} checks are not ok") };
        Some(Failure::new(Exit::Unhealthy, "unhealthy", error).cause(format!("{}: {}", worst.check, worst.detail)))
    }
}

/// Asks for everything the checks look at. A server that refuses to tell is a finding, not a failure.
async fn facts(context: &Context, client: &Client) -> Result<Facts, Failure> {
    let target = context.target()?;
    let asked = Instant::now();
    let health = client.health().await.map_err(Failure::from);
    let took = asked.elapsed();
    let (ready, details) = match health {
        Ok(_) => (client.ready().await.map_err(Failure::from), details(client).await),
        Err(ref failure) => (Err(failure.clone()), Err(failure.clone())),
    };
    Ok(Facts { url: target.url.clone(), token: target.token.is_some(), took, health, ready, details })
}

async fn details(client: &Client) -> Result<Details, Failure> {
    let asked = Instant::now();
    let nodes = client.nodes().await?;
    let (now, took) = (Timestamp::now(), asked.elapsed());
    let active = AlarmQuery::default();
    let (store, bus, alarms, config, redis) =
        tokio::try_join!(client.durable(), client.bus(), client.alarms(&active), client.config(), redis(client))?;
    let config = config.items.into_iter().map(|value| (value.key, value.value)).collect();
    Ok(Details { nodes, now, slack: took + Duration::from_secs(1), store, bus, redis, alarms: alarms.items, config })
}

async fn redis(client: &Client) -> Result<Option<RedisInfo>, ClientError> {
    match client.redis().await {
        Ok(redis) => Ok(Some(redis)),
        // A server of an older version.
        Err(error) if error.problem().is_some_and(|problem| problem.status == 404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What to do about everything that is not ok, below the table.
fn advice(checks: &[Check]) -> String {
    let hints = checks.iter().filter(|check| check.status != Level::Ok);
    hints
        .filter_map(|check| Some(format!("! {}   hint: {}\n", printable(&check.check), printable(check.hint.as_ref()?))))
        .collect()
}

struct Checks;

impl Resource for Checks {
    type Item = Check;

    const KIND: &'static str = "Check";

    fn columns() -> Vec<Column<Check>> {
        vec![
            Self::column("CHECK", |check| Cell::text(&check.check)),
            Self::column("STATUS", |check| {
                Cell::word(
                    check.status.as_str(),
                    match check.status {
                        Level::Ok => Tone::Good,
                        Level::Warning => Tone::Warning,
                        Level::Critical => Tone::Bad,
                    },
                )
            }),
            Self::column("DETAIL", |check| Cell::text(&check.detail)),
            Self::wide("HINT", |check| Cell::maybe(check.hint.as_ref(), Cell::text)),
        ]
    }

    fn name(item: &Check) -> String {
        item.check.clone()
    }
}
