use serde::Serialize;
use serde_norway::Value;

use super::cell::Cell;
use super::column::Resource;
use super::format::Format;
use super::selection::{Header, Selection, SelectionError};
use super::style::Style;
use super::{csv, table};

/// The version of the envelope around JSON and YAML. It changes when a program that reads it would have to.
pub const API_VERSION: &str = "flux/v1";

/// What a command found out, before it is decided who reads it.
pub struct Document {
    kind: &'static str,
    headers: Vec<Header>,
    rows: Vec<Row>,
    /// One thing, told line by line, instead of a row for each of several.
    details: bool,
    partial: bool,
    /// Stands in JSON and YAML for all rows.
    whole: Option<Value>,
    /// For people only, around the rows.
    above: Option<Text>,
    below: Option<Text>,
}

type Text = Box<dyn Fn(Style) -> String + Send>;

struct Row {
    name: String,
    cells: Vec<Cell>,
    item: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    api_version: &'static str,
    kind: &'static str,
    items: Vec<&'a Value>,
}

impl Document {
    pub fn list<R: Resource>(things: &[R::Item]) -> Self {
        let columns = R::columns();
        let headers = columns.iter().map(|column| Header { name: column.name, wide: column.wide }).collect();
        let row = |thing: &R::Item| {
            let cells = columns.iter().map(|column| (column.cell)(thing)).collect();
            Row { name: R::name(thing), cells, item: value(thing) }
        };
        let rows = things.iter().map(row).collect();
        Document { kind: R::KIND, headers, rows, details: false, partial: false, whole: None, above: None, below: None }
    }

    /// Every column of one thing, also those that a list shows only when it is wide.
    pub fn details<R: Resource>(thing: &R::Item) -> Self {
        let mut document = Document { details: true, ..Document::list::<R>(std::slice::from_ref(thing)) };
        document.headers.iter_mut().for_each(|header| header.wide = false);
        document.rows.iter_mut().flat_map(|row| &mut row.cells).for_each(Cell::date);
        document
    }

    /// There is more than this list shows.
    #[must_use]
    pub fn partial(mut self, partial: bool) -> Self {
        self.partial = partial;
        self
    }

    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// JSON and YAML show `whole` as their one item; the rows are for tables, CSV and names.
    #[must_use]
    pub fn within(mut self, kind: &'static str, whole: &impl Serialize) -> Self {
        (self.kind, self.whole) = (kind, Some(value(whole)));
        self
    }

    #[must_use]
    pub fn above(mut self, text: impl Fn(Style) -> String + Send + 'static) -> Self {
        self.above = Some(Box::new(text));
        self
    }

    #[must_use]
    pub fn below(mut self, text: impl Fn(Style) -> String + Send + 'static) -> Self {
        self.below = Some(Box::new(text));
        self
    }

    /// A list below, under a title of its own.
    #[must_use]
    pub fn section(self, title: &'static str, list: Document) -> Self {
        self.below(move |style| match list.render(Format::Table, &Selection::default(), style) {
            Ok(table) if !list.is_empty() => format!("\n{}\n{table}", style.bold(title)),
            _ => format!("\n{}  none\n", style.bold(title)),
        })
    }

    /// Nothing to show at all.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.whole.is_none()
    }

    pub fn render(&self, format: Format, selection: &Selection, style: Style) -> Result<String, SelectionError> {
        let shown = selection.shown(&self.headers, format)?;
        let rows = self.ordered(selection)?;
        Ok(match format {
            Format::Table | Format::Wide => self.for_people(&rows, &shown, selection, style),
            Format::Json => serde_json::to_string_pretty(&self.envelope(&rows)).expect("JSON values are JSON") + "\n",
            Format::Yaml => serde_norway::to_string(&self.envelope(&rows)).expect("JSON values are YAML"),
            Format::Csv => {
                let names = self.names(&shown).into_iter().map(csv::header).collect::<Vec<_>>();
                let mut text = if selection.no_headers { String::new() } else { csv::record(names.iter().map(String::as_str)) };
                for row in &rows {
                    let fields: Vec<String> = shown.iter().map(|index| row.cells[*index].plain()).collect();
                    text.push_str(&csv::record(fields.iter().map(String::as_str)));
                }
                text
            }
            Format::Name => rows.iter().map(|row| format!("{}\n", row.name)).collect(),
        })
    }

    /// All of it on one line, for a program that watches.
    pub fn json_line(&self, selection: &Selection) -> Result<String, SelectionError> {
        selection.shown(&self.headers, Format::Json)?;
        Ok(serde_json::to_string(&self.envelope(&self.ordered(selection)?)).expect("JSON values are JSON") + "\n")
    }

    fn ordered(&self, selection: &Selection) -> Result<Vec<&Row>, SelectionError> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        if let Some((column, descending)) = selection.order(&self.headers)? {
            rows.sort_by(|a, b| {
                let order = a.cells[column].order(&b.cells[column]);
                if descending { order.reverse() } else { order }
            });
        }
        Ok(rows)
    }

    fn envelope<'a>(&'a self, rows: &[&'a Row]) -> Envelope<'a> {
        let items = match &self.whole {
            Some(whole) => vec![whole],
            None => rows.iter().map(|row| &row.item).collect(),
        };
        Envelope { api_version: API_VERSION, kind: self.kind, items }
    }

    fn names(&self, shown: &[usize]) -> Vec<&'static str> {
        shown.iter().map(|index| self.headers[*index].name).collect()
    }

    fn for_people(&self, rows: &[&Row], shown: &[usize], selection: &Selection, style: Style) -> String {
        let names = self.names(shown);
        let cells: Vec<Vec<&Cell>> = rows.iter().map(|row| shown.iter().map(|index| &row.cells[*index]).collect()).collect();
        let body = if self.details {
            cells.iter().map(|cells| table::details(&names, cells, style)).collect()
        } else {
            table::columns((!selection.no_headers).then_some(names.as_slice()), &cells, style)
        };
        // Named columns are a wish for just these.
        let around = |text: &Option<Text>| match text {
            Some(text) if selection.columns.is_empty() => text(style),
            _ => String::new(),
        };
        around(&self.above) + &body + &around(&self.below)
    }
}

/// As a value of YAML, which unlike one of JSON keeps the order of the fields: the API puts first what matters.
fn value(thing: &impl Serialize) -> Value {
    serde_norway::to_value(thing).expect("what the API answers is JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::output::Column;

    #[derive(Serialize)]
    struct Pump {
        id: &'static str,
        flow: u64,
    }

    struct Pumps;

    impl Resource for Pumps {
        type Item = Pump;

        const KIND: &'static str = "Pump";

        fn columns() -> Vec<Column<Pump>> {
            vec![Self::column("PUMP", |pump| Cell::text(pump.id)), Self::wide("FLOW", |pump| Cell::Count(pump.flow))]
        }

        fn name(item: &Pump) -> String {
            item.id.to_owned()
        }
    }

    const PLAIN: Style = Style { colour: false, terminal: false, size: None };

    fn render(format: Format, selection: &Selection) -> String {
        let pumps = [Pump { id: "a", flow: 1_000 }, Pump { id: "b", flow: 20 }];
        Document::list::<Pumps>(&pumps).render(format, selection, PLAIN).unwrap()
    }

    #[test]
    fn one_document_is_written_in_every_format() {
        let usual = Selection::default();
        assert_eq!(render(Format::Table, &usual), "PUMP\na\nb\n");
        assert_eq!(render(Format::Wide, &usual), "PUMP   FLOW\na     1,000\nb        20\n");
        assert_eq!(render(Format::Csv, &usual), "pump,flow\na,1000\nb,20\n");
        assert_eq!(render(Format::Name, &usual), "a\nb\n");
        let json: Value = serde_json::from_str(&render(Format::Json, &usual)).unwrap();
        let items = serde_json::json!([{"id": "a", "flow": 1000}, {"id": "b", "flow": 20}]);
        assert_eq!(json, serde_json::json!({"apiVersion": "flux/v1", "kind": "Pump", "items": items}));
        assert_eq!(serde_norway::from_str::<Value>(&render(Format::Yaml, &usual)).unwrap(), json);
    }

    #[test]
    fn the_order_holds_in_every_format() {
        let sorted = Selection { sort_by: Some("flow".into()), ..Selection::default() };
        assert_eq!(render(Format::Name, &sorted), "b\na\n");
        let json: Value = serde_json::from_str(&render(Format::Json, &sorted)).unwrap();
        assert_eq!(json["items"][0]["id"], "b");
    }

    #[test]
    fn an_empty_list_is_an_empty_array() {
        let empty = Document::list::<Pumps>(&[]);
        assert!(empty.is_empty());
        let json = empty.json_line(&Selection::default()).unwrap();
        assert_eq!(json, "{\"apiVersion\":\"flux/v1\",\"kind\":\"Pump\",\"items\":[]}\n");
    }

    #[test]
    fn what_stands_around_the_rows_gives_way_to_named_columns() {
        let whole = serde_json::json!({"pumps": 1});
        let pump = Pump { id: "a", flow: 1 };
        let document =
            Document::details::<Pumps>(&pump).within("Plant", &whole).above(|_| "PLANT\n".into()).below(|_| "end\n".into());
        assert_eq!(document.render(Format::Table, &Selection::default(), PLAIN).unwrap(), "PLANT\nPUMP  a\nFLOW  1\nend\n");
        let named = Selection { columns: vec!["flow".into()], ..Selection::default() };
        assert_eq!(document.render(Format::Table, &named, PLAIN).unwrap(), "FLOW  1\n");
        assert!(document.json_line(&Selection::default()).unwrap().contains("\"items\":[{\"pumps\":1}]"));
    }
}
