use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use flux_core::api::PublishEvent;
use flux_core::output::{Format, RowStream, Selection, Stdout, count, quantity};
use tokio::sync::mpsc::{Receiver, channel};

use super::publish::{Outcomes, Publish, unreadable};
use crate::context::{Context, written};
use crate::failure::{Exit, Failure};

/// The largest MQTT packet: a longer line can be no event.
const LINE_BYTES: u64 = 268_435_455;

/// Events in one request: enough to spare round trips, few enough for any server.
const BATCH_EVENTS: usize = 500;

/// Bytes of payload in one request, unless a single one is larger.
const BATCH_BYTES: usize = 1024 * 1024;

/// Lines that wait for the server. A source that is faster waits.
const LINES_AHEAD: usize = 2 * BATCH_EVENTS;

/// A line of the input and its number, from 1.
struct Line {
    number: usize,
    bytes: Vec<u8>,
}

/// Publishes every line of the file or of standard input, as soon as it is there. A line that is refused is named and does not
/// stop the others.
pub async fn publish(context: &Context, publish: &Publish) -> Result<(), Failure> {
    let mut rows = RowStream::<Outcomes>::new(context.format(), &Selection::default(), context.style)?;
    let mut lines = read(publish)?;
    let mut door = publish.door(context).await?;
    let mut stdout = Stdout::default();
    let (mut published, mut refused) = (0, 0);
    let table = matches!(context.format(), Format::Table | Format::Wide);
    let mut head = rows.head();
    let mut carried = None;
    loop {
        let batch = batch(&mut lines, &mut carried).await?;
        if batch.is_empty() {
            break;
        }
        let mut numbers = Vec::with_capacity(batch.len());
        let mut events = Vec::with_capacity(batch.len());
        for line in batch {
            match event(publish, &line.bytes) {
                Ok(event) => {
                    numbers.push(line.number);
                    events.push(event);
                }
                Err(error) => {
                    refused += 1;
                    eprintln!("line {}: {error}", line.number);
                }
            }
        }
        if events.is_empty() {
            continue;
        }
        let outcomes = door.publish(&events).await.map_err(|failure| {
            failure.doing(format!("stopped at line {}, {} published before", numbers[0], quantity(published, "event")))
        })?;
        let mut text = std::mem::take(&mut head);
        for (outcome, number) in outcomes.into_iter().zip(&numbers) {
            match outcome {
                Ok(outcome) => {
                    published += 1;
                    if !table {
                        text += &rows.row(&outcome);
                    }
                }
                Err(failure) => {
                    refused += 1;
                    eprintln!("line {number}: {}", failure.line());
                }
            }
        }
        if !table && let Err(error) = stdout.print(&text) {
            return written(Err(error));
        }
    }
    door.close().await;
    let summary = format!("published {}, refused {}\n", count(published), count(refused));
    if table {
        written(stdout.print(&summary))?
    } else {
        eprint!("{summary}")
    }
    if refused > 0 {
        return Err(Failure::new(Exit::Failed, "events_refused", format!("not published: {}", quantity(refused, "event"))));
    }
    Ok(())
}

/// With a topic the line is the payload, without one it is the event.
fn event(publish: &Publish, line: &[u8]) -> Result<PublishEvent, String> {
    if let Some(topic) = publish.topic() {
        return Ok(publish.event(topic, line));
    }
    let mut event: PublishEvent = serde_json::from_slice(line).map_err(|error| format!("not an event: {error}"))?;
    publish.apply(&mut event);
    Ok(event)
}

/// What is there already, up to the bounds of one request; waits for the first line only. Empty at the end.
async fn batch(lines: &mut Receiver<io::Result<Line>>, carried: &mut Option<Line>) -> Result<Vec<Line>, Failure> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    let mut next = match carried.take() {
        Some(line) => Some(Ok(line)),
        None => lines.recv().await,
    };
    while let Some(line) = next.take() {
        let line = line.map_err(|error| unreadable("the input", &error))?;
        if !batch.is_empty() && bytes + line.bytes.len() > BATCH_BYTES {
            *carried = Some(line);
            break;
        }
        bytes += line.bytes.len();
        batch.push(line);
        if batch.len() < BATCH_EVENTS {
            next = lines.try_recv().ok();
        }
    }
    Ok(batch)
}

/// Reads on a thread of its own: a pipe that is silent must hold up neither what came before nor Ctrl-C.
fn read(publish: &Publish) -> Result<Receiver<io::Result<Line>>, Failure> {
    let source: Box<dyn Read + Send> = match publish.file() {
        Some(path) => Box::new(File::open(path).map_err(|error| unreadable(&path.display().to_string(), &error))?),
        None => Box::new(io::stdin()),
    };
    let (sender, lines) = channel(LINES_AHEAD);
    std::thread::spawn(move || {
        let mut source = BufReader::new(source);
        for number in 1.. {
            match read_line(&mut source) {
                Ok(None) => return,
                Ok(Some(bytes)) if bytes.iter().all(u8::is_ascii_whitespace) => {}
                Ok(Some(bytes)) => {
                    if sender.blocking_send(Ok(Line { number, bytes })).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    let _ = sender.blocking_send(Err(error));
                    return;
                }
            }
        }
    });
    Ok(lines)
}

/// A line without its end; `None` at the end of the input.
fn read_line(source: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if source.take(LINE_BYTES + 1).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.len() as u64 > LINE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a line is longer than {LINE_BYTES} bytes")));
    }
    while line.pop_if(|last| matches!(last, b'\n' | b'\r')).is_some() {}
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize, size: usize) -> io::Result<Line> {
        Ok(Line { number, bytes: vec![b'x'; size] })
    }

    #[tokio::test]
    async fn a_batch_takes_what_is_there_and_stays_within_its_bounds() {
        let (sender, mut lines) = channel(LINES_AHEAD);
        for number in 0..BATCH_EVENTS + 2 {
            sender.send(line(number, 10)).await.unwrap();
        }
        for number in 0..2 {
            sender.send(line(number, BATCH_BYTES)).await.unwrap();
        }
        drop(sender);
        let mut carried = None;
        let mut sizes = Vec::new();
        loop {
            let batch = batch(&mut lines, &mut carried).await.unwrap();
            if batch.is_empty() {
                break;
            }
            sizes.push(batch.len());
        }
        assert_eq!(sizes, [BATCH_EVENTS, 2, 1, 1]);
    }

    #[test]
    fn lines_lose_their_ends_and_nothing_else() {
        let mut source = io::Cursor::new("one\r\n\n two\nlast");
        let mut read = || read_line(&mut source).unwrap().map(|line| String::from_utf8(line).unwrap());
        assert_eq!(
            [read(), read(), read(), read(), read()],
            [Some("one"), Some(""), Some(" two"), Some("last"), None].map(|line| line.map(String::from))
        );
    }
}
