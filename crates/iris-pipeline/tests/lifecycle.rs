//! Models that come and go while programs ask them and cameras look by them: nothing is lost, and what is let go is freed.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use common::{ONE_CORE, TWO_CORES, always, camera, runtime, settings, start, testdata};
use iris_core::clock::SystemClock;
use iris_flow::blocking::Receiver;
use iris_infer::runtime::Reader;
use iris_infer::{Error, Model, OrtRuntime, Runtime, Signature, Tensor, Value};
use iris_pipeline::{
    Backend, CameraSettings, Changes, DeviceSettings, Loaded, ModelSettings, Outcome, Pace, Pipeline, Report, Settings,
    Stages,
};

const LONG: Duration = Duration::from_mins(10);
const DEVICES: usize = TWO_CORES;

/// What the sessions of a test have in common: how many there are, and how many frames each model looked at.
#[derive(Default)]
struct Books {
    sessions: Mutex<usize>,
    changed: Condvar,
    frames: Mutex<BTreeMap<String, usize>>,
}

impl Books {
    /// Waits until there are so many sessions.
    fn until(&self, sessions: usize) {
        let now = self.sessions.lock().expect("no panic");
        drop(self.changed.wait_while(now, |now| *now != sessions).expect("no panic"));
    }
}

struct Session(OrtRuntime, String, Arc<Books>);

impl Drop for Session {
    fn drop(&mut self) {
        *self.2.sessions.lock().expect("no panic") -= 1;
        self.2.changed.notify_all();
    }
}

impl Runtime for Session {
    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn run(&mut self, batch: &[&Tensor], read: &mut Reader<'_>) -> Result<(), Error> {
        *self.2.frames.lock().expect("no panic").entry(self.1.clone()).or_default() += batch.len();
        self.0.run(batch, read)
    }

    fn infer(&mut self, inputs: &[Value], outputs: &[String]) -> Result<Vec<Value>, Error> {
        self.0.infer(inputs, outputs)
    }
}

struct Devices(Arc<Books>);

impl Backend for Devices {
    fn check(&self, _: &DeviceSettings) -> Result<(), Error> {
        Ok(())
    }

    fn load(&self, _: &DeviceSettings, model: &Model) -> Result<Box<dyn Runtime>, Error> {
        let runtime = OrtRuntime::load(&model.onnx, 1)?;
        *self.0.sessions.lock().expect("no panic") += 1;
        Ok(Box::new(Session(runtime, model.manifest.name.clone(), Arc::clone(&self.0))))
    }
}

/// The folder of a model, which changes.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let this = Self(tempfile::tempdir().expect("a folder"));
        std::fs::copy(testdata("models/blobs/model.onnx"), this.path().join("model.onnx")).expect("a copy");
        this.write(|manifest| manifest.into());
        this
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes the manifest of the test's model, changed.
    fn write(&self, change: impl Fn(&str) -> String) {
        let manifest = std::fs::read_to_string(testdata("models/blobs/model.toml")).expect("a text");
        std::fs::write(self.path().join("model.toml"), change(&manifest)).expect("a file");
    }

    fn call(&self, name: &str) {
        self.write(|manifest| manifest.replace("name = \"blobs\"", &format!("name = {name:?}")));
    }
}

fn start_counting(runtime: &tokio::runtime::Runtime, books: &Arc<Books>) -> (Pipeline, Receiver<Report>) {
    let unused = testdata("models/blobs");
    let settings =
        Settings { models: Vec::new(), devices: DeviceSettings::cpus(DEVICES), ..settings(ONE_CORE, &unused) };
    let backend = Arc::new(Devices(Arc::clone(books)));
    let clock = Arc::new(SystemClock::new());
    let started = Pipeline::start_on(backend, &settings, clock, &always(), runtime.handle().clone());
    started.expect("the pipeline starts")
}

fn image(model: &Loaded) -> Value {
    let input = &model.signature().expect("it is loaded").inputs[0];
    let shape: Vec<usize> = input.shape.iter().map(|side| side.unwrap_or(1)).collect();
    let bytes: Vec<u8> = (0..shape.iter().product()).flat_map(|n: usize| ((n % 251) as f32).to_le_bytes()).collect();
    Value { name: input.name.clone(), data_type: iris_infer::DataType::F32, shape, bytes: bytes.into() }
}

#[test]
fn no_request_is_lost_while_a_model_is_loaded_again_twenty_times_and_what_it_took_is_freed() {
    let (runtime, books, folder) = (runtime(), Arc::new(Books::default()), Folder::new());
    let (pipeline, _reports) = start_counting(&runtime, &books);
    let settings = ModelSettings::at(folder.path().to_owned());
    let current = Mutex::new(pipeline.load(&settings).expect("it loads"));
    let (stop, answered, inference) = (AtomicBool::new(false), AtomicUsize::new(0), pipeline.inference());
    let input = image(&current.lock().expect("no panic"));
    std::thread::scope(|scope| {
        for n in 0..4 {
            let ask = || {
                while !stop.load(SeqCst) {
                    // As the server does it: whoever has found a model asks that one, whatever happens meanwhile.
                    let model = Arc::clone(&current.lock().expect("no panic"));
                    let answer = inference.infer(&model, vec![input.clone()], Vec::new(), LONG);
                    runtime.block_on(answer).expect("an answer");
                    answered.fetch_add(1, SeqCst);
                }
            };
            std::thread::Builder::new().name(format!("asks-{n}")).spawn_scoped(scope, ask).expect("a thread");
        }
        for n in 0..20 {
            let before = answered.load(SeqCst);
            folder.call(&format!("blobs-{n}"));
            let new = pipeline.reload(&settings).expect("it loads");
            assert_eq!(new.manifest().name, format!("blobs-{n}"));
            let old = std::mem::replace(&mut *current.lock().expect("no panic"), Arc::clone(&new));
            assert_ne!(old.number(), new.number());
            drop(old);
            pipeline.keep(&[new]);
            while answered.load(SeqCst) < before + 4 {
                std::thread::yield_now();
            }
        }
        stop.store(true, SeqCst);
    });
    let model = current.into_inner().expect("no panic");
    books.until(DEVICES);
    let counts = Outcome::ALL.map(|outcome| model.books().count(outcome));
    assert_eq!(counts, [answered.load(SeqCst) as u64, 0, 0, 0, 0, 0, 0], "one book for all of them");
    let same = pipeline.reload(&settings).expect("it loads");
    assert_eq!(same.number(), model.number(), "nothing has changed since");
    drop((model, same));
    pipeline.keep(&[]);
    books.until(0);
    pipeline.shutdown();
}

#[test]
fn what_cannot_be_loaded_leaves_what_was_loaded_as_it_was() {
    let (runtime, folder) = (runtime(), Folder::new());
    let (pipeline, _reports) = start(TWO_CORES, &runtime);
    let settings = ModelSettings::at(folder.path().to_owned());
    let model = pipeline.load(&settings).expect("it loads");
    for broken in ["no graph", ""] {
        std::fs::write(folder.path().join("model.onnx"), broken).expect("a file");
        pipeline.reload(&settings).expect_err("it is no model");
    }
    std::fs::remove_file(folder.path().join("model.toml")).expect("it is there");
    let error = pipeline.reload(&settings).expect_err("it has no manifest").to_string();
    assert!(error.contains("model.toml"), "{error}");
    let inference = pipeline.inference();
    runtime.block_on(inference.infer(&model, vec![image(&model)], Vec::new(), LONG)).expect("an answer");
    assert_eq!(pipeline.load(&settings).expect("it is there").number(), model.number());
    pipeline.shutdown();
}

/// A camera that replays the clip, looked at by the model of that number.
fn looked_at_by(model: &Loaded) -> Vec<CameraSettings> {
    let clip = testdata("golden/blobs.mp4").display().to_string();
    vec![CameraSettings { model: model.number(), ..camera("cam", &clip, Pace::Replay, Vec::new()) }]
}

/// Waits for so many analysed frames.
fn frames(reports: &Receiver<Report>, count: usize) {
    let mut seen = 0;
    while seen < count {
        seen += usize::from(matches!(reports.recv().expect("the pipeline runs"), Report::Frame { .. }));
    }
}

#[test]
fn a_camera_goes_on_with_a_new_version_from_the_next_frame_on() {
    let (runtime, books, folder) = (runtime(), Arc::new(Books::default()), Folder::new());
    let (mut pipeline, reports) = start_counting(&runtime, &books);
    let settings = ModelSettings::at(folder.path().to_owned());
    let old = pipeline.load(&settings).expect("it loads");
    pipeline.apply(looked_at_by(&old)).expect("the camera is taken");
    drop(old);
    // Not so many that the rest fits into the queue of reports.
    frames(&reports, 5);
    folder.call("newer");
    let new = pipeline.reload(&settings).expect("it loads");
    assert_eq!(pipeline.apply(looked_at_by(&new)).expect("it changes"), Changes::default(), "it does not start anew");
    pipeline.keep(&[new]);
    while !matches!(reports.recv().expect("the pipeline runs"), Report::Finished { .. }) {}
    books.until(DEVICES);
    let frames = books.frames.lock().expect("no panic").clone();
    let (old, new) = (frames["blobs"], frames["newer"]);
    assert!(old >= 5 && new > 0 && old + new == 80, "{frames:?}");
    pipeline.view().cameras(|camera, _, ledger, _| {
        for (stage, count) in Stages::of(ledger) {
            assert_eq!((count.received(), count.emitted(), count.in_flight()), (80, 80, 0), "{camera} {stage}");
        }
    });
    pipeline.shutdown();
}

#[test]
fn a_camera_starts_anew_with_a_model_that_sees_something_else_and_refuses_one_that_sees_nothing() {
    let (runtime, books, folder) = (runtime(), Arc::new(Books::default()), Folder::new());
    let (mut pipeline, reports) = start_counting(&runtime, &books);
    let drain = move || while reports.recv().is_some() {};
    let drain = std::thread::Builder::new().name("reports".into()).spawn(drain).expect("a thread");
    let settings = ModelSettings::at(folder.path().to_owned());
    let old = pipeline.load(&settings).expect("it loads");
    pipeline.apply(looked_at_by(&old)).expect("the camera is taken");
    folder.write(|_| "name = \"blobs\"\ntask = \"tensors\"\n".into());
    let tensors = pipeline.reload(&settings).expect("it loads");
    let error = pipeline.apply(looked_at_by(&tensors)).expect_err("it finds no boxes").to_string();
    assert!(error.contains("finds no boxes"), "{error}");
    let inference = pipeline.inference();
    runtime.block_on(inference.infer(&tensors, vec![image(&tensors)], Vec::new(), LONG)).expect("programs can ask it");
    folder.write(|manifest| manifest.replace("red blob", "crimson blob"));
    let other = pipeline.reload(&settings).expect("it loads");
    let changes = pipeline.apply(looked_at_by(&other)).expect("it changes");
    assert_eq!(changes.changed.len(), 1);
    drop((old, tensors));
    pipeline.keep(&[other]);
    books.until(DEVICES);
    pipeline.shutdown();
    drain.join().expect("no panic");
}
