//! Cameras that fail in every way they do: the fault shows in health with its reason, what is lost is counted, the others
//! do not notice, and a camera that is mended comes back by itself.

use std::sync::Arc;

use iris_sim::{Clip, Credentials, Farm, Fault};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::kit::{Folder, farm, runtime};
use crate::server::{Config, Server};

/// A healthy camera `well` and one that will not be, `ill`, both watched by a server.
struct Ward {
    farm: Farm,
    config: Config,
    server: Server,
    runtime: Runtime,
}

impl Ward {
    /// `fault` is there from the beginning.
    fn open(fault: Fault) -> Self {
        let runtime = runtime();
        let farm = farm(&runtime, Farm::builder().cameras(2));
        farm.set(1, fault).expect("there is one");
        let mut config = Config::new();
        config.camera("well", &farm.url(0), "").camera("ill", &farm.url(1), "");
        let server = config.serve();
        server.until_live(&["well"]);
        Self { farm, config, server, runtime }
    }

    fn befall(&self, fault: Fault) {
        self.farm.set(1, fault).expect("there is one");
    }

    /// Waits until the state of the ill camera is one of these; what health says of it.
    fn until_it_is(&self, states: &[&str]) -> Value {
        let is = |health: &Value| states.iter().any(|state| health["cameras"]["ill"]["state"] == *state);
        self.server.until_health(&format!("it is {states:?}"), is)["cameras"]["ill"].clone()
    }

    /// The other camera went on all the time, and everything is in order at the end.
    fn close(self) {
        self.server.until_more_of("well");
        self.server.metrics().assert_undisturbed("well");
        self.server.stop();
        assert!(self.config.assert_in_order().iter().any(|event| event.camera == "well"));
        self.runtime.block_on(self.farm.shutdown());
    }
}

#[test]
fn one_that_never_answers() {
    let ward = Ward::open(Fault::NeverAnswer);
    let told = ward.until_it_is(&["offline"]);
    assert!(told["error"].as_str().is_some_and(|error| error.contains("timeout")), "{told}");
    assert_eq!(ward.server.health()["status"], "degraded");
    ward.befall(Fault::None);
    ward.until_it_is(&["live"]);
    ward.close();
}

#[test]
fn one_that_dies_and_comes_back() {
    let ward = Ward::open(Fault::None);
    ward.until_it_is(&["live"]);
    ward.server.until_more_of("ill");
    ward.befall(Fault::Kill);
    let told = ward.until_it_is(&["offline"]);
    assert!(told["error"].is_string(), "{told}");
    ward.befall(Fault::None);
    ward.until_it_is(&["live"]);
    ward.server.until_more_of("ill");
    assert!(ward.server.metrics().connections("ill") >= 2.0);
    ward.close();
}

#[test]
fn one_that_sends_garbage() {
    let ward = Ward::open(Fault::None);
    ward.until_it_is(&["live"]);
    ward.server.until_more_of("ill");
    ward.befall(Fault::Garbage);
    ward.server.until("it shows", |server| {
        let state = &server.health()["cameras"]["ill"]["state"];
        (state != "live" || server.metrics().lost("ill") > 0.0).then_some(())
    });
    ward.befall(Fault::None);
    ward.until_it_is(&["live"]);
    ward.server.until_more_of("ill");
    ward.close();
}

#[test]
fn one_whose_clock_jumps_an_hour_and_back() {
    let ward = Ward::open(Fault::None);
    ward.until_it_is(&["live"]);
    for hours in [1, -1] {
        ward.server.until_more_of("ill");
        ward.befall(Fault::Jump(hours * 3600 * 90_000));
    }
    ward.until_it_is(&["live"]);
    ward.server.until_more_of("ill");
    for event in ward.config.events() {
        assert!(event.media_start < 600.0 && event.media_end.is_none_or(|end| end < 600.0), "{event:#?}");
    }
    ward.close();
}

#[test]
fn one_that_changes_its_resolution() {
    let files = Folder::new();
    let larger = files.convert("larger.mp4", "-vf scale=640:360 -c:v libx264 -profile:v main -g 20 -crf 20");
    let ward = Ward::open(Fault::None);
    ward.until_it_is(&["live"]);
    ward.server.until_more_of("ill");
    ward.befall(Fault::Switch(Arc::new(Clip::open(larger).expect("a clip"))));
    let event = ward.server.until("something is seen in the larger picture", |_| {
        ward.config.events().into_iter().find(|e| e.camera == "ill" && e.size == [640, 360])
    });
    assert!(event.rect[2] <= 640.0 && event.rect[3] <= 360.0, "{event:#?}");
    ward.close();
}

#[test]
fn one_that_refuses_the_password() {
    let runtime = runtime();
    let open = farm(&runtime, Farm::builder());
    let closed = farm(&runtime, Farm::builder().credentials(Credentials::new("iris", "right")));
    let mut config = Config::new();
    let wrong = closed.url(0).replace("rtsp://", "rtsp://iris:wrong@");
    config.camera("well", &open.url(0), "").camera("ill", &wrong, "");
    let server = config.serve();
    let health = server.until_health("it is refused", |health| health["cameras"]["ill"]["state"] == "auth_failed");
    let told = health["cameras"]["ill"]["error"].as_str().expect("a reason").to_owned();
    assert!(told.contains("password") && !told.contains("wrong"), "{told}");
    server.until_live(&["well"]);
    server.until_more_of("well");
    server.metrics().assert_undisturbed("well");
    // With the right one in the file it comes at once, and need not wait for the next try.
    config.camera("ill", &wrong.replace("wrong", "right"), "").write();
    server.reload();
    server.until_live(&["well", "ill"]);
    server.stop();
    runtime.block_on(async { tokio::join!(open.shutdown(), closed.shutdown()) });
}

#[test]
fn a_run_on_one_that_refuses_the_password_says_so() {
    let runtime = runtime();
    let closed = farm(&runtime, Farm::builder().credentials(Credentials::new("iris", "right")));
    let wrong = closed.url(0).replace("rtsp://", "rtsp://iris:wrong@");
    let process =
        crate::process::Process::start(crate::process::iris(&["run", &wrong, "--model", &crate::kit::model()]));
    process.until_said("password");
    process.signal(rustix::process::Signal::INT);
    let finished = process.finish();
    assert!(!finished.err.contains("wrong"), "{}", finished.err);
    assert_eq!(finished.out, "");
    runtime.block_on(closed.shutdown());
}
