//! What these tests share: a door on a store of its own, and requests as a browser or a program sends them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use iris_core::clock::ManualClock;
use iris_core::{CameraId, Clock};
use iris_infer::Sharing;
use iris_pipeline::{Cores, DeviceSettings, Pipeline, Settings};
use iris_server::accounts::{Cameras, Change, Key, Role, Scope, SetupToken, Token, User, hash_password};
use iris_server::config::Text;
use iris_server::control::Owner;
use iris_server::door::{App, Parts, Timeouts};
use iris_server::sink::Sinks;
use iris_server::store::{Options, Sqlite, Store};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const HOST: &str = "iris.example:8443";

/// The largest body of a request to a model.
pub(crate) const MAX_REQUEST: usize = 2_000_000;

pub(crate) struct Door {
    app: Option<App>,
    router: Router,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) setup: Option<Key>,
    pub(crate) folder: tempfile::TempDir,
    owner: Option<JoinHandle<Owner>>,
}

impl Door {
    /// On a store without users.
    pub(crate) fn new() -> Self {
        Self::with(Timeouts::default())
    }

    pub(crate) fn with(timeouts: Timeouts) -> Self {
        Self::open(timeouts, |_| String::new())
    }

    /// With the configuration that `write` gives, which may put files into the folder beside it.
    pub(crate) fn configured(write: impl FnOnce(&Path) -> String) -> Self {
        Self::open(Timeouts::default(), write)
    }

    fn open(timeouts: Timeouts, write: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options { folder: folder.path().to_owned(), ..Options::default() };
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&options).expect("a store"));
        let clock = Arc::new(ManualClock::default());
        let cores = Cores { decode: 1, analyse: 1 };
        let settings = Settings {
            run: 1,
            models: Vec::new(),
            cores,
            devices: DeviceSettings::cpus(1),
            sharing: Sharing::default(),
            decoder: None,
        };
        let local = iris_server::setup::local_clock(jiff::tz::TimeZone::UTC);
        let handle = tokio::runtime::Handle::current();
        let started = Pipeline::start(&settings, clock.clone(), &local, handle);
        let (pipeline, _) = started.expect("a pipeline");
        let setup = SetupToken::prepare(folder.path(), &*store).expect("a token");
        let key = setup.key();
        let (view, inference) = (pipeline.view(), pipeline.inference());
        let text = Text::new(&write(folder.path()), "iris.toml", folder.path());
        let document = text.resolve(&[]).unwrap_or_else(|problems| panic!("{problems:?}"));
        let dynamic: Arc<dyn Clock> = clock.clone();
        let sinks = Sinks::new(&store, &dynamic);
        let path = folder.path().join("iris.toml");
        let owner = Owner::new(&path, (text, document), Vec::new(), &store, pipeline, sinks);
        let (control, owner) = owner.start().expect("a thread");
        let app = App::new(Parts {
            view,
            inference,
            max_request: MAX_REQUEST,
            store: Arc::clone(&store),
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            clock: clock.clone(),
            control,
            run: 1,
            setup,
            secure: true,
            timeouts,
            stopping: CancellationToken::new(),
        });
        let app = app.expect("threads");
        let router = app.clone().router();
        Self { app: Some(app), router, store, clock, setup: key, folder, owner: Some(owner) }
    }

    /// For a door that is opened on a socket. Its tasks end after this handle, which therefore waits for nothing.
    pub(crate) fn opened(&mut self) -> App {
        self.owner = None;
        self.app.take().expect("it is opened once")
    }

    pub(crate) fn add_user(&self, name: &str, role: Role, cameras: Option<&[&str]>) {
        let user = User::new(name.into(), role, ids(cameras), self.clock.wall()).expect("a user");
        let hash = hash_password(PASSWORD).expect("hashed");
        assert_eq!(self.store.add_user(user, hash).expect("stored"), Change::Done);
    }

    /// A session without the price of a password.
    pub(crate) fn session_of(&self, user: &str) -> Sender {
        let key = Key::generate();
        let began = self.store.begin_session(key.digest(), user, self.clock.wall());
        assert_eq!(began.expect("stored"), Change::Done);
        Sender { cookie: Some(key.text()), csrf: Some(key.derive("csrf").text()), ..Sender::default() }
    }

    /// A program with a token.
    pub(crate) fn token(&self, scopes: &[Scope], cameras: Option<&[&str]>) -> Sender {
        let key = Key::generate();
        let scopes: BTreeSet<Scope> = scopes.iter().copied().collect();
        let token = Token::new("program".into(), scopes, ids(cameras), self.clock.wall()).expect("a token");
        assert_eq!(self.store.add_token(token, key.digest()).expect("stored"), Change::Done);
        Sender { bearer: Some(key.token()), ..Sender::default() }
    }

    pub(crate) async fn send(&self, sender: &Sender, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.raw(sender.request(method, path, body)).await
    }

    pub(crate) async fn raw(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.answer(request).await.into_parts();
        let body = to_bytes(body, 1 << 24).await.expect("a body");
        Answer { status: parts.status, headers: parts.headers, body: body.to_vec() }
    }

    pub(crate) async fn answer(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.expect("infallible")
    }

    /// Waits until what was only noted is stored: writes are committed in the order of their calls.
    pub(crate) fn settle(&self) {
        assert_eq!(self.store.end_session(Key::generate().digest()).expect("stored"), Change::Absent);
    }

    pub(crate) fn after(&self, time: Duration) -> &Self {
        self.clock.advance(time);
        self
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // The thread ends when nobody can wish for anything any more.
        (self.app, self.router) = (None, Router::new());
        if let Some(Ok(owner)) = self.owner.take().map(JoinHandle::join) {
            // Not on a thread that runs tasks: it waits for those of cameras, which need another one to run on.
            let shutdown = std::thread::Builder::new().name("shutdown".into()).spawn(|| owner.pipeline.shutdown());
            shutdown.expect("a thread").join().expect("no panic");
        }
    }
}

fn ids(cameras: Option<&[&str]>) -> Cameras {
    cameras.map(|names| names.iter().map(|name| CameraId::new(name).expect("an id")).collect())
}

/// Who sends a request, and what a browser or program puts into it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sender {
    pub(crate) cookie: Option<String>,
    pub(crate) csrf: Option<String>,
    pub(crate) bearer: Option<String>,
    pub(crate) more: Vec<(&'static str, String)>,
}

impl Sender {
    pub(crate) fn nobody() -> Self {
        Self::default()
    }

    /// Someone who shows this instead of a token.
    pub(crate) fn with(name: &'static str, value: &str) -> Self {
        Self { more: vec![(name, value.to_owned())], ..Self::default() }
    }

    pub(crate) fn and(mut self, name: &'static str, value: &str) -> Self {
        self.more.push((name, value.to_owned()));
        self
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: Option<Value>) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(path).header("host", HOST);
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", format!("theme=dark; iris_session={cookie}"));
        }
        if let Some(csrf) = &self.csrf {
            request = request.header("x-csrf-token", csrf);
        }
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        for (name, value) in &self.more {
            request = request.header(*name, value);
        }
        let body = match body {
            Some(value) => {
                request = request.header("content-type", "application/json");
                Body::from(value.to_string())
            }
            None => Body::empty(),
        };
        request.body(body).expect("a request")
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The body of an answer with this status.
    pub(crate) fn good(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// Why a request to a model was not fulfilled, as the Open Inference Protocol says it.
    #[track_caller]
    pub(crate) fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.headers["content-type"], "application/json");
        let body = self.json();
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{body}");
        body["error"].as_str().expect("a text").to_owned()
    }

    /// That the route at `path` refuses with this status, and where it says so in a problem document, with this code.
    #[track_caller]
    pub(crate) fn refused(&self, path: &str, status: u16, code: &str) {
        if path.starts_with("/v2") {
            self.error(status);
        } else {
            self.bad(status, code);
        }
    }

    /// That it is a problem document with this status and code.
    #[track_caller]
    pub(crate) fn bad(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["type"], format!("urn:iris:problem:{code}"));
        assert_eq!(body["status"], status);
        assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
        body
    }

    /// The one who signed in by this answer.
    pub(crate) fn signed_in(&self) -> Sender {
        let cookie = self.headers["set-cookie"].to_str().expect("text");
        let key = cookie.strip_prefix("iris_session=").and_then(|rest| rest.split(';').next()).expect("the cookie");
        let csrf = self.json()["csrf"].as_str().expect("a token").to_owned();
        Sender { cookie: Some(key.to_owned()), csrf: Some(csrf), ..Sender::default() }
    }
}
