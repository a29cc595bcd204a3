use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// How a payload, which is bytes, stands in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// A string: its characters in UTF-8.
    Text,
    /// Any JSON value: published as the JSON text that it is, a string with its quotes.
    Json,
    /// A string: standard base64 with padding.
    Base64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    #[error("is not a string, as payload_encoding \"{0}\" needs")]
    NotAString(&'static str),
    #[error("is not base64: {0}")]
    NotBase64(base64::DecodeError),
}

/// The bytes that `value` stands for. Without an encoding a string is its text and anything else the JSON that it is.
pub fn decode_payload(value: Box<RawValue>, encoding: Option<Encoding>) -> Result<Box<[u8]>, PayloadError> {
    let is_string = value.get().starts_with('"');
    match (encoding, is_string) {
        (Some(Encoding::Json), _) | (None, false) => Ok(Box::<str>::from(value).into_boxed_bytes()),
        (Some(Encoding::Text) | None, true) => Ok(text(&value).into_bytes().into_boxed_slice()),
        (Some(Encoding::Base64), true) => {
            STANDARD.decode(text(&value)).map(Vec::into_boxed_slice).map_err(PayloadError::NotBase64)
        }
        (Some(Encoding::Text), false) => Err(PayloadError::NotAString("text")),
        (Some(Encoding::Base64), false) => Err(PayloadError::NotAString("base64")),
    }
}

fn text(value: &RawValue) -> String {
    serde_json::from_str(value.get()).expect("a JSON value that begins with a quote is a string")
}

/// The string for `payload`: its text where it is UTF-8, base64 otherwise. Exact in both cases.
pub fn encode_payload(payload: &[u8]) -> (String, Encoding) {
    match std::str::from_utf8(payload) {
        Ok(text) => (text.to_owned(), Encoding::Text),
        Err(_) => (STANDARD.encode(payload), Encoding::Base64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(json: &str, encoding: Option<Encoding>) -> Result<Vec<u8>, PayloadError> {
        decode_payload(RawValue::from_string(json.to_owned()).expect("valid JSON"), encoding).map(Vec::from)
    }

    #[test]
    fn without_an_encoding_a_string_is_its_text_and_the_rest_is_json_as_written() {
        assert_eq!(decode(r#""2\u0031 °C""#, None), Ok("21 °C".into()));
        assert_eq!(decode(r#"{"t": 21.50}"#, None), Ok(r#"{"t": 21.50}"#.into()));
        assert_eq!(decode("null", None), Ok("null".into()));
    }

    #[test]
    fn an_encoding_says_what_a_string_means() {
        assert_eq!(decode(r#""on""#, Some(Encoding::Json)), Ok(r#""on""#.into()));
        assert_eq!(decode(r#""on""#, Some(Encoding::Text)), Ok("on".into()));
        assert_eq!(decode(r#""AP8=""#, Some(Encoding::Base64)), Ok(vec![0, 255]));
        assert_eq!(decode("1", Some(Encoding::Text)), Err(PayloadError::NotAString("text")));
        assert!(matches!(decode(r#""?""#, Some(Encoding::Base64)), Err(PayloadError::NotBase64(_))));
    }

    #[test]
    fn what_is_not_text_goes_out_as_base64() {
        assert_eq!(encode_payload(b"on"), ("on".to_owned(), Encoding::Text));
        assert_eq!(encode_payload(&[0, 255]), ("AP8=".to_owned(), Encoding::Base64));
    }
}
