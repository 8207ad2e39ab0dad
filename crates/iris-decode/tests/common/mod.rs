//! Clips made by the `ffmpeg` command, read back as packets by a small demuxer, and what `ffmpeg` says of their frames.
#![expect(unsafe_code, reason = "extradata has no safe getter")]
#![allow(dead_code, clippy::allow_attributes, reason = "each test binary uses its part of this")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use ffmpeg_next::{Rescale, codec, format, media};
use iris_core::{
    CameraId, Codec, CodecParams, Epoch, Frame, FrameKey, MediaTime, Moment, MonoTime, Packet, PixelFormat, Size,
};
use iris_decode::{Decoder, Error};
use md5::{Digest, Md5};
use tempfile::TempDir;

/// A clip on disk and its packets in the order of decoding.
pub(crate) struct Clip {
    pub(crate) packets: Vec<Packet>,
    path: PathBuf,
    _dir: Option<TempDir>,
}

/// Runs `ffmpeg` and returns what it printed.
pub(crate) fn ffmpeg(args: &[&str]) -> String {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-loglevel", "error", "-threads", "1", "-y"]).args(args);
    let output = command.output().expect("these tests need the ffmpeg command: cargo xtask setup installs it");
    assert!(output.status.success(), "ffmpeg {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

impl Clip {
    /// Encodes `frames` frames of FFmpeg's moving test picture, at 10 frames/s, into a file with that extension.
    pub(crate) fn new(size: &str, frames: u32, extension: &str, encoder: &str) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let path = dir.path().join("clip").with_extension(extension);
        let (source, frames) = (format!("testsrc2=size={size}:rate=10"), frames.to_string());
        let mut args = vec!["-f", "lavfi", "-i", &source, "-frames:v", &frames];
        args.extend(encoder.split_whitespace());
        args.push(path.to_str().expect("text"));
        ffmpeg(&args);
        Self { packets: demux(&path), path, _dir: Some(dir) }
    }

    /// A clip that is there already.
    pub(crate) fn open(path: PathBuf) -> Self {
        Self { packets: demux(&path), path, _dir: None }
    }

    /// Baseline H.264, one picture in, one out, a key frame each ten.
    pub(crate) fn baseline(size: &str, frames: u32) -> Self {
        Self::new(size, frames, "mp4", "-c:v libx264 -profile:v baseline -preset veryfast -g 10")
    }

    /// The MD5 of each frame in the order in which they are shown, as the `ffmpeg` command decodes them.
    pub(crate) fn reference(&self, input: &str, output: &str) -> Vec<String> {
        let mut args: Vec<&str> = input.split_whitespace().collect();
        args.extend(["-i", self.path.to_str().expect("text")]);
        args.extend(output.split_whitespace());
        args.extend(["-fps_mode", "passthrough", "-f", "framemd5", "-"]);
        let lines = ffmpeg(&args);
        let hashes = lines.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit(',').next());
        hashes.map(|hash| hash.expect("a hash").trim().to_owned()).collect()
    }

    /// The names of the packets in the order in which they are shown.
    pub(crate) fn keys_as_shown(&self) -> Vec<FrameKey> {
        let mut packets: Vec<&Packet> = self.packets.iter().collect();
        packets.sort_by_key(|packet| packet.at.media);
        packets.iter().map(|packet| packet.key).collect()
    }
}

fn demux(path: &Path) -> Vec<Packet> {
    let mut input = format::input(path).expect("a readable clip");
    let stream = input.streams().best(media::Type::Video).expect("video");
    let (index, parameters, timebase) = (stream.index(), stream.parameters(), stream.time_base());
    let params = Arc::new(params(&parameters));
    let to_ms = |ticks: i64| MediaTime::from_millis(ticks.rescale(timebase, (1, 1000)));
    let packets = input.packets().filter(|(stream, _)| stream.index() == index);
    packets
        .enumerate()
        .map(|(seq, (_, packet))| Packet {
            key: FrameKey { camera: camera(), epoch: Epoch::first(1), seq: seq as u64 },
            at: Moment { media: to_ms(packet.pts().expect("a timestamp")), wall: None },
            dts: to_ms(packet.dts().unwrap_or_default()),
            received: MonoTime(std::time::Duration::from_millis(seq as u64)),
            is_key: packet.is_key(),
            disposable: false,
            lost_before: 0,
            params: Arc::clone(&params),
            data: Bytes::copy_from_slice(packet.data().unwrap_or_default()),
        })
        .collect()
}

pub(crate) fn camera() -> CameraId {
    CameraId::new("test").expect("valid")
}

fn params(parameters: &codec::Parameters) -> CodecParams {
    let codec = match parameters.id() {
        codec::Id::H264 => Codec::H264,
        codec::Id::HEVC => Codec::H265,
        codec::Id::MJPEG => Codec::Mjpeg,
        other => panic!("{other:?} is not taken"),
    };
    // SAFETY: the parameters are valid and borrowed; the pointer is null or the size says what it holds.
    let (extradata, size) = unsafe {
        let fields = &*parameters.as_ptr();
        let data = if fields.extradata.is_null() {
            &[]
        } else {
            std::slice::from_raw_parts(fields.extradata, fields.extradata_size as usize)
        };
        let extradata = Bytes::copy_from_slice(data);
        (extradata, Size::new(fields.width as u32, fields.height as u32))
    };
    CodecParams { codec, extradata, size: Some(size) }
}

/// The same packets, said to have other parameters.
pub(crate) fn with_params(packets: &[Packet], change: impl Fn(&CodecParams) -> CodecParams) -> Vec<Packet> {
    let params = Arc::new(change(&packets[0].params));
    packets.iter().cloned().map(|packet| Packet { params: Arc::clone(&params), ..packet }).collect()
}

/// The MD5 of the visible samples, plane after plane, row after row.
pub(crate) fn md5(frame: &Frame) -> String {
    let (width, height) = (frame.size.width as usize, frame.size.height as usize);
    let mut hash = Md5::new();
    for index in 0..frame.format.planes() {
        let (row, rows) = match (frame.format, index) {
            (_, 0) | (PixelFormat::I444, _) => (width, height),
            (PixelFormat::I422, _) => (width.div_ceil(2), height),
            _ => (width.div_ceil(2), height.div_ceil(2)),
        };
        let plane = frame.plane(index);
        (0..rows).for_each(|y| hash.update(&plane.data[y * plane.stride..][..row]));
    }
    format!("{:032x}", u128::from_be_bytes(hash.finalize().into()))
}

pub(crate) const NOW: MonoTime = MonoTime(std::time::Duration::from_secs(9));

/// All frames that can be pulled now, and the errors between them.
pub(crate) fn pull(decoder: &mut Decoder) -> (Vec<Frame>, Vec<Error>) {
    let (mut frames, mut errors) = (Vec::new(), Vec::new());
    loop {
        match decoder.pull(NOW) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, errors),
            Err(error) => errors.push(error),
        }
    }
}

/// Pushes each packet and pulls after it. Each frame is seen by `see` and dropped; errors are returned.
pub(crate) fn feed(decoder: &mut Decoder, packets: &[Packet], mut see: impl FnMut(Frame)) -> Vec<Error> {
    let mut errors = Vec::new();
    for packet in packets {
        errors.extend(decoder.push(packet).err());
        let (frames, damaged) = pull(decoder);
        frames.into_iter().for_each(&mut see);
        errors.extend(damaged);
        assert_conserved(decoder);
    }
    errors
}

/// [`feed`], then the frames held back.
pub(crate) fn feed_all(decoder: &mut Decoder, packets: &[Packet], mut see: impl FnMut(Frame)) -> Vec<Error> {
    let mut errors = feed(decoder, packets, &mut see);
    decoder.drain();
    let (frames, damaged) = pull(decoder);
    frames.into_iter().for_each(see);
    errors.extend(damaged);
    assert_conserved(decoder);
    errors
}

/// Each access unit has one outcome or is in flight.
pub(crate) fn assert_conserved(decoder: &Decoder) {
    let counts = decoder.counts();
    let outcomes = counts.frames + counts.corrupt + counts.awaiting_keyframe + counts.skipped + counts.undisplayed;
    assert_eq!(counts.pushed, outcomes + decoder.in_flight() as u64, "{counts:?}");
}
