//! What any store must do for people who work through events, and for what they configure over the API.

use iris_core::WallTime;
use iris_server::config::{Item, ItemKind};
use iris_server::message::{Entry, State};
use iris_server::store::{Cursor, Query, Store, Stored, Verdict};
use serde_json::json;

use crate::kit::{START, after, camera, event, over, put, sqlite};
use crate::suite::suite;

fn started(n: u32) -> Entry {
    Entry::new(&event("gate", 1, n, 0, None), "person", vec![], after(0))
}

fn page(store: &dyn Store, query: &Query, before: Option<Cursor>) -> (Vec<String>, Option<Cursor>) {
    let page = store.page(query, before).expect("a page");
    (page.events.into_iter().map(|e| e.message.id).collect(), page.next)
}

fn name(stored: &Stored) -> (&str, State) {
    (&stored.message.id, stored.message.state)
}

suite! {
    fn a_review_survives_what_the_event_becomes(bench) {
        let store = bench.open(&["log"]);
        put(&*store, started(1));
        let told = store.backlog("log").expect("backlog").pending;
        let said = store.review("gate-1.0-1", Verdict::Confirmed, "ada", after(3)).expect("stored").expect("there");
        assert_eq!((said.review.verdict, said.review.by.as_deref()), (Verdict::Confirmed, Some("ada")));
        assert_eq!(said.review.at, Some(after(3)));
        assert_eq!(store.backlog("log").expect("backlog").pending, told, "sinks are not told of it");
        put(&*store, over("gate", 1, 1, 0));
        let now = store.event("gate-1.0-1").expect("read").expect("there");
        assert_eq!((now.message.state, &now.review), (State::Ended, &said.review));
        drop(store);
        assert_eq!(bench.open(&[]).event("gate-1.0-1").expect("read"), Some(now));
    }

    fn what_is_new_again_was_said_by_nobody(bench) {
        let store = bench.open(&[]);
        put(&*store, over("gate", 1, 1, 0));
        store.review("gate-1.0-1", Verdict::Dismissed, "ada", after(3)).expect("stored");
        let review = store.review("gate-1.0-1", Verdict::New, "bob", after(4)).expect("stored").expect("there").review;
        assert_eq!((review.verdict, review.by, review.at), (Verdict::New, None, None));
        assert_eq!(store.review("gate-1.0-2", Verdict::Dismissed, "ada", after(3)).expect("read"), None);
        assert_eq!(store.event("gate-1.0-2").expect("read"), None);
    }

    fn each_change_has_a_greater_number_than_all_before(bench) {
        let store = bench.open(&[]);
        assert_eq!(store.newest_change().expect("a number"), 0);
        put(&*store, started(1));
        put(&*store, started(2));
        let first = store.changes(0, 10).expect("changes");
        assert_eq!(first.iter().map(name).collect::<Vec<_>>(), [("gate-1.0-1", State::Started), ("gate-1.0-2", State::Started)]);
        put(&*store, over("gate", 1, 1, 0));
        put(&*store, over("gate", 1, 1, 0));
        let second = store.changes(first[1].change, 10).expect("changes");
        assert_eq!(second.iter().map(name).collect::<Vec<_>>(), [("gate-1.0-1", State::Ended)], "once, as it is now");
        store.review("gate-1.0-2", Verdict::Confirmed, "ada", after(1)).expect("stored");
        let third = store.changes(second[0].change, 10).expect("changes");
        assert_eq!(third[0].review.verdict, Verdict::Confirmed);
        assert_eq!(store.newest_change().expect("a number"), third[0].change);
        assert_eq!(store.changes(0, 1).expect("changes").len(), 1);
    }

    fn changes_are_not_numbered_anew_when_events_are_deleted_or_cut_off(bench) {
        let store = bench.open(&[]);
        put(&*store, over("gate", 1, 1, 0));
        put(&*store, started(2));
        let before = store.newest_change().expect("a number");
        store.remove_oldest(after(100), 10).expect("removed");
        drop(store);
        let store = bench.open(&[]);
        assert_eq!(store.newest_change().expect("a number"), before);
        store.begin_run(after(60)).expect("a run");
        let changed = store.changes(before, 10).expect("changes");
        assert_eq!(changed.iter().map(name).collect::<Vec<_>>(), [("gate-1.0-2", State::Interrupted)]);
    }

    fn pages_stay_whole_while_events_come_in(bench) {
        let store = bench.open(&[]);
        // Two begin in each second.
        (1..=6).for_each(|n| put(&*store, over("gate", 1, n, i64::from(n / 2))));
        let query = Query { limit: Some(2), ..Query::default() };
        let (mut seen, mut cursor) = page(&*store, &query, None);
        for n in 7..=12 {
            put(&*store, over("gate", 1, n, 100));
            let Some(before) = cursor else { break };
            let text = before.to_string();
            let (events, next) = page(&*store, &query, Some(text.parse().expect("as it was written")));
            seen.extend(events);
            cursor = next;
        }
        assert_eq!(seen, ["gate-1.0-6", "gate-1.0-5", "gate-1.0-4", "gate-1.0-3", "gate-1.0-2", "gate-1.0-1"]);
        assert_eq!(cursor, None);
        for bad in ["", "1", "1.", ".1", "a.b", "1.2.3", "99999999999999999999.1"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad:?}");
        }
    }

    fn pages_are_filtered_by_everything_at_once(bench) {
        let store = bench.open(&[]);
        for (n, name) in ["gate", "yard", "gate", "hall"].iter().enumerate() {
            put(&*store, over(name, 1, n as u32 + 1, n as i64));
        }
        store.review("gate-1.0-1", Verdict::Dismissed, "ada", START).expect("stored");
        let found = |query: Query| page(&*store, &query, None).0;
        let all = Query::default();
        assert_eq!(found(Query { cameras: Some(vec![camera("gate"), camera("hall")]), ..all.clone() }), ["hall-1.0-4", "gate-1.0-3", "gate-1.0-1"]);
        assert_eq!(found(Query { cameras: Some(vec![]), ..all.clone() }), [""; 0], "of no camera is nothing");
        assert_eq!(found(Query { verdict: Some(Verdict::Dismissed), ..all.clone() }), ["gate-1.0-1"]);
        assert_eq!(found(Query { verdict: Some(Verdict::New), cameras: Some(vec![camera("gate")]), ..all.clone() }), ["gate-1.0-3"]);
        assert_eq!(found(Query { class: Some("person".into()), ..all.clone() }).len(), 4);
        assert_eq!(found(Query { class: Some("car".into()), ..all.clone() }).len(), 0);
        assert_eq!(found(Query { since: Some(after(1)), until: Some(after(3)), ..all }), ["gate-1.0-3", "yard-1.0-2"]);
    }

    fn cameras_and_sinks_are_kept_in_the_order_in_which_they_were_made(bench) {
        let table = |value: serde_json::Value| value.as_object().cloned().expect("a table");
        let item = |kind: ItemKind, name: &str, rate: i64| {
            Item::new(kind, &table(json!({kind.key(): name, "rate": rate, "left_out": null})))
        };
        let (camera, sink) = (ItemKind::Camera, ItemKind::Sink);
        let store = bench.open(&[]);
        assert_eq!(store.items().expect("read"), []);
        let first = [item(camera, "b", 1), item(sink, "b", 2), item(camera, "a", 3)];
        store.set_items(first.to_vec()).expect("stored");
        assert_eq!(store.items().expect("read"), first);
        let second = [item(camera, "c", 4), item(camera, "a", 5), item(camera, "b", 1)];
        store.set_items(second.to_vec()).expect("stored");
        drop(store);
        let kept = bench.open(&[]).items().expect("read");
        assert_eq!(kept, [item(camera, "b", 1), item(camera, "a", 5), item(camera, "c", 4)]);
        assert!(!kept[0].table().contains_key("left_out"));
    }
}

#[test]
fn a_clock_that_stands_still_does_not_confuse_the_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = sqlite(folder.path(), &[]);
    let at = WallTime { unix_micros: 0 };
    for n in 1..=3 {
        put(&*store, Entry { stored: at, ..over("gate", 1, n, 0) });
    }
    assert_eq!(page(&*store, &Query::default(), None).0, ["gate-1.0-3", "gate-1.0-2", "gate-1.0-1"]);
}
