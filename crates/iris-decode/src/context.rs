//! A libavcodec decoder context with one thread. Knows nothing of key frames, gaps or counting.
#![expect(unsafe_code, reason = "libavcodec is C; the fields touched here have no safe setter")]

use std::ffi::c_int;

use ffmpeg_next::codec::decoder::{self, Opened};
use ffmpeg_next::{Packet, codec, ffi, packet::Mut as _};
use iris_core::{Codec, CodecParams};

use crate::error::Cause;
use crate::gpu::Gpu;
use crate::picture::Picture;
use crate::{Limits, Skip, log};

/// Nothing until more goes in, or until what is there was taken out.
const AGAIN: ffmpeg_next::Error = ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EAGAIN };

/// An open decoder.
pub(crate) struct Context {
    decoder: Opened,
    /// Access units are copied here, since libavcodec reads up to 64 bytes past the end of its input, which must be
    /// zeros. It costs 60 ns for one of 640×360, a ten-thousandth of decoding it (`cargo bench -p iris-decode`).
    input: Packet,
    /// Something went in since it was opened or flushed.
    used: bool,
}

/// What [`Context::receive`] found.
pub(crate) enum Received {
    /// A picture.
    Picture,
    /// Nothing until more goes in.
    Nothing,
    /// Nothing any more, after [`Context::drain`].
    End,
}

impl Context {
    /// Opens a decoder. It decodes on the GPU what that can, and the rest on the CPU.
    pub(crate) fn open(params: &CodecParams, limits: Limits, gpu: Option<&Gpu>) -> Result<Self, Cause> {
        let codec = decoder::find(id(params.codec)).ok_or(Cause::Unsupported(params.codec))?;
        let mut context = codec::Context::new_with_codec(codec);
        configure(&mut context, params, limits, gpu)?;
        let opened = log::explain(|| context.decoder().open_as(codec));
        let decoder = opened.map_err(|reason| Cause::BadParameters(params.codec, reason))?;
        Ok(Self { decoder, input: Packet::empty(), used: false })
    }

    /// Whether something went in since it was opened or flushed.
    pub(crate) fn is_used(&self) -> bool {
        self.used
    }

    /// Lets libavcodec leave out the non-reference pictures that are not marked as such. Where only key frames are
    /// wanted nothing else is sent, and libavcodec's own idea of a key frame is narrower.
    pub(crate) fn set_skip(&mut self, skip: Skip) {
        let discard = match skip {
            Skip::Nothing | Skip::NonKey => ffi::AVDiscard::AVDISCARD_DEFAULT,
            Skip::NonReference => ffi::AVDiscard::AVDISCARD_NONREF,
        };
        // SAFETY: the context is open and not null; `skip_frame` may be set by the user at any time (avcodec.h).
        unsafe { (*self.decoder.as_mut_ptr()).skip_frame = discard };
    }

    /// Whether P and B pictures are deblocked. I pictures always are.
    pub(crate) fn set_deblocking(&mut self, deblocking: bool) {
        let discard = if deblocking { ffi::AVDiscard::AVDISCARD_DEFAULT } else { ffi::AVDiscard::AVDISCARD_NONINTRA };
        // SAFETY: as above, for `skip_loop_filter`.
        unsafe { (*self.decoder.as_mut_ptr()).skip_loop_filter = discard };
    }

    /// Sends an access unit. The picture that comes of it will carry `serial`.
    pub(crate) fn send(&mut self, data: &[u8], serial: i64, is_key: bool) -> Result<(), Cause> {
        fill(&mut self.input, data)?;
        self.input.set_pts(Some(serial));
        self.input.set_dts(Some(serial));
        self.input.set_flags(if is_key { codec::packet::Flags::KEY } else { codec::packet::Flags::empty() });
        self.used = true;
        let mut not_pulled = false;
        let sent = log::explain(|| {
            let sent = self.decoder.send_packet(&self.input);
            not_pulled = matches!(sent, Err(AGAIN));
            sent
        });
        sent.map_err(|reason| if not_pulled { Cause::NotPulled } else { Cause::Undecodable(reason) })
    }

    /// Fetches the next picture in the order in which they are shown. `Err` is damage in what went in.
    pub(crate) fn receive(&mut self, picture: &mut Picture) -> Result<Received, Cause> {
        match self.decoder.receive_frame(picture.frame_mut()) {
            Ok(()) => Ok(Received::Picture),
            Err(ffmpeg_next::Error::Eof) => Ok(Received::End),
            Err(AGAIN) => Ok(Received::Nothing),
            Err(error) => Err(Cause::Undecodable(log::describe(error))),
        }
    }

    /// Says that nothing follows, so that the pictures held back for reordering come out.
    pub(crate) fn drain(&mut self) {
        // Fails only if it was said before.
        self.decoder.send_eof().ok();
    }

    /// Forgets all that went in. The next access unit must be a key frame.
    pub(crate) fn flush(&mut self) {
        self.decoder.flush();
        self.used = false;
    }
}

fn id(codec: Codec) -> codec::Id {
    match codec {
        Codec::H264 => codec::Id::H264,
        Codec::H265 => codec::Id::HEVC,
        Codec::Mjpeg => codec::Id::MJPEG,
    }
}

fn configure(
    context: &mut codec::Context,
    params: &CodecParams,
    limits: Limits,
    gpu: Option<&Gpu>,
) -> Result<(), Cause> {
    // SAFETY: `context` owns what it points to; null means that it could not be allocated. All fields are set before
    // the codec is opened, as avcodec.h asks. `extradata` is freed by libavcodec with `av_free`, and the reference to the GPU
    // is given back by it.
    unsafe {
        let Some(fields) = context.as_mut_ptr().as_mut() else { return Err(Cause::OutOfMemory) };
        fields.thread_count = 1;
        fields.max_pixels = i64::try_from(limits.max_pixels).unwrap_or(i64::MAX);
        // Cropping to the pixel, not to what suits vector instructions.
        fields.flags |= ffi::AV_CODEC_FLAG_UNALIGNED as c_int;
        if params.codec == Codec::Mjpeg {
            // Without this a truncated JPEG is a picture that is grey from there on, and no error.
            fields.err_recognition |= ffi::AV_EF_EXPLODE;
        }
        if let Some(gpu) = gpu.filter(|_| params.codec != Codec::Mjpeg) {
            // With a device libavcodec's own choice of formats takes it where it can, and goes on without if it fails.
            fields.hw_device_ctx = gpu.share();
        }
        if !params.extradata.is_empty() {
            let len = params.extradata.len();
            let padded = len + ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;
            let extradata = ffi::av_mallocz(padded).cast::<u8>();
            if extradata.is_null() {
                return Err(Cause::OutOfMemory);
            }
            extradata.copy_from_nonoverlapping(params.extradata.as_ptr(), len);
            fields.extradata = extradata;
            fields.extradata_size = c_int::try_from(len).map_err(|_| Cause::OutOfMemory)?;
        }
    }
    Ok(())
}

/// Copies an access unit into a packet, reusing its buffer if libavcodec has let go of it and it is large enough.
fn fill(packet: &mut Packet, data: &[u8]) -> Result<(), Cause> {
    let len = c_int::try_from(data.len()).map_err(|_| Cause::OutOfMemory)?;
    // SAFETY: the packet is valid. With its size set to 0, `av_grow_packet` keeps the buffer if it has room for `len`
    // and the padding and nobody else refers to it, else allocates another; it zeroes the padding. On success
    // `data` points to `len` bytes that are ours alone.
    unsafe {
        let fields = &mut *packet.as_mut_ptr();
        fields.size = 0;
        if ffi::av_grow_packet(fields, len) < 0 {
            return Err(Cause::OutOfMemory);
        }
        fields.data.copy_from_nonoverlapping(data.as_ptr(), data.len());
    }
    Ok(())
}
