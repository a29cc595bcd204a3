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
        assert_eq!([512.0, 12_800_000.0, 3.3e9].map(bytes), ["512 B", "12.8 MB", "3.30 GB"]);
    }
}
