//! What a frame costs on one core, stage by stage: a clip goes through the stages of the pipeline on one thread, and the
//! processor's time is taken between them. `cargo xtask bench path [-- [CLIP [MODEL]] [--json]]`.
//!
//! Without a clip it measures a rendered street and, where `shared/` has them, two recordings, with the detector that is
//! part of Iris and with YOLOX-nano. What threads, queues and a camera's network cost is not in it.
//!
//! An example and no bench, so that it shares what release builds compile: benches unwind, and would compile all anew.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use iris_analytics::rules::{Crossing, Intrusion, Rule, RuleKind, Rules};
use iris_analytics::schedule::Schedule;
use iris_analytics::zone::{Line, Zone};
use iris_analytics::{ClassGroups, Profile, Tracker, TrackerKind};
use iris_core::clock::{Clock, ManualClock};
use iris_core::{CameraId, Epoch, Event, Frame, Item, MonoTime, Packet, Point, Size, TrackId};
use iris_decode::{Decoder, FramePool};
use iris_infer::runtime::Reader;
use iris_infer::{Detector, Manifest, Model, Options, OrtRuntime, Preprocessor, Runtime, Signature, Tensor, Value};
use iris_ingest::{CameraStream, Limits, Output, Source, SourceUrl, State, Transport};
use iris_server::evidence::Album;
use iris_server::message::Entry;
use iris_server::store::{Sqlite, Store};
use iris_sim::scene::{Recipe, Scene, render};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

#[derive(Parser)]
struct Args {
    /// A recording; without it, those that are at hand
    clip: Option<PathBuf>,
    /// A model's folder or a bare .onnx file
    model: Option<PathBuf>,
    /// Print a JSON object for each clip
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut out = std::io::stdout().lock();
    let folder = tempfile::tempdir()?;
    for (clip, model) in clips(&args, folder.path())? {
        let bill = measure(&clip, &model).with_context(|| clip.display().to_string())?;
        let text = if args.json { bill.to_json() } else { bill.to_table() };
        writeln!(out, "{text}")?;
    }
    Ok(())
}

/// What to measure: each clip with each model. A rendered one is put into `folder`.
fn clips(args: &Args, folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("IRIS_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from).join("data");
    let built_in = PathBuf::from(Model::BUILT_IN);
    if let Some(clip) = &args.clip {
        return Ok(vec![(clip.clone(), args.model.clone().unwrap_or(built_in))]);
    }
    let street = Recipe { seconds: 20, ..Recipe::new(Scene::find("street")?) };
    render(&street, |_, _| {})?.write(folder)?;
    let clips = ["one-by-one-person-detection.mp4", "car-detection.mp4"].map(|name| shared.join("clips").join(name));
    let models = [built_in, shared.join("models/yolox_nano.onnx")];
    let clips = [folder.join("main.mp4")].into_iter().chain(clips).filter(|clip| clip.exists());
    let is_there = |model: &&PathBuf| **model == models[0] || model.exists();
    let pair = |clip: PathBuf| models.iter().filter(is_there).map(move |model| (clip.clone(), model.clone()));
    Ok(clips.flat_map(pair).collect())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Demux,
    Decode,
    Preprocess,
    Model,
    Postprocess,
    Track,
    Rules,
    Store,
}

const STAGES: [(Stage, &str); 8] = [
    (Stage::Demux, "demux"),
    (Stage::Decode, "decode"),
    (Stage::Preprocess, "preprocess"),
    (Stage::Model, "model"),
    (Stage::Postprocess, "postprocess"),
    (Stage::Track, "track"),
    (Stage::Rules, "rules"),
    (Stage::Store, "store"),
];

/// What a clip cost.
struct Bill {
    clip: String,
    model: String,
    size: Size,
    frames: u64,
    events: u64,
    spent: [Seconds; STAGES.len()],
}

impl Bill {
    fn ms_per_frame(&self, stage: Stage) -> f64 {
        self.spent[stage as usize] * 1000.0 / self.frames.max(1) as f64
    }

    fn whole(&self) -> f64 {
        STAGES.iter().map(|(stage, _)| self.ms_per_frame(*stage)).sum()
    }

    /// The share of the whole that is neither decoding nor the model, in percent.
    fn rest(&self) -> f64 {
        let core = self.ms_per_frame(Stage::Decode) + self.ms_per_frame(Stage::Model);
        (1.0 - core / self.whole()) * 100.0
    }

    fn to_table(&self) -> String {
        let Self { clip, model, size, frames, events, .. } = self;
        let mut lines =
            vec![format!("{clip}, {size}, with {model}: {frames} frames, {events} events and updates stored")];
        lines.push(format!("{:<12}{:>10}{:>9}", "stage", "ms/frame", "share"));
        for (stage, name) in STAGES {
            let ms = self.ms_per_frame(stage);
            lines.push(format!("{name:<12}{ms:>10.3}{:>7.1} %", ms / self.whole() * 100.0));
        }
        lines.push(format!("{:<12}{:>10.3}", "whole", self.whole()));
        lines.push(format!("neither decode nor model: {:.1} % of the whole (goal: at most 10 %)\n", self.rest()));
        lines.join("\n")
    }

    fn to_json(&self) -> String {
        let stages: serde_json::Map<_, _> =
            STAGES.map(|(stage, name)| (name.to_owned(), round(self.ms_per_frame(stage)).into())).into_iter().collect();
        let Self { clip, model, frames, events, .. } = self;
        let rest = round(self.rest());
        json!({"clip": clip, "model": model, "frames": frames, "events": events, "ms_per_frame": stages, "rest_percent": rest})
            .to_string()
    }
}

/// What is behind the fourth decimal place is noise.
fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Processor time in seconds.
type Seconds = f64;

/// This thread's processor time.
fn thread_time() -> Seconds {
    time(ClockId::ThreadCPUTime)
}

/// The processor time of all threads.
fn process_time() -> Seconds {
    time(ClockId::ProcessCPUTime)
}

fn time(clock: ClockId) -> Seconds {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn measure(clip: &Path, model: &Path) -> Result<Bill> {
    let before = process_time();
    let packets = demux(clip)?;
    // The demuxer has a thread of its own, and nothing else runs yet.
    let demuxing = process_time() - before;
    let folder = tempfile::tempdir()?;
    let mut way = Way::open(model, folder.path())?;
    way.follow(&packets)?;
    way.meter.spent[Stage::Demux as usize] = demuxing;
    Ok(way.bill(clip, packets.len()))
}

fn demux(clip: &Path) -> Result<Vec<Packet>> {
    let url = SourceUrl::parse(&clip.display().to_string())?;
    let source = Source { url, transport: Transport::Auto, limits: Limits::default() };
    let clock = Arc::new(ManualClock::default());
    let mut stream = CameraStream::new(CameraId::new("bench")?, Epoch::first(1), source, clock);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut packets = Vec::new();
        loop {
            match stream.next().await {
                Output::Item(Item::Data(packet)) => packets.push(packet),
                Output::Item(Item::End) => return Ok(packets),
                Output::State(State::Failed { error }) => bail!("{error}"),
                _ => {}
            }
        }
    })
}

/// A runtime whose own time is taken, without that of the reader of its outputs.
struct Timed {
    inner: OrtRuntime,
    nanos: Arc<AtomicU64>,
}

impl Runtime for Timed {
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn run(&mut self, batch: &[&Tensor], read: &mut Reader<'_>) -> Result<(), iris_infer::Error> {
        let start = thread_time();
        let mut reading = 0.0;
        let result = self.inner.run(batch, &mut |index, outputs| {
            let start = thread_time();
            let result = read(index, outputs);
            reading += thread_time() - start;
            result
        });
        let running = thread_time() - start - reading;
        self.nanos.fetch_add((running * 1e9) as u64, Relaxed);
        result
    }

    fn infer(&mut self, inputs: &[Value], outputs: &[String]) -> Result<Vec<Value>, iris_infer::Error> {
        self.inner.infer(inputs, outputs)
    }
}

/// All stages after the demuxer.
struct Way {
    manifest: Arc<Manifest>,
    decoder: Decoder,
    preprocessor: Preprocessor,
    detector: Detector,
    model_nanos: Arc<AtomicU64>,
    tracker: Box<dyn Tracker>,
    rules: Rules,
    best: HashMap<TrackId, Arc<Frame>>,
    album: Album,
    store: Sqlite,
    size: Size,
    events: u64,
    meter: Meter,
}

/// The time that each stage has taken.
struct Meter {
    spent: [Seconds; STAGES.len()],
    /// When the last stage ended, by this thread's time.
    last: Seconds,
}

impl Meter {
    /// The time since the last stage ended was this one's.
    fn lap(&mut self, stage: Stage) {
        let now = thread_time();
        self.spent[stage as usize] += now - self.last;
        self.last = now;
    }
}

impl Way {
    fn open(path: &Path, folder: &Path) -> Result<Self> {
        let camera = CameraId::new("bench")?;
        let model = Model::open(path)?;
        let model_nanos = Arc::new(AtomicU64::new(0));
        let runtime = Timed { inner: OrtRuntime::load(&model.onnx, 1)?, nanos: Arc::clone(&model_nanos) };
        let options = Options { score: Some(Profile::LOW), ..Options::default() };
        let groups = ClassGroups::by_name(&model.manifest.classes);
        let profile = Profile { groups, high: model.manifest.thresholds.score };
        let store = Sqlite::open(&iris_server::store::Options { folder: folder.join("store"), ..Default::default() })?;
        store.begin_run(ManualClock::default().wall())?;
        Ok(Self {
            decoder: Decoder::new(FramePool::new(), iris_decode::Limits::default()),
            preprocessor: Preprocessor::new(&model.manifest)?,
            detector: Detector::new(&model.manifest, Box::new(runtime), &options)?,
            tracker: TrackerKind::default().build(camera, Epoch::first(1), profile),
            rules: Rules::new(camera, rules()?),
            manifest: model.manifest,
            model_nanos,
            best: HashMap::new(),
            album: Album::new(store.media().clone()),
            store,
            size: Size::new(0, 0),
            events: 0,
            meter: Meter { spent: [0.0; STAGES.len()], last: 0.0 },
        })
    }

    fn follow(&mut self, packets: &[Packet]) -> Result<()> {
        let all_threads = process_time();
        let start = thread_time();
        self.meter.last = start;
        for packet in packets {
            self.decoder.push(packet)?;
            self.pull_all()?;
        }
        self.decoder.drain();
        self.pull_all()?;
        let events = self.rules.end().to_vec();
        self.meter.lap(Stage::Rules);
        self.keep(&events)?;
        self.store.close(Duration::from_secs(5))?;
        self.meter.lap(Stage::Store);
        // The store's writer is the only other thread that has anything to do.
        let others = (process_time() - all_threads) - (thread_time() - start);
        self.meter.spent[Stage::Store as usize] += others.max(0.0);
        Ok(())
    }

    fn pull_all(&mut self) -> Result<()> {
        loop {
            let frame = self.decoder.pull(MonoTime::default())?;
            self.meter.lap(Stage::Decode);
            match frame {
                Some(frame) => self.see(frame)?,
                None => return Ok(()),
            }
        }
    }

    /// What the pipeline does with a frame.
    fn see(&mut self, frame: Frame) -> Result<()> {
        self.size = frame.size;
        let prepared = self.preprocessor.prepare(&frame)?;
        self.meter.lap(Stage::Preprocess);
        let found = self.detector.detect(slice::from_ref(&prepared))?;
        drop(prepared);
        self.meter.lap(Stage::Postprocess);
        let tracks = found.first().map(|found| self.tracker.update(found)).context("a batch of one has one result")?;
        let frame = Arc::new(frame);
        for track in tracks.live.iter().filter(|track| track.best.key == frame.key) {
            self.best.insert(track.id, Arc::clone(&frame));
        }
        self.meter.lap(Stage::Track);
        let events = self.rules.update(tracks, None).to_vec();
        self.meter.lap(Stage::Rules);
        let gone: Vec<TrackId> = tracks.ended.iter().map(|track| track.id).collect();
        self.keep(&events)?;
        self.best.retain(|id, _| !gone.contains(id));
        Ok(())
    }

    /// What the thread that stores events does with them.
    fn keep(&mut self, events: &[Event]) -> Result<()> {
        for event in events {
            let class = &self.manifest.classes[usize::from(event.evidence.class.0)];
            let picture = self.best.get(&event.evidence.track);
            let saved = self.album.keep(event, class, picture.map(|frame| &**frame))?;
            let entry = Entry::new(event, class, saved, ManualClock::default().wall());
            // Its commit is not waited for; closing the store does.
            drop(self.store.put(entry)?);
            self.events += 1;
        }
        self.meter.lap(Stage::Store);
        Ok(())
    }

    fn bill(mut self, clip: &Path, frames: usize) -> Bill {
        let model = self.model_nanos.load(Relaxed) as f64 / 1e9;
        let spent = &mut self.meter.spent;
        spent[Stage::Model as usize] = model;
        spent[Stage::Postprocess as usize] -= model;
        Bill {
            clip: clip.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            model: self.manifest.name.clone(),
            size: self.size,
            frames: frames as u64,
            events: self.events,
            spent: self.meter.spent,
        }
    }
}

/// A zone in the middle half of the picture and a line across it.
fn rules() -> Result<Vec<Rule>> {
    let points = |points: &[(f32, f32)]| points.iter().map(|(x, y)| Point::new(*x, *y)).collect::<Vec<_>>();
    let zone = Zone::new(points(&[(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]))?;
    let line = Line::new(points(&[(0.5, 0.0), (0.5, 1.0)]))?;
    let rule = |name: &str, kind| Rule { name: name.into(), classes: Vec::new(), schedule: Schedule::Always, kind };
    Ok(vec![
        rule("zone", RuleKind::Intrusion(Intrusion::new(zone))),
        rule("line", RuleKind::Crossing(Crossing::new(line))),
    ])
}
