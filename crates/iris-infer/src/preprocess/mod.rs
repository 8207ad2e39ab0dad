//! From a frame's planes to a model's input in one pass: each row of the input is made from the few rows of the frame
//! that it shows, converted to the model's colours and written in place. Decoding is elsewhere; so is the way back,
//! which is [`Letterbox`].

#![expect(clippy::inline_always, reason = "only what is inlined into `fill_avx2` is compiled for its instructions")]

mod color;
mod resample;

use std::sync::Arc;

use iris_core::{Frame, FrameKey, Letterbox, Moment, PixelFormat, Plane, Size, Stamps};

use self::color::{Element, Normalise, ToRgb};
use self::resample::{Axis, blend_rows, sample_columns};
use crate::Error;
use crate::manifest::{Anchor, Input, Manifest};
use crate::tensor::{Samples, Tensor, TensorPool};

/// A frame in the model's space, with the way back beside it.
#[derive(Debug)]
pub struct Prepared {
    /// The frame.
    pub key: FrameKey,
    /// When it was taken.
    pub at: Moment,
    /// When it passed each stage.
    pub stamps: Stamps,
    /// How the picture lies in the tensor.
    pub letterbox: Letterbox,
    /// The model's input.
    pub tensor: Tensor,
}

/// Puts frames into the input of one model.
///
/// A clone has working memory of its own and shares the pool of tensors, so give each thread a clone.
#[derive(Clone)]
pub struct Preprocessor {
    input: Input,
    normalise: Normalise,
    pool: Arc<TensorPool>,
    plans: Vec<Plan>,
    rows: Rows,
}

/// How many sizes and formats of frames are remembered, the latest used first.
const PLANS: usize = 8;

/// Planes are at most three.
const CHANNELS: usize = 3;

/// What is the same for all frames of one size and format.
#[derive(Clone)]
struct Plan {
    format: PixelFormat,
    letterbox: Letterbox,
    planes: Vec<PlanePlan>,
}

#[derive(Clone)]
struct PlanePlan {
    channels: usize,
    size: Size,
    across: Axis,
    down: Axis,
}

/// How samples lie in one plane of a format.
#[derive(Debug, Clone, Copy)]
struct PlaneLayout {
    /// How many samples of different channels alternate.
    channels: usize,
    /// Luma samples a sample, across and down.
    sub: (u32, u32),
}

fn layouts(format: PixelFormat) -> &'static [PlaneLayout] {
    const FULL: PlaneLayout = PlaneLayout { channels: 1, sub: (1, 1) };
    const ACROSS: PlaneLayout = PlaneLayout { channels: 1, sub: (2, 1) };
    const BOTH: PlaneLayout = PlaneLayout { channels: 1, sub: (2, 2) };
    match format {
        PixelFormat::I420 => &[FULL, BOTH, BOTH],
        PixelFormat::I422 => &[FULL, ACROSS, ACROSS],
        PixelFormat::I444 => &[FULL, FULL, FULL],
        PixelFormat::Nv12 => &[FULL, PlaneLayout { channels: 2, ..BOTH }],
        PixelFormat::Gray => &[FULL],
        PixelFormat::Rgb => &[PlaneLayout { channels: 3, ..FULL }],
    }
}

impl Preprocessor {
    /// A preprocessor for the input that `manifest` describes.
    ///
    /// # Errors
    /// [`Error::NoDetector`].
    pub fn new(manifest: &Manifest) -> Result<Self, Error> {
        let input = manifest.detector()?.0.clone();
        let shape = [CHANNELS, input.height as usize, input.width as usize];
        Ok(Self {
            normalise: Normalise::new(&input),
            pool: TensorPool::new(shape, input.element),
            plans: Vec::new(),
            rows: Rows::default(),
            input,
        })
    }

    /// How large a picture of that size is in the model's input.
    pub fn shown(&self, size: Size) -> Size {
        Letterbox::fit(size, self.input.size(), false).inner()
    }

    /// Shrinks or enlarges the frame into the model's input. Fails on a frame without pixels, or whose planes are
    /// smaller than its size.
    pub fn prepare(&mut self, frame: &Frame) -> Result<Prepared, Error> {
        let plan = self.plan(frame)?;
        let mut tensor = self.pool.take();
        let letterbox = self.plans[plan].letterbox;
        self.fill(frame, plan, &mut tensor)?;
        Ok(Prepared { key: frame.key, at: frame.at, stamps: frame.stamps, letterbox, tensor })
    }

    /// The place of the plan for frames like this one.
    fn plan(&mut self, frame: &Frame) -> Result<usize, Error> {
        let fits = |plan: &Plan| plan.format == frame.format && plan.letterbox.image == frame.size;
        if let Some(place) = self.plans.iter().position(fits) {
            self.plans[..=place].rotate_right(1);
            return Ok(0);
        }
        if frame.size.pixels() == 0 {
            return Err(Error::BadFrame { key: frame.key, message: format!("its size is {}", frame.size) });
        }
        self.plans.truncate(PLANS - 1);
        self.plans.insert(0, Plan::new(frame.format, frame.size, &self.input));
        Ok(0)
    }

    fn fill(&mut self, frame: &Frame, plan: usize, tensor: &mut Tensor) -> Result<(), Error> {
        let plan = &self.plans[plan];
        let source = Source { plan, planes: plan.check(frame)?, to_rgb: ToRgb::of(frame) };
        let pad = tensor.buffer.padded_for.replace(plan.letterbox) != Some(plan.letterbox);
        match &mut tensor.buffer.samples {
            Samples::F32(data) => fill(&mut self.rows, &source, &self.normalise, pad, data),
            Samples::U8(data) => fill(&mut self.rows, &source, &self.normalise, pad, data),
        }
        Ok(())
    }
}

/// Makes all rows, with wide instructions where the processor has them.
fn fill<T: Element>(rows: &mut Rows, source: &Source<'_>, normalise: &Normalise, pad: bool, data: &mut [T]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "the compiler cannot know the processor")]
        // SAFETY: it has what the function was compiled for.
        return unsafe { fill_avx2(rows, source, normalise, pad, data) };
    }
    fill_rows(rows, source, normalise, pad, data, resample::few);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn fill_avx2<T: Element>(rows: &mut Rows, source: &Source<'_>, normalise: &Normalise, pad: bool, data: &mut [T]) {
    fill_rows(rows, source, normalise, pad, data, |row, axis, out| resample::few_avx2(row, axis, out));
}

/// How columns are sampled where boxes lie over few of them.
trait Few: Fn(&[i16], &Axis, &mut [f32]) + Copy {}
impl<F: Fn(&[i16], &Axis, &mut [f32]) + Copy> Few for F {}

#[inline(always)]
fn fill_rows<T: Element>(
    rows: &mut Rows,
    source: &Source<'_>,
    normalise: &Normalise,
    pad: bool,
    data: &mut [T],
    few: impl Few,
) {
    let letterbox = &source.plan.letterbox;
    if pad {
        normalise.pad(data);
    }
    for y in 0..letterbox.inner().height {
        let rgb = rows.make(source, y as usize, few);
        normalise.write(rgb, (letterbox.pad_x, letterbox.pad_y + y), data);
    }
}

impl Plan {
    fn new(format: PixelFormat, size: Size, input: &Input) -> Self {
        let letterbox = Letterbox::fit(size, input.size(), input.anchor == Anchor::Center);
        let inner = letterbox.inner();
        let plane = |&layout: &PlaneLayout| {
            let (across, down) = layout.sub;
            let size = Size::new(size.width.div_ceil(across), size.height.div_ceil(down));
            let step = |sub: u32| 1.0 / (letterbox.scale * sub as f32);
            PlanePlan {
                channels: layout.channels,
                size,
                across: Axis::new(size.width, inner.width, step(across)),
                down: Axis::new(size.height, inner.height, step(down)),
            }
        };
        Self { format, letterbox, planes: layouts(format).iter().map(plane).collect() }
    }

    /// The frame's planes, if each is as large as the frame's size says.
    fn check<'f>(&self, frame: &'f Frame) -> Result<[Plane<'f>; CHANNELS], Error> {
        let planes = [0, 1, 2].map(|i| frame.plane(i));
        for (i, (plan, plane)) in self.planes.iter().zip(&planes).enumerate() {
            let row = plan.size.width as usize * plan.channels;
            let needed = plane.stride.saturating_mul(plan.size.height as usize - 1).saturating_add(row);
            if plane.stride < row || plane.data.len() < needed {
                let (len, stride) = (plane.data.len(), plane.stride);
                let message = format!("plane {i} of {} has {len} bytes in rows of {stride}", frame.size);
                return Err(Error::BadFrame { key: frame.key, message });
            }
        }
        Ok(planes)
    }
}

/// A frame with all that is needed to make rows of it.
struct Source<'a> {
    plan: &'a Plan,
    planes: [Plane<'a>; CHANNELS],
    to_rgb: ToRgb,
}

/// Working memory for one row.
#[derive(Clone, Default)]
struct Rows {
    blended: Vec<i16>,
    rgb: [Vec<f32>; CHANNELS],
}

impl Rows {
    /// Row `y` of the scaled picture as red, green and blue, 0 to 255.
    #[inline(always)]
    fn make(&mut self, source: &Source<'_>, y: usize, few: impl Few) -> &[Vec<f32>; CHANNELS] {
        let width = source.plan.letterbox.inner().width as usize;
        let mut channel = 0;
        for (plan, plane) in source.plan.planes.iter().zip(&source.planes) {
            blend_rows(*plane, plan.size, plan.channels, plan.down.window(y), &mut self.blended);
            for offset in 0..plan.channels {
                self.rgb[channel].resize(width, 0.0);
                let at = (plan.channels, offset);
                sample_columns(&self.blended, at, &plan.across, &mut self.rgb[channel], few);
                channel += 1;
            }
        }
        source.to_rgb.apply(&mut self.rgb);
        &self.rgb
    }
}

#[cfg(test)]
mod tests;
