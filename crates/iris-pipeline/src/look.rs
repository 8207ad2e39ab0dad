//! From an access unit to a frame that is ready for the model: what a decoder thread does for one camera.

use iris_core::{Clock, DropReason, Frame, MediaTime, Packet};
use iris_decode::{Counts, Decoder, Skip};
use iris_infer::{Prepared, Preprocessor};

use crate::ladder::{Attention, Backlog, Gate, Group, Shed};
use crate::meter::StageCount;

/// One look at a camera: the model's input, and the picture that it came from, which may become evidence.
pub(crate) struct Look {
    pub(crate) prepared: Prepared,
    pub(crate) frame: Frame,
}

/// Where an eye's looks go.
pub(crate) trait LookSink {
    /// Whether a frame of this time is worth preparing now.
    fn wants(&self, at: MediaTime) -> bool;
    /// What else is known of the camera.
    fn attention(&self) -> &Attention;
    /// Says how many looks a second the camera wants from now on.
    fn pace(&self, rate_hz: f32);
    /// Takes a look.
    fn take(&self, look: Look);
}

/// A camera's decoder and preprocessor, and the gate between them.
pub(crate) struct Eye {
    decoder: Decoder,
    /// None where every frame is worth a look.
    gate: Option<Gate>,
    preprocessor: Preprocessor,
    group: Group,
    /// Only key frames are decoded, and the rest of the group is kept here.
    backlog: Option<Backlog>,
    /// What of the decoder's counts is in the books.
    booked: Counts,
    /// How many access units the decoder holds back that are in the books already.
    settled: u64,
}

impl Eye {
    pub(crate) fn new(decoder: Decoder, preprocessor: Preprocessor, gate: Option<Gate>) -> Self {
        Self {
            decoder,
            gate,
            preprocessor,
            group: Group::default(),
            backlog: None,
            booked: Counts::default(),
            settled: 0,
        }
    }

    /// Prepares frames for another model from now on.
    pub(crate) fn prepare_by(&mut self, preprocessor: Preprocessor) {
        self.preprocessor = preprocessor;
    }

    /// Takes the gate away.
    pub(crate) fn look_at_all(&mut self) {
        self.gate = None;
        self.decoder.set_deblocking(true);
    }

    /// Decodes one access unit and passes on the frames that come of it. One that comes too late to be worth it is left out, and
    /// with it all up to the next key frame.
    pub(crate) fn see(
        &mut self,
        packet: &Packet,
        is_late: bool,
        count: &StageCount,
        clock: &dyn Clock,
        to: &dyn LookSink,
    ) {
        if packet.lost_before > 0 {
            // What depends on the lost packets would be smeared: nothing is decoded before the next key frame.
            self.decoder.flush();
        }
        if packet.lost_before > 0 || packet.is_key {
            // Nothing refers to the group of pictures before.
            self.backlog.iter_mut().for_each(Backlog::clear);
        }
        self.gate.iter_mut().for_each(|gate| gate.note_unit(packet));
        self.group.note(packet);
        if is_late {
            self.group.cut();
        }
        let only = self.makes_do_with_key_frames(packet, to.attention());
        self.set_key_frames_only(only, count, clock, to);
        self.backlog.iter_mut().for_each(|backlog| backlog.keep(packet));
        if let Err(error) = self.decoder.push(packet) {
            tracing::debug!(%error, "access unit not decoded");
        }
        self.pass_on(count, clock, to);
        self.book(count);
    }

    /// Something is missing before the next access unit.
    pub(crate) fn gap(&mut self, count: &StageCount) {
        self.decoder.flush();
        self.backlog.iter_mut().for_each(Backlog::clear);
        self.gate.iter_mut().for_each(Gate::gap);
        self.book(count);
    }

    /// The stream ended: passes on the frames that the decoder still held back for reordering.
    pub(crate) fn end(&mut self, count: &StageCount, clock: &dyn Clock, to: &dyn LookSink) {
        self.decoder.drain();
        self.pass_on(count, clock, to);
        self.gap(count);
    }

    /// Whether only key frames are decoded. That begins at a key frame, and ends at one or where something moves; where a
    /// group is cut it begins there, and ends at the next.
    fn makes_do_with_key_frames(&mut self, packet: &Packet, attention: &Attention) -> bool {
        let (gate, shed) = (self.gate.as_ref(), attention.shed());
        if let Shed::Part(part) = shed {
            self.group.cut_behind(part);
        }
        let is_still = gate.is_some_and(|gate| gate.is_still(packet.at.media));
        let should = is_still && (shed != Shed::No || gate.is_some_and(Gate::trusts_sizes));
        if packet.is_key { should } else { self.group.is_cut() || self.backlog.is_some() && (should || is_still) }
    }

    fn set_key_frames_only(&mut self, only: bool, count: &StageCount, clock: &dyn Clock, to: &dyn LookSink) {
        match (only, self.backlog.take()) {
            (true, None) => {
                self.decoder.set_skip(Skip::NonKey);
                self.backlog = Some(Backlog::default());
            }
            (true, backlog) => self.backlog = backlog,
            (false, None) => {}
            (false, Some(backlog)) => {
                self.decoder.set_skip(Skip::Nothing);
                self.catch_up(backlog, count, clock, to);
            }
        }
    }

    /// Decodes the group of pictures that is under way, so that what comes next can be decoded. Its pictures are too old
    /// to be looked at, and in the books its access units were skipped when they came.
    fn catch_up(&mut self, mut backlog: Backlog, count: &StageCount, clock: &dyn Clock, to: &dyn LookSink) {
        self.decoder.flush();
        self.book(count);
        for packet in backlog.take() {
            if self.decoder.push(&packet).is_err() {
                break;
            }
            while let Ok(Some(frame)) = self.decoder.pull(clock.mono()) {
                self.gate
                    .iter_mut()
                    .for_each(|gate| _ = gate.judge(&frame, to.attention(), |rate_hz| to.pace(rate_hz)));
            }
        }
        self.booked = self.decoder.counts();
        self.settled = self.booked.in_flight();
    }

    fn pass_on(&mut self, count: &StageCount, clock: &dyn Clock, to: &dyn LookSink) {
        loop {
            let frame = match self.decoder.pull(clock.mono()) {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "picture not decoded");
                    continue;
                }
            };
            let judge = |gate: &mut Gate| gate.judge(&frame, to.attention(), |rate_hz| to.pace(rate_hz));
            let is_wanted = self.gate.as_mut().is_none_or(judge);
            self.decoder.set_deblocking(self.gate.as_ref().is_none_or(Gate::wants_deblocking));
            if self.settled > 0 {
                self.settled -= 1;
                continue;
            }
            if !is_wanted {
                count.drop_one(DropReason::Still);
                continue;
            }
            if !to.wants(frame.at.media) {
                count.drop_one(DropReason::Skipped);
                continue;
            }
            match self.preprocessor.prepare(&frame) {
                Ok(prepared) => {
                    count.emit();
                    self.gate.iter_mut().for_each(|gate| gate.note_look(&frame));
                    to.take(Look { prepared, frame });
                }
                Err(error) => {
                    tracing::warn!(frame = %frame.key, %error, "frame cannot be prepared for the model");
                    count.drop_one(DropReason::Corrupt);
                }
            }
        }
    }

    /// Brings the books up to the decoder's counts: what it took and did not return as a frame.
    fn book(&mut self, count: &StageCount) {
        let (now, before) = (self.decoder.counts(), self.booked);
        let mut unsettled = |units: u64| {
            let settled = units.min(self.settled);
            self.settled -= settled;
            units - settled
        };
        count.drop_many(DropReason::Corrupt, unsettled(now.corrupt - before.corrupt));
        count.drop_many(DropReason::AwaitingKeyframe, now.awaiting_keyframe - before.awaiting_keyframe);
        count.drop_many(DropReason::Skipped, now.skipped - before.skipped);
        count.drop_many(DropReason::Undisplayed, unsettled(now.undisplayed - before.undisplayed));
        self.booked = now;
    }
}

#[cfg(test)]
mod tests;
