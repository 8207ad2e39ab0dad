//! How a run goes, on standard error: a bar for files, a line of figures for live sources.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use iris_core::MediaTime;
use iris_ingest::State;
use iris_pipeline::CameraStatus;

/// Shows nothing where standard error is not a terminal.
pub(super) struct Progress {
    bar: ProgressBar,
    rated: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, rated: false }
    }

    /// Takes what is known of the camera: how long a recording is, and how the queues are doing.
    pub(super) fn status(&mut self, status: &CameraStatus, dropped: u64) {
        if let State::Live { duration: Some(duration), .. } = status.state
            && !self.rated
        {
            self.rated = true;
            self.bar.set_length(duration.as_millis() as u64);
            self.bar.set_style(style("{wide_bar} {percent}%  {msg}  {eta} left"));
        }
        let age = status.age.map_or(String::new(), |age| format!(", {} ms old", age.as_millis()));
        let state = match &status.state {
            State::Live { .. } => String::new(),
            other => format!("{other}, "),
        };
        if !self.rated {
            self.bar.set_prefix(format!("{state}{dropped} dropped{age}"));
            self.bar.set_style(style("{spinner} {msg}, {prefix}"));
        }
    }

    /// Takes a frame that is done.
    pub(super) fn frame(&self, at: MediaTime, frames: u64, tracks: usize, events: u64) {
        let rate = frames as f64 / self.bar.elapsed().as_secs_f64().max(0.001);
        self.bar.set_message(format!("{frames} frames, {rate:.1} a second, {tracks} tracks, {events} events"));
        if self.rated {
            self.bar.set_position((at.as_secs_f64() * 1000.0) as u64);
        }
    }

    /// Steps aside while something is printed.
    pub(super) fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        self.bar.suspend(print)
    }

    /// Leaves the last figures instead of the bar.
    pub(super) fn finish(self) {
        self.bar.println(self.bar.message());
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
