//! Owns how results look, for every tool: tables, JSON, YAML, CSV, names, units, colour. Knows neither the API's paths nor any command.
//!
//! Invariant: a command hands over a [`Document`] (a stream: rows for a [`RowStream`]) and every format comes from it, so no
//! command can forget a format.

mod cell;
mod column;
mod csv;
mod document;
mod flags;
mod format;
mod selection;
mod stream;
mod style;
mod table;
mod terminal;
mod units;

pub use cell::{Cell, Tone};
pub use column::{Column, Resource};
pub use document::{API_VERSION, Document};
pub use flags::Columns;
pub use format::Format;
pub use selection::{Selection, SelectionError};
pub use stream::RowStream;
pub use style::Style;
pub use terminal::{Stdout, printable};
pub use units::{bytes, count, local_time, milliseconds, quantity};
