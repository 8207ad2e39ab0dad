//! How far the work for a camera is cut down to what its scene needs. Most cameras show nothing happening most of the
//! time: then every frame is still decoded and the [`MotionGate`] looks at it, but the model only now and then, for
//! whoever stands still. Where the machine is too small for that, only key frames are decoded (see [`crate::shedding`]).

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use iris_analytics::{Fidelity, MotionGate, SizeGate, demand};
use iris_core::{Frame, Image, MediaTime, MonoTime, Packet, Rect, Track};

/// How long the model does not look at a still picture: at least so long, and then up to the next key frame, which is the
/// best picture of its group; or twice as long at most. Where the machine is too small, twice each.
const PATIENCE: Duration = Duration::from_millis(3900);

/// How long nothing must have moved for a picture not to be deblocked. Where noise opens the gate now and then, it opens it
/// more often without: if it does within that time again, twice as long is waited the next time, up to the last number.
const CALM: Duration = Duration::from_secs(10);
const CALM_AT_MOST: Duration = Duration::from_mins(5);

/// How far the work for a camera is cut down, from the most work to the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// No gate: every frame is decoded, and the model looks as often as the camera's rate says.
    EveryFrame,
    /// Something moves, or did a moment ago: every frame is decoded, and the model looks as often as what it follows
    /// asks for.
    Moving,
    /// Nothing moves: every frame is decoded, and the model looks every few seconds for whoever stands still.
    Still,
    /// Only key frames are decoded, because the sizes of the others say that nothing moves.
    Quiet,
    /// Only key frames are decoded, because the machine is too small for all cameras.
    KeyFrames,
}

impl Rung {
    /// Every rung.
    pub const ALL: [Self; 5] = [Self::EveryFrame, Self::Moving, Self::Still, Self::Quiet, Self::KeyFrames];

    /// Its name in metrics and messages.
    pub const fn label(self) -> &'static str {
        match self {
            Self::EveryFrame => "every_frame",
            Self::Moving => "moving",
            Self::Still => "still",
            Self::Quiet => "quiet",
            Self::KeyFrames => "key_frames",
        }
    }

    /// Why a camera stands there.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::EveryFrame => "no gate stands before the model",
            Self::Moving => "something moves",
            Self::Still => "nothing moves",
            Self::Quiet => "the sizes of access units say that nothing moves",
            Self::KeyFrames => "the machine is too small for all cameras",
        }
    }
}

/// How much less than its frames a camera has to make do with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Shed {
    /// All are decoded.
    #[default]
    No,
    /// As long as nothing moves, key frames alone.
    WhileStill,
    /// The same, and while something moves the beginning of each group of pictures: its key frame, and so many of 255 parts.
    Part(u8),
}

/// What the threads tell each other about one camera.
#[derive(Debug, Default)]
pub(crate) struct Attention {
    /// The [`Rung`] that the scene asks for, by its number.
    scene: AtomicU8,
    /// A [`Shed`]: nothing is 0, `WhileStill` 1, and parts come behind.
    shed: AtomicU16,
    /// When something last moved, in microseconds of the monotonic clock.
    moved: AtomicU64,
    seen: Mutex<Seen>,
}

/// Where the model saw something at its last look.
#[derive(Debug, Default)]
struct Seen {
    boxes: Vec<Rect<Image>>,
    is_new: bool,
}

impl Attention {
    /// What the scene asks for, whatever the machine can do.
    fn scene(&self) -> Rung {
        Rung::ALL[usize::from(self.scene.load(Relaxed))]
    }

    /// Whether something moves, or might where there is no gate.
    pub(crate) fn moves(&self) -> bool {
        self.scene() < Rung::Still
    }

    pub(crate) fn rung(&self) -> Rung {
        match (self.scene(), self.shed()) {
            (_, Shed::Part(0)) | (Rung::Still | Rung::Quiet, Shed::WhileStill | Shed::Part(_)) => Rung::KeyFrames,
            (scene, _) => scene,
        }
    }

    pub(crate) fn note_moved(&self, now: MonoTime) {
        self.moved.store(now.0.as_micros() as u64, Relaxed);
    }

    pub(crate) fn moved(&self) -> u64 {
        self.moved.load(Relaxed)
    }

    pub(crate) fn shed(&self) -> Shed {
        match self.shed.load(Relaxed) {
            0 => Shed::No,
            1 => Shed::WhileStill,
            part => Shed::Part((part - 2) as u8),
        }
    }

    pub(crate) fn set_shed(&self, shed: Shed) {
        let number = match shed {
            Shed::No => 0,
            Shed::WhileStill => 1,
            Shed::Part(part) => u16::from(part) + 2,
        };
        self.shed.store(number, Relaxed);
    }

    /// Says where the model saw something.
    pub(crate) fn note_seen(&self, tracks: &[Track]) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.boxes.clear();
        seen.boxes.extend(tracks.iter().map(|track| track.rect));
        seen.is_new = true;
    }

    fn explain(&self, motion: &mut MotionGate) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut seen.is_new) {
            motion.explain(seen.boxes.iter().copied());
        }
    }
}

/// What stands between one camera's decoder and the model.
#[derive(Debug)]
pub(crate) struct Gate {
    motion: MotionGate,
    /// Where the sizes of access units may stand in for pictures.
    sizes: Option<SizeGate>,
    is_open: bool,
    /// When the model last got a frame.
    looked: Option<MediaTime>,
    /// The newest key frame.
    key: Option<u64>,
    /// When the gate was last open, or the first frame came.
    stirred: Option<MediaTime>,
    /// How long nothing must have moved for pictures not to be deblocked.
    calm: Duration,
    /// Pictures are not deblocked.
    rough: bool,
    /// Nor are they what was sent, since some were not.
    drifts: bool,
}

impl Gate {
    pub(crate) fn new(sizes: Option<SizeGate>) -> Self {
        Self {
            motion: MotionGate::default(),
            sizes,
            is_open: false,
            looked: None,
            key: None,
            stirred: None,
            calm: CALM,
            rough: false,
            drifts: false,
        }
    }

    /// Whether the model should look at this frame: something moves, or it is time to look for whoever stands still. Tells
    /// `pace` how many looks a second the camera wants.
    pub(crate) fn judge(&mut self, frame: &Frame, attention: &Attention, pace: impl FnOnce(f32)) -> bool {
        attention.explain(&mut self.motion);
        let is_key = self.key == Some(frame.key.seq);
        let had_drifted = self.drifts;
        self.drifts = !is_key && (had_drifted || self.rough);
        let fidelity = match (self.drifts, had_drifted) {
            (true, _) => Fidelity::Drifting,
            (false, true) => Fidelity::Renewed,
            (false, false) => Fidelity::Exact,
        };
        let was_open = std::mem::replace(&mut self.is_open, self.motion.see(frame, fidelity));
        self.note_calm(frame.at.media);
        self.sizes.iter_mut().for_each(|sizes| sizes.note_motion(self.is_open, frame.at.media));
        self.stand(frame.stamps.received, attention);
        let patience = if attention.shed() == Shed::No { PATIENCE } else { 2 * PATIENCE };
        let is_time = self.is_open || self.is_time_to_look(frame.at.media, is_key, patience);
        match (was_open, self.is_open) {
            (false, true) => pace(demand::MOVING),
            // Also before each look: at first nobody said so, and what is followed may have asked for more just now.
            (_, false) if was_open || is_time => pace(patience.as_secs_f32().recip()),
            _ => {}
        }
        is_time
    }

    fn note_calm(&mut self, now: MediaTime) {
        let still = self.stirred.map_or(Duration::ZERO, |stirred| now.since(stirred));
        if self.is_open && self.rough {
            self.calm = if still < 2 * self.calm { (2 * self.calm).min(CALM_AT_MOST) } else { CALM };
        }
        if self.is_open || self.stirred.is_none() {
            self.stirred = Some(now);
        }
        self.rough = !self.is_open && still >= self.calm;
    }

    /// Whether pictures between key frames are worth deblocking: where nothing moves nobody looks at them but this gate.
    pub(crate) fn wants_deblocking(&self) -> bool {
        !self.rough
    }

    /// Notes an access unit before it is decoded.
    pub(crate) fn note_unit(&mut self, packet: &Packet) {
        if packet.is_key {
            self.key = Some(packet.key.seq);
        }
        if let Some(sizes) = self.sizes.as_mut().filter(|_| !packet.is_key) {
            sizes.note_size(packet.data.len(), packet.at.media);
        }
    }

    /// Whether nothing moves, as far as is known at an access unit.
    pub(crate) fn is_still(&self, now: MediaTime) -> bool {
        !self.is_open && !self.sizes.as_ref().is_some_and(|sizes| sizes.tells(now))
    }

    /// Whether the sizes of access units will tell when something moves.
    pub(crate) fn trusts_sizes(&self) -> bool {
        self.sizes.as_ref().is_some_and(SizeGate::is_trusted)
    }

    /// Notes that the model gets this frame.
    pub(crate) fn note_look(&mut self, frame: &Frame) {
        self.looked = Some(frame.at.media);
    }

    /// Something is missing before the next frame: what differs from the last one need not have moved, and who stands in
    /// it is not known.
    pub(crate) fn gap(&mut self) {
        self.motion.reset();
        self.looked = None;
    }

    fn stand(&self, now: MonoTime, attention: &Attention) {
        if self.is_open {
            attention.note_moved(now);
        }
        if self.is_open && attention.shed() == Shed::WhileStill {
            // Another camera is shed instead, at the next turn.
            attention.set_shed(Shed::No);
        }
        let scene = match (self.is_open, self.trusts_sizes()) {
            (true, _) => Rung::Moving,
            (false, false) => Rung::Still,
            (false, true) => Rung::Quiet,
        };
        attention.scene.store(scene as u8, Relaxed);
    }

    fn is_time_to_look(&self, now: MediaTime, is_key: bool, patience: Duration) -> bool {
        let Some(looked) = self.looked else { return true };
        let since = now.since(looked);
        since >= 2 * patience || (is_key && since >= patience)
    }
}

/// How far a camera is in its group of pictures.
#[derive(Debug)]
pub(crate) struct Group {
    /// Access units so far, and in the group before.
    units: u32,
    before: u32,
    is_cut: bool,
}

impl Default for Group {
    /// How long groups are is not known before the second.
    fn default() -> Self {
        Self { units: u32::MAX, before: u32::MAX, is_cut: false }
    }
}

impl Group {
    /// Notes an access unit before it is decoded.
    pub(crate) fn note(&mut self, packet: &Packet) {
        if packet.is_key {
            *self = Self { units: 1, before: self.units, is_cut: false };
        } else {
            self.units = self.units.saturating_add(1);
        }
    }

    /// Nothing is decoded up to the next key frame.
    pub(crate) fn cut(&mut self) {
        self.is_cut = self.units > 1;
    }

    /// The same, if more than so many of 255 parts have come, as long as it is as long as the one before.
    pub(crate) fn cut_behind(&mut self, part: u8) {
        if u64::from(self.units) * 255 > u64::from(part) * u64::from(self.before) {
            self.cut();
        }
    }

    /// Whether it was cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }
}

/// The group of pictures that is under way, where it is not decoded: should something move, it is what the next frames
/// refer to.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    packets: Vec<Packet>,
    bytes: usize,
}

impl Backlog {
    /// Four seconds at 30 frames/s, and what four seconds of 8 Mbit/s are. A longer group is waited out.
    const PACKETS: usize = 120;
    const BYTES: usize = 4 << 20;

    /// Keeps an access unit that is not decoded now.
    pub(crate) fn keep(&mut self, packet: &Packet) {
        let follows = packet.is_key || !self.packets.is_empty();
        if !follows || self.packets.len() == Self::PACKETS || self.bytes + packet.data.len() > Self::BYTES {
            return self.clear();
        }
        self.bytes += packet.data.len();
        self.packets.push(packet.clone());
    }

    /// What is kept, from a key frame on.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Packet> + '_ {
        self.bytes = 0;
        self.packets.drain(..)
    }

    pub(crate) fn clear(&mut self) {
        self.packets.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From when on, in seconds, pictures are not deblocked while nothing moves but at these times.
    fn rough_from(gate: &mut Gate, seconds: std::ops::Range<i64>, moves: &[i64]) -> Vec<i64> {
        let mut from = Vec::new();
        for second in seconds {
            gate.is_open = moves.contains(&second);
            let was = gate.rough;
            gate.note_calm(MediaTime::from_millis(second * 1000));
            if gate.rough && !was {
                from.push(second);
            }
        }
        from
    }

    #[test]
    fn what_moves_again_and_again_without_deblocking_keeps_it_for_longer() {
        let mut gate = Gate::new(None);
        assert_eq!(rough_from(&mut gate, 0..100, &[12, 34]), [10, 32, 74], "10 s, twice that, and twice that");
        assert_eq!(rough_from(&mut gate, 100..200, &[150]), [160], "it was still for long: 10 s again");
    }
}
