//! Web servers of the tests: one that takes what webhooks send, one that gives what a folder or a camera has.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use iris_server::config::Secret;
use iris_server::message::{Message, State as Told};
use iris_server::sink::signature;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;

/// The key that the webhooks of these tests sign with.
pub(crate) const KEY: &str = "0123456789abcdef-a-key";

/// A web server on a free port. It ends with its handle.
pub(crate) struct Web {
    pub(crate) address: SocketAddr,
    task: AbortHandle,
}

impl Web {
    pub(crate) fn serve(runtime: &Runtime, app: Router) -> Self {
        Self::open(runtime, reserve().0, app)
    }

    fn open(runtime: &Runtime, socket: TcpSocket, app: Router) -> Self {
        let _in_runtime = runtime.enter();
        let listener = socket.listen(64).expect("it listens");
        let address = listener.local_addr().expect("an address");
        let serve = async move { axum::serve(listener, app).await };
        Self { address, task: runtime.spawn(serve).abort_handle() }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A port that is taken and on which nobody answers: connections are refused.
fn reserve() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let address = socket.local_addr().expect("an address");
    (socket, address)
}

/// The files of a folder.
pub(crate) fn folder(runtime: &Runtime, path: &str) -> Web {
    let file = async |State(folder): State<PathBuf>, Path(name): Path<String>| match std::fs::read(folder.join(name)) {
        Ok(bytes) => bytes.into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    };
    Web::serve(runtime, Router::new().route("/{name}", get(file)).with_state(PathBuf::from(path)))
}

/// A camera that sends JPEG pictures one after another, ten a second, to whoever sends these words as `Authorization`.
pub(crate) fn mjpeg(runtime: &Runtime, pictures: Vec<Bytes>, authorization: Option<String>) -> Web {
    let camera = Arc::new((pictures, authorization));
    let show = async |State(camera): State<Arc<(Vec<Bytes>, Option<String>)>>, headers: HeaderMap| {
        let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if camera.1.is_some() && camera.1.as_deref() != sent {
            let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"camera\"")];
            return (StatusCode::UNAUTHORIZED, challenge).into_response();
        }
        let ticks = tokio::time::interval(Duration::from_millis(100));
        let parts = futures::stream::unfold((camera, ticks, 0), async |(camera, mut ticks, n)| {
            ticks.tick().await;
            let picture = &camera.0[n % camera.0.len()];
            let head = format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", picture.len());
            let part = [head.as_bytes(), picture, b"\r\n"].concat();
            Some((Ok::<_, std::io::Error>(part), (camera, ticks, n + 1)))
        });
        let kind = [(header::CONTENT_TYPE, "multipart/x-mixed-replace; boundary=frame")];
        (kind, Body::from_stream(parts)).into_response()
    };
    Web::serve(runtime, Router::new().route("/video", get(show)).with_state(camera))
}

/// What a webhook has sent.
#[derive(Default)]
struct Inbox {
    messages: Mutex<Vec<Message>>,
    status: AtomicU16,
}

/// The other end of a webhook.
pub(crate) struct Receiver {
    pub(crate) url: String,
    inbox: Arc<Inbox>,
    socket: Option<TcpSocket>,
    web: Option<Web>,
}

impl Receiver {
    /// One that is down: its port refuses connections.
    pub(crate) fn down() -> Self {
        let (socket, address) = reserve();
        Self { url: format!("http://{address}/hook"), inbox: Arc::default(), socket: Some(socket), web: None }
    }

    pub(crate) fn start(runtime: &Runtime) -> Self {
        let mut this = Self::down();
        this.come_up(runtime);
        this
    }

    pub(crate) fn come_up(&mut self, runtime: &Runtime) {
        self.answer(StatusCode::NO_CONTENT);
        let app = Router::new().route("/hook", post(take)).with_state(Arc::clone(&self.inbox));
        self.web = self.socket.take().map(|socket| Web::open(runtime, socket, app));
    }

    /// What it answers from now on. What it does not answer with success it has not received.
    pub(crate) fn answer(&self, status: StatusCode) {
        self.inbox.status.store(status.as_u16(), Ordering::SeqCst);
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.inbox.messages.lock().expect("no panic").clone()
    }

    /// Whether it was told that these events are over.
    pub(crate) fn knows_the_end_of(&self, events: &[Message]) -> bool {
        let told = self.messages();
        events.iter().all(|event| told.iter().any(|m| m.id == event.id && m.state != Told::Started))
    }
}

async fn take(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: String) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, timestamp) = (header("x-iris-id"), header("x-iris-timestamp").parse().unwrap_or_default());
    let status = StatusCode::from_u16(inbox.status.load(Ordering::SeqCst)).unwrap_or_default();
    if status.is_success() {
        if header("x-iris-signature") != signature(&Secret::new(KEY), timestamp, id, &body) {
            return StatusCode::FORBIDDEN.into_response();
        }
        let message: Message = serde_json::from_str(&body).expect("a message");
        assert_eq!(message.id, id);
        inbox.messages.lock().expect("no panic").push(message);
    }
    status.into_response()
}
