//! `iris capacity`: how many cameras this machine carries, measured.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::stream::{self, StreamExt};
use indicatif::{ProgressBar, ProgressStyle};
use iris_core::clock::SystemClock;
use iris_core::{CameraId, Clock, Packet};
use iris_infer::Model;
use iris_ingest::{Limits, Source, SourceUrl, Transport};
use serde_json::{Value, json};

use crate::capacity::plan::{Demand, MARGIN, Machine, Plan, RATE, Stream, advice, ms};
use crate::capacity::{Bench, FPS, Kind, Sample};
use crate::cli::CapacityArgs;
use crate::config::{self, Config};
use crate::{excerpt, process, setup};

/// How much of a camera's video is taken.
const SPAN: Duration = Duration::from_secs(4);
/// How many cameras are read at once.
const AT_ONCE: usize = 16;
/// The share of the time that goes into measuring; the rest into making video.
const MEASURING: f64 = 0.8;
/// Below this share of the processor's time, others are mentioned.
const ALONE: f64 = 0.9;

pub(super) fn capacity(args: &CapacityArgs) -> Result<ExitCode> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let config = args.config.as_deref().map(super::load).transpose()?;
    let mut found = Found::default();
    super::runtime()?.block_on(found.read(args, config.as_ref(), &clock))?;
    let usual = args.model.clone().unwrap_or_else(|| usual_model(config.as_ref()));
    let mut survey = Survey::new(args, found, usual, clock)?;
    survey.measure()?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", survey.to_json())?;
    } else {
        write!(out, "{}", survey.to_text())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The model of the first camera, or the built-in one.
fn usual_model(config: Option<&Config>) -> PathBuf {
    let first = config.and_then(|config| config.cameras.iter().find(|camera| camera.enabled));
    first.map_or_else(|| Model::BUILT_IN.into(), |camera| camera.model.path.clone())
}

/// Video of the user's own.
#[derive(Default)]
struct Found {
    groups: Vec<Group>,
    /// What could not be read, and why.
    failed: Vec<(String, String)>,
}

/// Cameras that send the same kind of video to the same model.
struct Group {
    sample: Sample,
    /// Detections a second where something moves.
    rate: f64,
    /// Whether the model looks where nothing moves as often as where something does.
    ungated: bool,
    /// None: the usual one.
    model: Option<PathBuf>,
    /// How many there are; none in a clip.
    cameras: usize,
}

impl Group {
    fn new(name: String, packets: Vec<Packet>) -> Self {
        let fps = excerpt::rate(&packets).unwrap_or(f64::from(FPS));
        Self::of(Sample { name, profile: None, fps, packets })
    }

    fn of(sample: Sample) -> Self {
        Self { sample, rate: RATE, ungated: false, model: None, cameras: 0 }
    }

    fn takes(&self, other: &Self) -> bool {
        let kind = |group: &Self| {
            let params = &group.sample.packets[0].params;
            (params.codec, params.size, group.sample.fps.round() as u64, group.rate.to_bits(), group.ungated)
        };
        kind(self) == kind(other) && self.model == other.model
    }
}

impl Found {
    async fn read(&mut self, args: &CapacityArgs, config: Option<&Config>, clock: &Arc<dyn Clock>) -> Result<()> {
        for clip in &args.clips {
            let packets = read(CameraId::new("clip")?, clip, Transport::Auto, clock).await;
            // It was named by hand, so all waits for it.
            let packets = packets.map_err(anyhow::Error::msg).with_context(|| format!("clip {clip}"))?;
            let name = Path::new(clip).file_name().map_or_else(|| clip.into(), |name| name.to_string_lossy());
            self.groups.push(Group::new(name.into_owned(), packets));
        }
        let cameras = config.into_iter().flat_map(|config| &config.cameras).filter(|camera| camera.enabled);
        let reading = cameras.map(|camera| async move {
            let transport = setup::transport(camera.transport);
            (camera, read(camera.id, camera.url.expose(), transport, clock).await)
        });
        let mut read = stream::iter(reading).buffered(AT_ONCE);
        while let Some((camera, packets)) = read.next().await {
            match packets {
                Ok(packets) => self.add(camera, packets),
                Err(why) => self.failed.push((format!("camera {}", camera.id), why)),
            }
        }
        Ok(())
    }

    fn add(&mut self, camera: &config::Camera, packets: Vec<Packet>) {
        let new = Group {
            rate: f64::from(camera.rate),
            ungated: camera.gate == config::Gate::Off,
            model: Some(camera.model.path.clone()),
            cameras: 1,
            ..Group::new(format!("camera {}", camera.id), packets)
        };
        match self.groups.iter_mut().find(|group| group.takes(&new)) {
            Some(group) => group.cameras += 1,
            None => self.groups.push(new),
        }
    }
}

async fn read(
    camera: CameraId,
    url: &str,
    transport: Transport,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Packet>, String> {
    let url = SourceUrl::parse(url).map_err(|error| error.to_string())?;
    let source = Source { url, transport, limits: Limits::default() };
    excerpt::read(camera, source, Arc::clone(clock), SPAN).await
}

/// What is measured, and what came of it.
struct Survey<'a> {
    args: &'a CapacityArgs,
    clock: Arc<dyn Clock>,
    machine: Machine,
    usual: PathBuf,
    groups: Vec<Group>,
    /// The models, each loaded when it is first needed.
    benches: Vec<(PathBuf, Bench)>,
    rows: Vec<Row>,
    failed: Vec<(String, String)>,
}

/// A measured stream.
struct Row {
    stream: Stream,
    plan: Plan,
    model: String,
    throughput: f64,
    share: f64,
    /// Cameras of the configuration that send it.
    cameras: usize,
}

impl<'a> Survey<'a> {
    fn new(args: &'a CapacityArgs, found: Found, usual: PathBuf, clock: Arc<dyn Clock>) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let bench = Bench::new(&usual, cores, Arc::clone(&clock))?;
        Ok(Self {
            args,
            clock,
            machine: Machine { cores, memory: process::available_memory() },
            benches: vec![(usual.clone(), bench)],
            usual,
            groups: found.groups,
            rows: Vec::new(),
            failed: found.failed,
        })
    }

    fn measure(&mut self) -> Result<()> {
        // Beside the user's own video one kind is enough, to compare it with.
        let kinds = if self.groups.is_empty() { &Kind::ALL[..] } else { &[Kind::CHEAPEST] };
        let steps = self.groups.len() + kinds.len();
        let time = Duration::from_secs_f64(self.args.seconds * MEASURING / steps as f64);
        let bar = ProgressBar::new(steps as u64);
        bar.set_style(ProgressStyle::with_template("{wide_bar} {pos} of {len}: {msg}")?);
        for group in std::mem::take(&mut self.groups) {
            bar.set_message(group.sample.name.clone());
            self.one(&group, time);
            bar.inc(1);
        }
        for kind in kinds {
            bar.set_message(kind.name());
            match kind.make(CameraId::new("sample")?) {
                Ok(sample) => self.one(&Group::of(sample), time),
                Err(why) => self.failed.push((kind.name(), why)),
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        if self.rows.is_empty() {
            let why = self.failed.iter().map(|(name, why)| format!("{name}: {why}")).collect::<Vec<_>>();
            bail!("nothing could be measured; {}", why.join("; "));
        }
        Ok(())
    }

    /// Measures one kind of video. What fails is told, and does not keep the others from being measured.
    fn one(&mut self, group: &Group, time: Duration) {
        let name = group.sample.name.clone();
        match self.try_one(group, time) {
            Ok(row) => self.rows.push(row),
            Err(error) => self.failed.push((name, super::explain(&error))),
        }
    }

    fn try_one(&mut self, group: &Group, time: Duration) -> Result<Row> {
        let Sample { name, profile, fps, packets } = &group.sample;
        let bench = self.bench(group.model.as_ref())?;
        let measured = bench.measure(&group.sample, time)?;
        let model = bench.model().to_owned();
        let busy = if group.ungated { 1.0 } else { self.args.busy };
        let demand = Demand { fps: self.args.fps.unwrap_or(*fps), rate: group.rate, busy };
        let (codec, size) = (packets[0].params.codec, measured.size);
        let name = if profile.is_some() { name.clone() } else { format!("{name} ({size} {codec})") };
        let (costs, memory) = (measured.costs, measured.memory);
        let stream = Stream { name, codec, profile: *profile, size, demand, costs, memory };
        let plan = stream.plan(self.machine);
        let (throughput, share) = (measured.throughput, measured.share);
        Ok(Row { stream, plan, model, throughput, share, cameras: group.cameras })
    }

    fn bench(&mut self, model: Option<&PathBuf>) -> Result<&mut Bench> {
        let path = if self.args.model.is_some() { &self.usual } else { model.unwrap_or(&self.usual) };
        let known = self.benches.iter().position(|(loaded, _)| loaded == path);
        if known.is_none() {
            let bench = Bench::new(path, self.machine.cores, Arc::clone(&self.clock))?;
            self.benches.push((path.clone(), bench));
        }
        let at = known.unwrap_or(self.benches.len() - 1);
        Ok(&mut self.benches[at].1)
    }

    /// The share of the machine that the cameras of the configuration take, and how many they are.
    fn configured(&self) -> (f64, usize) {
        let load = |row: &Row| row.cameras as f64 * row.stream.demand.load(&row.stream.costs);
        let load = self.rows.iter().map(load).sum::<f64>() / self.machine.cores as f64;
        (load, self.rows.iter().map(|row| row.cameras).sum())
    }

    fn advice(&self) -> Vec<String> {
        let streams: Vec<Stream> = self.rows.iter().map(|row| row.stream.clone()).collect();
        advice(&streams, self.machine)
    }

    /// What must be known to read the numbers.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let share = self.rows.iter().map(|row| row.share).sum::<f64>() / self.rows.len().max(1) as f64;
        if share < ALONE {
            let others = (1.0 - share) * 100.0;
            notes.push(format!(
                "Other programs took {others:.0} % of the processor meanwhile; the cameras are those that it carries without them."
            ));
        }
        notes.extend(self.failed.iter().map(|(name, why)| format!("Not measured: {name}: {why}.")));
        let (load, cameras) = self.configured();
        if cameras > 0 {
            let verdict = if load <= 1.0 - MARGIN { "" } else { ", more than it should carry" };
            notes.push(format!(
                "The {cameras} cameras measured of the configuration need {:.0} % of this machine{verdict}.",
                load * 100.0
            ));
        }
        notes
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        let (machine, busy) = (self.machine, self.args.busy * 100.0);
        let memory = machine.memory as f64 / f64::from(1 << 30);
        // Writing to a string cannot fail.
        writeln!(
            text,
            "{} cores, {memory:.1} GiB of memory free, model {}; something moves {busy:.0} % of the time; {:.0} % of the \
             machine is left free\n",
            machine.cores,
            self.benches[0].1.model(),
            MARGIN * 100.0,
        )
        .ok();
        let width = self.rows.iter().map(|row| row.stream.name.chars().count()).max().unwrap_or(0).max(6);
        let heads = ["decode", "still", "gate", "prepare", "model", "track", "memory", "fps", "cameras"]
            .map(|head| format!("{head:>9}"));
        writeln!(text, "{:<width$}{}  bound by", "stream", heads.concat()).ok();
        for Row { stream, plan, .. } in &self.rows {
            let costs = &stream.costs;
            let times = [costs.decode, costs.still, costs.gate, costs.preprocess, costs.model, costs.track]
                .map(|cost| format!("{:>9}", ms(cost)));
            let memory = format!("{:.1} MiB", stream.memory as f64 / f64::from(1 << 20));
            let (name, fps, cameras) = (&stream.name, stream.demand.fps, plan.cameras);
            writeln!(text, "{name:<width$}{}{memory:>9}{fps:>9}{cameras:>9}  {}", times.concat(), plan.bound.label())
                .ok();
        }
        writeln!(text, "\nTimes in ms of processor time a frame, with all cores busy.").ok();
        for note in self.notes() {
            writeln!(text, "{note}").ok();
        }
        let advice = self.advice();
        if !advice.is_empty() {
            writeln!(text, "\nTo carry more:").ok();
        }
        for line in advice {
            writeln!(text, "- {line}").ok();
        }
        text
    }

    fn to_json(&self) -> Value {
        let row = |row: &Row| {
            let Stream { name, codec, profile, size, demand, costs, memory } = &row.stream;
            let round = |value: f64| (value * 1e4).round() / 1e4;
            json!({
                "name": name, "codec": codec.to_string(), "profile": profile, "width": size.width, "height": size.height,
                "model": row.model, "frames_per_second": demand.fps, "detections_per_second": demand.rate,
                "ms_per_frame": {
                    "decode": round(costs.decode), "still": round(costs.still), "gate": round(costs.gate), "preprocess": round(costs.preprocess),
                    "model": round(costs.model), "track": round(costs.track),
                },
                "memory_bytes": memory, "throughput": round(row.throughput), "processor_share": round(row.share),
                "cameras": row.plan.cameras, "bound": row.plan.bound.label(), "configured_cameras": row.cameras,
            })
        };
        let (load, cameras) = self.configured();
        json!({
            "cores": self.machine.cores, "memory_bytes": self.machine.memory, "margin": MARGIN, "busy": self.args.busy,
            "streams": self.rows.iter().map(row).collect::<Vec<_>>(),
            "configured": {"cameras": cameras, "load": load},
            "not_measured": self.failed.iter().map(|(name, why)| json!({"name": name, "why": why})).collect::<Vec<_>>(),
            "notes": self.notes(), "advice": self.advice(),
        })
    }
}
