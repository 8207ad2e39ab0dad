//! Where events go fails: a full disk, a locked database, a webhook that is down. Nothing is lost, and it is said.

use axum::http::StatusCode;
use iris_server::message::State;
use iris_sim::Farm;
use rustix::process::Signal;

use crate::kit::{Folder, clip, events, farm, runtime};
use crate::process::{limited, run_iris};
use crate::receiver::Receiver;
use crate::server::{Config, RULES};

#[test]
fn events_wait_while_another_process_holds_the_database() {
    let runtime = runtime();
    let farm = farm(&runtime, Farm::builder());
    let hook = Receiver::start(&runtime);
    let mut config = Config::new();
    config.camera("yard", &farm.url(0), RULES).sinks(&hook.url);
    let server = config.serve();
    server.until_live(&["yard"]);
    let other = rusqlite::Connection::open(config.folder.path("data/iris.db")).expect("a second connection");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let before = config.events().len();

    let health = server.until_health("the store stalls", |health| health["store"]["stalled"] == "busy");
    assert!(health["store"]["waiting"].as_u64() > Some(0) && health["status"] == "degraded", "{health}");
    assert_eq!(config.events().len(), before, "reading goes on");
    other.execute_batch("ROLLBACK").expect("unlocked");

    server.until_health("all is well again", |health| health["status"] == "ok");
    server.until("the event is there and told", |_| {
        let stored = config.events();
        let told = hook.messages();
        (stored.len() > before && stored.iter().all(|e| told.iter().any(|m| m.id == e.id))).then_some(())
    });
    server.metrics().assert_undisturbed("yard");
    server.stop();
    config.assert_in_order();
    runtime.block_on(farm.shutdown());
}

#[test]
fn a_webhook_that_is_down_is_told_when_it_comes_back() {
    let runtime = runtime();
    let mut hook = Receiver::down();
    let mut config = Config::new();
    config.camera("clip", &clip(), "rate = 120").sinks(&hook.url);
    let server = config.serve();
    server.until_said_of_a_sink("Connection refused");
    server.until_health("the clip is over", |health| health["cameras"]["clip"]["state"] == "ended");
    let stored = server.until("its events are stored", |_| {
        Some(config.events()).filter(|events| events.len() == 3 && events.iter().all(|e| e.state == State::Ended))
    });
    let log = events(&config.folder.read("events.jsonl"));
    assert!(stored.iter().all(|e| log.contains(e)), "the other sink does not wait: {log:#?}");

    hook.come_up(&runtime);
    server.until("it knows all", |_| hook.knows_the_end_of(&stored).then_some(()));
    server.stop();
    assert_eq!(config.assert_in_order(), stored);
    let told = hook.messages();
    assert_eq!(told.len(), 6, "each event once when it starts and once when it is over: {told:#?}");
    assert!(told.iter().filter(|m| m.state == State::Ended).all(|m| stored.contains(m)));
}

#[test]
fn what_a_webhook_does_not_accept_it_is_told_again_under_the_same_id() {
    let runtime = runtime();
    let hook = Receiver::start(&runtime);
    hook.answer(StatusCode::INTERNAL_SERVER_ERROR);
    let mut config = Config::new();
    config.camera("clip", &clip(), "rate = 120").sinks(&hook.url);
    let server = config.serve();
    server.until_said_of_a_sink("the reply is 500");
    server.stop();
    let stored = config.assert_in_order();
    assert!(hook.messages().is_empty());

    // A new run goes on where the old one was.
    hook.answer(StatusCode::OK);
    config.camera("clip", &clip(), "enabled = false");
    let server = config.serve();
    server.until("it knows all", |_| hook.knows_the_end_of(&stored).then_some(()));
    server.stop();
}

/// Writing beyond that says EFBIG instead of ending the program.
const FILES_OF_256_KIB: &str = "trap '' XFSZ; ulimit -f 512";

#[test]
fn events_are_stored_without_pictures_when_the_disk_takes_none() {
    let files = Folder::new();
    // Noise makes pictures large, and leaves the discs what they are.
    let noisy = "-vf scale=1280:720,noise=alls=60:allf=t -t 3 -c:v libx264 -preset ultrafast -crf 30";
    let mut config = Config::new();
    let line = "[[cameras.lines]]\nname = 'left'\npoints = [[0.2, 0.0], [0.2, 1.0]]\n";
    config.camera("clip", &files.convert("noisy.mp4", noisy), line);
    let server = config.start(limited(FILES_OF_256_KIB, &["serve", "-c", &config.write()]));
    server.process.until_said("the event is stored without its pictures");
    server.stop();
    let stored = config.assert_in_order();
    assert_eq!(stored.len(), 1, "{stored:#?}");
    assert_eq!((&stored[0].picture, &stored[0].picture_boxes), (&None, &None));
}

#[test]
fn a_run_that_was_cut_off_is_closed_by_the_next() {
    let runtime = runtime();
    let farm = farm(&runtime, Farm::builder());
    let mut config = Config::new();
    config.camera("yard", &farm.url(0), "");
    let server = config.serve();
    server.until("something goes on", |_| (!config.events().is_empty()).then_some(()));
    server.process.signal(Signal::KILL);
    assert_eq!(server.process.finish().code, None);

    config.camera("yard", &farm.url(0), "enabled = false");
    let server = config.serve();
    server.process.until_said("its open events are closed as interrupted");
    server.stop();
    let events = config.events();
    assert!(!events.is_empty() && events.iter().all(|e| e.state != State::Started), "{events:#?}");
    let fsck = run_iris(&["fsck", "--repair", "-c", &config.folder.path("iris.toml")]);
    assert_eq!(fsck.code, Some(0), "{}", fsck.err);
    runtime.block_on(farm.shutdown());
}
