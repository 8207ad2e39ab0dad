//! Some seconds of a camera or a file, to see what it delivers. The same ingest and limits as a camera's.

use std::sync::Arc;
use std::time::Duration;

use iris_core::{CameraId, Clock, Epoch, Item, MediaTime, Packet};
use iris_ingest::{CameraStream, Output, Source, State};
use iris_pipeline::reason;

/// How long a key frame is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Access units for each second that is wanted, at most.
const MOST: usize = 100;

/// A key frame, and what comes in `span` behind it, which is waited for twice as long. Else why there is none.
pub(crate) async fn read(
    camera: CameraId,
    source: Source,
    clock: Arc<dyn Clock>,
    span: Duration,
) -> Result<Vec<Packet>, String> {
    let mut stream = CameraStream::new(camera, Epoch::first(0), source, clock);
    let key = tokio::time::timeout(PATIENCE, key_frame(&mut stream)).await;
    let mut packets = vec![key.map_err(|_| format!("no key frame came within {} s", PATIENCE.as_secs()))??];
    let most = MOST * span.as_secs().max(1) as usize;
    let more = async {
        while let Ok(Some(packet)) = next(&mut stream).await {
            let passed = packet.dts.since(packets[0].dts);
            packets.push(packet);
            if passed >= span || packets.len() >= most {
                break;
            }
        }
    };
    // A camera that is slow or breaks off now has shown that it delivers.
    tokio::time::timeout(2 * span, more).await.ok();
    Ok(packets)
}

async fn key_frame(stream: &mut CameraStream) -> Result<Packet, String> {
    loop {
        match next(stream).await? {
            Some(packet) if packet.is_key => return Ok(packet),
            Some(_) => {}
            None => return Err("it ended without a key frame".into()),
        }
    }
}

/// The next access unit; none at the end of a recording.
async fn next(stream: &mut CameraStream) -> Result<Option<Packet>, String> {
    loop {
        match stream.next().await {
            Output::Item(Item::Data(packet)) => return Ok(Some(packet)),
            Output::State(State::Ended) => return Ok(None),
            Output::State(State::Stalled) => return Err("nothing came any more".into()),
            Output::State(state) => reason(&state).map_or(Ok(()), Err)?,
            Output::Item(_) => {}
        }
    }
}

/// Frames a second, by the median of the times between pictures as they are shown.
pub(crate) fn rate(packets: &[Packet]) -> Option<f64> {
    let mut shown: Vec<MediaTime> = packets.iter().map(|packet| packet.at.media).collect();
    shown.sort_unstable();
    let mut steps: Vec<f64> = shown.windows(2).map(|two| two[1].since(two[0]).as_secs_f64()).collect();
    steps.sort_unstable_by(f64::total_cmp);
    let step = steps.get(steps.len() / 2).filter(|step| **step > 0.0)?;
    Some((100.0 / step).round() / 100.0)
}
