//! Movies in fragments, read back by other programs: every picture is there, at its time, and can be decoded.

mod browser;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use iris_core::clock::SystemClock;
use iris_core::{CameraId, Codec, Epoch, Item, Packet, WallTime};
use iris_ingest::{CameraStream, Limits, Output, Source, SourceUrl, State, Transport};
use iris_server::fmp4::{Indexed, Live, MOST_FRAGMENTS, Piece, Timing, Track, Unsupported, fragment, ticks};

/// The project's clip, changed by `ffmpeg` as `words` say.
pub(crate) fn make(folder: &Path, name: &str, words: &str) -> String {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/blobs.mp4");
    let path = folder.join(name);
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error", "-y", "-i"]).arg(clip).args(words.split_whitespace()).arg(&path);
    assert!(command.status().expect("ffmpeg is there").success(), "{name}");
    path.display().to_string()
}

pub(crate) fn packets(path: &str) -> Vec<Packet> {
    let source =
        Source { url: SourceUrl::parse(path).expect("a path"), transport: Transport::Auto, limits: Limits::default() };
    let camera = CameraId::new("yard").expect("a valid id");
    let mut stream = CameraStream::new(camera, Epoch::first(1), source, Arc::new(SystemClock::new()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut packets = Vec::new();
    loop {
        match runtime.block_on(stream.next()) {
            Output::Item(Item::Data(packet)) => packets.push(packet),
            Output::State(State::Ended) => return packets,
            Output::State(State::Failed { error }) => panic!("{error}"),
            _ => {}
        }
    }
}

/// What ffprobe finds in a movie: the times of all pictures as they are shown, in ticks. It must have no complaint.
fn shown(movie: &[u8], folder: &Path) -> Vec<i64> {
    let path = folder.join("movie.mp4");
    std::fs::write(&path, movie).expect("written");
    let mut command = Command::new("ffprobe");
    command.args(["-v", "warning", "-show_entries", "frame=pts", "-of", "csv=print_section=0"]).arg(&path);
    let output = command.output().expect("ffprobe is there");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "ffprobe complains");
    let out = String::from_utf8(output.stdout).expect("text");
    out.lines().filter_map(|line| line.trim_matches(',').parse().ok()).collect()
}

fn times(packets: &[Packet]) -> Vec<i64> {
    let mut times: Vec<i64> = packets.iter().map(|packet| ticks(packet.at.media)).collect();
    times.sort_unstable();
    times
}

/// All pieces for these access units: the types that were told, the movie, and how many were missed.
fn mux(packets: &[Packet]) -> (Vec<String>, Vec<u8>, u64) {
    let (mut live, mut types, mut movie, mut missed) = (Live::default(), Vec::new(), Vec::new(), 0);
    for packet in packets {
        for piece in live.push(packet).expect("it fits into a movie") {
            match piece {
                Piece::Missed(n) => missed += n,
                Piece::Head { mime, bytes, .. } => {
                    types.push(mime);
                    movie.extend_from_slice(&bytes);
                }
                Piece::Fragment(bytes) => movie.extend_from_slice(&bytes),
            }
        }
    }
    (types, movie, missed)
}

const H265: &str = "-c:v libx265 -x265-params log-level=none:keyint=20:bframes=2";

/// Half a second after a whole one.
const RECEIVED: WallTime = WallTime { unix_micros: 1_690_496_512_500_000 };

#[test]
fn every_picture_is_found_at_its_time_whatever_the_source_is_packed_in() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, words, codecs) in [
        ("a.mp4", "-c copy", "avc1.4d400c"),
        ("a.ts", "-c copy", "avc1.4d400c"),
        ("b.mp4", H265, "hvc1.1.6.L60.90"),
        ("b.ts", H265, "hvc1.1.6.L60.90"),
        ("c.mkv", "-c:v libx264 -preset ultrafast -g 10", "avc1.42c00b"),
    ] {
        let packets = packets(&make(folder.path(), name, words));
        let (types, movie, missed) = mux(&packets);
        assert_eq!(types, [format!("video/mp4; codecs=\"{codecs}\"")], "{name}");
        assert_eq!((packets.len(), missed), (80, 0), "{name}");
        assert_eq!(shown(&movie, folder.path()), times(&packets), "{name}");
    }
}

#[test]
fn a_fragment_of_many_pictures_is_one_too_and_the_head_says_how_long_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let packets = packets(&make(folder.path(), "a.mp4", "-c copy"));
    let track = Track::of(&packets[0]).expect("it fits into a movie");
    let timing = |packet: &Packet| Timing { decode: ticks(packet.dts), show: ticks(packet.at.media), duration: 9_000 };
    let samples: Vec<_> = packets[20..].iter().map(|packet| track.sample(packet, timing(packet))).collect();
    let fragment = fragment(1, &samples, Some(RECEIVED)).expect("a fragment");
    let show = samples[0].timing.show;
    let only = Indexed { bytes: fragment.len() as u32, show, duration: 540_000, starts_with_key: true };
    let head = track.indexed_head(&[only]).expect("a head");
    for others in [0, MOST_FRAGMENTS] {
        assert_eq!(head.len(), track.indexed_head(&vec![only; others]).expect("a head").len());
    }
    assert!(track.indexed_head(&[only; MOST_FRAGMENTS + 1]).is_err());
    // The box's head, version and flags, and the track; then NTP's seconds since 1900 and their fraction.
    assert_eq!(fragment[4..8], *b"prft");
    assert_eq!(fragment[16..24], [0xE8, 0x6D, 0x6C, 0x80, 0x80, 0, 0, 0]);
    let movie = [head, fragment].concat();
    assert_eq!(shown(&movie, folder.path()), times(&packets[20..]));
}

#[test]
fn what_depends_on_a_lost_picture_is_left_out_and_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut packets = packets(&make(folder.path(), "a.mp4", "-c copy"));
    assert!(packets[40].is_key && !packets[30].is_key);
    packets[30].lost_before = 1;
    let (_, movie, missed) = mux(&packets);
    assert_eq!(missed, 10);
    assert_eq!(shown(&movie, folder.path()).len(), 70);
    // One that joins late starts at a key frame.
    let (_, movie, missed) = mux(&packets[35..]);
    assert_eq!((missed, shown(&movie, folder.path()).len()), (5, 40));
}

#[test]
fn a_change_of_the_stream_is_told_by_a_new_head() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut both = packets(&make(folder.path(), "a.mp4", "-c copy"));
    both.extend(packets(&make(folder.path(), "b.ts", H265)));
    let (types, ..) = mux(&both);
    assert_eq!(types, ["video/mp4; codecs=\"avc1.4d400c\"", "video/mp4; codecs=\"hvc1.1.6.L60.90\""]);
}

#[test]
fn what_does_not_fit_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let pictures = packets(&make(folder.path(), "a.mkv", "-c:v mjpeg"));
    assert_eq!(Live::default().push(&pictures[0]), Err(Unsupported::Codec(Codec::Mjpeg)));
    let mut key = packets(&make(folder.path(), "a.ts", "-c copy")).swap_remove(0);
    key.data = key.data.slice(..4);
    let error = Live::default().push(&key).expect_err("nothing describes it").to_string();
    assert!(error.contains("parameter sets are missing"), "{error}");
}
