use super::csv;
use super::format::Format;

/// Which columns of which rows in what order a reader wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// None named: the usual ones.
    pub columns: Vec<String>,
    /// A column; a leading `-` turns the order round.
    pub sort_by: Option<String>,
    pub no_headers: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    #[error("there is no column '{name}'")]
    UnknownColumn { name: String, known: String },
    #[error("--columns picks the columns of a table or of CSV; JSON, YAML and names have none")]
    NoColumns,
}

/// A column as far as choosing it goes.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    pub name: &'static str,
    pub wide: bool,
}

impl Selection {
    /// Indices of the columns to show, in order.
    pub fn shown(&self, headers: &[Header], format: Format) -> Result<Vec<usize>, SelectionError> {
        if !self.columns.is_empty() {
            if matches!(format, Format::Json | Format::Yaml | Format::Name) {
                return Err(SelectionError::NoColumns);
            }
            return self.columns.iter().map(|name| find(headers, name)).collect();
        }
        let all = !matches!(format, Format::Table);
        Ok((0..headers.len()).filter(|index| all || !headers[*index].wide).collect())
    }

    /// Index of the column to sort by, and whether from the end.
    pub fn order(&self, headers: &[Header]) -> Result<Option<(usize, bool)>, SelectionError> {
        let Some(name) = &self.sort_by else { return Ok(None) };
        let (name, descending) = name.strip_prefix('-').map_or((name.as_str(), false), |name| (name, true));
        Ok(Some((find(headers, name)?, descending)))
    }
}

/// By the name in the table or by the one in CSV, whatever its case.
fn find(headers: &[Header], name: &str) -> Result<usize, SelectionError> {
    let wanted = csv::header(name.trim());
    headers.iter().position(|header| csv::header(header.name) == wanted).ok_or_else(|| SelectionError::UnknownColumn {
        name: name.to_owned(),
        known: headers.iter().map(|header| csv::header(header.name)).collect::<Vec<_>>().join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: [Header; 3] =
        [Header { name: "NODE", wide: false }, Header { name: "MSG/S", wide: false }, Header { name: "PEER", wide: true }];

    #[test]
    fn wide_columns_are_shown_when_asked_for() {
        let usual = Selection::default();
        assert_eq!(usual.shown(&HEADERS, Format::Table), Ok(vec![0, 1]));
        assert_eq!(usual.shown(&HEADERS, Format::Wide), Ok(vec![0, 1, 2]));
        let named = Selection { columns: vec!["peer".into(), "Msg/s".into()], ..Selection::default() };
        assert_eq!(named.shown(&HEADERS, Format::Table), Ok(vec![2, 1]));
        assert_eq!(named.shown(&HEADERS, Format::Json), Err(SelectionError::NoColumns));
    }

    #[test]
    fn a_column_that_does_not_exist_is_answered_with_those_that_do() {
        let sorted = Selection { sort_by: Some("-msg_s".into()), ..Selection::default() };
        assert_eq!(sorted.order(&HEADERS), Ok(Some((1, true))));
        let unknown = Selection { sort_by: Some("size".into()), ..Selection::default() };
        let known = "node, msg_s, peer".to_owned();
        assert_eq!(unknown.order(&HEADERS), Err(SelectionError::UnknownColumn { name: "size".into(), known }));
    }
}
