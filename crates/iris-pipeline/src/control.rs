//! Starting, changing and stopping what [`crate::topology`] describes, and seeing how it fares.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use iris_core::{CameraId, Clock, DropReason, Epoch, Packet};
use iris_decode::FramePool;
use iris_flow::{blocking, gop};
use iris_infer::Manifest;
use iris_ingest::CameraStream;
use tokio::runtime::Handle;

use crate::analyst::LocalClock;
use crate::audience::Live;
use crate::camera::{Camera, CameraStatus};
use crate::error::Error;
use crate::gauge::{Device, DeviceStatus, QueueStatus, StageAge, StageThreads};
use crate::look::Eye;
use crate::meter::Ledger;
use crate::models::{Loaded, Models, Sessions};
use crate::settings::{CameraSettings, ModelSettings, Pace, Settings};
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
    devices: Vec<JoinHandle<()>>,
    analysts: Vec<JoinHandle<()>>,
    analytics: Vec<Waiting<ToAnalyst>>,
}

impl Pipeline {
    /// Loads the models, starts the threads, and gives back the pipeline, without cameras yet, and the end from which
    /// reports are to be read. Tasks of cameras run on `runtime`.
    ///
    /// # Errors
    /// A model that does not load or does not fit its manifest; a thread that the system does not give.
    pub fn start(
        settings: &Settings,
        clock: Arc<dyn Clock>,
        local_clock: &LocalClock,
        runtime: Handle,
    ) -> Result<(Self, blocking::Receiver<Report>), Error> {
        iris_decode::install_log(iris_ingest::hear_ffmpeg);
        iris_decode::return_large_blocks();
        let models = Models::new(settings.cores.infer);
        settings.models.iter().try_for_each(|model| models.load(model).map(drop))?;
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
            slots: LatestSlots::new(),
            shedder: Mutex::default(),
            cameras: RwLock::default(),
            epochs: RwLock::default(),
            frames: FramePool::new(),
            models,
            run: settings.run,
            cores,
            ages: Default::default(),
            devices: (0..cores.infer).map(|_| Device::default()).collect(),
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
        for n in 0..cores.infer {
            let (shared, analytics) = (Arc::clone(&this.shared), this.analytics.clone());
            let work = move || shared.infer(&shared.devices[n], &mut Sessions::default(), &analytics);
            this.devices.push(spawn(format!("inf-{n}"), work)?);
        }
        for n in 0..cores.decode {
            let (shared, analytics) = (Arc::clone(&this.shared), this.analytics.clone());
            this.decoders.push(spawn(format!("dec-{n}"), move || shared.decode(&analytics))?);
        }
        Ok((this, reported))
    }

    /// The number of a model, for [`CameraSettings::model`], and its description. It is loaded unless it is there, and
    /// stays.
    ///
    /// # Errors
    /// A model that does not load or does not fit its manifest.
    pub fn load(&self, model: &ModelSettings) -> Result<(usize, Arc<Manifest>), Error> {
        let (at, loaded) = self.shared.models.load(model)?;
        Ok((at, Arc::clone(&loaded.manifest)))
    }

    /// Makes `wanted` the cameras that run. Those whose settings are as before are not touched.
    ///
    /// # Errors
    /// A camera that names a model that is not there; then nothing has changed.
    pub fn apply(&mut self, wanted: Vec<CameraSettings>) -> Result<Changes, Error> {
        let models = self.shared.models.all();
        if let Some(CameraSettings { id, model, .. }) = wanted.iter().find(|c| c.model >= models.len()) {
            return Err(Error::NoSuchModel { camera: *id, model: *model, count: models.len() });
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
            let model = Arc::clone(&models[settings.model]);
            self.add(settings, &model);
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
        for camera in &cameras {
            camera.stop.cancel();
        }
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

    fn add(&mut self, settings: CameraSettings, model: &Loaded) {
        let shared = &self.shared;
        let id = settings.id;
        let first = shared.first_epoch(id);
        let gated = settings.gated && settings.pace == Pace::Live;
        let eye = Eye::new(Arc::clone(&shared.frames), &model.manifest, gated);
        let stream = CameraStream::new(id, first, settings.source.clone(), Arc::clone(&shared.clock));
        let camera = Arc::new(Camera::new(settings, first, eye, shared.clock.mono()));
        let (profile, classes) = (model.profile(), model.classes.clone());
        send(&self.analytics, id, ToAnalyst::Add { camera: Arc::clone(&camera), first, profile, classes });
        shared.slots.add(id, camera.share());
        shared.packets.open(id);
        shared.cameras.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&camera));
        self.tasks.insert(id, self.runtime.spawn(Arc::clone(shared).ingest(camera, stream)));
    }

    fn remove(&mut self, id: CameraId) {
        let shared = &self.shared;
        let Some(camera) = shared.camera(id) else { return };
        camera.stop.cancel();
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
        let classes = Arc::clone(&self.0.models.get(camera.settings.model)?.classes.0);
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

    /// The threads that run models, and how busy they are.
    pub fn devices(&self) -> Vec<DeviceStatus> {
        let now = self.0.clock.mono();
        self.0.devices.iter().enumerate().map(|(n, device)| device.status(format!("cpu-{n}"), now)).collect()
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
    pub fn queues(&self) -> [QueueStatus; 4] {
        self.0.queues()
    }

    /// The models that are loaded, in the order of their numbers.
    pub fn models(&self) -> Vec<Arc<Manifest>> {
        self.0.models.all().iter().map(|loaded| Arc::clone(&loaded.manifest)).collect()
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
