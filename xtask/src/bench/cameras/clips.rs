//! What the cameras of the bench show: for each place a clip with nobody in it, and clips in which somebody comes and goes,
//! with their truth. Each is rendered once and kept in `target/bench/clips`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::super::truth::{Happening, Raised, Truth, begins};
use crate::shell::{program, release, root, run_quietly, say};

/// The places where nothing else is asked for, by their scenes and settings.
pub(super) const PLACES: [&str; 4] = ["street", "yard", "street+dusk", "yard+infrared"];
/// What chance comes from in the clips in which somebody comes: so many clips a place.
const SEEDS: [u32; 2] = [7, 11];
/// How long nobody comes before the clip begins anew, in seconds.
const QUIET_SECONDS: u32 = 60;
/// How long a visit is, in seconds: as long as somebody needs to come, break a rule and go.
const BUSY_SECONDS: u32 = 30;
/// From this height on somebody counts as seen, in pixels of 360 lines, ...
const LEAST_HEIGHT: f64 = 24.0 / 360.0;
/// ... and with this share of them visible.
const LEAST_VISIBLE: f64 = 0.35;
/// Nobody may be seen for so many seconds between two who are, and the camera be busy all the time.
const PAUSE: f64 = 0.5;

/// What a camera sends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    name: &'static str,
    size: (u32, u32),
    fps: u32,
    coding: &'static [&'static str],
}

/// All kinds; the first is the small stream of an ordinary camera.
pub(super) const KINDS: [Kind; 5] = [
    Kind { name: "360p", size: (640, 360), fps: 10, coding: &["--baseline"] },
    Kind { name: "360p-vbr", size: (640, 360), fps: 10, coding: &["--baseline", "--vbr"] },
    Kind { name: "360p-h265", size: (640, 360), fps: 10, coding: &["--codec", "h265"] },
    Kind { name: "720p", size: (1280, 720), fps: 10, coding: &[] },
    Kind { name: "720p-vbr", size: (1280, 720), fps: 10, coding: &["--vbr"] },
];

impl Kind {
    /// The kind of this name.
    pub(super) fn find(name: &str) -> Result<Self, String> {
        let names = || KINDS.map(|kind| kind.name).join(", ");
        KINDS.into_iter().find(|kind| kind.name == name).ok_or_else(|| format!("expected one of {}", names()))
    }
}

/// What the cameras show. Camera i shows `quiet[i % quiet.len()]`, and is visited by those of `busy` with the same rest.
#[derive(Debug)]
pub(super) struct Clips {
    pub(super) quiet: Vec<PathBuf>,
    /// The zones and lines of each of them, as tables of Iris's configuration.
    pub(super) rules: Vec<String>,
    pub(super) busy: Vec<Busy>,
}

/// A clip in which somebody comes and goes.
#[derive(Debug)]
pub(super) struct Busy {
    pub(super) video: PathBuf,
    pub(super) must_raise: Vec<Happening>,
    /// Which of these are raised where the model looks at every frame of the recording.
    pub(super) raised_whole: Vec<bool>,
    /// From when to when somebody is seen, without a pause, in seconds of the clip.
    pub(super) seen: (f64, f64),
}

impl Clips {
    /// Clips that a user names: there is no truth about them, and their cameras are taken for busy all the time.
    pub(super) fn given(files: &[PathBuf]) -> Result<Self> {
        let quiet = files.iter().map(std::path::absolute).collect::<std::io::Result<Vec<_>>>()?;
        if let Some(missing) = quiet.iter().find(|file| !file.exists()) {
            bail!("there is no clip {}", missing.display());
        }
        Ok(Self { rules: vec![String::new(); quiet.len()], quiet, busy: Vec::new() })
    }

    /// How long a visit lasts; `None` if there are none.
    pub(super) fn visit(&self) -> Option<Duration> {
        (!self.busy.is_empty()).then_some(Duration::from_secs(BUSY_SECONDS.into()))
    }

    /// Those of these places, of a kind, and what `model` finds in every frame of them.
    pub(super) fn rendered(kind: Kind, places: &[String], model: Option<&Path>) -> Result<Self> {
        let folder = root().join("target/bench/clips").join(kind.name);
        let each = |seed| {
            let folder = &folder;
            places.iter().map(move |place| Render { place, seed, kind, folder })
        };
        let quiet: Vec<_> = each(None).collect();
        let busy: Vec<_> = SEEDS.into_iter().flat_map(|seed| each(Some(seed))).collect();
        let all: Vec<_> = quiet.iter().chain(&busy).filter(|render| !render.is_done()).collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for (i, some) in all.chunks(cores).enumerate() {
            say(&format!("rendering clips of {}: {} of {}", kind.name, i * cores, all.len()));
            render(some)?;
        }
        Ok(Self {
            rules: quiet.iter().map(|render| read(&render.folder().join("rules.toml"))).collect::<Result<_>>()?,
            quiet: quiet.iter().map(Render::video).collect(),
            busy: busy.iter().map(|render| render.truth(model)).collect::<Result<_>>()?,
        })
    }
}

/// A clip to be rendered.
struct Render<'a> {
    place: &'a str,
    /// Nobody comes without one.
    seed: Option<u32>,
    kind: Kind,
    folder: &'a Path,
}

impl Render<'_> {
    fn folder(&self) -> PathBuf {
        let who = self.seed.map_or("quiet".into(), |seed| format!("busy-{seed}"));
        self.folder.join(format!("{}-{who}", self.place))
    }

    fn video(&self) -> PathBuf {
        self.folder().join("main.mp4")
    }

    /// The rules are the last thing that is written.
    fn is_done(&self) -> bool {
        self.folder().join("rules.toml").exists()
    }

    fn args(&self) -> Vec<String> {
        let Kind { size: (width, height), fps, coding, .. } = self.kind;
        let (cast, seconds) = if self.seed.is_some() { ("passing", BUSY_SECONDS) } else { ("nobody", QUIET_SECONDS) };
        let mut args = vec!["render".to_owned(), self.place.to_owned(), format!("--cast={cast}")];
        args.extend([format!("--seconds={seconds}"), format!("--size={width}x{height}"), format!("--fps={fps}")]);
        args.push(format!("--seed={}", self.seed.unwrap_or_default()));
        args.extend(coding.iter().map(ToString::to_string));
        args.push(format!("--out={}", self.folder().display()));
        args
    }

    fn truth(&self, model: Option<&Path>) -> Result<Busy> {
        let folder = self.folder();
        let truth: Truth = serde_json::from_str(&read(&folder.join("events.json"))?).context("no truth")?;
        let boxes = read(&folder.join("gt/gt.txt"))?;
        let seen = seen(&boxes, f64::from(self.kind.fps), f64::from(self.kind.size.1));
        let seen = seen.with_context(|| format!("nobody is seen in {}", folder.display()))?;
        let raised = begins(&truth.must_raise, &self.watch_whole(model)?);
        let raised_whole = raised.iter().map(Option::is_some).collect();
        Ok(Busy { video: self.video(), must_raise: truth.must_raise, raised_whole, seen })
    }

    /// What Iris raises where the model looks at every frame.
    fn watch_whole(&self, model: Option<&Path>) -> Result<Vec<Raised>> {
        let path = |name: &str| self.folder().join(name);
        let camera = "[[cameras]]\nid = \"clip\"\nurl = \"main.mp4\"\n";
        fs::write(path("whole.toml"), format!("{camera}{}", read(&path("rules.toml"))?))
            .context("cannot write rules")?;
        let mut watch = program(release("iris"));
        watch.arg("run").arg(self.video()).arg("--config").arg(path("whole.toml"));
        watch.arg("--events").arg(path("whole.jsonl"));
        if let Some(model) = model {
            watch.arg("--model").arg(model);
        }
        run_quietly(&mut watch, &path("whole.log"))?;
        let raised = read(&path("whole.jsonl"))?;
        raised.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

/// Renders these side by side.
fn render(some: &[&Render<'_>]) -> Result<()> {
    let start = |render: &&Render<'_>| program(release("iris-sim")).args(render.args()).spawn();
    let children = some.iter().map(start).collect::<Vec<_>>();
    for (child, render) in children.into_iter().zip(some) {
        let status = child.and_then(|mut child| child.wait()).context("cannot render")?;
        if !status.success() {
            bail!("{} was not rendered ({status})", render.folder().display());
        }
    }
    Ok(())
}

/// From when to when somebody is seen, in seconds, by boxes in MOTChallenge's form: the longest time without a pause.
fn seen(boxes: &str, fps: f64, height: f64) -> Option<(f64, f64)> {
    let mut spans: Vec<(f64, f64)> = Vec::new();
    for line in boxes.lines() {
        let fields = line.split(',').map(str::parse::<f64>).collect::<Result<Vec<_>, _>>().ok()?;
        let [frame, _, _, _, _, h, counts, _, visible] = fields[..] else { return None };
        if counts == 0.0 || h < LEAST_HEIGHT * height || visible < LEAST_VISIBLE {
            continue;
        }
        let (from, to) = ((frame - 1.0) / fps, frame / fps);
        match spans.last_mut() {
            Some(last) if from - last.1 <= PAUSE => last.1 = to,
            _ => spans.push((from, to)),
        }
    }
    spans.into_iter().max_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_busy_while_somebody_of_some_size_is_seen() {
        let line = |frame: u32, height: f32, visible: f32| format!("{frame},1,5.0,5.0,9.0,{height},1,1,{visible}\n");
        let far: String = (1..10).map(|frame| line(frame, 10.0, 1.0)).collect();
        let hidden: String = (10..20).map(|frame| line(frame, 80.0, 0.1)).collect();
        let alone: String = (20..30).map(|frame| line(frame, 80.0, 1.0)).collect();
        let pause: String = (34..40).map(|frame| line(frame, 80.0, 1.0)).collect();
        let later: String = (60..70).map(|frame| line(frame, 80.0, 1.0)).collect();
        let boxes = [far, hidden, alone, pause, later].concat();
        assert_eq!(seen(&boxes, 10.0, 360.0), Some((1.9, 3.9)));
        assert_eq!(seen("", 10.0, 360.0), None);
    }

    #[test]
    fn kinds_are_found_by_name() {
        assert_eq!(Kind::find("720p").map(|kind| kind.size), Ok((1280, 720)));
        assert!(Kind::find("8k").is_err_and(|why| why.contains("360p-vbr")));
    }
}
