//! HTTP POST, signed. `docs/spec/events.md` describes the request and how to check the signature.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use iris_core::WallTime;
use sha2::Sha256;
use ureq::Agent;
use ureq::http::{Response, StatusCode};

use super::{Failure, Sink};
use crate::config::Secret;
use crate::store::Outgoing;

/// The longest that a request may take, from looking up the name to the last byte of the reply.
const TIMEOUT: Duration = Duration::from_secs(5);
/// As much of a reply's body is read, for the connection to be used again; nothing in it matters.
const MAX_REPLY: u64 = 64 << 10;

/// An HTTP endpoint. One request at a time, one event a request, no redirects, no proxy.
#[derive(Debug)]
pub struct Webhook {
    agent: Agent,
    url: Secret,
    key: Secret,
}

impl Webhook {
    /// For an `http` or `https` address.
    pub fn new(url: Secret, key: Secret) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .max_response_header_size(16 << 10)
            .proxy(None)
            .user_agent(concat!("iris/", env!("CARGO_PKG_VERSION")));
        Self { agent: config.build().new_agent(), url, key }
    }

    fn post(&self, message: &Outgoing, now: WallTime) -> Result<Response<ureq::Body>, ureq::Error> {
        let timestamp = now.unix_micros.div_euclid(1_000_000);
        let request = self.agent.post(self.url.expose()).header("content-type", "application/json");
        let signed = signature(&self.key, timestamp, &message.event, &message.body);
        request
            .header("x-iris-id", &message.event)
            .header("x-iris-timestamp", timestamp.to_string())
            .header("x-iris-signature", signed)
            .send(&message.body)
    }
}

impl Sink for Webhook {
    fn batch(&self) -> usize {
        1
    }

    fn tell(&mut self, messages: &[&Outgoing], now: WallTime) -> Result<(), Failure> {
        messages.iter().try_for_each(|message| match self.post(message, now) {
            Ok(reply) => verdict(reply),
            Err(error) => Err(Failure::Unreachable(explain(&error))),
        })
    }
}

fn verdict(reply: Response<ureq::Body>) -> Result<(), Failure> {
    let status = reply.status();
    let said = format!("the reply is {}", status.as_u16());
    // Only the status counts: a body that is too long or never ends costs the connection, not the event.
    reply.into_body().into_with_config().limit(MAX_REPLY).read_to_vec().ok();
    match status {
        status if status.is_success() => Ok(()),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(Failure::Later(said)),
        status if status.is_client_error() => Err(Failure::Refused(said)),
        status if status.is_redirection() => Err(Failure::Later(format!("{said}, a redirect, which is not followed"))),
        _ => Err(Failure::Later(said)),
    }
}

/// What `X-Iris-Signature` must be: `sha256=` and the HMAC-SHA256 (RFC 2104) of `<timestamp>.<id>.<body>` in hex.
///
/// # Panics
/// Never: HMAC takes a key of any length.
pub fn signature(key: &Secret, timestamp: i64, id: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).expect("HMAC takes a key of any length");
    mac.update(format!("{timestamp}.{id}.").as_bytes());
    mac.update(body.as_bytes());
    let digits = mac.finalize().into_bytes().into_iter().map(|byte| format!("{byte:02x}"));
    std::iter::once("sha256=".to_owned()).chain(digits).collect()
}

/// What went wrong, without the address, which may hold a secret.
fn explain(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "no reply in time".into(),
        ureq::Error::HostNotFound => "the host is not known".into(),
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => "TLS failed".into(),
        _ => "the reply is not HTTP".into(),
    }
}
