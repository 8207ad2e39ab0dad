//! FFmpeg's own log lines, led into `tracing` (target `ffmpeg`) and into the errors that they explain. They come through
//! a few lines of C, `log.c`. What a line may say and how often belongs to [`crate::redact`].
#![expect(unsafe_code, reason = "FFmpeg logs through a C callback")]

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int};
use std::sync::{LazyLock, Mutex, Once, OnceLock, PoisonError};

use ffmpeg_next::ffi;
use iris_core::Clock;
use iris_core::clock::SystemClock;

use crate::redact::{Limiter, redact};

thread_local! {
    /// While an error would be explained: the first error line since. libavcodec runs on the calling thread, so what
    /// this thread hears is about what it does.
    static HEARD: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Leads FFmpeg's log lines, warnings and worse, into `tracing`: errors of FFmpeg's as warnings, since most are the
/// camera's, and its warnings as debug. URLs lose their user info, and a flood is thinned to five lines a second. Also
/// lets [`Error`](crate::Error) say what FFmpeg found wrong. For the whole process; further calls do nothing.
///
/// Every such line, those left out for their number too, is also given to `listener`, on the thread that it is about:
/// whoever else uses FFmpeg may learn from it what FFmpeg tells in no other way.
pub fn install_log(listener: fn(line: &str)) {
    static INSTALLED: Once = Once::new();
    // SAFETY: FFmpeg may call back from any thread at any time, and `on_line` may be called so; once, as `log.c` asks.
    INSTALLED.call_once(|| unsafe {
        LISTENER.get_or_init(|| listener);
        iris_forward_log(ffi::AV_LOG_WARNING, on_line);
    });
}

/// Runs something of FFmpeg's and, if it fails, tells why.
pub(crate) fn explain<T>(run: impl FnOnce() -> Result<T, ffmpeg_next::Error>) -> Result<T, String> {
    HEARD.set(Some(String::new()));
    let result = run();
    let heard = HEARD.take().unwrap_or_default();
    result.map_err(|error| if heard.is_empty() { describe(error) } else { format!("{} ({heard})", describe(error)) })
}

/// What an error is called. ffmpeg-next knows only after its global `init`.
pub(crate) fn describe(error: ffmpeg_next::Error) -> String {
    let mut text = [0; ffi::AV_ERROR_MAX_STRING_SIZE];
    // SAFETY: writes at most the length given, and a closing zero.
    unsafe {
        ffi::av_strerror(error.into(), text.as_mut_ptr(), text.len());
        CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
    }
}

fn hear(line: &str) {
    HEARD.with_borrow_mut(|heard| {
        if let Some(heard) = heard.as_mut().filter(|heard| heard.is_empty()) {
            heard.push_str(line);
        }
    });
}

static CLOCK: LazyLock<SystemClock> = LazyLock::new(SystemClock::new);
static LISTENER: OnceLock<fn(&str)> = OnceLock::new();
static LIMITER: Mutex<Limiter> = Mutex::new(Limiter::new());

unsafe extern "C" {
    /// In `log.c`.
    fn iris_forward_log(level: c_int, to: extern "C" fn(level: c_int, line: *const c_char));
}

extern "C" fn on_line(level: c_int, line: *const c_char) {
    // SAFETY: `log.c` passes a string that lasts for the call.
    let text = unsafe { CStr::from_ptr(line) }.to_string_lossy();
    let line = redact(text.trim_end());
    if level <= ffi::AV_LOG_ERROR {
        hear(&line);
    }
    if let Some(listener) = LISTENER.get() {
        listener(&line);
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    /// Lets FFmpeg log a line about a URL.
    fn say(level: i32, format: &CStr) {
        // SAFETY: no source is allowed; the format takes the one argument given.
        unsafe { ffi::av_log(std::ptr::null_mut(), level, format.as_ptr(), c"rtsp://u:secret@cam/1".as_ptr()) };
    }

    #[test]
    fn an_error_is_explained_by_the_first_error_line() {
        install_log(|_| ());
        let explained = explain(|| {
            say(ffi::AV_LOG_WARNING, c"a warning about %s\n");
            say(ffi::AV_LOG_ERROR, c"%s is gone\n");
            say(ffi::AV_LOG_ERROR, c"so much for %s\n");
            Err::<(), _>(ffmpeg_next::Error::InvalidData)
        });
        let expected = "Invalid data found when processing input (rtsp://***@cam/1 is gone)";
        assert_eq!(explained, Err(expected.to_owned()));
        say(ffi::AV_LOG_ERROR, c"%s again\n");
        assert_eq!(explain(|| Err::<(), _>(ffmpeg_next::Error::Eof)), Err("End of file".to_owned()));
        assert_eq!(explain(|| Ok(1)), Ok(1));
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn lines_reach_tracing_at_their_level_and_without_secrets() {
        install_log(|_| ());
        let lines = Lines::default();
        let subscriber = tracing_subscriber::fmt().with_writer(lines.clone()).without_time().with_ansi(false);
        let subscriber = subscriber.with_max_level(tracing::Level::DEBUG).finish();
        tracing::subscriber::with_default(subscriber, || {
            say(ffi::AV_LOG_FATAL, c"1 %s\n");
            say(ffi::AV_LOG_ERROR, c"2 %s\n");
            say(ffi::AV_LOG_WARNING, c"3 %s\n");
            say(ffi::AV_LOG_INFO, c"4 %s\n");
        });
        let lines = String::from_utf8(lines.0.lock().expect("not poisoned").clone()).expect("text");
        let expected =
            "ERROR ffmpeg: 1 rtsp://***@cam/1\n WARN ffmpeg: 2 rtsp://***@cam/1\nDEBUG ffmpeg: 3 rtsp://***@cam/1\n";
        assert_eq!(lines, expected);
    }
}
