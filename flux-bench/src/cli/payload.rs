use std::io::Read;

use crate::plan::limits::LARGEST_PAYLOAD;
use crate::report::failure::Failure;
use crate::wire::payload::Payload;

/// `@FILE`, `-` for standard input, or the text itself.
pub fn payload(text: &str) -> Result<Payload, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("--payload {text} cannot be read"))
            .cause(error.to_string())
            .hint("--payload @FILE, --payload - for standard input, or the text itself")
    };
    let bytes = match text.strip_prefix('@') {
        Some(file) => std::fs::read(file).map_err(unreadable)?,
        None if text == "-" => {
            let mut bytes = vec![];
            // One byte more than allowed shows that it is too long, without reading for ever.
            std::io::stdin().take(LARGEST_PAYLOAD as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
            bytes
        }
        None => text.as_bytes().to_vec(),
    };
    if bytes.len() > LARGEST_PAYLOAD {
        return Err(Failure::usage("--payload is 16M at most"));
    }
    Ok(Payload::of(bytes))
}
