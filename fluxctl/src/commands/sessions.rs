use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;
use flux_core::api::{Depth, Session, SessionQuery, SessionSummary};
use flux_core::client::Client;
use flux_core::output::{Cell, Column, Document, Resource, Tone, bytes, count, quantity};

use super::change::{Change, make};
use super::dry;
use super::subscriptions::Subscriptions;
use crate::confirm::confirm;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::known;
use crate::pages;
use crate::watch::{View, show};

/// Sessions: what the server keeps for each client id
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  fluxctl sessions list --away
  fluxctl sessions show pump-7
  fluxctl sessions disconnect pump-7")]
pub enum Verb {
    /// Sessions of connected clients and of those that are away
    #[command(visible_alias = "ls")]
    #[command(after_help = "\
Examples:
  fluxctl sessions list
  fluxctl sessions list pump- --connected --sort-by=-queued
  fluxctl sessions list --away -o name
  fluxctl sessions list -o json --limit 50")]
    List {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        view: View,
    },
    /// One session with its connection, queue, will and subscriptions
    #[command(after_help = "\
Examples:
  fluxctl sessions show pump-7
  fluxctl sessions show pump-7 -o yaml")]
    Show {
        #[arg(add = ArgValueCompleter::new(known::clients))]
        client_id: String,
        #[command(flatten)]
        view: View,
    },
    /// Close connections; what the sessions keep stays, and the clients may come back
    #[command(after_help = "\
Examples:
  fluxctl sessions disconnect pump-7
  fluxctl sessions disconnect pump-7 --dry-run
  fluxctl sessions disconnect $(fluxctl sessions list pump- --connected -o name)")]
    Disconnect {
        #[arg(required = true, add = ArgValueCompleter::new(known::clients))]
        client_ids: Vec<String>,
        /// Change nothing; show what would change, and exit with 10 if there is something
        #[arg(long)]
        dry_run: bool,
    },
    /// End sessions: subscriptions and waiting messages are lost
    #[command(visible_alias = "rm")]
    #[command(after_help = "\
Examples:
  fluxctl sessions delete pump-8
  fluxctl sessions delete pump-7 --force --dry-run
  fluxctl sessions delete pump-7 pump-8 --force --yes

A connected client would come back at once, without its subscriptions: that wants --force.")]
    Delete {
        #[arg(required = true, add = ArgValueCompleter::new(known::clients))]
        client_ids: Vec<String>,
        /// Also where the client is connected
        #[arg(long)]
        force: bool,
        /// Change nothing; show what would change, and exit with 10 if there is something
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
pub struct Filter {
    /// Only client ids that begin with this
    prefix: Option<String>,
    /// Only sessions of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only sessions whose client is connected
    #[arg(long, conflicts_with = "away")]
    connected: bool,
    /// Only sessions whose client is away
    #[arg(long)]
    away: bool,
    /// Only sessions that outlive their connection
    #[arg(long, conflicts_with = "transient")]
    durable: bool,
    /// Only sessions that end with their connection
    #[arg(long)]
    transient: bool,
    /// Show so many at most; without it all of them
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl Filter {
    fn query(&self, cursor: Option<String>, limit: usize) -> SessionQuery {
        SessionQuery {
            client_id: self.prefix.clone(),
            username: self.user.clone(),
            connected: (self.connected || self.away).then_some(self.connected),
            durable: (self.durable || self.transient).then_some(self.durable),
            cursor,
            limit: Some(limit),
        }
    }
}

impl Verb {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client()?;
        match self {
            Verb::List { filter, view } => {
                show(context, &view, async || {
                    let page = async |cursor, size| client.sessions(&filter.query(cursor, size)).await;
                    let (sessions, more) = pages::all(filter.limit, page).await?;
                    Ok(Document::list::<Sessions>(&sessions).partial(more))
                })
                .await
            }
            Verb::Show { client_id, view } => {
                show(context, &view, async || {
                    let session = client.session(&client_id).await?;
                    let subscriptions = Document::list::<Subscriptions>(&session.subscriptions);
                    Ok(Document::details::<SessionDetails>(&session).section("SUBSCRIPTIONS", subscriptions))
                })
                .await
            }
            Verb::Disconnect { client_ids, dry_run: true } => {
                dry::run(context, &client_ids, async |id| Ok(dry::disconnect(&client.session(id).await?))).await
            }
            Verb::Disconnect { client_ids, .. } => {
                make(context, &client_ids, async |id| {
                    let disconnected = client.disconnect_session(id).await?.disconnected;
                    let result = if disconnected { "disconnected" } else { "was not connected" };
                    Ok(Change { resource: "session", name: id.to_owned(), result })
                })
                .await
            }
            Verb::Delete { client_ids, force, dry_run: true } => {
                dry::run(context, &client_ids, async |id| Ok(Some(dry::delete(&deletable(&client, id, force).await?)))).await
            }
            Verb::Delete { client_ids, force, .. } => {
                make(context, &client_ids, async |id| {
                    confirm(context, &loss(&deletable(&client, id, force).await?))?;
                    client.delete_session(id).await?;
                    Ok(Change { resource: "session", name: id.to_owned(), result: "deleted" })
                })
                .await
            }
        }
    }
}

/// The session, unless ending it is unsafe.
async fn deletable(client: &Client, id: &str, force: bool) -> Result<Session, Failure> {
    let session = client.session(id).await?;
    if session.summary.connected && !force {
        let failure = Failure::new(Exit::Refused, "session_connected", format!("the client of session {id} is connected"));
        let lost = format!("it would come back without what is lost: {}", dry::cost(&session));
        return Err(failure.cause(lost).hint(format!("fluxctl sessions disconnect {id} first, or add --force")));
    }
    Ok(session)
}

/// What deleting it would cost, for whoever has to confirm.
fn loss(session: &Session) -> String {
    let connected = if session.summary.connected { ", which is connected," } else { "" };
    format!("Delete session {}{connected} with {}", session.summary.client_id, dry::cost(session))
}

fn depth(depth: Depth) -> String {
    format!("{}, {}", quantity(depth.messages, "message"), bytes(depth.bytes))
}

pub struct Sessions;

impl Resource for Sessions {
    type Item = SessionSummary;

    const KIND: &'static str = "Session";

    fn columns() -> Vec<Column<SessionSummary>> {
        vec![
            Self::column("CLIENT", |session| Cell::text(&session.client_id)),
            Self::column("STATE", |session| {
                if session.connected { Cell::word("connected", Tone::Good) } else { Cell::word("away", Tone::Warning) }
            }),
            Self::column("DURABLE", |session| Cell::Flag(session.durable)),
            Self::wide("NODE", |session| Cell::text(&session.node)),
            Self::wide("USER", |session| Cell::maybe(session.username.as_ref(), Cell::text)),
            Self::column("MQTT", |session| {
                Cell::maybe(session.connection.as_ref(), |connection| Cell::text(connection.protocol.as_str()))
            }),
            Self::wide("OVER", |session| {
                Cell::maybe(session.connection.as_ref(), |connection| Cell::text(connection.transport.as_str()))
            }),
            Self::column("PEER", |session| Cell::maybe(session.connection.as_ref(), |connection| Cell::text(&connection.peer))),
            Self::wide("KEEP ALIVE", |session| {
                Cell::maybe(session.connection.as_ref(), |connection| Cell::Count(connection.keep_alive_seconds.into()))
            }),
            Self::column("SUBS", |session| Cell::Count(session.subscription_count)),
            Self::column("INFLIGHT", |session| Cell::Count(session.inflight)),
            Self::column("QUEUED", |session| Cell::Count(session.queued)),
            Self::column("SINCE", |session| {
                let connected = session.connection.as_ref().map(|connection| connection.connected_at);
                Cell::maybe(connected.or(session.disconnected_at), |time| Cell::Time(time.0))
            }),
            Self::wide("CREATED", |session| Cell::Time(session.created_at.0)),
            Self::wide("EXPIRES", |session| Cell::maybe(session.expires_at, |time| Cell::Time(time.0))),
        ]
    }

    fn name(item: &SessionSummary) -> String {
        item.client_id.clone()
    }
}

pub struct SessionDetails;

impl Resource for SessionDetails {
    type Item = Session;

    const KIND: &'static str = "Session";

    fn columns() -> Vec<Column<Session>> {
        let mut columns: Vec<Column<Session>> =
            Sessions::columns().into_iter().map(|column| column.of(|session: &Session| &session.summary)).collect();
        columns.extend([
            Self::column("EXPIRY", |session| {
                Cell::text(session.expiry_seconds.map_or("never".to_owned(), |seconds| format!("{} s", count(seconds.into()))))
            }),
            Self::column("RECEIVE MAXIMUM", |session| Cell::Count(session.receive_maximum.into())),
            Self::column("MAXIMUM PACKET", |session| Cell::maybe(session.maximum_packet_size, |size| Cell::Bytes(size.into()))),
            Self::column("INFLIGHT IN", |session| Cell::Count(session.inflight_in)),
            Self::column("MAILBOX", |session| Cell::text(depth(session.mailbox))),
            Self::column("QUEUE", |session| Cell::maybe(session.queue, |queue| Cell::text(depth(queue)))),
            Self::column("WILL", |session| {
                Cell::maybe(session.will.as_ref(), |will| Cell::text(format!("{} (QoS {})", will.topic, will.qos as u8)))
            }),
        ]);
        columns
    }

    fn name(item: &Session) -> String {
        item.summary.client_id.clone()
    }
}
