//! The client's two messages (RFC 5802 §7), taken apart. What does not follow the grammar is `None`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFirst<'a> {
    /// `n,,` or `y,a=name,`: comes back in the final message.
    pub header: &'a str,
    /// What the signatures cover.
    pub bare: &'a str,
    pub user: String,
    pub nonce: &'a str,
}

impl<'a> ClientFirst<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(3, ',');
        let (binding, authorization, bare) = (parts.next()?, parts.next()?, parts.next()?);
        // "p=…" asks for channel binding, which this method does not have.
        if !matches!(binding, "n" | "y") {
            return None;
        }
        let mut attributes = bare.split(',');
        // A mandatory extension (m=) stands here and none is known, so the exchange fails (§5.1).
        let user = name(attributes.next()?.strip_prefix("n=")?)?;
        let nonce = attributes.next()?.strip_prefix("r=").filter(|nonce| printable(nonce))?;
        match authorization.strip_prefix("a=") {
            // To act for another user is not something there is.
            Some(acts_for) if name(acts_for)? != user => return None,
            None if !authorization.is_empty() => return None,
            _ => {}
        }
        Some(ClientFirst { header: &text[..text.len() - bare.len()], bare, user, nonce })
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFinal<'a> {
    /// The header of the first message, decoded.
    pub header: Vec<u8>,
    pub nonce: &'a str,
    /// What the signatures cover.
    pub without_proof: &'a str,
    pub proof: [u8; 32],
}

impl<'a> ClientFinal<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (without_proof, proof) = text.rsplit_once(",p=")?;
        let mut attributes = without_proof.split(',');
        let header = BASE64_STANDARD.decode(attributes.next()?.strip_prefix("c=")?).ok()?;
        let nonce = attributes.next()?.strip_prefix("r=")?;
        let proof = BASE64_STANDARD.decode(proof).ok()?.try_into().ok()?;
        Some(ClientFinal { header, nonce, without_proof, proof })
    }
}

/// "," is written =2C and "=" is =3D; nothing else may follow "=" (§5.1).
fn name(text: &str) -> Option<String> {
    let mut pieces = text.split('=');
    let mut name = pieces.next()?.to_owned();
    for piece in pieces {
        let (character, rest) = match (piece.strip_prefix("2C"), piece.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return None,
        };
        name.push(character);
        name.push_str(rest);
    }
    Some(name).filter(|name| !name.is_empty())
}

fn printable(nonce: &str) -> bool {
    !nonce.is_empty() && nonce.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_message_is_header_name_and_nonce() {
        let first = ClientFirst::parse("n,,n=user,r=abc").unwrap();
        assert_eq!((first.header, first.bare, first.user.as_str(), first.nonce), ("n,,", "n=user,r=abc", "user", "abc"));
        let first = ClientFirst::parse("y,a=a=2Cb=3D,n=a=2Cb=3D,r=abc,x=y").unwrap();
        assert_eq!((first.header, first.user.as_str()), ("y,a=a=2Cb=3D,", "a,b="));
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        for text in [
            "",
            "n",
            "n,,",
            "n,,n=user",
            "n,,n=,r=abc",
            "n,,n=user,r=",
            "n,,r=abc,n=user",
            "x,,n=user,r=abc",
            "p=tls-unique,,n=user,r=abc",
            "n,,m=new,n=user,r=abc",
            "n,,n=us=er,r=abc",
            "n,,n=us=2cer,r=abc",
            "n,a=other,n=user,r=abc",
            "n,b,n=user,r=abc",
            "n,,n=user,r=a\u{7f}b",
        ] {
            assert_eq!(ClientFirst::parse(text), None, "{text}");
        }
        for text in ["", "c=biws,r=abc", "c=biws,r=abc,p=", "c=biws,r=abc,p=AAAA", "c=!,r=abc,p=", "r=abc,c=biws,p=AAAA"] {
            assert_eq!(ClientFinal::parse(text), None, "{text}");
        }
    }
}
