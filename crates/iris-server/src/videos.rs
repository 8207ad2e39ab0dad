//! Videos that programs send to a model: jobs, one after the other, whose pictures wait beside the cameras as all requests
//! do. What was seen is kept in memory for an hour, the video itself in a file without a name that ends with its job.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use iris_core::{CameraId, Clock, Detections, Epoch, Frame, Item, MediaTime, MonoTime};
use iris_decode::{Decoder, FramePool};
use iris_infer::Preprocessor;
use iris_ingest::{CameraStream, Output, Source, SourceUrl, State, Transport};
use iris_pipeline::{Inference, Loaded, Refusal};
use rustix::fs::{Mode, OFlags};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::door::{Code, Problem, Workers};

/// How many jobs may wait or run.
const OPEN: usize = 8;
/// How many that are over are kept, and how long.
const KEPT: usize = 32;
const KEEP: Duration = Duration::from_hours(1);
/// The most that is kept of what was seen in one, in bytes: ten hours at five looks a second, of pictures with a box.
const MOST: usize = 32 << 20;
/// How long a picture may wait for a device. Then it is asked again, until there is room for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// All jobs.
#[derive(Clone)]
pub(crate) struct Videos {
    jobs: Arc<Mutex<Vec<Arc<Job>>>>,
    worker: Workers,
    clock: Arc<dyn Clock>,
    stopping: CancellationToken,
}

/// What is asked about a video.
pub(crate) struct Wish {
    /// Who asks, and alone may see what comes of it.
    pub(crate) owner: String,
    /// The model's name.
    pub(crate) name: String,
    pub(crate) model: Arc<Loaded>,
    /// Looks a second of the video.
    pub(crate) rate_hz: f32,
    /// The lowest score told; the model's own threshold if not given.
    pub(crate) min_score: Option<f32>,
    /// Writes what was seen in a picture, as one line.
    pub(crate) line: fn(&Loaded, f64, &Detections, f32) -> Vec<u8>,
}

/// A video and what was seen in it.
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) wish: Wish,
    made: Mutex<Made>,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Others are before it.
    Waiting,
    /// It is being looked at.
    Running,
    /// To its end.
    Done,
    /// It was not looked at to its end, for this reason.
    Failed(String),
}

/// What has become of a job so far.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) stage: Stage,
    /// How long the video is, where it says so.
    pub(crate) duration: Option<Duration>,
    /// How far it was looked at.
    pub(crate) reached: Duration,
    /// In how many pictures.
    pub(crate) looks: u64,
    /// What was seen, a line a picture.
    pub(crate) lines: Vec<u8>,
    over: Option<MonoTime>,
    removed: bool,
}

impl Videos {
    /// Starts the thread that looks at them until `stopping`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(clock: Arc<dyn Clock>, stopping: CancellationToken) -> Result<Self> {
        Ok(Self { jobs: Arc::default(), worker: Workers::start("video", 1, OPEN)?, clock, stopping })
    }

    /// Takes a video, to be looked at by tasks on `runtime`. Blocks while it is written to a file.
    ///
    /// # Errors
    /// Too many wait, or there is no room for the file.
    pub(crate) fn add(
        &self,
        wish: Wish,
        video: &Bytes,
        inference: Inference,
        runtime: &Handle,
    ) -> Result<Arc<Job>, Problem> {
        let file = nameless(video).map_err(|error| {
            tracing::error!(%error, "no room for a video");
            Problem::new(Code::Unavailable, "there is no room for the video; the log says why")
        })?;
        let made = Made {
            stage: Stage::Waiting,
            duration: None,
            reached: Duration::ZERO,
            looks: 0,
            lines: Vec::new(),
            over: None,
            removed: false,
        };
        let job = Arc::new(Job { id: format!("{:032x}", rand::random::<u128>()), wish, made: Mutex::new(made) });
        let mut jobs = self.jobs();
        if jobs.iter().filter(|job| job.made().over.is_none()).count() >= OPEN {
            return Err(Problem {
                retry_after: Some(PATIENCE),
                ..Problem::new(Code::Unavailable, format!("{OPEN} videos wait already"))
            });
        }
        jobs.push(Arc::clone(&job));
        drop(jobs);
        let (work, begun) = (Arc::clone(&job), Arc::clone(&job));
        let (worker, clock) = (self.worker.clone(), Arc::clone(&self.clock));
        let tasks = Tasks { runtime: runtime.clone(), stopping: self.stopping.clone() };
        let end = clock.clone();
        runtime.spawn(async move {
            let look = move || work.run(&file, &inference, &clock, &tasks);
            // Videos that were removed wait in the same line until their turn comes.
            if let Err(problem) = worker.run(look).await {
                begun.end(&*end, Stage::Failed(problem.detail));
            }
        });
        Ok(job)
    }

    /// The job of that id, if it is theirs.
    ///
    /// # Errors
    /// There is none, or it is another's.
    pub(crate) fn find(&self, id: &str, owner: &str) -> Result<Arc<Job>, Problem> {
        let found = self.jobs().iter().find(|job| job.id == id && job.wish.owner == owner).cloned();
        found.ok_or_else(|| Problem::absent("video"))
    }

    /// Forgets a job, which ends it.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(crate) fn remove(&self, id: &str, owner: &str) -> Result<(), Problem> {
        let job = self.find(id, owner)?;
        job.made().removed = true;
        self.jobs().retain(|other| other.id != job.id);
        Ok(())
    }

    /// The jobs, without those that are over for too long.
    fn jobs(&self) -> MutexGuard<'_, Vec<Arc<Job>>> {
        let now = self.clock.mono();
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.retain(|job| job.made().over.is_none_or(|over| now.since(over) < KEEP));
        let over = jobs.iter().filter(|job| job.made().over.is_some()).count();
        let mut surplus = over.saturating_sub(KEPT);
        jobs.retain(|job| {
            let goes = surplus > 0 && job.made().over.is_some();
            surplus -= usize::from(goes);
            !goes
        });
        jobs
    }
}

/// Where a job waits.
struct Tasks {
    runtime: Handle,
    stopping: CancellationToken,
}

impl Tasks {
    /// Waits for something, or for the end of the server, whose runtime must not be waited on any longer.
    fn wait<T>(&self, what: impl Future<Output = T>) -> Result<T> {
        self.runtime.block_on(self.stopping.run_until_cancelled(what)).context("Iris stops")
    }
}

impl Job {
    pub(crate) fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, video: &File, inference: &Inference, clock: &Arc<dyn Clock>, tasks: &Tasks) {
        if self.made().removed {
            return;
        }
        self.made().stage = Stage::Running;
        let outcome = self.watch(video, inference, clock, tasks);
        self.end(&**clock, outcome.map_or_else(|error| Stage::Failed(format!("{error:#}")), |()| Stage::Done));
    }

    fn end(&self, clock: &dyn Clock, stage: Stage) {
        let mut made = self.made();
        (made.stage, made.over) = (stage, Some(clock.mono()));
    }

    fn watch(&self, video: &File, inference: &Inference, clock: &Arc<dyn Clock>, tasks: &Tasks) -> Result<()> {
        let path = format!("/proc/self/fd/{}", video.as_raw_fd());
        // What a file without a name is called here says nothing to the one who sent it.
        let said = |error: &iris_ingest::Error| anyhow!("{}", error.to_string().replace(&path, "the video"));
        let url = SourceUrl::parse(&path).map_err(|error| said(&error))?;
        let source = Source { url, transport: Transport::Auto, limits: iris_ingest::Limits::default() };
        let mut stream = CameraStream::new(CameraId::new("video")?, Epoch::first(1), source, Arc::clone(clock));
        let mut decoder = Decoder::new(FramePool::new(), iris_decode::Limits::default());
        let mut preprocessor = self.wish.model.preprocessor()?;
        let period = Duration::from_secs_f32(self.wish.rate_hz.recip());
        let mut next = MediaTime::ZERO;
        loop {
            match tasks.wait(stream.next())? {
                Output::State(State::Live { duration, .. }) => self.made().duration = duration,
                Output::State(State::Failed { error } | State::Offline { error }) => return Err(said(&error)),
                Output::State(State::Ended) => return Ok(()),
                // What is damaged costs its picture, as with a camera.
                Output::Item(Item::Data(packet)) => _ = decoder.push(&packet),
                Output::Item(Item::Gap(_)) => decoder.flush(),
                Output::Item(Item::End) => decoder.drain(),
                Output::State(_) => {}
            }
            while let Ok(Some(frame)) = decoder.pull(clock.mono()) {
                if self.made().removed {
                    return Ok(());
                }
                if frame.at.media >= next {
                    next = frame.at.media + period;
                    let seen = self.look(&frame, &mut preprocessor, inference, tasks)?;
                    self.note(&frame, &seen)?;
                }
            }
        }
    }

    /// What the model sees in a picture, once there is room for it beside the cameras and other requests.
    fn look(
        &self,
        frame: &Frame,
        preprocessor: &mut Preprocessor,
        inference: &Inference,
        tasks: &Tasks,
    ) -> Result<Detections> {
        loop {
            let prepared = preprocessor.prepare(frame)?;
            match tasks.wait(inference.detect(&self.wish.model, prepared, PATIENCE))? {
                Ok((seen, _)) => return Ok(seen),
                Err(Refusal::Full(wait) | Refusal::Late(wait)) => {
                    let wait = wait.clamp(Duration::from_millis(10), PATIENCE);
                    tasks.wait(async { tokio::time::sleep(wait).await })?;
                }
                Err(refusal) => return Err(refusal.into()),
            }
        }
    }

    fn note(&self, frame: &Frame, seen: &Detections) -> Result<()> {
        let Wish { model, min_score, line, .. } = &self.wish;
        let least = min_score.unwrap_or(model.manifest().thresholds.score);
        let at = frame.at.media.since(MediaTime::ZERO);
        let line = line(model, at.as_secs_f64(), seen, least);
        let mut made = self.made();
        if made.lines.len() + line.len() > MOST {
            bail!("more was seen than {} MB hold; ask for fewer looks a second", MOST >> 20);
        }
        made.lines.extend_from_slice(&line);
        (made.reached, made.looks) = (at, made.looks + 1);
        Ok(())
    }
}

/// A file that is gone when it is closed.
fn nameless(bytes: &[u8]) -> Result<File> {
    let folder = std::env::temp_dir();
    let opened = rustix::fs::open(&folder, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR);
    let mut file = File::from(opened.with_context(|| format!("cannot write to {}", folder.display()))?);
    file.write_all(bytes).with_context(|| format!("cannot write to {}", folder.display()))?;
    Ok(file)
}
