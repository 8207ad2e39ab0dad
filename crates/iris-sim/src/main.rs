//! The command `iris-sim`.

mod commands;

use std::io::IsTerminal as _;

use clap::{Parser, Subcommand};
use commands::{render, scenes, serve};
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
    /// Lists the scenes that can be rendered.
    Scenes(scenes::Args),
    /// Renders a scene into a folder: video, ground truth, and the rules and events that belong to it.
    ///
    /// The folder gets main.mp4 (and small.mp4), seqinfo.ini and gt/gt.txt as MOTChallenge has them, coco.json with boxes,
    /// key points and attributes, events.json with what a right rule must raise and must not, and rules.toml with the
    /// zones and lines for a camera of Iris. The same arguments give the same bytes.
    Render(render::Args),
    /// Plays video files or rendered scenes as RTSP cameras, over and over, until stopped.
    ///
    /// The cameras are rtsp://HOST:PORT/cam/0, /cam/1 and so on; they are listed on standard output. Files are H.264 or
    /// H.265 in any usual container; they are sent as they are, over TCP or UDP as the client asks, and loop at a key
    /// frame. Scenes are rendered first, each camera's with a seed of its own; with --small each camera is two, the stream
    /// of full size and after it the small one. What goes on is reported on standard error;
    /// `RUST_LOG=iris_sim=debug` shows each connection.
    Serve(serve::Args),
}

/// All cameras share one thread: they cost so little that more would only cost more.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Fatal);
    match Cli::parse().command {
        Command::Scenes(args) => scenes::run(&args),
        Command::Render(args) => render::run(&args),
        Command::Serve(args) => serve::run(args).await,
    }
}
