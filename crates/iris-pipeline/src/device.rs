//! A device: a thread that runs models, with a session of its own for each. What that thread shares with those who change
//! and watch it stands here; what it does with a frame, in [`crate::topology`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use iris_core::{Clock, Detections, MonoTime, Recovery};
use iris_infer::{Detector, Error, Model, OrtRuntime, Prepared, Runtime, Value, batch};

use crate::breaker::Breaker;
use crate::gauge::{DeviceState, DeviceStatus, Work};
use crate::inference::{Answer, Ask};
use crate::models::{Loaded, Models};
use crate::settings::{DeviceSettings, Role};

/// Where devices get their sessions.
pub trait Backend: Send + Sync {
    /// Whether there may be such a device, as far as that can be told without a model.
    ///
    /// # Errors
    /// Why there is none.
    fn check(&self, device: &DeviceSettings) -> Result<(), Error>;

    /// Loads a model into a device.
    ///
    /// # Errors
    /// Why that cannot be done.
    fn load(&self, device: &DeviceSettings, model: &Model) -> Result<Box<dyn Runtime>, Error>;
}

/// ONNX Runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct OnnxRuntime;

impl Backend for OnnxRuntime {
    fn check(&self, device: &DeviceSettings) -> Result<(), Error> {
        device.provider.check()
    }

    fn load(&self, device: &DeviceSettings, model: &Model) -> Result<Box<dyn Runtime>, Error> {
        Ok(Box::new(OrtRuntime::open(model, &device.provider)?))
    }
}

/// What a device's thread is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Take frames.
    Work,
    /// Nothing before that time, or before it is told otherwise.
    Rest(Option<MonoTime>),
    /// Try whether the device is back.
    Retry,
    /// End.
    End,
}

/// What all know of a device.
pub(crate) struct Device {
    pub(crate) settings: DeviceSettings,
    pub(crate) work: Work,
    state: Mutex<State>,
}

struct State {
    breaker: Breaker,
    /// Why it is lost.
    error: Option<String>,
    /// Since when it is lost, or not.
    since: MonoTime,
    losses: u64,
    /// Sessions that its thread has not taken yet.
    sessions: HashMap<usize, Session>,
    ended: bool,
}

impl Device {
    pub(crate) fn new(settings: DeviceSettings, now: MonoTime) -> Self {
        let mut seed = DefaultHasher::new();
        settings.name.hash(&mut seed);
        let breaker = Breaker::new(seed.finish());
        let state = State { breaker, error: None, since: now, losses: 0, sessions: HashMap::new(), ended: false };
        Self { settings, work: Work::default(), state: Mutex::new(state) }
    }

    /// What its thread is to do. `needed`: whether a device is lost, for which it could stand in.
    pub(crate) fn turn(&self, now: MonoTime, needed: impl Fn() -> bool) -> Turn {
        let idle = self.settings.role == Role::StandIn && !needed();
        let state = self.lock();
        match state.breaker.retry_at() {
            _ if state.ended => Turn::End,
            Some(time) if now < time => Turn::Rest(Some(time)),
            Some(_) => Turn::Retry,
            None if idle => Turn::Rest(None),
            None => Turn::Work,
        }
    }

    /// Gives it a session, to be taken by its thread.
    pub(crate) fn give(&self, model: &Arc<Loaded>, detector: Detector) {
        self.lock().sessions.insert(model.number(), Session { model: Arc::downgrade(model), detector });
    }

    /// Its thread is to end, once it has finished what it took.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lock().breaker.retry_at().is_some()
    }

    /// It cannot be had.
    pub(crate) fn lose(&self, error: &Error, now: MonoTime) {
        let mut state = self.lock();
        let known = state.breaker.retry_at().is_some();
        state.breaker.lose(now);
        state.note_loss(&self.settings.name, known, error, now);
    }

    pub(crate) fn status(&self, now: MonoTime, needed: impl Fn() -> bool) -> DeviceStatus {
        let turn = self.turn(now, needed);
        let state = self.lock();
        DeviceStatus {
            name: self.settings.name.clone(),
            kind: self.settings.provider.kind(),
            state: match (state.breaker.retry_at(), turn) {
                (Some(_), _) => DeviceState::Lost,
                (None, Turn::Rest(_)) => DeviceState::Standby,
                (None, _) => DeviceState::Running,
            },
            stand_in: self.settings.role == Role::StandIn,
            since: now.since(state.since),
            error: state.error.clone(),
            losses: state.losses,
            inferences: self.work.inferences(),
            busy_share: self.work.busy_share(now),
        }
    }

    /// A run succeeded, or failed for another reason than the device.
    fn succeeded(&self) {
        self.lock().breaker.succeeded();
    }

    /// A run failed: on the device, unless the frame or the model's nonsense was at fault.
    fn blame(&self, error: &Error, clock: &dyn Clock) {
        match error.recovery() {
            Recovery::Retry => self.succeeded(),
            _ => self.failed(error, clock.mono()),
        }
    }

    /// A run failed on it. A CPU is never lost by that: what fails there is the model.
    fn failed(&self, error: &Error, now: MonoTime) {
        let mut state = self.lock();
        if self.settings.provider.can_be_lost() && state.breaker.failed(now) {
            state.note_loss(&self.settings.name, false, error, now);
        }
    }

    fn recovered(&self, now: MonoTime) {
        let mut state = self.lock();
        tracing::info!(device = self.settings.name, "the device is back");
        state.breaker.recovered();
        (state.error, state.since) = (None, now);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note_loss(&mut self, device: &str, known: bool, error: &Error, now: MonoTime) {
        if known {
            tracing::warn!(device, %error, "the device is still lost");
        } else {
            tracing::error!(device, %error, "the device is lost; it is tried again, and others do its work");
            self.losses += 1;
            self.since = now;
        }
        self.error = Some(error.to_string());
        self.sessions.clear();
    }
}

/// A session, which goes with its model.
struct Session {
    model: Weak<Loaded>,
    detector: Detector,
}

impl Session {
    fn is_orphan(&self) -> bool {
        self.model.strong_count() == 0
    }
}

/// The sessions of a device's thread, by the number of their model.
#[derive(Default)]
pub(crate) struct Sessions(HashMap<usize, Session>);

impl Sessions {
    /// Whether a model is gone of which a session is there still.
    pub(crate) fn has_orphans(&self, device: &Device) -> bool {
        self.0.values().any(Session::is_orphan) || device.lock().sessions.values().any(Session::is_orphan)
    }

    /// Drops the sessions of models that are gone.
    pub(crate) fn drop_orphans(&mut self, device: &Device) {
        self.0.retain(|_, session| !session.is_orphan());
        device.lock().sessions.retain(|_, session| !session.is_orphan());
    }

    /// What the model sees in each frame of a batch, in their order; nothing where it failed, which was logged. A frame
    /// of which the model makes nonsense costs only itself.
    pub(crate) fn detect(
        &mut self,
        device: &Device,
        (models, model): (&Models, &Arc<Loaded>),
        batch: &[Prepared],
        clock: &dyn Clock,
    ) -> Vec<Option<Detections>> {
        let error = match self.of(device, models, model).and_then(|session| session.detect(batch)) {
            Ok(found) => {
                device.succeeded();
                return found.into_iter().map(Some).collect();
            }
            Err(error) => error,
        };
        device.blame(&error, clock);
        if error.recovery() == Recovery::Retry && batch.len() > 1 {
            let each = batch.iter().map(slice::from_ref);
            return each.flat_map(|one| self.detect(device, (models, model), one, clock)).collect();
        }
        let told = batch.iter().map(|frame| {
            tracing::warn!(frame = %frame.key, device = device.settings.name, %error, "the model failed on a frame");
            None
        });
        told.collect()
    }

    /// What the model answers other programs, whose requests go together, each with its number of images. Where it fails on
    /// several, each is tried alone, so that one costs only itself.
    pub(crate) fn answer(
        &mut self,
        device: &Device,
        (models, model): (&Models, &Arc<Loaded>),
        asked: &[(Ask, usize)],
        clock: &dyn Clock,
    ) -> Vec<Result<Answer, Error>> {
        let images = asked.iter().map(|(_, images)| images).sum();
        match self.of(device, models, model).and_then(|session| run(session, asked)) {
            Ok(answers) => {
                device.succeeded();
                model.books().note_run(&model.settings.name, images);
                answers.into_iter().map(Ok).collect()
            }
            Err(_) if asked.len() > 1 => {
                let each = asked.iter().map(slice::from_ref);
                each.flat_map(|one| self.answer(device, (models, model), one, clock)).collect()
            }
            Err(error) => {
                tracing::warn!(device = device.settings.name, %error, "the model failed on a request");
                device.blame(&error, clock);
                vec![Err(error)]
            }
        }
    }

    /// Tries whether a lost device is back, with all models.
    pub(crate) fn retry(&mut self, device: &Device, models: &Models, clock: &dyn Clock) {
        let mut load = |model: &Arc<Loaded>| self.of(device, models, model).map(drop);
        let tried = models.check(&device.settings).and_then(|()| models.all().iter().try_for_each(&mut load));
        match tried {
            Ok(()) => device.recovered(clock.mono()),
            Err(error) => {
                self.clear();
                device.lose(&error, clock.mono());
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The session of a model: the thread's own, or the one that the device was given, or else a new one.
    fn of(&mut self, device: &Device, models: &Models, model: &Arc<Loaded>) -> Result<&mut Detector, Error> {
        let session = match self.0.entry(model.number()) {
            Entry::Occupied(own) => own.into_mut(),
            Entry::Vacant(free) => {
                let given = device.lock().sessions.remove(&model.number());
                let open = || {
                    let detector = models.open(model, &device.settings)?;
                    Ok(Session { model: Arc::downgrade(model), detector })
                };
                free.insert(given.map_or_else(open, Ok)?)
            }
        };
        Ok(&mut session.detector)
    }
}

/// Runs a model once on all that is asked, which goes together.
fn run(session: &mut Detector, asked: &[(Ask, usize)]) -> Result<Vec<Answer>, Error> {
    if let [(Ask::Tensors(inputs, outputs), _)] = asked {
        return Ok(vec![Answer::Tensors(session.infer(inputs, outputs)?)]);
    }
    let pictures: Vec<&Prepared> = asked.iter().filter_map(|(ask, _)| ask.picture()).collect();
    if !pictures.is_empty() {
        return Ok(session.detect(&pictures)?.into_iter().map(Answer::Seen).collect());
    }
    let tensors: Vec<(&[Value], &[String])> = asked.iter().filter_map(|(ask, _)| ask.tensors()).collect();
    let Some((_, outputs)) = tensors.first() else { return Ok(Vec::new()) };
    let inputs: Vec<&[Value]> = tensors.iter().map(|(inputs, _)| *inputs).collect();
    let images: Vec<usize> = asked.iter().map(|(_, images)| *images).collect();
    let whole = session.infer(&batch::join(&inputs), outputs)?;
    Ok(batch::split(&whole, &images)?.into_iter().map(Answer::Tensors).collect())
}
