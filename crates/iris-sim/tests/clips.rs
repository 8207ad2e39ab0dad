//! Files of every kind: what is played, and what is refused with which words.

#[path = "farm/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the farm")]
mod support;

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use iris_core::Recovery;
use iris_sim::{Clip, Codec, Error, ErrorKind, Farm};
use support::Clips;

const TESTSRC: [&str; 4] = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=1"];

fn refusal(path: &Path) -> Error {
    let error = Clip::open(path).expect_err("taken");
    let name = path.file_name().and_then(|n| n.to_str()).expect("a plain name");
    assert!(error.to_string().contains(name), "{error} does not name the file");
    assert_eq!((error.kind(), error.recovery()), (ErrorKind::Clip, Recovery::GiveUp));
    error
}

fn write(name: &str, content: &[u8]) -> PathBuf {
    let path = Clips::get().path(name);
    std::fs::write(&path, content).expect("a file");
    path
}

#[test]
fn files_that_are_no_clips_are_refused_by_name() {
    let clips = Clips::get();
    assert!(matches!(refusal(&clips.path("missing.mp4")), Error::Read { .. }));
    let dir = clips.path("folder.mp4");
    std::fs::create_dir_all(&dir).expect("a directory");
    assert!(matches!(refusal(&dir), Error::Read { .. }));
    assert!(matches!(refusal(&write("empty.mp4", b"")), Error::Demux { .. }));
    assert!(matches!(refusal(&write("words.mp4", b"These are words, not video.")), Error::Demux { .. }));
    let sound = clips.ffmpeg("sound.wav", &["-f", "lavfi", "-i", "sine=duration=1"]);
    assert!(matches!(refusal(&sound), Error::NoVideo { .. }));
    let old = clips.ffmpeg("old.avi", &[&TESTSRC[..], &["-c:v", "mpeg4"]].concat());
    let error = refusal(&old);
    assert!(matches!(error, Error::UnsupportedCodec { codec: "mpeg4", .. }));
    assert!(error.to_string().contains("h264 and hevc"), "{error}");
}

#[test]
fn a_file_cut_short_is_refused_or_played_as_far_as_it_goes() {
    let clips = Clips::get();
    let mp4 = std::fs::read(clips.h264()).expect("a file");
    // The index of an MP4 stands at its end.
    assert!(matches!(refusal(&write("short.mp4", &mp4[..mp4.len() / 2])), Error::Demux { .. }));
    let whole = clips.h264();
    let ts = clips.ffmpeg("whole.ts", &["-i", whole.to_str().expect("a plain path"), "-c", "copy"]);
    let ts = std::fs::read(ts).expect("a file");
    let short = Clip::open(write("short.ts", &ts[..ts.len() * 3 / 4])).expect("a clip");
    assert!((10..20).contains(&short.frames()), "{} frames", short.frames());
}

#[test]
fn a_clip_knows_its_codec_and_its_rate() {
    for (path, codec) in [(Clips::get().h264(), Codec::H264), (Clips::get().h265(), Codec::H265)] {
        let clip = Clip::open(path).expect("a clip");
        assert_eq!((clip.codec(), clip.frames()), (codec, 20));
        assert!((clip.frame_rate() - 10.0).abs() < 0.01, "{}", clip.frame_rate());
    }
}

/// The first NAL unit of such a file stands behind a length that looks like a start code.
#[test]
fn a_first_nal_unit_of_some_hundred_bytes_is_no_start_code() {
    let clips = Clips::get();
    let text = "a".repeat(300);
    let sei =
        format!("filter_units=remove_types=6,h264_metadata=sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+{text}");
    let whole = clips.h264();
    let path = clips.ffmpeg("sei.mp4", &["-i", whole.to_str().expect("a plain path"), "-c", "copy", "-bsf:v", &sei]);
    let file = std::fs::read(&path).expect("a file");
    let uuid = [0x08, 0x6f, 0x36, 0x93];
    let at = file.windows(4).position(|w| w == uuid).expect("the SEI");
    assert!(file[at - 12..at].windows(3).any(|w| w == [0, 0, 1]), "its length looks like no start code");
    assert_eq!(Clip::open(path).expect("a clip").frames(), 20);
}

#[tokio::test]
async fn a_farm_says_why_it_cannot_start() {
    let none = Farm::builder().start().await.expect_err("started without a clip");
    assert!(matches!(none, Error::NoClips), "{none}");
    let missing = Farm::builder().clip("/nowhere/a.mp4").start().await.expect_err("started without its clip");
    assert!(missing.to_string().contains("/nowhere/a.mp4"), "{missing}");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = taken.local_addr().expect("an address");
    let error = Farm::builder().clip(Clips::get().h264()).bind(addr).start().await.expect_err("took a port in use");
    assert!(error.to_string().contains(&addr.to_string()), "{error}");
    assert_eq!((error.kind(), error.recovery()), (ErrorKind::Network, Recovery::Restart));
}
