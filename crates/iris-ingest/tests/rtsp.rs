//! RTSP against GStreamer's server, an independent implementation, and against servers that misbehave by script.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use iris_core::{Codec, Epoch, GapReason, Item, Packet, Size};
use iris_ingest::{ErrorKind, Output, Source, State};
use support::gst::{self, SignIn};
use support::http;
use support::{TRANSPORTS, assert_sane, by, first_failure, first_packets, impatient, open, source, until};
use tokio::io::AsyncWriteExt;

const PASSWORD: &str = "c4n@ry w0rd";
const ENCODED: &str = "c4n%40ry%20w0rd";

/// Looks at two seconds of a live camera.
async fn check(codec: Codec, source: Source) {
    let mut stream = open(source);
    let packets = first_packets(&mut stream, 30).await;
    assert_sane(&packets);
    assert!(packets.iter().all(|p| p.params.codec == codec && p.params.size == Some(Size::new(320, 192))));
    assert!(packets.iter().all(|p| p.at.wall.is_some() && p.lost_before == 0 && p.key.epoch == Epoch::first(7)));
    // GStreamer's clock gives each picture the time at which it was taken, 67 ms after the one before.
    let span = packets[29].at.media.since(packets[0].at.media);
    assert!(span.abs_diff(Duration::from_millis(29 * 1000 / 15)) < Duration::from_millis(300), "{span:?}");
    if codec == Codec::Mjpeg {
        assert!(packets.iter().all(|p| p.is_key && p.data.starts_with(&[0xff, 0xd8])));
    } else {
        assert!(matches!(packets[0].params.extradata.first(), Some(0 | 1)), "start codes, avcC or hvcC");
        assert!((1..=3).contains(&packets.iter().filter(|p| p.is_key).count()));
    }
}

#[tokio::test]
async fn every_codec_by_tcp_and_udp() {
    for (name, codec) in [("h264", Codec::H264), ("h265", Codec::H265), ("mjpeg", Codec::Mjpeg)] {
        let server = gst::Server::start(&gst::live(name), SignIn::default());
        for transport in TRANSPORTS {
            check(codec, by(transport, source(&server.url("")))).await;
        }
    }
}

/// Length-prefixed access units and their avcC or hvcC as one stream with start codes (ISO/IEC 14496-15 §5.3.3.1,
/// §8.3.3.1).
fn annex_b(packets: &[Packet]) -> Vec<u8> {
    let (params, mut out) = (&packets[0].params, Vec::new());
    let mut record = params.extradata.iter().copied().skip(if params.codec == Codec::H264 { 5 } else { 22 });
    let mut take = |n: usize| record.by_ref().take(n).collect::<Vec<u8>>();
    let arrays = if params.codec == Codec::H264 { 2 } else { usize::from(take(1)[0]) };
    for _ in 0..arrays {
        let count = if params.codec == Codec::H264 { take(1)[0] & 0x1f } else { take(3)[2] };
        for _ in 0..count {
            let length = u16::from_be_bytes(take(2).try_into().unwrap());
            out.extend([&[0, 0, 0, 1], take(length.into()).as_slice()].concat());
        }
    }
    for packet in packets {
        let mut rest = packet.data.as_ref();
        while let Some((length, after)) = rest.split_first_chunk() {
            let (nal, after) = after.split_at(u32::from_be_bytes(*length) as usize);
            out.extend([&[0, 0, 0, 1], nal].concat());
            rest = after;
        }
    }
    out
}

#[tokio::test]
async fn what_comes_can_be_decoded_by_another_program() {
    for (name, codec) in [("h264", Codec::H264), ("h265", Codec::H265)] {
        let server = gst::Server::start(&gst::live(name), SignIn::default());
        let packets = first_packets(&mut open(source(&server.url(""))), 30).await;
        assert_eq!(packets[0].params.codec, codec);
        let clips = support::Clips::new();
        let path = clips.path("stream");
        std::fs::write(&path, annex_b(&packets)).unwrap();
        let format = if codec == Codec::H264 { "h264" } else { "hevc" };
        let decoded = std::process::Command::new("ffmpeg")
            .args(["-hide_banner", "-loglevel", "error", "-xerror", "-err_detect", "explode", "-f", format, "-i"])
            .arg(&path)
            .args(["-f", "framecrc", "-"])
            .output()
            .unwrap();
        assert!(decoded.status.success(), "{}", String::from_utf8_lossy(&decoded.stderr));
        let frames = String::from_utf8(decoded.stdout).unwrap().lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(frames, 30, "{name}");
    }
}

#[tokio::test]
async fn basic_and_digest_sign_in() {
    for scheme in ["basic", "digest"] {
        let sign_in = SignIn { user: "admin", password: PASSWORD, scheme, ..SignIn::default() };
        let server = gst::Server::start(&gst::live("h264"), sign_in);
        check(Codec::H264, source(&server.url(&format!("admin:{ENCODED}@")))).await;
        for wrong in ["", "admin:wrong@", &format!("root:{ENCODED}@")] {
            assert_eq!(
                first_failure(&mut open(source(&server.url(wrong)))).await,
                State::AuthFailed,
                "{scheme} {wrong}"
            );
        }
    }
}

#[tokio::test]
async fn rtsp_over_tls_goes_through_ffmpeg() {
    let clips = support::Clips::new();
    let certificate = clips.path("camera.pem");
    let made = std::process::Command::new("openssl")
        .args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=camera -keyout".split(' '))
        .args([&certificate, std::path::Path::new("-out"), &clips.path("cert.pem")])
        .output()
        .unwrap();
    assert!(made.status.success());
    let both = [std::fs::read(&certificate).unwrap(), std::fs::read(clips.path("cert.pem")).unwrap()].concat();
    std::fs::write(&certificate, both).unwrap();
    let tls =
        SignIn { user: "admin", password: PASSWORD, scheme: "digest", certificate: certificate.to_str().unwrap() };
    let server = gst::Server::start(&gst::live("h264"), tls);
    let url = |user: &str| server.url(user).replace("rtsp://", "rtsps://");
    let packets = first_packets(&mut open(source(&url(&format!("admin:{ENCODED}@")))), 30).await;
    assert_sane(&packets);
    assert!(packets.iter().all(|p| p.params.codec == Codec::H264 && p.at.wall.is_some()));
    assert_eq!(packets[0].params.size, Some(Size::new(320, 192)));
    assert_eq!(first_failure(&mut open(source(&url("admin:wrong@")))).await, State::AuthFailed);
}

#[tokio::test]
async fn a_codec_that_is_not_taken_is_named() {
    let server = gst::Server::start(&gst::live("vp8"), SignIn::default());
    let State::Offline { error } = first_failure(&mut open(source(&server.url("")))).await else { panic!() };
    assert_eq!(error.kind(), ErrorKind::CodecDenied);
    assert!(error.to_string().contains("offers vp8; h264, h265 and mjpeg are taken"), "{error}");
}

#[tokio::test]
async fn a_camera_that_goes_and_returns_is_a_new_epoch_after_a_gap() {
    let server = gst::Server::start(&gst::live("h264"), SignIn::default());
    let mut stream = open(source(&server.url("")));
    let before = first_packets(&mut stream, 5).await;
    let port = server.port;
    drop(server);
    assert!(matches!(first_failure(&mut stream).await, State::Offline { .. }));
    let _server = gst::Server::start_at(port, &gst::live("h264"), SignIn::default());

    let outputs = until(&mut stream, support::is_packet).await;
    let items: Vec<&Output> = outputs.iter().filter(|o| matches!(o, Output::Item(_))).collect();
    assert!(matches!(items[0], Output::Item(Item::Gap(GapReason::Reconnected))));
    let Output::Item(Item::Data(after)) = items[1] else { panic!("{:?}", support::states(&outputs)) };
    assert_eq!((after.key.epoch, after.key.seq), (Epoch::first(7).next(), 0));
    let away = after.at.media.since(before[4].at.media);
    let waited = after.received.since(before[4].received);
    assert!(away.abs_diff(waited) < Duration::from_millis(500), "{away:?} on the timeline, {waited:?} by the clock");
}

/// A server that reads requests and answers each with what `answer` makes of its `CSeq` line.
async fn scripted(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> http::Server {
    let answer = Arc::new(answer);
    http::Server::start(move |head, mut stream| {
        let answer = Arc::clone(&answer);
        async move {
            let cseq = head.iter().find(|line| line.starts_with("CSeq")).cloned().unwrap_or_default();
            let _gone = stream.write_all(&answer(&cseq)).await;
            std::future::pending::<()>().await;
        }
    })
    .await
}

fn rtsp(server: &http::Server) -> String {
    server.url("/live").replace("http:", "rtsp:")
}

fn described(sdp: String) -> impl Fn(&str) -> Vec<u8> {
    move |cseq| {
        let head = format!(
            "RTSP/1.0 200 OK\r\n{cseq}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n",
            sdp.len()
        );
        format!("{head}{sdp}").into_bytes()
    }
}

async fn failure_of(source: Source) -> iris_ingest::Error {
    match first_failure(&mut open(source)).await {
        State::Offline { error } => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_offline_after_its_time() {
    let server = scripted(|_| Vec::new()).await;
    for transport in TRANSPORTS {
        assert_eq!(failure_of(by(transport, impatient(&rtsp(&server)))).await.kind(), ErrorKind::Timeout);
    }
}

#[tokio::test]
async fn nobody_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for transport in TRANSPORTS {
        let error = failure_of(by(transport, source(&format!("rtsp://{address}/")))).await;
        assert_eq!(error.kind(), ErrorKind::Unreachable);
    }
}

#[tokio::test]
async fn answers_that_are_not_rtsp() {
    let endless = |_: &str| [b"RTSP/1.0 200 OK\r\nX: ".as_slice(), &vec![b'x'; 1 << 20]].concat();
    let server = scripted(endless).await;
    assert_eq!(failure_of(impatient(&rtsp(&server))).await.kind(), ErrorKind::Timeout);
    for answer in ["HTTP/1.1 400 Bad Request\r\n\r\n", "\0\x01\x02\x03\n\n\n\n", "SSH-2.0-OpenSSH_9.2\r\n"] {
        let server = scripted(move |_| answer.into()).await;
        let error = failure_of(impatient(&rtsp(&server))).await;
        assert!(matches!(error.kind(), ErrorKind::Protocol | ErrorKind::Timeout), "{error}");
    }
    let server = scripted(|cseq| format!("RTSP/1.0 404 Not Found\r\n{cseq}\r\n\r\n").into()).await;
    assert_eq!(failure_of(impatient(&rtsp(&server))).await.kind(), ErrorKind::NotFound);
}

/// The parameter sets of a picture of `width`×`height` macroblocks, as SDP carries them (H.264 §7.3.2.1, baseline).
fn sprop(width: u32, height: u32) -> String {
    let mut bits = String::new();
    let ue = |bits: &mut String, n: u32| {
        let code = format!("{:b}", n + 1);
        bits.extend(std::iter::repeat_n('0', code.len() - 1));
        bits.push_str(&code);
    };
    for n in [0, 0, 2, 1] {
        ue(&mut bits, n);
    }
    bits.push('0');
    ue(&mut bits, width - 1);
    ue(&mut bits, height - 1);
    bits.push_str("11001");
    bits.extend(std::iter::repeat_n('0', (8 - bits.len() % 8) % 8));
    let mut sps = vec![0x67, 66, 0xc0, 51];
    sps.extend(bits.as_bytes().chunks(8).map(|b| u8::from_str_radix(str::from_utf8(b).unwrap(), 2).unwrap()));
    let base64 = |bytes: &[u8]| {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        bytes.chunks(3).fold(String::new(), |mut text, chunk| {
            let n = chunk.iter().fold(0_u32, |n, &b| n << 8 | u32::from(b)) << (8 * (3 - chunk.len()));
            for i in 0..4 {
                text.push(if i <= chunk.len() { DIGITS[(n >> (18 - 6 * i) & 63) as usize] as char } else { '=' });
            }
            text
        })
    };
    format!("{},{}", base64(&sps), base64(&[0x68, 0xce, 0x3c, 0x80]))
}

fn sdp(media: &str) -> String {
    format!("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n{media}")
}

fn h264(width: u32, height: u32) -> String {
    let sprop = sprop(width, height);
    sdp(&format!(
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets={sprop}\r\n"
    ))
}

#[tokio::test]
async fn what_a_camera_offers_is_checked_before_it_is_asked_to_play() {
    for (sdp, kind) in [
        (h264(1024, 1024), ErrorKind::TooLarge),
        (h264(4095, 1), ErrorKind::Protocol),
        (sdp("m=video 0 RTP/AVP 96\r\na=rtpmap:96 AV1/90000\r\n"), ErrorKind::CodecDenied),
        (sdp("m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP9/90000\r\n"), ErrorKind::CodecDenied),
        (sdp("m=audio 0 RTP/AVP 0\r\n"), ErrorKind::NoVideo),
        (sdp(&"m=audio 0 RTP/AVP 0\r\n".repeat(10_000)), ErrorKind::NoVideo),
        ("not sdp".into(), ErrorKind::Protocol),
    ] {
        let shown: String = sdp.chars().take(200).collect();
        let server = scripted(described(sdp)).await;
        let error = failure_of(impatient(&rtsp(&server))).await;
        if kind != ErrorKind::Protocol {
            assert_eq!(error.kind(), kind, "{error}\n{shown}");
        }
        assert!(server.requests().iter().all(|head| !head[0].starts_with("PLAY")), "{shown}");
    }
}

#[tokio::test]
async fn no_failure_shows_the_password() {
    let canary = [PASSWORD, ENCODED, "c4n", "w0rd", "admin"];
    let echo =
        |cseq: &str| format!("RTSP/1.0 500 no admin:{ENCODED} or {PASSWORD} here\r\n{cseq}\r\n\r\n").into_bytes();
    let refuse = |cseq: &str| {
        format!("RTSP/1.0 401 Unauthorized\r\n{cseq}\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n\r\n")
            .into_bytes()
    };
    let servers = [
        scripted(|_| Vec::new()).await,
        scripted(echo).await,
        scripted(refuse).await,
        scripted(described("x".into())).await,
    ];
    for server in &servers {
        for scheme in ["rtsp", "rtsps", "http"] {
            let url = rtsp(server).replace("rtsp://", &format!("{scheme}://admin:{ENCODED}@"));
            let source = impatient(&url);
            let shown = format!("{source:?} {} {:?}", source.url, source.url);
            let state = first_failure(&mut open(source)).await;
            let text = match &state {
                State::Offline { error } => format!("{error} {error:?} {state:?}"),
                other => format!("{other:?}"),
            };
            for secret in canary {
                assert!(!format!("{shown} {text}").contains(secret), "{secret} in {shown} {text}");
            }
        }
    }
}
