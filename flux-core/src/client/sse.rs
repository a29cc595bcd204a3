/// A line of a stream longer than this is no line of ours (the largest event, in base64, with room to spare): 512 MiB.
const LINE_BYTES: usize = 512 * 1024 * 1024;

/// One event of a stream of server-sent events (WHATWG HTML §9.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// `message` where the server gave no name.
    pub(super) name: String,
    pub(super) data: String,
}

/// Splits a stream of bytes, however it is cut, into events. Comments, ids and retry times are read and left out.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    line: Vec<u8>,
    name: String,
    data: Option<String>,
    after_return: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line of the stream is too long")]
pub(super) struct LineTooLong;

impl Decoder {
    /// Takes more bytes and adds the events they complete to `messages`.
    pub(super) fn push(&mut self, bytes: &[u8], messages: &mut impl Extend<Message>) -> Result<(), LineTooLong> {
        let mut rest = bytes;
        while let Some((&first, after)) = rest.split_first() {
            if std::mem::take(&mut self.after_return) && first == b'\n' {
                rest = after;
                continue;
            }
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.line.extend_from_slice(rest);
                return if self.line.len() > LINE_BYTES { Err(LineTooLong) } else { Ok(()) };
            };
            self.line.extend_from_slice(&rest[..end]);
            self.after_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            messages.extend(self.line(&String::from_utf8_lossy(&line)));
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let name = if name.is_empty() { "message".to_owned() } else { name };
            return self.data.take().map(|data| Message { name, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match (field, &mut self.data) {
            ("event", _) => value.clone_into(&mut self.name),
            ("data", Some(data)) => {
                data.push('\n');
                data.push_str(value);
            }
            ("data", data) => *data = Some(value.to_owned()),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(chunks: &[&[u8]]) -> Vec<(String, String)> {
        let (mut decoder, mut messages) = (Decoder::default(), Vec::new());
        for chunk in chunks {
            decoder.push(chunk, &mut messages).expect("short lines");
        }
        messages.into_iter().map(|message| (message.name, message.data)).collect()
    }

    #[test]
    fn events_are_found_however_the_bytes_are_cut() {
        let stream =
            b": keep-alive\n\nid: 1\nevent: event\ndata: {\"a\":1}\n\ndata: one\r\ndata: two\r\n\r\nevent: nothing\n\ndata:x\n\n";
        let wanted = [("event", "{\"a\":1}"), ("message", "one\ntwo"), ("message", "x")];
        let wanted: Vec<_> = wanted.map(|(name, data)| (name.to_owned(), data.to_owned())).into();
        assert_eq!(decode(&[stream]), wanted);
        for cut in 1..stream.len() {
            assert_eq!(decode(&[&stream[..cut], &stream[cut..]]), wanted, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(decode(&bytes), wanted);
    }
}
