use std::cmp::Ordering;
use std::time::Duration;

use crate::types::Timestamp;

use super::terminal::printable;
use super::units;

/// One value of a row, before it is decided who reads it.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Missing,
    Text(String),
    /// A word whose meaning colour may underline, never carry.
    Word(String, Tone),
    Count(u64),
    /// So many a second.
    Rate(f64),
    Bytes(u64),
    /// Of any size, exact as far as it is one.
    Number(f64),
    Percent(f64),
    Age(Duration),
    Time(Timestamp),
    /// A time of day: for streams, where the date is today's.
    Moment(Timestamp),
    Flag(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Warning,
    Bad,
    Plain,
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        Cell::Text(text.into())
    }

    pub fn word(word: impl Into<String>, tone: Tone) -> Self {
        Cell::Word(word.into(), tone)
    }

    pub fn maybe<T>(value: Option<T>, cell: impl FnOnce(T) -> Cell) -> Self {
        value.map_or(Cell::Missing, cell)
    }

    /// For people: separators, units, the reader's time zone, nothing that a terminal would obey.
    pub fn human(&self) -> String {
        match self {
            Cell::Missing => "-".to_owned(),
            Cell::Text(text) | Cell::Word(text, _) if text.is_empty() => "-".to_owned(),
            Cell::Text(text) | Cell::Word(text, _) => printable(text),
            Cell::Count(value) => units::count(*value),
            Cell::Rate(value) => units::rate(*value),
            Cell::Bytes(value) => units::bytes(*value),
            Cell::Number(value) if value.fract() == 0.0 && *value >= 0.0 && *value < 1e15 => units::count(*value as u64),
            Cell::Number(value) => value.to_string(),
            Cell::Percent(value) => format!("{value:.0}%"),
            Cell::Age(value) => units::age(*value),
            Cell::Time(value) => units::local_time(*value, "%Y-%m-%d %H:%M:%S"),
            Cell::Moment(value) => units::local_time(*value, "%H:%M:%S%.3f"),
            Cell::Flag(value) => if *value { "yes" } else { "no" }.to_owned(),
        }
    }

    /// For programs: plain numbers, seconds, UTC. A missing value is empty.
    pub fn plain(&self) -> String {
        match self {
            Cell::Missing => String::new(),
            Cell::Text(text) | Cell::Word(text, _) => text.clone(),
            Cell::Count(value) | Cell::Bytes(value) => value.to_string(),
            Cell::Rate(value) | Cell::Percent(value) | Cell::Number(value) => value.to_string(),
            Cell::Age(value) => value.as_secs_f64().to_string(),
            Cell::Time(value) | Cell::Moment(value) => units::utc_time(*value),
            Cell::Flag(value) => value.to_string(),
        }
    }

    /// Alone, a time of day does not say which.
    pub fn date(&mut self) {
        if let Cell::Moment(time) = self {
            *self = Cell::Time(*time);
        }
    }

    pub fn tone(&self) -> Tone {
        if let Cell::Word(_, tone) = self { *tone } else { Tone::Plain }
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Cell::Count(_) | Cell::Rate(_) | Cell::Bytes(_) | Cell::Percent(_) | Cell::Number(_))
    }

    /// Numbers by size, text by letters; what is missing comes last.
    pub fn order(&self, other: &Cell) -> Ordering {
        match (self, other) {
            (Cell::Missing, Cell::Missing) => Ordering::Equal,
            (Cell::Missing, _) => Ordering::Greater,
            (_, Cell::Missing) => Ordering::Less,
            (Cell::Count(a), Cell::Count(b)) | (Cell::Bytes(a), Cell::Bytes(b)) => a.cmp(b),
            (Cell::Rate(a), Cell::Rate(b)) | (Cell::Percent(a), Cell::Percent(b)) | (Cell::Number(a), Cell::Number(b)) => {
                a.total_cmp(b)
            }
            (Cell::Age(a), Cell::Age(b)) => a.cmp(b),
            (Cell::Time(a), Cell::Time(b)) | (Cell::Moment(a), Cell::Moment(b)) => a.cmp(b),
            (Cell::Flag(a), Cell::Flag(b)) => a.cmp(b),
            (a, b) => a.plain().cmp(&b.plain()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_by_size_and_missing_values_last() {
        let mut cells = vec![Cell::Missing, Cell::Count(10), Cell::Count(9)];
        cells.sort_by(Cell::order);
        assert_eq!(cells, [Cell::Count(9), Cell::Count(10), Cell::Missing]);
    }

    #[test]
    fn people_and_programs_read_different_things() {
        assert_eq!((Cell::Count(1_234).human(), Cell::Count(1_234).plain()), ("1,234".to_owned(), "1234".to_owned()));
        assert_eq!((Cell::Missing.human(), Cell::Missing.plain()), ("-".to_owned(), String::new()));
    }
}
