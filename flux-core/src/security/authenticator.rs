use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, TryAcquireError, oneshot};
use tokio::time::Instant;

use super::anonymous::Anonymous;
use super::cache::Verified;
use super::hash::verify;
use super::scram::{METHOD, ScramExchange};
use super::users::Users;
use crate::config::{Config, StoredPassword};
use crate::hook::{AuthenticationError, Authenticator, Credentials, Exchange, HookFuture, Identity};
use crate::lifecycle::Tasks;
use crate::types::limits;

/// The authenticator that the configuration asks for: [`Passwords`] once there are users to know, [`Anonymous`] before.
pub fn authenticator(config: &Config, users: Arc<Users>, tasks: &Tasks) -> Arc<dyn Authenticator> {
    if config.has_users() {
        Arc::new(Passwords::new(users, config.anonymous_allowed(), tasks.clone()))
    } else {
        Arc::new(Anonymous)
    }
}

/// Checks names and passwords against [`Users`], and offers SCRAM-SHA-256 to those who have its keys.
pub struct Passwords {
    users: Arc<Users>,
    anonymous_allowed: bool,
    verified: Mutex<Verified>,
    tasks: Tasks,
    /// Checks at work: one for each processor.
    working: Arc<Semaphore>,
    /// Checks at work or waiting to be.
    admitted: Arc<Semaphore>,
}

impl Passwords {
    /// `anonymous_allowed`: clients without a user name may connect. Slow hashes run as blocking `tasks`.
    pub fn new(users: Arc<Users>, anonymous_allowed: bool, tasks: Tasks) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Passwords {
            users,
            anonymous_allowed,
            verified: Mutex::new(Verified::new(limits::VERIFIED_CREDENTIALS, limits::VERIFIED_CREDENTIALS_LIFE)),
            tasks,
            working: Arc::new(Semaphore::new(processors)),
            admitted: Arc::new(Semaphore::new(processors + limits::WAITING_VERIFICATIONS)),
        }
    }

    async fn check(&self, user: &str, password: &[u8]) -> Result<Identity, AuthenticationError> {
        let table = self.users.table();
        let known = table.get(user);
        let Some(stored) = known.or_else(|| table.decoy(user)) else { return Err(AuthenticationError::BadCredentials) };
        let identity = Identity { username: Some(user.into()) };
        let fingerprint = self.verified.lock().fingerprint(user, password, &stored.reveal());
        if known.is_some() && self.verified.lock().contains(&fingerprint, Instant::now()) {
            return Ok(identity);
        }
        let right = self.verify_slowly(stored.clone(), password.to_vec()).await?;
        if !right || known.is_none() {
            return Err(AuthenticationError::BadCredentials);
        }
        self.verified.lock().insert(fingerprint, Instant::now());
        Ok(identity)
    }

    /// A client that hangs up while it waits gives its place back; a check that has begun runs to its end.
    async fn verify_slowly(&self, stored: StoredPassword, password: Vec<u8>) -> Result<bool, AuthenticationError> {
        let admitted = match Arc::clone(&self.admitted).try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => return Err(AuthenticationError::Busy),
        };
        let working = Arc::clone(&self.working).acquire_owned().await.map_err(|_| AuthenticationError::Busy)?;
        let (answer, answered) = oneshot::channel();
        self.tasks.spawn_blocking("password verification", move || {
            // The client may have hung up: nobody listens any more.
            let _ = answer.send(verify(&stored, &password));
            drop((admitted, working));
        });
        answered.await.map_err(|_| AuthenticationError::Busy)
    }
}

impl Authenticator for Passwords {
    fn authenticate<'a>(&'a self, credentials: Credentials<'a>) -> HookFuture<'a, Result<Identity, AuthenticationError>> {
        Box::pin(async move {
            match (credentials.username, credentials.password) {
                (Some(user), Some(password)) => self.check(user, password).await,
                (Some(_), None) => Err(AuthenticationError::BadCredentials),
                (None, _) if self.anonymous_allowed => Ok(Identity { username: None }),
                (None, _) => Err(AuthenticationError::NotAuthorized),
            }
        })
    }

    fn begin(&self, method: &str) -> Result<Box<dyn Exchange>, AuthenticationError> {
        if method != METHOD || !self.users.table().has_scram() {
            return Err(AuthenticationError::BadMethod);
        }
        Ok(Box::new(ScramExchange::new(Arc::clone(&self.users))))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use super::*;
    use crate::security::{hash_argon2, hash_scram};

    fn passwords(anonymous_allowed: bool) -> Passwords {
        let users = [("alice", hash_argon2(b"wonder").unwrap()), ("bob", hash_scram(b"builder").unwrap())];
        let users = BTreeMap::from(users.map(|(name, stored)| (name.to_owned(), stored)));
        Passwords::new(Arc::new(Users::read(users, None).unwrap()), anonymous_allowed, Tasks::default())
    }

    fn shown<'a>(username: Option<&'a str>, password: Option<&'a str>) -> Credentials<'a> {
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Credentials { client_id: "c", username, password: password.map(str::as_bytes), peer }
    }

    #[tokio::test]
    async fn the_right_password_of_either_kind_opens_and_nothing_else_does() {
        let passwords = passwords(false);
        let answer = async |user, password| passwords.authenticate(shown(user, password)).await;
        for (user, password) in [("alice", "wonder"), ("bob", "builder"), ("alice", "wonder")] {
            let identity = answer(Some(user), Some(password)).await.unwrap();
            assert_eq!(identity.username.as_deref(), Some(user));
        }
        for (user, password) in [("alice", "builder"), ("bob", ""), ("eve", "wonder")] {
            assert_eq!(answer(Some(user), Some(password)).await, Err(AuthenticationError::BadCredentials), "{user}");
        }
        assert_eq!(answer(Some("alice"), None).await, Err(AuthenticationError::BadCredentials));
        assert_eq!(answer(None, None).await, Err(AuthenticationError::NotAuthorized));
    }

    #[tokio::test]
    async fn clients_without_a_name_come_in_where_that_is_allowed() {
        let passwords = passwords(true);
        assert_eq!(passwords.authenticate(shown(None, None)).await, Ok(Identity { username: None }));
        assert!(passwords.authenticate(shown(Some("eve"), Some("x"))).await.is_err());
    }

    #[tokio::test]
    async fn the_decoys_own_password_does_not_open_for_an_unknown_name() {
        let passwords = passwords(false);
        for n in 0..8 {
            for password in ["wonder", "builder"] {
                let name = format!("nobody {n}");
                let answer = passwords.authenticate(shown(Some(&name), Some(password))).await;
                assert_eq!(answer, Err(AuthenticationError::BadCredentials));
            }
        }
    }

    #[tokio::test]
    async fn a_storm_of_known_credentials_costs_one_hash_and_one_of_unknown_ones_is_bounded() {
        let passwords = passwords(false);
        let places = passwords.admitted.available_permits() as u32;
        passwords.authenticate(shown(Some("alice"), Some("wonder"))).await.unwrap();
        // All places are taken, the one just used included once it is given back: only what was verified before gets an answer.
        let _taken = passwords.admitted.acquire_many(places).await.unwrap();
        for _ in 0..1000 {
            passwords.authenticate(shown(Some("alice"), Some("wonder"))).await.unwrap();
        }
        for (user, password) in [("alice", "other"), ("eve", "x")] {
            let answer = passwords.authenticate(shown(Some(user), Some(password))).await;
            assert_eq!(answer, Err(AuthenticationError::Busy));
        }
    }

    #[tokio::test]
    async fn who_hangs_up_while_waiting_gives_the_place_back() {
        let passwords = passwords(false);
        let places = passwords.admitted.available_permits();
        let working = passwords.working.acquire_many(passwords.working.available_permits() as u32).await.unwrap();
        let waiting = passwords.authenticate(shown(Some("alice"), Some("wonder")));
        assert!(tokio::time::timeout(Duration::from_millis(1), waiting).await.is_err());
        assert_eq!(passwords.admitted.available_permits(), places);
        drop(working);
        passwords.authenticate(shown(Some("alice"), Some("wonder"))).await.unwrap();
    }

    #[tokio::test]
    async fn scram_is_offered_only_where_somebody_has_its_keys() {
        assert!(passwords(false).begin("SCRAM-SHA-256").is_ok());
        assert!(passwords(false).begin("PLAIN").is_err());
        let users = BTreeMap::from([("alice".to_owned(), hash_argon2(b"x").unwrap())]);
        let argon2_only = Passwords::new(Arc::new(Users::read(users, None).unwrap()), false, Tasks::default());
        assert!(argon2_only.begin("SCRAM-SHA-256").is_err());
    }
}
