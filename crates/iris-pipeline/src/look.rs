//! From an access unit to a frame that is ready for the model: what a decoder thread does for one camera.

use std::sync::Arc;

use iris_core::{Clock, DropReason, Frame, Packet};
use iris_decode::{Counts, Decoder, FramePool, Limits};
use iris_infer::{Manifest, Prepared, Preprocessor};

use crate::meter::StageCount;

/// One look at a camera: the model's input, and the picture that it came from, which may become evidence.
pub(crate) struct Look {
    pub(crate) prepared: Prepared,
    pub(crate) frame: Frame,
}

/// Where an eye's looks go.
pub(crate) trait LookSink {
    /// Whether a frame is worth preparing now.
    fn wants(&self) -> bool;
    /// Takes a look.
    fn take(&self, look: Look);
}

/// A camera's decoder and preprocessor.
pub(crate) struct Eye {
    decoder: Decoder,
    preprocessor: Preprocessor,
    /// What of the decoder's counts is in the books.
    booked: Counts,
}

impl Eye {
    pub(crate) fn new(pool: Arc<FramePool>, manifest: &Manifest) -> Self {
        let decoder = Decoder::new(pool, Limits::default());
        Self { decoder, preprocessor: Preprocessor::new(manifest), booked: Counts::default() }
    }

    /// Decodes one access unit and passes on the frames that come of it.
    pub(crate) fn see(&mut self, packet: &Packet, count: &StageCount, clock: &dyn Clock, to: &dyn LookSink) {
        if packet.lost_before > 0 {
            // What depends on the lost packets would be smeared: nothing is decoded before the next key frame.
            self.decoder.flush();
        }
        if let Err(error) = self.decoder.push(packet) {
            tracing::debug!(%error, "access unit not decoded");
        }
        self.pass_on(count, clock, to);
        self.book(count);
    }

    /// Something is missing before the next access unit.
    pub(crate) fn gap(&mut self, count: &StageCount) {
        self.decoder.flush();
        self.book(count);
    }

    /// The stream ended: passes on the frames that the decoder still held back for reordering.
    pub(crate) fn end(&mut self, count: &StageCount, clock: &dyn Clock, to: &dyn LookSink) {
        self.decoder.drain();
        self.pass_on(count, clock, to);
        self.gap(count);
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
            if !to.wants() {
                count.drop_one(DropReason::Skipped);
                continue;
            }
            match self.preprocessor.prepare(&frame) {
                Ok(prepared) => {
                    count.emit();
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
        count.drop_many(DropReason::Corrupt, now.corrupt - before.corrupt);
        count.drop_many(DropReason::AwaitingKeyframe, now.awaiting_keyframe - before.awaiting_keyframe);
        count.drop_many(DropReason::Skipped, now.skipped - before.skipped);
        count.drop_many(DropReason::Undisplayed, now.undisplayed - before.undisplayed);
        self.booked = now;
    }
}
