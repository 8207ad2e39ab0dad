//! A frame's whole way: every stage, queue, capacity and thread of Iris, in the order in which a frame meets them.
//!
//! ```text
//!  task a camera      threads dec-N                  threads inf-N          threads ana-N        the caller
//!  ingest ──packets──▶ decode ─▶ prepare ──slots──▶ model ──analytics──▶ track ─▶ rules ──reports──▶
//! ```
//!
//! | edge | type | when full |
//! |---|---|---|
//! | packets | [`gop::Queues`], [`PACKETS`] a camera | drops up to the next key frame, and says so |
//! | slots | `LatestSlots`, one a camera | a newer frame takes the older one's place |
//! | analytics | [`blocking`], [`DETECTIONS`] a thread | the model's thread waits: the work is paid for |
//! | reports | [`blocking`], [`REPORTS`] | the analytics thread waits: no event is lost |
//!
//! A camera that replays enters in lockstep: its next access unit comes when all that came of the one before is done.

use std::borrow::Cow;
use std::collections::HashMap;
use std::slice;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use iris_core::{CameraId, ClassId, Clock, Detections, DropReason, Epoch, Event, Frame, GapReason, Item, Tracks};
use iris_decode::FramePool;
use iris_flow::blocking;
use iris_flow::gop::{self, Work};
use iris_infer::{Detector, Manifest, Model, Options};
use iris_ingest::{CameraStream, Output, State};
use tokio::runtime::Handle;

use crate::analyst::{Analyst, LocalClock};
use crate::camera::{Camera, CameraStatus, Ticket, Unit, ticket};
use crate::error::Error;
use crate::look::{Eye, Look};
use crate::meter::Ledger;
use crate::metrics::observe_age;
use crate::settings::{CameraSettings, Settings};
use crate::slots::LatestSlots;

/// Access units that a camera's queue to the decoder holds: five seconds at 10 frames/s, two at 25.
pub const PACKETS: usize = 50;
/// Results that wait for one analytics thread.
pub const DETECTIONS: usize = 64;
/// Reports that wait for whoever stores them.
pub const REPORTS: usize = 256;

/// What comes out.
#[derive(Debug)]
pub enum Report {
    /// Something that a person should know, with its best picture so far.
    Event {
        /// The event.
        event: Event,
        /// The frame that `event.evidence.best` names.
        picture: Option<Arc<Frame>>,
    },
    /// A frame was analysed; only of cameras that ask for it.
    Frame {
        /// The picture.
        frame: Arc<Frame>,
        /// What is in it.
        tracks: Tracks,
    },
    /// A replay came to its end, or a camera failed for good; its status says which.
    Finished {
        /// The camera.
        camera: CameraId,
    },
}

/// What [`Pipeline::apply`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Cameras that were not there before.
    pub added: Vec<CameraId>,
    /// Cameras whose settings changed, which started anew.
    pub changed: Vec<CameraId>,
    /// Cameras that are gone.
    pub removed: Vec<CameraId>,
}

/// A running pipeline. Its methods wait for threads and tasks: call them from a thread of your own, not from a task.
pub struct Pipeline {
    shared: Arc<Topology>,
    runtime: Handle,
    tasks: HashMap<CameraId, tokio::task::JoinHandle<()>>,
    decoders: Vec<JoinHandle<()>>,
    devices: Vec<JoinHandle<()>>,
    analysts: Vec<JoinHandle<()>>,
    analytics: Vec<blocking::Sender<ToAnalyst>>,
}

/// What all threads share: the queues, and the cameras that are there.
struct Topology {
    clock: Arc<dyn Clock>,
    packets: gop::Queues<CameraId, Unit>,
    slots: LatestSlots<ToModel>,
    cameras: RwLock<HashMap<CameraId, Arc<Camera>>>,
    /// The first epoch of a camera that was removed and may come back.
    epochs: RwLock<HashMap<CameraId, Epoch>>,
    frames: Arc<FramePool>,
    models: Vec<Model>,
    run: u32,
}

struct ToModel {
    camera: Arc<Camera>,
    look: Look,
    ticket: Ticket,
}

enum ToAnalyst {
    Add(Arc<Camera>, Epoch),
    Seen { camera: Arc<Camera>, detections: Detections, frame: Frame, ticket: Ticket },
    Interrupted(CameraId),
    End(CameraId),
    Remove(CameraId),
}

// ---------------------------------------------------------------------------------------------------------------------
// The way of a frame
// ---------------------------------------------------------------------------------------------------------------------

impl Topology {
    /// Task of a camera: from the network or file to the packet queue.
    async fn ingest(self: Arc<Self>, camera: Arc<Camera>, mut stream: CameraStream) {
        let id = camera.settings.id;
        loop {
            let output = tokio::select! {
                () = camera.stop.cancelled() => return self.packets.send_end(id),
                output = stream.next() => output,
            };
            match output {
                Output::Item(Item::Data(packet)) => {
                    camera.note_epoch(packet.key.epoch);
                    let (ticket, wait) = ticket(camera.settings.pace);
                    camera.ledger.decode.receive();
                    let dropped = self.packets.send(id, Unit { packet, ticket });
                    camera.ledger.decode.drop_many(DropReason::QueueFull, dropped as u64);
                    wait.done().await;
                }
                Output::Item(Item::Gap(reason)) => {
                    tracing::debug!(camera = %id, %reason, "gap");
                    // The timeline was mended, and the decoder follows new parameters by itself.
                    if !matches!(reason, GapReason::Timestamps | GapReason::Parameters) {
                        self.packets.send_gap(id);
                    }
                }
                Output::Item(Item::End) => {}
                Output::State(state) => {
                    let over = matches!(state, State::Ended | State::Failed { .. });
                    let interrupted = camera.enter(state, &*self.clock);
                    if over {
                        return self.packets.send_end(id);
                    }
                    if interrupted {
                        self.packets.send_gap(id);
                    }
                }
            }
        }
    }

    /// Thread `dec-N`: from the packet queue to the model's slots, for whichever camera has work.
    fn decode(&self, analytics: &[blocking::Sender<ToAnalyst>]) {
        while let Some(mut turn) = self.packets.take() {
            let id = turn.key();
            let Some(camera) = self.camera(id) else { continue };
            let mut eye = camera.eye();
            let count = &camera.ledger.decode;
            let mut emit = |look| self.offer(&camera, look);
            while let Some(work) = turn.next() {
                match work {
                    Work::Unit(unit) => eye.see(&unit.packet, count, &*self.clock, &mut emit),
                    Work::Gap => {
                        eye.gap(count);
                        if camera.was_interrupted() {
                            send(analytics, id, ToAnalyst::Interrupted(id));
                        }
                    }
                    Work::End => {
                        eye.end(count, &*self.clock, &mut emit);
                        send(analytics, id, ToAnalyst::End(id));
                    }
                }
            }
        }
    }

    /// A prepared frame goes into its camera's slot.
    fn offer(&self, camera: &Arc<Camera>, look: Look) {
        let (ticket, wait) = ticket(camera.settings.pace);
        camera.ledger.model.receive();
        let item = ToModel { camera: Arc::clone(camera), look, ticket };
        if self.slots.put(camera.settings.id, item).is_some() {
            camera.ledger.model.drop_one(DropReason::Superseded);
        }
        wait.done_blocking();
    }

    /// Thread `inf-N`: a device takes the frame that has waited longest against its camera's rate.
    fn infer(&self, detectors: &mut [Detector], analytics: &[blocking::Sender<ToAnalyst>]) {
        while let Some((id, ToModel { camera, look, ticket })) = self.slots.take(&*self.clock) {
            let Look { prepared, mut frame } = look;
            match detectors[camera.settings.model].detect(slice::from_ref(&prepared)).map(|mut found| found.pop()) {
                Ok(Some(detections)) => {
                    let now = self.clock.mono();
                    frame.stamps.inferred = Some(now);
                    camera.note_age(now.since(frame.stamps.received));
                    observe_age("inferred", now.since(frame.stamps.received));
                    camera.ledger.model.emit();
                    camera.ledger.analytics.receive();
                    send(analytics, id, ToAnalyst::Seen { camera, detections, frame, ticket });
                }
                Ok(None) => camera.ledger.model.drop_one(DropReason::ModelFailed),
                Err(error) => {
                    tracing::warn!(frame = %frame.key, %error, "the model failed on a frame");
                    camera.ledger.model.drop_one(DropReason::ModelFailed);
                }
            }
        }
    }

    /// Thread `ana-N`: from detections to events. A camera always meets the same thread, so its frames stay in order.
    fn analyse(
        &self,
        inbox: &blocking::Receiver<ToAnalyst>,
        reports: &blocking::Sender<Report>,
        local_clock: &LocalClock,
    ) {
        let mut scenes: HashMap<CameraId, (Arc<Camera>, Analyst)> = HashMap::new();
        let mut report = |report| {
            if reports.send(report).is_err() {
                tracing::error!("a report has no receiver any more");
            }
        };
        while let Some(message) = inbox.recv() {
            match message {
                ToAnalyst::Add(camera, first) => {
                    let analyst = Analyst::new(&camera.settings, first, Arc::clone(local_clock));
                    scenes.insert(camera.settings.id, (camera, analyst));
                }
                ToAnalyst::Seen { camera, detections, frame, ticket: _ticket } => {
                    let scene =
                        scenes.get_mut(&camera.settings.id).filter(|(current, _)| Arc::ptr_eq(current, &camera));
                    let taken = scene.is_some_and(|(_, analyst)| analyst.see(&detections, frame, &mut report));
                    if taken {
                        camera.ledger.analytics.emit();
                    } else {
                        camera.ledger.analytics.drop_one(DropReason::Retired);
                    }
                }
                ToAnalyst::Interrupted(id) => {
                    scenes.get_mut(&id).into_iter().for_each(|(_, analyst)| analyst.end(&mut report));
                }
                ToAnalyst::End(id) => {
                    scenes.get_mut(&id).into_iter().for_each(|(_, analyst)| analyst.end(&mut report));
                    report(Report::Finished { camera: id });
                }
                ToAnalyst::Remove(id) => {
                    scenes.remove(&id).into_iter().for_each(|(_, mut analyst)| analyst.end(&mut report));
                }
            }
        }
        scenes.values_mut().for_each(|(_, analyst)| analyst.end(&mut report));
    }

    fn camera(&self, id: CameraId) -> Option<Arc<Camera>> {
        self.cameras.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}

/// To the analytics thread that owns the camera; waits while its queue is full.
fn send(analytics: &[blocking::Sender<ToAnalyst>], camera: CameraId, message: ToAnalyst) {
    if analytics[owner(camera, analytics.len())].send(message).is_err() {
        tracing::debug!(%camera, "analytics has stopped");
    }
}

/// Which of `n` analytics threads owns a camera.
fn owner(camera: CameraId, n: usize) -> usize {
    let hash = camera.as_str().bytes().fold(0usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    hash % n
}

// ---------------------------------------------------------------------------------------------------------------------
// Starting, changing, stopping
// ---------------------------------------------------------------------------------------------------------------------

impl Pipeline {
    /// Loads the models, starts the threads, and gives back the pipeline, without cameras yet, and the end from which
    /// reports are to be read. Tasks of cameras run on `runtime`.
    ///
    /// # Errors
    /// A model that does not load or does not fit its manifest; a thread that the system does not give.
    pub fn start(
        settings: &Settings,
        clock: Arc<dyn Clock>,
        local_clock: LocalClock,
        runtime: Handle,
    ) -> Result<(Self, blocking::Receiver<Report>), Error> {
        iris_decode::install_log();
        let models = load_models(settings)?;
        let shared = Arc::new(Topology {
            clock,
            packets: gop::Queues::new(PACKETS),
            slots: LatestSlots::new(),
            cameras: RwLock::default(),
            epochs: RwLock::default(),
            frames: FramePool::new(),
            models,
            run: settings.run,
        });
        let (reports, reported) = blocking::channel(REPORTS);
        let (analytics, inboxes): (Vec<_>, Vec<_>) =
            (0..settings.cores.analyse).map(|_| blocking::channel(DETECTIONS)).unzip();
        let mut this = Self {
            shared,
            runtime,
            tasks: HashMap::new(),
            decoders: Vec::new(),
            devices: Vec::new(),
            analysts: Vec::new(),
            analytics,
        };
        for (n, inbox) in inboxes.into_iter().enumerate() {
            let (shared, reports, local_clock) = (Arc::clone(&this.shared), reports.clone(), Arc::clone(&local_clock));
            this.analysts.push(spawn(format!("ana-{n}"), move || shared.analyse(&inbox, &reports, &local_clock))?);
        }
        for n in 0..settings.cores.infer {
            let mut detectors = load_detectors(settings, &this.shared.models)?;
            let (shared, analytics) = (Arc::clone(&this.shared), this.analytics.clone());
            this.devices.push(spawn(format!("inf-{n}"), move || shared.infer(&mut detectors, &analytics))?);
        }
        for n in 0..settings.cores.decode {
            let (shared, analytics) = (Arc::clone(&this.shared), this.analytics.clone());
            this.decoders.push(spawn(format!("dec-{n}"), move || shared.decode(&analytics))?);
        }
        Ok((this, reported))
    }

    /// Makes `wanted` the cameras that run. Those whose settings are as before are not touched.
    ///
    /// # Errors
    /// A camera that names a model that is not there; then nothing has changed.
    pub fn apply(&mut self, wanted: Vec<CameraSettings>) -> Result<Changes, Error> {
        let count = self.shared.models.len();
        if let Some(CameraSettings { id, model, .. }) = wanted.iter().find(|c| c.model >= count) {
            return Err(Error::NoSuchModel { camera: *id, model: *model, count });
        }
        let mut changes = Changes::default();
        let current: Vec<CameraId> = self.tasks.keys().copied().collect();
        for id in current.into_iter().filter(|id| wanted.iter().all(|c| c.id != *id)) {
            self.remove(id);
            changes.removed.push(id);
        }
        for settings in wanted {
            match self.shared.camera(settings.id) {
                Some(camera) if camera.settings == settings => continue,
                Some(_) => {
                    self.remove(settings.id);
                    changes.changed.push(settings.id);
                }
                None => changes.added.push(settings.id),
            }
            self.add(settings);
        }
        Ok(changes)
    }

    /// The window through which others see how the pipeline fares.
    pub fn view(&self) -> View {
        View(Arc::clone(&self.shared))
    }

    /// Stops in the order of a frame's way: cameras, decoders, models, analytics. Open events are ended and reported
    /// before the reports end. What was still under way is counted as dropped.
    pub fn shutdown(mut self) {
        let cameras: Vec<Arc<Camera>> = self.shared.all();
        cameras.iter().for_each(|c| c.stop.cancel());
        for (_, task) in self.tasks.drain() {
            drop(self.runtime.block_on(task));
        }
        self.shared.packets.shutdown();
        join(&mut self.decoders);
        self.shared.slots.shut();
        join(&mut self.devices);
        self.analytics.clear();
        join(&mut self.analysts);
        for camera in cameras {
            let Ledger { decode, model, analytics } = &camera.ledger;
            for count in [decode, model, analytics] {
                count.drop_many(DropReason::Shutdown, u64::try_from(count.in_flight()).unwrap_or(0));
            }
        }
    }

    fn add(&mut self, settings: CameraSettings) {
        let shared = &self.shared;
        let id = settings.id;
        let first = shared.first_epoch(id);
        let eye = Eye::new(Arc::clone(&shared.frames), &shared.models[settings.model].manifest);
        let stream = CameraStream::new(id, first, settings.source.clone(), Arc::clone(&shared.clock));
        let share = settings.share;
        let camera = Arc::new(Camera::new(settings, first, eye, shared.clock.mono()));
        send(&self.analytics, id, ToAnalyst::Add(Arc::clone(&camera), first));
        shared.slots.add(id, share);
        shared.packets.open(id);
        shared.cameras.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&camera));
        self.tasks.insert(id, self.runtime.spawn(Arc::clone(shared).ingest(camera, stream)));
    }

    fn remove(&mut self, id: CameraId) {
        let shared = &self.shared;
        let Some(camera) = shared.cameras.write().unwrap_or_else(PoisonError::into_inner).remove(&id) else { return };
        camera.stop.cancel();
        if let Some(task) = self.tasks.remove(&id) {
            drop(self.runtime.block_on(task));
        }
        camera.ledger.decode.drop_many(DropReason::Retired, shared.packets.retire(id) as u64);
        // A worker may still hold an access unit of this camera; its eye is free when it is done.
        camera.eye().gap(&camera.ledger.decode);
        if shared.slots.remove(id).is_some() {
            camera.ledger.model.drop_one(DropReason::Retired);
        }
        send(&self.analytics, id, ToAnalyst::Remove(id));
        shared.epochs.write().unwrap_or_else(PoisonError::into_inner).insert(id, camera.next_epoch());
    }
}

impl Topology {
    fn all(&self) -> Vec<Arc<Camera>> {
        let mut all: Vec<_> = self.cameras.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        all.sort_by_key(|c| c.settings.id);
        all
    }

    fn first_epoch(&self, id: CameraId) -> Epoch {
        let before = self.epochs.read().unwrap_or_else(PoisonError::into_inner).get(&id).copied();
        before.unwrap_or(Epoch::first(self.run))
    }
}

/// Sees the cameras of a pipeline, from any thread or task.
#[derive(Clone)]
pub struct View(Arc<Topology>);

impl View {
    /// Calls `visit` for each camera, in the order of their ids, with its status, its books and how many access units
    /// wait for a decoder.
    pub fn cameras(&self, mut visit: impl FnMut(CameraId, CameraStatus, &Ledger, usize)) {
        let now = self.0.clock.mono();
        for camera in self.0.all() {
            let id = camera.settings.id;
            visit(id, camera.status(now), &camera.ledger, self.0.packets.depth(id));
        }
    }

    /// Ends the streams of all cameras, as if their sources were over. Reports follow as at such an end.
    pub fn stop(&self) {
        self.0.all().iter().for_each(|camera| camera.stop.cancel());
    }

    /// The name of a class of a camera's model; its number where the camera is gone or the model has no such class.
    pub fn class_name(&self, camera: CameraId, class: ClassId) -> Cow<'_, str> {
        let name = self.0.camera(camera).and_then(|c| {
            self.0.models.get(c.settings.model)?.manifest.classes.get(usize::from(class.0)).map(String::as_str)
        });
        name.map_or_else(|| Cow::Owned(format!("class {}", class.0)), Cow::Borrowed)
    }

    /// The models, in the order of [`Settings::models`].
    pub fn models(&self) -> impl Iterator<Item = &Manifest> {
        self.0.models.iter().map(|model| &*model.manifest)
    }
}

fn load_models(settings: &Settings) -> Result<Vec<Model>, Error> {
    settings.models.iter().map(|m| Model::open(&m.path).map_err(|source| Error::model(m, source))).collect()
}

/// One thread's own sessions: a session is never shared.
fn load_detectors(settings: &Settings, models: &[Model]) -> Result<Vec<Detector>, Error> {
    let each = settings.models.iter().zip(models);
    each.map(|(m, model)| {
        let options = Options { score: m.min_score, ..Options::default() };
        Detector::load(model, &options).map_err(|source| Error::model(m, source))
    })
    .collect()
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    std::thread::Builder::new().name(name.clone()).spawn(work).map_err(|source| Error::Thread { name, source })
}

/// Waits for threads. One that panicked has said so itself; the others are still to be waited for.
fn join(threads: &mut Vec<JoinHandle<()>>) {
    for thread in threads.drain(..) {
        drop(thread.join());
    }
}
