//! Picture sizes out of H.264 and H.265 access units by FFmpeg's parsers, for containers that do not state them. A
//! parser reads parameter sets and slice headers; it decodes and allocates no picture.
#![expect(unsafe_code, reason = "libavcodec's parsers have no safe wrapper")]

use std::ptr::{NonNull, null_mut};

use ffmpeg_next::ffi;
use ffmpeg_next::packet::Ref as _;
use iris_core::{Codec, Size};

/// A parser and the settings it reads.
pub(crate) struct SizeParser {
    parser: NonNull<ffi::AVCodecParserContext>,
    context: NonNull<ffi::AVCodecContext>,
}

// SAFETY: both are owned, used through `&mut` alone, and bound to no thread.
unsafe impl Send for SizeParser {}

impl SizeParser {
    /// A parser for units with start codes; none for JPEG, or without memory.
    pub(crate) fn new(codec: Codec) -> Option<Self> {
        let id = match codec {
            Codec::H264 => ffi::AVCodecID::AV_CODEC_ID_H264,
            Codec::H265 => ffi::AVCodecID::AV_CODEC_ID_HEVC,
            Codec::Mjpeg => return None,
        };
        // SAFETY: both allocate or return null; a context made alone is freed again.
        unsafe {
            let mut context = NonNull::new(ffi::avcodec_alloc_context3(std::ptr::null()))?;
            let Some(mut parser) = NonNull::new(ffi::av_parser_init(id as _)) else {
                ffi::avcodec_free_context(&mut std::ptr::from_mut(context.as_mut()));
                return None;
            };
            parser.as_mut().flags |= ffi::PARSER_FLAG_COMPLETE_FRAMES;
            Some(Self { parser, context })
        }
    }

    /// The size of the picture that a complete access unit holds, if it brings its parameter sets or an earlier one
    /// did.
    pub(crate) fn read(&mut self, packet: &ffmpeg_next::Packet) -> Option<Size> {
        let (mut out, mut out_size) = (null_mut(), 0);
        // SAFETY: a demuxer's packet has the padding behind its data that parsers read into; the output points into
        // it and is not used.
        let (width, height) = unsafe {
            let (data, size) = ((*packet.as_ptr()).data, (*packet.as_ptr()).size);
            let (parser, context) = (self.parser.as_ptr(), self.context.as_ptr());
            let none = ffi::AV_NOPTS_VALUE;
            ffi::av_parser_parse2(parser, context, &raw mut out, &raw mut out_size, data, size, none, none, 0);
            ((*parser).width, (*parser).height)
        };
        let size = Size::new(u32::try_from(width).ok()?, u32::try_from(height).ok()?);
        (size.pixels() > 0).then_some(size)
    }
}

impl Drop for SizeParser {
    fn drop(&mut self) {
        // SAFETY: both are owned and freed once.
        unsafe {
            ffi::av_parser_close(self.parser.as_ptr());
            ffi::avcodec_free_context(&mut self.context.as_ptr());
        }
    }
}
