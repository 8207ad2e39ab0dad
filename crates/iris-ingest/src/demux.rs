//! What FFmpeg's demuxers find in an opened source: its best video stream, and that stream's access units. It blocks,
//! and so runs on a thread of its own. Neither is any decoder opened here, nor `avformat_find_stream_info` called, which
//! would open one: headers name the codec, and parsers tell the size.
#![expect(unsafe_code, reason = "fields of libavformat's that its safe wrapper does not show")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ffmpeg_next::codec::Id;
use ffmpeg_next::format::context::Input;
use ffmpeg_next::format::stream::Disposition;
use ffmpeg_next::packet::Ref as _;
use ffmpeg_next::{Packet, Rational, Stream, ffi, media};
use iris_core::{Codec, CodecParams, MediaTime, MonoTime, Size, Timebase};

use crate::assemble::Assembler;
use crate::bitstream::{Framing, is_disposable, jpeg_size};
use crate::feed::{Media, Unit};
use crate::gate::{self, Gate, Stop, translate};
use crate::limits::{MAX_CORRUPT, MAX_UNIT};
use crate::parser::SizeParser;
use crate::timeline::Raw;
use crate::{Error, ErrorKind, Limits, Result, Source, SourceUrl, missed, rtsp};

/// An open container with one video stream.
pub(crate) struct Demuxer {
    // Closed before what its callbacks point to is freed.
    input: Input,
    gate: Arc<Gate>,
    stream: usize,
    timebase: Timebase,
    /// Its timestamps mean something.
    timed: bool,
    params: Arc<CodecParams>,
    /// Reads the sizes that the container does not state.
    sizes: Option<SizeParser>,
    /// Puts pictures together that come in pieces.
    pieces: Option<Assembler>,
    /// RTP packets missing since the latest unit.
    lost: u32,
    limits: Limits,
    /// How long the recording says it is, and how much of it has been read.
    duration: Option<Duration>,
    reached: Duration,
    first: Option<Unit>,
}

impl Demuxer {
    /// Opens a source, picks its largest video stream, and reads up to its first access unit. `now` tells the time.
    pub(crate) fn open(source: &Source, stop: Stop, now: impl Fn() -> MonoTime) -> Result<(Self, Media)> {
        let (mut input, gate) = gate::open(source, stop)?;
        let format = input.format().name().to_owned();
        let chosen = choose(&gate.url, &input)?;
        let stream = input.stream(chosen).ok_or_else(|| no_video(&gate.url))?;
        let params = Arc::new(parameters(&stream).ok_or_else(|| no_video(&gate.url))?);
        let media = announce(&input, &stream, &format, source, Arc::clone(&params));
        let timebase = timebase(stream.time_base());
        discard_others(&mut input, chosen);
        let sizes = (Framing::of(&params) == Framing::AnnexB).then(|| SizeParser::new(params.codec)).flatten();
        let mut demuxer = Self {
            input,
            gate,
            stream: chosen,
            timebase,
            // Parts of a multipart stream have no timestamps; FFmpeg counts them at 25 frames/s.
            timed: format != "mpjpeg",
            pieces: (format == "rtsp" && params.codec != Codec::Mjpeg).then(|| Assembler::new(params.codec)),
            lost: 0,
            params,
            sizes,
            limits: source.limits,
            duration: media.duration.filter(|_| source.url.path().is_some()),
            reached: Duration::ZERO,
            first: None,
        };
        demuxer.check_size(demuxer.params.size)?;
        demuxer.first = Some(demuxer.read(now)?.ok_or_else(|| no_video(&demuxer.gate.url))?);
        let media = Media { params: Arc::clone(&demuxer.params), ..media };
        Ok((demuxer, media))
    }

    /// The next access unit; `None` at the end. `now` tells when it arrived.
    pub(crate) fn read(&mut self, now: impl Fn() -> MonoTime) -> Result<Option<Unit>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let mut corrupt = 0;
        loop {
            let mut packet = Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() != self.stream || packet.size() == 0 => {}
                Ok(()) => {
                    if let Some((packet, received)) = self.whole(packet, now()) {
                        return self.unit(packet, received, corrupt > 0).map(Some);
                    }
                }
                Err(ffmpeg_next::Error::Eof) => return self.end().map(|()| None),
                Err(ffmpeg_next::Error::InvalidData) if corrupt < MAX_CORRUPT => corrupt += 1,
                Err(e) => return Err(translate(&self.gate, e)),
            }
        }
    }

    /// The access unit that is complete now, and when its last packet arrived.
    fn whole(&mut self, packet: Packet, now: MonoTime) -> Option<(Packet, MonoTime)> {
        let missed = missed::take();
        self.lost = self.lost.saturating_add(missed);
        match &mut self.pieces {
            Some(pieces) => pieces.push(packet, now, missed > 0),
            None => Some((packet, now)),
        }
    }

    fn unit(&mut self, packet: Packet, received: MonoTime, corrupt_before: bool) -> Result<Unit> {
        if packet.size() > MAX_UNIT {
            let message = format!("an access unit of {} bytes; at most {MAX_UNIT} are taken", packet.size());
            return Err(Error::new(ErrorKind::Protocol, &self.gate.url, message));
        }
        if let Some(extradata) = new_extradata(&packet) {
            self.params = Arc::new(CodecParams { extradata, size: None, ..*self.params });
        }
        self.follow_size(&packet)?;
        self.reached = self.reached.max(self.offset(packet.pts().or(packet.dts())));
        let time =
            |ticks: Option<i64>| ticks.filter(|_| self.timed).map(|ticks| MediaTime { ticks, timebase: self.timebase });
        let (raw, is_key, is_corrupt) =
            (Raw { pts: time(packet.pts()), dts: time(packet.dts()) }, packet.is_key(), packet.is_corrupt());
        let data = Bytes::from_owner(Owned(packet));
        Ok(Unit {
            raw,
            received,
            is_key: is_key || self.params.codec == Codec::Mjpeg,
            disposable: is_disposable(self.params.codec, Framing::of(&self.params), &data),
            // MPEG-TS counts its packets; that some are missing is all it tells.
            lost_before: std::mem::take(&mut self.lost).max(u32::from(is_corrupt)),
            corrupt_before,
            params: Arc::clone(&self.params),
            data,
        })
    }

    /// Takes over the size that a key picture states, which may differ from what was announced.
    fn follow_size(&mut self, packet: &Packet) -> Result<()> {
        let size = match (self.params.codec, &mut self.sizes) {
            (Codec::Mjpeg, _) => packet.data().and_then(jpeg_size),
            (_, Some(parser)) if packet.is_key() => parser.read(packet),
            _ => None,
        };
        if size.is_none() || size == self.params.size {
            return Ok(());
        }
        self.check_size(size)?;
        self.params = Arc::new(CodecParams { size, ..(*self.params).clone() });
        Ok(())
    }

    fn check_size(&self, size: Option<Size>) -> Result<()> {
        size.map_or(Ok(()), |size| self.limits.check_size(&self.gate.url, size))
    }

    /// Whether this is where a recording was to end.
    fn end(&self) -> Result<()> {
        match self.duration {
            Some(duration) if self.reached + CUT_OFF < duration => {
                let message = format!("ends after {:.1?} of {duration:.1?}: it was cut off", self.reached);
                Err(Error::new(ErrorKind::Truncated, &self.gate.url, message))
            }
            _ => Ok(()),
        }
    }

    /// A timestamp as the time since the stream's start.
    fn offset(&self, ticks: Option<i64>) -> Duration {
        let start = self.input.stream(self.stream).map(|s| s.start_time()).filter(|&t| t != ffi::AV_NOPTS_VALUE);
        let time = |ticks| MediaTime { ticks, timebase: self.timebase };
        ticks.map_or(Duration::ZERO, |ticks| time(ticks).since(time(start.unwrap_or(0))))
    }
}

/// A recording that ends this much before it said it would was cut off.
const CUT_OFF: Duration = Duration::from_secs(1);

/// A packet that lends its bytes.
struct Owned(Packet);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        self.0.data().unwrap_or_default()
    }
}

/// The largest video stream in a codec that is taken.
fn choose(url: &SourceUrl, input: &Input) -> Result<usize> {
    let video = || input.streams().filter(is_video);
    let best = video()
        .filter(|s| codec(s.parameters().id()).is_some())
        .max_by_key(|s| (size(s).map_or(0, Size::pixels), std::cmp::Reverse(s.index())));
    if let Some(stream) = best {
        return Ok(stream.index());
    }
    let offered: Vec<&str> = video().map(|s| s.parameters().id().name()).collect();
    if offered.is_empty() { Err(no_video(url)) } else { Err(rtsp::codec_denied(url, &offered.join(", "))) }
}

/// A video stream that is more than a cover picture.
fn is_video(stream: &Stream<'_>) -> bool {
    stream.parameters().medium() == media::Type::Video && !stream.disposition().contains(Disposition::ATTACHED_PIC)
}

fn codec(id: Id) -> Option<Codec> {
    match id {
        Id::H264 => Some(Codec::H264),
        Id::HEVC => Some(Codec::H265),
        Id::MJPEG => Some(Codec::Mjpeg),
        _ => None,
    }
}

fn size(stream: &Stream<'_>) -> Option<Size> {
    let parameters = stream.parameters();
    // SAFETY: the parameters of a stream are never null.
    let (width, height) = unsafe { ((*parameters.as_ptr()).width, (*parameters.as_ptr()).height) };
    let size = Size::new(u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    (size.pixels() > 0).then_some(size)
}

fn parameters(stream: &Stream<'_>) -> Option<CodecParams> {
    let parameters = stream.parameters();
    // SAFETY: FFmpeg keeps `extradata_size` bytes at `extradata`, or none and null.
    let extradata = unsafe {
        let (data, size) = ((*parameters.as_ptr()).extradata, (*parameters.as_ptr()).extradata_size);
        if data.is_null() { &[] } else { std::slice::from_raw_parts(data, usize::try_from(size).unwrap_or(0)) }
    };
    let codec = codec(parameters.id())?;
    Some(CodecParams { codec, extradata: Bytes::copy_from_slice(extradata), size: size(stream) })
}

/// The decoder's new configuration where a file changes it.
fn new_extradata(packet: &Packet) -> Option<Bytes> {
    let mut size = 0;
    // SAFETY: FFmpeg returns null, or `size` bytes that live as long as the packet; they are copied.
    unsafe {
        let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_NEW_EXTRADATA;
        let data = ffi::av_packet_get_side_data(packet.as_ptr(), kind, &raw mut size);
        (!data.is_null()).then(|| Bytes::copy_from_slice(std::slice::from_raw_parts(data, size)))
    }
}

fn announce(input: &Input, stream: &Stream<'_>, format: &str, source: &Source, params: Arc<CodecParams>) -> Media {
    let seconds = match stream.duration() {
        ticks if ticks > 0 => ticks as f64 * f64::from(stream.time_base()),
        _ => input.duration() as f64 / f64::from(ffi::AV_TIME_BASE),
    };
    let duration = Duration::try_from_secs_f64(seconds).ok().filter(|d| !d.is_zero());
    let (hls, file) = (format == "hls", source.url.path().is_some());
    Media {
        params,
        duration: duration.filter(|_| hls || file),
        frames: u64::try_from(stream.frames()).ok().filter(|&n| n > 0 && file),
        // A playlist whose end is known is a recording.
        recorded: file || (hls && duration.is_some()),
        stall_timeout: source.limits.stall_timeout * if hls { 3 } else { 1 },
    }
}

fn discard_others(input: &mut Input, chosen: usize) {
    for mut stream in input.streams_mut() {
        if stream.index() != chosen {
            // SAFETY: a stream of this context; the field is meant to be set between reads.
            unsafe { (*stream.as_mut_ptr()).discard = ffi::AVDiscard::AVDISCARD_ALL };
        }
    }
}

fn timebase(rational: Rational) -> Timebase {
    let part = |n: i32| u32::try_from(n).unwrap_or(1).max(1);
    Timebase { num: part(rational.numerator()), den: part(rational.denominator()) }
}

fn no_video(url: &SourceUrl) -> Error {
    Error::new(ErrorKind::NoVideo, url, "holds no video stream")
}
