//! The only way by which FFmpeg opens anything: under allow-lists of protocols and containers, with limits, and for HTTP
//! through a callback that sees every address a playlist names. What an open container holds is `demux`'s business.
#![expect(unsafe_code, reason = "libavformat's own opening, which its safe wrapper does not let one guard")]

use std::ffi::{CStr, c_char, c_int};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ffmpeg_next::format::context::Input;
use ffmpeg_next::util::interrupt;
use ffmpeg_next::{Dictionary, ffi};

use crate::limits::{MAX_STREAMS, PROBE_BYTES};
use crate::{Error, ErrorKind, Protocol, Result, Source, SourceUrl};

/// Answers FFmpeg's question, several times a second, whether to give up.
pub(crate) type Stop = Box<dyn FnMut() -> bool + Send>;

/// Which addresses FFmpeg may open on behalf of a source. Behind the context's `opaque` pointer.
pub(crate) struct Gate {
    pub(crate) url: SourceUrl,
    /// FFmpeg's own way of opening.
    plain: IoOpen,
    denied: AtomicBool,
}

type IoOpen = unsafe extern "C" fn(
    *mut ffi::AVFormatContext,
    *mut *mut ffi::AVIOContext,
    *const c_char,
    c_int,
    *mut *mut ffi::AVDictionary,
) -> c_int;

/// Opens a source as far as its header.
pub(crate) fn open(source: &Source, stop: Stop) -> Result<(Input, Arc<Gate>)> {
    let url = &source.url;
    let address = std::ffi::CString::new(url.for_ffmpeg())
        .map_err(|_| Error::new(ErrorKind::BadUrl, url, "an address has no NUL"))?;
    // SAFETY: allocates, or returns null.
    let mut context = unsafe { ffi::avformat_alloc_context() };
    // SAFETY: just allocated; null is told apart.
    let Some(fields) = (unsafe { context.as_mut() }) else { return Err(out_of_memory(url)) };
    let plain = fields.io_open.unwrap_or(refuse);
    let gate = Arc::new(Gate { url: url.clone(), plain, denied: AtomicBool::new(false) });
    let interrupt = {
        // A playlist that leads astray is left at once; FFmpeg would go on to its next line.
        let (gate, mut stop) = (Arc::clone(&gate), stop);
        interrupt::new(Box::new(move || gate.denied.load(Ordering::Relaxed) || stop()))
    };
    fields.interrupt_callback = interrupt.interrupt;
    fields.opaque = Arc::as_ptr(&gate).cast_mut().cast();
    fields.io_open = Some(open_gated);
    // SAFETY: the dictionary is handed over and whatever is left of it taken back; on failure the context is freed
    // and the pointer to it not used again. The gate and the interrupt's closure outlive the context: they are
    // dropped after it, here on failure, and with `Input` and `Demuxer` on success.
    unsafe {
        let mut options = options(source).disown();
        let result = ffi::avformat_open_input(&raw mut context, address.as_ptr(), std::ptr::null(), &raw mut options);
        drop(Dictionary::own(options));
        match result {
            0 => Ok((Input::wrap_with_interrupt(context, interrupt.guard), gate)),
            code => Err(translate(&gate, code.into())),
        }
    }
}

unsafe extern "C" fn refuse(
    _: *mut ffi::AVFormatContext,
    _: *mut *mut ffi::AVIOContext,
    _: *const c_char,
    _: c_int,
    _: *mut *mut ffi::AVDictionary,
) -> c_int {
    ffi::AVERROR(ffmpeg_next::error::EACCES)
}

/// Called by FFmpeg for every address a source makes it open. HTTP sources, whose playlists name addresses, get those
/// on their own host and port only, and no redirects, which would lead elsewhere. Credentials go nowhere else.
unsafe extern "C" fn open_gated(
    context: *mut ffi::AVFormatContext,
    io: *mut *mut ffi::AVIOContext,
    address: *const c_char,
    flags: c_int,
    options: *mut *mut ffi::AVDictionary,
) -> c_int {
    // SAFETY: FFmpeg passes the context, or a nested one with the same `opaque`, which is set before it is opened and
    // points to a gate that lives until the context is closed.
    let gate = unsafe { &*(*context).opaque.cast::<Gate>() };
    if gate.url.protocol() == Protocol::Http {
        // SAFETY: FFmpeg passes a string that lasts for the call.
        let text = unsafe { CStr::from_ptr(address) }.to_str().unwrap_or_default();
        if !gate.url.same_http_host(text) {
            gate.denied.store(true, Ordering::Relaxed);
            return ffi::AVERROR(ffmpeg_next::error::EACCES);
        }
    }
    let mut own = std::ptr::null_mut();
    let options = if options.is_null() { &raw mut own } else { options };
    // SAFETY: a dictionary of the caller's or an own one, freed below, takes a copy of the value; then FFmpeg's own
    // function gets the arguments meant for it.
    unsafe {
        ffi::av_dict_set(options, c"max_redirects".as_ptr(), c"0".as_ptr(), 0);
        let result = (gate.plain)(context, io, address, flags, options);
        ffi::av_dict_free(&raw mut own);
        result
    }
}

/// Allow-lists and limits. What an input does not know is ignored by FFmpeg.
fn options(source: &Source) -> Dictionary<'static> {
    let (protocols, formats) = match source.url.protocol() {
        Protocol::File => ("file", FILE_FORMATS),
        Protocol::Http => ("http,https,tls,tcp", "mpjpeg,hls,mpegts,mov"),
        Protocol::Rtsps => ("tls,tcp", "rtsp"),
        Protocol::Rtsp => ("tcp,rtp,udp", "rtsp"),
    };
    let flags = match source.url.protocol() {
        Protocol::Rtsp | Protocol::Rtsps => "+noparse+nofillin",
        // AVI knows only when to decode.
        Protocol::File | Protocol::Http => "+genpts",
    };
    let transport = if source.url.protocol() == Protocol::Rtsp { "udp" } else { "tcp" };
    // Longer than the policy's patience with a live source, so that a stall is told as one.
    let micros = (2 * source.limits.stall_timeout).as_micros().to_string();
    let mut options = Dictionary::new();
    for (key, value) in [
        ("protocol_whitelist", protocols),
        ("format_whitelist", formats),
        // Nested contexts, too, must not look at a stream by decoding it.
        ("codec_whitelist", "none"),
        ("max_streams", &MAX_STREAMS.to_string()),
        ("probesize", &PROBE_BYTES.to_string()),
        ("rw_timeout", &micros),
        ("timeout", &micros),
        ("user_agent", "iris"),
        // Every segment is asked for through the gate.
        ("http_persistent", "0"),
        ("rtsp_transport", transport),
        // By UDP only from the address and port that the camera named when it was asked for them.
        ("rtsp_flags", "filter_src"),
        // How long, in microseconds, a packet waits for one before it.
        ("max_delay", "100000"),
        ("allowed_media_types", "video"),
        ("fflags", flags),
    ] {
        options.set(key, value);
    }
    options
}

const FILE_FORMATS: &str = "mov,matroska,avi,mpegts";

fn out_of_memory(url: &SourceUrl) -> Error {
    Error::new(ErrorKind::Resources, url, "no memory left")
}

/// FFmpeg's codes in our words. Its own messages, which may hold the address, go to its log alone.
pub(crate) fn translate(gate: &Gate, error: ffmpeg_next::Error) -> Error {
    use ffmpeg_next::Error as F;
    use ffmpeg_next::error::{ECONNREFUSED, EHOSTUNREACH, EINVAL, ENETUNREACH, ENOMEM, ETIMEDOUT};
    let url = &gate.url;
    let (is_file, is_rtsp) = (url.path().is_some(), matches!(url.protocol(), Protocol::Rtsp | Protocol::Rtsps));
    if gate.denied.load(Ordering::Relaxed) {
        let message = "refers to an address that is not on its own host";
        return Error::new(ErrorKind::SourceDenied, url, message);
    }
    let (kind, message) = match error {
        F::HttpUnauthorized | F::HttpForbidden => (ErrorKind::AuthFailed, "the user name or password is refused"),
        F::HttpNotFound => (ErrorKind::NotFound, "the server has nothing at this path"),
        F::Exit | F::Other { errno: ETIMEDOUT } => (ErrorKind::Timeout, "no answer in time"),
        F::Other { errno: ECONNREFUSED | EHOSTUNREACH | ENETUNREACH } => {
            (ErrorKind::Unreachable, "no connection could be made")
        }
        F::Other { errno: ENOMEM } => return out_of_memory(url),
        F::Other { errno: EINVAL } | F::InvalidData | F::DemuxerNotFound if is_file => {
            (ErrorKind::FormatDenied, "is not an mp4, mkv, avi or ts file")
        }
        F::Other { errno: EINVAL } | F::DemuxerNotFound if !is_rtsp => {
            (ErrorKind::FormatDenied, "sends neither multipart JPEG nor HLS")
        }
        F::InvalidData | F::Other { errno: EINVAL } => (ErrorKind::Protocol, "what it sends cannot be understood"),
        F::Eof => (ErrorKind::Closed, "the connection was closed"),
        _ if is_file => (ErrorKind::Unreadable, "cannot be read to its end"),
        F::Other { errno } => {
            let reason = std::io::Error::from_raw_os_error(errno);
            return Error::new(ErrorKind::Closed, url, format!("the connection failed: {reason}"));
        }
        _ => (ErrorKind::Closed, "the connection failed"),
    };
    Error::new(kind, url, message)
}
