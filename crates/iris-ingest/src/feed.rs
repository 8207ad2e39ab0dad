//! One connection to a source, whoever makes it: what it announces and what it yields. It knows nothing of
//! reconnects and timelines.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use iris_core::{CameraId, Clock, CodecParams, MonoTime};

use crate::reader::Reader;
use crate::timeline::Raw;
use crate::{Protocol, Result, Source, Transport, rtsp};

/// What an open connection announces.
#[derive(Debug, Clone)]
pub(crate) struct Media {
    pub(crate) params: Arc<CodecParams>,
    pub(crate) duration: Option<Duration>,
    pub(crate) frames: Option<u64>,
    /// It ends by itself, and waits for its reader.
    pub(crate) recorded: bool,
    /// It may be silent this long.
    pub(crate) stall_timeout: Duration,
}

/// An access unit before it has a name and a place on the timeline.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) raw: Raw,
    pub(crate) received: MonoTime,
    pub(crate) is_key: bool,
    pub(crate) disposable: bool,
    pub(crate) lost_before: u32,
    /// Something before it could not be read.
    pub(crate) corrupt_before: bool,
    pub(crate) params: Arc<CodecParams>,
    pub(crate) data: Bytes,
}

/// An open connection.
pub(crate) enum Feed {
    Rtsp(Box<rtsp::Session>),
    Demuxed(Reader),
}

impl Feed {
    /// Connects and waits until the source has said what it sends. Has no time limit for RTSP; drop it.
    pub(crate) async fn open(
        camera: CameraId,
        source: Source,
        clock: Arc<dyn Clock>,
        group: Arc<retina::client::SessionGroup>,
    ) -> Result<(Self, Media)> {
        if source.url.protocol() == Protocol::Rtsp && source.transport != Transport::Udp {
            let (session, media) = rtsp::Session::open(source, clock, group).await?;
            return Ok((Self::Rtsp(Box::new(session)), media));
        }
        let (reader, media) = Reader::open(camera, source, clock).await?;
        Ok((Self::Demuxed(reader), media))
    }

    /// The next access unit; `None` at the end of a recording. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Option<Unit>> {
        match self {
            Self::Rtsp(session) => session.next().await.map(Some),
            Self::Demuxed(reader) => reader.next().await,
        }
    }
}
