//! A TOML file as a list of keys with their places.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::source::Origin;

/// A value somewhere, not yet understood.
pub(super) struct Given {
    pub path: String,
    pub value: Shape,
    pub origin: Origin,
}

pub(super) enum Shape {
    Text(String),
    /// `[section]` without keys.
    EmptyTable,
    /// Arrays, dates, floats: nothing of ours is one.
    Other(&'static str),
}

/// All keys of the file in the order of their places, and what is wrong with its syntax.
pub(super) fn read(path: &Path, text: &str) -> (Vec<Given>, Vec<Problem>) {
    let place = |offset: usize| {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |index| index + 1);
        let (line, column) = (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1);
        Origin::File { path: path.to_owned(), line, column }
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem> = errors
        .iter()
        .map(|error| Problem {
            path: String::new(),
            value: None,
            origin: place(error.span().map_or(0, |span| span.start)),
            what: error.message().replace('\n', ", "),
            hint: None,
        })
        .collect();
    problems.dedup();
    let mut given = Vec::new();
    flatten(table.get_ref(), "", &place, &mut given);
    given.sort_by(|a, b| a.origin.cmp(&b.origin));
    (given, problems)
}

fn flatten(table: &DeTable<'_>, at: &str, place: &dyn Fn(usize) -> Origin, into: &mut Vec<Given>) {
    for (key, value) in table {
        let path = super::section::join(at, key.get_ref());
        let shape = match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() => {
                flatten(inner, &path, place, into);
                continue;
            }
            DeValue::Table(_) => Shape::EmptyTable,
            DeValue::String(text) => Shape::Text(text.clone().into_owned()),
            DeValue::Integer(number) => Shape::Text(number.to_string()),
            DeValue::Boolean(yes) => Shape::Text(yes.to_string()),
            other => Shape::Other(other.type_str()),
        };
        into.push(Given { path, value: shape, origin: place(key.span().start) });
    }
}
