//! Access units in the form of Annex B, whatever form their file holds them in. FFmpeg's raw muxers do the work: they
//! turn length prefixes into start codes and put a file's parameter sets in front of its key frames.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::context::{Output, StreamIo};

use crate::nal::{Codec, is_length_prefixed};

/// Converts the packets of one stream, in order.
pub(super) struct AnnexB {
    muxer: Output,
    written: Shared,
    codec: Codec,
    is_first: bool,
}

impl AnnexB {
    /// For a stream with these parameters.
    pub(super) fn new(codec: Codec, parameters: ffmpeg::codec::Parameters) -> Result<Self, ffmpeg::Error> {
        let format = match codec {
            Codec::H264 => "h264",
            Codec::H265 => "hevc",
        };
        let written = Shared::default();
        let mut muxer = ffmpeg::format::output_to_stream(StreamIo::from_write(written.clone())?, None, Some(format))?;
        muxer.add_stream(None::<ffmpeg::Codec>)?.set_parameters(parameters);
        let options = ffmpeg::Dictionary::from_iter([("flush_packets", "1")]);
        muxer.write_header_with(options)?;
        Ok(Self { muxer, written, codec, is_first: true })
    }

    /// The packet's access unit with start codes.
    pub(super) fn convert(&mut self, packet: &ffmpeg::Packet) -> Result<Vec<u8>, ffmpeg::Error> {
        let mut packet = packet.clone();
        if std::mem::take(&mut self.is_first) {
            packet = self.unmistakable(packet);
        }
        packet.set_stream(0);
        packet.write(&mut self.muxer)?;
        Ok(self.written.take())
    }

    /// The muxer tells the form of a stream from the first bytes of its first packet, and takes a NAL unit of 256 to 511
    /// bytes behind its length (`00 00 01 xx`) for a start code. A delimiter in front rules that out.
    fn unmistakable(&self, packet: ffmpeg::Packet) -> ffmpeg::Packet {
        let data = packet.data().unwrap_or_default();
        if !data.starts_with(&[0, 0, 1]) || !is_length_prefixed(data) {
            return packet;
        }
        let delimiter = self.codec.delimiter();
        let mut longer = ffmpeg::Packet::copy(&[&(delimiter.len() as u32).to_be_bytes(), delimiter, data].concat());
        longer.set_pts(packet.pts());
        longer.set_dts(packet.dts());
        longer.set_flags(packet.flags());
        longer
    }
}

/// What the muxer has written since it was last taken.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl io::Write for Shared {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
