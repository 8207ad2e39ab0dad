//! Files of every container and codec that is taken, and of those that are not, made by the `ffmpeg` command.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use iris_core::{Codec, Epoch, GapReason, Item, Size};
use iris_ingest::{ErrorKind, Limits, Output, Source, State};
use support::{Clips, H264, H264_B, H265, MJPEG, assert_sane, file, open, packets, read_all, source, states, until};

/// Reads a clip of two seconds and checks all that holds for every one.
async fn check(clips: &Clips, name: &str, args: &str, codec: Codec) {
    let outputs = read_all(file(&clips.make(name, 2, args))).await;
    let states: Vec<State> = states(&outputs).into_iter().cloned().collect();
    assert!(matches!(states[..], [State::Connecting, State::Live { .. }, State::Ended]), "{name}: {states:?}");
    let State::Live { codec: announced, size, duration, frames } = states[1] else { unreachable!() };
    assert_eq!((announced, size), (codec, Some(Size::new(320, 180))), "{name}");
    // A transport stream does not say how long it is.
    let said =
        duration.map_or(name.ends_with("ts"), |d| d.abs_diff(Duration::from_secs(2)) < Duration::from_millis(200));
    assert!(said, "{name}: {duration:?}");
    assert!(frames.is_none_or(|n| n == 50), "{name}: {frames:?}");
    assert!(matches!(outputs[outputs.len() - 2], Output::Item(Item::End)));
    assert!(!outputs.iter().any(|o| matches!(o, Output::Item(Item::Gap(_)))), "{name} has gaps");

    let packets = packets(outputs);
    assert_eq!(packets.len(), 50, "{name}");
    assert_sane(&packets);
    let mut shown: Vec<i64> = packets.iter().map(|p| p.at.media.ticks).collect();
    shown.sort_unstable();
    assert!(shown.windows(2).all(|w| (w[1] - w[0] - 3_600).abs() <= 100), "{name}: {shown:?}");
    assert!(packets.iter().all(|p| p.key.epoch == Epoch::first(7) && p.at.wall.is_none() && p.lost_before == 0));
    let keys: Vec<u64> = packets.iter().filter(|p| p.is_key).map(|p| p.key.seq).collect();
    let expected = if codec == Codec::Mjpeg { (0..50).collect() } else { vec![0, 25] };
    assert_eq!(keys, expected, "{name}");
}

#[tokio::test]
async fn every_container_and_codec_that_is_taken() {
    let clips = Clips::new();
    for (name, args, codec) in [
        ("a.mp4", H264, Codec::H264),
        ("b.mp4", H264_B, Codec::H264),
        ("c.mp4", H265, Codec::H265),
        ("d.mkv", H264, Codec::H264),
        ("e.mkv", H265, Codec::H265),
        ("f.mkv", MJPEG, Codec::Mjpeg),
        ("g.avi", H264, Codec::H264),
        ("m.avi", H264_B, Codec::H264),
        ("h.avi", MJPEG, Codec::Mjpeg),
        ("i.ts", H264, Codec::H264),
        ("j.ts", H264_B, Codec::H264),
        ("k.ts", H265, Codec::H265),
        ("l.mov", MJPEG, Codec::Mjpeg),
    ] {
        check(&clips, name, args, codec).await;
    }
}

#[tokio::test]
async fn pictures_to_which_none_refer_are_marked() {
    let clips = Clips::new();
    for (name, args) in [("a.mp4", H264_B), ("b.ts", H264_B)] {
        let packets = packets(read_all(file(&clips.make(name, 2, args))).await);
        let disposable = packets.iter().filter(|p| p.disposable).count();
        assert!((10..45).contains(&disposable), "{name}: {disposable} of 50");
        assert!(packets.iter().all(|p| !(p.is_key && p.disposable)));
    }
    let plain = packets(read_all(file(&clips.make("c.mp4", 1, H264))).await);
    assert!(plain.iter().all(|p| !p.disposable));
}

#[tokio::test]
async fn sound_and_cover_pictures_do_not_matter() {
    let clips = Clips::new();
    let args = format!("-f lavfi -i sine=duration=2 -shortest {H264} -c:a aac");
    let outputs = read_all(file(&clips.make("a.mp4", 2, &args))).await;
    assert_eq!(packets(outputs).len(), 50);
}

#[tokio::test]
async fn the_same_file_gives_the_same_items_every_time() {
    let clips = Clips::new();
    let path = clips.make("a.ts", 2, H264_B);
    let read = async || {
        let packets = packets(read_all(file(&path)).await);
        packets.iter().map(|p| (p.key, p.at, p.dts, p.is_key, p.data.clone())).collect::<Vec<_>>()
    };
    assert_eq!(read().await, read().await);
}

#[tokio::test]
async fn a_file_waits_for_its_reader_and_a_dropped_one_ends_its_thread() {
    let clips = Clips::new();
    let path = clips.make("a.mp4", 2, H264);
    let mut stream = open(file(&path));
    support::first_packets(&mut stream, 3).await;
    drop(stream);
    // The thread is named after the camera and gone as soon as it has looked.
    let named = || {
        let tasks = fs::read_dir("/proc/self/task").unwrap();
        tasks.filter_map(|t| fs::read_to_string(t.ok()?.path().join("comm")).ok()).any(|name| name.trim() == "src-test")
    };
    tokio::time::timeout(support::PATIENCE, async {
        while named() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the thread goes on");
}

fn resident_kib() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4
}

#[tokio::test]
async fn opening_and_dropping_leaves_nothing_behind() {
    let clips = Clips::new();
    let good = file(&clips.make("a.ts", 1, H264));
    fs::write(clips.path("bad.mp4"), vec![0; 10_000]).unwrap();
    let bad = file(&clips.path("bad.mp4"));
    let mut before = 0;
    for round in 0..400 {
        if round == 100 {
            before = resident_kib();
        }
        support::first_packets(&mut open(good.clone()), 2).await;
        failure(bad.clone()).await;
    }
    // A context alone takes more than 30 KiB.
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 300 * 16, "{grown} KiB in 300 rounds");
}

#[tokio::test]
async fn every_clip_at_hand_is_read_to_its_end() {
    let shared = std::env::var_os("IRIS_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), Into::into);
    let Ok(clips) = fs::read_dir(shared.join("data/clips")) else {
        println!("not run: every_clip_at_hand_is_read_to_its_end: no clips at {}", shared.display());
        return;
    };
    for path in clips.map(|entry| entry.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "mp4")) {
        let outputs = read_all(file(&path)).await;
        let Some(&State::Live { size: Some(_), duration: Some(duration), frames: Some(frames), .. }) =
            states(&outputs).into_iter().find(|s| matches!(s, State::Live { .. }))
        else {
            panic!("{}: {:?}", path.display(), states(&outputs));
        };
        assert!(!outputs.iter().any(|o| matches!(o, Output::Item(Item::Gap(_)))), "{}", path.display());
        let packets = packets(outputs);
        assert_eq!(packets.len() as u64, frames, "{}", path.display());
        let last = packets.iter().map(|p| p.at.media).max().unwrap();
        assert!(
            last.since(iris_core::MediaTime::ZERO).abs_diff(duration) < Duration::from_secs(1),
            "{}",
            path.display()
        );
    }
}

/// The error of a source that fails before any item.
async fn failure(source: Source) -> iris_ingest::Error {
    let outputs = read_all(source).await;
    assert!(outputs.iter().all(|o| matches!(o, Output::State(_))), "{:?}", states(&outputs));
    match states(&outputs).pop() {
        Some(State::Failed { error }) => error.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_broken_file_has_its_own_error_that_names_it() {
    let clips = Clips::new();
    let whole = fs::read(clips.make("whole.mp4", 2, H264)).unwrap();
    fs::write(clips.path("cut.mp4"), &whole[..whole.len() / 2]).unwrap();
    fs::write(clips.path("empty.mp4"), "").unwrap();
    fs::write(clips.path("text.mp4"), "no video, but words\n".repeat(100)).unwrap();
    fs::write(clips.path("list.m3u8"), "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n").unwrap();
    fs::write(clips.path("list.ffconcat"), "ffconcat version 1.0\nfile /etc/passwd\n").unwrap();
    fs::write(clips.path("camera.sdp"), "v=0\nm=video 5004 RTP/AVP 96\nc=IN IP4 127.0.0.1\na=rtpmap:96 H264/90000\n")
        .unwrap();
    clips.make("vp9.mkv", 1, "-c:v libvpx-vp9 -cpu-used 8 -deadline realtime");
    clips.make("mpeg4.avi", 1, "-c:v mpeg4");
    clips.make("av1.mp4", 1, "-frames:v 2 -c:v libaom-av1 -cpu-used 8 -usage realtime");
    clips.encode("sound.mp4", "sine=duration=1", "-c:a aac");
    clips.make("flash.flv", 1, H264);
    for (name, kind, words) in [
        ("missing.mp4", ErrorKind::NotFound, "no such file"),
        ("", ErrorKind::NotAFile, "directory"),
        ("empty.mp4", ErrorKind::Empty, "0 bytes"),
        ("cut.mp4", ErrorKind::Truncated, "moov"),
        ("text.mp4", ErrorKind::FormatDenied, "mp4, mkv, avi or ts"),
        ("list.m3u8", ErrorKind::FormatDenied, "mp4, mkv, avi or ts"),
        ("list.ffconcat", ErrorKind::FormatDenied, "mp4, mkv, avi or ts"),
        ("camera.sdp", ErrorKind::FormatDenied, "mp4, mkv, avi or ts"),
        ("flash.flv", ErrorKind::FormatDenied, "mp4, mkv, avi or ts"),
        ("vp9.mkv", ErrorKind::CodecDenied, "offers vp9; h264, h265 and mjpeg"),
        ("mpeg4.avi", ErrorKind::CodecDenied, "offers mpeg4"),
        ("av1.mp4", ErrorKind::CodecDenied, "offers av1"),
        ("sound.mp4", ErrorKind::NoVideo, "no video"),
    ] {
        let path = clips.path(name);
        let error = failure(file(&path)).await;
        assert_eq!(error.kind(), kind, "{error}");
        let text = error.to_string();
        assert!(text.contains(path.to_str().unwrap()) && text.contains(words) && text.contains(kind.label()), "{text}");
    }
}

#[tokio::test]
async fn a_recording_that_breaks_off_gives_what_it_has_and_then_says_so() {
    let clips = Clips::new();
    for (name, args) in [("a.mkv", H264.to_owned()), ("b.mp4", format!("{H264} -movflags +faststart"))] {
        let whole = fs::read(clips.make(name, 4, &args)).unwrap();
        let cut = clips.path(&format!("cut-{name}"));
        fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
        let outputs = read_all(file(&cut)).await;
        let Some(State::Failed { error }) = states(&outputs).pop() else { panic!("{name}: {:?}", states(&outputs)) };
        assert_eq!(error.kind(), ErrorKind::Truncated, "{error}");
        assert!(outputs.iter().any(|o| matches!(o, Output::Item(Item::End))));
        assert!((20..90).contains(&packets(outputs).len()), "{name}");
    }
}

#[tokio::test]
async fn every_cut_of_a_file_is_read_or_refused_but_never_harms() {
    let clips = Clips::new();
    for (name, args) in [("a.mp4", H264), ("b.mkv", H264), ("c.avi", MJPEG), ("d.ts", H264)] {
        let whole = fs::read(clips.make(name, 1, args)).unwrap();
        for percent in (1..100).step_by(7) {
            let cut = clips.path(&format!("{percent}-{name}"));
            fs::write(&cut, &whole[..whole.len() * percent / 100]).unwrap();
            read_all(file(&cut)).await;
        }
    }
}

#[tokio::test]
async fn a_picture_beyond_the_limit_is_refused_before_any_item() {
    let clips = Clips::new();
    let path = clips.make("a.mp4", 1, H264);
    let limits = Limits { max_pixels: 320 * 180 - 1, ..Limits::default() };
    let error = failure(Source { limits, ..file(&path) }).await;
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.to_string().contains("320x180"), "{error}");
    for name in ["b.ts", "c.mkv"] {
        let huge = clips.encode(
            name,
            "color=size=8192x4096:rate=1:duration=2",
            "-pix_fmt yuv420p -c:v libx264 -preset ultrafast",
        );
        assert_eq!(failure(file(&huge)).await.kind(), ErrorKind::TooLarge, "{name}");
    }
}

#[tokio::test]
async fn timestamps_that_jump_an_hour_are_joined_with_a_gap() {
    let clips = Clips::new();
    let jump =
        r"-vsync passthrough -vf setpts=PTS+gte(N\,25)*3600/TB -pix_fmt yuv420p -c:v libx264 -preset ultrafast -g 25";
    let outputs = read_all(file(&clips.make("a.mkv", 2, jump))).await;
    let gaps: Vec<_> = outputs.iter().filter(|o| matches!(o, Output::Item(Item::Gap(GapReason::Timestamps)))).collect();
    assert_eq!(gaps.len(), 1);
    let packets = packets(outputs);
    assert_eq!(packets.len(), 50);
    assert!(packets[49].at.media.since(packets[0].at.media) < Duration::from_secs(3));
}

#[tokio::test]
async fn what_has_ended_stays_ended() {
    let mut stream = open(source("/nowhere/a.mp4"));
    until(&mut stream, |o| matches!(o, Output::State(State::Failed { .. }))).await;
    let more = tokio::time::timeout(Duration::from_millis(50), stream.next()).await;
    assert!(more.is_err(), "{more:?}");
}
