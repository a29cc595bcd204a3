//! The traits where strangers meet: who may connect, who may publish and subscribe, what happens to an event on its way in.
//!
//! Implementations live in `security` and (later) `plugins`; `mqtt`, `http` and `ingress` call them.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::types::{Event, Subscription, TopicName};

pub type HookFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a client shows of itself.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    pub client_id: &'a str,
    pub username: Option<&'a str>,
    pub password: Option<&'a [u8]>,
    pub peer: IpAddr,
}

/// Who a client turned out to be. Cloning counts a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `None` for an anonymous client.
    pub username: Option<Arc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    #[error("bad user name or password")]
    BadCredentials,
    #[error("not authorized")]
    NotAuthorized,
    #[error("too many authentications are under way")]
    Busy,
    /// MQTT 5 §4.12: a method that this server does not have.
    #[error("authentication method is not supported")]
    BadMethod,
}

pub trait Authenticator: Send + Sync + 'static {
    /// Deliberately slow hashes run off the calling task.
    fn authenticate<'a>(&'a self, credentials: Credentials<'a>) -> HookFuture<'a, Result<Identity, AuthenticationError>>;

    /// Begins enhanced authentication (MQTT 5 §4.12) by `method`.
    fn begin(&self, method: &str) -> Result<Box<dyn Exchange>, AuthenticationError>;
}

/// One enhanced authentication under way.
pub trait Exchange: Send {
    /// The client's data in, what to answer out.
    fn step<'a>(&'a mut self, data: &'a [u8]) -> HookFuture<'a, Result<ExchangeStep, AuthenticationError>>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExchangeStep {
    Continue { data: Vec<u8> },
    Done { identity: Identity, data: Vec<u8> },
}

pub trait Authorizer: Send + Sync + 'static {
    fn may_publish(&self, identity: &Identity, client_id: &str, topic: &TopicName) -> bool;
    fn may_subscribe(&self, identity: &Identity, client_id: &str, subscription: &Subscription) -> bool;
}

/// Sees every event before the bus does and says what goes on in its place (nothing, itself, others).
pub trait Interceptor: Send + Sync + 'static {
    fn intercept(&self, event: Event) -> SmallVec<[Event; 1]>;
}

/// Lets everyone do everything: the default on loopback.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

impl Authorizer for AllowAll {
    fn may_publish(&self, _: &Identity, _: &str, _: &TopicName) -> bool {
        true
    }

    fn may_subscribe(&self, _: &Identity, _: &str, _: &Subscription) -> bool {
        true
    }
}
