//! Other programs' requests: answered as the model alone answers, beside cameras that lose nothing by it, and refused at
//! once where there is no room, no time or no device.

mod common;

use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;
use std::time::Duration;

use common::{ONE_CORE, TWO_CORES, always, camera, runtime, settings, start, testdata};
use iris_core::clock::SystemClock;
use iris_core::{CameraId, Epoch, FrameKey};
use iris_infer::runtime::Reader;
use iris_infer::{
    DataType, Detector, Error, Model, Options, OrtRuntime, Preprocessor, Runtime, Sharing, Signature, Tensor, Value,
};
use iris_pipeline::{
    Backend, DeviceSettings, Inference, Loaded, Outcome, Pace, Pipeline, Refusal, Report, Settings, Stages,
};

const LONG: Duration = Duration::from_mins(10);

/// A device that runs nothing before it is let, or breaks.
#[derive(Default)]
struct Gate {
    /// How many runs have begun, and how many may end.
    runs: Mutex<(usize, usize)>,
    changed: Condvar,
    broken: AtomicBool,
}

impl Gate {
    fn pass(&self) -> Result<(), Error> {
        let mut runs = self.runs.lock().expect("no panic");
        runs.0 += 1;
        self.changed.notify_all();
        let own = runs.0;
        drop(self.changed.wait_while(runs, |(_, may)| *may < own).expect("no panic"));
        if self.broken.load(SeqCst) {
            return Err(Error::Runtime { doing: "running the model", message: "it is broken".into() });
        }
        Ok(())
    }

    fn until_begun(&self, runs: usize) {
        drop(
            self.changed.wait_while(self.runs.lock().expect("no panic"), |(begun, _)| *begun < runs).expect("no panic"),
        );
    }

    fn open(&self, runs: usize) {
        self.runs.lock().expect("no panic").1 = runs;
        self.changed.notify_all();
    }
}

struct Gated(OrtRuntime, Arc<Gate>);

impl Runtime for Gated {
    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn run(&mut self, batch: &[&Tensor], read: &mut Reader<'_>) -> Result<(), Error> {
        self.0.run(batch, read)
    }

    fn infer(&mut self, inputs: &[Value], outputs: &[String]) -> Result<Vec<Value>, Error> {
        self.1.pass()?;
        if inputs[0].bytes.chunks_exact(4).any(|bytes| f32::from_le_bytes(bytes.try_into().expect("four")).is_nan()) {
            return Err(Error::Runtime { doing: "running the model", message: "not a number".into() });
        }
        self.0.infer(inputs, outputs)
    }
}

struct Devices(Arc<Gate>);

impl Backend for Devices {
    fn check(&self, _: &DeviceSettings) -> Result<(), Error> {
        Ok(())
    }

    fn load(&self, _: &DeviceSettings, model: &Model) -> Result<Box<dyn Runtime>, Error> {
        Ok(Box::new(Gated(OrtRuntime::load(&model.onnx, 1)?, Arc::clone(&self.0))))
    }
}

/// A device behind a gate, and a queue of two.
fn gated(runtime: &tokio::runtime::Runtime, devices: Vec<DeviceSettings>) -> (Arc<Gate>, Pipeline) {
    gated_model(runtime, devices, &testdata("models/blobs"), 2)
}

fn gated_model(
    runtime: &tokio::runtime::Runtime,
    devices: Vec<DeviceSettings>,
    model: &Path,
    queue: usize,
) -> (Arc<Gate>, Pipeline) {
    let gate = Arc::new(Gate::default());
    let sharing = Sharing { queue, ..Sharing::default() };
    let settings = Settings { devices, sharing, ..settings(ONE_CORE, model) };
    let backend = Arc::new(Devices(Arc::clone(&gate)));
    let clock = Arc::new(SystemClock::new());
    let started = Pipeline::start_on(backend, &settings, clock, &always(), runtime.handle().clone());
    (gate, started.expect("the pipeline starts").0)
}

/// The model that was loaded first.
fn loaded(inference: &Inference) -> Arc<Loaded> {
    inference.model(0).expect("it is loaded")
}

fn model() -> Model {
    Model::open(&testdata("models/blobs")).expect("a model")
}

/// An image in grey for the model's input.
fn grey(batch: usize, level: f32) -> Value {
    let size = model().manifest.detector().expect("a detector").0.size();
    let shape = vec![batch, 3, size.height as usize, size.width as usize];
    let bytes: Vec<u8> = (0..shape.iter().product()).flat_map(|_| level.to_le_bytes()).collect();
    let name = OrtRuntime::load(&model().onnx, 1).expect("a model").signature().inputs[0].name.clone();
    Value { name, data_type: DataType::F32, shape, bytes: bytes.into() }
}

/// What became of the requests, in the order of [`Outcome::ALL`].
fn outcomes(inference: &Inference) -> [u64; 7] {
    Outcome::ALL.map(|outcome| loaded(inference).books().count(outcome))
}

#[test]
fn a_request_is_answered_as_the_model_alone_answers_while_cameras_lose_nothing() {
    let runtime = runtime();
    let (mut pipeline, reports) = start(TWO_CORES, &runtime);
    let inference = pipeline.inference();
    let clip = testdata("golden/blobs.mp4").display().to_string();
    pipeline.apply(vec![camera("cam", &clip, Pace::Replay, Vec::new())]).expect("the camera is taken");
    let expected = OrtRuntime::load(&model().onnx, 1).expect("a model");
    let outputs: Vec<String> = expected.signature().outputs.iter().map(|port| port.name.clone()).collect();
    let expected = { expected }.infer(&[grey(1, 0.5)], &outputs).expect("it runs");
    let mut asked = 0;
    while !matches!(reports.recv().expect("the pipeline runs"), Report::Finished { .. }) {
        let answer = runtime.block_on(inference.infer(&loaded(&inference), vec![grey(1, 0.5)], Vec::new(), LONG));
        assert_eq!(answer.expect("an answer").0, expected);
        asked += 1;
    }
    assert!(asked >= 80, "a request was answered after each of {asked} frames");
    assert_eq!(outcomes(&inference), [asked, 0, 0, 0, 0, 0, 0]);
    let model = loaded(&inference);
    let (images, times) = (model.books().images(), model.books().times());
    assert!(images == asked && times.computed > Duration::ZERO, "{images} {times:?}");
    pipeline.view().cameras(|camera, _, ledger, _| {
        for (stage, count) in Stages::of(ledger) {
            assert_eq!((count.received(), count.emitted(), count.in_flight()), (80, 80, 0), "{camera} {stage}");
        }
    });
    pipeline.shutdown();
}

#[test]
fn a_picture_is_seen_as_a_detector_alone_sees_it() {
    let runtime = runtime();
    let (pipeline, _reports) = start(ONE_CORE, &runtime);
    let inference = pipeline.inference();
    let key = FrameKey { camera: CameraId::new("still").expect("an id"), epoch: Epoch::first(1), seq: 0 };
    let clip = testdata("golden/blobs.mp4").display().to_string();
    let frame = first_frame(&clip, &runtime, key.camera);
    let model = model();
    let prepare = || Preprocessor::new(&model.manifest).expect("a detector").prepare(&frame).expect("a picture");
    // The pipeline's sessions report weaker boxes too.
    let options = Options { score: Some(0.1), ..Options::default() };
    let expected = Detector::load(&model, &options).expect("a detector").detect(&[prepare()]).expect("it runs");
    let (seen, _) = runtime.block_on(inference.detect(&loaded(&inference), prepare(), LONG)).expect("an answer");
    assert!(!seen.is_empty());
    assert_eq!(seen, expected[0]);
    pipeline.shutdown();
}

/// A picture of a recording, as a camera that is watched shows it.
fn first_frame(clip: &str, runtime: &tokio::runtime::Runtime, id: CameraId) -> Arc<iris_core::Frame> {
    let (mut pipeline, reports) = start(ONE_CORE, runtime);
    pipeline.apply(vec![camera(id.as_str(), clip, Pace::Replay, Vec::new())]).expect("the camera is taken");
    let mut found = None;
    loop {
        match reports.recv().expect("the pipeline runs") {
            Report::Frame { frame, tracks } if !tracks.live.is_empty() => found = found.or(Some(frame)),
            Report::Finished { .. } => break,
            _ => {}
        }
    }
    pipeline.shutdown();
    found.expect("something is seen")
}

#[test]
fn what_the_model_does_not_take_is_refused_before_it_waits() {
    let runtime = runtime();
    let (gate, pipeline) = gated(&runtime, DeviceSettings::cpus(1));
    let inference = pipeline.inference();
    let ask = |input: Value| runtime.block_on(inference.infer(&loaded(&inference), vec![input], Vec::new(), LONG));
    let wrong = ask(Value { name: "nonsense".into(), ..grey(1, 0.0) }).expect_err("no such input");
    assert!(matches!(wrong, Refusal::Invalid(Error::BadInput { .. })), "{wrong}");
    assert!(wrong.to_string().contains("is missing; the model takes"), "{wrong}");
    let large = ask(grey(inference.max_batch() + 1, 0.0));
    assert!(matches!(large, Err(Refusal::Invalid(_))), "a batch beyond the limit");
    assert!(inference.model(7).is_none());
    assert_eq!((outcomes(&inference), gate.runs.lock().expect("no panic").0), ([0, 0, 2, 0, 0, 0, 0], 0));
    pipeline.shutdown();
}

#[test]
fn a_full_queue_refuses_at_once_and_all_that_were_let_in_are_answered() {
    let runtime = runtime();
    let (gate, pipeline) = gated(&runtime, DeviceSettings::cpus(1));
    let inference = pipeline.inference();
    let ask = || {
        let inference = inference.clone();
        runtime.spawn(async move { inference.infer(&loaded(&inference), vec![grey(1, 0.0)], Vec::new(), LONG).await })
    };
    let mut asked = vec![ask()];
    gate.until_begun(1);
    asked.extend([ask(), ask()]);
    let waiting =
        || pipeline.view().queues().into_iter().find(|queue| queue.name == "requests").expect("a queue").depth;
    while waiting() < 2 {
        std::thread::yield_now();
    }
    let refused = runtime.block_on(inference.infer(&loaded(&inference), vec![grey(1, 0.0)], Vec::new(), LONG));
    assert!(matches!(refused, Err(Refusal::Full(_))), "{refused:?}");
    gate.open(3);
    for answer in asked {
        runtime.block_on(answer).expect("no panic").expect("an answer");
    }
    assert_eq!(outcomes(&inference), [3, 0, 0, 1, 0, 0, 0]);
    pipeline.shutdown();
}

#[test]
fn who_cannot_wait_is_told_and_who_goes_away_leaves_no_work() {
    let runtime = runtime();
    let (gate, pipeline) = gated(&runtime, DeviceSettings::cpus(1));
    let inference = pipeline.inference();
    let first = {
        let inference = inference.clone();
        runtime.spawn(async move { inference.infer(&loaded(&inference), vec![grey(1, 0.0)], Vec::new(), LONG).await })
    };
    gate.until_begun(1);
    let late = runtime.block_on(inference.infer(
        &loaded(&inference),
        vec![grey(1, 0.0)],
        Vec::new(),
        Duration::from_millis(1),
    ));
    assert!(matches!(late, Err(Refusal::Late(_))), "{late:?}");
    // Asks, waits, and is dropped.
    let model = loaded(&inference);
    let waits = runtime.block_on(async {
        let mut gone = pin!(inference.infer(&model, vec![grey(1, 0.0)], Vec::new(), LONG));
        poll_fn(|context| Poll::Ready(gone.as_mut().poll(context).is_pending())).await
    });
    assert!(waits);
    gate.open(9);
    runtime.block_on(first).expect("no panic").expect("an answer");
    runtime.block_on(inference.infer(&loaded(&inference), vec![grey(1, 0.0)], Vec::new(), LONG)).expect("an answer");
    assert_eq!(outcomes(&inference), [2, 0, 0, 0, 1, 0, 1]);
    assert_eq!(gate.runs.lock().expect("no panic").0, 2, "what nobody waits for was not run");
    pipeline.shutdown();
}

#[test]
fn a_model_that_fails_is_told_and_a_lost_gpu_takes_no_requests() {
    let runtime = runtime();
    let provider = iris_infer::Provider::Cuda { index: 0 };
    let gpu = DeviceSettings { name: "gpu".into(), provider, batch: 1, role: iris_pipeline::Role::Worker };
    let (gate, pipeline) = gated(&runtime, vec![gpu]);
    let inference = pipeline.inference();
    gate.broken.store(true, SeqCst);
    gate.open(usize::MAX);
    let ask = || runtime.block_on(inference.infer(&loaded(&inference), vec![grey(1, 0.0)], Vec::new(), LONG));
    for _ in 0..3 {
        let failed = ask();
        assert!(matches!(failed, Err(Refusal::Failed(Error::Runtime { .. }))), "{failed:?}");
    }
    assert!(pipeline.view().devices()[0].losses >= 1, "a GPU on which requests fail is lost");
    pipeline.shutdown();
    assert!(matches!(ask(), Err(Refusal::NoDevice)), "nothing runs any more");
}

/// The model, which takes up to four images of several requests at once.
fn batching() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let source = testdata("models/blobs");
    std::fs::copy(source.join("model.onnx"), folder.path().join("model.onnx")).expect("a copy");
    let manifest = std::fs::read_to_string(source.join("model.toml")).expect("a text");
    let manifest = format!("{manifest}\n[batching]\nmax = 4\ndelay_ms = 1\n");
    std::fs::write(folder.path().join("model.toml"), manifest).expect("a file");
    folder
}

/// Asks for images of these levels, the first of which is run alone while the others wait; returns what is answered to each, and
/// how often the model ran.
fn ask_at_once(levels: &[f32]) -> (Vec<Result<Vec<Value>, Refusal>>, u64) {
    let (runtime, folder) = (runtime(), batching());
    let (gate, pipeline) = gated_model(&runtime, DeviceSettings::cpus(1), folder.path(), 64);
    let inference = pipeline.inference();
    let ask = |level: &f32| {
        let (inference, image) = (inference.clone(), grey(1, *level));
        runtime.spawn(async move {
            let model = loaded(&inference);
            inference.infer(&model, vec![image], Vec::new(), LONG).await.map(|(answer, _)| answer)
        })
    };
    let mut asked = vec![ask(&levels[0])];
    gate.until_begun(1);
    for (n, level) in levels.iter().enumerate().skip(1) {
        asked.push(ask(level));
        // One after the other, so that they wait in this order.
        while pipeline.view().queues().into_iter().find(|queue| queue.name == "requests").expect("a queue").depth < n {
            std::thread::yield_now();
        }
    }
    gate.open(usize::MAX);
    let answers = asked.into_iter().map(|answer| runtime.block_on(answer).expect("no panic")).collect();
    let model = loaded(&inference);
    let (runs, images) = (model.books().runs(), model.books().images());
    assert_eq!(images, model.books().count(Outcome::Answered), "one image each");
    pipeline.shutdown();
    (answers, runs)
}

#[test]
fn requests_that_are_put_together_are_answered_as_they_are_alone() {
    let levels = [0.0, 10.0, 20.0, 30.0, 40.0, 50.0];
    let (answers, runs) = ask_at_once(&levels);
    assert_eq!(runs, 3, "one, four and one");
    let mut alone = OrtRuntime::load(&model().onnx, 1).expect("a model");
    let outputs: Vec<String> = alone.signature().outputs.iter().map(|port| port.name.clone()).collect();
    for (level, answer) in levels.into_iter().zip(answers) {
        assert_eq!(answer.expect("an answer"), alone.infer(&[grey(1, level)], &outputs).expect("it runs"), "{level}");
    }
}

#[test]
fn one_on_which_the_model_fails_does_not_fail_its_neighbours() {
    let (answers, runs) = ask_at_once(&[0.0, 10.0, f32::NAN, 20.0, 30.0]);
    let failed: Vec<bool> = answers.iter().map(|answer| matches!(answer, Err(Refusal::Failed(_)))).collect();
    assert_eq!(failed, [false, false, true, false, false]);
    assert!(answers.into_iter().enumerate().all(|(n, answer)| n == 2 || answer.is_ok()));
    assert_eq!(runs, 4, "the first, and each of the others alone");
}
