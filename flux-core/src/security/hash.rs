//! Making and checking stored passwords. Deliberately slow: never on a task that serves connections.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use subtle::ConstantTimeEq;

use super::scram::keys;
use crate::config::{ScramKeys, StoredPassword};

/// RFC 7677 asks for 4,096 at least; a server checks a plain password in some ten milliseconds with this many.
pub const SCRAM_ITERATIONS: u32 = 16_384;

#[derive(Debug, thiserror::Error)]
pub enum HashError {
    #[error("the password is empty")]
    Empty,
    #[error("the password cannot be hashed: {0}")]
    Argon2(argon2::password_hash::Error),
}

/// An argon2id PHC string with OWASP's parameters (19 MiB, 2 passes) and a fresh salt.
pub fn hash_argon2(password: &[u8]) -> Result<StoredPassword, HashError> {
    if password.is_empty() {
        return Err(HashError::Empty);
    }
    let hash: PasswordHash = Argon2::default().hash_password(password).map_err(HashError::Argon2)?;
    Ok(StoredPassword::Argon2(hash.to_string()))
}

/// SCRAM-SHA-256 keys with a fresh salt. Passwords outside ASCII are taken as they are: clients must send them in NFKC (RFC 4013).
pub fn hash_scram(password: &[u8]) -> Result<StoredPassword, HashError> {
    if password.is_empty() {
        return Err(HashError::Empty);
    }
    let salt: [u8; 16] = rand::random();
    Ok(StoredPassword::Scram(keys(password, &salt, SCRAM_ITERATIONS)))
}

/// Whether `password` is the one that was stored. Takes milliseconds.
pub(super) fn verify(stored: &StoredPassword, password: &[u8]) -> bool {
    match stored {
        StoredPassword::Argon2(text) => {
            PasswordHash::new(text).is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
        }
        StoredPassword::Scram(ScramKeys { iterations, salt, stored_key, .. }) => {
            keys(password, salt, *iterations).stored_key.ct_eq(stored_key).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_verify_what_they_were_made_of_and_nothing_else() {
        for hash in [hash_argon2, hash_scram] {
            let stored = hash(b"correct horse").unwrap();
            assert!(verify(&stored, b"correct horse"));
            assert!(!verify(&stored, b"correct hors") && !verify(&stored, b""));
            assert!(hash(b"").is_err());
        }
    }

    #[test]
    fn what_is_printed_is_read_again() {
        let StoredPassword::Scram(keys) = hash_scram(b"secret").unwrap() else { panic!("asked for SCRAM") };
        assert_eq!(keys.to_string().parse(), Ok(StoredPassword::Scram(keys)));
        let StoredPassword::Argon2(text) = hash_argon2(b"secret").unwrap() else { panic!("asked for argon2") };
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        assert_eq!(text.parse(), Ok(StoredPassword::Argon2(text)));
    }
}
