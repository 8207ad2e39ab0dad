//! One camera's decoder: which access units are sent to libavcodec, and what becomes of each. How pictures are
//! decoded, held and converted belongs to the modules beside this.

use std::sync::Arc;

use iris_core::frame::FrameInfo;
use iris_core::{CodecParams, Frame, MediaTime, MonoTime, Packet, Stamps};

use crate::context::{Context, Received};
use crate::convert::Converter;
use crate::error::{Cause, Error};
use crate::gpu::Gpu;
use crate::in_flight::{InFlight, Origin};
use crate::picture::Look;
use crate::pool::{FramePool, Shell};

/// What a camera may make the decoder allocate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most pixels of a picture, before cropping.
    pub max_pixels: u64,
}

impl Default for Limits {
    /// 4096×2304, which holds every 4K camera.
    fn default() -> Self {
        Self { max_pixels: 4096 * 2304 }
    }
}

/// What need not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Skip {
    /// Every picture is decoded.
    #[default]
    Nothing,
    /// Pictures that no other refers to are left out. Saves something only where there are such (B-frames).
    NonReference,
    /// Only key frames are decoded, and each comes out at once.
    NonKey,
}

/// What became of the access units pushed so far. Each has one outcome:
/// `pushed = frames + corrupt + awaiting_keyframe + skipped + undisplayed + in flight`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Taken by [`Decoder::push`].
    pub pushed: u64,
    /// Came out as frames.
    pub frames: u64,
    /// Were reported as an error.
    pub corrupt: u64,
    /// Were refused for want of a key frame.
    pub awaiting_keyframe: u64,
    /// Were left out because [`Skip`] says so.
    pub skipped: u64,
    /// Were taken by libavcodec, which gave no picture for them: second fields, leading pictures of an open group,
    /// pictures that were held back when the decoder was flushed.
    pub undisplayed: u64,
}

impl Counts {
    /// Those of which nothing came yet.
    pub fn in_flight(&self) -> u64 {
        self.pushed - self.frames - self.corrupt - self.awaiting_keyframe - self.skipped - self.undisplayed
    }
}

/// The decoder of one camera. After each [`push`](Self::push), [`pull`](Self::pull) until there is no frame.
pub struct Decoder {
    pool: Arc<FramePool>,
    limits: Limits,
    gpu: Option<Arc<Gpu>>,
    skip: Skip,
    deblocking: bool,
    /// What `current` or `refused` is about.
    params: Option<Arc<CodecParams>>,
    current: Option<Context>,
    /// The context of the parameters before, as long as it has pictures to give.
    previous: Option<Context>,
    /// Why there is no context for `params`.
    refused: Option<Cause>,
    /// All that the next access unit may refer to went in undamaged.
    chain_is_whole: bool,
    /// The context was told that nothing follows.
    drained: bool,
    in_flight: InFlight,
    /// When the last frame was shown.
    shown: Option<MediaTime>,
    /// A shell at hand, so that asking for a frame that is not there yet does not touch the pool.
    spare: Option<Box<Shell>>,
    converter: Converter,
    counts: Counts,
}

impl Decoder {
    /// A decoder that opens itself with the first access unit. Its frames return to `pool`.
    pub fn new(pool: Arc<FramePool>, limits: Limits) -> Self {
        Self {
            pool,
            limits,
            gpu: None,
            skip: Skip::Nothing,
            deblocking: true,
            params: None,
            current: None,
            previous: None,
            refused: None,
            chain_is_whole: false,
            drained: false,
            in_flight: InFlight::new(),
            shown: None,
            spare: None,
            converter: Converter::new(),
            counts: Counts::default(),
        }
    }

    /// The same on a GPU, if there is one; what that cannot decode is decoded on the CPU.
    #[must_use]
    pub fn on(mut self, gpu: Option<Arc<Gpu>>) -> Self {
        self.gpu = gpu;
        self
    }

    /// Takes an access unit. `Ok` does not promise a frame: see [`Counts`].
    ///
    /// After an error go on with the next one; the decoder resumes by itself at a key frame. When `params` are others
    /// than before, it opens anew, and what it still held comes out first.
    pub fn push(&mut self, packet: &Packet) -> Result<(), Error> {
        let result = self.follow(&packet.params).and_then(|()| self.admit(packet));
        match &result {
            Ok(()) | Err(Cause::NotPulled) => {}
            Err(Cause::AwaitingKeyframe) => self.counts.awaiting_keyframe += 1,
            Err(_) => self.counts.corrupt += 1,
        }
        self.counts.pushed += u64::from(!matches!(result, Err(Cause::NotPulled)));
        result.map_err(|cause| cause.at(packet.key))
    }

    /// The next frame in the order in which they are shown, with times that never go back, decoded at `now`; none until
    /// more is pushed. An error is
    /// about one picture; pull again.
    pub fn pull(&mut self, now: MonoTime) -> Result<Option<Frame>, Error> {
        while let Some((serial, received)) = self.receive() {
            let Some(origin) = self.in_flight.remove(serial) else {
                // A picture of an access unit that was reported as an error before.
                let Ok(shell) = received else { break };
                self.spare = Some(shell);
                continue;
            };
            return match received.and_then(|shell| self.finish(shell)) {
                Ok((shell, look)) => Ok(Some(self.lend(shell, look, origin, now))),
                Err(cause) => {
                    self.counts.corrupt += 1;
                    self.chain_is_whole &= origin.disposable;
                    Err(cause.at(origin.key))
                }
            };
        }
        Ok(None)
    }

    /// Forgets what went in, because something is missing before what follows. Access units are refused up to the next
    /// key frame. To keep the pictures held back for reordering, [`drain`](Self::drain) and pull first.
    pub fn flush(&mut self) {
        self.previous = None;
        if let Some(context) = &mut self.current {
            context.flush();
        }
        self.counts.undisplayed += self.in_flight.clear() as u64;
        self.drained = false;
        self.chain_is_whole = false;
    }

    /// Says that nothing follows: the pictures held back for reordering can be pulled. What is pushed after that
    /// must start at a key frame.
    pub fn drain(&mut self) {
        if let Some(context) = &mut self.current {
            context.drain();
        }
        self.drained = true;
        self.chain_is_whole = false;
    }

    /// Says what need not be decoded from the next access unit on. After [`Skip::NonKey`], others come only from the
    /// next key frame on.
    pub fn set_skip(&mut self, skip: Skip) {
        self.skip = skip;
        if let Some(context) = &mut self.current {
            context.set_skip(skip);
        }
    }

    /// Says whether pictures between key frames are deblocked, from the next access unit on; at first they are. Without,
    /// decoding takes little more than half as long, and pictures drift from what was sent up to the next key frame, by
    /// little: at 0.4 Mbit/s and 640×360 the last of 20 had a PSNR of 47 to 64 dB, in three clips of fixed cameras.
    pub fn set_deblocking(&mut self, deblocking: bool) {
        self.deblocking = deblocking;
        if let Some(context) = &mut self.current {
            context.set_deblocking(deblocking);
        }
    }

    /// What became of the access units pushed so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many access units went in and have no outcome yet.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Sees to it that there is a context for these parameters.
    fn follow(&mut self, params: &Arc<CodecParams>) -> Result<(), Cause> {
        if self.params.as_ref().is_none_or(|held| !Arc::ptr_eq(held, params) && held != params) {
            self.open(params);
        }
        self.refused.clone().map_or(Ok(()), Err)
    }

    fn open(&mut self, params: &Arc<CodecParams>) {
        if let Some(mut context) = self.current.take() {
            context.drain();
            self.previous = Some(context);
        }
        self.params = Some(Arc::clone(params));
        self.drained = false;
        self.chain_is_whole = false;
        let max_pixels = self.limits.max_pixels;
        let opened = match params.size.filter(|size| size.pixels() > max_pixels) {
            Some(size) => Err(Cause::TooLarge { size, max_pixels }),
            None => Context::open(params, self.limits, self.gpu.as_deref()),
        };
        match opened {
            Ok(mut context) => {
                context.set_skip(self.skip);
                context.set_deblocking(self.deblocking);
                (self.current, self.refused) = (Some(context), None);
            }
            Err(cause) => self.refused = Some(cause),
        }
    }

    /// Sends an access unit, if it is wanted and what it depends on went in.
    fn admit(&mut self, packet: &Packet) -> Result<(), Cause> {
        if packet.is_key {
            self.resume();
        } else if self.is_skipped(packet) {
            self.counts.skipped += 1;
            self.chain_is_whole &= packet.disposable;
            return Ok(());
        } else if !self.chain_is_whole {
            return Err(Cause::AwaitingKeyframe);
        }
        let sent = self.send(packet);
        self.chain_is_whole = match &sent {
            Err(Cause::NotPulled) => self.chain_is_whole,
            Ok(()) => true,
            Err(_) => packet.disposable,
        };
        if sent.is_ok() && self.skip == Skip::NonKey {
            // Nothing will follow that would push it out.
            self.drain();
        }
        sent
    }

    fn is_skipped(&self, packet: &Packet) -> bool {
        match self.skip {
            Skip::Nothing => false,
            Skip::NonReference => packet.disposable,
            Skip::NonKey => true,
        }
    }

    /// Starts afresh before a key frame where the one before it did not go on to it.
    fn resume(&mut self) {
        let is_used = self.current.as_ref().is_some_and(Context::is_used);
        if !self.chain_is_whole && is_used {
            self.flush();
        }
    }

    fn send(&mut self, packet: &Packet) -> Result<(), Cause> {
        let Some(context) = &mut self.current else { return Err(Cause::AwaitingKeyframe) };
        if packet.data.is_empty() {
            return Err(Cause::Undecodable("it is empty".into()));
        }
        context.send(&packet.data, self.in_flight.serial(), packet.is_key)?;
        let Packet { key, at, received, disposable, .. } = *packet;
        let displaced = self.in_flight.insert(Origin { key, at, received, disposable });
        self.counts.undisplayed += u64::from(displaced);
        Ok(())
    }

    /// The next picture in a shell, or what is wrong with it, and the serial number of its access unit.
    fn receive(&mut self) -> Option<(i64, Result<Box<Shell>, Cause>)> {
        // What cannot be told apart is put down to the latest access unit.
        let latest = self.in_flight.serial() - 1;
        let Some(mut shell) = self.spare.take().or_else(|| self.pool.take()) else {
            return Some((latest, Err(Cause::OutOfMemory)));
        };
        while let Some(context) = self.previous.as_mut().or(self.current.as_mut()) {
            match context.receive(&mut shell.picture) {
                Ok(Received::Picture) => return Some((shell.picture.serial(), Ok(shell))),
                Ok(Received::End) if self.previous.take().is_some() => {}
                Ok(Received::End) => {
                    self.counts.undisplayed += self.in_flight.clear() as u64;
                    break;
                }
                Ok(Received::Nothing) => break,
                Err(cause) => {
                    self.spare = Some(shell);
                    return Some((latest, Err(cause)));
                }
            }
        }
        self.spare = Some(shell);
        None
    }

    /// Makes a picture one that the rest of Iris can read.
    fn finish(&mut self, mut shell: Box<Shell>) -> Result<(Box<Shell>, Look), Cause> {
        if shell.picture.is_damaged() {
            self.spare = Some(shell);
            return Err(Cause::Damaged);
        }
        if shell.picture.is_on_gpu() {
            let mut fetched = self.pool.take().ok_or(Cause::OutOfMemory)?;
            let result = shell.picture.fetch(&mut fetched.picture);
            self.spare = Some(std::mem::replace(&mut shell, fetched));
            result?;
        }
        if let Some(look) = shell.picture.look_at() {
            return Ok((shell, look));
        }
        let mut converted = self.pool.take().ok_or(Cause::OutOfMemory)?;
        let look = self.converter.convert(&shell.picture, &mut converted.picture);
        self.spare = Some(shell);
        Ok((converted, look?))
    }

    fn lend(&mut self, mut shell: Box<Shell>, look: Look, origin: Origin, now: MonoTime) -> Frame {
        self.counts.frames += 1;
        let Look { format, range, matrix, size } = look;
        let Origin { key, mut at, received, .. } = origin;
        // Where a container says only when to decode (AVI), a picture that was sent ahead claims too early a time.
        at.media = self.shown.map_or(at.media, |shown| shown.max(at.media));
        self.shown = Some(at.media);
        let stamps = Stamps { received, decoded: Some(now), inferred: None };
        self.pool.lend(&mut shell);
        Frame::new(FrameInfo { key, at, stamps, format, range, matrix, size }, shell)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        if let Some(shell) = self.spare.take() {
            self.pool.put(shell);
        }
    }
}
