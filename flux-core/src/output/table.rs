use comfy_table::{Attribute, CellAlignment, Color, Table};

use super::cell::{Cell, Tone};
use super::style::Style;

/// Borderless columns, two spaces apart, numbers to the right. Colour underlines what the words say.
pub fn columns(names: Option<&[&str]>, rows: &[Vec<&Cell>], style: Style) -> String {
    let mut table = plain(style);
    if let Some(names) = names {
        table.set_header(names.iter().map(|name| comfy_table::Cell::new(name).add_attribute(Attribute::Bold)));
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| styled(cell)));
    }
    for index in 0..rows.first().map_or(0, Vec::len) {
        let numbers = rows.iter().any(|row| row[index].is_number());
        if let (true, Some(column)) = (numbers, table.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    finish(table)
}

/// One thing: a line for each column, its name before its value.
pub fn details(names: &[&str], cells: &[&Cell], style: Style) -> String {
    let mut table = plain(style);
    for (name, cell) in names.iter().zip(cells) {
        table.add_row([comfy_table::Cell::new(name).add_attribute(Attribute::Bold), styled(cell)]);
    }
    finish(table)
}

fn plain(style: Style) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.force_no_tty();
    if style.colour {
        table.enforce_styling();
    }
    table
}

fn styled(cell: &Cell) -> comfy_table::Cell {
    let shown = comfy_table::Cell::new_owned(cell.human());
    match cell.tone() {
        Tone::Plain => shown,
        Tone::Good => shown.fg(Color::DarkGreen),
        Tone::Warning => shown.fg(Color::DarkYellow),
        Tone::Bad => shown.fg(Color::DarkRed),
    }
}

fn finish(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { colour: false, terminal: false, size: None };

    #[test]
    fn numbers_stand_under_each_other() {
        let rows = [[Cell::text("n1"), Cell::Count(10_021)], [Cell::text("node-2"), Cell::Count(9)]];
        let rows: Vec<Vec<&Cell>> = rows.iter().map(|row| row.iter().collect()).collect();
        assert_eq!(columns(Some(&["NODE", "CONNS"]), &rows, PLAIN), "NODE     CONNS\nn1      10,021\nnode-2       9\n");
        assert_eq!(columns(None, &rows, PLAIN), "n1      10,021\nnode-2       9\n");
    }

    #[test]
    fn colour_changes_no_width() {
        let good = Cell::word("ready", Tone::Good);
        let rows = [vec![&good, &Cell::Missing]];
        let coloured = columns(None, &rows, Style { colour: true, ..PLAIN });
        assert!(coloured.contains("\x1b["), "{coloured:?}");
        assert_eq!(columns(None, &rows, PLAIN), "ready  -\n");
    }

    #[test]
    fn one_thing_is_told_line_by_line() {
        let cells = [Cell::text("n1"), Cell::Bytes(1_500)];
        assert_eq!(details(&["NODE", "RSS"], &cells.iter().collect::<Vec<_>>(), PLAIN), "NODE  n1\nRSS   1.5kB\n");
    }
}
