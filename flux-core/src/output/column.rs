use serde::Serialize;

use super::cell::Cell;

/// One column of a kind of thing.
pub struct Column<T> {
    pub name: &'static str,
    /// Shown with `-o wide`, in CSV and when asked for by name.
    pub wide: bool,
    pub cell: Box<dyn Fn(&T) -> Cell>,
}

impl<T: 'static> Column<T> {
    /// The same column of a thing that has a `T` in it.
    pub fn of<U: 'static>(self, part: impl Fn(&U) -> &T + 'static) -> Column<U> {
        let Column { name, wide, cell } = self;
        Column { name, wide, cell: Box::new(move |whole| cell(part(whole))) }
    }
}

/// How a kind of thing is listed or shown. A type of its own, because a tool says so of things that others define.
pub trait Resource {
    type Item: Serialize + 'static;

    /// The `kind` of the JSON envelope.
    const KIND: &'static str;

    fn columns() -> Vec<Column<Self::Item>>;

    /// A column that is always shown.
    fn column(name: &'static str, cell: impl Fn(&Self::Item) -> Cell + 'static) -> Column<Self::Item> {
        Column { name, wide: false, cell: Box::new(cell) }
    }

    /// A column for those who want to see all.
    fn wide(name: &'static str, cell: impl Fn(&Self::Item) -> Cell + 'static) -> Column<Self::Item> {
        Column { name, wide: true, cell: Box::new(cell) }
    }

    /// What `-o name` prints and other commands take as argument.
    fn name(item: &Self::Item) -> String;
}
