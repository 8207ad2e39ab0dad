//! `iris serve` as these tests run it: its configuration, what it tells of itself, and its end.

use std::collections::HashMap;
use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use iris_core::{Clock, clock::SystemClock};
use iris_server::message::{Message, State};
use rustix::process::Signal;
use serde_json::Value;

use crate::client::Client;
use crate::kit::{Folder, events, model};
use crate::process::{Finished, Process, iris, run_iris};
use crate::receiver::KEY;

/// How long stopping may take.
const GRACE: Duration = Duration::from_secs(10);

/// A zone of nearly the whole picture, and a line that the first disc crosses after two seconds.
pub(crate) const RULES: &str = "[[cameras.zones]]\nname = 'all'\n\
    polygon = [[0.01, 0.01], [0.99, 0.01], [0.99, 0.99], [0.01, 0.99]]\n\
    [[cameras.lines]]\nname = 'left'\npoints = [[0.2, 0.0], [0.2, 1.0]]\n";

/// A configuration in the making.
pub(crate) struct Config {
    pub(crate) folder: Folder,
    cameras: Vec<(String, String)>,
    sinks: String,
    devices: String,
}

impl Config {
    pub(crate) fn new() -> Self {
        Self { folder: Folder::new(), cameras: Vec::new(), sinks: String::new(), devices: String::new() }
    }

    /// A camera, in the place of an earlier one of this name. `more` is what else there is to say of it.
    pub(crate) fn camera(&mut self, id: &str, url: &str, more: &str) -> &mut Self {
        self.remove(id);
        self.cameras.push((id.into(), format!("url = \"{url}\"\n{more}")));
        self
    }

    pub(crate) fn remove(&mut self, id: &str) -> &mut Self {
        self.cameras.retain(|(other, _)| other != id);
        self
    }

    /// A file `events.jsonl` and a webhook.
    pub(crate) fn sinks(&mut self, webhook: &str) -> &mut Self {
        self.sinks = format!(
            "[[sinks]]\nname = 'log'\nkind = 'file'\npath = 'events.jsonl'\n\
             [[sinks]]\nname = 'hook'\nkind = 'webhook'\nurl = '{webhook}'\nsecret = '{KEY}'\n"
        );
        self
    }

    /// What runs the models, in TOML.
    pub(crate) fn devices(&mut self, toml: &str) -> &mut Self {
        toml.clone_into(&mut self.devices);
        self
    }

    /// Writes it down, readable for its owner alone; where it lies.
    pub(crate) fn write(&self) -> String {
        let mut text = format!(
            "{}[server]\nlisten = '127.0.0.1:0'\n[models.blobs]\npath = '{}'\n[defaults]\nrate = 10\n{}",
            self.devices,
            model(),
            self.sinks
        );
        for (id, rest) in &self.cameras {
            writeln!(text, "[[cameras]]\nid = '{id}'\n{rest}").expect("a string takes all");
        }
        let path = self.folder.write("iris.toml", text);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("it is ours");
        path
    }

    pub(crate) fn serve(&self) -> Server {
        self.start(iris(&["serve", "-c", &self.write()]))
    }

    /// Starts the server by a command, with a token by which it is asked.
    pub(crate) fn start(&self, command: Command) -> Server {
        let words = ["token", "create", "-c", &self.folder.path("iris.toml"), "--name", "test", "--scope", "admin"];
        let token = run_iris(&words).good().trim().to_owned();
        Server::start(command, token)
    }

    /// All events of the store, as `iris events` tells them.
    pub(crate) fn events(&self) -> Vec<Message> {
        events(&run_iris(&["events", "-c", &self.folder.path("iris.toml"), "--json", "--limit", "100000"]).good())
    }

    /// That the store is as it should be after an orderly end: nothing open, nothing astray. Its events.
    pub(crate) fn assert_in_order(&self) -> Vec<Message> {
        let events = self.events();
        for event in &events {
            assert_eq!(event.state, State::Ended, "{event:#?}");
            assert_eq!(event.class, "white blob", "{event:#?}");
        }
        run_iris(&["fsck", "-c", &self.folder.path("iris.toml")]).good();
        events
    }
}

/// A server that watches.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: String,
    pub(crate) token: String,
}

impl Server {
    fn start(command: Command, token: String) -> Self {
        let process = Process::start(command);
        let address = process.until("it serves", |process| {
            let log = process.err();
            let (address, _) = log.split_once("watching; open ")?.1.split_once([' ', '\n'])?;
            Some(address.to_owned())
        });
        Self { process, address, token }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Someone who may do everything.
    pub(crate) fn client(&self) -> Client {
        Client::nobody(&self.address).with_token(&self.token)
    }

    pub(crate) fn get(&self, path: &str) -> String {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.get(format!("{}{path}", self.address));
        let mut reply = request.header("Authorization", format!("Bearer {}", self.token)).call().expect("it answers");
        reply.body_mut().read_to_string().expect("text")
    }

    /// Asks for something with the token: the status and the body.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Vec<u8>) {
        self.send_with(method, path, &[], body)
    }

    pub(crate) fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> (u16, Vec<u8>) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.address));
        request = request.header("Authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let reply = match body {
            None => agent.run(request.body(()).expect("a request")),
            Some(body) => {
                let request = request.header("Content-Type", "application/json");
                agent.run(request.body(body.to_string()).expect("a request"))
            }
        };
        let mut reply = reply.expect("it answers");
        (reply.status().as_u16(), reply.body_mut().read_to_vec().expect("a body"))
    }

    /// Sends JSON without a token; the status and the JSON of the answer.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.post(format!("{}{path}", self.address)).content_type("application/json");
        let mut reply = request.send(body.to_string()).expect("it answers");
        let text = reply.body_mut().read_to_string().expect("text");
        (reply.status().as_u16(), serde_json::from_str(&text).expect("JSON"))
    }

    pub(crate) fn health(&self) -> Value {
        serde_json::from_str(&self.get("/api/v1/health")).expect("JSON")
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let text = self.get("/metrics");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Metrics(lines.filter_map(|line| line.rsplit_once(' ')).map(|(k, v)| (k.into(), v.parse().expect(v))).collect())
    }

    /// Waits until its health is as wanted.
    pub(crate) fn until_health(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.until(what, |this| Some(this.health()).filter(&holds))
    }

    /// Waits until these cameras deliver.
    pub(crate) fn until_live(&self, cameras: &[&str]) {
        self.until_health("all are live", |health| cameras.iter().all(|id| health["cameras"][id]["state"] == "live"));
    }

    /// Waits until more frames of a camera have been analysed than now.
    pub(crate) fn until_more_of(&self, camera: &str) {
        let analysed = || self.metrics().stage("iris_stage_emitted_total", camera, "analytics");
        let before = analysed();
        self.until(&format!("{camera} goes on"), |_| (analysed() > before + 2.0).then_some(()));
    }

    /// Waits until its log tells that a sink did not take an event, and why.
    pub(crate) fn until_said_of_a_sink(&self, why: &str) {
        self.process.until(&format!("a sink fails: {why}"), |process| {
            let says = |line: &str| line.contains("a sink did not take an event") && line.contains(why);
            process.err().lines().any(says).then_some(())
        });
    }

    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        self.process.until(what, |_| look(self))
    }

    /// Tells it to take its file over, and waits until it says that it has or has not.
    pub(crate) fn reload(&self) -> String {
        let before = self.process.err().len();
        self.process.signal(Signal::HUP);
        self.process.until("the file is taken over or not", |process| {
            let said = process.err().split_off(before);
            (said.contains("taken over") && said.ends_with('\n')).then_some(said)
        })
    }

    /// Stops it as a supervisor does; in time and in good order.
    pub(crate) fn stop(self) -> Finished {
        let clock = SystemClock::new();
        self.process.signal(Signal::TERM);
        let finished = self.process.finish();
        assert_eq!(finished.code, Some(0), "{}", finished.err);
        assert!(clock.mono().since(iris_core::MonoTime::default()) < GRACE, "{}", finished.err);
        assert!(!finished.err.contains("panicked"), "{}", finished.err);
        finished
    }
}

/// Prometheus metrics: each line's name with its labels, and its value.
pub(crate) struct Metrics(HashMap<String, f64>);

impl Metrics {
    pub(crate) fn stage(&self, name: &str, camera: &str, stage: &str) -> f64 {
        self.0.get(&format!("{name}{{camera=\"{camera}\",stage=\"{stage}\"}}")).copied().unwrap_or(0.0)
    }

    /// How many items a stage dropped for the reasons that `counts`.
    fn dropped_for(&self, camera: &str, stage: &str, counts: impl Fn(&str) -> bool) -> f64 {
        let start = format!("iris_stage_dropped_total{{camera=\"{camera}\",stage=\"{stage}\",reason=\"");
        let of = |(key, value): (&String, &f64)| {
            let reason = key.strip_prefix(&start)?.strip_suffix("\"}")?;
            counts(reason).then_some(*value)
        };
        self.0.iter().filter_map(of).sum()
    }

    pub(crate) fn dropped(&self, camera: &str, stage: &str) -> f64 {
        self.dropped_for(camera, stage, |_| true)
    }

    /// Frames that came sooner than the camera's rate calls for.
    pub(crate) fn skipped(&self, camera: &str) -> f64 {
        self.dropped_for(camera, "decode", |reason| reason == "skipped")
    }

    /// What was dropped before it was looked at and should have been: neither too soon nor without anything that moves.
    pub(crate) fn lost(&self, camera: &str) -> f64 {
        self.dropped_for(camera, "decode", |reason| !["skipped", "still"].contains(&reason))
    }

    /// The value of a metric by its name with its labels.
    pub(crate) fn value(&self, metric: &str) -> Option<f64> {
        self.0.get(metric).copied()
    }

    pub(crate) fn connections(&self, camera: &str) -> f64 {
        self.0.get(&format!("iris_camera_connections_total{{camera=\"{camera}\"}}")).copied().unwrap_or(0.0)
    }

    /// How many items are inside a stage by the books.
    pub(crate) fn inside(&self, camera: &str, stage: &str) -> f64 {
        self.stage("iris_stage_received_total", camera, stage)
            - self.stage("iris_stage_emitted_total", camera, stage)
            - self.dropped(camera, stage)
    }

    /// That nothing has happened to a camera: one connection, and nothing lost before it was looked at.
    pub(crate) fn assert_undisturbed(&self, camera: &str) {
        assert_eq!(self.connections(camera), 1.0, "{camera} was disturbed");
        assert_eq!(self.lost(camera), 0.0, "{camera} lost something");
        // What these cameras show moves all the time, but the gate has nothing to compare the first frame with.
        let still = self.dropped_for(camera, "decode", |reason| reason == "still");
        assert!(still <= 1.0, "{camera} was taken for still {still} times");
        assert_eq!(self.dropped(camera, "analytics"), 0.0, "{camera} lost something");
    }
}
