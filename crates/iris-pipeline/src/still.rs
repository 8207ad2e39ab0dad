//! One picture out of encoded access units, for whoever wants to see a camera now. It takes as long as decoding does:
//! call it from a thread of your own.

use iris_core::{Frame, MonoTime, Packet};
use iris_decode::{Decoder, FramePool, Limits};

/// The last picture of `packets`, of which the first must be a key frame. None if nothing could be decoded.
pub fn still(packets: &[Packet], now: MonoTime) -> Option<Frame> {
    let mut decoder = Decoder::new(FramePool::new(), Limits::default());
    let mut last = None;
    for packet in packets {
        if let Err(error) = decoder.push(packet) {
            tracing::debug!(%error, "access unit not decoded");
        }
        keep_last(&mut decoder, now, &mut last);
    }
    decoder.drain();
    keep_last(&mut decoder, now, &mut last);
    last
}

fn keep_last(decoder: &mut Decoder, now: MonoTime, last: &mut Option<Frame>) {
    loop {
        match decoder.pull(now) {
            Ok(Some(frame)) => *last = Some(frame),
            Ok(None) => return,
            Err(error) => tracing::debug!(%error, "picture not decoded"),
        }
    }
}
