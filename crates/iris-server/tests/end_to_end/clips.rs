//! The clips of events: what cameras sent around each, as other programs play it.

use iris_server::message::Message;

use crate::kit::{clip, duration, farm, probe, runtime};
use crate::server::{Config, RULES};

/// Where the clip of an event lies.
fn path(config: &Config, event: &Message) -> String {
    let files = config.folder.files("data/media");
    let name = format!("{}.mp4", event.id);
    let found = files.iter().find(|path| path.ends_with(&name));
    found.unwrap_or_else(|| panic!("no {name} in {files:?}")).display().to_string()
}

#[test]
fn each_event_of_a_replay_has_its_clip() {
    let mut config = Config::new();
    config.camera("yard", &clip(), RULES);
    let server = config.serve();
    server.process.until_said("the source is over");
    server.stop();
    let events = config.assert_in_order();
    assert!(events.len() >= 4, "{events:#?}");
    for event in &events {
        let path = path(&config, event);
        let (codec, frames) = probe(&path);
        let seconds = duration(&path);
        assert_eq!(codec, "h264");
        // All began in the first five seconds, so each clip begins with the file; the file is over after eight.
        let until = (event.media_end.expect("it is over") + 5.0).min(8.0);
        assert!((seconds - until).abs() < 0.35, "{seconds} s for {event:#?}");
        assert!((f64::from(frames) - seconds * 10.0).abs() <= 3.0, "{frames} pictures in {seconds} s");
    }
}

#[test]
fn a_live_camera_is_recorded_around_an_event_until_the_server_stops() {
    let runtime = runtime();
    let farm = farm(&runtime, iris_sim::Farm::builder());
    let mut config = Config::new();
    config.camera("yard", &farm.url(0), RULES);
    let server = config.serve();
    let crossing = server.until("a line is crossed", |_| {
        config.events().into_iter().find(|event| event.rule.as_deref() == Some("left"))
    });
    server.stop();
    config.assert_in_order();
    let path = path(&config, &crossing);
    let (codec, frames) = probe(&path);
    assert_eq!(codec, "h264");
    assert!(f64::from(frames) >= crossing.media_start.min(5.0) * 10.0, "{frames} pictures before {crossing:#?}");
    runtime.block_on(farm.shutdown());
}
