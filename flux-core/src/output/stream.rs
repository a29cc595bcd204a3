use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::column::{Column, Resource};
use super::csv;
use super::format::Format;
use super::selection::{Header, Selection, SelectionError};
use super::style::Style;

/// Rows that come one by one and are shown at once: JSON is one object a line, a table grows its columns as it goes.
pub struct RowStream<R: Resource> {
    format: Format,
    columns: Vec<Column<R::Item>>,
    widths: Vec<usize>,
    headers: bool,
    style: Style,
}

impl<R: Resource> RowStream<R> {
    pub fn new(format: Format, selection: &Selection, style: Style) -> Result<Self, SelectionError> {
        let mut columns: Vec<Option<Column<R::Item>>> = R::columns().into_iter().map(Some).collect();
        let headers: Vec<Header> =
            columns.iter().flatten().map(|column| Header { name: column.name, wide: column.wide }).collect();
        let shown = selection.shown(&headers, format)?;
        let columns: Vec<Column<R::Item>> = shown.into_iter().filter_map(|index| columns[index].take()).collect();
        let widths = columns.iter().map(|column| column.name.width()).collect();
        Ok(RowStream { format, columns, widths, headers: !selection.no_headers, style })
    }

    /// What stands above the first row; shown at once, so that a reader sees that it runs.
    pub fn head(&self) -> String {
        match self.format {
            Format::Csv if self.headers => {
                let names: Vec<String> = self.columns.iter().map(|column| csv::header(column.name)).collect();
                csv::record(names.iter().map(String::as_str))
            }
            Format::Table | Format::Wide if self.headers && self.style.terminal => self.header_line(),
            _ => String::new(),
        }
    }

    pub fn row(&mut self, thing: &R::Item) -> String {
        match self.format {
            Format::Json => serde_json::to_string(thing).expect("what the API answers is JSON") + "\n",
            Format::Yaml => format!("---\n{}", serde_norway::to_string(thing).expect("what the API answers is YAML")),
            Format::Csv => {
                let fields: Vec<String> = self.columns.iter().map(|column| (column.cell)(thing).plain()).collect();
                csv::record(fields.iter().map(String::as_str))
            }
            Format::Name => R::name(thing) + "\n",
            Format::Table | Format::Wide => self.table_row(thing),
        }
    }

    fn header_line(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|column| column.name.to_owned()).collect();
        self.style.bold(&self.line(&names)) + "\n"
    }

    fn table_row(&mut self, thing: &R::Item) -> String {
        let cells: Vec<String> = self.columns.iter().map(|column| (column.cell)(thing).human()).collect();
        let first = std::mem::take(&mut self.headers) && !self.style.terminal;
        for (width, cell) in self.widths.iter_mut().zip(&cells) {
            *width = (*width).max(cell.width());
        }
        let head = if first { self.header_line() } else { String::new() };
        head + &self.line(&cells) + "\n"
    }

    /// Pads all but the last, and shortens that one to the terminal.
    fn line(&self, cells: &[String]) -> String {
        let mut text = String::new();
        for (index, cell) in cells.iter().enumerate() {
            if index + 1 < cells.len() {
                text.push_str(cell);
                text.extend(std::iter::repeat_n(' ', self.widths[index].saturating_sub(cell.width()) + 2));
            } else {
                let room = self.style.size.map(|(columns, _)| columns.saturating_sub(text.width()).max(8));
                text.push_str(&shortened(cell, room));
            }
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// At most `room` columns wide; `…` says that there is more.
fn shortened(text: &str, room: Option<usize>) -> String {
    let Some(room) = room.filter(|room| text.width() > *room) else { return text.to_owned() };
    let mut width = 1;
    let kept = text.chars().take_while(|character| {
        width += character.width().unwrap_or(0);
        width <= room
    });
    kept.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Cell;

    #[derive(serde::Serialize)]
    struct Message(&'static str, &'static str);

    struct Messages;

    impl Resource for Messages {
        type Item = Message;

        const KIND: &'static str = "Message";

        fn columns() -> Vec<Column<Message>> {
            vec![Self::column("TOPIC", |message| Cell::text(message.0)), Self::column("PAYLOAD", |message| Cell::text(message.1))]
        }

        fn name(item: &Message) -> String {
            item.0.to_owned()
        }
    }

    fn lines(format: Format, size: Option<(usize, usize)>) -> String {
        let style = Style { colour: false, terminal: size.is_some(), size };
        let mut stream = RowStream::<Messages>::new(format, &Selection::default(), style).unwrap();
        let head = stream.head();
        let rows = [Message("a", "first"), Message("long/topic", "a\npayload, long"), Message("b", "日本語日本語")];
        head + &rows.iter().map(|row| stream.row(row)).collect::<String>()
    }

    #[test]
    fn columns_grow_and_payloads_are_shortened_to_the_terminal() {
        let shown = lines(Format::Table, Some((20, 10)));
        assert_eq!(shown, "TOPIC  PAYLOAD\na      first\nlong/topic  a\\npayl…\nb           日本語…\n");
    }

    #[test]
    fn a_pipe_gets_all_of_it() {
        assert!(lines(Format::Table, None).contains("long/topic  a\\npayload, long\n"));
        assert_eq!(lines(Format::Csv, None), "topic,payload\na,first\nlong/topic,\"a\npayload, long\"\nb,日本語日本語\n");
        assert_eq!(lines(Format::Name, None), "a\nlong/topic\nb\n");
        assert_eq!(lines(Format::Json, None).lines().count(), 3);
    }
}
