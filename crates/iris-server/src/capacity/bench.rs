//! Runs decoder, motion gate, preprocessing, model and tracker over a sample, on every core at once, and takes the processor's time.

use std::path::Path;
use std::slice;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use iris_analytics::{ClassGroups, Fidelity, MotionGate, Profile, Tracker, TrackerKind};
use iris_core::{CameraId, Clock, Epoch, Frame, FrameKey, Moment, Packet, Size};
use iris_decode::{Decoder, FramePool, Limits};
use iris_infer::{Detector, Manifest, Model, Options, Preprocessor};
use rustix::time::{ClockId, clock_gettime};

use super::plan::{Costs, RATE};
use super::sample::{FPS, Sample};
use crate::process::Usage;

/// The model looks at one frame in so many: at a busy camera of the usual frame rate.
const LOOK_EVERY: u64 = FPS as u64 / RATE as u64;
/// Decoders that are held at once to see what one holds, and after how many access units.
const HELD: u64 = 2;
const HELD_AFTER: usize = 10;
/// Access units that are played before time is taken.
const WARM_UP: usize = 5;

/// A worker for each core, with a session of one model.
pub struct Bench {
    manifest: Arc<Manifest>,
    workers: Vec<Worker>,
    clock: Arc<dyn Clock>,
}

/// What a sample cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The size of its pictures.
    pub size: Size,
    /// What a frame costs.
    pub costs: Costs,
    /// What a camera holds, in bytes: its decoder and the picture that waits for the model.
    pub memory: u64,
    /// Frames a second that all cores did together, with every second one looked at.
    pub throughput: f64,
    /// The share of the cores' time that this program got, 0 to 1. The rest went to others.
    pub share: f64,
}

impl Bench {
    /// Loads a model once for each of `cores`.
    ///
    /// # Errors
    /// It cannot be loaded.
    pub fn new(model: &Path, cores: usize, clock: Arc<dyn Clock>) -> Result<Self> {
        iris_decode::install_log(iris_ingest::hear_ffmpeg);
        iris_decode::return_large_blocks();
        let load = || -> Result<_> {
            let model = Model::open(model)?;
            let options = Options { score: Some(Profile::LOW), ..Options::default() };
            let preprocessor = Preprocessor::new(&model.manifest)?;
            let workers = (0..cores.max(1)).map(|_| {
                Ok(Worker { preprocessor: preprocessor.clone(), detector: Detector::load(&model, &options)? })
            });
            Ok((workers.collect::<Result<_>>()?, model.manifest))
        };
        let (workers, manifest) = load().with_context(|| format!("model {}", model.display()))?;
        Ok(Self { manifest, workers, clock })
    }

    /// The model's name.
    pub fn model(&self) -> &str {
        &self.manifest.name
    }

    /// Plays a sample on all cores for `time`, and at least once.
    ///
    /// # Errors
    /// Nothing in it can be decoded, or the model fails.
    pub fn measure(&mut self, sample: &Sample, time: Duration) -> Result<Measured> {
        let packets = &sample.packets;
        let still = iris_pipeline::still(&packets[..packets.len().min(WARM_UP)], self.clock.mono());
        let (size, id) = still.map(|frame| (frame.size, frame.key.camera)).context("nothing in it can be decoded")?;
        let memory = memory_of_one(packets, &*self.clock);
        let (barrier, clock, manifest) = (Barrier::new(self.workers.len()), &*self.clock, &*self.manifest);
        let tallies = std::thread::scope(|scope| {
            let mut threads = Vec::new();
            for (n, worker) in self.workers.iter_mut().enumerate() {
                let (thread, barrier) = (std::thread::Builder::new().name(format!("bench-{n}")), &barrier);
                let play = move || worker.play((sample, id), manifest, time, barrier, clock);
                threads.push(thread.spawn_scoped(scope, play)?);
            }
            let join = |thread: std::thread::ScopedJoinHandle<'_, Result<Tally>>| match thread.join() {
                Ok(tally) => tally,
                Err(_) => bail!("a thread that measured has panicked"),
            };
            threads.into_iter().map(join).collect::<Result<Vec<_>>>()
        })?;
        summary(&tallies, size, memory)
    }
}

fn summary(tallies: &[Tally], size: Size, memory: u64) -> Result<Measured> {
    let sum = |of: fn(&Tally) -> f64| tallies.iter().map(of).sum::<f64>();
    let (frames, looks) = (sum(|tally| tally.frames as f64), sum(|tally| tally.looks as f64));
    let still = sum(|tally| tally.still_frames as f64);
    if frames == still || still == 0.0 || looks == 0.0 {
        bail!("too few of its pictures can be decoded");
    }
    let spent = |stage: Stage| tallies.iter().map(|tally| tally.spent[stage as usize]).sum::<f64>() * 1000.0;
    let costs = Costs {
        decode: spent(Stage::Decode) / (frames - still),
        still: spent(Stage::Still) / still,
        gate: spent(Stage::Gate) / frames,
        preprocess: spent(Stage::Preprocess) / looks,
        model: spent(Stage::Model) / looks,
        track: spent(Stage::Track) / looks,
    };
    let cpu = tallies.iter().flat_map(|tally| tally.spent).sum::<f64>();
    let throughput = sum(|tally| tally.frames as f64 / tally.seconds.max(1e-9));
    Ok(Measured { size, costs, memory, throughput, share: (cpu / sum(|tally| tally.seconds).max(1e-9)).min(1.0) })
}

/// What grows by a decoder and a picture of its, in bytes.
fn memory_of_one(packets: &[Packet], clock: &dyn Clock) -> u64 {
    let before = Usage::now().memory_bytes;
    let pool = FramePool::new();
    let held: Vec<(Decoder, Option<Frame>)> = (0..HELD)
        .map(|_| {
            let mut decoder = Decoder::new(Arc::clone(&pool), Limits::default());
            let mut last = None;
            for packet in packets.iter().take(HELD_AFTER) {
                // What cannot be decoded is counted where time is taken.
                decoder.push(packet).ok();
                while let Ok(Some(frame)) = decoder.pull(clock.mono()) {
                    last = Some(frame);
                }
            }
            (decoder, last)
        })
        .collect();
    let after = Usage::now().memory_bytes;
    drop(held);
    after.saturating_sub(before) / HELD
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Decode,
    /// Decoding without deblocking, as where nothing moves.
    Still,
    Gate,
    Preprocess,
    Model,
    Track,
}

/// What a worker did.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    /// Processor time by stage, in seconds.
    spent: [f64; 6],
    frames: u64,
    /// Those of them that were not deblocked.
    still_frames: u64,
    looks: u64,
    /// By the clock on the wall.
    seconds: f64,
    /// When the last stage ended, by this thread's processor time.
    last: f64,
}

impl Tally {
    /// The time since the last stage ended was this one's.
    fn lap(&mut self, stage: Stage) {
        let now = thread_time();
        self.spent[stage as usize] += now - self.last;
        self.last = now;
    }
}

/// This thread's processor time, in seconds.
fn thread_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// What a core works with.
struct Worker {
    preprocessor: Preprocessor,
    detector: Detector,
}

/// A camera that a worker plays: the sample, over and over.
struct Played<'a> {
    sample: &'a Sample,
    id: CameraId,
    decoder: Decoder,
    /// Which stage its decoder is.
    decoding: Stage,
    gate: MotionGate,
    tracker: Box<dyn Tracker>,
    /// Access units that were played.
    units: u64,
    /// When the sample began again.
    origin: Duration,
}

impl Worker {
    /// Plays the sample again and again, every second time without deblocking, until `time` has passed since all workers were
    /// ready.
    fn play(
        &mut self,
        (sample, id): (&Sample, CameraId),
        manifest: &Manifest,
        time: Duration,
        barrier: &Barrier,
        clock: &dyn Clock,
    ) -> Result<Tally> {
        let mut played = Played::new(sample, id, manifest);
        // Memory is got and caches are filled. Nobody starts before all are ready, or waits for one that failed.
        let ready = self.pass(&mut played, WARM_UP, &mut Tally::default(), clock);
        barrier.wait();
        ready?;
        let start = clock.mono();
        let mut tally = Tally { last: thread_time(), ..Tally::default() };
        while tally.still_frames == 0 || clock.mono().since(start) < time {
            let before = tally.frames;
            played.set_still(false);
            self.pass(&mut played, usize::MAX, &mut tally, clock)?;
            let moving = tally.frames;
            played.set_still(true);
            self.pass(&mut played, usize::MAX, &mut tally, clock)?;
            tally.still_frames += tally.frames - moving;
            if tally.frames == before {
                break;
            }
        }
        tally.seconds = clock.mono().since(start).as_secs_f64();
        Ok(tally)
    }

    /// The sample once, or its first `units`.
    fn pass(&mut self, played: &mut Played<'_>, units: usize, tally: &mut Tally, clock: &dyn Clock) -> Result<()> {
        for packet in played.sample.packets.iter().take(units) {
            let packet = played.renumbered(packet);
            // Damage costs a frame, as it does in a camera's life.
            if played.decoder.push(&packet).is_ok() {
                while let Ok(Some(frame)) = played.decoder.pull(clock.mono()) {
                    tally.lap(played.decoding);
                    self.see(played, &frame, tally)?;
                }
            }
            tally.lap(played.decoding);
        }
        played.origin += played.sample.duration();
        Ok(())
    }

    fn see(&mut self, played: &mut Played<'_>, frame: &Frame, tally: &mut Tally) -> Result<()> {
        tally.frames += 1;
        // Whatever it says, so that looks are many enough to be measured.
        played.gate.see(frame, Fidelity::Exact);
        tally.lap(Stage::Gate);
        if !tally.frames.is_multiple_of(LOOK_EVERY) {
            return Ok(());
        }
        tally.looks += 1;
        let prepared = self.preprocessor.prepare(frame)?;
        tally.lap(Stage::Preprocess);
        let found = self.detector.detect(slice::from_ref(&prepared))?;
        tally.lap(Stage::Model);
        for detections in &found {
            played.tracker.update(detections);
        }
        tally.lap(Stage::Track);
        Ok(())
    }
}

impl<'a> Played<'a> {
    fn new(sample: &'a Sample, id: CameraId, manifest: &Manifest) -> Self {
        let profile = Profile { groups: ClassGroups::by_name(&manifest.classes), high: manifest.thresholds.score };
        Self {
            sample,
            id,
            decoder: Decoder::new(FramePool::new(), Limits::default()),
            decoding: Stage::Decode,
            gate: MotionGate::default(),
            tracker: TrackerKind::default().build(id, Epoch::first(1), profile),
            units: 0,
            origin: Duration::ZERO,
        }
    }

    /// Says whether the sample is decoded as where nothing moves from here on.
    fn set_still(&mut self, still: bool) {
        self.decoding = if still { Stage::Still } else { Stage::Decode };
        self.decoder.set_deblocking(!still);
    }

    /// A packet as the next of a camera that never ends.
    fn renumbered(&mut self, packet: &Packet) -> Packet {
        self.units += 1;
        let key = FrameKey { camera: self.id, epoch: Epoch::first(1), seq: self.units };
        let at = Moment { media: packet.at.media + self.origin, wall: None };
        Packet { key, at, dts: packet.dts + self.origin, ..packet.clone() }
    }
}
