use serde::Serialize;

use super::Cell;

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

/// Something a command lists or shows.
pub trait Resource: Serialize + Sized + 'static {
    /// The `kind` of the JSON envelope.
    const KIND: &'static str;

    fn columns() -> Vec<Column<Self>>;

    /// A column that is always shown.
    fn column(name: &'static str, cell: impl Fn(&Self) -> Cell + 'static) -> Column<Self> {
        Column { name, wide: false, cell: Box::new(cell) }
    }

    /// A column for those who want to see all.
    fn wide(name: &'static str, cell: impl Fn(&Self) -> Cell + 'static) -> Column<Self> {
        Column { name, wide: true, cell: Box::new(cell) }
    }

    /// What `-o name` prints and other commands take as argument.
    fn name(&self) -> String;
}
