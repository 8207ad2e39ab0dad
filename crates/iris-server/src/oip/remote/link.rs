//! A connection to another server, by HTTP/1.1 or HTTP/2, with or without TLS. It is made when it is needed, and anew when it
//! breaks.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use iris_infer::Remote;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, InvalidMessage, RootCertStore};
use url::Url;

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 20;
/// How often it is asked whether the other end is still there, by HTTP/2.
const PING: Duration = Duration::from_secs(20);

/// What is sent.
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What is answered: the head, and the body with its trailers.
pub(super) type Answer = Response<Collected<Bytes>>;

/// The way to a server.
pub(super) struct Link {
    url: Url,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    is_grpc: bool,
    token: Option<HeaderValue>,
    open: Option<Sender>,
}

enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Link {
    /// To a server that has not been asked yet.
    ///
    /// # Errors
    /// Its address is none, or what it takes to trust it cannot be read.
    pub(super) fn new(remote: &Remote) -> Result<Self, String> {
        let url = Url::parse(&remote.url).map_err(|error| error.to_string())?;
        let (is_grpc, is_tls) = match url.scheme() {
            "http" => (false, false),
            "https" => (false, true),
            "grpc" => (true, false),
            "grpcs" => (true, true),
            _ => return Err("the address does not begin with http, https, grpc or grpcs".into()),
        };
        let tls = if is_tls { Some(trust(&url, remote.ca.as_deref(), is_grpc)?) } else { None };
        let token = remote.token.as_deref().map(|token| HeaderValue::try_from(format!("Bearer {token}")));
        let token = token.transpose().map_err(|_| "the token has characters that no token has")?;
        Ok(Self { url, tls, is_grpc, token, open: None })
    }

    /// Whether it speaks gRPC.
    pub(super) const fn is_grpc(&self) -> bool {
        self.is_grpc
    }

    /// Asks. A connection that the other end has closed meanwhile is made anew.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(super) async fn ask(&mut self, ask: &Ask) -> Result<Answer, String> {
        if let Some(sender) = self.open.take()
            && let Ok(answer) = self.ask_by(sender, ask).await
        {
            return Ok(answer);
        }
        let sender = self.connect().await.map_err(|error| format!("cannot connect: {}", unconnected(&error)))?;
        self.ask_by(sender, ask).await
    }

    async fn ask_by(&mut self, mut sender: Sender, ask: &Ask) -> Result<Answer, String> {
        let request = self.request(ask)?;
        let response = match &mut sender {
            Sender::One(sender) => match sender.ready().await {
                Ok(()) => sender.send_request(request).await,
                Err(error) => Err(error),
            },
            Sender::Two(sender) => match sender.ready().await {
                Ok(()) => sender.send_request(request).await,
                Err(error) => Err(error),
            },
        };
        let (head, body) = response.map_err(|error| explain(&error))?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| explain(&*error))?;
        // Not where something was left unread.
        self.open = Some(sender);
        Ok(Response::from_parts(head, body))
    }

    fn request(&self, Ask { method, path, headers, body }: &Ask) -> Result<Request<Full<Bytes>>, String> {
        let authority = &self.url[url::Position::BeforeHost..url::Position::AfterPort];
        let prefix = self.url.path().trim_end_matches('/');
        let target = match (self.is_grpc, self.tls.is_some()) {
            (true, true) => format!("https://{authority}{path}"),
            (true, false) => format!("http://{authority}{path}"),
            (false, _) => format!("{prefix}{path}"),
        };
        let mut request = Request::builder().method(method).uri(target).body(Full::new(body.clone()));
        if let Ok(request) = &mut request {
            let host = HeaderValue::from_str(authority).ok().filter(|_| !self.is_grpc);
            let own = request.headers_mut();
            own.extend(headers.clone());
            own.extend(host.map(|host| (header::HOST, host)));
            own.extend(self.token.clone().map(|token| (header::AUTHORIZATION, token)));
        }
        request.map_err(|error| error.to_string())
    }

    async fn connect(&self) -> io::Result<Sender> {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let socket = TcpStream::connect((host, self.port())).await?;
        socket.set_nodelay(true)?;
        match &self.tls {
            None => self.greet(socket).await,
            Some((tls, name)) => self.greet(tls.connect(name.clone(), socket).await?).await,
        }
    }

    fn port(&self) -> u16 {
        // Where servers of the protocol listen if nothing else is said.
        let usual = if self.is_grpc { 8001 } else { 80 };
        self.url.port_or_known_default().unwrap_or(usual)
    }

    async fn greet(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> io::Result<Sender> {
        let stream = TokioIo::new(stream);
        if self.is_grpc {
            let mut http = http2::Builder::new(TokioExecutor::new());
            http.timer(TokioTimer::new()).keep_alive_interval(PING).keep_alive_while_idle(true);
            let (sender, connection) = http.handshake(stream).await.map_err(io::Error::other)?;
            tokio::spawn(connection);
            Ok(Sender::Two(sender))
        } else {
            let (sender, connection) = http1::handshake(stream).await.map_err(io::Error::other)?;
            tokio::spawn(connection);
            Ok(Sender::One(sender))
        }
    }
}

/// Why there is no connection, where the library's words do not say what to do.
fn unconnected(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "nobody who is trusted has signed its certificate; `ca` names a file with the certificates that are".into()
        }
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => "it does not speak TLS there".into(),
        _ => error.to_string(),
    }
}

/// What an error says, with what it comes of.
fn explain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// How to find out that a server is the one of that address: by the certificates in a file, or by those that browsers trust.
fn trust(url: &Url, ca: Option<&Path>, is_grpc: bool) -> Result<(TlsConnector, ServerName<'static>), String> {
    let mut roots = RootCertStore::empty();
    match ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let cannot = |error: &dyn std::fmt::Display| format!("cannot read {}: {error}", path.display());
            let pem = fs::read(path).map_err(|error| cannot(&error))?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let certificate = certificate.map_err(|error| cannot(&error))?;
                roots.add(certificate).map_err(|error| cannot(&error))?;
            }
            if roots.is_empty() {
                return Err(format!("there is no certificate in {}", path.display()));
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![if is_grpc { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}
