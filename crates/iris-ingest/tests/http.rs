//! HTTP: multipart JPEG and HLS from a server of the test's own, and what a hostile one may try.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use iris_core::{Codec, Item, Size};
use iris_ingest::{ErrorKind, Output, State};
use support::http::{Server, multipart, reply};
use support::{
    Clips, H264, assert_sane, first_failure, first_packets, impatient, open, packets, read_all, source, states,
};

const PAUSE: Duration = Duration::from_millis(20);

fn pictures(clips: &Clips) -> Vec<Vec<u8>> {
    clips.make("%d.jpg", 1, "-frames:v 5 -q:v 8");
    (1..=5).map(|i| fs::read(clips.path(&format!("{i}.jpg"))).unwrap()).collect()
}

/// The files of a folder, and nothing else.
async fn folder(path: &Path) -> Server {
    let path = path.to_owned();
    Server::start(move |head, stream| {
        let name = head[0].split_whitespace().nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
        let body = fs::read(path.join(name));
        async move {
            match body {
                Ok(body) => reply(stream, "200 OK", "", &body).await,
                Err(_) => reply(stream, "404 Not Found", "", b"").await,
            }
        }
    })
    .await
}

#[tokio::test]
async fn multipart_pictures_carry_the_time_at_which_they_came() {
    let clips = Clips::new();
    let pictures = pictures(&clips);
    let server = {
        let pictures = pictures.clone();
        Server::start(move |_, stream| multipart(stream, pictures.clone(), PAUSE)).await
    };
    let mut stream = open(source(&server.url("/video.mjpg")));
    let packets = first_packets(&mut stream, 25).await;
    assert_sane(&packets);
    for (i, packet) in packets.iter().enumerate() {
        assert_eq!(packet.data, pictures[i % 5]);
        assert!(packet.is_key && packet.at.wall.is_some());
        assert_eq!((packet.params.codec, packet.params.size), (Codec::Mjpeg, Some(Size::new(320, 180))));
        let waited = packet.received.since(packets[0].received);
        assert!(packet.at.media.since(packets[0].at.media).abs_diff(waited) < Duration::from_millis(1));
    }
}

#[tokio::test]
async fn a_complete_playlist_is_read_to_its_end() {
    let clips = Clips::new();
    for (playlist, kind) in [("a.m3u8", "mpegts"), ("b.m3u8", "fmp4")] {
        clips.make(playlist, 4, &format!("{H264} -f hls -hls_time 1 -hls_playlist_type vod -hls_segment_type {kind}"));
        let server = folder(&clips.path("")).await;
        let outputs = read_all(source(&server.url(&format!("/{playlist}")))).await;
        let told = states(&outputs);
        assert!(
            matches!(told[..], [State::Connecting, State::Live { codec: Codec::H264, .. }, State::Ended]),
            "{told:?}"
        );
        let packets = packets(outputs);
        assert_eq!(packets.len(), 100, "{playlist}");
        assert_sane(&packets);
        assert!(packets.iter().all(|p| p.params.size == Some(Size::new(320, 180)) && p.at.wall.is_none()));
    }
}

#[tokio::test]
async fn a_playlist_that_grows_is_live() {
    let clips = Clips::new();
    clips.make("a.m3u8", 4, &format!("{H264} -f hls -hls_time 1 -hls_playlist_type event -hls_flags omit_endlist"));
    let server = folder(&clips.path("")).await;
    let packets = first_packets(&mut open(source(&server.url("/a.m3u8"))), 30).await;
    assert_sane(&packets);
    assert!(packets.iter().all(|p| p.at.wall.is_some()));
}

#[tokio::test]
async fn sign_in_reaches_the_configured_host() {
    let clips = Clips::new();
    let pictures = pictures(&clips);
    let server = Server::start(move |head, stream| {
        let pictures = pictures.clone();
        async move {
            // "admin:p@ss word", base64.
            if head.iter().any(|line| line == "Authorization: Basic YWRtaW46cEBzcyB3b3Jk") {
                multipart(stream, pictures, PAUSE).await;
            } else {
                reply(stream, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"camera\"\r\n", b"").await;
            }
        }
    })
    .await;
    let url = |user: &str| server.url("/").replace("http://", &format!("http://{user}@"));
    first_packets(&mut open(source(&url("admin:p%40ss%20word"))), 3).await;
    assert_eq!(first_failure(&mut open(source(&url("admin:wrong")))).await, State::AuthFailed);
}

/// A listener that must never be asked for anything, and a server that leads there.
async fn lure(answer: impl Fn(&str) -> (String, String, String)) -> (Server, Server) {
    let sentinel = Server::start(|_, stream| reply(stream, "200 OK", "", b"hit")).await;
    let (status, headers, body) = answer(&sentinel.address.to_string());
    let lure = Arc::new((status, headers, body));
    let server = Server::start(move |_, stream| {
        let lure = Arc::clone(&lure);
        async move { reply(stream, &lure.0, &lure.1, lure.2.as_bytes()).await }
    })
    .await;
    (server, sentinel)
}

#[tokio::test]
async fn a_playlist_opens_nothing_but_its_own_host() {
    let clips = Clips::new();
    let bait = clips.make("bait.ts", 2, H264);
    let bait = bait.to_str().unwrap();
    for lines in [
        format!("#EXTINF:1,\nfile://{bait}"),
        format!("#EXTINF:1,\n{bait}"),
        "#EXTINF:1,\nfile:///etc/passwd".into(),
        format!("#EXTINF:1,\nconcat:{bait}|{bait}"),
        format!("#EXTINF:1,\nsubfile,,start,0,end,0,,:{bait}"),
        format!("#EXTINF:1,\ncrypto+file:{bait}"),
        "#EXTINF:1,\nhttp://SENTINEL/1.ts".into(),
        "#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://SENTINEL/1.m3u8".into(),
        format!("#EXT-X-STREAM-INF:BANDWIDTH=1\nfile://{bait}"),
        "#EXT-X-MAP:URI=\"http://SENTINEL/init.mp4\"\n#EXTINF:1,\n1.m4s".into(),
        "#EXT-X-KEY:METHOD=AES-128,URI=\"http://SENTINEL/key\"\n#EXTINF:1,\n1.ts".into(),
        "#EXTINF:1,\nrtsp://SENTINEL/".into(),
        "#EXTINF:1,\ntcp://SENTINEL".into(),
    ] {
        let (server, sentinel) = lure(|sentinel| {
            let list =
                format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n{}\n#EXT-X-ENDLIST\n", lines.replace("SENTINEL", sentinel));
            ("200 OK".into(), "Content-Type: application/vnd.apple.mpegurl\r\n".into(), list)
        })
        .await;
        let mut stream = open(impatient(&server.url("/live.m3u8")));
        let state = first_failure(&mut stream).await;
        assert!(matches!(state, State::Offline { .. } | State::Failed { .. }), "{lines}: {state:?}");
        assert_eq!(sentinel.requests(), Vec::<Vec<String>>::new(), "{lines}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let clips = Clips::new();
    let bait = clips.make("bait.ts", 1, H264);
    for target in [format!("file://{}", bait.display()), "http://SENTINEL/".into(), "concat:/etc/passwd".into()] {
        let (server, sentinel) = lure(|sentinel| {
            let location = format!("Location: {}\r\n", target.replace("SENTINEL", sentinel));
            ("302 Found".into(), location, String::new())
        })
        .await;
        let url = server.url("/").replace("http://", "http://admin:secret@");
        let state = first_failure(&mut open(impatient(&url))).await;
        assert!(matches!(state, State::Offline { .. }), "{target}: {state:?}");
        assert_eq!(sentinel.requests(), Vec::<Vec<String>>::new(), "{target}");
    }
}

#[tokio::test]
async fn a_refused_address_is_named_as_such() {
    let (server, _sentinel) = lure(|sentinel| {
        let list = format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://{sentinel}/1.ts\n");
        ("200 OK".into(), "Content-Type: application/vnd.apple.mpegurl\r\n".into(), list)
    })
    .await;
    let State::Offline { error } = first_failure(&mut open(impatient(&server.url("/live.m3u8")))).await else {
        panic!()
    };
    assert_eq!(error.kind(), ErrorKind::SourceDenied, "{error}");
}

#[tokio::test]
async fn answers_that_are_no_video() {
    for (status, body, kind) in [
        ("404 Not Found", "", ErrorKind::NotFound),
        ("403 Forbidden", "", ErrorKind::AuthFailed),
        ("200 OK", "<html>no video</html>", ErrorKind::Protocol),
        ("200 OK", "", ErrorKind::Closed),
    ] {
        let server = Server::start(move |_, stream| reply(stream, status, "", body.as_bytes())).await;
        match first_failure(&mut open(impatient(&server.url("/")))).await {
            State::AuthFailed => assert_eq!(kind, ErrorKind::AuthFailed),
            State::Offline { error } => assert!(error.kind() == kind || body.is_empty(), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_never_answers_and_one_that_stops() {
    let silent = Server::start(|_, stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let State::Offline { error } = first_failure(&mut open(impatient(&silent.url("/")))).await else { panic!() };
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");

    let clips = Clips::new();
    let pictures = pictures(&clips);
    let stops = Server::start(move |_, stream| {
        let pictures = pictures.clone();
        async move {
            let playing = multipart(stream, pictures, PAUSE);
            // It plays for a while and then keeps the connection without a word.
            let mut playing = Box::pin(playing);
            let _over = tokio::time::timeout(Duration::from_millis(300), &mut playing).await;
            std::future::pending::<()>().await;
        }
    })
    .await;
    let mut stream = open(impatient(&stops.url("/")));
    assert_eq!(first_failure(&mut stream).await, State::Stalled);
    let again = support::until(&mut stream, |o| matches!(o, Output::Item(Item::Gap(_)))).await;
    assert!(!again.is_empty());
}
