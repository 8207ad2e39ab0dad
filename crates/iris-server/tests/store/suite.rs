//! What any store must do. One suite; a backend is one line of [`BACKENDS`].

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use crate::kit::{START, after, camera, event, events, ids, over, put, sqlite};
use iris_core::{MonoTime, WallTime};
use iris_server::config;
use iris_server::fsck::{Finding, fsck};
use iris_server::message::{Entry, Kind, Message, State};
use iris_server::retention::{Pass, Retention};
use iris_server::store::{Clip, MediaKind, Outcome, Query, Store};
use proptest::prelude::*;

pub(crate) type Open = fn(&Path, &[&str]) -> Box<dyn Store>;

pub(crate) const BACKENDS: &[(&str, Open)] = &[("sqlite", sqlite)];

/// A fresh folder and a way to open the store in it, as often as needed.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) open: Open,
}

impl Bench {
    pub(crate) fn open(&self, sinks: &[&str]) -> Box<dyn Store> {
        (self.open)(self.folder.path(), sinks)
    }
}

macro_rules! suite {
    ($($(#[$doc:meta])* fn $name:ident($bench:ident) $body:block)*) => {$(
        $(#[$doc])*
        #[test]
        fn $name() {
            for (backend, open) in $crate::suite::BACKENDS {
                println!("backend: {backend}");
                let $bench = $crate::suite::Bench { folder: tempfile::tempdir().expect("a folder"), open: *open };
                $body
            }
        }
    )*};
}

pub(crate) use suite;

suite! {
    fn runs_are_numbered_from_one_and_for_ever(bench) {
        for number in 1..4 {
            assert_eq!(bench.open(&[]).begin_run(START).expect("a run").number, number);
        }
    }

    fn an_event_is_told_when_it_starts_and_when_it_ends(bench) {
        let store = bench.open(&["log", "hook"]);
        put(&*store, Entry::new(&event("gate", 1, 1, 0, None), "person", vec![], after(0)));
        put(&*store, Entry::new(&event("gate", 1, 1, 0, Some(7)), "person", vec![], after(7)));
        let stored = events(&*store, &Query::default());
        assert_eq!(stored.len(), 1);
        assert_eq!((stored[0].state, stored[0].media_end), (State::Ended, Some(7.0)));
        for sink in ["log", "hook"] {
            let due = store.due(sink, START, 10).expect("due");
            let told: Vec<Message> = due.iter().map(|m| serde_json::from_str(&m.body).expect("JSON")).collect();
            assert_eq!(told.iter().map(|m| m.state).collect::<Vec<_>>(), [State::Started, State::Ended]);
            assert!(told.iter().all(|m| m.id == "gate-1.0-1"));
        }
    }

    fn the_same_event_twice_is_stored_and_told_once(bench) {
        let store = bench.open(&["log"]);
        let ended = over("gate", 1, 1, 0);
        let started = Entry::new(&event("gate", 1, 1, 0, None), "person", vec![], after(0));
        for entry in [&started, &started, &ended, &ended, &started] {
            put(&*store, entry.clone());
        }
        assert_eq!(events(&*store, &Query::default())[0].state, State::Ended);
        assert_eq!(store.backlog("log").expect("backlog").pending, 2);
    }

    fn what_a_run_left_open_is_closed_as_interrupted_by_the_next(bench) {
        let store = bench.open(&["log"]);
        store.begin_run(START).expect("a run");
        put(&*store, Entry::new(&event("gate", 1, 1, 0, None), "person", vec![], after(0)));
        put(&*store, over("gate", 1, 2, 1));
        drop(store);
        let store = bench.open(&["log"]);
        assert_eq!(store.begin_run(after(60)).expect("a run").interrupted, 1);
        let states: Vec<State> = events(&*store, &Query::default()).iter().map(|m| m.state).collect();
        assert_eq!(states, [State::Interrupted, State::Ended]);
        let due = store.due("log", after(60), 10).expect("due");
        assert!(due[2].body.contains(r#""state":"interrupted""#), "{due:?}");
        assert_eq!(store.begin_run(after(60)).expect("a run").interrupted, 0);
    }

    fn events_are_found_by_time_camera_and_kind_newest_last(bench) {
        let store = bench.open(&[]);
        for (n, name) in ["gate", "yard", "gate", "yard", "gate"].iter().enumerate() {
            // Stored in the reverse order of their starts.
            put(&*store, over(name, 1, n as u32 + 1, 100 - 10 * n as i64));
        }
        let all = ["gate-1.0-5", "yard-1.0-4", "gate-1.0-3", "yard-1.0-2", "gate-1.0-1"];
        assert_eq!(ids(&*store, &Query::default()), all);
        let since = Query { since: Some(after(80)), ..Query::default() };
        assert_eq!(ids(&*store, &since), all[2..]);
        assert_eq!(ids(&*store, &Query { until: Some(after(80)), ..Query::default() }), all[..2]);
        assert_eq!(ids(&*store, &Query { limit: Some(2), ..Query::default() }), all[3..]);
        assert_eq!(ids(&*store, &Query { cameras: Some(vec![camera("yard")]), ..since.clone() }), ["yard-1.0-2"]);
        assert_eq!(ids(&*store, &Query { kind: Some(Kind::Intrusion), limit: Some(1), ..since }), all[4..]);
        assert!(ids(&*store, &Query { kind: Some(Kind::Track), ..Query::default() }).is_empty());
    }

    fn reading_stops_when_told_to(bench) {
        let store = bench.open(&[]);
        (1..=5).for_each(|n| put(&*store, over("gate", 1, n, n.into())));
        let mut seen = 0;
        let each = &mut |_| {
            seen += 1;
            if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        store.events(&Query::default(), each).expect("events");
        assert_eq!(seen, 2);
    }

    fn one_camera_that_waits_holds_back_itself_and_nobody_else(bench) {
        let store = bench.open(&["log"]);
        for (n, name) in ["gate", "yard", "gate", "yard"].iter().enumerate() {
            put(&*store, over(name, 1, n as u32 + 1, n as i64));
        }
        let due = |now| -> Vec<String> {
            store.due("log", now, 10).expect("due").into_iter().map(|m| m.event).collect()
        };
        let first = store.due("log", START, 1).expect("due").remove(0);
        let retry = Outcome::Retry { at: after(30), error: "the reply is 500".into() };
        store.settle(vec![(first.seq, retry)]).expect("settled");
        assert_eq!(due(after(29)), ["yard-1.0-2", "yard-1.0-4"]);
        assert_eq!(due(after(30)), ["gate-1.0-1", "yard-1.0-2", "gate-1.0-3", "yard-1.0-4"]);
        assert_eq!(due(after(-7200)).len(), 4, "a clock that was put back holds nothing back");
        assert_eq!(store.due("log", after(30), 1).expect("due")[0].attempts, 1);
    }

    fn what_is_delivered_or_dead_is_not_due_and_the_dead_can_be_revived(bench) {
        let store = bench.open(&["log"]);
        (1..=3).for_each(|n| put(&*store, over("gate", 1, n, n.into())));
        let due = store.due("log", START, 10).expect("due");
        let dead = Outcome::Dead { error: "the reply is 400".into() };
        store.settle(vec![(due[0].seq, Outcome::Delivered), (due[1].seq, dead)]).expect("settled");
        let backlog = store.backlog("log").expect("backlog");
        assert_eq!((backlog.pending, backlog.dead, backlog.oldest), (1, 1, Some(after(4))));
        assert_eq!(store.revive("log").expect("revived"), 1);
        let due: Vec<String> = store.due("log", START, 10).expect("due").into_iter().map(|m| m.event).collect();
        assert_eq!(due, ["gate-1.0-2", "gate-1.0-3"]);
    }

    fn sinks_that_are_gone_hold_nothing_back(bench) {
        put(&*bench.open(&["old"]), over("gate", 1, 1, 0));
        let store = bench.open(&["new"]);
        store.begin_run(START).expect("a run");
        assert_eq!(store.remove_oldest(after(100), 10).expect("removed").events, 1);
    }

    fn the_oldest_are_removed_first_but_never_what_is_open_or_waits(bench) {
        let store = bench.open(&["log"]);
        put(&*store, Entry::new(&event("gate", 1, 1, 0, None), "person", vec![], after(0)));
        (2..=5).for_each(|n| put(&*store, over("gate", 1, n, n.into())));
        let due = store.due("log", START, 10).expect("due");
        // Everything is delivered but the message about event 3.
        let told = due.iter().filter(|m| m.event != "gate-1.0-3").map(|m| (m.seq, Outcome::Delivered)).collect();
        store.settle(told).expect("settled");
        assert_eq!(store.remove_oldest(after(5), 1).expect("removed").events, 1);
        assert_eq!(ids(&*store, &Query::default()), ["gate-1.0-1", "gate-1.0-3", "gate-1.0-4", "gate-1.0-5"]);
        assert_eq!(store.remove_oldest(after(1000), 100).expect("removed").events, 2);
        assert_eq!(ids(&*store, &Query::default()), ["gate-1.0-1", "gate-1.0-3"]);
    }

    fn pictures_go_with_their_events_rows_first(bench) {
        let store = bench.open(&[]);
        let event = event("gate", 1, 1, 0, Some(1));
        let pictures: [(_, &[u8]); 2] = [(MediaKind::Plain, b"plain"), (MediaKind::Boxes, b"with boxes")];
        let pictures = store.media().save(event.id, event.started.wall, pictures).expect("saved").to_vec();
        assert_eq!(pictures[1].path, "gate/2026-01-05/gate-1.0-1-boxes.jpg");
        put(&*store, Entry::new(&event, "person", pictures.clone(), after(1)));
        assert_eq!(store.usage().expect("usage").media, 15);
        assert_eq!(events(&*store, &Query::default())[0].picture.as_ref(), Some(&pictures[0].path));
        assert!(fsck(&*store, false).expect("checked").findings.is_empty());

        let removed = store.remove_oldest(after(100), 10).expect("removed");
        assert_eq!(removed.files.len(), 2);
        assert_eq!(fsck(&*store, false).expect("checked").findings.len(), 2, "the files are the caller's to delete");
        removed.files.iter().for_each(|picture| store.media().remove(&picture.path).expect("deleted"));
        assert!(fsck(&*store, false).expect("checked").findings.is_empty());
    }

    fn a_clip_is_attached_once_it_is_complete_and_goes_with_its_event(bench) {
        let store = bench.open(&["log"]);
        let (open, over) = (event("gate", 1, 1, 0, None), event("gate", 1, 1, 0, Some(70)));
        put(&*store, Entry::new(&open, "person", Vec::new(), after(0)));
        let mut movie = store.media().begin_clip(open.id, open.started.wall).expect("begun");
        movie.write(b"????fragments").expect("written");
        assert!(matches!(&fsck(&*store, false).expect("checked").findings[..], [Finding::UnfinishedFile(_)]));
        movie.rewrite_start(b"head").expect("written");
        let clip = movie.finish(MediaKind::Clip).expect("finished");
        assert_eq!((clip.path.as_str(), clip.bytes), ("gate/2026-01-05/gate-1.0-1.mp4", 13));
        assert_eq!(std::fs::read(store.media().root().join(&clip.path)).expect("a file"), b"headfragments");
        let before = store.newest_change().expect("a number");
        assert!(store.attach(open.id, clip.clone(), 7.5).expect("attached"));
        // What is told later of the event does not take it away.
        put(&*store, Entry::new(&over, "person", Vec::new(), after(70)));
        let stored = store.event("gate-1.0-1").expect("read").expect("there");
        assert_eq!(stored.clip, Some(Clip { path: clip.path.clone(), start: 7.5 }));
        assert!(stored.change > before + 1, "the change is told to those who wait for changes");
        assert_eq!(store.usage().expect("usage").media, 13);
        assert!(fsck(&*store, false).expect("checked").findings.is_empty());

        std::fs::remove_file(store.media().root().join(&clip.path)).expect("deleted");
        assert!(fsck(&*store, true).expect("checked").is_clean());
        assert_eq!(store.event("gate-1.0-1").expect("read").expect("there").clip, None);
        let other = event("gate", 1, 2, 0, None).id;
        assert!(!store.attach(other, clip, 0.0).expect("tried"), "there is no such event");
        // One that is given up leaves nothing behind, and one that a crash left behind is deleted.
        drop(store.media().begin_clip(other, None).expect("begun"));
        assert!(fsck(&*store, false).expect("checked").findings.is_empty());
        std::mem::forget(store.media().begin_clip(other, None).expect("begun"));
        assert!(fsck(&*store, true).expect("checked").is_clean());
        assert!(store.media().files().expect("a list").is_empty());
    }

    fn fsck_finds_what_does_not_agree_and_repairs_it(bench) {
        let store = bench.open(&[]);
        let mut pictures = Vec::new();
        for n in 1..=3 {
            let event = event("gate", 1, n, 0, Some(1));
            let [plain] = store.media().save(event.id, None, [(MediaKind::Plain, b"jpeg")]).expect("saved");
            pictures.push(plain.path.clone());
            put(&*store, Entry::new(&event, "person", vec![plain], after(1)));
        }
        let root = store.media().root().to_owned();
        std::fs::remove_file(root.join(&pictures[0])).expect("deleted");
        std::fs::write(root.join(&pictures[1]), b"").expect("emptied");
        std::fs::write(root.join("gate/undated/stray.jpg"), b"x").expect("written");
        std::fs::write(root.join("gate/undated/.new-half.jpg"), b"x").expect("written");

        let report = fsck(&*store, true).expect("checked");
        let has = |wanted: &dyn Fn(&Finding) -> bool| report.findings.iter().filter(|f| wanted(f)).count();
        assert_eq!(has(&|f| matches!(f, Finding::MissingFile { .. })), 2);
        assert_eq!(has(&|f| matches!(f, Finding::StrayFile(p) if p.ends_with("stray.jpg"))), 1);
        assert_eq!(has(&|f| matches!(f, Finding::UnfinishedFile(_))), 1);
        assert!(report.is_clean() && report.findings.len() == 4, "{report:?}");
        assert!(fsck(&*store, false).expect("checked").findings.is_empty());
        let told: Vec<Option<String>> = events(&*store, &Query::default()).into_iter().map(|m| m.picture).collect();
        assert_eq!(told, [None, None, Some(pictures[2].clone())]);
    }

    fn a_path_in_the_database_cannot_lead_out_of_the_folder(bench) {
        let store = bench.open(&[]);
        let outside = bench.folder.path().join("precious");
        std::fs::write(&outside, b"x").expect("written");
        for path in ["../precious", "gate/../../precious", outside.to_str().expect("text"), ""] {
            store.media().remove(path).expect("ignored");
            assert_eq!(store.media().size(path), None);
        }
        assert!(outside.exists());
    }

    fn retention_deletes_by_age(bench) {
        let store = bench.open(&[]);
        (0..600).for_each(|n| drop(store.put(over("gate", 1, n + 1, i64::from(n)))));
        let mut retention = Retention::new(&limits(100, None));
        let swept = retention.pass(&*store, after(400), MonoTime::default()).expect("a pass");
        assert!(matches!(swept, Pass::Done(swept) if swept.events == 300), "{swept:?}");
        assert_eq!(ids(&*store, &Query::default())[0], "gate-1.0-301");
    }

    fn retention_deletes_by_space_pictures_too(bench) {
        let store = bench.open(&[]);
        for n in 1..=64 {
            let event = event("gate", 1, n, n.into(), Some(i64::from(n) + 1));
            let plain = store.media().save(event.id, event.started.wall, [(MediaKind::Plain, &[7; 10_000])]);
            put(&*store, Entry::new(&event, "person", plain.expect("saved").to_vec(), after(n.into())));
        }
        let max = store.usage().expect("usage").database + 200_000;
        let mut retention = Retention::new(&limits(1_000_000, Some(max)));
        retention.pass(&*store, after(100), MonoTime::default()).expect("a pass");
        let usage = store.usage().expect("usage");
        assert!(usage.database + usage.media <= max && usage.events == 16, "{usage:?}");
        assert_eq!(ids(&*store, &Query::default())[0], "gate-1.0-49");
        assert!(fsck(&*store, false).expect("checked").findings.is_empty());
    }

    fn retention_believes_no_clock_that_jumped(bench) {
        let store = bench.open(&[]);
        put(&*store, over("gate", 1, 1, 0));
        let mono = |hours| MonoTime(Duration::from_hours(hours));
        let day = 86_400;
        let mut retention = Retention::new(&limits(day, None));
        let pass = |retention: &mut Retention, wall, at| retention.pass(&*store, wall, at).expect("a pass");
        assert!(matches!(pass(&mut retention, after(60), mono(0)), Pass::Done(_)));
        // Two days later by the wall clock, one minute by the other.
        let jumped = 2 * day as i64;
        assert_eq!(pass(&mut retention, after(jumped), mono(0)), Pass::Held);
        assert_eq!(pass(&mut retention, after(jumped + 1800), MonoTime(Duration::from_mins(30))), Pass::Held);
        // A restart that long after the last pass looks the same.
        let mut again = Retention::new(&limits(day, None));
        assert_eq!(pass(&mut again, after(2 * jumped), mono(0)), Pass::Held);
        // An hour of steady time, and it is believed.
        let done = pass(&mut again, after(2 * jumped + 3600), mono(1));
        assert!(matches!(done, Pass::Done(swept) if swept.events == 1), "{done:?}");
    }
}

fn limits(seconds: u64, max_bytes: Option<u64>) -> config::Store {
    config::Store { path: "unused".into(), max_age: Duration::from_secs(seconds), max_bytes }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn retention_never_deletes_what_is_younger(
        starts in prop::collection::vec(0i64..1000, 1..40), age in 0u64..1000, now in 0i64..1000,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = sqlite(folder.path(), &[]);
        for (n, start) in starts.iter().enumerate() {
            drop(store.put(over("gate", 1, n as u32 + 1, *start)).expect("taken"));
        }
        let now: WallTime = after(now);
        Retention::new(&limits(age, None)).pass(&*store, now, MonoTime::default()).expect("a pass");
        let cutoff = now.unix_micros - age as i64 * 1_000_000;
        let kept = events(&*store, &Query::default());
        let young = starts.iter().filter(|start| after(**start).unix_micros >= cutoff).count();
        prop_assert_eq!(kept.len(), young);
    }
}
