//! Answers to requests that carried an idempotency key: a repeated request is given the answer again, and nothing is done twice.

use std::collections::VecDeque;
use std::time::Duration;

use axum::body::Bytes;
use foldhash::{HashMap, HashMapExt};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::error::Error;
use crate::types::Refusal;

/// A client that has heard nothing for so long does not repeat any more.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);
const REMEMBERED_ANSWERS: usize = 10_000;
/// Bytes of answers, 32 MiB: some fifty answers to the largest batch, or all of the small ones.
const REMEMBERED_BYTES: usize = 32 * 1024 * 1024;
/// Requests under way whose client may have gone: they run to their end all the same, so they are counted here.
const UNDER_WAY: usize = 1_000;

/// What names a request: its key and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) key: String,
    /// Hash of the body.
    pub(super) fingerprint: u128,
}

/// Answers as they were given. Oldest first out.
#[derive(Default)]
pub(super) struct Answers(Mutex<Book>);

#[derive(Default)]
struct Book {
    entries: HashMap<String, Entry>,
    /// Finished ones, oldest first.
    finished: VecDeque<(String, Instant)>,
    bytes: usize,
}

struct Entry {
    fingerprint: u128,
    answer: Option<Stored>,
}

/// An answer to give again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

impl Answers {
    /// `None`: the request is new and now under way, to be ended by [`Answers::finish`] or [`Answers::forget`].
    pub(super) fn begin(&self, request: &Request, now: Instant) -> Result<Option<Stored>, Error> {
        let mut book = self.0.lock();
        book.evict(now);
        match book.entries.get(&request.key) {
            Some(entry) if entry.fingerprint != request.fingerprint => Err(Error::key_reused(&request.key)),
            Some(Entry { answer: Some(stored), .. }) => Ok(Some(stored.clone())),
            Some(_) => Err(Error::key_in_use(&request.key)),
            None if book.entries.len() - book.finished.len() >= UNDER_WAY => Err(Refusal::QuotaExceeded.into()),
            None => {
                book.entries.insert(request.key.clone(), Entry { fingerprint: request.fingerprint, answer: None });
                Ok(None)
            }
        }
    }

    pub(super) fn finish(&self, request: &Request, answer: Stored, now: Instant) {
        let mut book = self.0.lock();
        book.bytes += answer.body.len();
        if let Some(entry) = book.entries.get_mut(&request.key) {
            entry.answer = Some(answer);
        }
        book.finished.push_back((request.key.clone(), now));
        book.evict(now);
    }

    /// Nothing was done: the request may be made again.
    pub(super) fn forget(&self, request: &Request) {
        self.0.lock().entries.remove(&request.key);
    }
}

impl Book {
    fn evict(&mut self, now: Instant) {
        let too_many = |book: &Book| book.finished.len() > REMEMBERED_ANSWERS || book.bytes > REMEMBERED_BYTES;
        while self.finished.front().is_some_and(|(_, at)| now.duration_since(*at) > REMEMBERED_FOR || too_many(self)) {
            let Some((key, _)) = self.finished.pop_front() else { return };
            if let Some(Entry { answer: Some(answer), .. }) = self.entries.remove(&key) {
                self.bytes -= answer.body.len();
            }
        }
        if self.entries.is_empty() && self.entries.capacity() > REMEMBERED_ANSWERS {
            self.entries = HashMap::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Code;

    fn request(key: &str, fingerprint: u128) -> Request {
        Request { key: key.to_owned(), fingerprint }
    }

    fn stored(bytes: usize) -> Stored {
        Stored { status: 200, body: vec![b' '; bytes].into() }
    }

    /// Answers and bytes that are remembered.
    fn held(answers: &Answers) -> (usize, usize) {
        let book = answers.0.lock();
        (book.entries.len(), book.bytes)
    }

    fn code(outcome: Result<Option<Stored>, Error>) -> Code {
        outcome.expect_err("refused").0.code
    }

    #[test]
    fn a_repeated_request_gets_the_answer_of_the_first() {
        let (answers, now) = (Answers::default(), Instant::now());
        assert_eq!(answers.begin(&request("k", 1), now).expect("new"), None);
        assert_eq!(code(answers.begin(&request("k", 1), now)), Code::KeyInUse);
        answers.finish(&request("k", 1), stored(3), now);
        assert_eq!(answers.begin(&request("k", 1), now).expect("known"), Some(stored(3)));
        assert_eq!(code(answers.begin(&request("k", 2), now)), Code::KeyReused);
        let later = now + REMEMBERED_FOR + Duration::from_secs(1);
        assert_eq!(answers.begin(&request("k", 2), later).expect("forgotten, so new"), None);
    }

    #[test]
    fn a_request_that_did_nothing_may_be_made_again() {
        let (answers, now) = (Answers::default(), Instant::now());
        assert_eq!(answers.begin(&request("k", 1), now).expect("new"), None);
        answers.forget(&request("k", 1));
        assert_eq!(answers.begin(&request("k", 2), now).expect("new"), None);
    }

    #[test]
    fn what_is_remembered_is_bounded_in_number_and_bytes() {
        let (answers, now) = (Answers::default(), Instant::now());
        for number in 0..REMEMBERED_ANSWERS + 5 {
            let request = request(&number.to_string(), 0);
            assert_eq!(answers.begin(&request, now).expect("new"), None);
            answers.finish(&request, stored(1), now);
        }
        assert_eq!(held(&answers), (REMEMBERED_ANSWERS, REMEMBERED_ANSWERS));
        assert_eq!(answers.begin(&request("large", 0), now).expect("new"), None);
        answers.finish(&request("large", 0), stored(REMEMBERED_BYTES), now);
        assert_eq!(held(&answers), (1, REMEMBERED_BYTES));
    }
}
