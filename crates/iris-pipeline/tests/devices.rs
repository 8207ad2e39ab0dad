//! Devices of unequal speed, lost and found, added and taken away while cameras run. CPU sessions stand for GPUs: the one
//! that is half as fast runs its model twice for each frame.

mod common;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};

use common::{ONE_CORE, TWO_CORES, always, camera, runtime, settings, start, testdata};
use iris_core::clock::SystemClock;
use iris_core::{CameraId, DropReason};
use iris_flow::blocking::Receiver;
use iris_infer::{Error, Model, OrtRuntime, Output, Provider, Runtime, Signature, Tensor, Value};
use iris_pipeline::{
    Backend, CameraSettings, Cores, DeviceSettings, DeviceState, DeviceStatus, Ledger, Pace, Pipeline, Report, Role,
    Settings, Stages,
};

type Reader<'r> = iris_infer::runtime::Reader<'r>;

/// The model runs so many times for each frame, unless the device is broken.
struct Slow {
    inner: OrtRuntime,
    times: usize,
    name: String,
    machine: Arc<Machine>,
}

/// How often something happened, for those who wait for it.
#[derive(Default)]
struct Count(Mutex<usize>, Condvar);

impl Count {
    fn add(&self) {
        *self.0.lock().expect("no panic") += 1;
        self.1.notify_all();
    }

    fn until(&self, enough: usize) {
        drop(self.1.wait_while(self.0.lock().expect("no panic"), |count| *count < enough).expect("no panic"));
    }
}

/// What the devices of a test have in common.
#[derive(Default)]
struct Machine {
    /// How often the model runs on a device for each frame; once if not given.
    times: HashMap<String, usize>,
    /// Devices that are there, and on which nothing runs.
    broken: Mutex<HashSet<String>>,
    /// Devices that are not there.
    missing: Mutex<HashSet<String>>,
    /// Runs that failed, and models that were loaded.
    failed: Count,
    loaded: Count,
    /// The largest batch seen.
    largest: Mutex<usize>,
    /// Batches of more than one frame are nonsense.
    confused: bool,
}

impl Machine {
    fn set_broken(&self, name: &str, broken: bool) {
        let mut all = self.broken.lock().expect("no panic");
        if broken {
            all.insert(name.into())
        } else {
            all.remove(name)
        };
    }

    fn set_missing(&self, name: &str, missing: bool) {
        let mut all = self.missing.lock().expect("no panic");
        if missing {
            all.insert(name.into())
        } else {
            all.remove(name)
        };
    }
}

fn fallen(doing: &'static str) -> Error {
    Error::Runtime { doing, message: "the GPU has fallen off the bus".into() }
}

/// The devices of a machine.
struct Devices(Arc<Machine>);

impl Backend for Devices {
    fn check(&self, device: &DeviceSettings) -> Result<(), Error> {
        let missing = self.0.missing.lock().expect("no panic").contains(&device.name);
        if missing { Err(fallen("looking for a device")) } else { Ok(()) }
    }

    fn load(&self, device: &DeviceSettings, model: &Model) -> Result<Box<dyn Runtime>, Error> {
        self.check(device)?;
        let inner = OrtRuntime::load(&model.onnx, 1)?;
        self.0.loaded.add();
        let times = self.0.times.get(&device.name).copied().unwrap_or(1);
        Ok(Box::new(Slow { inner, times, name: device.name.clone(), machine: Arc::clone(&self.0) }))
    }
}

impl Runtime for Slow {
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn run(&mut self, batch: &[&Tensor], read: &mut Reader<'_>) -> Result<(), Error> {
        if self.machine.broken.lock().expect("no panic").contains(&self.name) {
            self.machine.failed.add();
            return Err(fallen("running the model"));
        }
        if self.machine.confused && batch.len() > 1 {
            return Err(Error::BadOutput { what: "makes no sense".into() });
        }
        let mut largest = self.machine.largest.lock().expect("no panic");
        *largest = batch.len().max(*largest);
        drop(largest);
        for _ in 1..self.times {
            self.inner.run(batch, &mut |_, _: &[Output<'_>]| Ok(()))?;
        }
        self.inner.run(batch, read)
    }

    fn infer(&mut self, inputs: &[Value], outputs: &[String]) -> Result<Vec<Value>, Error> {
        self.inner.infer(inputs, outputs)
    }
}

fn gpu(n: u32, role: Role) -> DeviceSettings {
    DeviceSettings { name: format!("gpu-{n}"), provider: Provider::Cuda { index: n }, batch: 1, role }
}

fn stand_in() -> DeviceSettings {
    DeviceSettings::cpu("cpu-0".into(), Role::StandIn)
}

/// A replay holds a decoder's thread until its frame is done with, so devices see as many frames at once as there are
/// such threads.
fn start_on(
    machine: &Arc<Machine>,
    devices: Vec<DeviceSettings>,
    decode: usize,
    runtime: &tokio::runtime::Runtime,
) -> Started {
    let cores = Cores { decode, analyse: 1 };
    let settings = Settings { devices, cores, ..settings(ONE_CORE, &testdata("models/blobs")) };
    let backend = Arc::new(Devices(Arc::clone(machine)));
    Pipeline::start_on(backend, &settings, Arc::new(SystemClock::new()), &always(), runtime.handle().clone())
}

type Started = Result<(Pipeline, Receiver<Report>), iris_pipeline::Error>;

fn replays(count: usize) -> Vec<CameraSettings> {
    let clip = testdata("golden/blobs.mp4").display().to_string();
    (0..count).map(|n| camera(&format!("cam-{n}"), &clip, Pace::Replay, Vec::new())).collect()
}

/// What each camera saw, as text, until all replays are over or `go_on`, which is called with the number of frames so far,
/// says no.
fn follow(
    reports: &Receiver<Report>,
    cameras: usize,
    mut go_on: impl FnMut(usize) -> bool,
) -> BTreeMap<CameraId, String> {
    let (mut logs, mut finished, mut frames) = (BTreeMap::<CameraId, String>::new(), 0, 0);
    while finished < cameras && go_on(frames) {
        match reports.recv().expect("the pipeline runs") {
            Report::Frame { frame, tracks } => {
                let log = logs.entry(frame.key.camera).or_default();
                let boxes: Vec<_> = tracks.live.iter().map(|track| (track.id.n, track.rect)).collect();
                writeln!(log, "{} {boxes:?}", frame.key.seq).expect("a string takes all");
                frames += 1;
            }
            Report::Event { .. } => {}
            Report::Finished { .. } => finished += 1,
        }
    }
    logs
}

/// What a camera sees that has the devices for itself.
fn alone() -> String {
    let runtime = runtime();
    let (mut pipeline, reports) = start(TWO_CORES, &runtime);
    pipeline.apply(replays(1)).expect("the camera is taken");
    let log = follow(&reports, 1, |_| true).into_values().next().expect("a camera");
    pipeline.shutdown();
    log
}

fn device(pipeline: &Pipeline, name: &str) -> DeviceStatus {
    pipeline.view().devices().into_iter().find(|device| device.name == name).expect("there is such a device")
}

/// Waits until the device is as wanted; its thread changes that by itself.
fn wait_for(pipeline: &Pipeline, name: &str, state: DeviceState) {
    while device(pipeline, name).state != state {
        std::thread::yield_now();
    }
}

fn assert_nothing_lost(pipeline: &Pipeline) {
    pipeline.view().cameras(|camera, _, ledger, _| {
        for (stage, count) in Stages::of(ledger) {
            assert_eq!((count.received(), count.emitted(), count.in_flight()), (80, 80, 0), "{camera} {stage}");
        }
    });
}

/// Frames that the model failed on, of all cameras.
fn failed(pipeline: &Pipeline) -> u64 {
    let mut failed = 0;
    pipeline.view().cameras(|_, _, Ledger { model, .. }, _| failed += model.dropped(DropReason::ModelFailed));
    failed
}

#[test]
fn unequal_devices_that_go_and_come_share_thirty_cameras_and_lose_nothing() {
    let expected = alone();
    let runtime = runtime();
    let times = (0..7).map(|n| (format!("gpu-{n}"), [2, 2, 4, 4, 8, 8, 2][n])).collect();
    let machine = Arc::new(Machine { times, ..Machine::default() });
    let mut devices: Vec<DeviceSettings> = (0..6).map(|n| gpu(n, Role::Worker)).collect();
    let (mut pipeline, reports) = start_on(&machine, devices.clone(), 30, &runtime).expect("the pipeline starts");
    pipeline.apply(replays(30)).expect("the cameras are taken");
    let logs = follow(&reports, 30, |frames| {
        if frames == 300 && devices.len() == 6 {
            let (fast, slow) = (device(&pipeline, "gpu-1").inferences, device(&pipeline, "gpu-4").inferences);
            assert!(slow > 0 && fast > slow, "{fast} frames by one, {slow} by one that takes four times as long");
            devices.retain(|device| !["gpu-0", "gpu-5"].contains(&device.name.as_str()));
            pipeline.set_devices(&devices).expect("they are taken away");
            let names: Vec<String> = pipeline.view().devices().into_iter().map(|device| device.name).collect();
            assert_eq!(names, ["gpu-1", "gpu-2", "gpu-3", "gpu-4"]);
        }
        if frames == 500 && devices.len() == 4 {
            devices.push(gpu(6, Role::Worker));
            pipeline.set_devices(&devices).expect("one more");
        }
        frames < 800
    });
    // As far as it came, each camera saw what it would have seen alone.
    assert_eq!(logs.len(), 30);
    assert!(logs.values().all(|log| expected.starts_with(log)), "results differ with the device");
    assert!(device(&pipeline, "gpu-6").inferences > 0, "the new one took none of 300 frames");
    let view = pipeline.view();
    drop(reports);
    pipeline.shutdown();
    view.cameras(|camera, _, ledger, _| {
        for (stage, count) in Stages::of(ledger) {
            let lost = count.dropped_total() - count.dropped(DropReason::Shutdown);
            assert_eq!((lost, count.in_flight()), (0, 0), "{camera} {stage}");
        }
    });
}

#[test]
fn a_gpu_that_breaks_costs_three_frames_and_cpus_stand_in_until_it_is_back() {
    let runtime = runtime();
    let machine = Arc::new(Machine::default());
    let (mut pipeline, reports) =
        start_on(&machine, vec![gpu(0, Role::Worker), stand_in()], 1, &runtime).expect("the pipeline starts");
    assert_eq!(device(&pipeline, "cpu-0").state, DeviceState::Standby);
    machine.set_broken("gpu-0", true);
    machine.set_missing("gpu-0", true);
    pipeline.apply(replays(1)).expect("the camera is taken");
    follow(&reports, 1, |_| true);
    assert_eq!(failed(&pipeline), 3);
    let (gpu, cpu) = (device(&pipeline, "gpu-0"), device(&pipeline, "cpu-0"));
    assert_eq!((gpu.state, gpu.losses, gpu.inferences), (DeviceState::Lost, 1, 3));
    assert!(gpu.error.is_some_and(|error| error.contains("fallen off the bus")));
    assert_eq!((cpu.state, cpu.stand_in, cpu.inferences), (DeviceState::Running, true, 77));

    machine.set_broken("gpu-0", false);
    machine.set_missing("gpu-0", false);
    // At the start it was loaded into the GPU and tried on a CPU, then into the one that stood in.
    machine.loaded.until(4);
    wait_for(&pipeline, "gpu-0", DeviceState::Running);
    wait_for(&pipeline, "cpu-0", DeviceState::Standby);
    pipeline.apply(Vec::new()).expect("the camera is removed");
    pipeline.apply(replays(1)).expect("the camera is taken");
    follow(&reports, 1, |_| true);
    assert_eq!((failed(&pipeline), device(&pipeline, "gpu-0").inferences), (0, 83));
    assert_eq!(device(&pipeline, "gpu-0").error, None);
    pipeline.shutdown();
}

#[test]
fn a_gpu_that_loads_and_then_fails_is_lost_again_after_one_frame() {
    let runtime = runtime();
    let machine = Arc::new(Machine::default());
    let (mut pipeline, _reports) =
        start_on(&machine, vec![gpu(0, Role::Worker)], 1, &runtime).expect("the pipeline starts");
    machine.set_broken("gpu-0", true);
    pipeline.apply(replays(1)).expect("the camera is taken");
    // Nothing stands in for it, so that every frame waits for it: three are lost at first, then one at each attempt.
    machine.failed.until(5);
    let view = pipeline.view();
    pipeline.shutdown();
    let mut failed = 0;
    view.cameras(|_, _, Ledger { model, .. }, _| failed += model.dropped(DropReason::ModelFailed));
    let gpu = view.devices().remove(0);
    assert!(failed >= 5 && gpu.losses == failed - 2, "{failed} frames failed, {} losses", gpu.losses);
}

#[test]
fn a_gpu_that_is_not_there_is_replaced_loudly_or_refused() {
    let runtime = runtime();
    let machine = Arc::new(Machine::default());
    machine.set_missing("gpu-0", true);
    let required = [gpu(0, Role::Required)];
    let refused = start_on(&machine, required.to_vec(), 1, &runtime).err().expect("it is required").to_string();
    assert!(refused.starts_with("device gpu-0: ") && refused.contains("fallen off the bus"), "{refused}");

    let optional = vec![gpu(0, Role::Worker), stand_in()];
    let (mut pipeline, reports) = start_on(&machine, optional, 1, &runtime).expect("the pipeline starts");
    assert_eq!(device(&pipeline, "gpu-0").state, DeviceState::Lost);
    pipeline.apply(replays(1)).expect("the camera is taken");
    let refused = pipeline.set_devices(&required).expect_err("it is required").to_string();
    assert!(refused.starts_with("device gpu-0: "), "{refused}");
    follow(&reports, 1, |_| true);
    assert_nothing_lost(&pipeline);
    assert_eq!(device(&pipeline, "cpu-0").inferences, 80);

    machine.set_missing("gpu-0", false);
    pipeline.set_devices(&required).expect("now it is there");
    assert_eq!(pipeline.view().devices().len(), 1);
    assert_eq!(device(&pipeline, "gpu-0").state, DeviceState::Running);
    pipeline.shutdown();
}

#[test]
fn a_model_that_cannot_be_loaded_does_not_lose_a_gpu() {
    let runtime = runtime();
    let machine = Arc::new(Machine::default());
    let (pipeline, _reports) =
        start_on(&machine, vec![gpu(0, Role::Worker)], 1, &runtime).expect("the pipeline starts");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(testdata("models/blobs/model.toml"), folder.path().join("model.toml")).expect("a copy");
    std::fs::write(folder.path().join("model.onnx"), "no graph").expect("a file");
    let path: PathBuf = folder.path().into();
    let bad = iris_pipeline::ModelSettings::at(path);
    pipeline.load(&bad).expect_err("it is no model");
    assert_eq!(device(&pipeline, "gpu-0").state, DeviceState::Running);
    pipeline.shutdown();
}

#[test]
fn frames_in_a_batch_see_what_they_see_alone() {
    let expected = alone();
    for confused in [false, true] {
        let runtime = runtime();
        let machine = Arc::new(Machine { times: [("gpu-0".into(), 3)].into(), confused, ..Machine::default() });
        let devices = vec![DeviceSettings { batch: 3, ..gpu(0, Role::Worker) }];
        let (mut pipeline, reports) = start_on(&machine, devices, 4, &runtime).expect("the pipeline starts");
        pipeline.apply(replays(4)).expect("the cameras are taken");
        let logs = follow(&reports, 4, |_| true);
        // If a batch makes no sense, each of its frames is tried alone.
        assert!(logs.values().all(|log| *log == expected), "results differ in a batch");
        assert_nothing_lost(&pipeline);
        let largest = *machine.largest.lock().expect("no panic");
        assert!(if confused { largest == 1 } else { (2..=3).contains(&largest) }, "{largest} frames in a batch");
        pipeline.shutdown();
    }
}
