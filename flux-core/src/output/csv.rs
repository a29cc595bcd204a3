/// One record (RFC 4180): quotes where a comma, a quote or a line break asks for them.
pub fn record<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = String::new();
    for (index, field) in fields.into_iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        if field.contains([',', '"', '\n', '\r']) || field.trim() != field {
            line.push('"');
            line.push_str(&field.replace('"', "\"\""));
            line.push('"');
        } else {
            line.push_str(field);
        }
    }
    line.push('\n');
    line
}

/// `MSG/S` → `msg_s`: a header that needs no quoting in any tool.
pub fn header(name: &str) -> String {
    name.to_lowercase().replace([' ', '/', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_quotes_has_them() {
        assert_eq!(
            record(["a", "b,c", "say \"hi\"", "two\nlines", "", " x"]),
            "a,\"b,c\",\"say \"\"hi\"\"\",\"two\nlines\",,\" x\"\n"
        );
    }

    #[test]
    fn headers_are_plain_words() {
        assert_eq!(header("MSG/S"), "msg_s");
    }
}
