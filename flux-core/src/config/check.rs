//! What a value must keep beyond its type. A check says what is wrong in words that follow the value.

use std::path::Path;

use super::reference::plain;
use super::value::{ByteSize, Value};

pub(super) fn between<T: PartialOrd + Value>(least: T, most: T) -> impl Fn(&T) -> Result<(), String> {
    move |value| {
        if *value < least || *value > most {
            return Err(format!("is outside {} to {}", plain(&least.show()), plain(&most.show())));
        }
        Ok(())
    }
}

pub(super) fn within(least: u64, most: u64) -> impl Fn(&ByteSize) -> Result<(), String> {
    between(ByteSize(least), ByteSize(most))
}

pub(super) fn optional<T>(check: impl Fn(&T) -> Result<(), String>) -> impl Fn(&Option<T>) -> Result<(), String> {
    move |value| value.as_ref().map_or(Ok(()), &check)
}

pub(super) fn not_empty(path: &Path) -> Result<(), String> {
    if path.as_os_str().is_empty() { Err("is empty".to_owned()) } else { Ok(()) }
}

/// Part of the names of keys in Redis: braces would make one hash tag of all of them, spaces nobody can type in a shell.
pub(super) fn name_part(name: &str) -> Result<(), String> {
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    match name.chars().find(|character| !fits(*character)) {
        Some(character) => Err(format!("contains {character:?}: only letters, digits, '-', '_' and '.' are allowed")),
        None if name.is_empty() || name.len() > 64 => Err("must have 1 to 64 characters".to_owned()),
        None => Ok(()),
    }
}

/// The rest of a URL is read when Redis is connected to.
pub(super) fn redis_urls(urls: &str) -> Result<(), String> {
    const SCHEMES: [&str; 4] = ["redis://", "rediss://", "redis+sentinel://", "rediss+sentinel://"];
    let mut each = urls.split(',').map(str::trim).filter(|url| !url.is_empty()).peekable();
    if each.peek().is_none() || each.any(|url| !SCHEMES.iter().any(|scheme| url.starts_with(scheme))) {
        return Err(format!("holds something that does not begin with {}", SCHEMES.join(", ")));
    }
    Ok(())
}
