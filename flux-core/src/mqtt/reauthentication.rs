//! Re-authentication of a connected client (MQTT 5 §4.12.1): the exchange runs beside the traffic.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::close::Close;
use super::dialogue::Dialogue;
use super::packet::{Auth, Outgoing, Version};
use super::reason::Reason;
use crate::hook::AuthenticationError;
use crate::hook::Exchange;
use crate::hook::ExchangeStep;

type Step = (Box<dyn Exchange>, Result<ExchangeStep, AuthenticationError>);

/// One re-authentication under way.
pub enum ReAuthentication {
    /// The server computes its answer.
    Computing(Pin<Box<dyn Future<Output = Step> + Send>>),
    /// The client's next AUTH is awaited.
    Awaiting(Box<dyn Exchange>),
}

impl Dialogue {
    pub(super) fn on_auth(&mut self, auth: Auth) -> Result<(), Close> {
        let method = self.agreed.authentication_method.clone();
        // [MQTT-4.12.0-6] and [MQTT-4.12.1-1]: only a client that authenticated so before, and by the same method.
        if self.agreed.version < Version::V5 || method.is_none() || auth.method != method {
            return Err(Close::server(Reason::ProtocolError, "AUTH without the authentication method of CONNECT"));
        }
        let data = auth.data.unwrap_or_default();
        let exchange = match (auth.reason, self.reauthentication.take()) {
            (Reason::ReAuthenticate, None) => {
                let method = method.unwrap_or_default();
                self.server.authenticator.begin(&method).map_err(|_| refused())?
            }
            (Reason::ContinueAuthentication, Some(state)) => match *state {
                ReAuthentication::Awaiting(exchange) => exchange,
                ReAuthentication::Computing(_) => {
                    return Err(Close::server(Reason::ProtocolError, "AUTH before the server answered"));
                }
            },
            _ => return Err(Close::server(Reason::ProtocolError, "AUTH out of order")),
        };
        self.reauthentication = Some(Box::new(ReAuthentication::Computing(Box::pin(step(exchange, data)))));
        Ok(())
    }

    pub fn poll_reauthentication(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> Result<bool, Close> {
        let Some(ReAuthentication::Computing(step)) = self.reauthentication.as_deref_mut() else { return Ok(false) };
        let Poll::Ready((exchange, outcome)) = step.as_mut().poll(context) else { return Ok(false) };
        self.reauthentication = None;
        let (reason, data) = match outcome.map_err(|_| refused())? {
            ExchangeStep::Continue { data } => {
                self.reauthentication = Some(Box::new(ReAuthentication::Awaiting(exchange)));
                (Reason::ContinueAuthentication, data)
            }
            ExchangeStep::Done { identity, data } => {
                // What was allowed to the identity before may not be any more.
                self.topics.clear();
                self.identity = identity;
                (Reason::Success, data)
            }
        };
        let method = self.agreed.authentication_method.clone();
        self.send(&Outgoing::Auth(Auth { reason, method, data: Some(data.into()), reason_string: None }), out);
        Ok(true)
    }
}

async fn step(mut exchange: Box<dyn Exchange>, data: Box<[u8]>) -> Step {
    let outcome = exchange.step(&data).await;
    (exchange, outcome)
}

fn refused() -> Close {
    Close::server(Reason::NotAuthorized, "re-authentication failed")
}
