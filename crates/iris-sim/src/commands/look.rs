//! What `render` and `serve` have in common: how a scene is to look, and rendering with a progress bar.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use iris_sim::Codec;
use iris_sim::scene::{Cast, Recipe, Rendered, Scene, Setting, render};

/// How scenes look and how long they are.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Look {
    /// The length of a scene in seconds.
    #[arg(long, default_value_t = 60)]
    pub(crate) seconds: u32,
    /// The size of a scene's picture.
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "640x360", value_parser = size)]
    pub(crate) size: (usize, usize),
    /// A scene's frames a second.
    #[arg(long, default_value_t = 10)]
    pub(crate) fps: u32,
    /// How a scene is encoded.
    #[arg(long, default_value = "h264", value_parser = codec)]
    pub(crate) codec: Codec,
    /// In H.264's baseline profile, as many cameras send their small streams.
    #[arg(long)]
    pub(crate) baseline: bool,
    /// With a constant quality, at most at the bit rate that it has otherwise.
    #[arg(long)]
    pub(crate) vbr: bool,
    /// Who comes into a scene: all; nobody; or passing, who is not yet in the picture at its beginning and not any more at its
    /// end, so that the clip can be cut in between two with nobody.
    #[arg(long, default_value = "all", value_parser = cast)]
    pub(crate) cast: Cast,
    /// Also a scene's stream of half the width and height.
    #[arg(long)]
    pub(crate) small: bool,
    /// Words about the hour, the weather and disturbances, for all scenes; see `iris-sim scenes`.
    #[arg(long, value_name = "WORDS", default_value = "", hide_default_value = true)]
    pub(crate) weather: Setting,
}

impl Look {
    /// What to render for a scene named with words, such as `yard+night`.
    pub(crate) fn recipe(&self, named: &str, seed: u64) -> anyhow::Result<Recipe> {
        let mut words = named.split('+');
        let scene = Scene::find(words.next().unwrap_or_default())?;
        let setting = words.try_fold(self.weather.clone(), Setting::with)?;
        let Self { seconds, size, fps, codec, baseline, vbr, cast, small, .. } = *self;
        Ok(Recipe { scene, setting, seed, seconds, fps, size, small, codec, baseline, vbr, cast })
    }
}

fn size(text: &str) -> Result<(usize, usize), String> {
    let parse = |(w, h): (&str, &str)| Some((w.parse().ok()?, h.parse().ok()?));
    text.split_once('x').and_then(parse).ok_or_else(|| "expected WIDTHxHEIGHT, such as 1280x720".into())
}

fn codec(text: &str) -> Result<Codec, String> {
    match text {
        "h264" => Ok(Codec::H264),
        "h265" => Ok(Codec::H265),
        _ => Err("expected h264 or h265".into()),
    }
}

fn cast(text: &str) -> Result<Cast, String> {
    match text {
        "all" => Ok(Cast::All),
        "nobody" => Ok(Cast::Nobody),
        "passing" => Ok(Cast::Passing),
        _ => Err("expected all, nobody or passing".into()),
    }
}

/// Renders clips side by side, as many as there are cores, and shows how far it is.
pub(crate) fn render_all(recipes: &[Recipe]) -> anyhow::Result<Vec<Rendered>> {
    let frames: u64 = recipes.iter().map(|r| u64::from(r.seconds) * u64::from(r.fps)).sum();
    let bar = ProgressBar::new(frames);
    bar.set_style(ProgressStyle::with_template("rendering {wide_bar} {pos}/{len} frames, {eta} left")?);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(recipes.len());
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((i, recipe)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, recipes.get(i)?)))
        {
            let rendered = render(recipe, |_, _| bar.inc(1));
            done.lock().unwrap_or_else(PoisonError::into_inner).push((i, rendered));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    bar.finish_and_clear();
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, rendered)| rendered.context("a scene was not rendered")).collect()
}
