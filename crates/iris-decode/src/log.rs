//! FFmpeg's own log lines, led into `tracing` (target `ffmpeg`) and into the errors that they explain. What a line may
//! say and how often belongs to [`crate::redact`].
#![expect(unsafe_code, reason = "FFmpeg logs through a C callback")]

use std::cell::RefCell;
use std::sync::Once;

use ffmpeg_next::ffi;

thread_local! {
    /// While an error would be explained: the first error line since. libavcodec runs on the calling thread, so what
    /// this thread hears is about what it does.
    static HEARD: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Leads FFmpeg's log lines, warnings and worse, into `tracing`: errors of FFmpeg's as warnings, since most are the
/// camera's, and its warnings as debug. URLs lose their user info, and a flood is thinned to five lines a second. Also
/// lets [`Error`](crate::Error) say what FFmpeg found wrong. For the whole process; further calls do nothing.
pub fn install_log() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(callback::install);
}

/// Runs something of FFmpeg's and, if it fails, tells why.
pub(crate) fn explain<T>(run: impl FnOnce() -> Result<T, ffmpeg_next::Error>) -> Result<T, String> {
    HEARD.set(Some(String::new()));
    let result = run();
    let heard = HEARD.take().unwrap_or_default();
    result.map_err(|error| if heard.is_empty() { error.to_string() } else { format!("{error} ({heard})") })
}

fn hear(line: &str) {
    HEARD.with_borrow_mut(|heard| {
        if let Some(heard) = heard.as_mut().filter(|heard| heard.is_empty()) {
            heard.push_str(line);
        }
    });
}

/// The callback takes a C `va_list`, whose Rust type is known here for x86-64 only.
#[cfg(target_arch = "x86_64")]
mod callback {
    use std::ffi::{CStr, c_char, c_int, c_void};
    use std::sync::{LazyLock, Mutex, PoisonError};

    use iris_core::Clock;
    use iris_core::clock::SystemClock;

    use super::ffi;
    use crate::redact::{Limiter, redact};

    static CLOCK: LazyLock<SystemClock> = LazyLock::new(SystemClock::new);
    static LIMITER: Mutex<Limiter> = Mutex::new(Limiter::new());

    pub(super) fn install() {
        // SAFETY: the callback may be called from any thread at any time, and `on_line` may.
        unsafe { ffi::av_log_set_callback(Some(on_line)) };
    }

    unsafe extern "C" fn on_line(
        source: *mut c_void,
        level: c_int,
        format: *const c_char,
        args: *mut ffi::__va_list_tag,
    ) {
        // The bits above are a tint for terminals.
        let level = level & 0xff;
        if level > ffi::AV_LOG_WARNING {
            return;
        }
        let mut text = [0; 1024];
        let mut with_prefix = 1;
        // SAFETY: FFmpeg gives a source that is null or starts with a class, and arguments that fit the format; this
        // is the function that it provides for callbacks. It writes at most the length given, and a closing zero.
        unsafe {
            let len = text.len() as c_int;
            ffi::av_log_format_line2(source, level, format, args, text.as_mut_ptr(), len, &raw mut with_prefix);
        }
        let bytes = text.map(|c| c as u8);
        let line = CStr::from_bytes_until_nul(&bytes).unwrap_or_default().to_string_lossy();
        let line = redact(line.trim_end());
        if level <= ffi::AV_LOG_ERROR {
            super::hear(&line);
        }
        pass_on(level, &line);
    }

    fn pass_on(level: c_int, line: &str) {
        let passed = LIMITER.lock().unwrap_or_else(PoisonError::into_inner).pass(CLOCK.mono());
        let Some(suppressed) = passed else { return };
        if suppressed > 0 {
            tracing::warn!(target: "ffmpeg", suppressed, "lines suppressed");
        }
        if level <= ffi::AV_LOG_FATAL {
            tracing::error!(target: "ffmpeg", "{line}");
        } else if level <= ffi::AV_LOG_ERROR {
            tracing::warn!(target: "ffmpeg", "{line}");
        } else {
            tracing::debug!(target: "ffmpeg", "{line}");
        }
    }
}

/// Elsewhere FFmpeg is silenced: its own callback would print URLs with their passwords.
#[cfg(not(target_arch = "x86_64"))]
mod callback {
    pub(super) fn install() {
        // SAFETY: sets one global integer.
        unsafe { super::ffi::av_log_set_level(super::ffi::AV_LOG_QUIET) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_explained_by_the_first_line_heard() {
        install_log();
        let explained = explain(|| {
            for text in [c"rtsp://u:secret@cam is %s", c"later"] {
                // SAFETY: no source is allowed; the format takes at most the one argument given.
                unsafe {
                    let (level, source) = (ffi::AV_LOG_ERROR, std::ptr::null_mut());
                    ffi::av_log(source, level, text.as_ptr(), c"gone".as_ptr());
                }
            }
            Err::<(), _>(ffmpeg_next::Error::InvalidData)
        });
        let explained = explained.expect_err("it failed");
        assert!(explained.ends_with("(rtsp://***@cam is gone)"), "{explained}");
        let bare = explain(|| Err::<(), _>(ffmpeg_next::Error::Eof)).expect_err("it failed");
        assert_eq!(bare, ffmpeg_next::Error::Eof.to_string());
    }
}
