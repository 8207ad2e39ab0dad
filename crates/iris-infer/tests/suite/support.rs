//! Frames and models for the tests.

use std::path::{Path, PathBuf};

use iris_core::frame::{FrameInfo, OwnedPlanes};
use iris_core::{
    CameraId, ColorMatrix, ColorRange, Epoch, Frame, FrameKey, Image, MediaTime, Moment, PixelFormat, Rect, Size,
    Stamps,
};
use iris_infer::{Manifest, Model};

use crate::blobs;

/// An RGB frame number `seq` out of a function from column and row to a colour.
pub(crate) fn rgb_frame(seq: u64, size: Size, color: impl Fn(u32, u32) -> [u8; 3]) -> Frame {
    let pixels = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
    let data: Vec<u8> = pixels.flat_map(|(x, y)| color(x, y)).collect();
    frame_of(seq, size, PixelFormat::Rgb, vec![(data, size.width as usize * 3)])
}

/// A frame over planes, BT.601 in limited range if it is not RGB.
pub(crate) fn frame_of(seq: u64, size: Size, format: PixelFormat, planes: Vec<(Vec<u8>, usize)>) -> Frame {
    let camera = CameraId::new("test").expect("a valid id");
    let info = FrameInfo {
        key: FrameKey { camera, epoch: Epoch::first(1), seq },
        at: Moment { media: MediaTime::from_millis(40 * seq as i64), wall: None },
        stamps: Stamps::default(),
        format,
        range: ColorRange::Limited,
        matrix: ColorMatrix::Bt601,
        size,
    };
    Frame::new(info, OwnedPlanes::new(planes))
}

/// The same picture in I420, BT.601, limited range.
pub(crate) fn to_i420(frame: &Frame) -> Frame {
    let (w, h) = (frame.size.width as usize, frame.size.height as usize);
    let rgb = frame.plane(0).data;
    let at = |x: usize, y: usize| {
        let i = (y.min(h - 1) * w + x.min(w - 1)) * 3;
        [rgb[i], rgb[i + 1], rgb[i + 2]].map(f32::from)
    };
    let luma = |[r, g, b]: [f32; 3]| 16.0 + (65.481 * r + 128.553 * g + 24.966 * b) / 255.0;
    let blue = |[r, g, b]: [f32; 3]| 128.0 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255.0;
    let red = |[r, g, b]: [f32; 3]| 128.0 + (112.0 * r - 93.786 * g - 18.214 * b) / 255.0;
    let y: Vec<u8> = (0..w * h).map(|i| (luma(at(i % w, i / w)) + 0.5) as u8).collect();
    let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
    let chroma = |f: &dyn Fn([f32; 3]) -> f32| -> Vec<u8> {
        let mean = |x: usize, y: usize| {
            [(0, 0), (1, 0), (0, 1), (1, 1)].iter().map(|(dx, dy)| f(at(2 * x + dx, 2 * y + dy))).sum::<f32>() / 4.0
        };
        (0..cw * ch).map(|i| (mean(i % cw, i / cw) + 0.5) as u8).collect()
    };
    let planes = vec![(y, w), (chroma(&blue), cw), (chroma(&red), cw)];
    frame_of(frame.key.seq, frame.size, PixelFormat::I420, planes)
}

/// The manifest of the blob detector, with some text in it replaced.
pub(crate) fn blobs_manifest(changes: &[(&str, &str)]) -> Manifest {
    let text = changes.iter().fold(blobs::MANIFEST.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from} is not in the manifest");
        text.replace(from, to)
    });
    Manifest::parse(&text, Path::new("model.toml")).expect("a valid manifest")
}

/// The blob detector, or a variant of it.
pub(crate) fn blobs_model(variant: &blobs::Variant, changes: &[(&str, &str)]) -> Model {
    Model::new(blobs_manifest(changes), blobs::model(variant)).expect("no hash to differ")
}

/// A file of the shared data, or `None` after saying that `test` was not run.
#[expect(clippy::print_stdout, reason = "what did not run is reported")]
pub(crate) fn shared(test: &str, path: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let file = std::env::var_os("IRIS_SHARED").map_or_else(beside, PathBuf::from).join("data").join(path);
    if file.exists() {
        return Some(file);
    }
    println!("not run: {test}: {} is not there", file.display());
    None
}

/// A box.
pub(crate) fn rect(x0: f32, y0: f32, x1: f32, y1: f32) -> Rect<Image> {
    Rect::new(x0, y0, x1, y1)
}
