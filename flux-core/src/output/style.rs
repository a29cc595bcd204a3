use std::io::IsTerminal;

use super::cell::Tone;

/// What the reader's terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub colour: bool,
    pub terminal: bool,
    /// Columns and lines of the terminal; `None` when piped: nothing is shortened for a program.
    pub size: Option<(usize, usize)>,
}

impl Style {
    pub fn of_stdout(no_colour: bool) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let size = terminal.then(terminal_size::terminal_size).flatten();
        let size = size.map(|(width, height)| (usize::from(width.0), usize::from(height.0)));
        Style { colour: !no_colour && colour(terminal, |name| std::env::var(name).ok()), terminal, size }
    }

    pub fn paint(self, text: &str, tone: Tone) -> String {
        let code = match tone {
            _ if !self.colour => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Good => 32,
            Tone::Warning => 33,
            Tone::Bad => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    pub fn bold(self, text: &str) -> String {
        if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The common reading of NO_COLOR, CLICOLOR_FORCE and CLICOLOR (no-color.org, bixense.com/clicolors), in this order.
fn colour(terminal: bool, environment: impl Fn(&str) -> Option<String>) -> bool {
    let is = |name: &str, wanted: fn(&str) -> bool| environment(name).is_some_and(|value| wanted(&value));
    if is("NO_COLOR", |value| !value.is_empty()) {
        return false;
    }
    if is("CLICOLOR_FORCE", |value| !value.is_empty() && value != "0") {
        return true;
    }
    terminal && !is("CLICOLOR", |value| value == "0") && !is("TERM", |value| value == "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decides(terminal: bool, set: &[(&str, &str)]) -> bool {
        colour(terminal, |name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn colour_follows_the_terminal_unless_told() {
        assert!(decides(true, &[]));
        assert!(!decides(false, &[]));
        assert!(decides(false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!decides(true, &[("CLICOLOR", "0")]));
        assert!(!decides(true, &[("TERM", "dumb")]));
        assert!(decides(true, &[("NO_COLOR", "")]));
        assert!(!decides(true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
    }
}
