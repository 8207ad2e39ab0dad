//! The command `iris-sim`.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use iris_sim::{Credentials, Farm, Stats};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;
use tracing_subscriber::EnvFilter;

/// Simulated network cameras.
#[derive(Debug, Parser)]
#[command(name = "iris-sim", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plays video files as that many RTSP cameras, over and over, until stopped.
    ///
    /// The cameras are rtsp://HOST:PORT/cam/0, /cam/1 and so on; they are listed on standard output. Files are H.264 or
    /// H.265 in any usual container; they are sent as they are, over TCP or UDP as the client asks, and loop at a key
    /// frame. What goes on is reported on standard error; `RUST_LOG=iris_sim=debug` shows each connection.
    Serve(Serve),
}

#[derive(Debug, Args)]
struct Serve {
    /// How many cameras.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    cameras: u32,
    /// The files to play; camera i plays number i modulo their count.
    #[arg(long = "clip", value_name = "FILE", required = true, num_args = 1..)]
    clips: Vec<PathBuf>,
    /// The address to listen on.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8554")]
    listen: SocketAddr,
    /// Ask for this user by digest sign-in.
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// The user's password.
    #[arg(long, requires = "user")]
    password: Option<String>,
    /// What all random numbers come from: the same seed gives the same packets.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Seconds between two lines of statistics.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    report: u64,
}

/// All cameras share one thread: they cost so little that more would only cost more.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Fatal);
    match Cli::parse().command {
        Command::Serve(args) => serve(args).await,
    }
}

async fn serve(args: Serve) -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let builder = Farm::builder().cameras(args.cameras as usize).bind(args.listen).seed(args.seed);
    let builder = args.clips.into_iter().fold(builder, iris_sim::Builder::clip);
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
