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
use iris_core::CameraId;
use iris_ingest::{Limits, Protocol, Source, SourceUrl};
use iris_pipeline::still;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::caller::Caller;
use super::media::jpeg;
use super::problem::{Code, Problem};
use crate::config::{Secret, Transport};
use crate::{excerpt, setup};

/// How much video is awaited behind the key frame, to count the frames in it.
const COUNTED: Duration = Duration::from_secs(1);

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
    let camera = CameraId::new("test").map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let packets = excerpt::read(camera, source, Arc::clone(&app.clock), COUNTED).await.map_err(failed)?;
    let (key, rate) = (packets[0].clone(), excerpt::rate(&packets));
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

fn failed(why: impl Into<String>) -> Problem {
    Problem::new(Code::SourceFailed, why)
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
