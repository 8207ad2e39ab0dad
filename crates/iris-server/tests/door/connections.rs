//! What happens on real sockets before any route is reached: TLS, and clients that are slow, large or silent.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use iris_server::config::Tls;
use iris_server::door::{Timeouts, acceptor, listen};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::sync::CancellationToken;

use crate::kit::Door;

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8443);
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A door that is open on a port of loopback, until it is dropped.
struct Open {
    address: SocketAddr,
    door: Door,
    stop: CancellationToken,
}

impl Open {
    async fn new(by_tls: bool) -> Self {
        Self::with(by_tls, Timeouts::default()).await
    }

    /// One whose patience is so short that a test can wait for its end.
    async fn hurried(by_tls: bool) -> Self {
        let short = Duration::from_millis(200);
        Self::with(by_tls, Timeouts { handshake: short, head: short, request: short }).await
    }

    async fn with(by_tls: bool, timeouts: Timeouts) -> Self {
        let mut door = Door::with(timeouts);
        let tls = if by_tls { acceptor(ANYWHERE, None, door.folder.path()).expect("a certificate") } else { None };
        assert_eq!(tls.is_some(), by_tls);
        let listener = listen(LOOPBACK).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        door.opened().serve(listener, tls, stop.clone());
        Self { address, door, stop }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }

    /// Sends this and reads until the other end closes.
    async fn exchange(&self, request: impl AsRef<[u8]>) -> String {
        exchange(self.connect().await, request.as_ref()).await
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> String {
    // A server that has heard enough may close before it was told everything.
    stream.write_all(request).await.ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8_lossy(&answer).into_owned()
}

/// A client that trusts what lies in this file and nothing else.
async fn handshake(stream: TcpStream, certificate: &Path, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
    handshake_for(&[], stream, certificate, name).await
}

/// The same, that speaks these protocols.
async fn handshake_for(
    protocols: &[&[u8]],
    stream: TcpStream,
    certificate: &Path,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).expect("a certificate")).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("versions").with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from(name.to_owned()).expect("a name"), stream).await
}

#[tokio::test]
async fn a_client_that_trusts_the_certificate_that_iris_made_is_served_by_tls() {
    let open = Open::new(true).await;
    let certificate = open.door.folder.path().join("tls-cert.pem");
    for name in ["localhost", "127.0.0.1"] {
        let stream = handshake(open.connect().await, &certificate, name).await.expect("trusted");
        let answer = exchange(stream, b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("{\"status\":\"ok\"}"), "{answer}");
        assert!(answer.contains("strict-transport-security: max-age="), "{answer}");
    }
    assert!(handshake(open.connect().await, &certificate, "evil.example").await.is_err(), "not in its name");
    assert!(!open.exchange("GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.contains("status"), "not in plain text");
}

#[tokio::test]
async fn who_is_refused_before_their_body_is_read_is_told_that_the_connection_ends() {
    let open = Open::new(false).await;
    let request = "POST /v2/models/iris-n/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    let answer = open.exchange(request).await;
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("connection: close\r\n"), "{answer}");
}

#[test]
fn the_certificate_is_made_once_and_its_key_is_for_its_owner() {
    let folder = tempfile::tempdir().expect("a folder");
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect("a file");
    assert!(acceptor(ANYWHERE, None, folder.path()).expect("made").is_some());
    let (cert, key) = (read("tls-cert.pem"), read("tls-key.pem"));
    assert!(acceptor(ANYWHERE, None, folder.path()).expect("found").is_some());
    assert!((read("tls-cert.pem"), read("tls-key.pem")) == (cert, key));
    let mode = folder.path().join("tls-key.pem").metadata().expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(acceptor(LOOPBACK, None, folder.path()).expect("nothing to do").is_none());
}

#[test]
fn a_certificate_that_cannot_be_right_is_refused() {
    let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    for folder in [&one, &two] {
        acceptor(ANYWHERE, None, folder.path()).expect("made");
    }
    let given = |cert: &Path, key: &Path| {
        let tls = Tls { cert: cert.join("tls-cert.pem"), key: key.join("tls-key.pem") };
        acceptor(LOOPBACK, Some(&tls), cert).map(|acceptor| acceptor.is_some())
    };
    assert!(given(one.path(), one.path()).expect("they belong together"));
    let error = given(one.path(), two.path()).expect_err("another's key").to_string();
    assert!(error.contains("is no certificate of"), "{error}");
    let error = given(one.path(), Path::new("/nowhere")).expect_err("no key").to_string();
    assert!(error.contains("cannot read /nowhere"), "{error}");
    let key = one.path().join("tls-key.pem");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).expect("it is ours");
    let error = given(one.path(), one.path()).expect_err("everyone's key").to_string();
    assert!(error.contains("can be read by everyone"), "{error}");
}

#[tokio::test]
async fn who_says_nothing_or_too_slowly_is_sent_away() {
    let open = Open::hurried(false).await;
    assert_eq!(open.exchange("").await, "", "nothing");
    assert!(!open.exchange("GET /health HTTP/1.1\r\nho").await.contains("200"), "half a head");
    let one = open.exchange("GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(one.starts_with("HTTP/1.1 200"), "and then nothing more: {one}");
    let head =
        "POST /api/v1/session HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    let answer = open.exchange(head).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("urn:iris:problem:timeout"), "{answer}");
}

#[tokio::test]
async fn who_does_not_finish_the_handshake_is_sent_away() {
    let open = Open::hurried(true).await;
    for start in ["", "\x16\x03\x01"] {
        assert_eq!(open.exchange(start).await, "");
    }
}

/// That it was answered by one of these, or that the connection was reset while it was still being sent.
#[track_caller]
fn refused(answer: &str, by: &[u16]) {
    let is_right = by.iter().any(|status| answer.starts_with(&format!("HTTP/1.1 {status}")));
    assert!(is_right || answer.is_empty(), "{answer}");
}

#[tokio::test]
async fn what_is_too_large_is_not_read() {
    let open = Open::new(false).await;
    let get = |more: &str| format!("GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n");
    assert!(open.exchange(get("")).await.starts_with("HTTP/1.1 200"));
    let large = get(&format!("cookie: {}\r\n", "x".repeat(500_000)));
    refused(&open.exchange(large).await, &[431]);
    let many = get(&"a: b\r\n".repeat(200));
    refused(&open.exchange(many).await, &[431]);
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(500_000));
    refused(&open.exchange(long).await, &[414, 431]);
    let post = "POST /api/v1/session HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let said = format!("{post}content-length: 200000000\r\n\r\n");
    refused(&open.exchange(said).await, &[413]);
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let chunks = format!("{post}transfer-encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(17));
    refused(&open.exchange(chunks).await, &[413]);
}

#[tokio::test]
async fn a_request_with_two_lengths_is_one_request_or_none() {
    let open = Open::new(false).await;
    let hidden = "GET /hidden HTTP/1.1\r\nhost: x\r\n\r\n";
    for lengths in [
        format!("transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n{hidden}"),
        format!("content-length: 5\r\ncontent-length: 0\r\n\r\n{hidden}"),
        format!("content-length: +5\r\n\r\n{hidden}"),
        format!("transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"),
    ] {
        let request = format!("GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{lengths}");
        let answer = open.exchange(&request).await;
        assert!(!answer.contains("404") && answer.matches("HTTP/1.1").count() <= 1, "{request}: {answer}");
    }
}

/// How a client of HTTP/2 begins: the preface, and settings that say nothing.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A frame of HTTP/2 of this type, with these flags, of a stream.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The types of the frames of an answer, with the payloads of those that say why it ends.
async fn frames(mut stream: impl AsyncRead + AsyncWrite + Unpin, sent: &[u8]) -> Vec<(u8, Vec<u8>)> {
    stream.write_all(sent).await.ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    let (mut rest, mut frames) = (&answer[..], Vec::new());
    while let [a, b, c, kind, _, _, _, _, _, behind @ ..] = rest {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        frames.push((*kind, behind[..length].to_vec()));
        rest = &behind[length..];
    }
    frames
}

/// A request by HTTP/2 for `/`: numbers of RFC 7541's static table, and a name.
const GET: &[u8] = b"\x82\x86\x84\x41\x01x";
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
/// RFC 9113 §7.
const ENHANCE_YOUR_CALM: u8 = 11;

#[tokio::test]
async fn both_versions_of_http_are_spoken_on_one_port() {
    for by_tls in [false, true] {
        let open = Open::new(by_tls).await;
        let certificate = open.door.folder.path().join("tls-cert.pem");
        // Says goodbye, so that the other end closes.
        let sent = [HELLO, &frame(HEADERS, 5, 1, GET), &frame(GOAWAY, 0, 0, &[0; 8])].concat();
        let answer = if by_tls {
            let stream =
                handshake_for(&[b"h2"], open.connect().await, &certificate, "localhost").await.expect("trusted");
            frames(stream, &sent).await
        } else {
            frames(open.connect().await, &sent).await
        };
        let kinds: Vec<u8> = answer.iter().map(|(kind, _)| *kind).collect();
        assert!(kinds.starts_with(&[SETTINGS]) && kinds.contains(&HEADERS), "{kinds:?}");
    }
}

#[tokio::test]
async fn who_begins_http_2_and_says_no_more_is_sent_away() {
    let open = Open::hurried(false).await;
    for start in [1, 3, HELLO.len() - 10] {
        assert_eq!(open.exchange(&HELLO[..start]).await, "");
    }
}

#[tokio::test]
async fn who_takes_back_what_they_ask_again_and_again_is_sent_away() {
    let open = Open::new(false).await;
    let mut sent = HELLO.to_vec();
    for n in 0..500 {
        sent.extend(frame(HEADERS, 5, 2 * n + 1, GET));
        sent.extend(frame(RESET, 0, 2 * n + 1, &8_u32.to_be_bytes()));
    }
    let answer = frames(open.connect().await, &sent).await;
    let (_, why) = answer.iter().find(|(kind, _)| *kind == GOAWAY).expect("it is sent away");
    assert_eq!(why[7], ENHANCE_YOUR_CALM);
}
