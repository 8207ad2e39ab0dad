//! `iris run`: one source, watched to its end or until Ctrl-C.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use iris_analytics::mot;
use iris_core::clock::SystemClock;
use iris_core::{CameraId, Event, Frame, Tracks};
use iris_flow::blocking::Receiver;
use iris_infer::{Manifest, Share, Sharing};
use iris_ingest::{Limits, Source, SourceUrl, State};
use iris_pipeline::{
    CameraSettings, Cores, DeviceSettings, Gating, Ledger, ModelSettings, Pace, Pipeline, Report, Settings, StageCount,
    View,
};
use jiff::tz::TimeZone;
use tokio::runtime::Runtime;

use super::progress::Progress;
use crate::annotate::Annotator;
use crate::cli::{RunArgs, TrackerArg, TransportArg};
use crate::config::{self, Config};
use crate::evidence::Album;
use crate::message::Message;
use crate::oip::remote::Devices;
use crate::picture::VideoWriter;
use crate::setup;
use crate::store::Media;

pub(super) fn run(args: &RunArgs) -> Result<ExitCode> {
    let config = args.config.as_deref().map(super::load).transpose()?;
    let configured = config.as_ref().map(|config| choose(config, args.camera.as_deref())).transpose()?;
    let model = match configured {
        Some(camera) if args.model.model.is_none() => camera.model.path.clone(),
        _ => super::model_path(&args.model),
    };
    let url = SourceUrl::parse(&args.source).with_context(|| "SOURCE")?;
    let runtime = super::runtime()?;
    let settings = Settings {
        run: 1,
        models: vec![ModelSettings { min_score: args.model.min_score, ..ModelSettings::at(model) }],
        cores: Cores::of_this_machine(),
        devices: config.as_ref().map_or_else(|| DeviceSettings::cpus(iris_pipeline::cores()), setup::devices),
        sharing: Sharing::default(),
        decoder: None,
    };
    let zone = config.as_ref().map_or_else(TimeZone::system, |config| config.time_zone.clone());
    let clock = Arc::new(SystemClock::new());
    let devices = Arc::new(Devices(runtime.handle().clone()));
    let (mut pipeline, reports) =
        Pipeline::start_on(devices, &settings, clock, &setup::local_clock(zone), runtime.handle().clone())?;
    let view = pipeline.view();
    let manifest = view.models().pop().context("the pipeline has no model")?;
    let camera = camera(args, url, configured, &manifest)?;
    let mut outputs = Outputs::create(args, &camera, &manifest)?;
    let id = camera.id;
    pipeline.apply(vec![camera])?;
    stop_at_interrupt(&runtime, view.clone());
    let outcome = outputs.follow(&reports, &view, id);
    let failure = failure(&view, id);
    // Whatever happened, what was written so far is completed.
    drop(reports);
    pipeline.shutdown();
    outputs.finish()?;
    outcome?;
    match failure {
        Some(error) => bail!("{error}"),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn choose<'a>(config: &'a Config, id: Option<&str>) -> Result<&'a config::Camera> {
    let ids = || config.cameras.iter().map(|c| c.id.to_string()).collect::<Vec<_>>().join(", ");
    match (id, config.cameras.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => bail!("say with --camera which camera's rules to use: {}", ids()),
        (Some(id), cameras) => cameras
            .iter()
            .find(|c| c.id.as_str() == id)
            .with_context(|| format!("the configuration has no camera {id:?}; it has {}", ids())),
    }
}

fn camera(
    args: &RunArgs,
    url: SourceUrl,
    configured: Option<&config::Camera>,
    manifest: &Manifest,
) -> Result<CameraSettings> {
    let is_file = url.path().is_some();
    let tracker = match (args.tracker, configured) {
        (Some(tracker), _) => tracker.into(),
        (None, Some(camera)) => setup::tracker(camera.tracker),
        (None, None) => iris_analytics::TrackerKind::default(),
    };
    Ok(CameraSettings {
        id: configured.map_or_else(|| name(&url), |camera| Ok(camera.id))?,
        source: Source { url, transport: args.transport.into(), limits: Limits::default() },
        pace: if is_file { Pace::Replay } else { Pace::Live },
        model: 0,
        share: Share { rate_hz: (!is_file || args.gate).then_some(args.rate), ..Share::default() },
        gating: if args.gate { Gating::Motion } else { Gating::Off },
        tracker,
        rules: configured.map(|camera| setup::rules(camera, manifest)).transpose()?.unwrap_or_default(),
        report_frames: true,
    })
}

/// A camera's name for a source that has none: the file's name as far as it may be one.
fn name(url: &SourceUrl) -> Result<CameraId> {
    let stem =
        url.path().and_then(Path::file_stem).map_or_else(|| "camera".into(), |s| s.to_string_lossy().to_lowercase());
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = stem.chars().map(allowed).take(CameraId::MAX_LEN).collect();
    let name = name.trim_matches('-');
    Ok(CameraId::new(if name.is_empty() { "camera" } else { name })?)
}

/// Ctrl-C ends the stream as its own end would: tracks are ended, events told, files completed.
fn stop_at_interrupt(runtime: &Runtime, view: View) {
    runtime.spawn(async move {
        match tokio::signal::ctrl_c().await {
            Ok(()) => view.stop(),
            Err(error) => tracing::warn!(%error, "Ctrl-C will not end this run in order"),
        }
    });
}

fn failure(view: &View, id: CameraId) -> Option<String> {
    let mut failure = None;
    view.cameras(|camera, status, ledger, _| match status.state {
        State::Failed { error } if camera == id => failure = Some(error.to_string()),
        State::Ended if camera == id => failure = fruitless(ledger),
        _ => {}
    });
    failure
}

/// What to say of a recording of which nothing was seen.
fn fruitless(ledger: &Ledger) -> Option<String> {
    let Ledger { decode, model, .. } = ledger;
    let none = |count: &StageCount| count.received() > 0 && count.emitted() == 0;
    if none(decode) {
        return Some(format!("none of {} pictures could be decoded", decode.received()));
    }
    none(model).then(|| format!("the model failed on each of {} pictures", model.received()))
}

/// What a run writes.
struct Outputs {
    events: Box<dyn Write>,
    pictures: Option<Album>,
    video: Option<(Annotator, VideoWriter)>,
    tracks: Option<BufWriter<File>>,
    progress: Progress,
    gated: bool,
    /// What was told with the frame that comes next.
    told: Vec<Event>,
    frames: u64,
    ended: u64,
}

impl Outputs {
    fn create(args: &RunArgs, camera: &CameraSettings, manifest: &Manifest) -> Result<Self> {
        let create = |path: &Path| File::create(path).with_context(|| format!("cannot write {}", path.display()));
        let events: Box<dyn Write> = match &args.events {
            Some(path) => Box::new(BufWriter::new(create(path)?)),
            None => Box::new(std::io::stdout()),
        };
        let video = match &args.annotate {
            Some(path) => Some((Annotator::new(manifest.classes.clone(), &camera.rules), VideoWriter::create(path)?)),
            None => None,
        };
        Ok(Self {
            events,
            pictures: args.pictures.as_deref().map(|folder| Media::open(folder).map(Album::new)).transpose()?,
            video,
            tracks: args.tracks.as_deref().map(create).transpose()?.map(BufWriter::new),
            progress: Progress::new(),
            gated: args.gate,
            told: Vec::new(),
            frames: 0,
            ended: 0,
        })
    }

    /// Writes reports until the source is over.
    fn follow(&mut self, reports: &Receiver<Report>, view: &View, id: CameraId) -> Result<()> {
        while let Some(report) = reports.recv() {
            match report {
                Report::Event { event, class, picture, .. } => self.event(event, &class, picture.as_deref())?,
                Report::Frame { frame, tracks } => {
                    self.frame(&frame, tracks)?;
                    view.cameras(|_, status, ledger, _| {
                        let dropped = ledger.decode.dropped_total() + ledger.model.dropped_total();
                        self.progress.status(&status, dropped);
                    });
                }
                Report::Finished { camera } if camera == id => break,
                Report::Finished { .. } => {}
            }
        }
        Ok(())
    }

    fn event(&mut self, event: Event, class: &str, picture: Option<&Frame>) -> Result<()> {
        if event.ended.is_some() {
            let pictures = match (&mut self.pictures, picture) {
                (Some(album), Some(frame)) => album.keep(&event, class, Some(frame))?,
                _ => Vec::new(),
            };
            let line = Message::new(&event, class, &pictures).to_json();
            let events = &mut self.events;
            self.progress
                .suspend(|| writeln!(events, "{line}").and_then(|()| events.flush()))
                .context("cannot write events")?;
            self.ended += 1;
        }
        self.told.push(event);
        Ok(())
    }

    fn frame(&mut self, frame: &Frame, mut tracks: Tracks) -> Result<()> {
        // Access units are numbered as they are decoded; people and scorers count frames as they are shown. Those that a
        // gate left out leave no other number than the first.
        if !self.gated {
            tracks.key.seq = self.frames;
        }
        self.frames += 1;
        if let Some((annotator, video)) = &mut self.video {
            video.write(annotator.draw(frame, &tracks, &self.told), frame.at.media)?;
        }
        self.told.clear();
        if let Some(file) = &mut self.tracks {
            let mut rows = String::new();
            mot::write(&tracks, &mut rows)?;
            file.write_all(rows.as_bytes()).context("cannot write tracks")?;
        }
        self.progress.frame(frame.at.media, self.frames, tracks.live.len(), self.ended);
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        self.progress.finish();
        self.events.flush().context("cannot write events")?;
        if let Some(mut tracks) = self.tracks {
            tracks.flush().context("cannot write tracks")?;
        }
        if let Some((_, video)) = self.video {
            video.finish()?;
        }
        Ok(())
    }
}

impl From<TransportArg> for iris_ingest::Transport {
    fn from(arg: TransportArg) -> Self {
        match arg {
            TransportArg::Tcp => Self::Tcp,
            TransportArg::Udp => Self::Udp,
        }
    }
}

impl From<TrackerArg> for iris_analytics::TrackerKind {
    fn from(arg: TrackerArg) -> Self {
        match arg {
            TrackerArg::Bytetrack => Self::ByteTrack,
            TrackerArg::Ocsort => Self::OcSort,
        }
    }
}
