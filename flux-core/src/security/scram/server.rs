//! The computation (RFC 5802 §3), without I/O and without choosing anything: nonces come from outside.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::message::{ClientFinal, ClientFirst};
use crate::config::ScramKeys;

/// What a server keeps of a password. Takes milliseconds, by design.
pub(crate) fn keys(password: &[u8], salt: &[u8], iterations: u32) -> ScramKeys {
    let salted: [u8; 32] = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt, iterations);
    let client_key = hmac(&salted, b"Client Key");
    ScramKeys {
        iterations,
        salt: salt.to_vec(),
        stored_key: Sha256::digest(client_key).into(),
        server_key: hmac(&salted, b"Server Key"),
    }
}

/// An exchange between the client's two messages.
#[derive(Debug)]
pub(super) struct Challenge {
    header: String,
    nonce: String,
    /// client-first-bare "," server-first: the beginning of what is signed.
    said: String,
    keys: ScramKeys,
}

impl Challenge {
    /// The server's first message, and what is needed to judge the answer.
    pub(super) fn new(first: &ClientFirst<'_>, server_nonce: &str, keys: ScramKeys) -> (String, Self) {
        let nonce = format!("{}{server_nonce}", first.nonce);
        let answer = format!("r={nonce},s={},i={}", BASE64_STANDARD.encode(&keys.salt), keys.iterations);
        let said = format!("{},{answer}", first.bare);
        (answer, Challenge { header: first.header.to_owned(), nonce, said, keys })
    }

    /// The server's final message if the client has proved that it knows the password.
    pub(super) fn judge(&self, last: &ClientFinal<'_>) -> Option<String> {
        if last.header != self.header.as_bytes() || last.nonce != self.nonce {
            return None;
        }
        let said = format!("{},{}", self.said, last.without_proof);
        let signature = hmac(&self.keys.stored_key, said.as_bytes());
        let client_key: [u8; 32] = std::array::from_fn(|index| last.proof[index] ^ signature[index]);
        let stored: [u8; 32] = Sha256::digest(client_key).into();
        if !bool::from(stored.ct_eq(&self.keys.stored_key)) {
            return None;
        }
        Some(format!("v={}", BASE64_STANDARD.encode(hmac(&self.keys.server_key, said.as_bytes()))))
    }
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677 §3: user "user", password "pencil".
    const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const CHALLENGE: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const FINAL: &str =
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const VERIFIER: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    fn example(password: &str) -> (String, Challenge) {
        let salt = BASE64_STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let keys = keys(password.as_bytes(), &salt, 4096);
        Challenge::new(&ClientFirst::parse(FIRST).unwrap(), NONCE, keys)
    }

    #[test]
    fn the_example_of_rfc_7677_is_reproduced() {
        let (challenge, waiting) = example("pencil");
        assert_eq!(challenge, CHALLENGE);
        assert_eq!(waiting.judge(&ClientFinal::parse(FINAL).unwrap()).as_deref(), Some(VERIFIER));
    }

    #[test]
    fn another_password_nonce_or_header_is_refused() {
        assert_eq!(example("pencils").1.judge(&ClientFinal::parse(FINAL).unwrap()), None);
        let waiting = example("pencil").1;
        for changed in [FINAL.replace("c=biws", "c=eSws"), FINAL.replace("k0,p=", "k1,p="), FINAL.replace(",p=dH", ",p=eH")] {
            assert_eq!(waiting.judge(&ClientFinal::parse(&changed).unwrap()), None, "{changed}");
        }
    }
}
