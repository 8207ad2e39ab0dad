//! `iris run` on files: every container and codec that is taken, and all that it can write.

use iris_analytics::mot;
use iris_server::message::{Kind, State};

use crate::kit::{Folder, assert_jpeg, clip, events, model, probe};
use crate::process::{iris, run, run_iris};

/// Runs a file with everything that can be asked for; what was printed.
fn watch(file: &str, to: &Folder) -> String {
    let [video, tracks, pictures] = ["out.mp4", "out.txt", "pictures"].map(|name| to.path(name));
    let wanted = ["--annotate", &video, "--tracks", &tracks, "--pictures", &pictures];
    run_iris(&[&["run", file, "--model", &model()], &wanted[..]].concat()).good()
}

#[test]
fn a_clip_becomes_events_pictures_tracks_and_a_video() {
    let to = Folder::new();
    let events = events(&watch(&clip(), &to));
    assert_eq!(events.len(), 3, "{events:#?}");
    for event in &events {
        assert_eq!((event.kind, event.state, event.class.as_str()), (Kind::Track, State::Ended, "white blob"));
        let end = event.media_end.expect("it is over");
        assert!(event.media_start < 1.0 && end > 7.0 && end < 8.0, "{event:?}");
        assert_eq!((event.start, event.end, event.size), (None, None, [320, 180]));
        assert!(event.score > 0.5 && event.rect[0] < event.rect[2] && event.rect[1] < event.rect[3]);
        for picture in [&event.picture, &event.picture_boxes] {
            let path = picture.as_ref().expect("it was asked for");
            assert_jpeg(to.path("pictures/") + path, 320, 180);
        }
    }
    assert_eq!(to.files("pictures").len(), 6);
    assert_eq!(probe(&to.path("out.mp4")), ("h264".into(), 80));

    let rows = mot::parse(&to.read("out.txt")).expect("what others can read");
    let (first, last) = (rows.first().expect("rows").frame, rows.last().expect("rows").frame);
    assert!(first <= 5 && (76..=80).contains(&last), "{first} to {last}");
    assert!((first..=last).all(|frame| rows.iter().any(|row| row.frame == frame)), "a frame without tracks");
    let mut ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3, "three discs keep their three ids while they cross");
}

#[test]
fn the_same_file_gives_the_same_bytes_again() {
    let [first, second] = [(); 2].map(|()| {
        let to = Folder::new();
        let out = watch(&clip(), &to);
        let mut pictures: Vec<Vec<u8>> =
            to.files("pictures").iter().map(|p| std::fs::read(p).expect("a file")).collect();
        pictures.sort();
        (out, to.read("out.txt"), pictures)
    });
    assert_eq!(first, second);
}

#[test]
fn containers_and_codecs_change_nothing_that_matters() {
    let folder = Folder::new();
    for (name, how) in [
        ("a.mkv", "-c copy"),
        ("a.ts", "-c copy"),
        ("a.avi", "-c:v libx264 -bf 2 -crf 20"),
        ("a.mjpeg.avi", "-c:v mjpeg -q:v 3 -pix_fmt yuvj420p"),
        ("b.mp4", "-c:v libx265 -x265-params log-level=none -tag:v hvc1"),
        ("b.mkv", "-c:v libx265 -x265-params log-level=none"),
        ("b.ts", "-c:v libx265 -x265-params log-level=none"),
    ] {
        let file = folder.convert(name, how);
        let tracks = folder.path("tracks.txt");
        let events = events(&run_iris(&["run", &file, "--model", &model(), "--tracks", &tracks]).good());
        assert_eq!(events.len(), 3, "{name}: {events:#?}");
        assert!(events.iter().all(|e| e.state == State::Ended && e.media_start < 1.0), "{name}: {events:#?}");
        let rows = mot::parse(&folder.read("tracks.txt")).expect("rows");
        let last = rows.last().expect("rows").frame;
        assert!((76..=80).contains(&last), "{name}: every frame is counted, and the last tracks are of {last}");
    }
}

#[test]
fn events_can_go_to_a_file_and_trackers_can_be_chosen() {
    let to = Folder::new();
    let file = to.path("events.jsonl");
    for tracker in ["bytetrack", "ocsort"] {
        let words = ["run", &clip(), "--model", &model(), "--events", &file, "--tracker", tracker];
        assert_eq!(run_iris(&words).good(), "", "they are in the file");
        assert_eq!(events(&to.read("events.jsonl")).len(), 3, "{tracker}");
    }
}

#[test]
fn rules_come_from_a_configuration() {
    let to = Folder::new();
    let config = to.write(
        "iris.toml",
        format!(
            "[models.blobs]\npath = '{}'\n[[cameras]]\nid = 'yard'\nurl = '{}'\n\
             [[cameras.lines]]\nname = 'middle'\npoints = [[0.5, 0.0], [0.5, 1.0]]\n\
             [[cameras.zones]]\nname = 'right'\npolygon = [[0.6, 0.0], [1.0, 0.0], [1.0, 1.0], [0.6, 1.0]]\n\
             classes = ['white blob']\n",
            model(),
            clip()
        ),
    );
    let events = events(&run_iris(&["run", &clip(), "--config", &config]).good());
    let of = |kind| events.iter().filter(|e| e.kind == kind).collect::<Vec<_>>();
    assert_eq!(of(Kind::LineCrossing).len(), 2, "two discs pass the middle: {events:#?}");
    assert!(of(Kind::LineCrossing)[0].direction != of(Kind::LineCrossing)[1].direction, "one each way");
    assert_eq!(of(Kind::Intrusion).len(), 3, "and all three are seen on the right: {events:#?}");
    assert!(events.iter().all(|e| e.camera == "yard" && e.rule.is_some()));
}

#[test]
fn the_log_has_colours_only_for_people() {
    let mut command = iris(&["run", &clip(), "--model", &model()]);
    command.env("IRIS_LOG", "info");
    let finished = run(command);
    assert!(finished.err.contains("INFO") && !finished.err.contains('\u{1b}'), "{:?}", finished.err);
}
