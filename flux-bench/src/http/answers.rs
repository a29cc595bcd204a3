use hyper::StatusCode;

/// Different answers that are counted one by one: a server that invents codes must not fill the memory.
const KINDS: usize = 64;

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// With success.
    Success(StatusCode),
    /// With another status; beside it the `code` of its problem document (RFC 9457), if it has one.
    Refused(StatusCode, Option<Box<str>>),
    /// With none, and why.
    None(&'static str),
}

/// How often requests ended how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    counted: Vec<(Answer, u64)>,
    /// Of further kinds.
    others: u64,
}

impl Answers {
    pub fn count(&mut self, answer: Answer) {
        self.add(answer, 1);
    }

    fn add(&mut self, answer: Answer, times: u64) {
        let room = self.counted.len() < KINDS;
        match self.counted.iter_mut().find(|(known, _)| *known == answer) {
            Some((_, count)) => *count += times,
            None if room => self.counted.push((answer, times)),
            None => self.others += times,
        }
    }

    pub fn merge(&mut self, other: Answers) {
        for (answer, times) in other.counted {
            self.add(answer, times);
        }
        self.others += other.others;
    }

    /// With words for each, the commonest first.
    pub fn in_words(&self) -> Vec<(String, u64)> {
        let mut found: Vec<(String, u64)> = self.counted.iter().map(|(answer, count)| (answer.words(), *count)).collect();
        found.extend((self.others > 0).then(|| ("other answers".to_owned(), self.others)));
        found.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        found
    }
}

impl Answer {
    fn words(&self) -> String {
        match self {
            Answer::Success(status) => status.as_u16().to_string(),
            Answer::Refused(status, Some(code)) => format!("{} {code}", status.as_u16()),
            Answer::Refused(status, None) => match status.canonical_reason() {
                Some(reason) => format!("{} {reason}", status.as_u16()),
                None => status.as_u16().to_string(),
            },
            Answer::None(reason) => (*reason).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_answer_comes_first_and_the_rest_is_bounded() {
        let mut answers = Answers::default();
        for number in 0..100 {
            answers.count(Answer::Success(StatusCode::OK));
            answers.count(Answer::Refused(StatusCode::BAD_REQUEST, Some(format!("reason_{number}").into())));
        }
        answers.count(Answer::None("timed out"));
        let mut merged = Answers::default();
        merged.count(Answer::Success(StatusCode::OK));
        merged.merge(answers);
        let words = merged.in_words();
        assert_eq!((words[0].clone(), words.len()), (("200".to_owned(), 101), KINDS + 1));
        assert!(words.contains(&("other answers".to_owned(), 38)), "{words:?}");
    }
}
