//! A store that is locked, full, killed, or not the one it should be.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::kit::{START, after, event, events, ids, over, put, sqlite};
use iris_core::Recovery;
use iris_server::ErrorKind;
use iris_server::fsck::{Finding, fsck};
use iris_server::message::Entry;
use iris_server::store::{Media, MediaKind, Options, Query, Reader, Receipt, Sqlite, Store};
use rand::RngExt;

const CHILD: &str = "IRIS_TEST_STORE";

fn other_process(folder: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.join("iris.db")).expect("a second connection")
}

fn committed(receipts: Vec<Receipt<()>>) {
    for receipt in receipts {
        receipt.wait().expect("committed");
    }
}

/// Waits until something holds that only another thread can bring about.
fn wait_until(store: &dyn Store, what: &str, holds: impl Fn(&dyn Store) -> bool) {
    for _ in 0..600 {
        if holds(store) {
            return;
        }
        store.news().wait(store.news().rings(), Duration::from_millis(50));
    }
    panic!("waited in vain until {what}: {:?}", store.health());
}

#[test]
fn while_another_process_holds_the_database_events_wait_and_keep_their_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = sqlite(folder.path(), &["log"]);
    let other = other_process(folder.path());
    other.execute_batch("BEGIN EXCLUSIVE").expect("locked");

    let receipts: Vec<Receipt<()>> = (1..=700).map(|n| store.put(over("gate", 1, n, 0)).expect("taken")).collect();
    wait_until(&*store, "it stalls", |store| store.health().stalled == Some(ErrorKind::Busy));
    assert_eq!(store.health().waiting, 700);
    assert!(events(&*store, &Query::default()).is_empty(), "reading goes on");

    other.execute_batch("ROLLBACK").expect("unlocked");
    committed(receipts);
    let expected: Vec<String> = (1..=700).map(|n| format!("gate-1.0-{n}")).collect();
    assert_eq!(ids(&*store, &Query::default()), expected);
    let told: Vec<String> = store.due("log", START, 1000).expect("due").into_iter().map(|m| m.event).collect();
    assert_eq!(told, expected);
    assert_eq!(store.health(), iris_server::store::Health::default());
}

#[test]
fn a_full_database_stalls_and_what_is_not_committed_is_refused_loudly_at_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { folder: folder.path().into(), sinks: vec!["log".into()], max_pages: Some(48) };
    let store = Sqlite::open(&options).expect("a store");
    let receipts: Vec<Receipt<()>> =
        (1..=500).map(|n| store.put(over("gate", 1, n, n.into())).expect("taken")).collect();
    wait_until(&store, "it stalls", |store| store.health().stalled == Some(ErrorKind::Full));
    let error = store.close(Duration::ZERO).expect_err("not everything was stored");
    assert_eq!((error.kind(), error.recovery()), (ErrorKind::Stopped, Recovery::Restart));
    let acknowledged = receipts.into_iter().filter_map(|receipt| receipt.wait().ok()).count();
    assert!(store.put(over("gate", 1, 999, 0)).is_err(), "a store that stopped takes nothing");
    drop(store);

    let store = sqlite(folder.path(), &["log"]);
    assert_eq!(ids(&*store, &Query::default()).len(), acknowledged);
    assert!(fsck(&*store, false).expect("checked").findings.is_empty());
}

/// Runs a test of this file anew, in a process of its own.
fn rerun(test: &str, folder: &Path, prefix: &[&str]) -> Command {
    let this = std::env::current_exe().expect("this program");
    let mut words = prefix.iter().map(PathBuf::from).chain([this]);
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words).args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, folder);
    command
}

/// A disk of 16 MB that really is full: a tmpfs in a mount namespace, where the system allows one.
#[test]
fn on_a_full_disk_events_wait_and_are_committed_when_there_is_space_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let namespace = ["unshare", "--user", "--map-root-user", "--mount"];
    let works = Command::new(namespace[0]).args(&namespace[1..]).arg("true").output();
    if !works.is_ok_and(|output| output.status.success()) {
        println!("not run: on_a_full_disk_...: no user namespaces here");
        return;
    }
    let script = "mount -t tmpfs -o size=16m none \"$IRIS_TEST_STORE\" && exec \"$0\" \"$@\"";
    let prefix = [&namespace[..], &["sh", "-c", script]].concat();
    let output = rerun("faults::child_fills_its_disk", folder.path(), &prefix).output().expect("started");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("the disk was full"), "{said}");
}

/// Part of the test above; alone it has nothing to do.
#[test]
fn child_fills_its_disk() {
    let Some(folder) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let store = sqlite(&folder, &["log"]);
    put(&*store, over("gate", 1, 1, 0));
    let filler = folder.join("filler");
    let mut file = std::fs::File::create(&filler).expect("a file");
    while file.write_all(&[7; 4096]).is_ok() {}

    let large = vec![7; 100_000];
    let picture = store.media().save(event("gate", 1, 2, 0, None).id, None, [(MediaKind::Plain, &large)]);
    assert_eq!(picture.expect_err("no space").kind(), ErrorKind::Full);
    let receipts: Vec<Receipt<()>> = (2..=1000).map(|n| store.put(over("gate", 1, n, 0)).expect("taken")).collect();
    wait_until(&*store, "it stalls", |store| store.health().stalled == Some(ErrorKind::Full));
    println!("the disk was full");

    // The space is free once nobody holds the file either.
    drop(file);
    std::fs::remove_file(filler).expect("space");
    committed(receipts);
    assert_eq!(ids(&*store, &Query::default()).len(), 1000);
    assert!(fsck(&*store, false).expect("checked").findings.is_empty(), "half a picture was left");
}

#[test]
fn whatever_was_acknowledged_survives_being_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged = Vec::new();
    for _ in 0..20 {
        let mut child = rerun("faults::child_writes_until_killed", folder.path(), &[])
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
        let enough = rand::rng().random_range(1..150);
        let acks = lines.filter_map(|line| line.split("ack ").nth(1).map(str::to_owned));
        acknowledged.extend(acks.take(enough));
        child.kill().expect("killed");
        child.wait().expect("gone");
    }
    let store = sqlite(folder.path(), &["log", "hook"]);
    let stored: std::collections::HashSet<String> = ids(&*store, &Query::default()).into_iter().collect();
    let lost: Vec<&String> = acknowledged.iter().filter(|id| !stored.contains(*id)).collect();
    assert!(lost.is_empty() && acknowledged.len() >= 20, "lost of {}: {lost:?}", acknowledged.len());
    for sink in ["log", "hook"] {
        let told = store.due(sink, START, usize::MAX >> 1).expect("due");
        let told: std::collections::HashSet<String> = told.into_iter().map(|m| m.event).collect();
        assert_eq!(told, stored, "outbox of {sink}");
    }
    let report = fsck(&*store, true).expect("checked");
    let harmless = |f: &Finding| matches!(f, Finding::StrayFile(_) | Finding::UnfinishedFile(_));
    assert!(report.findings.iter().all(harmless) && report.is_clean(), "{report:?}");
    assert!(fsck(&*store, false).expect("checked").findings.is_empty());
}

/// Part of the test above; alone it has nothing to do.
#[test]
fn child_writes_until_killed() {
    let Some(folder) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let store = sqlite(&folder, &["log", "hook"]);
    let run = store.begin_run(START).expect("a run").number;
    std::thread::scope(|scope| {
        for name in ["gate", "yard", "street", "hall"] {
            let store = &store;
            scope.spawn(move || {
                for n in 1.. {
                    let event = event(name, run, n, n.into(), Some(i64::from(n) + 1));
                    let save = || store.media().save(event.id, event.started.wall, [(MediaKind::Plain, &[7; 5000])]);
                    let pictures = if n % 3 == 0 { save().expect("saved").to_vec() } else { Vec::new() };
                    put(&**store, Entry::new(&event, "person", pictures, after(n.into())));
                    println!("ack {}", event.id);
                }
            });
        }
    });
}

fn refusal(folder: &Path) -> iris_server::Error {
    let options = Options { folder: folder.to_owned(), ..Options::default() };
    Sqlite::open(&options).err().expect("a refusal")
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(sqlite(folder.path(), &[]));
    other_process(folder.path()).pragma_update(None, "user_version", 99).expect("set");
    let error = refusal(folder.path());
    assert_eq!((error.kind(), error.recovery()), (ErrorKind::Mismatch, Recovery::GiveUp));
    assert!(error.to_string().contains("has schema 99, this Iris knows "), "{error}");
    assert!(Reader::open(folder.path()).is_err());
}

#[test]
fn a_store_that_is_in_use_is_refused_but_can_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = sqlite(folder.path(), &[]);
    put(&*store, over("gate", 1, 1, 0));
    assert!(matches!(refusal(folder.path()), iris_server::Error::InUse { .. }));
    let reader = Reader::open(folder.path()).expect("a reader");
    assert_eq!(reader.usage().expect("usage").events, 1);
}

#[test]
fn pictures_without_their_database_are_refused_and_never_taken_for_new() {
    let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    drop((sqlite(one.path(), &[]), sqlite(two.path(), &[])));
    for file in ["iris.db", "iris.db-wal", "iris.db-shm"] {
        std::fs::remove_file(one.path().join(file)).or_else(|_| std::fs::metadata(one.path()).map(drop)).expect("gone");
    }
    assert_eq!(refusal(one.path()).kind(), ErrorKind::Mismatch);
    assert!(!one.path().join("iris.db").exists(), "no new database was made");
    std::fs::copy(two.path().join("iris.db"), one.path().join("iris.db")).expect("another's database");
    assert!(refusal(one.path()).to_string().contains("marked as another's"));
}

#[test]
fn a_database_without_its_pictures_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = sqlite(folder.path(), &[]);
    let event = event("gate", 1, 1, 0, Some(1));
    let picture = store.media().save(event.id, None, [(MediaKind::Plain, b"jpeg")]).expect("saved");
    put(&*store, Entry::new(&event, "person", picture.to_vec(), START));
    drop(store);
    std::fs::rename(folder.path().join("media"), folder.path().join("unplugged")).expect("moved");
    assert!(refusal(folder.path()).to_string().contains("its mark is missing"));
}

#[test]
fn a_damaged_database_is_an_error_and_not_a_new_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = sqlite(folder.path(), &[]);
    (1..200).for_each(|n| drop(store.put(over("gate", 1, n, n.into()))));
    drop(store);
    let path = folder.path().join("iris.db");
    let mut bytes = std::fs::read(&path).expect("the database");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xa5);
    std::fs::write(&path, &bytes).expect("damaged");
    let store = sqlite(folder.path(), &[]);
    let report = fsck(&*store, true);
    assert!(report.map_or(true, |report| !report.is_clean()), "damage was not seen");
    drop(store);
    std::fs::write(&path, b"this is not a database, but it is long enough to be looked at as one.............")
        .expect("written");
    assert_eq!(refusal(folder.path()).kind(), ErrorKind::Corrupt);
}

#[test]
fn nobody_else_can_read_what_is_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("new/store");
    let store = sqlite(&root, &[]);
    let event = event("gate", 1, 1, 0, None);
    let [picture] = store.media().save(event.id, None, [(MediaKind::Plain, b"jpeg")]).expect("saved");
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    for folder in [&root, &root.join("media"), &root.join("media/gate/undated")] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    for file in ["iris.db", "iris.db-wal", "iris.lock", &format!("media/{}", picture.path)] {
        assert_eq!(mode(&root.join(file)), 0o600, "{file}");
    }
    assert!(Media::open(&root.join("iris.db")).is_err(), "a file is no folder");
}

/// Not a test of speed, but it says what the machine does; see the output of `--nocapture`.
#[test]
fn group_commit_takes_many_events_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = sqlite(folder.path(), &["log"]);
    let before = store.news().rings();
    let clock = iris_core::clock::SystemClock::new();
    let began = iris_core::Clock::mono(&clock);
    let receipts: Vec<Receipt<()>> =
        (1..=5000).map(|n| store.put(over("gate", 1, n, n.into())).expect("taken")).collect();
    committed(receipts);
    let took = iris_core::Clock::mono(&clock).since(began);
    let commits = store.news().rings() - before;
    println!("{:.0} events/s committed in {commits} transactions", 5000.0 / took.as_secs_f64());
    assert!(commits < 1000, "{commits} commits for 5000 events");
}
