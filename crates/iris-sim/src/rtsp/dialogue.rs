//! What a client may ask, when, and what it is told: the requests of one connection as a state machine (RFC 2326,
//! appendix A) without sockets. At most one session a connection, with one track.

use std::net::SocketAddr;

use rand::RngExt;
use rtsp_types::headers::{self, RtpInfos, RtpLowerTransport, RtpProfile, RtpTransport, RtpTransportParameters};
use rtsp_types::{Method, Request, Response, ResponseBuilder, StatusCode, Version};
use url::Url;

use super::sdp;
use crate::farm::Shared;
use crate::fault::Fault;
use crate::media::{Channels, Identity};

const ALLOWED: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN";

/// How packets reach the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// Interleaved with RTSP.
    Tcp(Channels),
    /// To these two addresses.
    Udp { rtp: SocketAddr, rtcp: SocketAddr },
}

/// A session that was set up.
#[derive(Debug, Clone)]
pub(super) struct Session {
    id: String,
    pub(super) camera: usize,
    pub(super) transport: Transport,
    pub(super) identity: Identity,
}

/// What to do about a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// Send this.
    Reply(Response<Vec<u8>>),
    /// Send this and start the session.
    Play(Response<Vec<u8>>),
    /// Send this and stop the session.
    Stop(Response<Vec<u8>>),
    /// Say nothing.
    Silence,
    /// Reset the connection.
    Reset,
}

/// The state of one connection's dialogue.
#[derive(Debug)]
pub(super) struct Dialogue {
    peer: SocketAddr,
    /// The camera asked for last.
    camera: Option<usize>,
    session: Option<Session>,
    playing: bool,
}

/// A refusal, with the header that explains it.
struct Refusal(StatusCode, Option<(headers::HeaderName, String)>);

impl From<StatusCode> for Refusal {
    fn from(status: StatusCode) -> Self {
        Self(status, None)
    }
}

type Reply = Result<(ResponseBuilder, Vec<u8>), Refusal>;

impl Dialogue {
    pub(super) fn new(peer: SocketAddr) -> Self {
        Self { peer, camera: None, session: None, playing: false }
    }

    /// The camera that this connection is about, as soon as that is known.
    pub(super) fn camera(&self) -> Option<usize> {
        self.camera
    }

    pub(super) fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, request: &Request<Vec<u8>>, farm: &Shared) -> Answer {
        if self.session.is_none() {
            self.camera = request.request_uri().and_then(camera_of).filter(|n| *n < farm.cameras.len()).or(self.camera);
        }
        if let Some(camera) = self.camera {
            let control = farm.cameras[camera].control.borrow();
            match control.condition {
                Fault::Kill => return Answer::Reset,
                _ if control.is_mute() => return Answer::Silence,
                _ => {}
            }
        }
        let was_playing = self.playing;
        let response = finish(request, self.reply(request, farm));
        match (was_playing, self.playing) {
            (false, true) => Answer::Play(response),
            (true, false) => Answer::Stop(response),
            _ => Answer::Reply(response),
        }
    }

    fn reply(&mut self, request: &Request<Vec<u8>>, farm: &Shared) -> Reply {
        check_head(request)?;
        if *request.method() == Method::Options {
            return Ok((ok().header(headers::PUBLIC, ALLOWED), Vec::new()));
        }
        if let Some(gate) = farm.gate.as_ref().filter(|gate| !gate.admits(request)) {
            return Err(Refusal(StatusCode::Unauthorized, Some((headers::WWW_AUTHENTICATE, gate.challenge()))));
        }
        match request.method() {
            Method::Describe => self.describe(request, farm),
            Method::Setup => self.setup(request, farm),
            Method::Play => self.play(request, farm),
            Method::Teardown => self.teardown(request),
            Method::GetParameter | Method::SetParameter => self.keep_alive(request),
            Method::Extension(_) => Err(StatusCode::NotImplemented.into()),
            _ => Err(Refusal(StatusCode::MethodNotAllowed, Some((headers::ALLOW, ALLOWED.into())))),
        }
    }

    fn describe(&self, request: &Request<Vec<u8>>, farm: &Shared) -> Reply {
        let (camera, url) = self.target(request)?;
        let clip = farm.cameras[camera].control.borrow().clip.clone();
        let reply =
            ok().header(headers::CONTENT_TYPE, "application/sdp").header(headers::CONTENT_BASE, base(&url, camera));
        Ok((reply, sdp::describe(&clip, farm.addr.ip())))
    }

    fn setup(&mut self, request: &Request<Vec<u8>>, farm: &Shared) -> Reply {
        let (camera, _) = self.target(request)?;
        if self.playing {
            return Err(StatusCode::MethodNotValidInThisState.into());
        }
        if request.header(&headers::SESSION).is_some() {
            self.check_session(request)?;
        }
        let transport = self.choose_transport(request)?;
        let session = self.session.get_or_insert_with(|| {
            let mut rng = farm.cameras[camera].next_session();
            let id = format!("{:016x}", rng.random::<u64>());
            Session { id, camera, transport, identity: Identity::random(&mut rng) }
        });
        session.transport = transport;
        let described = session.describe_transport(farm.udp.ports());
        let timeout = farm.session_timeout.as_secs();
        let transports = headers::Transports::from(vec![headers::Transport::Rtp(described)]);
        let session = headers::Session::with_timeout(session.id.clone(), timeout);
        Ok((ok().typed_header(&transports).typed_header(&session), Vec::new()))
    }

    fn play(&mut self, request: &Request<Vec<u8>>, farm: &Shared) -> Reply {
        let session = self.check_session(request)?;
        let url = request.request_uri().ok_or(StatusCode::BadRequest)?;
        let timeout = farm.session_timeout.as_secs();
        let mut reply = ok()
            .typed_header(&headers::Session::with_timeout(session.id.clone(), timeout))
            .header(headers::RANGE, "npt=now-");
        if !self.playing {
            let uri = Url::parse(&format!("{}{}", base(url, session.camera), sdp::TRACK))
                .map_err(|_| StatusCode::BadRequest)?;
            let (seq, rtptime) = (Some(session.identity.sequence), Some(session.identity.timestamp));
            reply = reply.typed_header(&RtpInfos::V1(vec![headers::rtp_info::v1::RtpInfo { uri, seq, rtptime }]));
        }
        self.playing = true;
        Ok((reply, Vec::new()))
    }

    fn teardown(&mut self, request: &Request<Vec<u8>>) -> Reply {
        self.check_session(request)?;
        self.session = None;
        self.playing = false;
        Ok((ok(), Vec::new()))
    }

    /// Parameters there are none; these requests are how clients say that they still live.
    fn keep_alive(&self, request: &Request<Vec<u8>>) -> Reply {
        if request.header(&headers::SESSION).is_some() {
            self.check_session(request)?;
        }
        Ok((ok(), Vec::new()))
    }

    /// The camera that a request is about.
    fn target(&self, request: &Request<Vec<u8>>) -> Result<(usize, Url), StatusCode> {
        let url = request.request_uri().ok_or(StatusCode::BadRequest)?;
        match (camera_of(url), self.camera) {
            (Some(asked), Some(known)) if asked == known => Ok((known, url.clone())),
            (Some(_), Some(_)) if self.session.is_some() => Err(StatusCode::AggregateOperationNotAllowed),
            _ => Err(StatusCode::NotFound),
        }
    }

    fn check_session(&self, request: &Request<Vec<u8>>) -> Result<&Session, StatusCode> {
        let named = request.header(&headers::SESSION).and_then(|h| h.as_str().split(';').next()).map(str::trim);
        self.session.as_ref().filter(|s| Some(s.id.as_str()) == named).ok_or(StatusCode::SessionNotFound)
    }

    /// The first of the client's transports that is served: TCP, or UDP to ports of the client itself, whatever
    /// destination it names.
    fn choose_transport(&self, request: &Request<Vec<u8>>) -> Result<Transport, StatusCode> {
        let mut head = Request::builder(Method::Setup, Version::V1_0).empty();
        let offered = request.header(&headers::TRANSPORT).ok_or(StatusCode::BadRequest)?;
        // rtsp-types 0.1.3 panics at a quotation mark that stands alone; nothing that is read here needs one.
        head.insert_header(headers::TRANSPORT, offered.as_str().replace(['"', '\\'], ""));
        let offered: headers::Transports =
            head.typed_header().map_err(|_| StatusCode::BadRequest)?.ok_or(StatusCode::BadRequest)?;
        offered.iter().find_map(|t| self.served(t)).ok_or(StatusCode::UnsupportedTransport)
    }

    fn served(&self, offered: &headers::Transport) -> Option<Transport> {
        let headers::Transport::Rtp(RtpTransport { profile: RtpProfile::Avp, lower_transport, params }) = offered
        else {
            return None;
        };
        match lower_transport {
            Some(RtpLowerTransport::Tcp) => {
                let (rtp, rtcp) = params.interleaved.unwrap_or((0, None));
                Some(Transport::Tcp(Channels { rtp, rtcp: rtcp.unwrap_or(rtp.wrapping_add(1)) }))
            }
            None | Some(RtpLowerTransport::Udp) if !params.multicast => {
                let (rtp, rtcp) = params.client_port.filter(|(rtp, _)| *rtp != 0)?;
                let to = |port| SocketAddr::new(self.peer.ip(), port);
                Some(Transport::Udp { rtp: to(rtp), rtcp: to(rtcp.unwrap_or(rtp.wrapping_add(1))) })
            }
            _ => None,
        }
    }
}

impl Session {
    fn describe_transport(&self, server_ports: (u16, u16)) -> RtpTransport {
        let mut params = RtpTransportParameters {
            unicast: true,
            ssrc: vec![self.identity.ssrc],
            ..RtpTransportParameters::default()
        };
        let lower_transport = match self.transport {
            Transport::Tcp(channels) => {
                params.interleaved = Some((channels.rtp, Some(channels.rtcp)));
                Some(RtpLowerTransport::Tcp)
            }
            Transport::Udp { rtp, rtcp } => {
                params.client_port = Some((rtp.port(), Some(rtcp.port())));
                params.server_port = Some((server_ports.0, Some(server_ports.1)));
                None
            }
        };
        RtpTransport { profile: RtpProfile::Avp, lower_transport, params }
    }
}

fn ok() -> ResponseBuilder {
    Response::builder(Version::V1_0, StatusCode::Ok)
}

/// What every request must be, whatever it asks.
fn check_head(request: &Request<Vec<u8>>) -> Result<(), Refusal> {
    if request.version() != Version::V1_0 {
        return Err(StatusCode::RTSPVersionNotSupported.into());
    }
    if request.header(&headers::CSEQ).is_none_or(|h| h.as_str().parse::<u32>().is_err()) {
        return Err(StatusCode::BadRequest.into());
    }
    match request.header(&headers::REQUIRE) {
        Some(features) => {
            Err(Refusal(StatusCode::OptionNotSupported, Some((headers::UNSUPPORTED, features.as_str().into()))))
        }
        None => Ok(()),
    }
}

/// Adds what every response carries.
fn finish(request: &Request<Vec<u8>>, reply: Reply) -> Response<Vec<u8>> {
    let (mut builder, body) = reply.unwrap_or_else(|Refusal(status, why)| {
        let builder = Response::builder(Version::V1_0, status);
        (why.into_iter().fold(builder, |b, (name, value)| b.header(name, value)), Vec::new())
    });
    if let Some(cseq) = request.header(&headers::CSEQ) {
        builder = builder.header(headers::CSEQ, cseq.as_str());
    }
    builder.header(headers::SERVER, "iris-sim").build(body)
}

/// The number in `/cam/N`, `/cam/N/` or `/cam/N/track0`.
fn camera_of(url: &Url) -> Option<usize> {
    let mut segments = url.path_segments()?;
    let number = segments.next().filter(|s| *s == "cam").and(segments.next())?;
    let is_track = matches!((segments.next(), segments.next()), (None | Some("" | sdp::TRACK), None));
    number.parse().ok().filter(|_| is_track)
}

/// The URL to which a description's names are relative.
fn base(url: &Url, camera: usize) -> String {
    let mut base = url.clone();
    base.set_path(&format!("/cam/{camera}/"));
    base.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_named_by_their_path() {
        let cases = [
            ("/cam/0", Some(0)),
            ("/cam/12/", Some(12)),
            ("/cam/3/track0", Some(3)),
            ("/cam/3/track0?a=b", Some(3)),
            ("/cam/3/track1", None),
            ("/cam/3/track0/x", None),
            ("/cam/-1", None),
            ("/cam/99999999999999999999", None),
            ("/cam/", None),
            ("/cam", None),
            ("/cams/0", None),
            ("", None),
        ];
        for (path, expected) in cases {
            let url = Url::parse(&format!("rtsp://127.0.0.1:8554{path}")).expect("a URL");
            assert_eq!(camera_of(&url), expected, "{path}");
        }
        assert_eq!(camera_of(&Url::parse("rtsp:no-base").expect("a URL")), None);
    }

    #[test]
    fn a_client_gets_the_first_transport_that_is_served() {
        let dialogue = Dialogue::new(([192, 0, 2, 7], 5000).into());
        let udp =
            |rtp, rtcp| Ok(Transport::Udp { rtp: ([192, 0, 2, 7], rtp).into(), rtcp: ([192, 0, 2, 7], rtcp).into() });
        let tcp = |rtp, rtcp| Ok(Transport::Tcp(Channels { rtp, rtcp }));
        let cases = [
            ("RTP/AVP/TCP;unicast;interleaved=2-3", tcp(2, 3)),
            ("RTP/AVP/TCP;unicast", tcp(0, 1)),
            ("RTP/AVP/TCP;interleaved=255", tcp(255, 0)),
            ("RTP/AVP;unicast;client_port=4000-4001", udp(4000, 4001)),
            ("RTP/AVP/UDP;unicast;client_port=4000;mode=\"PLAY\"", udp(4000, 4001)),
            ("RTP/AVP;multicast,RTP/AVP/TCP;unicast;interleaved=0-1", tcp(0, 1)),
            ("RTP/AVP;unicast;client_port=4000-4001;destination=198.51.100.1", udp(4000, 4001)),
            ("RTP/SAVP/TCP;interleaved=0-1", Err(StatusCode::UnsupportedTransport)),
            ("RTP/AVP;multicast", Err(StatusCode::UnsupportedTransport)),
            ("RTP/AVP;unicast", Err(StatusCode::UnsupportedTransport)),
            ("RTP/AVP;unicast;client_port=0-1", Err(StatusCode::UnsupportedTransport)),
            ("RTP/AVP/TCP;interleaved=999-1000", Err(StatusCode::BadRequest)),
            ("RTP/AVP/TCP;mode=\"", tcp(0, 1)),
            ("RTP/AVP/TCP;dest_addr=\"\\\"", Err(StatusCode::BadRequest)),
            ("", Err(StatusCode::UnsupportedTransport)),
        ];
        for (header, expected) in cases {
            let request =
                Request::builder(Method::Setup, Version::V1_0).header(headers::TRANSPORT, header).build(vec![]);
            assert_eq!(dialogue.choose_transport(&request), expected, "{header}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_transport_makes_it_fall_over(text: String, head in "(RTP/AVP(/TCP)?;[a-z_]{4,11}=)?") {
            let header = format!("{head}{text}");
            let request = Request::builder(Method::Setup, Version::V1_0).header(headers::TRANSPORT, header).build(vec![]);
            let chosen = Dialogue::new(([127, 0, 0, 1], 1).into()).choose_transport(&request);
            proptest::prop_assert!(chosen.is_err() || !head.is_empty());
        }
    }
}
