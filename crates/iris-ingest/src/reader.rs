//! The thread beneath a source that FFmpeg reads, and the small queue between them. When the queue is full the thread
//! waits: a file is read as fast as it is consumed, and a camera's data stays in the kernel's buffers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use iris_core::{CameraId, Clock};
use tokio::sync::mpsc;

use crate::demux::Demuxer;
use crate::feed::{Media, Unit};
use crate::limits::UNITS_AHEAD;
use crate::{Error, ErrorKind, Result, Source, SourceUrl, file};

/// The reading end. Dropping it ends the thread at its next look.
pub(crate) struct Reader {
    messages: mpsc::Receiver<Result<Message>>,
    source: SourceUrl,
    stop: Arc<AtomicBool>,
}

enum Message {
    Opened(Media),
    Unit(Unit),
    End,
}

impl Reader {
    /// Opens a source on a thread of its own and waits until it says what it sends.
    pub(crate) async fn open(camera: CameraId, source: Source, clock: Arc<dyn Clock>) -> Result<(Self, Media)> {
        if let Some(path) = source.url.path() {
            file::check(&source.url, path)?;
        }
        let (sender, messages) = mpsc::channel(UNITS_AHEAD);
        let stop = Arc::new(AtomicBool::new(false));
        let mut reader = Self { messages, source: source.url.clone(), stop: Arc::clone(&stop) };
        std::thread::Builder::new()
            .name(format!("src-{camera}"))
            .spawn(move || run(&source, &clock, &stop, &sender))
            .map_err(|e| Error::new(ErrorKind::Resources, &reader.source, format!("no thread: {e}")))?;
        match reader.receive().await? {
            Message::Opened(media) => Ok((reader, media)),
            Message::Unit(_) | Message::End => Err(reader.gone()),
        }
    }

    /// The next access unit; `None` at the end of a recording. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Option<Unit>> {
        match self.receive().await? {
            Message::Unit(unit) => Ok(Some(unit)),
            Message::End | Message::Opened(_) => Ok(None),
        }
    }

    async fn receive(&mut self) -> Result<Message> {
        self.messages.recv().await.unwrap_or_else(|| Err(self.gone()))
    }

    fn gone(&self) -> Error {
        Error::new(ErrorKind::Closed, &self.source, "its reader has ended")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The thread's life: open, read to the end or the first error, tell each.
fn run(source: &Source, clock: &Arc<dyn Clock>, stop: &Arc<AtomicBool>, to: &mpsc::Sender<Result<Message>>) {
    let opened = Arc::new(AtomicBool::new(false));
    let give_up = {
        let (stop, opened, clock) = (Arc::clone(stop), Arc::clone(&opened), Arc::clone(clock));
        let deadline = clock.mono() + source.limits.open_timeout;
        move || stop.load(Ordering::Relaxed) || (!opened.load(Ordering::Relaxed) && clock.mono() >= deadline)
    };
    let mut demuxer = match Demuxer::open(source, Box::new(give_up), || clock.mono()) {
        Ok((demuxer, media)) => {
            opened.store(true, Ordering::Relaxed);
            if to.blocking_send(Ok(Message::Opened(media))).is_err() {
                return;
            }
            demuxer
        }
        Err(error) => {
            let error = match source.url.path() {
                Some(path) => file::explain(&source.url, path, error),
                None => error,
            };
            return tell(to, Err(error));
        }
    };
    while !stop.load(Ordering::Relaxed) {
        match demuxer.read(|| clock.mono()) {
            Ok(Some(unit)) => {
                if to.blocking_send(Ok(Message::Unit(unit))).is_err() {
                    return;
                }
            }
            Ok(None) => return tell(to, Ok(Message::End)),
            Err(error) => return tell(to, Err(error)),
        }
    }
}

/// A last word. Whoever has gone need not hear it.
fn tell(to: &mpsc::Sender<Result<Message>>, message: Result<Message>) {
    drop(to.blocking_send(message));
}
