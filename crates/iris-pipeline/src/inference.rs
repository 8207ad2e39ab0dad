//! The models for other programs: requests from outside, answered by the devices beside what cameras send. Who comes when
//! is [`iris_infer::Requests`]' to say; here are the way there and back, and the books.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use iris_core::{Detections, MonoTime, WallTime};
use iris_infer::{Batchable, Batching, Error, Prepared, Refused, Value, batch};
use tokio::sync::oneshot;

use crate::device::Turn;
use crate::metrics::observe_batch;
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

impl Ask {
    pub(crate) fn picture(&self) -> Option<&Prepared> {
        if let Self::Picture(picture) = self { Some(picture) } else { None }
    }

    pub(crate) fn tensors(&self) -> Option<(&[Value], &[String])> {
        if let Self::Tensors(inputs, outputs) = self { Some((inputs, outputs)) } else { None }
    }
}

/// What a model answers.
pub(crate) enum Answer {
    Tensors(Vec<Value>),
    Seen(Detections),
}

/// A request on its way to a device.
pub(crate) struct Request {
    pub(crate) model: Arc<Loaded>,
    pub(crate) ask: Ask,
    /// How many images it holds.
    pub(crate) images: usize,
    /// How it is put together with others, if it can be.
    batching: Option<Batching>,
    pub(crate) asked: MonoTime,
    pub(crate) reply: oneshot::Sender<Replied>,
}

impl Batchable for Request {
    fn batching(&self) -> Option<Batching> {
        self.batching
    }

    fn images(&self) -> usize {
        self.images
    }

    fn goes_with(&self, other: &Self) -> bool {
        match (&self.ask, &other.ask) {
            (Ask::Tensors(a, a_outputs), Ask::Tensors(b, b_outputs)) => {
                a_outputs == b_outputs && batch::go_together(a, b)
            }
            (Ask::Picture(_), Ask::Picture(_)) => true,
            _ => false,
        }
    }
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
    /// It has not been loaded into any device yet.
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
    runs: AtomicU64,
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

    /// How often the model ran for them; requests that were put together share a run.
    pub fn runs(&self) -> u64 {
        self.runs.load(Relaxed)
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

    /// The model of that name ran, on so many images.
    pub(crate) fn note_run(&self, name: &str, images: usize) {
        self.runs.fetch_add(1, Relaxed);
        observe_batch(name, images);
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
        model: &Arc<Loaded>,
        mut inputs: Vec<Value>,
        mut outputs: Vec<String>,
        most: Duration,
    ) -> Result<(Vec<Value>, Times), Refusal> {
        let check = || {
            let signature = model.signature().ok_or(Refusal::NotLoaded)?;
            signature.check(&inputs, &outputs, self.max_batch()).map_err(Refusal::Invalid)?;
            if outputs.is_empty() {
                outputs = signature.outputs.iter().map(|port| port.name.clone()).collect();
            }
            inputs.sort_by_key(|input| signature.inputs.iter().position(|port| port.name == input.name));
            let images = inputs.first().filter(|_| signature.takes_batches()).map_or(1, |input| input.shape[0]);
            let together = batch::is_open(signature, &inputs, &outputs);
            Ok((Ask::Tensors(inputs, outputs), images, together))
        };
        match self.ask(model, check, most).await? {
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
        model: &Arc<Loaded>,
        picture: Prepared,
        most: Duration,
    ) -> Result<(Detections, Times), Refusal> {
        let check = || {
            let signature = model.signature().ok_or(Refusal::NotLoaded)?;
            Ok((Ask::Picture(Box::new(picture)), 1, signature.takes_batches()))
        };
        match self.ask(model, check, most).await? {
            (Answer::Seen(detections), times) => Ok((detections, times)),
            (Answer::Tensors(_), _) => Err(Refusal::NotLoaded),
        }
    }

    /// The model of that number, while it is loaded. Whoever holds it can ask it, also after another took its place.
    pub fn model(&self, number: usize) -> Option<Arc<Loaded>> {
        self.0.models.get(number)
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
        model: &Arc<Loaded>,
        check: impl FnOnce() -> Result<(Ask, usize, bool), Refusal>,
        most: Duration,
    ) -> Result<(Answer, Times), Refusal> {
        let mut tally = Tally { books: model.books(), outcome: Outcome::Abandoned };
        let result = match check() {
            Ok((ask, images, together)) => self.wait(model, ask, images, together, most).await,
            Err(refusal) => Err(refusal),
        };
        tally.outcome = Outcome::of(&result);
        result
    }

    async fn wait(
        &self,
        model: &Arc<Loaded>,
        ask: Ask,
        images: usize,
        together: bool,
        most: Duration,
    ) -> Result<(Answer, Times), Refusal> {
        if !self.is_ready() {
            return Err(Refusal::NoDevice);
        }
        let asked = self.0.clock.mono();
        let (reply, replied) = oneshot::channel();
        let limited = |batching: Batching| Batching { max: batching.max.min(self.max_batch()), ..batching };
        let batching = model.manifest().batching.filter(|_| together).map(limited);
        let request = Request { model: Arc::clone(model), ask, images, batching, asked, reply };
        self.0.slots.ask(model.number(), request, asked + most, asked).map_err(|refused| match refused {
            Refused::Full(wait) => Refusal::Full(wait),
            Refused::Late(wait) => Refusal::Late(wait),
        })?;
        match tokio::time::timeout(most, replied).await {
            Ok(Ok(replied)) => {
                model.books().note(&replied, images, self.0.clock.wall());
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
