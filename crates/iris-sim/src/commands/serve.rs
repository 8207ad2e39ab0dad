//! `iris-sim serve`: cameras until they are told to stop.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use iris_sim::{Clip, Credentials, Farm, Stats};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;

use super::look::Look;

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
    look: Look,
    /// The address to listen on.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8554")]
    listen: SocketAddr,
    /// Ask for this user by digest sign-in.
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// The user's password.
    #[arg(long, requires = "user")]
    password: Option<String>,
    /// What all random numbers come from: the same seed gives the same pictures and packets.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Seconds between two lines of statistics.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    report: u64,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let builder = Farm::builder().cameras(args.cameras as usize).bind(args.listen).seed(args.seed);
    let builder = args.clips.iter().fold(builder, iris_sim::Builder::clip);
    let builder = rendered(&args)?.into_iter().fold(builder, iris_sim::Builder::open_clip);
    let builder = match args.user.zip(args.password) {
        Some((user, password)) => builder.credentials(Credentials::new(user, password)),
        None => builder,
    };
    let farm = builder.start().await?;
    list(&farm).context("cannot write to standard output")?;
    let period = Duration::from_secs(args.report);
    tokio::select! {
        () = report(&farm, period) => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    farm.shutdown().await;
    Ok(())
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

/// A clip a camera, if it is scenes that are to be played.
fn rendered(args: &Args) -> anyhow::Result<Vec<Arc<Clip>>> {
    let scenes = args.scenes.iter().cycle().take(if args.scenes.is_empty() { 0 } else { args.cameras as usize });
    let seeds = args.seed..;
    let recipes: Vec<_> = scenes.zip(seeds).map(|(s, seed)| args.look.recipe(s, seed)).collect::<Result<_, _>>()?;
    let clips = super::look::render_all(&recipes)?;
    clips.iter().map(|clip| Ok(Arc::new(clip.main.clip()?))).collect()
}
