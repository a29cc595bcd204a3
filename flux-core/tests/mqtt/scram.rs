//! The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), written from the RFC, not from the server.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

const ROUNDS: u32 = 4096;

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

fn salted(password: &str, salt: &[u8], rounds: u32) -> [u8; 32] {
    let mut key = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, rounds, &mut key);
    key
}

/// What the server keeps of a password (RFC 5803).
pub fn stored(password: &str) -> String {
    let salt = b"a salt for tests";
    let salted = salted(password, salt, ROUNDS);
    let stored_key = Sha256::digest(hmac(&salted, b"Client Key"));
    let server_key = hmac(&salted, b"Server Key");
    let encode = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    format!("SCRAM-SHA-256${ROUNDS}:{}${}:{}", encode(salt), encode(&stored_key), encode(&server_key))
}

pub struct Scram {
    user: String,
    password: String,
    server_signature: Option<[u8; 32]>,
}

const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";

impl Scram {
    pub fn new(user: &str, password: &str) -> Scram {
        Scram { user: user.to_owned(), password: password.to_owned(), server_signature: None }
    }

    fn first_bare(&self) -> String {
        format!("n={},r={NONCE}", self.user)
    }

    pub fn first(&self) -> Vec<u8> {
        format!("n,,{}", self.first_bare()).into_bytes()
    }

    /// The answer to the server's challenge.
    pub fn last(&mut self, challenge: &[u8]) -> Vec<u8> {
        let challenge = std::str::from_utf8(challenge).expect("a challenge is text");
        let field = |name: &str| challenge.split(',').find_map(|field| field.strip_prefix(name)).expect("r=, s= and i=");
        assert!(field("r=").starts_with(NONCE) && field("r=").len() > NONCE.len(), "the server adds to the nonce");
        let salt = BASE64_STANDARD.decode(field("s=")).expect("salt in base64");
        let salted = salted(&self.password, &salt, field("i=").parse().expect("rounds"));
        let without_proof = format!("c=biws,r={}", field("r="));
        let text = format!("{},{challenge},{without_proof}", self.first_bare());
        let client_key = hmac(&salted, b"Client Key");
        let signature = hmac(&Sha256::digest(client_key), text.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, byte)| key ^ byte).collect();
        self.server_signature = Some(hmac(&hmac(&salted, b"Server Key"), text.as_bytes()));
        format!("{without_proof},p={}", BASE64_STANDARD.encode(proof)).into_bytes()
    }

    /// The server knows the password too.
    pub fn verify(&self, last: &[u8]) {
        let wanted = format!("v={}", BASE64_STANDARD.encode(self.server_signature.expect("the challenge was answered")));
        assert_eq!(std::str::from_utf8(last), Ok(wanted.as_str()));
    }
}
