//! The log: one line for each event, text or JSON, on standard error. Client ids and topics are fields (`client_id`, `topic`),
//! never part of the sentence.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::config::LogFormat;

/// Starts the log of this process. The first call counts: several nodes in one process share it.
pub fn start_log(format: LogFormat, level: &str) -> Result<(), ParseError> {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let subscriber = subscriber(format, level, colour, std::io::stderr)?;
    // An error means that there is one already.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

fn subscriber(
    format: LogFormat,
    level: &str,
    colour: bool,
    writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
) -> Result<Box<dyn Subscriber + Send + Sync>, ParseError> {
    let filtered = tracing_subscriber::registry().with(EnvFilter::builder().parse(level)?);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colour);
    Ok(match format {
        LogFormat::Text => Box::new(filtered.with(lines)),
        LogFormat::Json => Box::new(filtered.with(lines.json().flatten_event(true).with_span_list(false))),
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: &str) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(format, level, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!("not worth telling");
            tracing::info!(client_id = "sensor-1", topic = "a/b", "subscribed");
        });
        let bytes = std::mem::take(&mut *lines.0.lock());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_lines_carry_client_and_topic_as_fields() {
        let text = logged(LogFormat::Json, "info");
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!((&line["client_id"], &line["topic"]), (&"sensor-1".into(), &"a/b".into()), "{line}");
        assert_eq!((&line["message"], &line["level"]), (&"subscribed".into(), &"INFO".into()), "{line}");
    }

    #[test]
    fn text_lines_name_them_too_and_the_level_filters() {
        let text = logged(LogFormat::Text, "info");
        assert!(text.contains(r#"subscribed client_id="sensor-1" topic="a/b""#), "{text}");
        assert_eq!(text.lines().count(), 1);
        assert_eq!(logged(LogFormat::Text, "flux_core::config=debug").lines().count(), 0);
        assert_eq!(logged(LogFormat::Text, "flux_core=debug").lines().count(), 2);
    }
}
