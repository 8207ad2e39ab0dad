//! Whether an address delivers video, before it becomes a camera: the same ingest and limits as a camera's, for some
//! seconds.
//!
//! An address is a way to reach what only this machine reaches. So only the four schemes of network cameras are taken,
//! only admins may ask, one question at a time, and addresses that no camera has are refused: link-local ones, among them
//! the metadata services of clouds, unspecified, multicast and broadcast ones. Those of this machine and of private networks
//! are where cameras are. The name is resolved once here and again by the connection, so a name server that changes its
//! mind is not caught.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use iris_core::{CameraId, Epoch, Item, MediaTime, Packet};
use iris_ingest::{CameraStream, Limits, Output, Protocol, Source, SourceUrl, State as Ingest};
use iris_pipeline::{reason, still};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::caller::Caller;
use super::media::jpeg;
use super::problem::{Code, Problem};
use crate::config::{Secret, Transport};
use crate::setup;

/// How long an address is looked at.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much video is awaited behind the key frame, to count the frames in it.
const COUNTED: Duration = Duration::from_secs(1);
/// How long is waited for that.
const COUNTING: Duration = Duration::from_secs(2);
/// The most access units that are looked at.
const MOST: usize = 100;

/// An address to be tried.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "rtsp://user:password@10.0.0.11/stream2"}))]
pub(super) struct Try {
    /// `rtsp://`, `rtsps://`, `http://` or `https://`, with user and password if the camera asks for them.
    #[schema(value_type = String)]
    url: Secret,
    /// How an RTSP camera's video is carried.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    transport: Option<Transport>,
}

/// What an address delivers.
#[derive(Serialize, ToSchema)]
pub(super) struct Found {
    /// `h264`, `h265` or `mjpeg`.
    codec: String,
    width: Option<u32>,
    height: Option<u32>,
    /// Frames a second, where they have times.
    frames_per_second: Option<f64>,
    /// A picture, as JPEG in Base64.
    picture: Option<String>,
}

/// Tries an address before it becomes a camera: whether it delivers, and what. It takes up to ten seconds.
#[utoipa::path(post, path = "/api/v1/cameras/test", tag = "cameras", responses(
    (status = 200, body = Found), (status = 422, description = "It does not deliver, and why")))]
pub(super) async fn test_camera(
    State(app): State<App>,
    caller: Caller,
    Json(asked): Json<Try>,
) -> Result<Json<Found>, Problem> {
    let source = source(&asked)?;
    let _seat = app.probes.enter_as(caller.name(), 1)?;
    refuse_strange_hosts(asked.url.expose()).await?;
    let packets = tokio::time::timeout(PATIENCE, read(&app, source)).await;
    let packets = packets.map_err(|_| failed(format!("no key frame came within {} s", PATIENCE.as_secs())))??;
    let (key, rate) = (packets[0].clone(), rate(&packets));
    let now = app.clock.mono();
    let picture =
        app.stills.run(move || still(&packets[..1], now).and_then(|frame| Some((frame.size, jpeg(&frame)?)))).await?;
    let size = picture.as_ref().map(|(size, _)| *size).or(key.params.size);
    Ok(Json(Found {
        codec: key.params.codec.to_string(),
        width: size.map(|size| size.width),
        height: size.map(|size| size.height),
        frames_per_second: rate,
        picture: picture.map(|(_, jpeg)| STANDARD.encode(jpeg)),
    }))
}

fn source(asked: &Try) -> Result<Source, Problem> {
    let url = SourceUrl::parse(asked.url.expose()).map_err(|error| Problem::invalid("url", error.to_string()))?;
    if url.protocol() == Protocol::File {
        return Err(Problem::invalid("url", "only rtsp, rtsps, http and https addresses are tried"));
    }
    Ok(Source { url, transport: setup::transport(asked.transport.unwrap_or_default()), limits: Limits::default() })
}

/// A key frame, and what came in the second behind it.
async fn read(app: &App, source: Source) -> Result<Vec<Packet>, Problem> {
    let camera = CameraId::new("test").map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let mut stream = CameraStream::new(camera, Epoch::first(0), source, Arc::clone(&app.clock));
    let key = loop {
        match next(&mut stream).await? {
            Some(packet) if packet.is_key => break packet,
            Some(_) => {}
            None => return Err(failed("it ended without a key frame")),
        }
    };
    let mut packets = vec![key];
    let more = async {
        while let Ok(Some(packet)) = next(&mut stream).await {
            let passed = packet.dts.since(packets[0].dts);
            packets.push(packet);
            if passed >= COUNTED || packets.len() == MOST {
                break;
            }
        }
    };
    // A camera that is slow or breaks off now has shown that it delivers.
    tokio::time::timeout(COUNTING, more).await.ok();
    Ok(packets)
}

/// The next access unit; none at the end of a recording.
async fn next(stream: &mut CameraStream) -> Result<Option<Packet>, Problem> {
    loop {
        match stream.next().await {
            Output::Item(Item::Data(packet)) => return Ok(Some(packet)),
            Output::State(Ingest::Ended) => return Ok(None),
            Output::State(Ingest::Stalled) => return Err(failed("nothing came any more")),
            Output::State(state) => reason(&state).map_or(Ok(()), |why| Err(failed(why)))?,
            Output::Item(_) => {}
        }
    }
}

fn failed(why: impl Into<String>) -> Problem {
    Problem::new(Code::SourceFailed, why)
}

/// Frames a second, by the median of the times between pictures as they are shown.
fn rate(packets: &[Packet]) -> Option<f64> {
    let mut shown: Vec<MediaTime> = packets.iter().map(|packet| packet.at.media).collect();
    shown.sort_unstable();
    let mut steps: Vec<f64> = shown.windows(2).map(|two| two[1].since(two[0]).as_secs_f64()).collect();
    steps.sort_unstable_by(f64::total_cmp);
    let step = steps.get(steps.len() / 2).filter(|step| **step > 0.0)?;
    Some((100.0 / step).round() / 100.0)
}

/// Refuses a host that no camera is.
async fn refuse_strange_hosts(address: &str) -> Result<(), Problem> {
    // Checked before; its own message could quote a password.
    let url = url::Url::parse(address).map_err(|_| Problem::invalid("url", "not a valid URL"))?;
    let (Some(host), port) = (url.host_str(), url.port_or_known_default().unwrap_or(554)) else {
        return Err(Problem::invalid("url", "it names no host"));
    };
    let host = host.trim_matches(['[', ']']);
    let found = tokio::net::lookup_host((host, port)).await;
    let mut found = found.map_err(|_| failed(format!("{host} has no address")))?;
    match found.find(|address| is_strange(address.ip())) {
        None => Ok(()),
        Some(address) => Err(Problem::invalid("url", format!("no camera is at {}", address.ip()))),
    }
}

/// Whether an address is of a kind that no camera has.
fn is_strange(ip: IpAddr) -> bool {
    /// The metadata service of AWS over IPv6.
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.octets()[0] >= 240
                || ip.octets()[0] == 0
        }
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast() || ip == METADATA,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_no_camera_has_are_refused() {
        for (address, strange) in [
            ("192.168.1.7", false),
            ("10.0.0.1", false),
            ("127.0.0.1", false),
            ("203.0.113.9", false),
            ("::1", false),
            ("fd00::7", false),
            ("169.254.169.254", true),
            ("::ffff:169.254.169.254", true),
            ("fe80::1", true),
            ("fd00:ec2::254", true),
            ("0.0.0.0", true),
            ("0.1.2.3", true),
            ("::", true),
            ("224.0.0.1", true),
            ("255.255.255.255", true),
            ("ff02::1", true),
        ] {
            assert_eq!(is_strange(address.parse().expect("an address")), strange, "{address}");
        }
    }
}
