//! What must hold whatever bytes come from Redis: the tests and the fuzzer ask the same question.

use super::{EncodedEvent, decode, put_message, split};

/// Panics where the bytes of a batch break a promise of the wire format. Says how many of its messages could be read.
pub fn check(batch: &[u8]) -> usize {
    let mut read = 0;
    for bytes in split(batch) {
        let Ok(message) = bytes.map_err(|_| ()).and_then(|bytes| decode(bytes).map_err(|_| ())) else { continue };
        read += 1;
        let mut again = Vec::new();
        put_message(&EncodedEvent::new(&message.event), &message.audience, message.double, &mut again);
        let mut messages = split(&again);
        let written = messages.next().expect("one was written").expect("and whole");
        assert_eq!(decode(written), Ok(message), "what was read is written and read again the same");
        assert!(messages.next().is_none());
    }
    read
}
