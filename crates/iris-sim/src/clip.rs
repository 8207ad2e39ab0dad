//! A video file, read once: its access units as packets, ready to be sent to any number of clients. Nothing is decoded;
//! when which unit is sent is the player's business.

mod annexb;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use ffmpeg_next as ffmpeg;

use crate::Error;
use crate::nal::{Codec, split_annex_b};
use crate::rtp::Wire;
use annexb::AnnexB;

/// The rate of RTP video clocks and of all times in this crate, in ticks a second (RFC 3551 §5).
pub(crate) const CLOCK_RATE: i64 = 90_000;
/// The most video that is held of one file, in MiB.
const MAX_MIB: usize = 1024;
/// What is assumed where a file does not say its rate, in frames a second.
const DEFAULT_RATE: f64 = 25.0;

/// A video file in memory, cut into RTP packets. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Clip {
    codec: Codec,
    units: Vec<Unit>,
    /// The places where decoding can start, in order; never empty, and the first is 0.
    starts: Vec<usize>,
    /// How long one pass takes, in ticks.
    duration: i64,
    parameter_sets: Vec<Bytes>,
}

/// One access unit. Times are in ticks since the first unit was due.
#[derive(Debug)]
pub(crate) struct Unit {
    /// When it is sent.
    pub(crate) dts: i64,
    /// When it is shown.
    pub(crate) pts: i64,
    /// It is a key frame with its parameter sets, and nothing after it needs what came before it.
    pub(crate) is_start: bool,
    pub(crate) wire: Wire,
}

/// An access unit that is not yet cut into packets.
pub(crate) struct AccessUnit<'a> {
    pub(crate) dts: i64,
    pub(crate) pts: i64,
    pub(crate) is_key: bool,
    pub(crate) data: &'a [u8],
}

impl Clip {
    /// Reads the first video stream of a file (MP4, Matroska, MPEG-TS, AVI, FLV or raw; H.264 or H.265) to its end.
    /// What stands before the first key frame is left out.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let read = |source| Error::Read { path: path.into(), source };
        if std::fs::metadata(path).map_err(read)?.is_dir() {
            return Err(read(std::io::ErrorKind::IsADirectory.into()));
        }
        Reader::open(path)?.read_all(path)
    }

    /// The codec.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// How many access units one pass has.
    pub fn frames(&self) -> usize {
        self.units.len()
    }

    /// The mean rate in frames a second.
    pub fn frame_rate(&self) -> f64 {
        self.units.len() as f64 * CLOCK_RATE as f64 / self.duration as f64
    }

    /// How long one pass takes.
    pub fn length(&self) -> Duration {
        Duration::from_secs_f64(self.duration as f64 / CLOCK_RATE as f64)
    }

    pub(crate) fn units(&self) -> &[Unit] {
        &self.units
    }

    pub(crate) fn starts(&self) -> &[usize] {
        &self.starts
    }

    pub(crate) fn duration(&self) -> i64 {
        self.duration
    }

    /// The parameter sets of the first key frame, one of each kind in the order of [`Codec::parameter_set`].
    pub(crate) fn parameter_sets(&self) -> &[Bytes] {
        &self.parameter_sets
    }

    /// Puts a clip together from access units in the form of Annex B; times are in ticks, and `last` is how long the last
    /// one is shown. `None` without a key frame.
    pub(crate) fn of_units<'a>(codec: Codec, units: impl Iterator<Item = AccessUnit<'a>>, last: i64) -> Option<Self> {
        let mut sets = vec![Bytes::new(); codec.parameter_sets()];
        let units = units.map(|unit| {
            let (nals, has_sets) = take_apart(codec, unit.data, &mut sets);
            let wire = Wire::packetise(codec, &nals);
            Unit { dts: unit.dts, pts: unit.pts, is_start: unit.is_key && has_sets, wire }
        });
        let units = units.collect();
        Self::assemble(codec, units, sets, last)
    }

    /// Puts a clip together: cuts what precedes the first start, and moves its time to zero.
    fn assemble(codec: Codec, mut units: Vec<Unit>, parameter_sets: Vec<Bytes>, last: i64) -> Option<Self> {
        close_starts(&mut units);
        let first = units.iter().position(|u| u.is_start)?;
        units.drain(..first);
        let zero = units[0].dts;
        for unit in &mut units {
            unit.dts -= zero;
            unit.pts -= zero;
        }
        let starts = units.iter().enumerate().filter(|(_, u)| u.is_start).map(|(i, _)| i).collect();
        let duration = units.last().map_or(0, |u| u.dts) + last.max(1);
        Some(Self { codec, units, starts, duration, parameter_sets })
    }
}

/// Takes back the mark of starts that pictures shown earlier follow: those refer to what came before (an open GOP).
fn close_starts(units: &mut [Unit]) {
    let mut earliest = i64::MAX;
    for unit in units.iter_mut().rev() {
        let is_key = unit.is_start;
        unit.is_start &= unit.pts <= earliest;
        earliest = if is_key { i64::MAX } else { earliest.min(unit.pts) };
    }
}

/// The NAL units of an access unit, and whether all parameter sets are among them; sets not known yet are kept.
fn take_apart<'a>(codec: Codec, data: &'a [u8], sets: &mut [Bytes]) -> (Vec<&'a [u8]>, bool) {
    let nals: Vec<&[u8]> = split_annex_b(data).filter(|nal| !codec.is_delimiter(nal)).collect();
    let mut found = vec![false; sets.len()];
    for nal in &nals {
        if let Some(kind) = codec.parameter_set(nal) {
            found[kind] = true;
            if sets[kind].is_empty() {
                sets[kind] = Bytes::copy_from_slice(nal);
            }
        }
    }
    (nals, found.iter().all(|f| *f))
}

/// A file being read.
struct Reader {
    input: ffmpeg::format::context::Input,
    stream: usize,
    codec: Codec,
    annex_b: AnnexB,
    /// The length of a tick of the stream, in ticks of [`CLOCK_RATE`].
    scale: f64,
    /// The time from one unit to the next where the file has neither times nor durations, in ticks.
    interval: i64,
}

impl Reader {
    fn open(path: &Path) -> Result<Self, Error> {
        let demux = |source| Error::Demux { path: path.into(), source };
        // The protocol is named, so that no part of a file's name is taken for one.
        let mut name = std::ffi::OsString::from("file:");
        name.push(path);
        let input = ffmpeg::format::input(&name).map_err(demux)?;
        let stream =
            input.streams().best(ffmpeg::media::Type::Video).ok_or_else(|| Error::NoVideo { path: path.into() })?;
        let codec = match stream.parameters().id() {
            ffmpeg::codec::Id::H264 => Codec::H264,
            ffmpeg::codec::Id::HEVC => Codec::H265,
            other => return Err(Error::UnsupportedCodec { path: path.into(), codec: other.name() }),
        };
        let annex_b = AnnexB::new(codec, stream.parameters()).map_err(demux)?;
        let rate = Some(f64::from(stream.avg_frame_rate())).filter(|r| r.is_finite() && *r > 0.0);
        let interval = (CLOCK_RATE as f64 / rate.unwrap_or(DEFAULT_RATE)) as i64;
        let scale = f64::from(stream.time_base()) * CLOCK_RATE as f64;
        let stream = stream.index();
        Ok(Self { input, stream, codec, annex_b, scale, interval })
    }

    fn read_all(mut self, path: &Path) -> Result<Clip, Error> {
        let demux = |source| Error::Demux { path: path.into(), source };
        let (mut units, mut sets, mut size) = (Vec::<Unit>::new(), vec![Bytes::new(); self.codec.parameter_sets()], 0);
        let mut last = self.interval;
        while let Some(packet) = self.next_packet().map_err(demux)? {
            // Where a file has no times, its packets may still say how long they are shown.
            let expected = units.last().map_or(0, |unit| unit.dts + last);
            let unit = self.unit(&packet, expected, units.last(), &mut sets).map_err(demux)?;
            if packet.duration() > 0 {
                last = self.ticks(packet.duration());
            }
            size += unit.wire.len();
            if size > MAX_MIB << 20 {
                return Err(Error::TooLarge { path: path.into(), limit: MAX_MIB });
            }
            units.push(unit);
        }
        Clip::assemble(self.codec, units, sets, last).ok_or_else(|| Error::NoKeyFrame { path: path.into() })
    }

    /// The stream's next packet that holds data; `None` at the end, also where a file was cut short.
    fn next_packet(&mut self) -> Result<Option<ffmpeg::Packet>, ffmpeg::Error> {
        loop {
            let mut packet = ffmpeg::Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() == self.stream && packet.size() > 0 => return Ok(Some(packet)),
                Ok(()) => {}
                Err(ffmpeg::Error::Eof) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn unit(
        &mut self,
        packet: &ffmpeg::Packet,
        expected: i64,
        before: Option<&Unit>,
        sets: &mut [Bytes],
    ) -> Result<Unit, ffmpeg::Error> {
        let data = self.annex_b.convert(packet)?;
        let (nals, has_sets) = take_apart(self.codec, &data, sets);
        let dts = packet.dts().or(packet.pts()).map_or(expected, |t| self.ticks(t));
        // Files with times that run backward exist; a camera cannot send so.
        let dts = before.map_or(dts, |u| dts.max(u.dts));
        let pts = packet.pts().map_or(dts, |t| self.ticks(t));
        let is_start = packet.is_key() && has_sets;
        Ok(Unit { dts, pts, is_start, wire: Wire::packetise(self.codec, &nals) })
    }

    fn ticks(&self, stream_ticks: i64) -> i64 {
        (stream_ticks as f64 * self.scale).round() as i64
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A clip of one-packet units from (dts, pts, is key) in ticks.
    pub(crate) fn clip(units: &[(i64, i64, bool)], last: i64) -> Option<Clip> {
        let unit = |&(dts, pts, is_start): &(i64, i64, bool)| Unit {
            dts,
            pts,
            is_start,
            wire: Wire::packetise(Codec::H264, &[&[0x65, dts as u8]]),
        };
        Clip::assemble(Codec::H264, units.iter().map(unit).collect(), vec![Bytes::new(); 2], last)
    }

    #[test]
    fn a_clip_begins_at_its_first_key_frame() {
        let clip = clip(&[(100, 100, false), (200, 250, true), (300, 300, false)], 100).expect("a key frame");
        let times: Vec<_> = clip.units().iter().map(|u| (u.dts, u.pts, u.is_start)).collect();
        assert_eq!(times, [(0, 50, true), (100, 100, false)]);
        assert_eq!((clip.starts(), clip.duration()), (&[0][..], 200));
    }

    #[test]
    fn a_clip_without_a_key_frame_is_none() {
        assert!(clip(&[(0, 0, false)], 1).is_none());
        assert!(clip(&[], 1).is_none());
    }

    #[test]
    fn key_frames_that_earlier_pictures_follow_are_no_starts() {
        let closed = [(0, 10, true), (10, 30, false), (20, 20, false), (30, 40, true), (40, 50, false)];
        assert_eq!(clip(&closed, 10).expect("a key frame").starts(), [0, 3]);
        let open = [(0, 10, true), (10, 20, false), (20, 50, true), (30, 40, false), (40, 60, false)];
        assert_eq!(clip(&open, 10).expect("a key frame").starts(), [0]);
    }
}
