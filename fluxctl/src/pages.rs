use flux_core::api::Page;
use flux_core::client::ClientError;

/// The server's largest page.
const PAGE: usize = 1_000;

/// Reads page after page, to the end or to `limit`: nothing is cut silently.
///
/// `fetch` gets the cursor and the size of the page to ask for. Answers the items and whether there are more.
pub async fn all<T>(
    limit: Option<usize>,
    mut fetch: impl AsyncFnMut(Option<String>, usize) -> Result<Page<T>, ClientError>,
) -> Result<(Vec<T>, bool), ClientError> {
    let mut items = Vec::new();
    let mut cursor = None;
    loop {
        let room = limit.map_or(PAGE, |limit| limit.saturating_sub(items.len()).min(PAGE));
        let page = fetch(cursor.take(), room.max(1)).await?;
        items.extend(page.items);
        let more = page.next_cursor.is_some();
        if let Some(limit) = limit.filter(|limit| items.len() >= *limit) {
            let more = more || items.len() > limit;
            items.truncate(limit);
            return Ok((items, more));
        }
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok((items, false)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pages_of(total: usize, limit: Option<usize>) -> (usize, bool) {
        let (items, more) = all(limit, async |cursor: Option<String>, size: usize| {
            let start: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
            let end = (start + size).min(total);
            Ok(Page { items: (start..end).collect(), next_cursor: (end < total).then(|| end.to_string()) })
        })
        .await
        .unwrap();
        assert!(items.iter().enumerate().all(|(index, item)| index == *item));
        (items.len(), more)
    }

    #[tokio::test]
    async fn every_page_is_read_and_a_limit_says_when_there_is_more() {
        assert_eq!(pages_of(0, None).await, (0, false));
        assert_eq!(pages_of(2_500, None).await, (2_500, false));
        assert_eq!(pages_of(2_500, Some(1_500)).await, (1_500, true));
        assert_eq!(pages_of(2_500, Some(2_500)).await, (2_500, false));
    }
}
