//! Files and models that are not what they should be: an exit code, one clear sentence, and what was seen until then.

use std::process::Command;

use crate::kit::{Folder, clip, events, model, testdata};
use crate::process::{Finished, limited, run, run_iris};

fn watch(file: &str) -> Finished {
    run_iris(&["run", file, "--model", &model()])
}

/// The last words of a program that failed.
fn last_words(finished: Finished) -> String {
    let told = finished.bad();
    let last = told.rfind("iris: ").expect("it says why");
    told[last..].trim_end().to_owned()
}

#[test]
fn files_that_hold_no_video() {
    let folder = Folder::new();
    let whole = std::fs::read(clip()).expect("the clip");
    let cases = [
        (folder.write("empty.mp4", ""), "is empty (0 bytes)"),
        (folder.write("cut.mp4", &whole[..whole.len() / 2]), "it was cut off"),
        (folder.write("words.mp4", "nothing but words, again and again".repeat(100)), "words.mp4"),
        (folder.path(""), "is a directory"),
        (folder.path("nowhere.mp4"), "there is no such file"),
        ("/dev/zero".into(), "/dev/zero"),
        (folder.convert("old.mkv", "-c:v mpeg2video"), "offers mpeg2video; h264, h265 and mjpeg are taken"),
        (folder.convert("vp.webm", "-c:v libvpx -deadline realtime -t 1"), "vp8"),
        (folder.write("list.m3u8", "#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"), "list.m3u8"),
    ];
    for (file, says) in cases {
        let finished = watch(&file);
        assert_eq!(finished.out, "", "no event");
        let told = last_words(finished);
        assert!(told.contains(says), "{told}");
    }
}

#[test]
fn addresses_that_are_not_taken() {
    for address in ["file:///etc/passwd", "concat:a|b", "gopher://x", "rtsp://"] {
        let told = last_words(watch(address));
        assert!(told.contains("SOURCE"), "{told}");
    }
}

#[test]
fn of_a_recording_that_was_cut_off_everything_is_told_that_is_there() {
    let folder = Folder::new();
    for (name, how) in [("a.mkv", "-c copy"), ("a.mp4", "-c copy -movflags +faststart")] {
        let whole = std::fs::read(folder.convert(name, how)).expect("it was made");
        let cut = folder.write(&format!("cut-{name}"), &whole[..whole.len() * 6 / 10]);
        let finished = watch(&cut);
        assert_eq!(events(&finished.out).len(), 3, "{name}");
        assert!(events(&finished.out).iter().all(|e| e.media_end.is_some_and(|end| end > 2.0 && end < 7.0)));
        let told = last_words(finished);
        assert!(told.contains("cut off"), "{told}");
    }
}

/// An H.264 sequence parameter set (H.264 §7.3.2.1.1) of baseline profile with this many macroblocks each way.
fn sps(blocks: u32) -> Vec<u8> {
    let ue = |value: u32| {
        let code = format!("{:b}", value + 1);
        "0".repeat(code.len() - 1) + &code
    };
    // Id, bits of the frame number, order count type, reference frames; no gaps; size; frames only, 8×8 inference, no
    // cropping, no VUI, stop.
    let mut bits = [0, 0, 2, 1].map(ue).concat() + "0" + &[blocks - 1; 2].map(ue).concat() + "11001";
    bits += &"0".repeat(bits.len().next_multiple_of(8) - bits.len());
    let tail = (0..bits.len()).step_by(8).map(|at| u8::from_str_radix(&bits[at..at + 8], 2).expect("bits"));
    [0, 0, 0, 1, 0x67, 66, 0, 51].into_iter().chain(tail).collect()
}

/// The clip as a file whose stream says in each key frame that the picture has this many macroblocks each way.
fn pretend(folder: &Folder, blocks: u32) -> String {
    let raw =
        folder.convert("honest.h264", "-c:v libx264 -profile:v baseline -preset ultrafast -g 1 -frames:v 5 -f h264");
    let bytes = std::fs::read(raw).expect("it was made");
    let starts: Vec<usize> = (0..bytes.len() - 4).filter(|&i| bytes[i..i + 3] == [0, 0, 1]).collect();
    let nal = |n: usize| &bytes[starts[n]..starts.get(n + 1).copied().unwrap_or(bytes.len())];
    let units = (0..starts.len()).map(|n| if nal(n)[3] & 31 == 7 { sps(blocks) } else { nal(n).to_vec() });
    let raw = folder.write("huge.h264", units.collect::<Vec<_>>().concat());
    let mut command = Command::new("ffmpeg");
    command.args(["-loglevel", "quiet", "-nostdin", "-y", "-f", "h264", "-r", "10", "-i", &raw, "-c", "copy"]);
    run({
        command.arg(folder.path("huge.ts"));
        command
    });
    folder.path("huge.ts")
}

#[test]
fn a_picture_beyond_all_measure_is_refused_before_it_takes_memory() {
    let folder = Folder::new();
    let huge = pretend(&folder, 1024);
    // One such picture takes 400 MB.
    let told = last_words(run(limited("ulimit -v 1500000", &["run", &huge, "--model", &model()])));
    assert_eq!(told, "iris: none of 5 pictures could be decoded");
}

/// The project's model with another manifest.
fn bent(folder: &Folder, from: &str, to: &str) -> String {
    let manifest = std::fs::read_to_string(testdata("models/blobs/model.toml")).expect("a manifest");
    assert!(manifest.contains(from));
    std::fs::copy(testdata("models/blobs/model.onnx"), folder.path("model.onnx")).expect("a copy");
    folder.write("model.toml", manifest.replace(from, to));
    folder.path("")
}

#[test]
fn a_model_that_does_not_fit_its_manifest_is_refused_with_the_reason() {
    let folder = Folder::new();
    for (from, to, says) in [
        ("width = 160", "width = 320", "320"),
        ("\"white blob\", \"red blob\"", "\"white blob\"", "x6, but is ?x315x7"),
        ("\"yolox\"", "\"yoloy\"", "yoloy"),
        ("\"image\"", "\"picture\"", "picture"),
    ] {
        let bent = bent(&folder, from, to);
        let told = last_words(run_iris(&["run", &clip(), "--model", &bent]));
        assert!(told.contains("model ") && told.contains(says), "{to}: {told}");
        let config = format!("[models.m]\npath = '{bent}'\n[[cameras]]\nid = 'a'\nurl = '{}'\n", clip());
        let config = folder.write("iris.toml", config);
        let told = last_words(run_iris(&["serve", "-c", &config]));
        assert!(told.contains(says), "{to}: {told}");
    }
}

#[test]
fn a_model_that_returns_nonsense_costs_frames_and_says_so() {
    let folder = Folder::new();
    // Pixels divided by next to nothing are infinite, and what the model makes of them is not a number.
    let bent = bent(&folder, "pad = 0", "pad = 0\nstd = [1e-38, 1e-38, 1e-38]\nmean = [-1.0, -1.0, -1.0]");
    let finished = run_iris(&["run", &clip(), "--model", &bent]);
    assert_eq!(finished.err.matches("the model failed on a frame").count(), 80, "{}", finished.err);
    assert_eq!(finished.out, "");
    assert_eq!(last_words(finished), "iris: the model failed on each of 80 pictures");
}

#[test]
fn a_full_disk_ends_a_run_with_its_reason() {
    let folder = Folder::new();
    let (video, tracks, pictures) = (folder.path("out.mp4"), folder.path("out.txt"), folder.path("pictures"));
    for (option, path) in [("--annotate", &video), ("--tracks", &tracks), ("--pictures", &pictures)] {
        let words = ["run", &clip(), "--model", &model(), option, path];
        let told = last_words(run(limited("trap '' XFSZ; ulimit -f 2", &words)));
        assert!(told.contains("File too large") || told.contains("out.mp4"), "{option}: {told}");
    }
}
