//! How many RTP packets FFmpeg's demuxer found missing. It says so in a line of its log and nowhere else.

use std::cell::Cell;

thread_local! {
    /// Since it was last asked. A demuxer logs on the thread that reads from it.
    static MISSED: Cell<u32> = const { Cell::new(0) };
}

/// Takes note of what a line of FFmpeg's log says to this crate. To be called with each line, warnings and worse, on the
/// thread on which it was logged; without it what RTP over UDP loses is not noticed.
pub fn hear_ffmpeg(line: &str) {
    let missed = line.split_once("RTP: missed ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    MISSED.set(MISSED.get().saturating_add(missed.unwrap_or(0)));
}

/// The packets missing since the last call on this thread.
pub(crate) fn take() -> u32 {
    MISSED.take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_counted_that_ffmpeg_misses() {
        take();
        for line in
            ["[rtsp @ 0x7f] RTP: missed 3 packets", "RTP: missed 4 packets", "missed 5", "RTP: missed -1 packets"]
        {
            hear_ffmpeg(line);
        }
        assert_eq!((take(), take()), (7, 0));
    }
}
