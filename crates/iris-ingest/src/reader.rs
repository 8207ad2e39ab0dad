//! The thread beneath a source that FFmpeg reads, and the small queue between them. When the queue is full the thread
//! waits: a file is read as fast as it is consumed, and a camera's data stays in the kernel's buffers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use iris_core::{CameraId, Clock, MonoTime};
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
        let patience = Patience { clock, stop, deadline: Arc::default() };
        std::thread::Builder::new()
            .name(format!("src-{camera}"))
            .spawn(move || run(&source, &patience, &sender))
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

/// How long FFmpeg may block: while somebody reads, and up to a deadline where there is one.
#[derive(Clone)]
struct Patience {
    clock: Arc<dyn Clock>,
    stop: Arc<AtomicBool>,
    deadline: Arc<Mutex<Option<MonoTime>>>,
}

impl Patience {
    fn is_over(&self) -> bool {
        let deadline = *self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        self.stop.load(Ordering::Relaxed) || deadline.is_some_and(|deadline| self.clock.mono() >= deadline)
    }

    fn set(&self, deadline: Option<MonoTime>) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }

    /// Lets FFmpeg end an RTSP session although nobody reads any more: over UDP the camera would go on sending.
    fn allow_goodbye(&self) {
        self.set(Some(self.clock.mono() + GOODBYE));
        self.stop.store(false, Ordering::Relaxed);
    }
}

/// How long it may take to end a session.
const GOODBYE: Duration = Duration::from_millis(500);

/// The thread's life: open, read to the end or the first error, tell each.
fn run(source: &Source, patience: &Patience, to: &mpsc::Sender<Result<Message>>) {
    let now = || patience.clock.mono();
    patience.set(Some(now() + source.limits.open_timeout));
    let give_up = patience.clone();
    match Demuxer::open(source, Box::new(move || give_up.is_over()), now) {
        Ok((mut demuxer, media)) => {
            patience.set(None);
            if to.blocking_send(Ok(Message::Opened(media))).is_ok() {
                read(&mut demuxer, patience, to);
            }
            patience.allow_goodbye();
        }
        Err(error) => {
            let error = match source.url.path() {
                Some(path) => file::explain(&source.url, path, error),
                None => error,
            };
            tell(to, Err(error));
        }
    }
}

fn read(demuxer: &mut Demuxer, patience: &Patience, to: &mpsc::Sender<Result<Message>>) {
    while !patience.is_over() {
        match demuxer.read(|| patience.clock.mono()) {
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
