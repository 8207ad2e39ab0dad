//! Starting, changing and stopping what [`crate::topology`] describes, and seeing how it fares.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use iris_analytics::SizeGate;
use iris_core::{CameraId, Clock, DropReason, Epoch, Packet};
use iris_decode::{Decoder, FramePool, Limits};
use iris_flow::{blocking, gop};
use iris_infer::{Manifest, Preprocessor};
use iris_ingest::CameraStream;
use tokio::runtime::Handle;

use crate::Pace;
use crate::analyst::LocalClock;
use crate::audience::Live;
use crate::camera::{Camera, CameraStatus};
use crate::device::{Backend, Device, OnnxRuntime};
use crate::error::Error;
use crate::gauge::{DeviceStatus, QueueStatus, StageAge, StageThreads};
use crate::inference::{Books, Inference};
use crate::ladder::Gate;
use crate::look::Eye;
use crate::meter::Ledger;
use crate::models::{Loaded, Models};
use crate::settings::{CameraSettings, DeviceSettings, Gating, ModelSettings, Role, Settings};
use crate::slots::LatestSlots;
use crate::topology::{DETECTIONS, PACKETS, REPORTS, Report, ToAnalyst, Topology, analyse, send};
use crate::waiting::Waiting;

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
    devices: Vec<(Arc<Device>, JoinHandle<()>)>,
    analysts: Vec<JoinHandle<()>>,
    analytics: Vec<Waiting<ToAnalyst>>,
}

impl Pipeline {
    /// Loads the models, starts the threads, and gives back the pipeline, without cameras yet, and the end from which
    /// reports are to be read. Tasks of cameras run on `runtime`.
    ///
    /// # Errors
    /// A model that does not load or does not fit its manifest; a device that is required and cannot be had; a thread
    /// that the system does not give.
    pub fn start(
        settings: &Settings,
        clock: Arc<dyn Clock>,
        local_clock: &LocalClock,
        runtime: Handle,
    ) -> Result<(Self, blocking::Receiver<Report>), Error> {
        Self::start_on(Arc::new(OnnxRuntime), settings, clock, local_clock, runtime)
    }

    /// [`Self::start`] with devices that are something else than ONNX Runtime's.
    ///
    /// # Errors
    /// As there.
    pub fn start_on(
        backend: Arc<dyn Backend>,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        local_clock: &LocalClock,
        runtime: Handle,
    ) -> Result<(Self, blocking::Receiver<Report>), Error> {
        iris_decode::install_log(iris_ingest::hear_ffmpeg);
        iris_decode::return_large_blocks();
        let cores = settings.cores;
        let (reports, reported) = blocking::channel(REPORTS);
        let reports = Waiting::new("reports", reports, &clock);
        let (analytics, inboxes): (Vec<_>, Vec<_>) = (0..cores.analyse)
            .map(|_| blocking::channel(DETECTIONS))
            .map(|(sender, inbox)| (Waiting::new("analytics", sender, &clock), inbox))
            .unzip();
        let shared = Arc::new(Topology {
            clock,
            packets: gop::Queues::new(PACKETS),
            slots: LatestSlots::new(settings.sharing),
            shedder: Mutex::default(),
            cameras: RwLock::default(),
            epochs: RwLock::default(),
            frames: FramePool::new(),
            gpu: settings.decoder.clone(),
            models: Models::new(backend),
            run: settings.run,
            cores,
            ages: Default::default(),
            devices: RwLock::default(),
            analytics: analytics.iter().map(Waiting::probe).collect(),
            reports: reports.probe(),
        });
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
            let (shared, reports, local_clock) = (Arc::clone(&this.shared), reports.clone(), Arc::clone(local_clock));
            let work = move || analyse(&shared, &inbox, &reports, &local_clock);
            this.analysts.push(spawn(format!("ana-{n}"), work)?);
        }
        this.set_devices(&settings.devices)?;
        settings.models.iter().try_for_each(|model| this.load(model).map(drop))?;
        for n in 0..cores.decode {
            let (shared, analytics) = (Arc::clone(&this.shared), this.analytics.clone());
            this.decoders.push(spawn(format!("dec-{n}"), move || shared.decode(&analytics))?);
        }
        Ok((this, reported))
    }

    /// Loads a model into every device, unless it is there. It stays until [`Self::keep`] lets go of it. A GPU that cannot take
    /// it is lost.
    ///
    /// # Errors
    /// A model that does not load or does not fit its manifest; a required device that cannot take it.
    pub fn load(&self, settings: &ModelSettings) -> Result<Arc<Loaded>, Error> {
        self.shared.models.find(settings).map_or_else(|| self.reload(settings), Ok)
    }

    /// Loads a model as its files are now, beside what was loaded with these settings before; unless that is the same.
    ///
    /// # Errors
    /// As [`Self::load`]; then what was loaded before is as it was.
    pub fn reload(&self, settings: &ModelSettings) -> Result<Arc<Loaded>, Error> {
        let (models, devices) = (&self.shared.models, self.shared.all_devices());
        let (model, gone) = models.read(settings)?;
        if let Some(known) = models.find(settings).filter(|known| Models::is_same(known, &model)) {
            return Ok(known);
        }
        if devices.iter().any(|device| device.settings.provider.can_be_lost()) {
            // What fails here is the model's fault, and no reason to lose a GPU.
            let cpu = DeviceSettings::cpu("cpu".into(), Role::Worker);
            models.open(&model, &cpu).map_err(|source| Error::model(settings, source))?;
        }
        let mut sessions = Vec::new();
        for device in devices.iter().filter(|device| device.settings.role != Role::StandIn && !device.is_lost()) {
            match models.open(&model, &device.settings) {
                Ok(session) => sessions.push((device, session)),
                Err(source) if !device.settings.provider.can_be_lost() => return Err(Error::model(settings, source)),
                Err(source) => self.give_up(device, source)?,
            }
        }
        for (device, session) in sessions {
            device.give(&model, session);
        }
        models.add(Arc::clone(&model));
        let shared = Arc::clone(&self.shared);
        self.runtime.spawn(async move {
            // That the other end is dropped is the message: nobody holds the model any more.
            gone.await.ok();
            shared.slots.wake();
        });
        Ok(model)
    }

    /// Lets go of all models but `models`. One that is let go works for the cameras and requests that have it, and goes with the
    /// last of them.
    pub fn keep(&self, models: &[Arc<Loaded>]) {
        self.shared.models.keep(|loaded| models.iter().any(|model| model.number() == loaded.number()));
    }

    /// Makes `wanted` the devices that run. Those whose settings are as before are not touched, and neither are cameras;
    /// one that is taken away finishes what it has begun. A GPU that cannot be had is lost from the start, and tried again.
    ///
    /// # Errors
    /// A device that is required and cannot be had, or a thread that the system does not give; then nothing has changed.
    pub fn set_devices(&mut self, wanted: &[DeviceSettings]) -> Result<(), Error> {
        let before = self.shared.all_devices();
        let mut devices = Vec::new();
        for settings in wanted {
            let same = before.iter().find(|device| device.settings == *settings);
            devices.push(same.map_or_else(|| self.open(settings).map(Arc::new), |device| Ok(Arc::clone(device)))?);
        }
        let is_in = |device: &Arc<Device>, list: &[Arc<Device>]| list.iter().any(|other| Arc::ptr_eq(other, device));
        let mut threads = Vec::new();
        for device in devices.iter().filter(|device| !is_in(device, &before)) {
            let (shared, analytics, own) = (Arc::clone(&self.shared), self.analytics.clone(), Arc::clone(device));
            match spawn(format!("inf-{}", device.settings.name), move || shared.infer(&own, &analytics)) {
                Ok(thread) => threads.push((Arc::clone(device), thread)),
                Err(error) => {
                    self.retire(threads);
                    return Err(error);
                }
            }
        }
        let gone = self.devices.extract_if(.., |(device, _)| !is_in(device, &devices)).collect();
        self.devices.append(&mut threads);
        *self.shared.devices.write().unwrap_or_else(PoisonError::into_inner) = devices;
        // Stand-ins may have more or less to do now.
        self.shared.slots.wake();
        self.retire(gone);
        Ok(())
    }

    /// Makes `wanted` the cameras that run. Those whose settings are as before are not touched. One of which only the model
    /// changed, to one with the same classes and thresholds, goes on with that from its next frame on.
    ///
    /// # Errors
    /// A camera that names a model that is not there or finds no boxes; then nothing has changed.
    pub fn apply(&mut self, wanted: Vec<CameraSettings>) -> Result<Changes, Error> {
        let with_model = |camera: CameraSettings| {
            let number = camera.model;
            let model =
                self.shared.models.get(number).ok_or(Error::NoSuchModel { camera: camera.id, model: number })?;
            let preprocessor = model.preprocessor().map_err(|source| Error::model(&model.settings, source))?;
            Ok((camera, model, preprocessor))
        };
        let wanted = wanted.into_iter().map(with_model).collect::<Result<Vec<_>, _>>()?;
        let mut changes = Changes::default();
        let current: Vec<CameraId> = self.tasks.keys().copied().collect();
        for id in current.into_iter().filter(|id| wanted.iter().all(|(c, ..)| c.id != *id)) {
            self.remove(id);
            changes.removed.push(id);
        }
        for (settings, model, preprocessor) in wanted {
            match self.shared.camera(settings.id) {
                Some(camera) if camera.runs_as(&settings) && camera.model().number() == model.number() => continue,
                Some(camera) if camera.runs_as(&settings) && camera.model().sees_as(&model) => {
                    camera.look_by(&model, preprocessor);
                    continue;
                }
                Some(_) => {
                    self.remove(settings.id);
                    changes.changed.push(settings.id);
                }
                None => changes.added.push(settings.id),
            }
            self.add(settings, model, preprocessor);
        }
        Ok(changes)
    }

    /// The window through which others see how the pipeline fares.
    pub fn view(&self) -> View {
        View(Arc::clone(&self.shared))
    }

    /// The way by which others ask the models.
    pub fn inference(&self) -> Inference {
        Inference(Arc::clone(&self.shared))
    }

    /// Stops in the order of a frame's way: cameras, decoders, models, analytics. Open events are ended and reported
    /// before the reports end. What was still under way is counted as dropped.
    pub fn shutdown(mut self) {
        let cameras: Vec<Arc<Camera>> = self.shared.all();
        for camera in &cameras {
            self.shared.stop(camera, DropReason::Shutdown);
        }
        for (_, task) in self.tasks.drain() {
            drop(self.runtime.block_on(task));
        }
        self.shared.packets.shutdown();
        join(&mut self.decoders);
        let devices = std::mem::take(&mut self.devices);
        self.retire(devices);
        self.shared.slots.clear_requests();
        self.analytics.clear();
        join(&mut self.analysts);
        for camera in cameras {
            let Ledger { decode, model, analytics } = &camera.ledger;
            for count in [decode, model, analytics] {
                count.drop_many(DropReason::Shutdown, u64::try_from(count.in_flight()).unwrap_or(0));
            }
        }
    }

    /// A device with all models, or one that is lost because it cannot have them.
    fn open(&self, settings: &DeviceSettings) -> Result<Device, Error> {
        let models = &self.shared.models;
        let device = Device::new(settings.clone(), self.shared.clock.mono());
        if settings.role == Role::StandIn {
            return Ok(device);
        }
        let loaded = models.check(settings).and_then(|()| {
            let give = |model: &Arc<Loaded>| models.open(model, settings).map(|session| device.give(model, session));
            models.all().iter().try_for_each(give)
        });
        loaded.or_else(|source| self.give_up(&device, source))?;
        Ok(device)
    }

    /// A device cannot be had: a GPU is lost by that, unless it is required.
    fn give_up(&self, device: &Device, source: iris_infer::Error) -> Result<(), Error> {
        let DeviceSettings { name, provider, role, .. } = &device.settings;
        if !provider.can_be_lost() || *role == Role::Required {
            return Err(Error::Device { device: name.clone(), source });
        }
        device.lose(&source, self.shared.clock.mono());
        self.shared.slots.wake();
        Ok(())
    }

    /// Ends devices, and waits until they have finished what they took.
    fn retire(&self, devices: Vec<(Arc<Device>, JoinHandle<()>)>) {
        for (device, _) in &devices {
            device.end();
        }
        self.shared.slots.wake();
        join(&mut devices.into_iter().map(|(_, thread)| thread).collect());
    }

    fn add(&mut self, settings: CameraSettings, model: Arc<Loaded>, preprocessor: Preprocessor) {
        let shared = &self.shared;
        let id = settings.id;
        let first = shared.first_epoch(id);
        let gate = match settings.gating {
            Gating::Off => None,
            Gating::Motion => Some(Gate::new(None)),
            Gating::Sizes => Some(Gate::new(Some(SizeGate::default()))),
        };
        let decoder = Decoder::new(Arc::clone(&shared.frames), Limits::default()).on(shared.gpu.clone());
        let eye = Eye::new(decoder, preprocessor, gate);
        let stream = CameraStream::new(id, first, settings.source.clone(), Arc::clone(&shared.clock));
        let (profile, classes) = (model.profile(), model.classes.clone());
        let camera = Arc::new(Camera::new(settings, first, model, eye, shared.clock.mono()));
        send(&self.analytics, id, ToAnalyst::Add { camera: Arc::clone(&camera), first, profile, classes });
        shared.slots.add(id, camera.share());
        shared.packets.open(id);
        shared.cameras.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&camera));
        self.tasks.insert(id, self.runtime.spawn(Arc::clone(shared).ingest(camera, stream)));
    }

    fn remove(&mut self, id: CameraId) {
        let shared = &self.shared;
        let Some(camera) = shared.camera(id) else { return };
        shared.stop(&camera, DropReason::Retired);
        // Workers must know the camera until its task has ended: in a replay the task waits for them.
        if let Some(task) = self.tasks.remove(&id) {
            drop(self.runtime.block_on(task));
        }
        camera.ledger.decode.drop_many(DropReason::Retired, shared.packets.retire(id) as u64);
        // A worker may still hold an access unit of this camera; its eye is free when it is done.
        camera.eye().gap(&camera.ledger.decode);
        if shared.slots.remove(id).is_some() {
            camera.ledger.model.drop_one(DropReason::Retired);
        }
        shared.cameras.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
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

    /// Tells a camera to stop. A replay waits for the model with each frame: no more, since the device may be lost.
    fn stop(&self, camera: &Camera, reason: DropReason) {
        camera.stop.cancel();
        if camera.pace() == Pace::Replay {
            camera.leaves.set(reason).ok();
            if self.slots.remove(camera.settings.id).is_some() {
                camera.ledger.model.drop_one(reason);
            }
        }
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

    /// Watches a camera, from its newest key frame on.
    pub fn watch(&self, camera: CameraId) -> Option<Live> {
        let camera = self.0.camera(camera)?;
        let classes = Arc::clone(&camera.model().classes.0);
        Some(camera.audience.watch(camera.settings.id, classes, camera.states()))
    }

    /// What a camera sent since its newest key frame. Empty if that is not kept any more or has not come yet.
    pub fn newest(&self, camera: CameraId) -> Option<Vec<Packet>> {
        self.0.camera(camera).map(|camera| camera.audience.newest())
    }

    /// Ends the streams of all cameras, as if their sources were over. Reports follow as at such an end.
    pub fn stop(&self) {
        for camera in self.0.all() {
            camera.stop.cancel();
        }
    }

    /// The devices, and how they fare.
    pub fn devices(&self) -> Vec<DeviceStatus> {
        let now = self.0.clock.mono();
        let lost = self.0.a_device_is_lost();
        self.0.all_devices().iter().map(|device| device.status(now, || lost)).collect()
    }

    /// How old frames are when they leave each of [`crate::Stages`]; `None` where none has yet.
    pub fn ages(&self) -> [Option<StageAge>; 3] {
        self.0.ages.each_ref().map(|ages| ages.quantiles().map(|(p50, p95)| StageAge { p50, p95 }))
    }

    /// Every stage with its threads, in the order of a frame's way.
    pub fn stages(&self) -> [StageThreads; 4] {
        self.0.stages()
    }

    /// Every queue and what waits in it, in the order of a frame's way.
    pub fn queues(&self) -> [QueueStatus; 5] {
        self.0.queues()
    }

    /// Calls `visit` for each model that was ever loaded, with its name, its version and what became of other programs' requests.
    pub fn requests(&self, visit: impl FnMut(&str, u32, &Books)) {
        self.0.models.books(visit);
    }

    /// The models that are loaded, in the order of their numbers.
    pub fn models(&self) -> Vec<Arc<Manifest>> {
        self.0.models.all().iter().map(|loaded| Arc::clone(loaded.manifest())).collect()
    }
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
