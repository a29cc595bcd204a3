use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::message::{ClientFinal, ClientFirst};
use super::server::Challenge;
use crate::config::StoredPassword;
use crate::hook::{AuthenticationError, Exchange, ExchangeStep, HookFuture, Identity};
use crate::security::users::Users;

/// One exchange: the client's first message, the challenge, its final message. A user without SCRAM keys, or whom there is not, gets a
/// challenge like everyone and fails at the end.
pub(crate) struct ScramExchange {
    users: Arc<Users>,
    state: State,
}

enum State {
    Begun,
    Challenged { user: Arc<str>, known: bool, challenge: Box<Challenge> },
    Over,
}

impl ScramExchange {
    pub(crate) fn new(users: Arc<Users>) -> Self {
        ScramExchange { users, state: State::Begun }
    }

    fn answer(&mut self, data: &[u8]) -> Option<ExchangeStep> {
        let text = std::str::from_utf8(data).ok()?;
        match std::mem::replace(&mut self.state, State::Over) {
            State::Begun => {
                let first = ClientFirst::parse(text)?;
                let table = self.users.table();
                let known = match table.get(&first.user) {
                    Some(StoredPassword::Scram(keys)) => Some(keys.clone()),
                    _ => None,
                };
                let (known, keys) = match known {
                    Some(keys) => (true, keys),
                    None => (false, table.scram_decoy(&first.user)?),
                };
                let nonce = BASE64_STANDARD.encode(rand::random::<[u8; 18]>());
                let (answer, challenge) = Challenge::new(&first, &nonce, keys);
                self.state = State::Challenged { user: first.user.as_str().into(), known, challenge: Box::new(challenge) };
                Some(ExchangeStep::Continue { data: answer.into_bytes() })
            }
            State::Challenged { user, known, challenge } => {
                let proof = challenge.judge(&ClientFinal::parse(text)?).filter(|_| known)?;
                Some(ExchangeStep::Done { identity: Identity { username: Some(user) }, data: proof.into_bytes() })
            }
            State::Over => None,
        }
    }
}

impl Exchange for ScramExchange {
    fn step<'a>(&'a mut self, data: &'a [u8]) -> HookFuture<'a, Result<ExchangeStep, AuthenticationError>> {
        let step = self.answer(data).ok_or(AuthenticationError::BadCredentials);
        Box::pin(std::future::ready(step))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::security::{hash_argon2, hash_scram};

    fn hmac(key: &[u8], data: &str) -> [u8; 32] {
        Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(data).finalize().into_bytes().into()
    }

    fn users() -> Arc<Users> {
        let users = [("alice", hash_scram(b"wonder").unwrap()), ("bob", hash_argon2(b"builder").unwrap())];
        Arc::new(Users::read(BTreeMap::from(users.map(|(name, stored)| (name.to_owned(), stored))), None).unwrap())
    }

    /// The client's side, written from the specification: its final message and the server's that it expects.
    fn client(challenge: &str, user: &str, password: &str) -> (String, String) {
        let attribute = |name: &str| challenge.split(',').find_map(|part| part.strip_prefix(name)).unwrap();
        let (nonce, salt, iterations) = (attribute("r="), attribute("s="), attribute("i=").parse().unwrap());
        let salt = BASE64_STANDARD.decode(salt).unwrap();
        let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), &salt, iterations);
        let client_key = hmac(&salted, "Client Key");
        let said = format!("n={user},r=mine,{challenge},c=biws,r={nonce}");
        let signature = hmac(&Sha256::digest(client_key), &said);
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, sign)| key ^ sign).collect();
        let expected = format!("v={}", BASE64_STANDARD.encode(hmac(&hmac(&salted, "Server Key"), &said)));
        (format!("c=biws,r={nonce},p={}", BASE64_STANDARD.encode(proof)), expected)
    }

    async fn run(user: &str, password: &str) -> Result<Arc<str>, AuthenticationError> {
        let mut exchange = ScramExchange::new(users());
        let first = format!("n,,n={user},r=mine");
        let ExchangeStep::Continue { data } = exchange.step(first.as_bytes()).await? else { panic!("a challenge is due") };
        let challenge = String::from_utf8(data).unwrap();
        assert!(challenge.starts_with("r=mine") && challenge.ends_with(",i=16384"), "{challenge}");
        let (last, expected) = client(&challenge, user, password);
        let ExchangeStep::Done { identity, data } = exchange.step(last.as_bytes()).await? else { panic!("it is over") };
        assert_eq!(String::from_utf8(data).unwrap(), expected);
        assert!(exchange.step(last.as_bytes()).await.is_err(), "an exchange is used once");
        Ok(identity.username.unwrap())
    }

    #[tokio::test]
    async fn who_knows_the_password_gets_in_and_the_server_proves_itself() {
        assert_eq!(run("alice", "wonder").await.as_deref(), Ok("alice"));
    }

    #[tokio::test]
    async fn a_wrong_password_an_unknown_user_and_one_without_keys_fail_alike_at_the_end() {
        for (user, password) in [("alice", "other"), ("eve", "wonder"), ("bob", "builder")] {
            assert_eq!(run(user, password).await, Err(AuthenticationError::BadCredentials), "{user}");
        }
    }
}
