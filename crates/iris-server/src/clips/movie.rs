//! One clip: a file of fragments, each of a second or a group of pictures, with the camera's access units as they came. Which access
//! units those are belongs to the parent.

use iris_core::{EventId, Packet, WallTime};

use crate::fmp4::{Indexed, Sample, TIMESCALE, Timing, Track, Unsupported, fragment, ticks};
use crate::store::{Media, MediaFile, MediaKind, Unfinished};

/// How much of the video goes into one fragment at least, in ticks; it ends before a key frame.
const FRAGMENT: i64 = TIMESCALE as i64;
/// How much goes into one in any case, in ticks.
const LONGEST: i64 = 10 * FRAGMENT;
/// How long the last picture is shown where nothing follows and none came before, in ticks.
const STEP: u32 = TIMESCALE / 10;

/// Why an event has no clip, or not all of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoClip {
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    #[error(transparent)]
    Write(#[from] crate::Error),
}

/// A clip that is being written.
pub(super) struct Movie {
    track: Track,
    file: Unfinished,
    /// When its first picture is decoded, on the camera's timeline, in ticks.
    origin: i64,
    /// What waits to be written; how long the last one is shown is not known yet.
    samples: Vec<Sample>,
    fragments: Vec<Indexed>,
}

impl Movie {
    /// Begins a clip with its first access unit, a key frame.
    pub(super) fn begin(
        media: &Media,
        event: EventId,
        started: Option<WallTime>,
        key: &Packet,
    ) -> Result<Self, NoClip> {
        let track = Track::of(key)?;
        let mut file = media.begin_clip(event, started)?;
        file.write(&track.indexed_head(&[])?)?;
        let mut movie = Self { track, file, origin: ticks(key.dts), samples: Vec::new(), fragments: Vec::new() };
        movie.push(key)?;
        Ok(movie)
    }

    /// Whether an access unit can follow: a movie has one set of parameters.
    pub(super) fn takes(&self, packet: &Packet) -> bool {
        self.track.holds(packet)
    }

    /// Adds an access unit.
    pub(super) fn push(&mut self, packet: &Packet) -> Result<(), NoClip> {
        let since_start = |at| ticks(at).saturating_sub(self.origin);
        let timing = Timing { decode: since_start(packet.dts), show: since_start(packet.at.media), duration: STEP };
        if let Some(last) = self.samples.last_mut() {
            last.timing.duration = u32::try_from(timing.decode - last.timing.decode).unwrap_or(STEP);
        }
        let begun = self.samples.first().map_or(timing.decode, |first| first.timing.decode);
        let lasts = timing.decode - begun;
        if lasts >= LONGEST || (packet.is_key && lasts >= FRAGMENT) {
            self.flush()?;
        }
        self.samples.push(self.track.sample(packet, timing));
        Ok(())
    }

    /// How long it is so far, in ticks.
    pub(super) fn duration(&self) -> i64 {
        self.samples.last().map_or(0, |last| last.timing.decode + i64::from(last.timing.duration))
    }

    /// How large it is so far, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.file.bytes()
    }

    /// When it begins, on the camera's timeline, in seconds.
    pub(super) fn start(&self) -> f64 {
        self.origin as f64 / f64::from(TIMESCALE)
    }

    /// Writes the rest, and where what lies.
    pub(super) fn finish(mut self) -> Result<MediaFile, NoClip> {
        if let [.., before, last] = &mut self.samples[..] {
            last.timing.duration = before.timing.duration;
        }
        self.flush()?;
        self.file.rewrite_start(&self.track.indexed_head(&self.fragments)?)?;
        Ok(self.file.finish(MediaKind::Clip)?)
    }

    fn flush(&mut self) -> Result<(), NoClip> {
        let Some(first) = self.samples.first() else { return Ok(()) };
        let bytes = fragment(self.fragments.len() as u32 + 1, &self.samples, None)?;
        self.fragments.push(Indexed {
            bytes: bytes.len() as u32,
            show: first.timing.show,
            duration: self.samples.iter().map(|sample| sample.timing.duration).sum(),
            starts_with_key: first.is_key,
        });
        self.file.write(&bytes)?;
        self.samples.clear();
        Ok(())
    }
}
