//! How much of an untrusted source is taken. What no camera needs more of is a constant here, not a setting.

use std::time::Duration;

use iris_core::Size;

use crate::{Error, ErrorKind, Result, SourceUrl};

/// What a source may ask of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most pixels of one picture.
    pub max_pixels: u64,
    /// How long a source may take from the first byte sent to it until its first media is announced.
    pub open_timeout: Duration,
    /// How long a live source may send nothing before it counts as stalled. HLS, which comes in segments of
    /// several seconds, is given three times as long.
    pub stall_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_pixels: Size::new(4096, 2304).pixels(),
            open_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Refuses a picture that is larger than the limit or has no pixels.
    pub(crate) fn check_size(&self, url: &SourceUrl, size: Size) -> Result<()> {
        if size.pixels() > self.max_pixels || size.pixels() == 0 {
            let message = format!(
                "a picture of {}x{} pixels; at least one and at most {} are taken",
                size.width, size.height, self.max_pixels
            );
            return Err(Error::new(ErrorKind::TooLarge, url, message));
        }
        Ok(())
    }
}

/// The longest address, in bytes.
pub(crate) const MAX_URL: usize = 4096;
/// The most streams that a container may declare.
pub(crate) const MAX_STREAMS: u32 = 32;
/// How many bytes FFmpeg may read to find out what a source holds.
pub(crate) const PROBE_BYTES: u32 = 1 << 20;
/// The largest access unit.
pub(crate) const MAX_UNIT: usize = 16 << 20;
/// How many access units wait between a demuxer's thread and the stream.
pub(crate) const UNITS_AHEAD: usize = 4;
/// How many unreadable packets in a row end a source.
pub(crate) const MAX_CORRUPT: u32 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_limit_counts_pixels() {
        let url: SourceUrl = "rtsp://10.0.0.1/live".parse().unwrap();
        let limits = Limits::default();
        for (width, height, taken) in [
            (1920, 1080, true),
            (4096, 2304, true),
            (2304, 4096, true),
            (16384, 16384, false),
            (65535, 1, true),
            (0, 8, false),
        ] {
            let result = limits.check_size(&url, Size::new(width, height));
            assert_eq!(result.is_ok(), taken, "{width}x{height}");
            assert!(result.is_ok() || result.is_err_and(|e| e.kind() == ErrorKind::TooLarge));
        }
    }
}
