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
