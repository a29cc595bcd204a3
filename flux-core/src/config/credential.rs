use std::fmt;
use std::str::FromStr;

use argon2::password_hash::phc::PasswordHash;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// A user's password as it is kept: enough to check one, useless to log in with. Debug shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub enum StoredPassword {
    /// A PHC string: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
    Argon2(String),
    Scram(ScramKeys),
}

/// What a SCRAM-SHA-256 server keeps (RFC 5803), written as PostgreSQL does: `SCRAM-SHA-256$4096:salt$StoredKey:ServerKey`.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    pub iterations: u32,
    pub salt: Vec<u8>,
    pub stored_key: [u8; 32],
    pub server_key: [u8; 32],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCredential {
    #[error("is not a password hash (make one with: flux-core hash-password)")]
    NotAHash,
    #[error("is a damaged argon2 hash (make a new one with: flux-core hash-password)")]
    BadArgon2,
    #[error("is a damaged SCRAM-SHA-256 entry (make a new one with: flux-core hash-password --scram)")]
    BadScram,
    #[error("asks for more than {MAX_ARGON2_MEMORY_KIB} KiB of memory or {MAX_ARGON2_PASSES} passes for each login")]
    TooCostly,
}

/// A hash is checked by whoever knocks: its cost is the server's. 256 MiB is four times what OWASP's strongest profile asks.
const MAX_ARGON2_MEMORY_KIB: u32 = 256 * 1024;
const MAX_ARGON2_PASSES: u32 = 16;
/// RFC 7677 asks for at least 4,096; ten million take seconds.
const SCRAM_ITERATIONS: std::ops::RangeInclusive<u32> = 4_096..=10_000_000;

impl StoredPassword {
    /// As it stands in the configuration or a password file. Not for logs.
    pub fn reveal(&self) -> String {
        match self {
            StoredPassword::Argon2(text) => text.clone(),
            StoredPassword::Scram(keys) => keys.to_string(),
        }
    }
}

impl FromStr for StoredPassword {
    type Err = BadCredential;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("$argon2") {
            let hash = PasswordHash::new(text).map_err(|_| BadCredential::BadArgon2)?;
            let parameters = argon2::Params::try_from(&hash).map_err(|_| BadCredential::BadArgon2)?;
            if hash.hash.is_none() || hash.salt.is_none() {
                return Err(BadCredential::BadArgon2);
            }
            if parameters.m_cost() > MAX_ARGON2_MEMORY_KIB || parameters.t_cost() > MAX_ARGON2_PASSES {
                return Err(BadCredential::TooCostly);
            }
            return Ok(StoredPassword::Argon2(text.to_owned()));
        }
        match text.strip_prefix("SCRAM-SHA-256$") {
            Some(rest) => parse_scram(rest).map(StoredPassword::Scram).ok_or(BadCredential::BadScram),
            None => Err(BadCredential::NotAHash),
        }
    }
}

fn parse_scram(text: &str) -> Option<ScramKeys> {
    let (parameters, keys) = text.split_once('$')?;
    let (iterations, salt) = parameters.split_once(':')?;
    let (stored_key, server_key) = keys.split_once(':')?;
    let key = |text: &str| BASE64_STANDARD.decode(text).ok()?.try_into().ok();
    let keys = ScramKeys {
        iterations: iterations.parse().ok().filter(|count| SCRAM_ITERATIONS.contains(count))?,
        salt: BASE64_STANDARD.decode(salt).ok().filter(|salt| !salt.is_empty())?,
        stored_key: key(stored_key)?,
        server_key: key(server_key)?,
    };
    Some(keys)
}

impl fmt::Display for ScramKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [salt, stored, server] =
            [&self.salt[..], &self.stored_key, &self.server_key].map(|bytes| BASE64_STANDARD.encode(bytes));
        write!(formatter, "SCRAM-SHA-256${}:{salt}${stored}:{server}", self.iterations)
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl fmt::Debug for StoredPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}
