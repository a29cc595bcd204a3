/// As text between tags or within a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A section with its heading.
pub fn section(title: &str, body: &str) -> String {
    format!("<section>\n<h2>{}</h2>\n{body}</section>\n", escape(title))
}

/// A table whose first column is text and whose others are figures; cells are HTML.
pub fn table(header: &[String], rows: &[Vec<String>]) -> String {
    let cell = |tag: &str, (index, text): (usize, &String)| match index {
        0 => format!("<{tag} scope=\"{}\">{text}</{tag}>", if tag == "th" { "col" } else { "row" }),
        _ => format!("<{tag} class=\"n\">{text}</{tag}>"),
    };
    let head: String = header.iter().enumerate().map(|item| cell("th", item)).collect();
    let row = |row: &Vec<String>| {
        let first = row.first().map(|text| format!("<th scope=\"row\">{text}</th>")).unwrap_or_default();
        let rest: String = row.iter().enumerate().skip(1).map(|item| cell("td", item)).collect();
        format!("<tr>{first}{rest}</tr>\n")
    };
    let body: String = rows.iter().map(row).collect();
    format!("<div class=\"scroll\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n")
}

/// A word with its colour; the word alone says it.
pub fn badge(word: &str) -> String {
    let tone = match word {
        "PASS" => "good",
        "FAIL" | "AUDIT BROKEN" => "bad",
        "INVALID" | "INTERRUPTED" => "warn",
        _ => "plain",
    };
    format!("<span class=\"badge {tone}\">{}</span>", escape(word))
}
