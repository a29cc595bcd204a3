//! Pages: how many items, and where the next one begins. A cursor is the key of the last item, packed so that nobody builds one by hand.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::Error;
use crate::api::Page;

const DEFAULT_LIMIT: usize = 100;
const MOST: usize = 1_000;

/// The number of items that is asked for.
pub(super) fn limit(asked: Option<usize>) -> Result<usize, Error> {
    match asked {
        None => Ok(DEFAULT_LIMIT),
        Some(limit) if (1..=MOST).contains(&limit) => Ok(limit),
        Some(limit) => Err(Error::parameter("limit", format!("is {limit}, and a page has 1 to {MOST} items"))),
    }
}

/// The key behind which the page begins.
pub(super) fn decode(cursor: Option<&str>) -> Result<Option<String>, Error> {
    let Some(cursor) = cursor else { return Ok(None) };
    let key = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    key.map(Some).ok_or_else(|| Error::parameter("cursor", "is not one that this server gave out as next_cursor"))
}

/// `items` are up to `limit + 1`: one more than the page has shows that there is a next one.
pub(super) fn page<T>(mut items: Vec<T>, limit: usize, key: impl Fn(&T) -> String) -> Page<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(key(last)));
    Page { items, next_cursor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_to_the_item_behind_the_last() {
        let first = page(vec!["a", "b/ü", "c"], 2, |item| (*item).to_owned());
        assert_eq!(first.items, ["a", "b/ü"]);
        assert_eq!(decode(first.next_cursor.as_deref()).ok().flatten().as_deref(), Some("b/ü"));
        assert_eq!(page(vec!["c"], 2, |item| (*item).to_owned()).next_cursor, None);
    }

    #[test]
    fn limits_and_cursors_out_of_bounds_are_refused() {
        assert!(limit(Some(0)).is_err() && limit(Some(MOST + 1)).is_err() && limit(Some(MOST)).is_ok());
        assert!(decode(Some("?")).is_err() && decode(Some("_w")).is_err());
    }
}
