//! Frames to access units as a camera sends them: H.264 or H.265 with a fixed group of pictures and bit rate, no frame
//! that waits for a later one, on one thread, so that the same frames give the same bytes.

use std::path::Path;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::Context;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::{Dictionary, Packet, Rational, codec, color, encoder, frame};

use super::Recipe;
use super::sensor::Yuv;
use crate::clip::{AccessUnit, CLOCK_RATE};
use crate::{Clip, Codec, Error};

/// Seconds from one key frame to the next.
const KEY_INTERVAL: u32 = 2;
/// Bits a pixel and frame.
const BITS_A_PIXEL: f64 = 0.16;

/// The constant rate factor where the quality is constant: about what cameras call medium.
const QUALITY: &str = "28";

const TIMEBASE: Rational = Rational(1, CLOCK_RATE as i32);

/// An encoder and what has come out of it.
pub(crate) struct Encoder {
    inner: encoder::video::Encoder,
    codec: Codec,
    step: i64,
    frames: i64,
    packets: Vec<Packet>,
}

/// A clip, encoded.
pub struct Encoded {
    encoder: encoder::video::Encoder,
    codec: Codec,
    step: i64,
    packets: Vec<Packet>,
}

impl std::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoded")
            .field("codec", &self.codec)
            .field("frames", &self.packets.len())
            .finish_non_exhaustive()
    }
}

impl Encoder {
    /// An encoder of a recipe's pictures in this size.
    pub(crate) fn new(recipe: &Recipe, (width, height): (usize, usize)) -> Result<Self, Error> {
        let Recipe { codec, fps, .. } = *recipe;
        let name = match codec {
            Codec::H264 => "libx264",
            Codec::H265 => "libx265",
        };
        let failed = |source| Error::Encode { codec: name, source };
        let found = encoder::find_by_name(name).ok_or_else(|| failed(ffmpeg::Error::EncoderNotFound))?;
        let mut video = Context::new_with_codec(found).encoder().video().map_err(failed)?;
        video.set_width(width as u32);
        video.set_height(height as u32);
        video.set_format(Pixel::YUV420P);
        video.set_colorspace(color::Space::SMPTE170M);
        video.set_color_range(color::Range::MPEG);
        video.set_time_base(TIMEBASE);
        video.set_frame_rate(Some(Rational(fps as i32, 1)));
        video.set_gop(fps * KEY_INTERVAL);
        video.set_max_b_frames(0);
        let bits = (width * height) as f64 * f64::from(fps) * BITS_A_PIXEL;
        if !recipe.vbr {
            video.set_bit_rate(bits as usize);
        }
        // Without a global header the parameter sets stand in front of each key frame, as cameras send them.
        video.set_flags(codec::Flags::CLOSED_GOP);
        let encoder = video.open_with(options(recipe, bits)).map_err(failed)?;
        Ok(Self { inner: encoder, codec, step: CLOCK_RATE / i64::from(fps), frames: 0, packets: Vec::new() })
    }

    pub(crate) fn push(&mut self, picture: &Yuv) -> Result<(), Error> {
        let mut frame = copy(picture);
        frame.set_pts(Some(self.frames * self.step));
        self.frames += 1;
        self.inner.send_frame(&frame).map_err(|e| self.failed(e))?;
        self.drain()
    }

    pub(crate) fn finish(mut self) -> Result<Encoded, Error> {
        self.inner.send_eof().map_err(|e| self.failed(e))?;
        self.drain()?;
        Ok(Encoded { encoder: self.inner, codec: self.codec, step: self.step, packets: self.packets })
    }

    fn drain(&mut self) -> Result<(), Error> {
        loop {
            let mut packet = Packet::empty();
            match self.inner.receive_packet(&mut packet) {
                Ok(()) => self.packets.push(packet),
                Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => return Ok(()),
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    fn failed(&self, source: ffmpeg::Error) -> Error {
        let codec = match self.codec {
            Codec::H264 => "libx264",
            Codec::H265 => "libx265",
        };
        Error::Encode { codec, source }
    }
}

fn options(recipe: &Recipe, bits: f64) -> Dictionary<'static> {
    let rate = format!("{}", bits as u64);
    let buffer = format!("{}", bits as u64 * 2);
    let mut options = Dictionary::new();
    options.set("preset", "veryfast");
    options.set("threads", "1");
    options.set("maxrate", &rate);
    options.set("bufsize", &buffer);
    options.set("forced-idr", "1");
    if recipe.baseline {
        options.set("profile", "baseline");
    }
    if recipe.vbr {
        options.set("crf", QUALITY);
    }
    match recipe.codec {
        Codec::H264 => options.set("x264-params", "scenecut=0:log=0"),
        Codec::H265 => options
            .set("x265-params", "pools=none:frame-threads=1:wpp=0:bframes=0:scenecut=0:open-gop=0:log-level=none"),
    }
    options
}

/// Into a frame of the encoder's own.
fn copy(picture: &Yuv) -> frame::Video {
    let (w, h) = (picture.width, picture.height);
    let mut frame = frame::Video::new(Pixel::YUV420P, w as u32, h as u32);
    let (luma, chroma) = picture.bytes.split_at(w * h);
    let (blue, red) = chroma.split_at(w * h / 4);
    for (i, plane) in [luma, blue, red].into_iter().enumerate() {
        let (stride, width) = (frame.stride(i), if i == 0 { w } else { w / 2 });
        for (from, to) in plane.chunks_exact(width).zip(frame.data_mut(i).chunks_mut(stride)) {
            to[..width].copy_from_slice(from);
        }
    }
    frame
}

impl Encoded {
    /// The access units in the form of Annex B, one after the other.
    pub fn bytes(&self) -> Vec<u8> {
        self.packets.iter().filter_map(Packet::data).flatten().copied().collect()
    }

    /// The clip in memory, to be played by a farm.
    pub fn clip(&self) -> Result<Clip, Error> {
        let units = self.packets.iter().map(|p| AccessUnit {
            dts: p.dts().unwrap_or(0),
            pts: p.pts().unwrap_or(0),
            is_key: p.is_key(),
            data: p.data().unwrap_or_default(),
        });
        Clip::of_units(self.codec, units, self.step).ok_or_else(|| Error::NoKeyFrame { path: "<scene>".into() })
    }

    /// Writes an MP4 file.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::Mux { path: path.into(), source };
        let mut output = ffmpeg::format::output_as(path, "mp4").map_err(failed)?;
        output.add_stream_with(&self.encoder).map_err(failed)?.set_time_base(TIMEBASE);
        output
            .write_header_with([("movflags", "+faststart"), ("fflags", "+bitexact")].into_iter().collect())
            .map_err(failed)?;
        let time_base = output.stream(0).map_or(TIMEBASE, |s| s.time_base());
        for packet in &self.packets {
            let mut packet = packet.clone();
            packet.set_stream(0);
            packet.set_duration(self.step);
            packet.rescale_ts(TIMEBASE, time_base);
            packet.write_interleaved(&mut output).map_err(failed)?;
        }
        output.write_trailer().map_err(failed)
    }
}
