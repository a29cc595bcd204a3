/// Columns as wide as their widest cell, two spaces between them, the last one as long as it is.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let head = head.map(str::to_owned);
    let lines = || std::iter::once(&head).chain(rows);
    let width = |column: usize| lines().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in lines() {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line += &format!("{cell:width$}  ");
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// What the tools print under `-o json`: a list with its kind.
pub(super) fn json(kind: &str, items: &impl serde::Serialize) -> String {
    let document = serde_json::json!({"apiVersion": "flux/v1", "kind": kind, "items": items});
    format!("{document:#}\n")
}
