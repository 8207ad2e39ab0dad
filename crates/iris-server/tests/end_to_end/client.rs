//! Who talks to the server's API: requests with their answers, and the stream of events.

use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::process::PATIENCE;

/// Someone with a token or a session.
#[derive(Clone)]
pub(crate) struct Client {
    address: String,
    headers: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) cookie: String,
    pub(crate) retry_after: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The JSON of an answer with this status.
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// That it is a problem document with this status and code. The document.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.json(status);
        assert_eq!(
            (problem["code"].as_str(), self.kind.as_str()),
            (Some(code), "application/problem+json"),
            "{problem}"
        );
        problem
    }

    /// That it says that something is done, and no more.
    pub(crate) fn done(&self) {
        assert_eq!(self.status, 204, "{}", self.text());
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    /// Someone at `http://…` who has not said who they are.
    pub(crate) fn nobody(address: &str) -> Self {
        Self { address: address.to_owned(), headers: Vec::new() }
    }

    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut this = self.clone();
        this.headers.push((name.to_owned(), value.to_owned()));
        this
    }

    pub(crate) fn with_token(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None)
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, None)
    }

    /// Sends JSON, or TOML where it is a text.
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let toml = || body.as_str().map(str::to_owned);
        self.ask(method, path, Some(toml().unwrap_or_else(|| body.to_string()).into_bytes()))
    }

    /// Sends a file.
    pub(crate) fn upload(&self, path: &str, file: &[u8]) -> Answer {
        self.ask("POST", path, Some(file.to_vec()))
    }

    fn ask(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> Answer {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}/api/v1{path}", self.address));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let reply = match body {
            Some(body) => agent.run(request.header("content-type", "application/json").body(body).expect("a request")),
            None => agent.run(request.body(()).expect("a request")),
        };
        let mut reply = reply.expect("it answers");
        let header =
            |name: &str| reply.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        let [kind, cookie, retry_after] = ["content-type", "set-cookie", "retry-after"].map(header);
        let (status, body) = (reply.status().as_u16(), reply.body_mut().read_to_vec().expect("a body"));
        Answer { status, kind, cookie, retry_after, body }
    }

    /// Opens the stream of events.
    pub(crate) fn stream<'r>(&self, runtime: &'r Runtime, query: &str) -> Result<Events<'r>, u16> {
        let address = self.address.replacen("http", "ws", 1);
        let request = format!("{address}/api/v1/events/stream{query}");
        let mut request = request.into_client_request().expect("an address");
        for (name, value) in &self.headers {
            let name: tungstenite::http::HeaderName = name.parse().expect("a name");
            request.headers_mut().insert(name, HeaderValue::from_str(value).expect("a value"));
        }
        let host = self.address.trim_start_matches("http://");
        let opened = async { client_async(request, TcpStream::connect(host).await.expect("it listens")).await };
        match runtime.block_on(opened) {
            Ok((socket, _)) => Ok(Events { socket, runtime }),
            Err(tungstenite::Error::Http(reply)) => Err(reply.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }
}

/// The stream of events.
pub(crate) struct Events<'r> {
    socket: WebSocketStream<TcpStream>,
    runtime: &'r Runtime,
}

impl Events<'_> {
    /// The next message; `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> Option<Value> {
        self.runtime.block_on(async {
            loop {
                let next = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("something comes");
                match next? {
                    Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).expect("JSON")),
                    Ok(Message::Close(_)) | Err(_) => return None,
                    Ok(_) => {}
                }
            }
        })
    }

    /// The next message of a type.
    pub(crate) fn told(&mut self, kind: &str) -> Value {
        let told = self.next().expect("the stream goes on");
        assert_eq!(told["type"], kind, "{told}");
        told
    }

    /// The next event that is as wanted.
    pub(crate) fn until(&mut self, mut holds: impl FnMut(&Value) -> bool) -> Value {
        loop {
            let told = self.told("event");
            if holds(&told["event"]) {
                return told;
            }
        }
    }

    pub(crate) fn close(mut self) {
        self.runtime.block_on(self.socket.close(None)).ok();
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.runtime.block_on(self.socket.send(Message::text(text))).expect("it is open");
    }
}
