//! `iris-sim serve`: cameras until they are told to stop.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use iris_sim::scene::Recipe;
use iris_sim::schedule::Disturbance;
use iris_sim::{Clip, Credentials, Farm, Stats};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;

use super::busy::{self, Busy};
use super::faults::{Agenda, Reel, add_others};
use super::look::{Look, render_all};

#[derive(Debug, clap::Args)]
#[group(id = "what", required = true, multiple = false, args = ["clips", "scenes"])]
pub(crate) struct Args {
    /// How many cameras.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    cameras: u32,
    /// The files to play; camera i plays number i modulo their count.
    #[arg(long = "clip", value_name = "FILE", num_args = 1..)]
    clips: Vec<PathBuf>,
    /// The scenes to play, each with words about its hour, its weather and disturbances, such as `yard+night+rain`;
    /// camera i plays number i modulo their count. `iris-sim scenes` lists both.
    #[arg(long = "scene", value_name = "SCENE", num_args = 1..)]
    scenes: Vec<String>,
    #[command(flatten)]
    busy: busy::Args,
    #[command(flatten)]
    look: Look,
    /// The address to listen on.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8554")]
    listen: SocketAddr,
    /// Write the cameras to this file as Iris's configuration has them, with the zones and lines of their scenes.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Ask for this user by digest sign-in.
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// The user's password.
    #[arg(long, requires = "user")]
    password: Option<String>,
    /// What goes wrong with a camera, when and for how long, in seconds: CAMERA:KIND@START+DURATION, such as 0:stall@30+10.
    /// `all` is every camera; without a duration it lasts. Kinds: kill, stall (as if the cable were cut), mute (takes
    /// connections, answers none), garbage, freeze (timestamps stand still), lose=PERMILLE (of packets), jump=SECONDS (of
    /// timestamps), flap=SECONDS (gone and back), size and codec (the stream changes; scenes only).
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<Disturbance>,
    /// What all random numbers come from: the same seed gives the same pictures and packets.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Seconds between two lines of statistics.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    report: u64,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let streams = args.cameras as usize * if args.look.small && args.clips.is_empty() { 2 } else { 1 };
    let agenda = Agenda::of(&args.faults, streams)?;
    let reels = reels(&args)?;
    let busy = Busy::open(&args.busy, &reels, streams, args.seed)?;
    // Only now, so that an interrupt ends the rendering.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let builder = Farm::builder().cameras(streams).bind(args.listen).seed(args.seed);
    let builder = reels.iter().fold(builder, |builder, reel| builder.open_clip(Arc::clone(&reel.own)));
    let builder = match args.user.zip(args.password) {
        Some((user, password)) => builder.credentials(Credentials::new(user, password)),
        None => builder,
    };
    let farm = builder.start().await?;
    if let Some(path) = &args.config {
        let text = super::config::cameras(&farm, &args.scenes, &args.look)?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    list(&farm).context("cannot write to standard output")?;
    let period = Duration::from_secs(args.report);
    let ended = tokio::select! {
        () = report(&farm, period) => Ok(()),
        failed = agenda.follow(&farm, &reels) => failed,
        failed = busy.follow(&farm, &reels) => failed,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    tracing::info!("stopping");
    farm.shutdown().await;
    ended
}

/// One line a camera, so that scripts can read them.
fn list(farm: &Farm) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for camera in 0..farm.cameras() {
        writeln!(out, "{}", farm.url(camera))?;
    }
    out.flush()
}

/// Reports for ever; nothing while nobody watches.
async fn report(farm: &Farm, period: Duration) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = Stats::default();
    loop {
        ticks.tick().await;
        let now = farm.stats();
        if now != before {
            let per_second = |now: u64, before: u64| (now - before) as f64 / period.as_secs_f64();
            let frames = format!("{:.1}", per_second(now.units, before.units));
            let megabits = format!("{:.1}", per_second(now.bytes, before.bytes) * 8e-6);
            tracing::info!(
                connections = now.connections,
                playing = now.playing,
                frames_per_second = %frames,
                megabits_per_second = %megabits,
                dropped = now.dropped_units,
                lost = now.lost_packets,
                "serving"
            );
        }
        before = now;
    }
}

/// What the cameras show: a scene each, or the files in turn.
fn reels(args: &Args) -> anyhow::Result<Vec<Reel>> {
    if args.scenes.is_empty() {
        if args.faults.iter().any(|fault| fault.other().is_some()) {
            bail!("--fault: size and codec are for scenes, which can be rendered in another form");
        }
        return args.clips.iter().map(|path| Ok(Reel::of(Arc::new(Clip::open(path)?)))).collect();
    }
    let scenes = args.scenes.iter().cycle().take(args.cameras as usize);
    let recipes: Vec<_> =
        scenes.zip(args.seed..).map(|(s, seed)| args.look.recipe(s, seed)).collect::<Result<_, _>>()?;
    let streams = render_all(&recipes)?.into_iter().flat_map(|clip| [Some(clip.main), clip.small]).flatten();
    let mut reels = streams.map(|stream| Ok(Reel::of(Arc::new(stream.clip()?)))).collect::<anyhow::Result<Vec<_>>>()?;
    let recipes: Vec<Recipe> = recipes.iter().flat_map(streams_of).collect();
    add_others(&args.faults, &recipes, &mut reels)?;
    Ok(reels)
}

/// The recipe of each stream that comes of one.
fn streams_of(recipe: &Recipe) -> impl Iterator<Item = Recipe> {
    let alone = Recipe { small: false, ..recipe.clone() };
    let half = Recipe { size: (recipe.size.0 / 2, recipe.size.1 / 2), ..alone.clone() };
    [Some(alone), recipe.small.then_some(half)].into_iter().flatten()
}
