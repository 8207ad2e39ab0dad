//! Many cameras: what Iris takes for them and what it gives, at growing numbers of simulated cameras of which a share is busy,
//! each number with a new simulator and a new server in processes of their own; what others take for the same; and cameras that
//! come and go.

mod clips;
mod farm;
mod figures;
mod flap;
mod peers;
mod plot;
mod report;
mod scrape;
mod server;
mod watch;

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use serde_json::json;

use crate::detector;
use crate::shell::{cargo, root, run as run_command, say};
use clips::{Clips, Kind, PLACES};
use farm::{Farm, Plan};
use figures::Figures;
use peers::Peer;
use plot::Panel;
use server::{Server, Settings};

/// How many cameras, of which kind, and what of them is to be found out.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Args {
    /// Numbers of cameras, one after the other
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 50, 100, 200, 400])]
    cameras: Vec<usize>,
    /// How long each number is measured, in seconds; without it, until each camera was busy once
    #[arg(long)]
    seconds: Option<u64>,
    /// How long it runs before it is measured, in seconds: as long as a camera is busy, so that as many are as will be
    #[arg(long, default_value_t = 35)]
    warm_up: u64,
    /// The share of cameras that are busy at any time
    #[arg(long, default_value_t = 0.1)]
    busy: f64,
    /// What a camera sends: 360p and 720p are H.264 at 10 frames a second with a constant bit rate, -vbr with a constant
    /// quality, 360p-h265 H.265
    #[arg(long, default_value = "360p", value_parser = Kind::find)]
    kind: Kind,
    /// The places that cameras show in turn: scenes with words about hour and weather
    #[arg(long, value_delimiter = ',', default_values = PLACES)]
    places: Vec<String>,
    /// Clips of yours to be played in turn in place of the rendered ones; there is no truth about them
    #[arg(long = "clip", value_name = "FILE", conflicts_with_all = ["kind", "places"])]
    clips: Vec<PathBuf>,
    /// The detector; without it, the one that the project ships
    #[arg(long)]
    model: Option<PathBuf>,
    /// Show every frame to the model that its rate asks for, whether something moves or not
    #[arg(long)]
    ungated: bool,
    /// Measure these on the same cameras too, one after the other, at the first of the numbers of cameras: ffmpeg, opencv, motion
    #[arg(long, value_delimiter = ',', conflicts_with = "flap")]
    peers: Vec<Peer>,
    /// Nine of ten cameras come and go all the time; tells of growth and of those that stay, at the first of the numbers
    #[arg(long)]
    flap: bool,
    /// What chance comes from
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// A JSON document instead of tables
    #[arg(long)]
    json: bool,
}

/// Measures, and prints what was found.
pub(super) fn run(args: &[String]) -> Result<()> {
    let args = Args::try_parse_from(args)?;
    run_command(&mut cargo(["build", "--release", "--package", "iris-server", "--package", "iris-sim"]))?;
    let bench = Bench::new(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Whatever was started dies with the bench, and must not outlive Ctrl-C.
    let text = runtime.block_on(async {
        tokio::select! {
            text = bench.run() => text,
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        }
    })?;
    super::print(&text);
    Ok(())
}

/// All that the parts of the bench share.
struct Bench {
    args: Args,
    clips: Clips,
    settings: Settings,
    length: Duration,
    folder: PathBuf,
}

impl Bench {
    fn new(args: Args) -> Result<Self> {
        if args.cameras.contains(&0) || !(args.busy > 0.0 && args.busy <= 1.0) {
            bail!("--cameras are 1 and more, and --busy is above 0 and at most 1");
        }
        let model = args.model.as_deref().map(|model| detector::choose(Some(model))).transpose()?;
        let clips = match args.clips.as_slice() {
            [] => Clips::rendered(args.kind, &args.places, model.as_deref())?,
            clips => Clips::given(clips)?,
        };
        let settings = Settings { model, ungated: args.ungated };
        let round = clips.visit().map_or(Duration::from_mins(1), |visit| visit.div_f64(args.busy));
        let length = args.seconds.map_or(round, Duration::from_secs);
        let folder = root().join("target/bench/cameras");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { args, clips, settings, length, folder })
    }

    async fn run(&self) -> Result<String> {
        let first = self.args.cameras.first().copied().unwrap_or(1);
        if self.args.flap {
            let flapping = flap::run(self, first).await?;
            return Ok(if self.args.json { format!("{:#}\n", json!(flapping)) } else { flapping.table() });
        }
        let mut all = Vec::new();
        for cameras in &self.args.cameras {
            all.push(self.step(*cameras).await?);
        }
        let plot = self.folder.join("growth.svg");
        fs::write(&plot, growth(&all)).with_context(|| format!("cannot write {}", plot.display()))?;
        say(&format!("plot: {}", plot.display()));
        let mut peers = Vec::new();
        if let (Some(iris), false) = (all.first(), self.args.peers.is_empty()) {
            peers = peers::measure(self, &self.args.peers, iris).await?;
        }
        if self.args.json {
            return Ok(format!("{:#}\n", json!({"iris": all, "peers": peers})));
        }
        let table = report::table(&all);
        Ok(if peers.is_empty() { table } else { format!("{table}\n{}", report::peers(&peers)) })
    }

    /// Measures Iris with so many cameras.
    async fn step(&self, cameras: usize) -> Result<Figures> {
        let plan = self.plan(cameras);
        self.with_farm("iris", &plan, async |farm, folder| {
            let mut server = Server::start(farm, cameras, &self.clips, &self.settings, folder).await?;
            self.warm_up().await;
            let watched = watch::watch(&server, cameras, self.length).await?;
            server.process.stop().await?;
            Ok(Figures::new(&watched, &self.clips, &farm.visits()?, &server.events()?))
        })
        .await
    }

    fn plan(&self, cameras: usize) -> Plan {
        Plan { cameras, busy: self.args.busy, seed: self.args.seed, faults: Vec::new() }
    }

    /// Does something with a new farm, and a new folder for whoever watches it.
    async fn with_farm<T>(
        &self,
        who: &str,
        plan: &Plan,
        work: impl AsyncFnOnce(&Farm, &Path) -> Result<T>,
    ) -> Result<T> {
        let seconds = self.args.warm_up + self.length.as_secs();
        say(&format!("{who}: {} cameras, {seconds} s", plan.cameras));
        let folder = self.folder.join(format!("{who}-{}", plan.cameras));
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut farm = Farm::start(plan, &self.clips, &folder).await?;
        let result = work(&farm, &folder).await;
        farm.process.stop().await?;
        result
    }

    fn warm_up(&self) -> impl Future<Output = ()> + use<> {
        tokio::time::sleep(Duration::from_secs(self.args.warm_up))
    }
}

/// How the cost grows.
fn growth(all: &[Figures]) -> String {
    let points = |value: fn(&Figures) -> f64| all.iter().map(|f| (f.cameras as f64, value(f))).collect();
    plot::svg(&[
        Panel { title: "cores over cameras", points: points(|f| f.cores) },
        Panel { title: "% of a core a camera, over cameras", points: points(|f| f.cores * 100.0 / f.cameras as f64) },
        Panel { title: "MiB over cameras", points: points(|f| f.memory_bytes as f64 / 1_048_576.0) },
    ])
}
