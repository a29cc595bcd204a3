//! What every bus must do, as one suite: each clause is an async function over a way to make a bus. Owns: the clauses and what they need to
//! ask a bus questions. Must not know: which bus it is.
//!
//! Invariant: no clause assumes that events arrive before `publish` returns, nor that a publish or subscribe succeeds at once; a bus that
//! refuses is asked again, and only events that were asked twice may arrive twice.

mod concurrency;
mod groups;
pub mod harness;
mod options;
mod routing;

pub use concurrency::{concurrent_publishers_lose_nothing, nothing_is_missed_after_subscribing};
pub use groups::{
    a_group_gives_each_event_to_one_member, a_leaving_member_hands_on_what_it_had, a_member_may_also_subscribe_for_itself,
    members_that_cannot_take_an_event_are_passed_over, the_most_available_members_take_turns,
};
pub use options::{
    an_event_comes_at_the_lower_quality_of_service, no_local_concerns_one_subscription_only, no_local_leaves_out_ones_own_events,
    overlapping_subscriptions_deliver_once, retain_is_kept_only_where_asked, subscribing_again_replaces_the_options,
};
pub use routing::{
    every_subscriber_gets_every_event, order_is_kept_per_publisher_and_topic, pressure_is_reported, refusal_is_reported,
    subscriptions_are_counted, unsubscribing_stops_delivery, wildcards_match_as_specified,
};

/// Runs every clause, one after the other: for buses that are dear to set up.
pub async fn every_clause(make: &impl Fn() -> std::sync::Arc<dyn super::EventBus>) {
    crate::bus_conformance! { @every make }
}

/// Makes a test of every clause: `bus_conformance!(|| Arc::new(MyBus::new()));`
#[macro_export]
macro_rules! bus_conformance {
    (@clauses $what:ident ($make:expr)) => {
        $crate::bus_conformance! { @$what ($make)
            order_is_kept_per_publisher_and_topic
            every_subscriber_gets_every_event
            wildcards_match_as_specified
            unsubscribing_stops_delivery
            pressure_is_reported
            refusal_is_reported
            subscriptions_are_counted
            an_event_comes_at_the_lower_quality_of_service
            retain_is_kept_only_where_asked
            overlapping_subscriptions_deliver_once
            no_local_leaves_out_ones_own_events
            no_local_concerns_one_subscription_only
            subscribing_again_replaces_the_options
            a_group_gives_each_event_to_one_member
            a_member_may_also_subscribe_for_itself
            the_most_available_members_take_turns
            members_that_cannot_take_an_event_are_passed_over
            a_leaving_member_hands_on_what_it_had
            nothing_is_missed_after_subscribing
            concurrent_publishers_lose_nothing
        }
    };
    (@every $make:expr) => {
        $crate::bus_conformance! { @clauses awaited ($make) }
    };
    (@awaited ($make:expr) $($clause:ident)*) => {
        $(
            println!("{}", stringify!($clause));
            $crate::bus::conformance::$clause($make).await;
        )*
    };
    (@tests ($make:expr) $($clause:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $clause() {
                $crate::bus::conformance::$clause(&$make).await;
            }
        )*
    };
    ($make:expr) => {
        $crate::bus_conformance! { @clauses tests ($make) }
    };
}
