/// 1234567 as 1,234,567.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A figure with as many digits as it deserves: three or four that count.
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => {
            let sign = if value < 0.0 { "-" } else { "" };
            format!("{sign}{}", grouped(size.round() as u64))
        }
        size if size >= 10.0 || value.fract() == 0.0 => trim(format!("{value:.1}")),
        _ => format!("{value:.2}"),
    }
}

fn trim(text: String) -> String {
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// A figure with its unit: `50,012/s`, `1.32 ms`, `99.9%`, `10,000`.
pub fn with_unit(figure: &str, unit: &str) -> String {
    let space = if unit.is_empty() || unit.starts_with(['/', '%']) { "" } else { " " };
    format!("{figure}{space}{unit}")
}

/// A bound as it was set, all its digits: `≥ 99.95%`, `≤ 1.5 ms`.
pub fn bound(at_least: Option<f64>, at_most: Option<f64>, unit: &str) -> String {
    let exact = |bound: f64| if bound.fract() == 0.0 { figure(bound) } else { bound.to_string() };
    match (at_least, at_most) {
        (Some(least), _) => format!("≥ {}", with_unit(&exact(least), unit)),
        (None, Some(most)) => format!("≤ {}", with_unit(&exact(most), unit)),
        (None, None) => String::new(),
    }
}

/// Bytes in decimal units.
pub fn bytes(value: f64) -> String {
    match value {
        value if value >= 1e9 => format!("{:.2} GB", value / 1e9),
        value if value >= 1e6 => format!("{:.1} MB", value / 1e6),
        value if value >= 1e3 => format!("{:.1} KB", value / 1e3),
        _ => format!("{value:.0} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_rounded_to_what_counts() {
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!([50_000.4, 42.0, 42.25, 1.5, 0.037].map(figure), ["50,000", "42", "42.2", "1.50", "0.04"]);
        assert_eq!(bound(Some(99.95), None, "%"), "≥ 99.95%");
        assert_eq!(bound(None, Some(1.5), "ms"), "≤ 1.5 ms");
        assert_eq!([512.0, 12_800_000.0, 3.3e9].map(bytes), ["512 B", "12.8 MB", "3.30 GB"]);
    }
}
