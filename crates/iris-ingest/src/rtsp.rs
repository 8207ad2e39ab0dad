//! RTSP cameras by retina: sign-in (basic and digest), RTP over TCP, keep-alive, teardown. Which address, when and how
//! often is decided elsewhere.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use iris_core::{Clock, Codec, CodecParams, MediaTime, Size, Timebase};
use retina::client::{
    Credentials, Demuxed, Described, InitialTimestampPolicy, PlayOptions, SessionGroup, SessionOptions, SetupOptions,
    Stream, TeardownPolicy,
};
use retina::codec::{CodecItem, FrameFormat, ParametersRef, VideoFrame, VideoParameters};

use crate::bitstream::{Framing, is_disposable};
use crate::feed::{Media, Unit};
use crate::limits::MAX_UNIT;
use crate::timeline::Raw;
use crate::{Error, ErrorKind, Result, Source, SourceUrl};

/// How long to wait until a camera, which may serve one session at a time, has ended the one before.
const TEARDOWN_PATIENCE: Duration = Duration::from_millis(500);

/// A playing session with one video stream.
pub(crate) struct Session {
    demuxed: Demuxed,
    stream: usize,
    codec: Codec,
    params: Option<Arc<CodecParams>>,
    lost: u32,
    source: Source,
    clock: Arc<dyn Clock>,
}

impl Session {
    /// Signs in, picks the first video stream that is taken, and plays it.
    pub(crate) async fn open(source: Source, clock: Arc<dyn Clock>, group: Arc<SessionGroup>) -> Result<(Self, Media)> {
        if tokio::time::timeout(TEARDOWN_PATIENCE, group.await_teardown()).await.is_err() {
            tracing::debug!(source = %source.url, "the session before is still being torn down");
        }
        let error = |e| translate(&source.url, &e);
        let mut session = describe(&source.url, group).await?;
        let (stream, codec) = choose(&source.url, session.streams())?;
        if let Some(params) = parameters(&session.streams()[stream], codec) {
            check(&source, &params)?;
        }
        // MP4 framing: the decoder is set up from avcC or hvcC, and set up again when they change.
        let setup = SetupOptions::default().frame_format(FrameFormat::MP4);
        session.setup(stream, setup).await.map_err(error)?;
        let params = parameters(&session.streams()[stream], codec);
        // Cameras get `rtptime` wrong, and the timeline starts at zero anyway.
        let play = PlayOptions::default().initial_timestamp(InitialTimestampPolicy::Ignore);
        let demuxed = session.play(play).await.map_err(error)?.demuxed().map_err(error)?;
        let media = Media {
            params: params
                .clone()
                .unwrap_or_else(|| Arc::new(CodecParams { codec, extradata: bytes::Bytes::new(), size: None })),
            duration: None,
            frames: None,
            recorded: false,
            stall_timeout: source.limits.stall_timeout,
        };
        Ok((Self { demuxed, stream, codec, params, lost: 0, source, clock }, media))
    }

    /// The next access unit whose parameters are known. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Unit> {
        loop {
            match self.demuxed.next().await {
                Some(Ok(CodecItem::VideoFrame(frame))) => {
                    if let Some(unit) = self.unit(frame)? {
                        return Ok(unit);
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(e)) => return Err(translate(&self.source.url, &e)),
                None => {
                    return Err(Error::new(ErrorKind::Closed, &self.source.url, "the camera closed the connection"));
                }
            }
        }
    }

    fn unit(&mut self, frame: VideoFrame) -> Result<Option<Unit>> {
        self.lost += u32::from(frame.loss());
        if frame.has_new_parameters() || self.params.is_none() {
            let params = parameters(&self.demuxed.streams()[self.stream], self.codec);
            if let Some(params) = &params {
                check(&self.source, params)?;
            }
            self.params = params.or(self.params.take());
        }
        let Some(params) = &self.params else {
            // Nothing can decode it. A camera that never sends parameters never sends a key frame either, and is
            // left for that.
            tracing::debug!(source = %self.source.url, "an access unit came before any parameter sets");
            return Ok(None);
        };
        if frame.data().len() > MAX_UNIT {
            let message = format!("an access unit of {} bytes; at most {MAX_UNIT} are taken", frame.data().len());
            return Err(Error::new(ErrorKind::Protocol, &self.source.url, message));
        }
        let timestamp = frame.timestamp();
        let timebase = Timebase { num: 1, den: timestamp.clock_rate().get() };
        Ok(Some(Unit {
            raw: Raw { pts: Some(MediaTime { ticks: timestamp.elapsed(), timebase }), dts: None },
            received: self.clock.mono(),
            is_key: frame.is_random_access_point(),
            disposable: is_disposable(self.codec, Framing::of(params), frame.data()),
            lost_before: std::mem::take(&mut self.lost),
            corrupt_before: false,
            params: Arc::clone(params),
            data: frame.into_data().into(),
        }))
    }
}

async fn describe(url: &SourceUrl, group: Arc<SessionGroup>) -> Result<retina::client::Session<Described>> {
    let bare = url.bare().ok_or_else(|| Error::new(ErrorKind::BadUrl, url, "not an rtsp address"))?;
    let credentials = url.credentials().map(|c| Credentials { username: c.user, password: c.password });
    let options = SessionOptions::default()
        .creds(credentials)
        .user_agent("iris".into())
        .session_group(group)
        .teardown(TeardownPolicy::Auto);
    retina::client::Session::describe(bare, options).await.map_err(|e| translate(url, &e))
}

/// The first video stream in a codec that is taken.
fn choose(url: &SourceUrl, streams: &[Stream]) -> Result<(usize, Codec)> {
    let video = || streams.iter().enumerate().filter(|(_, s)| s.media() == "video");
    if let Some(found) = video().find_map(|(i, s)| Some((i, codec(s.encoding_name())?))) {
        return Ok(found);
    }
    let offered: Vec<&str> = video().map(|(_, s)| s.encoding_name()).collect();
    if offered.is_empty() {
        return Err(Error::new(ErrorKind::NoVideo, url, "the camera offers no video stream"));
    }
    Err(codec_denied(url, &offered.join(", ")))
}

/// The error for a source that offers only codecs that are not taken.
pub(crate) fn codec_denied(url: &SourceUrl, offered: &str) -> Error {
    let message = format!("offers {offered}; h264, h265 and mjpeg are taken");
    Error::new(ErrorKind::CodecDenied, url, message)
}

/// An encoding name of the RTP media types registry.
fn codec(encoding_name: &str) -> Option<Codec> {
    match encoding_name {
        "h264" => Some(Codec::H264),
        "h265" => Some(Codec::H265),
        "jpeg" => Some(Codec::Mjpeg),
        _ => None,
    }
}

fn parameters(stream: &Stream, codec: Codec) -> Option<Arc<CodecParams>> {
    let Some(ParametersRef::Video(video)) = stream.parameters() else { return None };
    let extradata = if codec == Codec::Mjpeg { &[] } else { video.extra_data() };
    Some(Arc::new(CodecParams { codec, extradata: bytes::Bytes::copy_from_slice(extradata), size: Some(size(video)) }))
}

/// The size as shown, cropped; the decoder's memory is that of the coded size, which is at most 63 pixels more.
fn size(video: &VideoParameters) -> Size {
    let (width, height) = video.pixel_dimensions();
    Size::new(width, height)
}

fn check(source: &Source, params: &CodecParams) -> Result<()> {
    params.size.map_or(Ok(()), |size| source.limits.check_size(&source.url, size))
}

/// retina's errors are text but for their status code; the first line says what happened, the rest where in the
/// capture.
fn translate(url: &SourceUrl, error: &retina::Error) -> Error {
    let text = error.to_string();
    let (kind, message) = match error.status_code() {
        Some(401 | 403) => (ErrorKind::AuthFailed, "the camera refuses the user name or password"),
        Some(404) => (ErrorKind::NotFound, "the camera has no stream at this path"),
        _ if text.starts_with("Unable to connect") => (ErrorKind::Unreachable, text.as_str()),
        _ if text.contains("EOF while") || text.starts_with("Error reading") => (ErrorKind::Closed, text.as_str()),
        _ if text.starts_with("Timeout") => (ErrorKind::Timeout, "the camera stopped answering"),
        _ => (ErrorKind::Protocol, text.as_str()),
    };
    Error::new(kind, url, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_codecs_are_taken() {
        for (name, taken) in
            [("h264", true), ("h265", true), ("jpeg", true), ("av1", false), ("vp9", false), ("mp4v-es", false)]
        {
            assert_eq!(codec(name).is_some(), taken, "{name}");
        }
    }
}
