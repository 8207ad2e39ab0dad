//! Every frame of every kind of clip is, sample by sample, what the `ffmpeg` command makes of it, and bears the name
//! of the access unit it came from.

mod common;

use common::{Clip, NOW, feed_all, md5};
use iris_core::{ColorMatrix, ColorRange, PixelFormat, Size};
use iris_decode::{Decoder, FramePool, Gpu, Limits};

struct Case {
    name: &'static str,
    size: &'static str,
    extension: &'static str,
    codec: &'static str,
    encoder: &'static str,
    /// What the `ffmpeg` command must be told to decode alike: before the input, after it.
    reference: (&'static str, &'static str),
    format: PixelFormat,
    range: ColorRange,
    matrix: ColorMatrix,
}

const BASE: Case = Case {
    name: "",
    size: "320x180",
    extension: "mp4",
    codec: "-c:v libx264 -preset veryfast -g 12",
    encoder: "",
    reference: ("", ""),
    format: PixelFormat::I420,
    range: ColorRange::Limited,
    matrix: ColorMatrix::Bt601,
};
const FRAMES: u32 = 20;

const TO_I420: (&str, &str) = ("", "-pix_fmt yuv420p");

fn h264(name: &'static str, encoder: &'static str) -> Case {
    Case { name, encoder, ..BASE }
}

fn h265(name: &'static str, encoder: &'static str) -> Case {
    Case { name, codec: "-c:v libx265 -preset veryfast", encoder, ..BASE }
}

fn mjpeg(name: &'static str, encoder: &'static str, format: PixelFormat) -> Case {
    let codec = "-c:v mjpeg -q:v 4";
    Case { name, codec, encoder, format, extension: "mkv", range: ColorRange::Full, ..BASE }
}

fn check(case: &Case) {
    let Case { name, reference, .. } = case;
    let clip = Clip::new(case.size, FRAMES, case.extension, &format!("{} {}", case.codec, case.encoder));
    let reference = clip.reference(reference.0, reference.1);
    assert_eq!(reference.len(), FRAMES as usize, "{name}");
    let pool = FramePool::new();
    let mut decoder = Decoder::new(pool.clone(), Limits::default());
    let mut hashes = Vec::new();
    let mut keys = Vec::new();
    let errors = feed_all(&mut decoder, &clip.packets, |frame| {
        assert_eq!((frame.format, frame.range, frame.matrix), (case.format, case.range, case.matrix), "{name}");
        let packet = &clip.packets[frame.key.seq as usize];
        assert_eq!((frame.at, frame.stamps.received), (packet.at, packet.received), "{name}");
        assert_eq!((frame.stamps.decoded, frame.stamps.inferred), (Some(NOW), None), "{name}");
        hashes.push(md5(&frame));
        keys.push(frame.key);
    });
    assert_eq!(errors, [], "{name}");
    assert_eq!(keys, clip.keys_as_shown(), "{name}");
    assert_eq!(hashes, reference, "{name}");
    assert_eq!((pool.outstanding(), decoder.in_flight()), (0, 0), "{name}");
}

#[test]
fn h264_is_what_ffmpeg_says() {
    for case in [
        h264("baseline", "-profile:v baseline"),
        h264("main, B-frames", "-profile:v main -bf 3 -b_strategy 0"),
        h264("high, B-pyramid", "-profile:v high -bf 5 -b_strategy 0 -refs 6 -x264-params b-pyramid=normal"),
        h264("interlaced", "-profile:v high -bf 2 -flags +ildct+ilme"),
        Case { extension: "ts", ..h264("start codes", "-profile:v main -bf 2") },
        Case { size: "318x178", ..h264("no whole macroblocks", "-profile:v main") },
        Case {
            reference: ("-flags unaligned", ""),
            ..h264("cropped on all sides", "-profile:v main -x264-params crop-rect=6,4,10,8")
        },
    ] {
        check(&case);
    }
}

#[test]
fn h264_in_other_formats_and_colours_is_what_ffmpeg_says() {
    for case in [
        Case { format: PixelFormat::I422, ..h264("4:2:2", "-pix_fmt yuv422p") },
        Case { format: PixelFormat::I444, ..h264("4:4:4", "-pix_fmt yuv444p") },
        Case { range: ColorRange::Full, ..h264("full range", "-pix_fmt yuvj420p") },
        Case { matrix: ColorMatrix::Bt709, ..h264("BT.709", "-colorspace bt709") },
        Case { size: "1280x720", matrix: ColorMatrix::Bt709, ..h264("high definition", "-preset ultrafast") },
        Case { reference: TO_I420, ..h264("10 bits", "-pix_fmt yuv420p10le -profile:v high10") },
        Case { codec: "-c:v libx264rgb -preset veryfast", reference: TO_I420, ..h264("RGB", "-pix_fmt bgr24") },
    ] {
        check(&case);
    }
}

#[test]
fn h265_is_what_ffmpeg_says() {
    for case in [
        h265("B-frames", "-x265-params log-level=none:bframes=3"),
        Case { extension: "ts", ..h265("start codes", "-x265-params log-level=none") },
        Case { reference: TO_I420, ..h265("10 bits", "-x265-params log-level=none -pix_fmt yuv420p10le") },
    ] {
        check(&case);
    }
}

#[test]
fn mjpeg_is_what_ffmpeg_says() {
    for case in [
        mjpeg("4:2:0", "-pix_fmt yuvj420p", PixelFormat::I420),
        mjpeg("4:2:2", "-pix_fmt yuvj422p", PixelFormat::I422),
        mjpeg("4:4:4", "-pix_fmt yuvj444p", PixelFormat::I444),
    ] {
        check(&case);
    }
}

#[test]
fn a_cropped_picture_has_the_size_that_is_shown() {
    let clip = Clip::new("320x180", 1, "mp4", "-c:v libx264 -x264-params crop-rect=6,4,10,8");
    let mut decoder = Decoder::new(FramePool::new(), Limits::default());
    let mut sizes = Vec::new();
    feed_all(&mut decoder, &clip.packets, |frame| sizes.push(frame.size));
    assert_eq!(sizes, [Size::new(320 - 16, 180 - 12)]);
}

#[test]
fn a_gpu_that_is_not_there_is_named() {
    let error = Gpu::open(63).expect_err("no GPU of that number").to_string();
    assert!(error.starts_with("GPU 63 cannot decode video: "), "{error}");
}

/// H.264 and H.265 are defined to the sample, whoever decodes them.
#[test]
fn a_gpu_decodes_what_the_cpu_does() {
    let gpu = match Gpu::open(0) {
        Ok(gpu) => gpu,
        Err(error) => return println!("not run: a_gpu_decodes_what_the_cpu_does: {error}"),
    };
    for codec in ["-c:v libx264 -bf 2 -g 12", "-c:v libx265 -preset veryfast"] {
        let clip = Clip::new("640x360", FRAMES, "mp4", codec);
        let lumas = |gpu| {
            let mut decoder = Decoder::new(FramePool::new(), Limits::default()).on(gpu);
            let (mut lumas, mut formats) = (Vec::new(), Vec::new());
            let errors = feed_all(&mut decoder, &clip.packets, |frame| {
                let (plane, width) = (frame.plane(0), frame.size.width as usize);
                lumas.push(plane.data.chunks(plane.stride).flat_map(|row| row[..width].to_vec()).collect::<Vec<u8>>());
                formats.push(frame.format);
            });
            assert_eq!(errors, [], "{codec}");
            (lumas, formats)
        };
        let ((on_cpu, _), (on_gpu, formats)) = (lumas(None), lumas(Some(gpu.clone())));
        assert!(on_cpu == on_gpu, "{codec}");
        assert_eq!(formats, vec![PixelFormat::Nv12; FRAMES as usize], "it was the GPU: {codec}");
    }
}
