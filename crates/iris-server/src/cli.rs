//! The command line: what can be typed and what it means. What the commands do is in [`crate::commands`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use iris_core::CameraId;

use crate::accounts::{Role, Scope};

/// Watches cameras: finds and follows people, vehicles and objects, and tells you when something happens that you
/// should know.
#[derive(Debug, Parser)]
#[command(name = "iris", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch one file or camera and print its events
    Run(RunArgs),
    /// Find objects in still pictures
    Detect(DetectArgs),
    /// Run a tracker alone over a file of detections
    Track(TrackArgs),
    /// Watch all cameras of a configuration until stopped
    Serve {
        /// Where it lies.
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Check a configuration and list every problem in it
    Check {
        /// Where it lies.
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Take cameras and sinks out of a server's store or put them there
    Config {
        /// What to do with them.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// List the events in the store
    Events(EventsArgs),
    /// Check that the database and the pictures in the store agree
    Fsck {
        /// Where it lies.
        #[command(flatten)]
        config: ConfigArg,
        /// Mend what does not agree: files without a row and rows without a file are removed
        #[arg(long)]
        repair: bool,
    },
    /// Measure how many cameras this machine carries, and what would carry more
    Capacity(CapacityArgs),
    /// Fetch, check, measure and look at models
    Models {
        /// What to do with them.
        #[command(subcommand)]
        command: ModelsCommand,
    },
    /// Add, list and remove those who may sign in
    User {
        /// What to do.
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Create, list and revoke what programs show instead of a password
    Token {
        /// What to do.
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Print the JSON schema of the configuration, for editors
    Schema,
    /// Print the description of the HTTP API, after OpenAPI
    Openapi,
}

/// Where the configuration lies.
#[derive(Debug, Args)]
pub struct ConfigArg {
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = "iris.toml")]
    pub config: PathBuf,
}

/// `iris config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print all that is in effect, of the configuration and of the store, as a configuration
    Export {
        /// Where it lies.
        #[command(flatten)]
        config: ConfigArg,
        /// Print passwords and keys too, instead of ***
        #[arg(long)]
        secrets: bool,
    },
    /// Put the cameras and sinks of a file in the place of those in the store; the server must not run
    Import {
        /// Where it lies.
        #[command(flatten)]
        config: ConfigArg,
        /// What to import, such as an export
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// `iris run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// A video file, or an rtsp://, rtsps://, http:// or https:// address (RTSP, HTTP MJPEG, HLS)
    pub source: String,
    /// The model.
    #[command(flatten)]
    pub model: ModelArg,
    /// Take zones, lines and tracker from a camera of this configuration
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Which camera of the configuration; needed if it has several
    #[arg(long, value_name = "ID", requires = "config")]
    pub camera: Option<String>,
    /// Write events here instead of to standard output, as JSON lines
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Keep each event's best picture here, as JPEG
    #[arg(long, value_name = "DIR")]
    pub pictures: Option<PathBuf>,
    /// Write a video with boxes, ids, trails and zones, as H.264 in MP4
    #[arg(long, value_name = "FILE")]
    pub annotate: Option<PathBuf>,
    /// Write all tracks, in MOTChallenge's text format
    #[arg(long, value_name = "FILE")]
    pub tracks: Option<PathBuf>,
    /// Which tracker follows the detections
    #[arg(long, value_enum)]
    pub tracker: Option<TrackerArg>,
    /// Look only where something moves and as often as what is followed asks for, as a server does at its cameras
    #[arg(long)]
    pub gate: bool,
    /// How often to look at most, in detections a second; files without --gate are looked at frame by frame
    #[arg(long, value_name = "HZ", default_value_t = 10.0)]
    pub rate: f32,
    /// How RTSP carries the pictures
    #[arg(long, value_enum, default_value_t = TransportArg::Tcp)]
    pub transport: TransportArg,
}

/// Which model to use.
#[derive(Debug, Args)]
pub struct ModelArg {
    /// The model: a folder with model.toml and model.onnx, or a bare .onnx file [default: the one that is part of Iris]
    #[arg(long, value_name = "PATH", env = "IRIS_MODEL")]
    pub model: Option<PathBuf>,
    /// Which detections count, by their score from 0 to 1 [default: what the model says; for tracks a tenth more]
    #[arg(long, value_name = "SCORE")]
    pub min_score: Option<f32>,
}

/// `iris detect`.
#[derive(Debug, Args)]
pub struct DetectArgs {
    /// JPEG, PNG or WebP pictures
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
    /// The model.
    #[command(flatten)]
    pub model: ModelArg,
    /// Print JSON lines instead of a table: file, class, score, box in pixels
    #[arg(long)]
    pub json: bool,
    /// Draw the boxes and keep the pictures here, as JPEG
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `iris track`.
#[derive(Debug, Args)]
pub struct TrackArgs {
    /// Detections in MOTChallenge's text format
    #[arg(long, value_name = "FILE")]
    pub detections: PathBuf,
    /// Where to write the tracks, in the same format
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Which tracker
    #[arg(long, value_enum, default_value_t = TrackerArg::Ocsort)]
    pub tracker: TrackerArg,
    /// How the file's scores become probabilities
    #[arg(long, value_enum, default_value_t = ScoresArg::Probability)]
    pub scores: ScoresArg,
    /// The sequence's frame rate; without it, seqinfo.ini beside the detections is asked, then 25 assumed
    #[arg(long, value_name = "FPS")]
    pub fps: Option<u32>,
}

/// `iris events`.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArg,
    /// Only events from then on: a time such as 2026-03-01T18:00:00+01:00, or an age such as 2h or 7d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only events of this camera
    #[arg(long, value_name = "ID")]
    pub camera: Option<String>,
    /// At most this many, the newest
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: u32,
    /// Print JSON lines instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `iris capacity`.
#[derive(Debug, Args)]
pub struct CapacityArgs {
    /// Measure the cameras of this configuration, as far as they can be reached, and not what cameras usually send
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Measure this video file, or what is at this address; can be given several times
    #[arg(long = "clip", value_name = "FILE")]
    pub clips: Vec<String>,
    /// The model: a folder with model.toml and model.onnx, or a bare .onnx file [default: those of the configuration, or the
    /// one that is part of Iris]
    #[arg(long, value_name = "PATH", env = "IRIS_MODEL")]
    pub model: Option<PathBuf>,
    /// Count on so many frames a second [default: what a camera or file has, else 10]
    #[arg(long, value_name = "N", value_parser = |text: &str| between(text, 0.1, 240.0))]
    pub fps: Option<f64>,
    /// The share of the time in which something moves before a camera
    #[arg(long, value_name = "0..1", default_value_t = 0.1, value_parser = |text: &str| between(text, 0.0, 1.0))]
    pub busy: f64,
    /// How long to measure, about
    #[arg(long, value_name = "N", default_value_t = 60.0, value_parser = |text: &str| between(text, 0.001, 3600.0))]
    pub seconds: f64,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

fn between(text: &str, low: f64, high: f64) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (low..=high).contains(number));
    number.ok_or_else(|| format!("a number from {low} to {high}"))
}

/// `iris models`.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List the models that can be pulled, and those that are there
    List {
        /// Where they are put.
        #[command(flatten)]
        folder: FolderArg,
        /// What can be pulled.
        #[command(flatten)]
        catalogue: CatalogueArg,
    },
    /// Fetch a model of the catalogue, check it, and say how a configuration names it
    Pull {
        /// The model's name in the catalogue
        name: String,
        /// Where it is put.
        #[command(flatten)]
        folder: FolderArg,
        /// What can be pulled.
        #[command(flatten)]
        catalogue: CatalogueArg,
        /// Fetch it even if the catalogue does not call it verified
        #[arg(long)]
        unverified: bool,
    },
    /// Put a model of your own among them, with a manifest
    Add {
        /// What to call it
        name: String,
        /// A model's folder, a bare .onnx file, or the https:// address of such a file
        #[arg(value_name = "PATH|URL")]
        source: String,
        /// What the SHA-256 of the .onnx file must be; needed with an address
        #[arg(long, value_name = "HEX")]
        sha256: Option<String>,
        /// Its model.toml [default: that of the folder, or what the shapes of the bare file give away]
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
        /// Where it is put.
        #[command(flatten)]
        folder: FolderArg,
    },
    /// Show what a model takes and gives, and whether Iris can read it
    Inspect {
        /// A model's folder or a bare .onnx file
        path: PathBuf,
    },
    /// Measure what an inference costs on one core, model beside model
    Bench {
        /// Models' folders or bare .onnx files [default: the model that is part of Iris]
        #[arg(value_name = "MODEL")]
        models: Vec<PathBuf>,
        /// How long to measure each
        #[arg(long, value_name = "N", default_value_t = 3.0, value_parser = |text: &str| between(text, 0.001, 3600.0))]
        seconds: f64,
    },
    /// Load the model on standard input and run it once: what Iris starts before it loads a model itself
    #[command(hide = true)]
    CheckLoad,
}

/// Where models are kept.
#[derive(Debug, Args)]
pub struct FolderArg {
    /// The folder of the models, with a folder for each
    #[arg(long = "to", value_name = "DIR", default_value = "models")]
    pub folder: PathBuf,
}

/// Which catalogue to use.
#[derive(Debug, Args)]
pub struct CatalogueArg {
    /// Another catalogue than the one that is part of Iris
    #[arg(long, value_name = "FILE")]
    pub catalogue: Option<PathBuf>,
}

/// `iris user`. Passwords are asked for, or read from the first line of standard input.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a user; the password is asked for, or read from standard input
    Add {
        /// Where the configuration lies.
        #[command(flatten)]
        config: ConfigArg,
        /// The user's name: letters, digits, '.', '_', '-' and '@'
        name: String,
        /// What the user may do
        #[arg(long, value_enum, default_value_t = Role::Viewer)]
        role: Role,
        /// A camera that the user may see, and only such [default: all]
        #[arg(long = "camera", value_name = "ID")]
        cameras: Vec<CameraId>,
    },
    /// List the users
    List {
        /// Where the configuration lies.
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Remove a user
    Remove {
        /// Where the configuration lies.
        #[command(flatten)]
        config: ConfigArg,
        /// The user's name
        name: String,
    },
    /// Give a user a new password, asked for or read from standard input, and end the user's sessions
    Password {
        /// Where the configuration lies.
        #[command(flatten)]
        config: ConfigArg,
        /// The user's name
        name: String,
    },
}

/// `iris token`.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a token and print it; it is not shown again
    Create {
        /// Where the configuration lies.
        #[command(flatten)]
        config: ConfigArg,
        /// What to call it: letters, digits, '.', '_', '-' and '@'
        #[arg(long)]
        name: String,
        /// What it may do; can be given several times
        #[arg(long = "scope", value_enum, required = true)]
        scopes: Vec<Scope>,
        /// A camera that it may see, and only such [default: all]
        #[arg(long = "camera", value_name = "ID")]
        cameras: Vec<CameraId>,
    },
    /// List the tokens
    List {
        /// Where the configuration lies.
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Revoke a token
    Revoke {
        /// Where the configuration lies.
        #[command(flatten)]
        config: ConfigArg,
        /// The token's id, as it is listed
        id: String,
    },
}

/// The trackers, as they are typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TrackerArg {
    /// ByteTrack, Zhang et al. 2022
    Bytetrack,
    /// OC-SORT, Cao et al. 2023
    Ocsort,
}

/// RTSP transports, as they are typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TransportArg {
    /// Interleaved in the RTSP connection
    Tcp,
    /// Datagrams; lost ones are not repeated
    Udp,
}

/// What a file's scores are, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScoresArg {
    /// Probabilities already, 0 to 1
    Probability,
    /// Those of the ACF detections of MOTChallenge 2015
    Acf,
}
