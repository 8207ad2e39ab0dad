//! Rendered scenes: a street, a yard, a corridor and a workshop as a camera on a mast sees them, with the truth about
//! every frame. [`render`] makes a clip of one; how it is served is the farm's business.

mod animal;
mod canvas;
mod cast;
mod encode;
mod figure;
mod files;
mod film;
mod light;
mod mesh;
mod noise;
mod paint;
mod place;
mod places;
mod plate;
mod raster;
mod rules;
mod script;
mod sensor;
mod setting;
mod space;
mod stuff;
mod tree;
mod truth;
mod vehicle;
mod weather;

pub use cast::Class;
pub use encode::Encoded;
pub use places::{Direction, SCENES, Scene};
pub use rules::{Look, Rule, toml};
pub use setting::{Effect, Hour, Setting, Weather};
pub use truth::{Happening, Keypoint, Seen, Truth};

use crate::{Codec, Error};
use encode::Encoder;
use film::Film;

/// The largest picture that is rendered, in pixels.
const MAX_PIXELS: usize = 3840 * 2160;
/// The longest clip, in frames.
const MAX_FRAMES: u32 = 100_000;

/// What is to be rendered.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Which scene.
    pub scene: Scene,
    /// The hour, the weather and what disturbs.
    pub setting: Setting,
    /// What all that is left to chance comes from: the same seed gives the same bytes.
    pub seed: u64,
    /// How long the clip is, in seconds.
    pub seconds: u32,
    /// Frames a second, a divisor of 90,000.
    pub fps: u32,
    /// Width and height of the picture.
    pub size: (usize, usize),
    /// Whether there is a second stream of half the width and height.
    pub small: bool,
    /// How it is encoded.
    pub codec: Codec,
    /// In H.264's baseline profile, as many cameras send their small streams.
    pub baseline: bool,
    /// With a constant quality, at most at the bit rate that it has otherwise.
    pub vbr: bool,
    /// Who comes.
    pub cast: Cast,
}

/// Who comes into a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cast {
    /// Whoever belongs to it.
    #[default]
    All,
    /// Nobody.
    Nobody,
    /// Whoever comes into the picture after the beginning and has left it at the end, so that the clip can be cut in
    /// between two of the same place with nobody in them.
    Passing,
}

/// A clip with its truth.
#[derive(Debug)]
pub struct Rendered {
    /// What it was made from.
    pub recipe: Recipe,
    /// The stream of full size.
    pub main: Encoded,
    /// That of half the size, if asked for.
    pub small: Option<Encoded>,
    /// Who is where.
    pub truth: Truth,
    /// The scene's zones and lines.
    pub rules: Vec<Rule>,
}

impl Scene {
    /// The scene of this name.
    pub fn find(name: &str) -> Result<Self, Error> {
        let known = || SCENES.map(|s| s.name).join(", ");
        let found = SCENES.into_iter().find(|s| s.name == name);
        found.ok_or_else(|| Error::UnknownScene { name: name.into(), known: known() })
    }

    /// Its rules in a picture of this shape.
    pub fn rules(&self, size: (usize, usize)) -> Vec<Rule> {
        let camera = space::Camera::new((self.place)().mount, size.0, size.1);
        (self.rules)().iter().map(|rule| Rule::seen(rule, &camera, size)).collect()
    }
}

impl Recipe {
    /// A minute of a scene by day, at 640×360 and 10 frames a second in H.264, without a small stream.
    pub fn new(scene: Scene) -> Self {
        let setting = Setting::default();
        let (size, codec) = ((640, 360), Codec::H264);
        let (small, baseline, vbr, cast) = (false, false, false, Cast::All);
        Self { scene, setting, seed: 0, seconds: 60, fps: 10, size, small, codec, baseline, vbr, cast }
    }

    fn frames(&self) -> u32 {
        self.seconds.saturating_mul(self.fps)
    }

    /// Says what cannot be rendered.
    fn check(&self) -> Result<(), Error> {
        let (width, height) = self.size;
        let multiple = if self.small { 4 } else { 2 };
        let wrong = |what: String| Err(Error::Recipe { what });
        if width < 64 || height < 64 || width.saturating_mul(height) > MAX_PIXELS {
            return wrong(format!("a size of {width}x{height}: at least 64x64 and at most 3840x2160"));
        }
        if width % multiple != 0 || height % multiple != 0 {
            return wrong(format!("a size of {width}x{height}: both must be multiples of {multiple}"));
        }
        if self.fps == 0 || self.fps > 60 || 90_000 % self.fps != 0 {
            return wrong(format!("{} frames a second: from 1 to 60, and a divisor of 90,000", self.fps));
        }
        if self.baseline && self.codec != Codec::H264 {
            return wrong(format!("{} in a baseline profile: only H.264 has one", self.codec));
        }
        if self.frames() == 0 || self.frames() > MAX_FRAMES {
            return wrong(format!("{} seconds: at least 1, and at most {MAX_FRAMES} frames", self.seconds));
        }
        Ok(())
    }
}

/// Renders and encodes a clip. `progress` is told after each frame how many are done, and of how many. This takes a core
/// for some hundredths of a second a frame; clips can be rendered side by side.
pub fn render(recipe: &Recipe, mut progress: impl FnMut(u32, u32)) -> Result<Rendered, Error> {
    recipe.check()?;
    let size = recipe.size;
    let mut film = Film::new(recipe);
    let mut main = Encoder::new(recipe, size)?;
    let mut small = recipe.small.then(|| Encoder::new(recipe, (size.0 / 2, size.1 / 2))).transpose()?;
    let mut frames = Vec::with_capacity(recipe.frames() as usize);
    for frame in 0..recipe.frames() {
        let shot = film.shoot(frame, frame as f32 / recipe.fps as f32);
        main.push(&shot.pictures[0])?;
        if let Some(small) = &mut small {
            small.push(&shot.pictures[1])?;
        }
        frames.push(shot.seen);
        progress(frame + 1, recipe.frames());
    }
    Ok(Rendered {
        main: main.finish()?,
        small: small.map(Encoder::finish).transpose()?,
        truth: Truth { size, fps: recipe.fps, frames },
        rules: recipe.scene.rules(size),
        recipe: recipe.clone(),
    })
}
