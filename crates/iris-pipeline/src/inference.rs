//! The models for other programs: requests from outside, answered by the devices beside what cameras send. Who comes when
//! is [`iris_infer::Requests`]' to say; here are the way there and back, and the books.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use iris_core::{Detections, MonoTime, WallTime};
use iris_infer::{Error, Manifest, Prepared, Refused, Signature, Value};
use tokio::sync::oneshot;

use crate::device::Turn;
use crate::models::Loaded;
use crate::topology::Topology;

/// The largest batch of a request where no GPU sets another limit: a CPU gains nothing by larger ones, and cameras would wait
/// for it.
const BATCH: usize = 8;

/// What is asked of a model.
pub(crate) enum Ask {
    /// Tensors as they are, and the names of the outputs that are wanted.
    Tensors(Vec<Value>, Vec<String>),
    /// What is seen in a picture.
    Picture(Box<Prepared>),
}

/// What a model answers.
pub(crate) enum Answer {
    Tensors(Vec<Value>),
    Seen(Detections),
}

/// A request on its way to a device.
pub(crate) struct Request {
    pub(crate) ask: Ask,
    pub(crate) asked: MonoTime,
    pub(crate) reply: oneshot::Sender<Replied>,
}

pub(crate) struct Replied {
    pub(crate) answer: Result<Answer, Error>,
    pub(crate) times: Times,
}

/// How long a request took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// From its arrival until a device took it.
    pub queued: Duration,
    /// On the device.
    pub computed: Duration,
}

/// Why a request is not answered.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no such model, or it has not been loaded into any device yet.
    #[error("the model is not loaded")]
    NotLoaded,
    /// The model does not take what was sent.
    #[error(transparent)]
    Invalid(Error),
    /// As many wait for this model as may.
    #[error("too many requests wait for this model")]
    Full(Duration),
    /// It cannot be answered in time, or was not.
    #[error("the request cannot be answered in time")]
    Late(Duration),
    /// No device works now.
    #[error("no device works now")]
    NoDevice,
    /// The model failed on it.
    #[error("the model failed: {0}")]
    Failed(Error),
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Answered,
    /// The model failed on it.
    Failed,
    /// The model does not take what was sent.
    Invalid,
    /// The queue was full.
    Full,
    /// It could not be answered in time, or was not.
    Late,
    /// No device worked.
    NoDevice,
    /// Whoever asked went away.
    Abandoned,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 7] =
        [Self::Answered, Self::Failed, Self::Invalid, Self::Full, Self::Late, Self::NoDevice, Self::Abandoned];

    /// Its name in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Full => "full",
            Self::Late => "late",
            Self::NoDevice => "no_device",
            Self::Abandoned => "abandoned",
        }
    }

    fn of<T>(result: &Result<T, Refusal>) -> Self {
        match result {
            Ok(_) => Self::Answered,
            Err(Refusal::NotLoaded | Refusal::NoDevice) => Self::NoDevice,
            Err(Refusal::Invalid(_)) => Self::Invalid,
            Err(Refusal::Full(_)) => Self::Full,
            Err(Refusal::Late(_)) => Self::Late,
            Err(Refusal::Failed(_)) => Self::Failed,
        }
    }
}

/// What became of all requests for a model, and how long those took that a device took.
#[derive(Debug, Default)]
pub struct Books {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    images: AtomicU64,
    queued: AtomicU64,
    computed: AtomicU64,
    failing: AtomicU64,
    /// In microseconds since 1970.
    last: AtomicI64,
}

impl Books {
    /// How many had that outcome.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize].load(Relaxed)
    }

    /// How many elements the batches had of those that were answered.
    pub fn images(&self) -> u64 {
        self.images.load(Relaxed)
    }

    /// How long those that were answered waited for a device, and how long devices worked on them, together.
    pub fn times(&self) -> Times {
        let time = |nanos: &AtomicU64| Duration::from_nanos(nanos.load(Relaxed));
        Times { queued: time(&self.queued), computed: time(&self.computed) }
    }

    /// How long devices worked on those that failed.
    pub fn failing(&self) -> Duration {
        Duration::from_nanos(self.failing.load(Relaxed))
    }

    /// When the last one was answered; 1970 before the first.
    pub fn last(&self) -> WallTime {
        WallTime { unix_micros: self.last.load(Relaxed) }
    }

    fn note(&self, replied: &Replied, images: usize, now: WallTime) {
        let add = |sum: &AtomicU64, time: Duration| sum.fetch_add(time.as_nanos() as u64, Relaxed);
        if replied.answer.is_ok() {
            self.last.store(now.unix_micros, Relaxed);
            self.images.fetch_add(images as u64, Relaxed);
            add(&self.queued, replied.times.queued);
            add(&self.computed, replied.times.computed);
        } else {
            add(&self.failing, replied.times.computed);
        }
    }
}

/// Counts what became of a request, also where nobody waits for it any more.
struct Tally<'a> {
    books: &'a Books,
    outcome: Outcome,
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        self.books.outcomes[self.outcome as usize].fetch_add(1, Relaxed);
    }
}

/// The way by which others ask the models of a pipeline, from any task. Cloning is cheap.
#[derive(Clone)]
pub struct Inference(pub(crate) Arc<Topology>);

impl Inference {
    /// Runs a model on tensors, within `most`. Inputs may be in any order; the outputs come in the order in which they are
    /// named, or, where none is, all in the model's.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn infer(
        &self,
        model: usize,
        inputs: Vec<Value>,
        mut outputs: Vec<String>,
        most: Duration,
    ) -> Result<(Vec<Value>, Times), Refusal> {
        let loaded = self.0.models.get(model).ok_or(Refusal::NotLoaded)?;
        let check = || {
            let signature = loaded.signature().ok_or(Refusal::NotLoaded)?;
            signature.check(&inputs, &outputs, self.max_batch()).map_err(Refusal::Invalid)?;
            if outputs.is_empty() {
                outputs = signature.outputs.iter().map(|port| port.name.clone()).collect();
            }
            let images = signature.inputs.first().filter(|port| port.shape.first() == Some(&None));
            let batch = images.and_then(|port| inputs.iter().find(|value| value.name == port.name));
            let images = batch.map_or(1, |value| value.shape[0]);
            Ok((Ask::Tensors(inputs, outputs), images))
        };
        match self.ask(&loaded, model, check, most).await? {
            (Answer::Tensors(values), times) => Ok((values, times)),
            (Answer::Seen(_), _) => Err(Refusal::NotLoaded),
        }
    }

    /// What a detector sees in a picture, down to the scores that carry tracks on, within `most`.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn detect(
        &self,
        model: usize,
        picture: Prepared,
        most: Duration,
    ) -> Result<(Detections, Times), Refusal> {
        let loaded = self.0.models.get(model).ok_or(Refusal::NotLoaded)?;
        match self.ask(&loaded, model, || Ok((Ask::Picture(Box::new(picture)), 1)), most).await? {
            (Answer::Seen(detections), times) => Ok((detections, times)),
            (Answer::Tensors(_), _) => Err(Refusal::NotLoaded),
        }
    }

    /// What a model takes and returns; none where it is not loaded.
    pub fn signature(&self, model: usize) -> Option<Signature> {
        self.0.models.get(model)?.signature().cloned()
    }

    /// What a model is.
    pub fn manifest(&self, model: usize) -> Option<Arc<Manifest>> {
        Some(Arc::clone(&self.0.models.get(model)?.manifest))
    }

    /// Calls `read` with the books of a model.
    pub fn books<T>(&self, model: usize, read: impl FnOnce(&Books) -> T) -> Option<T> {
        Some(read(&self.0.models.get(model)?.books))
    }

    /// Whether a device works.
    pub fn is_ready(&self) -> bool {
        let (now, lost) = (self.0.clock.mono(), self.0.a_device_is_lost());
        self.0.all_devices().iter().any(|device| device.turn(now, || lost) == Turn::Work)
    }

    /// The largest batch of a request, for models that leave it open: the smallest of those for which engines of GPUs are
    /// made.
    pub fn max_batch(&self) -> usize {
        let devices = self.0.all_devices();
        let gpus = devices.iter().filter(|device| device.settings.provider.can_be_lost());
        gpus.map(|device| device.settings.batch).min().unwrap_or(BATCH)
    }

    async fn ask(
        &self,
        loaded: &Loaded,
        model: usize,
        check: impl FnOnce() -> Result<(Ask, usize), Refusal>,
        most: Duration,
    ) -> Result<(Answer, Times), Refusal> {
        let mut tally = Tally { books: &loaded.books, outcome: Outcome::Abandoned };
        let result = match check() {
            Ok((ask, images)) => self.wait(loaded, model, ask, images, most).await,
            Err(refusal) => Err(refusal),
        };
        tally.outcome = Outcome::of(&result);
        result
    }

    async fn wait(
        &self,
        loaded: &Loaded,
        model: usize,
        ask: Ask,
        images: usize,
        most: Duration,
    ) -> Result<(Answer, Times), Refusal> {
        if !self.is_ready() {
            return Err(Refusal::NoDevice);
        }
        let asked = self.0.clock.mono();
        let (reply, replied) = oneshot::channel();
        self.0.slots.ask(model, Request { ask, asked, reply }, asked + most, asked).map_err(
            |refused| match refused {
                Refused::Full(wait) => Refusal::Full(wait),
                Refused::Late(wait) => Refusal::Late(wait),
            },
        )?;
        match tokio::time::timeout(most, replied).await {
            Ok(Ok(replied)) => {
                loaded.books.note(&replied, images, self.0.clock.wall());
                replied.answer.map(|answer| (answer, replied.times)).map_err(Refusal::Failed)
            }
            // The deadline passed before a device took it, or while one worked on it; or the pipeline stopped.
            Ok(Err(_)) | Err(_) => Err(Refusal::Late(Duration::ZERO)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_place_and_its_name() {
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, place);
            assert_eq!(Outcome::ALL.iter().filter(|other| other.label() == outcome.label()).count(), 1);
        }
    }

    #[test]
    fn a_request_that_nobody_waits_for_any_more_is_counted() {
        let books = Books::default();
        drop(Tally { books: &books, outcome: Outcome::Abandoned });
        assert_eq!(Outcome::ALL.map(|outcome| books.count(outcome)), [0, 0, 0, 0, 0, 0, 1]);
    }
}
