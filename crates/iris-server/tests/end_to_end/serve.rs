//! `iris serve`: many cameras to every sink and the store, changed while it runs, stopped in order.

use iris_server::message::State;
use iris_sim::{Credentials, Farm, Fault};

use crate::kit::{assert_jpeg, clip, events, farm, runtime};
use crate::process::run_iris;
use crate::receiver::Receiver;
use crate::server::{Config, RULES};

const STAGES: [&str; 3] = ["decode", "model", "analytics"];

#[test]
fn what_cameras_see_arrives_at_every_sink() {
    let runtime = runtime();
    let open = farm(&runtime, Farm::builder().cameras(2));
    let closed = farm(&runtime, Farm::builder().cameras(2).credentials(Credentials::new("iris", "p@ss: word")));
    let signed_in = |n| closed.url(n).replace("rtsp://", "rtsp://iris:p%40ss%3A%20word@");
    let hook = Receiver::start(&runtime);
    let mut config = Config::new();
    config
        .camera("tcp", &open.url(0), RULES)
        .camera("udp", &open.url(1), &format!("transport = 'udp'\n{RULES}"))
        .camera("tcp-digest", &signed_in(0), "")
        .camera("udp-digest", &signed_in(1), "transport = 'udp'\ntracker = 'ocsort'\n")
        .sinks(&hook.url);
    let cameras = ["tcp", "udp", "tcp-digest", "udp-digest"];

    let server = config.serve();
    server.until_live(&cameras);
    server.until_health("all is well", |health| health["status"] == "ok");
    server.until("every camera has been told of, and a crossing", |_| {
        let told = hook.messages();
        let heard = |camera: &&str| told.iter().any(|m| m.camera == *camera);
        (cameras.iter().all(heard) && told.iter().any(|m| m.state == State::Ended)).then_some(())
    });
    for camera in cameras {
        server.metrics().assert_undisturbed(camera);
    }
    assert!(!config.events().is_empty(), "they can be listed while it runs");
    server.stop();

    let stored = config.assert_in_order();
    for event in &stored {
        assert!(event.end >= event.start && event.start.is_some(), "{event:#?}");
        for picture in [&event.picture, &event.picture_boxes] {
            assert_jpeg(config.folder.path("data/media/") + picture.as_ref().expect("a picture"), 320, 180);
        }
    }
    // What the sinks were not told before the end they are told by the next run.
    for camera in cameras {
        config.camera(camera, &clip(), "enabled = false\n");
    }
    let server = config.serve();
    server.until("the webhook knows all", |_| hook.knows_the_end_of(&stored).then_some(()));
    let log = server.until("the file knows all", |_| {
        let log = events(&config.folder.read("events.jsonl"));
        stored.iter().all(|e| log.iter().any(|m| m == e)).then_some(log)
    });
    server.stop();
    for message in log {
        let kept = stored.iter().find(|e| e.id == message.id).expect("nothing is told that is not stored");
        assert!(message.state == State::Started || message == *kept);
    }
    runtime.block_on(async { tokio::join!(open.shutdown(), closed.shutdown()) });
}

#[test]
fn recordings_are_watched_to_their_end_and_the_books_balance() {
    let mut config = Config::new();
    config.camera("one", &clip(), "rate = 120").camera("two", &clip(), "rate = 120");
    let server = config.serve();
    server.until_health("both are over", |health| {
        ["one", "two"].iter().all(|id| health["cameras"][id]["state"] == "ended")
    });
    let metrics = server.until("all is analysed", |server| {
        let metrics = server.metrics();
        let all = |camera: &str| metrics.stage("iris_stage_emitted_total", camera, "analytics") == 80.0;
        (all("one") && all("two")).then_some(metrics)
    });
    for (camera, stage) in [("one", STAGES), ("two", STAGES)].iter().flat_map(|(id, stages)| stages.map(|s| (*id, s))) {
        assert_eq!(metrics.stage("iris_stage_received_total", camera, stage), 80.0);
        assert_eq!(metrics.stage("iris_stage_emitted_total", camera, stage), 80.0);
        assert_eq!(metrics.stage("iris_stage_in_flight", camera, stage), 0.0);
    }
    server.stop();
    assert_eq!(config.assert_in_order().len(), 6);
}

#[test]
fn the_store_is_listed_filtered_checked_and_mended() {
    let mut config = Config::new();
    config.camera("one", &clip(), "").camera("two", &clip(), "");
    let server = config.serve();
    server.until("all is stored", |_| config.events().iter().filter(|e| e.state == State::Ended).nth(5).map(|_| ()));
    server.stop();

    let path = config.folder.path("iris.toml");
    let list = |more: &[&str]| run_iris(&[&["events", "-c", &path], more].concat());
    assert_eq!(list(&[]).good().lines().filter(|line| line.contains("white blob")).count(), 6);
    for (filter, count) in [
        (&["--camera", "one"][..], 3),
        (&["--camera", "three"], 0),
        (&["--since", "1h"], 6),
        (&["--since", "2100-01-01T00:00:00Z"], 0),
        (&["--limit", "4"], 4),
    ] {
        let listed = events(&list(&[filter, &["--json"]].concat()).good());
        assert_eq!(listed.len(), count, "{filter:?}");
    }
    assert!(list(&["--since", "yesterday"]).bad().contains("write a time such as"));
    assert!(list(&["--camera", "No One"]).bad().contains("camera id"));

    let fsck = |more: &[&str]| run_iris(&[&["fsck", "-c", &path], more].concat());
    fsck(&[]).good();
    let gone = config.events()[0].picture.clone().expect("a picture");
    std::fs::remove_file(config.folder.path("data/media/") + &gone).expect("it was there");
    config.folder.write("data/media/one/stray.jpg", "nobody's");
    let told = fsck(&[]);
    assert_eq!(told.code, Some(1), "{}", told.err);
    assert!(told.out.contains(&gone) && told.out.contains("stray.jpg: belongs to no event"), "{}", told.out);
    fsck(&["--repair"]).good();
    fsck(&[]).good();
    assert_eq!(config.events().len(), 6, "the event stays without its picture");
}

#[test]
fn what_entered_a_stage_has_left_it_or_was_dropped() {
    let runtime = runtime();
    let farm = farm(&runtime, Farm::builder().cameras(3));
    let mut config = Config::new();
    let cameras = ["a", "b", "c"];
    for (n, camera) in cameras.iter().enumerate() {
        config.camera(camera, &farm.url(n), "rate = 3\n");
    }
    farm.set(2, Fault::Lose { per_mille: 100 }).expect("there is one");
    let server = config.serve();
    server.until_live(&cameras);
    for camera in cameras {
        server.until_more_of(camera);
    }
    (0..3).for_each(|n| farm.set(n, Fault::Kill).expect("there is one"));
    server.until("nothing is on its way any more", |server| {
        let (health, metrics) = (server.health(), server.metrics());
        let silent = cameras.iter().all(|id| health["cameras"][id]["state"] == "offline");
        let at = |camera: &str| STAGES.iter().all(|stage| metrics.inside(camera, stage) == 0.0);
        (silent && cameras.iter().all(|camera| at(camera))).then_some(())
    });
    let metrics = server.metrics();
    assert!(
        metrics.skipped("a") > metrics.stage("iris_stage_emitted_total", "a", "model"),
        "3 of 10 a second are wanted"
    );
    server.stop();
    config.assert_in_order();
    runtime.block_on(farm.shutdown());
}

#[test]
fn a_changed_file_touches_only_what_changed_and_a_bad_one_nothing() {
    let runtime = runtime();
    let farm = farm(&runtime, Farm::builder().cameras(4));
    let mut config = Config::new();
    for (n, id) in ["stays", "changes", "goes"].iter().enumerate() {
        config.camera(id, &farm.url(n), "");
    }
    let server = config.serve();
    server.until_live(&["stays", "changes", "goes"]);
    server.until("there are events", |_| {
        let events = config.events();
        ["changes", "goes"].iter().all(|id| events.iter().any(|e| e.camera == *id)).then_some(())
    });

    config.remove("goes").camera("changes", &farm.url(1), RULES).camera("comes", &farm.url(3), "").write();
    let said = server.reload();
    for words in ["added=[\"comes\"]", "changed=[\"changes\"]", "removed=[\"goes\"]"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    server.until_live(&["stays", "changes", "comes"]);
    assert!(server.health()["cameras"]["goes"].is_null());
    server.metrics().assert_undisturbed("stays");
    assert_eq!(server.metrics().connections("changes"), 2.0, "its ids go on where they were");
    assert_eq!(farm.stats().playing, 3);
    let of_it = |id: &str| config.events().into_iter().filter(|e| e.camera == id).collect::<Vec<_>>();
    server.until("its events are over", |_| of_it("goes").iter().all(|e| e.state == State::Ended).then_some(()));

    for (bad, says) in [
        ("[[cameras]]\nid = 'stays'\n", "iris.toml:1:"),
        ("nonsense", "iris.toml:1:"),
        ("[models.other]\npath = '/nowhere'\n[[cameras]]\nid = 'stays'\nurl = 'a.mp4'\n", "/nowhere"),
    ] {
        config.folder.write("iris.toml", bad);
        let said = server.reload();
        assert!(said.contains("was not taken over, nothing has changed") && said.contains(says), "{said}");
    }
    server.until_live(&["stays", "changes", "comes"]);
    server.metrics().assert_undisturbed("stays");
    config.write();
    server.stop();
    config.assert_in_order();
    runtime.block_on(farm.shutdown());
}

#[test]
fn a_store_has_one_server() {
    let mut config = Config::new();
    config.camera("one", &clip(), "enabled = false");
    let server = config.serve();
    let told = run_iris(&["serve", "-c", &config.folder.path("iris.toml")]).bad();
    assert!(told.contains("data"), "{told}");
    server.stop();
}
