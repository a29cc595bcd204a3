use std::io::{self, BufWriter, Write};

/// Standard output, buffered, where a failed write is an error and not a panic.
pub struct Stdout(BufWriter<io::Stdout>);

impl Default for Stdout {
    fn default() -> Self {
        Stdout(BufWriter::new(io::stdout()))
    }
}

impl Stdout {
    /// Writes and flushes: what was printed is seen, also by a pipe.
    pub fn print(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())?;
        self.0.flush()
    }
}

/// Text from outside as one line that no terminal obeys: control characters are shown escaped.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_invisible(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Characters that turn the direction of what follows: they make one name look like another.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        assert_eq!(printable("a\x1b[31m\nb\u{202e}"), "a\\u{1b}[31m\\nb\\u{202e}");
        assert_eq!(printable("Grüße 测试"), "Grüße 测试");
    }
}
