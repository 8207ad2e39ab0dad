//! Faults by schedule, for a farm that runs: which clips they need, and doing what is due.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use iris_sim::scene::Recipe;
use iris_sim::schedule::{Action, Disturbance, Other};
use iris_sim::{Clip, Codec, Farm};
use tokio::time::{Duration, Instant, sleep_until};

use super::look::render_all;

/// What a camera can show.
pub(crate) struct Reel {
    pub(crate) own: Arc<Clip>,
    others: Vec<(Other, Arc<Clip>)>,
}

impl Reel {
    /// A camera that shows one clip only.
    pub(crate) fn of(own: Arc<Clip>) -> Self {
        Self { own, others: Vec::new() }
    }

    fn other(&self, which: Other) -> Option<Arc<Clip>> {
        self.others.iter().find(|(other, _)| *other == which).map(|(_, clip)| Arc::clone(clip))
    }
}

/// What is due when, on which camera, in order.
#[derive(Debug)]
pub(crate) struct Agenda(Vec<(Duration, usize, Action)>);

impl Agenda {
    /// The schedule of a farm with so many cameras.
    pub(crate) fn of(faults: &[Disturbance], cameras: usize) -> anyhow::Result<Self> {
        let mut due = Vec::new();
        for fault in faults {
            let chosen = match fault.camera {
                Some(camera) if camera >= cameras => bail!("--fault: there is no camera {camera}, only {cameras}"),
                Some(camera) => camera..camera + 1,
                None => 0..cameras,
            };
            due.extend(chosen.flat_map(|camera| fault.moments().into_iter().map(move |(at, what)| (at, camera, what))));
        }
        due.sort_by_key(|(at, camera, _)| (*at, *camera));
        Ok(Self(due))
    }

    /// Does what is due, and then waits for ever.
    pub(crate) async fn follow(self, farm: &Farm, reels: &[Reel]) -> anyhow::Result<()> {
        let start = Instant::now();
        for (at, camera, action) in self.0 {
            sleep_until(start + at).await;
            tracing::info!(camera, ?action, "fault");
            let reel = &reels[camera % reels.len()];
            let fault = action.fault(&reel.own, |which| reel.other(which)).context("this clip has no other form")?;
            farm.set(camera, fault)?;
        }
        std::future::pending().await
    }
}

/// Renders the other forms that the faults of cameras with these recipes need, each camera with one of its own.
pub(crate) fn add_others(faults: &[Disturbance], recipes: &[Recipe], reels: &mut [Reel]) -> anyhow::Result<()> {
    let needs = |camera: usize| {
        faults.iter().filter(move |f| f.camera.is_none_or(|c| c == camera)).filter_map(Disturbance::other)
    };
    let mut wanted: Vec<(usize, Other)> = (0..recipes.len()).flat_map(|i| needs(i).map(move |o| (i, o))).collect();
    wanted.dedup();
    let forms: Vec<Recipe> = wanted.iter().map(|(i, other)| form(&recipes[*i], *other)).collect();
    for ((camera, other), rendered) in wanted.into_iter().zip(render_all(&forms)?) {
        reels[camera].others.push((other, Arc::new(rendered.main.clip()?)));
    }
    Ok(())
}

/// The same scene in another form.
fn form(recipe: &Recipe, other: Other) -> Recipe {
    let (width, height) = recipe.size;
    match other {
        Other::Size => Recipe { size: (width / 8 * 6, height / 8 * 6), ..recipe.clone() },
        Other::Codec if recipe.codec == Codec::H264 => Recipe { codec: Codec::H265, baseline: false, ..recipe.clone() },
        Other::Codec => Recipe { codec: Codec::H264, ..recipe.clone() },
    }
}
