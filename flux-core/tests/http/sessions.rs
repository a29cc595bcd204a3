use flux_core::api::{ClientQuery, Code, PublishEvent, RetainedQuery, SessionQuery, SubscriptionQuery};

use crate::world::World;

#[tokio::test]
async fn sessions_are_listed_filtered_and_paged() {
    let world = World::start().await;
    for (id, connected) in [("a/1", true), ("a/2", false), ("a/3", true), ("b", true)] {
        world.sessions.add(id, connected, &[]);
    }
    let mut query = SessionQuery { client_id: Some("a/".to_owned()), limit: Some(2), ..SessionQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = world.client.sessions(&query).await.unwrap();
        assert!(page.items.len() <= 2);
        seen.extend(page.items.into_iter().map(|session| session.client_id));
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["a/1", "a/2", "a/3"]);
    let away = world.client.sessions(&SessionQuery { connected: Some(false), ..SessionQuery::default() }).await.unwrap();
    assert_eq!(away.items.iter().map(|session| session.client_id.as_str()).collect::<Vec<_>>(), ["a/2"]);
    let durable = SessionQuery { durable: Some(true), username: Some("bob".to_owned()), ..SessionQuery::default() };
    assert!(world.client.sessions(&durable).await.unwrap().items.is_empty());
    let clients = world.client.clients(&ClientQuery::default()).await.unwrap();
    assert_eq!(clients.items.iter().map(|client| client.client_id.as_str()).collect::<Vec<_>>(), ["a/1", "a/3", "b"]);
}

#[tokio::test]
async fn a_client_id_with_slashes_and_spaces_is_shown_disconnected_and_deleted() {
    let world = World::start().await;
    let id = "plant 7/pump #1?ü";
    world.sessions.add(id, true, &[("a/#", None)]);
    assert_eq!(world.client.client(id).await.unwrap().client_id, id);
    assert_eq!(world.client.session(id).await.unwrap().subscriptions[0].filter, "a/#");
    assert!(world.client.disconnect_session(id).await.unwrap().disconnected);
    assert!(!world.client.disconnect_session(id).await.unwrap().disconnected);
    let code = |error: flux_core::client::ClientError| error.problem().map(|problem| problem.code);
    assert_eq!(code(world.client.client(id).await.unwrap_err()), Some(Code::ClientNotFound));
    world.client.delete_session(id).await.unwrap();
    assert_eq!(code(world.client.delete_session(id).await.unwrap_err()), Some(Code::SessionNotFound));
    assert_eq!(code(world.client.session(id).await.unwrap_err()), Some(Code::SessionNotFound));
    assert_eq!(code(world.client.disconnect_session(id).await.unwrap_err()), Some(Code::SessionNotFound));
}

#[tokio::test]
async fn subscriptions_are_listed_filtered_and_paged() {
    let world = World::start().await;
    world.sessions.add("c1", true, &[("b/#", None), ("b/#", Some("g")), ("a", None)]);
    world.sessions.add("c2", true, &[("b/1", None)]);
    let mut query = SubscriptionQuery { filter: Some("b/".to_owned()), limit: Some(1), ..SubscriptionQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = world.client.subscriptions(&query).await.unwrap();
        seen.extend(page.items.into_iter().map(|found| (found.client_id, found.group, found.filter)));
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    let row = |client: &str, group: Option<&str>, filter: &str| (client.to_owned(), group.map(str::to_owned), filter.to_owned());
    assert_eq!(seen, [row("c1", Some("g"), "b/#"), row("c1", None, "b/#"), row("c2", None, "b/1")]);
    let of_one = SubscriptionQuery { client_id: Some("c1".to_owned()), ..SubscriptionQuery::default() };
    assert_eq!(world.client.subscriptions(&of_one).await.unwrap().items.len(), 3);
}

#[tokio::test]
async fn retained_messages_are_listed_shown_and_deleted() {
    let world = World::start().await;
    for topic in ["a/1", "a/2", "b"] {
        world.client.publish(&PublishEvent::bytes(topic, &[0, 255]).retain(true)).await.unwrap();
    }
    let mut query = RetainedQuery { filter: Some("a/+".to_owned()), limit: Some(1), cursor: None };
    let first = world.client.retained(&query).await.unwrap();
    query.cursor = first.next_cursor.clone();
    let second = world.client.retained(&query).await.unwrap();
    assert_eq!((first.items[0].topic.as_str(), second.items[0].topic.as_str()), ("a/1", "a/2"));
    assert_eq!((first.items[0].payload_bytes, second.next_cursor), (2, None));
    assert_eq!(world.client.retained_message("a/1").await.unwrap().payload, "AP8=");
    world.client.delete_retained("a/1").await.unwrap();
    for gone in [world.client.delete_retained("a/1").await.unwrap_err(), world.client.retained_message("a/1").await.unwrap_err()]
    {
        assert_eq!(gone.problem().map(|problem| problem.code), Some(Code::RetainedNotFound));
    }
    assert_eq!(world.client.retained(&RetainedQuery::default()).await.unwrap().items.len(), 2);
}
