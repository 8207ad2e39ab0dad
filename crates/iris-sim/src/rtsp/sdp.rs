//! What a camera says of its stream: an SDP (RFC 8866) with one video track. Only formatting.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sdp_types::{Connection, Media, MediaType, Origin, Session, Time, TransportProto};

use crate::Clip;
use crate::nal::Codec;
use crate::rtp::PAYLOAD_TYPE;

/// The track's name in `a=control`.
pub(super) const TRACK: &str = "track0";

/// The description of a clip that is served at this address.
pub(super) fn describe(clip: &Clip, address: IpAddr) -> Vec<u8> {
    let mut session = Session::new(Origin::with_ip_addr(1, 1, address), "iris-sim");
    session.set_connection(Connection::from_ip_addr(unspecified(address)));
    session.add_time(Time::new(0, 0));
    session.add_attribute_with_value("control", "*");
    session.add_attribute_with_value("range", "npt=now-");
    let mut media = Media::new(MediaType::Video, 0, TransportProto::RtpAvp, PAYLOAD_TYPE);
    media.add_attribute_with_value("rtpmap", format!("{PAYLOAD_TYPE} {}/90000", clip.codec()));
    media.add_attribute_with_value("fmtp", format!("{PAYLOAD_TYPE} {}", format_parameters(clip)));
    media.add_attribute_with_value("framerate", format!("{:.3}", clip.frame_rate()));
    media.add_attribute_with_value("control", TRACK);
    session.add_media(media);
    let mut text = Vec::new();
    // A vector takes whatever is written to it.
    session.write(&mut text).unwrap_or_default();
    text
}

/// The codec's parameters (RFC 6184 §8.1, RFC 7798 §7.1) with the parameter sets that decoding starts with.
fn format_parameters(clip: &Clip) -> String {
    let sets: Vec<String> = clip.parameter_sets().iter().map(|set| BASE64.encode(set)).collect();
    match (clip.codec(), sets.as_slice()) {
        (Codec::H265, [vps, sps, pps]) => format!("sprop-vps={vps};sprop-sps={sps};sprop-pps={pps}"),
        (Codec::H264 | Codec::H265, _) => {
            let profile =
                clip.parameter_sets()[0].iter().skip(1).take(3).fold(0, |n, byte| (n << 8) | u32::from(*byte));
            format!("packetization-mode=1;profile-level-id={profile:06X};sprop-parameter-sets={}", sets.join(","))
        }
    }
}

fn unspecified(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}
