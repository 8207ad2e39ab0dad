//! Thread `clips`: writes the clip of each event, from a key frame five seconds before it or more until five seconds after
//! it, as the camera sent it.
//!
//! It is one thread for all cameras. What it reads is kept by the pipeline for a while and no camera waits for it: on a
//! disk that is too slow clips have holes or are missing, which is counted and logged, and the event stays as it is. A
//! clip is complete or not there.

mod movie;

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use iris_core::{Clock, EventId, MediaTime, Moment, MonoTime, Packet, WallTime};
use iris_flow::fanout::Next;
use iris_pipeline::Recording;

use crate::error::{Error, Result};
use crate::fmp4::ticks;
use crate::store::Store;
use movie::{Movie, NoClip};

/// How much after an event its clip ends.
const AFTER: Duration = Duration::from_secs(5);
/// The longest clip, however long the event lasts.
pub const LONGEST: Duration = Duration::from_mins(1);
/// The largest clip.
const MOST_BYTES: u64 = 128 << 20;
/// How many clips are written at once.
const MOST: usize = 64;
/// How many words wait for the thread.
const QUEUE: usize = 256;
/// A camera that sends nothing for so long has nothing more to add.
const SILENCE: Duration = Duration::from_secs(10);
/// How often silence is looked for.
const LOOK: Duration = Duration::from_secs(1);

/// A word to the thread.
enum Word {
    Begin {
        event: EventId,
        started: Moment,
        ended: Option<Moment>,
        recording: Recording,
    },
    End {
        event: EventId,
        at: Moment,
    },
    /// There is more to read.
    Look,
    Stop,
}

/// The thread that writes clips.
pub struct Clips {
    words: SyncSender<Word>,
    thread: JoinHandle<()>,
}

/// Where events are told to the thread.
#[derive(Clone)]
pub struct Teller(SyncSender<Word>);

impl Teller {
    /// Tells of an event: that it began, and is to be recorded, or that it ended. Never waits; if the thread is that far
    /// behind, the event has no clip.
    pub fn tell(&self, event: &iris_core::Event, recording: Option<Recording>) {
        let (id, ended) = (event.id, event.ended);
        let word = match (recording, ended) {
            (Some(recording), ended) => Word::Begin { event: id, started: event.started, ended, recording },
            (None, Some(at)) => Word::End { event: id, at },
            (None, None) => return,
        };
        if self.0.try_send(word).is_err() {
            tracing::error!(event = %id, "too many clips wait; the event has none, or a longer one");
        }
    }
}

impl Clips {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gave no thread.
    pub fn start(store: &Arc<dyn Store>, clock: &Arc<dyn Clock>) -> Result<Self> {
        let (words, inbox) = mpsc::sync_channel(QUEUE);
        let waker = Waker::from(Arc::new(Bell(words.clone())));
        let writer = Writer { store: Arc::clone(store), clock: Arc::clone(clock), waker, open: Vec::new() };
        let thread = std::thread::Builder::new().name("clips".into()).spawn(move || writer.run(&inbox));
        let thread = thread.map_err(|error| Error::Stopped { why: format!("no thread for clips: {error}") })?;
        Ok(Self { words, thread })
    }

    /// Where to tell of events.
    pub fn teller(&self) -> Teller {
        Teller(self.words.clone())
    }

    /// Ends the thread, with clips as long as they are.
    pub fn stop(self) {
        // It fails if the thread is gone already.
        self.words.send(Word::Stop).ok();
        if self.thread.join().is_err() {
            tracing::error!("the thread that writes clips had panicked");
        }
    }
}

/// Wakes the thread when there is more to read.
struct Bell(SyncSender<Word>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // Where words wait, it is awake.
        self.0.try_send(Word::Look).ok();
    }
}

struct Writer {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    waker: Waker,
    open: Vec<Clip>,
}

/// The clip of one event.
struct Clip {
    event: EventId,
    started: Option<WallTime>,
    recording: Recording,
    movie: Option<Movie>,
    /// Where it ends at the latest.
    until: MediaTime,
    /// When something last came.
    heard: MonoTime,
    missed: u64,
}

impl Writer {
    fn run(mut self, inbox: &Receiver<Word>) {
        loop {
            match inbox.recv_timeout(LOOK) {
                Ok(Word::Begin { event, started, ended, recording }) => self.begin(event, started, ended, recording),
                Ok(Word::End { event, at }) => self.end(event, at),
                Ok(Word::Look) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Word::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
            self.read();
        }
        self.read();
        for clip in std::mem::take(&mut self.open) {
            self.finish(clip);
        }
    }

    fn begin(&mut self, event: EventId, started: Moment, ended: Option<Moment>, recording: Recording) {
        if self.open.len() == MOST {
            tracing::warn!(%event, "{MOST} clips are being written; the event has none");
            return;
        }
        let until = ended.map_or(started.media + LONGEST, |ended| ended.media + AFTER);
        let heard = self.clock.mono();
        self.open.push(Clip { event, started: started.wall, recording, movie: None, until, heard, missed: 0 });
    }

    fn end(&mut self, event: EventId, at: Moment) {
        for clip in self.open.iter_mut().filter(|clip| clip.event == event) {
            clip.until = clip.until.min(at.media + AFTER);
        }
    }

    /// Reads what there is for each clip, and finishes those that are complete.
    fn read(&mut self) {
        let now = self.clock.mono();
        let mut open = std::mem::take(&mut self.open);
        for mut clip in open.drain(..) {
            match clip.read(&*self.store, &self.waker, now) {
                Ok(true) => self.open.push(clip),
                Ok(false) => self.finish(clip),
                Err(NoClip::Unsupported(why)) => tracing::debug!(event = %clip.event, %why, "no clip"),
                Err(NoClip::Write(error)) => tracing::error!(event = %clip.event, %error, "the event has no clip"),
            }
        }
    }

    fn finish(&self, clip: Clip) {
        let Clip { event, movie: Some(movie), missed, .. } = clip else { return };
        if missed > 0 {
            tracing::warn!(%event, missed, "the clip has a hole");
        }
        if let Err(error) = self.keep(event, movie) {
            tracing::error!(%event, %error, "the event has no clip");
        }
    }

    fn keep(&self, event: EventId, movie: Movie) -> std::result::Result<(), NoClip> {
        let start = movie.start();
        let file = movie.finish()?;
        if !self.store.attach(event, file.clone(), start)? {
            // It was deleted meanwhile, or never stored.
            self.store.media().remove(&file.path)?;
        }
        Ok(())
    }
}

impl Clip {
    /// Reads what there is. False once the clip is complete.
    fn read(&mut self, store: &dyn Store, waker: &Waker, now: MonoTime) -> std::result::Result<bool, NoClip> {
        loop {
            match self.recording.poll_next(&mut Context::from_waker(waker)) {
                Poll::Ready(Some(Next::Unit(packet))) => {
                    self.heard = now;
                    if packet.at.media >= self.until || !self.push(store, &packet)? {
                        return Ok(false);
                    }
                }
                Poll::Ready(Some(Next::Missed(n))) => self.missed += n,
                Poll::Ready(None) => return Ok(false),
                Poll::Pending => return Ok(now.since(self.heard) < SILENCE),
            }
        }
    }

    /// Adds an access unit. False if the clip cannot go on with it.
    fn push(&mut self, store: &dyn Store, packet: &Packet) -> std::result::Result<bool, NoClip> {
        match &mut self.movie {
            None if packet.is_key => {
                self.movie = Some(Movie::begin(store.media(), self.event, self.started, packet)?);
            }
            None => self.missed += 1,
            Some(movie) if movie.takes(packet) => movie.push(packet)?,
            Some(_) => return Ok(false),
        }
        let fits = |movie: &Movie| movie.bytes() < MOST_BYTES && movie.duration() < ticks(MediaTime::ZERO + LONGEST);
        Ok(self.movie.as_ref().is_none_or(fits))
    }
}
