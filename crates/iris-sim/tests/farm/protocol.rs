//! RTSP word by word: what each request is answered, sign-in, and what happens to clients that misbehave.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::time::Duration;

use iris_sim::{Credentials, Farm, Scheme};
use retina::client::{SessionOptions, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Clips, frames, losses, one_camera, play_with, soon, start, take, until};

/// A client that says exactly what it is told to say.
pub(crate) struct Raw {
    stream: TcpStream,
    received: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: HashMap<String, String>,
    body: String,
}

impl Response {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }
}

impl Raw {
    pub(crate) async fn connect(farm: &Farm) -> Self {
        let stream = soon("connecting", TcpStream::connect(farm.addr())).await.expect("a connection");
        Self { stream, received: Vec::new() }
    }

    pub(crate) async fn send(&mut self, text: impl AsRef<[u8]>) {
        soon("sending", self.stream.write_all(text.as_ref())).await.expect("an open connection");
    }

    pub(crate) async fn ask(&mut self, text: &str) -> Response {
        self.send(text).await;
        self.response().await
    }

    /// Whether nothing has arrived.
    pub(crate) fn has_nothing(&self) -> bool {
        let nothing_more = matches!(self.stream.try_read(&mut [0]), Err(e) if e.kind() == ErrorKind::WouldBlock);
        self.received.is_empty() && nothing_more
    }

    /// The next response; packets in front of it are skipped.
    pub(crate) async fn response(&mut self) -> Response {
        loop {
            while self.received.first() == Some(&b'$') {
                self.packet().await;
            }
            if let Some(end) = self.received.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8(self.received.drain(..end + 4).collect()).expect("text");
                return self.finish(&head).await;
            }
            assert!(self.receive().await > 0, "closed instead of answering; have {:?}", self.received);
        }
    }

    async fn finish(&mut self, head: &str) -> Response {
        let mut lines = head.trim_end().split("\r\n");
        let status =
            lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok()).expect("a status line");
        let headers: HashMap<_, _> =
            lines.filter_map(|l| l.split_once(": ")).map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let len = headers.get("Content-Length").map_or(0, |v| v.parse().expect("a number"));
        while self.received.len() < len {
            assert!(self.receive().await > 0, "closed in a body");
        }
        let body = String::from_utf8(self.received.drain(..len).collect()).expect("text");
        Response { status, headers, body }
    }

    /// The next interleaved packet: its channel and content.
    async fn packet(&mut self) -> (u8, Vec<u8>) {
        loop {
            assert!(matches!(self.received.first(), None | Some(b'$')), "no packet");
            if let [b'$', channel, high, low, ..] = self.received[..] {
                let end = 4 + usize::from(u16::from_be_bytes([high, low]));
                if self.received.len() >= end {
                    let packet = self.received.drain(..end).skip(4).collect();
                    return (channel, packet);
                }
            }
            assert!(self.receive().await > 0, "closed in a packet");
        }
    }

    async fn receive(&mut self) -> usize {
        let read = self.stream.read_buf(&mut self.received);
        soon("receiving", read).await.expect("an open connection")
    }

    /// Waits for the end of the connection, clean or not.
    pub(crate) async fn ends(&mut self) {
        let end = self.stream.read_to_end(&mut self.received);
        // A reset is an end, too.
        drop(soon("the end of the connection", end).await);
    }
}

fn request(method: &str, path: &str, headers: &str) -> String {
    format!("{method} rtsp://127.0.0.1{path} RTSP/1.0\r\nCSeq: 7\r\n{headers}\r\n")
}

const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";

#[tokio::test]
async fn every_request_has_its_answer() {
    let farm = start(Farm::builder().clip(Clips::get().h264()).cameras(2)).await;
    let cases = [
        ("OPTIONS * RTSP/1.0\r\nCSeq: 7\r\n\r\n".into(), 200),
        (request("OPTIONS", "/cam/0", ""), 200),
        (request("DESCRIBE", "/cam/1/", "Accept: application/sdp\r\n"), 200),
        (request("DESCRIBE", "/cam/2", ""), 404),
        (request("DESCRIBE", "/", ""), 404),
        (request("SETUP", "/cam/0/track0", TCP), 200),
        (request("SETUP", "/cam/0/track1", TCP), 404),
        (request("SETUP", "/cam/0/track0", ""), 400),
        (request("SETUP", "/cam/0/track0", "Transport: RTP/AVP/TCP;mode=\"\r\n"), 200),
        (request("SETUP", "/cam/0/track0", "Transport: RTP/AVP/TCP;interleaved=x\r\n"), 400),
        (request("SETUP", "/cam/0/track0", "Transport: RTP/AVP;multicast\r\n"), 461),
        (request("SETUP", "/cam/0/track0", &format!("{TCP}Session: 1\r\n")), 454),
        (request("PLAY", "/cam/0/", ""), 454),
        (request("PLAY", "/cam/0/", "Session: 1\r\n"), 454),
        (request("TEARDOWN", "/cam/0/", "Session: 1\r\n"), 454),
        (request("GET_PARAMETER", "/cam/0/", ""), 200),
        (request("GET_PARAMETER", "/cam/0/", "Session: 1\r\n"), 454),
        (request("SET_PARAMETER", "/cam/0/", "Content-Length: 4\r\n") + "a: b", 200),
        (request("PAUSE", "/cam/0/", ""), 405),
        (request("RECORD", "/cam/0/", ""), 405),
        (request("BREW", "/cam/0/", ""), 501),
        (request("OPTIONS", "/cam/0", "Require: teapot\r\n"), 551),
        (request("OPTIONS", "/cam/0", "").replace("RTSP/1.0", "RTSP/2.0"), 505),
        (request("OPTIONS", "/cam/0", "").replace("CSeq: 7\r\n", ""), 400),
        (request("OPTIONS", "/cam/0", "").replace("CSeq: 7", "CSeq: x"), 400),
    ];
    for (text, expected) in cases {
        let response = Raw::connect(&farm).await.ask(&text).await;
        assert_eq!(response.status, expected, "{text}");
        if expected != 400 {
            assert_eq!(response.header("CSeq"), "7", "{text}");
        }
    }
    farm.shutdown().await;
}

#[tokio::test]
async fn a_session_goes_from_set_up_to_torn_down() {
    let farm = start(Farm::builder().clip(Clips::get().h264()).cameras(2)).await;
    let mut client = Raw::connect(&farm).await;
    let described = client.ask(&request("DESCRIBE", "/cam/0", "")).await;
    assert_eq!(described.header("Content-Base"), "rtsp://127.0.0.1/cam/0/");
    let sdp = sdp_types::Session::parse(described.body.as_bytes()).expect("a sound SDP");
    assert_eq!(sdp.medias[0].get_first_attribute_value("rtpmap"), Some(Some("96 H264/90000")));
    assert_eq!(sdp.medias[0].get_first_attribute_value("framerate"), Some(Some("10.000")));

    let set_up = client.ask(&request("SETUP", "/cam/0/track0", TCP)).await;
    let session = format!("Session: {}\r\n", set_up.header("Session").split_once(';').expect("a timeout").0);
    assert_eq!(client.ask(&request("SETUP", "/cam/1/track0", TCP)).await.status, 459);
    let playing = client.ask(&request("PLAY", "/cam/0/", &session)).await;
    let (channel, packet) = client.packet().await;
    let (sequence, timestamp) = (u16::from_be_bytes([packet[2], packet[3]]), &packet[4..8]);
    let timestamp = timestamp.iter().fold(0u32, |n, b| (n << 8) | u32::from(*b));
    assert_eq!(channel, 0);
    let info = format!("url=rtsp://127.0.0.1/cam/0/track0;seq={sequence};rtptime={timestamp}");
    assert_eq!(playing.header("RTP-Info").replace('"', ""), info);
    let ssrc = packet[8..12].iter().fold(0u32, |n, b| (n << 8) | u32::from(*b));
    assert!(set_up.header("Transport").contains(&format!("ssrc={ssrc:08X}")), "{set_up:?}");

    for (method, expected) in [("GET_PARAMETER", 200), ("PLAY", 200), ("SETUP", 455), ("TEARDOWN", 200), ("PLAY", 454)]
    {
        let text = request(method, "/cam/0/track0", &format!("{session}{TCP}"));
        assert_eq!(client.ask(&text).await.status, expected, "{method}");
    }
    until("the end of the session", || farm.stats().playing == 0).await;
    assert_eq!(client.ask(&request("SETUP", "/cam/1/track0", TCP)).await.status, 200, "a new session may begin");
    farm.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_and_hurts_nobody() {
    let farm = one_camera(Clips::get().h264()).await;
    let mut sound = frames(&farm.url(0), Transport::default()).await;
    let long = format!("OPTIONS * RTSP/1.0\r\nX: {}", "a".repeat(20_000));
    let cases: [(&[u8], u16); 4] = [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00", 400),
        (b"OPTIONS * RTSP/1.0\r\nContent-Length: many\r\n\r\n", 400),
        (long.as_bytes(), 413),
    ];
    for (text, expected) in cases {
        let mut client = Raw::connect(&farm).await;
        client.send(text).await;
        assert_eq!(client.response().await.status, expected);
        client.ends().await;
    }
    assert_eq!(losses(&mut sound, 3).await, 0);
    farm.shutdown().await;
}

#[tokio::test]
async fn only_the_right_password_opens() {
    for scheme in [Scheme::Digest, Scheme::Basic] {
        let credentials = Credentials::new("viewer", "open, \"sesame\"").scheme(scheme);
        let farm = start(Farm::builder().clip(Clips::get().h264()).credentials(credentials)).await;
        let open = |password: Option<&str>| {
            let username = "viewer".to_string();
            let creds = password.map(|p| retina::client::Credentials { username, password: p.into() });
            let url = farm.url(0);
            async move { play_with(&url, SessionOptions::default().creds(creds), Transport::default()).await }
        };
        let right = soon("signing in", open(Some("open, \"sesame\""))).await;
        assert!(right.is_ok(), "{scheme:?}: {:?}", right.err());
        for wrong in [Some("sesame"), None] {
            let refused = soon("being refused", open(wrong)).await.err().expect("let in with a wrong password");
            assert_eq!(refused.status_code(), Some(401), "{refused}");
        }
        farm.shutdown().await;
    }
}

#[tokio::test]
async fn whoever_is_silent_too_long_is_cut_off() {
    let timeout = Duration::from_secs(1);
    let farm = start(Farm::builder().clip(Clips::get().h264()).session_timeout(timeout)).await;
    let mut client = Raw::connect(&farm).await;
    let set_up = client.ask(&request("SETUP", "/cam/0/track0", TCP)).await;
    assert!(set_up.header("Session").ends_with(";timeout=1"), "{set_up:?}");
    client.ends().await;
    farm.shutdown().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_slows_nobody() {
    // Noise at a fixed quantiser, about two megabytes a second.
    let source = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=2,noise=alls=100:allf=t"];
    let shape = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "8", "-g", "5", "-bf", "0"];
    let farm = one_camera(Clips::get().ffmpeg("noise.mp4", &[&source[..], &shape].concat())).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(64 * 1024).expect("a small buffer");
    let stream = socket.connect(farm.addr()).await.expect("a connection");
    let mut slow = Raw { stream, received: Vec::new() };
    let set_up = slow.ask(&request("SETUP", "/cam/0/track0", TCP)).await;
    let session = set_up.header("Session").split_once(';').expect("a timeout").0;
    slow.ask(&request("PLAY", "/cam/0/", &format!("Session: {session}\r\n"))).await;

    let mut sound = frames(&farm.url(0), Transport::default()).await;
    while farm.stats().dropped_units < 10 {
        assert_eq!(take(&mut sound, 1).await[0].loss(), 0);
    }
    // As soon as it reads again it is served again, from a key frame on, and the hole shows.
    let mut before = None;
    loop {
        let (channel, packet) = slow.packet().await;
        if channel == 0 {
            let sequence = u16::from_be_bytes([packet[2], packet[3]]);
            if before.is_some_and(|b: u16| b.wrapping_add(1) != sequence) {
                assert_eq!(packet[12] & 0x1f, 7, "an SPS comes first");
                break;
            }
            before = Some(sequence);
        }
    }
    farm.shutdown().await;
}
