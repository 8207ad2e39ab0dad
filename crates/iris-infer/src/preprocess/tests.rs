//! Whole frames against a straightforward implementation in f64.

use iris_core::frame::{FrameInfo, OwnedPlanes};
use iris_core::{CameraId, ColorMatrix, ColorRange, Epoch, MediaTime};
use proptest::prelude::*;

use super::*;
use crate::tensor::ElementType;

fn manifest(width: u32, height: u32, extra: &str) -> Manifest {
    let text = format!(
        "name = 'm'\ntask = 'detect'\nclasses = ['a']\n[output]\ndecoder = 'yolox'\n\
         [input]\nwidth = {width}\nheight = {height}\n{extra}"
    );
    Manifest::parse(&text, std::path::Path::new("model.toml")).expect("a valid manifest")
}

fn info(format: PixelFormat, size: Size) -> FrameInfo {
    let camera = CameraId::new("c").expect("a valid id");
    FrameInfo {
        key: FrameKey { camera, epoch: Epoch::first(1), seq: 7 },
        at: Moment { media: MediaTime::from_millis(5), wall: None },
        stamps: Stamps::default(),
        format,
        range: ColorRange::Limited,
        matrix: ColorMatrix::Bt601,
        size,
    }
}

/// A frame whose samples are a smooth pattern with noise, in rows with `slack` bytes of rubbish at their end.
fn frame(format: PixelFormat, size: Size, slack: usize, seed: u32) -> Frame {
    let mut state = seed | 1;
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 27) as i32
    };
    let mut plane = |layout: &PlaneLayout| {
        let columns = size.width.div_ceil(layout.sub.0) as usize * layout.channels;
        let rows = size.height.div_ceil(layout.sub.1) as usize;
        let stride = columns + slack;
        let sample = |x: usize, y: usize, noise: i32| (90 + ((x * 3 + y * 5) % 97) as i32 + noise).clamp(0, 255) as u8;
        let data = (0..rows * stride).map(|i| sample(i % stride, i / stride, noise())).collect();
        (data, stride)
    };
    let planes = layouts(format).iter().map(&mut plane).collect();
    Frame::new(info(format, size), OwnedPlanes::new(planes))
}

/// One channel of the source at a real position, after a box filter `width` samples wide, in f64.
fn filtered(frame: &Frame, plane: usize, channel: usize, cx: f64, cy: f64, scale: f64) -> f64 {
    let layout = layouts(frame.format)[plane];
    let (w, h) = (frame.size.width.div_ceil(layout.sub.0), frame.size.height.div_ceil(layout.sub.1));
    let weights = |centre: f64, sub: u32, len: u32| {
        let step = 1.0 / (scale * f64::from(sub));
        let width = (step + 1e-3).floor().clamp(1.0, f64::from(len));
        let from = (centre / f64::from(sub) - width / 2.0).clamp(0.0, f64::from(len) - width);
        (0..len).map(move |i| {
            let i = f64::from(i);
            ((i + 1.0).min(from + width) - i.max(from)).max(0.0) / width
        })
    };
    let data = frame.plane(plane);
    let mut sum = 0.0;
    for (y, wy) in weights(cy, layout.sub.1, h).enumerate().filter(|(_, w)| *w > 0.0) {
        for (x, wx) in weights(cx, layout.sub.0, w).enumerate().filter(|(_, w)| *w > 0.0) {
            sum += wx * wy * f64::from(data.data[y * data.stride + x * layout.channels + channel]);
        }
    }
    sum
}

fn reference_rgb(frame: &Frame, letterbox: &Letterbox, x: u32, y: u32) -> [f64; 3] {
    let scale = f64::from(letterbox.scale);
    let (cx, cy) = ((f64::from(x) + 0.5) / scale, (f64::from(y) + 0.5) / scale);
    let at = |plane, channel| filtered(frame, plane, channel, cx, cy, scale);
    let luma = |v: f64| (v - 16.0) * 255.0 / 219.0;
    let (u, v) = match frame.format {
        PixelFormat::Rgb => return [at(0, 0), at(0, 1), at(0, 2)],
        PixelFormat::Gray => return [luma(at(0, 0)).clamp(0.0, 255.0); 3],
        PixelFormat::Nv12 => (at(1, 0), at(1, 1)),
        _ => (at(1, 0), at(2, 0)),
    };
    // BT.601, limited range, in its usual decimal form.
    let (y, u, v) = (luma(at(0, 0)), u - 128.0, v - 128.0);
    [y + 1.596_027 * v, y - 0.391_762 * u - 0.812_968 * v, y + 2.017_232 * u].map(|c| c.clamp(0.0, 255.0))
}

const FORMATS: [PixelFormat; 6] =
    [PixelFormat::I420, PixelFormat::I422, PixelFormat::I444, PixelFormat::Nv12, PixelFormat::Gray, PixelFormat::Rgb];

fn floats(prepared: &Prepared) -> &[f32] {
    match prepared.tensor.samples() {
        Samples::F32(data) => data,
        Samples::U8(_) => panic!("f32 was asked for"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn every_format_size_and_stride_agrees_with_f64(
        format in prop::sample::select(&FORMATS[..]),
        (w, h) in (1u32..300, 1u32..200), (mw, mh) in (8u32..80, 8u32..80),
        slack in 0usize..40, seed: u32, center: bool,
    ) {
        let anchor = if center { "center" } else { "top-left" };
        let manifest = manifest(mw, mh, &format!("color = 'rgb'\nanchor = '{anchor}'"));
        let frame = frame(format, Size::new(w, h), slack, seed);
        let prepared = Preprocessor::new(&manifest).unwrap().prepare(&frame).unwrap();
        let letterbox = prepared.letterbox;
        let inner = letterbox.inner();
        let data = floats(&prepared);
        for y in (0..mh).step_by(3) {
            for x in (0..mw).step_by(3) {
                let (ix, iy) = (x.wrapping_sub(letterbox.pad_x), y.wrapping_sub(letterbox.pad_y));
                let inside = ix < inner.width && iy < inner.height;
                let expected = if inside { reference_rgb(&frame, &letterbox, ix, iy) } else { [114.0; 3] };
                for (c, expected) in expected.iter().enumerate() {
                    let got = data[(c * mh as usize + y as usize) * mw as usize + x as usize];
                    prop_assert!((f64::from(got) - expected).abs() < 0.25, "{c} {x},{y}: {got} is not {expected}");
                }
            }
        }
    }
}

#[test]
fn channels_are_ordered_and_scaled_as_the_manifest_says() {
    let size = Size::new(8, 8);
    let planes = vec![([10u8, 20, 30].repeat(64), 24)];
    let frame = Frame::new(info(PixelFormat::Rgb, size), OwnedPlanes::new(planes));
    let extra = "color = 'bgr'\nscale = 0.5\nmean = [1.0, 2.0, 3.0]\nstd = [2.0, 4.0, 8.0]";
    let prepared = Preprocessor::new(&manifest(8, 8, extra)).unwrap().prepare(&frame).unwrap();
    let data = floats(&prepared);
    assert_eq!([data[0], data[64], data[128]], [7.0, 2.0, 0.25]);
}

#[test]
fn a_model_that_takes_bytes_gets_bytes() {
    let frame = frame(PixelFormat::Rgb, Size::new(20, 10), 3, 5);
    let bytes = Preprocessor::new(&manifest(10, 10, "color = 'rgb'\ntype = 'u8'")).unwrap().prepare(&frame).unwrap();
    let float = Preprocessor::new(&manifest(10, 10, "color = 'rgb'")).unwrap().prepare(&frame).unwrap();
    let Samples::U8(bytes) = bytes.tensor.samples() else { panic!("u8 was asked for") };
    assert!(bytes.iter().zip(floats(&float)).all(|(a, b)| (f32::from(*a) - b).abs() <= 0.5));
    assert_eq!(manifest(1, 1, "color = 'rgb'\ntype = 'u8'").detector().unwrap().0.element, ElementType::U8);
}

#[test]
fn a_reused_tensor_has_the_padding_of_its_new_frame() {
    let mut preprocessor = Preprocessor::new(&manifest(32, 32, "color = 'rgb'")).unwrap();
    let (wide, high) =
        (frame(PixelFormat::I420, Size::new(64, 32), 0, 1), frame(PixelFormat::I420, Size::new(32, 64), 0, 2));
    for frame in [&wide, &high, &high, &wide] {
        let again = preprocessor.prepare(frame).unwrap();
        let fresh = Preprocessor::new(&manifest(32, 32, "color = 'rgb'")).unwrap().prepare(frame).unwrap();
        assert_eq!(floats(&again), floats(&fresh));
        assert_eq!((again.key, again.at), (frame.key, frame.at));
    }
}

#[test]
fn a_frame_without_its_pixels_is_refused() {
    let size = Size::new(16, 16);
    let mut preprocessor = Preprocessor::new(&manifest(8, 8, "color = 'rgb'")).unwrap();
    for (size, planes) in [
        (size, vec![(vec![0; 255], 16)]),
        (size, vec![(vec![0; 256], 15)]),
        (size, vec![(Vec::new(), usize::MAX)]),
        (Size::new(0, 16), vec![(vec![0; 256], 16)]),
    ] {
        let frame = Frame::new(info(PixelFormat::Gray, size), OwnedPlanes::new(planes));
        assert!(matches!(preprocessor.prepare(&frame), Err(Error::BadFrame { .. })));
    }
}

#[test]
fn many_sizes_in_turn_are_each_right() {
    let mut shared = Preprocessor::new(&manifest(16, 16, "color = 'rgb'")).unwrap();
    for round in 0..2 {
        for side in 10..22 {
            let frame = frame(PixelFormat::Gray, Size::new(side, 16), 0, side + round);
            let fresh = Preprocessor::new(&manifest(16, 16, "color = 'rgb'")).unwrap().prepare(&frame).unwrap();
            assert_eq!(floats(&shared.prepare(&frame).unwrap()), floats(&fresh));
        }
    }
}
