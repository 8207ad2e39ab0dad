//! The second stage: what the file means. Fills in defaults and lists everything that makes no sense.
//!
//! A key that is missing or malformed was listed by [`super::structure`]; here it is simply not looked at.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use iris_analytics::schedule::Schedule;
use iris_analytics::zone;
use iris_core::{CameraId, Label, Point, Unit};
use iris_infer::Sharing;
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::problem::{Place, Problems, quoted, suggest};
use super::raw::{
    DeviceKind, Fraction, Raw, RawCamera, RawDefaults, RawDevice, RawLine, RawSecret, RawServing, RawSink, RawStore,
    RawTls, RawZone, SinkKind,
};
use super::{
    Camera, Config, Device, Line, Model, Origin, Secret, Serving, Sink, Store, Target, Tls, Zone, schedule, source,
};

const DEFAULT_RATE: f32 = 10.0;
const DEFAULT_DAYS: u32 = 30;
const DEFAULT_PORT: u16 = 8080;
const DEFAULT_BATCH: usize = 8;
const DEFAULT_IN_FLIGHT: usize = 2;
const DEFAULT_BODY_MB: usize = 64;
/// The shortest key of a signature, in bytes.
const MIN_KEY: usize = 16;
/// The longest stay or leave.
const MAX_DURATION: Duration = Duration::from_hours(24);

/// How many of the first entries stand in the file; the others lie in the store.
#[derive(Clone, Copy)]
pub(super) struct FromFile {
    pub(super) cameras: usize,
    pub(super) sinks: usize,
}

fn origin(at: usize, from_file: usize) -> Origin {
    if at < from_file { Origin::File } else { Origin::Store }
}

pub(super) fn resolve(
    raw: Raw,
    from_file: FromFile,
    base: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems<'_>,
) -> Config {
    let mut pass = Pass { base, env, problems, time_zone: None, models: Vec::new(), defaults: raw.defaults };
    pass.time_zone = raw.time_zone.as_deref().and_then(|name| pass.time_zone(name));
    pass.models = pass.models(raw.models);
    let default_model = pass.defaults.model.take();
    pass.defaults.model = default_model.filter(|name| pass.find_model(name, "defaults.model").is_some());
    let require_gpu = raw.require_gpu.unwrap_or_default();
    Config {
        time_zone: pass.time_zone.clone().unwrap_or(TimeZone::UTC),
        store: pass.store(&raw.store),
        listen: pass.listen(raw.server.listen.as_deref()),
        tls: raw.server.tls.and_then(|tls| pass.tls(tls)),
        serving: serving(&raw.serving),
        devices: pass.devices(raw.devices, require_gpu),
        require_gpu,
        decode_gpu: raw.decode_gpu,
        models: pass.models.clone(),
        cameras: pass.cameras(raw.cameras, from_file.cameras),
        sinks: pass.sinks(raw.sinks, from_file.sinks),
    }
}

fn serving(raw: &RawServing) -> Serving {
    let default = Sharing::default();
    let (share, queue) = (raw.share.unwrap_or(default.share), raw.queue.unwrap_or(default.queue));
    let max_body = raw.max_body_mb.unwrap_or(DEFAULT_BODY_MB) * 1_000_000;
    Serving { sharing: Sharing { share, queue }, max_body }
}

struct Pass<'a, 't> {
    base: &'a Path,
    env: &'a dyn Fn(&str) -> Option<String>,
    problems: &'a mut Problems<'t>,
    time_zone: Option<TimeZone>,
    models: Vec<Model>,
    defaults: RawDefaults,
}

impl Pass<'_, '_> {
    /// The value, or `None` and a problem.
    fn listed<T>(&mut self, path: &str, outcome: Result<T, String>) -> Option<T> {
        outcome.map_err(|message| self.problems.add(path, message)).ok()
    }

    fn time_zone(&mut self, name: &str) -> Option<TimeZone> {
        let found = TimeZone::get(name)
            .map_err(|_| format!("{} is not an IANA time zone; write one such as \"Europe/Berlin\"", quoted(name)));
        self.listed("time_zone", found)
    }

    fn store(&mut self, raw: &RawStore) -> Store {
        let path = self.path("store.path", raw.path.as_deref().unwrap_or("data")).unwrap_or_default();
        let days = raw.retention.days.unwrap_or(DEFAULT_DAYS);
        let max_bytes = raw.retention.max_gb.map(|gb| (gb * 1e9) as u64);
        Store { path, max_age: Duration::from_hours(u64::from(days) * 24), max_bytes }
    }

    fn listen(&mut self, raw: Option<&str>) -> SocketAddr {
        let default = SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT));
        let Some(text) = raw else { return default };
        let parsed = text.parse::<SocketAddr>();
        let parsed = parsed.map_err(|_| format!("{} is not an address and port such as 127.0.0.1:8080", quoted(text)));
        self.listed("server.listen", parsed).unwrap_or(default)
    }

    fn tls(&mut self, raw: RawTls) -> Option<Tls> {
        let cert = self.path("server.tls.cert", &raw.cert?);
        let key = self.path("server.tls.key", &raw.key?);
        Some(Tls { cert: cert?, key: key? })
    }

    fn devices(&mut self, raw: Vec<RawDevice>, require_gpu: bool) -> Vec<Device> {
        let mut seen = HashMap::new();
        let devices =
            raw.into_iter().enumerate().filter_map(|(i, raw)| self.device(&format!("devices[{i}]"), raw, &mut seen));
        let devices: Vec<Device> = devices.collect();
        let has_gpu = devices.iter().any(|device| matches!(device, Device::Cuda { .. } | Device::TensorRt { .. }));
        if require_gpu && !has_gpu && !self.problems.any_within("devices") {
            self.problems.add("require_gpu", "there is no GPU; add [[devices]] with kind = \"cuda\" or \"tensorrt\"");
        }
        devices
    }

    fn device(&mut self, at: &str, raw: RawDevice, seen: &mut HashMap<String, Place>) -> Option<Device> {
        let (index, batch) = (raw.index.unwrap_or(0), raw.batch.unwrap_or(DEFAULT_BATCH));
        let instances = raw.instances.unwrap_or(1);
        let threads = ("threads", raw.threads.is_some());
        let gpu =
            [("index", raw.index.is_some()), ("batch", raw.batch.is_some()), ("instances", raw.instances.is_some())];
        let fp16 = ("fp16", raw.fp16.is_some());
        let kind = raw.kind?;
        if kind != DeviceKind::Oip {
            let of_server = [
                ("url", raw.url.is_some()),
                ("model", raw.model.is_some()),
                ("in_flight", raw.in_flight.is_some()),
                ("token", raw.token.is_some()),
                ("ca", raw.ca.is_some()),
                ("jpeg", raw.jpeg.is_some()),
            ];
            self.foreign(at, "a device of this machine", &of_server);
        }
        let (name, device) = match kind {
            DeviceKind::Cpu => {
                self.foreign(at, "a cpu", &[gpu[0], gpu[1], gpu[2], fp16]);
                ("the CPU".to_owned(), Device::Cpu { threads: raw.threads })
            }
            DeviceKind::Cuda => {
                self.foreign(at, "a cuda device", &[threads, fp16]);
                (format!("GPU {index}"), Device::Cuda { index, batch, instances })
            }
            DeviceKind::TensorRt => {
                self.foreign(at, "a tensorrt device", &[threads]);
                let fp16 = raw.fp16.unwrap_or_default();
                (format!("GPU {index}"), Device::TensorRt { index, batch, instances, fp16 })
            }
            DeviceKind::Oip => {
                self.foreign(at, "an oip device", &[threads, gpu[0], fp16]);
                self.server(at, raw, batch)?
            }
        };
        let place = self.problems.place(at);
        if let Some(other) = seen.insert(name.clone(), place) {
            self.problems.add(at, format!("{name} is already a device: {other}"));
        }
        Some(device)
    }

    /// Another server, by its address.
    fn server(&mut self, at: &str, raw: RawDevice, batch: usize) -> Option<(String, Device)> {
        let url_at = format!("{at}.url");
        if raw.url.is_none() && !self.problems.any_within(&url_at) {
            self.problems.add(at, "`url` is missing: the address of the server, such as \"grpc://10.0.0.9:8001\"");
        }
        let url = raw.url.and_then(|url| self.listed(&url_at, source::server_url(&url)));
        // What is wrong with these was listed.
        let token = raw.token.and_then(|token| self.secret(&format!("{at}.token"), token));
        let ca = raw.ca.and_then(|ca| self.path(&format!("{at}.ca"), &ca));
        let (url, in_flight) = (url?, raw.in_flight.unwrap_or(DEFAULT_IN_FLIGHT));
        let (model, jpeg) = (raw.model, raw.jpeg.unwrap_or_default());
        Some((url.clone(), Device::Oip { url, model, batch, in_flight, token, ca, jpeg }))
    }

    /// The models of the file; the built-in one if it names none.
    fn models(&mut self, raw: std::collections::BTreeMap<String, super::raw::RawModel>) -> Vec<Model> {
        const BUILT_IN: &str = iris_infer::Model::BUILT_IN;
        if raw.is_empty() {
            return vec![Model { name: "iris-n".into(), path: BUILT_IN.into(), versions: Vec::new() }];
        }
        let mut models = Vec::new();
        for (name, model) in raw {
            let at = format!("models.{name}");
            let good = name_is_safe(&name).map_err(|why| format!("the name {why}"));
            self.listed(&at, good);
            let path = model.path.and_then(|path| match &*path {
                BUILT_IN => Some(path.into()),
                path => self.path(&format!("{at}.path"), path),
            });
            let path = path.unwrap_or_default();
            models.push(Model { name: name.into(), path, versions: model.versions });
        }
        models
    }

    /// A path relative to the file's folder.
    fn path(&mut self, at: &str, text: &str) -> Option<PathBuf> {
        let checked = match text {
            "" => Err("is empty".to_owned()),
            text if text.chars().any(char::is_control) => Err("contains a control character".to_owned()),
            text => Ok(self.base.join(text)),
        };
        self.listed(at, checked)
    }

    fn cameras(&mut self, raw: Vec<RawCamera>, from_file: usize) -> Vec<Camera> {
        let mut seen = HashMap::new();
        let cameras = raw.into_iter().enumerate().filter_map(|(i, raw)| {
            let at = format!("cameras[{i}]");
            self.unique(&mut seen, &at, "id", raw.id.as_deref(), "camera");
            self.camera(&at, raw, origin(i, from_file))
        });
        cameras.collect()
    }

    /// The camera, unless something without which it cannot be was listed.
    fn camera(&mut self, at: &str, raw: RawCamera, origin: Origin) -> Option<Camera> {
        let id = raw.id.map(|id| CameraId::new(&id).map_err(|_| camera_id_rule(&id)));
        let id = id.and_then(|id| self.listed(&format!("{at}.id"), id));
        let name = raw.name.and_then(|name| self.label(&format!("{at}.name"), name));
        let url_at = format!("{at}.url");
        let url = raw.url.and_then(|url| self.secret(&url_at, url));
        let url = url.and_then(|url| self.listed(&url_at, source::camera_url(&url, self.base)));
        let model = self.model(at, raw.model.as_deref());
        let zones = self.zones(at, raw.zones);
        let lines = self.lines(at, raw.lines);
        let id = id?;
        Some(Camera {
            id,
            origin,
            name: name.map_or_else(|| id.to_string(), |name| name.to_string()),
            url: url?,
            transport: raw.transport.or(self.defaults.transport).unwrap_or_default(),
            model: model?,
            tracker: raw.tracker.or(self.defaults.tracker).unwrap_or_default(),
            rate: raw.rate.or(self.defaults.rate).unwrap_or(DEFAULT_RATE),
            gate: raw.gate.or(self.defaults.gate).unwrap_or_default(),
            enabled: raw.enabled.unwrap_or(true),
            zones,
            lines,
        })
    }

    fn secret(&mut self, at: &str, raw: RawSecret) -> Option<Secret> {
        self.listed(at, source::secret(raw, self.base, self.env))
    }

    /// The camera's model, or the default one, or the only one.
    fn model(&mut self, camera: &str, name: Option<&str>) -> Option<Model> {
        let at = format!("{camera}.model");
        if let Some(name) = name {
            return self.find_model(name, &at);
        }
        if self.problems.any_within(&at) || self.problems.any_within("defaults.model") {
            return None;
        }
        match (&self.defaults.model, self.models.as_slice()) {
            (Some(default), models) => models.iter().find(|model| *model.name == **default).cloned(),
            (None, [only]) => Some(only.clone()),
            (None, several) => {
                let names: Vec<&str> = several.iter().map(|model| &*model.name).collect();
                let message = format!("`model` is missing here and in [defaults]; there are {}", names.join(", "));
                self.problems.add(camera, message);
                None
            }
        }
    }

    fn find_model(&mut self, name: &str, at: &str) -> Option<Model> {
        let found = self.models.iter().find(|model| *model.name == *name).cloned();
        if found.is_none() {
            let hint = suggest(name, self.models.iter().map(|model| &*model.name));
            self.problems.add(at, format!("there is no [models.{}]{hint}", quoted(name)));
        }
        found
    }

    fn zones(&mut self, camera: &str, raw: Vec<RawZone>) -> Vec<Zone> {
        let mut seen = HashMap::new();
        let zones = raw.into_iter().enumerate().filter_map(|(i, raw)| {
            let at = format!("{camera}.zones[{i}]");
            self.unique(&mut seen, &at, "name", raw.name.as_deref(), "zone");
            self.zone(&at, raw)
        });
        zones.collect()
    }

    fn zone(&mut self, at: &str, raw: RawZone) -> Option<Zone> {
        let name = raw.name.and_then(|name| self.label(&format!("{at}.name"), name));
        let area = self.shape(&format!("{at}.polygon"), &raw.polygon, zone::Zone::new);
        let min_stay = self.duration(&format!("{at}.min_stay"), raw.min_stay, Duration::ZERO);
        let leave_after = self.duration(&format!("{at}.leave_after"), raw.leave_after, Duration::from_secs(1));
        let schedule = self.schedule(at, raw.schedule);
        let classes = self.classes(at, raw.classes);
        let anchor = raw.anchor.unwrap_or_default();
        Some(Zone { name: name?, area: area?, classes, anchor, min_stay, leave_after, schedule })
    }

    fn lines(&mut self, camera: &str, raw: Vec<RawLine>) -> Vec<Line> {
        let mut seen = HashMap::new();
        let lines = raw.into_iter().enumerate().filter_map(|(i, raw)| {
            let at = format!("{camera}.lines[{i}]");
            self.unique(&mut seen, &at, "name", raw.name.as_deref(), "line");
            self.line(&at, raw)
        });
        lines.collect()
    }

    fn line(&mut self, at: &str, raw: RawLine) -> Option<Line> {
        let name = raw.name.and_then(|name| self.label(&format!("{at}.name"), name));
        let classes = self.classes(at, raw.classes);
        let line = self.shape(&format!("{at}.points"), &raw.points, zone::Line::new);
        let schedule = self.schedule(at, raw.schedule);
        Some(Line { name: name?, line: line?, direction: raw.direction.unwrap_or_default(), classes, schedule })
    }

    /// Points as a zone or line; `None` and no problem where there are none, which was listed.
    fn shape<T>(
        &mut self,
        at: &str,
        points: &[[Fraction; 2]],
        make: impl Fn(Vec<Point<Unit>>) -> Result<T, zone::InvalidShape>,
    ) -> Option<T> {
        let points: Vec<_> = points.iter().map(|[x, y]| Point::new(x.0, y.0)).collect();
        if points.is_empty() {
            return None;
        }
        self.listed(at, make(points).map_err(|invalid| invalid.to_string()))
    }

    fn classes(&mut self, at: &str, classes: Vec<String>) -> Vec<String> {
        for (i, class) in classes.iter().enumerate() {
            if class.trim().is_empty() || classes[..i].contains(class) {
                let why = if class.trim().is_empty() { "is empty" } else { "is listed twice" };
                self.problems.add(&format!("{at}.classes[{i}]"), why);
            }
        }
        classes
    }

    fn duration(&mut self, at: &str, raw: Option<String>, default: Duration) -> Duration {
        let Some(text) = raw else { return default };
        let parsed = text.parse::<SignedDuration>().ok().and_then(|d| Duration::try_from(d).ok());
        let checked = match parsed {
            Some(duration) if duration <= MAX_DURATION => Ok(duration),
            Some(_) => Err(format!("{} is more than 24h", quoted(&text))),
            None => Err(format!("{} is not a duration; write \"2s\", \"500ms\" or \"1m 30s\"", quoted(&text))),
        };
        self.listed(at, checked).unwrap_or(default)
    }

    fn schedule(&mut self, at: &str, text: Option<String>) -> Schedule {
        let Some(text) = text else { return Schedule::Always };
        let at = format!("{at}.schedule");
        if self.time_zone.is_none() && !self.problems.any_within("time_zone") {
            self.problems.add(&at, "a schedule needs a clock; set `time_zone` at the top of the file");
        }
        self.listed(&at, schedule::parse(&text)).unwrap_or_default()
    }

    fn sinks(&mut self, raw: Vec<RawSink>, from_file: usize) -> Vec<Sink> {
        let mut seen = HashMap::new();
        let sinks = raw.into_iter().enumerate().filter_map(|(i, raw)| {
            let at = format!("sinks[{i}]");
            self.unique(&mut seen, &at, "name", raw.name.as_deref(), "sink");
            self.sink(&at, raw, origin(i, from_file))
        });
        sinks.collect()
    }

    fn sink(&mut self, at: &str, raw: RawSink, origin: Origin) -> Option<Sink> {
        if let Some(name) = &raw.name {
            self.listed(&format!("{at}.name"), name_is_safe(name));
        }
        let target = match raw.kind? {
            SinkKind::File => {
                self.foreign(at, "a file sink", &[("url", raw.url.is_some()), ("secret", raw.secret.is_some())]);
                let path = self.needed(at, "path", "file", raw.path)?;
                Target::File { path: self.path(&format!("{at}.path"), &path)? }
            }
            SinkKind::Webhook => {
                self.foreign(at, "a webhook sink", &[("path", raw.path.is_some())]);
                let url = self.needed(at, "url", "webhook", raw.url);
                let secret = self.needed(at, "secret", "webhook", raw.secret);
                self.webhook(at, url, secret)?
            }
        };
        Some(Sink { name: raw.name?, origin, target })
    }

    fn webhook(&mut self, at: &str, url: Option<RawSecret>, key: Option<RawSecret>) -> Option<Target> {
        let (url_at, key_at) = (format!("{at}.url"), format!("{at}.secret"));
        let url = url.and_then(|url| self.secret(&url_at, url));
        let url = url.and_then(|url| self.listed(&url_at, source::webhook_url(&url)));
        let secret = key.and_then(|key| self.secret(&key_at, key));
        if secret.as_ref().is_some_and(|key| key.expose().len() < MIN_KEY) {
            self.problems.add(&key_at, format!("is too short to sign with; at least {MIN_KEY} bytes"));
        }
        Some(Target::Webhook { url: url?, secret: secret? })
    }

    fn needed<T>(&mut self, at: &str, key: &str, kind: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.problems.any_within(&format!("{at}.{key}")) {
            self.problems.add(at, format!("`{key}` is missing; a {kind} sink needs it"));
        }
        value
    }

    /// Lists keys that belong to another kind.
    fn foreign(&mut self, at: &str, kind: &str, keys: &[(&str, bool)]) {
        for (key, _) in keys.iter().filter(|(_, present)| *present) {
            self.problems.add(&format!("{at}.{key}"), format!("{kind} has no `{key}`"));
        }
    }

    fn unique(&mut self, seen: &mut HashMap<String, Place>, at: &str, key: &str, value: Option<&str>, what: &str) {
        let Some(value) = value else { return };
        let at = format!("{at}.{key}");
        let place = self.problems.place(&at);
        match seen.get(value) {
            None => drop(seen.insert(value.to_owned(), place)),
            Some(other) if matches!(place, Place::Store { .. }) => {
                let message = format!("{} is already another {what}: {other}", quoted(value));
                self.problems.add(&at, message);
            }
            Some(_) => self.problems.add(&at, format!("{} is already another {what}", quoted(value))),
        }
    }

    /// A name for people.
    fn label(&mut self, at: &str, text: String) -> Option<Label> {
        let checked = match text.as_str() {
            t if t.trim().is_empty() => Err("is empty"),
            t if t.chars().count() > 64 => Err("is longer than 64 characters"),
            t if t.chars().any(char::is_control) => Err("contains a control character"),
            _ => Ok(text.into()),
        };
        self.listed(at, checked.map_err(str::to_owned))
    }
}

fn camera_id_rule(id: &str) -> String {
    format!("{} must be 1 to 32 of a-z, 0-9, '_' and '-', and start with a letter or digit", quoted(id))
}

/// Names that become labels of metrics and rows of the store follow the rule of camera ids.
fn name_is_safe(name: &str) -> Result<(), String> {
    CameraId::new(name).map(drop).map_err(|_| camera_id_rule(name))
}
