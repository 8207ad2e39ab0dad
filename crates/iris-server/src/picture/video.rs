//! Pictures into an MP4 file with H.264.
//!
//! For people to watch, so quality is fixed and speed is preferred. Evidence clips are not made here: they are the
//! camera's own packets.

use std::path::{Path, PathBuf};

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::{self, Context, Flags, encoder};
use ffmpeg_next::format::{self, Pixel};
use ffmpeg_next::{Dictionary, Packet, Rational, color, frame};
use iris_core::{ColorMatrix, ColorRange, MediaTime, Size, Timebase};

use super::{Encoding, Error, Picture, plane_size};

/// Ticks a second; every frame rate of video falls on them.
const TIMEBASE: Rational = Rational(1, 90_000);
/// What a frame lasts where there is no other to tell.
const TICKS_A_FRAME: i64 = 3_600;
/// x264's constant rate factor; 23 is its default.
const CRF: &str = "23";

/// Writes pictures to an MP4 file.
///
/// Each is shown at its own time, whatever the rate. The first decides the size, less one row and column where they
/// are odd, because chroma is halved; later ones of another size are fitted into it. The file is complete after
/// [`Self::finish`], or when the writer is dropped.
pub struct VideoWriter {
    path: PathBuf,
    output: format::context::Output,
    stream: Option<Stream>,
}

struct Stream {
    encoder: encoder::video::Encoder,
    size: Size,
    encoding: Encoding,
    origin: MediaTime,
    frames: u64,
    last_pts: i64,
    /// The time from the frame before the last to the last.
    step: i64,
    /// The newest packet waits until it is known whether it is the last, which must say how long it lasts.
    pending: Option<Packet>,
}

impl VideoWriter {
    /// Makes the file.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Video { path: path.to_owned(), doing: "the video cannot be made", source };
        // FFmpeg takes names as C strings and would read "rtmp:…" as a protocol.
        let name =
            path.to_str().filter(|name| !name.contains('\0')).ok_or_else(|| failed(ffmpeg::Error::InvalidData))?;
        let output = format::output_as(&format!("file:{name}"), "mp4").map_err(failed)?;
        Ok(Self { path: path.to_owned(), output, stream: None })
    }

    /// Adds a picture to be shown from `at` on. One that is not later than the one before is shown a tick after it.
    pub fn write(&mut self, picture: &Picture, at: MediaTime) -> Result<(), Error> {
        if self.stream.is_none() {
            self.stream = Some(self.open(picture, at)?);
        }
        let Self { path, output, stream: Some(stream) } = self else { return Ok(()) };
        let failed = |source| Error::Video { path: path.clone(), doing: "a picture cannot be encoded", source };
        let ticks = at.rescale(Timebase::VIDEO).ticks - stream.origin.rescale(Timebase::VIDEO).ticks;
        stream.encode(picture, ticks).map_err(failed)?;
        stream.drain(output).map_err(|source| Error::Video {
            path: path.clone(),
            doing: "the video cannot be written",
            source,
        })
    }

    /// Completes the file and says how many pictures it holds. Without any there is nothing to play.
    pub fn finish(mut self) -> Result<u64, Error> {
        self.complete()
    }

    fn complete(&mut self) -> Result<u64, Error> {
        let Some(mut stream) = self.stream.take() else { return Ok(0) };
        let failed = |source| Error::Video { path: self.path.clone(), doing: "the video cannot be completed", source };
        stream.encoder.send_eof().map_err(failed)?;
        stream.drain(&mut self.output).map_err(failed)?;
        if let Some(mut last) = stream.pending.take() {
            last.set_duration(stream.step);
            store(last, &mut self.output).map_err(failed)?;
        }
        self.output.write_trailer().map_err(failed)?;
        Ok(stream.frames)
    }

    fn open(&mut self, first: &Picture, origin: MediaTime) -> Result<Stream, Error> {
        let failed = |source| Error::Video { path: self.path.clone(), doing: "the video cannot be begun", source };
        let size = Size::new(first.size.width & !1, first.size.height & !1);
        let encoder = self.open_encoder(size, first.encoding)?;
        let mut track = self.output.add_stream_with(&encoder).map_err(failed)?;
        track.set_time_base(TIMEBASE);
        let options: Dictionary<'_> = [("movflags", "+faststart")].into_iter().collect();
        self.output.write_header_with(options).map_err(failed)?;
        let encoding = first.encoding;
        Ok(Stream { encoder, size, encoding, origin, frames: 0, last_pts: -1, step: TICKS_A_FRAME, pending: None })
    }

    /// The first encoder that works: one that is listed may still lack its library or its device.
    fn open_encoder(&self, size: Size, encoding: Encoding) -> Result<encoder::video::Encoder, Error> {
        let named = ["libx264", "libopenh264"].into_iter().filter_map(encoder::find_by_name);
        let any = encoder::find(codec::Id::H264);
        let mut tried = Vec::new();
        for codec in named.chain(any) {
            tried.push(codec.name().to_owned());
            if let Ok(encoder) = open_with(codec, size, encoding) {
                return Ok(encoder);
            }
        }
        let tried = if tried.is_empty() { "none".to_owned() } else { tried.join(", ") };
        Err(Error::NoEncoder { path: self.path.clone(), tried })
    }
}

impl Drop for VideoWriter {
    fn drop(&mut self) {
        if let Err(error) = self.complete() {
            tracing::error!(%error, "video is incomplete");
        }
    }
}

impl Stream {
    fn encode(&mut self, picture: &Picture, ticks: i64) -> Result<(), ffmpeg::Error> {
        let pts = ticks.max(self.last_pts + 1);
        if self.frames > 0 {
            self.step = pts - self.last_pts;
        }
        self.last_pts = pts;
        self.frames += 1;
        let mut frame = if (picture.size.width & !1, picture.size.height & !1) == (self.size.width, self.size.height) {
            self.copy(picture)
        } else {
            self.copy(&picture.fit(self.size))
        };
        frame.set_pts(Some(pts));
        self.encoder.send_frame(&frame)
    }

    /// Into a frame of its own, because the encoder may keep hold of it.
    fn copy(&self, picture: &Picture) -> frame::Video {
        let recoded;
        let picture = if picture.encoding == self.encoding {
            picture
        } else {
            recoded = picture.clone().recode(self.encoding);
            &recoded
        };
        let mut frame = frame::Video::new(Pixel::YUV420P, self.size.width, self.size.height);
        for (i, plane) in picture.planes().into_iter().enumerate() {
            let (from, visible) = (plane_size(picture.size, i), plane_size(self.size, i));
            let stride = frame.stride(i);
            let rows = plane.chunks_exact(from.width as usize).zip(frame.data_mut(i).chunks_exact_mut(stride));
            for (from, to) in rows.take(visible.height as usize) {
                to[..visible.width as usize].copy_from_slice(&from[..visible.width as usize]);
            }
        }
        frame
    }

    fn drain(&mut self, output: &mut format::context::Output) -> Result<(), ffmpeg::Error> {
        loop {
            let mut packet = Packet::empty();
            match self.encoder.receive_packet(&mut packet) {
                Ok(()) => {}
                Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => return Ok(()),
                Err(error) => return Err(error),
            }
            if let Some(before) = self.pending.replace(packet) {
                store(before, output)?;
            }
        }
    }
}

fn open_with(codec: ffmpeg::Codec, size: Size, encoding: Encoding) -> Result<encoder::video::Encoder, ffmpeg::Error> {
    let mut video = Context::new_with_codec(codec).encoder().video()?;
    video.set_width(size.width);
    video.set_height(size.height);
    video.set_format(Pixel::YUV420P);
    video.set_time_base(TIMEBASE);
    // Only a hint: times are the frames' own. Without it an encoder takes each tick for a frame.
    video.set_frame_rate(Some(Rational(25, 1)));
    video.set_gop(50);
    video.set_colorspace(match encoding.matrix {
        ColorMatrix::Bt601 => color::Space::SMPTE170M,
        ColorMatrix::Bt709 => color::Space::BT709,
    });
    video.set_color_range(match encoding.range {
        ColorRange::Limited => color::Range::MPEG,
        ColorRange::Full => color::Range::JPEG,
    });
    video.set_flags(Flags::GLOBAL_HEADER | Flags::CLOSED_GOP);
    // Without reordering the last packet is the last picture, whose end the file must state.
    video.set_max_b_frames(0);
    if codec.name() != "libx264" {
        // A tenth of a bit a pixel at 25 frames a second.
        video.set_bit_rate((size.pixels() * 5 / 2) as usize);
    }
    video.open_with([("preset", "veryfast"), ("crf", CRF)].into_iter().collect())
}

fn store(mut packet: Packet, output: &mut format::context::Output) -> Result<(), ffmpeg::Error> {
    let time_base = output.stream(0).ok_or(ffmpeg::Error::StreamNotFound)?.time_base();
    packet.set_stream(0);
    packet.rescale_ts(TIMEBASE, time_base);
    packet.write_interleaved(output)
}

#[cfg(test)]
mod tests;
