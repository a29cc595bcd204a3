use crate::hook::{AuthenticationError, Authenticator, Credentials, Exchange, HookFuture, Identity};

/// Lets everyone in as nobody: for a server without users. Names and passwords that clients show are not looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anonymous;

impl Authenticator for Anonymous {
    fn authenticate<'a>(&'a self, _: Credentials<'a>) -> HookFuture<'a, Result<Identity, AuthenticationError>> {
        Box::pin(std::future::ready(Ok(Identity { username: None })))
    }

    fn begin(&self, _: &str) -> Result<Box<dyn Exchange>, AuthenticationError> {
        Err(AuthenticationError::BadMethod)
    }
}
