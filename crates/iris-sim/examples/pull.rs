//! Opens sessions to many cameras with retina and discards what they send: the other end of a measurement of
//! `iris-sim serve`. `pull URL_WITHOUT_NUMBER CAMERAS SECONDS [udp]`, as in `pull rtsp://127.0.0.1:8554/cam/ 200 30`.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use futures::StreamExt as _;
use retina::client::{PacketItem, PlayOptions, Session, SessionOptions, SetupOptions, Transport, UdpTransportOptions};
use url::Url;

#[derive(Default)]
struct Count {
    frames: u64,
    lost: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [base, cameras, seconds, rest @ ..] = args.as_slice() else {
        anyhow::bail!("usage: pull URL_WITHOUT_NUMBER CAMERAS SECONDS [udp]");
    };
    let transport = if rest.is_empty() { Transport::default() } else { Transport::Udp(UdpTransportOptions::default()) };
    let (cameras, duration) = (cameras.parse::<usize>()?, Duration::from_secs(seconds.parse()?));
    let mut sessions = tokio::task::JoinSet::new();
    for camera in 0..cameras {
        let url = Url::parse(&format!("{base}{camera}")).context("URL")?;
        sessions.spawn(pull(url, transport.clone(), duration));
    }
    let (mut total, mut failed) = (Count::default(), 0);
    while let Some(ended) = sessions.join_next().await {
        match ended? {
            Ok(count) => {
                total.frames += count.frames;
                total.lost += count.lost;
            }
            Err(error) => {
                failed += 1;
                writeln!(std::io::stderr(), "{error:#}")?;
            }
        }
    }
    let rate = total.frames as f64 / duration.as_secs_f64();
    writeln!(std::io::stdout(), "{cameras} cameras, {rate:.1} frames/s, {} packets lost, {failed} failed", total.lost)?;
    Ok(())
}

/// Counts the frames (marker bits) of one camera.
async fn pull(url: Url, transport: Transport, duration: Duration) -> anyhow::Result<Count> {
    let mut session = Session::describe(url, SessionOptions::default()).await?;
    session.setup(0, SetupOptions::default().transport(transport)).await?;
    let session = session.play(PlayOptions::default()).await?;
    tokio::pin!(session);
    let mut count = Count::default();
    let end = tokio::time::Instant::now() + duration;
    while let Ok(item) = tokio::time::timeout_at(end, session.next()).await {
        if let PacketItem::Rtp(packet) = item.context("the camera ended the session")?? {
            count.frames += u64::from(packet.mark());
            count.lost += u64::from(packet.loss());
        }
    }
    Ok(count)
}
